"""Stopping and rebooting VMs: the one door for stops and the one door for reboots.

Each call that changes something is sent once, to the right machine: right before it the live
domain's name is the definition's, and nobody else's on that host. After a stop absence is proven by
two looks some seconds apart (xend.md 1.6, 10: absent is not stopped, and the success of a call is
not arrival); after any failure a look decides what is said.
"""

from __future__ import annotations

from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    OutcomeUnknown,
    PreconditionFailed,
    WaitTimeout,
)
from libcloud_ovm3.estate.definitions import Definition, matches
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import BOOT_TIME, HostView, host_clock
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import RESTARTS, State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, LiveDomain, read_estate
from libcloud_ovm3.operations.presence import LOOKS, POLL, Presence, read_presence, verified_domain

STOP_LIMIT = 300.0  # seconds; xend itself remarks on a guest that takes longer (xend.md 2)
REFUSED_LIMIT = 3.0  # seconds to look after a stop that was answered with a fault
REBOOT_WAIT = 3  # what every client sends; its unit is not known (agent-behaviour 7.4)
MINIMUM_AGE = 60.0  # xend destroys a guest that reboots earlier (MINIMUM_RESTART_TIME, xend.md 2)

# What a domain shows while it reboots: it has shut down, or is being built again.
_REBOOTS = frozenset({State.REBOOTING, State.STOPPING, State.PENDING})


# ------------------------------------------------------------------ stop


def stop(estate: Estate, vm_id: str, force: bool = False, limit: float = STOP_LIMIT) -> list[str]:
    """Stop a VM and see it gone; one that is proven not to run is left as it is.

    :param force: destroy the domain instead of asking the guest to shut down.
    :param limit: seconds to wait for it to be gone.
    :return: remarks for the user: what could not be seen, what the agent said.
    :raises NodeNotFound: there is no such VM.
    :raises Refused: it is live twice, migrating, paused, or it is not known where it runs.
    :raises AgentFault: the agent refused, and a look has shown that it still runs.
    :raises WaitTimeout: the limit is over and it still runs; nothing more was done.
    """
    for wait in (0.0, estate.second_look):  # it may be off the lists for a moment only
        estate.clock.sleep(wait)
        seen = read_estate(estate)
        vm = seen.vm(vm_id)
        if vm.live:
            break
        require_certain(vm, seen)
        if vm.state not in (State.STOPPED, State.PENDING):
            raise PreconditionFailed(f"VM {vm.label} may be running: {why_unknown(vm, seen)}")
    else:
        return []
    if vm.state is State.PAUSED and not force:
        raise PreconditionFailed(
            f"VM {vm.label} is paused: it would not hear the request to shut down (ex_force=True "
            f"stops it hard)"
        )
    remarks = stop_at(estate, seen, vm, force, limit)
    return remarks + [f"{why}; it is not known what runs there" for why in seen.unseen]


def require_certain(vm: VM, seen: EstateSnapshot) -> None:
    """A VM that is not seen may be running where nobody could look, or as what nobody can tell.

    :raises Refused: a host, or its list, could not be read, or it is unclear whose a domain is.
    """
    if seen.unseen or vm.doubts:
        raise PreconditionFailed(f"VM {vm.label}: {why_unknown(vm, seen)}")


def why_unknown(vm: VM, seen: EstateSnapshot) -> str:
    """Why it is not known whether a VM that no host lists is running."""
    if seen.unseen:
        return f"it may be running where it cannot be seen: {'; '.join(seen.unseen)}"
    if vm.doubts:
        return f"it is not clear whether it runs: it {'; it '.join(vm.doubts)}; {vm.where()}"
    problems = [d.error for d in vm.definitions if d.error] or [vm.where(), *seen.errors()]
    return f"it is {vm.state.value}: {'; '.join(problems)}"


def only_place(vm: VM) -> LiveDomain:
    """Where it runs, if that is exactly one place, it stays there, and its vm.cfg can be relied on.

    :raises Refused: it is live in several places, migrating, or in doubt.
    """
    reasons = [*vm.doubts, *(d.error for d in vm.definitions if d.error)]
    if reasons:
        raise PreconditionFailed(f"VM {vm.label}: nothing is done to it: {'; '.join(reasons)}")
    if len(vm.live) == 1 and len(vm.definitions) <= 1 and vm.state is not State.MIGRATING:
        return vm.live[0]
    raise PreconditionFailed(
        f"VM {vm.label} is {vm.state.value}: {vm.where()}; a person has to look at it"
    )


def stop_at(estate: Estate, seen: EstateSnapshot, vm: VM, force: bool, limit: float) -> list[str]:
    """The door for every stop: send stop_vm once, then look until it is gone everywhere.

    :return: remarks for the user: a fault of a stop that has taken effect all the same.
    :raises Refused: it does not run in exactly one place, or not under its own name alone.
    :raises AgentFault: the agent refused, and it is not gone.
    :raises WaitTimeout: the limit is over and it is not gone.
    """
    place, definition = only_place(vm), vm.definition
    if verified_domain(place.host, definition, seen.defined_ids) is None:
        return _gone_by_itself(estate, seen, vm, place.host)
    deadline = estate.clock.now() + limit
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        place.host.agent.xen.stop_vm(
            definition.repository_id, definition.directory, force, limit=max(limit, POLL)
        )
    except (AgentFault, OutcomeUnknown) as error:
        failed = error  # it may be gone all the same: looking decides
    if isinstance(failed, AgentFault):
        deadline = min(deadline, estate.clock.now() + REFUSED_LIMIT)
    look = wait_gone(estate, seen, definition, deadline)
    if look.is_absent:
        return [f"VM {vm.label} is gone, though {failed}"] if failed else []
    if isinstance(failed, AgentFault):
        raise failed.after_a_look(
            f"the look after it: {look.described()}; it may still stop, if it was asked to"
        )
    raise WaitTimeout(
        f"VM {vm.label} is not seen to be gone {limit:g} s after it was "
        f"{'destroyed' if force else 'asked to shut down'}{f' ({failed})' if failed else ''}: "
        f"{look.described()}; nothing more was done",
        host=str(place.host.address),
        function="stop_vm",
    ) from failed


def _gone_by_itself(estate: Estate, seen: EstateSnapshot, vm: VM, host: HostView) -> list[str]:
    """It left its host between two looks. It has stopped, or it reboots or moves.

    :raises Refused: it is not seen to be gone for good; nothing was sent.
    """
    look = wait_gone(estate, seen, vm.definition, estate.clock.now())
    if look.is_absent:
        return []
    raise PreconditionFailed(
        f"VM {vm.label} left {host.label} right before it was to be stopped: {look.described()}; "
        f"nothing was sent"
    )


def _seeing(seen: EstateSnapshot, definition: Definition) -> list[HostView]:
    """The hosts whose looks decide: not those of which it was unknown before what they run, as it
    is of silent ones, unless this VM was seen there.
    """
    return [
        host
        for host in seen.hosts
        if host.domains_error is None
        or any(matches(domain, definition, seen.defined_ids) for domain in host.domains)
    ]


def wait_gone(
    estate: Estate, seen: EstateSnapshot, definition: Definition, deadline: float
) -> Presence:
    """Look at all hosts until none has the VM, twice, some seconds apart, or the time is over.

    Twice, because a guest that reboots or migrates is off its host's list for a moment (xend.md
    1.4, 1.6); all hosts, because a guest that was moved away is gone from its host as well (4).

    :return: the last look; absent only if the one before it was absent too.
    """
    hosts = _seeing(seen, definition)
    while True:
        look = read_presence(hosts, definition, seen.defined_ids)
        if look.is_absent:
            estate.clock.sleep(estate.second_look)
            look = read_presence(hosts, definition, seen.defined_ids)
            if look.is_absent:
                return look
        if estate.clock.now() >= deadline:
            return look
        estate.clock.sleep(POLL)


# ------------------------------------------------------------------ reboot


def reboot(estate: Estate, vm_id: str, minimum_age: float = MINIMUM_AGE) -> list[str]:
    """Ask a running guest to reboot: the door for every reboot.

    :param minimum_age: seconds that it must have run: xend destroys a guest that reboots earlier.
    :return: remarks for the user: a failure of a request that has taken effect all the same.
    :raises NodeNotFound: there is no such VM.
    :raises Refused: it does not run in exactly one place, is too young, or would not come back.
    :raises AgentFault: the agent refused, and a look has shown that it runs on.
    :raises OperationIncomplete: whether it was asked is not known; it is not asked again.
    """
    seen = read_estate(estate, BOOT_TIME)
    vm = seen.vm(vm_id)
    if not vm.live:
        why = f": {vm.where()}" if vm.state is State.STOPPED else f"; {why_unknown(vm, seen)}"
        raise PreconditionFailed(f"VM {vm.label} cannot be rebooted: it is {vm.state.value}{why}")
    place, definition = only_place(vm), vm.definition
    if vm.state is not State.RUNNING:
        raise PreconditionFailed(f"VM {vm.label} cannot be rebooted: it is {vm.state.value}")
    _require_restart(vm, place)
    _require_age(vm, place, minimum_age)
    domain = verified_domain(place.host, definition, seen.defined_ids)
    if domain is None:
        raise PreconditionFailed(
            f"VM {vm.label} has just left {place.host.label}; nothing was sent"
        )
    try:
        place.host.agent.xen.reboot_vm(definition.repository_id, definition.directory, REBOOT_WAIT)
    except (AgentFault, OutcomeUnknown) as failed:
        return _after_failed_reboot(estate, seen, vm, domain, failed)
    return []


def _after_failed_reboot(
    estate: Estate,
    seen: EstateSnapshot,
    vm: VM,
    before: Domain,
    failed: AgentFault | OutcomeUnknown,
) -> list[str]:
    """What looks show after a request to reboot that failed: it may have been heard.

    A guest that reboots comes back as another domain (xend.md 1.4).
    """
    for _ in range(LOOKS):
        look = read_presence(seen.hosts, vm.definition, seen.defined_ids)
        domids = [place.domain.domid for place in look.live]
        if len(domids) == 1 and (domids != [before.domid] or look.state in _REBOOTS):
            return [f"VM {vm.label} reboots ({look.described()}), though {failed}"]
        estate.clock.sleep(POLL)
    if isinstance(failed, AgentFault) and domids == [before.domid]:
        raise failed.after_a_look(f"{look.described()}, as before; it may still reboot")
    raise OperationIncomplete(
        f"VM {vm.label}: whether it was asked to reboot is not known ({failed}); "
        f"{look.described()}. It is not asked again",
        left=(vm.id,),
        host=failed.host,
        function="reboot_vm",
    ) from failed


def _require_restart(vm: VM, place: LiveDomain) -> None:
    """xend does with a guest that asks for a reboot what its ``on_reboot`` says (xend.md 1.5)."""
    action = place.domain.on_reboot
    if action is not None and action not in RESTARTS:
        raise PreconditionFailed(
            f"VM {vm.label} has on_reboot={action!r}: it would not come back from a reboot; stop "
            f"and start it"
        )


def _require_age(vm: VM, place: LiveDomain, minimum_age: float) -> None:
    if place.domain.start_time is None or minimum_age <= 0:
        return
    age = host_clock(place.host) - place.domain.start_time
    if age >= minimum_age:
        return
    if age < 0:
        raise PreconditionFailed(
            f"VM {vm.label} was started {-age:.0f} s after the time that {place.host.label} has "
            f"now: its clock was set back, or differs from that of the host that it came from; "
            f"xend then counts the guest as too young and destroys it when it reboots; set the "
            f"clock right, or stop and start the VM"
        )
    raise PreconditionFailed(
        f"VM {vm.label} was started {age:.0f} s ago: xend destroys a guest that reboots within "
        f"{minimum_age:.0f} s of its start instead of restarting it; wait, or stop and start it"
    )
