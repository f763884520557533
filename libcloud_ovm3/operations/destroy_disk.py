"""Destroying a volume: only a file of its own that nothing uses, and nothing can be using."""

from __future__ import annotations

import posixpath

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disk_files import FOLDER, DiskFile, read_size
from libcloud_ovm3.estate.disk_names import CREATING
from libcloud_ovm3.estate.disks import FileSize, FileSystem, is_odd
from libcloud_ovm3.estate.holders import wait_released
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import is_listed, list_whole, with_module
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.estate.volumes import Volume, read_volumes
from libcloud_ovm3.operations.delete_files import delete_file, delete_unused
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import find_users
from libcloud_ovm3.operations.target_repository import require_usable
from libcloud_ovm3.progress import waiting


def destroy(estate: Estate, volume_id: str) -> None:
    """Delete a volume that nothing uses.

    Its snapshots stay: they are copies and need nothing of it.

    :raises VolumeNotFound: there is no such volume.
    :raises PreconditionFailed: something uses it or may, or it is no virtual disk of its own.
    :raises AgentFault: the host refused; it is there as before.
    :raises OperationIncomplete: whether it is deleted is unknown; names the file.
    """
    volume = read_volumes(estate, with_sizes=False).volume(volume_id)
    file = _require_unused(volume)
    delete_disk(Operation(estate), file, volume.label)


def _require_unused(volume: Volume) -> DiskFile:
    file = volume.file
    if file is None:
        raise PreconditionFailed(f"{volume.label} is a physical disk, which is never deleted")
    users = [f"VM {one.vm.label} as {one.device}" for one in volume.attachments]
    if users or volume.named_by:
        raise PreconditionFailed(
            f"{volume.label} was kept: it is used by {', '.join([*users, *volume.named_by])}; "
            f"detach it first",
            nodes=[one.vm.summary for one in volume.attachments],
        )
    return file


def delete_disk(operation: Operation, file: DiskFile, label: str) -> None:
    """Delete the file of a volume or a snapshot, and the mark of an unfinished copy beside it.

    Whether anything uses it is decided anew right before, by everything that can be read.

    :param label: how messages name it.
    :raises PreconditionFailed: something uses it, or may; or a copy into it is under way.
    :raises AgentFault: the host refused; it is there as before.
    :raises OperationIncomplete: whether it is deleted is unknown; names the file.
    """
    name, repository, path = posixpath.basename(file.path), file.repository, file.path
    require_usable(repository)
    if file.relative != f"{FOLDER}/{name}":
        raise PreconditionFailed(
            f"{label} was kept: it does not lie among the virtual disks of its repository, but "
            f"beside other files, whose it is"
        )
    if is_odd(name):
        raise PreconditionFailed(f"{label} was kept: its file name may not be what the list shows")
    host = with_module(repository) or repository.mounted_on[0]
    system = None if host.module is not None else mounted_export(host, repository)
    if file.is_creating:
        _require_still(operation, host, file, label, system)
    snapshot = read_estate(operation.estate)
    with waiting(f"{label}: waiting until it is released"):
        held = wait_released(operation.estate, snapshot.hosts, [path])
    users = held or find_users(read_estate(operation.estate), [(repository, path)])
    if users:
        raise PreconditionFailed(f"{label} was kept: {users[path]}")
    _delete(operation, host, file, label, system)
    if file.is_creating:
        _delete_mark(operation, host, file, label, system)


def _require_still(
    operation: Operation, host: HostView, file: DiskFile, label: str, system: FileSystem | None
) -> None:
    """Whether a copy that was begun without the host module was interrupted: whether it grows.

    Nobody can ask an agent whether it is copying. One that stands still for these seconds is not
    noticed: its client then finds its copy gone, and says so. What is copied is never touched.

    :raises PreconditionFailed: the copy goes on, or is complete by now.
    """
    before = _state(host, file, system)
    seconds = operation.estate.second_look
    with waiting(f"{label}: reading its size again in {seconds:g} s"):
        operation.estate.clock.sleep(seconds)
    after = _state(host, file, system)
    if before != after:
        raise PreconditionFailed(
            f"{label} was kept: it is being copied by somebody at this moment, or was completed"
        )


def _state(
    host: HostView, file: DiskFile, system: FileSystem | None
) -> tuple[FileSize | None, bool]:
    size = read_size(host, file.repository, file.path, system)
    return size, is_listed(list_whole(host, file.repository.id), file.path + CREATING)


def _delete(
    operation: Operation, host: HostView, file: DiskFile, label: str, system: FileSystem | None
) -> None:
    if system is None:
        failed = delete_unused(operation, [(file.repository, file.path)])
        reason = failed.get(file.path)
        if isinstance(reason, PreconditionFailed):
            raise PreconditionFailed(f"{label} was kept: {reason}") from reason
        if reason is not None:
            raise reason
        return
    delete_file(operation, system, file.repository, file.path)
    try:
        is_there = is_listed(list_whole(host, file.repository.id), file.path)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{label} was deleted, as {host.label} reports; whether it is gone cannot be read: "
            f"{error}",
            left=(file.path,),
        ) from error
    if is_there:
        raise operation.incomplete(
            f"{label}: {host.label} reports that it was deleted, but it is still listed",
            left=(file.path,),
        )


def _delete_mark(
    operation: Operation, host: HostView, file: DiskFile, label: str, system: FileSystem | None
) -> None:
    """After the file: without its mark, half a copy would look like a whole one."""
    mark = DiskFile(file.repository, file.path + CREATING)
    try:
        _delete(operation, host, mark, "its mark", system)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{label} was deleted, but not the mark of its unfinished copy, {mark.path} "
            f"(ex_list_orphans lists it): {error}",
            left=(mark.path,),
        ) from error
