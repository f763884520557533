"""What is copied can change while it is copied: a node is started and stopped meanwhile, another
client makes it larger or reverts it. Such a copy is not kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disks import FileSize
from libcloud_ovm3.operations.source_state import what_changed
from libcloud_ovm3.simulator import Simulator
from tests.operations.storing import DATA, snapshot_of
from tests.support import PERSONALITIES, driver_for, fingerprints_of, quietly, simulate

KIB = 1 << 10
NODE = "0004fb00-0006-0000-0000-00000000000f"
OWN = "own.img"  # the disk of the node
RAW = "Templates/base.img"


def copy_volume(driver: Any, where: str) -> Any:
    return driver.ex_copy_volume(f"{where}/VirtualDisks/{DATA}", "new")


def take_snapshot(driver: Any, where: str) -> Any:
    return driver.create_volume_snapshot(volume_of(driver, where, DATA), "new")


def take_snapshot_paused(driver: Any, where: str) -> Any:
    driver.start_node(driver.ex_get_node(NODE))
    return driver.create_volume_snapshot(volume_of(driver, where, OWN), "new", ex_pause=True)


def create_from_snapshot(driver: Any, where: str) -> Any:
    return driver.create_volume(1, "new", snapshot=f"{where}/{snapshot_of(where)}")


def revert(driver: Any, where: str) -> Any:
    volume = volume_of(driver, where, DATA)
    return driver.ex_revert_volume(volume, driver.list_volume_snapshots(volume)[0])


def create_image(driver: Any, where: str) -> Any:
    return driver.create_image(driver.ex_get_node(NODE), "new")


def copy_image(driver: Any, where: str) -> Any:
    return driver.copy_image(where, driver.get_image(f"{where}/{RAW}"), "new", ex_repository=where)


def create_node(driver: Any, where: str) -> Any:
    return driver.create_node("new", "tiny", f"{where}/{RAW}", ex_start=False)


def volume_of(driver: Any, where: str, file: str) -> Any:
    [volume] = [one for one in driver.list_volumes() if one.id == f"{where}/VirtualDisks/{file}"]
    return volume


class Copy(NamedTuple):
    act: Callable[[Any, str], Any]
    source: Callable[[str], str]  # of the repository's id: its path in the repository


COPIES = {
    one.act.__name__: one
    for one in (
        Copy(copy_volume, lambda where: f"VirtualDisks/{DATA}"),
        Copy(take_snapshot, lambda where: f"VirtualDisks/{DATA}"),
        Copy(take_snapshot_paused, lambda where: f"VirtualDisks/{OWN}"),
        Copy(create_from_snapshot, snapshot_of),
        Copy(revert, snapshot_of),
        Copy(create_image, lambda where: f"VirtualDisks/{OWN}"),
        Copy(copy_image, lambda where: RAW),
        Copy(create_node, lambda where: RAW),
    )
}
VARIANTS = [
    pytest.param(name, host_module, id=f"{name}-{'module' if host_module else 'agent'}")
    for name in COPIES
    for host_module in (False, True)
    if host_module or name != "revert"  # it needs the module
]


@contextmanager
def make_sim(personality: str, host_module: bool) -> Iterator[Simulator]:
    options: dict[str, Any] = {"personality": personality, "host_module": host_module}
    with simulate(hosts=1, vms=0, templates=0, **options) as sim:
        disks = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks"
        for file in (
            f"VirtualDisks/{DATA}",
            f"VirtualDisks/{OWN}",
            RAW,
            snapshot_of(where_of(sim)),
        ):
            sparse(sim.repository_path / file)
        sim.add_vm("own", uuid=NODE, config={"disk": [f"file:{disks}/{OWN},xvda,w"]})
        yield sim


def where_of(sim: Simulator) -> str:
    return sim.repository_id


def sparse(path: Path) -> None:
    """A file of 1 GiB with data at its beginning only."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(path.name.encode())
    os.truncate(path, 1 << 30)
    os.utime(path, (1_700_000_000, 1_700_000_000))


def files_of(sim: Simulator) -> dict[str, str]:
    found = fingerprints_of(sim.repository_path)
    return {path: one for path, one in found.items() if not path.startswith(".libcloud-ovm3/")}


def write_into_a_hole(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(256 * KIB)
        file.write(b"x" * 64 * KIB)


def grow(path: Path) -> None:
    os.truncate(path, 2 << 30)


def during_the_copy(
    sim: Simulator, change: Callable[[], None], moment: str = "before"
) -> list[Any]:
    """Make a change when a copy is asked for: then its source has been read."""

    def hook(when: str) -> None:
        if when == moment:
            change()

    return [
        sim.misbehave("hook", function, times=None, hook=hook)
        for function in ("copy_file", "libcloud_start_job")
    ]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("change", [write_into_a_hole, grow])
@pytest.mark.parametrize(("name", "host_module"), VARIANTS)
def test_a_copy_of_what_changed_meanwhile_is_not_kept(
    name: str, host_module: bool, change: Callable[[Path], None], personality: str
) -> None:
    with make_sim(personality, host_module) as sim:
        driver, copy = driver_for(sim), COPIES[name]
        source = sim.repository_path / copy.source(sim.repository_id)
        before = files_of(sim)
        rules = during_the_copy(sim, lambda: change(source))
        with pytest.raises(PreconditionFailed, match="changed while it was copied"):
            quietly(copy.act, driver, sim.repository_id)
        assert sum(rule.hits for rule in rules) == 1
        after = files_of(sim)
        own = str(source.relative_to(sim.repository_path))
        assert {**after, own: before[own]} == before, "something of the copy is left"
        assert [node.name for node in quietly(driver.list_nodes)] == ["own"]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(
    "host_module", [pytest.param(False, id="agent"), pytest.param(True, id="module")]
)
def test_a_copy_that_cannot_be_deleted_is_named(host_module: bool, personality: str) -> None:
    with make_sim(personality, host_module) as sim:
        driver = driver_for(sim)
        source = sim.repository_path / "VirtualDisks" / DATA
        before = set(files_of(sim))
        during_the_copy(sim, lambda: write_into_a_hole(source))
        function = "libcloud_set_aside" if host_module else "storage_plugin_destroy"
        sim.misbehave("fault", function, times=1, text="refused by the test")
        with pytest.raises(Ovm3Error, match="changed while it was copied") as caught:
            quietly(copy_volume, driver, sim.repository_id)
        left = {path for path in files_of(sim) if path not in before}
        named = {path.split("/", 4)[4] for path in caught.value.left}
        assert left == named
        assert {one.rpartition(".")[2] for one in left} == {"img", "creating"}
        [new] = [one for one in quietly(driver.list_volumes) if one.name == "new"]
        assert new.state == "creating"


def test_what_shows_a_change() -> None:
    before = FileSize(10, 4, 100)
    assert what_changed(before, before) == ""
    assert what_changed(before, FileSize(10, 8, 100)) == "", "written out later"
    assert "modified at 100 and at 101" in what_changed(before, FileSize(10, 4, 101))
    assert "had 10 bytes and has 11" in what_changed(before, FileSize(11, 4, 100))
    assert what_changed(FileSize(10, 4), FileSize(10, 4)) == ""
    assert "took 4 bytes" in what_changed(FileSize(10, 4), FileSize(10, 8))
