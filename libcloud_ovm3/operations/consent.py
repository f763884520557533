"""What a change of a host's network may cut, and the user's consent to that (``ex_force``).

Read from the document of discover_network alone, so what it does not show is not known: addresses
of NICs, VLAN devices and some bonds, and which bridge a name of an NFS server leads to. Where that
may matter, the consent is asked for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.host_network import BOND, NIC, VLAN, HostDevice, HostNetwork, roles_of

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
    """
    found: dict[str, list[str]] = {}
    for name in _concerned(network, device):
        for role, reason in _roles(network, name):
            found.setdefault(role, []).append(reason)
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
        f"{network.host.label}: {role} ({', '.join(cut[role])})"
        for network, cut in found
        for role in ROLES
        if role in cut
    ]
    options = " ".join(f"--force {role}" for role in needed)
    raise PreconditionFailed(
        f"nothing was changed, as this may cut {'; '.join(reasons)}. If that is what you want, "
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
    addresses = [text for one in (device, bridge) if one for text in one.addresses]
    own = network.own_addresses()
    for text in addresses:
        if text.partition("/")[0] in own:
            yield MANAGEMENT, f"{name} has the address {text}"
    if device and device.kind == BOND and network.hides_addresses(name):
        addresses.append("")
    for text in addresses:
        yield from (("storage", reason) for reason in _storage(network, name, text))
    if not network.own_lines() and network.may_be_own_line(name):
        yield (
            MANAGEMENT,
            f"{name} may have the address of the host ({', '.join(sorted(own))}), which no bridge "
            f"and no bond shows",
        )


def _storage(network: HostNetwork, name: str, address: str) -> Iterator[str]:
    """Which mounted NFS servers are, or may be, reached by an interface with this address; "": with
    any address.
    """
    by = f"{name} ({address or 'its addresses are not shown'})"
    if network.host.repositories_error is not None:
        yield f"which repositories are mounted is not known, some may be reached by {by}"
    for record in network.host.repositories:
        server, colon, _ = record.fs_location.rpartition(":")
        if not colon or not record.is_mounted:
            continue
        where = f"repository {record.alias or record.id} is mounted from {server}"
        try:
            near = ipaddress.ip_address(server.strip("[]")) in _network_of(address)
        except ValueError:
            yield f"{where}, which may be reached by {by}"
        else:
            if near:
                yield f"{where}, reached by {by}"


def _network_of(address: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if "/" not in address:
        raise ValueError("no netmask")
    return ipaddress.ip_interface(address).network
