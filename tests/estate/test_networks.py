"""The networks of the hosts: what hangs on what, and what is not known of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.agent import documents
from libcloud_ovm3.estate import host_network as host_network_module
from libcloud_ovm3.estate.host_network import HostNetwork, host_network, roles_of
from libcloud_ovm3.estate.networks import NetworkList, read_network, read_networks
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, simulate

OF_ONE = "discover_network"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(3, host_module=[0, 1], version="3.3.3") as simulator:
        yield simulator


def networks(sim: Simulator) -> NetworkList:
    return read_networks(driver_for(sim)._estate)


def parsed(sim: Simulator, active: str) -> HostNetwork:
    """The first host with this content of its document."""
    snapshot = read_estate(driver_for(sim)._estate)
    text = f"<Discover_Network_Result><Network><Active>{active}</Active></Network>"
    document = documents.network(f"{text}</Discover_Network_Result>")
    return host_network(snapshot.hosts[0], document, snapshot)


def device(name: str, index: int, link: int, more: str = "") -> str:
    numbers = f"<ifindex>{index}</ifindex><iflink>{link}</iflink><mtu>9000</mtu>"
    return f'<Device Name="{name}"><SysFS>{numbers}</SysFS>{more}</Device>'


def bridge(name: str, *ports: str) -> str:
    listed = "".join(f"<PhyInterface>{port}</PhyInterface>" for port in ports)
    return f'<Bridges><Device Name="{name}"><Interfaces>{listed}</Interfaces></Device></Bridges>'


def test_what_the_simulated_hosts_have(sim: Simulator) -> None:
    found = networks(sim)
    assert found.names() == ("10e69b4de3", "control0")
    assert found.errors() == []
    [(one, local), *_] = found.bridge("control0")
    assert (local.is_local, local.parent, local.doubt) == (True, None, None)
    management = one.bridge("10e69b4de3")
    assert management is not None
    assert (management.parent, management.vlan, management.is_local) == ("bond0", None, False)
    assert management.addresses == (f"{one.host.address.host}/24",)
    assert management.roles == (
        "MANAGEMENT", "CLUSTER_HEARTBEAT", "LIVE_MIGRATE", "VIRTUAL_MACHINE",
    )  # fmt: skip
    assert one.own_lines() == ("10e69b4de3",)
    assert [below.name for below in one.below("10e69b4de3")] == ["bond0", "eth0"]
    bond, slave = one.device("bond0"), one.device("eth0")
    assert bond is not None
    assert slave is not None
    assert (bond.kind, bond.mode, bond.slaves) == ("bond", 1, ("eth0",))
    assert (slave.kind, slave.bond, slave.is_up) == ("nic", "bond0", True)
    assert one.bridge_on("bond0") == management
    assert one.bridge_on("eth1") is None


def test_a_host_with_the_module_is_asked_for_nothing_more(sim: Simulator) -> None:
    sim.calls.clear()
    networks(sim)
    assert len(calls_of(sim, OF_ONE)) == 1  # the third host has no module


def test_one_host_as_it_is_now(sim: Simulator) -> None:
    found = networks(sim)
    host = found.hosts[0].host
    assert found.on(host) is found.hosts[0] is found.on(host.id)
    host.agent.network.ovs_vlan_bridge("start", "10e69b4de3.160", "bond0", 160)
    now = read_network(host, found.estate).bridge("10e69b4de3.160")
    assert now is not None
    assert (now.parent, now.vlan) == ("bond0.160", 160)
    again = networks(sim)
    assert [one.host.id for one, _ in again.bridge("10e69b4de3.160")] == [host.id]
    assert len(again.missing("10e69b4de3.160")) == 2
    host.agent.network.ovs_vlan_bridge("stop", "10e69b4de3.160", "bond0", 160)


def test_a_host_that_could_not_be_read_lacks_nothing(sim: Simulator) -> None:
    sim.misbehave("fault", OF_ONE, host=2, text="broken")
    found = networks(sim)
    [unread] = [one for one in found.hosts if one.error]
    assert unread.host.address.host == sim.hosts[2].address
    assert unread not in found.missing("nothing")
    assert unread.host.label in found.errors()[0]
    sim.clear_misbehaviour()


@pytest.mark.parametrize("ports", list(itertools.permutations(["vif1.0", "bond0.5", "tap2.0"])))
def test_the_port_that_is_no_guests_is_the_parent(sim: Simulator, ports: tuple[str, ...]) -> None:
    network = f"<Network>{device('bond0', 2, 2)}{device('bond0.5', 7, 2)}</Network>"
    found = parsed(sim, network + bridge("b", *ports)).bridge("b")
    assert found is not None
    assert (found.parent, found.vlan, found.doubt) == ("bond0.5", 5, None)
    assert set(found.guest_ports) == {"vif1.0", "tap2.0"}
    assert found.mtu is None, "that of its device is not its own"


@pytest.mark.parametrize("ports", [("web0", "tap-web0"), ("web0-emu", "web0")])
def test_a_port_with_a_name_of_its_own_is_a_guests(
    sim: Simulator, ports: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an HVM guest both ports, by xend 4.1.3 and 4.3."""
    card = ("0004fb00-0006-0000-0000-000000000001", "b", "web0")
    monkeypatch.setattr(host_network_module, "_guests", lambda *_: [card])
    found = parsed(sim, bridge("b", *ports)).bridge("b")
    assert found is not None
    assert (found.is_local, found.parent, set(found.guest_ports)) == (True, None, set(ports))


def test_two_ways_out_are_a_doubt(sim: Simulator) -> None:
    network = f"<Network>{device('eth0', 2, 2)}{device('eth1', 3, 3)}</Network>"
    found = parsed(sim, network + bridge("b", "eth0", "eth1")).bridge("b")
    assert found is not None
    assert (found.parent, found.is_local) == (None, False)
    assert found.doubt == "any of its ports eth0, eth1 may be the one that leads out"


def test_only_guests_is_local(sim: Simulator) -> None:
    found = parsed(sim, bridge("b", "vif1.0")).bridge("b")
    assert found is not None
    assert (found.parent, found.is_local, found.doubt) == (None, True, None)


@pytest.mark.parametrize(
    ("name", "index", "link", "parent", "vlan"),
    [
        ("bond0.100", 9, 2, "bond0", 100),
        ("bond0.100", 9, 9, "bond0", 100),  # the numbers say nothing
        ("gone.100", 9, 9, "gone", 100),
        ("vlan0100", 9, 2, "bond0", 100),
        ("guests", 9, 2, "bond0", None),
        ("eth7", 9, 9, None, None),
        ("bond0.5000", 9, 9, None, None),
    ],
)
def test_what_a_vlan_device_stands_on(
    sim: Simulator, name: str, index: int, link: int, parent: Any, vlan: Any
) -> None:
    found = parsed(sim, f"<Network>{device('bond0', 2, 2)}{device(name, index, link)}</Network>")
    one = found.device(name)
    assert one is not None
    assert (one.parent, one.vlan) == (parent, vlan)
    assert one.kind == ("vlan" if parent else "nic")


def test_a_bond_in_either_list(sim: Simulator) -> None:
    slaves = '<Slave_Interface Name="eth0"/><Slave_Interface Name="eth1"/>'
    bond = f'<Device Name="bond1"><Bonding_Mode>802.3ad</Bonding_Mode>{slaves}</Device>'
    found = parsed(sim, f"<Network>{device('bond0', 2, 2)}</Network><Bonding>{bond}</Bonding>")
    assert [(one.name, one.kind, one.mode) for one in found.devices] == [
        ("bond0", "bond", None), ("bond1", "bond", 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("metadata", "roles"),
    [
        ("ethernet:c0a80100{192.168.1.0}:MANAGEMENT,STORAGE", ("MANAGEMENT", "STORAGE")),
        ("ethernet:c0a80100{a:b,{c}}:VIRTUAL_MACHINE", ("VIRTUAL_MACHINE",)),
        ("something else", ()),
        (None, ()),
    ],
)
def test_roles(metadata: str | None, roles: tuple[str, ...], sim: Simulator) -> None:
    assert roles_of(metadata) == roles
    text = f"<MetaData>{metadata or ''}</MetaData>"
    found = parsed(sim, f"<Network>{device('eth0', 2, 2, text)}</Network>{bridge('b', 'eth0')}")
    one = found.bridge("b")
    assert one is not None
    assert one.roles == roles
    assert one.has_unknown_roles == (metadata == "something else")
