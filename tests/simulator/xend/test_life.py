"""What xend does with a domain's life (xend.md 1, 2, 3, 4)."""

from __future__ import annotations

import pytest

from libcloud_ovm3.simulator import Simulator, SimulatorError
from tests.simulator.plainclient import Background, Machine, client, fault_of, until, watching
from tests.support import simulate


def test_a_start_is_listed_while_it_is_built_and_answers_when_it_runs() -> None:
    with simulate(hosts=1, vms=0) as sim:
        machine = Machine(sim)
        seen = []
        with watching(sim):
            starting = Background(sim, machine.start)
            while not seen or seen[-1][1] != 2:
                seen += [(domain["state"], domain["status"]) for domain in machine.domains()]
                sim.wait(0.1)
            starting.finish()
        assert list(dict.fromkeys(seen))[:2] == [("------", 1), ("--p---", 1)]
        assert machine.domains()[0]["status"] == 2


def test_a_reboot_after_a_minute_comes_back_with_another_domid() -> None:
    with simulate(hosts=1, vms=0, off_seconds=25, reboot_gap=50, device_seconds=25) as sim:
        machine = Machine(sim)
        machine.start()
        before = machine.agent.list_vm(machine.repo, machine.vm)
        sim.wait(61)
        machine.agent.reboot_vm(machine.repo, machine.vm, 3)
        until(
            sim, lambda: [(d["state"], d["status"]) for d in machine.domains()] == [("---s--", 0)]
        )
        until(sim, lambda: machine.domains() == [])
        gone = sim.now()
        text = fault_of(machine.agent.stop_vm, machine.repo, machine.vm, True)
        assert f"Error: Domain '{machine.vm}' does not exist." in text
        until(sim, lambda: [d["state"] for d in machine.domains()] == ["--p---"])
        assert sim.now() - gone > 25
        until(sim, lambda: [d["status"] for d in machine.domains()] == [2])
        after = machine.agent.list_vm(machine.repo, machine.vm)
        assert int(after["domid"]) > int(before["domid"])
        assert float(after["start_time"]) > float(before["start_time"])
        for key in ("uuid", "name"):
            assert after[key] == before[key]
        assert after["device"]["vif"][0]["mac"] == before["device"]["vif"][0]["mac"]


def test_a_start_in_the_reboot_gap_makes_two_domains_of_one_uuid() -> None:
    with simulate(hosts=1, vms=0, reboot_gap=10) as sim:
        machine = Machine(sim)
        machine.start()
        sim.wait(61)
        machine.agent.reboot_vm(machine.repo, machine.vm, 3)
        until(sim, lambda: machine.domains() == [])
        machine.start()
        until(sim, lambda: len(machine.domains()) == 2)
        until(sim, lambda: [d["status"] for d in machine.domains()] == [2, 2])
        machine.stop()
        assert len(machine.domains()) == 1


def test_a_guest_younger_than_a_minute_is_destroyed_silently_at_reboot(pool: Simulator) -> None:
    machine = Machine(pool)
    machine.start()
    machine.agent.reboot_vm(machine.repo, machine.vm, 3)
    until(pool, lambda: machine.domains() == [])
    pool.wait(30)
    assert machine.domains() == []
    log = (pool.root / "hosts/0/xend.log").read_text()
    assert "restarting too fast" in log


def test_a_destroy_of_a_guest_that_is_off_and_restarts_is_followed_by_its_return() -> None:
    with simulate(hosts=1, vms=0, off_seconds=25) as sim:
        machine = Machine(sim)
        machine.start()
        sim.wait(61)
        sim.guest(0, machine.uuid, "reboot")
        machine.stop()
        assert machine.domains() == []
        until(sim, lambda: [d["status"] for d in machine.domains()] == [2])


def test_graceful_stop_of_willing_deaf_and_paused_guests(pool: Simulator) -> None:
    machine = Machine(pool)
    machine.start()
    pool.hosts[0].ignores_requests.add(machine.uuid)
    machine.stop(force=False)
    pool.wait(20)
    assert machine.domains()[0]["status"] == 2
    pool.hosts[0].ignores_requests.clear()
    until(pool, lambda: machine.domains() == [])
    machine.start()
    machine.agent.pause_vm(machine.repo, machine.vm)
    assert machine.domains()[0]["status"] == 1
    assert machine.domains()[0]["state"] in ("--p---", "-bp---")
    machine.stop(force=False)
    pool.wait(20)
    assert machine.domains()[0]["status"] == 1
    machine.agent.unpause_vm(machine.repo, machine.vm)
    assert machine.domains()[0]["status"] == 2
    machine.stop(force=True)
    assert machine.domains() == []


def test_actions_at_the_end_are_honoured(pool: Simulator) -> None:
    kept = Machine(pool, on_poweroff="preserve", memory="128")
    kept.start()
    pool.guest(0, kept.uuid, "poweroff")
    pool.wait(5)
    assert [(d["state"], d["status"]) for d in kept.domains()] == [("---s--", 0)]
    assert "cannot be shutdown" in fault_of(kept.agent.stop_vm, kept.repo, kept.vm, False)
    kept.stop()
    assert kept.domains() == []
    crashed = Machine(pool, on_crash="preserve", memory="128")
    crashed.start()
    pool.guest(0, crashed.uuid, "crash")
    assert [(d["state"], d["status"]) for d in crashed.domains()] == [("----c-", 5)]
    renamed = Machine(pool, on_reboot="rename-restart", memory="128")
    renamed.start()
    pool.wait(61)
    pool.guest(0, renamed.uuid, "reboot")
    until(pool, lambda: sorted(d["status"] for d in renamed.domains()) == [0, 2])
    assert any(d["name"].startswith("Domain-") for d in renamed.domains())


def test_letters_and_status_disagree_for_a_moment() -> None:
    with simulate(hosts=1, vms=1, off_seconds=5) as sim:
        (domain,) = sim.domains(0)
        sim.guest(0, domain["uuid"], "poweroff")
        (domain,) = sim.domains(0)
        assert (domain["state"], domain["status"]) == ("-b----", 0)


def test_no_host_knows_of_another(pool: Simulator) -> None:
    machine = Machine(pool)
    machine.start()
    client(pool, 1).start_vm(machine.repo, machine.vm)
    assert len(machine.domains(0)) == len(machine.domains(1)) == 1


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"memory": 90000}, "Not enough free memory and enable-dom0-ballooning is False"),
        ({"memory": 0}, "must be greater than zero"),
        ({"name": "a b"}, "Invalid VM Name"),
        ({"on_reboot": "sleep"}, "Invalid event handling mode: reboot"),
        ({"vif": ["mac=00:21:f6:00:00:01,bridge=nobr"]}, "Could not find bridge device nobr"),
        ({"vif": ["mac=00:21:f6:00:00:01,vlan=2"]}, "Invalid vif option: vlan"),
        ({"vif": ["mac=00:21:f6:00:00:01"] * 2}, "is already defined"),
        ({"disk": []}, "no disks are bootable"),
        ({"disk": ["file:/none.img,xvda,w"]}, "Disk isn't accessible"),
        ({"disk": ["file:/none.img,xvda,r!"]}, "Invalid mode"),
        ({"disk": ["file:/none.img,c,w"]}, "Unable to find number for device (c)"),
        ({"disk": ["file:/none.img"]}, "Invalid disk specifier: file:/none.img"),
        ({"disk": ["nbd:/none.img,xvda,w"]}, 'Block device type "nbd" is invalid.'),
        ({"builder": "hvm", "disk": ["file:/x.img,xvda,w"]}, "Disk image does not exist: /x.img"),
        ({"builder": "vmware"}, "unknown image type: vmware"),
    ],
)
def test_refusals_have_xends_texts(pool: Simulator, change: dict[str, object], text: str) -> None:
    machine = Machine(pool, **change)
    fault = fault_of(machine.agent.start_vm, machine.repo, machine.vm)
    assert fault.startswith("<type 'exceptions.RuntimeError'>:Command: ['xm', 'create', '/OVS/")
    assert "failed (1): stderr: Error: " in fault
    assert text in fault
    assert machine.domains() == []


def test_a_second_start_and_a_missing_second_disk_are_refused(pool: Simulator) -> None:
    machine = Machine(pool)
    machine.start()
    domid = machine.domains()[0]["domid"]
    text = fault_of(machine.agent.start_vm, machine.repo, machine.vm)
    assert f"Error: Domain '{machine.vm}' already exists with ID '{domid}'" in text
    other = Machine(pool, uuid=machine.uuid)
    text = fault_of(machine.agent.start_vm, machine.repo, other.vm)
    assert f"Error: Domain '{other.vm}' already exists with ID '{domid}'" in text
    machine.stop()
    disks = [f"file:{machine.disk},xvda,w", "file:/none.img,xvdb,w"]
    machine.agent.configure_vm(machine.repo, machine.vm, machine.config | {"disk": disks})
    text = fault_of(machine.agent.start_vm, machine.repo, machine.vm)
    assert "Device 51728 (vbd) could not be connected. /none.img does not exist." in text


@pytest.mark.parametrize(("version", "protected"), [("3.2.1", False), ("3.3.3", True)])
def test_a_disk_of_another_vm_is_protected_only_by_the_newer_xen(
    version: str, protected: bool
) -> None:
    with simulate(hosts=1, version=version, vms=0) as sim:
        machine = Machine(sim)
        machine.start()
        thief = Machine(sim, disk=[f"file:{machine.disk},xvda,w"])
        if protected:
            text = fault_of(thief.agent.start_vm, thief.repo, thief.vm)
            assert "which is mounted in a guest domain,\nand so cannot be mounted now." in text
        else:
            thief.start()


def test_memory_is_counted_and_waited_for() -> None:
    with simulate(hosts=1, vms=0, memory_mb=1722) as sim:
        first = Machine(sim, memory="600")
        first.start()
        second = Machine(sim, memory="600")
        begun = sim.now()
        text = fault_of(second.agent.start_vm, second.repo, second.vm)
        assert "I need 614400 KiB but only have 409600." in text
        assert sim.now() - begun > 23
        document = second.agent.discover_hardware()
        assert f"<FreePages>{400 * 256}</FreePages>" in document


def test_hot_changes_and_their_limits(pool: Simulator) -> None:
    machine = Machine(pool, memory="512", maxvcpus=2)
    machine.start()
    change = machine.agent.configure_vm
    assert change(machine.repo, machine.vm, {"memory": "256", "vcpus": 2}) is None
    live = machine.agent.list_vm(machine.repo, machine.vm)
    assert (live["memory"], live["online_vcpus"]) == ("256", "2")
    assert change(machine.repo, machine.vm, {"memory": 512}) is None
    assert "max vcpus" in fault_of(change, machine.repo, machine.vm, {"vcpus": 3})
    assert "memory_static_max" in fault_of(change, machine.repo, machine.vm, {"memory": 9000})
    assert machine.agent.get_vm_config(machine.repo, machine.vm)["vcpus"] == 2


def test_guests_do_only_what_guests_can_do(pool: Simulator) -> None:
    machine = Machine(pool)
    with pytest.raises(SimulatorError, match="no guest"):
        pool.guest(0, machine.uuid, "reboot")
    with pytest.raises(SimulatorError, match="dance"):
        pool.guest(0, machine.uuid, "dance")


def test_host_reboot_loses_what_a_real_one_loses() -> None:
    with simulate(hosts=1, secondary_mount=True) as sim:
        agent = client(sim)
        assert len(sim.domains(0)) == 2
        assert "/nfsmnt/" in agent.discover_mounted_file_systems("nfs")
        assert "169.254.0.1" in agent.discover_network()
        booted = agent.get_last_boot_time()["last_boot_time"]
        agent.sys_reboot()
        until(sim, lambda: sim.domains(0) == [])
        until(sim, lambda: sim.now() > sim.hosts[0].boot_time + 2)
        agent = client(sim)
        mounts = agent.discover_mounted_file_systems("nfs")
        assert "/nfsmnt/" not in mounts
        assert "/OVS/Repositories/" in mounts
        network = agent.discover_network()
        assert 'Name="control0"' in network
        assert "169.254.0.1" not in network
        assert agent.get_last_boot_time()["last_boot_time"] > booted
