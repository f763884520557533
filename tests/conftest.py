"""Fixtures for all tests: simulated pools, in both personalities, and drivers for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.simulator import Simulator
from tests.selection import mark_tables
from tests.support import PERSONALITIES, SPEED, driver_for

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mark_tables(items)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of this machine must not see calls to loopback."""
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=PERSONALITIES)
def personality(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sim(personality: str) -> Iterator[Simulator]:
    """A pool of three hosts with two running VMs, in both personalities."""
    with Simulator(hosts=3, speed=SPEED, personality=personality) as simulator:
        yield simulator


@pytest.fixture
def driver(sim: Simulator) -> OVM3NodeDriver:
    return driver_for(sim)
