"""Bridges, VLANs, addresses: what a call changes is what discover_network then shows."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import Machine, client, fault_of, until
from tests.support import simulate

BOTH = True  # personalities
CONTROL = ("control0", "static", "169.254.0.1", "255.255.0.0")


def _active(agent: Any) -> ElementTree.Element:
    found = ElementTree.fromstring(agent.discover_network()).find("Network/Active")
    assert found is not None
    return found


def _bridges(agent: Any) -> dict[str | None, list[str | None]]:
    """Bridge -> its ports."""
    return {
        device.get("Name"): [port.text for port in device.iter("PhyInterface")]
        for device in _active(agent).iterfind("Bridges/Device")
    }


def _value(agent: Any, path: str) -> str | None:
    return _active(agent).findtext(path)


def test_a_local_bridge_is_not_there_at_once_and_then_busy(pool: Simulator) -> None:
    with simulate(hosts=1, vms=0, bridge_seconds=3600) as sim:
        agent = client(sim)
        assert agent.ovs_local_config("start", "local1") == "start local bridge local1"
        assert "local1" not in _bridges(agent)
        assert "Bridge local1 Is Busy" in fault_of(agent.ovs_local_config, "start", "local1")
    agent = client(pool)
    text = fault_of(agent.ovs_local_config, "start", "control0")
    assert text.endswith(
        "Command: ['/etc/xen/scripts/linuxbridge/ovs-local-bridge', 'start', 'bridge=control0'] "
        "failed (1): stderr: Start local network: Bridge control0 Is Busy"
    )
    agent.ovs_local_config("start", "local1")
    until(pool, lambda: "local1" in _bridges(agent))
    assert _bridges(agent)["local1"] == []
    assert "local1" not in _bridges(client(pool, 1))
    assert agent.ovs_local_config("stop", "local1") == "stop local bridge local1"
    assert "local1" not in _bridges(agent)
    assert "local1" in fault_of(agent.ovs_local_config, "stop", "local1")
    assert "Invalid action" in fault_of(agent.ovs_local_config, "restart", "local1")
    for name in ("a b", "", "..", "a/b", "x" * 16):
        assert "Invalid bridge name" in fault_of(agent.ovs_local_config, "start", name)


@pytest.mark.parametrize(("version", "word"), [("3.2.1", "start"), ("3.3.1", "Added")])
def test_a_vlan_bridge(version: str, word: str) -> None:
    with simulate(hosts=1, vms=0, version=version) as sim:
        agent = client(sim)
        answer = agent.ovs_vlan_bridge("start", "xenbr0.200", "bond0", 200)
        assert answer == f"{word} bridge=xenbr0.200 netdev=bond0 vlan 200"
        assert _bridges(agent)["xenbr0.200"] == ["bond0.200"]
        assert _value(agent, "Network/Device[@Name='bond0.200']/MAC")
        assert "Is Busy" in fault_of(agent.ovs_vlan_bridge, "start", "xenbr0.200", "bond0", 200)
        text = fault_of(agent.ovs_vlan_bridge, "start", "second", "bond0", 200)
        assert "bond0.200 is a port of bridge xenbr0.200" in text
        assert agent.ovs_vlan_bridge("stop", "xenbr0.200", "bond0", 200).startswith("stop")
        assert "xenbr0.200" not in _bridges(agent)
        assert _value(agent, "Network/Device[@Name='bond0.200']/MAC") is None
        agent.ovs_vlan_bridge("start", "untagged", "eth1", 1)
        assert _bridges(agent)["untagged"] == ["eth1"]
        for vlan in (0, 4096, "200"):
            assert "Invalid VLAN" in fault_of(agent.ovs_vlan_bridge, "start", "b", "bond0", vlan)
        assert "Invalid network device" in fault_of(
            agent.ovs_vlan_bridge, "start", "b", "nothing", 5
        )


@pytest.mark.parametrize("answer", ["at once", "after some seconds"])
def test_when_a_new_vlan_bridge_can_be_used(answer: str) -> None:
    answers = {"a new VLAN bridge can be used": answer}
    with simulate(hosts=1, vms=0, bridge_seconds=3600, answers=answers) as sim:
        agent = client(sim)
        agent.ovs_vlan_bridge("start", "xenbr0.7", "bond0", 7)
        assert ("xenbr0.7" in _bridges(agent)) == (answer == "at once")
        assert "Is Busy" in fault_of(agent.ovs_vlan_bridge, "start", "xenbr0.7", "bond0", 7)
        machine = Machine(sim, vif=["bridge=xenbr0.7"])
        if answer != "at once":
            assert "Could not find bridge device xenbr0.7" in fault_of(machine.start)
            sim.wait(3600)
        machine.start()


def test_a_bridge_takes_the_address_of_its_device_and_gives_it_back(pool: Simulator) -> None:
    agent = client(pool)
    assert "192.0.2.7" in agent.ovs_ip_config("eth1", "static", "192.0.2.7", "255.255.255.0")
    answer = agent.ovs_br_config("start", "xenbr1", "eth1")
    assert answer.startswith("start")
    assert "xenbr1" in answer
    assert "eth1" in answer
    assert _bridges(agent)["xenbr1"] == ["eth1"]
    assert _value(agent, "Bridges/Device[@Name='xenbr1']/Family/Address") == "192.0.2.7"
    assert _value(agent, "Bridges/Device[@Name='xenbr1']/Family/Broadcast") == "192.0.2.255"
    for device in ("eth1", "eth0", "bond0", "nothing"):  # a port, a slave, a port, nothing
        fault_of(agent.ovs_br_config, "start", "other", device)
        fault_of(agent.ovs_vlan_config, "add", device, 7)
        fault_of(agent.ovs_ip_config, device, "flush")
    assert agent.ovs_br_config("stop", "xenbr1", "eth1").startswith("stop")
    assert "xenbr1" not in _bridges(agent)
    assert "192.0.2.7" in agent.ovs_ip_config("eth1", "flush")


def test_a_vlan_device_alone(pool: Simulator) -> None:
    agent = client(pool)
    answers = {"text": "eth1 30", "nil": None}
    answer = answers[pool.hosts[0].answer("answer of ovs_vlan_config")]
    assert agent.ovs_vlan_config("add", "eth1", 30) == answer
    assert _value(agent, "Network/Device[@Name='eth1.30']/MAC")
    assert "exists" in fault_of(agent.ovs_vlan_config, "add", "eth1", 30)
    assert "Invalid action" in fault_of(agent.ovs_vlan_config, "del", "eth1", 30)
    assert "Invalid VLAN" in fault_of(agent.ovs_vlan_config, "add", "eth1", 1)
    agent.ovs_vlan_config("remove", "eth1", 30)
    assert _value(agent, "Network/Device[@Name='eth1.30']/MAC") is None
    assert "No VLAN device" in fault_of(agent.ovs_vlan_config, "remove", "eth1", 30)


def test_the_address_of_a_local_bridge_is_lost_at_a_reboot_the_bridge_is_not() -> None:
    with simulate(hosts=1, vms=0, boot_seconds=1) as sim:
        agent, path = client(sim), "Bridges/Device[@Name='control0']/Family/Address"
        assert _value(agent, path) == "169.254.0.1"
        agent.ovs_ip_config("eth1", "static", "192.0.2.7", "255.255.255.0")
        agent.ovs_vlan_bridge("start", "xenbr0.9", "bond0", 9)
        sim.hosts[0].reboot()
        agent = client(sim)
        assert _value(agent, path) is None
        assert _bridges(agent)["control0"] == []
        assert _bridges(agent)["xenbr0.9"] == ["bond0.9"]
        assert _value(agent, "Network/Device[@Name='eth1']/BootProto") == "static"
        assert agent.ovs_ip_config(*CONTROL)
        assert _value(agent, path) == "169.254.0.1"
        agent.ovs_ip_config("control0", "flush")
        assert _value(agent, path) is None


def test_addresses_that_are_none(pool: Simulator) -> None:
    agent = client(pool)
    before = agent.discover_network()
    for ip, netmask in (("192.0.2.300", "255.255.255.0"), ("192.0.2.1", "24"), ("", "")):
        text = fault_of(agent.ovs_ip_config, "control0", "static", ip, netmask)
        assert "Invalid address" in text
    assert "Invalid action" in fault_of(agent.ovs_ip_config, "control0", "stable")
    assert agent.discover_network() == before
    agent.ovs_ip_config("eth1", "dynamic")
    assert _value(agent, "Network/Device[@Name='eth1']/BootProto") == "dhcp"


def _mtu(agent: Any, device: str) -> str | None:
    in_bonding = _value(agent, f"Bonding/Device[@Name='{device}']/Family/mtu")
    return in_bonding or _value(agent, f"Network/Device[@Name='{device}']/SysFS/mtu")


def test_metadata_mtu_and_bond_mode(pool: Simulator) -> None:
    agent = client(pool)
    assert agent.ovs_if_meta("eth1", "ethernet:x{y}:STORAGE") == "eth1 ethernet:x{y}:STORAGE"
    assert _value(agent, "Network/Device[@Name='eth1']/MetaData") == "ethernet:x{y}:STORAGE"
    assert "Invalid meta data" in fault_of(agent.ovs_if_meta, "eth1", " leading")
    assert "Invalid network device" in fault_of(agent.ovs_if_meta, "eth9", "x")
    agent.ovs_if_meta("eth1", "")
    assert _value(agent, "Network/Device[@Name='eth1']/MetaData") == ""

    agent.ovs_vlan_bridge("start", "xenbr0.9", "bond0", 9)
    management = next(name for name, ports in _bridges(agent).items() if ports == ["bond0"])
    assert agent.ovs_change_mtu(management, 9000) == f"{management} 9000"
    for device, mtu in (("eth0", "9000"), ("bond0", "9000"), ("bond0.9", "1500")):
        assert _mtu(agent, device) == mtu
    assert "above" in fault_of(agent.ovs_change_mtu, "bond0.9", 9001)
    agent.ovs_change_mtu("bond0.9", 9000)
    for vlan in range(10, 20):
        agent.ovs_vlan_bridge("start", f"guests.{vlan}", "bond0", vlan)
        assert _mtu(agent, f"bond0.{vlan}") == "9000"  # as the device below has it
    agent.ovs_change_mtu("bond0", 2000)
    assert _mtu(agent, "bond0.19") == "2000"
    assert _value(agent, "Network/Device[@Name='bond0.9']/SysFS/mtu") == "2000"
    for device, mtu in (("control0", 2000), ("eth1", 1499), ("eth1", 64001), ("eth9", 2000)):
        fault_of(agent.ovs_change_mtu, device, mtu)
    assert _value(agent, "Network/Device[@Name='eth1']/SysFS/mtu") == "1500"

    assert agent.ovs_bond_mode("bond0", 6) == "bond0 6"
    assert _value(agent, "Bonding/Device[@Name='bond0']/Bonding_Mode") == "balance-alb"
    assert "Invalid bond mode" in fault_of(agent.ovs_bond_mode, "bond0", 2)
    assert "Invalid bond" in fault_of(agent.ovs_bond_mode, "eth0", 1)


def test_guests_on_a_bridge(pool: Simulator) -> None:
    agent = client(pool)
    agent.ovs_vlan_bridge("start", "guests", "eth1", 77)
    until(pool, lambda: "guests" in _bridges(agent))
    machine = Machine(pool, vif=["mac=00:21:f6:00:00:01,bridge=guests"])
    machine.start()
    [domain] = machine.domains()
    vif = f"vif{domain['domid']}.0"
    assert sorted(_bridges(agent)["guests"], key=str) == ["eth1.77", vif]
    stop = ("stop", "guests", "eth1", 77)
    if pool.hosts[0].answer("stop of a bridge with guests on it") == "fault":
        assert f"Bridge guests is used by {vif}" in fault_of(agent.ovs_vlan_bridge, *stop)
        assert _bridges(agent)["guests"] == ["eth1.77", vif]
    else:
        agent.ovs_vlan_bridge(*stop)
        agent.ovs_vlan_bridge("start", *stop[1:])
        until(pool, lambda: _bridges(agent).get("guests") == ["eth1.77"])  # the guest is not back
    machine.stop()
    until(pool, lambda: machine.domains() == [])
    agent.ovs_vlan_bridge("stop", "guests", "eth1", 77)
    assert "Could not find bridge device guests" in fault_of(
        agent.start_vm, machine.repo, machine.vm
    )


def test_bond_functions_whose_actions_no_source_shows(pool: Simulator) -> None:
    agent = client(pool)
    for name, arguments in (
        ("ovs_bond_config", ("start", "bond1")),
        ("ovs_bond_op", ("add", "bond0", "eth1")),
        ("ovs_async_bridge", ("start", "b", "eth1")),
    ):
        assert f"not modelled by the simulator: {name}" in fault_of(
            getattr(agent, name), *arguments
        )
