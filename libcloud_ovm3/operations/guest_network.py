"""What a guest is told of its static addresses, as users say it and as cloud-init reads it. Pure.

Only what has a prefix length can be set in a guest; an address without one is recorded, and that is
all. The formats are cloud-init's own (its documentation, Networking Config Version 1 and 2). Cards
are named by their MAC addresses, as their names depend on the guest.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from libcloud_ovm3.agent.address import list_of
from libcloud_ovm3.errors import InvalidArgument

_Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
FORMATS = (1, 2)
_ANYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


class GuestAddresses(NamedTuple):
    """What a guest is told of one of its network cards.

    :ivar interfaces: Its static addresses with their prefix lengths, ``192.0.2.10/24``; none: it
        asks a DHCP server.
    :ivar gateways: Its default gateways, one of IPv4 and one of IPv6 at most.
    :ivar dns: The name servers that it asks.
    """

    interfaces: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()


class GuestCard(NamedTuple):
    """The same of a card that has a MAC address, in lower case."""

    mac: str
    addresses: GuestAddresses


# ------------------------------------------------------------------ what a user says


def split_addresses(given: Mapping[str, Any]) -> tuple[GuestAddresses, Any]:
    """What the guest is told, and the addresses without prefix lengths, for recording.

    :param given: A card as a mapping; ``address``, ``gateway`` and ``dns`` are each a text, with
        several separated by blanks or commas, or a list.
    :raises InvalidArgument: One is not valid; says what was expected.
    """
    address = given.get("address")
    texts = [] if address is None else _texts(address, "address")
    with_prefix = [one for one in texts if isinstance(one, str) and "/" in one]
    gateways = tuple(_parse(one, "gateway") for one in _texts(given.get("gateway"), "gateway"))
    dns = tuple(_parse(one, "dns") for one in _texts(given.get("dns"), "dns"))
    if not with_prefix:
        if gateways or dns:
            raise InvalidArgument(
                "gateway and dns of a network card: expected with an address that has a prefix "
                "length, as 192.0.2.10/24"
            )
        return GuestAddresses(), address
    if len(with_prefix) < len(texts):
        raise InvalidArgument(
            f"address {address!r} of a network card: expected a prefix length with each, or with "
            f"none"
        )
    interfaces = tuple(_interface(one) for one in texts)
    for gateway in gateways:
        _require_reachable(gateway, interfaces)
    if len({one.version for one in gateways}) < len(gateways):
        raise InvalidArgument("gateway: expected one of IPv4 and one of IPv6 at most")
    told = GuestAddresses(*(tuple(map(str, some)) for some in (interfaces, gateways, dns)))
    return told, [str(one.ip) for one in interfaces]


def _texts(value: Any, name: str) -> list[Any]:
    if value is None:
        return []
    return re.findall(r"[^,\s]+", value) if isinstance(value, str) else list_of(value, name)


def _parse(text: Any, name: str) -> _Address:
    try:
        found = ipaddress.ip_address(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.is_multicast or found.is_unspecified or "%" in text:
        raise InvalidArgument(f"{name} {text!r}: expected an IPv4 or IPv6 address")
    return found


def _interface(text: str) -> _Interface:
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        found = None
    number = "" if found is None else text.partition("/")[2]
    if found is None or not (number.isascii() and number.isdecimal()) or "%" in text:
        raise InvalidArgument(
            f"address {text!r}: expected an IPv4 or IPv6 address with a prefix length, as "
            f"192.0.2.10/24"
        )
    net = found.network
    ends = {net.network_address}
    if net.version == 4:
        ends.add(net.broadcast_address)
    if net.num_addresses > 2 and found.ip in ends:
        raise InvalidArgument(
            f"address {text!r}: the network {net} itself, or its broadcast address; expected that "
            f"of a machine"
        )
    return found


def _require_reachable(gateway: _Address, interfaces: Sequence[_Interface]) -> None:
    same = [one for one in interfaces if one.version == gateway.version]
    is_inside = any(gateway in one.network and gateway != one.ip for one in same)
    if not is_inside and not (same and gateway.version == 6 and gateway.is_link_local):
        raise InvalidArgument(
            f"gateway {gateway}: expected an address in the network of one of "
            f"{', '.join(map(str, interfaces))}, and not that itself"
        )


# ------------------------------------------------------------------ what the guest reads


def network_config(cards: Sequence[GuestCard], version: int) -> dict[str, Any] | None:
    """The content of ``network-config``; None: no card has a static address, so that the guest does
    what it does by itself.

    :param cards: All cards of the guest, in its order: one that is not named gets no address.
    :param version: Of the format, 1 or 2.
    """
    if not any(card.addresses.interfaces for card in cards):
        return None
    named = [(f"eth{number}", card) for number, card in enumerate(cards)]
    if version == 1:
        return {"version": 1, "config": [_physical(name, card) for name, card in named]}
    return {"version": 2, "ethernets": {name: _ethernet(name, card) for name, card in named}}


def _physical(name: str, card: GuestCard) -> dict[str, Any]:
    """A card in format 1. The first address of each IP version has the gateway of that version, the
    first of all the name servers."""
    told = card.addresses
    gateways = {ipaddress.ip_address(one).version: one for one in told.gateways}
    subnets: list[dict[str, Any]] = []
    for text in told.interfaces:
        version = ipaddress.ip_interface(text).version
        subnet = {"type": "static" if version == 4 else "static6", "address": text}
        if version in gateways:
            subnet["gateway"] = gateways.pop(version)
        subnets.append(subnet)
    if subnets and told.dns:
        subnets[0]["dns_nameservers"] = list(told.dns)
    return {
        "type": "physical",
        "name": name,
        "mac_address": card.mac,
        "subnets": subnets or [{"type": "dhcp"}],
    }


def _ethernet(name: str, card: GuestCard) -> dict[str, Any]:
    """A card in format 2."""
    told = card.addresses
    found: dict[str, Any] = {"match": {"macaddress": card.mac}, "set-name": name}
    if not told.interfaces:
        return {**found, "dhcp4": True}
    found["addresses"] = list(told.interfaces)
    if told.gateways:
        versions = [(one, ipaddress.ip_address(one).version) for one in told.gateways]
        found["routes"] = [{"to": _ANYWHERE[version], "via": one} for one, version in versions]
    if told.dns:
        found["nameservers"] = {"addresses": list(told.dns)}
    return found
