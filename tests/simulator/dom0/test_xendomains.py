"""Guests that their host saves when it is rebooted in order, and restores (xend.md 9)."""

from __future__ import annotations

from pathlib import Path

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.simulator.dom0.test_who_asks_xend import host_module
from tests.simulator.plainclient import Machine, client, until
from tests.support import simulate


def comebacks(sim: Simulator, machine: Machine) -> str:
    observations, dom0 = host_module(sim, "observations")
    found: str = observations.comebacks(dom0, machine.uuid, machine.vm)
    return found


def link(sim: Simulator, machine: Machine) -> Path:
    folder = sim.dom0(0) / "etc/xen/auto"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "10-web"
    file.symlink_to(f"{machine.top}/VirtualMachines/{machine.vm}/vm.cfg")
    return file


def estate(version: str = "3.3.3", xendomains: bool = True) -> Simulator:
    options = {"version": version, "xendomains": xendomains}
    return simulate(hosts=1, vms=0, host_module=True, **options)


@pytest.mark.parametrize("version", ["3.2.1", "3.3.3"])
def test_saved_in_order_and_back_with_its_old_memory(version: str) -> None:
    with estate(version) as sim:
        machine, other = Machine(sim), Machine(sim)
        for one in (machine, other):
            one.start()
        before = machine.agent.list_vm(machine.repo, machine.vm)
        if version == "3.3.3":  # only those are saved
            link(sim, machine).with_name("nowhere").symlink_to("/no/such.cfg")
        saved = sim.dom0(0) / "var/lib/xen/save"
        sim.hosts[0].reboot()
        both = [machine.vm, other.vm] if version == "3.2.1" else [machine.vm]
        assert sorted(file.name for file in saved.iterdir()) == sorted(both)
        assert (machine.domains(), comebacks(sim, machine)) == ([], "some")
        until(sim, lambda: [one["status"] for one in machine.domains()] == [2])
        sim.wait(20)
        after = client(sim).list_vm(machine.repo, machine.vm)
        assert after["start_time"] == before["start_time"]
        assert [bool(one.domains()) for one in (machine, other)] == [True, len(both) == 2]
        assert (list(saved.iterdir()), len(machine.domains())) == ([], 1)


def test_after_a_crash_only_what_is_linked_is_started() -> None:
    with estate() as sim:
        machine, other = Machine(sim), Machine(sim)
        for one in (machine, other):
            one.start()
        link(sim, machine)
        before = machine.agent.list_vm(machine.repo, machine.vm)
        sim.hosts[0].reboot(in_order=False)
        until(sim, lambda: [one["status"] for one in machine.domains()] == [2])
        assert client(sim).list_vm(machine.repo, machine.vm)["start_time"] != before["start_time"]
        assert other.domains() == []


def test_off_nothing_comes_back() -> None:
    with estate("3.2.1", xendomains=False) as sim:
        machine = Machine(sim)
        machine.start()
        sim.hosts[0].reboot()
        sim.wait(100)
        assert machine.domains() == []
