"""Recording the static addresses of a VM's network cards, in a document of its repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.addresses import DOCUMENT, given_addresses, recorded_of
from libcloud_ovm3.estate.neighbours import hosts_with, own_addresses
from libcloud_ovm3.operations import record_entry

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import VM, EstateSnapshot
    from libcloud_ovm3.operations.operation import Operation

_WHAT = "what is recorded of the addresses of VM {}"


class CardAddresses(NamedTuple):
    """The static addresses of a network card.

    :ivar mac: In lower case.
    :ivar network: The bridge that it is on.
    :ivar addresses: As :func:`.parse_addresses` returns them; none: what is recorded is removed.
    """

    mac: str
    network: str
    addresses: tuple[str, ...]


def require_recordable(repository: Repository) -> HostModule:
    """Check that addresses can be recorded in a repository, before anything is changed.

    :return: The host module that records them.
    :raises PreconditionFailed: No host that has it mounted has the host module (API 3), or they
        were recorded by a newer version of this package.
    """
    known = recorded_of(repository)
    return record_entry.module_that_records(repository, known, "a static address")


def record_addresses(
    operation: Operation,
    repository: Repository,
    vm_id: str,
    cards: Sequence[CardAddresses],
    check: Callable[[], object] = lambda: None,
) -> list[str]:
    """Record what addresses the cards of a VM have; those of its other cards stay.

    :param repository: That of the VM's definition.
    :param check: As :func:`.replacing` takes it.
    :return: Notices for the user.
    :raises PreconditionFailed: As :func:`require_recordable`, or other clients write all the time.
    :raises AgentFault: The host refused; what is recorded is as it was.
    :raises OperationIncomplete: Whether it was recorded is unknown.
    """
    wanted = entry_of(cards)
    what = _WHAT.format(vm_id)
    change = record_entry.replacing(lambda now: {**now, **wanted}, check)
    return change_entry(operation, repository, vm_id, change, what)


def same_addresses(
    snapshot: EstateSnapshot, vm_id: str, cards: Iterable[CardAddresses]
) -> list[str]:
    """Notices of other VMs, and of hosts, that have one of these addresses on the same network."""
    wanted = list(cards)
    own = own_addresses(snapshot.hosts)
    return addresses_of_others(snapshot, vm_id, wanted) + [
        f"{address} on network {card.network} is an address of host {host} itself, so it is not "
        f"shown as one of the VM"
        for card in wanted
        for address in card.addresses
        for host in hosts_with(card.network, address, own)
    ]


def addresses_of_others(
    snapshot: EstateSnapshot, vm_id: str, cards: Sequence[CardAddresses]
) -> list[str]:
    """Which of these addresses other VMs have, recorded or seen, on the same network: or on one
    that is not known, which may be the same.
    """
    seen = ((vm, one) for vm in snapshot.vms.values() for one in vm.addresses)
    known = {(vm.id, one.network, one.address): vm for vm, one in seen}
    given = given_addresses(snapshot.vms.values(), snapshot.repositories)
    known |= {(one.vm.id, one.network, one.address): one.vm for one in given}
    return [
        f"{address} on network {card.network} is also an address of VM {vm.label}"
        for card in cards
        for (other, network, address), vm in known.items()
        if other != vm_id and network in (card.network, None) and address in card.addresses
    ]


def forget_addresses(operation: Operation, snapshot: EstateSnapshot, vm: VM) -> list[str]:
    """Remove what was recorded of a VM that was destroyed; no call, if nothing was.

    :return: A notice, if it could not be removed: only the next node of an idempotency key has the
        same id, and its creation removes it.
    """
    notices = []
    for definition in vm.definitions:
        repository = snapshot.repository(definition.repository_id)
        if repository is None or vm.id not in recorded_of(repository).entries:
            continue
        known = recorded_of(repository)
        try:
            gone = record_entry.entries_of_gone(snapshot, known)
            withdraw_addresses(operation, repository, vm.id, known.entries[vm.id], gone)
        except Ovm3Error as error:
            notices.append(f"VM {vm.label}: its addresses may still be recorded: {error}")
    return notices


def withdraw_addresses(
    operation: Operation,
    repository: Repository,
    vm_id: str,
    recorded: Mapping[str, Any],
    gone: Mapping[str, Mapping[str, Any]] = record_entry.NONE_GONE,
) -> None:
    """Remove what is recorded of a VM that was deleted; see :func:`.record_entry.forgetting`.

    :param recorded: The entry.
    :param gone: As :func:`.record_entry.change_entry` takes it.
    :raises Ovm3Error: See :func:`change_entry`.
    """
    forget = record_entry.forgetting(repository, vm_id, recorded)
    change_entry(operation, repository, vm_id, forget, _WHAT.format(vm_id), gone)


def entry_of(cards: Iterable[CardAddresses]) -> dict[str, list[str]]:
    """The entry of a VM with these cards."""
    return {card.mac: list(card.addresses) for card in cards}


def change_entry(
    operation: Operation,
    repository: Repository,
    vm_id: str,
    next_entry: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    what: str,
    gone: Mapping[str, Mapping[str, Any]] = record_entry.NONE_GONE,
) -> list[str]:
    """Change what is recorded of a VM.

    :param next_entry: What is recorded now -> what is to be; what is empty in it is removed.
    :param what: That, for messages.
    :param gone: As :func:`.record_entry.change_entry` takes it.
    :return: A notice, if it was recorded although the call failed.
    :raises PreconditionFailed: As :func:`require_recordable`, or other clients write all the time.
    :raises AgentFault: The host refused; what is recorded is as it was.
    :raises OperationIncomplete: Whether it was recorded is unknown.
    """
    module = require_recordable(repository)

    def change(now: Mapping[str, Any]) -> dict[str, Any]:
        return {key: some for key, some in next_entry(now).items() if some}

    where = (operation, module, repository, DOCUMENT, vm_id)
    return record_entry.change_entry(*where, change, what, gone)
