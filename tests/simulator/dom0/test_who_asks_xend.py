"""Connections to xend and processes of dom0, also of those that were killed (xend.md 1.3, 3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from http.client import RemoteDisconnected
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import Background, Machine, until, watching
from tests.support import simulate

SOCKET = "/var/run/xend/xmlrpc.sock"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with simulate(hosts=1, vms=0, host_module=True) as simulator:
        yield simulator


def host_module(sim: Simulator, name: str) -> tuple[Any, Any]:
    """A module of the host module, and its host."""
    code = sim.hosts[0].code
    entry = code.load("agent.api.libcloud_ovm3").LibcloudOvm3
    return code.load(f"libcloud_ovm3_host.{name}"), entry.dom0


def connections(sim: Simulator) -> list[tuple[str, str]]:
    """State and inode of each connection to xend's socket."""
    _, dom0 = host_module(sim, "xend_sockets")
    text = dom0.read("/proc/net/unix").decode()
    form = rf"\w+: \w+ \w+ 00000000 0001 (\w\w) +(\d+) {SOCKET}"
    return re.findall(form, text)


def processes(sim: Simulator) -> list[str]:
    """The commands of all processes of dom0 that are about xend."""
    _, dom0 = host_module(sim, "xend_sockets")
    folder = sim.root / "hosts/0/kernel/proc"
    dom0.path("/proc")  # bring it up to date
    found = []
    for path in folder.glob("[0-9]*/cmdline"):
        words = path.read_text().split("\0")[:-1]
        stat = (path.parent / "stat").read_text().split()
        assert (stat[0], stat[1]) == (path.parent.name, f"({words[0][-15:]})")
        assert (int(stat[5]), int(stat[21])) >= (1, 0)  # its session, and when it began
        found.append(" ".join(words[:2]))
    return sorted(found)


def state_by_log(sim: Simulator, machine: Machine) -> str:
    observations, dom0 = host_module(sim, "observations")
    found: str = observations.log(dom0, machine.uuid, machine.vm, {})[0]
    return found


def works(sim: Simulator) -> str:
    observations, dom0 = host_module(sim, "observations")
    found: str = observations.works(dom0, {})
    return found


def lost(call: Callable[..., Any], *arguments: Any) -> None:
    """The connection is closed without an answer: who served it has been killed."""
    with pytest.raises((RemoteDisconnected, OSError)):
        call(*arguments)


def test_a_start_is_two_calls_of_one_process(sim: Simulator) -> None:
    machine = Machine(sim)
    seen = []
    with watching(sim):
        starting = Background(sim, machine.start)
        while not seen or seen[-1][1]:
            seen.append((connections(sim), processes(sim)))
            sim.wait(0.3)
        starting.finish()
    inodes = list(dict.fromkeys(inode for found, _ in seen for _, inode in found))
    assert len(inodes) == 2
    assert "0" not in inodes
    assert seen[0][1] == ["xm create"]
    assert connections(sim) == []
    assert works(sim) == "none"


WAYS = ["agent dies", "agent and xm die"]


@pytest.mark.parametrize("way", WAYS)
def test_killed_while_a_start_waits_for_xends_lock(sim: Simulator, way: str) -> None:
    machine, host = Machine(sim), sim.hosts[0]
    for fault in (way, "xend is busy"):
        host.inject(fault)
    log = (sim.root / "hosts/0/xend.log").read_text()
    lost(machine.start)
    assert machine.domains() == []
    assert (sim.root / "hosts/0/xend.log").read_text() == log
    assert state_by_log(sim, machine) == "closed"
    [(state, inode)] = connections(sim)
    assert (state, inode != "0") == ("03", True)
    assert processes(sim) == (["xm create"] if way == "agent dies" else [])
    assert works(sim) == "some"
    for fault in (way, "xend is busy"):
        host.inject(fault, False)
    until(sim, lambda: connections(sim) == [])
    wanted = 2 if way == "agent dies" else 1  # nobody is left to unpause it
    until(sim, lambda: [one["status"] for one in machine.domains()] == [wanted])
    sim.wait(300)
    assert [one["status"] for one in machine.domains()] == [wanted]
    assert (works(sim), state_by_log(sim, machine)) == ("none", "open")


@pytest.mark.parametrize("way", WAYS)
def test_killed_while_a_stop_or_a_change_waits(sim: Simulator, way: str) -> None:
    machine, host = Machine(sim), sim.hosts[0]
    machine.start()
    for fault in (way, "xend is busy"):
        host.inject(fault)
    lost(machine.stop)
    assert len(machine.domains()) == 1
    assert len(connections(sim)) == 1
    host.inject("xend is busy", False)
    until(sim, lambda: machine.domains() == [])
    host.inject(way, False)
    machine.start()
    host.inject(way)
    lost(machine.agent.configure_vm, machine.repo, machine.vm, {"cpu_weight": 5, "cpu_cap": 7})
    until(sim, lambda: processes(sim) == [])
    live = machine.agent.list_vm(machine.repo, machine.vm)
    done = "7" if way == "agent dies" else "0"  # one call of xend for each of them
    assert (live["cpu_weight"], live["cpu_cap"]) == ("5", done)
    kept = machine.agent.get_vm_config(machine.repo, machine.vm)
    assert "cpu_cap" not in kept or kept["cpu_cap"] != 7  # the file is the agent's own work


def test_killed_before_xm_reaches_xend(sim: Simulator) -> None:
    machine, host = Machine(sim), sim.hosts[0]
    for fault in ("agent dies", "xm is late"):
        host.inject(fault)
    lost(machine.start)
    assert (connections(sim), processes(sim)) == ([], ["xm create"])
    sim.wait(25)
    assert [one["status"] for one in machine.domains()] == [2]
    machine = Machine(sim)
    host.inject("agent dies", False)
    host.inject("agent and xm die")
    lost(machine.start)
    assert (connections(sim), processes(sim)) == ([], [])
    sim.wait(300)
    assert machine.domains() == []


def test_what_xend_has_not_accepted_has_no_inode(sim: Simulator) -> None:
    machine, host = Machine(sim), sim.hosts[0]
    for fault in ("agent and xm die", "xend accepts nothing"):
        host.inject(fault)
    lost(machine.start)
    assert connections(sim) == [("02", "0")]
    assert works(sim) == "some"
    host.inject("xend accepts nothing", False)
    until(sim, lambda: len(machine.domains()) == 1)


@pytest.mark.parametrize("what", ["xend", "host"])
def test_a_restart_ends_what_waits(sim: Simulator, what: str) -> None:
    machine, host = Machine(sim), sim.hosts[0]
    for fault in ("agent dies", "xend is busy" if what == "xend" else "xm is late"):
        host.inject(fault)
    lost(machine.start)
    if what == "xend":
        sim.restart_xend(0)
    else:
        host.reboot()
    for fault in ("agent dies", "xend is busy", "xm is late"):
        host.inject(fault, False)
    sim.wait(60)
    assert (machine.domains(), connections(sim), processes(sim)) == ([], [], [])


def test_killed_in_the_middle_of_a_vm_cfg(sim: Simulator) -> None:
    machine = Machine(sim)
    file = sim.repository_path / "VirtualMachines" / machine.vm / "vm.cfg"
    before = file.read_text()
    sim.hosts[0].inject("agent dies writing")
    lost(machine.agent.configure_vm, machine.repo, machine.vm, {"memory": 512})
    torn = file.read_text()
    assert before.startswith(torn[:20])
    assert len(torn) < len(before)
    assert not torn.endswith("\n")


def test_another_program_starts_a_vm(sim: Simulator) -> None:
    machine = Machine(sim)
    calls = len(sim.calls)
    with watching(sim):
        sim.other_program(0, "start_vm", machine.repo, machine.vm)
        sim.wait(0.1)
        assert len(connections(sim)) == 1
        sim.wait(5)
    assert len(machine.domains()) == 1
    assert len(sim.calls) == calls
    sim.other_program(0, "start_vm", machine.repo, machine.vm)  # refused, and nobody is told
    sim.wait(5)
    assert len(machine.domains()) == 1
