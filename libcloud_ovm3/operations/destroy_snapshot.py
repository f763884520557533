"""Destroying a snapshot of a volume: only files whose names say that they are one."""

from __future__ import annotations

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disk_files import DiskFile
from libcloud_ovm3.estate.disk_names import CREATING
from libcloud_ovm3.estate.holders import wait_released
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, is_listed, list_whole, with_module
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.estate.volumes import read_volumes
from libcloud_ovm3.operations.delete_files import delete_file, delete_unused
from libcloud_ovm3.operations.marks import remove_mark
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import find_users


def destroy_snapshot(estate: Estate, snapshot_id: str) -> None:
    """Destroy a snapshot that nobody uses; one that is not complete with the mark beside it.

    :raises VolumeNotFound: there is no such snapshot.
    :raises PreconditionFailed: a VM or a template names it, or may, or it is held open; it stays.
    :raises AgentFault: the agent refused; it stays.
    :raises OperationIncomplete: whether it is destroyed is unknown; names it.
    """
    found = read_volumes(estate, with_sizes=False)
    snapshot = found.snapshot(snapshot_id)
    delete_disk(Operation(estate), snapshot.file, snapshot.label)


def delete_disk(operation: Operation, file: DiskFile, label: str) -> None:
    """Delete a file among the virtual disks that nobody uses, and the mark beside it.

    :param label: how messages name it.
    :raises PreconditionFailed: somebody uses it, or may; it stays.
    :raises AgentFault: the agent refused; it stays.
    :raises OperationIncomplete: whether it is deleted is unknown; names it.
    """
    repository, path = file.repository, file.path
    if not repository.is_clear:
        raise PreconditionFailed(f"{label} was kept: {repository.error}")
    host = with_module(repository) or repository.mounted_on[0]
    if is_listed(list_whole(host, repository.id), path):
        _delete_unused(operation, host, repository, path, label)
    if file.is_creating:
        remove_mark(operation, host, repository, path + CREATING)


def _delete_unused(
    operation: Operation, host: HostView, repository: Repository, path: str, label: str
) -> None:
    snapshot = read_estate(operation.estate)
    users = find_users(snapshot, [(repository, path)])
    users = users or wait_released(operation.estate, snapshot.hosts, [path])
    if users:
        raise PreconditionFailed(f"{label} was kept: {users[path]}")
    if host.module is None:
        delete_file(operation, mounted_export(host, repository), repository, path)
        return
    failed: dict[str, Ovm3Error] = delete_unused(operation, [(repository, path)])
    if path in failed:
        raise failed[path]
