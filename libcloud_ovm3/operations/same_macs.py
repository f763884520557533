"""VMs that have one MAC address: on one network only one of them can be reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.networks import NetworkList
from libcloud_ovm3.estate.vms import VM

_Card = tuple[str, str | None]  # MAC in lower case, bridge; None: the script chooses it, or unknown


def require_own_macs(
    label: str,
    vifs: Iterable[Vif],
    others: Sequence[VM],
    *,
    summary: dict[str, str | None],
    force: bool = False,
    way_out: str = "Give one of them another MAC address (ex_update_nic), or use ex_force=True",
) -> list[str]:
    """Check that no live VM has the MAC address of one of these cards on the same network.

    A network is a name of a bridge, whatever the host. A card whose bridge is not known may be on
    any.

    :param label: how messages name the VM that is to have the cards.
    :param others: all VMs but this one.
    :param summary: its id, name and state, for the error.
    :param force: whether that is only said, not refused.
    :param way_out: what a user can do about it.
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
                f"{why}. {way_out}",
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


def require_usable(
    mac: str,
    bridge: str,
    networks: NetworkList,
    label: str,
    summary: dict[str, str | None],
    *,
    is_live: bool,
) -> list[str]:
    """Check that a VM can get a MAC address that a user has chosen for it.

    :param label: how messages name the VM.
    :param summary: its id, name and state.
    :param is_live: whether it has the address on the network at once.
    :return: notices for the user: who has it too.
    :raises PreconditionFailed: a device of a host has it, or a live VM on the same network.
    """
    device = _device_macs(networks).get(mac)
    if device:
        raise PreconditionFailed(f"MAC address {mac} is that of {device}", nodes=[summary])
    others = [vm for vm in networks.estate.vms.values() if vm.id != summary["id"]]
    notices = [
        f"VM {vm.label}, which is not live, has the same MAC address {mac}"
        for vm in others
        if not vm.live and mac in known_macs([vm])
    ]
    vif = Vif("").changed(mac=mac, bridge=bridge)
    way_out = "Choose another one, or leave it out: then a new one is made"
    return notices + require_own_macs(
        label, [vif], others, summary=summary, force=not is_live, way_out=way_out
    )


def taken_macs(networks: NetworkList) -> set[str]:
    """All MAC addresses that VMs of the estate and devices of its hosts have."""
    return known_macs(networks.estate.vms.values()) | _device_macs(networks).keys()


def _device_macs(networks: NetworkList) -> dict[str, str]:
    """The MAC addresses of the hosts' own devices, each with where it is."""
    found: dict[str, str] = {}
    for one in networks.hosts:
        named = [(bridge.mac, bridge.name) for bridge in one.bridges]
        named += [(device.mac, device.name) for device in one.devices]
        found |= {mac: f"{name} of {one.host.label}" for mac, name in named if mac}
    return found


def known_macs(vms: Iterable[VM]) -> set[str]:
    """All MAC addresses that these VMs have, in vm.cfg or live."""
    return {mac for vm in vms for mac, _ in _cards(vm)}
