"""Starting, stopping and rebooting VMs: the one door for starts and the one door for stops.

Each call that changes something is sent once. Before a start, absence is proven by two looks some
seconds apart; after a stop it is proven the same way (xend.md 1.6, 10: absent is not stopped, and
the success of a call is not arrival). What risk is left: a guest whose reboot takes longer.
"""

from __future__ import annotations

from collections.abc import Collection

from libcloud_ovm3.agent.documents import Hardware
from libcloud_ovm3.errors import AgentFault, AnswerLost, Ovm3Error, Refused, StillThere, Unfinished
from libcloud_ovm3.estate.definitions import Definition, is_of
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import (
    BOOT_TIME,
    HARDWARE,
    Estate,
    HostView,
    ask_all,
    describe,
    host_clock,
    live_domains,
    look_at_hardware,
)
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, Place, Survey, survey

STOP_LIMIT = 300.0  # seconds; xend itself remarks on a guest that takes longer (xend.md 2)
POLL = 1.0  # seconds between looks while waiting
START_LOOKS = 3  # for a started VM; a list may be stale while another start goes on (xend.md 1.3)
REBOOT_WAIT = 3  # what every client sends; its unit is not known (agent-behaviour 7.4)
MINIMUM_AGE = 60.0  # xend destroys a guest that reboots earlier (MINIMUM_RESTART_TIME, xend.md 2)


# ------------------------------------------------------------------ start


def start(estate: Estate, vm_id: str, host_id: str | None = None) -> None:
    """Start a stopped VM; a running one is left as it is.

    :param host_id: the host to start it on; None: the one with the most free memory.
    :raises NodeNotFound: there is no such VM.
    :raises Refused: it is not proven to be stopped, or no host can take it.
    :raises AgentFault: the agent refused; the VM stays stopped.
    :raises Unfinished: whether it starts is not known.
    """
    for wait in (0.0, estate.second_look):
        estate.clock.sleep(wait)
        seen = survey(estate, HARDWARE)
        vm = seen.vm(vm_id)
        if vm.state is State.RUNNING:
            return
        require_stopped(vm, seen)
    memory_mb = _memory_mb(vm.definition)
    host = choose_host(seen, vm.definition.repository_id, memory_mb, host_id)
    start_on(estate, host, vm.definition, seen.defined_ids)


def require_stopped(vm: VM, seen: Survey) -> None:
    """Only what is proven to be stopped may be started.

    :raises Refused: otherwise; says why it is not proven.
    """
    if vm.state is State.STOPPED:
        return
    if vm.state is State.PENDING and not vm.places:
        why = "its creation has not been finished; destroy it and create it again"
    elif vm.state is State.UNKNOWN and not vm.places:
        why = _why_unknown(vm, seen)
    else:
        why = f"it is {vm.state.value}: {vm.where()}"
    raise Refused(f"VM {vm.label} cannot be started: {why}")


def _why_unknown(vm: VM, seen: Survey) -> str:
    """Why it is not known whether a VM that no host lists is running."""
    if seen.silent:
        return f"it may be running on a host that is silent: {describe(seen.silent)}"
    if vm.is_unclear:
        return f"it has no uuid, and another without one has its name and may be live: {vm.where()}"
    return f"it is {vm.state.value}: {'; '.join(d.problem or d.place for d in vm.definitions)}"


def start_on(
    estate: Estate, host: HostView, definition: Definition, defined_ids: Collection[str]
) -> Domain:
    """The door for every start: send start_vm once, then look until the VM is seen.

    :param defined_ids: the uuids of all definitions (see :func:`.is_of`).
    :return: the live domain.
    :raises AgentFault: the agent refused.
    :raises Unfinished: it was sent, and the VM is not seen on the host (yet).
    """
    lost: AnswerLost | None = None
    try:
        host.agent.xen.start_vm(definition.repository_id, definition.directory)
    except AnswerLost as error:
        lost = error
    for look in range(START_LOOKS):
        if look:
            estate.clock.sleep(POLL)
        try:
            domain = live_on(host, definition, defined_ids)
        except Ovm3Error as error:
            lost = lost or AnswerLost(str(error))
            continue
        if domain is not None:
            return domain
    raise Unfinished(
        f"VM {definition.name!r} ({definition.uuid}): its start on {host.label} was sent once"
        f"{' and got no answer' if lost else ''}; it is not seen there, though it may still "
        f"appear. It is not sent again; if you start it again, then on the same host, which "
        f"refuses a second one (ex_location={host.server.uuid!r})",
        left=(definition.uuid,),
        host=str(host.address),
        function="start_vm",
    ) from lost


def live_on(host: HostView, definition: Definition, defined_ids: Collection[str]) -> Domain | None:
    """The VM among the live domains of one host, asked now.

    :raises Ovm3Error: the host does not answer, so it is not known.
    """
    return next((d for d in live_domains(host) if is_of(d, definition, defined_ids)), None)


def choose_host(
    seen: Survey, repository_id: str, memory_mb: int, host_id: str | None = None
) -> HostView:
    """The host for a start: the one asked for, or of those with the repository the freest one.

    Memory is looked at first because a start that has to wait for it holds xend's lock for minutes
    (xend.md 2, 10.8).

    :param host_id: a host's uuid, or its address.
    :raises Refused: no host, or not this one, has the repository mounted and the memory free.
    """
    repository = seen.repository(repository_id)
    able = list(repository.mounted_on) if repository is not None else []
    if host_id is not None:
        able = [host for host in able if host_id in (host.server.uuid, str(host.address))]
    if not able:
        where = "no host" if host_id is None else f"host {host_id!r} is not among those that"
        raise Refused(f"{where} answered and has repository {repository_id} mounted")
    hardware = look_at_hardware(able)
    free = [_free_mb(found) for found in hardware]
    best = max(range(len(able)), key=lambda i: free[i])
    if free[best] < memory_mb:
        amounts = ", ".join(f"{h.label} {f} MB" for h, f in zip(able, free, strict=True))
        raise Refused(f"{memory_mb} MB of memory are not free on any host; free: {amounts}")
    return able[best]


def _free_mb(hardware: Hardware | Ovm3Error) -> int:
    if isinstance(hardware, Ovm3Error) or hardware.free_bytes is None:
        return 0
    return hardware.free_bytes // 2**20


def _memory_mb(definition: Definition) -> int:
    return definition.settings.memory_mb or 0


# ------------------------------------------------------------------ stop


def stop(estate: Estate, vm_id: str, force: bool = False, limit: float = STOP_LIMIT) -> list[str]:
    """Stop a VM and see it gone; one that is proven not to run is left as it is.

    :param force: destroy the domain instead of asking the guest to shut down.
    :param limit: seconds to wait for it to be gone.
    :return: remarks for the user: what could not be seen.
    :raises NodeNotFound: there is no such VM.
    :raises Refused: it is live twice, migrating, paused, or it is not known where it runs.
    :raises StillThere: the limit is over and it still runs; nothing more was done.
    """
    for wait in (0.0, estate.second_look):  # it may be off the lists for a moment only
        estate.clock.sleep(wait)
        seen = survey(estate)
        vm = seen.vm(vm_id)
        if vm.places:
            break
        require_certain(vm, seen)
    else:
        return []
    if vm.state is State.PAUSED and not force:
        raise Refused(
            f"VM {vm.label} is paused: it would not hear the request to shut down (ex_force=True "
            f"stops it hard)"
        )
    stop_at(estate, seen, vm, force, limit)
    return [f"{one.reason}; it is not known what runs there" for one in seen.silent]


def require_certain(vm: VM, seen: Survey) -> None:
    """A VM that is not seen may be running where nobody could look, or under its name only.

    :raises Refused: a host is silent, or it is unclear whose a live domain is.
    """
    if seen.silent or vm.is_unclear:
        raise Refused(f"VM {vm.label}: {_why_unknown(vm, seen)}")


def only_place(vm: VM) -> Place:
    """Where it runs, if that is exactly one place and it stays there.

    :raises Refused: it is live in several places, or migrating.
    """
    if len(vm.places) == 1 and len(vm.definitions) <= 1 and vm.state is not State.MIGRATING:
        return vm.places[0]
    raise Refused(f"VM {vm.label} is {vm.state.value}: {vm.where()}; a person has to look at it")


def stop_at(estate: Estate, seen: Survey, vm: VM, force: bool, limit: float) -> None:
    """The door for every stop: send stop_vm once, then look until it is gone everywhere.

    :raises Refused: it does not run in exactly one place.
    :raises AgentFault: the agent refused and the VM still runs.
    :raises StillThere: it is still there after the limit.
    """
    place, definition = only_place(vm), vm.definition
    deadline = estate.clock.now() + limit
    failed: Ovm3Error | None = None
    try:
        place.host.agent.xen.stop_vm(
            definition.repository_id, definition.directory, force, limit=max(limit, POLL)
        )
    except (AgentFault, AnswerLost) as error:
        failed = error  # it may be gone all the same: looking decides
    if isinstance(failed, AgentFault):
        deadline = estate.clock.now()
    if wait_gone(estate, seen, definition, deadline):
        return
    if isinstance(failed, AgentFault):
        raise failed
    raise StillThere(
        f"VM {vm.label} still runs on {place.host.label}, or a host fell silent, {limit:g} s after "
        f"it was {'destroyed' if force else 'asked to shut down'}; nothing more was done",
        host=str(place.host.address),
        function="stop_vm",
    ) from failed


def wait_gone(estate: Estate, seen: Survey, definition: Definition, deadline: float) -> bool:
    """Look at all hosts until none has the VM, twice, some seconds apart. False: the time is over.

    Twice, because a guest that reboots or migrates is off its host's list for a moment (xend.md
    1.4, 1.6); all hosts, because a guest that was moved away is gone from its host as well (4).
    """
    while True:
        if is_absent(seen, definition):
            estate.clock.sleep(estate.second_look)
            if is_absent(seen, definition):
                return True
        if estate.clock.now() >= deadline:
            return False
        estate.clock.sleep(POLL)


def is_absent(seen: Survey, definition: Definition) -> bool:
    """Whether all hosts of that survey answer now, and none has the VM: one read a host."""
    ids = seen.defined_ids
    return all(f is None for f in ask_all(lambda h: live_on(h, definition, ids), seen.hosts))


# ------------------------------------------------------------------ reboot


def reboot(estate: Estate, vm_id: str, minimum_age: float = MINIMUM_AGE) -> None:
    """Ask a running guest to reboot.

    :param minimum_age: seconds that it must have run: xend destroys a guest that reboots earlier.
    :raises NodeNotFound: there is no such VM.
    :raises Refused: it does not run in exactly one place, or is too young.
    :raises AnswerLost: whether it was asked is not known; it is not asked again.
    """
    seen = survey(estate, BOOT_TIME)
    vm = seen.vm(vm_id)
    if not vm.places:
        raise Refused(f"VM {vm.label} cannot be rebooted: it is {vm.state.value}")
    place = only_place(vm)
    if vm.state is not State.RUNNING:
        raise Refused(f"VM {vm.label} cannot be rebooted: it is {vm.state.value}")
    _require_age(vm, place, minimum_age)
    place.host.agent.xen.reboot_vm(
        vm.definition.repository_id, vm.definition.directory, REBOOT_WAIT
    )


def _require_age(vm: VM, place: Place, minimum_age: float) -> None:
    if place.domain.start_time is None or minimum_age <= 0:
        return
    age = host_clock(place.host) - place.domain.start_time
    if age < minimum_age:
        raise Refused(
            f"VM {vm.label} was started {age:.0f} s ago: xend destroys a guest that reboots within "
            f"{minimum_age:.0f} s of its start instead of restarting it; wait, or stop and start it"
        )


# ------------------------------------------------------------------ wait


def wait_running(estate: Estate, vm_ids: Collection[str], period: float, limit: float) -> list[VM]:
    """Wait until all of these VMs run.

    :param period: seconds between looks.
    :param limit: seconds to wait at most.
    :return: the VMs, in the order of the ids.
    :raises StillThere: the limit is over; names those that do not run.
    """
    deadline = estate.clock.now() + limit
    while True:
        seen = survey(estate)
        waiting = [i for i in vm_ids if i not in seen.vms or seen.vms[i].state is not State.RUNNING]
        if not waiting:
            return [seen.vms[vm_id] for vm_id in vm_ids]
        if estate.clock.now() >= deadline:
            states = ", ".join(
                f"{i} is {seen.vms[i].state.value}" if i in seen.vms else f"{i} is gone"
                for i in waiting
            )
            raise StillThere(f"Timed out after {limit:g} seconds: {states}")
        estate.clock.sleep(period)
