"""Removing a network that no VM uses: its bridge, and the VLAN device that was made with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from libcloud_ovm3.errors import PreconditionFailed, by_reason
from libcloud_ovm3.estate.cards import unread_cards
from libcloud_ovm3.estate.host_network import VLAN, HostBridge, HostNetwork
from libcloud_ovm3.estate.interface_names import found_as, split_vlan
from libcloud_ovm3.estate.labels import WantedNetwork, bridge_name, wanted_network
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NetworkList, read_networks_to_change
from libcloud_ovm3.estate.unfound_networks import not_found
from libcloud_ovm3.estate.vm_bridges import VMBridge, lone_vlan_device, without_bridge
from libcloud_ovm3.estate.vms import VM, EstateSnapshot
from libcloud_ovm3.operations.consent import parse_consent, require_consent, what_is_cut
from libcloud_ovm3.operations.half_bridges import half_made, remove_half_made
from libcloud_ovm3.operations.moved_addresses import moving
from libcloud_ovm3.operations.network_changes import (
    NetworkChange,
    change_all,
    chosen_hosts,
    guarded,
)
from libcloud_ovm3.operations.network_doors import (
    Action,
    NetworkCall,
    bridge_call,
    local_bridge_call,
    vlan_bridge_call,
)
from libcloud_ovm3.operations.operation import Operation

_ALL_NEEDED = "a network is removed only while all hosts respond, as VMs on any may need it"
_PORT = re.compile(r"(?:vif|tap)([0-9]+)\.")  # of a guest, with its domain id


def delete_network(
    estate: Estate,
    network: object,
    host_ids: Sequence[str] | None,
    consent: object,
    notices: list[str],
) -> None:
    """Remove a network from one host or from all that have it.

    :param network: as :func:`.wanted_network` takes it.
    :param host_ids: of the hosts; None: all hosts of the estate.
    :param consent: what may be cut: :func:`.parse_consent`.
    :param notices: gets notices for the user, also if it fails.
    :raises NetworkNotFound: none of these hosts has it.
    :raises PreconditionFailed: a VM uses it, or may; or it would cut what the user has not
        consented to. Nothing was sent.
    :raises AgentFault: a host refused, and nothing is changed.
    :raises OperationIncomplete: whether it is removed is unknown, or it is only on some hosts.
    """
    wanted = wanted_network(network, estate.traffic_labels)
    agreed = parse_consent(consent)
    networks = read_networks_to_change(estate)
    chosen = chosen_hosts(networks, host_ids, but=_ALL_NEEDED)
    found = [(one, one.bridge(bridge_name(wanted, one))) for one in chosen]
    there = [(one, bridge) for one, bridge in found if bridge is not None]
    halves = [half for one in chosen for half in _halves(one, wanted)]
    if not there and not halves:
        raise not_found(networks, wanted, _left_vlans(chosen, wanted, networks))
    reasons = [
        reason
        for name in dict.fromkeys(bridge.name for _, bridge in there)
        for reason in users_of(networks, name)
    ]
    changes, cuts, kept = [], [], []
    for one, bridge in there:
        reasons += _addresses_lost(one, bridge, notices)
        cut = what_is_cut(one, bridge.parent or bridge.name)
        cuts.append((one, cut))
        try:
            changes.append(guarded(_plan(one, bridge), cut, _call("start", one, bridge)))
        except PreconditionFailed as error:
            kept.append((one.host.label, str(error)))
    reasons += by_reason(kept)
    if reasons:
        advice = (
            ". Stop and destroy these VMs, or detach these cards or put them on another network"
        )
        raise PreconditionFailed(
            f"network {wanted.text} was left unchanged: {'; '.join(dict.fromkeys(reasons))}"
            + (advice if any(one.startswith("VM ") for one in reasons) else "")
        )
    require_consent(cuts, agreed)
    operation = Operation(estate)
    change_all(operation, networks, changes, notices)
    for one, half in halves:
        remove_half_made(operation, one, half)


def _halves(network: HostNetwork, wanted: WantedNetwork) -> list[tuple[HostNetwork, VMBridge]]:
    """What the host module has half made of the bridge."""
    name = bridge_name(wanted, network)
    return [(network, half) for half in half_made(network) if half.name == name]


def _left_vlans(
    chosen: Sequence[HostNetwork], wanted: WantedNetwork, networks: NetworkList
) -> list[str]:
    """The VLAN device that a missing bridge would be on, where it is there, and what to do."""
    return [
        f"{one.host.label}: {without_bridge(tagged)}"
        for one in chosen
        if (tagged := lone_vlan_device(one, bridge_name(wanted, one), networks.labels))
    ]


def _addresses_lost(network: HostNetwork, bridge: HostBridge, notices: list[str]) -> Iterator[str]:
    """Why a bridge stays because of the host's own addresses on it.

    Those of a bridge on a NIC or bond go back to that (agent-behaviour 13). No source says so of a
    bridge over a VLAN; and that it is made again with them, if its removal is taken back.
    """
    device = network.device(bridge.parent)
    if not bridge.addresses or (device is not None and device.kind != VLAN):
        return
    what = f"{network.host.label}: {bridge.name} has {', '.join(bridge.addresses)}"
    if bridge.name in network.own_lines():
        yield f"{what}, by which the host is reached, and which would be gone with it"
    elif network.may_be_own_line(bridge.name):
        yield (
            f"{what}, which would be gone with it, and by which the host may be reached: give the "
            f"host by its IP address, or remove the bridge on the host itself"
        )
    else:
        notices.append(f"{what}, which goes with it")


# ------------------------------------------------------------------ who uses it


def users_of(networks: NetworkList, name: str) -> Iterator[str]:
    """Why a network is in use, or may be: anywhere in the estate, by a live domain or a vm.cfg.

    A VM on a VLAN ``<name>.<n>`` uses it too: the VLAN's bridge is made beside it where that is
    missing. A card that names no bridge may be on any.
    """
    snapshot = networks.estate
    for vm in snapshot.vms.values():
        yield from _uses(vm, name)
    for network, its in networks.bridge(name):
        ports = _strange_ports(its, network, snapshot)
        if ports:
            yield f"{network.host.label}: guests are on it: {', '.join(ports)}"
    unread = _unread(networks, snapshot)
    yield from (f"it may be in use: {error}" for error in unread)
    if snapshot.unreachable:
        yield _ALL_NEEDED


def _uses(vm: VM, name: str) -> Iterator[str]:
    """Which cards of a VM are on a network, or may be, in one text; nothing: none."""
    cards = [
        (card.bridge, f"live on {one.host.label}") for one in vm.live for card in one.domain.cards
    ]
    cards += [(vif.bridge, f"in {one.place}") for one in vm.definitions for vif in one.vifs]
    found = [(bridge, place) for bridge, place in cards if bridge is None or _is_of(bridge, name)]
    if found:
        bridges = dict.fromkeys(bridge or "a bridge that is not named" for bridge, _ in found)
        places = dict.fromkeys(place for _, place in found)
        yield f"VM {vm.label} has a card on {', '.join(bridges)} ({', '.join(places)})"


def _strange_ports(bridge: HostBridge, network: HostNetwork, snapshot: EstateSnapshot) -> list[str]:
    """The guests' ports on a bridge, but for those of VMs that are known to have a card on it."""
    known = {
        str(one.domain.domid)
        for vm in snapshot.vms.values()
        if vm.id in bridge.guests
        for one in vm.live
        if one.host.id == network.host.id
    }
    numbers = {port: _PORT.match(port) for port in bridge.guest_ports}
    return [port for port, form in numbers.items() if form is None or form[1] not in known]


def _is_of(bridge: str, name: str) -> bool:
    """Whether a card on a bridge of one name is on the network of the other."""
    vlan = split_vlan(bridge)
    return name in found_as(bridge) or (vlan is not None and name in found_as(vlan[0]))


def _unread(networks: NetworkList, snapshot: EstateSnapshot) -> list[str]:
    """What may have a card on any network, because it could not be read."""
    return [
        *(str(one.reason) for one in snapshot.unreachable),
        *(error for host in snapshot.hosts for error in host.errors),
        *(error for repository in snapshot.repositories for error in repository.errors),
        *(why for one in snapshot.definitions if (why := unread_cards(one))),
        *(one.unread for one in snapshot.hosts_off),
        *(f"{one.host.label}: {one.error}" for one in networks.hosts if one.error),
    ]


# ------------------------------------------------------------------ one host


def _plan(network: HostNetwork, bridge: HostBridge) -> NetworkChange:
    """How a host loses the bridge.

    :raises PreconditionFailed: it is not understood, or something else is on it.
    """
    if bridge.doubt:
        raise PreconditionFailed(bridge.doubt)
    others = set(bridge.ports) - {bridge.parent, *bridge.guest_ports}
    others |= set(_over(network, bridge))
    if others:
        raise PreconditionFailed(f"{', '.join(sorted(others))} is on it, too")
    device = network.device(bridge.parent)
    tagged = device.name if device and device.kind == VLAN else ""
    change = NetworkChange(
        network,
        f"bridge {bridge.name!r}",
        _call("stop", network, bridge),
        is_done=lambda now: now.bridge(bridge.name) is None and not now.device(tagged),
        is_undone=lambda now: _own(now.bridge(bridge.name)) == _own(bridge),
        why_not=partial(_why_not_now, before=bridge),
    )
    # The document shows no addresses of a NIC, and no source says that it shows those of a bond.
    is_seen = network.told is not None and device is not None and not tagged
    return moving(change, bridge.name, str(bridge.parent)) if is_seen else change


def _over(network: HostNetwork, bridge: HostBridge) -> list[str]:
    """The VLAN devices over a bridge, or over its VLAN device: they would go with it."""
    device = network.device(bridge.parent)
    gone = {bridge.name, device.name if device and device.kind == VLAN else bridge.name}
    return [one.name for one in network.devices if one.parent in gone]


def _own(bridge: HostBridge | None) -> HostBridge | None:
    """What the host itself has of a bridge: without its guests."""
    if bridge is None:
        return None
    ports = tuple(port for port in bridge.ports if port not in bridge.guest_ports)
    return replace(bridge, ports=ports, guest_ports=(), guests=())


def _call(action: Action, network: HostNetwork, bridge: HostBridge) -> NetworkCall:
    """What removes the bridge, or makes it as it is.

    :raises PreconditionFailed: the agent cannot be told to.
    """
    device = network.device(bridge.parent)
    if bridge.is_local:
        return local_bridge_call(action, bridge.name)
    if device is None:
        raise PreconditionFailed(f"it is on {bridge.parent}, of which nothing is reported")
    if device.kind != VLAN:
        return bridge_call(action, bridge.name, device.name)
    if device.vlan is None or device.name != f"{device.parent}.{device.vlan}":
        raise PreconditionFailed(
            f"its VLAN device {device.name} is not named <device>.<n>, so the agent cannot be told "
            f"to remove it"
        )
    return vlan_bridge_call(action, bridge.name, str(device.parent), device.vlan)


def _starting(now: HostNetwork, name: str) -> list[str]:
    """The VMs that the host module has recorded as users of a bridge, or of a VLAN beside it,
    before they are on it.

    :raises Ovm3Error: that could not be read.
    """
    module = now.host.module3
    found = module.bridges() if module is not None else ()
    return [user.user for one in found if _is_of(one.bridge, name) for user in one.users]


def _why_not_now(now: HostNetwork, *, before: HostBridge) -> str:
    """Why the bridge must not be removed any more; "": it may."""
    bridge = now.bridge(before.name)
    if bridge is None:
        return "it was gone"
    if bridge.guest_ports:
        return f"guests were on it: {', '.join(bridge.guest_ports)}"
    over = _over(now, bridge)
    if over:
        return f"devices were over it: {', '.join(over)}"
    users = _starting(now, bridge.name)
    if users:
        return (
            f"the host had recorded users of it: {', '.join(users)} (ex_release_networks removes "
            f"records of VMs that are gone)"
        )
    if (bridge.parent, bridge.ports, bridge.addresses) != (
        before.parent, before.ports, before.addresses,
    ):  # fmt: skip
        return "it had changed"
    return ""
