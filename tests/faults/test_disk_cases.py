"""Field cases of disks: what operators' tools did to them, and the right result for each."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import StorageVolumeState

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.errors import (
    InvalidArgument,
    NameTaken,
    OperationIncomplete,
    PreconditionFailed,
    VolumeNotFound,
)
from libcloud_ovm3.simulator import Simulator
from tests.faults.support import CHANGES, attempt, put
from tests.operations.attaching import (
    add_disk,
    disks,
    in_file,
    let_go,
    live_disks,
    path_of,
    set_live_disks,
)
from tests.operations.templates import disks_of
from tests.support import CHANGE, calls_of, fingerprints_of

CASES = Path(__file__).parents[1] / "agent" / "cases"
M05_ID = "0004fb00-0006-0000-0595-d9e2d42334ec"
ACFS = f".ACFS/snaps/vm2/VirtualMachines/{M05_ID.replace('-', '')}"


def refuse(sim: Simulator, error: type[Exception], why: str, action: Any, *args: Any) -> None:
    begin = len(sim.calls)
    came = attempt(action, *args)
    assert isinstance(came.error, error), came
    assert re.search(why, str(came.error)), came
    sent = {*calls_of(sim)[begin:]}
    assert not sent & (CHANGES | {CHANGE, "libcloud_set_aside"})


def volumes_of(driver: Any, node: Any) -> dict[str, Any]:
    found = attempt(driver.ex_list_volumes, node).value
    return {one.extra["attachments"][0]["device"]: one for one in found}


def state_of(driver: Any, volume_id: str) -> Any:
    [state] = [one.state for one in attempt(driver.list_volumes).value if one.id == volume_id]
    return state


# ------------------------------------------------------------------ M05


def m05(sim: Simulator) -> Path:
    """A name with a quote; two files, one of them in a folder with the VM's id; asm1 and asm10."""
    text = (CASES / "M05.vm.cfg").read_text().replace("/repo1/", f"/{sim.repository_id}/")
    put(sim, M05_ID.replace("-", ""), text)
    folder = sim.repository_path / ACFS
    folder.mkdir(parents=True)
    system = folder / "7396bcf1382c42b1bf431ece9bcc23ee.img"
    system.write_bytes(b"system" + bytes(10_000))
    data = "868a6627-c3b0-3d9b-aea4-f279cbaa253b.raw"
    (sim.repository_path / "VirtualDisks" / data).write_bytes(b"data" + bytes(10_000))
    return system


def test_m05_all_four_disks_are_there(sim: Simulator, driver: Any) -> None:
    system = m05(sim)
    [node] = attempt(driver.list_nodes).value
    assert node.name == "Sales' DB"
    found = volumes_of(driver, node)
    assert [one.extra["path"].rpartition("/")[2] for one in found.values()].count("asm10") == 1
    assert found.keys() == {"xvda", "xvdb", "xvdc", "xvdd"}
    assert (found["xvdb"].id, found["xvdc"].id) == ("phy:/dev/mapper/asm1", "phy:/dev/mapper/asm10")
    assert found["xvda"].id == f"{sim.repository_id}/{ACFS}/{system.name}"
    assert found["xvdd"].name == "868a6627-c3b0-3d9b-aea4-f279cbaa253b"
    assert {one.state for one in found.values()} == {StorageVolumeState.INUSE}
    for volume in found.values():
        refuse(sim, PreconditionFailed, "used by VM|physical", driver.destroy_volume, volume)


def test_m05_asm1_is_not_asm10(sim: Simulator, driver: Any) -> None:
    """One is detached, and every other entry stays, also those that hold the VM's id."""
    m05(sim)
    directory = M05_ID.replace("-", "")
    before = in_file(sim, directory, "/")
    assert attempt(driver.detach_volume, "phy:/dev/mapper/asm1").value is True
    assert in_file(sim, directory, "/") == [one for one in before if "/asm1," not in one]
    assert len(in_file(sim, directory, "/")) == 3
    assert volumes_of(driver, M05_ID).keys() == {"xvda", "xvdc", "xvdd"}


def test_m05_a_template_and_its_clones(sim: Simulator, driver: Any, module: bool) -> None:
    """None of them has the uuid or a MAC of another; two clones differ."""
    m05(sim)
    refuse(sim, InvalidArgument, "/dev/mapper/asm1", driver.create_image, M05_ID, "x")
    for lun in ("asm1", "asm10"):
        attempt(driver.detach_volume, f"phy:/dev/mapper/{lun}")
    if not module:
        why = "a VM with 2 disks needs a vm.cfg"
        refuse(sim, PreconditionFailed, why, driver.create_image, M05_ID, "x")
        return
    image = attempt(driver.create_image, M05_ID, "Sales' DB").value
    template = sim.repository_path / image.extra["path"] / "vm.cfg"
    texts = {"template": template.read_text()}
    content = [b"system" + bytes(10_000), b"data" + bytes(10_000)]
    for name in ("one", "two"):
        came = attempt(driver.create_node, name, "tiny", image, ex_start=False)
        assert disks_of(sim, came.value) == content
        where = sim.repository_path / "VirtualMachines" / came.value.extra["directory"]
        texts[name] = (where / "vm.cfg").read_text()
    uuids = {str(vmcfg.parse(text)["uuid"]).replace("-", "") for text in texts.values()}
    macs = [mac for text in texts.values() for mac in re.findall(r"mac=([0-9a-f:]+)", text)]
    assert len(uuids) == len(texts)
    assert len(set(macs)) == len(macs) == 2, "the template has none"
    for text in texts.values():
        assert "00:21:f6:00:00:02" not in text
        assert not any(one in text for one in (M05_ID, M05_ID.replace("-", ""), "7396bcf1"))
        assert text.count(".raw,xvdd,w") == 1


# ------------------------------------------------------------------ N38


def test_n38_a_disk_that_is_only_live(sim: Simulator, driver: Any) -> None:
    """Known as 51760, which is xvdd; deleted only after the last holder has let go."""
    directory = sim.add_vm("oakDom1", running_on=0)
    volume_id = add_disk(sim, "u02.img")
    entry = f"file:{path_of(sim, 'u02.img')},51760,w"
    set_live_disks(sim, 0, lambda now: [*now, entry])
    assert state_of(driver, volume_id) == StorageVolumeState.ERROR
    refuse(sim, PreconditionFailed, "used by VM 'oakDom1'", driver.destroy_volume, volume_id)
    other = add_disk(sim, "other.img")
    attach = driver.attach_volume
    refuse(sim, PreconditionFailed, "disagree about 51760", attach, directory, other, "xvdb")
    assert attempt(driver.detach_volume, volume_id).value is True
    assert (live_disks(sim, 0, "u02"), in_file(sim, directory, "u02")) == ([], [])
    assert state_of(driver, volume_id) == StorageVolumeState.AVAILABLE
    assert attempt(driver.destroy_volume, volume_id).value is True
    refuse(sim, VolumeNotFound, "u02", driver.destroy_volume, volume_id)


# ------------------------------------------------------------------ N40


def test_n40_a_guest_that_lets_go_minutes_later(sim: Simulator, driver: Any) -> None:
    """The disk is in use until it is seen to be gone: nothing deletes, copies or reverts it."""
    volume_id = add_disk(sim)
    named = disks(sim, f"file:{path_of(sim)},xvdb,w")
    directory = sim.add_vm("run", running_on=0, config={"disk": named})
    node = driver.ex_get_node_by_name("run")
    sim.hosts[0].ignores_requests.add(node.id)
    before = fingerprints_of(sim.repository_path / "VirtualDisks")

    def refuse_all(state: str) -> None:
        assert state_of(driver, volume_id) == state
        refuse(sim, PreconditionFailed, "used by VM 'run'", driver.destroy_volume, volume_id)
        other = sim.add_vm(f"other {state}")
        why = "VM 'run' .* has it as xvdb"
        refuse(sim, PreconditionFailed, why, driver.attach_volume, other, volume_id)
        refuse(sim, PreconditionFailed, "'run'", driver.ex_copy_volume, volume_id, "x")

    came = attempt(driver.detach_volume, volume_id)
    assert isinstance(came.error, OperationIncomplete), came
    assert len(in_file(sim, directory)) == len(live_disks(sim, 0)) == 1
    refuse_all(StorageVolumeState.INUSE)
    sim.wait(180)
    let_go(sim, 0)
    refuse_all(StorageVolumeState.ERROR)  # noticed at the next look: only vm.cfg has it
    now = fingerprints_of(sim.repository_path / "VirtualDisks")
    assert before.items() <= now.items()
    assert attempt(driver.detach_volume, volume_id).value is True
    assert state_of(driver, volume_id) == StorageVolumeState.AVAILABLE
    assert attempt(driver.destroy_volume, volume_id).value is True


# ------------------------------------------------------------------ N44


def test_n44_sizes_that_are_no_multiple_of_a_block(sim: Simulator, driver: Any) -> None:
    """Created: rounded up, and said. What is there is copied whole; its size is the real one."""
    sizes = (CASES.parents[1] / "faults" / "cases" / "N44.sizes.txt").read_text()
    assert "10 GB + 1 byte" in sizes
    (imported,) = map(int, re.findall(r"an image of (\d+) bytes", sizes))
    came = attempt(driver.create_volume, 11, "created", ex_size_bytes=10 * 2**30 + 1)
    assert came.value.extra["size_bytes"] == 10 * 2**30 + 4096
    assert "rounded up from 10737418241" in came.said
    file = sim.repository_path / "Templates" / "odd.img"
    file.parent.mkdir(exist_ok=True)
    with file.open("wb") as opened:
        opened.seek(imported - 1)
        opened.write(b"!")
    image = f"{sim.repository_id}/Templates/odd.img"
    node = attempt(driver.create_node, "odd", "tiny", image).value
    came = attempt(driver.copy_image, "MyRepo", image, "copy", ex_repository="MyRepo")
    for copy in (node.extra["disks"][0].split("/", 4)[4], came.value.extra["path"]):
        with (sim.repository_path / copy).open("rb") as opened:
            opened.seek(imported - 1)
            assert opened.read() == b"!"
    [volume] = attempt(driver.ex_list_volumes, node).value
    assert (volume.size, volume.extra["size_bytes"]) == (6, imported)
    size = driver.list_sizes()[0]
    size.disk = 5
    came = attempt(driver.create_node, "cut", size, image)
    assert isinstance(came.error, InvalidArgument)
    assert f"{imported} bytes" in str(came.error)


# ------------------------------------------------------------------ V16


def test_v16_a_lun_of_two_nodes_is_one_volume(sim: Simulator, driver: Any) -> None:
    """Two attachments; a third only if it shares; and no method ever changes the LUN itself."""
    (line,) = [
        one for one in (CASES / "V16.rac.txt").read_text().splitlines() if one.startswith("disk =")
    ]
    luns = [one for one in vmcfg.parse(line)["disk"] if one.startswith("phy:")]
    for name in ("rac1", "rac2"):
        sim.add_vm(name, uuid=str(uuid.uuid4()), config={"disk": disks(sim, *luns)})
    third = sim.add_vm("third")
    found = {one.id: one for one in attempt(driver.list_volumes).value if one.id[:4] == "phy:"}
    letters = {
        f"phy:6006016011223300aa00bb11cc22dd0{n}": d for n, d in zip("123", "cgf", strict=True)
    }
    assert found.keys() == letters.keys()
    for key, volume in found.items():
        had = {(one["node_name"], one["device"]) for one in volume.extra["attachments"]}
        assert had == {(name, f"xvd{letters[key]}") for name in ("rac1", "rac2")}
        assert volume.extra["is_shared"] is True
        why = r"be shared with ex_mode='w!'"
        refuse(sim, PreconditionFailed, why, driver.attach_volume, third, volume)
        refuse(sim, PreconditionFailed, "physical disk", driver.destroy_volume, volume)
        refuse(sim, InvalidArgument, "several VMs", driver.detach_volume, volume)
    spelling = f"phy:3{min(found)[4:].upper()}"
    assert attempt(driver.attach_volume, third, spelling, ex_mode="w!").value is True
    taken = attempt(driver.create_node, "rac1", "tiny", "x/Templates/y")
    assert isinstance(taken.error, NameTaken)


@pytest.mark.parametrize(
    "name", ["System.img (16)", "Oracle12102DBRAC_x86_64-xvdb.img (22)", "[a]"]
)
def test_v16_names_with_blanks_and_brackets(sim: Simulator, driver: Any, name: str) -> None:
    """As files that others have made, and as names of our own."""
    volume_id = add_disk(sim, f"{name}.img")
    node = sim.add_vm("web", running_on=0)
    made = attempt(driver.create_volume, 1, name).value
    assert made.name == name
    for volume in (volume_id, made):
        assert attempt(driver.attach_volume, node, volume).value is True
        assert attempt(driver.detach_volume, volume).value is True
        assert attempt(driver.destroy_volume, volume).value is True
