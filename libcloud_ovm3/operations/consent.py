"""What a change of a host's network may cut, and the user's consent to that (``ex_force``).

The host module tells the addresses, routes and servers of storage of a host. Without it these are
known in part: the document of discover_network shows no addresses of NICs, VLAN devices and some
bonds. Where what is not known may matter, the consent is asked for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed, by_reason
from libcloud_ovm3.estate.host_network import BOND, NIC, VLAN, HostDevice, HostNetwork, roles_of
from libcloud_ovm3.estate.storage_lines import StorageServer, lines_to, storage_servers

MANAGEMENT = "management"
ROLES = (MANAGEMENT, "heartbeat", "migration", "storage")
# The words of the Manager's metadata (agent-behaviour 13).
_WORDS = {
    "MANAGEMENT": MANAGEMENT,
    "CLUSTER_HEARTBEAT": "heartbeat",
    "LIVE_MIGRATE": "migration",
    "STORAGE": "storage",
}

Cuts = Mapping[str, tuple[str, ...]]


def parse_consent(value: object) -> frozenset[str]:
    """The roles that may be cut, as a user gives them: ``"management,storage"``, a list, ``all``.

    :raises InvalidArgument: one is none of :data:`ROLES`, nor ``all``. True names nothing.
    """
    if value is None or value is False:
        return frozenset()
    words = value.split(",") if isinstance(value, str) else value
    if isinstance(words, list | tuple | set | frozenset) and all(
        isinstance(word, str) for word in words
    ):
        named = {str(word).strip().lower() for word in words if str(word).strip()}
        if named <= {*ROLES, "all"}:
            return frozenset(ROLES if "all" in named else named)
    raise InvalidArgument(
        f"ex_force {value!r}: expected what may be cut, of {', '.join(ROLES)}, or all"
    )


def what_is_cut(network: HostNetwork, device: str) -> Cuts:
    """What a change of a device may cut on its host, and why: role -> reasons.

    :param device: a NIC, bond, VLAN device or local bridge. It counts with the bridge on it, the
        bond that it is in, or may be in, its slaves, and the VLAN devices on it with their bridges.
        What a host without a host module has storage from is read, where one of these has an
        address or may have one.
    """
    found: dict[str, list[str]] = {}
    names = _concerned(network, device)
    for name in names:
        for role, reason in _roles(network, name):
            found.setdefault(role, []).append(reason)
    ways_out = [name for name in names if _may_lead_out(network, name)]
    servers = storage_servers(network.host) if ways_out else ()
    for name in ways_out:
        found.setdefault("storage", []).extend(_storage(network, name, servers))
    found = {role: reasons for role, reasons in found.items() if reasons}
    return {role: tuple(dict.fromkeys(found[role])) for role in ROLES if role in found}


def require_consent(cuts: Iterable[tuple[HostNetwork, Cuts]], consent: frozenset[str]) -> None:
    """Check that the user has agreed to all that would be cut on these hosts.

    :raises PreconditionFailed: not to all; names it, and the argument that consents.
    """
    found = list(cuts)
    needed = [role for role in ROLES if any(role in cut for _, cut in found)]
    if set(needed) <= consent:
        return
    reasons = [
        f"{role} on {who}"
        for role in ROLES
        for who in by_reason(
            (network.host.label, ", ".join(cut[role])) for network, cut in found if role in cut
        )
    ]
    unguarded = [
        network.host.label
        for network, cut in found
        if MANAGEMENT in cut and network.host.module3 is None
    ]
    nobody = (
        f" Nobody takes that back on {', '.join(unguarded)}, without a host module of API 3 "
        f"(`ovm3 host install`): a host that is cut off has to be mended at its console."
    )
    options = " ".join(f"--force {role}" for role in needed)
    raise PreconditionFailed(
        f"nothing was changed, as this may cut {'; '.join(reasons)}."
        f"{nobody if unguarded else ''} If that is what you want, "
        f"consent with ex_force={needed!r} ({options})"
    )


def _concerned(network: HostNetwork, device: str) -> list[str]:
    """The device, and all that stops with it."""
    found: dict[str, None] = {}
    new = [device]
    while new:
        name = new.pop(0)
        if name in found:
            continue
        found[name] = None
        own = network.device(name)
        on_it = network.bridge_on(name)
        new += [one.name for one in network.devices if one.parent == name and one.kind == VLAN]
        new += [on_it.name] if on_it else []
        new += [own.bond] if own and own.bond else []
        new += own.slaves if own else ()
        if own and own.kind == NIC and not own.bond and not on_it:
            new += [one.name for one in network.devices if _may_have_any_slave(one)]
    return list(found)


def _may_have_any_slave(device: HostDevice) -> bool:
    """Whether it is a bond that the document has no Bonding entry of."""
    return device.kind == BOND and device.mode is None and not device.slaves


def _roles(network: HostNetwork, name: str) -> Iterator[tuple[str, str]]:
    """The roles that an interface has by itself, each with the reason."""
    device, bridge = network.device(name), network.bridge(name)
    for metadata in (one.metadata for one in (device, bridge) if one and one.metadata):
        if metadata.strip() and not roles_of(metadata):
            yield from ((role, f"{name} has the unknown metadata {metadata!r}") for role in ROLES)
        for word in roles_of(metadata):
            if word in _WORDS:
                yield _WORDS[word], f"role {word} of {name}"
    own = network.own_addresses()
    for text in network.addresses_of(name):
        if text.partition("/")[0] in own:
            yield MANAGEMENT, f"{name} has the address of the host"
    unseen = ", ".join(network.unseen_own_addresses())
    if name not in network.own_lines() and network.may_be_own_line(name):
        yield MANAGEMENT, f"{name} may have the address of the host ({unseen}), which nothing shows"
    yield from _pool_roles(network, name)


def _pool_roles(network: HostNetwork, name: str) -> Iterator[tuple[str, str]]:
    """What members of a pool reach each other by: the addresses with which they are registered
    (flows 5, 14; case N33), unless the Manager has recorded another interface for it.
    """
    server = network.host.server
    if not server.pool_uuid:
        return
    registered = network.lines_of(frozenset({server.registered_ip}))
    if name in registered:
        why = f"{name} has the address with which the host is in its pool"
    elif network.may_have(name, server.registered_ip):
        why = f"{name} may have the address {server.registered_ip}, with which it is in its pool"
    else:
        return
    texts = [one.metadata for one in network.devices] + [one.metadata for one in network.bridges]
    recorded = {role for text in texts for role in roles_of(text)}
    if "LIVE_MIGRATE" not in recorded:
        yield "migration", why
    if "CLUSTER_HEARTBEAT" not in recorded and server.cluster_state.strip().lower() != "offline":
        yield (
            "heartbeat",
            f"{why}, whose cluster is {server.cluster_state or 'in an unknown state'}",
        )


def _may_lead_out(network: HostNetwork, name: str) -> bool:
    """Whether it has, or may have, an address that leads to other machines."""
    texts = [text.partition("/")[0] for text in network.addresses_of(name)]
    return network.hides_addresses(name) or not all(map(_is_link_local, texts))


def _is_link_local(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_link_local
    except ValueError:
        return False


def _storage(network: HostNetwork, name: str, servers: Sequence[StorageServer]) -> Iterator[str]:
    """Which servers are, or may be, reached by an interface."""
    for server in servers:
        lines = lines_to(network, server.address) if server.address else None
        if lines is None:
            yield f"{server.what}, which may be reached by {name}"
        elif name in lines:
            yield f"{server.what}, reached by {name}"
