"""Creating, changing and removing networks, and what is refused before anything is sent."""

from __future__ import annotations

import ipaddress
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from libcloud_ovm3.errors import (
    AgentFault,
    HostNotFound,
    InvalidArgument,
    NetworkNotFound,
    OperationIncomplete,
    Ovm3Warning,
    PreconditionFailed,
)
from libcloud_ovm3.estate.host_network import HostBridge
from libcloud_ovm3.estate.hosts import UnreachableHost
from libcloud_ovm3.estate.networks import read_networks
from libcloud_ovm3.operations.delete_network import _addresses_lost
from libcloud_ovm3.operations.update_network import _set_address
from libcloud_ovm3.simulator import Simulator, network
from tests.earlier_module import put_api_2
from tests.operations.failures import WRITES
from tests.operations.networking import add_networks, put_back, saved
from tests.support import at_once, calls_of, driver_for, quietly, simulate

LABELS = {"guest": "eth1", "public": "spare", "management": "bond0"}


@pytest.fixture(scope="module", params=["alone", "with the module"])
def shared(request: pytest.FixtureRequest) -> Iterator[tuple[Simulator, list[dict[str, Any]]]]:
    has_module = request.param != "alone"
    with simulate(2, vms=1, host_module=has_module, version="3.3.3") as simulator:
        add_networks(simulator)
        yield simulator, saved(simulator)


@pytest.fixture
def sim(shared: tuple[Simulator, list[dict[str, Any]]]) -> Simulator:
    simulator, before = shared
    simulator.clear_misbehaviour()
    put_back(simulator, before)
    simulator.calls.clear()
    return simulator


def driver_of(sim: Simulator, **options: Any) -> Any:
    return driver_for(sim, ex_traffic_labels=LABELS, **options)


def state_of(sim: Simulator, host: int = 0) -> dict[str, Any]:
    return network.state(sim.hosts[host])


def refused(sim: Simulator, error: type[Exception], reason: str, method: str, *given: Any,
            **options: Any) -> str:  # fmt: skip
    """It is, and nothing that changes anything was sent."""
    with pytest.raises(error, match=reason) as caught:
        quietly(getattr(driver_of(sim), method), *given, **options)
    assert not calls_of(sim, *WRITES)
    return str(caught.value)


# ------------------------------------------------------------------ what they do


def test_a_network_from_its_making_to_its_removal(sim: Simulator) -> None:
    driver = driver_of(sim)
    made = driver.ex_create_network("dmz", 120, ex_label="guest")
    assert [one["parent"] for one in made.extra["hosts"]] == ["eth1.120"] * 2
    assert (made.id, made.extra["vlan"], made.extra["missing_on"]) == ("dmz", 120, [])
    assert {one.name for one in driver.ex_list_networks()} >= {"dmz"}
    sim.calls.clear()
    again = driver.ex_create_network("dmz", "120", ex_parent="eth1")
    assert again.extra == made.extra
    assert not calls_of(sim, *WRITES), "a second run makes no changing call"
    assert driver.ex_delete_network(made) is True
    assert "eth1.120" not in state_of(sim)["vlans"], "its VLAN device goes with it"
    with pytest.raises(NetworkNotFound, match="no host has the network dmz"):
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
    sim.calls.clear()
    driver.ex_update_network(found, ex_mtu=9000, ex_address={"ovm-2": "10.9.0.7/20"})
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
        (("n",), {"ex_parent": "eth7"}, PreconditionFailed, "no bridge and no device eth7"),
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
            "VLAN 30 of bond0 is in",
        ),
        (("spare", 9), {"ex_parent": "bond0"}, PreconditionFailed, "not on bond0.9: is on eth2"),
        (("eth1", 9), {"ex_parent": "bond0"}, PreconditionFailed, "a device has the name eth1"),
        (("bond0.9", 9), {"ex_parent": "bond0"}, PreconditionFailed, "name of the VLAN device its"),
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
        ("spare.30", {"ex_mtu": 9000}, PreconditionFailed, "9000 is more than that of bond0, 1500"),
        (
            "control0",
            {"ex_mtu": 9000},
            PreconditionFailed,
            "sets none of a bridge without a device",
        ),
        ("nothing", {"ex_mtu": 9000}, NetworkNotFound, "no host has the network nothing"),
        ("guest", {"ex_mtu": 9000}, NetworkNotFound, "no host has the network guest .eth1."),
        ("spare", {"ex_address": "10.9.0.1/24"}, InvalidArgument, "an address is of one host"),
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
    assert len(calls_of(sim, *WRITES)) == 1


# ------------------------------------------------------------------ consent


def test_what_carries_the_hosts_own_traffic_needs_a_consent(sim: Simulator) -> None:
    """Case N35: a port with heartbeat, storage or our own line."""
    for host in sim.hosts:
        state = network.state(host)
        state["metadata"]["eth1"] = "ethernet:c0a80200{192.168.2.0}:CLUSTER_HEARTBEAT,STORAGE"
    text = refused(sim, PreconditionFailed, "nothing was changed, as this may cut ovm-1",
                   "ex_create_network", "guests", None, "guest")  # fmt: skip
    assert "ex_force=['heartbeat', 'storage'] (--force heartbeat --force storage)" in text
    assert "role CLUSTER_HEARTBEAT of eth1" in text
    refused(sim, PreconditionFailed, "heartbeat", "ex_create_network", "guests", None, "guest",
            ex_force="storage")  # fmt: skip
    made = driver_of(sim).ex_create_network("guests", None, "guest", ex_force="heartbeat,storage")
    assert len(made.extra["hosts"]) == 2


def test_the_own_line(sim: Simulator) -> None:
    text = refused(sim, PreconditionFailed, "management", "ex_set_bond_mode", "bond0", 4)
    assert "role MANAGEMENT of bond0" in text
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Ovm3Warning)
        assert driver_of(sim).ex_set_bond_mode("bond0", 4, ex_force="all")
    warned = [str(one.message) for one in caught if "may cut the line" in str(one.message)]
    guarded = calls_of(sim, "libcloud_guarded_network_change")
    assert (len(warned), len(guarded)) in ((2, 0), (0, 2))
    assert {one["bonds"]["bond0"]["mode"] for one in saved(sim)} == {4}


@pytest.mark.parametrize("own", ["10.6.0.1", "10.6.0.2"])
def test_no_bridge_gets_what_a_host_is_reached_by(sim: Simulator, own: str) -> None:
    """Shown by no interface: it may be on a NIC."""
    for host in sim.hosts:
        host.records["registered_ip"] = f"10.6.0.{host.index + 1}"
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
        _set_address(networks, found, HostBridge("spare"), given, [])


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
        _set_address(networks, named, spare, given, [])
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
    notices: list[str] = []
    given = ipaddress.IPv4Interface("10.9.0.1/24")
    _, change, cuts = _set_address(networks, found, spare, given, notices)
    assert change is not None
    assert "management" in cuts
    assert (change.guard_undo is None) == (found.host.module3 is None) == bool(notices)


# ------------------------------------------------------------------ in use


def test_a_network_that_a_vm_is_on_stays(sim: Simulator) -> None:
    bridge = network.management(sim.hosts[0])
    text = refused(sim, PreconditionFailed, "has a card on", "ex_delete_network", bridge,
                   ex_force="all")  # fmt: skip
    assert "seed-1" in text
    assert "VirtualMachines" in text, "its vm.cfg names it"
    assert "ovm-1" in text, "it is live there"


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


# ------------------------------------------------------------------ what only the module can do


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
    """Case N34: the mode in quoted options."""
    file = with_module.dom0(0) / "etc/sysconfig/network-scripts/ifcfg-bond0"
    assert not file.exists()
    options = 'BONDING_OPTS="mode=6 miimon=250 use_carrier=1 updelay=500 downdelay=500"'
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"DEVICE=bond0\n{options}\nBOOTPROTO=none\nONBOOT=yes\n")
    with_module.calls.clear()
    with pytest.raises(PreconditionFailed, match="bond0 has mode 6 after its next boot"):
        driver_for(with_module).ex_create_network("n", 120, ex_parent="bond0")
    file.unlink()
    assert not calls_of(with_module, *WRITES)
    assert driver_for(with_module).ex_create_network("n", 120, ex_parent="bond0")
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
