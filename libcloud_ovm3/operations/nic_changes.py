"""What attaching, detaching and changing a network card have in common: the lists, the card's host
device, and what came of a detachment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import (
    NEVER_SENT,
    AgentFault,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.addresses import addresses_given_to
from libcloud_ovm3.estate.cards import VMCard, cards_of
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.networks import HostNetwork, read_network
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.operations.agreement import require_no_more
from libcloud_ovm3.operations.device_changes import (
    Change,
    Outcome,
    Shows,
    Target,
    change_devices,
    incomplete,
    refusal,
    require_done,
)
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.operations.record_address import (
    CardAddresses,
    record_addresses,
    require_recordable,
    same_addresses,
)
from libcloud_ovm3.operations.release_bridges import Use, bridges_of_vm, read_uses, release
from libcloud_ovm3.operations.vlan_bridges import StartNetworks, release_taken, require_networks

_PORT = re.compile(r"(?:vif|tap)([0-9]+)\.([0-9]+)(?:-emu)?")
# What xend says after 100 s: the guest was asked, and may still let go (xend.md 2, 5).
_TIMED_OUT = re.compile(r"could\s+not\s+be\s+disconnected")
_ANOTHER = re.compile(r"Device\s+[0-9]+\s+not\s+connected")  # there is no device of this number


# ------------------------------------------------------------------ lists of cards; pure


def with_card(entry: str, position: int | None = None) -> Change:
    """Adds an entry to the list: at this position, or at its end."""

    def change(config: VMConfig) -> VMConfig:
        listed = list(config.values.get("vif", []))
        listed.insert(len(listed) if position is None else position, entry)
        return config.changed(vif=listed)

    return change


def without_card(position: int) -> Change:
    """Removes an entry from the list; all others stay as they are."""
    return lambda config: config.changed(
        vif=[one for n, one in enumerate(config.values["vif"]) if n != position]
    )


def with_card_instead(position: int, entry: str) -> Change:
    """Replaces an entry in its place."""
    return lambda config: config.changed(
        vif=[entry if n == position else one for n, one in enumerate(config.values["vif"])]
    )


def has_card(entry: str) -> Shows:
    """Whether a live domain has a card as this entry of vm.cfg says, which has a MAC; unknown where
    the domain has one without.
    """
    vif = Vif(entry)

    def shows(domain: Domain) -> bool | None:
        bridges = [card.bridge for card in domain.cards if card.mac == vif.mac]
        if not bridges:
            return None if _unread(domain) else False
        return None in (*bridges, vif.bridge) or vif.bridge in bridges

    return shows


def lacks_mac(mac: str | None) -> Shows:
    """Whether a live domain has no card with this MAC; None: it had none."""
    return lambda domain: None if _unread(domain) else mac not in domain.macs


def _unread(domain: Domain) -> bool:
    return bool(domain.disks_error) or any(card.mac is None for card in domain.cards)


# ------------------------------------------------------------------ which device it is


def require_removable(target: Target, card: VMCard) -> None:
    """Whether a card can be taken out of a running VM, and no other one in its place.

    An agent may name a card to xend by its MAC. xend then takes its place in the list for the
    number of the device; after an earlier detachment those differ, and another card would go, with
    success (xend.md 5). The number shows in the name of its port, ``vif<domain>.<number>``.

    :raises PreconditionFailed: that would happen, or may; or the VM is paused.
    """
    if target.live is None or card.live is None:
        return
    if target.vm.state is State.PAUSED:
        raise refusal(target, f"it is paused, so its guest cannot let go of the {card.label}")
    cards = target.live.domain.cards
    place = card.live_position
    assert place is not None, "it is live"
    if len([one for one in cards if one.mac == card.live.mac]) > 1:
        raise refusal(
            target,
            f"several of its cards have the MAC address {card.mac}, and the agent may detach any "
            f"of them; stop the VM first",
        )
    if len(cards) == 1:
        return  # there is no other one that could go
    try:
        network = read_network(target.host, target.snapshot)
    except Ovm3Error as error:
        raise refusal(
            target,
            f"the agent may detach another card than the {card.label} if one was detached since "
            f"the VM started, and that cannot be told: {error}; stop the VM first",
        ) from error
    numbers = _device_numbers(target.live.domain, network)
    if numbers is None:
        raise refusal(
            target,
            f"the agent may detach another card than the {card.label} if one was detached since "
            f"the VM started, and the ports of its bridges do not tell; stop the VM first",
        )
    if numbers[place] != place and place in numbers:
        other = cards[numbers.index(place)]
        raise refusal(
            target,
            f"the {card.label} is device {numbers[place]}, but number {place} in xend's list, as "
            f"another card was detached since the VM started: the agent may detach device {place}, "
            f"the card {other.mac} on {other.bridge}, instead; stop the VM first",
        )


def _device_numbers(domain: Domain, network: HostNetwork) -> list[int] | None:
    """The numbers of the devices of a domain's cards, in its order; None: they are not certain.

    xend gives them out in ascending order, and none twice. Each has to be on its card's bridge.
    """
    found: dict[int, str] = {}
    for bridge in network.bridges:
        for port in bridge.ports:
            form = _PORT.fullmatch(port)
            if form and int(form[1]) == domain.domid:
                found[int(form[2])] = bridge.name
    numbers = sorted(found)
    is_alike = len(numbers) == len(domain.cards) and all(
        card.bridge in (None, found[number])
        for number, card in zip(numbers, domain.cards, strict=True)
    )
    return numbers if is_alike else None


# ------------------------------------------------------------------ putting one in


@contextmanager
def bridged_card(
    target: Target, entry: str, notices: list[str], network: HostNetwork
) -> Iterator[None]:
    """Attach a card in this context: its bridge is on the host of the running VM. What was recorded
    for it is released if it is certain that it was not attached.

    :param network: that of the VM's host, read just now.
    :raises PreconditionFailed: the bridge cannot be there. Nothing was sent.
    :raises AgentFault: the host refused to make it.
    :raises OperationIncomplete: whether it has done so is unknown.
    """
    if target.live is None:
        yield
        return
    assert target.definition.config is not None, "target_of has checked it"
    alone = target.definition.config.changed(vif=[entry])
    definition = replace(target.definition, config=alone)
    cards = StartNetworks(target.operation, target.host, target.snapshot, definition, "changed")
    try:
        require_networks(cards, network)
        yield
    except (*NEVER_SENT, AgentFault, PreconditionFailed):
        release_taken(cards)
        raise
    finally:
        notices += cards.notices


def put_in(
    target: Target,
    entry: str,
    mac: str,
    what: str,
    notices: list[str],
    position: int | None = None,
) -> Outcome:
    """Put a card into vm.cfg and, of a running VM, into its domain.

    :param position: in vm.cfg; None: at the end.
    :raises PreconditionFailed: somebody has changed the VM. Nothing was sent.
    :raises AgentFault: the agent refused; neither has the card.
    :raises OperationIncomplete: whether it is attached is unknown, or only half of it happened.
    """
    change = with_card(entry, position)
    require_no_more(target, change, macs=[mac])
    outcome = change_devices(target, change, has_card(entry), notices)
    require_done(target, outcome, what, (), " or detach the card and attach it again")
    return outcome


def uses_before(target: Target, card: VMCard) -> list[Use]:
    """What keeps the bridges of a card that is about to be taken out of a running VM.

    Read before that: what another client records from then on, for a card on the same bridge, is
    not released.
    """
    if not target.live:
        return []
    found = [one.bridge for one in (card.vif, card.live) if one is not None and one.bridge]
    uses = read_uses([target.host], target.vm.id, found)
    return [one for one in uses if one.bridge in found]


def release_bridge_of(target: Target, uses: Sequence[Use]) -> list[str]:
    """Release the bridge of a card that was taken out of a running VM, unless another one needs it.

    :param target: the VM without the card.
    :param uses: of :func:`uses_before`.
    :return: notices for the user.
    """
    still = bridges_of_vm(target.vm)
    return release(target.operation, [one for one in uses if one.bridge not in still])


# ------------------------------------------------------------------ static addresses


def addresses_of(target: Target, mac: str | None) -> tuple[str, ...]:
    """The static addresses that are recorded of a card, shown or not. If two cards of the VM have
    this MAC, nobody knows of which of them: of none, so they stay as they are.
    """
    if len([one for one in cards_of(target.vm) if one.mac == mac]) > 1:
        return ()
    return addresses_given_to(target.vm, mac, target.snapshot.repositories)


def require_addresses_recordable(target: Target) -> None:
    """Check that addresses can be recorded, before anything is changed.

    :raises PreconditionFailed: they cannot.
    """
    require_recordable(repository_of(target.snapshot, target.definition))


def record_of(target: Target, done: str, cards: Sequence[CardAddresses]) -> list[str]:
    """Record the static addresses of cards after they were changed; without any, what is recorded
    is removed.

    :param done: what has been done to them, for messages.
    :return: notices for the user.
    :raises OperationIncomplete: that failed, or its outcome is unknown.
    """
    repository = repository_of(target.snapshot, target.definition)
    try:
        notices = record_addresses(target.operation, repository, target.vm.id, cards)
    except (AgentFault, PreconditionFailed, OperationIncomplete) as error:
        raise target.operation.incomplete(
            f"VM {target.vm.label}: {done}, but what is recorded of its static addresses may be as "
            f"it was: {error}. ex_update_nic(ex_address=...) records them",
            left=(target.vm.id,),
            nodes=[target.vm.summary],
        ) from error
    return notices + same_addresses(target.snapshot, target.vm.id, cards)


# ------------------------------------------------------------------ taking one out


def take_out(target: Target, card: VMCard, what: str, notices: list[str]) -> Outcome:
    """Take a card out of vm.cfg and, where it is live, out of the domain.

    :raises AgentFault: the agent refused; both have it.
    :raises OperationIncomplete: whether it is gone, or will be, is unknown; or another one is.
    """
    assert card.position is not None, "only what vm.cfg has is taken out"
    change = without_card(card.position)
    mac = card.live.mac if card.live else card.mac
    shows = lacks_mac(mac)
    require_no_more(target, change, macs=[mac] if mac else [])
    outcome = change_devices(target, change, shows, notices)
    _require_no_other(target, mac, outcome, what)
    if outcome.is_defined is False and outcome.is_live and outcome.is_over:
        outcome = change_devices(target, change, shows, notices)  # the guest has let go of it since
        _require_no_other(target, mac, outcome, what)
    try:
        require_done(target, outcome, what, (), " or detach the card again")
    except AgentFault as fault:
        if _ANOTHER.search(fault.text):
            raise fault.with_state(
                "the agent has named another device to xend, as it does once a card was detached "
                "from a running VM; stop the VM first",
                target.vm.summary,
            ) from fault
        if not _TIMED_OUT.search(fault.text):
            raise
        text = (
            f"{what}: {fault}. It is still attached, but the guest was asked to let go of it and "
            f"may still do so"
        )
        raise incomplete(target, text) from fault
    return outcome


def _require_no_other(target: Target, mac: str | None, outcome: Outcome, what: str) -> None:
    """See that no other card has gone instead.

    :raises OperationIncomplete: one has; names both.
    """
    if target.live is None or outcome.domain is None:
        return
    is_same = outcome.domain.domid == target.live.domain.domid
    lost = set(target.live.domain.macs) - set(outcome.domain.macs) - {mac}
    if not lost or not is_same:
        return
    still = "is still attached" if mac in outcome.domain.macs else "is gone too"
    text = (
        f"{what}: another card was detached, {', '.join(sorted(lost))}; {mac} {still}; "
        f"{outcome.state}. Stop the VM and start it again, so that it has the cards of its vm.cfg"
    )
    raise incomplete(target, text) from outcome.error or outcome.failed


def require_defined(target: Target, card: VMCard) -> None:
    """Whether vm.cfg has a card, and a list of them in which it has its place.

    :raises PreconditionFailed: only the live domain has it, or which live card it is cannot be
        told, or the list is none.
    """
    require_list(target)
    if card.is_doubtful:
        raise refusal(
            target,
            f"which card of its live domain is which entry of its vm.cfg cannot be told of the "
            f"{card.label}, as entries without a MAC address get one at each start; stop the VM "
            f"first, or give each entry its MAC address while it is stopped",
        )
    if card.position is None:
        raise refusal(
            target,
            f"the {card.label} is in its live domain only, not in its vm.cfg: stop the VM, and it "
            f"is gone",
        )


def require_list(target: Target) -> None:
    """Whether the cards of vm.cfg can be counted.

    :raises PreconditionFailed: they cannot.
    """
    config = target.definition.config or VMConfig({})
    values = config.values.get("vif", [])
    if not isinstance(values, list) or len(values) != len(config.vifs):
        raise refusal(target, "the option vif of its vm.cfg is not a list of strings")
