"""Fixtures for the simulator's own tests: no driver, only the standard library's client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from libcloud_ovm3.simulator import Simulator


@pytest.fixture
def pool() -> Iterator[Simulator]:
    """Two plain hosts, fast, with no VM."""
    with Simulator(hosts=2, speed=100, vms=0) as simulator:
        yield simulator
