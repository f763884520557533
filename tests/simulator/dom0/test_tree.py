"""A host's dom0 tree: what an installer finds there, and what its changes do."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
from pathlib import Path

import pytest

from libcloud_ovm3.simulator.agent import ownership
from tests.simulator.plainclient import client, fault_of, until
from tests.support import simulate

PACKAGES = {
    "3.2.1": "usr/lib64/python2.4/site-packages",
    "3.3.1": "usr/lib64/python2.6/site-packages",
    "3.3.3": "usr/lib64/python2.6/site-packages",
}
LIBRARY = "etc/xen/scripts/xen-network-common.sh"
VLAN_SCRIPT = "etc/xen/scripts/linuxbridge/ovs-vlan-bridge"


def service(top: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(top / "sbin/service"), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("version", PACKAGES)
def test_both_forms(version: str) -> None:
    with simulate(1, version) as sim:
        host = sim.hosts[0]
        assert not (sim.root / "hosts/0/disk/etc").exists()  # nothing is made unasked
        top = sim.dom0(0)
        assert client(sim).echo("put") == "put"
        packages = top / PACKAGES[version]
        assert [path.parent.name for path in top.glob("usr/lib64/*/site-packages")] == [
            packages.parent.name
        ]
        for path in packages.rglob("*.py"):
            ast.parse(path.read_text())
        table = (packages / "agent/target/api.py").read_text()
        assert table.count("MODULES") == 1
        assert table.count("import common") == 1
        assert (top / "etc/ovs-release").read_text() == f"Oracle VM server release {version}\n"
        assert "ssl=enable\nport=8899\n" in (top / "etc/ovs-agent/agent.ini").read_text()
        # agent-behaviour.md 15.2: what an installer counts and compares
        library, script = (top / LIBRARY).read_text(), (top / VLAN_SCRIPT).read_text()
        assert sum("_setup_bridge_port" in line for line in library.splitlines()) == 3
        called = "setup_physical_bridge_port" if version == "3.3.3" else "setup_bridge_port"
        assert re.findall(r"\b\w*bridge_port\b", script) == [called]
        assert (packages / "xen/xend/XendConstants.py").exists() == (version == "3.2.1")
        assert "call start: echo" in (top / "var/log/ovs-agent.log").read_text()
        assert host.folder == top.parent


def test_with_an_older_module() -> None:
    with simulate(1, "3.2.1", older_module=True) as sim:
        table = (sim.dom0(0) / PACKAGES["3.2.1"] / "agent/target/api.py").read_text()
        assert "from agent.api import common, cloudstack\n" in table
        assert "MODULES = [\n\tcloudstack.CloudStack,\n" in table


def test_service_restarts_the_agent_with_what_is_there_now() -> None:
    with simulate(1, older_module=True) as sim:
        top = sim.dom0(0)
        module = top / PACKAGES["3.3.3"] / "agent/api/cloudstack.py"
        module.write_text(module.read_text().replace("'0.1'", "'0.2'"))
        done = service(top, "ovs-agent", "restart")
        assert (done.returncode, done.stderr) == (0, "")
        assert client(sim).get_module_version() == "0.2"
        assert service(top, "ovs-agent", "status").returncode == 0
        module.write_text("nothing")
        assert service(top, "ovs-agent", "restart").returncode == 0
        assert service(top, "ovs-agent", "status").returncode == 3
        assert service(top, "httpd", "restart").returncode == 1
        assert [path.name for path in (sim.root / "hosts/0/requests").iterdir()] == []


def test_the_agent_is_away_while_it_restarts() -> None:
    with simulate(1, agent_restart_seconds=0.3) as sim:
        sim.dom0(0)
        begun = sim.now()
        sim.restart_agent(0)
        assert 0.3 <= sim.now() - begun < 0.31
        record = dict.fromkeys(ownership.STRUCT, "")
        record["manager_uuid"] = ownership.owner(sim.hosts[0]) or ""
        client(sim).take_ownership(record)  # which restarts the agent
        sim.wait(0.2)  # it stops 0.1 s after its response
        assert not sim.hosts[0].listens()
        sim.wait(0.3)
        assert sim.hosts[0].listens()


def test_agent_ini_counts_from_the_next_start() -> None:
    with simulate(1) as sim, socket.socket() as probe:
        settings, own = sim.dom0(0) / "etc/ovs-agent/agent.ini", sim.hosts[0].port
        text = settings.read_text()
        settings.write_text(text.replace("ssl=enable", "ssl=disable"))
        assert client(sim).echo("tls") == "tls"
        sim.restart_agent(0)
        assert client(sim, scheme="http").echo("plain") == "plain"
        probe.bind((sim.hosts[0].address, 0))
        port = probe.getsockname()[1]
        probe.close()
        settings.write_text(text.replace("\nport=8899", f"\nport={port}"))
        sim.restart_agent(0)
        assert (sim.hosts[0].port, client(sim).echo("there")) == (port, "there")
        settings.write_text(text)
        sim.restart_agent(0)
        assert (sim.hosts[0].port, client(sim).echo("back")) == (own, "back")


def test_the_vlan_script_decides_where_it_is_played() -> None:
    answers = {"VLAN bridges on 3.2.1 to 3.3.2": "fault"}
    with simulate(1, "3.3.1", answers=answers) as sim:
        script = sim.dom0(0) / VLAN_SCRIPT
        vlan = ("start", "vlan7", "bond0", 7)
        assert "command not found" in fault_of(client(sim).ovs_vlan_bridge, *vlan)
        text = script.read_text()
        script.write_text(text.replace("setup_bridge_port", "setup_bridge_prot"))
        assert "command not found" in fault_of(client(sim).ovs_vlan_bridge, *vlan)
        for patched in ("setup_physical_bridge_port", "_setup_bridge_port"):
            script.write_text(text.replace("setup_bridge_port", patched))
            assert client(sim).ovs_vlan_bridge(*vlan).startswith("Added")
            client(sim).ovs_vlan_bridge("stop", *vlan[1:])


def test_xend_takes_its_restart_time_when_it_starts() -> None:
    with simulate(1, "3.2.1", vms=1) as sim:
        vm = sim.domains(0)[0]["uuid"]
        host, top = sim.hosts[0], sim.dom0(0)
        constants = top / PACKAGES["3.2.1"] / "xen/xend/XendConstants.py"
        constants.write_text(re.sub("TIME = 60", "TIME = 10", constants.read_text()))
        assert host.minimum_restart_seconds == 60
        assert service(top, "xend", "restart").returncode == 0
        assert host.minimum_restart_seconds == 10
        with host.lock:
            host.domains[0].start_time = host.now() - 30
        sim.guest(0, vm, "reboot")
        until(sim, lambda: [each["domid"] for each in sim.domains(0)] == [2])


def test_zeroconf_as_the_tree_has_it_at_boot() -> None:
    with simulate(1, host_module=True, boot_seconds=1) as sim:

        def zeroconf() -> list[str]:
            routes = client(sim).libcloud_routes()
            found = [each["device"] for each in routes if each["destination"] == "169.254.0.0"]
            return [device for device in found if device != "control0"]

        assert len(zeroconf()) == 1
        with (sim.dom0(0) / "etc/sysconfig/network").open("a") as file:
            file.write("NOZEROCONF=yes\n")
        assert len(zeroconf()) == 1
        sim.hosts[0].reboot()
        assert zeroconf() == []


def test_routes_go_with_their_bridge() -> None:
    with simulate(1, layout="bare", host_module=True) as sim:

        def devices() -> set[str]:
            return {each["device"] for each in client(sim).libcloud_routes()}

        assert devices() == {"bond0"}
        for _ in range(2):
            client(sim).ovs_local_config("start", "control0")
            until(sim, lambda: "control0" in client(sim).discover_network())
            client(sim).libcloud_set_control_interface(
                "test", "0" * 32, "control0", "169.254.0.1", 16
            )
            assert devices() == {"bond0", "control0"}
            client(sim).ovs_local_config("stop", "control0")
            assert devices() == {"bond0"}
