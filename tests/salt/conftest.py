"""Simulated hosts in real time, the only one that processes of Salt have, and Salt for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.installed import take_its_host_module
from tests.salt.salting import Salt, provider_for

take_its_host_module()


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(hosts=2, vms=1, speed=100) as simulator:
        yield simulator


@pytest.fixture
def salt(sim: Simulator, tmp_path: Path) -> Salt:
    return Salt(tmp_path / "salt", {"lab": provider_for(sim)})
