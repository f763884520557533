"""Secondary storage: mounted and unmounted; copies to it and back, which mount it as long as they
take.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import (
    AgentFault,
    ImageNotFound,
    InvalidArgument,
    OperationIncomplete,
    Ovm3Warning,
    PreconditionFailed,
)
from libcloud_ovm3.estate.shares import parse_share
from libcloud_ovm3.operations.secondary_storage import secondary_id
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import FAILURES, WRITES, Step, attempt, land, misbehave
from tests.operations.sharing import export
from tests.support import PERSONALITIES, calls_of, driver_for, quietly, simulate

SHARE = "filer:/backup"
MIB = 1 << 20


@pytest.fixture(params=PERSONALITIES)
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    options = {"personality": request.param, "host_module": True, "template_bytes": MIB}
    with simulate(2, vms=0, **options) as simulator:
        export(simulator, SHARE).mkdir(parents=True)
        yield simulator


def mounts(sim: Simulator) -> list[list[str]]:
    return [[at for at in host.mounts if at.startswith("/nfsmnt/")] for host in sim.hosts]


def copies(sim: Simulator) -> list[str]:
    return [path.name for path in export(sim, SHARE).iterdir() if path.name[0] != "."]


def test_the_id_is_that_of_cloudstack() -> None:
    """agent-behaviour 3: a version 3 uuid of the text, without a name space."""
    found = uuid.UUID(secondary_id(parse_share("i-2-3-VM:/x")))
    assert (found.version, str(found)) == (3, secondary_id(parse_share("i-2-3-VM:/x/")))
    assert str(found) != secondary_id(parse_share("i-2-3-VM:/y"))


def test_mounting_until_it_is_unmounted(sim: Simulator) -> None:
    driver = driver_for(sim)
    point = f"/nfsmnt/{secondary_id(parse_share(SHARE))}"
    assert driver.ex_mount_secondary(SHARE) is True
    assert mounts(sim) == [[point], [point]]
    sim.calls.clear()
    assert driver.ex_mount_secondary(SHARE) is True
    assert not calls_of(sim, *WRITES)
    node = sim.add_vm("web", running_on=1, config={"disk": [f"file:{point}/cd.iso,xvdb,r"]})
    with pytest.raises(PreconditionFailed, match="stays mounted: live domain"):
        driver.ex_unmount_secondary(SHARE)
    assert node
    assert driver.ex_unmount_secondary(SHARE, "ovm-1") is True
    assert mounts(sim) == [[], [point]]
    for text, error in (("backup", InvalidArgument), ("nfs-store-1:/export", PreconditionFailed)):
        sim.calls.clear()
        with pytest.raises(error):
            driver.ex_mount_secondary(text)
        with pytest.raises(error):
            driver.ex_unmount_secondary(text)
        assert not calls_of(sim, *WRITES)
    with pytest.raises(AgentFault, match="No such file"):
        driver.ex_mount_secondary("filer:/none", "ovm-1")


def test_copies_to_it_and_back(sim: Simulator) -> None:
    driver = driver_for(sim)
    volume = driver.create_volume(1, "data")
    path = sim.repository_path / str(volume.id).partition("/")[2]
    with path.open("r+b") as file:
        file.write(b"content")
    snapshot = driver.create_volume_snapshot(volume, "before")
    (sim.repository_path / "ISOs").mkdir(exist_ok=True)
    (sim.repository_path / "ISOs" / "cd.iso").write_bytes(b"\0" * 2048)
    template = next(one for one in driver.list_images() if one.extra["kind"] == "raw")
    iso = next(one for one in driver.list_images() if one.name == "cd.iso")
    named = [
        driver.ex_copy_to_secondary(one, SHARE) for one in (volume, snapshot.id, template, iso)
    ]
    assert sorted(named) == sorted(copies(sim))
    assert (export(sim, SHARE) / named[0]).read_bytes() == path.read_bytes()
    assert mounts(sim) == [[], []]
    back = driver.ex_copy_volume_from_secondary(SHARE, named[1], "again")
    assert (back.name, back.extra["size_bytes"]) == ("again", 1 << 30)
    assert (sim.repository_path / str(back.id).partition("/")[2]).read_bytes()[:7] == b"content"
    image = driver.ex_copy_image_from_secondary(SHARE, named[2], "os", ex_repository="MyRepo")
    disc = driver.ex_copy_image_from_secondary(SHARE, named[3], "disc")
    kinds = [(one.name, one.extra["kind"]) for one in (image, disc)]
    assert kinds == [("os", "raw"), ("disc", "iso")]
    assert mounts(sim) == [[], []]
    driver.ex_mount_secondary(SHARE, "ovm-1")  # what somebody has mounted stays so
    driver.ex_copy_image_from_secondary(SHARE, named[3], "disc 2")
    assert [len(one) for one in mounts(sim)] == [1, 0]


def test_a_template_with_a_vm_cfg(sim: Simulator) -> None:
    """It is a folder there, too, and a node of what comes back has all its disks."""
    driver = driver_for(sim)
    node = sim.add_vm("web")
    volume = driver.create_volume(1, "data")
    driver.attach_volume(driver.ex_get_node(node), volume)
    template = driver.create_image(driver.ex_get_node(node), "web server", "what it is")
    name = driver.ex_copy_to_secondary(template, SHARE)
    folder = export(sim, SHARE) / name
    assert (copies(sim), mounts(sim)[1]) == ([name], [])
    assert name.startswith("web%20server.")
    assert len(list(folder.glob("*.img"))) == 2
    back = driver.ex_copy_image_from_secondary(SHARE, name, "again")
    assert (back.name, back.extra["kind"]) == ("again", "vm_template")
    config = (sim.repository_path / back.extra["path"] / "vm.cfg").read_text()
    assert "OVM_description = 'what it is'" in config
    assert "/nfsmnt" not in config
    assert len(driver.create_node("web-2", "small", back).extra["disks"]) == 2
    with pytest.raises(PreconditionFailed, match="is a template with a"):
        driver.ex_copy_volume_from_secondary(SHARE, name, "again")
    next(folder.glob("*.img")).rename(folder / "elsewhere")
    with pytest.raises(
        PreconditionFailed, match=rf"{SHARE}/{name}: its disks .*\.img are not in it"
    ):
        driver.ex_copy_image_from_secondary(SHARE, name, "again")
    (folder / "vm.cfg").rename(folder / "vm.cfg.creating")
    with pytest.raises(PreconditionFailed, match="is a template that was not completed"):
        driver.ex_copy_image_from_secondary(SHARE, name, "again")
    sim.misbehave("drop_before", "libcloud_rename_file")
    with pytest.raises(OperationIncomplete, match="remove its folder on the share") as half:
        quietly(driver.ex_copy_to_secondary, template, SHARE)
    [left] = [one for one in copies(sim) if one != name]
    assert f"/{left}" in half.value.left[0]


def test_what_becomes_of_odd_files(sim: Simulator) -> None:
    """Disks get a size that is a multiple of 4096, with zeros; other formats become no template."""
    driver = driver_for(sim)
    files = {
        "odd.img": b"a" * 5000,
        "odd.iso": b"a" * 5000,
        "disk.qcow2": b"QFI\xfb\0\0\0\3" + bytes(99),
    }
    for name, content in files.items():
        (export(sim, SHARE) / name).write_bytes(content)
    volume = driver.ex_copy_volume_from_secondary(SHARE, "odd.img", "odd")
    assert volume.extra["size_bytes"] == 8192
    image = driver.ex_copy_image_from_secondary(SHARE, "odd.img", "odd")
    content = (sim.repository_path / image.extra["path"]).read_bytes()
    assert content == b"a" * 5000 + bytes(3192)
    disc = driver.ex_copy_image_from_secondary(SHARE, "odd.iso", "odd")
    assert disc.extra["size_bytes"] == 5000
    before = [one.id for one in driver.list_images()]
    with pytest.raises(PreconditionFailed, match="no raw disk: qcow2"):
        driver.ex_copy_image_from_secondary(SHARE, "disk.qcow2", "x")
    sim.misbehave("fault", "libcloud_grow_file")
    with pytest.raises(PreconditionFailed, match="The copy was deleted"):
        driver.ex_copy_image_from_secondary(SHARE, "odd.img", "x")
    assert [one.id for one in driver.list_images()] == before


def test_what_is_not_copied(sim: Simulator) -> None:
    driver = driver_for(sim)
    node = sim.add_vm("web", running_on=0)
    [disk] = [one for one in quietly(driver.list_volumes) if one.extra["attachments"]]
    assert node
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match="in use"):
        driver.ex_copy_to_secondary(disk, SHARE)
    with pytest.raises(ImageNotFound):
        driver.ex_copy_to_secondary(f"{sim.repository_id}/Templates/none.img", SHARE)
    with pytest.raises(PreconditionFailed, match="the export of repository"):
        driver.ex_copy_to_secondary(disk, "nfs-store-1:/export/ovm-repository/x")
    for path in ("", "/a", "../a", "a//b", ".libcloud-ovm3/aside/x"):
        with pytest.raises(InvalidArgument, match="expected the path of a file"):
            driver.ex_copy_volume_from_secondary(SHARE, path, "x")
    assert not calls_of(sim, *WRITES)
    with pytest.raises(PreconditionFailed, match=f"there is no {SHARE}/none"):
        driver.ex_copy_volume_from_secondary(SHARE, "none.img", "x")
    assert (mounts(sim), copies(sim)) == ([[], []], [])


def test_a_node_that_starts_meanwhile(sim: Simulator) -> None:
    """The copy may be of two moments: it is deleted."""
    driver = driver_for(sim)
    volume = driver.create_volume(1, "data")
    path = f"/OVS/Repositories/{volume.id}"

    def start(moment: str) -> None:
        if moment == "after":
            sim.add_vm("web", running_on=1, config={"disk": [f"file:{path},xvda,w"]})

    sim.misbehave("hook", "libcloud_start_job", hook=start)
    with pytest.raises(PreconditionFailed, match="The copy was deleted"):
        driver.ex_copy_to_secondary(volume, SHARE)
    assert (mounts(sim), copies(sim)) == ([[], []], [])


def test_without_the_host_module() -> None:
    with simulate(1, vms=0, template_bytes=MIB) as sim:
        export(sim, SHARE).mkdir(parents=True)
        driver = driver_for(sim)
        template = next(one for one in driver.list_images() if one.extra["kind"] == "raw")
        with pytest.raises(PreconditionFailed, match="need the host module"):
            driver.ex_copy_to_secondary(template, SHARE)
        assert driver.ex_mount_secondary(SHARE)
        assert driver.ex_unmount_secondary(SHARE)
        assert mounts(sim) == [[]]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    "function", ["storage_plugin_mount", "libcloud_start_job", "storage_plugin_unmount"]
)
def test_each_call_fails(sim: Simulator, function: str, failure: str) -> None:
    driver = driver_for(sim)
    template = next(one for one in driver.list_images() if one.extra["kind"] == "raw")
    sim.calls.clear()
    rule = misbehave(sim, failure, Step(None, function))
    made: list[str] = []
    error = attempt(lambda: made.append(copy(driver, template)))
    land(sim)
    assert rule.hits
    sent = [(one.function, str(one.arguments)) for one in sim.calls if one.function in WRITES]
    assert len(sent) == len(set(sent))
    if error is None:
        assert made == copies(sim)
    elif isinstance(error, OperationIncomplete):
        assert error.left
    else:
        assert (mounts(sim), copies(sim)) == ([[], []], [])
    again = copy(driver, template)
    assert again in copies(sim)
    assert driver.ex_unmount_secondary(SHARE)
    assert mounts(sim) == [[], []]


def copy(driver: Any, template: Any) -> str:
    name: str = quietly(driver.ex_copy_to_secondary, template, SHARE)
    return name


def test_a_mount_that_stays_is_said(sim: Simulator) -> None:
    driver = driver_for(sim)
    template = next(one for one in driver.list_images() if one.extra["kind"] == "raw")
    sim.misbehave("fault", "storage_plugin_unmount")
    with pytest.warns(Ovm3Warning, match=f"{SHARE} could not be unmounted on ovm-"):
        assert driver.ex_copy_to_secondary(template, SHARE) in copies(sim)
