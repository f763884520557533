"""ex_insert_iso and ex_eject_iso."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import ImageNotFound, InvalidArgument, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import Lab, add_disk, disks, in_file, live_disks, path_of
from tests.support import driver_for, quietly, simulate

ISO, OTHER = "oracle-linux-6-boot.iso", "other.iso"
EMPTY = ",hdc:cdrom,r"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One host; nodes with drives and without."""
    with simulate(hosts=1, vms=0, templates=0) as sim:
        (sim.repository_path / "ISOs" / OTHER).write_bytes(b"x" * 2048)
        add(sim, "pv", None)
        add(sim, "hvm", None, OVM_domain_type="xen_hvm", builder="hvm")
        add(sim, "bare", 0)
        add(sim, "run", 0, EMPTY)
        add(sim, "two", None, EMPTY, f"file:{path_of(sim, OTHER, 'ISOs')},hdd:cdrom,r")
        yield Lab(sim, driver_for(sim))


def add(sim: Simulator, name: str, running_on: int | None, *more: str, **config: Any) -> None:
    named = disks(sim, *more)
    sim.add_vm(name, running_on=running_on, config={"disk": named, **config})


def insert(lab: Lab, name: str, iso: str = ISO, *device: str) -> bool:
    image = f"{lab.sim.repository_id}/ISOs/{iso}"
    return bool(quietly(lab.driver.ex_insert_iso, lab.node(name), image, *device))


def eject(lab: Lab, name: str, *device: str) -> bool:
    return bool(quietly(lab.driver.ex_eject_iso, lab.node(name), *device))


def drives(lab: Lab, name: str) -> list[str]:
    """The entries of CD drives in its vm.cfg."""
    return in_file(lab.sim, lab.node(name).extra["directory"], ":cdrom")


def entry(lab: Lab, device: str, iso: str = ISO) -> str:
    return f"file:{path_of(lab.sim, iso, 'ISOs')},{device}:cdrom,r"


@pytest.mark.parametrize("name", ["pv", "hvm"])
def test_a_stopped_node_gets_a_drive(lab: Lab, name: str) -> None:
    assert insert(lab, name)
    assert drives(lab, name) == [entry(lab, "xvdb")]
    assert insert(lab, name, OTHER)
    assert drives(lab, name) == [entry(lab, "xvdb", OTHER)]
    assert eject(lab, name)
    assert drives(lab, name) == [",xvdb:cdrom,r"]
    assert eject(lab, name), "it is empty already"
    assert lab.driver.start_node(lab.node(name))
    assert insert(lab, name)
    assert entry(lab, "xvdb") in live_disks(lab.sim, 0, "xvdb:cdrom")
    assert lab.driver.stop_node(lab.node(name), ex_force=True)


def test_a_running_node(lab: Lab) -> None:
    assert insert(lab, "run")
    assert drives(lab, "run") == live_disks(lab.sim, 0, ":cdrom") == [entry(lab, "hdc")]
    assert insert(lab, "run", OTHER, "/dev/hdc")
    assert drives(lab, "run") == live_disks(lab.sim, 0, ":cdrom") == [entry(lab, "hdc", OTHER)]
    assert quietly(lab.driver.ex_eject_iso, lab.node("run"), "hdc") is True
    assert drives(lab, "run") == live_disks(lab.sim, 0, ":cdrom") == [EMPTY]


def test_the_image(lab: Lab) -> None:
    """By its object, its id, its path; nothing else."""
    node = lab.node("run")
    [image] = [one for one in lab.driver.list_images() if one.name == ISO]
    for what in (image, path_of(lab.sim, OTHER, "ISOs")):
        assert quietly(lab.driver.ex_insert_iso, node, what)
    assert drives(lab, "run") == [entry(lab, "hdc", OTHER)]
    assert eject(lab, "run")
    (lab.sim.repository_path / "Templates" / "raw.img").write_bytes(b"x" * 512)
    template = f"{lab.sim.repository_id}/Templates/raw.img"
    lab.refuse(InvalidArgument, "is not an ISO", lab.driver.ex_insert_iso, node, template)
    lab.refuse(ImageNotFound, "no repository has", insert, lab, "run", "missing.iso")
    volume_id = add_disk(lab.sim)
    lab.refuse(ImageNotFound, "no repository has", lab.driver.ex_insert_iso, node, volume_id)


def test_which_drive(lab: Lab) -> None:
    lab.refuse(PreconditionFailed, "has no CD drive: a drive can only be", insert, lab, "bare")
    lab.refuse(PreconditionFailed, "has no CD drive", eject, lab, "bare")
    lab.refuse(
        PreconditionFailed, r"drives are hdc \(empty\): a drive", insert, lab, "run", ISO, "hdd"
    )
    lab.refuse(InvalidArgument, "is a disk, not a CD drive", insert, lab, "run", ISO, "xvda")
    lab.refuse(InvalidArgument, "is a disk, not a CD drive", eject, lab, "run", "xvda")
    assert insert(lab, "two"), "into the empty one"
    assert drives(lab, "two") == [entry(lab, "hdc"), entry(lab, "hdd", OTHER)]
    lab.refuse(InvalidArgument, "each of its drives, hdc .*, hdd", insert, lab, "two")
    lab.refuse(InvalidArgument, "has a medium in hdc .*, hdd", eject, lab, "two")
    assert eject(lab, "two", "hdd")
    for wrong in ("xvdd", "hdx"):  # nothing else is ejected instead
        lab.refuse(InvalidArgument, r"does not exist; its drives: hdc", eject, lab, "two", wrong)
    assert drives(lab, "two") == [entry(lab, "hdc"), ",hdd:cdrom,r"]
    assert eject(lab, "two")
    assert drives(lab, "two") == [EMPTY, ",hdd:cdrom,r"]


def test_the_first_disk_is_not_left_empty(lab: Lab) -> None:
    """V10: a CD first; xend cannot start a VM whose first disk is an empty drive."""
    add_disk(lab.sim, "v10.img")
    named = [entry(lab, "xvdf"), f"file:{path_of(lab.sim, 'v10.img')},xvda,w"]
    lab.sim.add_vm("v10", config={"disk": named})
    lab.refuse(PreconditionFailed, "xvdf comes first", eject, lab, "v10")
    assert insert(lab, "v10", OTHER)
    assert drives(lab, "v10") == [entry(lab, "xvdf", OTHER)]


def test_a_host_without_the_repository() -> None:
    with simulate(hosts=2, vms=0, templates=0) as sim:
        lab = Lab(sim, driver_for(sim))
        second = sim.add_repository("second", hosts=[1])
        (sim.path_of(second) / "ISOs" / "far.iso").write_bytes(b"x" * 2048)
        add(sim, "run", 0, EMPTY)
        add(sim, "off", None)
        far = f"{second}/ISOs/far.iso"
        why = "ISO 'far.iso' cannot be reached: .*, where the VM runs"
        lab.refuse(PreconditionFailed, why, lab.driver.ex_insert_iso, lab.node("run"), far)
        assert quietly(lab.driver.ex_insert_iso, lab.node("off"), far)
        assert lab.driver.start_node(lab.node("off"))
        assert sim.domains(1)
