"""Snapshots through the driver: created, listed, copied back and destroyed."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.base import VolumeSnapshot
from libcloud.compute.types import NodeState, VolumeSnapshotState

from libcloud_ovm3.errors import (
    InvalidArgument,
    PreconditionFailed,
    SearchIncomplete,
    VolumeNotFound,
)
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import add_disk, disks, path_of
from tests.operations.failures import WRITES
from tests.support import calls_of, driver_for, fingerprints_of, quietly, simulate

ODD = 5 * 2**30 + 513  # bytes; no multiple of any block
LUN = "6006016011223300aa00bb11cc22dd01"


@pytest.fixture(
    scope="module", params=["plain-agent", "awkward-agent", "plain-module", "awkward-module"]
)
def shared(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """One node runs, one is off; what tests make is removed after each of them."""
    personality, how = request.param.split("-")
    module = how == "module"
    with simulate(2, vms=0, templates=0, personality=personality, host_module=module) as sim:
        sim.add_vm("run", running_on=0)
        sim.add_vm("off")
        yield sim


@pytest.fixture
def sim(shared: Simulator) -> Iterator[Simulator]:
    folder = shared.repository_path / "VirtualDisks"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    yield shared
    shared.clear_misbehaviour()
    for path in set(folder.iterdir()) - before.keys():
        path.unlink()
    for path, content in before.items():
        path.write_bytes(content)


@pytest.fixture
def driver(sim: Simulator) -> Any:
    return driver_for(sim)


def has_module(sim: Simulator) -> bool:
    return bool(calls_of(sim, "libcloud_repository"))


def volume_named(driver: Any, name: str) -> Any:
    [found] = [one for one in quietly(driver.list_volumes) if one.name == name]
    return found


def disk_of(driver: Any, node_name: str) -> Any:
    [volume] = quietly(driver.ex_list_volumes, driver.ex_get_node_by_name(node_name))
    return volume


def file_of(sim: Simulator, one: Any) -> Path:
    return sim.path_of(one.extra["repository_id"]) / one.id.partition("/")[2]


def refused(sim: Simulator, error: type[Exception], why: str, action: Any, *args: Any) -> None:
    """It is refused for this reason, and nothing is sent or changed."""
    before, begin = fingerprints_of(sim.repository_path), len(sim.calls)
    with pytest.raises(error, match=why):
        quietly(action, *args)
    assert not {*calls_of(sim)[begin:]} & WRITES
    assert fingerprints_of(sim.repository_path) == before


# ------------------------------------------------------------------ created and listed


def test_what_a_snapshot_is(sim: Simulator, driver: Any) -> None:
    """A full, sparse copy with its lineage, for every client; later writes do not change it."""
    add_disk(sim, "data.img")
    volume = volume_named(driver, "data")
    content = file_of(sim, volume).read_bytes()
    snapshot = volume.snapshot("before")  # libcloud's own way
    assert isinstance(snapshot, VolumeSnapshot)
    assert (snapshot.name, snapshot.state) == ("before", VolumeSnapshotState.AVAILABLE)
    assert (snapshot.size, snapshot.extra["size_bytes"]) == (1, 1 << 20)
    assert snapshot.extra["volume_id"] == volume.id
    assert snapshot.extra["lineage"] == [volume.id]
    age = datetime.datetime.now(datetime.timezone.utc) - snapshot.created
    assert datetime.timedelta(0) <= age < datetime.timedelta(hours=1)
    status = file_of(sim, snapshot).stat()
    assert (status.st_size, status.st_blocks * 512 < 1 << 18) == (1 << 20, True)
    file_of(sim, volume).write_bytes(b"\xff" * (1 << 20))
    [seen] = quietly(driver_for(sim).list_volume_snapshots, volume.id)
    assert (seen.id, seen.name, seen.created) == (snapshot.id, "before", snapshot.created)
    assert seen.extra == snapshot.extra
    assert file_of(sim, seen).read_bytes() == content
    assert snapshot.id not in [one.id for one in quietly(driver.list_volumes)]
    assert snapshot.destroy() is True
    assert quietly(driver.list_volume_snapshots, volume) == []
    assert file_of(sim, volume).exists()


def test_names(sim: Simulator, driver: Any) -> None:
    volume = add_disk(sim, "data.img")
    unnamed = quietly(driver.create_volume_snapshot, volume)
    assert unnamed.name.startswith("data 20")
    for _ in range(2):  # two may have one name
        assert quietly(driver.create_volume_snapshot, volume, "É, 1/2").name == "É, 1/2"
    assert len(quietly(driver.list_volume_snapshots, volume)) == 3
    create = driver.create_volume_snapshot
    for name in ("", " x", "a\nb", "é" * 50, 7):
        refused(sim, InvalidArgument, "name", create, volume, name)
    with pytest.raises(InvalidArgument, match="ex_pause"):
        create(volume, "x", ex_pause="perhaps")


def test_default_names_of_volumes_with_long_names(sim: Simulator, driver: Any) -> None:
    """A name that takes the whole file name as a volume, in one byte or in six per character."""
    for name in ("x" * 204, "é" * 34, "v" * 151 + " y"):
        volume = quietly(driver.create_volume, None, name, ex_size_bytes=4096)
        snapshot = quietly(driver.create_volume_snapshot, volume)
        begin, _, time = snapshot.name.rpartition(" ")
        assert begin
        assert name.startswith(begin)
        assert time.startswith(snapshot.created.strftime("%Y%m%dT"))


def test_every_byte_is_there(sim: Simulator, driver: Any) -> None:
    """N44: a size that is no multiple of a block is neither cut nor hidden, whatever copies it."""
    file = sim.repository_path / "VirtualDisks" / "odd.img"
    with file.open("wb") as opened:
        opened.seek(ODD - 1)
        opened.write(b"!")
    volume = f"{sim.repository_id}/VirtualDisks/odd.img"
    snapshot = quietly(driver.create_volume_snapshot, volume, "s")
    made = [
        snapshot,
        quietly(driver.create_volume, None, "of it", snapshot=snapshot),
        quietly(driver.ex_copy_volume, volume, "copy"),
    ]
    for one in made:
        with file_of(sim, one).open("rb") as opened:
            opened.seek(ODD - 2)
            assert opened.read() == b"\0!"
        assert (one.size, one.extra["size_bytes"]) == (6, ODD)
        assert file_of(sim, one).stat().st_blocks < 1000


def test_lineage(sim: Simulator, driver: Any) -> None:
    """A volume of a snapshot of a volume of a snapshot; told also when one of them is gone."""
    first = add_disk(sim, "data.img")
    snapshot = quietly(driver.create_volume_snapshot, first, "one")
    second = quietly(driver.create_volume, None, "second", snapshot=snapshot)
    assert second.extra["snapshot_of"] == first
    last = quietly(driver.create_volume_snapshot, second, "two")
    assert last.extra["lineage"] == [second.id, first]
    assert quietly(driver.destroy_volume, second) is True
    [seen] = quietly(driver.list_volume_snapshots, second)
    assert (seen.id, seen.extra["volume_id"], seen.extra["lineage"]) == (last.id, None, [])


# ------------------------------------------------------------------ of nodes


def test_the_disk_of_a_node_that_is_off(sim: Simulator, driver: Any) -> None:
    volume, begin = disk_of(driver, "off"), sim.now()
    snapshot = quietly(driver.create_volume_snapshot, volume, "s")
    assert sim.now() - begin >= 5, "it may have been absent only while it reboots"
    assert file_of(sim, snapshot).read_bytes() == file_of(sim, volume).read_bytes()
    assert driver.ex_get_node_by_name("off").state == NodeState.STOPPED


def test_the_disk_of_a_node_that_runs(sim: Simulator, driver: Any) -> None:
    volume = disk_of(driver, "run")
    create = driver.create_volume_snapshot
    refused(sim, PreconditionFailed, r"in use by 'run'.*\(running\).*ex_pause", create, volume, "s")
    states = []

    def look(moment: str) -> None:
        states.append(driver_for(sim).ex_get_node_by_name("run").state)

    for function in ("copy_file", "libcloud_start_job"):
        sim.misbehave("hook", function, hook=look)
    snapshot = quietly(create, volume, "s", ex_pause="true")
    assert states == [NodeState.PAUSED] * 2
    assert driver.ex_get_node_by_name("run").state == NodeState.RUNNING
    assert file_of(sim, snapshot).read_bytes() == file_of(sim, volume).read_bytes()
    assert quietly(driver.ex_list_orphans) == []


def test_a_node_that_somebody_else_has_paused_stays_so(sim: Simulator, driver: Any) -> None:
    volume, node = disk_of(driver, "run"), driver.ex_get_node_by_name("run")
    where = node.extra["repository_id"], node.extra["directory"]
    refused(sim, PreconditionFailed, "is running, and no .*it$", driver.ex_resume_node, node)
    driver.connection.call("pause_vm", *where)
    by_others = "is paused, and no .*; whoever paused it has to let it run again"
    refused(sim, PreconditionFailed, by_others, driver.ex_resume_node, node)
    why = r"in use by .*\(paused\)"
    refused(sim, PreconditionFailed, why, driver.create_volume_snapshot, volume, "s")
    with pytest.warns(UserWarning, match="was paused before, by whomever, and stays paused"):
        driver.create_volume_snapshot(volume, "s", ex_pause=True)
    assert driver.ex_get_node_by_name("run").state == NodeState.PAUSED
    driver.connection.call("unpause_vm", *where)


def test_the_pause_ends_when_the_copy_fails(sim: Simulator, driver: Any) -> None:
    volume = disk_of(driver, "run")
    before = fingerprints_of(sim.repository_path / "VirtualDisks")
    for function in ("copy_file", "libcloud_start_job"):
        sim.misbehave("fault", function, text="exceptions.Exception:no space", times=2)
    with pytest.raises(Exception, match="no space"):
        quietly(driver.create_volume_snapshot, volume, "s", ex_pause=True)
    assert driver.ex_get_node_by_name("run").state == NodeState.RUNNING
    assert fingerprints_of(sim.repository_path / "VirtualDisks") == before


@pytest.mark.parametrize("pause", [False, True])
def test_what_two_nodes_run_with_cannot_be_held_still(personality: str, pause: bool) -> None:
    with simulate(1, vms=0, templates=0, personality=personality) as sim:
        volume = add_disk(sim)
        entry = f"file:{path_of(sim)},xvdb,w!"
        for name in ("one", "two"):
            sim.add_vm(name, running_on=0, config={"disk": disks(sim, entry)})
        driver = driver_for(sim)
        why = "only one VM can be paused" if pause else "is in use by 'one'.*'two'"
        with pytest.raises(PreconditionFailed, match=why):
            quietly(driver.create_volume_snapshot, volume, "s", ex_pause=pause)
        assert not {*calls_of(sim)} & (WRITES - {"storage_plugin_mount"})


def test_what_has_no_snapshots(sim: Simulator, driver: Any) -> None:
    create, half = driver.create_volume_snapshot, add_disk(sim, f"half.{'1' * 32}.img")
    add_disk(sim, f"half.{'1' * 32}.img.creating")
    refused(sim, PreconditionFailed, "is not complete", create, half)
    refused(sim, VolumeNotFound, "no volume", create, f"{half}x")
    sim.add_lun(None, LUN)
    refused(sim, PreconditionFailed, "is a physical disk: copies", create, f"phy:{LUN}")


# ------------------------------------------------------------------ destroyed


def test_a_snapshot_for_a_volume(sim: Simulator, driver: Any) -> None:
    """Every method says what it is, and which method is for it; nothing is sent."""
    volume = add_disk(sim, "data.img")
    snapshot = quietly(driver.create_volume_snapshot, volume, "s")
    node = driver.ex_get_node_by_name("off")
    why = "is a snapshot, not a volume; destroy_volume_snapshot deletes it, create_volume"
    for change in (
        driver.destroy_volume,
        driver.detach_volume,
        lambda one: driver.ex_copy_volume(one, "copy"),
        lambda one: driver.ex_resize_volume(one, 2),
        lambda one: driver.ex_rename_volume(one, "new"),
        lambda one: driver.ex_revert_volume(one, snapshot),
        lambda one: driver.create_volume_snapshot(one, "of it"),
    ):
        refused(sim, VolumeNotFound, why, change, snapshot.id)
    refused(sim, InvalidArgument, "is a snapshot", driver.attach_volume, node, snapshot.id)
    dashed = str(uuid.UUID(sim.repository_id)).upper() + snapshot.id[32:]
    refused(sim, VolumeNotFound, why, driver.destroy_volume, dashed)
    why = "is a volume, not a snapshot"
    refused(sim, VolumeNotFound, why, driver.ex_revert_volume, volume, volume)
    refused(sim, VolumeNotFound, why, lambda: driver.create_volume(None, "new", snapshot=volume))


def test_only_what_is_marked_as_a_snapshot_is_destroyed(sim: Simulator, driver: Any) -> None:
    """Neither a volume nor a copy; and a snapshot only as long as nobody uses it."""
    volume = add_disk(sim, "data.img")
    snapshot = quietly(driver.create_volume_snapshot, volume, "s")
    copy = quietly(driver.create_volume, None, "copy", snapshot=snapshot)
    destroy = driver.destroy_volume_snapshot
    for other in (volume, copy.id):
        why = "is a volume, not a snapshot; destroy_volume deletes it"
        refused(sim, VolumeNotFound, why, destroy, other)
    for other in (f"{snapshot.id}x", f"{sim.repository_id}/Templates/x.img"):
        refused(sim, VolumeNotFound, "there is no snapshot", destroy, other)
    named = [f"file:{snapshot.extra['path']},xvdb,r"]
    directory = sim.add_vm("uses it", config={"disk": disks(sim, *named)})
    [seen] = quietly(driver.list_volume_snapshots, volume)
    assert "'uses it'" in seen.extra["used_by"][0]
    refused(sim, PreconditionFailed, "was kept: .*names it", destroy, snapshot)
    vm_cfg = sim.repository_path / "VirtualMachines" / directory / "vm.cfg"
    vm_cfg.write_text("disk = [")
    refused(sim, PreconditionFailed, "was kept", destroy, snapshot)
    refused(sim, SearchIncomplete, "not everything could be read", destroy, f"{snapshot.id}x")
    vm_cfg.unlink()
    vm_cfg.parent.rmdir()
    assert quietly(destroy, snapshot.id) is True
    assert not file_of(sim, snapshot).exists()
    assert file_of(sim, copy).exists()
    with pytest.raises(VolumeNotFound):
        quietly(destroy, snapshot)


# ------------------------------------------------------------------ reverted


def test_revert(sim: Simulator, driver: Any) -> None:
    """The snapshot stays, also where the volume has another size by then."""
    volume = disk_of(driver, "off")
    old = file_of(sim, volume).read_bytes()
    snapshot = quietly(driver.create_volume_snapshot, volume, "s")
    file_of(sim, volume).write_bytes(b"new" * (1 << 20))
    if not has_module(sim):
        why = "no host with the host module"
        refused(sim, PreconditionFailed, why, driver.ex_revert_volume, volume, snapshot)
        return
    assert quietly(driver.ex_revert_volume, volume.id, snapshot.id) is True
    assert file_of(sim, volume).read_bytes() == file_of(sim, snapshot).read_bytes() == old
    assert [one.id for one in quietly(driver.list_volume_snapshots, volume)] == [snapshot.id]
    assert quietly(driver.ex_list_orphans) == []
    assert disk_of(driver, "off").id == volume.id


def test_revert_is_refused(sim: Simulator, driver: Any) -> None:
    revert, volume = driver.ex_revert_volume, disk_of(driver, "off")
    snapshot = quietly(driver.create_volume_snapshot, volume, "s")
    other = add_disk(sim, "other.img")
    refused(sim, InvalidArgument, "is not a snapshot of", revert, other, snapshot)
    refused(sim, VolumeNotFound, "no snapshot", revert, volume, volume.id)
    refused(sim, VolumeNotFound, "no volume", revert, f"{volume.id}x", snapshot)
    mark = file_of(sim, snapshot).with_name(f"{file_of(sim, snapshot).name}.creating")
    mark.write_bytes(bytes(512))
    refused(sim, PreconditionFailed, "is not complete", revert, volume, snapshot)
    mark.unlink()
    if has_module(sim):
        running = disk_of(driver, "run")
        its = quietly(driver.create_volume_snapshot, running, "s", ex_pause=True)
        refused(sim, PreconditionFailed, "may be in use: VM 'run'", revert, running, its)


@pytest.mark.parametrize("call", ["libcloud_start_job", "libcloud_set_aside"])
def test_the_node_is_started_while_its_disk_is_reverted(personality: str, call: str) -> None:
    """Its content stays, whether that is seen before the volume is set aside or after."""
    with simulate(1, vms=0, templates=0, personality=personality, host_module=True) as sim:
        sim.add_vm("off")
        driver = driver_for(sim)
        volume = disk_of(driver, "off")
        snapshot = quietly(driver.create_volume_snapshot, volume, "s")
        with file_of(sim, volume).open("r+b") as file:
            file.write(b"written after the snapshot")
        before = fingerprints_of(sim.repository_path / "VirtualDisks")

        def start(moment: str) -> None:
            if moment == "before":
                driver_for(sim).start_node(driver.ex_get_node_by_name("off"))

        sim.misbehave("hook", call, hook=start)
        with pytest.raises(PreconditionFailed, match="in use"):
            quietly(driver.ex_revert_volume, volume, snapshot)
        assert fingerprints_of(sim.repository_path / "VirtualDisks") == before
