"""The network cards of a new VM: decided before anything is created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NetworkList, read_networks
from libcloud_ovm3.estate.vm_bridges import bridges_of
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations.guest_network import GuestCard
from libcloud_ovm3.operations.new_cards import (
    MOST_OF_HVM,
    CardSpec,
    bridge_among,
    card_specs,
    entry_of,
    new_mac,
)
from libcloud_ovm3.operations.placement import is_host
from libcloud_ovm3.operations.record_address import CardAddresses
from libcloud_ovm3.operations.same_macs import require_usable, taken_macs
from libcloud_ovm3.operations.template import cards_like


@dataclass(frozen=True)
class PlannedCards:
    """The cards that a new VM gets.

    :ivar networks: what the hosts have; None: it was not read, as there are no cards.
    :ivar specs: those that the user, or the default, asks for, each with the name of its bridge.
    :ivar vifs: those of the template, where nothing is asked for.
    """

    networks: NetworkList | None = None
    specs: tuple[tuple[CardSpec, str], ...] = ()
    vifs: tuple[Vif, ...] = ()
    is_hvm: bool = False

    @property
    def bridges(self) -> tuple[str, ...]:
        """The bridges that they need."""
        named = [bridge for _, bridge in self.specs]
        own = bridges_of(VMConfig({"vif": [vif.text for vif in self.vifs]}))
        return tuple(dict.fromkeys([*named, *own]))


def planned_cards(
    estate: Estate,
    snapshot: EstateSnapshot,
    template: VMConfig,
    specs: tuple[CardSpec, ...] | None,
    host_id: str | None,
) -> PlannedCards:
    """Which cards a new VM gets: those asked for, else those of its template, else one on the
    default network.

    :param template: its vm.cfg; of a disk image, what the VM's own will have.
    :raises InvalidArgument: it cannot have one of them.
    :raises PreconditionFailed: what bridge a network is cannot be told.
    """
    vifs, is_hvm = template.vifs, template.is_hvm
    if specs is None and not vifs and estate.default_network is not None:
        specs = tuple(card_specs(estate.default_network, estate.traffic_labels))
    if not specs and (specs is not None or not vifs):
        return PlannedCards(is_hvm=is_hvm)
    networks = read_networks(estate, snapshot)
    if specs is None:
        return PlannedCards(networks, vifs=vifs, is_hvm=is_hvm)
    if is_hvm and len(specs) > MOST_OF_HVM:
        raise InvalidArgument(
            f"ex_networks: {len(specs)} network cards: an HVM guest has {MOST_OF_HVM} at most"
        )
    hosts = [one for one in networks.hosts if host_id is None or is_host(one.host, host_id)]
    hosts = hosts or list(networks.hosts)  # placement says that there is no such host
    named = tuple((one, bridge_among(one.network, hosts)) for one in specs)
    for one, bridge in named:
        entry_of(one, bridge, one.mac or "", is_hvm=is_hvm)  # whether it can have such a card
    return PlannedCards(networks, named, is_hvm=is_hvm)


class CardEntries(NamedTuple):
    """What becomes of the cards of a new VM.

    :ivar vifs: the entries of its vm.cfg.
    :ivar addresses: the static addresses that are to be recorded.
    :ivar notices: for the user.
    :ivar guests: the cards that were asked for, as the guest is told of them.
    """

    vifs: tuple[str, ...] = ()
    addresses: tuple[CardAddresses, ...] = ()
    notices: tuple[str, ...] = ()
    guests: tuple[GuestCard, ...] = ()


def entries_for(cards: PlannedCards, vm_id: str, name: str, *, is_live: bool) -> CardEntries:
    """The entries of the vm.cfg, with MAC addresses.

    :param is_live: whether the VM is started at once.
    :raises PreconditionFailed: a MAC address that is asked for cannot be had.
    """
    if cards.networks is None:
        return CardEntries()
    taken = taken_macs(cards.networks)
    if cards.vifs:
        return CardEntries(tuple(cards_like(cards.vifs, taken)))
    taken |= {one.mac for one, _ in cards.specs if one.mac}
    summary: dict[str, str | None] = {"id": vm_id, "name": name, "state": None}
    entries, addresses, notices = list[str](), list[CardAddresses](), list[str]()
    guests = list[GuestCard]()
    for one, bridge in cards.specs:
        mac = one.mac
        if mac is None:
            mac = new_mac(taken)
            taken.add(mac)
        else:
            notices += require_usable(
                mac, bridge, cards.networks, f"VM {name!r}", summary, is_live=is_live
            )
        entries.append(entry_of(one, bridge, mac, is_hvm=cards.is_hvm))
        guests.append(GuestCard(mac, one.told))
        if one.addresses:
            addresses.append(CardAddresses(mac, bridge, one.addresses))
    return CardEntries(tuple(entries), tuple(addresses), tuple(notices), tuple(guests))
