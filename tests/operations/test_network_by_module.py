"""Changes of networks as only the host module makes them possible, or refuses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.diagnostics.inventory import take_inventory
from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    Ovm3Warning,
    PreconditionFailed,
)
from libcloud_ovm3.estate.networks import read_networks
from libcloud_ovm3.operations import network_doors, rerouting
from libcloud_ovm3.operations.network_doors import bridge_call
from libcloud_ovm3.simulator import Simulator, network
from tests.cli.running import on
from tests.earlier_module import put_api_2
from tests.operations.failures import WRITES
from tests.operations.networking import saved, state_of
from tests.support import calls_of, driver_for, quietly, simulate


@pytest.fixture
def sim(network_sim: Simulator) -> Simulator:
    return network_sim


@pytest.fixture(scope="module")
def with_module() -> Iterator[Simulator]:
    with simulate(1, vms=0, host_module=True, version="3.3.3", layout="bare") as simulator:
        yield simulator


def test_the_host_takes_back_what_cuts_its_line(with_module: Simulator) -> None:
    host = with_module.hosts[0]
    before = saved(with_module)
    host.inject("network change cuts the line")
    try:
        with pytest.raises(AgentFault, match="was taken back by the host"):
            quietly(driver_for(with_module).ex_create_network, "all", ex_parent="bond0",
                    ex_force="all")  # fmt: skip
    finally:
        host.inject("network change cuts the line", active=False)
    assert [one["bridges"] for one in saved(with_module)] == [one["bridges"] for one in before]
    assert network.reachable(host)
    driver = driver_for(with_module)
    made = quietly(driver.ex_create_network, "all", ex_parent="bond0", ex_force="all")
    assert made.extra["hosts"][0]["addresses"] == [f"{host.address}/24"]
    assert quietly(driver.ex_delete_network, "all", ex_force="all")
    assert network.management(host) == "bond0"


@pytest.mark.parametrize("is_own", [True, False])
def test_a_bridge_over_a_vlan_that_has_an_address(with_module: Simulator, is_own: bool) -> None:
    """No source says that its address goes anywhere: the host's own line stays, others are said."""
    host = with_module.hosts[0]
    driver = driver_for(with_module)
    quietly(driver.ex_create_network, "over", 30, ex_parent="bond0")
    with host.lock:
        addresses = network.state(host)["addresses"]
        own = network.management(host)
        if is_own:
            addresses["over"] = addresses.pop(own)
        else:
            addresses["over"] = {"ip": "192.0.2.7", "netmask": "255.255.255.0", "boot": None}
    with_module.calls.clear()
    try:
        if is_own:
            with pytest.raises(PreconditionFailed, match="by which the host is reached"):
                quietly(driver.ex_delete_network, "over", ex_force="all")
            assert not calls_of(with_module, *WRITES)
        else:
            with pytest.warns(Ovm3Warning, match=r"192\.0\.2\.7/24, which goes with it"):
                driver.ex_delete_network("over", ex_force="all")
    finally:
        with host.lock:
            left = addresses.pop("over", None)
            if is_own:
                addresses[own] = left
    if is_own:
        quietly(driver.ex_delete_network, "over", ex_force="all")


def test_the_address_by_which_we_come_stays_too(with_module: Simulator) -> None:
    """The registered address is on one interface, the one we come by on another."""
    host = with_module.hosts[0]
    driver = driver_for(with_module)
    quietly(driver.ex_create_network, "over", 31, ex_parent="bond0")
    [found] = read_networks(driver._estate).hosts
    own, over = found.device("bond0"), found.bridge("over")
    assert own is not None
    assert over is not None
    server = replace(found.host.server, registered_ip="192.0.2.9")
    both = replace(
        found,
        host=replace(found.host, server=server),
        bridges=(replace(over, addresses=("192.0.2.9/24",)),),
    )
    assert set(both.own_lines()) == {"bond0", "over"}
    quietly(driver.ex_delete_network, "over", ex_force="all")
    assert host.address in own.addresses[0]


def test_open_vswitch_is_refused(with_module: Simulator) -> None:
    with_module.set_up_network(0, switch="openvswitch")
    with_module.calls.clear()
    with pytest.raises(PreconditionFailed, match="configured for Open vSwitch"):
        driver_for(with_module).ex_create_network("n", 5, ex_parent="bond0")
    with_module.set_up_network(0, switch="linuxbridge")
    assert not calls_of(with_module, *WRITES)


def test_a_bond_that_has_mode_6_after_its_next_boot(with_module: Simulator) -> None:
    """Case N34 as it is, N34.ifcfg.txt: the mode in quoted options, of the bond of that name."""
    text = (Path(__file__).parent / "cases/N34.ifcfg.txt").read_text(encoding="ascii")
    with_module.set_up_network(0, nics=["eth8"], bonds={"bond1": (1, ["eth8"])})
    file = with_module.dom0(0) / "etc/sysconfig/network-scripts/ifcfg-bond1"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="ascii")
    with_module.calls.clear()
    with pytest.raises(PreconditionFailed, match="bond1 has mode 6 after its next boot"):
        driver_for(with_module).ex_create_network("n", 120, ex_parent="bond1")
    assert not calls_of(with_module, *WRITES)
    for mode in "14":
        file.write_text(text.replace("mode=6", f"mode={mode}"), encoding="ascii")
        assert driver_for(with_module).ex_create_network("n", 120, ex_parent="bond1")
        assert driver_for(with_module).ex_delete_network("n")


def test_a_vm_that_is_about_to_start_keeps_its_network(with_module: Simulator) -> None:
    driver = driver_for(with_module)
    module = driver._estate.module(driver._estate.given[0])
    assert module is not None
    vm = "11111111-2222-3333-4444-555555555555"
    assert module.take_bridge("tests", "0" * 32, vm, "n", "bond0", 5).made
    with_module.calls.clear()
    with pytest.raises(PreconditionFailed, match=f"recorded users of it: {vm}"):
        driver.ex_delete_network("n")
    assert not calls_of(with_module, "ovs_vlan_bridge")
    assert module.release_bridge("tests", "0" * 32, vm, "n").removed


def test_a_start_while_a_change_waits_for_its_confirmation(with_module: Simulator) -> None:
    """The VLAN bridge that it needs is not made meanwhile, so the host knows what it takes back."""
    driver = driver_for(with_module)
    with_module.set_up_network(0, nics=["eth6"])
    driver.ex_create_network("base", ex_parent="eth6")
    vm = with_module.add_vm("late", config={"vif": ["mac=00:21:f6:00:01:aa,bridge=base.7"]})
    module = driver._estate.module(driver._estate.given[0])
    assert module is not None
    calls = [[bridge_call(action, "all", "bond0")] for action in ("start", "stop")]
    steps, undo = [[network_doors._struct(one) for one in each] for each in calls]
    module.guarded_network_change("tests", "5" * 32, steps, undo, 60)
    with pytest.raises(AgentFault, match="another guarded change is under way") as caught:
        driver.start_node(vm)
    assert "repeat the request" in str(caught.value)
    assert driver.ex_get_node(vm).state == NodeState.STOPPED
    with_module.wait(60)
    assert module.network_change("5" * 32).state == "undone"
    assert driver.start_node(vm)
    assert quietly(driver.destroy_node, driver.ex_get_node(vm))
    driver.ex_delete_network("base")


@pytest.mark.tables
def test_a_module_of_api_2_is_asked_for_nothing_of_this() -> None:
    with simulate(1, vms=0, host_module=True, version="3.3.3") as sim:
        put_api_2(sim, 0)
        driver = driver_for(sim)
        driver.ex_create_network("n", 5, ex_parent="bond0")
        with pytest.warns(Ovm3Warning, match="no host module of API 3"):
            driver.ex_set_bond_mode("bond0", 4, ex_force="all")
        assert driver.ex_delete_network("n")
        assert not calls_of(sim, "libcloud_network_setup", "libcloud_guarded_network_change")


# ------------------------------------------------------------------ addresses that move


def test_the_new_path_has_all_addresses_before_a_change_stands(with_module: Simulator) -> None:
    """Case N35: one call moves the addresses, so they are looked for on the bridge afterwards, and
    without all of them the host takes the change back."""
    host = with_module.hosts[0]
    with_module.set_up_network(0, nics=["eth5"], addresses={"eth5": "10.5.0.1/24"})
    driver = driver_for(with_module)
    before = saved(with_module)
    [device] = [one for one in driver.ex_list_network_devices() if one.name == "eth5"]
    assert device.extra["addresses"] == ["10.5.0.1/24"], "only the module tells that"
    lost: list[Any] = []

    def lose(moment: str) -> None:
        """It is on neither of them, until the bridge is gone."""
        with host.lock:
            found = network.state(host)
            if "moved" in found["bridges"]:
                lost.extend(filter(None, [found["addresses"].pop("moved", None)]))
            elif lost:
                found["addresses"]["eth5"] = lost.pop()

    with_module.misbehave("hook", "libcloud_network_change", times=None, hook=lose)
    with pytest.raises(
        AgentFault, match=r"taken back by the host.*10\.5\.0\.1/24 of eth5 did not "
    ):
        driver.ex_create_network("moved", ex_parent="eth5")
    with_module.clear_misbehaviour()
    assert [one["addresses"] for one in saved(with_module)] == [one["addresses"] for one in before]
    made = driver.ex_create_network("moved", ex_parent="eth5")
    assert made.extra["hosts"][0]["addresses"] == ["10.5.0.1/24"]
    assert driver.ex_delete_network("moved")
    assert state_of(with_module)["addresses"]["eth5"] == before[0]["addresses"]["eth5"]


# ------------------------------------------------------------------ what is taken back


def test_a_first_address_that_is_not_confirmed_is_removed_again(
    with_module: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This program is in the network of the new address, by which the host would answer it."""
    driver = driver_for(with_module)
    driver.ex_create_network("n", 44, ex_parent="bond0")
    monkeypatch.setattr(rerouting, "local_address", lambda _: "10.5.4.77")
    with_module.misbehave("drop_before", "libcloud_confirm_network_change")
    with pytest.raises(AgentFault, match="was taken back by the host"):
        driver.ex_update_network("n", ex_address={"ovm-1": "10.5.4.9/24"}, ex_force="all")
    with_module.clear_misbehaviour()
    assert "n" not in state_of(with_module)["addresses"]
    driver.ex_delete_network("n")


def test_mtus_that_were_lowered_with_another_are_taken_back_too(with_module: Simulator) -> None:
    host = with_module.hosts[0]
    driver = driver_for(with_module)
    for given in (("all", None), ("over", 30)):
        quietly(driver.ex_create_network, *given, ex_parent="bond0", ex_force="all")
    quietly(driver.ex_update_network, "all", ex_mtu=9000, ex_force="all")
    quietly(driver.ex_update_network, "over", ex_mtu=8000, ex_force="all")
    before = saved(with_module)[0]["mtu"]
    assert (before["bond0"], before["bond0.30"], before["over"]) == (9000, 8000, 8000)
    host.inject("network change cuts the line")
    try:
        with pytest.raises(AgentFault, match="taken back by the host"):
            quietly(driver.ex_update_network, "all", ex_mtu=1500, ex_force="all")
    finally:
        host.inject("network change cuts the line", active=False)
    assert saved(with_module)[0]["mtu"] == before
    for name in ("over", "all"):
        quietly(driver.ex_delete_network, name, ex_force="all")


def test_the_mtu_of_a_bridge_is_not_guessed_from_its_device(with_module: Simulator) -> None:
    """discover_network has it of devices only, the module of bridges too."""
    driver, without = (driver_for(with_module, ex_host_module=one) for one in (None, False))
    state_of(with_module)["nics"]["eth11"] = "52:54:00:24:49:78"
    driver.ex_create_network("plain", ex_parent="eth11")
    mtus = state_of(with_module)["mtu"]
    mtus["eth11"] = 9000
    try:
        for one, mtu in ((driver, 1500), (without, None)):
            [shown] = [network for network in one.ex_list_networks() if network.name == "plain"]
            assert shown.extra["hosts"][0]["mtu"] == mtu
            entries = take_inventory(one._estate).networks
            [listed] = [entry for entry in entries if entry["name"] == "plain"]
            assert listed["hosts"][0]["mtu"] == mtu
            more = () if mtu else ("--no-host-module",)
            shown_by = on(with_module, "network", "show", "plain", "-o", "json", *more).stdout
            assert json.loads(shown_by)["hosts"][0]["mtu"] == mtu
        with_module.calls.clear()
        with pytest.warns(Ovm3Warning, match=r"eth11, which it is on, has 9000 already; .* API 3"):
            assert without.ex_update_network("plain", ex_mtu=9000).extra["changed"] == []
        assert not calls_of(with_module, *WRITES)
        with_module.misbehave("drop_before", "ovs_change_mtu")
        with pytest.raises(OperationIncomplete, match="it does not show it"):
            driver.ex_update_network("plain", ex_mtu=9000)
        with_module.clear_misbehaviour()
        [change] = driver.ex_update_network("plain", ex_mtu=9000).extra["changed"]
        assert (change["change"], mtus["plain"]) == ("MTU 9000 (was 1500)", 9000)
        assert driver.ex_update_network("plain", ex_mtu=9000).extra["changed"] == []
        driver.ex_update_network("plain", ex_mtu=1500)
    finally:
        with_module.clear_misbehaviour()
        driver.ex_delete_network("plain")
        del state_of(with_module)["nics"]["eth11"]


def test_the_mode_of_a_bond_that_only_the_module_knows() -> None:
    """So a change of it can be seen and taken back."""
    answers = {"bonds in discover_network": "under Network"}
    with simulate(1, vms=0, layout="bare", answers=answers, host_module=True) as sim:
        host, driver = sim.hosts[0], driver_for(sim)
        quietly(driver.ex_set_bond_mode, "bond0", 1)
        assert not calls_of(sim, *WRITES), "it has that mode"
        host.inject("network change cuts the line")
        with pytest.raises(AgentFault, match="taken back by the host"):
            quietly(driver.ex_set_bond_mode, "bond0", 4, ex_force="all")
        host.inject("network change cuts the line", active=False)
        assert state_of(sim)["bonds"]["bond0"]["mode"] == 1
        quietly(driver.ex_set_bond_mode, "bond0", 4, ex_force="all")
        assert state_of(sim)["bonds"]["bond0"]["mode"] == 4


def test_one_guarded_change_at_a_time(with_module: Simulator) -> None:
    """The second one is refused, and that is certain."""
    driver = driver_for(with_module)
    module = driver._estate.module(driver._estate.given[0])
    assert module is not None
    step = {"function": "ovs_change_mtu", "arguments": ["eth0", 1500]}
    made = module.guarded_network_change("another", "9" * 32, [step], [{}], 600)
    assert made.state == "waiting"
    before = saved(with_module)
    with pytest.raises(
        AgentFault, match=r"another guarded change is under way on this host.*as it"
    ):
        quietly(driver.ex_set_bond_mode, "bond0", 6, ex_force="all")
    assert saved(with_module) == before
    assert module.confirm_network_change("another", "9" * 32).state == "confirmed"
