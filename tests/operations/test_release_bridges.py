"""VLAN bridges go with the last VM that needs them, and no other bridge does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    AgentFault,
    ChangedMeanwhile,
    HostNotFound,
    HostUnreachable,
    OperationIncomplete,
    Ovm3Warning,
    PreconditionFailed,
    ReadOnly,
)
from libcloud_ovm3.operations import attach_nic, nic_changes
from libcloud_ovm3.operations.release_bridges import bridges_of_vm
from libcloud_ovm3.simulator import Simulator, network
from libcloud_ovm3.simulator.dom0 import commands
from tests.operations.failures import WRITES
from tests.support import CHANGE, calls_of, quietly, simulate
from tests.system.disk_clients import plain_driver

BASE = "10e69b4de3"  # the bridge on bond0
VLAN = f"{BASE}.160"
NUMBERS = itertools.count(1)
QUARTER = 901  # seconds


@pytest.fixture(scope="module")
def pool() -> Iterator[Simulator]:
    with simulate(
        2, vms=0, secure=False, host_module=True, version="3.3.3", memory_mb=16384
    ) as simulator:
        yield simulator


@pytest.fixture
def sim(pool: Simulator) -> Iterator[Simulator]:
    """Without VMs and VLANs, whatever the test before has left."""
    yield pool
    driver = plain_driver(pool)
    for node in driver.list_nodes():
        quietly(driver.destroy_node, node)
    pool.wait(QUARTER)
    quietly(driver.ex_release_networks)
    for host in range(len(pool.hosts)):
        for name in vlans_on(pool, host):
            remove(pool, name, host)


def add(sim: Simulator, *bridges: str, **options: Any) -> str:
    vifs = [f"mac=00:21:f6:01:00:{next(NUMBERS):02x},bridge={one}" for one in bridges]
    return sim.add_vm(f"vm-{next(NUMBERS)}", config={"vif": vifs}, **options)


def start(sim: Simulator, vm: str, host: int = 0) -> None:
    quietly(plain_driver(sim).start_node, vm, sim.hosts[host].address)


def agent_of(sim: Simulator, host: int) -> Any:
    driver = plain_driver(sim, host=sim.hosts[host].address)
    return driver._estate.agent(driver._estate.given[0])


def remove(sim: Simulator, bridge: str, host: int = 0) -> None:
    number = int(bridge.rpartition(".")[2])
    agent_of(sim, host).network.ovs_vlan_bridge("stop", bridge, "bond0", number)


def vlans_on(sim: Simulator, host: int = 0) -> list[str]:
    return [one for one in network.bridges(sim.hosts[host]) if "." in one]


def users(sim: Simulator, host: int = 0) -> list[str]:
    driver = plain_driver(sim, host=sim.hosts[host].address)
    module = driver._estate.fresh_module(driver._estate.given[0])
    assert module is not None
    return [user.user for one in module.bridges() for user in one.users]


def swept(sim: Simulator, *args: Any) -> list[str]:
    found: list[str] = quietly(plain_driver(sim).ex_release_networks, *args)
    return found


def test_it_goes_with_the_last_one(sim: Simulator) -> None:
    one, two = add(sim, VLAN), add(sim, VLAN, BASE)
    start(sim, one)
    start(sim, two)
    driver = plain_driver(sim)
    driver.stop_node(one, ex_force=True)
    assert vlans_on(sim) == [VLAN]
    quietly(driver.destroy_node, two)
    assert vlans_on(sim) == []
    assert users(sim) == []


def test_each_of_several(sim: Simulator) -> None:
    vm = add(sim, VLAN, f"{BASE}.161", f"{BASE}.162")
    start(sim, vm)
    assert len(vlans_on(sim)) == 3
    plain_driver(sim).stop_node(vm, ex_force=True)
    assert vlans_on(sim) == []


def test_one_that_somebody_has_made_stays(sim: Simulator) -> None:
    agent_of(sim, 0).network.ovs_vlan_bridge("start", VLAN, "bond0", 160)
    vm = add(sim, VLAN)
    start(sim, vm)
    plain_driver(sim).stop_node(vm, ex_force=True)
    assert vlans_on(sim) == [VLAN]
    sim.wait(QUARTER)
    assert swept(sim) == []
    assert vlans_on(sim) == [VLAN]


def test_one_with_an_address_stays_and_that_is_said(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the kernel has made that address of what a router has announced."""
    vm = add(sim, VLAN)
    start(sim, vm)
    own = {"ip": "10.9.9.9", "netmask": "255.255.255.0", "boot": None}
    with sim.hosts[0].lock:
        network.state(sim.hosts[0])["addresses"][VLAN] = own
    stays = r"stays, although no node needs it.*has the address 10\.9\.9\.9/24: remove that on the"
    with pytest.warns(Ovm3Warning, match=stays):
        plain_driver(sim).stop_node(vm, ex_force=True)
    with pytest.warns(Ovm3Warning, match=stays):
        assert plain_driver(sim).ex_release_networks() == []
    assert vlans_on(sim) == [VLAN]
    with sim.hosts[0].lock:
        del network.state(sim.hosts[0])["addresses"][VLAN]
    announced = f"9: {VLAN}    inet6 2001:db8::5054:ff:fe24:1/64 scope global dynamic"
    real = commands._addresses
    monkeypatch.setattr(commands, "_addresses", lambda host: [*real(host), announced])
    assert len(swept(sim)) == 1
    assert vlans_on(sim) == []


def test_read_only_removes_nothing(sim: Simulator) -> None:
    vm = add(sim, VLAN)
    start(sim, vm)
    sim.guest(0, vm, "poweroff")
    sim.wait(QUARTER)
    sim.calls.clear()
    with pytest.raises(ReadOnly):
        quietly(plain_driver(sim, ex_read_only=True).ex_release_networks)
    assert calls_of(sim, "libcloud_release_bridge") == []
    assert vlans_on(sim) == [VLAN]
    assert swept(sim) == [f"bridge {VLAN} on ovm-1 ({sim.hosts[0].address}:{sim.hosts[0].port})"]


def test_nodes_without_vlans_cost_one_call(sim: Simulator) -> None:
    vm = add(sim, BASE)
    start(sim, vm)
    sim.calls.clear()
    plain_driver(sim).stop_node(vm, ex_force=True)
    assert calls_of(sim, "libcloud_bridges", "libcloud_release_bridge") == ["libcloud_bridges"]


def test_a_failed_start_takes_it_back(sim: Simulator) -> None:
    vm = add(sim, VLAN)
    sim.misbehave("fault", "start_vm", text="refused")
    with pytest.raises(AgentFault):
        start(sim, vm)
    assert (vlans_on(sim), users(sim)) == ([], [])


def test_so_does_one_whose_second_bridge_cannot_be_made(sim: Simulator) -> None:
    vm = add(sim, VLAN, f"{BASE}.161")
    sim.misbehave("fault", "libcloud_take_bridge", nth=2, text="refused")
    with pytest.raises(AgentFault, match="was not started"):
        start(sim, vm)
    assert (vlans_on(sim), users(sim)) == ([], [])


@pytest.mark.parametrize("age", [0, QUARTER])
def test_a_vm_that_starts_elsewhere_is_no_user_any_more(sim: Simulator, age: int) -> None:
    """Unless its record is so young that another client may be about to start it there."""
    vm = add(sim, VLAN)
    start(sim, vm, 0)
    shut_down(sim, 0)
    sim.wait(age)
    start(sim, vm, 1)
    assert (vlans_on(sim, 0), vlans_on(sim, 1)) == ([] if age else [VLAN], [VLAN])
    quietly(plain_driver(sim).stop_node, vm, ex_force=True)
    assert (vlans_on(sim, 0), vlans_on(sim, 1)) == ([] if age else [VLAN], [])


def shut_down(sim: Simulator, host: int) -> None:
    """The guests shut down by themselves."""
    for record in sim.domains(host):
        sim.guest(host, record["uuid"], "poweroff")
    sim.wait(30)


def test_a_guest_that_shut_down_by_itself(sim: Simulator) -> None:
    vm = add(sim, VLAN)
    start(sim, vm)
    shut_down(sim, 0)
    assert not sim.domains(0)
    assert swept(sim) == []  # as long as it may be that of a start that goes on
    assert vlans_on(sim) == [VLAN]
    sim.wait(QUARTER)
    with pytest.raises(HostNotFound):
        swept(sim, "10.20.30.40")
    assert swept(sim, sim.hosts[1].address) == []
    assert [one.partition(" on ")[0] for one in swept(sim)] == [f"bridge {VLAN}"]
    assert (vlans_on(sim), users(sim)) == ([], [])
    sim.calls.clear()
    assert swept(sim) == []
    assert not calls_of(sim, *WRITES)


def test_a_live_one_is_never_swept(sim: Simulator) -> None:
    start(sim, add(sim, VLAN))
    sim.wait(QUARTER)
    assert swept(sim) == []
    assert users(sim)


def test_nothing_is_swept_while_a_host_does_not_answer(sim: Simulator) -> None:
    vm = add(sim, VLAN)
    start(sim, vm)
    shut_down(sim, 0)
    sim.wait(QUARTER)
    sim.hosts[1].kill()
    assert swept(sim) == []
    sim.hosts[1].revive()
    assert len(swept(sim)) == 1


def test_a_release_that_comes_late(sim: Simulator) -> None:
    """Another client has begun to start the VM again: what it has recorded stays."""
    vm = add(sim, VLAN)
    start(sim, vm)

    def again(moment: str) -> None:
        if moment == "before":
            start(sim, vm)

    sim.misbehave("hook", "libcloud_release_bridge", hook=again)
    quietly(plain_driver(sim).stop_node, vm, ex_force=True)
    sim.clear_misbehaviour()
    assert users(sim)
    assert len(sim.domains(0)) == 1
    shut_down(sim, 0)
    assert vlans_on(sim) == [VLAN]


@pytest.mark.parametrize("action", ["detach", "update"])
def test_a_card_that_another_client_attaches_meanwhile(
    sim: Simulator, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after the last look at the VM: from then on the record is the other client's."""
    vm = add(sim, BASE, VLAN)
    start(sim, vm)
    driver, other = plain_driver(sim), plain_driver(sim)
    node = driver.ex_get_node(vm)
    card = driver.ex_list_nics(node)[-1]

    def meanwhile(seen: Any) -> list[str]:
        monkeypatch.undo()
        quietly(other.ex_attach_nic, node, VLAN)
        return bridges_of_vm(seen)

    monkeypatch.setattr(nic_changes, "bridges_of_vm", meanwhile)
    if action == "detach":
        quietly(driver.ex_detach_nic, node, card)
    else:
        quietly(driver.ex_update_nic, node, card, ex_network=BASE)
    assert vlans_on(sim) == [VLAN]
    assert len(users(sim)) == 1


def test_a_card_that_was_never_sent(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host did not take the connection; what was made for the card is gone again."""
    vm = add(sim, BASE)
    start(sim, vm)

    def refused(*args: Any) -> None:
        raise HostUnreachable("connection refused", host=sim.hosts[0].address)

    monkeypatch.setattr(attach_nic, "put_in", refused)
    driver = plain_driver(sim)
    with pytest.raises(HostUnreachable):
        quietly(driver.ex_attach_nic, driver.ex_get_node(vm), VLAN)
    assert vlans_on(sim) == []
    assert users(sim) == []


@pytest.mark.parametrize("by", ["release", "stop"])
@pytest.mark.parametrize("way", ["attach", "detach"])
def test_a_client_that_was_killed_with_a_card_of_a_running_vm(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch, way: str, by: str
) -> None:
    """Its record is of no use: the VM runs, and has no card there."""
    vm = add(sim, BASE)
    start(sim, vm)
    driver = plain_driver(sim)

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    if way == "detach":
        card = quietly(driver.ex_attach_nic, vm, VLAN)
        monkeypatch.setattr(nic_changes, "release", killed)
        with pytest.raises(KeyboardInterrupt):
            quietly(driver.ex_detach_nic, vm, card)
    else:
        monkeypatch.setattr(attach_nic, "put_in", killed)
        with pytest.raises(KeyboardInterrupt):
            quietly(driver.ex_attach_nic, vm, VLAN)
    monkeypatch.undo()
    assert len(users(sim)) == 1
    assert swept(sim) == [], "it may be about to get one"
    if by == "stop":
        quietly(driver.stop_node, vm, ex_force=True)
    else:
        sim.wait(QUARTER)
        assert len(swept(sim)) == 1
        assert len(sim.domains(0)) == 1
    assert (vlans_on(sim), users(sim)) == ([], [])


def test_one_that_is_started_while_it_is_destroyed(sim: Simulator) -> None:
    """Right before its definition goes; it runs, and keeps its definition and its bridge."""
    vm = add(sim, VLAN)
    other = plain_driver(sim)

    def meanwhile(moment: str) -> None:
        if moment == "before":
            sim.clear_misbehaviour()
            quietly(other.start_node, vm, sim.hosts[0].address)

    sim.misbehave("hook", CHANGE, hook=meanwhile)
    with pytest.raises(PreconditionFailed, match="it is on ovm-1"):
        quietly(plain_driver(sim).destroy_node, vm)
    assert len(sim.domains(0)) == 1
    assert users(sim)
    assert other.ex_get_node(vm).state == NodeState.RUNNING
    shut_down(sim, 0)


def test_one_that_is_started_while_its_definition_goes(sim: Simulator) -> None:
    """The start is refused, as the deletion goes on; nothing is left of it."""
    vm = add(sim, VLAN)
    other, refused = plain_driver(sim), []

    def meanwhile(moment: str) -> None:
        if moment == "before":
            with pytest.raises(ChangedMeanwhile, match="under way") as caught:
                quietly(other.start_node, vm, sim.hosts[0].address)
            refused.append(caught.value)

    sim.misbehave("hook", "delete_vm", hook=meanwhile)
    quietly(plain_driver(sim).destroy_node, vm)
    assert len(refused) == 1
    assert sim.domains(0) == []
    assert (vlans_on(sim), users(sim)) == ([], [])


def test_one_that_another_tool_starts_while_its_definition_goes(sim: Simulator) -> None:
    """It knows no claims; the VM runs, and keeps its bridge."""
    vm = add(sim, VLAN)
    other = plain_driver(sim, ex_host_module=False)

    def meanwhile(moment: str) -> None:
        if moment == "before":
            quietly(other.start_node, vm, sim.hosts[0].address)

    sim.misbehave("hook", "delete_vm", hook=meanwhile)
    with pytest.raises(OperationIncomplete, match="created again, or started"):
        quietly(plain_driver(sim).destroy_node, vm)
    sim.clear_misbehaviour()
    assert len(sim.domains(0)) == 1
    assert VLAN in vlans_on(sim)
    shut_down(sim, 0)


def test_a_start_that_is_refused_while_another_goes_on(sim: Simulator) -> None:
    """The one that fails must not take away what the other one relies on."""
    vm = add(sim, VLAN)
    other = plain_driver(sim)

    def meanwhile(moment: str) -> None:
        if moment == "after":
            quietly(other.start_node, vm, sim.hosts[0].address)

    sim.misbehave("hook", "libcloud_take_bridge", hook=meanwhile)
    with pytest.raises(PreconditionFailed):
        start(sim, vm)
    sim.clear_misbehaviour()
    assert len(sim.domains(0)) == 1
    assert users(sim)
    shut_down(sim, 0)
    assert vlans_on(sim) == [VLAN]


def test_without_the_module_nothing_is_removed() -> None:
    with simulate(1, vms=0, secure=False, version="3.3.3") as sim:
        vm = add(sim, VLAN)
        start(sim, vm)
        plain_driver(sim).stop_node(vm, ex_force=True)
        sim.wait(QUARTER)
        assert swept(sim) == []
        assert vlans_on(sim) == [VLAN]
