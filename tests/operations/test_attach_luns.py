"""Physical disks that hosts name differently: the right one is attached, or none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from libcloud_ovm3.errors import Ovm3Warning, PreconditionFailed
from tests.operations.attaching import Lab, disks, in_file, live_disks
from tests.support import driver_for, simulate

FIRST = "6006016011223300aa00bb11cc22dd0a"  # "asm1" on the first host
SECOND = "6006016011223300aa00bb11cc22dd0b"  # "asm1" on the second one
ALL = "6006016011223300aa00bb11cc22ddaa"  # "data" on both
SPELLINGS = {"alias": "/dev/mapper/data", "wwid": f"/dev/disk/by-id/scsi-3{ALL}"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A running VM on each of two hosts and a stopped one; two of them spell a LUN differently."""
    with simulate(hosts=2, vms=0, templates=0, host_module=True) as sim:
        sim.add_lun([0], FIRST, 1 << 30, "asm1")
        sim.add_lun([1], SECOND, 1 << 30, "asm1")
        sim.add_lun(None, ALL, 1 << 30, "data")
        for number, (name, path) in enumerate(SPELLINGS.items()):
            has = disks(sim, f"phy:{path},xvdc,w!")
            sim.add_vm(name, running_on=number, config={"disk": has})
        sim.add_vm("off", config={"disk": disks(sim, f"phy:{SPELLINGS['wwid']},xvdc,w!")})
        yield Lab(sim, driver_for(sim))


def test_an_alias_that_is_another_disk_elsewhere(lab: Lab) -> None:
    """/dev/mapper/asm1 is one LUN on the first host, and another one on the second."""
    lab.refuse(PreconditionFailed, "does not see it", lab.attach, lab.node("wwid"), f"phy:{FIRST}")
    lab.refuse(
        PreconditionFailed, "does not see it", lab.attach, lab.node("alias"), f"phy:{SECOND}"
    )
    assert lab.attach(lab.node("alias"), f"phy:{FIRST}")
    assert lab.devices(f"phy:{FIRST}") == ["alias:xvdb"]
    assert lab.devices(f"phy:{SECOND}") == []
    assert lab.detach(f"phy:{FIRST}")


def test_a_stopped_node_may_start_anywhere(lab: Lab) -> None:
    """So it gets the path that has the WWID in it, which is no other disk on any host."""
    node = lab.node("off")
    assert lab.attach(node, f"phy:{FIRST}")
    assert in_file(lab.sim, node.extra["directory"], FIRST) == [
        f"phy:/dev/disk/by-id/scsi-3{FIRST},xvdb,w"
    ]
    assert lab.devices(f"phy:{FIRST}") == ["off:xvdb"]
    assert lab.detach(f"phy:{FIRST}")
    assert lab.devices(f"phy:{FIRST}") == []


def test_no_path_that_is_certain(lab: Lab) -> None:
    """A host without the module may have another disk of this name."""
    alone = f"{FIRST[:-1]}c"
    lab.sim.add_lun([0], alone, 1 << 30, "asm2")
    (lab.sim.dom0(0) / f"dev/disk/by-id/scsi-3{alone}").unlink()
    lab.sim.remove_host_module(1)
    try:
        why = "no path is known that leads to it, and to nothing else"
        node = driver_for(lab.sim).ex_get_node_by_name("off")
        fresh = Lab(lab.sim, driver_for(lab.sim))
        fresh.refuse(PreconditionFailed, why, fresh.attach, node, f"phy:{alone}")
        assert fresh.attach(node, f"phy:{FIRST}"), "its path has its WWID"
        assert fresh.detach(f"phy:{FIRST}")
    finally:
        lab.sim.put_host_module(1)


@pytest.mark.parametrize("name", ["off", "wwid", "alias"])
def test_it_is_detached_by_whatever_spelling(lab: Lab, name: str) -> None:
    node = lab.node(name)
    assert lab.detach(f"phy:{ALL}", ex_node=node)
    assert not any(one.startswith(f"{name}:") for one in lab.devices(f"phy:{ALL}"))
    assert "xvdc" not in str(in_file(lab.sim, node.extra["directory"], "/"))
    for host, runs in enumerate(SPELLINGS):
        assert bool(live_disks(lab.sim, host, ",xvdc,")) == (name == "off" or runs != name), runs
    assert lab.attach(node, f"phy:{ALL}", "xvdc", ex_mode="w!"), "the others spell it otherwise"
    assert f"{name}:xvdc" in lab.devices(f"phy:{ALL}")


def test_a_system_disk_stays_by_whatever_spelling(lab: Lab) -> None:
    has = [f"phy:{SPELLINGS['wwid']},xvda,w!"]
    lab.sim.add_vm("system", running_on=0, config={"disk": has})
    node = lab.node("system")
    lab.refuse(PreconditionFailed, "the system disk", lab.detach, f"phy:{ALL}", ex_node=node)


def test_another_spelling_counts_at_a_start() -> None:
    """Without the host module too, where both have the WWID."""
    with simulate(hosts=2, vms=0, templates=0) as sim:
        sim.add_lun(None, ALL, 1 << 30)
        sim.add_vm("one", running_on=0, config={"disk": [f"phy:/dev/mapper/3{ALL},xvda,w"]})
        sim.add_vm("two", config={"disk": [f"phy:{SPELLINGS['wwid']},xvda,w"]})
        driver = driver_for(sim)
        with pytest.raises(PreconditionFailed, match="open for writing is"):
            driver.start_node(driver.ex_get_node_by_name("two"))
        assert [len(sim.domains(host)) for host in (0, 1)] == [1, 0]


def test_what_a_host_uses_a_lun_for_is_unknown_without_the_module() -> None:
    with simulate(hosts=1, vms=1, templates=0) as sim:
        sim.add_lun(None, ALL, 1 << 30)
        driver = driver_for(sim)
        [node] = driver.list_nodes()
        with pytest.warns(Ovm3Warning, match="what Domain-0 of ovm-1 .* uses it for is unknown"):
            assert driver.attach_volume(node, f"phy:{ALL}")
