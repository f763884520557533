"""Which address hosts have seen with which MAC address: neighbour (ARP) tables, and leases of DHCP.

Pure.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent import hostmodule

if TYPE_CHECKING:
    from libcloud_ovm3.estate.hosts import HostView

# Device and address -> the MAC addresses that tables have for it, in lower case.
NeighbourTables = Mapping[tuple[str, str], frozenset[str]]
# Address -> the hosts that have it, each with the device; None: on any, as it is reached by it.
OwnAddresses = Mapping[str, frozenset[tuple[str | None, str]]]


def neighbour_tables(hosts: Sequence[HostView]) -> NeighbourTables:
    """The tables of all hosts with a host module: only complete entries, on devices on which the
    host has an IPv4 address. And the leases, which need none. Link-local addresses mean nothing on
    another host.
    """
    macs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for host in hosts:
        devices = {
            one["device"] for one in _entries(host, hostmodule.ADDRESSES) if one.get("family") == 4
        }
        for one in _entries(host, hostmodule.NEIGHBOURS):
            is_there = one.get("complete") is True and one["device"] in devices
            if is_there and not is_local(one["address"]):
                macs[one["device"], one["address"]].add(str(one.get("mac")).lower())
        for one in _leases(host):
            macs[one["device"], one["address"]].add(str(one.get("mac")).lower())
    return {key: frozenset(some) for key, some in macs.items()}


def leased(hosts: Sequence[HostView]) -> Mapping[tuple[str, str], set[str]]:
    """The devices and addresses that are there as leases, whether hosts know them otherwise too;
    with the ids of the hosts that have seen them as such.
    """
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for host in hosts:
        for one in _leases(host):
            found[one["device"], one["address"]].add(host.id)
    return dict(found)


def leases_of(host: HostView, mac: str) -> list[tuple[str, str]]:
    """Device and address of the leases of a card that a host has seen."""
    own = [one for one in _leases(host) if str(one.get("mac")).lower() == mac]
    return [(one["device"], one["address"]) for one in own]


def _leases(host: HostView) -> list[dict[str, Any]]:
    entries = _entries(host, hostmodule.DHCP_LEASES)
    return [one for one in entries if not is_local(one["address"])]


def own_addresses(hosts: Sequence[HostView]) -> OwnAddresses:
    """The addresses that hosts have themselves, as far as their modules tell, with the device; and
    those that they are registered with, or reached by: on whatever device that is.
    """
    found: dict[str, set[tuple[str | None, str]]] = defaultdict(set)
    for host in hosts:
        for one in _entries(host, hostmodule.ADDRESSES):
            found[one["address"]].add((one["device"], host.label))
        for address in {host.server.registered_ip, host.address.host}:
            found[address].add((None, host.label))
    return {address: frozenset(some) for address, some in found.items()}


def hosts_with(network: str | None, address: str, own: OwnAddresses) -> list[str]:
    """The hosts that have an address themselves on a network, sorted.

    :param network: its bridge; None: it may be any.
    """
    found = own.get(address, ())
    return sorted(
        {host for device, host in found if None in (network, device) or device == network}
    )


def addresses_seen(tables: NeighbourTables, own: OwnAddresses) -> dict[tuple[str, str], list[str]]:
    """The addresses by device and MAC address: those that no host has itself, and that no table has
    for another MAC address.
    """
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (device, address), macs in tables.items():
        if len(macs) == 1 and address not in own:
            found[device, next(iter(macs))].append(address)
    return {key: sorted(some, key=_order) for key, some in found.items()}


def other_macs(mac: str, network: str | None, address: str, tables: NeighbourTables) -> set[str]:
    """The MAC addresses, but for this one, with which an address was seen on a network.

    :param network: its bridge; None: it may be any.
    """
    if network is not None:
        return set(tables.get((network, address), ())) - {mac}
    found = (macs for (_, text), macs in tables.items() if text == address)
    return {one for macs in found for one in macs} - {mac}


def is_local(text: str) -> bool:
    """Whether it is an address that means nothing on another host, or is none."""
    try:
        return ipaddress.ip_address(text).is_link_local
    except ValueError:
        return True


def _entries(host: HostView, function: str) -> list[dict[str, Any]]:
    """The entries of a list of the host module that have a device and an address."""
    answer = host.answers.get(function) or []
    return [
        one
        for one in answer
        if isinstance(one, dict)
        and isinstance(one.get("device"), str)
        and isinstance(one.get("address"), str)
    ]


def _order(text: str) -> tuple[int, int]:
    address = ipaddress.ip_address(text)
    return address.version, int(address)
