"""The calls that change the network of a host: a part of :mod:`.doors`, under the same rules.

They say success before the effect can be seen, and may fault after it (agent-behaviour 13): whoever
sends one reads discover_network afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from libcloud_ovm3.estate.hosts import HostView

NETWORK_SECONDS = 120.0  # for a response; the scripts behind these calls take seconds

Action = Literal["start", "stop"]


@dataclass(frozen=True)
class NetworkCall:
    """A call as it is sent to the agent, or given to the host module for a guarded change."""

    function: str
    arguments: tuple[str | int, ...]


def bridge_call(action: Action, name: str, device: str) -> NetworkCall:
    """A bridge on a NIC or bond; addresses go to the bridge, and back to the device."""
    return NetworkCall("ovs_br_config", (action, name, device))


def vlan_bridge_call(action: Action, name: str, device: str, vlan: int) -> NetworkCall:
    """A VLAN device on a NIC or bond, and a bridge on it, both at once."""
    return NetworkCall("ovs_vlan_bridge", (action, name, device, vlan))


def local_bridge_call(action: Action, name: str) -> NetworkCall:
    """A bridge without a device."""
    return NetworkCall("ovs_local_config", (action, name))


def address_call(device: str, address: str, netmask: str) -> NetworkCall:
    """An address in place of the one that the device has."""
    return NetworkCall("ovs_ip_config", (device, "static", address, netmask))


def mtu_call(device: str, mtu_bytes: int) -> NetworkCall:
    """The MTU of a device, and of what hangs on it."""
    return NetworkCall("ovs_change_mtu", (device, mtu_bytes))


def bond_mode_call(bond: str, mode: int) -> NetworkCall:
    """The mode of a bond."""
    return NetworkCall("ovs_bond_mode", (bond, mode))


def send(host: HostView, call: NetworkCall) -> None:
    """Send such a call, once."""
    host.agent.call(call.function, *call.arguments, limit=NETWORK_SECONDS)
