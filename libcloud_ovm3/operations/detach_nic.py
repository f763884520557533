"""Detaching a network card from a VM: out of its vm.cfg and, while it runs, out of its domain."""

from __future__ import annotations

from libcloud_ovm3.errors import OperationIncomplete
from libcloud_ovm3.estate.cards import find_card
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations.device_changes import CARDS, target_of
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
from libcloud_ovm3.progress import waiting


def detach(estate: Estate, vm_id: str, nic: str) -> list[str]:
    """Detach a network card from a VM that runs or is stopped.

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
    card = find_card(target.vm, nic)
    require_defined(target, card)
    require_removable(target, card)
    what, notices = f"detaching {card.label}", list[str]()
    with waiting(f"{what} of VM {target.vm.name!r}", vm=target.vm.id):
        uses = uses_before(target, card)
        outcome = take_out(target, card, what, notices)
        notices += release_bridge_of(target.after(outcome), uses)
    if card.mac and addresses_of(target, card.mac):
        forgotten = CardAddresses(card.mac, card.bridge or "", ())
        try:
            notices += record_of(target, f"the {card.label} is detached", [forgotten])
        except OperationIncomplete as error:  # it is of no use to anybody else
            notices.append(str(error))
    return notices
