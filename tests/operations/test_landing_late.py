"""What is left of an interrupted copy is deleted, and then its request is carried out after all:
the file that appears is not taken for a complete one.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.errors import ImageNotFound, OperationIncomplete, PreconditionFailed
from libcloud_ovm3.estate.disk_names import is_removed, removed_in, removed_mark
from libcloud_ovm3.simulator import Simulator
from tests.operations.storing import snapshot_of
from tests.support import PERSONALITIES, driver_for, eventually, quietly, simulate

HALF = f"VirtualDisks/half.{'b' * 32}.of.{'c' * 32}.img"
IMAGE, ISO = f"Templates/half.{'1' * 32}.img", f"ISOs/half.{'2' * 32}.iso"


@pytest.fixture(params=["agent", "module"])
def sim(request: Any, personality: str) -> Any:
    is_module = request.param == "module"
    options = {"personality": personality, "host_module": is_module}
    with simulate(hosts=1, vms=1, templates=0, **options) as made:
        yield made


@pytest.fixture(params=PERSONALITIES)
def personality(request: Any) -> Any:
    return request.param


def files_in(sim: Simulator, folder: str) -> set[str]:
    return {path.name for path in (sim.repository_path / folder).iterdir() if path.is_file()}


def interrupt(sim: Simulator, relative: str) -> Path:
    """Leave what an interrupted copy leaves."""
    file = sim.repository_path / relative
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"half")
    file.with_name(file.name + ".creating").write_bytes(bytes(512))
    return file


def test_a_volume(sim: Simulator) -> None:
    driver, key = driver_for(sim), f"{sim.repository_id}/{HALF}"
    file = interrupt(sim, HALF)
    assert quietly(driver.destroy_volume, key) is True
    assert key not in {one.id for one in quietly(driver.list_volumes)}
    assert not quietly(driver.ex_list_orphans), "the mark that stays is nobody's disk"
    file.write_bytes(b"landed late")
    [volume] = [one for one in quietly(driver.list_volumes) if one.id == key]
    assert volume.state == "creating"
    assert [Path(one["path"]).name for one in quietly(driver.ex_list_orphans)] == [file.name]
    with pytest.raises(PreconditionFailed, match="not complete"):
        quietly(driver.attach_volume, quietly(driver.list_nodes)[0], volume)
    with pytest.raises(PreconditionFailed, match="not complete"):
        quietly(driver.ex_copy_volume, volume, "copy")
    assert quietly(driver.destroy_volume, volume) is True
    marks = [name for name in files_in(sim, "VirtualDisks") if "b" * 32 in name]
    assert len(marks) == 1
    assert marks[0].endswith(".removed")


def test_a_copy_whose_request_was_lost(sim: Simulator) -> None:
    driver = driver_for(sim)
    source = quietly(driver.create_volume, 1, "source", ex_repository=sim.repository_id)
    for function in ("copy_file", "libcloud_start_job"):
        sim.misbehave("delayed", function)
    with pytest.raises(OperationIncomplete) as caught:
        quietly(driver.ex_copy_volume, source, "new")
    path = next(one for one in caught.value.left if one.endswith(".img"))
    key = path.split("/", 3)[3]
    assert quietly(driver.destroy_volume, key) is True
    sim.clear_misbehaviour()
    sim.flush_delayed()
    file = sim.repository_path / key.partition("/")[2]
    eventually(file.exists)  # a job is a process of its own
    [new] = [one for one in quietly(driver.list_volumes) if one.id == key]
    assert new.state == "creating"
    assert quietly(driver.destroy_volume, new) is True
    assert not file.exists()


def test_a_snapshot(sim: Simulator) -> None:
    driver, relative = driver_for(sim), snapshot_of(sim.repository_id)
    data = sim.repository_path / f"VirtualDisks/data.{'a' * 32}.img"
    data.write_bytes(b"data")
    volume = next(one for one in quietly(driver.list_volumes) if one.id.endswith(data.name))
    file = interrupt(sim, relative)
    [snapshot] = quietly(driver.list_volume_snapshots, volume)
    assert quietly(driver.destroy_volume_snapshot, snapshot) is True
    assert quietly(driver.list_volume_snapshots, volume) == []
    file.write_bytes(b"landed late")
    [snapshot] = quietly(driver.list_volume_snapshots, volume)
    assert snapshot.state == "creating"
    with pytest.raises(PreconditionFailed, match="not complete"):
        quietly(driver.create_volume, 1, "new", snapshot=snapshot)


@pytest.mark.parametrize("relative", [IMAGE, ISO])
def test_an_image(sim: Simulator, relative: str) -> None:
    driver, key = driver_for(sim), f"{sim.repository_id}/{relative}"
    file = interrupt(sim, relative)
    image = type("Image", (), {"id": key, "name": "half", "extra": {}})()
    assert quietly(driver.delete_image, image) is True
    listed = {one.id for one in quietly(driver.list_images)}
    assert key not in listed
    file.write_bytes(b"landed late")
    assert {one.id for one in quietly(driver.list_images)} == listed
    with pytest.raises(ImageNotFound):
        quietly(driver.get_image, key)
    [orphan] = quietly(driver.ex_list_orphans)
    assert orphan["path"].endswith(relative)
    assert not orphan["is_certain"]
    assert quietly(driver.delete_image, image) is True
    assert not file.exists()


def test_marks_go_after_a_month(sim: Simulator) -> None:
    driver, folder = driver_for(sim), sim.repository_path / "VirtualDisks"
    now = datetime.datetime.now(datetime.timezone.utc)
    young, old, there = (
        removed_mark(f"x.{digit * 32}.img", now - datetime.timedelta(days=days)) or ""
        for digit, days in (("1", 29), ("2", 31), ("3", 31))
    )
    for name in (young, old, there, f"x.{'3' * 32}.img"):
        (folder / name).write_bytes(bytes(512))
    interrupt(sim, HALF)
    quietly(driver.destroy_volume, f"{sim.repository_id}/{HALF}")
    left = files_in(sim, "VirtualDisks")
    assert {young, there} <= left
    assert old not in left


@pytest.mark.parametrize("relative", [HALF, IMAGE])
def test_a_mark_that_cannot_be_made_on_a_full_file_system(sim: Simulator, relative: str) -> None:
    """The half copy fills it: it goes first; until there is the mark the old one stays."""
    driver, file = driver_for(sim), interrupt(sim, relative)
    is_image = relative == IMAGE
    key = f"{sim.repository_id}/{relative}"
    image = type("Image", (), {"id": key, "name": "half", "extra": {}})()
    delete, what = (driver.delete_image, image) if is_image else (driver.destroy_volume, key)
    for function in ("storage_plugin_create", "libcloud_create_file"):
        sim.misbehave("fault", function, times=None, text="No space left on device")
    with pytest.raises(OperationIncomplete, match=r"is deleted, and .*No space left") as caught:
        quietly(delete, what)
    mark = file.with_name(file.name + ".creating")
    assert [Path(one).name for one in caught.value.left] == [mark.name]
    assert (file.exists(), mark.exists()) == (False, True)
    sim.clear_misbehaviour()
    assert quietly(delete, what) is True
    assert not mark.exists()
    assert [one for one in files_in(sim, relative.partition("/")[0]) if one.endswith(".removed")]


def test_the_names_of_marks() -> None:
    when = datetime.datetime(2026, 11, 29, 2, 44, tzinfo=datetime.timezone.utc)
    mark = f"{'b' * 32}.20261129T024400Z.removed"
    names = [HALF.partition("/")[2], f"x.{'b' * 32}.iso", snapshot_of("r").partition("/")[2]]
    assert [removed_mark(name, when) for name in names[:2]] == [mark, mark]
    assert removed_mark("somebody-elses.img", when) is None
    assert removed_in([mark, "x.removed", f"{'c' * 32}.20269999T000000Z.removed"]) == {
        "b" * 32: when
    }
    assert [is_removed(name, {"b" * 32}) for name in names] == [True, True, False]
    assert len(removed_mark(names[2], when) or "") < 100, "room for it beside any name"
