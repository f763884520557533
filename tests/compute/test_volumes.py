"""Volumes and snapshots as they are listed: what is one, what has it, and what is not known."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import StorageVolumeState, VolumeSnapshotState

from libcloud_ovm3.errors import (
    InvalidArgument,
    NodeNotFound,
    SearchIncomplete,
    VolumeNotFound,
)
from libcloud_ovm3.estate.disk_names import DiskName, file_name, origin_key
from libcloud_ovm3.estate.volumes import read_volumes
from libcloud_ovm3.simulator import Simulator
from tests.operations.test_never_guess import write_cfg
from tests.support import calls_of, driver_for, quietly, simulate

OTHER = "0004fb00000600000000000000000{:03d}".format
WHEN = datetime.datetime(2026, 11, 29, 2, 44, tzinfo=datetime.timezone.utc)
LUN = "36006016011223300aa00bb11cc22dd01"


class Pool:
    """A simulated pool with one running VM (``seed-1``) and files of all kinds."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.driver = driver_for(sim, ex_read_only=True)
        self.id = sim.repository_id
        self.folder = sim.repository_path / "VirtualDisks"
        self.has_module = "libcloud_repository" in calls_of(sim) or bool(self.module())

    def module(self) -> bool:
        quietly(self.driver.list_nodes)
        return "libcloud_repository" in calls_of(self.sim)

    def path(self, name: str) -> str:
        return f"/OVS/Repositories/{self.id}/VirtualDisks/{name}"

    def put(self, name: str, size: int = 4096) -> str:
        """A sparse disk; returns the id that it has as a volume."""
        with (self.folder / name).open("wb") as file:
            file.truncate(size)
        return f"{self.id}/VirtualDisks/{name}"

    def vm(self, number: int, *disks: str, **more: Any) -> str:
        """The id of a stopped VM with these disks."""
        folder = self.sim.repository_path / "VirtualMachines" / OTHER(number)
        values = {"OVM_simple_name": f"vm-{number}", "memory": 256, "disk": list(disks), **more}
        write_cfg(folder, name=OTHER(number), uuid=OTHER(number), **values)
        digits = OTHER(number)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def volumes(self, **options: Any) -> dict[str, Any]:
        return {one.id: one for one in quietly(self.driver.list_volumes, **options)}

    def volume(self, volume_id: str) -> Any:
        return self.volumes()[volume_id]


@pytest.fixture(
    scope="module", params=["plain-agent", "awkward-agent", "plain-module", "awkward-module"]
)
def shared_pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    personality, how = request.param.split("-")
    with simulate(
        hosts=2, vms=1, personality=personality, host_module=how == "module", secondary_mount=True
    ) as sim:
        yield Pool(sim)


@pytest.fixture
def pool(shared_pool: Pool) -> Iterator[Pool]:
    """The same pool for all tests: what one of them puts there is taken away again."""
    before = set(files_of(shared_pool))
    contents = {path: path.read_bytes() for path in before if path.name == "vm.cfg"}
    yield shared_pool
    for path in sorted(set(files_of(shared_pool)) - before, reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    for path, content in contents.items():
        path.write_bytes(content)


def files_of(pool: Pool) -> Iterator[Path]:
    yield from pool.sim.repository_path.rglob("*")


def seed(pool: Pool) -> Any:
    return next(one for one in quietly(pool.driver.list_nodes) if one.name == "seed-1")


def vm_cfg(pool: Pool) -> Path:
    node = seed(pool)
    return pool.sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"


# ------------------------------------------------------------------ what a volume is


def test_the_disk_of_a_running_node(pool: Pool) -> None:
    node = seed(pool)
    [volume] = pool.driver.ex_list_volumes(node)
    assert volume.state == StorageVolumeState.INUSE
    assert (volume.size, volume.extra["size_bytes"]) == (1, 8 << 20)
    assert volume.extra["path"] == node.extra["disks"][0]
    assert volume.id == f"{pool.id}/VirtualDisks/{volume.name}.img"
    assert volume.extra["kind"] == "virtual"
    assert volume.extra["repository_id"] == pool.id
    assert volume.extra["attachments"] == [
        {
            "node_id": node.id,
            "node_name": "seed-1",
            "device": "xvda",
            "mode": "w",
            "where": "live and defined",
        }
    ]
    assert "doubts" not in volume.extra
    assert not volume.extra["is_shared"]


def test_a_disk_that_nothing_has_is_available(pool: Pool) -> None:
    made = pool.put(file_name(DiskName("Sales' DB", "a" * 32)), (5 << 30) + 1)
    volume = pool.volume(made)
    assert (volume.name, volume.size) == ("Sales' DB", 6)
    assert volume.extra["size_bytes"] == (5 << 30) + 1
    assert volume.state == StorageVolumeState.AVAILABLE
    assert volume.extra["attachments"] == []
    assert (volume.extra["modified"] is not None) == pool.has_module


def test_what_is_no_volume(pool: Pool) -> None:
    before = pool.volumes().keys()
    for folder in ("ISOs", "CoriolisSnapshots", "Templates"):
        (pool.sim.repository_path / folder).mkdir(exist_ok=True)
        (pool.sim.repository_path / folder / "thing.img").write_bytes(b"x")
    for hidden in (".ovsmeta", ".hidden.img"):
        (pool.folder / hidden).write_text("{}")
    inside = f"/OVS/Repositories/{pool.id}"
    pool.vm(
        1,
        f"file:{inside}/ISOs/thing.img,xvda:cdrom,r",
        f"file:{inside}/CoriolisSnapshots/thing.img,xvdb,w",
        f"file:{inside}/Templates/thing.img,xvdc,w",
        ",hdc:cdrom,r",
        "file:/EXAVMIMAGES/GuestImages/x.img,xvdd,w",
    )
    assert pool.volumes().keys() == before
    assert pool.driver.ex_list_volumes(seed(pool))


def test_a_disk_in_the_folder_of_its_vm(pool: Pool) -> None:
    """As some tools lay them out (N38, M05)."""
    place = f"VirtualMachines/{OTHER(2)}/u02.img"
    vm_id = pool.vm(2, f"file:/OVS/Repositories/{pool.id}/{place},xvdb,w")
    (pool.sim.repository_path / place).write_bytes(b"\0" * 4096)
    volume = pool.volume(f"{pool.id}/{place}")
    assert (volume.name, volume.extra["size_bytes"]) == ("u02", 4096)
    [attachment] = volume.extra["attachments"]
    assert (attachment["node_id"], attachment["where"]) == (vm_id, "defined")
    assert volume.state == StorageVolumeState.INUSE


def test_a_file_that_a_vm_names_and_that_is_not_there(pool: Pool) -> None:
    pool.vm(3, f"file:{pool.path('gone.img')},xvda,w")
    volume = pool.volume(f"{pool.id}/VirtualDisks/gone.img")
    assert volume.state == StorageVolumeState.ERROR
    assert "gone.img does not exist" in volume.extra["doubts"][0]
    assert (volume.size, volume.extra["size_bytes"]) == (0, None)


def test_a_folder_is_no_volume_where_that_is_known(pool: Pool) -> None:
    (pool.folder / "old").mkdir()
    (pool.folder / "old" / "x.img").write_bytes(b"\0" * 512)
    pool.vm(4, f"file:{pool.path('old/x.img')},xvda,w")
    (pool.folder / "empty").mkdir()
    found = pool.volumes()
    assert found[f"{pool.id}/VirtualDisks/old/x.img"].extra["size_bytes"] == 512
    assert f"{pool.id}/VirtualDisks/old" not in found
    assert (f"{pool.id}/VirtualDisks/empty" not in found) or not pool.has_module


# ------------------------------------------------------------------ who has it, in any spelling


@pytest.mark.parametrize(
    "entry",
    [
        "file:/OVS/Repositories/{id}//VirtualDisks/./data.img,xvdb,w",
        "tap:aio:/OVS/Repositories/{id}/VirtualDisks/data.img,xvdb,w",
        "file:/OVS/Repositories/{ID}/VirtualDisks/data.img,xvdb,w",
        "file:/OVS/../OVS/Repositories/{id}/VirtualDisks/x/../data.img,ioemu:hdb,w",
    ],
)
def test_other_spellings_are_the_same_volume(pool: Pool, entry: str) -> None:
    made = pool.put("data.img")
    vm_id = pool.vm(5, entry.format(id=pool.id, ID=pool.id.upper()))
    found = [one for one in pool.volumes().values() if one.name == "data"]
    assert [one.id for one in found] == [made]
    assert found[0].state == StorageVolumeState.INUSE
    assert [one["node_id"] for one in found[0].extra["attachments"]] == [vm_id]


@pytest.mark.parametrize(
    "values",
    [
        {"disk": ["file:relative/data.img,xvdb,w"]},
        {"disk": ["tap2:tapdisk:aio:/OVS/x/data.img,xvdb,w"]},
        {"disk": ["file:/mnt/second-mount/data.img,xvdb,w"]},
        {"disk": ["file:/OVS/Repositories/data.img xvdb w"]},
        {"disk": [], "kernel": "/boot/data.img"},
        {"disk": [",hdc:cdrom,r"], "device_model_args": "-hdb /mnt/x/data.img"},
    ],
    ids=["relative", "scheme", "second mount", "not an entry", "kernel", "text"],
)
def test_what_may_be_in_use_does_not_look_available(pool: Pool, values: dict[str, Any]) -> None:
    made = pool.put("data.img")
    assert pool.volume(made).state == StorageVolumeState.AVAILABLE
    pool.vm(6, **values) if "disk" not in values else pool.vm(
        6, *values["disk"], **{k: v for k, v in values.items() if k != "disk"}
    )
    volume = pool.volume(made)
    assert volume.state == StorageVolumeState.UNKNOWN
    assert any(OTHER(6) in doubt and "data.img" in doubt for doubt in volume.extra["doubts"])


def test_what_cannot_be_read_may_have_any_volume(pool: Pool) -> None:
    """Not understood is not absent; what is known to be in use stays in use."""
    made = pool.put("data.img")
    broken = pool.sim.repository_path / "VirtualMachines" / OTHER(7)
    broken.mkdir()
    (broken / "vm.cfg").write_text("disk = ['file:/some/where\nmemory =")
    found = pool.volumes()
    assert found.pop(made).state == StorageVolumeState.UNKNOWN
    assert {one.state for one in found.values()} == {StorageVolumeState.INUSE}


def test_one_disk_in_two_vms(pool: Pool) -> None:
    made = pool.put("data.img")
    disks = [f"file:{pool.path('data.img')},xvdb,{mode}" for mode in ("w!", "w!", "w")]
    ids = [pool.vm(8, disks[0]), pool.vm(9, disks[1])]
    volume = pool.volume(made)
    assert sorted(one["node_id"] for one in volume.extra["attachments"]) == ids
    assert volume.extra["is_shared"]
    pool.vm(10, disks[2])
    assert not pool.volume(made).extra["is_shared"]


def test_a_lun_in_two_vms_is_one_volume(pool: Pool) -> None:
    """V16: the WWID of the Manager is the mapper's name without the leading 3."""
    ids = [
        pool.vm(11, f"phy:/dev/mapper/{LUN},xvdc,w!"),
        pool.vm(12, f"phy:mapper/{LUN.upper()},xvdc,w!", "phy:/dev/mapper/asm1,xvdd,w"),
    ]
    found = {key: one for key, one in pool.volumes().items() if key.startswith("phy:")}
    assert found.keys() == {f"phy:{LUN[1:]}", "phy:/dev/mapper/asm1"}
    lun = found[f"phy:{LUN[1:]}"]
    assert sorted(one["node_id"] for one in lun.extra["attachments"]) == ids
    assert (lun.extra["kind"], lun.extra["is_shared"]) == ("physical", True)
    assert (lun.extra["repository_id"], lun.extra["size_bytes"]) == (None, None)
    assert [one.id for one in pool.driver.ex_list_volumes(ids[0])] == [lun.id]
    listed = read_volumes(pool.driver._estate, with_sizes=False)
    for spelling in (LUN[1:], LUN, LUN.upper()):
        assert listed.volume(f"phy:{spelling}").id == lun.id


def test_template_disks(pool: Pool) -> None:
    """A volume that a template names is in use, by no node."""
    made = pool.put("data.img")
    folder = pool.sim.repository_path / "Templates" / OTHER(13)
    write_cfg(folder, name="t", memory=256, disk=[f"file:{pool.path('data.img')},xvda,w"])
    volume = pool.volume(made)
    assert volume.state == StorageVolumeState.INUSE
    assert volume.extra["attachments"] == []
    assert volume.extra["used_by"] == [f"template 't' ({pool.id}/Templates/{OTHER(13)})"]


@contextlib.contextmanager
def changed_vm_cfg(pool: Pool, disk: list[str]) -> Iterator[None]:
    """The vm.cfg of the running VM says something else than what it was started with."""
    file = vm_cfg(pool)
    lines = file.read_text().splitlines()
    lines = [f"disk = {disk!r}" if line.startswith("disk =") else line for line in lines]
    file.write_text("\n".join(lines) + "\n")
    yield


def test_only_live(pool: Pool) -> None:
    """N38: a disk that the domain has and that vm.cfg does not know."""
    node = seed(pool)
    with changed_vm_cfg(pool, []):
        [volume] = pool.driver.ex_list_volumes(node)
        assert volume.state == StorageVolumeState.ERROR
        [attachment] = volume.extra["attachments"]
        assert (attachment["device"], attachment["where"]) == ("xvda", "live")
        [doubt] = volume.extra["doubts"]
        assert "seed-1" in doubt
        assert "its live domain has it as xvda, and vm.cfg does not" in doubt


def test_only_defined(pool: Pool) -> None:
    node = seed(pool)
    pool.put("data.img")
    disks = [f"file:{path},xvda,w" for path in node.extra["disks"]]
    with changed_vm_cfg(pool, [*disks, f"file:{pool.path('data.img')},xvdb,w"]):
        own, added = sorted(pool.driver.ex_list_volumes(node), key=lambda one: one.name)
        assert own.state == StorageVolumeState.INUSE
        assert added.state == StorageVolumeState.ERROR
        assert added.extra["attachments"][0]["where"] == "defined"
        assert "vm.cfg has it as xvdb, and its live domain does not" in added.extra["doubts"][0]


# ------------------------------------------------------------------ with the module


def test_links(pool: Pool) -> None:
    """A name of a file that is in use is not available; only the module can know."""
    [used] = pool.driver.ex_list_volumes(seed(pool))
    name = used.extra["path"].rpartition("/")[2]
    (pool.folder / "soft.img").symlink_to(name)
    os.link(pool.folder / name, pool.folder / "hard.img")
    os.link(pool.folder / name, pool.folder / f"hard.{'c' * 32}.img")
    pool.put("free.img")
    found = {one.name: one for one in pool.volumes().values()}
    assert found["free"].state == StorageVolumeState.AVAILABLE
    if pool.has_module:
        for other in ("soft", "hard"):
            assert found[other].state == StorageVolumeState.UNKNOWN
            assert name in found[other].extra["doubts"][0]
        assert found["soft"].extra["size_bytes"] == 8 << 20


def test_names_that_a_manager_recorded(pool: Pool) -> None:
    pool.put("0004fb00001200000000000000000001.img")
    pool.put(file_name(DiskName("mine", "d" * 32)))
    meta = {
        "0004fb00001200000000000000000001.img": {"SIMPLE_NAME": "Oracle DB (16)"},
        f"mine.{'d' * 32}.img": {"SIMPLE_NAME": "not this"},
        "gone.img": {"SIMPLE_NAME": "gone"},
        "odd": None,
        "odder": {"SIMPLE_NAME": 7},
    }
    (pool.folder / ".ovsmeta").write_text(json.dumps(meta))
    names = {one.name for one in pool.volumes().values()}
    assert "mine" in names
    assert ("Oracle DB (16)" in names) == pool.has_module
    assert ("0004fb00001200000000000000000001" in names) != pool.has_module


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe{", b'{"x": ' * 4000, b""])
def test_a_record_that_is_broken_costs_names_only(pool: Pool, content: bytes) -> None:
    made = pool.put("data.img")
    (pool.folder / ".ovsmeta").write_bytes(content)
    if pool.has_module:
        with pytest.warns(UserWarning, match="cannot be understood: names of the files"):
            volumes = pool.driver.list_volumes()
    else:
        volumes = pool.driver.list_volumes()
    assert made in [one.id for one in volumes]


# ------------------------------------------------------------------ snapshots


def test_snapshots(pool: Pool) -> None:
    volume_id = pool.put("data.img")
    key = origin_key(volume_id)
    later = WHEN + datetime.timedelta(hours=1)
    second = pool.put(file_name(DiskName("second", "2" * 32, key, later)), 8192)
    first = pool.put(file_name(DiskName("first", "1" * 32, key, WHEN)))
    foreign = pool.put(file_name(DiskName("foreign", "3" * 32, origin_key("x/y"), WHEN)))
    pool.put(f"first.{'1' * 32}.snapshot.{key}.20261129T024400Z.img.creating", 512)
    copy = pool.put(file_name(DiskName("copy", "4" * 32, key)))
    lost = pool.put(file_name(DiskName("lost", "5" * 32, origin_key("x/y"))))
    found = pool.driver.list_volume_snapshots(volume_id)
    assert [(one.id, one.name, one.created) for one in found] == [
        (first, "first", WHEN),
        (second, "second", later),
    ]
    assert [one.state for one in found] == [
        VolumeSnapshotState.CREATING,
        VolumeSnapshotState.AVAILABLE,
    ]
    assert [one.extra["size_bytes"] for one in found] == [4096, 8192]
    assert {one.extra["volume_id"] for one in found} == {volume_id}
    volumes = pool.volumes()
    assert not {first, second, foreign} & volumes.keys()
    assert volumes[copy].extra["snapshot_of"] == volume_id
    assert volumes[lost].extra["snapshot_of"] == origin_key("x/y")
    assert volumes[volume_id].extra["snapshot_of"] is None
    assert [one.id for one in pool.driver.list_volume_snapshots(volumes[volume_id])] == [
        first,
        second,
    ]
    [orphan] = pool.driver.list_volume_snapshots("x/y")
    assert (orphan.id, orphan.extra["volume_id"]) == (foreign, None)
    listed = [one for one in pool.driver.ex_list_snapshots() if one.id in (first, second, foreign)]
    assert listed[-1].id == second, "oldest first"
    assert {one.id for one in listed} == {first, second, foreign}, "also of what is gone"


def test_a_copy_that_is_not_complete(pool: Pool) -> None:
    made = pool.put(file_name(DiskName("half", "6" * 32)))
    pool.put(file_name(DiskName("half", "6" * 32)) + ".creating", 512)
    assert pool.volume(made).state == StorageVolumeState.CREATING
    certain = {one["path"]: one["is_certain"] for one in pool.driver.ex_list_orphans()}
    path = pool.path(file_name(DiskName("half", "6" * 32)))
    assert {key: certain[key] for key in (path, f"{path}.creating")} == {
        path: False,
        f"{path}.creating": False,
    }


def test_a_mark_whose_copy_was_never_begun(pool: Pool) -> None:
    """It stands for the file, so that it can be seen and removed."""
    mark = f"half.{'b' * 32}.img.creating"
    pool.put(mark, 512)
    volume = pool.volume(f"{pool.id}/VirtualDisks/{mark.removesuffix('.creating')}")
    assert (volume.name, volume.state) == ("half", StorageVolumeState.CREATING)
    assert quietly(driver_for(pool.sim).destroy_volume, volume) is True
    assert not (pool.folder / mark).exists()


def test_volumes_and_snapshots_are_no_orphans(pool: Pool) -> None:
    """Who deletes orphans must not delete what somebody created and has not attached yet."""
    pool.put(file_name(DiskName("data", "7" * 32)))
    pool.put(file_name(DiskName("snap", "8" * 32, origin_key("x/y"), WHEN)))
    pool.put("left.img")
    assert [one["path"] for one in pool.driver.ex_list_orphans()] == [pool.path("left.img")]


# ------------------------------------------------------------------ not found, and calls


def test_what_is_not_found(pool: Pool) -> None:
    made = pool.put("data.img")
    listed = read_volumes(pool.driver._estate, with_sizes=False)
    dashed = f"{pool.id[:8]}-{pool.id[8:12]}-{pool.id[12:16]}-{pool.id[16:20]}-{pool.id[20:]}"
    assert listed.volume(f"{dashed.upper()}/VirtualDisks/data.img").id == made
    with pytest.raises(VolumeNotFound, match=r"there is no volume '.*nothing.img'$"):
        listed.volume(f"{pool.id}/VirtualDisks/nothing.img")
    with pytest.raises(VolumeNotFound, match="there is no snapshot"):
        listed.snapshot(f"{pool.id}/VirtualDisks/nothing.img")
    with pytest.raises(
        NodeNotFound, match=r"'no-such-node' was found \(expected an id, not a name"
    ):
        pool.driver.ex_list_volumes("no-such-node")
    folder = pool.sim.repository_path / "VirtualMachines" / OTHER(14)
    folder.mkdir()
    (folder / "vm.cfg").write_text("disk = [")
    listed = read_volumes(pool.driver._estate, with_sizes=False)
    with pytest.raises(SearchIncomplete, match="not everything could be read"):
        listed.volume(f"{pool.id}/VirtualDisks/nothing.img")


def test_no_sizes_where_they_are_not_wanted(pool: Pool) -> None:
    made = pool.put("data.img")
    pool.sim.calls.clear()
    volume = pool.volumes(ex_sizes="false")[made]  # as Salt passes it
    assert calls_of(pool.sim, "storage_plugin_getFileInfo", "libcloud_list_files") == []
    assert (volume.size, volume.extra["size_bytes"]) == (0, None)
    with pytest.raises(InvalidArgument, match="ex_sizes 'x': expected True or False"):
        pool.volumes(ex_sizes="x")


def test_sizes_without_a_mount_of_the_storage_plugin() -> None:
    """Reading mounts nothing; what mounts the export makes sizes known (known-limitations.md)."""
    with simulate(hosts=1, vms=1) as sim:
        driver = driver_for(sim)
        with pytest.warns(UserWarning, match="no host has its export mounted, and reading mounts"):
            [volume] = driver.list_volumes()
        assert (volume.size, volume.extra["size_bytes"]) == (0, None)
        assert calls_of(sim, "storage_plugin_mount", "storage_plugin_getFileInfo") == []
        quietly(driver.create_volume, 1, "new")
        sizes = [one.extra["size_bytes"] for one in driver.list_volumes()]
        assert len(sizes) == 2
        assert all(sizes)


def test_only_the_sizes_of_one_node_are_read(pool: Pool) -> None:
    for number in range(5):
        pool.put(f"data-{number}.img")
    pool.sim.calls.clear()
    pool.driver.ex_list_volumes(seed(pool))
    asked = calls_of(pool.sim, "storage_plugin_getFileInfo")
    assert len(asked) == (0 if pool.has_module else 1)


def test_what_seems_free_is_asked_for_once_per_host(pool: Pool) -> None:
    for number in range(3):
        pool.put(f"free-{number}.img")
    pool.sim.calls.clear()
    pool.volumes()
    asked = calls_of(pool.sim, "libcloud_file_holders", "libcloud_identify")
    each = 2 if pool.has_module else 0
    assert [asked.count(name) for name in ("libcloud_file_holders", "libcloud_identify")] == [
        each,
        each,
    ]
