"""Volumes and snapshots: virtual disks in repositories, and physical disks.

A volume is what a vm.cfg can name as a disk: a file in a ``VirtualDisks`` folder (or wherever in a
repository a vm.cfg names one), or a device of a host. CD media and files of other folders are no
volumes, and files whose name says that they are snapshots (:mod:`.disk_names`) are snapshots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from libcloud_ovm3.agent.disk import DiskEntry
from libcloud_ovm3.errors import SearchIncomplete, VolumeNotFound
from libcloud_ovm3.estate.attachments import (
    Attachment,
    Use,
    comparable_id,
    find_uses,
    key_of_path,
)
from libcloud_ovm3.estate.definitions import read_assemblies, read_templates
from libcloud_ovm3.estate.disk_files import (
    FOLDER,
    DiskFile,
    list_disk_files,
    read_sizes,
    set_aside_as,
    sized,
)
from libcloud_ovm3.estate.disk_names import origin_key, parse_file_name
from libcloud_ovm3.estate.disks import DiskUsage, disk_usage, files_in_doubt
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.one_volume import (
    PHYSICAL,
    VIRTUAL,
    Snapshot,
    Volume,
    physical_volumes,
    snapshot_of,
    virtual_volume,
)
from libcloud_ovm3.estate.physical import PhysicalDisks, read_luns
from libcloud_ovm3.estate.simple_names import read_names
from libcloud_ovm3.estate.states import VolumeState
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate

__all__ = [
    "PHYSICAL",
    "VIRTUAL",
    "Attachment",
    "Snapshot",
    "Volume",
    "VolumeList",
    "VolumeState",
    "add_sizes",
    "add_snapshot_sizes",
    "key_of_path",
    "live_entries",
    "read_volume",
    "read_volumes",
    "volumes_of",
    "with_doubts_of_hosts",
]

_PHY = "phy:"  # the ids of physical disks
_OTHER = {
    "volume": "snapshot, not a volume; destroy_volume_snapshot deletes it, "
    "create_volume(snapshot=...) makes a volume of it",
    "snapshot": "volume, not a snapshot; destroy_volume deletes it, create_volume_snapshot makes "
    "a snapshot of it",
}


_V = TypeVar("_V", Volume, Snapshot)


@dataclass(frozen=True)
class VolumeList:
    """All volumes and snapshots of an estate.

    :ivar estate: the reading that they are made of.
    :ivar usage: who may use which file.
    :ivar errors: what could not be read, besides the estate's own errors.
    :ivar unread_hosts: the hosts whose physical disks could not be read, and why; also in
        ``errors``.
    :ivar disks: the physical disks that the hosts see.
    """

    estate: EstateSnapshot
    usage: DiskUsage
    volumes: tuple[Volume, ...]
    snapshots: tuple[Snapshot, ...]
    errors: tuple[str, ...] = ()
    unread_hosts: tuple[str, ...] = ()
    disks: PhysicalDisks = field(default_factory=lambda: PhysicalDisks((), {}))

    def volume(self, volume_id: str) -> Volume:
        """The volume with this id; the repository's id in any notation.

        :raises VolumeNotFound: there is none.
        :raises SearchIncomplete: it was not found, but not everything could be read.
        """
        return self._found(self.volumes, volume_id, "volume", self.snapshots)

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """The snapshot with this id; otherwise as :meth:`volume`."""
        return self._found(self.snapshots, snapshot_id, "snapshot", self.volumes)

    def of_vm(self, vm: VM) -> list[Volume]:
        """The volumes that a VM has, in its vm.cfg or live."""
        return [one for one in self.volumes if any(a.vm.id == vm.id for a in one.attachments)]

    def _found(
        self, among: Sequence[_V], wanted: str, what: str, others: Sequence[Volume | Snapshot]
    ) -> _V:
        for one in among:
            if comparable_id(one.id) == comparable_id(wanted):
                return one
        if any(comparable_id(one.id) == comparable_id(wanted) for one in others):
            raise VolumeNotFound(f"{wanted!r} is a {_OTHER[what]}")
        unread = self.estate.errors() + [host.unread for host in self.estate.hosts_off]
        unread += self.unread_hosts if wanted.startswith(_PHY) else ()
        if unread:
            raise SearchIncomplete(
                f"{what} {wanted!r} was not found, but not everything could be read: "
                f"{'; '.join(unread)}"
            )
        why = set_aside_as(self.estate.repositories, comparable_id(wanted))
        raise VolumeNotFound(f"there is no {what} {wanted!r}{why}")


def read_volumes(estate: Estate, with_sizes: bool = True) -> VolumeList:
    """All volumes and snapshots; everything is read anew.

    :param with_sizes: whether to read sizes: without the module one call per disk.
    :raises Ovm3Error: no host answered.
    """
    return volumes_of(read_estate(estate), with_sizes)


def read_volume(estate: Estate, volume_id: str) -> Volume:
    """One volume, read anew with its own size only.

    :raises VolumeNotFound: there is none.
    :raises Ovm3Error: it, or its size, cannot be read.
    """
    volume = read_volumes(estate, with_sizes=False).volume(volume_id)
    if volume.file is None:
        return volume
    file = sized(volume.file)
    return replace(volume, file=file, size_bytes=file.size_bytes)


def volumes_of(snapshot: EstateSnapshot, with_sizes: bool = True) -> VolumeList:
    """All volumes and snapshots of an estate that was read."""
    templates = read_templates(snapshot.repositories) + read_assemblies(snapshot.repositories)
    entries = [disk for one in snapshot.definitions + templates for disk in one.disks]
    entries += live_entries(snapshot)
    listed = list_disk_files(snapshot.repositories, entries)
    files, errors = read_sizes(listed) if with_sizes else (listed, list[str]())
    names, more_errors = read_names(snapshot.repositories, FOLDER)
    usage = disk_usage(snapshot, templates)
    disks = read_luns(snapshot.hosts)
    errors += [*disks.unread, *(f"{lun.id}: {doubt}" for lun in disks.luns for doubt in lun.doubts)]
    uses = find_uses(snapshot.vms.values(), templates, disks)
    marked = [
        (one, parse_file_name(one.path.rpartition("/")[2])) for one in files if not one.is_folder
    ]
    keys = {origin_key(one.id): one.id for one, mark in marked if not (mark and mark.is_snapshot)}
    volumes = [
        virtual_volume(one, mark, names, keys, uses.get(key_of_path(one.path), Use()), usage)
        for one, mark in marked
        if not (mark and mark.is_snapshot)
    ]
    by_id = {volume.id: volume for volume in volumes}
    snapshots = [
        snapshot_of(one, mark, names, keys, by_id, uses.get(key_of_path(one.path), Use()))
        for one, mark in marked
        if mark and mark.is_snapshot
    ]
    volumes += physical_volumes(entries, disks, uses, usage)
    return VolumeList(
        snapshot,
        usage,
        tuple(sorted(volumes, key=lambda one: (one.name, one.id))),
        tuple(sorted(snapshots, key=lambda one: (one.created, one.id))),
        tuple(errors + more_errors),
        disks.unread,
        disks,
    )


def with_doubts_of_hosts(estate: Estate, found: VolumeList) -> VolumeList:
    """The same after the host modules were asked whether what seems available is held open, or in
    use under another name: links and second mounts are followed. One read per host, and one per
    host and 1000 files.
    """
    free = [one for one in found.volumes if one.state == VolumeState.AVAILABLE]
    paths = [one.path for one in free if one.kind == VIRTUAL]
    doubts = files_in_doubt(estate, found.estate, found.usage, paths)
    volumes = [
        replace(one, possible_users=(doubts[one.path],)) if one.path in doubts else one
        for one in found.volumes
    ]
    return replace(found, volumes=tuple(volumes))


def add_sizes(volumes: Sequence[Volume]) -> tuple[list[Volume], list[str]]:
    """These volumes with the sizes of their files, and why some are not known."""
    sized, errors = _sizes_of(one.file for one in volumes)
    return [
        replace(one, file=sized[one.id], size_bytes=sized[one.id].size_bytes)
        if one.id in sized
        else one
        for one in volumes
    ], errors


def add_snapshot_sizes(snapshots: Sequence[Snapshot]) -> tuple[list[Snapshot], list[str]]:
    """These snapshots with the sizes of their files, and why some are not known."""
    sized, errors = _sizes_of(one.file for one in snapshots)
    return [replace(one, file=sized.get(one.id, one.file)) for one in snapshots], errors


def _sizes_of(files: Iterable[DiskFile | None]) -> tuple[dict[str, DiskFile], list[str]]:
    unknown = [file for file in files if file is not None and file.size_bytes is None]
    sized, errors = read_sizes(unknown)
    return {file.id: file for file in sized}, errors


def live_entries(snapshot: EstateSnapshot) -> list[DiskEntry]:
    """The disks of all live domains, as entries of a vm.cfg."""
    return [
        DiskEntry("", "phy", device.path, device.device, mode=device.mode)
        for host in snapshot.hosts
        for domain in host.domains
        for device in domain.block_devices
        if device.path and not device.is_cdrom
    ]
