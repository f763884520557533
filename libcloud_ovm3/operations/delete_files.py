"""The door for every deletion of a file in a repository.

Without the host module the storage plug-in deletes it: sent once, and looked at after any failure.
With the module the file is first set aside (renamed into our own folder of its repository), then
everybody is looked at once more, and only then it is deleted, or put back. Whoever dies in between
has lost nothing: the next look at the repository names the file, and it can be put back.
"""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.functions import NFS_PLUGIN
from libcloud_ovm3.agent.texts import text_of
from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.disks import FileSystem
from libcloud_ovm3.estate.hosts import HostView, read_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import (
    Repository,
    list_whole,
    read_repositories,
    with_module,
)

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule, Path

CLIENT = "libcloud-ovm3"

# What a fresh look says against the deletion of each file; empty: nothing.
Look = Callable[[], Mapping[str, str]]


def delete_file(system: FileSystem, repository: Repository, path: str) -> None:
    """Delete a file through the agent: send it once, and look after any failure.

    :param path: absolute, on the host.
    :raises AgentFault: the agent refused; the file stays.
    :raises OperationIncomplete: whether it is deleted is not known, or it may still be.
    """
    ss, fs = system.structs(state=1)
    file = {"fr_type": "file", "fs_uuid": system.id, "file_path": path}
    try:
        system.host.agent.storageplugin.storage_plugin_destroy(NFS_PLUGIN, ss, fs, file)
    except (AgentFault, OutcomeUnknown) as failed:
        if not _is_there(system.host, repository, path, failed):
            return
        if isinstance(failed, AgentFault):
            raise
        raise OperationIncomplete(
            f"{path}: its deletion was sent once and got no answer; it is still there",
            left=(path,),
        ) from failed


def _is_there(host: HostView, repository: Repository, path: str, failed: Ovm3Error) -> bool:
    """Whether a virtual disk is listed.

    :raises OperationIncomplete: that cannot be seen either.
    """
    try:
        content = list_whole(host, repository.id)
    except Ovm3Error as blind:
        raise OperationIncomplete(
            f"{path}: its deletion failed ({failed}), and whether it is there cannot be seen: "
            f"{blind}",
            left=(path,),
        ) from failed
    return posixpath.basename(path) in content.virtual_disks


def delete_files_by_module(
    module: HostModule, repository: Repository, paths: Sequence[str], look: Look
) -> dict[str, Ovm3Error]:
    """Delete files through the host module: set aside, look once more, delete or put back.

    :param paths: absolute, on the host; all in this repository.
    :param look: asked once, after all are set aside.
    :return: those that are not deleted, and why.
    """
    operation = uuid.uuid4().hex
    failed: dict[str, Ovm3Error] = {}
    aside = []
    for path in paths:
        try:
            _done_or_seen(module, repository, operation, path, module.set_aside, is_aside=True)
            aside.append(path)
        except Ovm3Error as error:
            if not _is_missing(error):  # another client has been first, else
                failed[path] = error
    if not aside:
        return failed
    try:
        against = look()
    except Ovm3Error as error:
        against = dict.fromkeys(aside, f"who uses it could not be seen: {error}")
    for path in aside:
        try:
            if path in against:
                _done_or_seen(module, repository, operation, path, module.put_back, is_aside=False)
                failed[path] = PreconditionFailed(against[path])
            else:
                _delete_aside(module, repository, operation, path)
        except Ovm3Error as error:
            failed[path] = error
    return failed


def _is_missing(error: Ovm3Error) -> bool:
    return isinstance(error, AgentFault) and error.kind.endswith(".NotFound")


def _delete_aside(module: HostModule, repository: Repository, operation: str, path: str) -> None:
    try:
        module.delete_aside(CLIENT, operation, path)
    except Ovm3Error as failed:
        if _aside(module, repository, operation, path, failed):
            raise OperationIncomplete(
                f"{path}: it is set aside ({operation}), and not deleted: {failed}", left=(path,)
            ) from failed
        listed = documents.repository_content(
            module.repository(repository.id).listing, repository.id
        )
        if listed is None or posixpath.basename(path) in listed.virtual_disks:
            raise PreconditionFailed("somebody has put it back meanwhile, so it stays") from failed


def _done_or_seen(
    module: HostModule,
    repository: Repository,
    operation: str,
    path: Path,
    change: Callable[[str, str, Path], None],
    is_aside: bool,
) -> None:
    """One change by the module, sent once; after any failure it counts only if it is seen.

    :param is_aside: whether the file is set aside once it is done.
    :raises AgentFault: it was refused, and nothing has changed.
    :raises OperationIncomplete: whether it was done is not known, or it may still be.
    """
    try:
        change(CLIENT, operation, path)
    except (AgentFault, OutcomeUnknown) as failed:
        if _aside(module, repository, operation, path, failed) is is_aside:
            return
        if isinstance(failed, AgentFault):
            raise
        what = "set it aside" if is_aside else "put it back"
        raise OperationIncomplete(
            f"{text_of(path)}: the request to {what} ({operation}) was sent once and got no answer",
            left=(text_of(path),),
        ) from failed


def _aside(
    module: HostModule, repository: Repository, operation: str, path: Path, failed: Ovm3Error
) -> bool:
    """Whether a file is set aside under this operation, asked now.

    :raises OperationIncomplete: that cannot be seen.
    """
    try:
        files = module.repository(repository.id)
    except Ovm3Error as blind:
        raise OperationIncomplete(
            f"{text_of(path)}: {failed}; whether it is set aside ({operation}) cannot be seen: "
            f"{blind}",
            left=(text_of(path),),
        ) from failed
    if any(one.operation == operation and one.path == path for one in files.aside):
        return True
    odd = [one for one in files.aside if one.error and one.operation in ("", operation)]
    if odd:
        raise OperationIncomplete(
            f"{text_of(path)}: {failed}; whether it is set aside ({operation}) is not known: "
            f"{odd[0].error}",
            left=(text_of(path),),
        ) from failed
    return False


def put_back(estate: Estate, path: str, operation: str) -> None:
    """Put back a file that a deletion has set aside and left.

    :param path: where it lay, absolute, on the hosts.
    :raises Refused: no such file is set aside, as far as can be seen.
    :raises AgentFault: it was refused: something lies in its place by now.
    :raises OperationIncomplete: whether it was done is not known.
    """
    hosts, _ = read_hosts(estate)
    for repository in read_repositories(hosts):
        host = with_module(repository)
        for one in repository.aside:
            if (text_of(one.path), one.operation) == (path, operation) and host and host.module:
                change = host.module.put_back
                _done_or_seen(host.module, repository, operation, one.path, change, is_aside=False)
                return
    raise PreconditionFailed(
        f"{path}: no repository that could be read has it set aside ({operation})"
    )
