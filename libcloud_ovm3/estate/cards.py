"""The network cards of a VM, as its vm.cfg and its live domain show them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import InvalidArgument, NetworkNotFound
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.domains import Card
from libcloud_ovm3.estate.vms import VM


@dataclass(frozen=True)
class VMCard:
    """A network card of a VM.

    :ivar id: ``<uuid of the VM>/<MAC>``. Of cards with one MAC the bridge follows, and of those on
        one bridge their number; a card without a MAC has its place in vm.cfg instead.
    :ivar position: in the list of vm.cfg, from 0; None: only the live domain has it.
    :ivar vif: its entry in vm.cfg; None likewise.
    :ivar live_position: in xend's list of the live domain, from 0; None: the domain lacks it, or
        which one it is is not known.
    :ivar live: what the live domain has; None likewise.
    :ivar is_doubtful: it is one of several entries and live cards of which nobody can tell which
        belong together.
    """

    id: str
    position: int | None
    vif: Vif | None
    live_position: int | None = None
    live: Card | None = None
    is_doubtful: bool = False

    @property
    def mac(self) -> str | None:
        """In lower case; None: xend makes one up at each start, and it does not run."""
        return (self.vif and self.vif.mac) or (self.live and self.live.mac) or None

    @property
    def bridge(self) -> str | None:
        """None: the script chooses it, or it is unknown."""
        return (self.vif and self.vif.bridge) or (self.live and self.live.bridge) or None

    @property
    def type(self) -> str | None:
        """``netfront`` or ``ioemu``; None: both, on an HVM guest."""
        return (self.vif and self.vif.type) or (self.live and self.live.type) or None

    @property
    def model(self) -> str | None:
        """Of the emulated card; None: xend's default."""
        return (self.vif and self.vif.model) or (self.live and self.live.model) or None

    @property
    def is_defined(self) -> bool | None:
        """Whether vm.cfg has it; None: which of its entries it is cannot be told."""
        return True if self.vif is not None else None if self.is_doubtful else False

    @property
    def is_live(self) -> bool | None:
        """Whether the live domain has it; None: which of its cards it is cannot be told."""
        return True if self.live is not None else None if self.is_doubtful else False

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"network card {self.mac or '(no MAC address)'} on {self.bridge or 'no bridge'}"


def cards_of(vm: VM) -> list[VMCard]:
    """The cards of a VM, in the guest's order; those that only its live domain has come last.

    An entry without a MAC gets one at each start: :func:`_match_without_mac`.
    """
    vifs = vm.definitions[0].vifs if len(vm.definitions) == 1 else ()
    listed = vm.live[0].domain.cards if len(vm.live) == 1 else ()
    left = dict(enumerate(listed))
    found = [VMCard("", place, vif) for place, vif in enumerate(vifs)]
    for exactly in (True, False):  # of several with one MAC, that on the same bridge first
        for n, one in enumerate(found):
            same = [
                place
                for place, card in left.items()
                if one.live is None and one.mac and card.mac == one.mac
                and (card.bridge == one.bridge or not exactly)
            ]  # fmt: skip
            if same:
                found[n] = replace(one, live_position=same[0], live=left.pop(same[0]))
    is_doubtful = _match_without_mac(found, left)
    found += [VMCard("", None, None, place, card, is_doubtful) for place, card in left.items()]
    return _with_ids(vm.id, found)


def _match_without_mac(found: list[VMCard], left: dict[int, Card]) -> bool:
    """Match entries without a MAC with the live cards that are left, where that is certain.

    Nothing else is left on either side, and it is the only entry and the only card that can be on
    one bridge. Their order says nothing once a card was detached and attached again.

    :return: whether it is doubtful which of them belong together.
    """
    unmatched = [n for n, one in enumerate(found) if one.live is None]
    without = [n for n in unmatched if not found[n].mac]
    if not left or not without:
        return False
    if len(without) == len(unmatched) == len(left):
        could = [(n, place) for n in without for place in left if _may_be(found[n], left[place])]
        entries, places = Counter(n for n, _ in could), Counter(place for _, place in could)
        for n, place in could:
            if entries[n] == places[place] == 1:
                found[n] = replace(found[n], live_position=place, live=left.pop(place))
    for n in without:
        if found[n].live is None:
            found[n] = replace(found[n], is_doubtful=True)
    return bool(left)


def _may_be(entry: VMCard, card: Card) -> bool:
    return None in (entry.bridge, card.bridge) or entry.bridge == card.bridge


def addresses_of(vm: VM, card: VMCard) -> list[str]:
    """Those addresses of a VM that are this card's, as far as they are known."""
    return [
        one.address
        for one in vm.addresses
        if one.mac == card.mac and (one.network is None or one.network == card.bridge)
    ]


def _with_ids(vm_id: str, cards: Sequence[VMCard]) -> list[VMCard]:
    macs = Counter(one.mac for one in cards)
    twins: Counter[str] = Counter()
    found = []
    for one in cards:
        name = one.mac or f"no-mac-{one.live_position if one.position is None else one.position}"
        if macs[one.mac] > 1 or not one.mac:
            name = f"{name}@{one.bridge or ''}"
        twins[name] += 1
        number = f"#{twins[name]}" if twins[name] > 1 else ""
        found.append(replace(one, id=f"{vm_id}/{name}{number}"))
    return found


def find_card(vm: VM, text: str) -> VMCard:
    """The card of a VM that is meant: by its id, or by its MAC if only one has it.

    :raises NetworkNotFound: it has no such card.
    :raises InvalidArgument: several have this MAC, or the id is of another VM's card.
    """
    cards, wanted = cards_of(vm), text.strip()
    listed = ", ".join(one.id for one in cards) or "none"
    vm_id, slash, name = wanted.partition("/")
    if slash and vm_id.lower() != vm.id:
        raise InvalidArgument(
            f"network card {text!r} is not one of VM {vm.label}, whose cards are: {listed}"
        )
    name = name if slash else wanted
    same = [one for one in cards if one.mac == name.lower()]
    if len(same) > 1:
        raise InvalidArgument(
            f"VM {vm.label} has {len(same)} network cards with the MAC address {name}: name one by "
            f"its id: {', '.join(one.id for one in same)}"
        )
    found = same or [one for one in cards if one.id == f"{vm.id}/{name}"]
    if not found:
        raise NetworkNotFound(f"VM {vm.label} has no network card {text!r}; its cards: {listed}")
    return found[0]


def unread_cards(definition: Definition) -> str | None:
    """Why a vm.cfg may have cards that are not known; None: it has none."""
    if definition.unread or definition.config is None:
        return definition.unread
    cards = definition.config.values.get("vif", [])
    if isinstance(cards, list) and all(isinstance(one, str) for one in cards):
        return None
    return f"{definition.place}: its vif is no list of texts"


def certainly_lacks(vm: VM, bridge: str) -> bool:
    """Whether a VM has no card on a bridge, neither live nor in a vm.cfg, and all could be read."""
    live = [one.domain for one in vm.live]
    if any(domain.disks_error for domain in live) or any(map(unread_cards, vm.definitions)):
        return False
    named = [card.bridge for domain in live for card in domain.cards]
    named += [vif.bridge for one in vm.definitions for vif in one.vifs]
    return bridge not in named and None not in named
