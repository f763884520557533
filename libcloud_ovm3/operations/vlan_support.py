"""Whether a host can change its bridges, as far as its host module (API 3) tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.faults import vlan_script_advice
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.host_network import BALANCE_ALB, HostNetwork
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.vm_bridges import VLANBridge, missing_bridges

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


def why_lacking(network: HostNetwork, bridges: Sequence[str]) -> list[str]:
    """Why a host cannot have the bridges that the cards of a VM name; empty: it can.

    One call, if it lacks one that its network allows to make.
    """
    to_make, why_not = missing_bridges(network, bridges)
    return why_not or why_not_made(network.host, to_make)


def why_not_made(host: HostView, bridges: Sequence[VLANBridge]) -> list[str]:
    """Why the host cannot make these; empty: it can, or nobody knows."""
    if not bridges or host.module3 is None:
        return []
    try:
        setup = host.module3.network_setup()
    except Ovm3Error:  # its own refusal would say more
        return []
    found = [why for one in bridges for why in obstacles(setup, str(host.address), one.device)]
    return list(dict.fromkeys(found))
