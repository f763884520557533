"""Stopping a VM: the request is sent once, then the VM is proven to be gone.

Absence is proven by two reads some seconds apart (xend.md 1.6, 10: absent is not stopped, and the
success of a call is not arrival); after any failure the state is read before anything is reported.
"""

from __future__ import annotations

from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, PreconditionFailed, WaitTimeout
from libcloud_ovm3.estate.definitions import Definition, matches
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.claims_door import look_once_more
from libcloud_ovm3.operations.limits import STOP_LIMIT
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.power_cut import require_asked
from libcloud_ovm3.operations.preconditions import only_live_domain, require_certain, why_unknown
from libcloud_ovm3.operations.presence import POLL, Presence, before_second_look, read_presence
from libcloud_ovm3.operations.release_bridges import bridges_of_vm, read_uses, release, settled
from libcloud_ovm3.progress import waiting

REFUSED_LIMIT = 3.0  # seconds to wait after a stop that was answered with a fault


def stop(estate: Estate, vm_id: str, force: bool = False, limit: float = STOP_LIMIT) -> list[str]:
    """Stop a VM and wait until it is gone; one that is proven not to run is left as it is.

    :param force: power it off instead of asking the guest to shut down.
    :param limit: seconds to wait for it to be gone.
    :return: notices for the user: what could not be read, what the agent reported.
    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: it is live twice, migrating, paused, where it runs is unknown, or
        its guest would not be asked (:mod:`.power_cut`).
        Nothing was sent.
    :raises AgentFault: the agent refused, and reading its state has shown that it still runs.
    :raises WaitTimeout: the limit is over and it still runs; nothing more was done.
    """
    operation = Operation(estate)
    for is_second in (False, True):  # it may be off the lists for a moment only
        snapshot = read_estate(estate)
        vm = snapshot.vm(vm_id)
        if vm.live:
            break
        require_certain(vm, snapshot)
        if vm.state is State.SUSPENDED:
            return [f"VM {vm.label} is suspended, and was left so: no host runs it"]
        if vm.state not in (State.STOPPED, State.PENDING):
            raise PreconditionFailed(
                f"VM {vm.label} may be running: {why_unknown(vm, snapshot)}", nodes=[vm.summary]
            )
        if not is_second:
            before_second_look(estate, vm.name, vm.id)
    else:
        return []
    if vm.state is State.PAUSED and not force:
        raise PreconditionFailed(
            f"VM {vm.label} is paused: a paused guest cannot respond to a shutdown request; "
            f"ex_force=True powers it off",
            nodes=[vm.summary],
        )
    notices = [] if force else require_asked(estate, vm)
    notices += stop_live(operation, snapshot, vm, force, limit)
    return notices + [f"{why}; what runs there is unknown" for why in snapshot.unseen]


def stop_live(
    operation: Operation, snapshot: EstateSnapshot, vm: VM, force: bool, limit: float
) -> list[str]:
    """Stop a VM that is live: send the request once, then read until it is gone everywhere. The
    bridges that were made for it go with it.

    :return: notices for the user: a fault of a stop that has taken effect all the same; a bridge
        that may be left.
    :raises PreconditionFailed: it does not run in exactly one place, or not under its own name
        alone. Nothing was sent.
    :raises AgentFault: the agent refused, and it is not gone.
    :raises WaitTimeout: the limit is over and it is not gone.
    """
    clock = operation.estate.clock
    live_on = [one.host for one in vm.live]
    uses = settled(read_uses(snapshot.hosts, vm.id, bridges_of_vm(vm), live_on), live_on)
    live, definition = only_live_domain(vm), vm.definition
    deadline = clock.now() + limit
    failed: AgentFault | OutcomeUnknown | None = None
    what = "power off" if force else "shut down"
    with waiting(f"waiting for VM {vm.name!r} to {what}", vm=vm.id, limit=limit):
        try:
            if not doors.stop_vm(
                operation,
                live.host,
                definition,
                snapshot.defined_ids,
                force,
                limit=max(limit, POLL),
            ):
                return _has_left(operation, snapshot, vm, live.host)
        except (AgentFault, OutcomeUnknown) as error:
            failed = error  # it may be gone all the same: reading its state decides
        if isinstance(failed, AgentFault):
            deadline = min(deadline, clock.now() + REFUSED_LIMIT)
        presence = wait_gone(operation, snapshot, definition, deadline)
    if presence.is_absent:
        notices = [f"VM {vm.label} has stopped, although {failed}"] if failed else []
        return notices + look_once_more(operation, definition) + release(operation, uses)
    if isinstance(failed, AgentFault):
        raise failed.with_state(
            f"afterwards: {presence.described()}; it may still stop, if it received the request",
            presence.summary,
        )
    raise WaitTimeout(
        f"VM {vm.label} is not confirmed as stopped {limit:g} s after it was "
        f"{'powered off' if force else 'asked to shut down'}{f' ({failed})' if failed else ''}: "
        f"{presence.described()}; nothing more was done",
        host=str(live.host.address),
        function="stop_vm",
        nodes=[presence.summary],
    ) from failed


def _has_left(operation: Operation, snapshot: EstateSnapshot, vm: VM, host: HostView) -> list[str]:
    """It left its host between two reads: it has stopped, or it reboots or migrates.

    :raises PreconditionFailed: it is not proven to be gone for good; nothing was sent.
    """
    presence = wait_gone(operation, snapshot, vm.definition, operation.estate.clock.now())
    if presence.is_absent:
        return []
    raise PreconditionFailed(
        f"VM {vm.label} left {host.label} right before it was to be stopped: "
        f"{presence.described()}; nothing was sent",
        nodes=[presence.summary],
    )


def _deciding_hosts(snapshot: EstateSnapshot, definition: Definition) -> list[HostView]:
    """The hosts whose lists decide: not those that could not be read before either, unless this VM
    was live there.
    """
    return [
        host
        for host in snapshot.hosts
        if host.domains_error is None
        or any(matches(domain, definition, snapshot.defined_ids) for domain in host.domains)
    ]


def wait_gone(
    operation: Operation, snapshot: EstateSnapshot, definition: Definition, deadline: float
) -> Presence:
    """Read all hosts until none has the VM, twice, some seconds apart, or the time is over.

    Twice, because a guest that reboots or migrates is off its host's list for a moment (xend.md
    1.4, 1.6); all hosts, because a guest that was moved away is gone from its host as well (4).

    :param deadline: by the estate's clock.
    :return: the last reading; absent only if the one before it was absent too.
    """
    estate = operation.estate
    hosts = _deciding_hosts(snapshot, definition)
    while True:
        presence = read_presence(hosts, definition, snapshot.defined_ids)
        if presence.is_absent:
            estate.clock.sleep(estate.second_look)
            presence = read_presence(hosts, definition, snapshot.defined_ids)
            if presence.is_absent:
                return presence
        if estate.clock.now() >= deadline:
            return presence
        estate.clock.sleep(POLL)
