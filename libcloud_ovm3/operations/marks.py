"""Marks: small files whose names say that an operation is under way, and what it was doing.

A client that dies leaves them behind: so everybody sees that a file is not complete, or that a VM
was paused for a copy. Their names end with ``.creating``; a mark that stays when an unfinished copy
was deleted ends with ``.removed``. No listing takes them for volumes.
"""

from __future__ import annotations

import contextlib
import datetime

from libcloud_ovm3.agent.documents import RepositoryContent
from libcloud_ovm3.errors import AgentFault, OperationIncomplete, OutcomeUnknown, Ovm3Error
from libcloud_ovm3.estate.disk_names import (
    CREATING,
    REMOVED,
    format_time,
    is_removed,
    removed_in,
    removed_mark,
)
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repositories import Repository, is_listed, list_whole
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation

AGE = datetime.timedelta(days=30)  # of a mark that something was removed; then no request is left
MARK_BYTES = 512  # what the plug-in makes of a size of 0 is not known


def put_mark(operation: Operation, host: HostView, repository: Repository, path: str) -> None:
    """Make a mark, through the host module or the storage plug-in.

    :param path: absolute, on the host; nothing may be there.
    :raises PreconditionFailed: without the module the repository has to be on NFS.
    :raises AgentFault: the agent refused, and there is no mark.
    :raises OperationIncomplete: whether there is one is not known.
    """
    try:
        if host.module is not None:
            doors.create_file_by_module(operation, host.module, path, MARK_BYTES)
        else:
            doors.create_file(mounted_export(host, repository), path, MARK_BYTES)
    except (AgentFault, OutcomeUnknown) as failed:
        if is_there(operation, host, repository, path, failed):
            return
        if isinstance(failed, AgentFault):
            raise failed.with_state("nothing was begun") from failed
        raise operation.incomplete(
            f"{host.label}: {failed}. What may be left: {path}",
            left=(path,),
            host=str(host.address),
        ) from failed


def remove_mark(operation: Operation, host: HostView, repository: Repository, path: str) -> None:
    """Remove a mark; one that is gone already is as good.

    :raises OperationIncomplete: it may still be there.
    """
    try:
        if host.module is not None:
            doors.delete_file(operation, host.module, path)
        else:
            doors.destroy_file(mounted_export(host, repository), path)
    except Ovm3Error as failed:
        if is_there(operation, host, repository, path, failed):
            raise operation.incomplete(
                f"{path}: this mark could not be removed: {failed}",
                left=(path,),
                host=str(host.address),
            ) from failed


def put_removed_mark(
    operation: Operation, host: HostView, repository: Repository, path: str
) -> None:
    """Have a file that is not complete be taken for one if it appears again after its deletion.

    Nobody can ask an agent for the requests that it has yet to carry out. So the mark stays;
    those of the same folder whose age is more than AGE are removed.

    :param path: of the file that is to be deleted.
    :raises PreconditionFailed: without the module the repository has to be on NFS.
    :raises AgentFault: the agent refused, and there is no mark.
    :raises OperationIncomplete: whether there is one is not known.
    """
    folder, _, name = path.rpartition("/")
    now = datetime.datetime.now(datetime.timezone.utc)
    mark = removed_mark(name, now)
    if mark is None:
        return
    names = _names_beside(list_whole(host, repository.id), path)
    if not is_removed(name, removed_in(names)):
        put_mark(operation, host, repository, f"{folder}/{mark}")
    for key, when in removed_in(names).items():
        if now - when > AGE and not any(f".{key}" in one for one in names):
            with contextlib.suppress(OperationIncomplete):  # the next deletion tries it again
                old = f"{folder}/{key}.{format_time(when)}{REMOVED}"
                remove_mark(operation, host, repository, old)


def begin_removal(
    operation: Operation, host: HostView, repository: Repository, path: str
) -> AgentFault | None:
    """Put the mark of :func:`put_removed_mark` before a file that is not complete is deleted.

    :return: the host's refusal; None: there is the mark. It may refuse because the file system is
        full, perhaps of this file: so that can be deleted all the same.
    :raises PreconditionFailed: without the module the repository has to be on NFS.
    :raises AgentFault: the agent could not mount it.
    :raises OperationIncomplete: whether there is a mark is not known.
    """
    try:
        put_removed_mark(operation, host, repository, path)
    except AgentFault as fault:
        if fault.function not in ("storage_plugin_create", "libcloud_create_file"):
            raise
        return fault
    return None


def end_removal(
    operation: Operation,
    host: HostView,
    repository: Repository,
    path: str,
    refused: AgentFault | None,
) -> None:
    """Remove the mark that a file is not complete, which is deleted; but not if it is the only one.

    :param refused: what :func:`begin_removal` returned.
    :raises OperationIncomplete: the mark is, or may be, still there.
    """
    mark = path + CREATING
    if refused is not None:
        raise operation.incomplete(
            f"{path} is deleted, and {mark} was kept, as the mark that has to take its place could "
            f"not be made: {refused.text}. Delete it again when the host can make files",
            left=(mark,),
            host=str(host.address),
        ) from refused
    remove_mark(operation, host, repository, mark)


def _names_beside(content: RepositoryContent, path: str) -> set[str]:
    """The names of the files in the folder of a virtual disk, a disk image or an ISO."""
    folder = path.split("/")[4]
    if folder == "Templates":
        return {file for one in content.templates for file in one.files}
    return set(content.isos if folder == "ISOs" else content.virtual_disks)


def is_there(
    operation: Operation, host: HostView, repository: Repository, path: str, failed: Ovm3Error
) -> bool:
    """Whether a file is listed after something has failed.

    :raises OperationIncomplete: that cannot be read.
    """
    try:
        return is_listed(list_whole(host, repository.id), path)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{path}: {failed}; whether it is there cannot be read: {error}",
            left=(path,),
            host=str(host.address),
        ) from failed
