"""Changes of the networks of several hosts: sent, looked for, and undone after a definite refusal.

The agent answers before a change can be seen, and may fault after it (agent-behaviour 13), so
discover_network has the last word after each call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.faults import advice
from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.host_network import HostNetwork
from libcloud_ovm3.estate.hosts import HostView, map_hosts
from libcloud_ovm3.estate.networks import NetworkList, read_network
from libcloud_ovm3.operations import network_doors
from libcloud_ovm3.operations.consent import MANAGEMENT, Cuts
from libcloud_ovm3.operations.guarded_change import change_guarded
from libcloud_ovm3.operations.network_doors import VLAN_BRIDGE, NetworkCall
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import NAME_OTHERS, chosen_views
from libcloud_ovm3.operations.presence import POLL
from libcloud_ovm3.operations.vlan_support import obstacles, unknown_mode
from libcloud_ovm3.progress import waiting

if TYPE_CHECKING:
    from libcloud_ovm3.agent.host_networks import NetworkSetup

APPEARS = 15.0  # seconds until a change can be seen, at most

_UNGUARDED = "no host module of API 3 takes it back: if the host is cut off, mend it at its console"

Check = Callable[[HostNetwork], bool]


@dataclass(frozen=True)
class NetworkChange:
    """One change of one host.

    :ivar network: the host's, as the change was decided for.
    :ivar what: what is changed, for messages: ``bridge 'dmz'``.
    :ivar is_done, is_undone: whether a reading shows the change, or that there is nothing of it.
    :ivar undo: the call that takes it back; None: none does.
    :ivar guard_undo: the call by which the host takes it back, if it may cut the line to the host;
        None: it cannot.
    :ivar is_unguarded: whether it may cut that line, and nobody takes it back.
    :ivar in_use: why it must not be taken back, by a reading right before; "": it may.
    :ivar why_not: why it must not be made, by a reading right before; "": it may.
    :ivar sees: adds to a reading what discover_network does not show and the checks need.
    :ivar missing: what the change should have brought too, by a reading that shows it; "": nothing.
    :ivar is_moving: whether it moves addresses of the host.
    :ivar news: what the user is told when it is made: ``MTU 9000 (was 1500)``.
    """

    network: HostNetwork
    what: str
    request: NetworkCall
    is_done: Check
    is_undone: Check
    undo: NetworkCall | None = None
    guard_undo: NetworkCall | None = None
    is_unguarded: bool = False
    in_use: Callable[[HostNetwork], str] = lambda _: ""
    why_not: Callable[[HostNetwork], str] | None = None
    sees: Callable[[HostNetwork], HostNetwork] = lambda now: now
    missing: Callable[[HostNetwork], str] = lambda _: ""
    is_moving: bool = False
    news: str = "made"

    @property
    def label(self) -> str:
        """What is changed, and where."""
        return f"{self.what} on {self.network.host.label}"


def chosen_hosts(
    networks: NetworkList,
    host_ids: Sequence[str] | None,
    but: str = NAME_OTHERS,
) -> list[HostNetwork]:
    """The hosts that a change is for, all of which could be read.

    :param host_ids: their uuids, addresses or names; None: all hosts of the estate.
    :param but: what the error says of hosts that are unreachable.
    :raises HostNotFound: there is no such host.
    :raises SearchIncomplete: it is unreachable, or may be a host that is.
    :raises PreconditionFailed: of all hosts, one could not be read.
    """
    snapshot = networks.estate
    chosen = chosen_views(snapshot.hosts, snapshot.unreachable, host_ids, but)
    addresses = {host.address for host in chosen}
    found = [one for one in networks.hosts if one.host.address in addresses]
    for one in found:
        if one.error:
            raise PreconditionFailed(
                f"nothing was changed: the network of {one.host.label} cannot be read: {one.error}"
            )
    return found


def guarded(change: NetworkChange, cuts: Cuts, undo: NetworkCall | None) -> NetworkChange:
    """The change, made so that the host takes it back where it may cut the line to the host itself,
    or moves addresses, which may not arrive.

    :param cuts: what it may cut.
    :param undo: what takes it back; None: nothing does.
    :raises PreconditionFailed: the host cannot take it back, although it has the host module.
    """
    if MANAGEMENT not in cuts:
        may_guard = change.is_moving and change.network.host.module3 is not None
        return replace(change, guard_undo=undo) if may_guard else change
    if change.network.host.module3 is None:
        return replace(change, is_unguarded=True)
    if undo is None:
        raise PreconditionFailed(
            f"{change.label}: it may cut the line to the host, which would not take it back by "
            f"itself: its state now is not known; change it on the host"
        )
    return replace(change, guard_undo=undo)


def require_possible(changes: Sequence[NetworkChange], notices: list[str]) -> None:
    """Ask the host modules whether these hosts can be changed so, as far as they can tell.

    :param notices: gets what nobody can tell.
    :raises PreconditionFailed: one cannot; nothing was sent.
    """
    asked = map_hosts(_network_setup, [one.network.host for one in changes])
    reasons = []
    for change, setup in zip(changes, asked, strict=True):
        known = None if isinstance(setup, Ovm3Error) else setup
        reasons += [f"{change.network.host.label}: {why}" for why in _obstacles(change, known)]
        device = _vlan_on(change)
        unknown = unknown_mode(change.network, device, known) if device else ""
        if unknown:
            notices.append(f"{change.label}: {unknown}")
    if reasons:
        raise PreconditionFailed(f"nothing was changed: {'; '.join(reasons)}")


def _network_setup(host: HostView) -> NetworkSetup | None:
    return host.module3.network_setup() if host.module3 is not None else None


def _obstacles(change: NetworkChange, setup: NetworkSetup | None) -> Iterator[str]:
    if setup is None:
        return
    yield from obstacles(setup, str(change.network.host.address), _vlan_on(change))


def _vlan_on(change: NetworkChange) -> str | None:
    """What a VLAN is to be made on; None: none is."""
    if change.request.function != VLAN_BRIDGE or change.request.arguments[0] != "start":
        return None
    return str(change.request.arguments[2])


def change_all(
    operation: Operation,
    networks: NetworkList,
    changes: Sequence[NetworkChange],
    notices: list[str],
) -> NetworkList:
    """Make these changes, one host after the other, if all hosts can be changed so. Those that were
    made are taken back after a definite refusal.

    :param notices: gets notices for the user.
    :return: the networks with what the changed hosts have now.
    :raises PreconditionFailed: a host has changed in the meantime; nothing is changed.
    :raises AgentFault: a host refused; nothing is changed.
    :raises OperationIncomplete: something is changed, or may be; ``left`` names it.
    """
    require_possible(changes, notices)
    notices += [
        f"{one.label}: it may cut the line to the host, and {_UNGUARDED} (`ovm3 host install`)"
        for one in changes
        if one.is_unguarded
    ]
    made: list[NetworkChange] = []
    others: list[NetworkChange] = []  # made, but perhaps by somebody else
    for change in changes:
        try:
            now, is_ours = _make(operation, networks, change, notices)
        except Ovm3Error as error:
            after = _after(operation, networks, made, others, change, error)
            if after is error:
                raise
            raise after from error
        (made if is_ours else others).append(change)
        hosts = [now if one.host.id == now.host.id else one for one in networks.hosts]
        networks = replace(networks, hosts=tuple(hosts))
    return networks


def _after(
    operation: Operation,
    networks: NetworkList,
    made: Sequence[NetworkChange],
    others: Sequence[NetworkChange],
    failed: NetworkChange,
    error: Ovm3Error,
) -> Ovm3Error:
    """The error for the user, after what was made is taken back, if that is safe.

    That takes its time, so what a host has refused is looked for once more then.
    """
    if isinstance(error, OperationIncomplete):  # what this host has may still come to be
        left = [*error.left, *(one.label for one in (*made, *others))]
        done = f"; changed before: {', '.join(left[1:])}" if left[1:] else ""
        return operation.incomplete(f"{error}{done}", left=tuple(left), host=error.host)
    kept = {one.label: "perhaps another client has changed it" for one in others}
    for change in reversed(made):
        why = _take_back(operation, networks, change)
        if why:
            kept[change.label] = why
    may_come = isinstance(error, AgentFault) and not network_doors.is_refusal(error)
    why = _came_late(networks, failed) if made and may_come else ""
    if why:
        kept[failed.label] = why
    if kept:
        reasons = ", ".join(f"{label} ({why})" for label, why in kept.items())
        return operation.incomplete(
            f"{error}; what is changed, or may be: {reasons}",
            left=tuple(kept),
            host=error.host,
        )
    if not made or not isinstance(error, AgentFault):
        return error
    return error.with_state(f"taken back: {', '.join(one.label for one in made)}")


def _came_late(networks: NetworkList, change: NetworkChange) -> str:
    """Why what a host has refused is not certainly absent; "": it is as it was."""
    try:
        is_undone = change.is_undone(_read(networks, change))
    except Ovm3Error as error:
        return f"how it is now cannot be read: {error}"
    return "" if is_undone else "the host has refused it, and it came all the same"


def _read(networks: NetworkList, change: NetworkChange) -> HostNetwork:
    """The host's network as it is now, with what the checks of the change need."""
    return change.sees(read_network(change.network.host, networks.estate))


def _make(
    operation: Operation, networks: NetworkList, change: NetworkChange, notices: list[str]
) -> tuple[HostNetwork, bool]:
    """Make one change, and see it made.

    :return: the host's network with it, and whether it is certainly this operation that made it.
    """
    host, before = change.network.host, change.network
    if change.why_not is not None:
        before = _read(networks, change)
        why = change.why_not(before)
        if why:
            raise PreconditionFailed(f"{change.label} was left unchanged: right before, {why}")
    with waiting(f"changing {change.label}"):
        if change.guard_undo is not None and host.module3 is not None:
            failed, is_over = _send_guarded(operation, networks, change, change.guard_undo)
        else:
            failed, is_over = _send(operation, change, before), False
        if isinstance(failed, AgentFault) and network_doors.is_refusal(failed):
            # what has come to be there is others', so it is not waited for that it goes
            raise failed.with_state(
                f"the host has changed nothing: {change.label} is as it was, or as others left it"
            ) from failed
        now = _look(operation, networks, change, change.is_undone if is_over else change.is_done)
    if isinstance(now, HostNetwork) and not is_over and change.is_done(now):
        if failed:
            notices.append(f"{change.label} is as it was to be, although {failed}")
        return now, failed is None
    is_refused = isinstance(failed, AgentFault) and not network_doors.goes_on(failed)
    if isinstance(now, HostNetwork) and is_refused and change.is_undone(now):
        assert isinstance(failed, AgentFault)
        raise failed.with_state(advice(failed) or f"{change.label} is as it was") from failed
    if isinstance(now, Ovm3Error):
        found = f"it cannot be read: {now}"
    else:
        found = change.missing(now) or "it does not show it"
    reason = f"the request failed: {failed}" if failed else "the host reported success"
    raise operation.incomplete(
        f"changing {change.label} was not completed: {reason}, but {found}. It may still come: "
        f"look again before it is repeated{f'; {_UNGUARDED}' if change.is_unguarded else ''}",
        left=(change.label,),
        host=str(host.address),
    ) from failed


def _send(
    operation: Operation, change: NetworkChange, before: HostNetwork
) -> AgentFault | OutcomeUnknown | None:
    """Send the request of a change; its failure, if it has one: it may have taken effect.

    A bridge is removed by the host module, if there is one, which sees who uses it by then.

    :param before: the host's network, read right before.
    """
    module, request = change.network.host.module3, change.request
    try:
        if module is not None and request.removes is not None:
            bridge = before.bridge(request.removes)
            addresses = bridge.addresses if bridge else ()
            network_doors.remove_bridge(operation, module, request, addresses)
        else:
            network_doors.send(change.network.host, request)
    except (AgentFault, OutcomeUnknown) as error:
        return error
    return None


def _send_guarded(
    operation: Operation, networks: NetworkList, change: NetworkChange, undo: NetworkCall
) -> tuple[AgentFault | OutcomeUnknown | None, bool]:
    """Have the host make it, and take it back by itself unless that is confirmed.

    :return: the failure, if there is one; and whether it is certainly not made, or taken back.

    :raises OperationIncomplete: whether it is made, or taken back, is unknown.
    """
    host, missing = change.network.host, ""

    def is_done() -> bool:
        nonlocal missing
        now = _read(networks, change)
        missing = change.missing(now)
        return change.is_done(now)

    try:
        failed = change_guarded(operation, host, change.request, undo, change.label, is_done)
    except AgentFault as fault:  # it was not made, or is taken back
        return fault.with_state(missing) if missing else fault, True
    return failed, False


def _look(
    operation: Operation, networks: NetworkList, change: NetworkChange, is_reached: Check
) -> HostNetwork | Ovm3Error:
    """Read a host's network until it shows something, some seconds at most."""
    clock = operation.estate.clock
    deadline = clock.now() + APPEARS
    while True:
        now: HostNetwork | Ovm3Error
        try:
            now = _read(networks, change)
            if is_reached(now):
                return now
        except Ovm3Error as error:
            now = error
        if clock.now() >= deadline:
            return now
        clock.sleep(POLL)


def _take_back(operation: Operation, networks: NetworkList, change: NetworkChange) -> str:
    """Take one change back; "": that is done, else why it is not."""
    if change.undo is None:
        return "it cannot be taken back"
    reverse = replace(
        change,
        request=change.undo,
        undo=None,
        guard_undo=change.guard_undo and change.request,
        is_done=change.is_undone,
        is_undone=change.is_done,
        why_not=change.in_use,
        missing=lambda _: "",
    )
    try:
        _make(operation, networks, reverse, [])
    except Ovm3Error as error:
        return f"taking it back failed: {error}"
    return ""
