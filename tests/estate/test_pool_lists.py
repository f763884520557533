"""Each host has its own list of the members of the pool; one that was down may have an old one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, pins_of, quietly, simulate

NAME = "subject"


@pytest.fixture(params=[False, True], ids=["agent", "module"])
def sim(request: pytest.FixtureRequest, personality: str) -> Iterator[Simulator]:
    """The last host, which runs the VM, is in the list of the second one only."""
    with simulate(hosts=4, vms=0, host_module=request.param, personality=personality) as simulator:
        addresses = [host.address for host in simulator.hosts]
        estate = driver_for(simulator)._estate
        for index in (0, 2):
            serverpool = estate.agent(Address(addresses[index], simulator.hosts[0].port)).serverpool
            serverpool.set_pool_member_ip_list(addresses[:3])
        simulator.add_vm(NAME, running_on=3)
        yield simulator


def test_a_member_that_only_another_member_lists_is_asked(sim: Simulator) -> None:
    driver = driver_for(sim)
    [node] = driver.list_nodes()
    assert node.state == NodeState.RUNNING
    assert node.extra["live"][0]["address"].startswith(sim.hosts[3].address)
    assert driver.start_node(node) is True
    assert not calls_of(sim, "start_vm")
    assert [len(sim.domains(index)) for index in range(4)] == [0, 0, 0, 1]


def test_an_old_registered_address_hides_no_member(sim: Simulator) -> None:
    """The given host was moved to another address, and this one belongs to another member now."""
    sim.hosts[0].records["registered_ip"] = sim.hosts[2].address
    driver = driver_for(sim)
    assert len(driver.list_locations()) == 4
    assert [node.state for node in driver.list_nodes()] == [NodeState.RUNNING]


def test_a_list_that_cannot_be_read(sim: Simulator) -> None:
    """The only one with the member that runs the VM. What its host itself runs is known."""
    sim.add_vm("other", running_on=1)
    rule = sim.misbehave("fault", "discover_server_pool", host=1, times=None, text="exceptions.E:x")
    driver = driver_for(sim)
    nodes = {node.name: node for node in quietly(driver.list_nodes)}
    assert {name: node.state for name, node in nodes.items()} == {
        "other": NodeState.RUNNING,
        NAME: NodeState.UNKNOWN,
    }
    for change in (driver.start_node, driver.destroy_node):
        with pytest.raises(PreconditionFailed, match="discover_server_pool"):
            quietly(change, nodes[NAME])
    assert quietly(driver.stop_node, nodes["other"], ex_force=True) is True
    assert rule.hits
    assert calls_of(sim, "start_vm", "delete_vm", "stop_vm") == ["stop_vm"]


def test_one_that_cannot_be_asked_may_run_it(sim: Simulator) -> None:
    pins = pins_of(sim)
    del pins[sim.hosts[3].address]
    driver = driver_for(sim, ex_fingerprint=pins)
    [node] = quietly(driver.list_nodes)
    assert node.state == NodeState.UNKNOWN
    with pytest.raises(PreconditionFailed, match=f"{sim.hosts[3].address}.*not contacted"):
        quietly(driver.start_node, node)
    assert not calls_of(sim, "start_vm")
