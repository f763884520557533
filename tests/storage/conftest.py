"""One simulated host for each file, with an empty plain container, and a driver for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from libcloud.storage.base import Container

from libcloud_ovm3 import OVM3StorageDriver
from libcloud_ovm3.simulator import Simulator
from tests.storage.stores import storage_for
from tests.support import simulate


@pytest.fixture(scope="module")
def lab() -> Iterator[Simulator]:
    with simulate(1, vms=0, host_module=True) as simulator:
        storage_for(simulator).create_container("box")
        yield simulator


@pytest.fixture
def sim(lab: Simulator) -> Simulator:
    lab.clear_misbehaviour()
    lab.calls.clear()
    return lab


@pytest.fixture
def driver(sim: Simulator) -> OVM3StorageDriver:
    return storage_for(sim)


@pytest.fixture
def box(driver: OVM3StorageDriver) -> Container:
    return driver.get_container("box")
