"""What a new address of a host takes over: its network becomes the way to all that is in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace

from libcloud_ovm3.agent.host_networks import Route
from libcloud_ovm3.agent.liveness import local_address
from libcloud_ovm3.estate.host_network import HostNetwork
from libcloud_ovm3.estate.networks import NetworkList
from libcloud_ovm3.estate.storage_lines import lines_to, storage_servers
from libcloud_ovm3.operations.consent import MANAGEMENT, ROLES, Cuts

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


def what_is_rerouted(
    networks: NetworkList, network: HostNetwork, bridge: str, address: ipaddress.IPv4Interface
) -> Cuts:
    """What a host would reach by another way if a bridge gets this address: role -> reasons.

    Counted are its servers of storage, the addresses with which the other members of its pool are
    registered, its gateways, and the address that this program calls it from. Of one without a
    known address, or without a known way, that is possible.
    """
    after = _with_address(network, bridge, address)
    found: dict[str, list[str]] = {}
    for role, what, target in _targets(networks, network):
        if target is None:
            found.setdefault(role, []).append(f"{what} may be in {address.network}")
        elif target in address.network and _is_taken_over(network, after, bridge, target):
            found.setdefault(role, []).append(
                f"{what} is in {address.network}, so {bridge} would be the way there"
            )
    return {role: tuple(dict.fromkeys(found[role])) for role in ROLES if role in found}


def _with_address(
    network: HostNetwork, bridge: str, address: ipaddress.IPv4Interface
) -> HostNetwork:
    """The same with this address, and with its route where the routes are known."""
    net = address.network
    bridges = tuple(
        replace(one, addresses=(address.with_prefixlen,)) if one.name == bridge else one
        for one in network.bridges
    )
    new = Route(bridge, str(net.network_address), net.prefixlen, "", 0)
    routes = None if network.routes is None else (*network.routes, new)
    return replace(network, bridges=bridges, routes=routes)


def _is_taken_over(before: HostNetwork, after: HostNetwork, bridge: str, target: IP) -> bool:
    now, then = lines_to(before, target), lines_to(after, target)
    return now != then and then is not None and bridge in then


def _targets(networks: NetworkList, network: HostNetwork) -> Iterator[tuple[str, str, IP | None]]:
    """Role, name and address of what a host has to reach."""
    for server in storage_servers(network.host):
        yield "storage", server.what, server.address
    is_clustered = network.host.server.cluster_state.strip().lower() != "offline"
    for name, text in _members(networks, network):
        target = _number(text)
        if target is not None:
            yield "migration", name, target
            yield from [("heartbeat", name, target)] if is_clustered else []
    for route in network.routes or ():
        gateway = _number(route.gateway)
        if gateway is not None:
            yield MANAGEMENT, f"the gateway {gateway} of {route.device}", gateway
    client = _number(local_address(network.host.address) or "")
    if client is not None:
        yield MANAGEMENT, f"{client}, from which this program calls the host,", client


def _members(networks: NetworkList, network: HostNetwork) -> Iterator[tuple[str, str]]:
    """Name and address of the other hosts of a pool; a silent host may be one of them."""
    own = network.host
    if not own.server.pool_uuid:
        return
    for other in networks.estate.hosts:
        if other.id != own.id and other.server.pool_uuid == own.server.pool_uuid:
            yield other.label, other.server.registered_ip
    for dead in networks.estate.unreachable:
        yield f"the unreachable host {dead.address}", dead.address.rpartition(":")[0].strip("[]")


def merged(*found: Cuts) -> Cuts:
    """Several of these as one."""
    return {
        role: tuple(reason for one in found for reason in one.get(role, ()))
        for role in ROLES
        if any(role in one for one in found)
    }


def _number(text: str) -> IP | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
