"""Which networks a host has for a VM, or can get: the bridges that its cards name. Pure.

A missing bridge is made for a VM only where its name says how: ``xenbr1.160`` is VLAN 160 on the
device below the bridge ``xenbr1``, as the older integration names it (flows.md 15.2).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.network_options import VLANS
from libcloud_ovm3.estate.host_network import BALANCE_ALB, VLAN, HostDevice, HostNetwork
from libcloud_ovm3.estate.interface_names import LONGEST_NAME, found_as, split_vlan

CONTROL = "control0"  # a local bridge, which is made on every host that needs it (flows.md 2.3)
_SCRIPT = "vif-bridge"  # xend's own: what another one does with the name is not known


@dataclass(frozen=True)
class VLANBridge:
    """A bridge that a host lacks and can get.

    :ivar device: the NIC or bond that it is made on.
    :ivar vlan: its number, 2 to 4094.
    """

    name: str
    device: str
    vlan: int


def bridges_of(config: VMConfig | None) -> tuple[str, ...]:
    """The bridges that the cards of a VM need; a card may leave its bridge to the script."""
    vifs = config.vifs if config else ()
    usual = [vif for vif in vifs if posixpath.basename(vif.script or _SCRIPT) == _SCRIPT]
    return tuple(dict.fromkeys(vif.bridge for vif in usual if vif.bridge))


def missing_bridges(
    network: HostNetwork, bridges: Iterable[str]
) -> tuple[list[VLANBridge], list[str]]:
    """Which of these bridges a host lacks and can get, and why it cannot have the others.

    A host whose network could not be read cannot have any: it is unknown.
    """
    names = list(dict.fromkeys(bridges))
    if not names:
        return [], []
    if network.error is not None:
        return [], [f"its network could not be read: {network.error}"]
    others = [name for name in names if name != CONTROL]
    found = [_to_make(network, name) for name in others if not _is_there(network, name)]
    return (
        [one for one in found if isinstance(one, VLANBridge)],
        [one for one in found if isinstance(one, str)]
        + [why for name in others if (why := _why_cut_off(network, name))],
    )


def _is_there(network: HostNetwork, name: str) -> bool:
    """Whether xend's script finds a bridge for this name."""
    return any(network.bridge(one) for one in found_as(name))


def _why_cut_off(network: HostNetwork, name: str) -> str:
    """Why a bridge that is there does not lead to its VLAN, as half made ones do not; "": it may.

    What it is called after has to have a way out itself: under ``control0`` all are local.
    """
    bridge, form = network.bridge(name), split_vlan(name)
    base = network.bridge(form[0]) if form else None
    device = network.device(base.parent) if base else None
    if bridge is None or form is None or device is None or not bridge.is_local:
        return ""
    return (
        f"its bridge {name} is local, not on VLAN {form[1]} of {device.name}: unless another "
        f"client is just making it, remove it if nothing needs it, and the next start makes it. "
        f"ex_release_networks does if the host module made it, else on the host: "
        f"ifconfig {name} down; brctl delbr {name}"
    )


def _to_make(network: HostNetwork, name: str) -> VLANBridge | str:
    """How a missing bridge is made, or why it cannot be."""
    lacks = f"it has no bridge {name}"
    form = split_vlan(name)
    base = network.bridge(form[0]) if form else None
    if form is None or base is None or name != f"{base.name}.{form[1]}":
        return lacks
    number, device = form[1], network.device(base.parent)
    if number not in VLANS:
        return f"{lacks}, and {number} is not a VLAN number from {VLANS[0]} to {VLANS[-1]}"
    if len(name) > LONGEST_NAME:
        return f"{lacks}, and the name has more than {LONGEST_NAME} characters"
    if device is None:
        why = base.doubt or f"nothing but guests is on bridge {base.name}"
        return f"{lacks}, and no VLAN can be made: {why}"
    why = why_no_vlan(network, device, number) or _why_not_on(network, device, number)
    return f"{lacks}, and {why}" if why else VLANBridge(name, device.name, number)


def _why_not_on(network: HostNetwork, device: HostDevice, vlan: int) -> str:
    """Why a VLAN device that is there without a bridge is not to be put on one; "": it may be.

    The host module knows what it has half made, and refuses all others itself.
    """
    tagged = vlan_device(network, device, vlan)
    if network.host.module3 is not None or network.device(tagged) is None:
        return ""
    return (
        f"the VLAN device {tagged} is there already, without a bridge, and may have an address of "
        f"the host: unless another client is just making the bridge, remove {tagged} on the host "
        f"if nothing needs it, or use another VLAN"
    )


def why_no_vlan(network: HostNetwork, device: HostDevice, vlan: int) -> str:
    """Why no bridge can be made on a VLAN of a device; "": it can.

    :param vlan: 2 to 4094.
    """
    if device.kind == VLAN:
        return f"{device.name} is a VLAN device: no source says that a VLAN can be made on it"
    if device.bond is not None:
        return f"{device.name} is a slave of bond {device.bond}"
    if device.mode == BALANCE_ALB:
        return (
            f"bond {device.name} has mode 6 (balance-alb), over which VLANs do not work: "
            f"ex_set_bond_mode sets mode 1 or 4"
        )
    other = network.bridge_on(vlan_device(network, device, vlan))
    return f"VLAN {vlan} of {device.name} is in bridge {other.name}" if other else ""


def vlan_device(network: HostNetwork, device: HostDevice, vlan: int) -> str:
    """The name of the device of a VLAN, whether it is there or not."""
    there = (one.name for one in network.devices if (one.parent, one.vlan) == (device.name, vlan))
    return next(there, f"{device.name}.{vlan}")
