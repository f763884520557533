"""The IP addresses of VMs, as far as they are known. Pure but for one read.

A hypervisor does not know its guests' addresses. Two sources do, where a host has the host module
(API 3): the document ``addresses`` of a repository has the static addresses that were given to
network cards, and the hosts' neighbour tables have those of guests that a host itself has talked
to. Everything else is unknown, never guessed.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent import documents, hostmodule
from libcloud_ovm3.agent.address import list_of
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.interface_names import label_bridge, split_vlan
from libcloud_ovm3.estate.recorded import Recorded, parse_recorded

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.estate.hosts import HostView
    from libcloud_ovm3.estate.members import Estate
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import VM

DOCUMENT = "addresses"
RECORDED, NEIGHBOURS = "recorded", "neighbours"
_NETWORK = "discover_network"


@dataclass(frozen=True)
class VMAddress:
    """One address of a VM.

    :ivar mac: The network card that has it, in lower case.
    :ivar network: The bridge of that card; None: unknown.
    :ivar source: ``recorded``: it was given to the card; ``neighbours``: a host has seen it.
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
            f"{name} {text!r}: expected an IPv4 or IPv6 address, without a prefix length"
        )
    return str(address)


def read_recorded(module: HostModule, repository: Repository) -> Recorded:
    """The document of a repository: VM -> card -> its static addresses. One read.

    :raises Ovm3Error: The host did not answer.
    """
    document = module.read_document(repository.path, DOCUMENT)
    return parse_recorded(document, DOCUMENT, repository.id)


def reads_for(estate: Estate) -> tuple[str, ...]:
    """What the host modules bring along so that addresses are known and sorted."""
    labels = set(estate.public_networks) & set(estate.traffic_labels)
    own = (hostmodule.NEIGHBOURS, hostmodule.ADDRESSES)
    return (*own, _NETWORK) if labels else own


def with_addresses(
    vms: Mapping[str, VM],
    hosts: Sequence[HostView],
    repositories: Sequence[Repository],
    estate: Estate,
) -> tuple[dict[str, VM], tuple[str, ...]]:
    """The VMs with their addresses, and notices of what could not be read. Pure.

    An address of a card whose MAC address another VM has as well is not shown.
    """
    recorded = {one.key: _recorded(one) for one in repositories}
    notices = tuple(one.error for one in recorded.values() if one.error)
    seen = _seen(hosts)
    if not seen and not any(one.entries for one in recorded.values()):
        return dict(vms), notices
    owners: dict[str, set[str]] = defaultdict(set)
    for vm in vms.values():
        for mac in _macs(vm):
            owners[mac].add(vm.id)
    is_public = _public_test(estate, hosts)

    def with_its_own(vm: VM) -> VM:
        found = [
            replace(one, is_public=is_public(network))
            for mac, network in cards(vm).items()
            if len(owners[mac]) == 1
            for one in _of_card(vm, mac, network, recorded, seen)
        ]
        return replace(vm, addresses=tuple(found)) if found else vm

    return {vm.id: with_its_own(vm) for vm in vms.values()}, notices


def recorded_addresses(
    given: Iterable[tuple[str, str, Sequence[str]]], hosts: Sequence[HostView], estate: Estate
) -> tuple[VMAddress, ...]:
    """What :func:`with_addresses` will find of cards whose static addresses were just recorded.

    :param given: MAC address, bridge and addresses of each card.
    """
    is_public = _public_test(estate, hosts)
    return tuple(
        VMAddress(text, mac, network, RECORDED, is_public(network))
        for mac, network, texts in given
        for text in texts
    )


def cards(vm: VM) -> dict[str, str | None]:
    """The MAC addresses of a VM's cards -> the bridge; None: unknown. While it is live its domain
    is right, if that shows its cards."""
    found: dict[str, str | None] = {}
    for definition in vm.definitions:
        found |= {card.mac: card.bridge for card in definition.vifs if card.mac}
    live = {one.mac: one.bridge for lived in vm.live for one in lived.domain.cards if one.mac}
    if live:
        found = {mac: bridge or found.get(mac) for mac, bridge in live.items()}
    return found


def _macs(vm: VM) -> set[str]:
    """The MAC addresses that it may have, live or by any of its definitions."""
    defined = {card.mac for one in vm.definitions for card in one.vifs if card.mac}
    return defined | {mac for one in vm.live for mac in one.domain.macs}


def _of_card(
    vm: VM,
    mac: str,
    network: str | None,
    recorded: Mapping[str, Recorded],
    seen: Mapping[tuple[str, str], Sequence[str]],
) -> list[VMAddress]:
    """What was given to a card, else what hosts have seen of it while its VM is live."""
    own = [recorded[key].entries.get(vm.id, {}).get(mac) for key in _repositories_of(vm, recorded)]
    given = [text for texts in own if isinstance(texts, list) for text in texts]
    if given:
        return [VMAddress(text, mac, network, RECORDED) for text in _valid(given)]
    if not vm.live or network is None:
        return []
    return [VMAddress(text, mac, network, NEIGHBOURS) for text in seen.get((network, mac), ())]


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


def _recorded(repository: Repository) -> Recorded:
    """What is recorded in a repository, as far as a host module brought it."""
    if repository.addresses is None:
        error = repository.addresses_error
        what = f"repository {repository.id}: document {DOCUMENT!r} cannot be read: {error}"
        return Recorded(error=what if error else None)
    return parse_recorded(repository.addresses, DOCUMENT, repository.id)


# ------------------------------------------------------------------ neighbour tables


def _seen(hosts: Sequence[HostView]) -> dict[tuple[str, str], list[str]]:
    """The addresses in the hosts' neighbour tables, by device and MAC address.

    Only complete entries, on devices on which the host has an IPv4 address, of addresses that no
    host has itself and that no table has for another MAC address; no link-local ones, which mean
    nothing on another host.
    """
    own = {one["address"] for host in hosts for one in _entries(host, hostmodule.ADDRESSES)}
    own |= {host.server.registered_ip for host in hosts}
    macs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for host in hosts:
        devices = {
            one["device"] for one in _entries(host, hostmodule.ADDRESSES) if one.get("family") == 4
        }
        for one in _entries(host, hostmodule.NEIGHBOURS):
            if one.get("complete") is True and one["device"] in devices:
                macs[one["device"], one["address"]].add(str(one.get("mac")).lower())
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (device, address), some in macs.items():
        if len(some) == 1 and address not in own and _is_usable(address):
            found[device, some.pop()].append(address)
    return {key: sorted(some, key=_order) for key, some in found.items()}


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


def _is_usable(text: str) -> bool:
    try:
        return not ipaddress.ip_address(text).is_link_local
    except ValueError:
        return False


# ------------------------------------------------------------------ public networks


def _public_test(estate: Estate, hosts: Sequence[HostView]) -> Callable[[str | None], bool]:
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
