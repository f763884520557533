"""Changing what a network has on its hosts: the MTU, and the address of a host on it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from libcloud_ovm3.agent.address import mapping_of
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.control0 import ADDRESS
from libcloud_ovm3.estate.host_network import VLAN, HostBridge, HostNetwork
from libcloud_ovm3.estate.labels import WantedNetwork, bridge_name, wanted_network
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NetworkList, read_networks_to_change, with_mtus
from libcloud_ovm3.estate.unfound_networks import not_found
from libcloud_ovm3.estate.vm_bridges import CONTROL
from libcloud_ovm3.operations.consent import Cuts, parse_consent, require_consent, what_is_cut
from libcloud_ovm3.operations.network_changes import (
    NetworkChange,
    change_all,
    chosen_hosts,
    guarded,
)
from libcloud_ovm3.operations.network_doors import address_call, mtu_call, no_address_call
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.rerouting import merged, what_is_rerouted

MTUS = range(1500, 64001)  # bytes; the agent's own limits (agent-behaviour 13)

Planned = tuple[HostNetwork, NetworkChange | None, Cuts]


def update_network(
    estate: Estate,
    network: object,
    mtu: int | str | None,
    address: object,
    host_ids: Sequence[str] | None,
    consent: object,
    notices: list[str],
) -> tuple[NetworkList, str, list[NetworkChange]]:
    """Set the MTU of a network, or the address that a host has on it. What is so already is left.

    :param network: as :func:`.wanted_network` takes it.
    :param mtu: in bytes; None: stays.
    :param address: ``10.0.0.5/24``, of one host; a mapping from hosts, also as the text
        ``ovm-1=10.0.0.5/24,ovm-2=10.0.0.6/24``; None: stays.
    :param host_ids: of the hosts; None: all hosts of the estate that have the network.
    :param consent: what may be cut: :func:`.parse_consent`.
    :param notices: gets notices for the user, also if it fails.
    :return: the networks as they are now, the name of the bridge, and what was changed.
    :raises InvalidArgument: an argument is not valid.
    :raises NetworkNotFound: no host has the network.
    :raises PreconditionFailed: a host lacks it or cannot be changed so, the address is taken, or it
        would cut what the user has not consented to. Nothing was sent.
    :raises AgentFault: a host refused; what was changed before is changed back.
    :raises OperationIncomplete: whether it is changed is unknown, or it is only in part.
    """
    wanted = wanted_network(network, estate.traffic_labels)
    size, addresses = _parse_mtu(mtu), _parse_addresses(address, host_ids)
    agreed = parse_consent(consent)
    if size is None and not addresses:
        raise InvalidArgument(f"network {wanted.text}: expected ex_mtu or ex_address")
    networks = read_networks_to_change(estate)
    chosen = chosen_hosts(networks, [*addresses] if host_ids is None and addresses else host_ids)
    named = host_ids is not None or bool(addresses)
    there = _bridges(networks, chosen, wanted, named, [bridge_name(wanted, one) for one in chosen])
    planned: list[Planned] = []
    if size is not None:
        planned += [_set_mtu(one, bridge, size, notices) for one, bridge in there]
    if addresses:
        planned += _set_addresses(networks, there, addresses)
    changes = [change for _, change, _ in planned if change]
    require_consent([(one, cuts) for one, change, cuts in planned if change], agreed)
    networks = change_all(Operation(estate), networks, changes, notices)
    return networks, there[0][1].name, changes


def _bridges(
    networks: NetworkList,
    chosen: Sequence[HostNetwork],
    wanted: WantedNetwork,
    named: bool,
    names: Sequence[str],
) -> list[tuple[HostNetwork, HostBridge]]:
    """The bridge of each host; of all hosts, of those that have it."""
    found = [(one, one.bridge(name)) for one, name in zip(chosen, names, strict=True)]
    there = [(one, bridge) for one, bridge in found if bridge is not None]
    if not there:
        raise not_found(networks, wanted)
    lacking = [one.host.label for one, bridge in found if bridge is None]
    if named and lacking:
        raise PreconditionFailed(
            f"network {wanted.text} was left unchanged: it is not on {', '.join(lacking)}"
        )
    return there


# ------------------------------------------------------------------ MTU


def _parse_mtu(mtu: int | str | None) -> int | None:
    if mtu is None:
        return None
    text = "" if isinstance(mtu, bool) else str(mtu).strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) in MTUS):
        raise InvalidArgument(f"MTU {mtu!r}: expected bytes, {MTUS[0]} to {MTUS[-1]}")
    return int(text)


def _set_mtu(network: HostNetwork, bridge: HostBridge, mtu: int, notices: list[str]) -> Planned:
    """The agent sets it by the device, for all that hangs on that (agent-behaviour 13)."""
    device = network.device(bridge.parent)
    where = f"the MTU of {bridge.name} on {network.host.label} was left unchanged"
    if bridge.doubt or device is None:
        why = bridge.doubt or "the agent sets none of a bridge without a device"
        raise PreconditionFailed(f"{where}: {why}")
    size = _mtu_of_bridge(with_mtus(network), bridge.name)
    if device.mtu == mtu and size in (mtu, None):
        if size is None:  # nothing would show whether a request has arrived
            notices.append(
                f"{where}: {device.name}, which it is on, has {mtu} already; that of the bridge "
                f"itself is not known without a host module of API 3"
            )
        return network, None, {}
    _require_not_control(bridge, where)
    below = network.device(device.parent) if device.kind == VLAN else None
    if below and below.mtu is not None and mtu > below.mtu:
        raise PreconditionFailed(
            f"{where}: {mtu} is more than that of {below.name}, {below.mtu}, on which its VLAN is; "
            f"{_raised_by(network, below.name)}"
        )
    lowered = [
        one.name
        for one in network.devices
        if one.parent == device.name and one.mtu is not None and one.mtu > mtu
    ]
    if lowered:
        notices.append(
            f"{network.host.label}: {', '.join(lowered)} gets the MTU {mtu} with {device.name}"
        )
    old = device.mtu
    was = old if old != mtu else size
    has_undo = old in MTUS and size in (old, None) and not lowered
    change = NetworkChange(
        network,
        f"the MTU of {bridge.name!r}",
        mtu_call(device.name, mtu),
        is_done=lambda now: _has_mtu(now, device.name, bridge.name, mtu, mtu),
        is_undone=lambda now: _has_mtu(now, device.name, bridge.name, old, size),
        undo=mtu_call(device.name, old) if old and has_undo else None,
        sees=with_mtus,
        news=f"MTU {mtu} (was {was or 'not known'})",
    )
    cuts = what_is_cut(network, device.name)
    back = mtu_call(device.name, old) if old in MTUS and old else None
    return network, guarded(change, cuts, back), cuts


def _raised_by(network: HostNetwork, device: str) -> str:
    on_it = network.bridge_on(device)
    if on_it is None:
        return f"no bridge is on {device} itself, by which that could be raised"
    return f"raise that first, by the network {on_it.name} (ex_update_network)"


def _require_not_control(bridge: HostBridge, where: str) -> None:
    """Check that it is not ``control0``, which nothing but its repair changes.

    :raises PreconditionFailed: it is.
    """
    if bridge.name == CONTROL:
        raise PreconditionFailed(
            f"{where}: this is the local bridge of system VMs, on no device, and with {ADDRESS} on "
            f"every host; ex_repair_control0 makes it so"
        )


def _has_mtu(
    network: HostNetwork, device: str, bridge: str, below: int | None, size: int | None
) -> bool:
    """Whether the device has the one MTU and its bridge the other one, or that is not shown."""
    found = network.device(device)
    seen = _mtu_of_bridge(network, bridge)
    return found is not None and found.mtu == below and (seen == size or None in (seen, size))


def _mtu_of_bridge(network: HostNetwork, name: str) -> int | None:
    bridge = network.bridge(name)
    return bridge.mtu if bridge else None


# ------------------------------------------------------------------ addresses


def _parse_addresses(
    value: object, host_ids: Sequence[str] | None
) -> dict[str, ipaddress.IPv4Interface]:
    """Host -> address."""
    if value is None:
        return {}
    if isinstance(value, str) and "=" in value:
        value = mapping_of(value, "ex_address")
    if isinstance(value, Mapping):
        if host_ids is not None or not value:
            raise InvalidArgument("ex_address: expected either a mapping from hosts, or location")
        return {str(host): _parse_address(one) for host, one in value.items()}
    if host_ids is None or len(host_ids) != 1:
        raise InvalidArgument(
            f"ex_address {value!r}: an address is of one host: name it (location), or give several "
            f"as HOST=ADDRESS/PREFIX,..."
        )
    return {host_ids[0]: _parse_address(value)}


def _parse_address(value: object) -> ipaddress.IPv4Interface:
    try:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError("no netmask")
        found = ipaddress.IPv4Interface(value.strip())
    except ValueError as error:
        raise InvalidArgument(
            f"ex_address {value!r}: expected an IPv4 address such as 10.0.0.5/24: {error}"
        ) from None
    network = found.network
    ends = (network.network_address, network.broadcast_address) if network.prefixlen < 31 else ()
    if found.ip in ends or found.ip.is_multicast or found.ip.is_loopback or found.ip.is_unspecified:
        raise InvalidArgument(f"ex_address {value!r}: {found.ip} is not an address for a host")
    return found


def _set_addresses(
    networks: NetworkList,
    there: Sequence[tuple[HostNetwork, HostBridge]],
    addresses: Mapping[str, ipaddress.IPv4Interface],
) -> list[Planned]:
    found = []
    if len(there) < len(addresses):
        raise InvalidArgument(f"ex_address: some of {', '.join(addresses)} are one host")
    for host_id, address in addresses.items():
        [(network, bridge)] = [one for one in there if one[0] in chosen_hosts(networks, [host_id])]
        found.append(_set_address(networks, network, bridge, address))
    taken = [str(address.ip) for address in addresses.values()]
    if len(set(taken)) < len(taken):
        raise InvalidArgument(f"ex_address: two hosts cannot have one address: {', '.join(taken)}")
    return found


def _set_address(
    networks: NetworkList,
    network: HostNetwork,
    bridge: HostBridge,
    address: ipaddress.IPv4Interface,
) -> Planned:
    """That the agent gives a bridge an address, only flows.md 2.3 shows, of control0."""
    wanted, known = address.with_prefixlen, network.addresses_of(bridge.name)
    if known == (wanted,):
        return network, None, {}
    where = f"the address of {network.host.label} on {bridge.name} was left unchanged"
    _require_not_control(bridge, where)
    if bridge.name in network.own_lines():
        raise PreconditionFailed(
            f"{where}: this is the address that the host is reached by, so nobody could see or "
            f"undo the change; change it on the host itself"
        )
    if known and network.may_be_own_line(bridge.name):
        raise PreconditionFailed(
            f"{where}: the host may be reached by {', '.join(known)}, as it shows none "
            f"of {', '.join(network.unseen_own_addresses())}; give the host by its IP address, or "
            f"change it on the host itself"
        )
    if len(known) > 1:
        raise PreconditionFailed(f"{where}: it has several: {', '.join(known)}")
    if known != bridge.addresses:
        raise PreconditionFailed(
            f"{where}: the agent does not report the one that it has, {known[0]}, so nobody could "
            f"see the change; change it on the host itself"
        )
    taken = next(_taken(networks, network, bridge, address), None)
    if taken:
        raise PreconditionFailed(f"{where}: {taken}")
    before = bridge.addresses
    old = _interface(before[0]) if before else None
    change = NetworkChange(
        network,
        f"the address on {bridge.name!r}",
        address_call(bridge.name, str(address.ip), str(address.netmask)),
        is_done=lambda now: _of_bridge(now, bridge.name) == (wanted,),
        is_undone=lambda now: _of_bridge(now, bridge.name) == before,
        undo=address_call(bridge.name, str(old.ip), str(old.netmask)) if old else None,
        news=f"address {wanted} (was {before[0] if before else 'none'})",
    )
    taken_over = what_is_rerouted(networks, network, bridge.name, address)
    cuts = merged(what_is_cut(network, bridge.name) if before else {}, taken_over)
    back = change.undo or no_address_call(bridge.name)
    moving = replace(change, is_moving=bool(taken_over))
    return network, guarded(moving, cuts, back), cuts


def _taken(
    networks: NetworkList,
    network: HostNetwork,
    bridge: HostBridge,
    address: ipaddress.IPv4Interface,
) -> Iterator[str]:
    """Why an address, or its network, is in use elsewhere."""
    for dead in networks.estate.unreachable:
        if dead.address.rpartition(":")[0] == str(address.ip):
            yield f"the unreachable host {dead.address} has it"
    for other in networks.hosts:
        for name, text in _addresses(other):
            if (other, name) == (network, bridge.name):
                continue
            if text.partition("/")[0] == str(address.ip):
                yield f"{name} on {other.host.label} has {address.ip}"
            if other is network and _overlaps(text, address):
                yield f"{name} has {text}, in the same network"
        for own in map(_ip, sorted(other.own_addresses())):
            if own == address.ip:
                yield f"{other.host.label} is reached by {own}"
            if other is network and own in address.network:
                yield f"{own}, its own, is in the same network"


def _addresses(network: HostNetwork) -> list[tuple[str, str]]:
    """Interface and address, of all that the host reports or its module tells."""
    names = dict.fromkeys([*network.names(), *(network.told or {})])
    names.pop("lo", None)  # every host has its address
    return [(name, text) for name in names for text in network.addresses_of(name)]


def _of_bridge(network: HostNetwork, name: str) -> tuple[str, ...]:
    bridge = network.bridge(name)
    return bridge.addresses if bridge else ()


def _ip(text: str) -> ipaddress.IPv4Address | None:
    """An address; None of a name."""
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def _interface(text: str) -> ipaddress.IPv4Interface | None:
    try:
        return ipaddress.IPv4Interface(text)
    except ValueError:
        return None


def _overlaps(text: str, address: ipaddress.IPv4Interface) -> bool:
    other = _interface(text)
    return other is not None and other.network.overlaps(address.network)
