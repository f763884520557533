"""Whether the vm.cfg of a VM and its live domain agree about its devices, but for what is changed.

The agent compares the lists that it is sent with what the VM has, and changes everything that
differs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.estate.domains import Card, Domain
from libcloud_ovm3.operations.device_changes import Change, Target, refusal


def require_no_more(
    target: Target, change: Change, device: str = "", macs: Collection[str] = ()
) -> None:
    """Check that the new lists differ from what the domain has in this disk, or in the cards with
    these MACs, at most: the agent would change everything that differs.

    :raises PreconditionFailed: they differ in more; names it.
    """
    if target.live is None:
        return
    domain = target.live.domain
    assert target.definition.config is not None, "target_of has checked it"
    wanted = change(target.definition.config)
    if domain.disks_error:
        raise refusal(target, f"what its live domain has is not known: {domain.disks_error}")
    differ = _disks_that_differ(domain, wanted) - {device}
    if differ:
        raise refusal(
            target,
            f"its vm.cfg and its live domain disagree about {', '.join(sorted(differ))} "
            f"as well, which the agent would change too; make them agree first",
        )
    listed = [card for card in domain.cards if card.mac not in macs]
    named = [vif for vif in wanted.vifs if vif.mac not in macs]
    if not _are_alike(listed, named):
        raise refusal(
            target,
            f"its vm.cfg and its live domain disagree about its network cards "
            f"({_cards_text(named)}; {_cards_text(listed)}), which the agent would change too; "
            f"make them agree first",
        )


def _disks_that_differ(domain: Domain, wanted: VMConfig) -> set[str]:
    listed = {one.device: (one.path, one.is_cdrom) for one in domain.block_devices}
    named = {one.device: (one.path, one.is_cdrom) for one in wanted.disks}
    modes = {one.device: one.mode for one in wanted.disks}
    differ = {one for one in listed.keys() | named.keys() if listed.get(one) != named.get(one)}
    return differ | {
        one.device
        for one in domain.block_devices
        if one.mode and modes.get(one.device) not in (one.mode, None)
    }


def _are_alike(listed: Sequence[Card], named: Sequence[Vif]) -> bool:
    """Whether live cards and entries of vm.cfg are the same. An entry may leave out its MAC, and
    one or the other its bridge.
    """
    if len(listed) != len(named):
        return False
    left = list(listed)
    for vif in (one for one in named if one.mac):
        same = [
            card
            for card in left
            if card.mac == vif.mac
            and (None in (card.bridge, vif.bridge) or card.bridge == vif.bridge)
        ]
        if not same:
            return False
        left.remove(same[0])
    return True


def _cards_text(cards: Sequence[Card | Vif]) -> str:
    return ", ".join(f"{one.mac or 'no MAC'} on {one.bridge or '?'}" for one in cards) or "none"
