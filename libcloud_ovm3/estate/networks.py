"""The networks of all hosts: which bridges there are, and on which hosts.

What one host has: :mod:`.host_network`, whose names are those of this module too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from libcloud_ovm3.agent import documents, hostmodule
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import MalformedResponse, Ovm3Error
from libcloud_ovm3.estate.host_addresses import addresses_of, by_device, routes_of
from libcloud_ovm3.estate.host_network import (
    BOND,
    NIC,
    VLAN,
    HostBridge,
    HostDevice,
    HostNetwork,
    host_network,
)
from libcloud_ovm3.estate.hosts import HostView, map_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate

__all__ = [
    "BOND",
    "NETWORK",
    "NIC",
    "VLAN",
    "HostBridge",
    "HostDevice",
    "HostNetwork",
    "NetworkList",
    "read_network",
    "read_networks",
    "read_networks_to_change",
    "with_addresses",
    "with_all_mtus",
    "with_mtus",
]

NETWORK = "discover_network"


@dataclass(frozen=True)
class NetworkList:
    """The networks of all hosts that answered.

    :ivar estate: what else was read.
    :ivar labels: traffic label -> the bridge or device that carries it.
    """

    estate: EstateSnapshot
    hosts: tuple[HostNetwork, ...]
    labels: Mapping[str, str] = field(default_factory=dict)

    def on(self, host: HostView | str) -> HostNetwork:
        """That of a host, by its view or its id. It has to be one of the estate's."""
        host_id = host if isinstance(host, str) else host.id
        key = undashed(host_id) or host_id
        return next(one for one in self.hosts if (undashed(one.host.id) or one.host.id) == key)

    def names(self) -> tuple[str, ...]:
        """The names of all bridges, sorted."""
        return tuple(sorted({bridge.name for one in self.hosts for bridge in one.bridges}))

    def bridge(self, name: str) -> list[tuple[HostNetwork, HostBridge]]:
        """The bridge with this name on each host that has it."""
        found = [(one, one.bridge(name)) for one in self.hosts]
        return [(one, bridge) for one, bridge in found if bridge is not None]

    def missing(self, name: str) -> list[HostNetwork]:
        """The hosts that certainly lack a bridge of this name."""
        return [one for one in self.hosts if one.error is None and one.bridge(name) is None]

    def errors(self) -> list[str]:
        """Which hosts' networks could not be read, or not wholly understood."""
        unread = [f"{one.host.label}: {one.error}" for one in self.hosts if one.error]
        return unread + [
            f"{one.host.label}: bridge {bridge.name}: {bridge.doubt}"
            for one in self.hosts
            for bridge in one.bridges
            if bridge.doubt
        ]


def read_networks(estate: Estate, snapshot: EstateSnapshot | None = None) -> NetworkList:
    """Read the networks of all hosts: with the host module at no more calls, else one per host.

    :param snapshot: what was read of the estate just now; None: it is read here.
    :raises Ovm3Error: no host answered.
    """
    found = snapshot or read_estate(estate, NETWORK)
    read = map_hosts(lambda host: documents.network(host.read(NETWORK)), found.hosts)
    return NetworkList(
        found,
        tuple(
            HostNetwork(host, error=one)
            if isinstance(one, Ovm3Error)
            else host_network(host, one, found, addresses_of(host), routes_of(host))
            for host, one in zip(found.hosts, read, strict=True)
        ),
        estate.traffic_labels,
    )


def read_networks_to_change(estate: Estate) -> NetworkList:
    """The same with what a change may cut, as far as host modules bring it: routes, and servers of
    storage.

    :raises Ovm3Error: no host answered.
    """
    more = (NETWORK, hostmodule.ROUTES, hostmodule.STORAGE_SERVERS)
    return read_networks(estate, read_estate(estate, *more))


def read_network(host: HostView, snapshot: EstateSnapshot) -> HostNetwork:
    """The network of one host as it is now, in one call.

    :raises Ovm3Error: it could not be read.
    """
    now = documents.network(host.agent.network.discover_network())
    return host_network(host, now, snapshot)


def with_addresses(network: HostNetwork) -> HostNetwork:
    """The same with the addresses that all its devices have now, in one call of its module.

    :raises Ovm3Error: they could not be read.
    """
    module = network.host.module3
    assert module is not None
    told = by_device(module.addresses())
    if told is None:
        raise MalformedResponse(f"{network.host.label}: libcloud_addresses is not understood")
    return replace(network, told=told)


def with_mtus(network: HostNetwork) -> HostNetwork:
    """The same with the MTUs of the bridges whose MTU discover_network does not show, in one call
    of its module. Without the module they stay unknown: the device below may have another one.

    :raises Ovm3Error: they could not be read.
    """
    module = network.host.module3
    if module is None or all(one.mtu is not None for one in network.bridges):
        return network
    told = {one.bridge: one.mtu or None for one in module.bridges() if one.exists}
    bridges = (
        one if one.mtu is not None else replace(one, mtu=told.get(one.name))
        for one in network.bridges
    )
    return replace(network, bridges=tuple(bridges))


def with_all_mtus(networks: NetworkList) -> NetworkList:
    """The same for all hosts, in one call for each that has the module. What cannot be read stays
    unknown.
    """
    read = map_hosts(lambda host: with_mtus(networks.on(host)), networks.estate.hosts)
    hosts = zip(networks.hosts, read, strict=True)
    known = (one if isinstance(now, Ovm3Error) else now for one, now in hosts)
    return replace(networks, hosts=tuple(known))
