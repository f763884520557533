"""What a user means by a network, and which bridge that is on a host. Pure.

A network is given as the name of a bridge, as a traffic label, or as a VLAN of a label. A label
stands for a bridge, or for a NIC, bond or VLAN device, whose bridge may have another name on each
host. The bridge of a VLAN is named ``<bridge>.<n>``, as the older integration does (flows.md 15).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from libcloud_ovm3.agent.network_options import LABELS, parse_vlan, require_interface
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.host_network import HostDevice, HostNetwork
from libcloud_ovm3.estate.interface_names import LONGEST_NAME, label_bridge, split_vlan


@dataclass(frozen=True)
class WantedNetwork:
    """A network as a user has named it.

    :ivar name: of a bridge; with a label, of the bridge or device that the label stands for.
    :ivar label: "": it was named by its bridge.
    :ivar vlan: of the label; None: the label's own network.
    """

    name: str
    label: str = ""
    vlan: int | None = None

    @property
    def given(self) -> str:
        """How a user names it."""
        return f"{self.label or self.name}{'' if self.vlan is None else f':{self.vlan}'}"

    @property
    def text(self) -> str:
        """How messages name it."""
        return f"{self.given} ({self.name})" if self.label else self.name


def wanted_network(network: object, labels: Mapping[str, str]) -> WantedNetwork:
    """The network that a user means.

    :param network: the name of a bridge, a label, ``label:vlan``, a pair of label and VLAN (or
        None), or an object with such a name as its ``id``.
    :param labels: label -> the interface that carries it.
    :raises InvalidArgument: it is none of these, or no interface carries the label.
    """
    if isinstance(network, tuple | list):
        if len(network) != 2:
            raise InvalidArgument(f"network {network!r}: expected a pair of label and VLAN")
        return _of_label(network, network[0], network[1], labels)
    text = getattr(network, "id", network)
    if isinstance(text, str) and ":" in text:
        label, _, vlan = text.partition(":")
        return _of_label(text, label, vlan, labels)
    if isinstance(text, str) and text in labels:
        return WantedNetwork(labels[text], text)
    expected = "expected the name of a bridge, LABEL, or LABEL:VLAN"
    require_interface(text, "network", expected)
    return WantedNetwork(str(text))


def _of_label(
    network: object, label: object, vlan: object, labels: Mapping[str, str]
) -> WantedNetwork:
    carrier = carrier_of(label, labels, f"network {network!r}")
    number = None if vlan is None else parse_vlan(vlan, f"network {network!r}")
    return WantedNetwork(carrier, str(label), number)


def carrier_of(label: object, labels: Mapping[str, str], name: str) -> str:
    """The bridge or device that carries a label.

    :param name: what names the label, for the error.
    :raises InvalidArgument: there is no such label, or no interface carries it.
    """
    if label not in LABELS:
        raise InvalidArgument(f"{name}: unknown label {label!r}: expected {', '.join(LABELS)}")
    uncarried = why_not_carried(label, labels)
    if uncarried:
        raise InvalidArgument(f"{name}: {uncarried}")
    return labels[str(label)]


def why_not_carried(label: object, labels: Mapping[str, str]) -> str:
    """That no interface carries a label, and what to do; "": one does, or it is no label."""
    if label not in LABELS or label in labels:
        return ""
    return f"no interface carries the label {label!r}: name it with ex_traffic_labels"


def bridge_name(wanted: WantedNetwork, network: HostNetwork) -> str:
    """The name of a network's bridge on a host, whether it is there or not.

    The bridge that a label's device lacks would be named ``br<device>``.

    :raises PreconditionFailed: the host has nothing of the name that the label stands for, or the
        name is too long, or that of a bridge on something else.
    :raises Ovm3Error: the host's network could not be read.
    """
    if network.error is not None:
        raise network.error
    name = _label_bridge(wanted, network) if wanted.label else wanted.name
    if wanted.vlan is not None:
        base, name = name, f"{name}.{wanted.vlan}"
        _require_its_vlan(wanted, network, base, name)
    if len(name) > LONGEST_NAME:
        raise PreconditionFailed(
            f"{network.host.label}: network {wanted.text} would be the bridge {name}, but a name "
            f"has at most {LONGEST_NAME} characters"
        )
    return name


def _require_its_vlan(wanted: WantedNetwork, network: HostNetwork, base: str, name: str) -> None:
    """Check that a bridge of a VLAN's name is not on something else; a local one is half made.

    :raises PreconditionFailed: it is.
    """
    bridge, below = network.bridge(name), network.bridge(base)
    device = below.parent if below else wanted.name
    if bridge is None or bridge.is_local or device is None or wanted.vlan is None:
        return
    if vlan_device(network, device, wanted.vlan) not in bridge.ports:
        raise PreconditionFailed(
            f"{network.host.label}: network {wanted.text} would be the bridge {name}, which is not "
            f"on VLAN {wanted.vlan} of {device}: {bridge.doubt or f'it is on {bridge.parent}'}. "
            f"Others may need it as it is: make a bridge of another name on that VLAN "
            f"(ex_create_network), and use that"
        )


def _label_bridge(wanted: WantedNetwork, network: HostNetwork) -> str:
    if network.bridge(wanted.name):
        return wanted.name
    there = network.bridge_on(wanted.name)
    if there:
        return there.name
    device, _ = device_of(wanted.name, network)
    if device is None:
        raise PreconditionFailed(
            f"{network.host.label} has neither a bridge nor a device {wanted.name}, which carries "
            f"the label {wanted.label}"
        )
    name = label_bridge(wanted.name)
    other = network.bridge(name)
    if other is not None:
        where = other.doubt or ("it is local" if other.is_local else f"it is on {other.parent}")
        half = ", or remove it if nothing needs it (ex_delete_network)" if other.is_local else ""
        raise PreconditionFailed(
            f"{network.host.label}: network {wanted.text} would be the bridge {name} on "
            f"{wanted.name}, but {name} is there otherwise: {where}. Make another bridge on "
            f"{wanted.name} (ex_create_network){half}"
        )
    return name


def device_of(name: str, network: HostNetwork) -> tuple[HostDevice | None, int | None]:
    """The device of this name, or the one below a VLAN device that is not there yet, such as
    ``bond0`` of ``bond0.100``, and the number of that VLAN; (None, None): neither is there.
    """
    device = network.device(name)
    if device is not None:
        return device, None
    form = split_vlan(name)
    below = network.device(form[0]) if form else None
    return (below, form[1]) if form and below else (None, None)


def vlan_device(network: HostNetwork, device: str, vlan: int) -> str:
    """The name of the device of a VLAN, whether it is there or not.

    :param device: what the VLAN is on.
    """
    there = (one.name for one in network.devices if (one.parent, one.vlan) == (device, vlan))
    return next(there, f"{device}.{vlan}")
