"""Who else is meant, or was in the pool of a host that is off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estates_file.named import NamedEstate
from libcloud_ovm3.simulator import Simulator
from tests.estate.test_hosts_off import NAME, operator, resolve_to, start, states
from tests.support import calls_of, quietly, simulate


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """The first two hosts are a pool, the third one is alone. All have the same repository."""
    with simulate(hosts=3, vms=0) as simulator:
        driver = operator(simulator)
        hosts = [Address(host.address, host.port) for host in simulator.hosts]
        first, second, third = (driver._estate.agent(host).serverpool for host in hosts)
        pool = documents.server_pool(third.discover_server_pool())
        assert pool is not None
        third.leave_server_pool(pool.uuid)
        for one in (first, second):
            one.set_pool_member_ip_list([hosts[0].host, hosts[1].host])
        simulator.add_vm(NAME, running_on=1)
        yield simulator


def of_estate(sim: Simulator, *indexes: int, only: bool = False) -> OVM3NodeDriver:
    """A driver by an estate's entry with these hosts."""
    entry = {"hosts": [names(sim)[index] for index in indexes], "only": only}
    return operator(sim, host=None, ex_estate=NamedEstate("lab", Path("/none"), entry))


def names(sim: Simulator) -> list[str]:
    return [f"{host.address}:{host.port}" for host in sim.hosts]


def test_a_member_that_only_the_dead_host_could_name_is_running(sim: Simulator) -> None:
    """It runs the VM, and nobody has asked it."""
    sim.hosts[0].shut_down()
    driver = of_estate(sim, 0, 2)
    with pytest.raises(PreconditionFailed, match="no host that answers has it in its pool"):
        start(driver, names(sim)[0])
    assert not calls_of(sim, "start_vm")
    assert states(of_estate(sim, 0, 1, 2), names(sim)[0]) == [NodeState.RUNNING]


def test_hosts_that_are_said_to_be_all(sim: Simulator) -> None:
    """So a host that was alone, or all hosts of a pool, can be off."""
    sim.hosts[0].shut_down()
    sim.hosts[1].shut_down()
    both = names(sim)[:2]
    with pytest.raises(PreconditionFailed, match="only: true"):
        start(of_estate(sim, 0, 1, 2), *both)
    driver = of_estate(sim, 0, 1, 2, only=True)
    [node] = quietly(driver.list_nodes, ex_hosts_off=", ".join(both))  # as Salt passes it
    assert node.state == NodeState.STOPPED
    assert start(driver, *both)


def test_a_host_that_was_alone(sim: Simulator) -> None:
    sim.hosts[2].shut_down()
    with pytest.raises(PreconditionFailed, match="in its pool"):
        states(of_estate(sim, 0, 2), names(sim)[2])
    assert states(of_estate(sim, 0, 1, 2, only=True), names(sim)[2]) == [NodeState.RUNNING]


def test_a_name_that_leads_to_a_host_that_answers_too(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It means both hosts; or one host, whose second interface is alive."""
    sim.hosts[0].shut_down()
    first, second, _ = (host.address for host in sim.hosts)
    resolve_to(monkeypatch, {"rack-1.example": [first, second], "first.example": [first]})
    driver = of_estate(sim, 0, 1, 2)
    with pytest.raises(PreconditionFailed, match=f"accepts connections to TCP port .* {second}"):
        states(driver, "rack-1.example")
    assert states(driver, "first.example") == [NodeState.RUNNING]
