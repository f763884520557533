"""Destroying a snapshot of a volume: only files whose names say that they are one.

What deletes a single file among the virtual disks is here too: volumes and images go the same way.
"""

from __future__ import annotations

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disk_files import DiskFile, read_size
from libcloud_ovm3.estate.disk_names import CREATING
from libcloud_ovm3.estate.disks import FileSize
from libcloud_ovm3.estate.holders import wait_released
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, is_listed, list_whole, with_module
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.estate.volumes import read_volumes
from libcloud_ovm3.operations.delete_files import (
    delete_file,
    delete_unused,
    require_still_unused,
)
from libcloud_ovm3.operations.marks import begin_removal, end_removal
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import find_users
from libcloud_ovm3.operations.snapshot_members import require_no_member
from libcloud_ovm3.operations.target_repository import require_usable
from libcloud_ovm3.progress import waiting


def destroy_snapshot(estate: Estate, snapshot_id: str) -> None:
    """Destroy a snapshot that nobody uses; one that is not complete with the mark beside it.

    :raises VolumeNotFound: there is no such snapshot.
    :raises PreconditionFailed: a VM or a template names it, or may, it is held open, a copy into it
        is under way, or it is part of the snapshot of a VM; it stays.
    :raises AgentFault: the agent refused; it stays.
    :raises OperationIncomplete: whether it is destroyed is unknown; names it.
    """
    operation = Operation(estate)
    found = read_volumes(estate, with_sizes=False)
    snapshot = found.snapshot(snapshot_id)
    require_usable(snapshot.file.repository)
    require_no_member(found, snapshot)
    delete_with_mark(operation, snapshot.file, snapshot.label)


# ------------------------------------------------------------------ files with marks


def delete_with_mark(operation: Operation, file: DiskFile, label: str) -> None:
    """Delete a volume or a snapshot, and then the mark of an interrupted copy beside it.

    In place of that mark another one stays: a request of the interrupted copy may still land.

    :param label: how messages name it.
    :raises PreconditionFailed: somebody uses it, or may; or a copy into it is under way; it stays.
    :raises AgentFault: the host refused; it is there as before.
    :raises OperationIncomplete: whether it is deleted is unknown; names the file.
    """
    repository = file.repository
    host = with_module(repository) or repository.mounted_on[0]
    if file.is_creating:
        require_still(operation, host, file, label)
        refused = begin_removal(operation, host, repository, file.path)
    if not file.is_creating or is_listed(list_whole(host, repository.id), file.path):
        delete_disk(operation, read_estate(operation.estate), repository, file.path, label)
        require_gone(operation, host, file, label)
    if file.is_creating:  # only now: half a copy without its mark would look whole
        end_removal(operation, host, repository, file.path, refused)


def require_still(operation: Operation, host: HostView, file: DiskFile, label: str) -> None:
    """Whether nobody writes to a file, such as an unfinished copy that was interrupted.

    Nobody can ask an agent whether it is copying. A copy that stands still for these seconds is not
    noticed: its client then finds it gone, and says so. What is copied is never touched.

    :raises PreconditionFailed: the copy goes on, or is complete by now.
    """
    before = _state(host, file)
    seconds = operation.estate.second_look
    with waiting(f"{label}: reading its size again in {seconds:g} s"):
        operation.estate.clock.sleep(seconds)
    if _state(host, file) != before:
        raise PreconditionFailed(
            f"{label} was kept: somebody copies into it at this moment, or has just ended"
        )


def _state(host: HostView, file: DiskFile) -> tuple[FileSize | None, bool]:
    """Its sizes, and whether it is marked as unfinished."""
    repository = file.repository
    system = None if host.module is not None else mounted_export(host, repository)
    size = read_size(host, repository, file.path, system)
    return size, is_listed(list_whole(host, repository.id), file.path + CREATING)


def require_gone(operation: Operation, host: HostView, file: DiskFile, label: str) -> None:
    """Success is not arrival.

    :raises OperationIncomplete: it is still listed, or that cannot be read.
    """
    try:
        is_there = is_listed(list_whole(host, file.repository.id), file.path)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{label} was deleted, but whether {file.path} is gone cannot be read: {error}",
            left=(file.path,),
        ) from error
    if is_there:
        raise operation.incomplete(
            f"{label}: {host.label} reports that it was deleted, but {file.path} is still listed",
            left=(file.path,),
        )


# ------------------------------------------------------------------ one file


def delete_disk(
    operation: Operation, snapshot: EstateSnapshot, repository: Repository, path: str, what: str
) -> None:
    """Delete one file among the virtual disks, if it is certain that nobody uses it.

    :param snapshot: read right before.
    :param what: how messages name it.
    :raises PreconditionFailed: somebody uses it, or may; it stays.
    :raises AgentFault: the agent refused; it stays.
    :raises OperationIncomplete: whether it is deleted is unknown, or somebody has begun to use it
        meanwhile; names it.
    """
    require_unused(operation, snapshot, repository, path, what)
    if with_module(repository) is not None:
        failed: dict[str, Ovm3Error] = delete_unused(operation, [(repository, path)])
        if path in failed:
            raise failed[path]
        return
    host = repository.mounted_on[0]
    system = mounted_export(host, repository)
    if is_listed(list_whole(host, repository.id), path):  # another client may have been first
        delete_file(operation, system, repository, path)
        require_still_unused(operation, [path], what)


def require_unused(
    operation: Operation, snapshot: EstateSnapshot, repository: Repository, path: str, what: str
) -> None:
    """Whether it is certain that nobody uses a file.

    :param snapshot: read right before.
    :param what: how messages name it.
    :raises PreconditionFailed: somebody uses it, or may.
    """
    if not repository.is_clear:
        raise PreconditionFailed(f"{what} was kept: {repository.error}")
    users = find_users(snapshot, [(repository, path)])
    users = users or wait_released(operation.estate, snapshot.hosts, [path])
    if users:
        raise PreconditionFailed(f"{what} was kept: {users[path]}")
