"""Real machines follow xend's records, and xend follows them. QEMU is played; no root is needed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

import pytest

from libcloud_ovm3.simulator import (
    SimulatedTime,
    Simulator,
    SimulatorError,
    __main__,
    network,
)
from libcloud_ovm3.simulator.machines import links, machines
from tests.simulator.plainclient import client
from tests.support import eventually

PLAYED = Path(__file__).with_name("played_qemu.py")


@pytest.fixture
def sim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    program = tmp_path / "bin/qemu-system-x86_64"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {PLAYED} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(machines, "check", lambda: None)
    monkeypatch.setattr(machines, "_TICK_SECONDS", 0.01)
    root = tmp_path / "root"
    options: dict[str, Any] = {"machines": "qemu", "speed": 50, "minimum_restart_seconds": 0}
    with Simulator(1, root=root, vms=0, **options) as simulator:
        yield simulator


def started(sim: Simulator, **config: Any) -> tuple[str, Path]:
    """A VM with a real guest: its id, and the folder of what its QEMU was told."""
    config = {"vif": [], "on_crash": "destroy", **config}
    vm_id = sim.add_vm("web", running_on=0, config=config)
    domain = sim.hosts[0].domains[-1]
    folder = sim.hosts[0].folder / "guests" / domain.uuid
    eventually(lambda: "cont" in told(folder))
    return vm_id, folder


def told(folder: Path) -> list[str]:
    path = folder / "told"
    return path.read_text().split() if path.exists() else []


def states(sim: Simulator) -> list[tuple[int, int]]:
    return [(domain["domid"], domain["status"]) for domain in sim.domains(0)]


def processes(root: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "-no-reboot" in text and str(root) in text:
            found.append(text)
    return found


def test_xend_and_the_machine_tell_each_other(sim: Simulator) -> None:
    vm_id, folder = started(sim, on_reboot="restart")
    agent = client(sim)
    agent.pause_vm(sim.repository_id, vm_id)
    agent.unpause_vm(sim.repository_id, vm_id)
    assert told(folder) == ["qmp_capabilities", "cont", "stop", "cont"]

    # The guest reboots by itself: xend's gap, then a new domain and a new QEMU.
    (folder / "reset").touch()
    eventually(lambda: states(sim) == [(2, 2)])
    eventually(lambda: told(folder)[4:] == ["qmp_capabilities", "cont"])
    assert len(processes(sim.root)) == 1
    log = (sim.hosts[0].folder / "xend.log").read_text()
    assert re.findall("reason=reboot|Adding Domain: 2", log) == [
        "reason=reboot",
        "Adding Domain: 2",
    ]

    # A request to reboot is the power button, too; the guest that powers off comes back.
    agent.reboot_vm(sim.repository_id, vm_id, 0)
    eventually(lambda: states(sim) == [(3, 2)])
    eventually(lambda: told(folder)[6:] == ["system_powerdown", "qmp_capabilities", "cont"])

    # A guest that ignores requests goes on; one that does not is off for good.
    [domain] = sim.hosts[0].domains
    sim.hosts[0].ignores_requests.add(domain.uuid)
    agent.stop_vm(sim.repository_id, vm_id)
    assert states(sim) == [(3, 2)]
    sim.hosts[0].ignores_requests.clear()
    eventually(lambda: states(sim) == [])
    assert processes(sim.root) == []
    assert told(folder)[9:] == ["system_powerdown"]


def test_a_cd_is_changed_in_the_machine(sim: Simulator) -> None:
    iso = f"/OVS/Repositories/{sim.repository_id}/ISOs/other.iso"
    (sim.repository_path / "ISOs/other.iso").write_bytes(b"x")
    vm_id, folder = started(sim, disk=[",xvdc:cdrom,r"])
    agent = client(sim)
    missing = iso.replace("other", "missing")
    for disk in (f"file:{iso},xvdc:cdrom,r", f"file:{missing},xvdc:cdrom,r", ",xvdc:cdrom,r"):
        config = agent.get_vm_config(sim.repository_id, vm_id)
        agent.configure_vm(sim.repository_id, vm_id, {**config, "disk": [disk]})
    eventually(lambda: told(folder)[2:] == ["eject", "blockdev-change-medium", *2 * ["eject"]])


def test_what_a_machine_cannot_do_is_refused(sim: Simulator) -> None:
    vm_id, folder = started(sim)
    agent = client(sim)
    with pytest.raises(Fault, match="not modelled by the simulator with machines: migration"):
        agent.migrate_vm(sim.repository_id, vm_id, "127.0.0.9", True)
    with pytest.raises(Fault, match="not modelled by the simulator with machines: saving"):
        agent.save_vm(sim.repository_id, vm_id, False)
    config = agent.get_vm_config(sim.repository_id, vm_id)
    with pytest.raises(Fault, match="not modelled by the simulator with machines: detaching a vbd"):
        agent.configure_vm(sim.repository_id, vm_id, {**config, "disk": []})
    assert told(folder) == ["qmp_capabilities", "cont"]


def test_a_machine_that_dies_is_a_crash_and_says_why(sim: Simulator) -> None:
    _, folder = started(sim)
    (folder / "break").touch()
    eventually(lambda: states(sim) == [])
    log = (sim.hosts[0].folder / "xend.log").read_text()
    assert "device model failed: qemu: no more memory" in log


def test_destroy_and_the_end_of_the_simulator_kill(sim: Simulator) -> None:
    vm_id, _ = started(sim)
    client(sim).stop_vm(sim.repository_id, vm_id, True)
    assert processes(sim.root) == []
    started(sim)
    sim.stop()
    assert processes(sim.root) == []
    with Simulator(1, root=sim.root) as again:  # it is off
        assert states(again) == []


def test_guests_end_with_a_simulator_that_is_killed(sim: Simulator, tmp_path: Path) -> None:
    program = f"""
import threading
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.machines import machines
machines.check = lambda: None
with Simulator(1, root={str(tmp_path / "killed")!r}, vms=0, machines="qemu") as sim:
    sim.add_vm("web", running_on=0, config={{"vif": []}})
    threading.Event().wait()
"""
    child = subprocess.Popen([sys.executable, "-c", program])
    try:
        eventually(lambda: list((tmp_path / "killed").glob("hosts/0/guests/*/told")))
        assert len(processes(tmp_path / "killed")) == 1
    finally:
        child.kill()
        child.wait()
    eventually(lambda: processes(tmp_path / "killed") == [])


def test_a_bridge_that_this_machine_lacks_is_refused(sim: Simulator) -> None:
    bridge = next(iter(sim.hosts[0].records["network"]["bridges"]))
    vm_id = sim.add_vm("web", config={"vif": [f"mac=00:21:f6:00:00:01,bridge={bridge}"]})
    with pytest.raises(Fault, match=f"Could not find bridge device {bridge}"):
        client(sim).start_vm(sim.repository_id, vm_id)


def test_dom0_has_seen_what_this_machine_has_seen(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = next(iter(sim.hosts[0].records["network"]["bridges"]))
    mac, other = "00:21:f6:00:00:0a", "00:21:f6:00:00:0b"
    said: list[tuple[str, ...]] = []
    table = [
        {"dst": "192.0.2.1", "dev": bridge, "lladdr": mac, "state": ["STALE"]},
        {"dst": "192.0.2.2", "dev": bridge, "lladdr": mac, "state": ["FAILED"]},
        {"dst": "192.0.2.3", "dev": "eth0", "lladdr": mac, "state": ["REACHABLE"]},
        {"dst": "192.0.2.4", "dev": bridge, "lladdr": other, "state": ["REACHABLE"]},
        {"dst": "192.0.2.5", "dev": bridge, "state": ["INCOMPLETE"]},
    ]

    def ip(*words: str) -> str:
        said.append(words)
        return json.dumps(table)

    monkeypatch.setattr(links, "_ip", ip)
    monkeypatch.setattr(links, "known_devices", lambda: {bridge})
    started(sim, vif=[f"mac={mac.upper()},bridge={bridge}"])
    [(*first, tap, master, to, up)] = said
    assert (first, master, to, up) == (["link", "set"], "master", bridge, "up")
    assert len(tap) <= 15  # the kernel's limit
    found = network.neighbours(sim.hosts[0])
    assert found == [("192.0.2.1", mac, bridge, True), ("192.0.2.2", mac, bridge, False)]


def test_the_command_line_has_them() -> None:
    simulator, _ = __main__._simulator(__main__.arguments().parse_args(["--machines", "qemu"]))
    assert simulator._with_machines
    assert not Simulator(1)._with_machines


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"machines": "kvm"}, "machines must be None or"),
        ({"machines": "qemu", "clock": SimulatedTime()}, "no clock"),
    ],
)
def test_machines_need_real_time(options: Any, text: str) -> None:
    with pytest.raises(SimulatorError, match=text):
        Simulator(1, **options)


def test_what_this_machine_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SimulatorError, match="the program qemu-system-x86_64 "):
        machines.check()
    monkeypatch.setattr(shutil, "which", lambda program: program)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SimulatorError, match="needs root"):
        machines.check()
