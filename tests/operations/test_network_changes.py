"""Creating, changing and removing networks, and what is refused before anything is sent."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from libcloud_ovm3.errors import (
    AgentFault,
    HostNotFound,
    InvalidArgument,
    NetworkNotFound,
    OperationIncomplete,
    PreconditionFailed,
)
from libcloud_ovm3.simulator import Simulator, network
from tests.operations.failures import WRITES
from tests.operations.networking import driver_of, refused, saved, state_of
from tests.support import at_once, calls_of, quietly

# ------------------------------------------------------------------ what they do


@pytest.fixture
def sim(network_sim: Simulator) -> Simulator:
    return network_sim


def test_a_network_from_its_making_to_its_removal(sim: Simulator) -> None:
    driver = driver_of(sim)
    made = driver.ex_create_network("dmz", 120, ex_label="guest")
    assert [one["parent"] for one in made.extra["hosts"]] == ["eth1.120"] * 2
    assert (made.id, made.extra["vlan"], made.extra["missing_on"]) == ("dmz", 120, [])
    assert {one.name for one in driver.ex_list_networks()} >= {"dmz"}
    sim.calls.clear()
    again = driver.ex_create_network("dmz", "120", ex_parent="eth1")
    changed = [one.extra.pop("changed") for one in (made, again)]
    assert [[one["change"] for one in its] for its in changed] == [["made", "made"], []]
    assert again.extra == made.extra
    assert not calls_of(sim, *WRITES), "a second run makes no changing call"
    assert driver.ex_delete_network(made) is True
    assert "eth1.120" not in state_of(sim)["vlans"], "its VLAN device goes with it"
    with pytest.raises(NetworkNotFound, match=r"no host has a network 'dmz'; networks: .*spare"):
        driver.ex_delete_network(made)


@pytest.mark.parametrize(
    ("given", "options", "device"),
    [
        (("n",), {"ex_label": "guest"}, "eth1"),
        (("n", 7), {"ex_label": "public"}, "eth2.7"),  # the label of a bridge
        (("n", 7), {"ex_parent": "spare"}, "eth2.7"),
        (("n",), {"ex_parent": "bond0.7"}, "bond0.7"),  # a VLAN device that is not there yet
        (("n", 7), {"ex_label": "management"}, "bond0.7"),  # of what carries the own line
    ],
)
def test_what_it_is_made_on(
    sim: Simulator, given: tuple[Any, ...], options: dict[str, str], device: str
) -> None:
    made = driver_of(sim).ex_create_network(*given, **options)
    assert {one["parent"] for one in made.extra["hosts"]} == {device}


def test_on_some_hosts_only(sim: Simulator) -> None:
    driver = driver_of(sim)
    [first, second] = driver.list_locations()
    made = driver.ex_create_network("n", ex_label="guest", location=first)
    assert [one["host"] for one in made.extra["missing_on"]] == [second.name]
    driver.ex_create_network("n", ex_label="guest", location=[first.id, second.name])
    assert len(calls_of(sim, "ovs_br_config")) == 2, "where it is it was left"
    driver.ex_delete_network("n", second)
    assert driver.ex_list_networks(first)[-1].name != "n" or "n" in state_of(sim)["bridges"]
    assert "n" not in state_of(sim, 1)["bridges"]
    assert "n" in state_of(sim)["bridges"]


def test_mtu_and_addresses(sim: Simulator) -> None:
    driver = driver_of(sim)
    driver.ex_update_network("public", ex_mtu="9000", ex_force="storage")
    assert state_of(sim)["mtu"]["eth2"] == 9000
    found = driver.ex_update_network(
        "spare", ex_address="10.9.0.7/20", location="ovm-2", ex_force=["storage"]
    )
    assert [one["addresses"] for one in found.extra["hosts"]] == [["10.7.0.1/24"], ["10.9.0.7/20"]]
    text = "ovm-1=10.7.0.1/24,ovm-2=10.9.0.8/20"
    found = driver.ex_update_network("spare", ex_address=text, ex_force=["storage"])
    assert [one["addresses"] for one in found.extra["hosts"]] == [["10.7.0.1/24"], ["10.9.0.8/20"]]
    sim.calls.clear()
    quietly(driver.ex_update_network, found, ex_mtu=9000, ex_address={"ovm-2": "10.9.0.8/20"})
    assert not calls_of(sim, *WRITES)


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("given", "options", "error", "reason"),
    [
        (("n", 1), {"ex_label": "guest"}, InvalidArgument, "2 to 4094 .the agent takes 1 for unt"),
        (("n", 4095), {"ex_label": "guest"}, InvalidArgument, "from 2 to 4094"),
        (("n", True), {"ex_label": "guest"}, InvalidArgument, "from 2 to 4094"),
        (("a" * 16,), {"ex_label": "guest"}, InvalidArgument, "at most 15"),
        (("a b",), {"ex_label": "guest"}, InvalidArgument, "at most 15 letters"),
        *(
            ((name,), {"ex_label": "guest"}, InvalidArgument, "expected the name")
            for name in ("", ".", "..", "a/b", "a:b", "a\n")
        ),
        *(
            ((name,), {"ex_label": "guest"}, InvalidArgument, "the name of")
            for name in ("lo", "vif7.0", "tap7.0", "vif7.0-emu")
        ),
        (("n",), {"ex_label": "nobody"}, InvalidArgument, "unknown label 'nobody': expected guest"),
        (("n",), {"ex_label": "storage"}, InvalidArgument, "name it with ex_traffic_labels"),
        (("n",), {}, InvalidArgument, "either ex_label or ex_parent"),
        (("n",), {"ex_label": "guest", "ex_parent": "eth1"}, InvalidArgument, "either ex_label"),
        (("guest",), {"ex_label": "guest"}, InvalidArgument, "this is a traffic label"),
        (("n",), {"ex_label": "guest", "ex_force": "all,of,it"}, InvalidArgument, "ex_force"),
        (("n",), {"ex_parent": "eth7"}, PreconditionFailed, "device eth7; ex_list_network_d"),
        (("n",), {"ex_parent": "eth0"}, PreconditionFailed, "eth0 is a slave of bond bond0"),
        (("n", 5), {"ex_parent": "eth0"}, PreconditionFailed, "eth0 is a slave of bond bond0"),
        (("n",), {"ex_parent": "eth2"}, PreconditionFailed, "eth2 is in bridge spare"),
        (("n",), {"ex_label": "public"}, PreconditionFailed, "spare is a bridge.*name a VLAN"),
        (("n", 5), {"ex_parent": "control0"}, PreconditionFailed, "control0 is local"),
        (("n", 5), {"ex_parent": "bond0.30"}, PreconditionFailed, "bond0.30 is a VLAN device"),
        (("n", 5), {"ex_parent": "bond0.31"}, PreconditionFailed, "is itself a VLAN of bond0"),
        (
            ("n", 30),
            {"ex_parent": "bond0"},
            PreconditionFailed,
            "VLAN 30 of bond0 is in bridge spare.30: use spare.30 as the network",
        ),
        (("spare", 9), {"ex_parent": "bond0"}, PreconditionFailed, "not on bond0.9: is on eth2"),
        (("eth1", 9), {"ex_parent": "bond0"}, PreconditionFailed, "a device has the name eth1"),
        (("bond0.9", 9), {"ex_parent": "bond0"}, PreconditionFailed, "name of the VLAN device its"),
        (("control0", 9), {"ex_parent": "bond0"}, InvalidArgument, "ex_repair_control0 makes it"),
        (("control0.9", 9), {"ex_parent": "bond0"}, PreconditionFailed, "nothing but guests is on"),
        (
            ("spare.9", 8),
            {"ex_parent": "spare"},
            PreconditionFailed,
            "bridge on VLAN 9 of eth2, and",
        ),
        (("spare.9", 9), {"ex_parent": "bond0"}, PreconditionFailed, "would be on VLAN 9 of bond0"),
        (("spare.9",), {"ex_label": "guest"}, PreconditionFailed, "this one would be on eth1: ch"),
        (("breth1.9", 8), {"ex_label": "guest"}, PreconditionFailed, "bridge on VLAN 9 of eth1"),
        (("eth1.9",), {"ex_parent": "eth1"}, PreconditionFailed, "of VLAN 9 of eth1"),
        (("n", 9), {"ex_parent": "bond0", "location": "x"}, HostNotFound, "no host 'x'"),
    ],
)
def test_a_network_that_cannot_be_made(
    sim: Simulator, given: Any, options: Any, error: type[Exception], reason: str
) -> None:
    refused(sim, error, reason, "ex_create_network", *given, **options)


def test_no_vlan_over_a_bond_of_mode_6(sim: Simulator) -> None:
    """Case N34; modes 1 and 4 pass."""
    for mode, passes in ((6, False), (4, True)):
        for host in sim.hosts:
            network.state(host)["bonds"]["bond0"]["mode"] = mode
        if passes:
            assert driver_of(sim).ex_create_network("n", 120, ex_parent="bond0")
        else:
            text = refused(sim, PreconditionFailed, "has mode 6 .balance-alb., over which VLANs",
                           "ex_create_network", "n", 120, None, "bond0")  # fmt: skip
            assert "ovm-1" in text
            assert "ovm-2" in text
    sim.calls.clear()
    refused(sim, PreconditionFailed, "bond0.30, bond0.120 are on it|bond0.120 are on it",
            "ex_set_bond_mode", "bond0", 6, ex_force="all")  # fmt: skip


def test_no_mode_that_the_agent_cannot_set(sim: Simulator) -> None:
    for mode in (0, 2, "7", True, "802.3"):
        refused(
            sim, InvalidArgument, "expected 1 .active-backup., 4", "ex_set_bond_mode", "b", mode
        )
    refused(sim, PreconditionFailed, "no bond 'bond7'", "ex_set_bond_mode", "bond7", 1)
    refused(sim, PreconditionFailed, "no bond 'eth1'", "ex_set_bond_mode", "eth1", 1)
    assert driver_of(sim).ex_set_bond_mode("bond0", "active-backup")
    assert not calls_of(sim, *WRITES)


@pytest.mark.parametrize(
    ("name", "options", "error", "reason"),
    [
        ("spare", {}, InvalidArgument, "expected ex_mtu or ex_address"),
        ("spare", {"ex_mtu": 1499}, InvalidArgument, "1500 to 64000"),
        ("spare", {"ex_mtu": "9k"}, InvalidArgument, "1500 to 64000"),
        (
            "spare.30",
            {"ex_mtu": 9000},
            PreconditionFailed,
            "9000 is more than that of bond0, 1500.*first, by the network 10e69b4de3 .ex_update_n",
        ),
        (
            "control0",
            {"ex_mtu": 9000},
            PreconditionFailed,
            "sets none of a bridge without a device",
        ),
        (
            "control0",
            {"ex_address": "ovm-1=10.5.0.9/24, ovm-2=10.5.0.8/24", "ex_force": "all"},
            PreconditionFailed,
            "169.254.0.1/16 on every host; ex_repair_control0 makes it so",
        ),
        (
            "spare",
            {"ex_address": "ovm-1=10.9.0.1/24,ovm-2"},
            InvalidArgument,
            "expected a mapping, or a text",
        ),
        (
            "nothing",
            {"ex_mtu": 9000},
            NetworkNotFound,
            "no host has a network 'nothing'; networks: .*spare",
        ),
        (
            "guest",
            {"ex_mtu": 9000},
            NetworkNotFound,
            "network 'guest'; ovm-1.*ovm-2.*: it would be the bridge breth1 on eth1",
        ),
        ("spare", {"ex_address": "10.9.0.1/24"}, InvalidArgument, "as HOST=ADDRESS/PREFIX"),
        ("spare", {"ex_address": {"ovm-1": "10.9.0.1"}}, InvalidArgument, "such as 10.0.0.5/24"),
        ("spare", {"ex_address": {"ovm-1": "10.9.0.0/24"}}, InvalidArgument, "not an address for"),
        ("spare", {"ex_address": {"ovm-1": "10.7.0.2/24"}}, PreconditionFailed, "on ovm-2 .* has"),
        (
            "spare.30",
            {"ex_address": {"ovm-1": "10.7.0.9/24"}},
            PreconditionFailed,
            "spare has 10.7.0.1/24, in the same network",
        ),
        (
            "10e69b4de3",
            {"ex_address": {"ovm-1": "10.9.0.1/24"}, "ex_force": "all"},
            PreconditionFailed,
            "the address that the host is reached by",
        ),
    ],
)
def test_a_network_that_cannot_be_changed(
    sim: Simulator, name: str, options: Any, error: type[Exception], reason: str
) -> None:
    refused(sim, error, reason, "ex_update_network", name, **options)


def test_an_unreachable_host_unless_the_others_are_named(sim: Simulator) -> None:
    sim.misbehave("fault", "discover_network", host=1, text="broken", times=9)
    text = refused(sim, PreconditionFailed, "cannot be read", "ex_create_network", "n", 5, "guest")
    assert "ovm-2" in text
    assert driver_of(sim).ex_create_network("n", 5, "guest", location="ovm-1")
    sim.clear_misbehaviour()
    driver = driver_of(sim, ex_hosts=[sim.hosts[0].address])
    with pytest.raises(PreconditionFailed, match=r"name the others \(location\)"):
        driver.ex_create_network("m", 6, "guest")
    for location in (None, "ovm-1"):
        with pytest.raises(PreconditionFailed, match="only while all hosts respond"):
            driver.ex_delete_network("spare.30", location)
    assert len(calls_of(sim, *WRITES)) == 1


# ------------------------------------------------------------------ in use


def test_a_network_that_a_vm_is_on_stays(sim: Simulator) -> None:
    bridge = network.management(sim.hosts[0])
    text = refused(sim, PreconditionFailed, "has a card on", "ex_delete_network", bridge,
                   ex_force="all")  # fmt: skip
    assert "seed-1" in text
    assert "VirtualMachines" in text, "its vm.cfg names it"
    assert "ovm-1" in text, "it is live there"
    assert (text.count("seed-1"), text.count("guests are on it")) == (1, 0), "said once"
    assert "Stop and destroy these VMs, or detach these cards" in text


@pytest.mark.parametrize(
    ("vif", "name", "is_used"),
    [
        ("mac=00:21:f6:00:00:01,bridge=spare", "spare", True),
        ("mac=00:21:f6:00:00:01, bridge=spare.7", "spare", True),  # a VLAN beside it
        ("mac=00:21:f6:00:00:01,bridge=spare.30", "spare.30", True),
        ("mac=00:21:f6:00:00:01", "spare", True),  # the script chooses one
        ("mac=00:21:f6:00:00:01,bridge=spare2", "spare", False),
        ("mac=00:21:f6:00:00:01,bridge=spare", "spare.30", False),
    ],
)
def test_a_network_that_a_stopped_vm_names_stays(
    sim: Simulator, vif: str, name: str, is_used: bool
) -> None:
    directory = sim.add_vm("stopped", config={"vif": [vif]})
    try:
        if is_used:
            refused(sim, PreconditionFailed, "'stopped'", "ex_delete_network", name,
                    ex_force="all")  # fmt: skip
        else:
            assert driver_of(sim).ex_delete_network(name, ex_force="all")
    finally:
        shutil.rmtree(sim.repository_path / "VirtualMachines" / directory)


def test_what_cannot_be_read_may_use_it(sim: Simulator) -> None:
    directory = sim.add_vm("broken")
    file = sim.repository_path / "VirtualMachines" / directory / "vm.cfg"
    text = file.read_text()
    for content, reason in (("x = [", "cannot be read|vm.cfg"), (text + "\nvif = 5\n", "no list")):
        file.write_text(content)
        refused(sim, PreconditionFailed, f"may be in use.*({reason})", "ex_delete_network", "spare",
                ex_force="all")  # fmt: skip
    shutil.rmtree(file.parent)


# ------------------------------------------------------------------ refused by a host


def test_the_fault_of_the_vlan_script_names_its_patch(sim: Simulator) -> None:
    text = "Command: ['/etc/xen/scripts/linuxbridge/ovs-vlan-bridge', 'start'] failed (127): " \
           "stderr: line 75: setup_bridge_port: command not found"  # fmt: skip
    sim.misbehave("fault", "ovs_vlan_bridge", host=1, text=f"exceptions.RuntimeError:{text}")
    with pytest.raises(AgentFault, match=r"ovm3 host install .*taken back: bridge 'n' on ovm-1"):
        driver_of(sim).ex_create_network("n", 5, "guest")
    assert all("n" not in one["bridges"] for one in saved(sim))


def test_what_a_host_has_refused_and_made_all_the_same_is_said(sim: Simulator) -> None:
    """It comes late, while what the other host has made is taken back."""

    def come(moment: str) -> None:
        with sim.hosts[1].lock:
            found = network.state(sim.hosts[1])
            found["vlans"]["eth1.5"] = {"netdev": "eth1", "vlan": 5}
            found["bridges"]["n"] = {"netdev": "eth1.5", "since": 0.0}

    sim.misbehave("fault", "ovs_vlan_bridge", host=1)
    sim.misbehave("hook", "ovs_vlan_bridge", host=0, nth=2, hook=come)
    with pytest.raises(OperationIncomplete, match="has refused it, and it came all") as caught:
        driver_of(sim).ex_create_network("n", 5, "guest")
    [left] = caught.value.left
    assert "ovm-2" in left
    assert "n" not in state_of(sim, 0)["bridges"]


def test_what_a_guest_has_begun_to_use_is_not_taken_back(sim: Simulator) -> None:
    """It is made on the first host, a guest gets on it, and the second host refuses."""
    live = sim.hosts[0].domains[0]
    before = list(live.config["vif"])

    def start(moment: str) -> None:
        if moment == "after":
            live.config["vif"] = ["mac=00:21:f6:00:00:77,bridge=n"]

    sim.misbehave("hook", "ovs_vlan_bridge", host=0, hook=start)
    sim.misbehave("fault", "ovs_vlan_bridge", host=1)
    with pytest.raises(OperationIncomplete, match="it was in use") as caught:
        driver_of(sim).ex_create_network("n", 5, "guest")
    live.config["vif"] = before
    assert "n" in state_of(sim)["bridges"]
    [left] = caught.value.left
    assert "ovm-1" in left


def test_two_clients_make_one_network_at_once(sim: Simulator) -> None:
    drivers = [driver_of(sim), driver_of(sim)]
    results = at_once(
        sim, *((one, lambda one=one: one.ex_create_network("n", 5, "guest")) for one in drivers)
    )
    assert [one.name for one in results] == ["n", "n"]
    assert all(one["bridges"]["n"]["netdev"] == "eth1.5" for one in saved(sim))
