"""Copying a virtual disk or an image to a name of its own. Complete and checked, or it says so.

With the host module the copy is a job on the host: it is written under a temporary name and linked
to its own when it is complete, so it is never there in part, whoever dies meanwhile.

Without the module the agent's ``copy_file`` writes under the final name, and half a copy looks like
a whole one. So an empty mark, ``<file>.creating``, is put beside it first and removed when the copy
has been checked. While the mark is there everybody sees that the file is not complete.

Either way the source is read before and after: a copy of a file that has changed meanwhile is
deleted again (:mod:`.source_state`).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.disk_names import CREATING
from libcloud_ovm3.estate.disks import FileSize, FileSystem, file_size
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.space import read_spaces
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.destroy_snapshot import delete_disk
from libcloud_ovm3.operations.marks import is_there, put_mark, remove_mark
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.source_state import read_source, what_changed
from libcloud_ovm3.progress import waiting

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule

POLL = 2.0  # seconds between two looks at a job
STALLED = 3600.0  # seconds without any progress after which a job is not waited for any longer

_JOBS = uuid.UUID("0b6a54b8-2f7e-4d0d-8f1e-9f4f0e5b7c10")


@dataclass(frozen=True)
class Place:
    """A file in a repository.

    :ivar path: absolute, on the hosts.
    :ivar is_pending: of a copy: whether it is for a VM that is being created. That one says that it
        is not complete, as a mark would, and who creates it removes what cannot be used.
    """

    repository: Repository
    path: str
    is_pending: bool = False


def choose_host(source: Repository, target: Repository) -> HostView:
    """A host that can copy between two repositories; one with the host module, if there is one.

    :raises PreconditionFailed: no host has both mounted, or one of them is ambiguous.
    """
    for one in (source, target):
        if not one.is_clear or one.content is None:
            raise PreconditionFailed(
                f"repository {one.id} is left unchanged: {one.error or 'it could not be read'}"
            )
    both = {view.address for view in target.mounted_on}
    hosts = [view for view in source.mounted_on if view.address in both]
    if not hosts:
        raise PreconditionFailed(
            f"no host that could be read has both repositories, {source.id} and {target.id}, "
            f"mounted"
        )
    return next((view for view in hosts if view.module is not None), hosts[0])


def may_share_blocks(host: HostView, source: Repository, target: Repository) -> bool:
    """Whether a copy may take no space of its own: OCFS2 may do so, NFS cannot."""
    is_nfs = source.record.fs_type.startswith("nfs")
    return host.module2 is not None and source.key == target.key and not is_nfs


def clone_or_copy(operation: Operation, host: HostView, source: Place, target: Place) -> int:
    """Share the blocks of a file where its file system can, else copy it; as :func:`copy_disk`.

    :param target: the caller has put a mark beside it.
    """
    if may_share_blocks(host, source.repository, target.repository):
        try:
            return copy_disk(operation, host, source, target, "clone", is_marked=True)
        except AgentFault as fault:  # nothing is left: it was made without reflinks
            with waiting(f"copying instead: {fault}"):
                pass
    return copy_disk(operation, host, source, target, is_marked=True)


def copy_disk(
    operation: Operation,
    host: HostView,
    source: Place,
    target: Place,
    kind: str = "sparse_copy",
    is_marked: bool = False,
) -> int:
    """Copy a file, sparsely.

    :param host: has both repositories mounted.
    :param target: its name has to be made for the copy (a uuid is in it): nothing may be there.
    :param kind: of the job, where the host has the module: ``sparse_copy`` or ``clone``.
    :param is_marked: the caller has put a mark beside the target, and will remove it.
    :return: the size in bytes, which has been checked.
    :raises PreconditionFailed: there is not enough space, and nothing was sent; or the source has
        changed meanwhile, and the copy was deleted.
    :raises AgentFault: the host refused; nothing is left.
    :raises OperationIncomplete: what has become of the copy is not known, or it is not complete;
        names what may be left.
    """
    with waiting(f"copying {source.path} to {target.path} on {host.label}"):
        if host.module is not None:
            return _copy_by_job(operation, host, host.module, source, target, kind)
        return _copy_by_agent(operation, host, source, target, is_marked)


def _require_room(target: Place, needed: int) -> None:
    """Check that the copy fits: guests with sparse disks would get errors from a full file system.

    Where the space is not known nothing is refused: the copy then fails, and is removed.
    """
    [space] = read_spaces([target.repository])
    if space.free_bytes is not None and space.free_bytes < needed:
        raise PreconditionFailed(
            f"repository {target.repository.id} has {space.free_bytes} bytes free, and "
            f"{target.path} needs {needed}"
        )


def _needed(source: FileSize) -> int:
    """The space that a copy takes; all of its size where it is not known how sparse it is."""
    return source.size_bytes if source.used_bytes is None else source.used_bytes


def _require_unchanged(
    operation: Operation,
    host: HostView,
    source: Place,
    system: FileSystem | None,
    before: FileSize,
    target: Place,
    *left: str,
) -> None:
    """Check that the source is as it was before the copy; delete the copy if it is not.

    :param system: of the source; None: the host has the host module.
    :param left: what is left beside the copy if that cannot be deleted.
    :raises PreconditionFailed: it is not, and the copy is deleted, unless it is the caller's.
    :raises OperationIncomplete: it is not, or cannot be read, and the copy is left.
    """
    try:
        changed = what_changed(before, read_source(host, source.path, system))
    except Ovm3Error as error:
        changed = f"what it is now could not be read: {error}"
    if not changed:
        return
    why = PreconditionFailed(
        f"{source.path} changed while it was copied ({changed}); copy it again"
    )
    if target.is_pending:
        raise why
    raise discarded(operation, host, target, why, *left)


def discarded(
    operation: Operation, host: HostView, target: Place, why: Ovm3Error, *left: str
) -> Ovm3Error:
    """The error after a copy that may have some of the old content and some of new: it is deleted.

    :param left: what is left beside the copy if that cannot be deleted.
    :raises OperationIncomplete: it cannot; names it.
    """
    try:
        snapshot = read_estate(operation.estate)
        delete_disk(operation, snapshot, target.repository, target.path, target.path)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{why}. So the copy is not usable, and it could not be deleted: {error}. What may be "
            f"left: {', '.join((target.path, *left))}",
            left=(target.path, *left),
            host=str(host.address),
        ) from error
    return PreconditionFailed(f"{why}. The copy was deleted")


# ------------------------------------------------------------------ by a job of the module


def _copy_by_job(
    operation: Operation,
    host: HostView,
    module: HostModule,
    source: Place,
    target: Place,
    kind: str,
) -> int:
    before = read_source(host, source.path, None)
    if kind != "clone":
        _require_room(target, _needed(before))
    job = uuid.uuid5(_JOBS, f"{operation.id} {kind} {target.path}").hex
    try:
        doors.start_job(operation, module, job, kind, source.path, target.path)
    except (AgentFault, OutcomeUnknown) as failed:
        if not _is_known(operation, host, module, job, target, failed):
            if isinstance(failed, AgentFault):
                raise failed.with_state("there is no such file") from failed
            raise _in_doubt(operation, host, failed, target) from failed
    status = _wait_for_job(operation, host, module, job, target)
    try:
        size = int(module.stat_file(target.path)["size_bytes"])
    except Ovm3Error as error:
        raise _in_doubt(operation, host, error, target) from error
    if size != int(status["size_bytes"]):
        raise operation.incomplete(
            f"{target.path} has {size} bytes, and {status['size_bytes']} were copied",
            left=(target.path,),
        )
    _require_unchanged(operation, host, source, None, before, target)
    return size


def _is_known(
    operation: Operation,
    host: HostView,
    module: HostModule,
    job: str,
    target: Place,
    failed: Ovm3Error,
) -> bool:
    """Whether a job exists.

    :raises OperationIncomplete: that cannot be read.
    """
    try:
        module.job_status(target.repository.path, job)
    except AgentFault as fault:
        if fault.kind.endswith(".NotFound"):
            return False
        raise _in_doubt(operation, host, f"{failed}; {fault}", target) from failed
    except Ovm3Error as error:
        raise _in_doubt(operation, host, f"{failed}; {error}", target) from failed
    return True


def _wait_for_job(
    operation: Operation, host: HostView, module: HostModule, job: str, target: Place
) -> dict[str, Any]:
    """The status of a job that is done.

    :raises AgentFault: it failed, and nothing of it is left.
    :raises OperationIncomplete: it makes no progress, or cannot be asked; it may still be done.
    """
    clock = operation.estate.clock
    done, deadline = -1, clock.now() + STALLED
    failed: Ovm3Error | None = None
    while clock.now() < deadline:
        try:
            status = module.job_status(target.repository.path, job)
        except Ovm3Error as error:  # the job goes on all the same
            failed = error
            clock.sleep(POLL)
            continue
        if status["state"] == "done":
            return status
        if status["state"] != "running":
            why = status.get("error") or f"the job is {status['state']}"
            raise AgentFault(
                f"{host.label}: copying to {target.path} failed: {why}; there is no such file",
                code=0,
                kind="",
                text=str(why),
                function="libcloud_start_job",
                host=str(host.address),
            )
        failed = None
        if int(status["done_bytes"]) > done:
            done, deadline = int(status["done_bytes"]), clock.now() + STALLED
        clock.sleep(POLL)
    what = failed or f"it has made no progress for {STALLED:g} s"
    raise operation.incomplete(
        f"{host.label}: copying to {target.path} (job {job}) goes on, or has ended: {what}",
        left=(target.path,),
        host=str(host.address),
    )


def _in_doubt(
    operation: Operation, host: HostView, failed: Ovm3Error | str, *places: Place
) -> Ovm3Error:
    paths = tuple(place.path for place in places)
    return operation.incomplete(
        f"copying was not completed: {failed}. What may be left: {', '.join(paths)}",
        left=paths,
        host=str(host.address),
    )


# ------------------------------------------------------------------ by the agent


def _copy_by_agent(
    operation: Operation, host: HostView, source: Place, target: Place, is_marked: bool
) -> int:
    system = mounted_export(host, target.repository)
    theirs = mounted_export(host, source.repository)
    expected = read_source(host, source.path, theirs)
    _require_room(target, _needed(expected))
    mark = Place(target.repository, target.path + CREATING)
    marks = () if target.is_pending else (mark,)
    if not is_marked:
        put_mark(operation, host, mark.repository, mark.path)
    try:
        doors.copy_file(host, source.path, target.path)
    except Ovm3Error as failed:
        if isinstance(failed, OutcomeUnknown) or (
            isinstance(failed, AgentFault)
            and is_there(operation, host, target.repository, target.path, failed)
        ):
            raise _in_doubt(operation, host, failed, target, *marks) from failed
        if not is_marked:
            _unmark(operation, host, target, mark)
        if isinstance(failed, AgentFault):
            raise failed.with_state("there is no such file") from failed
        raise  # it was not sent
    try:
        _require_unchanged(operation, host, source, theirs, expected, target, mark.path)
    except PreconditionFailed:
        if not is_marked:
            _unmark(operation, host, target, mark)
        raise
    _check_copy(operation, system, expected, target, *marks)
    if not is_marked:
        _unmark(operation, host, target, mark)
    return expected.size_bytes


def _unmark(operation: Operation, host: HostView, target: Place, mark: Place) -> None:
    """Remove the mark; while it stays, the copy counts as unfinished, so both are named."""
    try:
        remove_mark(operation, host, mark.repository, mark.path)
    except OperationIncomplete as error:
        raise _in_doubt(operation, host, error, target, mark) from error


def _check_copy(
    operation: Operation, system: FileSystem, expected: FileSize, target: Place, *marks: Place
) -> None:
    """Compare the size of the copy.

    :raises OperationIncomplete: it differs, or cannot be read.
    """
    try:
        copied = file_size(system, target.path)
    except Ovm3Error as error:
        raise _in_doubt(operation, system.host, error, target, *marks) from error
    size = None if copied is None else copied.size_bytes
    if size != expected.size_bytes:
        raise operation.incomplete(
            f"{system.host.label}: copy_file reported success, but {target.path} has {size} bytes "
            f"instead of {expected.size_bytes}",
            left=tuple(place.path for place in (target, *marks)),
            host=str(system.host.address),
        )
