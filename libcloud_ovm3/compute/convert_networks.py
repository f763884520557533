"""The estate's networks and network devices -> the driver's. Pure: nothing is sent from here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from libcloud_ovm3 import estate
from libcloud_ovm3.compute.network_types import OVM3Network, OVM3NetworkDevice, OVM3Nic

if TYPE_CHECKING:
    from libcloud.compute.base import NodeDriver

    from libcloud_ovm3.estate.cards import VMCard
    from libcloud_ovm3.estate.networks import HostNetwork, NetworkList
    from libcloud_ovm3.operations.network_changes import NetworkChange


def to_networks(
    found: NetworkList, hosts: Sequence[HostNetwork], driver: NodeDriver
) -> list[OVM3Network]:
    """The networks that one of these hosts has, sorted by name."""
    names = sorted({bridge.name for host in hosts for bridge in host.bridges})
    return [to_network(found, name, driver) for name in names]


def to_network(found: NetworkList, name: str, driver: NodeDriver) -> OVM3Network:
    """The network of this name."""
    return OVM3Network(name, name, driver, estate.network_facts.of_network(found, name))


def to_changed(
    found: NetworkList, name: str, changes: Iterable[NetworkChange], driver: NodeDriver
) -> OVM3Network:
    """The network of this name, and in ``extra["changed"]`` what was just changed of it."""
    network = to_network(found, name, driver)
    network.extra["changed"] = [
        {**estate.network_facts.host_of(one.network), "change": one.news} for one in changes
    ]
    return network


def to_devices(
    found: NetworkList, hosts: Iterable[HostNetwork], driver: NodeDriver
) -> list[OVM3NetworkDevice]:
    """The devices of these hosts, in their order."""
    facts_of = estate.network_facts.of_device
    return [
        OVM3NetworkDevice(
            f"{host.host.id}/{one.name}", one.name, one.kind, driver, facts_of(found, host, one)
        )
        for host in hosts
        for one in host.devices
    ]


def to_nic(card: VMCard, driver: NodeDriver, addresses: Sequence[str] | None) -> OVM3Nic:
    """A network card of a node; its ``extra``: :class:`.OVM3Nic`.

    :param addresses: those of it that are known; None: they were not read.
    """
    extra = {
        "node_id": card.id.partition("/")[0],
        "type": card.type,
        "model": card.model,
        "position": card.position,
        "is_defined": card.is_defined,
        "is_live": card.is_live,
        "addresses": None if addresses is None else list(addresses),
    }
    return OVM3Nic(card.id, card.mac, card.bridge, driver, extra)
