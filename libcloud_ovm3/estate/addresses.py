"""The IP addresses of VMs, as far as they are known. Pure but for one read.

A hypervisor does not know its guests' addresses. Three sources do, where a host has the host module
(API 3): the document ``addresses`` of a repository has the static addresses that were given to
network cards, the hosts' neighbour tables have those of guests that a host itself has talked to,
and where DHCP was watched its leases are known. Everything else is unknown, never guessed.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from libcloud_ovm3.agent import documents, hostmodule
from libcloud_ovm3.agent.address import list_of
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.interface_names import label_bridge, split_vlan
from libcloud_ovm3.estate.neighbours import (
    NeighbourTables,
    OwnAddresses,
    addresses_seen,
    hosts_with,
    leased,
    neighbour_tables,
    other_macs,
    own_addresses,
)
from libcloud_ovm3.estate.recorded import Recorded, recorded_in

if TYPE_CHECKING:
    from libcloud_ovm3.estate.hosts import HostView
    from libcloud_ovm3.estate.members import Estate
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import VM

DOCUMENT = "addresses"
RECORDED, NEIGHBOURS, DHCP = "recorded", "neighbours", "dhcp"
_NETWORK = "discover_network"


@dataclass(frozen=True)
class VMAddress:
    """One address of a VM.

    :ivar mac: The network card that has it, in lower case.
    :ivar network: The bridge of that card; None: unknown.
    :ivar source: ``recorded``: it was given to the card; ``neighbours``: a host has seen it;
        ``dhcp``: a host has seen that a DHCP server gave it to the card.
    """

    address: str
    mac: str
    network: str | None
    source: str
    is_public: bool = False


def parse_addresses(value: Any, name: str) -> tuple[str, ...]:
    """The static addresses of a card: one text, or a list; each in its usual notation, once.

    :param name: The name of the argument, for the error.
    :raises InvalidArgument: One is not an IPv4 or IPv6 address that one machine can have.
    """
    texts = re.findall(r"[^,\s]+", value) if isinstance(value, str) else list_of(value, name)
    return tuple(dict.fromkeys(_parse_address(text, name) for text in texts))


def _parse_address(text: Any, name: str) -> str:
    try:
        address = ipaddress.ip_address(text) if isinstance(text, str) else None
    except ValueError:
        address = None
    if address is None or address.is_multicast or address.is_unspecified or address.is_loopback:
        raise InvalidArgument(
            f"{name} {text!r}: expected an IPv4 or IPv6 address of a guest, without a prefix "
            f"length; not loopback, multicast or all zeros"
        )
    return str(address)


def reads_for(estate: Estate) -> tuple[str, ...]:
    """What the host modules bring along so that addresses are known and sorted."""
    labels = set(estate.public_networks) & set(estate.traffic_labels)
    own = (hostmodule.NEIGHBOURS, hostmodule.ADDRESSES, hostmodule.DHCP_LEASES)
    return (*own, _NETWORK) if labels else own


class Given(NamedTuple):
    """A static address that is recorded for a card which its VM has."""

    vm: VM
    mac: str
    network: str | None
    address: str


def with_addresses(
    vms: Mapping[str, VM],
    hosts: Sequence[HostView],
    repositories: Sequence[Repository],
    estate: Estate,
) -> tuple[dict[str, VM], tuple[str, ...]]:
    """The VMs with their addresses, and notices of what could not be read. Pure.

    Not shown is an address of a card whose MAC address another VM has as well; nor one that is
    recorded for one card and that a host has seen with the MAC address of another one: for neither;
    nor one that a host has itself.
    """
    recorded = {one.key: recorded_of(one) for one in repositories}
    notices = tuple(one.error for one in recorded.values() if one.error)
    tables = neighbour_tables(hosts)
    given = _given(vms.values(), recorded)
    if not tables and not given:
        return dict(vms), notices
    is_public = public_test(estate, hosts)
    owners = _owners(vms.values())
    own_of_hosts = own_addresses(hosts)
    seen, leases = addresses_seen(tables, own_of_hosts), leased(hosts)
    of_vm: dict[str, list[Given]] = defaultdict(list)
    with_text: dict[str, list[Given]] = defaultdict(list)
    for one in given:
        of_vm[one.vm.id].append(one)
        with_text[one.address].append(one)

    def with_its_own(vm: VM) -> VM:
        found = list[VMAddress]()
        for mac, network in cards(vm).items():
            if len(owners[mac]) == 1:
                own = _of_card(mac, of_vm.get(vm.id, ()), tables, own_of_hosts)
                found += _seen_of(vm, mac, network, seen, leases, with_text) if own is None else own
        public = (replace(one, is_public=is_public(one.network)) for one in found)
        return replace(vm, addresses=tuple(public)) if found else vm

    return {vm.id: with_its_own(vm) for vm in vms.values()}, notices


def recorded_addresses(
    recorded: Iterable[tuple[str, str, Sequence[str]]],
    vms: Iterable[VM],
    hosts: Sequence[HostView],
    estate: Estate,
) -> tuple[VMAddress, ...]:
    """What :func:`with_addresses` will find of cards whose static addresses were just recorded.

    :param recorded: MAC address, bridge and addresses of each card.
    :param vms: all other VMs.
    """
    is_public = public_test(estate, hosts)
    tables, owners, own = neighbour_tables(hosts), _owners(vms), own_addresses(hosts)
    return tuple(
        VMAddress(text, mac, network, RECORDED, is_public(network))
        for mac, network, texts in recorded
        if mac not in owners
        for text in texts
        if not _is_elsewhere(mac, network, text, tables, own)
    )


def given_addresses(vms: Iterable[VM], repositories: Iterable[Repository]) -> list[Given]:
    """All static addresses that are recorded for cards which these VMs have, shown or not."""
    return _given(vms, {one.key: recorded_of(one) for one in repositories})


def addresses_given_to(
    vm: VM, mac: str | None, repositories: Iterable[Repository]
) -> tuple[str, ...]:
    """The static addresses that are recorded for a card of a VM, shown or not."""
    recorded = {one.key: recorded_of(one) for one in repositories}
    return tuple(_recorded_of(vm, mac, recorded)) if mac else ()


def _given(vms: Iterable[VM], recorded: Mapping[str, Recorded]) -> list[Given]:
    if not any(one.entries for one in recorded.values()):
        return []
    return [
        Given(vm, mac, network, text)
        for vm in vms
        for mac, network in cards(vm).items()
        for text in _recorded_of(vm, mac, recorded)
    ]


def _recorded_of(vm: VM, mac: str, recorded: Mapping[str, Recorded]) -> list[str]:
    own = [recorded[key].entries.get(vm.id, {}).get(mac) for key in _repositories_of(vm, recorded)]
    return _valid(text for texts in own if isinstance(texts, list) for text in texts)


def cards(vm: VM) -> dict[str, str | None]:
    """The MAC addresses of a VM's cards -> the bridge; None: unknown, or there are several. While
    it is live its domain is right, if that shows its cards."""
    found = _bridge_of_each((c.mac, c.bridge) for one in vm.definitions for c in one.vifs)
    live = _bridge_of_each((c.mac, c.bridge) for lived in vm.live for c in lived.domain.cards)
    return {mac: bridge or found.get(mac) for mac, bridge in live.items()} if live else found


def _bridge_of_each(pairs: Iterable[tuple[str | None, str | None]]) -> dict[str, str | None]:
    bridges: dict[str, set[str | None]] = defaultdict(set)
    for mac, bridge in pairs:
        if mac:
            bridges[mac].add(bridge)
    return {mac: some.pop() if len(some) == 1 else None for mac, some in bridges.items()}


def _owners(vms: Iterable[VM]) -> dict[str, set[str]]:
    """The VMs that may have a MAC address, live or by any of their definitions."""
    owners: dict[str, set[str]] = defaultdict(set)
    for vm in vms:
        defined = {card.mac for one in vm.definitions for card in one.vifs if card.mac}
        for mac in defined | {mac for one in vm.live for mac in one.domain.macs}:
            owners[mac].add(vm.id)
    return owners


def _is_elsewhere(
    mac: str, network: str | None, address: str, tables: NeighbourTables, hosts: OwnAddresses
) -> bool:
    """Whether a host has an address itself, or has seen it with another MAC address."""
    return bool(other_macs(mac, network, address, tables) or hosts_with(network, address, hosts))


def _of_card(
    mac: str, given: Iterable[Given], tables: NeighbourTables, hosts: OwnAddresses
) -> list[VMAddress] | None:
    """The addresses that were given to a card and that no host contradicts; None: none was."""
    own = [one for one in given if one.mac == mac]
    return (
        [
            VMAddress(one.address, mac, one.network, RECORDED)
            for one in own
            if not _is_elsewhere(mac, one.network, one.address, tables, hosts)
        ]
        if own
        else None
    )


def _seen_of(
    vm: VM,
    mac: str,
    network: str | None,
    seen: Mapping[tuple[str, str], Sequence[str]],
    leases: Mapping[tuple[str, str], Collection[str]],
    given: Mapping[str, Sequence[Given]],
) -> list[VMAddress]:
    """The addresses that hosts have seen of a card while its VM is live, but for those that were
    given to another card. Leases first: an entry of a table may be from before. If its own host has
    seen a lease, one of another host is from before, too."""
    if not vm.live or network is None:
        return []
    texts, here = seen.get((network, mac), ()), {one.host.id for one in vm.live}
    own = [text for text in texts if here & set(leases.get((network, text), ()))]
    found = [
        VMAddress(text, mac, network, DHCP if (network, text) in leases else NEIGHBOURS)
        for text in texts
        if (text in own or not own or (network, text) not in leases)
        and not any(one.network in (network, None) for one in given.get(text, ()))
    ]
    return sorted(found, key=lambda one: one.source != DHCP)


def _repositories_of(vm: VM, recorded: Mapping[str, Recorded]) -> set[str]:
    keys = {undashed(one.repository_id) or one.repository_id for one in vm.definitions}
    return keys & recorded.keys()


def _valid(texts: Iterable[object]) -> list[str]:
    """Those that are addresses: another client may write anything."""
    found: dict[str, None] = {}
    for text in texts:
        try:
            found[_parse_address(text, DOCUMENT)] = None
        except InvalidArgument:
            continue
    return list(found)


def recorded_of(repository: Repository) -> Recorded:
    """What is recorded in a repository, as far as a host module brought it."""
    document, error = repository.addresses, repository.addresses_error
    return recorded_in(document, error, DOCUMENT, repository.id)


# ------------------------------------------------------------------ public networks


def public_test(estate: Estate, hosts: Sequence[HostView]) -> Callable[[str | None], bool]:
    """Whether the addresses on a bridge are public: it is named, or is that of a named label, or
    a VLAN of that."""
    labels = {
        estate.traffic_labels[name]
        for name in estate.public_networks
        if name in estate.traffic_labels
    }
    plain = set(estate.public_networks) - set(estate.traffic_labels)
    carrying = labels | {label_bridge(name) for name in labels}
    carrying |= {bridge for host in hosts for bridge in _bridges_on(host, labels)}

    def is_public(bridge: str | None) -> bool:
        vlan = split_vlan(bridge or "")
        return bridge in plain | carrying or (vlan is not None and vlan[0] in carrying)

    return is_public


def _bridges_on(host: HostView, devices: set[str]) -> list[str]:
    """The bridges on these devices, if the host module brought the document that says so."""
    text = host.answers.get(_NETWORK)
    if not devices or text is None:
        return []
    try:
        bridges = documents.network(text).bridges
    except Ovm3Error:
        return []
    return [one.name for one in bridges if devices & set(one.interfaces)]
