"""Volumes created, destroyed, grown, copied and renamed, through the driver."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.errors import (
    AgentFault,
    AmbiguousName,
    HostNotFound,
    InvalidArgument,
    OperationIncomplete,
    Ovm3Warning,
    PreconditionFailed,
    SearchIncomplete,
    VolumeNotFound,
)
from libcloud_ovm3.estate.disk_names import origin_key
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.space import Space
from libcloud_ovm3.operations import target_repository
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import add_disk
from tests.operations.failures import WRITES
from tests.support import at_once, calls_of, driver_for, quietly, simulate

GIB = 1 << 30
BOTH = ["agent", "module"]


@pytest.fixture(scope="module", params=BOTH)
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Two repositories on two hosts, a third on the second host only; one VM runs, one is off."""
    with simulate(2, vms=1, repositories=2, host_module=request.param == "module") as sim:
        sim.add_vm("off")
        sim.add_repository("Only second", hosts=[1])
        yield sim


@pytest.fixture
def driver(sim: Simulator) -> Any:
    sim.clear_misbehaviour()
    return driver_for(sim)


@pytest.fixture(scope="module")
def with_module() -> Iterator[Simulator]:
    with simulate(2, vms=1, host_module=True) as sim:
        sim.add_vm("off")
        yield sim


def file_of(sim: Simulator, volume: Any) -> Path:
    repository_id, _, path = volume.id.partition("/")
    return sim.path_of(repository_id) / path


def put(sim: Simulator, name: str, content: bytes = b"content") -> str:
    """A file among the virtual disks, and its id as a volume."""
    (sim.repository_path / "VirtualDisks" / name).write_bytes(content)
    return f"{sim.repository_id}/VirtualDisks/{name}"


def put_snapshot(sim: Simulator, content: bytes) -> str:
    key = origin_key(f"{sim.repository_id}/VirtualDisks/any.img")
    return put(sim, f"before.{'d' * 32}.snapshot.{key}.20261129T024400Z.img", content)


def warned_by(action: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Ovm3Warning)
        action()
    return [str(one.message) for one in caught]


def require_nothing_sent(sim: Simulator, action: Callable[[], Any]) -> None:
    sim.calls.clear()
    action()
    assert not {*calls_of(sim)} & (WRITES - {"storage_plugin_mount"})


# ------------------------------------------------------------------ create


def test_an_empty_volume_is_sparse_and_read_back(sim: Simulator, driver: Any) -> None:
    volume = driver.create_volume(3, "Sales' DB, €", ex_repository=sim.repository_id)
    status = file_of(sim, volume).stat()
    assert (status.st_size, status.st_blocks) == (3 * GIB, 0)
    assert (volume.name, volume.size, volume.state) == ("Sales' DB, €", 3, "available")
    assert volume.extra["size_bytes"] == 3 * GIB
    assert volume.extra["repository_id"] == sim.repository_id
    listed = {one.id: one for one in driver.list_volumes()}[volume.id]
    assert (listed.name, listed.size, listed.extra) == (volume.name, volume.size, volume.extra)


def test_two_volumes_may_have_one_name(sim: Simulator, driver: Any) -> None:
    made = [driver.create_volume(1, "twin", ex_repository=sim.repository_id) for _ in range(2)]
    assert made[0].id != made[1].id
    assert [one.name for one in driver.list_volumes()].count("twin") == 2


def test_a_size_in_bytes_is_rounded_up_and_that_is_said(sim: Simulator, driver: Any) -> None:
    made = []
    [notice] = warned_by(
        lambda: made.append(
            driver.create_volume(
                11, "n44", ex_size_bytes=10 * GIB + 1, ex_repository=sim.repository_id
            )
        )
    )
    assert "rounded up from 10737418241 to 10737422336 bytes" in notice
    assert file_of(sim, made[0]).stat().st_size == made[0].extra["size_bytes"] == 10737422336
    assert made[0].size == 11


@pytest.mark.parametrize(
    ("name", "size"), [("", 1), (" x", 1), ("a\nb", 1), (None, 1), ("é" * 50, 1), ("x", "10")]
)
def test_bad_arguments_are_refused_before_anything_is_read(
    sim: Simulator, driver: Any, name: Any, size: Any
) -> None:
    sim.calls.clear()
    with pytest.raises(InvalidArgument, match=r"name|size"):
        driver.create_volume(size, name)
    assert not calls_of(sim)


def test_the_default_is_the_repository_with_the_most_space(
    sim: Simulator, driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    aliases = {}

    def spaces(repositories: Any) -> list[Space]:
        aliases.update({one.id: one.record.alias for one in repositories})
        free = {"MyRepo": 5 * GIB, "Repository 2": 9 * GIB, "Only second": 7 * GIB}
        return [Space(10 * GIB, free[one.record.alias]) for one in repositories]

    monkeypatch.setattr(target_repository, "read_spaces", spaces)
    first = sim.hosts[0].address
    volume = driver.create_volume(1, "largest")
    assert aliases[volume.extra["repository_id"]] == "Repository 2"
    with pytest.raises(PreconditionFailed, match=r"10737418240 bytes .*, and 9663676416 bytes"):
        driver.create_volume(10, "too large")
    only = driver.create_volume(1, "there", driver.list_locations()[1], ex_repository="Only second")
    assert aliases[only.extra["repository_id"]] == "Only second"
    with pytest.raises(PreconditionFailed, match="does not have"):
        driver.create_volume(1, "not there", first, ex_repository="Only second")


def test_unknown_space_is_said_and_decides_nothing(
    sim: Simulator, driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = Space(reason="nobody knows")
    monkeypatch.setattr(target_repository, "read_spaces", lambda them: [unknown for _ in them])
    with pytest.raises(PreconditionFailed, match="ex_repository"):
        driver.create_volume(1, "where")
    made: list[Any] = []
    [notice] = warned_by(
        lambda: made.append(driver.create_volume(1, "here", ex_repository=sim.repository_id))
    )
    assert "nobody knows" in notice
    assert file_of(sim, made[0]).exists()


def test_it_does_not_fit(sim: Simulator, driver: Any) -> None:
    with pytest.raises(PreconditionFailed, match="are free"):
        driver.create_volume(10**6, "huge", ex_repository=sim.repository_id)
    with pytest.raises(PreconditionFailed, match="there is no repository 'nowhere'"):
        driver.create_volume(1, "x", ex_repository="nowhere")
    with pytest.raises(HostNotFound):
        driver.create_volume(1, "x", "no-such-host")


def test_an_alias_that_two_repositories_have() -> None:
    with simulate(1, vms=0, templates=0) as sim:
        twins = [sim.add_repository("twin") for _ in range(2)]
        driver = driver_for(sim)
        with pytest.raises(AmbiguousName, match=r"use the id"):
            driver.create_volume(1, "x", ex_repository="twin")
        made = driver.create_volume(1, "x", ex_repository=twins[1].upper())
        assert made.extra["repository_id"] == twins[1]


def test_one_export_with_two_ids_is_not_written_to() -> None:
    with simulate(2, vms=0, templates=0) as sim:
        record = dict(sim.hosts[1].repository_db[sim.repository_id])
        record["Fs_location"] = record["Fs_location"] + "-copy"
        sim.hosts[1].repository_db[sim.repository_id] = record
        driver = driver_for(sim)
        with pytest.raises(PreconditionFailed, match="not the same one on all hosts"):
            quietly(driver.create_volume, 1, "x", ex_repository=sim.repository_id)


def test_a_volume_of_a_snapshot(sim: Simulator, driver: Any) -> None:
    content = b"old" * 3000
    snapshot = put_snapshot(sim, content)
    same = quietly(driver.create_volume, None, "same", snapshot=snapshot)
    assert file_of(sim, same).read_bytes() == content
    assert same.extra["snapshot_of"] == origin_key(f"{sim.repository_id}/VirtualDisks/any.img")
    with pytest.raises(InvalidArgument, match="is smaller than snapshot 'before'"):
        driver.create_volume(None, "cut", snapshot=snapshot, ex_size_bytes=8192)
    with pytest.raises(VolumeNotFound):
        driver.create_volume(1, "of nothing", snapshot=f"{sim.repository_id}/VirtualDisks/x.img")


def test_a_larger_volume_of_a_snapshot_needs_the_module(sim: Simulator, driver: Any) -> None:
    snapshot = put_snapshot(sim, b"old" * 1000)
    if not has_module(driver):
        with pytest.raises(PreconditionFailed, match="cannot be made larger"):
            driver.create_volume(2, "grown", snapshot=snapshot)
        same = quietly(driver.create_volume, 1, "in GB", snapshot=snapshot)  # as lists show it
        assert same.extra["size_bytes"] == 3000
        return
    grown = driver.create_volume(2, "grown", snapshot=snapshot)
    assert grown.extra["size_bytes"] == file_of(sim, grown).stat().st_size == 2 * GIB
    with file_of(sim, grown).open("rb") as file:
        assert file.read(4000) == b"old" * 1000 + bytes(1000)


def has_module(driver: Any) -> bool:
    driver.list_nodes()
    return module_of(driver) is not None


def module_of(driver: Any) -> Any:
    return driver._estate.module(driver._estate.given[0])


def test_a_larger_volume_that_one_host_copies_and_another_makes_larger() -> None:
    """Only a host without the module has the snapshot's repository; refused, nothing is left."""
    with simulate(2, vms=0, templates=0, host_module=[1]) as sim:
        origin = sim.add_repository("Only first", hosts=[0])
        folder = sim.path_of(origin) / "VirtualDisks"
        snapshot = Path(put_snapshot(sim, b"old" * 1000)).name
        (sim.repository_path / "VirtualDisks" / snapshot).rename(folder / snapshot)
        arguments: dict[str, Any] = {
            "snapshot": f"{origin}/VirtualDisks/{snapshot}",
            "ex_repository": sim.repository_id,
        }
        driver = driver_for(sim)
        sim.misbehave("fault", "libcloud_grow_file", times=1)
        with pytest.raises(AgentFault):
            quietly(driver.create_volume, 1, "larger", **arguments)
        assert not list((sim.repository_path / "VirtualDisks").iterdir())
        volume = quietly(driver.create_volume, 1, "larger", **arguments)
        assert (volume.state, volume.extra["size_bytes"]) == ("available", GIB)
        assert [one for one in calls_of(sim) if one == "copy_file"] == ["copy_file"] * 2
        assert list((sim.repository_path / "VirtualDisks").iterdir()) == [file_of(sim, volume)]


# ------------------------------------------------------------------ destroy


def test_destroy(sim: Simulator, driver: Any) -> None:
    volume = driver.create_volume(1, "going", ex_repository=sim.repository_id)
    assert driver.destroy_volume(volume) is True
    assert not file_of(sim, volume).exists()
    with pytest.raises(VolumeNotFound):
        driver.destroy_volume(volume)


def test_a_volume_goes_without_its_snapshots(sim: Simulator, driver: Any) -> None:
    volume = driver.create_volume(1, "origin", ex_repository=sim.repository_id)
    key = origin_key(volume.id)
    snapshot = put(sim, f"kept.{'e' * 32}.snapshot.{key}.20261129T024400Z.img")
    assert driver.destroy_volume(volume.id) is True
    assert [one.id for one in driver.list_volume_snapshots(volume)] == [snapshot]


@pytest.mark.parametrize("name", ["seed-1", "off"])
def test_a_volume_of_a_node_is_kept(sim: Simulator, driver: Any, name: str) -> None:
    [volume] = quietly(driver.ex_list_volumes, driver.ex_get_node_by_name(name))
    with pytest.raises(PreconditionFailed, match=f"used by VM '{name}'") as caught:
        require_nothing_sent(sim, lambda: driver.destroy_volume(volume))
    assert caught.value.node_name == name
    assert file_of(sim, volume).exists()


def test_what_only_a_template_or_a_foreign_option_names_is_kept(
    sim: Simulator, driver: Any
) -> None:
    volume = driver.create_volume(1, "named", ex_repository=sim.repository_id)
    folder = sim.repository_path / "Templates" / "0004fb0000140000aaaaaaaaaaaaaaaa"
    folder.mkdir()
    (folder / "vm.cfg").write_text(f"disk = ['file:{volume.extra['path']},xvda,w']\n")
    with pytest.raises(
        PreconditionFailed, match=r"used by .*Templates/0004fb0000140000.*; delete these first"
    ):
        driver.destroy_volume(volume)
    (folder / "vm.cfg").write_text(f"disk = []\nnote = 'see {volume.extra['path']}'\n")
    with pytest.raises(PreconditionFailed, match="names it"):
        driver.destroy_volume(volume)
    (folder / "vm.cfg").write_text("disk = [broken\n")
    with pytest.raises(PreconditionFailed, match="may name it"):
        quietly(driver.destroy_volume, volume)
    (folder / "vm.cfg").unlink()
    folder.rmdir()
    assert driver.destroy_volume(volume) is True


def test_the_disk_of_a_node_that_is_being_created_is_kept(sim: Simulator, driver: Any) -> None:
    volume = put(sim, "0004fb0000060000bbbbbbbbbbbbbbbb.img")
    description = f"creating {'f' * 32} 0004fb0000060000bbbbbbbbbbbbbbbb.img"
    directory = sim.add_vm("pending", disk=False, config={"OVM_description": description})
    with pytest.raises(PreconditionFailed, match=r"names it|used by"):
        driver.destroy_volume(volume)
    cfg = sim.repository_path / "VirtualMachines" / directory / "vm.cfg"
    cfg.unlink()
    cfg.parent.rmdir()


def test_nothing_is_deleted_while_a_host_does_not_answer(sim: Simulator, driver: Any) -> None:
    volume = driver.create_volume(1, "kept", ex_repository=sim.repository_id)
    sim.misbehave("fault", "list_vms", times=50)
    sim.misbehave("fault", "libcloud_read_agent", times=50)
    with pytest.raises(PreconditionFailed, match="may name it"):
        quietly(driver.destroy_volume, volume)
    sim.clear_misbehaviour()
    assert driver.destroy_volume(volume) is True


def test_a_disk_in_the_directory_of_a_vm_is_part_of_that_vm(sim: Simulator, driver: Any) -> None:
    directory = sim.add_vm("owner", disk=False)
    disk = sim.repository_path / "VirtualMachines" / directory / "system.img"
    disk.write_bytes(b"system")
    path = f"/OVS/Repositories/{sim.repository_id}/VirtualMachines/{directory}/system.img"
    cfg = disk.parent / "vm.cfg"
    cfg.write_text(cfg.read_text().replace("disk = []", f"disk = ['file:{path},xvda,w']"))
    volumes = quietly(driver.list_volumes)
    volume = next(one for one in volumes if one.extra["path"] == path)
    with pytest.raises(PreconditionFailed, match="used by VM 'owner'"):
        driver.destroy_volume(volume)
    assert disk.exists()
    for file in (cfg, disk):
        file.unlink()
    disk.parent.rmdir()


def test_an_interrupted_copy_is_removed_with_its_mark(sim: Simulator, driver: Any) -> None:
    volume = put(sim, f"half.{'b' * 32}.img")
    put(sim, f"half.{'b' * 32}.img.creating", bytes(512))
    assert {one.id: one for one in quietly(driver.list_volumes)}[volume].state == "creating"
    assert driver.destroy_volume(volume) is True
    assert not list((sim.repository_path / "VirtualDisks").glob("half*"))


def test_what_only_ends_like_a_mark_is_somebody_s_volume(sim: Simulator, driver: Any) -> None:
    volume, other = put(sim, "mine"), put(sim, "mine.creating", b"precious")
    states = {one.id: one.state for one in quietly(driver.list_volumes)}
    assert (states[volume], states[other]) == ("available", "available")
    assert driver.destroy_volume(volume) is True
    file = sim.repository_path / "VirtualDisks" / "mine.creating"
    assert file.read_bytes() == b"precious"
    assert driver.destroy_volume(other) is True
    assert not file.exists()


def test_a_copy_that_goes_on_is_not_touched(sim: Simulator, driver: Any) -> None:
    volume = put(sim, f"half.{'b' * 32}.img")
    put(sim, f"half.{'b' * 32}.img.creating", bytes(512))
    file = sim.repository_path / volume.partition("/")[2]

    def grow(moment: str) -> None:
        if moment == "after":
            file.write_bytes(b"more" * 2000)

    for function in ("libcloud_stat_file", "storage_plugin_getFileInfo"):
        sim.misbehave("hook", function, times=1, hook=grow)
    with pytest.raises(PreconditionFailed, match="copies into it at this moment"):
        driver.destroy_volume(volume)
    assert file.exists()
    sim.clear_misbehaviour()
    assert driver.destroy_volume(volume) is True


def test_destroy_node_keeps_volumes_whatever_they_are_called(sim: Simulator, driver: Any) -> None:
    directory = sim.add_vm("mine")
    node = driver.ex_get_node_by_name("mine")
    own = quietly(driver.ex_list_volumes, node)[0]
    name = node.id.replace("-", "")
    volume = driver.create_volume(1, name, ex_repository=sim.repository_id)
    loose = driver.create_volume(1, f"{name}-2", ex_repository=sim.repository_id)
    cfg = sim.repository_path / "VirtualMachines" / directory / "vm.cfg"
    entry = f"disk = ['file:{volume.extra['path']},xvdb,w', "
    cfg.write_text(cfg.read_text().replace("disk = [", entry))
    found = warned_by(lambda: driver.destroy_node(node))
    assert any(volume.extra["path"] in text and "destroy_volume" in text for text in found)
    assert file_of(sim, volume).exists()
    assert file_of(sim, loose).exists()
    assert not file_of(sim, own).exists() or any(own.extra["path"] in text for text in found)
    states = {one.id: one.state for one in driver.list_volumes()}
    assert states[volume.id] == states[loose.id] == "available"
    assert not {volume.extra["path"], loose.extra["path"]} & {
        one["path"] for one in driver.ex_list_orphans()
    }


# ------------------------------------------------------------------ copy


def test_a_copy_in_another_repository(sim: Simulator, driver: Any) -> None:
    volume = put(sim, f"data.{'a' * 32}.img", b"data" * 1000)
    copied = driver.ex_copy_volume(volume, "copy", ex_repository="Repository 2")
    assert file_of(sim, copied).read_bytes() == b"data" * 1000
    assert (copied.name, copied.state, copied.extra["snapshot_of"]) == ("copy", "available", volume)
    assert copied.extra["repository"] == "Repository 2"
    assert not list(file_of(sim, copied).parent.glob("*.creating"))


def test_no_copy_of_what_a_running_node_has(sim: Simulator, driver: Any) -> None:
    running, off = (driver.ex_get_node_by_name(name) for name in ("seed-1", "off"))
    with pytest.raises(PreconditionFailed, match="seed-1"):
        driver.ex_copy_volume(quietly(driver.ex_list_volumes, running)[0], "torn")
    copied = driver.ex_copy_volume(quietly(driver.ex_list_volumes, off)[0], "whole")
    assert copied.state == "available"


def test_no_copy_where_no_host_has_both_repositories() -> None:
    with simulate(2, vms=0, templates=0) as sim:
        sides = [sim.add_repository(f"side {n}", hosts=[n]) for n in (0, 1)]
        driver = driver_for(sim)
        volume = quietly(driver.create_volume, 1, "x", ex_repository=sides[0])
        with pytest.raises(PreconditionFailed, match="no host that could be read has both"):
            quietly(driver.ex_copy_volume, volume, "y", ex_repository=sides[1])


# ------------------------------------------------------------------ without the module


def test_what_needs_the_module_is_refused_without_it() -> None:
    with simulate(1, vms=0, templates=0) as sim:
        driver = driver_for(sim)
        volume = driver.create_volume(1, "plain")
        for action in (
            lambda: driver.ex_resize_volume(volume, 2),
            lambda: driver.ex_rename_volume(volume, "other"),
        ):
            with pytest.raises(PreconditionFailed, match="ovm3 host install"):
                require_nothing_sent(sim, action)


# ------------------------------------------------------------------ grow


def test_grow(with_module: Simulator) -> None:
    driver = driver_for(with_module)
    volume = put(with_module, f"small.{'1' * 32}.img", b"data" * 1000)
    grown = driver.ex_resize_volume(volume, 1)
    assert (grown.size, grown.extra["size_bytes"]) == (1, GIB)
    with file_of(with_module, grown).open("rb") as file:
        assert file.read(4000) == b"data" * 1000
    require_nothing_sent(with_module, lambda: driver.ex_resize_volume(grown, 1))
    with pytest.raises(InvalidArgument, match="what is at its end would be lost"):
        require_nothing_sent(with_module, lambda: driver.ex_resize_volume(grown, 0.5))
    with pytest.raises(PreconditionFailed, match="does not fit"):
        driver.ex_resize_volume(grown, 10**6)


def test_a_node_s_disk_grows_only_while_it_is_off(with_module: Simulator) -> None:
    driver = driver_for(with_module)
    running, off = (driver.ex_get_node_by_name(name) for name in ("seed-1", "off"))
    with pytest.raises(PreconditionFailed, match="seed-1"):
        require_nothing_sent(
            with_module,
            lambda: driver.ex_resize_volume(driver.ex_list_volumes(running)[0], 100),
        )
    before = driver.ex_list_volumes(off)[0]
    assert driver.ex_resize_volume(before, before.size + 1).size == before.size + 1


def test_two_clients_grow_one_volume(with_module: Simulator) -> None:
    volume = put(with_module, f"both.{'2' * 32}.img")
    drivers = [driver_for(with_module) for _ in range(2)]
    sizes = [3, 2]
    at_once(
        with_module,
        *(
            (driver, lambda driver=driver, size=size: driver.ex_resize_volume(volume, size))
            for driver, size in zip(drivers, sizes, strict=True)
        ),
    )
    size = {one.id: one.size for one in drivers[0].list_volumes()}[volume]
    assert size in sizes
    with pytest.raises(InvalidArgument):
        drivers[0].ex_resize_volume(volume, size - 1)


def test_a_module_that_cannot_grow_files_is_not_asked(
    with_module: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module of API 1, as the first release of this package has it."""
    monkeypatch.setattr(HostView, "module2", None)
    driver = driver_for(with_module)
    volume = driver.create_volume(1, "x")
    with pytest.raises(PreconditionFailed, match="API 2"):
        require_nothing_sent(with_module, lambda: driver.ex_resize_volume(volume, 2))


# ------------------------------------------------------------------ rename


def test_rename(with_module: Simulator) -> None:
    driver = driver_for(with_module)
    volume = driver.create_volume(1, "first")
    renamed = driver.ex_rename_volume(volume, "Zweiter, ü")
    assert (renamed.id, renamed.name) == (volume.id, "Zweiter, ü")
    others = {one.id: one.name for one in driver_for(with_module).list_volumes()}
    assert others[volume.id] == "Zweiter, ü"
    require_nothing_sent(with_module, lambda: driver.ex_rename_volume(volume, "Zweiter, ü"))
    with pytest.raises(InvalidArgument, match="name"):
        driver.ex_rename_volume(volume, "")
    assert driver.destroy_volume(volume) is True


def test_names_of_files_that_are_gone_are_dropped(with_module: Simulator) -> None:
    driver = driver_for(with_module)
    gone, kept = (driver.create_volume(1, name) for name in ("gone", "kept"))
    for volume in (gone, kept):
        driver.ex_rename_volume(volume, f"{volume.name} renamed")
    path = with_module.repository_path / gone.id.partition("/")[2]
    path.unlink()  # by another program
    driver.ex_rename_volume(kept, "again")
    disks = document_of(with_module)["disks"]
    assert {entry["name"] for entry in disks.values()} >= {"again"}
    assert gone.id.partition("/")[2] not in disks


def test_the_name_goes_with_the_volume(with_module: Simulator) -> None:
    """What another program makes at its path is not called like it."""
    driver, volume_id = driver_for(with_module), add_disk(with_module, "reused.img")
    driver.ex_rename_volume(volume_id, "payroll")
    assert driver.destroy_volume(volume_id) is True
    more = ["libcloud_read_document", "libcloud_repository", "libcloud_write_document"]
    assert calls_of(with_module)[-3:] == more, "docs/calls.md: three more"
    assert volume_id.partition("/")[2] not in document_of(with_module)["disks"]
    assert add_disk(with_module, "reused.img") == volume_id
    assert driver.ex_get_volume(volume_id).name == "reused"
    with_module.calls.clear()
    driver.destroy_volume(volume_id)
    assert "libcloud_write_document" not in calls_of(with_module), "nothing was recorded"


@pytest.mark.parametrize("failure", ["fault", "drop_before"])
def test_a_name_that_stays_is_said(with_module: Simulator, failure: str) -> None:
    driver, volume_id = driver_for(with_module), add_disk(with_module, "stays.img")
    driver.ex_rename_volume(volume_id, "stale")
    rule = with_module.misbehave(failure, "libcloud_write_document")
    with pytest.warns(UserWarning, match="was destroyed, but its name, 'stale', may still be"):
        assert driver.destroy_volume(volume_id) is True
    assert rule.hits == 1
    assert not (with_module.repository_path / "VirtualDisks" / "stays.img").exists()
    assert document_of(with_module)["disks"][volume_id.partition("/")[2]]["name"] == "stale"


def test_the_name_of_what_came_after_it_stays(with_module: Simulator) -> None:
    driver, volume_id = driver_for(with_module), add_disk(with_module, "next.img")
    driver.ex_rename_volume(volume_id, "old")

    def make_another(moment: str) -> None:
        if moment == "after":
            add_disk(with_module, "next.img")
            driver_for(with_module).ex_rename_volume(volume_id, "young")

    with_module.misbehave("hook", "libcloud_delete_aside", hook=make_another)
    with pytest.raises(OperationIncomplete, match="still listed"):
        driver.destroy_volume(volume_id)
    assert driver.ex_get_volume(volume_id).name == "young"


def document_of(sim: Simulator) -> Any:
    mount = f"/OVS/Repositories/{sim.repository_id}"
    return json.loads(module_of(driver_for(sim)).read_document(mount, "disks").content)


def test_two_clients_rename_at_once(with_module: Simulator) -> None:
    drivers = [driver_for(with_module) for _ in range(2)]
    volumes = [drivers[0].create_volume(1, f"one of {n}") for n in range(2)]
    results = at_once(
        with_module,
        *(
            (driver, lambda driver=driver, volume=volume: driver.ex_rename_volume(volume, "both"))
            for driver, volume in zip(drivers, volumes, strict=True)
        ),
    )
    assert [one.name for one in results] == ["both", "both"]
    names = {one.id: one.name for one in drivers[0].list_volumes()}
    assert [names[one.id] for one in volumes] == ["both", "both"]


def test_names_of_a_newer_version_are_not_overwritten() -> None:
    with simulate(1, vms=0, templates=0, host_module=True) as sim:
        driver = driver_for(sim)
        volume = driver.create_volume(1, "x")
        content = json.dumps({"schema": 2, "disks": {}}).encode()
        mount = f"/OVS/Repositories/{sim.repository_id}"
        module_of(driver).write_document("test", "e" * 32, mount, "disks", 1, content)
        with pytest.raises(PreconditionFailed, match="newer than this client"):
            require_nothing_sent(sim, lambda: quietly(driver.ex_rename_volume, volume, "y"))


# ------------------------------------------------------------------ other kinds of volumes


def test_physical_disks_are_never_changed(with_module: Simulator) -> None:
    driver = driver_for(with_module)
    disk = "phy:/dev/mapper/360060e80056f1e0000006f1e00000a01,xvdb,w!"
    directory = with_module.add_vm("rac", config={"disk": [disk]})
    volume = next(one for one in driver.list_volumes() if one.id.startswith("phy:6006"))
    for action, why in (
        (lambda: driver.destroy_volume(volume), "never deleted"),
        (lambda: driver.ex_resize_volume(volume, 100), "sizes of it are made by its storage"),
        (lambda: driver.ex_copy_volume(volume, "copy"), "copies"),
        (lambda: driver.ex_rename_volume(volume, "other"), "its name is that of"),
    ):
        with pytest.raises(PreconditionFailed, match=f"physical disk.*{why}"):
            require_nothing_sent(with_module, action)
    cfg = with_module.repository_path / "VirtualMachines" / directory / "vm.cfg"
    cfg.unlink()
    cfg.parent.rmdir()


def test_a_snapshot_is_no_volume(sim: Simulator, driver: Any) -> None:
    snapshot = put_snapshot(sim, b"old")
    with pytest.raises(VolumeNotFound):
        driver.destroy_volume(snapshot)


def test_not_found_is_not_said_while_something_is_unread(sim: Simulator, driver: Any) -> None:
    sim.misbehave("fault", "discover_repositories", times=50)
    sim.misbehave("fault", "libcloud_repository", times=50)
    with pytest.raises(SearchIncomplete):
        quietly(driver.destroy_volume, f"{sim.repository_id}/VirtualDisks/x.img")
    sim.clear_misbehaviour()
