"""Making a network: a bridge of one name on one host or on all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.network_options import parse_vlan, require_interface
from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
    ReadOnly,
)
from libcloud_ovm3.estate.host_network import HostBridge, HostDevice, HostNetwork
from libcloud_ovm3.estate.interface_names import LONGEST_NAME, is_guest_port
from libcloud_ovm3.estate.labels import carrier_of, device_of, vlan_device
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NetworkList, read_networks, read_networks_to_change
from libcloud_ovm3.estate.vm_bridges import CONTROL, why_misnamed, why_no_bridge, why_no_vlan
from libcloud_ovm3.operations import network_doors
from libcloud_ovm3.operations.consent import Cuts, parse_consent, require_consent, what_is_cut
from libcloud_ovm3.operations.delete_network import users_of
from libcloud_ovm3.operations.half_bridges import why_left
from libcloud_ovm3.operations.moved_addresses import moving
from libcloud_ovm3.operations.network_changes import (
    NetworkChange,
    change_all,
    chosen_hosts,
    guarded,
)
from libcloud_ovm3.operations.network_doors import VLAN_BRIDGE, bridge_call, vlan_bridge_call
from libcloud_ovm3.operations.operation import Operation

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule


def create_network(
    estate: Estate,
    name: str,
    vlan: int | str | None,
    label: str | None,
    parent: str | None,
    host_ids: Sequence[str] | None,
    consent: object,
    notices: list[str],
) -> tuple[NetworkList, list[NetworkChange]]:
    """Make a bridge on a device, or on a VLAN device that is made with it. A host that has it as
    asked is left as it is.

    :param vlan: the number of a VLAN; None: untagged.
    :param label: a traffic label; it or ``parent`` says what the bridge is made on.
    :param parent: a NIC, bond or VLAN device, or a bridge: with ``vlan``, the device below that.
    :param host_ids: of the hosts to have it; None: all hosts of the estate.
    :param consent: what may be cut: :func:`.parse_consent`.
    :param notices: gets notices for the user, also if it fails.
    :return: the networks as they are now, and what was changed.
    :raises InvalidArgument: an argument is not valid, or an unknown label.
    :raises PreconditionFailed: a host cannot have it, or it would cut what the user has not
        consented to. Nothing was sent.
    :raises AgentFault: a host refused; what was made on others before is removed again.
    :raises OperationIncomplete: whether it was made is unknown, or a part of it is left; or it may
        go with the last VM, as the host module has made it for VMs, or has gone so meanwhile.
    """
    _require_name(name)
    number = None if vlan is None else parse_vlan(vlan, f"VLAN {vlan!r}")
    agreed = parse_consent(consent)
    if (label is None) == (parent is None):
        raise InvalidArgument(
            f"network {name!r}: expected either ex_label or ex_parent: what it is made on"
        )
    if name in estate.traffic_labels:
        raise InvalidArgument(f"network {name!r}: this is a traffic label; choose another name")
    if label is not None:
        base = carrier_of(label, estate.traffic_labels, "ex_label")
    else:
        require_interface(parent, "ex_parent")
        base = str(parent)
    operation = Operation(estate)
    networks = read_networks_to_change(estate)
    changes, cuts, reasons = [], [], []
    chosen = chosen_hosts(networks, host_ids)
    for network in chosen:
        try:
            change = _plan(network, name, base, number, networks.labels)
        except PreconditionFailed as error:
            reasons.append(f"{network.host.label}: {error}")
            continue
        if change is not None:
            cut = {} if change.request.function == VLAN_BRIDGE else _cut(change)
            cuts.append((network, cut))
            change = replace(change, in_use=lambda _: _in_use(estate, name))
            changes.append(guarded(change, cut, change.undo))
    if reasons:
        raise PreconditionFailed(f"network {name!r} was not made: {'; '.join(reasons)}")
    require_consent(cuts, agreed)
    networks = change_all(operation, networks, changes, notices)
    made = [change.label for change in changes]
    _keep(operation, [networks.on(one.host) for one in chosen], name, made)
    return networks, changes


def _in_use(estate: Estate, name: str) -> str:
    """Why a bridge that was made just now is not removed again: another client uses it; "": none.

    :raises Ovm3Error: that could not be read.
    """
    found = "; ".join(users_of(read_networks(estate), name))
    return f"it was in use: {found}" if found else ""


def _keep(
    operation: Operation, networks: Sequence[HostNetwork], name: str, made: Sequence[str]
) -> None:
    """Have the bridge stay where the host module has made it for VMs: it would go with the last.

    :param made: where this operation has made it, for messages.
    :raises OperationIncomplete: that is not certain.
    """
    unsure: dict[str, str] = {}
    for network in networks:
        bridge, module = network.bridge(name), network.host.module3
        if bridge is None or bridge.vlan is None or module is None:
            continue
        try:
            _keep_on(operation, module, name)
        except ReadOnly:
            raise
        except Ovm3Error as error:
            unsure[f"bridge {name!r} on {network.host.label}"] = str(error)
    if unsure:
        reasons = "; ".join(f"{label}: {error}" for label, error in unsure.items())
        done = f". Made: {', '.join(made)}" if made else ""
        raise operation.incomplete(
            f"network {name!r} is not certain to stay: where the host module has made it for VMs, "
            f"it goes with the last of them: {reasons}. The same call again completes it{done}",
            left=tuple(dict.fromkeys([*unsure, *made])),
        )


def _keep_on(operation: Operation, module: HostModule, name: str) -> None:
    """See to it, and that it is so. The request is sent once.

    :raises Ovm3Error: it is not so, or that is not certain.
    """
    if not _is_made(module, name):
        return
    try:
        network_doors.keep_bridge(operation, module, name)
    except (AgentFault, OutcomeUnknown):
        if _is_made(module, name):
            raise


def _is_made(module: HostModule, name: str) -> bool:
    """Whether the host module has made a bridge for VMs; what it cannot read may be.

    :raises PreconditionFailed: it is gone.
    :raises Ovm3Error: that could not be read.
    """
    found = [one for one in module.bridges() if one.bridge == name and one.exists]
    if not found:
        raise PreconditionFailed("it went meanwhile, as with the last VM that needed it")
    return any(one.made is not None or one.error is not None for one in found)


def _require_name(name: str) -> None:
    """Check that a bridge may have this name.

    :raises InvalidArgument: Linux does not take it, or something else has such names.
    """
    require_interface(name, "network")
    if name == "lo" or is_guest_port(name):
        what = "the loopback interface" if name == "lo" else "a guest's port"
        raise InvalidArgument(f"network {name!r}: this is the name of {what}; choose another name")
    if name == CONTROL:
        raise InvalidArgument(
            f"network {name!r}: this is the name of the local bridge of system VMs, which is on no "
            f"device: ex_repair_control0 makes it"
        )


def _cut(change: NetworkChange) -> Cuts:
    """What making a bridge on a device may cut; making a VLAN on it cuts nothing."""
    return what_is_cut(change.network, str(change.request.arguments[2]))


def _plan(
    network: HostNetwork, name: str, base: str, vlan: int | None, labels: Mapping[str, str]
) -> NetworkChange | None:
    """How a host gets the bridge; None: it has it as asked.

    :raises PreconditionFailed: it cannot have it; says why.
    """
    on = network.bridge(base)
    if on is not None and vlan is None:
        if on.name == name:
            return None
        raise PreconditionFailed(f"{base} is a bridge, and none can be made on it; name a VLAN")
    device, of_name = _below(network, on) if on else device_of(base, network)
    if device is None:
        raise PreconditionFailed(
            f"there is no bridge and no device {base}; ex_list_network_devices lists the devices"
        )
    if of_name is not None and vlan is not None:
        raise PreconditionFailed(f"{base} is itself a VLAN of {device.name}: name only one")
    if of_name is not None:
        vlan = parse_vlan(of_name, f"{base}: VLAN {of_name}")
    why = why_misnamed(network, name, device.name, vlan, labels)
    if why:
        raise PreconditionFailed(why)
    if vlan is None:
        return _on_device(network, name, device)
    return _on_vlan(network, name, device, vlan)


def _below(network: HostNetwork, bridge: HostBridge) -> tuple[HostDevice, None]:
    """The device that a bridge is on."""
    if bridge.doubt:
        raise PreconditionFailed(f"what bridge {bridge.name} is on is unknown: {bridge.doubt}")
    device = network.device(bridge.parent)
    if device is None:
        what = "is local" if bridge.is_local else f"is on {bridge.parent}, which is not reported"
        raise PreconditionFailed(f"bridge {bridge.name} {what}, so it has no VLANs")
    return device, None


def _on_device(network: HostNetwork, name: str, device: HostDevice) -> NetworkChange | None:
    """A bridge on a NIC or bond itself."""
    if _is_there(network, name, device.name):
        return None
    why = why_no_bridge(network, device)
    if why:
        raise PreconditionFailed(why)
    change = NetworkChange(
        network,
        f"bridge {name!r}",
        bridge_call("start", name, device.name),
        is_done=lambda now: _is_on(now.bridge(name), device.name),
        is_undone=lambda now: now.bridge(name) is None and now.bridge_on(device.name) is None,
        undo=bridge_call("stop", name, device.name),
    )
    return moving(change, device.name, name)


def _on_vlan(
    network: HostNetwork, name: str, device: HostDevice, vlan: int
) -> NetworkChange | None:
    """A bridge on a VLAN device, both made at once."""
    tagged = vlan_device(network, device.name, vlan)
    if _is_there(network, name, tagged):
        return None
    why = why_no_vlan(network, device, vlan)
    if why:
        raise PreconditionFailed(why)
    if network.device(tagged):
        raise PreconditionFailed(why_left(network, tagged))
    if len(tagged) > LONGEST_NAME:
        raise PreconditionFailed(
            f"the VLAN device {tagged} has more than {LONGEST_NAME} characters"
        )
    return NetworkChange(
        network,
        f"bridge {name!r}",
        vlan_bridge_call("start", name, device.name, vlan),
        is_done=lambda now: _is_on(now.bridge(name), tagged),
        is_undone=lambda now: now.bridge(name) is None and now.device(tagged) is None,
        undo=vlan_bridge_call("stop", name, device.name, vlan),
    )


def _is_there(network: HostNetwork, name: str, device: str) -> bool:
    """Whether the bridge is there as asked.

    :raises PreconditionFailed: it is there otherwise, or may be, or something else has the name.
    """
    bridge = network.bridge(name)
    if bridge is None:
        _require_free(network, name)
        return False
    if _is_on(bridge, device):
        return True
    where = bridge.doubt or ("is local" if bridge.is_local else f"is on {bridge.parent}")
    raise PreconditionFailed(f"bridge {name} is there, but not on {device}: {where}")


def _require_free(network: HostNetwork, name: str) -> None:
    """Check that no device has the name, and that no VLAN device would have it.

    :raises PreconditionFailed: one has.
    """
    if network.device(name) is not None:
        raise PreconditionFailed(f"a device has the name {name}")
    below, number = device_of(name, network)
    if below is not None:
        raise PreconditionFailed(
            f"{name} is the name of the VLAN device itself, of VLAN {number} of {below.name}"
        )


def _is_on(bridge: HostBridge | None, device: str) -> bool:
    return bridge is not None and bridge.doubt is None and bridge.parent == device
