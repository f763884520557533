"""libcloud's methods for volumes, snapshots and images: what they return, and what they refuse.

What each of them does is tested in tests/operations and tests/compute, by subject. Here is what
has to hold for all of them alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from libcloud.compute.base import NodeImage, StorageVolume, VolumeSnapshot

from libcloud_ovm3.errors import (
    ImageNotFound,
    NodeNotFound,
    SearchIncomplete,
    VolumeNotFound,
)
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import WRITES
from tests.support import calls_of, driver_for, fingerprints_of, quietly, simulate

BOTH = pytest.mark.parametrize("host_module", [False, True], ids=["agent", "module"])
NO_NODE = "0004fb00-0006-0000-0000-00000000dead"


def of_one(kind: type, found: list[Any]) -> None:
    """A list of objects of libcloud's own class, whose extra is plain data."""
    assert type(found) is list
    for one in found:
        assert type(one) is kind
        assert isinstance(one.id, str)
        assert isinstance(one.name, str)
        assert json.loads(json.dumps(one.extra)) == one.extra


@BOTH
def test_what_they_return(host_module: bool, personality: str) -> None:
    """In the order of a life, by libcloud's own ways where it has them."""
    with simulate(
        2, vms=0, template_bytes=1 << 20, personality=personality, host_module=host_module
    ) as sim:
        driver = driver_for(sim)
        of_one(NodeImage, driver.list_images())
        first = driver.list_images(driver.list_locations()[0])[0]
        of_one(NodeImage, [driver.get_image(first.id)])
        node = driver.create_node("web", "tiny", first)
        volume = driver.create_volume(1, "data", driver.list_locations()[0])
        of_one(StorageVolume, [volume, *driver.list_volumes(), *driver.ex_list_volumes(node)])
        assert volume.attach(node) is True
        assert driver.detach_volume(volume) is True
        assert driver.attach_volume(node.id, volume.id, "/dev/xvdc") is True
        [seen] = [one for one in driver.list_volumes() if one.id == volume.id]
        assert (seen.state, seen.extra["attachments"][0]["device"]) == ("inuse", "xvdc")
        assert seen.detach() is True
        snapshot = volume.snapshot("s")
        of_one(VolumeSnapshot, [snapshot, *volume.list_snapshots()])
        copy = driver.create_volume(1, "copy", snapshot=snapshot)
        of_one(StorageVolume, [copy])
        assert snapshot.destroy() is True
        assert [copy.destroy(), driver.destroy_volume(volume.id)] == [True, True]
        driver.stop_node(node)
        image = driver.create_image(node, "image", "described" if host_module else None)
        second = driver.copy_image("MyRepo", image, "copy", ex_repository="MyRepo")
        of_one(NodeImage, [image, second])
        assert [driver.delete_image(image), driver.delete_image(second.id)] == [True, True]
        driver.destroy_node(node)
        assert driver.list_volumes() == []


# ------------------------------------------------------------------ what is not there


@pytest.fixture(scope="module", params=[False, True], ids=["agent", "module"])
def pool(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Two hosts, one stopped node, a volume and a snapshot of it."""
    with simulate(2, vms=0, template_bytes=1 << 20, host_module=request.param) as sim:
        sim.add_vm("off")
        driver = driver_for(sim)
        volume = driver.create_volume(1, "v")
        driver.create_volume_snapshot(volume, "s")
        yield sim


Missing = tuple[type[Exception], Callable[[Any, str], Any]]


def snapshot_of(driver: Any) -> Any:
    [volume] = [one for one in quietly(driver.list_volumes) if one.name == "v"]
    return quietly(driver.list_volume_snapshots, volume)[0]


# Each with one id that is not there; those that are, are read before anything is denied.
MISSING: dict[str, Missing] = {
    "destroy_volume": (VolumeNotFound, lambda driver, gone: driver.destroy_volume(gone)),
    "attach_volume": (VolumeNotFound, lambda driver, gone: driver.attach_volume("off", gone)),
    "attach_volume-node": (NodeNotFound, lambda driver, gone: driver.attach_volume(NO_NODE, "v")),
    "detach_volume": (VolumeNotFound, lambda driver, gone: driver.detach_volume(gone)),
    "ex_list_volumes": (NodeNotFound, lambda driver, gone: driver.ex_list_volumes(NO_NODE)),
    "ex_copy_volume": (VolumeNotFound, lambda driver, gone: driver.ex_copy_volume(gone, "x")),
    "ex_resize_volume": (VolumeNotFound, lambda driver, gone: driver.ex_resize_volume(gone, 2)),
    "ex_rename_volume": (VolumeNotFound, lambda driver, gone: driver.ex_rename_volume(gone, "x")),
    "create_volume": (
        VolumeNotFound,
        lambda driver, gone: driver.create_volume(1, "x", snapshot=gone),
    ),
    "create_volume_snapshot": (
        VolumeNotFound,
        lambda driver, gone: driver.create_volume_snapshot(gone),
    ),
    "destroy_volume_snapshot": (
        VolumeNotFound,
        lambda driver, gone: driver.destroy_volume_snapshot(gone),
    ),
    "ex_revert_volume": (
        VolumeNotFound,
        lambda driver, gone: driver.ex_revert_volume(gone, snapshot_of(driver)),
    ),
    "get_image": (ImageNotFound, lambda driver, gone: driver.get_image(gone)),
    "create_image": (NodeNotFound, lambda driver, gone: driver.create_image(NO_NODE, "x")),
    "delete_image": (ImageNotFound, lambda driver, gone: driver.delete_image(gone)),
    "copy_image": (ImageNotFound, lambda driver, gone: driver.copy_image("MyRepo", gone, "x")),
    "ex_insert_iso": (ImageNotFound, lambda driver, gone: driver.ex_insert_iso("off", gone)),
    "ex_eject_iso": (NodeNotFound, lambda driver, gone: driver.ex_eject_iso(NO_NODE)),
    "ex_remove_seed": (NodeNotFound, lambda driver, gone: driver.ex_remove_seed(NO_NODE)),
    "create_node": (
        ImageNotFound,
        lambda driver, gone: driver.create_node("x", "tiny", gone, ex_allow_same_name=True),
    ),
}


class Named:
    """The driver, with the ids of ``off`` and ``v`` for these names."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        nodes = {one.name: one.id for one in quietly(driver.list_nodes)}
        volumes = {one.name: one.id for one in quietly(driver.list_volumes)}
        self.ids = {"off": nodes["off"], "v": volumes["v"]}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.driver, name)
        return lambda *given, **options: method(
            *(self.ids.get(one, one) if isinstance(one, str) else one for one in given), **options
        )


@pytest.mark.parametrize("method", MISSING)
def test_what_is_not_there(pool: Simulator, method: str) -> None:
    """Not found, if everything could be read; if not, it may exist. Nothing is sent either way."""
    error, action = MISSING[method]
    driver = Named(driver_for(pool))
    folder = {ImageNotFound: "Templates", VolumeNotFound: "VirtualDisks", NodeNotFound: ""}[error]
    gone = f"{pool.repository_id}/{folder}/gone.img"
    before, begin = fingerprints_of(pool.repository_path), len(pool.calls)
    with pytest.raises(error):
        quietly(action, driver, gone)
    for function in ("discover_repository_db", "libcloud_read_agent"):
        pool.misbehave("fault", function, host=1, times=None)
    with pytest.raises(SearchIncomplete, match="discover_repository_db"):
        quietly(action, driver, f"{'0' * 32}/{folder}/gone.img")
    pool.clear_misbehaviour()
    assert not {*calls_of(pool)[begin:]} & (WRITES - {"storage_plugin_mount"})
    assert fingerprints_of(pool.repository_path) == before
