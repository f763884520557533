"""Whether a host can change its bridges, as far as its host module (API 3) tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.faults import vlan_script_advice
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.bonds import BALANCE_ALB
from libcloud_ovm3.estate.host_network import BOND, HostNetwork
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.labels import vlan_device
from libcloud_ovm3.estate.vm_bridges import (
    VMBridge,
    lacking,
    missing_bridges,
    without_bridge,
)
from libcloud_ovm3.operations.consent import what_is_cut
from libcloud_ovm3.operations.half_bridges import half_made

if TYPE_CHECKING:
    from libcloud_ovm3.agent.host_networks import NetworkSetup


def obstacles(setup: NetworkSetup, address: str, vlan_device: str | None) -> Iterator[str]:
    """Why a change of a host's bridges would fail, or not work.

    :param address: the host's, with the port.
    :param vlan_device: what a VLAN is to be made on; None: none is.
    """
    if setup.switch == "openvswitch":
        yield "its agent is configured for Open vSwitch, for which these functions are not made"
    if vlan_device is not None and setup.vlan_script == "broken":
        yield vlan_script_advice(address)
    for one in setup.bonds:
        if one.bond == vlan_device and BALANCE_ALB in (one.mode, one.saved):
            when = "now" if one.mode == BALANCE_ALB else "after its next boot"
            yield f"bond {one.bond} has mode 6 {when}, over which VLANs do not work"


def unknown_mode(network: HostNetwork, device: str, setup: NetworkSetup | None) -> str:
    """What nobody can tell of a VLAN on this device; "": it is no bond, or its mode is known.

    :param setup: what the host module tells; None: nothing.
    """
    bond = network.device(device)
    if bond is None or bond.kind != BOND or bond.mode is not None:
        return ""
    if setup is not None and any(one.bond == device for one in setup.bonds):
        return ""
    return f"the mode of bond {device} is not known; over mode 6 VLANs do not work"


def bridges_to_make(
    network: HostNetwork, bridges: Sequence[str], labels: Mapping[str, str]
) -> tuple[list[VMBridge], list[str]]:
    """As :func:`.missing_bridges`; nor is the bridge of a label made for a VM where that may cut
    something, as nobody has consented to it.

    :raises Ovm3Error: what the host module has recorded of a VLAN device that is there without a
        bridge could not be read.
    """
    to_make, why_not = missing_bridges(network, bridges, labels)
    for one in to_make:
        why_not += [
            f"{lacking(one.name, labels)}, and {why}"
            for why in (_why_not_cut(network, one), _why_not_completed(network, one))
            if why
        ]
    return to_make, why_not


def _why_not_completed(network: HostNetwork, bridge: VMBridge) -> str:
    """Why the host module would not put a bridge on a VLAN device that is there without one; "": it
    has half made that bridge itself, or there is none.
    """
    device = network.device(bridge.device)
    if bridge.vlan is None or device is None:
        return ""
    tagged = vlan_device(network, device.name, bridge.vlan)
    if network.device(tagged) is None or bridge in half_made(network):
        return ""
    return without_bridge(tagged)


def _why_not_cut(network: HostNetwork, bridge: VMBridge) -> str:
    """What making the bridge of a label may cut, and how it is made nevertheless; "": nothing, as
    making one on a VLAN.
    """
    cut = what_is_cut(network, bridge.device) if bridge.vlan is None else {}
    if not cut:
        return ""
    reasons = "; ".join(f"{role} ({', '.join(why)})" for role, why in cut.items())
    options = " ".join(f"--force {role}" for role in cut)
    return (
        f"making that on {bridge.device} may cut {reasons}. If that is what you want, make it "
        f"with ex_create_network({bridge.name!r}, "
        f"ex_parent={bridge.device!r}, ex_force={list(cut)!r}) (ovm3 network create {bridge.name} "
        f"--parent {bridge.device} {options})"
    )


def why_lacking(
    network: HostNetwork, bridges: Sequence[str], labels: Mapping[str, str]
) -> list[str]:
    """Why a host cannot have the bridges that the cards of a VM name; empty: it can.

    One call, if it lacks one that its network allows to make.
    """
    to_make, why_not = bridges_to_make(network, bridges, labels)
    return why_not or why_not_made(network.host, to_make)


def why_not_made(host: HostView, bridges: Sequence[VMBridge]) -> list[str]:
    """Why the host cannot make these; empty: it can, or nobody knows."""
    if not bridges or host.module3 is None:
        return []
    try:
        setup = host.module3.network_setup()
    except Ovm3Error:  # its own refusal would say more
        return []
    found = [
        why
        for one in bridges
        for why in obstacles(setup, str(host.address), one.device if one.vlan else None)
    ]
    return list(dict.fromkeys(found))
