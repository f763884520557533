"""VMs that have one MAC address: on one network only one of them can be reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.vms import VM, EstateSnapshot

_Card = tuple[str, str | None]  # MAC in lower case, bridge; None: the script chooses it, or unknown


def require_own_macs(
    label: str,
    vifs: Iterable[Vif],
    others: Sequence[VM],
    *,
    summary: dict[str, str | None],
    force: bool = False,
) -> list[str]:
    """Check that no live VM has the MAC address of one of these cards on the same network.

    A network is a name of a bridge, whatever the host. A card whose bridge is not known may be on
    any.

    :param label: how messages name the VM that is to have the cards.
    :param others: all VMs but this one.
    :param summary: its id, name and state, for the error.
    :param force: whether that is only said, not refused.
    :return: notices for the user: who has one of them too, on whatever network.
    :raises PreconditionFailed: one has.
    """
    own = {(vif.mac, vif.bridge) for vif in vifs if vif.mac}
    notices = []
    for other in others:
        theirs = _cards(other) if other.live else set()
        both = {(mac, bridge) for mac, bridge in own if mac in {one for one, _ in theirs}}
        if not both:
            continue
        macs = ", ".join(sorted({mac for mac, _ in both}))
        what = f"{label} and VM {other.label}, which is live, have the same MAC address {macs}"
        meet = sorted({on or "an unknown bridge" for mac, on in both if _meets(mac, on, theirs)})
        if not meet:
            notices.append(f"{what}, on different networks")
            continue
        why = f"{what} on {', '.join(meet)}: on one network only one of them can be reached"
        if not force:
            raise PreconditionFailed(
                f"{why}. Give one of them another MAC address (ex_update_nic), or use "
                f"ex_force=True",
                nodes=[summary, other.summary],
            )
        notices.append(why)
    return notices


def _meets(mac: str, bridge: str | None, theirs: set[_Card]) -> bool:
    return any(
        mac == other and (on is None or bridge is None or on == bridge) for other, on in theirs
    )


def _cards(vm: VM) -> set[_Card]:
    """All that it may have: what its definitions say, and what it has live."""
    defined = {(vif.mac, vif.bridge) for one in vm.definitions for vif in one.vifs if vif.mac}
    return defined | {(c.mac, c.bridge) for one in vm.live for c in one.domain.cards if c.mac}


def known_macs(snapshot: EstateSnapshot) -> set[str]:
    """All MAC addresses that VMs of the estate have, in vm.cfg or live."""
    return {mac for vm in snapshot.vms.values() for mac, _ in _cards(vm)}
