"""The command line, and what survives a kill -9."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator, SimulatorError
from tests.simulator.plainclient import Machine, client, until
from tests.support import eventually


def _run(folder: Path, *more: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "libcloud_ovm3.simulator", "--root", str(folder / "root")]
    command += ["--ready-file", str(ready), "--hosts", "2", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: ready.exists() or process.poll() is not None)
    if process.poll() is not None:
        raise AssertionError(process.communicate())
    return process, json.loads(ready.read_text())


class _Known:
    """Just enough of a Simulator for the helpers, out of a ready file."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.user, self.password = ready["user"], ready["password"]
        self.repository_id = ready["repository"]
        root = Path(ready["root"])
        self.hosts = [
            type("Host", (), {**host, "certificate_pem": pem.read_text()})
            for index, host in enumerate(ready["hosts"])
            for pem in [root / "hosts" / str(index) / "certificate.pem"]
        ]


def test_kill_and_restart_lose_nothing(tmp_path: Path) -> None:
    process, ready = _run(tmp_path, "--speed", "100", "--reboot-gap", "400")
    assert stat.S_IMODE((tmp_path / "ready.json").stat().st_mode) == 0o600
    known: Any = _Known(ready)
    machine = Machine(known)
    machine.start()
    agent = client(known)
    agent.sleep(61)  # simulated seconds: younger guests do not come back
    machine.agent.reboot_vm(machine.repo, machine.vm, 3)
    eventually(lambda: agent.list_vm(machine.repo, machine.vm) is None)
    before = {vm["uuid"]: vm for vm in agent.list_vms()}
    clock = agent.get_last_boot_time()
    process.kill()  # in the reboot gap
    process.communicate()
    process, again = _run(tmp_path, "--speed", "1000", "--reboot-gap", "400")
    for key in ("hosts", "fingerprints", "ports", "password", "repository", "root"):
        assert again[key] == ready[key]
    agent = client(known)
    after = {vm["uuid"]: vm for vm in agent.list_vms()}
    for vm_uuid, vm in before.items():
        assert after[vm_uuid]["domid"] == vm["domid"]
        assert after[vm_uuid].get("start_time") == vm.get("start_time")
    later = agent.get_last_boot_time()
    assert later["last_boot_time"] == clock["last_boot_time"]
    assert later["local_time"] >= clock["local_time"]
    eventually(lambda: agent.list_vm(machine.repo, machine.vm) is not None)  # the reboot goes on
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert not (tmp_path / "ready.json").exists()
    assert ready["password"] not in out + err
    assert err == ""


@pytest.mark.parametrize("personality", ["plain", "awkward"])
def test_what_hosts_remember_outlives_a_kill(tmp_path: Path, personality: str) -> None:
    options = ("--personality", personality, "--repositories", "2", "--version", "3.3.3")
    process, ready = _run(tmp_path, *options)
    known: Any = _Known(ready)
    first, second = client(known), client(known, 1)
    first.ovs_vlan_bridge("start", "xenbr0.7", "bond0", 7)
    first.ovs_local_config("start", "local1")
    first.set_timezone("UTC", False)
    first.set_ntp(["ntp-1"], False)
    pool = first.discover_server_pool().partition("<Unique_Id>")[2].partition("<")[0]
    second.leave_server_pool(pool)
    second.configure_virtual_ip("127.0.0.96", known.hosts[1].address)
    folder = Path(ready["root"]) / "exports" / "nfs-store-2" / "third"
    folder.mkdir(parents=True)
    point = "/OVS/Repositories/0004fb0000030000aeaca859e4a8f8c0"
    first.create_repository("nfs-store-2:/third", point, point[-32:], "Third")
    second.update_agent_password(known.user, "changed", known.password)
    second = client(known, 1, user=f"{known.user}:changed@")
    names = ("discover_server", "discover_server_pool", "discover_repository_db", "get_ntp")
    before = [getattr(agent, name)() for agent in (first, second) for name in names]
    process.kill()
    process.communicate()
    process, _ = _run(tmp_path, *options)
    first, second = client(known), client(known, 1, user=f"{known.user}:changed@")
    after = [getattr(agent, name)() for agent in (first, second) for name in names]
    assert after == before
    assert before[2].count("<Repository ") == 3
    eventually(lambda: 'Name="local1"' in first.discover_network())  # the delay goes on
    assert 'Name="xenbr0.7"' in first.discover_network()
    known.hosts[1].address = "127.0.0.96"
    assert client(known, 1, user=f"{known.user}:changed@").echo("x") == "x"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 0


def test_options_reach_the_simulator(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("a long password\n")
    process, ready = _run(
        tmp_path,
        *("--version", "3.2.1", "--insecure", "--password-file", str(tmp_path / "pw")),
        *("--misbehave", "fault:echo:nth=2,host=0,text=asked for", "--vms", "1"),
        *("--answer", "order of list_vms=reversed", "--user", "agent", "--templates", "1"),
        *("--copy-speed", "0.1", "--speed", "1000"),
    )
    known: Any = _Known(ready)
    assert (known.user, known.password) == ("agent", "a long password")
    agent = client(known, scheme="http", user="agent:a%20long%20password@")
    assert agent.echo("x") == "x"
    with pytest.raises(Exception, match=r"exceptions\.Exception:asked for"):
        agent.echo("x")
    assert agent.list_vms()[0]["name"] == "Domain-0"
    assert agent.discover_repositories(known.repository_id).count("<Template ") == 1
    disks, begun = f"/OVS/Repositories/{known.repository_id}", time.monotonic()
    agent.copy_file(f"{disks}/Templates/oracle-linux-6.raw", f"{disks}/VirtualDisks/a.raw", True)
    assert time.monotonic() - begun > 0.67, "64 MiB at 0.1 MB per simulated second"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hosts", "0"],
        ["--hosts", "x"],
        ["--version", "9"],
        ["--answer", "question=x"],
        ["--misbehave", "explode:echo"],
        ["--misbehave", "fault:echo:nth=x"],
        ["--misbehave", "fault:ecko"],
        ["--misbehave", "fault:echo:host=7"],
        ["--listen", "127.0.0.1"],
        ["--password-file", "/none"],
        ["--port", "70000"],
        ["--repositories", "0"],
        ["--copy-speed", "0"],
        ["--from-bundle", "/none"],
    ],
)
def test_bad_arguments_are_one_line_and_exit_2(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "libcloud_ovm3.simulator", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("simulator: ")
    assert done.stderr.count("\n") == 1


def test_a_root_goes_on_in_python_too(tmp_path: Path) -> None:
    with Simulator(hosts=1, root=tmp_path, speed=50) as sim:
        domains, print_, ids = sim.domains(0), sim.hosts[0].fingerprint, sim.repository_id
        moment = sim.now()
        with pytest.raises(SimulatorError, match="another simulator"), Simulator(1, root=tmp_path):
            pass
    for arguments in ({"hosts": 2}, {"hosts": 1, "version": "3.2.1"}):
        with pytest.raises(SimulatorError, match="was created with"):
            Simulator(root=tmp_path, **arguments).start()  # type: ignore[arg-type]
    with Simulator(hosts=1, root=tmp_path, speed=1) as sim:
        assert (sim.hosts[0].fingerprint, sim.repository_id) == (print_, ids)
        assert [d["domid"] for d in sim.domains(0)] == [d["domid"] for d in domains]
        assert sim.now() >= moment


def test_a_root_that_was_not_finished_is_named(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    with pytest.raises(SimulatorError, match="incomplete root"):
        Simulator(root=tmp_path).start()


def test_a_temporary_root_is_removed_and_addresses_are_taken() -> None:
    with Simulator(hosts=2, addresses=["127.0.0.1:0", "127.0.0.1:0"], vms=0) as sim:
        root = sim.root
        assert len({host.port for host in sim.hosts}) == 2
        assert client(sim, 1).echo("x") == "x"
    assert not root.exists()
    with pytest.raises(SimulatorError, match="addresses"):
        Simulator(hosts=3, addresses=["127.0.0.1:1"])


def test_default_addresses_share_one_port() -> None:
    with Simulator(hosts=3, vms=0) as sim:
        assert [host.address for host in sim.hosts] == ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
        assert len({host.port for host in sim.hosts}) == 1


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
def test_tls_1_0_as_old_agents_speak_it() -> None:
    import ssl
    import xmlrpc.client

    with Simulator(hosts=1, vms=0, tls="1.0") as sim:
        host = sim.hosts[0]
        url = f"https://{sim.user}:{sim.password}@{host.address}:{host.port}/"
        with pytest.raises(ssl.SSLError):
            client(sim).echo("x")
        context = ssl.create_default_context(cadata=host.certificate_pem)
        context.check_hostname = False
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        assert xmlrpc.client.ServerProxy(url, context=context).echo("x") == "x"


def test_seeded_and_added_vms(tmp_path: Path) -> None:
    with Simulator(hosts=2, root=tmp_path, vms=2, speed=50) as sim:
        agent = client(sim)
        (seeded,) = sim.domains(0)
        live = next(vm for vm in agent.list_vms() if vm["uuid"] == seeded["uuid"])
        assert sim.now() - float(live["start_time"]) > 3500
        folder = sim.add_vm("web", running_on=1, config={"memory": 300, "vif": None})
        config = agent.get_vm_config(sim.repository_id, folder)
        assert (config["OVM_simple_name"], config["name"], config["memory"]) == ("web", folder, 300)
        assert "vif" not in config
        (disk,) = config["disk"]
        path = disk.split(",")[0].removeprefix(f"file:/OVS/Repositories/{sim.repository_id}/")
        assert (sim.repository_path / path).stat().st_size == 8 << 20
        assert len(sim.domains(1)) == 2
        nameless = sim.add_vm("old", directory="old-one", config={"uuid": None, "memory": 128})
        agent.start_vm(sim.repository_id, nameless)
        first = {vm["name"]: vm["uuid"] for vm in agent.list_vms()}["old-one"]
        agent.stop_vm(sim.repository_id, nameless, True)
        agent.start_vm(sim.repository_id, nameless)
        assert {vm["name"]: vm["uuid"] for vm in agent.list_vms()}["old-one"] != first
        sim.guest(1, sim.domains(1)[0]["uuid"], "poweroff")
        until(sim, lambda: len(sim.domains(1)) == 1)


def test_ids_have_the_managers_form() -> None:
    with Simulator(hosts=1) as sim:
        assert sim.repository_id.startswith("0004fb0000030000")
        assert len(sim.repository_id) == 32
        assert len(sim.hosts[0].uuid.split(":")) == 16
        assert os.path.isdir(sim.repository_path / "VirtualMachines")
