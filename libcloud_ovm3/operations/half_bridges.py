"""VLAN devices that are there without their bridge: what is known of them, and how they go.

Only the host module (API 3) knows which of them it has made itself, for a bridge that was then not
made, or lost. The agent makes and removes a bridge on a VLAN and its device only together, so such
a device goes by having the module make its bridge once more, and remove both. All others may be the
host's own, with an address that no document shows.
"""

from __future__ import annotations

import uuid

from libcloud_ovm3.errors import AgentFault, OutcomeUnknown
from libcloud_ovm3.estate.host_network import VLAN, HostNetwork
from libcloud_ovm3.estate.vm_bridges import VMBridge, without_bridge
from libcloud_ovm3.operations import network_doors
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.progress import waiting


def half_made(network: HostNetwork) -> list[VMBridge]:
    """The bridges over VLANs that the host module has made, of which only the VLAN device is there.
    One call, if there is a VLAN device without a bridge. One with an address of the host, or with a
    VLAN over it, is in use by now, whoever has made it.

    :raises Ovm3Error: the records could not be read.
    """
    alone = {
        (one.parent, one.vlan)
        for one in network.devices
        if one.kind == VLAN
        and network.bridge_on(one.name) is None
        and not network.addresses_of(one.name)
        and all(other.parent != one.name for other in network.devices)
    }
    module = network.host.module3
    if not alone or module is None:
        return []
    return [
        VMBridge(one.bridge, one.made.netdev, one.made.vlan)
        for one in module.bridges()
        if one.made and not one.exists and (one.made.netdev, one.made.vlan) in alone
    ]


def why_left(network: HostNetwork, tagged: str) -> str:
    """What a VLAN device without a bridge is, as far as that is known, and what to do.

    :raises Ovm3Error: the records could not be read.
    """
    device = network.device(tagged)
    for one in half_made(network):
        if device is not None and (device.parent, device.vlan) == (one.device, one.vlan):
            return (
                f"the VLAN device {tagged} is there already, without a bridge: the host module has "
                f"half made {one.name}. ex_delete_network({one.name!r}) removes it, and the start "
                f"of a node with a card on it completes it"
            )
    return without_bridge(tagged)


def remove_half_made(operation: Operation, network: HostNetwork, bridge: VMBridge) -> None:
    """Remove the VLAN device of such a bridge. Whoever needs the bridge by then keeps it.

    :raises AgentFault: the host refused to make the bridge; nothing is changed.
    :raises OperationIncomplete: whether it is gone is unknown, or somebody needs it.
    """
    host, module = network.host, network.host.module3
    assert module is not None, "it has recorded the bridge"
    what = f"{bridge.on} on {host.label}"
    user = str(uuid.uuid4())  # of this operation; no VM
    try:
        with waiting(f"removing {what}"):
            network_doors.take_bridge(operation, module, user, bridge)
            why = _why_kept(operation, network, bridge, user)
    except OutcomeUnknown as error:
        why = str(error)
    if why:
        raise operation.incomplete(
            f"{what}, of which bridge {bridge.name} was half made, was not removed: {why}. "
            f"ex_release_networks removes later what nobody needs",
            left=(what,),
            host=str(host.address),
        )


def _why_kept(operation: Operation, network: HostNetwork, bridge: VMBridge, user: str) -> str:
    """Have the module remove the bridge; "": it has, else why not."""
    module = network.host.module3
    assert module is not None, "it has recorded the bridge"
    try:
        left = network_doors.release_bridge(operation, module, user, bridge.name, operation.id)
    except (AgentFault, OutcomeUnknown) as error:
        return str(error)
    return "" if left.removed else "the host keeps it, as a VM or an address is on it by now"
