"""Deleting files of a repository.

Without the host module the storage plug-in deletes a file: the request is sent once, and the
listing is read after any failure; then who uses it is read once more, as nothing can be taken back
(:func:`require_still_unused`). With the module the file is first set aside (moved into the
module's own folder of its repository), then the whole estate is read once more, and only then it is
deleted, or put back. A client that dies in between has lost nothing: whoever reads the repository
next finds the file named there, and can put it back (:mod:`.put_back`).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.texts import text_of
from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disks import FileSystem, read_disk_usage
from libcloud_ovm3.estate.holders import ask_holders, held_of
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repositories import Repository, is_listed, list_whole, with_module
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import Disks, why_used

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule, Path

# ------------------------------------------------------------------ by the storage plug-in


def delete_file(
    operation: Operation, system: FileSystem, repository: Repository, path: str
) -> None:
    """Delete a file through the agent: send the request once, and read the listing if it fails.

    :param path: absolute, on the host.
    :raises AgentFault: the agent refused; the file stays.
    :raises OperationIncomplete: whether it is deleted is unknown, or it may still be.
    """
    try:
        doors.destroy_file(system, path)
    except (AgentFault, OutcomeUnknown) as failed:
        if not _is_listed(operation, system.host, repository, path, failed):
            return
        if isinstance(failed, AgentFault):
            raise
        raise operation.incomplete(
            f"{path}: the request to delete it was sent once and got no response; it is still "
            f"there",
            left=(path,),
        ) from failed


def _is_listed(
    operation: Operation, host: HostView, repository: Repository, path: str, failed: Ovm3Error
) -> bool:
    """Whether a file is listed.

    :raises OperationIncomplete: that cannot be read either.
    """
    try:
        content = list_whole(host, repository.id)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{path}: deleting it failed ({failed}), and whether it is still there cannot be read: "
            f"{error}",
            left=(path,),
        ) from failed
    return is_listed(content, path)


def require_still_unused(operation: Operation, paths: Sequence[str], what: str) -> None:
    """Look once more who uses files that the storage plug-in has deleted: another client may have
    begun to between the last look and the request, and nothing can be taken back.

    :param what: was deleted, for messages.
    :raises OperationIncomplete: somebody uses one, or may; names them.
    """
    if not paths:
        return
    try:
        usage = read_disk_usage(read_estate(operation.estate))
        users = {path: why_used(usage, posixpath.basename(path)) for path in paths}
    except Ovm3Error as error:
        users = dict.fromkeys(paths, f"who uses it cannot be read: {error}")
    found = [f"{path}: {why}" for path, why in users.items() if why]
    if found:
        raise operation.incomplete(
            f"{what} was deleted, but another client may have begun to use it at the same moment: "
            f"{'; '.join(found)}. What names it has lost it; manual intervention is required",
            left=tuple(path for path, why in users.items() if why),
        )


# ------------------------------------------------------------------ by the host module


def delete_unused(operation: Operation, disks: Disks) -> dict[str, Ovm3Error]:
    """Delete disks of one repository through the host module, but those that somebody uses, or may,
    after they were set aside.

    :return: those that are not deleted, and why.
    """
    repository = disks[0][0]
    paths = [path for _, path in disks]
    host = with_module(repository)
    if host is None or host.module is None:
        return {path: PreconditionFailed("its host no longer has the module") for path in paths}

    def users() -> dict[str, str]:
        return users_now(operation, paths)

    return delete_files_by_module(operation, host.module, repository, paths, users)


def users_now(operation: Operation, paths: Sequence[str]) -> dict[str, str]:
    """The files that somebody uses, or may, read anew; and who.

    :raises Ovm3Error: that cannot be read.
    """
    snapshot = read_estate(operation.estate)
    usage = read_disk_usage(snapshot)
    users = {path: why_used(usage, posixpath.basename(path)) for path in paths}
    held = held_of(ask_holders(operation.estate, snapshot.hosts), paths)
    return {path: why for path in paths if (why := users[path] or held.get(path))}


def delete_files_by_module(
    operation: Operation,
    module: HostModule,
    repository: Repository,
    paths: Sequence[str],
    read_users: Callable[[], Mapping[str, str]],
) -> dict[str, Ovm3Error]:
    """Delete files through the host module: set aside, read once more, delete or put back.

    :param paths: absolute, on the host; all in this repository.
    :param read_users: reads, once, after all are set aside, why which of them must not be deleted.
    :return: those that are not deleted, and why.
    """
    failed: dict[str, Ovm3Error] = {}
    aside = []
    for path in paths:
        try:
            set_aside_file(operation, module, repository, path)
            aside.append(path)
        except Ovm3Error as error:
            why = _why_not_gone(module, repository, path, error)
            if why is not None:  # else another client has been first
                failed[path] = why
    if not aside:
        return failed
    try:
        users = read_users()
    except Ovm3Error as error:
        users = dict.fromkeys(aside, f"who uses it could not be read: {error}")
    for path in aside:
        try:
            if path in users:
                put_back_file(operation, module, repository, path)
                failed[path] = PreconditionFailed(users[path])
            else:
                _delete_aside(operation, module, repository, path)
        except Ovm3Error as error:
            failed[path] = error
    return failed


def _why_not_gone(
    module: HostModule, repository: Repository, path: str, error: Ovm3Error
) -> Ovm3Error | None:
    """Why a file that could not be set aside is not gone for good; None: it is.

    One that another operation has set aside may be put back.
    """
    if not isinstance(error, AgentFault) or not error.kind.endswith(".NotFound"):
        return error
    try:
        files = module.repository(repository.id)
    except Ovm3Error as unread:
        return PreconditionFailed(
            f"whether another operation has set it aside is unknown: {unread}"
        )
    theirs = [one.operation for one in files.aside if one.path == path or one.error]
    if not theirs:
        return None
    return PreconditionFailed(
        f"another operation has set it aside ({theirs[0] or 'unknown'}), and may put it back"
    )


def set_aside_file(
    operation: Operation, module: HostModule, repository: Repository, path: str
) -> None:
    """Set a file aside; after a failure it counts only if the file is seen to be aside.

    :raises AgentFault: the module refused, and nothing has changed.
    :raises OperationIncomplete: whether it was done is unknown, or it may still be.
    """
    try:
        doors.set_aside(operation, module, path)
    except (AgentFault, OutcomeUnknown) as failed:
        if is_aside(operation, module, repository, path, failed):
            return
        if isinstance(failed, AgentFault):
            raise
        raise _no_response(operation, "set it aside", path) from failed


def put_back_file(
    operation: Operation, module: HostModule, repository: Repository, path: Path
) -> None:
    """Put a file back; after a failure it counts only if the file is seen not to be aside.

    :param path: where it lay, absolute, on the host.
    :raises AgentFault: the module refused, and nothing has changed.
    :raises OperationIncomplete: whether it was done is unknown, or it may still be.
    """
    try:
        doors.put_back(operation, module, path)
    except (AgentFault, OutcomeUnknown) as failed:
        if not is_aside(operation, module, repository, path, failed):
            return
        if isinstance(failed, AgentFault):
            raise
        raise _no_response(operation, "put it back", path) from failed


def _no_response(operation: Operation, what: str, path: Path) -> Ovm3Error:
    return operation.incomplete(
        f"{text_of(path)}: the request to {what} was sent once and got no response",
        left=(text_of(path),),
    )


def _delete_aside(
    operation: Operation, module: HostModule, repository: Repository, path: str
) -> None:
    try:
        doors.delete_aside(operation, module, path)
    except Ovm3Error as failed:
        if is_aside(operation, module, repository, path, failed):
            raise operation.incomplete(
                f"{path}: it is set aside, and not deleted: {failed}", left=(path,)
            ) from failed
        content = documents.repository_content(
            module.repository(repository.id).listing, repository.id
        )
        if content is None or is_listed(content, path):
            raise PreconditionFailed("it was put back in the meantime, so it was kept") from failed


def is_aside(
    operation: Operation,
    module: HostModule,
    repository: Repository,
    path: Path,
    failed: Ovm3Error,
) -> bool:
    """Whether a file is set aside under this operation, read now.

    :raises OperationIncomplete: that cannot be read.
    """
    try:
        files = module.repository(repository.id)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{text_of(path)}: {failed}; whether it is set aside cannot be read: {error}",
            left=(text_of(path),),
        ) from failed
    if any(one.operation == operation.id and one.path == path for one in files.aside):
        return True
    unclear = [one for one in files.aside if one.error and one.operation in ("", operation.id)]
    if unclear:
        raise operation.incomplete(
            f"{text_of(path)}: {failed}; whether it is set aside is unknown: {unclear[0].error}",
            left=(text_of(path),),
        ) from failed
    return False
