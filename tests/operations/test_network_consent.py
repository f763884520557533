"""Changes of what carries a host's own traffic: consent, and the host's own addresses."""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from libcloud_ovm3.errors import (
    AgentFault,
    HostNotFound,
    OperationIncomplete,
    Ovm3Warning,
    PreconditionFailed,
)
from libcloud_ovm3.estate.host_network import HostBridge
from libcloud_ovm3.estate.hosts import UnreachableHost
from libcloud_ovm3.estate.networks import read_networks
from libcloud_ovm3.operations import rerouting
from libcloud_ovm3.operations.delete_network import _addresses_lost
from libcloud_ovm3.operations.update_network import _set_address
from libcloud_ovm3.simulator import Simulator, network
from libcloud_ovm3.simulator.agent import mounted
from libcloud_ovm3.simulator.dom0 import commands
from tests.operations.networking import driver_of, refused, saved, state_of
from tests.support import calls_of, driver_for, quietly, simulate


@pytest.fixture
def sim(network_sim: Simulator) -> Simulator:
    return network_sim


def test_what_carries_the_hosts_own_traffic_needs_a_consent(sim: Simulator) -> None:
    """Case N35: a port with heartbeat, storage or our own line."""
    for host in sim.hosts:
        state = network.state(host)
        state["metadata"]["eth1"] = "ethernet:c0a80200{192.168.2.0}:CLUSTER_HEARTBEAT,STORAGE"
    text = refused(sim, PreconditionFailed, "changed, as this may cut heartbeat on ovm-1",
                   "ex_create_network", "guests", None, "guest")  # fmt: skip
    assert "ex_force=['heartbeat', 'storage'] (--force heartbeat --force storage)" in text
    assert text.count("role CLUSTER_HEARTBEAT of eth1") == 1, "not once per host"
    refused(sim, PreconditionFailed, "heartbeat", "ex_create_network", "guests", None, "guest",
            ex_force="storage")  # fmt: skip
    made = driver_of(sim).ex_create_network("guests", None, "guest", ex_force="heartbeat,storage")
    assert len(made.extra["hosts"]) == 2


def test_the_own_line(sim: Simulator) -> None:
    text = refused(sim, PreconditionFailed, "management", "ex_set_bond_mode", "bond0", 4)
    assert "role MANAGEMENT of bond0" in text
    is_unguarded = "Nobody takes that back on ovm-1" in text
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Ovm3Warning)
        assert driver_of(sim).ex_set_bond_mode("bond0", 4, ex_force="all")
    warned = [str(one.message) for one in caught if "may cut the line" in str(one.message)]
    guarded = calls_of(sim, "libcloud_guarded_network_change")
    assert (len(warned), len(guarded), is_unguarded) in ((2, 0, True), (0, 2, False))
    assert {one["bonds"]["bond0"]["mode"] for one in saved(sim)} == {4}


def test_without_the_module_nobody_takes_it_back() -> None:
    """Said by the refusal (above), and by a warning and the error of a change that fails."""
    with simulate(1, vms=0, layout="bare", version="3.3.3") as bare:
        driver = driver_for(bare)
        changes = {
            "ovs_bond_mode": lambda: driver.ex_set_bond_mode("bond0", 4, ex_force="all"),
            "ovs_br_config": lambda: driver.ex_create_network("n", ex_parent="bond0",
                                                              ex_force="all"),
            "ovs_change_mtu": lambda: driver.ex_update_network("n", ex_mtu=9000, ex_force="all"),
            "stop": lambda: driver.ex_delete_network("n", ex_force="all"),
        }  # fmt: skip
        for name, change in changes.items():
            bare.misbehave("fault", "ovs_br_config" if name == "stop" else name)
            assert warned_by(change, AgentFault)[1] == 1, name
            bare.misbehave("fault", "ovs_br_config" if name == "stop" else name)
            with warnings.catch_warnings():
                warnings.simplefilter("error", Ovm3Warning)
                with pytest.raises(AgentFault):
                    change()  # its failure, not the warning
            if name == "ovs_br_config":
                quietly(change)
        bare.hosts[0].inject("network change cuts the line")
        text, count = warned_by(changes["stop"], OperationIncomplete)
        assert count == 1
        assert "no host module of API 3 takes it back: if the host is cut off, mend it at" in text


def warned_by(change: Callable[[], Any], error: type[Exception]) -> tuple[str, int]:
    """The error of a change, and how often it was said that it may cut the line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Ovm3Warning)
        with pytest.raises(error) as raised:
            change()
    return str(raised.value), sum("may cut the line to the host, and" in str(one.message)
                                  for one in caught)  # fmt: skip


@pytest.mark.parametrize("own", ["10.6.0.1", "10.6.0.2"])
def test_no_bridge_gets_what_a_host_is_reached_by(sim: Simulator, own: str) -> None:
    """Shown by no interface: it may be on a NIC."""
    for host in sim.hosts:
        host.records["registered_ip"] = f"10.6.0.{host.index + 1}"
        network.state(host)["addresses"].pop("spare")  # it might be that one
    try:
        refused(sim, PreconditionFailed, f"ovm-{own[-1]} .* is reached by {own}",
                "ex_update_network", "spare.30", ex_address={"ovm-1": f"{own}/32"})  # fmt: skip
        refused(sim, PreconditionFailed, "10.6.0.1, its own, is in the same network",
                "ex_update_network", "spare", ex_address={"ovm-1": "10.6.0.9/24"})  # fmt: skip
    finally:
        for host in sim.hosts:
            host.records["registered_ip"] = host.address
    networks = read_networks(driver_of(sim)._estate)
    dead = UnreachableHost("10.6.0.8:8899", HostNotFound("silent"))
    networks = replace(networks, estate=replace(networks.estate, unreachable=(dead,)))
    found, given = networks.hosts[0], ipaddress.IPv4Interface("10.6.0.8/24")
    with pytest.raises(PreconditionFailed, match=r"the unreachable host 10\.6\.0\.8:8899 has it"):
        _set_address(networks, found, HostBridge("spare"), given)


def test_an_address_that_only_the_module_tells(sim: Simulator) -> None:
    """Of a NIC: shown, in the way of an overlapping one, and no way to the storage."""
    sim.set_up_network(0, addresses={"eth1": "10.4.0.1/24"})
    driver = driver_of(sim)
    [nic, _] = [one for one in driver.ex_list_network_devices() if one.name == "eth1"]
    has_module = driver._estate.module(driver._estate.given[0]) is not None
    if not has_module:
        assert nic.extra["addresses"] == []
        return
    assert nic.extra["addresses"] == ["10.4.0.1/24"]
    refused(sim, PreconditionFailed, "eth1 has 10.4.0.1/24, in the same network",
            "ex_update_network", "spare.30", ex_address={"ovm-1": "10.4.0.9/16"})  # fmt: skip
    text = refused(sim, PreconditionFailed, "storage", "ex_set_bond_mode", "bond0", 4)
    assert "nfs-store-1:/export/ovm-repository, reached by 10e69b4de3" in text
    assert driver.ex_create_network("n", ex_parent="eth1").extra["hosts"]


def test_a_second_address_that_only_the_module_tells(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the agent does with it no source says."""
    driver = driver_of(sim)
    if read_networks(driver._estate).hosts[0].told is None:
        return
    real = commands._addresses
    more = "77: {0}    inet {1}/24 scope global secondary {0}".format
    for name, told, why in (
        ("spare", "10.9.9.9", "it has several: 10.7.0.1/24, 10.9.9.9/24"),
        ("spare.30", "10.9.9.8", "the agent does not report the one that it has, 10.9.9.8/24"),
    ):
        line = more(name, told)
        monkeypatch.setattr(commands, "_addresses", lambda host, line=line: [*real(host), line])
        refused(sim, PreconditionFailed, why, "ex_update_network", name, ex_force="all",
                ex_address={"ovm-1": "10.8.0.1/24"})  # fmt: skip
        [shown] = [one for one in driver.ex_list_networks() if one.name == name]
        assert f"{told}/24" in shown.extra["hosts"][0]["addresses"]


def test_an_address_that_may_be_the_own_stays(sim: Simulator) -> None:
    """The host is given by its name, and registered by an address that it does not show."""
    driver = driver_of(sim)
    networks = read_networks(driver._estate)
    found = networks.hosts[0]
    server = replace(found.host.server, registered_ip="192.0.2.77")
    address = found.host.address._replace(host="ovm-1.example")
    named = replace(found, host=replace(found.host, server=server, address=address))
    spare, given = named.bridge("spare"), ipaddress.IPv4Interface("10.9.0.1/24")
    assert spare is not None
    with pytest.raises(PreconditionFailed, match=r"none of 192\.0\.2\.77, ovm-1\.example; give"):
        _set_address(networks, named, spare, given)
    with_vlan = replace(spare, parent="bond0.30")
    [reason] = _addresses_lost(named, with_vlan, [])
    assert "may be reached" in reason
    assert not [*_addresses_lost(found, with_vlan, [])]


def test_a_bond_of_which_only_the_name_is_reported() -> None:
    answers = {"bonds in discover_network": "under Network"}
    with simulate(1, vms=0, layout="bare", answers=answers) as bare:
        refused(bare, PreconditionFailed, "does not report its mode", "ex_set_bond_mode", "bond0",
                4, ex_force="all")  # fmt: skip
        for device in ("bond0", "eth0"):
            refused(bare, PreconditionFailed, "ex_force=.'management'", "ex_create_network", "n",
                    ex_parent=device)  # fmt: skip


def test_an_address_that_the_manager_called_management_is_guarded(sim: Simulator) -> None:
    """Not the one that we come by, but others may manage the host by it."""
    networks = read_networks(driver_of(sim)._estate)
    spare = networks.hosts[0].bridge("spare")
    assert spare is not None
    spare = replace(spare, metadata="ethernet:0a070000{10.7.0.0}:MANAGEMENT")
    others = [one for one in networks.hosts[0].bridges if one.name != "spare"]
    found = replace(networks.hosts[0], bridges=(spare, *others))
    given = ipaddress.IPv4Interface("10.9.0.1/24")
    _, change, cuts = _set_address(networks, found, spare, given)
    assert change is not None
    assert "management" in cuts
    assert (change.guard_undo is None) == (found.host.module3 is None) == change.is_unguarded


def test_an_address_that_does_not_arrive_is_named() -> None:
    """Case N35 without the host module: what is shown before and after is compared."""
    with simulate(1, vms=0) as sim:
        sim.set_up_network(0, nics=["eth5"], bonds={"bond1": (1, ["eth5"])},
                           addresses={"bond1": "10.5.0.1/24"})  # fmt: skip

        def lose(moment: str) -> None:
            if moment == "after":
                state_of(sim)["addresses"].pop("moved")

        sim.misbehave("hook", "ovs_br_config", hook=lose)
        with pytest.raises(OperationIncomplete, match=r"10\.5\.0\.1/24 of bond1 did not arrive on"):
            driver_for(sim).ex_create_network("moved", ex_parent="bond1")


@pytest.mark.parametrize("moment", ["planned", "sent"])
def test_a_vlan_that_is_made_while_its_bond_gets_mode_6(moment: str) -> None:
    """Case N34, of two clients: refused if it can be seen, else said."""
    with simulate(1, vms=0, layout="bare") as sim:
        sim.set_up_network(0, nics=["eth7"], bonds={"bond1": (1, ["eth7"])})
        reads = 0

        def make(_: str) -> None:
            nonlocal reads
            reads += 1
            if moment == "sent" or reads > 2:  # each call has two moments
                state_of(sim)["vlans"]["bond1.50"] = {"netdev": "bond1", "vlan": 50}

        function = "discover_network" if moment == "planned" else "ovs_bond_mode"
        sim.misbehave("hook", function, times=None, hook=make)
        if moment == "planned":
            refused(sim, PreconditionFailed, "right before, VLANs do not work .* bond1.50 are on",
                    "ex_set_bond_mode", "bond1", 6)  # fmt: skip
        else:
            with pytest.warns(Ovm3Warning, match=r"and bond1\.50 are on it, made meanwhile"):
                driver_for(sim).ex_set_bond_mode("bond1", 6)


def test_a_start_that_makes_a_vlan_on_a_bond_of_unknown_mode_says_so() -> None:
    answers = {"bonds in discover_network": "under Network"}
    with simulate(1, vms=0, answers=answers) as sim:
        driver = driver_for(sim, ex_traffic_labels={"guest": "bond1"})
        sim.set_up_network(0, nics=["eth7"], bonds={"bond1": (6, ["eth7"])})
        vm = sim.add_vm("web", config={"vif": ["mac=00:21:f6:00:01:aa,bridge=brbond1.50"]})
        with pytest.warns(Ovm3Warning, match=r"brbond1\.50 on ovm-1 .*bond bond1 is not known"):
            driver.start_node(vm)


def test_an_address_that_takes_over_other_ways(sim: Simulator, monkeypatch: Any) -> None:
    """What is beyond a gateway, and in the network of the new address: by that from then on."""
    monkeypatch.setattr(mounted, "_address", lambda host, device: "10.5.0.10")
    monkeypatch.setattr(rerouting, "local_address", lambda _: "10.5.0.77")
    real = commands._routes
    default = "default via 127.0.0.1 dev 10e69b4de3"
    monkeypatch.setattr(commands, "_routes", lambda host: [*real(host), default])
    new = {"ex_address": {"ovm-1": "10.5.0.9/24"}}
    text = refused(sim, PreconditionFailed, "may cut management on ovm-1", "ex_update_network",
                   "spare", **new)  # fmt: skip
    assert "10.5.0.77, from which this program calls the host, is in 10.5.0.0/24, so spare" in text
    assert "is in 10.5.0.0/24, so spare would be the way there" in text
    assert "ex_force=['management', 'storage']" in text
    driver = driver_of(sim)
    quietly(driver.ex_update_network, "spare.30", ex_force="all", **new)
    has_module = read_networks(driver._estate).hosts[0].told is not None
    assert len(calls_of(sim, "libcloud_guarded_network_change")) == has_module
    assert state_of(sim)["addresses"]["spare.30"]["ip"] == "10.5.0.9"
    driver.ex_update_network("spare.30", ex_address={"ovm-2": "10.6.0.9/24"})  # nothing is there


def test_an_address_in_whose_network_a_member_of_the_pool_is() -> None:
    with simulate(2, vms=0) as sim:
        sim.set_up_network(0, nics=["eth5"], bonds={"bond1": (1, ["eth5"])})
        driver = driver_for(sim)
        driver.ex_create_network("n", ex_parent="bond1", location=driver.list_locations()[0])
        sim.hosts[1].records["registered_ip"] = "10.5.0.50"
        sim.calls.clear()
        text = refused(sim, PreconditionFailed, "migration on ovm-1", "ex_update_network", "n",
                       ex_address={"ovm-1": "10.5.0.9/24"})  # fmt: skip
        assert "ovm-2" in text
        assert "is in 10.5.0.0/24, so n would be the way there" in text
