"""Letting a VM go on: a suspended one is restored; one that was left paused runs again.

A suspended VM is restored paused, and looked at, before it runs: so a restore that fails has
changed none of its disks, and may be tried again, on another host.
"""

from __future__ import annotations

from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, LiveDomain, read_estate
from libcloud_ovm3.operations import pausing
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.preconditions import only_live_domain
from libcloud_ovm3.operations.saved_memory import claim_of, delete_image
from libcloud_ovm3.operations.start_vm import RESTORE, start


def resume(
    estate: Estate, vm_id: str, host_id: str | None = None, *, force: bool = False
) -> list[str]:
    """Let a VM go on that is suspended, or that an interrupted operation has left paused.

    :param host_id: of a suspended one, the host; None: as for a start.
    :param force: as for a start.
    :return: notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises InvalidArgument: there is a ``host_id``, and it is not suspended.
    :raises PreconditionFailed: it is neither; or what is saved must not, or cannot be restored.
        Nothing was sent.
    :raises AgentFault: the agent refused; it is suspended, or paused, as before.
    :raises OperationIncomplete: whether it runs is unknown, or it may be still paused.
    """
    snapshot = read_estate(estate)
    vm = snapshot.vm(vm_id)
    if vm.state is State.SUSPENDED and not vm.live:
        return _restore(estate, vm_id, host_id, force)
    if host_id is not None:
        raise InvalidArgument(
            f"ex_location is for a suspended VM, and VM {vm.label} is {vm.state.value}"
        )
    if vm.state is State.PAUSED and _was_restored(vm):
        live = only_live_domain(vm)
        return _let_run(Operation(estate), snapshot, vm, live)
    pausing.resume(estate, snapshot, vm_id)
    return []


def _restore(estate: Estate, vm_id: str, host_id: str | None, force: bool) -> list[str]:
    begun = start(estate, vm_id, host_id, force=force, saved=RESTORE)
    if begun.live is None:  # another client has restored it meanwhile
        return list(begun.notices)
    return [*begun.notices, *_let_run(begun.operation, begun.snapshot, begun.vm, begun.live)]


def _was_restored(vm: VM) -> bool:
    """Whether its claim says that it is paused because it was restored so."""
    claim = claim_of(vm)
    is_of_restore = claim is not None and claim.function == "restore_vm"
    return claim is not None and is_of_restore and claim.paused == claim.operation != ""


def _let_run(operation: Operation, snapshot: EstateSnapshot, vm: VM, live: LiveDomain) -> list[str]:
    """Let a restored one run, and delete the file that it came from.

    :return: notices for the user.
    :raises OperationIncomplete: it may be still paused.
    """
    try:
        pausing.unpause(operation, live, vm.definition, snapshot.defined_ids)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"VM {vm.label} was restored on {live.host.label}, and may be still paused: {error}. "
            f"ex_resume_node({vm.id!r}) lets it run",
            left=(vm.id,),
            host=str(live.host.address),
            nodes=[vm.summary],
        ) from error
    return delete_image(operation, snapshot, vm)
