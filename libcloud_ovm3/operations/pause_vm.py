"""Pausing a VM until somebody lets it run again, and that.

xend does not say who has paused a domain, and to let one run that somebody else has paused may
release a half-built one (xend.md 4, 10.3). So only what is recorded is released: by the claim of
the VM, or, where it has none, by a mark that is made before (:mod:`.estate.pauses`).
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from libcloud_ovm3.errors import OperationIncomplete, OutcomeUnknown, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disks import disk_path
from libcloud_ovm3.estate.guards import ON
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.pauses import HELD, PauseMark, mark_name, pause_marks
from libcloud_ovm3.estate.repositories import with_module
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations.marks import put_mark, remove_mark
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.operations.pausing import pause_live, require_pausable, unpause
from libcloud_ovm3.operations.preconditions import only_live_domain
from libcloud_ovm3.operations.saved_memory import claim_of

_RELEASE = "ex_unpause_node"


def pause(estate: Estate, vm_id: str) -> list[str]:
    """Pause a running VM; one that was paused so already is left as it is.

    :return: notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: it does not run in exactly one place, or somebody else has paused
        it. Nothing was sent.
    :raises AgentFault: the agent refused, and it runs on.
    :raises OperationIncomplete: it may be paused.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate)
    vm = snapshot.vm(vm_id)
    live = require_pausable(snapshot, vm)
    marks = _marks(snapshot, vm)
    if vm.state is State.PAUSED:
        _require_ours(snapshot, vm, marks)
        return []
    notices = _remove(operation, marks)  # of domains that are gone
    mark = ""
    repository = repository_of(snapshot, vm.definition)
    if vm.definition.guard is None:
        now = datetime.datetime.now(datetime.timezone.utc)
        name = mark_name(vm.id, live.domain.domid or 0, operation.id, now, HELD)
        mark = disk_path(repository, name)
        try:
            put_mark(operation, live.host, repository, mark)
        except OperationIncomplete as error:
            raise operation.incomplete(
                f"VM {vm.label} was not paused: {error}", left=(mark,), nodes=[vm.summary]
            ) from error
    try:
        return notices + pause_live(operation, snapshot, vm, live, mark, _RELEASE)
    except OperationIncomplete:
        raise  # it may be paused: the mark stays
    except Ovm3Error:
        if mark:
            remove_mark(operation, live.host, repository, mark)
        raise


def release(estate: Estate, vm_id: str) -> list[str]:
    """Let a VM run again that :func:`pause` has paused; a running one is left as it is.

    :return: notices for the user: a mark that may be left.
    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: it is not paused, or it is not recorded that this package has paused
        it until somebody lets it run. Nothing was sent.
    :raises AgentFault: the agent refused, and it is still paused.
    :raises OperationIncomplete: it may be still paused.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate)
    vm = snapshot.vm(vm_id)
    live, marks = only_live_domain(vm), _marks(snapshot, vm)
    if vm.state is State.PAUSED:
        _require_ours(snapshot, vm, marks)
        try:
            unpause(operation, live, vm.definition, snapshot.defined_ids)
        except OutcomeUnknown as error:
            raise operation.incomplete(
                f"VM {vm.label} may be still paused: {error}. {_RELEASE}({vm.id!r}) lets it run",
                left=(vm.id,),
                host=str(live.host.address),
                nodes=[vm.summary],
            ) from error
    elif vm.state is not State.RUNNING:
        raise PreconditionFailed(
            f"VM {vm.label} is {vm.state.value}: it is not paused", nodes=[vm.summary]
        )
    return _remove(operation, marks)


def _marks(snapshot: EstateSnapshot, vm: VM) -> list[PauseMark]:
    return [mark for mark in pause_marks(snapshot, HELD) if mark.vm_id == vm.id]


def _require_ours(snapshot: EstateSnapshot, vm: VM, marks: Sequence[PauseMark]) -> None:
    """Check that it is recorded that a paused VM was paused until somebody lets it run.

    :raises PreconditionFailed: it was paused for a copy, or by somebody else.
    """
    claim = claim_of(vm)
    copy = next((mark for mark in pause_marks(snapshot) if mark.is_about(vm)), None)
    if copy is not None:
        why = f"for a copy, by {copy.described()}; if that was interrupted: ex_resume_node"
    elif vm.definition.guard is None and any(mark.is_about(vm) for mark in marks):
        return
    elif vm.definition.guard is not None and (claim is None or claim.kind != ON or claim.paused):
        return  # what is not settled is looked at by the door
    else:
        why = "and nothing records that this package has done that; whoever paused it has to let it"
        why += " run again"
    raise PreconditionFailed(f"VM {vm.label} is paused {why}", nodes=[vm.summary])


def _remove(operation: Operation, marks: Sequence[PauseMark]) -> list[str]:
    """Remove marks of what is not paused any more.

    :return: notices for the user: those that are left.
    """
    notices = []
    for mark in marks:
        host = with_module(mark.repository) or mark.repository.mounted_on[0]
        try:
            remove_mark(operation, host, mark.repository, mark.path)
        except Ovm3Error as error:
            notices.append(str(error))
    return notices
