"""The calls that change the network of a host: a part of :mod:`.doors`, under the same rules.

They say success before the effect can be seen, and may fault after it (agent-behaviour 13): whoever
sends one reads discover_network afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Any, Literal

from libcloud_ovm3.errors import AgentFault
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.operations.operation import Operation

if TYPE_CHECKING:
    from libcloud_ovm3.agent.host_bridges import Release
    from libcloud_ovm3.agent.host_networks import GuardedChange
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.estate.vm_bridges import VMBridge

NETWORK_SECONDS = 120.0  # for a response; the scripts behind these calls take seconds

VLAN_BRIDGE = "ovs_vlan_bridge"
_BRIDGES = frozenset({VLAN_BRIDGE, "ovs_br_config", "ovs_local_config"})
Action = Literal["start", "stop"]


@dataclass(frozen=True)
class NetworkCall:
    """A call as it is sent to the agent, or given to the host module for a guarded change."""

    function: str
    arguments: tuple[str | int, ...]

    @property
    def removes(self) -> str | None:
        """The bridge that it removes; None: it removes none."""
        is_removal = self.function in _BRIDGES and self.arguments[0] == "stop"
        return str(self.arguments[1]) if is_removal else None


def bridge_call(action: Action, name: str, device: str) -> NetworkCall:
    """A bridge on a NIC or bond; addresses go to the bridge, and back to the device."""
    return NetworkCall("ovs_br_config", (action, name, device))


def vlan_bridge_call(action: Action, name: str, device: str, vlan: int) -> NetworkCall:
    """A VLAN device on a NIC or bond, and a bridge on it, both at once."""
    return NetworkCall(VLAN_BRIDGE, (action, name, device, vlan))


def bridge_on_call(action: Action, name: str, device: str, vlan: int | None) -> NetworkCall:
    """A bridge on a VLAN of a device, or (None) on the device itself."""
    if vlan is None:
        return bridge_call(action, name, device)
    return vlan_bridge_call(action, name, device, vlan)


def local_bridge_call(action: Action, name: str) -> NetworkCall:
    """A bridge without a device."""
    return NetworkCall("ovs_local_config", (action, name))


def address_call(device: str, address: str, netmask: str) -> NetworkCall:
    """An address in place of the one that the device has."""
    return NetworkCall("ovs_ip_config", (device, "static", address, netmask))


def no_address_call(device: str) -> NetworkCall:
    """No address, as before the first one; its ifcfg file goes too (agent-behaviour 13), so this is
    only for the host to free its line again.
    """
    return NetworkCall("ovs_ip_config", (device, "flush"))


def mtu_call(device: str, mtu_bytes: int) -> NetworkCall:
    """The MTU of a device, and of what hangs on it."""
    return NetworkCall("ovs_change_mtu", (device, mtu_bytes))


def bond_mode_call(bond: str, mode: int) -> NetworkCall:
    """The mode of a bond."""
    return NetworkCall("ovs_bond_mode", (bond, mode))


def send(host: HostView, call: NetworkCall) -> None:
    """Send such a call, once."""
    host.agent.call(call.function, *call.arguments, limit=NETWORK_SECONDS)


# ------------------------------------------------------------------ through the host module


def set_control_interface(
    operation: Operation, module: HostModule, bridge: str, address: IPv4Interface
) -> None:
    """Give a bridge an address and the only route to its network, ARP, and no file of its own;
    the host refuses what would cut it off.
    """
    module.set_control_interface(
        operation.client, operation.id, bridge, str(address.ip), address.network.prefixlen
    )


def take_bridge(operation: Operation, module: HostModule, user: str, bridge: VMBridge) -> bool:
    """Record a VM as a user of a bridge over a VLAN, and make that if it is missing.

    :param user: the VM's dashed uuid.
    :return: whether the VM was not recorded before.
    """
    assert bridge.vlan is not None, "the bridge of a label itself is not counted"
    taking = module.take_bridge(
        operation.client, operation.id, user, bridge.name, bridge.device, bridge.vlan
    )
    return taking.is_new


def release_bridge(
    operation: Operation, module: HostModule, user: str, bridge: str, taken: str
) -> Release:
    """Record a VM no longer as a user of a bridge, and remove that if the module has made it and
    nobody uses it.

    :param user: the VM's dashed uuid; "": whether the bridge can go.
    :param taken: the operation that has recorded it; if another one has by now, it stays.
    :return: whether the bridge was removed, else what keeps it.
    """
    return module.release_bridge(operation.client, operation.id, user, bridge, taken)


def remove_bridge(
    operation: Operation, module: HostModule, call: NetworkCall, addresses: Sequence[str]
) -> None:
    """Have the host make a call that removes a bridge, unless something uses it by then.

    :param addresses: those that the bridge has; with another one it stays.
    """
    name, *device = call.arguments[1:]
    netdev = str(device[0]) if device else ""
    vlan = int(device[1]) if len(device) > 1 else 0
    module.remove_bridge(operation.client, operation.id, str(name), netdev, vlan, addresses)


def keep_bridge(operation: Operation, module: HostModule, bridge: str) -> None:
    """Have a bridge stay that the module has made for VMs."""
    module.keep_bridge(operation.client, operation.id, bridge)


def watch_dhcp(
    operation: Operation, module: HostModule, bridge: str, mac: str, seconds: int
) -> None:
    """Have a host watch which address DHCP gives to a card; what was known of it is forgotten.

    :param seconds: 0: no more than that.
    """
    module.watch_dhcp(operation.client, operation.id, bridge, mac, seconds)


def goes_on(error: Exception | None) -> bool:
    """Whether the module says that its process goes on: it may still do what it was asked for."""
    return isinstance(error, AgentFault) and error.kind.endswith("errors.Timeout")


def is_refusal(error: Exception | None) -> bool:
    """Whether the module has found, before it changed anything, that it must not."""
    return isinstance(error, AgentFault) and error.kind.endswith("errors.Conflict")


def change_guarded(
    operation: Operation,
    module: HostModule,
    own: str,
    request: NetworkCall,
    undo: NetworkCall,
    seconds: int,
) -> None:
    """Have the host send such a call to its agent, and take it back unless it is confirmed.

    :param own: the id of this change, made for it: the same id twice is one change.
    :param seconds: until it is taken back.
    """
    module.guarded_network_change(
        operation.client, own, [_struct(request)], [_struct(undo)], seconds
    )


def confirm_guarded(operation: Operation, module: HostModule, own: str) -> GuardedChange:
    """Have the host keep such a change; it answers what has become of it."""
    return module.confirm_network_change(operation.client, own)


def _struct(call: NetworkCall) -> dict[str, Any]:
    return {"function": call.function, "arguments": list(call.arguments)}
