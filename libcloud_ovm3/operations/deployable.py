"""Whether an address of a VM that is about to be created can become known. Pure.

libcloud's ``deploy_node`` waits for one, and then for SSH at the first of them. Where none can come
it is refused before anything is created.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_interface

from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.addresses import RECORDED, VMAddress, public_test, recorded_addresses
from libcloud_ovm3.estate.host_addresses import addresses_of
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations.plan_vm import VMPlan
from libcloud_ovm3.operations.record_address import addresses_of_others

PUBLIC, PRIVATE = "public_ips", "private_ips"


def require_known_address(plan: VMPlan, interface: str, otherwise: str = "") -> None:
    """Check that the VM has an IPv4 address of this kind that is known, or can become known.

    :param interface: ``public_ips`` or ``private_ips``.
    :param otherwise: what the caller can do instead, for the error.
    :raises InvalidArgument: it is not to be started, or its addresses are of the other kind.
    :raises PreconditionFailed: it has no network card, or nothing tells their addresses; or another
        VM has one of them: SSH would perhaps reach that one.
    """
    label = f"VM {plan.spec.name!r} was not created"
    if not plan.spec.start:
        raise InvalidArgument(f"{label}: ex_start=False: expected a node that is started")
    cards = [Vif(text) for text in plan.cards.vifs]
    if not cards:
        raise PreconditionFailed(
            f"{label}: it has no network card, so it cannot be reached; expected ex_networks, or "
            f"ex_default_network"
        )
    found = _static(plan) + _can_be_seen(plan, cards)
    if any(one.is_public == (interface == PUBLIC) for one in found):
        _require_own(plan, label)
        return
    if found:
        raise InvalidArgument(f"{label}: {_other_kind(found, interface)}")
    way_out = f", or {otherwise}" if otherwise else ""
    raise PreconditionFailed(f"{label}: {_why_unknown(plan, cards)}{way_out}")


def _static(plan: VMPlan) -> list[VMAddress]:
    """The static IPv4 addresses that will be shown."""
    snapshot, estate = plan.snapshot, plan.operation.estate
    known = recorded_addresses(plan.cards.addresses, snapshot.vms.values(), snapshot.hosts, estate)
    return [one for one in known if ip_address(one.address).version == 4]


def _require_own(plan: VMPlan, label: str) -> None:
    """Check that no other VM, running or not, has one of its static addresses."""
    others = addresses_of_others(plan.snapshot, plan.vm_id, plan.cards.addresses)
    if others:
        raise PreconditionFailed(
            f"{label}: {'; '.join(others)}, so SSH may reach that one; expected an address that no "
            f"other VM has. What is recorded of a card that does not use it any more is removed "
            f"with ex_update_nic(ex_address=[])"
        )


def _can_be_seen(plan: VMPlan, cards: Sequence[Vif]) -> list[VMAddress]:
    """The other cards on which an address can be seen; it is not known yet ("")."""
    estate = plan.operation.estate
    is_public = public_test(estate, plan.snapshot.hosts)
    given = {card.mac for card in plan.cards.addresses}
    watched = estate.watches_dhcp and plan.host.module3 is not None
    return [
        VMAddress("", card.mac or "", card.bridge, "", is_public(card.bridge))
        for card in cards
        if card.mac not in given
        and card.bridge
        and (watched or card.bridge in _bridges_with_addresses(plan.snapshot))
    ]


def _bridges_with_addresses(snapshot: EstateSnapshot) -> set[str]:
    """The devices on which a host has an IPv4 address, as far as host modules tell; not control0's
    link-local one, by which nobody else reaches a guest.
    """
    return {
        device
        for host in snapshot.hosts
        for device, texts in (addresses_of(host) or {}).items()
        if any(one.version == 4 and not one.is_link_local for one in map(ip_interface, texts))
    }


def _other_kind(found: Sequence[VMAddress], interface: str) -> str:
    networks = sorted({str(one.network) for one in found})
    static = ", ".join(one.address for one in found if one.source == RECORDED)
    what = f"its address {static}" if static else "each address that it can get"
    if interface == PUBLIC:
        return (
            f"{what} is on network {', '.join(networks)}, which is not public, so public_ips "
            f"stays empty; expected ssh_interface='private_ips', or ex_public_networks with that "
            f"network"
        )
    return (
        f"{what} is on network {', '.join(networks)}, which is public (ex_public_networks), so "
        f"private_ips stays empty; expected ssh_interface='public_ips'"
    )


def _why_unknown(plan: VMPlan, cards: Sequence[Vif]) -> str:
    """Why no address can become known, and what helps."""
    given = [text for one in plan.cards.addresses for text in one.addresses]
    if given:
        return (
            f"its static address {', '.join(given)} is not IPv4, or another card or a host has it; "
            f"expected an IPv4 address that is free"
        )
    networks = ", ".join(sorted({card.bridge or "(none)" for card in cards}))
    watch = "DHCP is not watched (ex_watch_dhcp)"
    if plan.host.module3 is None:
        watch = (
            f"DHCP cannot be watched, as {plan.host.label} has no host module (API 3; `ovm3 host "
            f"install`)"
        )
    return (
        f"no address of it can become known: none is given in ex_networks, {watch}, and no host "
        f"with the host module has an address on its network {networks}; expected one of these"
    )
