"""The bridges of a VM's network cards: on its host before it starts.

A missing bridge over a VLAN device, or of a traffic label, is made, ``control0`` is mended, and
where one cannot be there the VM is not started: xend would find that out when the domain is half
built (xend.md 3).

Where the host has a module of API 3, that makes the bridge and records which VM needs it, in one
step under a lock of the host: of several clients none removes what another one is about to use,
and what was made so goes with its last user (:mod:`.release_bridges`). Without it the agent makes
the bridge, and nothing is ever removed. The bridge of a label itself is the label's, not a VM's: it
is not recorded, and it stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.faults import advice, is_busy
from libcloud_ovm3.agent.network_options import VLANS
from libcloud_ovm3.errors import (
    NEVER_SENT,
    AgentFault,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.networks import VLAN, HostNetwork, read_network
from libcloud_ovm3.estate.vm_bridges import (
    CONTROL,
    VMBridge,
    bridges_of,
    named_otherwise,
)
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations import network_doors
from libcloud_ovm3.operations.control_network import APPEARS, repair
from libcloud_ovm3.operations.network_doors import bridge_on_call
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.presence import POLL, read_presence
from libcloud_ovm3.operations.release_bridges import Use, read_uses, release, settled
from libcloud_ovm3.operations.vlan_support import bridges_to_make, unknown_mode, why_not_made
from libcloud_ovm3.operations.watch_dhcp import forget_leases, watch_cards
from libcloud_ovm3.progress import waiting

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule

# A host may refuse each time, as one in Open vSwitch mode does, and be chosen each time: without
# the host module only the fault tells.
_ELSEWHERE = (
    "it can be started on another host that can have its networks: start_node(ex_location=...)"
)


@dataclass(frozen=True)
class StartNetworks:
    """The networks of one start: where, of which VM, and what was done for them.

    :ivar verb: what becomes of the VM, for messages.
    :ivar made: what was made or mended.
    :ivar taken: the bridges for which this operation was the first to record the VM.
    :ivar notices: for the user.
    """

    operation: Operation
    host: HostView
    snapshot: EstateSnapshot
    definition: Definition
    verb: str = "started"
    made: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@contextmanager
def bridged(
    start: StartNetworks, network: HostNetwork | None, defined_ids: Collection[str]
) -> Iterator[None]:
    """Start a VM in this context: its bridges are there. What was recorded for it on this host is
    released if it is certain that it has not started, what was on others if it has, and if that is
    old: another client may be about to start it there.

    :param network: that of the host, read just now; None: it is read here.
    :param defined_ids: the uuids of all definitions (see :func:`.matches`).
    :raises: as :func:`require_networks`.
    """
    others = [host for host in start.snapshot.hosts if host is not start.host]
    bridges = bridges_of(start.definition.config)
    elsewhere = settled(read_uses(others, start.definition.uuid, bridges))
    try:
        require_networks(start, network)
    except Ovm3Error as error:
        release_taken(start)
        if isinstance(error, AgentFault) and others:
            raise error.with_state(_ELSEWHERE) from error
        raise
    start.notices.extend(watch_cards(start.operation, start.host, start.definition))
    try:
        yield
        start.notices.extend(forget_leases(start.operation, others, start.definition))
        start.notices.extend(release(start.operation, elsewhere))
    except (*NEVER_SENT, AgentFault, PreconditionFailed):
        # Another client may have started it meanwhile.
        if (
            start.taken
            and read_presence(start.snapshot.hosts, start.definition, defined_ids).is_absent
        ):
            release_taken(start)
        raise


def release_taken(start: StartNetworks) -> None:
    """Release what this start has recorded; what is left of it goes with the next sweep."""
    own = start.operation.id
    uses = [Use(start.host, name, start.definition.uuid, own) for name in start.taken]
    release(start.operation, uses)


def require_networks(start: StartNetworks, network: HostNetwork | None = None) -> None:
    """See to it that the bridges of a VM's cards are on the host where it will start.

    :param network: that of the host, read just now; None: it is read here.
    :raises PreconditionFailed: one is missing and cannot be made, or ``control0`` is not to be
        mended. Nothing was sent for it.
    :raises AgentFault: the host refused to make or to mend one.
    :raises OperationIncomplete: whether it has done so is unknown; names the bridge.
    """
    names = bridges_of(start.definition.config)
    if not names:
        return
    network = network or read_network(start.host, start.snapshot)
    labels = start.operation.estate.traffic_labels
    to_make, why_not = bridges_to_make(network, names, labels)
    why_not = why_not or why_not_made(start.host, to_make)
    if why_not:
        raise PreconditionFailed(
            f"{_label(start)} was not {start.verb} on {start.host.label}: {'; '.join(why_not)}",
            nodes=[start.definition.summary],
        )
    if CONTROL in names:
        mended = repair(start.operation, start.host, start.snapshot)
        start.made.extend(mended.done)
        start.notices.extend([*mended.notices, *mended.state.unseen])
    said = (named_otherwise(network, name, labels) for name in names)
    start.notices.extend(f"{start.host.label}: {one}" for one in said if one)
    for bridge in to_make:
        # With the module a mode 6 that it tells was refused by now.
        has_no_module = bridge.vlan is not None and start.host.module3 is None
        unknown = unknown_mode(network, bridge.device, None) if has_no_module else ""
        if unknown:
            start.notices.append(f"bridge {bridge.name} on {start.host.label}: {unknown}")
        with waiting(f"making bridge {bridge.name} on {start.host.label}"):
            _have(start, bridge, is_there=False)
    for name in names:
        existing = vlan_bridge_of(network, name)
        if existing is not None:
            _have(start, existing, is_there=True)


def vlan_bridge_of(network: HostNetwork, name: str) -> VMBridge | None:
    """A bridge over a VLAN device that is there, if its name is that of one that is made here."""
    bridge = network.bridge(name)
    device = network.device(bridge.parent) if bridge else None
    if device is None or device.kind != VLAN or device.parent is None or device.vlan is None:
        return None
    if not name.endswith(f".{device.vlan}") or device.vlan not in VLANS:
        return None
    return VMBridge(name, device.parent, device.vlan)


def _have(start: StartNetworks, bridge: VMBridge, is_there: bool) -> None:
    """Record the VM as a user of a bridge, and make that if it is missing: sent once, and once
    more if the host was busy with it ("Is Busy") and no bridge has come of that.
    """
    module = _counted_by(start, bridge)
    if module is None and is_there:
        return
    failed = _request(start, bridge, module)
    if not is_there:
        start.made.append(bridge.name)
    if failed is None and is_there:
        return
    try:
        _look(start, bridge, failed)
    except AgentFault as fault:
        # Not twice: "Is Busy" is said before anything is done, and looking has confirmed it.
        if not is_busy(fault) or not _can_be_made(start, bridge):
            raise
        _look(start, bridge, _request(start, bridge, module))


def _request(
    start: StartNetworks, bridge: VMBridge, module: HostModule | None
) -> AgentFault | OutcomeUnknown | None:
    """Send the request for a bridge; its failure, if it has one: it may have taken effect."""
    try:
        if module is None:
            call = bridge_on_call("start", bridge.name, bridge.device, bridge.vlan)
            network_doors.send(start.host, call)
        elif network_doors.take_bridge(start.operation, module, start.definition.uuid, bridge):
            start.taken.append(bridge.name)
    except (AgentFault, OutcomeUnknown) as error:
        return error
    return None


def _can_be_made(start: StartNetworks, bridge: VMBridge) -> bool:
    """Whether nothing is in its way now, such as a VLAN device that was left half made."""
    labels = start.operation.estate.traffic_labels
    try:
        network = read_network(start.host, start.snapshot)
        _, why_not = bridges_to_make(network, [bridge.name], labels)
    except Ovm3Error:
        return False
    return not why_not


def _counted_by(start: StartNetworks, bridge: VMBridge) -> HostModule | None:
    """What records the users of a bridge; None: nothing, and the agent makes it."""
    return start.host.module3 if bridge.vlan is not None else None


def _look(
    start: StartNetworks, bridge: VMBridge, failed: AgentFault | OutcomeUnknown | None
) -> None:
    """Read until the bridge is there, and the VM recorded, some seconds at most.

    :raises AgentFault: the host refused, and it is not there.
    :raises OperationIncomplete: it may still come, or that cannot be read.
    """
    clock = start.operation.estate.clock
    deadline = clock.now() + APPEARS
    while True:
        found, is_certain = _found(start, bridge, failed)
        if not found:
            break
        if clock.now() >= deadline:
            raise _not_there(start, bridge, failed, found, is_certain)
        clock.sleep(POLL)
    if failed:
        start.notices.append(
            f"bridge {bridge.name} is there on {start.host.label}, although {failed}"
        )


def _found(
    start: StartNetworks, bridge: VMBridge, failed: AgentFault | OutcomeUnknown | None
) -> tuple[str, bool]:
    """What lacks until the VM can be started, "" if nothing; and whether that could be read."""
    try:
        network = read_network(start.host, start.snapshot)
        if network.bridge(bridge.name) is None:
            return "it is not there", True
        if not _is_as_wanted(network, bridge):
            return f"it is not on {bridge.on}", True
        if failed is not None and not _is_recorded(start, bridge):
            return "the host has not recorded that the VM needs it", True
    except Ovm3Error as error:
        return f"what is there cannot be read: {error}", False
    return "", True


def _is_as_wanted(network: HostNetwork, bridge: VMBridge) -> bool:
    if bridge.vlan is not None:
        return vlan_bridge_of(network, bridge.name) == bridge
    there = network.bridge(bridge.name)
    return there is not None and there.parent == bridge.device


def _is_recorded(start: StartNetworks, bridge: VMBridge) -> bool:
    """Whether the host keeps the bridge for this VM, if it keeps any."""
    module = _counted_by(start, bridge)
    if module is None:
        return True
    for one in module.bridges():
        if one.bridge == bridge.name:
            return start.definition.uuid in {user.user for user in one.users}
    return False


def _not_there(
    start: StartNetworks,
    bridge: VMBridge,
    failed: AgentFault | OutcomeUnknown | None,
    found: str,
    is_certain: bool,
) -> Ovm3Error:
    what = f"bridge {bridge.name} on {start.host.label}"
    if isinstance(failed, AgentFault) and is_certain and not network_doors.goes_on(failed):
        mend = advice(failed)
        state = f"{what}: {found}; {_label(start)} was not {start.verb}"
        return failed.with_state(f"{state}; {mend}" if mend else state, start.definition.summary)
    return start.operation.incomplete(
        f"{_label(start)} was not {start.verb}: the request to make {what} was sent once"
        f"{f' and failed ({failed})' if failed else ''}; afterwards: {found}. It may still come",
        left=(what,),
        nodes=[start.definition.summary],
        host=str(start.host.address),
    )


def _label(start: StartNetworks) -> str:
    return f"VM {start.definition.name!r} ({start.definition.uuid})"
