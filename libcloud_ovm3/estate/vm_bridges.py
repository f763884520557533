"""Which networks a host has for a VM, or can get: the bridges that its cards name. Pure.

A missing bridge is made for a VM only where its name says how: ``xenbr1.160`` is VLAN 160 on the
device below the bridge ``xenbr1``, as the older integration names it (flows.md 15.2); ``breth1`` is
the bridge of a traffic label that ``eth1`` carries without a bridge, ``breth1.160`` VLAN 160 of it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.network_options import VLANS
from libcloud_ovm3.estate.bonds import BALANCE_ALB
from libcloud_ovm3.estate.host_network import VLAN, HostBridge, HostDevice, HostNetwork
from libcloud_ovm3.estate.interface_names import (
    LONGEST_NAME,
    found_as,
    label_bridge,
    label_device,
    split_vlan,
)
from libcloud_ovm3.estate.labels import device_of, vlan_device, why_not_carried

CONTROL = "control0"  # a local bridge, which is made on every host that needs it (flows.md 2.3)
_SCRIPT = "vif-bridge"  # xend's own: what another one does with the name is not known
_NO_LABELS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class VMBridge:
    """A bridge that a host lacks and can get.

    :ivar device: the NIC or bond that it is made on.
    :ivar vlan: the number of its VLAN on that, 2 to 4094; None: it is untagged, a label's own.
    """

    name: str
    device: str
    vlan: int | None

    @property
    def on(self) -> str:
        """What it is made on, for messages."""
        return _text_of(self.device, self.vlan)


def _text_of(device: str, vlan: int | None) -> str:
    return device if vlan is None else f"VLAN {vlan} of {device}"


def bridges_of(config: VMConfig | None) -> tuple[str, ...]:
    """The bridges that the cards of a VM need; a card may leave its bridge to the script."""
    vifs = config.vifs if config else ()
    usual = [vif for vif in vifs if posixpath.basename(vif.script or _SCRIPT) == _SCRIPT]
    return tuple(dict.fromkeys(vif.bridge for vif in usual if vif.bridge))


def missing_bridges(
    network: HostNetwork, bridges: Iterable[str], labels: Mapping[str, str] = _NO_LABELS
) -> tuple[list[VMBridge], list[str]]:
    """Which of these bridges a host lacks and can get, and why it cannot have the others.

    A host whose network could not be read cannot have any: it is unknown.

    :param labels: traffic label -> what carries it.
    """
    names = list(dict.fromkeys(bridges))
    if not names:
        return [], []
    if network.error is not None:
        return [], [f"its network could not be read: {network.error}"]
    others = [name for name in names if name != CONTROL]
    found = [_to_make(network, name, labels) for name in others if not _is_there(network, name)]
    return (
        [one for one in found if isinstance(one, VMBridge)],
        [one for one in found if isinstance(one, str)]
        + [why for name in others if (why := why_elsewhere(network, name, labels))],
    )


def _is_there(network: HostNetwork, name: str) -> bool:
    """Whether xend's script finds a bridge for this name."""
    return any(network.bridge(one) for one in found_as(name))


def why_elsewhere(network: HostNetwork, name: str, labels: Mapping[str, str] = _NO_LABELS) -> str:
    """Why no VM is started on a bridge that is there: it is local, as half made ones are, or is to
    be a label's, and does not lead where its name says; "": VMs are.

    What it is called after has to have a way out itself: under ``control0`` all are local.
    """
    bridge, on = network.bridge(name), _elsewhere(network, name, labels)
    if bridge is None or not on:
        return ""
    if bridge.is_local:
        how = f"on the host: ifconfig {name} down; brctl delbr {name}"
        if split_vlan(name):
            how = f"ex_release_networks, if the host module made it, else {how}"
        return (
            f"its bridge {name} is not on {on}: it is local. Unless another client is just making "
            f"it, remove it if nothing needs it, so that the next start makes it ({how})"
        )
    label = _label_of(network, name, labels)
    if not label:
        return ""
    return (
        f"its bridge {name} is not on {on}: {_where(bridge)}; by its name it is that of the label "
        f"{label}. Others may need it as it is: put the card on another network, such as a bridge "
        f"of another name on {on} (ex_create_network)"
    )


def named_otherwise(network: HostNetwork, name: str, labels: Mapping[str, str] = _NO_LABELS) -> str:
    """That a bridge which somebody has made has the name of another VLAN; "": it has not, or no VM
    is started on it anyway. No label is concerned, so it may be meant so.
    """
    bridge, on = network.bridge(name), _elsewhere(network, name, labels)
    if bridge is None or not on or why_elsewhere(network, name, labels):
        return ""
    return (
        f"bridge {name} is not on {on}, as its name says: {_where(bridge)}. If that is not what is "
        f"meant, use a bridge of another name"
    )


def _elsewhere(network: HostNetwork, name: str, labels: Mapping[str, str]) -> str:
    """What a bridge that is there would be on by its name, where it is not; "": it is, or the name
    says nothing, as with a number that no VLAN has.

    A label says it before the bridge beside it does, which may itself be on something else.
    """
    bridge, found = network.bridge(name), _of_labels(network, name, labels)
    if isinstance(found, str):
        found = _meant(network, name, labels)
    if bridge is None or isinstance(found, str):
        return ""
    device, vlan = found
    if vlan is not None and vlan not in VLANS:
        return ""
    port = device.name if vlan is None else vlan_device(network, device.name, vlan)
    return "" if port in bridge.ports else _text_of(device.name, vlan)


def _where(bridge: HostBridge) -> str:
    return bridge.doubt or ("it is local" if bridge.is_local else f"it is on {bridge.parent}")


def _label_of(network: HostNetwork, name: str, labels: Mapping[str, str]) -> str:
    """The label that a bridge of this name is of, or of a VLAN of it; "": of none."""
    form = split_vlan(name)
    base = network.bridge(form[0]) if form else None
    its = {base.name, *base.ports} if base else set()
    for label, carrier in labels.items():
        if carrier in its or (not network.bridge(carrier) and _is_of(name, label_bridge(carrier))):
            return label
    return ""


def why_misnamed(
    network: HostNetwork, name: str, device: str, vlan: int | None, labels: Mapping[str, str]
) -> str:
    """Why a bridge of this name must not be made on a device, or on a VLAN of it: the name is that
    of another one; "": it may.
    """
    found = _meant(network, name, labels)
    if isinstance(found, str):
        return f"{name} is the name of another bridge: {found}" if found else ""
    meant, number = found
    is_a_vlan = number is None or number in VLANS
    if not is_a_vlan or (meant.name, number) == (device, vlan):
        return ""
    return (
        f"{name} is the name of the bridge on {_text_of(meant.name, number)}, and this one would "
        f"be on {_text_of(device, vlan)}: choose another name"
    )


def _meant(
    network: HostNetwork, name: str, labels: Mapping[str, str]
) -> tuple[HostDevice, int | None] | str:
    """The device that a bridge of this name is on, and the number of its VLAN on that; or why it is
    on none, "" if the name says nothing.
    """
    form = split_vlan(name)
    if form and name != f"{form[0]}.{form[1]}":
        return ""  # nobody writes 05 for a number
    base = network.bridge(form[0]) if form else None
    if form is None or base is None:
        return _of_labels(network, name, labels)
    why = _why_not_the_label_s(network, base, labels)
    if why:
        return why
    device = network.device(base.parent)
    if device is None:
        why = base.doubt or f"nothing but guests is on bridge {base.name}"
        return f"no VLAN can be made: {why}"
    return device, form[1]


def _why_not_the_label_s(
    network: HostNetwork, bridge: HostBridge, labels: Mapping[str, str]
) -> str:
    """Why no VLAN is made beside a bridge that has the name of a label's and is on another device;
    "": it is the label's, or its name is that of none.
    """
    for label, carrier in labels.items():
        if bridge.name != label_bridge(carrier) or network.bridge(carrier):
            continue
        device, vlan = device_of(carrier, network)
        port = vlan_device(network, device.name, vlan) if device and vlan is not None else carrier
        if port not in bridge.ports:
            return (
                f"bridge {bridge.name} is not on {carrier}, which carries the label {label}: "
                f"{_where(bridge)}"
            )
    return ""


def _of_labels(
    network: HostNetwork, name: str, labels: Mapping[str, str]
) -> tuple[HostDevice, int | None] | str:
    """The same as the labels alone say it."""
    return next((on for one in labels if (on := _of_label(network, name, one, labels))), "")


def _of_label(
    network: HostNetwork, name: str, label: str, labels: Mapping[str, str]
) -> tuple[HostDevice, int | None] | str:
    """The same for the bridge of a label whose device has none, and for those of its VLANs."""
    carrier, form = labels[label], split_vlan(name)
    own = label_bridge(carrier)
    if not _is_of(name, own):
        return ""
    if network.bridge(carrier):
        return ""  # that is the label's bridge
    device, vlan = device_of(carrier, network)
    if device is None:
        return f"no device {carrier}, which carries the label {label}"
    if form and name != own:
        return (
            (device, form[1]) if vlan is None else _over_vlan(f"{carrier} is a VLAN", device.name)
        )
    parent = network.device(device.parent)
    if parent is None or device.vlan is None:
        return device, vlan
    return parent, device.vlan  # the VLAN device is there without a bridge


def _to_make(network: HostNetwork, name: str, labels: Mapping[str, str]) -> VMBridge | str:
    """How a missing bridge is made, or why it cannot be."""
    lacks = lacking(name, labels)
    found = _meant(network, name, labels)
    if isinstance(found, str):
        found = found or _which_label(network, name, labels)
        return f"{lacks}, and {found}" if found else lacks
    device, number = found
    if len(name) > LONGEST_NAME:
        return f"{lacks}, and the name has more than {LONGEST_NAME} characters"
    if network.device(name):
        return f"{lacks}, and a device has this name"
    if number is None:
        why = why_no_bridge(network, device)
    elif number not in VLANS:
        why = f"{number} is not a VLAN number from {VLANS[0]} to {VLANS[-1]}"
    else:
        why = why_no_vlan(network, device, number) or _why_not_on(network, device, number)
    return f"{lacks}, and {why}" if why else VMBridge(name, device.name, number)


def _which_label(network: HostNetwork, name: str, labels: Mapping[str, str]) -> str:
    """That a missing bridge is a label, or may be that of one, of which this client was not told;
    "": it is neither.
    """
    device = label_device(name)
    if network.device(device) is None or device in labels.values():
        return why_not_carried(name, labels)
    return f"no label of ex_traffic_labels is on {device}: name it if this is the bridge of one"


def lacking(name: str, labels: Mapping[str, str]) -> str:
    """That a host has no such bridge, for messages; and which label it is for: nobody may have
    named it.
    """
    own = {label: label_bridge(carrier) for label, carrier in labels.items()}
    of = [label for label, bridge in own.items() if bridge == name]
    of += [label for label, bridge in own.items() if _is_of(name, bridge)]
    return f"it has no bridge {name}" + (
        f" (for the label {of[0]}, on {labels[of[0]]})" if of else ""
    )


def _is_of(name: str, bridge: str) -> bool:
    form = split_vlan(name)
    return name == bridge or (form is not None and form[0] == bridge)


def _why_not_on(network: HostNetwork, device: HostDevice, vlan: int) -> str:
    """Why a VLAN device that is there without a bridge is not to be put on one; "": it may be.

    The host module knows what it has half made, and refuses all others itself.
    """
    tagged = vlan_device(network, device.name, vlan)
    if network.host.module3 is not None or network.device(tagged) is None:
        return ""
    return without_bridge(tagged)


def lone_vlan_device(network: HostNetwork, name: str, labels: Mapping[str, str]) -> str:
    """The VLAN device that a missing bridge would be on, if it is there without one; "": it is not,
    or the name says of none.
    """
    found = _meant(network, name, labels)
    if isinstance(found, str) or found[1] is None:
        return ""
    tagged = vlan_device(network, found[0].name, found[1])
    is_alone = network.device(tagged) is not None and network.bridge_on(tagged) is None
    return tagged if is_alone else ""


def without_bridge(tagged: str) -> str:
    """Why nothing is made on a VLAN device that is there without a bridge, and what to do."""
    return (
        f"the VLAN device {tagged} is there already, without a bridge, and may have an address of "
        f"the host; the agent makes a bridge on a VLAN only together with its device. Unless "
        f"another client is just making the bridge, use another VLAN, or remove {tagged} on the "
        f"host if nothing needs it: vconfig rem {tagged}"
    )


def why_no_bridge(network: HostNetwork, device: HostDevice) -> str:
    """Why no bridge can be made on a device itself; "": it can."""
    other = network.bridge_on(device.name)
    if other is not None:
        return f"{device.name} is in bridge {other.name}"
    if device.bond is not None:
        return f"{device.name} is a slave of bond {device.bond}"
    return without_bridge(device.name) if device.kind == VLAN else ""


def why_no_vlan(network: HostNetwork, device: HostDevice, vlan: int) -> str:
    """Why no bridge can be made on a VLAN of a device; "": it can.

    :param vlan: 2 to 4094.
    """
    if device.kind == VLAN:
        return _over_vlan(f"{device.name} is a VLAN device", device.parent)
    if device.bond is not None:
        return f"{device.name} is a slave of bond {device.bond}"
    if device.mode == BALANCE_ALB:
        return (
            f"bond {device.name} has mode 6 (balance-alb), over which VLANs do not work: "
            f"ex_set_bond_mode sets mode 1 or 4"
        )
    other = network.bridge_on(vlan_device(network, device.name, vlan))
    if other is None:
        return ""
    return (
        f"VLAN {vlan} of {device.name} is in bridge {other.name}: use {other.name} as the network"
    )


def _over_vlan(what: str, below: str | None) -> str:
    return (
        f"{what}, and there are no VLANs on a VLAN: name {below or 'the device below it'} or the "
        f"bridge on that, also for a traffic label"
    )
