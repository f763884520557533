"""Changing a network card of a VM: another network, MAC address or model.

A running guest loses the card and gets another one, by two calls: how the agent changes a card that
is there is not documented. What stands between them is in vm.cfg and domain alike, and is
recorded for whoever finds the VM so (:mod:`.record_card`).
"""

from __future__ import annotations

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import NEVER_SENT, AgentFault, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.cards import VMCard
from libcloud_ovm3.estate.cards_out import lost_card_notices
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import read_networks
from libcloud_ovm3.operations.agreement import require_no_more
from libcloud_ovm3.operations.attach_nic import bridge_for, card_in, mac_for
from libcloud_ovm3.operations.device_changes import (
    CARDS,
    Outcome,
    Target,
    change_devices,
    incomplete,
    refusal,
    require_done,
    target_of,
)
from libcloud_ovm3.operations.new_cards import CardChange, changed_entry
from libcloud_ovm3.operations.nic_changes import (
    addresses_of,
    bridged_card,
    has_card,
    put_in,
    record_of,
    release_bridge_of,
    require_addresses_recordable,
    require_defined,
    require_removable,
    take_out,
    uses_before,
    with_card_instead,
    without_card,
)
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.record_address import CardAddresses
from libcloud_ovm3.operations.record_card import card_of, recorded_out
from libcloud_ovm3.progress import waiting


def update(estate: Estate, vm_id: str, nic: str, to: CardChange) -> tuple[VMCard, list[str]]:
    """Change a network card of a VM that runs or is stopped.

    :param nic: its id, or its MAC.
    :param to: what is to be another about it.
    :return: the card as it is now, and notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises NetworkNotFound: it has no such card.
    :raises InvalidArgument: several cards have this MAC, or the VM cannot have such a card.
    :raises PreconditionFailed: as for attaching and detaching one, or what a running VM has cannot
        be recorded before. Nothing was sent.
    :raises AgentFault: the agent refused; the card is what it was.
    :raises OperationIncomplete: what the card is now is unknown, or the VM has lost it.
    """
    networks = read_networks(estate)
    target = target_of(Operation(estate), networks.estate, vm_id, CARDS)
    card = card_of(target, nic)
    require_defined(target, card)
    assert card.vif is not None, "vm.cfg has it"
    assert card.position is not None, "vm.cfg has it"
    notices = lost_card_notices(target.vm)
    bridge = card.vif.bridge
    if to.network is not None:
        bridge, more = bridge_for(target, to.network, networks)
        notices += more
    mac, more = mac_for(target, to.mac or card.mac, bridge or "", networks, but=card.mac)
    config = target.definition.config or VMConfig({})
    entry = changed_entry(card.vif, bridge, mac, to.model, config.is_hvm)
    addresses = _changed_addresses(target, card, to, mac, bridge or "")
    notices += more
    if to.network is not None or entry != card.vif.text:
        _require_one_bridge(target, card)
    if entry == card.vif.text:
        notices += record_of(target, "nothing else has changed", addresses) if addresses else []
        return card, notices
    what = f"changing the {card.label} to {entry}"
    with waiting(f"{what} of VM {target.vm.name!r}", vm=target.vm.id):
        if target.live is not None and card.live is not None:
            require_removable(target, card)
            require_no_more(target, without_card(card.position), macs=[card.live.mac or ""])
        else:
            change = with_card_instead(card.position, entry)
            require_no_more(target, change, macs=[one for one in (mac, card.mac) if one])
        uses = uses_before(target, card)
        network = networks.on(target.host)
        with (
            recorded_out(target, card, entry, notices),
            bridged_card(target, entry, notices, network),
        ):
            if card.live is not None:
                outcome = _exchange(target, card, entry, mac, what, notices)
            else:  # of a running VM the agent attaches what only its vm.cfg had
                outcome = change_devices(target, change, has_card(entry), notices)
                require_done(target, outcome, what, ())
        notices += release_bridge_of(target.after(outcome), uses)
    if addresses:
        notices += record_of(target, f"the {card.label} is {entry} now", addresses)
    return card_in(target, outcome, card.position), notices


def _require_one_bridge(target: Target, card: VMCard) -> None:
    """Whether vm.cfg and the live domain have the card on one bridge: else there is no way back.

    :raises PreconditionFailed: they do not.
    """
    if card.vif is None or card.live is None or None in (card.vif.bridge, card.live.bridge):
        return
    if card.vif.bridge != card.live.bridge:
        raise refusal(
            target,
            f"its vm.cfg has the {card.label}, and its live domain has that on "
            f"{card.live.bridge}: stop the VM and start it again, or detach the card and attach it",
        )


def _changed_addresses(
    target: Target, card: VMCard, to: CardChange, mac: str, bridge: str
) -> list[CardAddresses]:
    """What is to be recorded: the addresses follow the card to another MAC address.

    :raises PreconditionFailed: it cannot be recorded.
    """
    before = addresses_of(target, card.mac)
    after = before if to.addresses is None else to.addresses
    if (before, card.mac) == (after, mac) or not (before or after):
        return []
    require_addresses_recordable(target)
    old = [CardAddresses(card.mac or "", bridge, ())] if before and card.mac != mac else []
    return [*old, CardAddresses(mac, bridge, after)]


def _exchange(
    target: Target, card: VMCard, entry: str, mac: str, what: str, notices: list[str]
) -> Outcome:
    """Detach a card of a running VM, then attach it as it is to be, at its place in vm.cfg."""
    after = target.after(take_out(target, card, f"{what}: detaching it first", notices))
    try:
        return put_in(after, entry, mac, what, notices, card.position)
    except (*NEVER_SENT, AgentFault, PreconditionFailed) as error:
        raise _given_back(after, card, what, error) from error


def _given_back(target: Target, card: VMCard, what: str, error: Ovm3Error) -> Ovm3Error:
    """Attach the card again that was detached, as it was.

    :param target: the VM without it.
    :return: the error that says so; or that the VM has lost it.
    """
    assert card.vif is not None, "vm.cfg had it"
    assert card.live is not None, "it was live"
    mac = card.live.mac or ""
    old = card.vif.changed(mac=mac or None).text
    try:
        put_in(target, old, mac, f"{what}: attaching it again as it was", [], card.position)
        state = ""
    except Ovm3Error as second:
        state = str(second)
    if not state and isinstance(error, AgentFault):
        return error.with_state("the card was attached again as it was", target.vm.summary)
    if not state:
        return PreconditionFailed(
            f"{error}; the card was attached again as it was", nodes=[target.vm.summary]
        )
    return incomplete(
        target,
        f"{what}: the card was detached, but attaching the new one failed: {error}; attaching it "
        f"again as it was failed too: {state}. Look at the node's network cards, and attach what "
        f"it lacks",
    )
