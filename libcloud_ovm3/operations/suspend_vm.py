"""Suspending a VM: its memory is saved into its directory, and it is off.

Only through its claim, which says afterwards what was saved: a save that ended with success, and no
host that has had the VM since. Anything else is never restored (docs/claims-protocol.md).
"""

from __future__ import annotations

from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.guards import FREE, ON
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, LiveDomain, read_estate
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.claim_looks import described, latest, look
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.pausing import require_pausable
from libcloud_ovm3.operations.release_bridges import bridges_of_vm, read_uses, release, settled
from libcloud_ovm3.operations.saved_memory import (
    delete_image,
    require_alone,
    require_module,
    require_no_image,
    require_restorable,
)
from libcloud_ovm3.progress import waiting


def suspend(estate: Estate, vm_id: str, limit: float) -> list[str]:
    """Save the memory of a running VM, and end its domain; a suspended one is left as it is.

    :param limit: seconds until the outcome counts as unknown.
    :return: notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: it does not run in exactly one place, has no claim, or something
        else lies in its directory. Nothing was sent.
    :raises AgentFault: the agent refused, and it runs on.
    :raises OperationIncomplete: it is not suspended, or that is not known; says what it is.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate)
    vm = snapshot.vm(vm_id)
    if vm.state is State.SUSPENDED and not vm.live:
        require_restorable(vm)
        return []
    live = require_pausable(snapshot, vm)
    if vm.state is not State.RUNNING:
        raise PreconditionFailed(
            f"VM {vm.label} is {vm.state.value}: only a running one can be suspended; xend refuses "
            f"to save a paused guest",
            nodes=[vm.summary],
        )
    require_module(vm, live.host)
    require_alone(snapshot, vm)
    require_no_image(snapshot, vm)
    uses = settled(read_uses(snapshot.hosts, vm.id, bridges_of_vm(vm), [live.host]), [live.host])
    failed: AgentFault | OutcomeUnknown | None = None
    where = (operation, live.host, vm.definition, snapshot.defined_ids)
    with waiting(f"saving the memory of VM {vm.name!r}", vm=vm.id, limit=limit):
        try:
            doors.save_vm(*where, live.domain.domid, limit)
        except (AgentFault, OutcomeUnknown) as error:
            failed = error
        found, said = _settled(operation, vm.definition)
    if found.startswith("saved"):
        notices = [f"VM {vm.label} is suspended, although {failed}"] if failed else []
        return notices + release(operation, uses)
    raise _not_suspended(operation, snapshot, vm, live, failed, found, said)


def _settled(operation: Operation, definition: Definition) -> tuple[str, str]:
    """What its claim says, after its hosts have looked if it is not settled: "saved", "unsure",
    "free", "on", or "doubt"; and that in words.

    What cannot be asked is in doubt.
    """
    guard = latest(operation, definition)
    assert guard is not None
    claim, reasons = guard.claim, ""
    if claim is None or claim.kind not in (FREE, ON):
        try:
            claim, said = look(operation, definition)
            reasons = "".join(f"; {name}: {why}" for name, why in said.items() if why)
        except Ovm3Error as error:
            return "doubt", str(error)
    words = described(claim, guard) + reasons
    if claim.is_suspended:
        return ("saved" if claim.is_restorable else "unsure"), words
    return (claim.kind if claim.kind in (FREE, ON) else "doubt"), words


def _not_suspended(
    operation: Operation,
    snapshot: EstateSnapshot,
    vm: VM,
    live: LiveDomain,
    failed: AgentFault | OutcomeUnknown | None,
    found: str,
    said: str,
) -> Ovm3Error:
    """The error for a VM whose memory is not certainly saved."""
    why = failed or "save_vm reported success"
    if found == ON:
        left = "; ".join(delete_image(operation, snapshot, vm))
        if isinstance(failed, AgentFault):
            return failed.with_state(f"afterwards: {said}, as before{left}", vm.summary)
        text = f"VM {vm.label} is not suspended: {why}; {said}{left}"
    elif found == "unsure":
        text = (
            f"VM {vm.label} is gone from its host, and whether all of its memory was saved is not "
            f"known ({why}), so it is not restored; ex_discard_saved=True of start_node starts it "
            f"as after a power cut"
        )
    elif found == FREE:
        text = f"VM {vm.label} has ended, and its memory is not saved: {why}; start_node starts it"
    else:
        text = f"VM {vm.label} is perhaps still being saved: {why}; {said}; ex_settle_node tells"
    return operation.incomplete(
        text,
        left=(vm.id,),
        host=str(live.host.address),
        function="save_vm",
        nodes=[vm.summary],
    )
