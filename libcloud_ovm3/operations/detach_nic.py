"""Detaching a network card from a VM: out of its vm.cfg and, while it runs, out of its domain."""

from __future__ import annotations

from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import OperationIncomplete
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations.device_changes import CARDS, Target, target_of
from libcloud_ovm3.operations.nic_changes import (
    addresses_of,
    record_of,
    release_bridge_of,
    require_defined,
    require_removable,
    take_out,
    uses_before,
)
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.record_address import CardAddresses
from libcloud_ovm3.operations.record_card import card_of, forget_card, lost_card
from libcloud_ovm3.progress import waiting


def detach(estate: Estate, vm_id: str, nic: str) -> list[str]:
    """Detach a network card from a VM that runs or is stopped. Of one that an interrupted change
    has detached, what is recorded is removed.

    :param nic: its id, or its MAC.
    :return: notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises NetworkNotFound: it has no such card.
    :raises InvalidArgument: several cards have this MAC.
    :raises PreconditionFailed: another card might be detached in its place, or the state of the VM
        does not allow it. Nothing was sent.
    :raises AgentFault: the agent refused; vm.cfg and domain both have it.
    :raises OperationIncomplete: whether it is detached, or will be, is unknown; or another one was.
    """
    target = target_of(Operation(estate), read_estate(estate), vm_id, CARDS)
    lost = lost_card(target, nic)
    if lost is not None:
        notices = [f"VM {target.vm.label}: network card {lost.mac} was detached already"]
        notices += forget_card(target, lost.mac)
        return notices + _forget_addresses(target, lost.mac, Vif(lost.entry).bridge)
    card = card_of(target, nic)
    require_defined(target, card)
    require_removable(target, card)
    what, notices = f"detaching {card.label}", list[str]()
    with waiting(f"{what} of VM {target.vm.name!r}", vm=target.vm.id):
        uses = uses_before(target, card)
        outcome = take_out(target, card, what, notices)
        notices += release_bridge_of(target.after(outcome), uses)
    notices += forget_card(target, card.mac)
    return notices + _forget_addresses(target, card.mac, card.bridge)


def _forget_addresses(target: Target, mac: str | None, bridge: str | None) -> list[str]:
    if not mac or not addresses_of(target, mac):
        return []
    forgotten = CardAddresses(mac, bridge or "", ())
    try:
        return record_of(target, f"network card {mac} is detached", [forgotten])
    except OperationIncomplete as error:  # it is of no use to anybody else
        return [str(error)]
