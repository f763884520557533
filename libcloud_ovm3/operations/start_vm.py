"""Starting a VM: the request is sent once, after the VM is proven to be absent.

Absence is proven by two reads some seconds apart (xend.md 1.6, 10: absent is not stopped) and by
one more right before the call. What risk is left: a guest whose reboot takes longer, and another
client that starts it elsewhere in the moment after the last read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.holders import require_free
from libcloud_ovm3.estate.hosts import HARDWARE, HostView
from libcloud_ovm3.estate.hosts_off import HostOff
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NETWORK, read_networks
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vm_bridges import bridges_of
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, LiveDomain, read_estate
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.claim_looks import is_on
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import choose_host, is_host
from libcloud_ovm3.operations.preconditions import require_unchanged, why_unknown
from libcloud_ovm3.operations.presence import (
    POLL,
    READS,
    Presence,
    before_second_look,
    read_presence,
)
from libcloud_ovm3.operations.same_macs import require_own_macs
from libcloud_ovm3.operations.saved_memory import WAYS_OUT, discard, require_restorable
from libcloud_ovm3.operations.vlan_bridges import StartNetworks, bridged
from libcloud_ovm3.progress import waiting

# What a domain may show after its start was answered with success. Any other has ended already.
_STARTED = frozenset({State.RUNNING, State.PENDING, State.PAUSED, State.REBOOTING})


# What becomes of the saved memory of a suspended guest: then it is not started; it is discarded
# first; it is what is started.
KEEP, DISCARD, RESTORE = "keep", "discard", "restore"


@dataclass(frozen=True)
class Started:
    """A VM that was started.

    :ivar snapshot, vm: what was read right before.
    :ivar live: where it is live now; None: it was running already.
    :ivar notices: for the user.
    """

    operation: Operation
    snapshot: EstateSnapshot
    vm: VM
    live: LiveDomain | None = None
    notices: tuple[str, ...] = ()


def start(
    estate: Estate,
    vm_id: str,
    host_id: str | None = None,
    *,
    force: bool = False,
    saved: str = KEEP,
) -> Started:
    """Start a stopped VM; a running one is left as it is.

    :param host_id: the host to start it on, by its uuid or address; None: of those that can take
        it the one that all clients prefer for this VM.
    :param force: start it although a live VM has a MAC address of its on the same network.
    :param saved: what becomes of the saved memory of a suspended guest: KEEP, DISCARD or RESTORE.
        A restored one is paused.
    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: it is not proven to be stopped, a disk is in use, no host can take
        it, or a live VM has a MAC address of its on the same network. Nothing was sent.
    :raises AgentFault: the agent refused, and reading its state has confirmed that it does not run.
    :raises OperationIncomplete: whether it starts is unknown.
    """
    operation = Operation(estate)
    bridges: tuple[str, ...] = ()
    for is_second in (False, True):
        snapshot = read_estate(estate, HARDWARE, *([NETWORK] if bridges else []))
        vm = snapshot.vm(vm_id)
        if vm.state is State.RUNNING:
            return Started(operation, snapshot, vm, notices=_running_already(vm, host_id))
        _require_stopped(vm, snapshot, saved)
        if not is_second:
            bridges = bridges_of(vm.definition.config)
            before_second_look(estate, vm.name, vm.id)
    networks = read_networks(estate, snapshot) if bridges_of(vm.definition.config) else None
    is_unguarded = estate.unguarded
    host = choose_host(snapshot, vm.definition, vm.id, host_id, networks, unguarded=is_unguarded)
    _require_free(estate, snapshot, vm)
    others = [one for one in snapshot.vms.values() if one.id != vm.id]
    vifs, label = vm.definition.vifs, f"VM {vm.label}"
    same_macs = require_own_macs(label, vifs, others, summary=vm.summary, force=force)
    cards = StartNetworks(operation, host, snapshot, vm.definition)
    with bridged(cards, networks.on(host) if networks else None, snapshot.defined_ids):
        if cards.made:  # it took some seconds
            _require_free(estate, snapshot, vm)
        require_unchanged(host, vm.definition)
        discarded = discard(operation, snapshot, vm) if saved == DISCARD else []
        live, notices = start_on(
            operation,
            host,
            snapshot.hosts,
            vm.definition,
            snapshot.defined_ids,
            snapshot.hosts_off,
            restoring=saved == RESTORE,
        )
    all_notices = (*cards.notices, *discarded, *notices, *same_macs)
    return Started(operation, snapshot, vm, live, all_notices)


def _running_already(vm: VM, host_id: str | None) -> tuple[str, ...]:
    """What to say of a VM that runs: that it does so elsewhere than it was to be started."""
    if host_id is None or any(is_host(one.host, host_id) for one in vm.live):
        return ()
    return (f"VM {vm.label} runs already, and not on {host_id}: {vm.where()}; nothing was sent",)


def _require_free(estate: Estate, snapshot: EstateSnapshot, vm: VM) -> None:
    with waiting(f"VM {vm.name!r}: checking that nothing holds its disks", vm=vm.id):
        require_free(estate, snapshot.hosts, vm.definition)


def _require_stopped(vm: VM, snapshot: EstateSnapshot, saved: str) -> None:
    """Only what is proven to be stopped may be started, and only what was saved be restored.

    :raises PreconditionFailed: otherwise; says why it is not proven.
    """
    if saved == RESTORE and vm.state is State.SUSPENDED and not vm.live:
        require_restorable(vm)
        return
    why = why_not_startable(vm, snapshot, saved)
    if why:
        raise PreconditionFailed(f"VM {vm.label} cannot be started: {why}", nodes=[vm.summary])


def why_not_startable(vm: VM, snapshot: EstateSnapshot, saved: str = KEEP) -> str:
    """Why a VM is not proven to be stopped; "": it is.

    :param saved: as for :func:`start`.
    """
    is_suspended = vm.state is State.SUSPENDED and not vm.live
    if (vm.state is State.STOPPED and saved != RESTORE) or (is_suspended and saved == DISCARD):
        return ""
    if is_suspended:
        return f"it is suspended: {WAYS_OUT}"
    if vm.state is State.PENDING and not vm.live:
        return "its creation was not completed; destroy it and create it again"
    if vm.state is State.UNKNOWN and not vm.live:
        return why_unknown(vm, snapshot)
    return f"it is {vm.state.value}: {vm.where()}"


def start_on(
    operation: Operation,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    defined_ids: Collection[str],
    hosts_off: Sequence[HostOff] = (),
    restoring: bool = False,
) -> tuple[LiveDomain, list[str]]:
    """Start a VM on a host: send the request once, then read what came of it.

    :param hosts: all hosts that may run it.
    :param defined_ids: the uuids of all definitions (see :func:`.matches`).
    :param hosts_off: those that count as running nothing, because the user says so.
    :param restoring: as for :func:`.doors.start_vm`.
    :return: where it is live now, and notices for the user.
    :raises PreconditionFailed: it is live already, another VM writes to one of its disks according
        to the lists, or a host is unreachable; nothing was sent.
    :raises AgentFault: the agent refused, and reading its state has confirmed that it does not run.
    :raises OperationIncomplete: the request was sent, and the VM is not seen to run on that host
        alone (yet).
    """
    label = f"VM {definition.name!r} ({definition.uuid})"
    failed: AgentFault | OutcomeUnknown | None = None
    verb, verbing = ("restore", "restoring") if restoring else ("start", "starting")
    with waiting(f"{verbing} VM {definition.name!r} on {host.label}", vm=definition.uuid):
        try:
            doors.start_vm(operation, host, hosts, definition, defined_ids, hosts_off, restoring)
        except (AgentFault, OutcomeUnknown) as error:
            failed = error
        # A restored one is settled by its claim, which is paused; any other has to run.
        is_settled = failed is None or (restoring and is_on(operation, definition))
        presence = _read_outcome(operation, host, hosts, definition, defined_ids, is_settled)
    if _has_started(presence, host, is_settled):
        now = "was restored" if restoring else "is running"
        notices = [f"{label} {now} on {host.label}, although {failed}"] if failed else []
        return presence.live[0], notices
    is_read = host.label not in presence.unanswered
    if isinstance(failed, AgentFault) and not presence.live and is_read:
        raise failed.with_state(f"afterwards: {presence.described()}", presence.summary)
    advice = (
        "It may still start. The request is not repeated; if you start it again, do so on the same "
        f"host, which refuses a second one: ex_location={host.server.uuid!r}"
    )
    if restoring:
        advice = "It may still come. The request is not repeated; its claim says what becomes of it"
    raise operation.incomplete(
        f"{label}: the request to {verb} it on {host.label} was sent once"
        f"{f' and failed ({failed})' if failed else ''}; {presence.described()}. "
        f"{'Manual intervention is required' if presence.live else advice}",
        left=(definition.uuid,),
        nodes=[presence.summary],
        host=str(host.address),
        function="restore_vm" if restoring else "start_vm",
    ) from failed


def _read_outcome(
    operation: Operation,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    defined_ids: Collection[str],
    is_settled: bool,
) -> Presence:
    """Read until it has started, some times at most: the list may be stale, the effect late."""
    presence = read_presence(hosts, definition, defined_ids)
    for _ in range(READS - 1):
        if _has_started(presence, host, is_settled):
            break
        operation.estate.clock.sleep(POLL)
        presence = read_presence(hosts, definition, defined_ids)
    return presence


def _has_started(presence: Presence, host: HostView, is_settled: bool) -> bool:
    """Whether it is live on this host alone. After a failure it has to run: one that is being built
    may be withdrawn (xend.md 3).
    """
    if len(presence.live) != 1 or presence.live[0].host.label != host.label:
        return False
    return presence.state in _STARTED if is_settled else presence.state is State.RUNNING
