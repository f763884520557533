"""Images through the driver: listed, made of nodes, copied and deleted."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    ImageNotFound,
    InvalidArgument,
    NodeNotFound,
    Ovm3Warning,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import WRITES
from tests.operations.templates import HVM, disks_of, fill, make_disk, make_template, vm_cfg_of
from tests.support import calls_of, driver_for, fingerprints_of, quietly, simulate

MODULE = pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])


def files_of(sim: Simulator) -> dict[str, str]:
    """The files of all repositories, without those that the host module keeps for itself."""
    return {
        f"{folder.name}/{path}": content
        for folder in sim.repository_path.parent.iterdir()
        for path, content in fingerprints_of(folder).items()
        if not path.startswith(".libcloud-ovm3")
    }


def image_named(driver: Any, name: str) -> Any:
    (found,) = [image for image in driver.list_images() if image.name == name]
    return found


@pytest.fixture(scope="module")
def alone() -> Iterator[Simulator]:
    with simulate(hosts=2, vms=0, template_bytes=1 << 20, personality="awkward") as sim:
        yield sim


@pytest.fixture(scope="module")
def pool() -> Iterator[Simulator]:
    """With the host module; no test leaves a VM or an image."""
    with simulate(hosts=2, vms=0, template_bytes=1 << 20, host_module=True) as sim:
        yield sim


# ------------------------------------------------------------------ listing


@MODULE
def test_names(host_module: bool, personality: str) -> None:
    """Templates by their vm.cfg; ISOs by what the Manager has recorded, which the module reads."""
    with simulate(
        hosts=2, vms=0, layout="manager", personality=personality, host_module=host_module
    ) as sim:
        driver = driver_for(sim)
        found = {image.name: image for image in driver.list_images()}
        recorded = "OracleLinux-R6-U5 (x86_64).iso"
        assert {"OL6U5 PVM (1)", "OL6U5 HVM", "oracle-linux-6"} < found.keys()
        assert (recorded in found) == host_module
        assert ".ovsmeta" not in found
        sizes = {name: image.extra["size_bytes"] for name, image in found.items()}
        assert sizes["oracle-linux-6"] == (64 << 20 if host_module else None)
        assert sizes["OL6U5 HVM"] is None
        for image in found.values():
            again = driver.get_image(image.id)
            assert (again.id, again.name, again.extra) == (image.id, image.name, image.extra)


def test_get_image(alone: Simulator) -> None:
    driver = driver_for(alone)
    image = image_named(driver, "oracle-linux-6")
    repository, _, path = image.id.partition("/")
    assert driver.get_image(f"{repository.upper()}/{path}").id == image.id
    with pytest.raises(ImageNotFound, match=r"no repository has an image '\S+nothing.img'$"):
        driver.get_image(f"{repository}/Templates/nothing.img")
    with pytest.raises(ImageNotFound, match=r"'oracle-linux-6' \(expected an id, not a name\)$"):
        driver.create_node("web", "small", "oracle-linux-6")
    alone.misbehave("fault", "discover_repositories", times=2)
    with pytest.raises(SearchIncomplete):
        driver.get_image(image.id)


def test_what_is_not_complete_is_not_offered(alone: Simulator) -> None:
    """A file with a mark beside it, a folder whose vm.cfg is not in force: deleted by their ids."""
    driver, before = driver_for(alone), files_of(alone)
    templates = alone.repository_path / "Templates"
    half, mark, iso = f"half.{'1' * 32}.img", f"mark.{'1' * 32}.img", f"half.{'1' * 32}.iso"
    for name in (half, f"{half}.creating", f"{mark}.creating"):
        fill(templates / name)
    fill(alone.repository_path / "ISOs" / iso)
    fill(alone.repository_path / "ISOs" / f"{iso}.creating")
    names = {image.name for image in driver.list_images()}
    assert names == {"oracle-linux-6", "oracle-linux-7", "oracle-linux-6-boot.iso"}
    orphans = {one["path"].rpartition("/")[2]: one for one in driver.ex_list_orphans()}
    assert {half, f"{half}.creating", f"{mark}.creating", iso} < orphans.keys()
    assert not any(one["is_certain"] for one in orphans.values())
    for path in (f"Templates/{half}", f"Templates/{mark}", f"ISOs/{iso}"):
        image_id = f"{alone.repository_id}/{path}"
        with pytest.raises(ImageNotFound, match="not complete"):
            driver.create_node("x", "tiny", image_id)
        assert driver.delete_image(image_id) is True
    left = {path for path in files_of(alone) if path.endswith(".removed")}
    assert {path: one for path, one in files_of(alone).items() if path not in left} == before
    for path in left:  # they stay for a month
        (alone.repository_path.parent / path).unlink()


def test_what_only_ends_like_a_mark_is_somebody_s_file(alone: Simulator) -> None:
    driver, before = driver_for(alone), files_of(alone)
    for name in ("Templates/mine.img", "ISOs/mine.iso"):
        for path in (name, f"{name}.creating"):
            fill(alone.repository_path / path)
        image_id = f"{alone.repository_id}/{name}"
        assert driver.get_image(image_id).id == image_id
        assert driver.delete_image(image_id) is True
        [left] = files_of(alone).keys() - before.keys()
        assert left.endswith(f"{name}.creating")
        (alone.repository_path / f"{name}.creating").unlink()


# ------------------------------------------------------------------ their life


@MODULE
def test_the_whole_life(host_module: bool, personality: str) -> None:
    """Made of a paused and of a stopped node, copied, used, deleted; nothing else is touched."""
    with simulate(
        hosts=2, vms=0, template_bytes=1 << 20, personality=personality, host_module=host_module
    ) as sim:
        other = sim.add_repository("second")
        driver = driver_for(sim)
        node = driver.create_node("web", "tiny", image_named(driver, "oracle-linux-6"))
        content = disks_of(sim, node)
        before = {path: file for path, file in files_of(sim).items() if "/vm.cfg" not in path}
        for pause in (True, False):
            if not pause:
                driver.stop_node(node)
            made = quietly(driver.create_image, node, "my image.1", ex_pause=str(pause))
            assert made.name == "my image.1"
            assert made.extra["kind"] == ("vm_template" if host_module else "raw")
            assert driver.ex_get_node(node.id).state == (
                NodeState.RUNNING if pause else NodeState.STOPPED
            )
            copy = driver.copy_image("MyRepo", made, "copy")
            assert copy.id.startswith(f"{other}/")
            assert {made.id, copy.id} < {image.id for image in driver.list_images()}
            clone = driver.create_node("clone", "tiny", copy)
            assert disks_of(sim, clone) == content
            driver.destroy_node(clone)
            assert driver.ex_list_orphans() == []
            assert driver.delete_image(made) is True
            assert driver.delete_image(copy.id) is True
            with pytest.raises(ImageNotFound):
                driver.delete_image(copy.id)
        now = {path: file for path, file in files_of(sim).items() if "/vm.cfg" not in path}
        assert now == before


def test_a_template_has_everything_but_the_identity(pool: Simulator) -> None:
    """Case M05: a name with a quote, two disks, one of them .raw; the clones differ."""
    driver = driver_for(pool)
    disks = [make_disk(pool, "m05-system.img"), make_disk(pool, "m05-data.raw")]
    iso = f"/OVS/Repositories/{pool.repository_id}/ISOs/oracle-linux-6-boot.iso"
    vifs = ["mac=00:21:f6:00:00:02,bridge=10e69b4de3,type=netfront", "bridge=10e69b4de3"]
    config = {
        "disk": [f"file:{disks[0]},xvda,w", f"file:{iso},xvdb:cdrom,r", f"file:{disks[1]},xvdd,w"],
        "vif": vifs,
        "OVM_description": "of the node",
        **HVM,
    }
    directory = pool.add_vm("Sales' DB", config=config)
    (node,) = driver.list_nodes()
    before = files_of(pool)
    image = driver.create_image(node, "Sales' DB (template)", "of the image")
    assert image.name == "Sales' DB (template)"
    text = (pool.repository_path / image.extra["path"] / "vm.cfg").read_text()
    for line in ("xvdd,w", f"file:{iso},xvdb:cdrom,r", "'bridge=10e69b4de3,type=netfront'"):
        assert line in text
    for line in ("OVM_description = 'of the image'", "keymap = 'pt-br'", "builder = 'hvm'"):
        assert line in text
    for identity in (directory, node.id, "mac=", "m05-", "of the node"):
        assert identity not in text
    clones = [driver.create_node(name, "tiny", image) for name in ("one", "two")]
    assert len({nic["mac"] for node in clones for nic in node.extra["nics"]}) == 4
    for clone in clones:
        assert [data[:7] for data in disks_of(pool, clone)] == [b"m05-sys", b"m05-dat"]
        assert "xvdd,w" in vm_cfg_of(pool, clone)
        driver.destroy_node(clone)
    assert driver.delete_image(image) is True
    assert files_of(pool) == before
    quietly(driver.destroy_node, node)


def put_vm(sim: Simulator, name: str, *files: str, **config: Any) -> Any:
    """A stopped VM with new disks of these names."""
    disks = [f"file:{make_disk(sim, file)},xvd{n},w" for n, file in zip("abc", files, strict=False)]
    sim.add_vm(name, config={"disk": disks, **config})
    return driver_for(sim).ex_get_node_by_name(name)


def test_without_the_module_a_disk_image_has_to_be_enough(alone: Simulator) -> None:
    driver = driver_for(alone)
    nodes = [
        put_vm(alone, "hvm", "h.img", **HVM),
        put_vm(alone, "two disks", "t1.img", "t2.img"),
    ]
    alone.calls.clear()
    for node, why in zip(nodes, ("an HVM guest", "a VM with 2 disks"), strict=True):
        with pytest.raises(PreconditionFailed, match=f"{why} needs a vm.cfg, which only the host"):
            driver.create_image(node, "x")
        assert calls_of(alone, *WRITES) == []
        quietly(driver.destroy_node, node)
        alone.calls.clear()
    node = put_vm(alone, "pv", "p.img")
    with pytest.warns(Ovm3Warning, match="its description is not recorded"):
        image = driver.create_image(node, "x", "something")
    assert driver.delete_image(image) is True
    quietly(driver.destroy_node, node)


def test_create_image_is_refused(pool: Simulator) -> None:
    driver = driver_for(pool)
    node = driver.create_node("web", "tiny", image_named(driver, "oracle-linux-6"))
    lun = put_vm(pool, "lun", "l.img")
    shared = f"file:{make_disk(pool, 's.img')},xvda,w!"
    pool.add_vm("shared", config={"disk": [shared]})
    before = files_of(pool)
    pool.calls.clear()
    for name in ("", " x", "a\nb", None, 7):
        with pytest.raises(InvalidArgument, match="name"):
            driver.create_image(lun, name)
    with pytest.raises(PreconditionFailed, match=r"live on ovm-1 .*ex_pause=True"):
        driver.create_image(node, "x")
    with pytest.raises(NodeNotFound):
        driver.create_image("0" * 32, "x")
    with pytest.raises(InvalidArgument, match="a disk that is shared"):
        driver.create_image(driver.ex_get_node_by_name("shared"), "x")
    with pytest.raises(PreconditionFailed, match="there is no repository 'nowhere'"):
        driver.create_image(lun, "x", ex_repository="nowhere")
    assert calls_of(pool, *WRITES) == []
    assert files_of(pool) == before
    for one in driver.list_nodes():
        quietly(driver.destroy_node, one)


@pytest.mark.parametrize("moment", ["begin", "copied"])
def test_the_node_is_started_meanwhile(pool: Simulator, moment: str) -> None:
    """What was copied until then may be torn, and goes."""
    driver = driver_for(pool)
    node = put_vm(pool, "web", f"w-{moment}.img")
    before = files_of(pool)
    function = {"begin": "libcloud_file_holders", "copied": "libcloud_start_job"}[moment]

    def start(when: str) -> None:
        if when == "after":
            driver_for(pool).start_node(node)

    pool.misbehave("hook", function, hook=start)
    with pytest.raises(PreconditionFailed, match="was started meanwhile"):
        driver.create_image(node, "x")
    assert files_of(pool) == before
    quietly(driver.destroy_node, node)


# ------------------------------------------------------------------ deleting


@MODULE
def test_what_somebody_names_is_kept(host_module: bool, personality: str) -> None:
    with simulate(
        hosts=2, vms=0, template_bytes=1 << 20, personality=personality, host_module=host_module
    ) as sim:
        driver = driver_for(sim)
        iso, raw = image_named(driver, "oracle-linux-6-boot.iso"), driver.list_images()[0]
        top = f"/OVS/Repositories/{sim.repository_id}"
        sim.add_vm("cd", config={"disk": [f"file:{top}/{iso.extra['path']},xvdb:cdrom,r"]})
        sim.add_vm("careless", config={"disk": [f"file:{top}/{raw.extra['path']},xvda,w"]})
        before = files_of(sim)
        for image in (iso, raw):
            with pytest.raises(PreconditionFailed, match=r"was kept: .*names it"):
                driver.delete_image(image)
        assert files_of(sim) == before
        for node in driver.list_nodes():
            quietly(driver.destroy_node, node)
        for function in ("list_vms", "libcloud_read_agent", "libcloud_domains"):
            sim.misbehave("fault", function, times=9)
        with pytest.raises(PreconditionFailed, match="was kept"):
            quietly(driver.delete_image, iso)
        sim.clear_misbehaviour()
        assert {driver.delete_image(image) for image in (iso, raw)} == {True}
        assert {image.name for image in driver.list_images()} == {"oracle-linux-7"}


def test_a_managers_template(pool: Simulator) -> None:
    """Its folder and the virtual disks that it alone names go; all of it or nothing."""
    driver = driver_for(pool)
    before = files_of(pool)
    own, other = make_disk(pool, "mt-own.img"), make_disk(pool, "mt-other.img")
    disks = [f"file:{own},xvda,w", f"file:{other},xvdb,w", "phy:/dev/mapper/asm1,xvdc,w"]
    image = make_template(pool, disk=disks)
    pool.add_vm("user", config={"disk": [f"file:{other},xvda,w"]})
    there = files_of(pool)
    with pytest.raises(PreconditionFailed, match=r"was kept: .*mt-other.img: .*names it"):
        driver.delete_image(image)
    assert files_of(pool) == there
    quietly(driver.destroy_node, driver.ex_get_node_by_name("user"))
    (folder := pool.repository_path / "Templates" / Path(image).name / "sub").mkdir()
    with pytest.raises(PreconditionFailed, match="more than files of a template: sub"):
        driver.delete_image(image)
    folder.rmdir()
    with pytest.warns(Ovm3Warning, match="/dev/mapper/asm1 was kept"):
        assert driver.delete_image(image) is True
    assert files_of(pool) == before


def test_a_template_gets_a_user_at_the_last_moment(pool: Simulator) -> None:
    """After its files were set aside, a VM names one of its disks: everything is put back."""
    driver = driver_for(pool)
    disk = make_disk(pool, "late.img")
    image = make_template(pool, disk=[f"file:{disk},xvda,w"])
    before = files_of(pool)

    def use(when: str) -> None:
        if when == "after":
            pool.add_vm("late", config={"disk": [f"file:{disk},xvda,w"]})

    pool.misbehave("hook", "libcloud_set_aside", hook=use)
    with pytest.raises(PreconditionFailed, match=r"was kept: .*names it"):
        driver.delete_image(image)
    late = driver.ex_get_node_by_name("late")
    assert before.items() <= files_of(pool).items()
    quietly(driver.destroy_node, late)
    assert driver.delete_image(image) is True


def test_a_managers_template_without_the_module(alone: Simulator) -> None:
    image = make_template(alone)
    before = files_of(alone)
    for change in (
        lambda driver: driver.delete_image(image),
        lambda driver: driver.copy_image("MyRepo", image, "x", ex_repository="MyRepo"),
    ):
        with pytest.raises(PreconditionFailed, match="host module"):
            change(driver_for(alone))
    assert files_of(alone) == before
    shutil.rmtree(alone.repository_path / image.partition("/")[2])


# ------------------------------------------------------------------ copying


def test_copy_image(alone: Simulator) -> None:
    driver, before = driver_for(alone), files_of(alone)
    iso, raw = image_named(driver, "oracle-linux-6-boot.iso"), driver.list_images()[0]
    with pytest.raises(PreconditionFailed, match="no host has another repository mounted"):
        driver.copy_image("MyRepo", raw, "x")
    copies = [
        driver.copy_image("MyRepo", one, "a copy", ex_repository="MyRepo") for one in (iso, raw)
    ]
    assert [(one.name, one.extra["kind"]) for one in copies] == [
        ("a copy", "iso"),
        ("a copy", "raw"),
    ]
    now = files_of(alone)
    made = {path: content for path, content in now.items() if path not in before}
    assert sorted(made.values()) == sorted(
        content
        for path, content in before.items()
        if Path(path).name in ("oracle-linux-6.raw", "oracle-linux-6-boot.iso")
    )
    second = alone.add_repository("second", hosts=[1])
    elsewhere = driver.copy_image(alone.repository_id, raw, "x")
    assert elsewhere.extra["repository_id"] == second
    with pytest.raises(InvalidArgument, match=r"source_region 'second': image 'oracle-linux-6'"):
        driver.copy_image("second", raw, "x")
    template = make_template(alone, OVM_simple_name="by its name")
    with pytest.raises(InvalidArgument, match=r"source_region 'second': image 'by its name' \("):
        driver.copy_image("second", template, "x")
    shutil.rmtree(alone.repository_path / template.partition("/")[2])
    for image in (*copies, elsewhere):
        driver.delete_image(image)
    assert before.items() <= files_of(alone).items()
    assert len(driver.list_images()) == 3


def test_copy_of_what_is_written_to(pool: Simulator) -> None:
    driver = driver_for(pool)
    raw = image_named(driver, "oracle-linux-6")
    path = f"/OVS/Repositories/{pool.repository_id}/{raw.extra['path']}"
    pool.add_vm("careless", running_on=0, config={"disk": [f"file:{path},xvda,w"]})
    with pytest.raises(PreconditionFailed, match=re.escape("is or may be in use")):
        driver.copy_image("MyRepo", raw, "x", ex_repository="MyRepo")
    quietly(driver.destroy_node, driver.ex_get_node_by_name("careless"))
