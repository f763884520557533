"""Destroying a snapshot of a volume: only files whose names say that they are one."""

from __future__ import annotations

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disk_names import CREATING
from libcloud_ovm3.estate.holders import wait_released
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, is_listed, list_whole, with_module
from libcloud_ovm3.estate.vms import EstateSnapshot
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
    operation = Operation(estate)
    found = read_volumes(estate, with_sizes=False)
    snapshot = found.snapshot(snapshot_id)
    file = snapshot.file
    delete_disk(operation, found.estate, file.repository, file.path, snapshot.label)
    if file.is_creating:
        host = with_module(file.repository) or file.repository.mounted_on[0]
        remove_mark(operation, host, file.repository, file.path + CREATING)


def delete_disk(
    operation: Operation, snapshot: EstateSnapshot, repository: Repository, path: str, what: str
) -> None:
    """Delete one file among the virtual disks, if it is certain that nobody uses it.

    :param snapshot: read right before.
    :param what: how messages name it.
    :raises PreconditionFailed: somebody uses it, or may; it stays.
    :raises AgentFault: the agent refused; it stays.
    :raises OperationIncomplete: whether it is deleted is unknown; names it.
    """
    if not repository.is_clear:
        raise PreconditionFailed(f"{what} was kept: {repository.error}")
    users = find_users(snapshot, [(repository, path)])
    users = users or wait_released(operation.estate, snapshot.hosts, [path])
    if users:
        raise PreconditionFailed(f"{what} was kept: {users[path]}")
    if with_module(repository) is not None:
        failed: dict[str, Ovm3Error] = delete_unused(operation, [(repository, path)])
        if path in failed:
            raise failed[path]
        return
    host = repository.mounted_on[0]
    system = mounted_export(host, repository)
    if is_listed(list_whole(host, repository.id), path):  # another client may have been first
        delete_file(operation, system, repository, path)
