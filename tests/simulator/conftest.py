"""Fixtures for the simulator's own tests: no driver, only the standard library's client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from libcloud_ovm3.simulator import PERSONALITIES, Simulator
from tests.support import simulate


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module that says ``BOTH = True`` gets its ``pool`` in both personalities."""
    if "pool" in metafunc.fixturenames and getattr(metafunc.module, "BOTH", False):
        metafunc.parametrize("pool", PERSONALITIES, indirect=True)


@pytest.fixture
def pool(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Two hosts, plain unless the module says ``BOTH``, fast, with no VM."""
    personality = getattr(request, "param", "plain")
    with simulate(hosts=2, vms=0, personality=personality) as simulator:
        yield simulator
