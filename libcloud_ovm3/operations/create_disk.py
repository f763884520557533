"""Creating a volume: empty, or a copy of a snapshot or of another volume.

Its file name is made for it and nobody else's, so whatever a failed call has left under it is of
this operation. After any failure the file is looked for: only what is shown not to be there, or to
be complete, ends as a refusal or a success; everything else is named in the error.

A copy that is to be larger than its snapshot is marked as unfinished until it has its size.
"""

from __future__ import annotations

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error
from libcloud_ovm3.estate.disk_names import CREATING
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.estate.volumes import Snapshot, Volume
from libcloud_ovm3.operations.copy_disk import Place, copy_disk
from libcloud_ovm3.operations.destroy_snapshot import delete_disk
from libcloud_ovm3.operations.empty_disk import EmptyFile, make_empty
from libcloud_ovm3.operations.grow_disk import grow, require_host_that_grows
from libcloud_ovm3.operations.idle_disk import require_idle
from libcloud_ovm3.operations.marks import put_mark, remove_mark
from libcloud_ovm3.operations.plan_disk import DiskPlan
from libcloud_ovm3.operations.read_back import read_back
from libcloud_ovm3.operations.snapshot_disk import copy_idle, finish


def create(plan: DiskPlan) -> tuple[Volume, list[str]]:
    """Create the volume that was planned.

    :return: the volume as it is listed now, and notices for the user: failures of steps that have
        taken effect all the same.
    :raises PreconditionFailed: what it is a copy of was in use meanwhile; the copy was removed.
    :raises AgentFault: a host refused; nothing is left.
    :raises OperationIncomplete: the outcome is unknown; names what may be left.
    """
    notices: list[str] = []
    if plan.source is None:
        way_out = "destroy_volume removes it"
        file = EmptyFile(plan.host, plan.system, plan.repository, plan.path, plan.size_bytes)
        notices += make_empty(plan.operation, file, plan.label, way_out)
    else:
        _create_copy(plan, plan.source, notices)
    done = f"{plan.label} was created"
    return read_back(plan.operation, plan.volume_id, plan.path, done), notices


# ------------------------------------------------------------------ a copy


def _create_copy(plan: DiskPlan, source: Volume | Snapshot, notices: list[str]) -> None:
    assert source.file is not None
    origin = Place(source.file.repository, source.file.path)
    target = Place(plan.repository, plan.path)
    marked = isinstance(source, Volume) or plan.must_grow or plan.host.module is None
    try:
        if isinstance(source, Volume):
            assert plan.found is not None
            notices += copy_idle(plan.operation, plan.found, source, origin, target)
            return
        if plan.must_grow:
            _copy_larger(plan, source, origin, target, notices)
            return
        size = copy_disk(plan.operation, plan.host, origin, target)
    except OperationIncomplete as error:
        mark = (plan.path + CREATING,) if marked else ()
        raise plan.operation.incomplete(
            f"copying {source.label} was not completed: {error}; destroy_volume removes what is "
            f"left of the copy{f', which is marked as unfinished ({mark[0]})' if mark else ''}",
            left=tuple(dict.fromkeys((plan.path, *mark, *error.left))),
            host=error.host,
        ) from error
    _complete(plan, source, size, notices)


def _copy_larger(
    plan: DiskPlan, source: Snapshot, origin: Place, target: Place, notices: list[str]
) -> None:
    """Copy a snapshot and make the copy larger, with a mark beside it from before to the end."""
    put_mark(plan.operation, plan.host, plan.repository, plan.path + CREATING)
    try:
        size = copy_disk(plan.operation, plan.host, origin, target, is_marked=True)
    except OperationIncomplete:
        raise
    except Ovm3Error as error:  # nothing is left of the copy
        _remove_mark(plan, error)
        raise
    _complete(plan, source, size, notices)
    finish(plan.operation, plan.host, target)


def _remove_mark(plan: DiskPlan, failed: Ovm3Error) -> None:
    """Remove the mark of a copy that is gone.

    :raises OperationIncomplete: it may still be there; has the failure too.
    """
    try:
        remove_mark(plan.operation, plan.host, plan.repository, plan.path + CREATING)
    except OperationIncomplete as error:
        raise plan.operation.incomplete(
            f"{failed}; {error}", left=error.left, host=error.host
        ) from failed


def _complete(plan: DiskPlan, source: Snapshot, size: int, notices: list[str]) -> None:
    """See that no domain has got the snapshot, and make the copy as large as it is to be.

    :raises PreconditionFailed: one has, or may; the copy was removed.
    :raises AgentFault: the host refused to make it larger; the copy was removed.
    :raises OperationIncomplete: that is unknown, or the copy may be left.
    """
    estate = plan.operation.estate
    try:
        require_idle(estate, read_estate(estate), source.file.path, source.label)
        if size < plan.size_bytes:
            host = require_host_that_grows(plan.repository)
            notices += grow(plan.operation, host, plan.repository, plan.path, size, plan.size_bytes)
    except OperationIncomplete:
        raise
    except Ovm3Error as error:
        try:
            delete_disk(
                plan.operation,
                read_estate(plan.operation.estate),
                plan.repository,
                plan.path,
                plan.label,
            )
        except Ovm3Error as second:
            raise plan.operation.incomplete(
                f"creating {plan.label} failed: {error}. Removing it failed too: {second}",
                left=(plan.path,),
            ) from error
        if plan.must_grow:
            _remove_mark(plan, error)
        raise
