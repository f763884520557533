"""Each fault is tried with both personalities, with the host module and without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.faults.support import connect, lab


@pytest.fixture(params=[False, True], ids=["agent", "module"])
def module(request: pytest.FixtureRequest) -> bool:
    """Whether the hosts have the host module."""
    return bool(request.param)


@pytest.fixture
def sim(personality: str, module: bool) -> Iterator[Simulator]:
    with lab(personality, module) as simulator:
        yield simulator


@pytest.fixture
def driver(sim: Simulator) -> Any:
    return connect(sim)
