"""What xend shows and does while a VM moves (xend.md 1.4, 4, 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import Background, Machine, client, fault_of, until, watching
from tests.support import simulate


@pytest.fixture
def move() -> Iterator[tuple[Simulator, Machine]]:
    """Two hosts and a running VM that takes 45 simulated seconds to move."""
    slow = {"build_seconds": 10, "transfer_mb_per_second": 10, "off_seconds": 10}
    with simulate(hosts=2, vms=0, device_seconds=3, **slow) as sim:
        machine = Machine(sim)
        machine.start()
        with watching(sim):
            yield sim, machine


def _target(sim: Simulator, host: int = 1) -> str:
    return sim.hosts[host].address


def _begin(machine: Machine, *more: Any) -> Background:
    """Migrate in a thread, up to where the target has the domain too."""
    agent = client(machine.sim, machine.host)
    target = _target(machine.sim)
    moving = Background(machine.sim, agent.migrate_vm, machine.repo, machine.vm, target, *more)
    until(machine.sim, lambda: len(machine.domains(1)) == 1)
    return moving


def _looks(machine: Machine, host: int) -> list[tuple[str, int]]:
    return [(domain["name"], domain["status"]) for domain in machine.domains(host)]


def test_both_sides_while_a_vm_moves(move: tuple[Simulator, Machine]) -> None:
    sim, machine = move
    before = machine.agent.list_vm(machine.repo, machine.vm)
    begun = sim.now()
    thread = _begin(machine)
    sources, targets = [], []
    while not thread.answers:
        sources += [(d["name"], d["status"]) for d in machine.domains(0)]
        targets += [(d["name"], d["state"], d["status"]) for d in machine.domains(1)]
        sim.wait(0.05)
    thread.finish()
    name = machine.vm
    assert list(dict.fromkeys(sources)) == [(f"migrating-{name}", 2), (f"migrating-{name}", 0)]
    assert list(dict.fromkeys(targets))[:2] == [(name, "------", 1), (name, "--p---", 1)]
    assert thread.answers == [""]
    assert sim.now() - begun > 25
    assert machine.domains(0) == []
    until(sim, lambda: _looks(machine, 1) == [(name, 2)])
    after = client(sim, 1).list_vm(machine.repo, machine.vm)
    assert after["start_time"] == before["start_time"]
    assert after["device"]["vif"] == before["device"]["vif"]
    assert after["device"]["vbd"] == before["device"]["vbd"]
    assert after["device"]["vfb"][0]["location"] == "0.0.0.0:5900"


@pytest.mark.parametrize("version", ["3.2.1", "3.3.3"])
@pytest.mark.parametrize("personality", ["plain", "awkward"])
def test_a_migration_there_and_back(version: str, personality: str) -> None:
    with simulate(hosts=2, vms=0, version=version, personality=personality, pool=True) as sim:
        machine = Machine(sim)
        machine.start()
        for source, target in ((0, 1), (1, 0)):
            agent = client(sim, source)
            name = sim.hosts[target].hostname if source else _target(sim, target)
            assert agent.migrate_vm(machine.repo, machine.vm, name, True, False) is None
            assert machine.domains(source) == []
            until(sim, lambda target=target: _looks(machine, target) == [(machine.vm, 2)])


def test_success_is_not_arrival(move: tuple[Simulator, Machine]) -> None:
    sim, machine = move
    sim.hosts[1].unmount_repository()  # its disks are not there: found when the source is gone
    thread = _begin(machine)
    thread.finish()
    assert thread.answers == [""]
    until(sim, lambda: not machine.domains(0) and not machine.domains(1))
    log = (sim.root / "hosts/1/xend.log").read_text()
    assert "(vbd) could not be connected." in log


@pytest.mark.parametrize("live", [False, True])
def test_lost_on_request(move: tuple[Simulator, Machine], live: bool) -> None:
    sim, machine = move
    sim.hosts[0].inject("migration loses")
    thread = _begin(machine, live)
    thread.finish()
    assert thread.answers == [""]
    until(sim, lambda: not machine.domains(0) and not machine.domains(1))


def test_a_migration_that_breaks_answers_timed_out_and_leaves_half_a_domain(
    move: tuple[Simulator, Machine],
) -> None:
    sim, machine = move
    sim.hosts[0].inject("migration breaks")
    thread = _begin(machine)
    thread.finish()
    assert "failed (1): stderr: Error: timed out" in thread.answers[0]
    assert _looks(machine, 0) == [(machine.vm, 2)]
    assert _looks(machine, 1) == [(machine.vm, 1)]
    until(sim, lambda: machine.domains(1) == [])
    sim.hosts[0].inject("migration breaks", False)
    machine.agent.migrate_vm(machine.repo, machine.vm, _target(sim))
    assert machine.domains(0) == []


@pytest.mark.parametrize("how", ["kill", "let"])
def test_a_cut_cable_leaves_half_a_domain_for_ever(
    move: tuple[Simulator, Machine], how: str
) -> None:
    sim, machine = move
    if how == "let":
        sim.hosts[0].inject("migration cut")
    thread = _begin(machine)
    if how == "kill":
        sim.hosts[1].kill()
    thread.finish()
    assert "Error: timed out" in thread.answers[0]
    sim.wait(60)
    assert _looks(machine, 0) == [(machine.vm, 2)]
    assert _looks(machine, 1) == [(machine.vm, 1)]
    sim.hosts[1].revive()
    client(sim, 1).stop_vm(machine.repo, machine.vm, True)
    assert machine.domains(1) == []


def test_a_deaf_guest_does_not_suspend(move: tuple[Simulator, Machine]) -> None:
    sim, machine = move
    sim.hosts[0].ignores_requests.add(machine.uuid)
    begun = sim.now()
    thread = _begin(machine)
    thread.finish()
    assert "Error: timed out" in thread.answers[0]
    assert sim.now() - begun > 25 + 61
    assert _looks(machine, 0) == [(machine.vm, 2)]
    assert "Timeout waiting for domain" in (sim.root / "hosts/0/xend.log").read_text()


def test_what_the_target_finds_before_the_transfer(move: tuple[Simulator, Machine]) -> None:
    sim, machine = move
    target = _target(sim)
    sim.hosts[1].inject("migration refused")
    text = fault_of(machine.agent.migrate_vm, machine.repo, machine.vm, target)
    assert text.endswith(f"xc_restore 4 1 1 2 0 0 0 failed (from {target})")
    sim.hosts[1].inject("migration refused", False)
    namesake = Machine(sim, host=1, name=machine.vm)
    namesake.start()
    text = fault_of(machine.agent.migrate_vm, machine.repo, machine.vm, target)
    assert text.endswith("xc_save 3 1 0 0 1 failed")
    namesake.stop()
    filler = Machine(sim, host=1, memory=3300)
    filler.start()
    begun = sim.now()
    text = fault_of(machine.agent.migrate_vm, machine.repo, machine.vm, target)
    assert "Not enough free memory and enable-dom0-ballooning is False" in text
    assert text.endswith(f"(from {target})")
    assert sim.now() - begun > 23
    assert _looks(machine, 0) == [(machine.vm, 2)]
    assert machine.domains(1) == []


def test_what_the_source_refuses(move: tuple[Simulator, Machine]) -> None:
    sim, machine = move
    call = machine.agent.migrate_vm
    text = fault_of(call, machine.repo, machine.vm, "127.0.0.99")
    assert "can't connect: [Errno 111] Connection refused" in text
    sim.hosts[1].kill()
    assert "can't connect" in fault_of(call, machine.repo, machine.vm, _target(sim))
    sim.hosts[1].revive()
    machine.agent.pause_vm(machine.repo, machine.vm)
    text = fault_of(call, machine.repo, machine.vm, _target(sim))
    assert "Error: Domain is not running" in text
    assert "not modelled" in fault_of(call, machine.repo, machine.vm, _target(sim, 0))
    assert _looks(machine, 0) == [(machine.vm, 1)]


def test_outside_a_pool_the_agent_does_not_migrate() -> None:
    with simulate(hosts=2, vms=0, pool=False) as sim:
        machine = Machine(sim)
        machine.start()
        text = fault_of(machine.agent.migrate_vm, machine.repo, machine.vm, _target(sim))
        assert "not in the same server pool" in text


def test_a_second_migration_of_the_same_vm_is_accepted(move: tuple[Simulator, Machine]) -> None:
    sim, machine = move
    thread = _begin(machine)
    second = Background(sim, client(sim).migrate_vm, machine.repo, machine.vm, _target(sim))
    until(sim, lambda: len(machine.domains(1)) == 2)
    assert _looks(machine, 0) == [(f"migrating-migrating-{machine.vm}", 2)]
    thread.finish()
    second.finish()
    assert thread.answers == [""]
    assert "Error: timed out" in second.answers[0]
    until(sim, lambda: _looks(machine, 1) == [(machine.vm, 2)])


def test_the_same_vm_over_there_is_not_refused(move: tuple[Simulator, Machine]) -> None:
    sim, machine = move
    client(sim, 1).start_vm(machine.repo, machine.vm)
    machine.agent.migrate_vm(machine.repo, machine.vm, _target(sim))
    until(sim, lambda: _looks(machine, 1) == [(machine.vm, 2)] * 2)


def test_unpause_releases_a_half_received_domain(move: tuple[Simulator, Machine]) -> None:
    sim, machine = move
    thread = _begin(machine)
    client(sim, 1).unpause_vm(machine.repo, machine.vm)
    thread.finish()
    assert "Error: timed out" in thread.answers[0]
    assert _looks(machine, 0) == _looks(machine, 1) == [(machine.vm, 2)]


def test_migration_into_a_reboot_gap_makes_two() -> None:
    with simulate(hosts=2, vms=0, reboot_gap=60, transfer_mb_per_second=50) as sim:
        machine = Machine(sim)
        client(sim, 1).start_vm(machine.repo, machine.vm)
        machine.start()
        sim.wait(61)
        sim.guest(1, machine.uuid, "reboot")
        until(sim, lambda: machine.domains(1) == [])
        machine.agent.migrate_vm(machine.repo, machine.vm, _target(sim))
        until(sim, lambda: _looks(machine, 1) == [(machine.vm, 2)] * 2)


@pytest.mark.parametrize("version", ["3.2.1", "3.3.3"])
def test_save_and_restore(version: str) -> None:
    with simulate(hosts=1, version=version, vms=0, transfer_mb_per_second=20) as sim:
        machine = Machine(sim)
        machine.start()
        started = machine.agent.list_vm(machine.repo, machine.vm)["start_time"]
        agent = client(sim)
        with watching(sim):
            saving = Background(sim, agent.save_vm, machine.repo, machine.vm)
            until(sim, lambda: _looks(machine, 0) == [(f"migrating-{machine.vm}", 2)])
            saving.finish()
        assert machine.domains() == []
        agent.restore_vm(machine.repo, machine.vm, True)
        assert _looks(machine, 0) == [(machine.vm, 1)]
        assert agent.list_vm(machine.repo, machine.vm)["start_time"] == started
        agent.unpause_vm(machine.repo, machine.vm)
        text = fault_of(agent.restore_vm, machine.repo, machine.vm, False)
        assert "already exists with ID '2'" in text
        agent.save_vm(machine.repo, machine.vm, True)
        assert _looks(machine, 0) == [(machine.vm, 2)]
        machine.stop()
        agent.restore_vm(machine.repo, machine.vm, False)  # the file is still there
        assert _looks(machine, 0) == [(machine.vm, 2)]


def test_a_save_that_fails_leaves_a_part_and_the_guest_goes_on(pool: Simulator) -> None:
    machine = Machine(pool)
    machine.start()
    pool.hosts[0].ignores_requests.add(machine.uuid)
    text = fault_of(machine.agent.save_vm, machine.repo, machine.vm)
    assert "Error: Timeout waiting for domain 1 to suspend" in text
    assert _looks(machine, 0) == [(machine.vm, 2)]
    machine.stop()
    text = fault_of(machine.agent.restore_vm, machine.repo, machine.vm, False)
    assert "not a valid guest state file" in text
    other = Machine(pool)
    text = fault_of(other.agent.restore_vm, other.repo, other.vm, False)
    assert "can't read guest state file /OVS/" in text
    other.start()
    other.agent.pause_vm(other.repo, other.vm)
    assert "not running" in fault_of(other.agent.save_vm, other.repo, other.vm)
    assert "No such file" in fault_of(other.agent.restore_vm, other.repo, "missing", False)


def test_a_migration_goes_on_in_the_simulators_next_life(tmp_path: Any) -> None:
    options: dict[str, Any] = {"hosts": 2, "root": tmp_path, "vms": 1}
    with simulate(transfer_mb_per_second=100, **options) as sim:
        machine = Machine(sim)
        machine.start()
        with watching(sim):
            thread = _begin(machine)
            assert _looks(machine, 0) == [(f"migrating-{machine.vm}", 2)]
            sim.stop()
    thread.join()
    with simulate(transfer_mb_per_second=100, **options) as sim:
        machine.sim = sim
        until(sim, lambda: _looks(machine, 1) == [(machine.vm, 2)])
        assert machine.domains(0) == []
