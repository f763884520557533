"""xend's global lock, its stale list, and what else goes wrong in it (xend.md 1.2-1.6, 2, 3, 6)."""

from __future__ import annotations

import contextlib
import re
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator, SimulatorError
from libcloud_ovm3.simulator.domain import FAULTS
from tests.simulator.plainclient import Background, Machine, client, fault_of, until, watching
from tests.support import simulate


def _try_start(machine: Machine) -> None:
    with contextlib.suppress(xmlrpc.client.Fault):
        client(machine.sim, machine.host).start_vm(machine.repo, machine.vm)


@pytest.fixture
def waiting() -> Any:
    """A host with a running guest, on which the start of another one waits for memory."""
    with simulate(hosts=1, vms=0, memory_mb=1722) as sim:
        machine = Machine(sim, memory="600")
        machine.start()
        greedy = Machine(sim, memory="600")
        with watching(sim):
            starting = Background(sim, _try_start, greedy)
            until(sim, lambda: greedy.domains() and sim.hosts[0].domains[-1].waited)
            yield sim, machine, greedy
            starting.finish()


def test_the_list_answers_at_once_but_a_single_look_waits(waiting: Any) -> None:
    sim, machine, greedy = waiting
    begun = sim.now()
    agent = client(sim)
    listed = {vm["name"]: (vm["state"], vm["status"]) for vm in agent.list_vms()}
    assert listed[greedy.vm] == ("------", "1")
    assert sim.now() - begun < 15
    assert agent.list_vm(machine.repo, machine.vm)["status"] == "2"
    assert sim.now() - begun > 15
    assert greedy.domains() == []


def test_the_list_is_old_while_the_lock_is_held(waiting: Any) -> None:
    sim, machine, _greedy = waiting
    sim.guest(0, machine.uuid, "poweroff")
    sim.wait(3)
    (vm,) = (vm for vm in client(sim).list_vms() if vm["name"] == machine.vm)
    assert (vm["state"], vm["status"]) == ("-b----", "0")  # letters of before, status of now
    until(sim, lambda: machine.domains() == [])
    assert not any(domain.waited for domain in sim.hosts[0].domains)  # the lock is free again


def test_starts_and_stops_wait_for_the_lock(waiting: Any) -> None:
    sim, machine, _greedy = waiting
    begun = sim.now()
    machine.stop()
    assert sim.now() - begun > 10


def test_another_start_lengthens_a_reboot_gap() -> None:
    with simulate(hosts=1, vms=0, memory_mb=1722, reboot_gap=10) as sim:
        machine = Machine(sim, memory="300")
        machine.start()
        Machine(sim, memory="400").start()
        sim.wait(61)
        greedy = Machine(sim, memory="900")
        sim.guest(0, machine.uuid, "reboot")
        until(sim, lambda: machine.domains() == [])
        with watching(sim):
            starting = Background(sim, _try_start, greedy)
            gone = sim.now()
            until(sim, lambda: [d["status"] for d in machine.domains()] == [2])
            assert sim.now() - gone > 15
            starting.finish()


@pytest.mark.parametrize("answer", ["found by uuid", "does not exist"])
def test_a_vm_that_xend_knows_under_another_name(answer: str) -> None:
    answers = {"a VM under another name": answer}
    with simulate(hosts=1, vms=0, answers=answers) as sim:
        machine = Machine(sim)
        machine.start()
        sim.hosts[0].inject("destroy fails")
        machine.stop()  # success
        (left,) = machine.domains()
        assert (left["name"], left["status"]) == ("Domain-Unnamed", 1)
        assert left["state"] in ("--p---", "-bp---")
        (vm,) = (vm for vm in machine.agent.list_vms() if vm["uuid"] == machine.uuid)
        assert vm["device"] == {}
        sim.hosts[0].inject("destroy fails", False)
        if answer == "found by uuid":
            machine.stop()
            assert machine.domains() == []
        else:
            text = fault_of(machine.agent.stop_vm, machine.repo, machine.vm, True)
            assert f"Error: Domain '{machine.vm}' does not exist." in text
        assert machine.agent.list_vm(machine.repo, machine.vm) is None


def test_a_list_that_faults_as_a_whole(pool: Simulator) -> None:
    machine = Machine(pool)
    machine.start()
    pool.hosts[0].inject("list faults")
    assert "Error: Device 0 not connected" in fault_of(machine.agent.list_vms)
    text = fault_of(machine.agent.stop_vm, machine.repo, machine.vm, True)
    assert "Device 0 not connected" in text
    assert len(client(pool, 1).list_vms()) == 1
    pool.hosts[0].inject("list faults", False)
    assert len(machine.agent.list_vms()) == 2


@pytest.mark.parametrize(("vfb", "faults"), [(["type=vnc"], True), ([], False)])
def test_a_rename_restart_of_a_guest_with_a_screen_spoils_the_list(
    pool: Simulator, vfb: list[str], faults: bool
) -> None:
    machine = Machine(pool, on_reboot="rename-restart", vfb=vfb)
    machine.start()
    pool.wait(61)
    pool.guest(0, machine.uuid, "reboot")
    until(pool, lambda: sorted(d["status"] for d in machine.domains()) == [0, 2])
    if faults:
        assert "Device 0 not connected" in fault_of(machine.agent.list_vms)
    else:
        assert len(machine.agent.list_vms()) == 3


def test_backends_outlive_their_domain() -> None:
    with simulate(hosts=2, vms=0, backend_seconds=20) as sim:
        machine = Machine(sim)
        thief = Machine(sim, disk=[f"file:{machine.disk},xvda,w"])
        machine.start()
        machine.stop()
        assert machine.domains() == []
        text = fault_of(thief.agent.start_vm, thief.repo, thief.vm)
        assert "which is mounted in a guest domain" in text
        busy = fault_of(thief.agent.unmount_repository_fs, machine.top)
        assert "device is busy" in busy
        machine.start()  # the same VM always may
        machine.stop()
        sim.wait(21)
        thief.start()


def test_start_faults(pool: Simulator) -> None:
    host, machine = pool.hosts[0], Machine(pool)
    host.inject("devices hang")
    begun = pool.now()
    text = fault_of(machine.agent.start_vm, machine.repo, machine.vm)
    assert "Device 0 (vif) could not be connected. Hotplug scripts not working." in text
    assert pool.now() - begun > 100
    host.inject("devices hang", False)
    host.inject("qemu dies")
    assert machine.start() is None  # success
    until(pool, lambda: machine.domains() == [])
    host.inject("qemu dies", False)
    host.inject("xm dies")
    assert "failed (-9)" in fault_of(machine.agent.start_vm, machine.repo, machine.vm)
    pool.wait(60)
    assert [(d["state"], d["status"]) for d in machine.domains()] == [("--p---", 1)]
    machine.agent.unpause_vm(machine.repo, machine.vm)
    assert [d["status"] for d in machine.domains()] == [2]


def test_two_screens_on_one_port(pool: Simulator) -> None:
    fixed = {"vfb": ["type=vnc,vncunused=0"], "memory": 128}
    first, second = Machine(pool, **fixed), Machine(pool, **fixed)
    first.start()
    second.start()  # success, and yet
    until(pool, lambda: second.domains() == [])
    assert first.agent.list_vm(first.repo, first.vm)["device"]["vfb"][0]["location"].endswith(
        ":5900"
    )


def test_a_core_dump_takes_its_time(pool: Simulator) -> None:
    machine = Machine(pool, on_crash="coredump-restart", memory=128)
    machine.start()
    pool.wait(61)
    domid = machine.domains()[0]["domid"]
    pool.guest(0, machine.uuid, "crash")
    pool.wait(5)
    assert [(d["state"], d["status"]) for d in machine.domains()] == [("----c-", 5)]
    (core,) = (pool.root / "hosts/0/disk/var/xen/dump" / machine.vm).iterdir()
    assert core.stat().st_size == 128 << 20
    until(pool, lambda: [d["status"] for d in machine.domains()] == [2])
    assert machine.domains()[0]["domid"] > domid


def test_keys_and_triggers(pool: Simulator) -> None:
    machine = Machine(pool)
    call, repo, vm = machine.agent, machine.repo, machine.vm
    assert "does not exist" in fault_of(call.sysrq_vm, repo, vm, "s")
    machine.start()
    assert call.sysrq_vm(repo, vm, "s") is None
    assert call.trigger_vm(repo, vm, "nmi", 0) is None
    assert "Invalid trigger: x" in fault_of(call.trigger_vm, repo, vm, "x", 0)
    assert [d["status"] for d in machine.domains()] == [2]
    call.trigger_vm(repo, vm, "power", 0)
    until(pool, lambda: machine.domains() == [])
    machine.start()
    pool.wait(61)
    domid = machine.domains()[0]["domid"]
    call.sysrq_vm(repo, vm, "b")
    until(pool, lambda: [d["status"] for d in machine.domains()] == [2])
    assert machine.domains()[0]["domid"] > domid
    pool.guest(0, machine.uuid, "poweroff")
    assert "Error: Domain" in fault_of(call.sysrq_vm, repo, vm, "s")


def test_a_restart_of_xend_changes_what_it_shows() -> None:
    with simulate(hosts=1, vms=0, reboot_gap=60) as sim:
        machine = Machine(sim, cpu_weight=500, cpu_cap=50)
        machine.start()
        sim.restart_xend(0)
        live = machine.agent.list_vm(machine.repo, machine.vm)
        assert (live["cpu_weight"], live["cpu_cap"]) == ("256", "0")
        assert not {"store_mfn", "console_mfn", "description"} & live.keys()
        sim.wait(61)
        sim.guest(0, machine.uuid, "reboot")
        until(sim, lambda: machine.domains() == [])
        until(sim, lambda: [d["status"] for d in machine.domains()] == [2])
        live = machine.agent.list_vm(machine.repo, machine.vm)
        assert (live["cpu_weight"], "store_mfn" in live) == ("256", True)  # really so now
        sim.wait(61)
        sim.guest(0, machine.uuid, "reboot")
        until(sim, lambda: machine.domains() == [])
        sim.restart_xend(0)  # in the gap: the thread that would build it again is gone
        sim.wait(80)
        assert machine.domains() == []


@pytest.mark.parametrize(("version", "refused"), [("3.2.1", False), ("3.3.3", True)])
def test_an_interface_name_in_use(version: str, refused: bool) -> None:
    with simulate(hosts=1, vms=0, version=version) as sim:
        first = Machine(sim, vif=["mac=00:21:f6:00:00:01,vifname=web"], memory=128)
        first.start()
        other = Machine(sim, vif=["mac=00:21:f6:00:00:02,vifname=web"], memory=128)
        if refused:
            text = fault_of(other.agent.start_vm, other.repo, other.vm)
            assert "An interface with name web already exists." in text
        else:
            other.start()


def test_faults_survive_and_have_names(tmp_path: Path) -> None:
    with simulate(hosts=1, vms=0, root=tmp_path) as sim:
        sim.hosts[0].inject("list faults")
        with pytest.raises(SimulatorError, match="no such"):
            sim.hosts[0].inject("no such")
    with simulate(hosts=1, vms=0, root=tmp_path) as sim:
        assert sim.hosts[0].faults == {"list faults"}


def test_every_fault_is_documented_and_tested() -> None:
    text = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text()
    tests = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    for word, meaning in FAULTS.items():
        assert f"| {word} | {meaning} |" in text
        assert re.search(rf'"{word}"', tests), word


def test_a_memory_wait_grows_with_the_shortage() -> None:
    with simulate(hosts=1, vms=0, memory_mb=8192) as sim:
        Machine(sim, memory=4096).start()
        begun = sim.now()
        greedy = Machine(sim, memory=7000)
        assert "Not enough" in fault_of(greedy.agent.start_vm, greedy.repo, greedy.vm)
        assert 130 < sim.now() - begun < 260
