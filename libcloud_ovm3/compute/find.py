"""From what a user types, a name or an id, to libcloud's object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from libcloud.compute.base import (
    Node,
    NodeImage,
    NodeLocation,
    NodeSize,
    StorageVolume,
    VolumeSnapshot,
)

from libcloud_ovm3 import estate
from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.compute.convert_volumes import to_snapshot, to_volume
from libcloud_ovm3.compute.driver import OVM3NodeDriver
from libcloud_ovm3.errors import (
    AmbiguousName,
    HostNotFound,
    ImageNotFound,
    InvalidArgument,
    NodeNotFound,
    SearchIncomplete,
    VolumeNotFound,
)
from libcloud_ovm3.estate.volumes import VIRTUAL, Snapshot, Volume, VolumeList

_V = TypeVar("_V", Volume, Snapshot)

# As storage systems print a WWID: capitals, pairs with colons, and what says that it is one.
_WWID = re.compile(r"(?:naa\.|0x)?([0-9a-f]{16,33})")


def find_vm(driver: OVM3NodeDriver, text: str, hosts_off: Sequence[str] = ()) -> Node:
    """Return a VM by its id, if the text is one, else by its name.

    :raises AmbiguousName: several have this name, or it is the id of one and the name of another.
    :raises NodeNotFound: there is none; names the command that lists those that there are.
    """
    snapshot = estate.vms.read_estate(driver._estate_of(hosts_off))
    try:
        return driver._nodes(snapshot, [snapshot.vm_called(text)])[0]
    except NodeNotFound as error:
        raise NodeNotFound(f"{error}; `ovm3 vm list` lists all VMs") from None


def find_vms(driver: OVM3NodeDriver, texts: Sequence[str]) -> list[Node]:
    """Return several VMs, each once."""
    nodes = [find_vm(driver, text) for text in texts]
    return list({node.id: node for node in nodes}.values())


def find_volumes(driver: OVM3NodeDriver, texts: Sequence[str]) -> list[StorageVolume]:
    """Return volumes by their ids, or else their names, each once. Sizes of files are not read.

    Also by what hosts call them: the path of a file, any path of a physical disk, or its WWID.

    :raises AmbiguousName: several have this name, or it is the id of one and the name of another.
    :raises VolumeNotFound: there is none; names the command that lists those that there are.
    :raises SearchIncomplete: it was not found, but not everything could be read.
    """
    found = estate.volumes.read_volumes(driver._estate, False)
    volumes = [_volume_called(found, text) for text in texts]
    return [to_volume(one, driver) for one in {one.id: one for one in volumes}.values()]


def find_volume(driver: OVM3NodeDriver, text: str) -> StorageVolume:
    """Return one volume; otherwise as :func:`find_volumes`."""
    return find_volumes(driver, [text])[0]


def find_snapshots(driver: OVM3NodeDriver, texts: Sequence[str]) -> list[VolumeSnapshot]:
    """Return snapshots; otherwise as :func:`find_volumes`."""
    found = estate.volumes.read_volumes(driver._estate, False)
    snapshots = [_snapshot_called(found, found.snapshots, text) for text in texts]
    return [to_snapshot(one, driver) for one in {one.id: one for one in snapshots}.values()]


def find_volume_and_snapshot(
    driver: OVM3NodeDriver, volume: str, snapshot: str
) -> tuple[StorageVolume, VolumeSnapshot]:
    """Return a volume, and a snapshot by its id or by its name among those of this volume."""
    found = estate.volumes.read_volumes(driver._estate, False)
    of = _volume_called(found, volume)
    its = [one for one in found.snapshots if one.volume_id == of.id]
    return to_volume(of, driver), to_snapshot(_snapshot_called(found, its, snapshot), driver)


def _volume_called(found: VolumeList, text: str) -> Volume:
    try:
        return _called(text, found.volumes, found.volume)
    except VolumeNotFound as error:
        if any(text in (one.id, *_names(one)) for one in found.snapshots):
            raise VolumeNotFound(
                f"{text!r} is a snapshot, not a volume; `ovm3 volume create NAME --snapshot` makes "
                f"a volume of it, `ovm3 snapshot destroy` deletes it"
            ) from None
        raise VolumeNotFound(f"{error}; `ovm3 volume list` lists all volumes") from None


def _snapshot_called(found: VolumeList, among: Sequence[Snapshot], text: str) -> Snapshot:
    try:
        return _called(text, among, found.snapshot)
    except VolumeNotFound as error:
        if any(text in _names(one) for one in found.snapshots):  # then not among those asked for
            raise VolumeNotFound(
                f"{text!r} is a snapshot of another volume; `ovm3 snapshot list` shows of which"
            ) from None
        if any(text in (one.id, *_names(one)) for one in found.volumes):
            raise VolumeNotFound(
                f"{text!r} is a volume, not a snapshot; `ovm3 volume destroy` deletes it, "
                f"`ovm3 snapshot list` lists all snapshots"
            ) from None
        raise VolumeNotFound(f"{error}; `ovm3 snapshot list` lists all snapshots") from None


def _names(one: Volume | Snapshot) -> set[str]:
    if isinstance(one, Snapshot):
        return {one.name, one.file.path}
    if one.kind == VIRTUAL:
        return {one.name, one.path}
    wwid = one.id.removeprefix("phy:")  # on hosts it begins with 3
    paths = one.lun.paths.values() if one.lun else ()
    return {one.name, one.path, wwid, f"3{wwid}", *(path for its in paths for path in its)}


def _called(text: str, among: Iterable[_V], by_id: Callable[[str], _V]) -> _V:
    """The one with this id, or else with this name among these.

    A text that may be the id of one that could not be read is not taken for a name.
    """
    wwid = _WWID.fullmatch(text.lower().replace(":", ""))
    texts = {text, wwid[1]} if wwid else {text}
    found = {one.id: one for one in among if texts & _names(one)}
    try:
        meant = by_id(text)
        found = {meant.id: meant, **found}
    except (VolumeNotFound, SearchIncomplete) as error:
        may_be_id = ("/" in text and text[0] != "/") or text.startswith("phy:")
        if not found or (may_be_id and isinstance(error, SearchIncomplete)):
            raise
    if len(found) > 1:
        raise AmbiguousName(f"{text!r} may be any of these: {', '.join(found)}; use one of the ids")
    return next(iter(found.values()))


def find_image(driver: OVM3NodeDriver, text: str) -> NodeImage:
    """Return an image by its id or its name.

    :raises ImageNotFound: there is none; names those that there are.
    :raises InvalidArgument: several have this name.
    """
    images = driver.list_images()
    complete = [one for one in images if one.extra["state"] == "available"]
    found = [one for one in images if text == one.id]
    found = found or [one for one in complete if text == one.name]
    if not found:
        known = ", ".join(one.name for one in images) or "none"
        raise ImageNotFound(f"no image {text!r}; images: {known}")
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise InvalidArgument(f"several images are named {text!r}; use one of the ids: {ids}")
    return found[0]


def find_source(driver: OVM3NodeDriver, text: str) -> str:
    """Return the id of what can be copied, a volume, a snapshot or an image, by its id or its name.

    :raises AmbiguousName: several have this name.
    :raises VolumeNotFound: none has it.
    """
    if "/" in text:  # an id: whether there is such a thing the driver looks itself
        return text
    listed = estate.volumes.read_volumes(driver._estate, False)
    found = [one.id for one in listed.volumes if one.name == text]
    found += [one.id for one in listed.snapshots if one.name == text]
    found += [
        str(one.id)
        for one in driver.list_images()
        if one.name == text and one.extra["state"] == "available"
    ]
    if len(found) > 1:
        raise AmbiguousName(f"{text!r} may be any of these: {', '.join(found)}; use one of the ids")
    if not found:
        raise VolumeNotFound(
            f"no volume, snapshot or image {text!r}; `ovm3 volume list`, `ovm3 snapshot list` and "
            f"`ovm3 image list` list all"
        )
    return found[0]


def find_size(
    driver: OVM3NodeDriver,
    size_id: str | None = None,
    memory_mb: int | None = None,
    vcpus: int | None = None,
) -> NodeSize:
    """Return the size of this id, with the memory and CPUs that are given beside it.

    :raises InvalidArgument: there is no such size, or neither a size nor memory is given.
    """
    sizes = {one.id: one for one in driver.list_sizes()}
    if size_id is not None:
        if size_id not in sizes:
            raise InvalidArgument(f"size {size_id!r}: expected one of {', '.join(sizes)}")
        memory_mb = sizes[size_id].ram if memory_mb is None else memory_mb
        vcpus = sizes[size_id].extra["cpus"] if vcpus is None else vcpus
    if memory_mb is None:
        raise InvalidArgument(f"neither a size ({', '.join(sizes)}) nor memory is given")
    extra = {"cpus": 1 if vcpus is None else vcpus}
    return NodeSize("custom", "custom", memory_mb, 0, None, 0.0, driver, extra=extra)


def find_host(driver: OVM3NodeDriver, text: str) -> NodeLocation:
    """Return a host by its name, its address with or without the port, or its id.

    :raises HostNotFound: there is none; names those that there are.
    :raises InvalidArgument: the text may be any of several.
    """
    locations = driver.list_locations()
    found = [one for one in locations if _is_host(one, text)]
    if len(found) == 1:
        return found[0]
    some = ", ".join(f"{one.name} ({one.extra['address']})" for one in found or locations)
    if not found:
        raise HostNotFound(f"no host {text!r}; hosts: {some}")
    raise InvalidArgument(f"several hosts are named {text!r}; use the address: {some}")


def _is_host(location: NodeLocation, text: str) -> bool:
    address = location.extra["address"]
    names = (location.id, location.name, address, parse_address(address).host)
    return (
        text in names
        or text.lower() in names[2:]
        or (dashed(text) or "") == dashed(str(location.id))
    )
