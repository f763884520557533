"""Rebooting a VM: the guest is asked once; it is not waited for."""

from __future__ import annotations

from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, PreconditionFailed
from libcloud_ovm3.estate.hosts import BOOT_TIME, host_clock
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import RESTARTS, State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, LiveDomain, read_estate
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.limits import MINIMUM_AGE
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.preconditions import only_live_domain, why_unknown
from libcloud_ovm3.operations.presence import POLL, READS, read_presence
from libcloud_ovm3.progress import waiting

# What a domain shows while it reboots: it has shut down, or is being built again.
_REBOOTS = frozenset({State.REBOOTING, State.STOPPING, State.PENDING})


def reboot(estate: Estate, vm_id: str, minimum_age: float = MINIMUM_AGE) -> list[str]:
    """Ask a running guest to reboot.

    :param minimum_age: seconds that it must have run: xend destroys a guest that reboots earlier.
    :return: notices for the user: a failure of a request that has taken effect all the same.
    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: it does not run in exactly one place, has run for too short a time,
        or would not come back. Nothing was sent.
    :raises AgentFault: the agent refused, and reading its state has shown that it runs on.
    :raises OperationIncomplete: whether it was asked is unknown; it is not asked again.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate, BOOT_TIME)
    vm = snapshot.vm(vm_id)
    if not vm.live:
        why = f": {vm.where()}" if vm.state is State.STOPPED else f"; {why_unknown(vm, snapshot)}"
        raise PreconditionFailed(
            f"VM {vm.label} cannot be rebooted: it is {vm.state.value}{why}", nodes=[vm.summary]
        )
    live = only_live_domain(vm)
    if vm.state is not State.RUNNING:
        raise PreconditionFailed(
            f"VM {vm.label} cannot be rebooted: it is {vm.state.value}", nodes=[vm.summary]
        )
    _require_restart(vm, live)
    _require_age(vm, live, minimum_age)
    with waiting(f"asking VM {vm.name!r} to reboot", vm=vm.id):
        try:
            doors.reboot_vm(
                operation, live.host, vm.definition, snapshot.defined_ids, live.domain.domid
            )
        except (AgentFault, OutcomeUnknown) as failed:
            return _after_failure(operation, snapshot, vm, live.domain.domid, failed)
    return []


def _require_restart(vm: VM, live: LiveDomain) -> None:
    """xend does with a guest that asks for a reboot what its ``on_reboot`` says (xend.md 1.5)."""
    action = live.domain.on_reboot
    if action is not None and action not in RESTARTS:
        raise PreconditionFailed(
            f"VM {vm.label} has on_reboot={action!r}: it would not come back from a reboot; stop "
            f"and start it",
            nodes=[vm.summary],
        )


def _require_age(vm: VM, live: LiveDomain, minimum_age: float) -> None:
    if live.domain.start_time is None or minimum_age <= 0:
        return
    age = host_clock(live.host) - live.domain.start_time
    if age >= minimum_age:
        return
    if age < 0:
        raise PreconditionFailed(
            f"VM {vm.label} was started {-age:.0f} s after the current time of {live.host.label}: "
            f"the host's clock was set back, or differs from that of the host that the VM came "
            f"from; xend then counts the guest as too young and destroys it when it reboots; set "
            f"the clock right, or stop and start the VM",
            nodes=[vm.summary],
        )
    raise PreconditionFailed(
        f"VM {vm.label} was started {age:.0f} s ago: xend destroys a guest that reboots within "
        f"{minimum_age:.0f} s of its start instead of restarting it; wait, or stop and start it",
        nodes=[vm.summary],
    )


def _after_failure(
    operation: Operation,
    snapshot: EstateSnapshot,
    vm: VM,
    domid: int | None,
    failed: AgentFault | OutcomeUnknown,
) -> list[str]:
    """What the hosts show after a request to reboot that failed: the guest may have received it.

    A guest that reboots comes back as another domain (xend.md 1.4).

    :param domid: of its domain before the request.
    """
    for _ in range(READS):
        presence = read_presence(snapshot.hosts, vm.definition, snapshot.defined_ids)
        domids = [live.domain.domid for live in presence.live]
        if len(domids) == 1 and (domids != [domid] or presence.state in _REBOOTS):
            return [f"VM {vm.label} is rebooting ({presence.described()}), although {failed}"]
        operation.estate.clock.sleep(POLL)
    if isinstance(failed, AgentFault) and domids == [domid]:
        raise failed.with_state(
            f"{presence.described()}, as before; it may still reboot", presence.summary
        )
    raise operation.incomplete(
        f"VM {vm.label}: whether it received the request to reboot is unknown ({failed}); "
        f"{presence.described()}. The request is not repeated",
        left=(vm.id,),
        nodes=[presence.summary],
        host=failed.host,
        function="reboot_vm",
    ) from failed
