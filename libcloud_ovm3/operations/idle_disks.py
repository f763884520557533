"""Whether nothing writes to a volume, so that it can be copied or grown. Reads only."""

from __future__ import annotations

import posixpath

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.disk_files import DiskFile
from libcloud_ovm3.estate.holders import wait_released
from libcloud_ovm3.estate.states import State, VolumeState
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.estate.volumes import Snapshot, Volume, VolumeList
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.target_repository import require_usable
from libcloud_ovm3.progress import waiting


def require_file(volume: Volume) -> DiskFile:
    """The file of a volume that can be worked with: in a clear repository, and complete.

    :raises PreconditionFailed: it is a physical disk, not complete, or in an unclear state.
    """
    if volume.file is None:
        raise PreconditionFailed(
            f"{volume.label} is a physical disk: it is only attached and detached, and never "
            f"changed otherwise"
        )
    require_usable(volume.file.repository)
    if volume.file.is_creating:
        raise PreconditionFailed(
            f"{volume.label} is not complete: a copy into it is under way, or was interrupted; "
            f"destroy_volume removes what is left of an interrupted one"
        )
    if volume.state is VolumeState.ERROR:
        raise PreconditionFailed(f"{volume.label} was left unchanged: {'; '.join(volume.doubts)}")
    return volume.file


def require_idle(found: VolumeList, volume: Volume, why: str) -> None:
    """Whether no running domain has a volume, or may have it.

    :param why: what is not possible while it is used, for messages.
    :raises PreconditionFailed: a node that has it is not certainly stopped, a live domain names a
        file of its name, or that cannot be known.
    """
    busy = [one.vm for one in volume.attachments if one.vm.state is not State.STOPPED]
    if busy:
        nodes = ", ".join(f"{vm.label} ({vm.state.value})" for vm in busy)
        raise PreconditionFailed(
            f"{volume.label} is attached to {nodes}: {why}; stop the node, or detach the volume",
            nodes=[vm.summary for vm in busy],
        )
    users = live_users(found.estate, posixpath.basename(volume.path))
    if users:
        raise PreconditionFailed(f"{volume.label} is in use: {', '.join(users)}: {why}")


def live_users(snapshot: EstateSnapshot, file_name: str) -> list[str]:
    """Live domains that name a file of this name, and whatever may hide one."""
    users = list(snapshot.unseen)
    for host in snapshot.hosts:
        for domain in host.domains:
            if file_name in domain.files:
                users.append(f"{domain.label} on {host.label} has a file of this name")
            elif domain.disks_error:
                users.append(f"{domain.label} on {host.label} may have it: {domain.disks_error}")
    return users


def require_released(
    operation: Operation, snapshot: EstateSnapshot, disk: Volume | Snapshot
) -> None:
    """Wait until no host with the host module holds a file open.

    :raises PreconditionFailed: it is still held after a minute, or a module cannot tell.
    """
    assert disk.file is not None
    path = disk.file.path
    with waiting(f"{disk.label}: waiting until it is released"):
        held = wait_released(operation.estate, snapshot.hosts, [path])
    if held:
        raise PreconditionFailed(f"{disk.label} is in use: {held[path]}")
