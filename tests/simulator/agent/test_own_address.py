"""The host's own address: it can be on any device, and the host responds while it is on one."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from libcloud_ovm3.simulator import PERSONALITIES, Simulator
from tests.simulator.plainclient import Machine, client, fault_of, until
from tests.support import simulate

CUT = "network change cuts the line"
OWN = ("static", "127.0.0.2", "255.255.255.0")


@pytest.fixture(params=PERSONALITIES)
def bare(request: Any) -> Iterator[Simulator]:
    with simulate(hosts=2, vms=1, layout="bare", personality=request.param) as sim:
        yield sim


def _carrying(agent: Any) -> list[str | None]:
    """The bonds and bridges that discover_network shows with the first host's address."""
    active = ElementTree.fromstring(agent.discover_network()).find("Network/Active")
    assert active is not None
    return [
        device.get("Name")
        for device in (*active.iterfind("Bonding/Device"), *active.iterfind("Bridges/Device"))
        if device.findtext("Family/Address") == "127.0.0.2"
    ]


def _lost(call: Any, *arguments: Any) -> None:
    """The call takes the host's address away, so its response never comes."""
    with pytest.raises(OSError):  # noqa: PT011 - how the connection breaks depends on the moment
        call(*arguments)


def test_a_bare_host(bare: Simulator) -> None:
    agent = client(bare)
    document = ElementTree.fromstring(agent.discover_network())
    bond = document.find("Network/Active/Bonding/Device")
    assert bond is not None
    assert [slave.get("Name") for slave in bond.iterfind("Slave_Interface")] == ["eth0", "eth1"]
    assert bond.findtext("Bonding_Mode") == "active-backup"
    assert [text.text for text in document.iter("MetaData") if text.text] == []
    assert list(document.iterfind("Network/Active/Bridges/Device")) == []
    assert _carrying(agent) == ["bond0"]
    [domain] = [vm for vm in agent.list_vms() if vm["domid"] != "0"]
    assert "vif" not in domain["device"]
    machine = Machine(bare, memory=256)
    assert "Could not find bridge, and none was specified" in fault_of(machine.start)


def test_a_bridge_takes_the_hosts_own_address_and_gives_it_back(bare: Simulator) -> None:
    agent = client(bare)
    agent.ovs_br_config("start", "brbond0", "bond0")
    assert _carrying(client(bare)) == ["brbond0"]
    bare.hosts[0].reboot()
    agent = client(bare)
    assert _carrying(agent) == ["brbond0"]
    agent.ovs_br_config("stop", "brbond0", "bond0")
    assert _carrying(client(bare)) == ["bond0"]


@pytest.mark.parametrize("change", [("flush",), ("dynamic",), ("static", "192.0.2.1", OWN[2])])
def test_a_host_without_its_address_refuses_connections(
    bare: Simulator, change: tuple[str, ...]
) -> None:
    agent, vip = client(bare), "127.0.0.77"
    agent.configure_virtual_ip(vip, bare.hosts[0].address)
    _lost(agent.ovs_ip_config, "bond0", *change)
    for address in (bare.hosts[0].address, vip):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, bare.hosts[0].port))
    bare.hosts[0].reboot()  # it is not in the saved configuration either
    with pytest.raises(ConnectionRefusedError):
        client(bare).echo("")
    assert client(bare, 1).echo("there") == "there"


def test_no_migration_to_a_host_without_its_address(bare: Simulator) -> None:
    for host in (0, 1):
        client(bare, host).ovs_local_config("start", "local")
    until(bare, lambda: "local" in client(bare, 1).discover_network())
    machine = Machine(bare, 1, vif=["bridge=local"])
    machine.start()
    _lost(client(bare).ovs_ip_config, "bond0", "flush")
    text = fault_of(client(bare, 1).migrate_vm, machine.repo, machine.vm, "127.0.0.2")
    assert "Connection refused" in text


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        (("ovs_br_config", "start", "br", "bond0"), ("ovs_br_config", "stop", "br", "bond0")),
        (("ovs_bond_mode", "bond0", 4), ("ovs_bond_mode", "bond0", 1)),
        (("ovs_change_mtu", "bond0", 9000), ("ovs_change_mtu", "bond0", 1500)),
        (("ovs_ip_config", "bond0", "flush"), ("ovs_ip_config", "bond0", *OWN)),
    ],
)
def test_a_change_that_cuts_the_line_until_it_is_undone(
    bare: Simulator, change: tuple[Any, ...], undo: tuple[Any, ...]
) -> None:
    host = bare.hosts[0]
    host.inject(CUT)
    agent = client(bare)
    agent.ovs_vlan_bridge("start", "br.7", "bond0", 7)  # nothing that the address depends on
    agent.ovs_local_config("start", "local")
    _lost(getattr(agent, change[0]), *change[1:])
    with pytest.raises(ConnectionRefusedError):
        client(bare).echo("")
    host.restart_agent()
    with pytest.raises(ConnectionRefusedError):
        client(bare).echo("")
    undone_on_the_host = bare._backend.perform(host, undo[0], list(undo[1:]))
    assert undone_on_the_host
    assert _carrying(client(bare)) == ["bond0"]
    host.inject(CUT, False)
    client(bare).ovs_br_config("start", "br", "bond0")
    assert _carrying(client(bare)) == ["br"]


@pytest.mark.parametrize("cut", [False, True])
def test_the_host_itself_undoes_what_cut_the_line(cut: bool) -> None:
    change, operation = ["brbond0", "bond0"], "1" * 32
    steps = [{"function": "ovs_br_config", "arguments": ["start", *change]}]
    undo = [{"function": "ovs_br_config", "arguments": ["stop", *change]}]
    with simulate(hosts=1, vms=0, layout="bare", host_module=True) as sim:
        sim.hosts[0].inject(CUT, cut)
        begin = client(sim).libcloud_guarded_network_change
        if cut:
            _lost(begin, "test", operation, steps, undo, 60)
            with pytest.raises(ConnectionRefusedError):
                client(sim).echo("")
        else:
            assert begin("test", operation, steps, undo, 60)["state"] == "waiting"
            assert _carrying(client(sim)) == ["brbond0"]
        sim.wait(70)
        assert client(sim).libcloud_network_change(operation)["state"] == "undone"
        assert _carrying(client(sim)) == ["bond0"]


def test_the_same_without_ports(tmp_path: Path) -> None:
    with simulate(hosts=1, vms=0, layout="bare", listen=False, root=tmp_path) as sim:
        host = sim.hosts[0]

        def call(name: str, *arguments: str) -> str:
            body = ElementTree.Element("methodCall")
            ElementTree.SubElement(body, "methodName").text = name
            params = ElementTree.SubElement(body, "params")
            for text in arguments:
                value = ElementTree.SubElement(ElementTree.SubElement(params, "param"), "value")
                ElementTree.SubElement(value, "string").text = text
            data = ElementTree.tostring(body)
            headers = {"Authorization": _basic(sim), "Content-Length": str(len(data))}
            response = sim.respond(host.address, host.port, "/RPC2", headers, data)
            assert response is not None
            return response.body.decode()

        assert "eth0" in call("discover_network")
        with pytest.raises(ConnectionResetError):
            call("ovs_ip_config", "bond0", "flush")
        with pytest.raises(ConnectionRefusedError):
            call("discover_network")
    with simulate(hosts=1, vms=0, layout="bare", root=tmp_path) as sim:
        with pytest.raises(ConnectionRefusedError):  # it is kept
            client(sim).echo("")
        assert sim._backend.perform(sim.hosts[0], "ovs_ip_config", ["bond0", *OWN])
        assert client(sim).echo("back") == "back"


def _basic(sim: Simulator) -> str:
    return "Basic " + base64.b64encode(f"{sim.user}:{sim.password}".encode()).decode()
