"""Recording that a network card of a running VM is changed, before it is detached.

Whoever is killed before the changed one is attached leaves a record that says what the card was,
which every reader of the estate sees (:mod:`.estate.cards_out`).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from libcloud_ovm3.errors import (
    NEVER_SENT,
    AgentFault,
    NetworkNotFound,
    Ovm3Error,
    PreconditionFailed,
    ReadOnly,
)
from libcloud_ovm3.estate.cards import VMCard, cards_of, find_card
from libcloud_ovm3.estate.cards_out import (
    KEY,
    CardOut,
    lost_card_notices,
    lost_cards,
    parse_cards_out,
)
from libcloud_ovm3.operations.device_changes import Target, refusal
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.operations.record_address import change_entry
from libcloud_ovm3.operations.record_entry import module_for

_Cards = tuple[CardOut, ...]


def card_of(target: Target, nic: str) -> VMCard:
    """The card of a VM that is meant (:func:`.find_card`).

    :raises NetworkNotFound: it has no such card; says which ones it has lost.
    """
    try:
        return find_card(target.vm, nic)
    except NetworkNotFound as error:
        raise NetworkNotFound("; ".join([str(error), *lost_card_notices(target.vm)])) from None


def lost_card(target: Target, nic: str) -> CardOut | None:
    """The card that is meant, by its id or MAC address, if a change has left the VM without it."""
    mac = nic.strip().lower().removeprefix(f"{target.vm.id}/")
    if any(one.mac == mac for one in cards_of(target.vm)):  # its live domain still has it
        return None
    return next((one for one in lost_cards(target.vm) if one.mac == mac), None)


@contextmanager
def recorded_out(target: Target, card: VMCard, entry: str, notices: list[str]) -> Iterator[None]:
    """Change a card in this context. If that takes two requests, it is recorded before it begins,
    and the record removed when the VM certainly has the card, changed or as it was.

    Without a host module (API 3) on a host that has the repository mounted it cannot be recorded.

    :param entry: what it is to become.
    :param notices: gets one if the record could not be removed.
    :raises PreconditionFailed: it cannot be recorded. Nothing else was sent.
    :raises AgentFault: the host refused to record it. The card is as it was.
    :raises OperationIncomplete: whether it is recorded is unknown. The card is as it was.
    """
    module = module_for(repository_of(target.snapshot, target.definition))
    if card.live is None or module is None:
        yield
        notices += forget_card(target, card.mac)
        return
    assert card.vif is not None, "what is changed is in vm.cfg"
    assert card.position is not None, "likewise"
    mac = card.live.mac or card.mac or ""
    now = datetime.datetime.now(datetime.timezone.utc)
    was = card.vif.text
    whole = card.vif.changed(mac=mac or None).text
    record = CardOut(mac, was, whole, entry, card.position, target.operation.id, now)
    try:
        notices += _change(target, lambda now: (*now, record))
    except ReadOnly:
        raise
    except PreconditionFailed as error:
        raise refusal(
            target,
            f"the change cannot be recorded first: {error}; it takes two requests while the VM "
            f"runs, and one without a record when it is stopped",
        ) from error
    try:
        yield
    except (*NEVER_SENT, AgentFault, PreconditionFailed):
        with suppress(Ovm3Error):  # it is void: the card is what it was, or another client's
            _change(
                target, lambda now: _without(now, lambda one: one.operation == record.operation)
            )
        raise
    notices += _forget(target, mac, lambda one: one.mac == mac)


def forget_card(target: Target, mac: str | None) -> list[str]:
    """Remove what is recorded of changes of a card that the VM has again, or is not to have any
    more. No call, if nothing is.

    :return: a notice if that fails.
    """
    if not mac or not any(mac in one.macs for one in target.vm.cards_out):
        return []
    return _forget(target, mac, lambda one: mac in one.macs)


def _forget(target: Target, mac: str, is_it: Callable[[CardOut], bool]) -> list[str]:
    try:
        _change(target, lambda now: _without(now, is_it))
    except Ovm3Error as error:
        return [
            f"VM {target.vm.label}: the record that its network card {mac} was being changed may "
            f"still be there: {error}. It counts only while its vm.cfg lacks the card"
        ]
    return []


def _without(cards: _Cards, is_it: Callable[[CardOut], bool]) -> _Cards:
    return tuple(one for one in cards if not is_it(one))


def _change(target: Target, change: Callable[[_Cards], _Cards]) -> list[str]:
    repository = repository_of(target.snapshot, target.definition)
    what = f"what is recorded of changes of the network cards of VM {target.vm.id}"

    def next_entry(now: Mapping[str, Any]) -> dict[str, Any]:
        cards = parse_cards_out(now)
        if cards is None:
            raise PreconditionFailed(f"{what} cannot be understood, so it was not changed")
        return {**now, KEY: {one.operation: one.recorded() for one in change(cards)}}

    return change_entry(target.operation, repository, target.vm.id, next_entry, what)
