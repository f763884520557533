"""A repository's own files: what is needed is neither replaced nor deleted, and the error says by
whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.storage import types

from libcloud_ovm3 import OVM3StorageDriver
from libcloud_ovm3.errors import (
    InvalidArgument,
    Ovm3Warning,
    PreconditionFailed,
    ReadOnly,
    SearchIncomplete,
)
from libcloud_ovm3.simulator import Simulator
from tests.storage.stores import get, put, storage_for
from tests.support import calls_of, driver_for, simulate


@pytest.fixture
def sim(personality: str) -> Iterator[Simulator]:
    with simulate(2, vms=1, host_module=True, personality=personality) as simulator:
        yield simulator


def named(driver: OVM3StorageDriver, folder: str) -> Any:
    [*_, last] = driver.list_container_objects(driver.get_container("MyRepo"), prefix=folder)
    return last


def test_a_disk_of_a_vm(sim: Simulator, driver: OVM3StorageDriver) -> None:
    disk, repository = named(driver, "VirtualDisks/"), driver.get_container("MyRepo")
    node = driver_for(sim).list_nodes()[0]
    for change in (
        lambda: driver.delete_object(disk),
        lambda: put(driver, repository, disk.name, b"new"),
    ):
        with pytest.raises(PreconditionFailed, match="seed-1") as kept:
            change()
        assert kept.value.node_id == node.id
    assert driver.get_object("MyRepo", disk.name).extra["identity"] == disk.extra["identity"]
    assert driver.ex_list_uploads("MyRepo") == []


def test_an_iso_in_a_drive(sim: Simulator, driver: OVM3StorageDriver) -> None:
    compute = driver_for(sim)
    node = compute.list_nodes()[0]
    compute.stop_node(node, ex_force=True)
    iso = named(driver, "ISOs/")
    compute.ex_insert_iso(compute.list_nodes()[0], f"{sim.repository_id}/{iso.name}")
    for change in (
        lambda: driver.delete_object(iso),
        lambda: put(driver, driver.get_container("MyRepo"), iso.name, b"new"),
    ):
        with pytest.raises(PreconditionFailed, match="seed-1") as kept:
            change()
        assert kept.value.node_id == node.id
    compute.ex_eject_iso(compute.list_nodes()[0])
    assert driver.delete_object(iso) is True


def test_a_snapshot(sim: Simulator, driver: OVM3StorageDriver) -> None:
    """A volume is no snapshot's, which is a copy; the snapshot itself is kept."""
    compute = driver_for(sim)
    volume = compute.create_volume(1, "data")
    compute.create_volume_snapshot(volume, "monday")
    found = driver.list_container_objects(driver.get_container("MyRepo"), prefix="VirtualDisks/")
    snapshot = next(one for one in found if ".snapshot." in one.name)
    for change in (
        lambda: driver.delete_object(snapshot),
        lambda: put(driver, driver.get_container("MyRepo"), snapshot.name, b"new"),
    ):
        with pytest.raises(PreconditionFailed, match="snapshot 'monday'"):
            change()
    assert (
        driver.delete_object(
            next(one for one in found if one.name.startswith("VirtualDisks/data."))
        )
        is True
    )
    assert [one.name for one in compute.ex_list_snapshots()] == ["monday"]


def test_replacing_and_deleting(sim: Simulator, driver: OVM3StorageDriver) -> None:
    """What nobody needs: one that is new is an image at once; the one before it is gone."""
    repository = driver.get_container("MyRepo")
    put(driver, repository, "Templates/new.raw", b"1" * 512)
    assert "new" in [one.name for one in driver_for(sim).list_images()]
    for content in (b"22", b"333"):
        made = put(driver, repository, "Templates/new.raw", content)
        assert (made.size, get(driver, "MyRepo", "Templates/new.raw")) == (len(content), content)
    assert driver_for(sim).ex_list_orphans() == []
    assert driver.delete_object(made) is True
    with pytest.raises(types.ObjectDoesNotExistError):
        driver.delete_object(made)
    assert "new" not in [one.name for one in driver_for(sim).list_images()]


def test_whoever_begins_to_need_it_keeps_it(sim: Simulator, driver: OVM3StorageDriver) -> None:
    """Between the look before and the one after: the old content is back."""
    repository = driver.get_container("MyRepo")
    name = "VirtualDisks/shared.img"
    put(driver, repository, name, b"old")

    def use(moment: str) -> None:
        if moment == "after":
            sim.add_vm("late", config={"disk": [f"file:{path},xvda,w"]})

    path = f"/OVS/Repositories/{sim.repository_id}/{name}"
    sim.misbehave("hook", "libcloud_commit_upload", hook=use)
    with pytest.raises(PreconditionFailed, match="was put back"):
        put(driver, repository, name, b"new")
    assert get(driver, "MyRepo", name) == b"old"
    assert not [one for one in driver_for(sim).ex_list_orphans() if one.get("operation")]


def test_what_was_to_be_replaced_is_gone_by_then(sim: Simulator, driver: OVM3StorageDriver) -> None:
    """Nothing is set aside, so nothing is left to do."""
    repository = driver.get_container("MyRepo")
    put(driver, repository, "ISOs/a.iso", b"old")

    def delete(moment: str) -> None:
        if moment == "before":
            (sim.repository_path / "ISOs/a.iso").unlink()

    sim.misbehave("hook", "libcloud_commit_upload", hook=delete)
    put(driver, repository, "ISOs/a.iso", b"new")
    assert get(driver, "MyRepo", "ISOs/a.iso") == b"new"


@pytest.mark.parametrize(
    "name",
    [
        "Templates/",
        "Templates/a/b",
        "ISOs/.ovsmeta",
        "VirtualDisks/..",
        "VirtualDisks//a",
        f"VirtualDisks/a.{'0' * 32}.img.creating",
        f"ISOs/{'0' * 32}.20260101T000000Z.removed",
        "ISOs/" + "x" * 256,
        "ISOs/a\nb.iso",
        "Templates/a\u202eb.raw",
    ],
)
def test_where_nothing_is_uploaded(driver: OVM3StorageDriver, name: str) -> None:
    with pytest.raises(InvalidArgument, match="directly in it"):
        put(driver, driver.get_container("MyRepo"), name, b"1")
    with pytest.raises(types.ObjectDoesNotExistError):
        driver.get_object("MyRepo", name)


def test_a_file_of_a_template(sim: Simulator, driver: OVM3StorageDriver) -> None:
    """It can be read, but is not deleted by itself; of a file that others made the host computes
    the MD5 when it is asked for, once."""
    compute = driver_for(sim)
    node = compute.list_nodes()[0]
    compute.stop_node(node, ex_force=True)
    compute.create_image(compute.list_nodes()[0], "whole")
    config = next(
        one
        for one in driver.iterate_container_objects(driver.get_container("MyRepo"), "Templates/")
        if one.name.endswith("/vm.cfg")
    )
    assert b"disk" in get(driver, "MyRepo", config.name)
    with pytest.raises(PreconditionFailed, match="delete_image"):
        driver.delete_object(config)
    assert config.hash is None
    hashed = driver.ex_hash_object(config)
    assert len(hashed.hash) == 32
    sim.calls.clear()
    assert driver.ex_hash_object(config).hash == hashed.hash
    assert not calls_of(sim, "libcloud_start_job")


def test_read_only(sim: Simulator) -> None:
    driver = storage_for(sim, ex_read_only=True)
    repository = driver.get_container("MyRepo")
    template = named(driver, "Templates/")
    changes = [
        lambda: put(driver, repository, "a", b"1"),
        lambda: driver.create_container("box"),
        lambda: driver.delete_object(template),
        lambda: driver.ex_hash_object(template),
    ]
    for change in changes:
        with pytest.raises(ReadOnly):
            change()
    assert len(next(driver.download_object_as_stream(template, 10))) == 10


def test_without_the_host_module(personality: str) -> None:
    """Names are listed, files deleted; everything else says what is missing."""
    with simulate(2, vms=1, personality=personality) as sim:
        driver = storage_for(sim)
        with pytest.warns(Ovm3Warning, match="plain containers in repository .* host module"):
            [repository] = driver.list_containers()
        with pytest.warns(Ovm3Warning, match="do not begin with Templates/, .* are not listed"):
            found = {one.name: one for one in driver.list_container_objects(repository)}
        on_disk = {
            str(one.relative_to(sim.repository_path))
            for folder in ("Templates", "ISOs", "VirtualDisks")
            for one in (sim.repository_path / folder).rglob("*")
            if one.is_file()
        }
        assert set(found) == on_disk
        assert [one.name for one in repository.list_objects("ISOs/")] == [
            name for name in sorted(on_disk) if name.startswith("ISOs/")
        ]
        template = next(found[name] for name in sorted(found) if name.startswith("Templates/"))
        assert driver.get_object("MyRepo", template.name).size is None
        with pytest.raises(types.ObjectDoesNotExistError):
            driver.get_object("MyRepo", "Templates/none")
        with pytest.raises(SearchIncomplete, match="host module"):
            driver.get_container("box")  # whether there is one nobody can tell
        refused = [
            lambda: driver.get_object("MyRepo", "a"),
            lambda: driver.get_object_cdn_url(template),
            lambda: driver.get_container_cdn_url(repository),
            lambda: put(driver, repository, "a", b"1"),
            lambda: driver.create_container("box"),
            lambda: driver.download_object_as_stream(template),
            lambda: driver.ex_list_uploads("MyRepo"),
            lambda: driver.ex_hash_object(template),
        ]
        for change in refused:
            with pytest.raises(PreconditionFailed, match="host module"):
                change()
        assert driver.delete_object(template) is True
        assert template.name not in [one.name for one in repository.list_objects("Templates/")]
