"""Simulated hosts in real time, the only one that processes of Salt have, and Salt for them.

The package of the checkout is tested, whose files for hosts are elsewhere; the one that is
installed beside Salt has them.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import libcloud_ovm3
from libcloud_ovm3.simulator import Simulator
from tests.salt.salting import Salt, provider_for

INSTALLED = Path(sysconfig.get_path("purelib"), "libcloud_ovm3")
if (INSTALLED / "_hostside").is_dir():
    libcloud_ovm3.__path__.append(str(INSTALLED))


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(hosts=2, vms=1, speed=100) as simulator:
        yield simulator


@pytest.fixture
def salt(sim: Simulator, tmp_path: Path) -> Salt:
    return Salt(tmp_path / "salt", {"lab": provider_for(sim)})
