"""Two hosts for tests of networks, alone and with the host module: `network_sim`.

A file that wants them as its `sim` says so: defined here, that name would hide the general fixture
from all tests of operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.operations.networking import add_networks, put_back, saved
from tests.support import simulate


@pytest.fixture(scope="module", params=["alone", "with the module"])
def network_hosts(
    request: pytest.FixtureRequest,
) -> Iterator[tuple[Simulator, list[dict[str, Any]]]]:
    has_module = request.param != "alone"
    with simulate(2, vms=1, host_module=has_module, version="3.3.3") as simulator:
        add_networks(simulator)
        yield simulator, saved(simulator)


@pytest.fixture
def network_sim(network_hosts: tuple[Simulator, list[dict[str, Any]]]) -> Simulator:
    simulator, before = network_hosts
    simulator.clear_misbehaviour()
    put_back(simulator, before)
    simulator.calls.clear()
    return simulator
