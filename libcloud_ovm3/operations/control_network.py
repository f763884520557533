"""``control0``, the local bridge of system VMs: what is wrong with it on a host, and mending it.

The steps, and why each start needs them: flows.md 2.3, agent-behaviour 13. After a boot of the host
the bridge is there, its address is not, ARP is off, and zeroconf's route leads elsewhere. What only
dom0 itself shows (ARP, routes, its file) is known where the host module reports it, else it is
said to be unknown, and only the host module mends it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field

from libcloud_ovm3.agent.faults import advice, is_busy
from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.control0 import ADDRESS, UNSEEN, what_is_wrong
from libcloud_ovm3.estate.hosts import HostView, read_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import HostBridge, HostNetwork, read_network
from libcloud_ovm3.estate.vm_bridges import (
    CONTROL as CONTROL,  # noqa: PLC0414 (the name that the driver uses)
)
from libcloud_ovm3.estate.vms import EstateSnapshot, merge_vms
from libcloud_ovm3.operations import network_doors
from libcloud_ovm3.operations.network_doors import address_call, local_bridge_call
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import is_host, require_host
from libcloud_ovm3.operations.presence import POLL
from libcloud_ovm3.progress import waiting

APPEARS = 15.0  # seconds until a new local bridge can be seen, at most


@dataclass(frozen=True)
class Control0:
    """control0 on one host.

    :ivar exists: whether there is such a bridge.
    :ivar wrong: what is wrong with it.
    :ivar unknown: what cannot be seen.
    :ivar obstacle: why it cannot be mended; "": it can.
    """

    host: HostView
    exists: bool
    wrong: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    obstacle: str = ""

    @property
    def is_right(self) -> bool | None:
        """None: nothing is wrong as far as can be seen."""
        return False if self.wrong else None if self.unknown else True

    @property
    def unseen(self) -> list[str]:
        """What cannot be seen, for notices."""
        return [f"{CONTROL} on {self.host.label}: {one}" for one in self.unknown]


@dataclass(frozen=True)
class Repair:
    """control0 after it was mended.

    :ivar done: what was wrong before.
    :ivar notices: for the user: calls that failed and have taken effect all the same.
    """

    state: Control0
    done: tuple[str, ...] = ()
    notices: list[str] = field(default_factory=list)


def control0(estate: Estate, host_id: str) -> Control0:
    """What is wrong with control0 on a host. Reads only.

    :param host_id: its uuid, address or name.
    :raises HostNotFound: there is no such host.
    :raises Ovm3Error: its network could not be read.
    """
    return read_control0(*_read(estate, host_id))


def repair_control0(estate: Estate, host_id: str) -> Repair:
    """Mend control0 on a host; one that is right is left as it is.

    :param host_id: its uuid, address or name.
    :raises HostNotFound: there is no such host.
    :raises PreconditionFailed: it is not to be mended without losing something; nothing was sent.
    :raises AgentFault: the host refused a step; says what is wrong still.
    :raises OperationIncomplete: whether a step was done is unknown.
    """
    host, snapshot = _read(estate, host_id)
    return repair(Operation(estate), host, snapshot)


def _read(estate: Estate, host_id: str) -> tuple[HostView, EstateSnapshot]:
    hosts, unreachable = read_hosts(estate)
    require_host(hosts, unreachable, host_id)
    live = merge_vms(hosts, [], all_answered=False)
    snapshot = EstateSnapshot(tuple(hosts), tuple(unreachable), (), live)
    return next(host for host in hosts if is_host(host, host_id)), snapshot


def read_control0(host: HostView, snapshot: EstateSnapshot) -> Control0:
    """control0 as it is now: one call, with a host module of API 3 two.

    :raises Ovm3Error: the host's network could not be read.
    """
    network = read_network(host, snapshot)
    bridge = network.bridge(CONTROL)
    obstacle = _obstacle(network, bridge)
    if host.module3 is None:
        unknown = (UNSEEN,) if bridge else ()
        return Control0(host, bridge is not None, tuple(what_is_wrong(bridge)), unknown, obstacle)
    interface = host.module3.control_interface(CONTROL)
    wrong = tuple(what_is_wrong(bridge, interface))
    return Control0(host, bridge is not None, wrong, (), obstacle)


def _obstacle(network: HostNetwork, bridge: HostBridge | None) -> str:
    """Why it is not ours to mend: mending it would take something away from somebody."""
    if bridge and not bridge.is_local:
        on = bridge.parent or ", ".join(bridge.ports)
        return (
            f"it is on {on}, and not the local bridge that guests reach only their host by; "
            f"{_remade(network)}"
        )
    owners = [(one.name, one.addresses) for one in network.bridges]
    owners += [(one.name, one.addresses) for one in network.devices]
    for name, addresses in owners:
        for address in addresses:
            if name == CONTROL and address != ADDRESS.with_prefixlen:
                return (
                    f"{CONTROL} has the address {address}, which somebody else has given it; "
                    f"{_remade(network)}"
                )
            if name != CONTROL and _overlaps(address):
                return (
                    f"{name} has the address {address}, in the network of {CONTROL}; give it "
                    f"another one on the host"
                )
    return ""


def _remade(network: HostNetwork) -> str:
    return (
        f"if nothing needs it so, remove it with ex_delete_network({CONTROL!r}, "
        f"{str(network.host.address)!r}), then ex_repair_control0 makes it as it should be"
    )


def _overlaps(address: str) -> bool:
    try:
        return ipaddress.ip_interface(address).network.overlaps(ADDRESS.network)
    except (TypeError, ValueError):  # IPv6; no address
        return False


# ------------------------------------------------------------------ mending


def repair(operation: Operation, host: HostView, snapshot: EstateSnapshot) -> Repair:
    """Mend control0 on this host: the bridge, then the rest.

    :raises: as :func:`repair_control0`.
    """
    before = read_control0(host, snapshot)
    if not before.wrong:
        return Repair(before)
    _require_mendable(before)
    notices: list[str] = []
    with waiting(f"mending {CONTROL} on {host.label}"):
        state = before if before.exists else _make(operation, host, snapshot, notices)
        if state.wrong:
            state = _set(operation, host, snapshot, notices)
    return Repair(state, before.wrong, notices)


def _require_mendable(state: Control0) -> None:
    if state.obstacle:
        raise PreconditionFailed(
            f"{CONTROL} on {state.host.label} was left unchanged ({', '.join(state.wrong)}): "
            f"{state.obstacle}"
        )


def _make(
    operation: Operation, host: HostView, snapshot: EstateSnapshot, notices: list[str]
) -> Control0:
    """The bridge: the agent answers before it is there, and refuses a second request ("Is Busy"),
    another client's too, until then. If none comes of that, it is requested once more.
    """
    failed = _request_bridge(host)
    try:
        state = _look(operation, host, snapshot, failed, "the bridge", lambda one: one.exists)
    except AgentFault as fault:
        # Not twice: "Is Busy" is said before anything is done, and looking has confirmed it.
        if not is_busy(fault):
            raise
        failed = _request_bridge(host)
        state = _look(operation, host, snapshot, failed, "the bridge", lambda one: one.exists)
    if failed:
        notices.append(f"{host.label}: the bridge {CONTROL} is there, although {failed}")
    _require_mendable(state)
    return state


def _request_bridge(host: HostView) -> AgentFault | OutcomeUnknown | None:
    """Send the request for the bridge; its failure, if it has one: it may have taken effect."""
    try:
        network_doors.send(host, local_bridge_call("start", CONTROL))
    except (AgentFault, OutcomeUnknown) as error:
        return error
    return None


def _set(
    operation: Operation, host: HostView, snapshot: EstateSnapshot, notices: list[str]
) -> Control0:
    """Its address; through the host module also ARP, the one route, and no configuration file."""
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        if host.module is not None:
            network_doors.set_control_interface(operation, host.module, CONTROL, ADDRESS)
        else:
            call = address_call(CONTROL, str(ADDRESS.ip), str(ADDRESS.netmask))
            network_doors.send(host, call)
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
    state = _look(operation, host, snapshot, failed, "its address", lambda one: not one.wrong)
    if failed:
        notices.append(f"{host.label}: {CONTROL} is as it should be, although {failed}")
    return state


def _look(
    operation: Operation,
    host: HostView,
    snapshot: EstateSnapshot,
    failed: AgentFault | OutcomeUnknown | None,
    what: str,
    is_done: Callable[[Control0], bool],
) -> Control0:
    """Read control0 until a step is seen to be done, some seconds at most.

    :raises AgentFault: the host refused the step, and it is not done.
    :raises OperationIncomplete: it is not done, and may still be; or that cannot be read.
    """
    clock = operation.estate.clock
    deadline = clock.now() + APPEARS
    while True:
        state: Control0 | None = None
        try:
            state = read_control0(host, snapshot)
            found = "; ".join(state.wrong)
            if is_done(state):
                return state
        except Ovm3Error as error:
            found = f"what it is like cannot be read: {error}"
        if clock.now() >= deadline:
            break
        clock.sleep(POLL)
    if state is not None and isinstance(failed, AgentFault):
        raise failed.with_state("; ".join(filter(None, (found, advice(failed)))))
    raise _incomplete(operation, host, what, failed, found) from failed


def _incomplete(
    operation: Operation, host: HostView, what: str, failed: Ovm3Error | None, found: str
) -> OperationIncomplete:
    reason = f"the request failed: {failed}; " if failed else ""
    return operation.incomplete(
        f"mending {CONTROL} on {host.label} was not completed: {what} was set, but {reason}"
        f"afterwards: {found}. It may still come: look again before it is repeated",
        left=(f"{CONTROL} on {host.label}",),
        host=str(host.address),
    )
