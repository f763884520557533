"""The estate's networks and network devices -> the driver's. Pure: nothing is sent from here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.compute.network_types import OVM3Network, OVM3NetworkDevice

if TYPE_CHECKING:
    from libcloud.compute.base import NodeDriver

    from libcloud_ovm3.estate.networks import HostBridge, HostDevice, HostNetwork, NetworkList
    from libcloud_ovm3.estate.vms import VM


def to_networks(
    found: NetworkList, hosts: Sequence[HostNetwork], driver: NodeDriver
) -> list[OVM3Network]:
    """The networks that one of these hosts has, sorted by name."""
    names = sorted({bridge.name for host in hosts for bridge in host.bridges})
    return [OVM3Network(name, name, driver, network_extra(found, name)) for name in names]


def to_devices(hosts: Iterable[HostNetwork], driver: NodeDriver) -> list[OVM3NetworkDevice]:
    """The devices of these hosts, in their order."""
    return [
        OVM3NetworkDevice(
            f"{host.host.id}/{one.name}", one.name, one.kind, driver, device_extra(host, one)
        )
        for host in hosts
        for one in host.devices
    ]


def network_extra(found: NetworkList, name: str) -> dict[str, Any]:
    """What is known of a network.

    * ``hosts``: a dict per host that has it: ``host``, ``host_id``, ``parent`` (the NIC, bond or
      VLAN device that it is on; None: it is local, or that is unknown), ``parent_kind`` (``nic``,
      ``bond``, ``vlan``), ``below`` (the parent, and what that is on), ``vlan`` (its number; None:
      untagged, or unknown), ``addresses`` (those of the host: ``10.0.0.5/24``), ``mtu`` (bytes),
      ``roles`` (as Oracle VM Manager recorded them), ``has_unknown_roles`` (it recorded something
      else), ``is_local``, ``guests`` (dicts with ``node_id``, ``node_name``: live there with a card
      on it) and ``doubt`` (why the parent is unknown);
    * ``missing_on``: dicts with ``host``, ``host_id`` of the hosts that lack it;
    * ``unread_on``: the same, with ``error``, of those that could not be read;
    * ``vlan``: its number, if all hosts that have it agree; ``is_local``: whether it is on all;
    * ``roles``: those that it has on any host;
    * ``nodes``: dicts with ``node_id``, ``node_name``, ``where`` (``live and defined``, ``live``:
      only in the live domain, or ``defined``: only in vm.cfg) of the nodes with a card on it.
    """
    names = {vm.id: vm.name for vm in found.estate.vms.values()}
    there = found.bridge(name)
    numbers = {bridge.vlan for _, bridge in there}
    roles = dict.fromkeys(role for _, bridge in there for role in bridge.roles)
    unread = [{**_host(one), "error": str(one.error)} for one in found.hosts if one.error]
    unread += [
        {"host": one.address, "host_id": None, "error": str(one.reason)}
        for one in found.estate.unreachable
    ]
    return {
        "hosts": [_on_host(host, bridge, names) for host, bridge in there],
        "missing_on": [_host(one) for one in found.missing(name)],
        "unread_on": unread,
        "vlan": numbers.pop() if len(numbers) == 1 else None,
        "is_local": all(bridge.is_local for _, bridge in there),
        "roles": list(roles),
        "nodes": [
            {"node_id": vm.id, "node_name": vm.name, "where": where}
            for vm in found.estate.vms.values()
            if (where := _where(vm, name))
        ],
    }


def device_extra(host: HostNetwork, device: HostDevice) -> dict[str, Any]:
    """What is known of a network device: ``host``, ``host_id``, ``mac``, ``mtu`` (bytes),
    ``parent`` and ``vlan`` (of a VLAN device: what it is on, its number), ``bond`` (whose slave it
    is), ``mode`` (of a bond, 0 to 6), ``slaves`` and ``active_slave`` (of a bond), ``addresses``
    (of bonds: no other device's are reported), ``roles``, ``has_unknown_roles`` (as of a network),
    ``is_up``, and ``bridge`` (whose port it is). None: not known, or it has none.
    """
    bridge = host.bridge_on(device.name)
    return {
        **_host(host),
        "mac": device.mac,
        "mtu": device.mtu,
        "parent": device.parent,
        "vlan": device.vlan,
        "bond": device.bond,
        "mode": device.mode,
        "slaves": list(device.slaves),
        "active_slave": device.active_slave,
        "addresses": list(device.addresses),
        "roles": list(device.roles),
        "has_unknown_roles": device.has_unknown_roles,
        "is_up": device.is_up,
        "bridge": bridge.name if bridge else None,
    }


def _host(one: HostNetwork) -> dict[str, Any]:
    return {"host": one.host.server.hostname or one.host.address.host, "host_id": one.host.id}


def _on_host(one: HostNetwork, bridge: HostBridge, names: dict[str, str]) -> dict[str, Any]:
    parent = one.device(bridge.parent)
    return {
        **_host(one),
        "parent": bridge.parent,
        "parent_kind": parent.kind if parent else None,
        "below": [device.name for device in one.below(bridge.name)],
        "vlan": bridge.vlan,
        "addresses": list(bridge.addresses),
        "mtu": bridge.mtu,
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
