"""Two VMs on one disk, starts refused without need, the wrong image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.faults.support import (
    DATA,
    ID,
    OTHER_ID,
    attempt,
    cfg,
    connect,
    lab,
    let_list,
    live,
    location,
    make_vm,
    put,
    states,
    undashed,
)

LUN = "/dev/mapper/36006016011223300aa00bb11cc22dd01"


def add_disk(definition: Path, path: str, entry: str) -> None:
    """One more entry behind a VM's own disk."""
    file = definition / "vm.cfg"
    own = f"'file:{path},xvda,w'"
    file.write_text(file.read_text().replace(own, f"{own}, {entry!r}"))


# ------------------------------------------------------------------ two on one disk


def test_a_clone_that_kept_the_disk_is_not_started_beside_its_original(
    sim: Simulator, driver: Any
) -> None:
    """uuid and names changed, the disk forgotten: xend sees it on one host only, 4.1 never."""
    vm = make_vm(sim)
    clone = {"name": "c" * 32, "OVM_simple_name": "clone", "uuid": OTHER_ID, "memory": 256}
    put(sim, "c" * 32, cfg(**clone, vcpus=1, disk=[f"file:{vm.path},xvda,w"], vif=[]))
    assert attempt(driver.start_node, ID, ex_location=location(sim, 0)).value is True
    came = attempt(driver.start_node, OTHER_ID, ex_location=location(sim, 1))
    assert isinstance(came.error, PreconditionFailed), came
    assert vm.path in came.said
    assert live(sim) == [ID]


def test_a_vm_whose_uuid_was_edited_while_it_runs_is_not_started_twice(
    sim: Simulator, driver: Any
) -> None:
    vm = make_vm(sim)
    assert attempt(driver.start_node, ID, ex_location=location(sim, 0)).value is True
    file = vm.definition / "vm.cfg"
    file.write_text(file.read_text().replace(ID, OTHER_ID))
    assert attempt(driver.start_node, OTHER_ID, ex_location=location(sim, 1)).error is not None
    assert live(sim) == [ID]


def test_a_vm_cfg_that_is_edited_between_the_looks_and_the_start(
    sim: Simulator, driver: Any
) -> None:
    """What was looked for were other disks than those that it would be started with."""
    vm, other = make_vm(sim), make_vm(sim, "other", OTHER_ID)
    assert attempt(driver.start_node, OTHER_ID).value is True
    file = vm.definition / "vm.cfg"

    def edit(_when: str) -> None:
        file.write_text(file.read_text().replace(vm.path, other.path))

    sim.misbehave("hook", "discover_hardware", times=None, hook=edit)
    assert isinstance(attempt(driver.start_node, ID).error, PreconditionFailed)
    assert live(sim) == [OTHER_ID]


# ------------------------------------------------------------------ refused without need


def test_disks_of_one_name_in_the_directories_of_two_vms(sim: Simulator, driver: Any) -> None:
    """As database appliances have them: VirtualMachines/<vm>/System.img."""
    for vm_id, name in ((ID, "one"), (OTHER_ID, "other")):
        directory = undashed(vm_id)
        where = f"/OVS/Repositories/{sim.repository_id}/VirtualMachines/{directory}/System.img"
        values = {"name": directory, "OVM_simple_name": name, "uuid": vm_id, "memory": 256}
        put(sim, directory, cfg(**values, vcpus=1, disk=[f"file:{where},xvda,w"], vif=[]))
        put(sim, directory, DATA, file="System.img")
    assert attempt(driver.start_node, ID).value is True
    came = attempt(driver.start_node, OTHER_ID)
    assert came.value is True, came


def test_a_host_that_lacks_the_repository_is_in_nobodys_way(sim: Simulator, driver: Any) -> None:
    """It runs something else: what leads where in a repository that it has not is no question."""
    local = sim.add_repository("local", hosts=[0])
    make_vm(sim)
    make_vm(sim, "local", OTHER_ID, repository=local)
    assert attempt(driver.start_node, ID, ex_location=location(sim, 1)).value is True
    came = attempt(driver.start_node, OTHER_ID)
    assert came.value is True, came
    assert came.warnings == []


def test_what_cannot_be_followed_in_another_place_is_in_nobodys_way(
    personality: str,
) -> None:
    """One VM's LUN, or one on a stale mount, is not every VM's disk."""
    with lab(personality, True) as sim:
        driver = connect(sim)
        vm = make_vm(sim)
        held = {"kind": "vbd", "domid": 9, "uuid": OTHER_ID, "device": "xvda", "path": LUN}
        held |= {"mode": "w", "state": 4}
        known = {"path": vm.path, "real": vm.path, "device": "1", "inode": "2", "links": 1}
        known |= {"type": "file", "size_bytes": 8192}
        unknown = {"path": LUN, "error": "Stale NFS file handle"}
        sim.misbehave("answer", "libcloud_file_holders", times=None, value=[held])
        sim.misbehave("answer", "libcloud_identify", times=None, value=[known, unknown])
        came = attempt(driver.start_node, ID)
        assert came.value is True, came


@pytest.mark.parametrize("mode", ["r", "w"])
def test_an_iso_that_is_mounted_in_domain_0(personality: str, mode: str) -> None:
    """A loop device that serves no domain stands in the way of who writes, not of a CD."""
    with lab(personality, True) as sim:
        driver = connect(sim)
        isos = sim.path_of(sim.repository_id) / "ISOs"
        isos.mkdir(exist_ok=True)
        (isos / "os.iso").write_bytes(DATA)
        iso = f"/OVS/Repositories/{sim.repository_id}/ISOs/os.iso"
        vm = make_vm(sim)
        add_disk(vm.definition, vm.path, f"file:{iso},xvdb{':cdrom' if mode == 'r' else ''},{mode}")
        loop = [{"kind": "loop", "device": "/dev/loop0", "path": iso}]
        sim.misbehave("answer", "libcloud_file_holders", host=1, times=None, value=loop)
        came = attempt(driver.start_node, ID, ex_location=location(sim, 0))
        assert (came.value is True) == (mode == "r"), came


def test_a_stop_does_not_wait_for_another_hosts_broken_list(
    sim: Simulator, driver: Any, module: bool
) -> None:
    """As with a silent host: it is gone from where it ran, and what is not known is said. Where the
    host module has all domains one by one nothing is unknown."""
    make_vm(sim)
    assert attempt(driver.start_node, ID, ex_location=location(sim, 0)).value is True
    let_list(sim, 1, [])
    came = attempt(driver.stop_node, ID)
    assert came.value is True, came
    assert ("what runs there is unknown" in came.said) == (not module)
    assert sim.domains(0) == []
    expected = NodeState.STOPPED if module else NodeState.UNKNOWN
    assert states(attempt(driver.list_nodes).value)[ID] == expected


@pytest.mark.parametrize("number", range(1, 5))
def test_a_start_goes_where_all_its_disks_are(sim: Simulator, driver: Any, number: int) -> None:
    """A disk in a repository that one host only has mounted: the other cannot take the VM."""
    local = sim.add_repository("local", hosts=[0])
    vm = make_vm(sim, vm_id=f"{ID[:-1]}{number}")
    folder = sim.path_of(local) / "VirtualDisks"
    folder.mkdir(exist_ok=True)
    (folder / "data.img").write_bytes(DATA)
    entry = f"file:/OVS/Repositories/{local}/VirtualDisks/data.img,xvdb,w"
    add_disk(vm.definition, vm.path, entry)
    assert isinstance(attempt(driver.start_node, vm.id, location(sim, 1)).error, PreconditionFailed)
    came = attempt(driver.start_node, vm.id)
    assert came.value is True, came
    assert [one["uuid"] for one in sim.domains(0)] == [vm.id]


@pytest.mark.parametrize("action", ["destroy", "preserve", "restart", "coredump-restart"])
def test_a_reboot_from_which_it_would_not_come_back_is_refused(
    sim: Simulator, driver: Any, action: str
) -> None:
    """As installers leave it: on_reboot = 'destroy'."""
    make_vm(sim, on_reboot=action)
    assert attempt(driver.start_node, ID).value is True
    came = attempt(driver.reboot_node, ID, ex_minimum_age=0)
    assert (came.value is True) == ("restart" in action), came
    assert ("on_reboot" in came.said) == ("restart" not in action)


# ------------------------------------------------------------------ the wrong image


def test_templates_of_one_file_name_are_two_images(sim: Simulator, driver: Any) -> None:
    folder = sim.path_of(sim.repository_id) / "Templates"
    for name in ("ol6", "ol7"):
        (folder / name).mkdir(parents=True)
        (folder / name / "System.img").write_bytes(name.encode() * 1024)
    images = [one for one in driver.list_images() if one.extra["kind"] == "raw"]
    assert len({one.id for one in images}) == len(images)
    for image in images:
        node = driver.create_node(f"from-{image.name}", driver.list_sizes()[0], image)
        disk = node.extra["disks"][0].rpartition("/")[2]
        made = sim.path_of(sim.repository_id) / "VirtualDisks" / disk
        assert made.read_bytes()[:3].decode() == image.name


# ------------------------------------------------------------------ a plain estate


def test_all_that_the_manager_made_can_be_stopped_and_started(personality: str) -> None:
    """ISO drives, LUNs shared ``w!``, an empty drive, a VM without disks; with the host module."""
    with lab(personality, True, layout="manager", vms=1) as sim:
        driver = connect(sim)
        nodes = attempt(driver.list_nodes)
        assert nodes.warnings == []
        for node in nodes.value:
            if node.state == NodeState.RUNNING:
                assert attempt(driver.stop_node, node, ex_force=True).value is True
            came = attempt(driver.start_node, node)
            assert came.value is True, came
        again = attempt(driver.list_nodes)
        assert again.warnings == []
        assert set(states(again.value).values()) == {NodeState.RUNNING}
