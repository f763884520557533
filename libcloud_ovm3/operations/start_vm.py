"""Starting VMs: the one door for starts; waiting until they run.

start_vm is sent once. Before it, absence is proven by two looks some seconds apart (xend.md 1.6,
10: absent is not stopped) and by one more in the door. What risk is left: a guest whose reboot
takes longer, and another client that starts it elsewhere in the moment after the last look.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    OutcomeUnknown,
    PreconditionFailed,
    WaitTimeout,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.holders import require_free
from libcloud_ovm3.estate.hosts import HARDWARE, HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, LiveDomain, read_estate
from libcloud_ovm3.operations.placement import choose_host
from libcloud_ovm3.operations.presence import (
    LOOKS,
    POLL,
    Presence,
    read_presence,
    require_unchanged,
)
from libcloud_ovm3.operations.stop_vm import why_unknown

# What a domain may show after its start was answered with success. Any other has ended already.
_STARTED = frozenset({State.RUNNING, State.PENDING, State.PAUSED, State.REBOOTING})


def start(estate: Estate, vm_id: str, host_id: str | None = None) -> list[str]:
    """Start a stopped VM; a running one is left as it is.

    :param host_id: the host to start it on, by its uuid or address; None: of those that can take
        it the one that all clients prefer for this VM.
    :return: remarks for the user.
    :raises NodeNotFound: there is no such VM.
    :raises Refused: it is not proven to be stopped, a disk is held, or no host can take it.
    :raises AgentFault: the agent refused, and a look has confirmed that it does not run.
    :raises OperationIncomplete: whether it starts is not known.
    """
    for wait in (0.0, estate.second_look):
        estate.clock.sleep(wait)
        seen = read_estate(estate, HARDWARE)
        vm = seen.vm(vm_id)
        if vm.state is State.RUNNING:
            return []
        require_stopped(vm, seen)
    host = choose_host(seen, vm.definition, vm.id, host_id)
    require_free(estate, seen.hosts, vm.definition)
    same_cards = _same_macs(vm, seen)
    require_unchanged(host, vm.definition)
    _, remarks = start_on(estate, host, seen.hosts, vm.definition, seen.defined_ids)
    return remarks + same_cards


def _same_macs(vm: VM, seen: EstateSnapshot) -> list[str]:
    """Who is live with a network card that has the MAC of one of this VM's."""
    own = _macs(vm)
    return [
        f"VM {vm.label} and VM {other.label}, which is live, have the same MAC "
        f"{', '.join(sorted(own & _macs(other)))}: on one network only one of them is heard"
        for other in seen.vms.values()
        if other.id != vm.id and other.live and own & _macs(other)
    ]


def _macs(vm: VM) -> set[str]:
    return {vif.mac.lower() for d in vm.definitions for vif in d.vifs if vif.mac}


def require_stopped(vm: VM, seen: EstateSnapshot) -> None:
    """Only what is proven to be stopped may be started.

    :raises Refused: otherwise; says why it is not proven.
    """
    if vm.state is State.STOPPED:
        return
    if vm.state is State.PENDING and not vm.live:
        why = "its creation has not been finished; destroy it and create it again"
    elif vm.state is State.UNKNOWN and not vm.live:
        why = why_unknown(vm, seen)
    else:
        why = f"it is {vm.state.value}: {vm.where()}"
    raise PreconditionFailed(f"VM {vm.label} cannot be started: {why}")


def start_on(
    estate: Estate,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    defined_ids: Collection[str],
) -> tuple[LiveDomain, list[str]]:
    """The door for every start: a last look at all hosts, start_vm once, then look what came of it.

    :param hosts: all hosts that may run it.
    :param defined_ids: the uuids of all definitions (see :func:`.matches`).
    :return: where it is live now, and remarks for the user.
    :raises Refused: it is live already, another writes to one of its disks by what the lists say,
        or a host fell silent; nothing was sent.
    :raises AgentFault: the agent refused, and a look has confirmed that it does not run.
    :raises OperationIncomplete: it was sent, and the VM is not seen to run on that host
        alone (yet).
    """
    label = f"VM {definition.name!r} ({definition.uuid})"
    before = read_presence(hosts, definition, defined_ids)
    if not before.is_absent:
        raise PreconditionFailed(f"{label} was not started: right before, {before.described()}")
    if before.writers:
        used = "; ".join(f"{p} by {w.domain.label} on {w.host.label}" for w, p in before.writers)
        raise PreconditionFailed(f"{label} was not started: held for writing is {used}")
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        host.agent.xen.start_vm(definition.repository_id, definition.directory)
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
    look = _look_after(estate, host, hosts, definition, defined_ids, failed)
    if _has_started(look, host, failed):
        said = [f"{label} runs on {host.label}, though {failed}"] if failed else []
        return look.live[0], said
    if isinstance(failed, AgentFault) and not look.live and host.label not in look.unanswered:
        raise failed.after_a_look(f"the look after it: {look.described()}")
    advice = (
        "It may still appear. It is not sent again; if you start it again, then on the same host, "
        f"which refuses a second one (ex_location={host.server.uuid!r})"
    )
    raise OperationIncomplete(
        f"{label}: its start on {host.label} was sent once"
        f"{f' and failed ({failed})' if failed else ''}; {look.described()}. "
        f"{'A person has to look at it' if look.live else advice}",
        left=(definition.uuid,),
        host=str(host.address),
        function="start_vm",
    ) from failed


def _look_after(
    estate: Estate,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    defined_ids: Collection[str],
    failed: AgentFault | OutcomeUnknown | None,
) -> Presence:
    """Look until it has started, some times at most: the list may be stale, the effect late."""
    look = read_presence(hosts, definition, defined_ids)
    for _ in range(LOOKS - 1):
        if _has_started(look, host, failed):
            break
        estate.clock.sleep(POLL)
        look = read_presence(hosts, definition, defined_ids)
    return look


def _has_started(
    look: Presence, host: HostView, failed: AgentFault | OutcomeUnknown | None
) -> bool:
    """Whether it is live on this host alone. After a failure it has to run: one that is being built
    may be withdrawn (xend.md 3).
    """
    if len(look.live) != 1 or look.live[0].host.label != host.label:
        return False
    return look.state is State.RUNNING if failed else look.state in _STARTED


# ------------------------------------------------------------------ wait


def wait_running(estate: Estate, vm_ids: Sequence[str], period: float, limit: float) -> list[VM]:
    """Wait until all of these VMs run.

    :param vm_ids: in any spelling.
    :param period: seconds between looks.
    :param limit: seconds to wait at most.
    :return: the VMs, in the order of the ids.
    :raises WaitTimeout: the limit is over; names those that do not run.
    """
    ids = [dashed(vm_id) or vm_id for vm_id in vm_ids]
    deadline = estate.clock.now() + limit
    known: set[str] = set()
    while True:
        seen = read_estate(estate)
        known |= seen.vms.keys()
        waiting = [i for i in ids if i not in seen.vms or seen.vms[i].state is not State.RUNNING]
        if not waiting:
            return [seen.vms[vm_id] for vm_id in ids]
        if estate.clock.now() >= deadline:
            states = ", ".join(_said_of(i, seen, i in known) for i in dict.fromkeys(waiting))
            raise WaitTimeout(f"Timed out after {limit:g} seconds: {states}")
        estate.clock.sleep(period)


def _said_of(vm_id: str, seen: EstateSnapshot, was_seen: bool) -> str:
    if vm_id in seen.vms:
        return f"{vm_id} is {seen.vms[vm_id].state.value}"
    if seen.errors():
        return f"of {vm_id} it is not known: {'; '.join(seen.errors())}"
    return f"{vm_id} is gone" if was_seen else f"{vm_id} was not found"
