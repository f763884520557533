"""Watching which addresses DHCP gives to a VM that is about to start (``ex_watch_dhcp``).

The guest asks for one soon after its start, so its host begins to watch before that. A watch only
helps to know an address: where none can be had, the VM is started all the same, with a notice.
"""

from __future__ import annotations

from collections.abc import Sequence

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.neighbours import leases_of
from libcloud_ovm3.operations import network_doors
from libcloud_ovm3.operations.operation import Operation

WATCH_SECONDS = 600  # as long as libcloud waits for a node by default


def watch_cards(operation: Operation, host: HostView, definition: Definition) -> list[str]:
    """Have the host watch the cards of a VM, if the estate says so: one request for each.

    :return: notices for the user: what is not watched.
    """
    if not operation.estate.watches_dhcp:
        return []
    notices = []
    for card in definition.vifs:
        if card.mac and card.bridge:
            why_not = _watch(operation, host, card.bridge, card.mac, WATCH_SECONDS)
            if why_not:
                notices.append(
                    f"VM {definition.name!r} ({definition.uuid}): the address that DHCP gives to "
                    f"card {card.mac} is not watched on {host.label}: {why_not}"
                )
    return notices


def forget_leases(
    operation: Operation, others: Sequence[HostView], definition: Definition
) -> list[str]:
    """Have the other hosts forget the leases of the cards of a VM that has started, if the estate
    says so: where it runs now it may get other ones. Not before: if it does not start, another
    client may have started it there.

    :param others: all other hosts.
    :return: notices for the user: what is not forgotten.
    """
    if not operation.estate.watches_dhcp:
        return []
    macs = [card.mac for card in definition.vifs if card.mac and card.bridge]
    return [text for mac in macs for text in _forget(operation, others, definition, mac)]


def _forget(
    operation: Operation, hosts: Sequence[HostView], definition: Definition, mac: str
) -> list[str]:
    """Have hosts forget what they know of a card; notices of those that may not have."""
    notices = []
    for host in hosts:
        for device, address in leases_of(host, mac):
            why_not = _watch(operation, host, device, mac, 0)
            if why_not:
                notices.append(
                    f"VM {definition.name!r} ({definition.uuid}): {address}, which DHCP gave to "
                    f"card {mac} on {host.label} before, may be shown as its address until the "
                    f"lease expires, although it starts elsewhere now: {why_not}"
                )
    return notices


def _watch(operation: Operation, host: HostView, bridge: str, mac: str, seconds: int) -> str:
    """Why a card is not watched, or may not be; "" if it is. 0 seconds: forgotten."""
    module = host.module3
    if module is None:
        return "that needs the host module (API 3): `ovm3 host install`"
    try:
        network_doors.watch_dhcp(operation, module, bridge, mac, seconds)
    except Ovm3Error as error:
        return str(error)
    return ""
