"""The estate's volumes and snapshots -> libcloud's. Pure: nothing is sent from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from libcloud.compute.base import NodeDriver, StorageVolume, VolumeSnapshot
from libcloud.compute.types import StorageVolumeState, VolumeSnapshotState

from libcloud_ovm3.agent.disk import wwid_in_path
from libcloud_ovm3.estate.states import VolumeState

if TYPE_CHECKING:
    from libcloud_ovm3.estate.physical import Lun
    from libcloud_ovm3.estate.vm_snapshots import VMSnapshot
    from libcloud_ovm3.estate.volumes import Attachment, Snapshot, Volume

_GIB = 2**30

VOLUME_STATES = {
    VolumeState.AVAILABLE: StorageVolumeState.AVAILABLE,
    VolumeState.IN_USE: StorageVolumeState.INUSE,
    VolumeState.CREATING: StorageVolumeState.CREATING,
    VolumeState.ERROR: StorageVolumeState.ERROR,
    VolumeState.UNKNOWN: StorageVolumeState.UNKNOWN,
}


def size_gb(size_bytes: int | None) -> int:
    """A size in libcloud's unit, 2^30 bytes, rounded up; 0 where it is not known."""
    return -(-(size_bytes or 0) // _GIB)


def to_volume(volume: Volume, driver: NodeDriver) -> StorageVolume:
    """A volume. ``size`` is in GB (2^30 bytes), rounded up; 0: not known. Its state is "available"
    only if certainly nothing has it.

    ``extra``:

    * ``kind``: ``virtual`` (a file in a repository) or ``physical``; ``path`` on the hosts;
    * ``repository_id`` and ``repository`` (its alias); None of a physical disk;
    * ``wwid`` of a physical disk; None: not known;
    * ``paths`` of a physical disk: a dict per host that sees it, with ``host``, ``host_id`` and
      ``paths``, its names there;
    * ``size_bytes``, ``used_bytes`` (what it takes on its file system) and ``modified`` (seconds
      since 1970); None: not known;
    * ``attachments``: dicts with ``node_id``, ``node_name``, ``device``, ``mode`` and ``where``
      (``live and defined``, ``live``: only in the live domain, or ``defined``: only in vm.cfg);
    * ``is_shared``: whether every node that has it shares it (``w!``);
    * ``used_by``: the templates and assemblies that name it;
    * ``snapshot_of``: the id of the volume that it, or the snapshot that it was made of, is a copy
      of; None: of none. If that volume is gone, the key that stands for it in file names;
    * ``doubts``, if there are any: of state "error", where a vm.cfg and a live domain disagree, or
      that the file is missing; of state "unknown", what may use it.
    """
    file = volume.file
    extra: dict[str, Any] = {
        "kind": volume.kind,
        "path": volume.path,
        "repository_id": file.repository.id if file else None,
        "repository": file.repository.record.alias if file else None,
        "wwid": _wwid(volume),
        "paths": _paths(volume.lun) if volume.lun else [],
        "size_bytes": volume.size_bytes,
        "used_bytes": file.used_bytes if file else None,
        "modified": file.modified if file else None,
        "attachments": [_attachment(one) for one in volume.attachments],
        "is_shared": volume.is_shared,
        "used_by": list(volume.named_by),
        "snapshot_of": volume.origin,
    }
    doubts = [*volume.doubts, *volume.possible_users]
    extra |= {"doubts": doubts} if doubts else {}
    state = VOLUME_STATES[volume.state]
    size = size_gb(volume.size_bytes)
    return StorageVolume(volume.id, volume.name, size, driver, state=state, extra=extra)


def _wwid(volume: Volume) -> str | None:
    if volume.file is not None:
        return None
    return (volume.lun.wwid if volume.lun else wwid_in_path(volume.path)) or None


def _paths(lun: Lun) -> list[dict[str, Any]]:
    return [
        {
            "host": host.server.hostname or host.address.host,
            "host_id": host.id,
            "paths": list(lun.paths[host.id]),
        }
        for host in lun.hosts
    ]


def _attachment(one: Attachment) -> dict[str, Any]:
    return {
        "node_id": one.vm.id,
        "node_name": one.vm.name,
        "device": one.device,
        "mode": one.mode,
        "where": one.where,
    }


def to_snapshot(snapshot: Snapshot, driver: NodeDriver) -> VolumeSnapshot:
    """A snapshot. ``size`` as :func:`to_volume`; ``created`` is UTC.

    ``extra``: ``volume_id`` and ``volume_name`` (None: the volume is gone), ``lineage`` (the id of
    that volume, of the one that it is a copy of, and so on), ``path``, ``repository_id``,
    ``repository`` (its alias), ``size_bytes``, ``used_bytes``, ``modified`` and ``used_by`` (the
    nodes and templates that name it).
    """
    file = snapshot.file
    extra = {
        "volume_id": snapshot.volume_id,
        "volume_name": snapshot.volume_name,
        "lineage": list(snapshot.lineage),
        "path": file.path,
        "repository_id": file.repository.id,
        "repository": file.repository.record.alias,
        "size_bytes": file.size_bytes,
        "used_bytes": file.used_bytes,
        "modified": file.modified,
        "used_by": list(snapshot.users),
    }
    is_creating = file.is_creating
    state = VolumeSnapshotState.CREATING if is_creating else VolumeSnapshotState.AVAILABLE
    return VolumeSnapshot(
        snapshot.id,
        driver,
        size=size_gb(file.size_bytes),
        extra=extra,
        created=snapshot.created,
        state=state,  # type: ignore[arg-type]  # its annotation names the volume's states
        name=snapshot.name,
    )


def to_node_snapshot(snapshot: VMSnapshot) -> dict[str, Any]:
    """The snapshot of a node, as plain data (docs/command-output.md)."""
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "state": snapshot.state,
        "node_id": snapshot.vm_id,
        "node_name": snapshot.vm_name,
        "created_at": snapshot.created,
        "repository_id": snapshot.repository.id,
        "snapshots": [disk.snapshot_id for disk in snapshot.disks],
        "missing": list(snapshot.missing),
    }
