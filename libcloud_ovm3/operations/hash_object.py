"""The MD5 of an object that others have made, computed on its host and recorded there."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.object_types import ObjectRecord
from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, PreconditionFailed, WaitTimeout
from libcloud_ovm3.estate.objects import StoredObject, find_object, module_of
from libcloud_ovm3.operations import doors, object_doors
from libcloud_ovm3.operations.copy_disk import POLL, STALLED
from libcloud_ovm3.operations.operation import Operation, new_id
from libcloud_ovm3.progress import waiting

if TYPE_CHECKING:
    from libcloud_ovm3.estate.members import Estate


def hash_object(estate: Estate, found: StoredObject) -> StoredObject:
    """The object with its MD5, which is computed unless it is recorded.

    :raises PreconditionFailed: the object was changed meanwhile, the host module is missing, or
        what is recorded of it cannot be read: it would be lost.
    :raises AgentFault: the host cannot read it, or record the MD5.
    :raises OperationIncomplete: whether it is recorded is unknown.
    """
    if found.md5 is not None:
        return found
    if found.unread:
        raise PreconditionFailed(
            f"{found.label}: its MD5 was not computed: {found.unread}, and would be lost"
        )
    operation = Operation(estate)
    md5 = _by_job(operation, found)
    record = found.record or ObjectRecord()
    record = type(record)(md5, record.content_type, record.content_encoding, record.meta_data)
    try:
        object_doors.describe_object(operation, found, record)
    except (AgentFault, OutcomeUnknown) as failed:
        if isinstance(failed, AgentFault) and failed.kind.endswith(".Conflict"):
            raise _changed(found) from failed
        now = find_object(found.container, found.name)
        if now.md5 == md5:
            return now
        if isinstance(failed, AgentFault):
            raise failed.with_state(f"{found.label}: nothing is recorded") from failed
        raise operation.incomplete(
            f"{found.label}: its MD5 is {md5}, but it is not recorded (yet): {failed}",
            left=(posixpath.join(found.container.name, found.name),),
        ) from failed
    now = find_object(found.container, found.name)
    if now.identity != found.identity:
        raise _changed(found)
    return now


def _by_job(operation: Operation, found: StoredObject) -> str:
    """The MD5 of its content, by a job of its host, which changes nothing.

    :raises WaitTimeout: it makes no progress.
    """
    module, mount = module_of(found.container, found.label), found.container.repository.path
    job, clock = new_id(), operation.estate.clock
    try:
        doors.start_job(operation, module, job, "md5", found.path, "")
    except (AgentFault, OutcomeUnknown) as failed:
        try:
            module.job_status(mount, job)
        except AgentFault:  # it has not been started
            raise failed from None
    done, deadline = -1, clock.now() + STALLED
    with waiting(f"computing the MD5 of {found.label}"):
        while (status := module.job_status(mount, job)).get("state") == "running":
            if int(status["done_bytes"]) > done:
                done, deadline = int(status["done_bytes"]), clock.now() + STALLED
            if clock.now() >= deadline:
                raise WaitTimeout(
                    f"{found.label}: its MD5 was not computed: job {job} of its host has made no "
                    f"progress for {STALLED:g} s"
                )
            clock.sleep(POLL)
    if status.get("state") != "done" or not status.get("result"):
        why = status.get("error") or f"the job is {status.get('state')}"
        raise PreconditionFailed(f"{found.label}: its MD5 was not computed: {why}")
    return str(status["result"])


def _changed(found: StoredObject) -> PreconditionFailed:
    return PreconditionFailed(
        f"{found.label}: it was changed while its MD5 was computed; try again when nobody writes "
        f"to it"
    )
