"""discover_network: what hangs on what, and the forms that it can have (agent-behaviour.md 13)."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from libcloud_ovm3.simulator import Simulator, SimulatorError
from tests.simulator.plainclient import Machine, client, fault_of, until
from tests.support import simulate

BOTH = True  # personalities
HVM = {"builder": "hvm", "OVM_domain_type": "xen_hvm", "bootloader": "", "vfb": []}


def _active(sim: Simulator) -> ElementTree.Element:
    found = ElementTree.fromstring(client(sim).discover_network()).find("Network/Active")
    assert found is not None
    return found


def _names(sim: Simulator, section: str) -> list[str | None]:
    return [device.get("Name") for device in _active(sim).iterfind(f"{section}/Device")]


def _ports(sim: Simulator, bridge: str) -> list[str | None]:
    found = _active(sim).iterfind(f"Bridges/Device[@Name='{bridge}']/Interfaces/PhyInterface")
    return [port.text for port in found]


def test_a_vlan_device_names_the_device_below(pool: Simulator) -> None:
    agent = client(pool)
    agent.ovs_vlan_bridge("start", "guests", "bond0", 30)
    agent.ovs_vlan_config("add", "eth1", 31)

    def numbers(name: str) -> tuple[str | None, str | None]:
        found = _active(pool).find(f"Network/Device[@Name='{name}']/SysFS")
        assert found is not None
        return found.findtext("ifindex"), found.findtext("iflink")

    for name, below in (("bond0.30", "bond0"), ("eth1.31", "eth1"), ("eth0", "eth0")):
        if below in _names(pool, "Network"):
            assert numbers(name)[1] == numbers(below)[0]
        assert (numbers(name)[1] == numbers(name)[0]) == (name == below)
    first = numbers("eth1.31")[0]
    agent.ovs_vlan_config("remove", "eth1", 31)
    agent.ovs_vlan_config("add", "eth1", 31)
    every = [numbers(name or "")[0] for name in _names(pool, "Network")]
    assert len(set(every)) == len(every)
    assert first not in every  # the kernel gives a new number to what is made anew


@pytest.mark.parametrize(
    ("version", "emulated"),
    [("3.2.1", ["tap2.0", "tap-db"]), ("3.3.3", ["vif2.0-emu", "vif4.0-emu"])],
)
def test_the_ports_of_guests(version: str, emulated: list[str]) -> None:
    for answer in ("guests' last", "guests' first"):
        answers = {"ports of a bridge": answer}
        with simulate(hosts=1, vms=0, version=version, answers=answers) as sim:
            client(sim).ovs_br_config("start", "guests", "eth1")
            for more, card in (
                ({}, "vifname=web"),
                (HVM, "type=ioemu"),
                (HVM, "type=netfront, vifname=../x"),
                (HVM, "vifname=db"),
            ):
                Machine(sim, vif=[f"{card}, bridge = guests"], **more).start()
            wanted = ["eth1", "web", "vif2.0", "vif3.0", "db", *emulated]
            assert sorted(_ports(sim, "guests"), key=str) == sorted(wanted)
            assert _ports(sim, "guests")[0 if answer == "guests' last" else -1] == "eth1"


@pytest.mark.parametrize(
    ("answer", "network", "bonding"),
    [
        ("in both lists", True, True),
        ("under Bonding", False, True),
        ("under Network", True, False),
    ],
)
def test_where_bonds_are(answer: str, network: bool, bonding: bool) -> None:
    with simulate(hosts=1, vms=0, answers={"bonds in discover_network": answer}) as sim:
        assert ("bond0" in _names(sim, "Network")) == network
        assert _names(sim, "Bonding") == (["bond0"] if bonding else [])
        texts = [text.text for text in _active(sim).iter("MetaData") if text.text]
        assert len(texts) == 1
        assert "CLUSTER_HEARTBEAT" in str(texts[0])


@pytest.mark.parametrize("answer", ["like others", "as recorded"])
def test_a_local_bridge(answer: str) -> None:
    answers = {"local bridges in discover_network": answer}
    with simulate(hosts=1, vms=0, answers=answers) as sim:
        control = _active(sim).find("Bridges/Device[@Name='control0']")
        assert control is not None
        found = ((control.text or "").strip(), control.findtext("Family/Address"))
        assert found == (("", "169.254.0.1") if answer == "like others" else ('"', None))
        [other] = [name for name in _names(sim, "Bridges") if name != "control0"]
        assert _active(sim).findtext(f"Bridges/Device[@Name='{other}']/Family/Address")


def test_hosts_are_set_up_without_calls(pool: Simulator) -> None:
    pool.set_up_network(
        0,
        nics=["eth2", "eth3"],
        infiniband=["ib0"],
        bonds={"bond1": (6, ["eth2", "eth3"]), "bond0": (4, ["eth0"])},
        metadata={"eth1": "ethernet:x{storage}:STORAGE"},
        addresses={"eth1": "192.0.2.5/24", "bond1": "192.0.3.5/16"},
    )
    assert pool.calls == []
    active = _active(pool)
    assert _names(pool, "Infiniband") == ["ib0"]
    assert "ib0" not in _names(pool, "Network")
    modes = [bond.findtext("Bonding_Mode") for bond in active.iterfind("Bonding/Device")]
    assert modes == ["802.3ad", "balance-alb"]
    slaves = active.iterfind("Bonding/Device[@Name='bond1']/Slave_Interface")
    assert [slave.get("Name") for slave in slaves] == ["eth2", "eth3"]
    assert active.findtext("Network/Device[@Name='eth1']/MetaData") == "ethernet:x{storage}:STORAGE"
    mask = active.findtext("Bonding/Device[@Name='bond1']/Family/Netmask")
    assert mask == "255.255.0.0"
    client(pool).ovs_br_config("start", "storage", "eth1")
    assert _active(pool).findtext("Bridges/Device[@Name='storage']/Family/Address") == "192.0.2.5"
    pool.hosts[0].reboot()
    assert _active(pool).findtext("Bridges/Device[@Name='storage']/Family/Address") == "192.0.2.5"
    for wrong in (
        {"nics": ["eth0"]},
        {"nics": ["a b"]},
        {"bonds": {"bond1": (7, ["eth2"])}},
        {"bonds": {"bond2": (1, ["eth2"])}},
        {"bonds": {"bond2": (1, [])}},
        {"metadata": {"eth9": ""}},
        {"addresses": {"eth9": ""}},
        {"addresses": {"eth1": "192.0.2.300"}},
        {"switch": "vmware"},
    ):
        with pytest.raises(SimulatorError):
            pool.set_up_network(0, **wrong)  # type: ignore[arg-type]


def test_the_hosts_own_address_is_taken_away_without_a_call(pool: Simulator) -> None:
    [own] = [name for name in _names(pool, "Bridges") if name != "control0"]
    assert own is not None
    pool.set_up_network(0, addresses={own: ""})
    with pytest.raises(ConnectionRefusedError):
        client(pool).echo("")
    pool.set_up_network(0, addresses={"eth1": f"{pool.hosts[0].address}/24"})
    assert client(pool).echo("there") == "there"


def test_a_host_with_open_vswitch() -> None:
    with simulate(hosts=2, vms=0) as sim:
        ini = sim.dom0(0) / "etc/ovs-agent/agent.ini"
        assert "virtualnetwork=linuxbridge" in ini.read_text()
        for host in (0, 1):
            sim.set_up_network(host, switch="openvswitch")
        assert "virtualnetwork=openvswitch" in ini.read_text()
        later = (sim.dom0(1) / "etc/ovs-agent/agent.ini").read_text()
        assert "virtualnetwork=openvswitch" in later
        agent = client(sim)
        before = agent.discover_network()
        for name, arguments in (
            ("ovs_br_config", ("start", "b", "eth1")),
            ("ovs_local_config", ("stop", "control0")),
            ("ovs_vlan_bridge", ("start", "b", "eth1", 5)),
            ("ovs_vlan_config", ("add", "eth1", 5)),
            ("ovs_ip_config", ("eth1", "flush")),
            ("ovs_if_meta", ("eth1", "x")),
            ("ovs_change_mtu", ("eth1", 9000)),
            ("ovs_bond_mode", ("bond0", 4)),
        ):
            assert "Open vSwitch" in fault_of(getattr(agent, name), *arguments)
        assert agent.discover_network() == before


def test_what_the_configuration_files_keep() -> None:
    with simulate(hosts=1, vms=0) as sim:
        folder, agent = sim.dom0(0) / "etc/sysconfig/network-scripts", client(sim)
        control = folder / "ifcfg-control0"
        assert "TYPE=Bridge" in control.read_text()
        control.unlink()
        agent.ovs_ip_config("control0", "static", "169.254.0.1", "255.255.0.0")
        assert control.read_text().splitlines()[-2:] == [
            "IPADDR=169.254.0.1",
            "NETMASK=255.255.0.0",
        ]
        agent.ovs_ip_config("eth1", "dynamic")
        assert "BOOTPROTO=dhcp" in (folder / "ifcfg-eth1").read_text()
        agent.ovs_ip_config("eth1", "flush")
        assert not (folder / "ifcfg-eth1").exists()
        agent.ovs_local_config("stop", "control0")
        assert not control.exists()
        agent.ovs_local_config("start", "control0")
        assert control.exists()
    with simulate(hosts=1, vms=0, layout="bare") as sim:
        assert not (sim.dom0(0) / "etc/sysconfig/network-scripts/ifcfg-control0").exists()


def test_neighbours_of_dom0(pool: Simulator) -> None:
    """Its neighbour table, as the host module reads it."""
    pool.put_host_module(0)
    agent, mac = client(pool), "00:21:F6:00:00:0a"
    agent.ovs_br_config("start", "guests", "eth1")
    machine = Machine(pool, vif=[f"mac={mac},bridge=guests"])
    machine.start()

    def table() -> list[tuple[str, str, str]]:
        found: list[dict[str, Any]] = agent.libcloud_neighbours()
        return [(each["address"], each["mac"], each["device"]) for each in found]

    others = table()
    assert [address for address, _, _ in others] == [pool.hosts[1].address]
    pool.set_guest_address(mac, "192.0.2.20")
    assert table() == others  # dom0 has no address on this bridge
    agent.ovs_ip_config("guests", "static", "192.0.2.1", "255.255.255.0")
    assert table() == [*others, ("192.0.2.20", mac.lower(), "guests")]
    pool.add_neighbour(0, "192.0.2.99", mac, "guests")
    assert ("192.0.2.99", mac.lower(), "guests") in table()
    machine.stop()
    until(pool, lambda: machine.domains() == [])
    assert ("192.0.2.20", mac.lower(), "guests") not in table()
    pool.set_guest_address(mac)
    machine.start()
    assert ("192.0.2.20", mac.lower(), "guests") not in table()
    with pytest.raises(SimulatorError, match="no network device"):
        pool.add_neighbour(0, "192.0.2.99", mac, "eth9")
