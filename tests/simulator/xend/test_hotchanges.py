"""configure_vm on a live VM: texts and silent traps (xend.md 2, 5)."""

from __future__ import annotations

from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import Machine, client, fault_of, until
from tests.support import simulate


@pytest.fixture
def machine(pool: Simulator) -> Machine:
    """A running VM with room to grow."""
    made = Machine(pool, memory="256", maxmem=1024, vcpus=2, maxvcpus=4)
    made.start()
    return made


def _live(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = client(machine.sim).list_vm(machine.repo, machine.vm)
    return found


def _change(machine: Machine, **params: Any) -> None:
    client(machine.sim).configure_vm(machine.repo, machine.vm, params)


def _refusal(machine: Machine, **params: Any) -> str:
    return fault_of(client(machine.sim).configure_vm, machine.repo, machine.vm, params)


def _disk(machine: Machine, name: str) -> str:
    path = f"{machine.top}/VirtualDisks/{name}"
    source = f"{machine.top}/Templates/oracle-linux-6.raw"
    machine.agent.copy_file(source, path, True)
    return path


def _units(machine: Machine) -> list[str]:
    return [vbd["dev"] for vbd in _live(machine)["device"]["vbd"]]


def _macs(machine: Machine) -> list[str]:
    return [vif["mac"] for vif in _live(machine)["device"].get("vif", [])]


def test_memory_is_a_target(machine: Machine) -> None:
    sim = machine.sim
    free = "FreePages>{}<".format
    _change(machine, memory=512)
    assert _live(machine)["memory"] == "512"
    sim.hosts[0].ignores_requests.add(machine.uuid)
    _change(machine, memory="256")
    assert _live(machine)["memory"] == "256"  # the target
    whole = 4096 - 722
    assert free((whole - 512) * 256) in machine.agent.discover_hardware()  # what Xen has
    assert "memory_static_max" in _refusal(machine, memory=1025)
    assert "memory_static_max" in _refusal(machine, maxmem=100)


def test_growth_waits_for_memory_with_the_lock_held(machine: Machine) -> None:
    sim = machine.sim
    Machine(sim, memory=whole_but(sim, 356)).start()
    begun = sim.now()
    text = _refusal(machine, memory=1000)
    assert "Not enough free memory" in text
    assert sim.now() - begun > 23
    assert _live(machine)["memory"] == "256"


def whole_but(sim: Simulator, left_mb: int) -> int:
    """All of a host's memory for guests but so much."""
    return sim.hosts[0].settings.memory_mb - sim.hosts[0].settings.dom0_memory_mb - left_mb


def test_vcpus_are_a_request(machine: Machine) -> None:
    _change(machine, vcpus=3)
    assert (_live(machine)["vcpus"], _live(machine)["online_vcpus"]) == ("4", "3")
    machine.sim.hosts[0].ignores_requests.add(machine.uuid)
    _change(machine, vcpus=1)
    assert _live(machine)["online_vcpus"] == "3"
    assert "greater than max vcpus" in _refusal(machine, vcpus=5)
    assert "Zero or less VCPUs" in _refusal(machine, vcpus=0)


def test_weight_cap_and_pins(machine: Machine) -> None:
    _change(machine, cpu_weight=100, cpu_cap=350, cpus="0-1,^0")
    live = _live(machine)
    assert (live["cpu_weight"], live["cpu_cap"]) == ("100", "350")
    assert live["cpus"] == [["1"]] * 4
    assert "Cpu weight out of range" in _refusal(machine, cpu_weight=65536)
    assert "Cpu cap out of range" in _refusal(machine, cpu_cap=401)
    assert "Cannot pin vcpu: 0 to cpu: [7]" in _refusal(machine, cpus="7")


def test_what_was_changed_before_a_refusal_stays_and_the_file_is_a_question() -> None:
    for answer, memory in (("leaves the file", 256), ("changes the file", 128)):
        answers = {"configure_vm refused by xend": answer}
        with simulate(hosts=1, vms=0, answers=answers) as sim:
            machine = Machine(sim)
            machine.start()
            assert "max vcpus" in _refusal(machine, memory=128, vcpus=8)
            assert _live(machine)["memory"] == "128"
            config = machine.agent.get_vm_config(machine.repo, machine.vm)
            assert config["memory"] == memory


def test_disks_come_and_go(machine: Machine) -> None:
    first = machine.config["disk"]
    second = _disk(machine, "second.raw")
    _change(machine, disk=[*first, f"file:{second},xvdb,w"])
    assert _units(machine) == ["xvda:disk", "xvdb:disk"]
    assert "is already used" in _refusal(
        machine, disk=[*first, f"file:{second},xvdb,w", f"file:{second},xvdc,w"]
    )
    text = _refusal(machine, disk=[*first, f"file:{second},xvdb,r"])
    assert "Refusing to reconfigure device vbd:51728 to {" in text
    _change(machine, disk=first)
    assert _units(machine) == ["xvda:disk"]
    machine.agent.pause_vm(machine.repo, machine.vm)
    _change(machine, disk=[*first, f"file:{second},xvdb,w"])
    assert _units(machine) == ["xvda:disk", "xvdb:disk"]


def test_an_attach_that_fails_is_listed_for_a_moment(machine: Machine) -> None:
    first = machine.config["disk"]
    text = _refusal(machine, disk=[*first, "file:/none.raw,xvdb,w"])
    assert "Device 51728 (vbd) could not be connected. /none.raw does not exist." in text
    until(machine.sim, lambda: _units(machine) == ["xvda:disk"])
    machine.sim.hosts[0].inject("devices hang")
    begun = machine.sim.now()
    text = _refusal(machine, disk=[*first, f"file:{_disk(machine, 'b.raw')},xvdb,w"])
    assert "could not be connected. Hotplug scripts not working." in text
    assert machine.sim.now() - begun > 100


def test_a_disk_of_another_vm_is_refused_where_xend_looks(machine: Machine) -> None:
    other = Machine(machine.sim, memory=128)
    other.start()
    disk = [*machine.config["disk"], f"file:{other.disk},xvdb,w"]
    assert "which is mounted in a guest domain" in _refusal(machine, disk=disk)
    away = Machine(machine.sim, host=1, memory=128)
    away.start()  # no test against other hosts
    _change(machine, disk=[*machine.config["disk"], f"file:{away.disk},xvdb,w"])
    assert _units(machine)[:1] == ["xvda:disk"]


def test_a_detach_that_times_out_stays_asked_for(machine: Machine) -> None:
    sim, first = machine.sim, machine.config["disk"]
    _change(machine, disk=[*first, f"file:{_disk(machine, 'b.raw')},xvdb,w"])
    sim.hosts[0].ignores_requests.add(machine.uuid)
    begun = sim.now()
    text = _refusal(machine, disk=first)
    assert text.endswith("Error: Device 51728 (vbd) could not be disconnected. ")
    assert sim.now() - begun > 100
    assert _units(machine) == ["xvda:disk", "xvdb:disk"]
    sim.hosts[0].ignores_requests.clear()
    until(sim, lambda: _units(machine) == ["xvda:disk"])


def test_a_late_detach(machine: Machine) -> None:
    first = machine.config["disk"]
    _change(machine, disk=[*first, f"file:{_disk(machine, 'b.raw')},xvdb,w"])
    machine.sim.hosts[0].inject("detach is late")
    assert "could not be disconnected. " in _refusal(machine, disk=first)
    assert _units(machine) == ["xvda:disk", "xvdb:disk"]
    until(machine.sim, lambda: _units(machine) == ["xvda:disk"], 60)


def test_cd_media_change_without_waiting(pool: Simulator) -> None:
    iso = f"/OVS/Repositories/{pool.repository_id}/ISOs/oracle-linux-6-boot.iso"
    machine = Machine(pool)
    first = machine.config["disk"]
    machine.agent.configure_vm(machine.repo, machine.vm, {"disk": [*first, ",xvdb:cdrom,r"]})
    machine.start()
    assert "uname" not in _live(machine)["device"]["vbd"][1]
    _change(machine, disk=[*first, f"file:{iso},xvdb:cdrom,r"])
    assert _live(machine)["device"]["vbd"][1]["uname"] == f"file:{iso}"
    assert "Refusing" in _refusal(machine, disk=[*first, f"file:{iso},xvdb:cdrom,w"])
    _change(machine, disk=[*first, ",xvdb:cdrom,r"])
    assert "uname" not in _live(machine)["device"]["vbd"][1]


NICS = [f"mac=00:21:f6:00:00:0{number}" for number in range(1, 5)]


@pytest.mark.parametrize("version", ["3.2.1", "3.3.3"])
@pytest.mark.parametrize("answer", ["by device id", "by MAC"])
def test_detaching_a_nic_after_an_earlier_one(answer: str, version: str) -> None:
    answers = {"NICs are detached": answer}
    with simulate(hosts=1, vms=0, version=version, answers=answers) as sim:
        machine = Machine(sim, vif=NICS)
        machine.start()
        _change(machine, vif=NICS[1:])
        assert [mac[-1] for mac in _macs(machine)] == ["2", "3", "4"]
        if answer == "by MAC":  # position 0 is a device id that is gone, position 1 another NIC
            assert "Device 0 not connected" in _refusal(machine, vif=NICS[2:])
            _change(machine, vif=[NICS[1], NICS[3]])
            assert [mac[-1] for mac in _macs(machine)] == ["3", "4"]  # and not 2 and 4
            _change(machine, vif=NICS[2:])  # it is what is live: nothing to do
        else:
            _change(machine, vif=NICS[2:])
            assert [mac[-1] for mac in _macs(machine)] == ["3", "4"]
        text = _refusal(machine, vif=[*NICS[2:], f"{NICS[3]},bridge=control0"])
        assert 'The mac "00:21:f6:00:00:04" is already defined' in text
        moved = [NICS[2], f"{NICS[3]},bridge=control0"]  # out and in again
        if answer == "by MAC":
            assert "Device 1 not connected" in _refusal(machine, vif=moved)
        else:
            _change(machine, vif=moved)
            bridges = [vif["bridge"] for vif in _live(machine)["device"]["vif"]]
            assert bridges == ["", "control0"]


def test_a_nic_whose_mac_is_still_there(machine: Machine) -> None:
    """What the guest does not release cannot be attached to another bridge."""
    machine.sim.hosts[0].ignores_requests.add(machine.uuid)
    [card] = machine.config["vif"]
    assert "Device 0 (vif) could not be disconnected" in _refusal(machine, vif=[])
    text = _refusal(machine, vif=[card, f"{card.upper()},bridge=control0"])
    assert "Invalid vif option: MAC" in text
    mac = card.removeprefix("mac=").upper()
    text = _refusal(machine, vif=[card, f"mac={mac},bridge=control0"])
    assert f'The mac "{mac}" is already defined' in text


@pytest.mark.parametrize("version", ["3.2.1", "3.3.3"])
def test_macs_at_a_start(version: str) -> None:
    with simulate(hosts=1, vms=0, version=version) as sim:
        card = "mac=00:21:f6:00:39:01,bridge="
        twice = Machine(sim, vif=[f"{card}control0", f"{card}control0,type=netfront"])
        assert 'The mac "00:21:f6:00:39:01" is already defined' in fault_of(twice.start)
        for _ in range(2):  # in two VMs nobody looks
            Machine(sim, vif=[f"{card}control0"]).start()
        assert len(sim.domains(0)) == 2


def test_a_bridge_that_the_target_of_a_migration_lacks(pool: Simulator) -> None:
    """It is found when the source is gone: success, and the VM is lost (xend.md 4.1)."""
    client(pool).ovs_br_config("start", "guests", "eth1")
    machine = Machine(pool, vif=["mac=00:21:f6:00:00:01,bridge=guests"])
    machine.start()
    machine.agent.migrate_vm(machine.repo, machine.vm, pool.hosts[1].address)
    until(pool, lambda: not machine.domains(0) and not machine.domains(1))
    log = (pool.root / "hosts/1/xend.log").read_text()
    assert "(vif) could not be connected. Could not find bridge device guests" in log


def test_nics_are_attached(machine: Machine) -> None:
    first = machine.config["vif"]
    assert "MAC address is not valid!" in _refusal(machine, vif=[*first, "mac=00:21"])
    bad = _refusal(machine, vif=[*first, "mac=00:21:f6:00:00:09,bridge=none"])
    assert "Device 1 (vif) could not be connected. Could not find bridge device none" in bad
    until(machine.sim, lambda: len(_macs(machine)) == 1)
    _change(machine, vif=[*first, "mac=00:21:f6:00:00:09"])
    assert _macs(machine) == ["00:21:f6:00:00:01", "00:21:f6:00:00:09"]


def test_the_name_is_xends_only(machine: Machine) -> None:
    other = Machine(machine.sim, memory=128)
    other.start()
    text = _refusal(machine, name=other.vm)
    assert f"VM name '{other.vm}' already exists as domain 2" in text
    _change(machine, name="renamed")
    assert [domain["name"] for domain in machine.domains()] == ["renamed"]


def test_other_options_only_change_the_file(machine: Machine) -> None:
    _change(machine, boot="dc", extra="single", OVM_description="changed")
    assert machine.agent.get_vm_config(machine.repo, machine.vm)["boot"] == "dc"


def test_a_pending_detach_survives_a_restart_of_the_simulator(tmp_path: Any) -> None:
    options: dict[str, Any] = {"hosts": 1, "root": tmp_path, "vms": 0}
    with simulate(**options) as sim:
        machine = Machine(sim)
        machine.start()
        first = machine.config["disk"]
        _change(machine, disk=[*first, f"file:{_disk(machine, 'b.raw')},xvdb,w"])
        sim.hosts[0].ignores_requests.add(machine.uuid)
        sim.hosts[0].inject("list faults")
        sim.hosts[0].inject("list faults", False)
        assert "could not be disconnected" in _refusal(machine, disk=first)
    with simulate(**options) as sim:
        machine.sim = sim
        assert _units(machine) == ["xvda:disk", "xvdb:disk"]
        sim.hosts[0].ignores_requests.clear()
        until(sim, lambda: _units(machine) == ["xvda:disk"])


def test_the_agents_ha_flag_stands_in_the_file(machine: Machine) -> None:
    machine.agent.configure_vm_ha(machine.repo, machine.vm, True)
    config = machine.agent.get_vm_config(machine.repo, machine.vm)
    assert config["OVM_high_availability"] is True
    assert "No such file" in fault_of(machine.agent.configure_vm_ha, machine.repo, "none", True)
