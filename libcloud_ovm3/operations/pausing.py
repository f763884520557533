"""Pausing a VM while something is copied, and letting it run again, whatever happens.

xend does not say who has paused a domain, and letting one run that somebody else has paused may
release a half-built one (xend.md 4, 10.3). So a mark is made first (:mod:`.estate.pauses`), and
only what this package has paused by it is ever resumed.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from libcloud_ovm3.errors import (
    NEVER_SENT,
    AgentFault,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.definitions import Definition, matches
from libcloud_ovm3.estate.disks import disk_path
from libcloud_ovm3.estate.hosts import live_domains
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.pauses import mark_name, pause_marks
from libcloud_ovm3.estate.repositories import Repository, with_module
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, LiveDomain
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.marks import put_mark, remove_mark
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.operations.power_door import PAUSED
from libcloud_ovm3.operations.preconditions import only_live_domain, require_certain
from libcloud_ovm3.operations.presence import POLL, READS
from libcloud_ovm3.progress import waiting

RESUME = "ex_resume_node"
RESUME_LIMIT = 60.0  # seconds in which what has to be read before a resume is tried again


def require_pausable(snapshot: EstateSnapshot, vm: VM) -> LiveDomain:
    """Where a VM runs, if it can be paused, or is paused already and by no operation.

    :raises PreconditionFailed: it cannot, or another operation has paused it.
    """
    live = only_live_domain(vm)
    if not vm.definitions or live.domain.domid is None:
        raise PreconditionFailed(
            f"VM {vm.label} cannot be paused: its vm.cfg is not known", nodes=[vm.summary]
        )
    for mark in pause_marks(snapshot):
        if mark.is_about(vm):
            raise PreconditionFailed(
                f"VM {vm.label} is paused for another copy, or was left so, by {mark.described()}; "
                f"try again when that is over, or, if it was interrupted, call ex_resume_node",
                nodes=[vm.summary],
            )
    if vm.state not in (State.RUNNING, State.PAUSED):
        raise PreconditionFailed(
            f"VM {vm.label} is {vm.state.value}: only a running or paused one can be held still",
            nodes=[vm.summary],
        )
    return live


@contextmanager
def paused(operation: Operation, snapshot: EstateSnapshot, vm: VM) -> Iterator[list[str]]:
    """Keep a VM paused while the block runs; one that was paused before stays so afterwards.

    :param vm: see :func:`require_pausable`.
    :return: notices for the user, which are complete when the block has ended.
    :raises PreconditionFailed: its name on its host is not this VM's alone; nothing was sent.
    :raises AgentFault: the agent refused to pause it, and it runs.
    :raises OperationIncomplete: it may be, or stay, paused; names it, and what to do.
    """
    live, definition = only_live_domain(vm), vm.definition
    notices: list[str] = []
    if vm.state is State.PAUSED:
        notices.append(f"VM {vm.label} was paused before, by whomever, and stays paused")
        yield notices
        return
    repository, domid = repository_of(snapshot, definition), live.domain.domid or 0
    now = datetime.datetime.now(datetime.timezone.utc)
    mark = disk_path(repository, mark_name(vm.id, domid, operation.id, now))
    put_mark(operation, live.host, repository, mark)
    failed: Ovm3Error | None = None
    with waiting(f"VM {vm.name!r} is paused", vm=vm.id):
        try:
            notices += pause_live(operation, snapshot, vm, live, mark)
        except OperationIncomplete:
            raise  # it may still be paused: the mark stays
        except Ovm3Error:
            remove_mark(operation, live.host, repository, mark)
            raise
        try:
            yield notices
        except Ovm3Error as error:
            failed = error
            raise
        finally:  # also on Ctrl-C
            _resume(operation, snapshot, vm, live, mark, failed)
            notices += _forget(operation, vm, live, repository, mark, failed)


def _forget(
    operation: Operation,
    vm: VM,
    live: LiveDomain,
    repository: Repository,
    mark: str,
    failed: Ovm3Error | None,
) -> list[str]:
    """Remove the mark of a VM that runs again.

    :param failed: what the block has ended with.
    :return: a notice for the user if that fails.
    :raises OperationIncomplete: it fails after another failure; has both.
    """
    try:
        remove_mark(operation, live.host, repository, mark)
    except OperationIncomplete as error:
        text = f"VM {vm.label} runs again; {error}; ex_resume_node removes it"
        if failed is None:
            return [text]
        left = failed.left if isinstance(failed, OperationIncomplete) else ()
        raise operation.incomplete(f"{failed}; {text}", left=(*left, mark)) from failed
    return []


def pause_live(
    operation: Operation,
    snapshot: EstateSnapshot,
    vm: VM,
    live: LiveDomain,
    mark: str,
    release: str = RESUME,
) -> list[str]:
    """Pause it: the request is sent once, then its state is read.

    :param mark: that says so; "": its claim does.
    :param release: the method that lets it run again.
    :return: notices for the user.
    :raises AgentFault: the agent refused, and it runs.
    :raises OperationIncomplete: it may still be paused.
    """
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        where = (operation, live.host, vm.definition, snapshot.defined_ids)
        doors.pause_vm(*where, live.domain.domid)
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
    try:
        if _reaches(operation, live, vm.definition, snapshot.defined_ids, wanted=True):
            return [f"VM {vm.label} was paused, although {failed}"] if failed else []
        why = f"{failed or 'pause_vm reported success'}; afterwards it is not paused"
    except OutcomeUnknown as error:
        why = f"{failed or 'pause_vm reported success'}; {error}"
    else:
        if isinstance(failed, AgentFault):
            raise failed.with_state("afterwards: it is not paused", vm.summary) from failed
    text = f"VM {vm.label} may still be paused: {why}"
    raise _stays(operation, vm, live, mark, text, release=release) from failed


def _resume(
    operation: Operation,
    snapshot: EstateSnapshot,
    vm: VM,
    live: LiveDomain,
    mark: str,
    failed: Ovm3Error | None,
) -> None:
    """Let it run again, at the end of what it was paused for.

    :param failed: what that has ended with.
    :raises OperationIncomplete: it is, or may be, still paused.
    """
    try:
        unpause(operation, live, vm.definition, snapshot.defined_ids)
    except Ovm3Error as error:
        before = f"{failed}; and " if failed else ""
        text = f"{before}VM {vm.label} was paused for a copy, and may still be: {error}"
        left = failed.left if isinstance(failed, OperationIncomplete) else ()
        raise _stays(operation, vm, live, mark, text, left) from error


def _stays(
    operation: Operation,
    vm: VM,
    live: LiveDomain,
    mark: str,
    text: str,
    left: tuple[str, ...] = (),
    release: str = RESUME,
) -> OperationIncomplete:
    return operation.incomplete(
        f"{text}. {release}({vm.id!r}) lets it run again",
        left=(*filter(None, (vm.id, mark)), *left),
        host=str(live.host.address),
        nodes=[vm.summary],
    )


def unpause(
    operation: Operation, live: LiveDomain, definition: Definition, defined_ids: Collection[str]
) -> None:
    """Let a domain run again that this package has paused: sent once, then its state is read.

    What has to be read before is tried again for a while: a paused guest serves nobody.

    :raises PreconditionFailed: that could not be read, or the domain's name is not its VM's alone.
    :raises AgentFault: the agent refused, and it is still paused.
    :raises OutcomeUnknown: it is still paused, or that cannot be read.
    """
    clock = operation.estate.clock
    deadline = clock.now() + RESUME_LIMIT
    failed: AgentFault | OutcomeUnknown | None = None
    while True:
        try:
            if not doors.unpause_vm(
                operation, live.host, definition, defined_ids, live.domain.domid
            ):
                return
            break
        except (AgentFault, OutcomeUnknown) as error:
            failed = error
            break
        except (PreconditionFailed, *NEVER_SENT):
            if clock.now() >= deadline:
                raise
            clock.sleep(POLL)
    if not _reaches(operation, live, definition, defined_ids, wanted=False):
        if failed is not None:
            raise failed
        raise OutcomeUnknown(f"{live.host.label}: unpause_vm reported success, and it is paused")


def is_paused(live: LiveDomain, definition: Definition, defined_ids: Collection[str]) -> bool:
    """Whether the same domain is paused now.

    :raises Ovm3Error: that cannot be read.
    """
    return any(
        one.domid == live.domain.domid and one.status == PAUSED
        for one in live_domains(live.host)
        if matches(one, definition, defined_ids)
    )


def _reaches(
    operation: Operation,
    live: LiveDomain,
    definition: Definition,
    defined_ids: Collection[str],
    wanted: bool,
) -> bool:
    """Whether the domain gets paused, or stops being so, within some reads.

    :raises OutcomeUnknown: the last of them failed.
    """
    failed: Ovm3Error | None = None
    for count in range(READS):
        if count:
            operation.estate.clock.sleep(POLL)
        try:
            failed = None
            if is_paused(live, definition, defined_ids) == wanted:
                return True
        except Ovm3Error as error:
            failed = error
    if failed is not None:
        raise OutcomeUnknown(f"its state cannot be read: {failed}") from failed
    return False


# ------------------------------------------------------------------ after an interruption


def resume(estate: Estate, snapshot: EstateSnapshot, vm_id: str) -> None:
    """Let a VM run again that an interrupted operation of this package has left paused.

    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: no operation has recorded that it has paused it, or not this domain
        of it; or where it runs is unknown. Nothing was sent.
    :raises AgentFault: the agent refused, and it is still paused.
    :raises OperationIncomplete: it may be still paused, or the record could not be removed.
    """
    operation = Operation(estate)
    vm = snapshot.vm(vm_id)
    marks = [mark for mark in pause_marks(snapshot) if mark.vm_id == vm.id]
    if not marks:
        why = "no operation of this package has recorded that it has paused it"
        more = "; whoever paused it has to let it run again" if vm.state is State.PAUSED else ""
        more += " (ex_unpause_node, if that was ex_pause_node)" if more else ""
        raise PreconditionFailed(
            f"VM {vm.label} is {vm.state.value}, and {why}{more}", nodes=[vm.summary]
        )
    if not vm.live:
        require_certain(vm, snapshot)
    else:
        _resume_live(operation, snapshot, vm, any(mark.is_about(vm) for mark in marks))
    for mark in marks:
        host = with_module(mark.repository) or mark.repository.mounted_on[0]
        remove_mark(operation, host, mark.repository, mark.path)


def _resume_live(operation: Operation, snapshot: EstateSnapshot, vm: VM, is_ours: bool) -> None:
    live = only_live_domain(vm)
    if vm.state is not State.PAUSED:
        return  # only the record was left
    if not is_ours:
        raise PreconditionFailed(
            f"VM {vm.label} is paused, but not by this package: its record is of an earlier domain "
            f"of this VM",
            nodes=[vm.summary],
        )
    try:
        unpause(operation, live, vm.definition, snapshot.defined_ids)
    except OutcomeUnknown as error:
        raise operation.incomplete(
            f"VM {vm.label} may be still paused: {error}",
            left=(vm.id,),
            host=str(live.host.address),
            nodes=[vm.summary],
        ) from error
