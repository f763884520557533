"""ex_read_only: the driver shows everything and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from libcloud.compute.base import Node

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.call_kinds import kind_of
from libcloud_ovm3.errors import InvalidArgument, ReadOnly
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, fingerprints_of, simulate

Driver = OVM3NodeDriver


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """Two hosts, one running and one stopped node."""
    with simulate(hosts=2) as simulator:
        driver = driver_for(simulator)
        for name in ("running", "stopped"):
            driver.create_node(name, driver.list_sizes()[0], driver.list_images()[0])
        driver.stop_node(driver.ex_get_node_by_name("stopped"))
        driver.create_volume(1, "spare")
        simulator.wait(61)  # old enough for a reboot
        yield simulator


MODULE_READS = (
    "libcloud_read_agent",
    "libcloud_repository",
    "libcloud_file_holders",
    "libcloud_identify",
)


def spare(driver: Driver) -> Any:
    return next(volume for volume in driver.list_volumes() if volume.name == "spare")


def create(driver: Driver, running: Node, stopped: Node) -> Any:
    return driver.create_node("new", driver.list_sizes()[0], driver.list_images()[0])


CHANGES: dict[str, Callable[[Driver, Node, Node], Any]] = {
    "create_node": create,
    "start_node": lambda driver, running, stopped: driver.start_node(stopped),
    "stop_node": lambda driver, running, stopped: driver.stop_node(running),
    "reboot_node": lambda driver, running, stopped: driver.reboot_node(running),
    "destroy_node, running": lambda driver, running, stopped: driver.destroy_node(running),
    "destroy_node, stopped": lambda driver, running, stopped: driver.destroy_node(stopped),
    "create_volume": lambda driver, running, stopped: driver.create_volume(1, "new"),
    "destroy_volume": lambda driver, running, stopped: driver.destroy_volume(spare(driver)),
    "ex_copy_volume": lambda driver, running, stopped: driver.ex_copy_volume(spare(driver), "x"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_are_refused_before_they_are_sent(sim: Simulator, change: str) -> None:
    driver = driver_for(sim, ex_read_only="true")
    nodes = {node.name: node for node in driver.list_nodes()}
    before = fingerprints_of(sim.repository_path)
    first = len(sim.calls)
    with pytest.raises(ReadOnly, match="ex_read_only"):
        CHANGES[change](driver, nodes["running"], nodes["stopped"])
    sent = calls_of(sim)[first:]
    assert [name for name in sent if kind_of(name) != "read" and name not in MODULE_READS] == []
    assert fingerprints_of(sim.repository_path) == before


def test_everything_is_shown(sim: Simulator) -> None:
    driver, other = driver_for(sim, ex_read_only=True), driver_for(sim)
    assert driver.ex_read_only is True
    assert other.ex_read_only is False
    assert {n.id: n.state for n in driver.list_nodes()} == {
        n.id: n.state for n in other.list_nodes()
    }
    assert len(driver.list_locations()) == 2
    assert driver.list_images()
    assert driver.ex_list_orphans() == other.ex_list_orphans()


@pytest.mark.parametrize("value", ["perhaps", None, 2])
def test_neither_true_nor_false(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="ex_read_only"):
        Driver("oracle", "pw", host="h", ex_fingerprint="ab" * 32, ex_read_only=value)
