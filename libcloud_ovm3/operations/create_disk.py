"""Creating a volume: empty, or a copy of a snapshot or of another volume.

Its file name is made for it and nobody else's, so whatever a failed call has left under it is of
this operation. After any failure the file is looked for: only what is shown not to be there, or to
be complete, ends as a refusal or a success; everything else is named in the error.
"""

from __future__ import annotations

import posixpath

from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.disk_files import read_size
from libcloud_ovm3.estate.volumes import Snapshot, Volume, read_volume, read_volumes
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.copy_disk import Place, copy_disk
from libcloud_ovm3.operations.delete_files import delete_file, delete_unused
from libcloud_ovm3.operations.grow_disk import grow, require_host_that_grows
from libcloud_ovm3.operations.idle_disks import live_users
from libcloud_ovm3.operations.plan_disk import DiskPlan


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
        _create_empty(plan, notices)
    else:
        _create_copy(plan, plan.source, notices)
    try:
        return read_volume(plan.operation.estate, plan.volume_id), notices
    except Ovm3Error as error:
        raise plan.operation.incomplete(
            f"{plan.label} was created, but cannot be read back: {error}", left=(plan.path,)
        ) from error


# ------------------------------------------------------------------ empty


def _create_empty(plan: DiskPlan, notices: list[str]) -> None:
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        if plan.host.module is not None:
            module = plan.host.module
            doors.create_file_by_module(plan.operation, module, plan.path, plan.size_bytes)
        else:
            assert plan.system is not None
            doors.create_file(plan.system, plan.path, plan.size_bytes)
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
    try:
        found = read_size(plan.host, plan.repository, plan.path, plan.system)
    except Ovm3Error as error:
        why = f"{failed or 'the host reported success'}; what is there cannot be read: {error}"
        raise _in_doubt(plan, why) from error
    size = None if found is None else found.size_bytes
    if size == plan.size_bytes:
        notices += [f"{plan.label} is created, although {failed}"] if failed else []
        return
    if size is None and isinstance(failed, AgentFault):
        raise failed.with_state("there is no such file") from failed
    state = "there is no such file (yet)" if size is None else f"it has {size} bytes"
    result = failed or "the host reported success"
    raise _in_doubt(plan, f"{result}; {state} instead of {plan.size_bytes} bytes") from failed


def _in_doubt(plan: DiskPlan, why: str) -> Ovm3Error:
    return plan.operation.incomplete(
        f"creating {plan.label} was not completed: {why}. What may be left: {plan.path} "
        f"(destroy_volume removes it)",
        left=(plan.path,),
        host=str(plan.host.address),
    )


# ------------------------------------------------------------------ a copy


def _create_copy(plan: DiskPlan, source: Volume | Snapshot, notices: list[str]) -> None:
    assert source.file is not None
    origin = Place(source.file.repository, source.file.path)
    size = copy_disk(plan.operation, plan.host, origin, Place(plan.repository, plan.path))
    if isinstance(source, Volume):
        _require_unused(plan, source)
    if size < plan.size_bytes:
        try:
            host = require_host_that_grows(plan.repository)
            notices += grow(plan.operation, host, plan.repository, plan.path, size, plan.size_bytes)
        except OperationIncomplete:
            raise
        except Ovm3Error as error:
            _remove(plan, error)
            raise


def _require_unused(plan: DiskPlan, source: Volume) -> None:
    """Whether no domain can have written to a volume while it was copied, as far as that shows now.

    :raises PreconditionFailed: one has it by now; the copy was removed.
    :raises OperationIncomplete: that is unknown; the copy is kept, and named.
    """
    try:
        found = read_volumes(plan.operation.estate, with_sizes=False)
    except Ovm3Error as error:
        raise _may_be_inconsistent(plan, source, str(error)) from error
    users = live_users(found.estate, posixpath.basename(source.path))
    if found.estate.unseen:
        raise _may_be_inconsistent(plan, source, "; ".join(found.estate.unseen))
    if users:
        refusal = PreconditionFailed(
            f"{source.label} was taken into use while it was copied ({', '.join(users)}), so the "
            f"copy was removed: it would not be consistent"
        )
        _remove(plan, refusal)
        raise refusal


def _may_be_inconsistent(plan: DiskPlan, source: Volume, why: str) -> Ovm3Error:
    return plan.operation.incomplete(
        f"{plan.label} is a complete copy, but whether {source.label} was in use meanwhile, so "
        f"that it is not consistent, is unknown: {why}",
        left=(plan.path,),
    )


def _remove(plan: DiskPlan, error: Ovm3Error) -> None:
    """Remove the copy, which nobody else knows.

    :raises OperationIncomplete: it may be left.
    """
    try:
        if plan.host.module is not None:
            failed = delete_unused(plan.operation, [(plan.repository, plan.path)])
            for reason in failed.values():
                raise reason
        else:
            assert plan.system is not None
            delete_file(plan.operation, plan.system, plan.repository, plan.path)
    except Ovm3Error as second:
        raise plan.operation.incomplete(
            f"creating {plan.label} failed: {error}. Removing it failed too: {second}",
            left=(plan.path,),
        ) from error
