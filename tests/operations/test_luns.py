"""LUNs attached and detached: by whatever names VMs know them, it is always the right disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from libcloud_ovm3.errors import Ovm3Warning, PreconditionFailed
from tests.operations.attaching import Lab, add_disk, disks, in_file, live_disks, path_of
from tests.operations.templates import fill
from tests.support import driver_for, quietly, simulate

ONE, TWO, THREE = (f"6006016011223300aa00bb11cc22dda{number}" for number in (1, 2, 3))
FAR = "6006016011223300aa00bb11cc22dda4"  # the second host does not see it
NAMES = {"a": "/dev/dm-0", "b": f"/dev/disk/by-id/scsi-3{ONE}", "c": f"/dev/mapper/3{ONE}"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two hosts with the host module; ``mpatha`` is another LUN on each."""
    with simulate(2, vms=0, templates=0, host_module=True) as sim:
        sim.add_lun(None, ONE)
        for host, alias, other in ((0, "mpatha", "mpathb"), (1, "mpathb", "mpatha")):
            sim.add_lun([host], TWO, alias=alias)
            sim.add_lun([host], THREE, alias=other)
        sim.add_lun([0], FAR)
        for name, path in NAMES.items():
            config = {"disk": disks(sim, f"phy:{path},xvdb,w!")}
            sim.add_vm(name, running_on=0 if name == "a" else None, config=config)
        sim.add_vm("run", running_on=1)
        sim.add_vm("off")
        yield Lab(sim, driver_for(sim))


def test_a_lun_that_vms_know_by_different_names(lab: Lab) -> None:
    """Shared by a name that all hosts have; detached from the VM that is meant, by its name."""
    lun, off = f"phy:{ONE}", lab.node("off")
    assert lab.devices(lun) == ["a:xvdb", "b:xvdb", "c:xvdb"]
    lab.refuse(PreconditionFailed, "ex_mode='w!'", lab.attach, off, lun)
    assert lab.attach(off, lun, ex_mode="w!")
    assert in_file(lab.sim, off.extra["directory"], ONE) == [f"phy:{NAMES['c']},xvdb,w!"]
    for name in NAMES:
        node = lab.node(name)
        assert lab.detach(lun, ex_node=node)
        assert in_file(lab.sim, node.extra["directory"], "/dev/") == []
        assert live_disks(lab.sim, 0, "/dev/") == []
        assert f"{name}:xvdb" not in lab.devices(lun)
    assert lab.detach(lun)


def test_luns_that_a_new_node_has(lab: Lab) -> None:
    """By a name that leads to them on all hosts; only where its host sees them."""
    fill(lab.sim.repository_path / "Templates" / "small.raw")
    image, hosts = f"{lab.sim.repository_id}/Templates/small.raw", lab.driver.list_locations()
    options = {"ex_volumes": [f"phy:{TWO}", f"phy:{FAR}"], "ex_networks": []}
    lab.refuse(
        PreconditionFailed,
        "does not see it",
        lambda: lab.driver.create_node("new", "tiny", image, hosts[1], **options),
    )
    node = quietly(lab.driver.create_node, "new", "tiny", image, hosts[0], **options)
    entries = in_file(lab.sim, node.extra["directory"], "/dev/")
    assert entries[0] == f"phy:/dev/disk/by-id/scsi-3{TWO},xvdb,w"
    assert FAR in entries[1]
    quietly(lab.driver.destroy_node, node)


def test_a_name_that_each_host_gives_by_itself(lab: Lab) -> None:
    """With it a VM would get another disk, depending on where it runs."""
    run = lab.node("run")
    for wwid in (TWO, THREE):
        assert lab.attach(run, f"phy:{wwid}")
        [entry] = in_file(lab.sim, run.extra["directory"], "/dev/")
        assert entry == f"phy:/dev/disk/by-id/scsi-3{wwid},xvdb,w"
        assert lab.detach(f"phy:{wwid}")
    config = {"disk": disks(lab.sim, "phy:/dev/mapper/mpatha,xvdb,w!")}
    lab.sim.add_vm("careless", config=config)
    why = "names /dev/mapper/mpatha, which may be the same disk"
    lab.refuse(PreconditionFailed, why, lab.attach, run, f"phy:{TWO}", ex_mode="w!")
    why = f"is not the same disk on all hosts .phy:{TWO}, phy:{THREE}"
    unclear = "phy:/dev/mapper/mpatha"
    lab.refuse(PreconditionFailed, why, lab.attach, run, unclear, ex_mode="w!")
    assert lab.detach(unclear)


def test_a_lun_that_the_host_does_not_see(lab: Lab) -> None:
    why = "where the VM runs, does not see it"
    lab.refuse(PreconditionFailed, why, lab.attach, lab.node("run"), f"phy:{FAR}")
    assert lab.attach(lab.node("off"), f"phy:{FAR}")
    assert lab.detach(f"phy:{FAR}")


def test_without_the_module_other_names_may_be_the_same_disk(personality: str) -> None:
    with simulate(1, vms=0, templates=0, personality=personality) as sim:
        lab, lun = Lab(sim, driver_for(sim)), f"phy:{ONE}"
        sim.add_lun(None, ONE)
        sim.add_vm("off")
        sim.add_vm("a", config={"disk": disks(sim, "phy:/dev/dm-0,xvdb,w!")})
        node = lab.node("off")
        why = "names /dev/dm-0, which may be the same disk"
        for mode in ("w", "w!"):
            lab.refuse(PreconditionFailed, why, lab.attach, node, lun, ex_mode=mode)
        assert lab.detach("phy:/dev/dm-0")
        assert lab.attach(node, lun)


def test_a_guest_that_has_one_disk_twice(personality: str) -> None:
    """The agent would detach two devices by one call, of which one may fail."""
    with simulate(1, vms=0, templates=0, personality=personality) as sim:
        lab, volume_id = Lab(sim, driver_for(sim)), add_disk(sim)
        twice = [f"file:{path_of(sim)},xvd{letter},w!" for letter in "bc"]
        directory = sim.add_vm("run", running_on=0, config={"disk": disks(sim, *twice)})
        why = "as xvdb and xvdc: only one device can be detached from a running guest"
        lab.refuse(PreconditionFailed, why, lab.detach, volume_id)
        lab.driver.stop_node(lab.node("run"), ex_force=True)
        assert lab.detach(volume_id)
        assert in_file(sim, directory) == []


def test_another_spelling_counts_at_a_start() -> None:
    """Without the host module too, where both names have the WWID in them."""
    with simulate(2, vms=0, templates=0) as sim:
        sim.add_lun(None, ONE)
        sim.add_vm("c", running_on=0, config={"disk": [f"phy:{NAMES['c']},xvda,w"]})
        sim.add_vm("b", config={"disk": [f"phy:{NAMES['b']},xvda,w"]})
        driver = driver_for(sim)
        with pytest.raises(PreconditionFailed, match="open for writing is"):
            driver.start_node(driver.ex_get_node_by_name("b"))
        assert [len(sim.domains(host)) for host in (0, 1)] == [1, 0]


def test_a_host_that_does_not_report_its_disks() -> None:
    """An alias may be another disk there; and what the host itself uses a disk for is not known."""
    with simulate(2, vms=0, templates=0, host_module=[0]) as sim:
        lab = Lab(sim, driver_for(sim))
        sim.add_lun(None, ONE)
        sim.add_lun([0], TWO, alias="asm")
        (sim.dom0(0) / f"dev/disk/by-id/scsi-3{TWO}").unlink()
        sim.add_vm("off")
        node = lab.node("off")
        why = "/dev/mapper/asm may be another disk on ovm-2 .*, which does not report its disks"
        lab.refuse(PreconditionFailed, why, lab.attach, node, f"phy:{TWO}")
        with pytest.warns(Ovm3Warning, match="what Domain-0 of ovm-2 .* uses it for is unknown"):
            assert lab.driver.attach_volume(node, f"phy:{ONE}")
