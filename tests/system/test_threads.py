"""One driver, eight threads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, simulate


@pytest.fixture(autouse=True)
def impatient_switching() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


# A listing may see a file that another thread is just deleting: it is set aside for a moment.
@pytest.mark.filterwarnings("ignore:repository .* was set aside:libcloud_ovm3.errors.Ovm3Warning")
@pytest.mark.parametrize("has_module", [False, True], ids=["agent", "module"])
def test_one_driver_from_eight_threads(personality: str, has_module: bool) -> None:
    options = {"personality": personality, "host_module": has_module, "memory_mb": 16384}
    with simulate(hosts=3, **options) as sim:
        eight_lives(driver_for(sim), sim)


def eight_lives(driver: Any, sim: Simulator) -> None:
    size, image = driver.list_sizes()[0], driver.list_images()[0]

    def life(number: int) -> str:
        node = driver.create_node(f"node-{number}", size, image)
        assert node.name == f"node-{number}"
        for _ in range(2):
            assert driver.ex_get_node(node.id).name == f"node-{number}"
            assert f"node-{number}" in [n.name for n in driver.list_nodes()]
            assert len(driver.list_locations()) == 3
        assert driver.stop_node(node) is True
        assert driver.ex_get_node(node.id).state == NodeState.STOPPED
        if number % 2:
            assert driver.destroy_node(node) is True
        return str(node.id)

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(life, range(8)))
    assert len(set(ids)) == 8
    names = [node.name for node in driver.list_nodes()]
    assert names == ["node-0", "node-2", "node-4", "node-6", "seed-1", "seed-2"]
    assert len(calls_of(sim, "start_vm")) == len(calls_of(sim, "create_vm")) == 8
    assert sim.connections < 200, "lines are kept"
