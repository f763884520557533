"""What is known of networks and network devices, as plain data with stable keys. Pure.

The driver's objects, the records of ``ovm3`` and the inventory have it in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libcloud_ovm3.estate.networks import HostBridge, HostDevice, HostNetwork, NetworkList
from libcloud_ovm3.estate.vm_bridges import missing_bridges
from libcloud_ovm3.estate.vms import VM


def network_entries(found: NetworkList) -> tuple[dict[str, Any], ...]:
    """Each network: its ``name``, and what :func:`of_network` says."""
    return tuple({"name": name, **of_network(found, name)} for name in found.names())


def device_entries(found: NetworkList) -> tuple[dict[str, Any], ...]:
    """Each device of each host: its ``name`` and ``kind``, and what :func:`of_device` says."""
    return tuple(
        {"name": one.name, "kind": one.kind, **of_device(found, host, one)}
        for host in found.hosts
        for one in host.devices
    )


def of_network(found: NetworkList, name: str) -> dict[str, Any]:
    """What is known of a network.

    * ``hosts``: a dict per host that has it: ``host``, ``host_id``, ``parent`` (the NIC, bond or
      VLAN device that it is on; None: it is local, or that is unknown), ``parent_kind`` (``nic``,
      ``bond``, ``vlan``), ``below`` (the parent, and what that is on), ``vlan`` (its number; None:
      untagged, or unknown), ``addresses`` (those of the host: ``10.0.0.5/24``), ``mtu`` (bytes),
      ``labels`` (the traffic labels that it carries), ``roles`` (as Oracle VM Manager recorded
      them), ``has_unknown_roles`` (it recorded something else), ``is_local``, ``guests`` (dicts
      with ``node_id``, ``node_name``: live there with a card on it) and ``doubt`` (why the parent
      is unknown);
    * ``missing_on``: dicts with ``host``, ``host_id`` of the hosts that lack it, and
      ``is_made_at_start`` (the start of a node that needs it makes it there);
    * ``unread_on``: the same, with ``error``, of those that could not be read;
    * ``vlan``: its number, if all hosts that have it agree; ``is_local``: whether it is on all;
    * ``labels``, ``roles``: those that it has on any host;
    * ``nodes``: dicts with ``node_id``, ``node_name``, ``where`` (``live and defined``, ``live``:
      only in the live domain, or ``defined``: only in vm.cfg) of the nodes with a card on it.
    """
    names = {vm.id: vm.name for vm in found.estate.vms.values()}
    there = found.bridge(name)
    numbers = {bridge.vlan for _, bridge in there}
    roles = dict.fromkeys(role for _, bridge in there for role in bridge.roles)
    labels = dict.fromkeys(
        label for host, bridge in there for label in labels_of(bridge, host, found.labels)
    )
    unread = [{**host_of(one), "error": str(one.error)} for one in found.hosts if one.error]
    unread += [
        {"host": one.address, "host_id": None, "error": str(one.reason)}
        for one in found.estate.unreachable
    ]
    return {
        "hosts": [_onhost_of(found, host, bridge, names) for host, bridge in there],
        "missing_on": [
            {**host_of(one), "is_made_at_start": is_made_at_start(found, one, name)}
            for one in found.missing(name)
        ],
        "unread_on": unread,
        "vlan": numbers.pop() if len(numbers) == 1 else None,
        "is_local": bool(there) and all(bridge.is_local for _, bridge in there),
        "labels": list(labels),
        "roles": list(roles),
        "nodes": [
            {"node_id": vm.id, "node_name": vm.name, "where": where}
            for vm in found.estate.vms.values()
            if (where := _where(vm, name))
        ],
    }


def of_device(found: NetworkList, host: HostNetwork, device: HostDevice) -> dict[str, Any]:
    """What is known of a network device: ``host``, ``host_id``, ``mac``, ``mtu`` (bytes),
    ``parent`` and ``vlan`` (of a VLAN device: what it is on, its number), ``bond`` (whose slave it
    is), ``mode`` (of a bond, 0 to 6), ``slaves``, ``active_slave`` and ``primary_slave`` (of a
    bond), ``addresses`` (without the host module of bonds only: no other device's are reported),
    ``labels``, ``roles``, ``has_unknown_roles`` (as of a network), ``is_up``, and ``bridge`` (whose
    port it is). None: not known, or it has none.
    """
    bridge = host.bridge_on(device.name)
    return {
        **host_of(host),
        "mac": device.mac,
        "mtu": device.mtu,
        "parent": device.parent,
        "vlan": device.vlan,
        "bond": device.bond,
        "mode": device.mode,
        "slaves": list(device.slaves),
        "active_slave": device.active_slave,
        "primary_slave": device.primary_slave,
        "addresses": list(device.addresses),
        "labels": [label for label, name in found.labels.items() if name == device.name],
        "roles": list(device.roles),
        "has_unknown_roles": device.has_unknown_roles,
        "is_up": device.is_up,
        "bridge": bridge.name if bridge else None,
    }


def is_made_at_start(found: NetworkList, host: HostNetwork, name: str) -> bool:
    """Whether a host lacks a bridge, and the start of a VM that needs it makes it."""
    return bool(missing_bridges(host, [name], found.labels)[0])


def labels_of(bridge: HostBridge, host: HostNetwork, labels: Mapping[str, str]) -> tuple[str, ...]:
    """The traffic labels that a bridge carries: those of its name and, unless a bridge has that
    name, those of its ports.
    """
    return tuple(
        label
        for label, name in labels.items()
        if (host.bridge(name) or host.bridge_on(name)) == bridge
    )


def host_of(one: HostNetwork) -> dict[str, Any]:
    """``host`` and ``host_id``: how plain data names a host."""
    return {"host": one.host.server.hostname or one.host.address.host, "host_id": one.host.id}


def _onhost_of(
    found: NetworkList, one: HostNetwork, bridge: HostBridge, names: dict[str, str]
) -> dict[str, Any]:
    parent = one.device(bridge.parent)
    return {
        **host_of(one),
        "parent": bridge.parent,
        "parent_kind": parent.kind if parent else None,
        "below": [device.name for device in one.below(bridge.name)],
        "vlan": bridge.vlan,
        "addresses": list(one.addresses_of(bridge.name)),
        "mtu": bridge.mtu,
        "labels": list(labels_of(bridge, one, found.labels)),
        "roles": list(bridge.roles),
        "has_unknown_roles": bridge.has_unknown_roles,
        "is_local": bridge.is_local,
        "guests": [{"node_id": vm, "node_name": names.get(vm)} for vm in bridge.guests],
        "doubt": bridge.doubt,
    }


def _where(vm: VM, name: str) -> str | None:
    """Where a VM has a card on this network; None: nowhere, as far as is known."""
    is_live = any(card.bridge == name for one in vm.live for card in one.domain.cards)
    is_defined = any(vif.bridge == name for one in vm.definitions for vif in one.vifs)
    if is_live:
        return "live and defined" if is_defined else "live"
    return "defined" if is_defined else None
