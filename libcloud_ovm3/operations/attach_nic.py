"""Attaching a network card to a VM: in its vm.cfg and, while it runs, live, in one call."""

from __future__ import annotations

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estate.cards import VMCard, cards_of
from libcloud_ovm3.estate.cards_out import lost_card_notices
from libcloud_ovm3.estate.labels import WantedNetwork, bridge_name
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NetworkList, read_networks
from libcloud_ovm3.operations.agreement import require_no_more
from libcloud_ovm3.operations.device_changes import (
    CARDS,
    Outcome,
    Target,
    refusal,
    target_of,
)
from libcloud_ovm3.operations.new_cards import (
    MOST_OF_HVM,
    CardSpec,
    bridge_among,
    entry_of,
    new_mac,
)
from libcloud_ovm3.operations.nic_changes import (
    bridged_card,
    put_in,
    record_of,
    require_addresses_recordable,
    require_list,
    with_card,
)
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.record_address import CardAddresses
from libcloud_ovm3.operations.record_card import forget_card
from libcloud_ovm3.operations.same_macs import require_usable, taken_macs
from libcloud_ovm3.operations.vlan_support import bridges_to_make
from libcloud_ovm3.progress import waiting


def attach(estate: Estate, vm_id: str, spec: CardSpec) -> tuple[VMCard, list[str]]:
    """Attach a network card to a VM that runs, is paused or is stopped.

    :return: the card, and notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises InvalidArgument: the VM cannot have such a card.
    :raises PreconditionFailed: the host, or each host, lacks the network; somebody has the MAC; or
        the state of the VM does not allow it. Nothing is attached.
    :raises AgentFault: the agent refused; vm.cfg and domain are as they were.
    :raises OperationIncomplete: whether it is attached is unknown, or only half of it happened.
    """
    networks = read_networks(estate)
    target = target_of(Operation(estate), networks.estate, vm_id, CARDS)
    config = target.definition.config or VMConfig({})
    _require_room(target, config)
    bridge, notices = bridge_for(target, spec.network, networks)
    mac, more = mac_for(target, spec.mac, bridge, networks)
    entry = entry_of(spec, bridge, mac, is_hvm=config.is_hvm)
    require_no_more(target, with_card(entry), macs=[mac])
    if spec.addresses:
        require_addresses_recordable(target)
    notices += more + lost_card_notices(target.vm, but=mac)
    what, network = f"attaching network card {mac} on {bridge}", networks.on(target.host)
    with (
        waiting(f"{what} to VM {target.vm.name!r}", vm=target.vm.id),
        bridged_card(target, entry, notices, network),
    ):
        outcome = put_in(target, entry, mac, what, notices)
    notices += forget_card(target, mac)
    if spec.addresses:
        done = f"network card {mac} is attached"
        notices += record_of(target, done, [CardAddresses(mac, bridge, spec.addresses)])
    return card_in(target, outcome, len(config.vifs)), notices


def _require_room(target: Target, config: VMConfig) -> None:
    require_list(target)
    number = len(config.vifs)
    if config.is_hvm and number >= MOST_OF_HVM:
        raise refusal(target, f"it has {number}, and an HVM guest has {MOST_OF_HVM} at most")


def bridge_for(
    target: Target, wanted: WantedNetwork, networks: NetworkList
) -> tuple[str, list[str]]:
    """The bridge of a card, which the VM's host has, or one that can start it can have.

    :return: its name, and notices for the user.
    :raises PreconditionFailed: there is none.
    """
    if target.live is not None:
        network = networks.on(target.host)
        bridge = bridge_name(wanted, network)
        why_not = bridges_to_make(network, [bridge], networks.labels)[1]
        if why_not:
            raise refusal(target, f"{target.host.label}: {why_not[0]}")
        return bridge, []
    bridge = bridge_among(wanted, networks.hosts)
    reasons = {
        one.host.label: reason[0]
        for one in networks.hosts
        if (reason := bridges_to_make(one, [bridge], networks.labels)[1])
    }
    if len(reasons) < len(networks.hosts):
        return bridge, []
    why = "; ".join(f"{label}: {reason}" for label, reason in reasons.items())
    if networks.estate.unreachable or any(one.error for one in networks.hosts):
        return bridge, [f"no host is known to have a bridge {bridge}: {why}"]
    raise refusal(target, f"no host can have bridge {bridge}: {why}")


def mac_for(
    target: Target, mac: str | None, bridge: str, networks: NetworkList, but: str | None = None
) -> tuple[str, list[str]]:
    """The MAC address of a card: the one that is asked for, else a new one.

    :param but: the address that the card has already.
    :return: it, and notices for the user: who else has it.
    :raises InvalidArgument: another card of the VM has it.
    :raises PreconditionFailed: a device of a host has it, or a live VM on the same network while
        this one is live.
    """
    if mac is None:
        return new_mac(taken_macs(networks)), []
    own = [one for one in cards_of(target.vm) if one.mac == mac]
    if own and mac != but:
        raise InvalidArgument(
            f"VM {target.vm.label} has a network card with the MAC address {mac} already: "
            f"{own[0].id}"
        )
    vm, is_live = target.vm, target.live is not None
    notices = require_usable(mac, bridge, networks, f"VM {vm.label}", vm.summary, is_live=is_live)
    return mac, notices


def card_in(target: Target, outcome: Outcome, position: int) -> VMCard:
    """A card of the VM as it is after a change."""
    assert outcome.config is not None, "it is done"
    return cards_of(target.after(outcome).vm)[position]
