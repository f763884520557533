"""Volumes, snapshots and attachments in the inventory, as listings and vm.cfg files show them.

Pure: what else is known of volumes takes further calls (``ovm3 volume list``): their sizes, the
names that are recorded for them, and which LUN a path leads to. Ids have one spelling, as in
:mod:`.inventory`: repositories are 32 lower-case hex digits.
"""

from __future__ import annotations

from dataclasses import dataclass

from libcloud_ovm3.estate.attachments import attachments_of
from libcloud_ovm3.estate.disk_files import DiskFile, list_disk_files
from libcloud_ovm3.estate.disk_names import origin_key, parse_file_name
from libcloud_ovm3.estate.physical import PhysicalDisks
from libcloud_ovm3.estate.vms import VM, EstateSnapshot
from libcloud_ovm3.estate.volumes import live_entries

_NO_LUNS = PhysicalDisks((), {})


@dataclass(frozen=True)
class AttachmentInfo:
    """A volume in a VM.

    :ivar volume: the volume's id; of a device whose path has no WWID ``phy:<path>``, of a file that
        is in no repository its path.
    :ivar where: ``live and defined``, ``live`` or ``defined``.
    """

    volume: str
    device: str
    mode: str
    where: str


@dataclass(frozen=True)
class VolumeEntry:
    """A virtual disk in a repository.

    :ivar id: ``<repository id>/<path>``.
    :ivar path: absolute, on the hosts.
    :ivar is_creating: whether a mark beside it says that it is not complete.
    :ivar is_missing: whether a VM has it, and it is not there.
    :ivar snapshot_of: the id of the volume that it, or the snapshot that it was made of, is a copy
        of; None: of none, or that is gone.
    """

    id: str
    repository: str
    path: str
    is_creating: bool
    is_missing: bool
    snapshot_of: str | None


@dataclass(frozen=True)
class SnapshotEntry:
    """A snapshot of a volume.

    :ivar volume: the id of that volume; None: it is gone.
    :ivar created_at: ISO 8601, UTC.
    """

    id: str
    repository: str
    path: str
    volume: str | None
    created_at: str
    is_creating: bool


def attachment_infos(vm: VM) -> tuple[AttachmentInfo, ...]:
    """Return what a VM has, in its vm.cfg or live."""
    found = attachments_of(vm, _NO_LUNS)
    return tuple(AttachmentInfo(key, one.device, one.mode, one.where) for key, one in found)


def volume_entries(
    snapshot: EstateSnapshot,
) -> tuple[tuple[VolumeEntry, ...], tuple[SnapshotEntry, ...]]:
    """Return the virtual disks that are listed, or that a VM has; and the snapshots."""
    entries = [disk for one in snapshot.definitions for disk in one.disks]
    files = list_disk_files(snapshot.repositories, [*entries, *live_entries(snapshot)])
    marked = [(one, parse_file_name(one.path.rpartition("/")[2])) for one in files]
    disks = [(one, mark) for one, mark in marked if mark is None or mark.created is None]
    origins = {origin_key(_id(one)): _id(one) for one, _ in disks}
    volumes = tuple(
        VolumeEntry(
            _id(one),
            one.repository.key,
            one.path,
            one.is_creating,
            one.is_missing and not one.is_creating,
            origins.get(mark.origin or "") if mark else None,
        )
        for one, mark in disks
    )
    snapshots = tuple(
        SnapshotEntry(
            _id(one),
            one.repository.key,
            one.path,
            origins.get(mark.origin or ""),
            f"{mark.created:%Y-%m-%dT%H:%M:%SZ}",
            one.is_creating,
        )
        for one, mark in marked
        if mark is not None and mark.created is not None
    )
    return volumes, snapshots


def _id(file: DiskFile) -> str:
    return f"{file.repository.key}/{file.relative}"
