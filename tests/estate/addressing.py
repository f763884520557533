"""Nodes with addresses: recorded as an operation does that gives them."""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations import record_address
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.record_address import CardAddresses

BRIDGE = "10e69b4de3"  # of the simulator's hosts: they have their own addresses on it


def node_of(driver: Any, name: str = "seed-1") -> Any:
    return next(node for node in driver.list_nodes() if node.name == name)


def mac_of(node: Any) -> str:
    return str(node.extra["nics"][0]["mac"])


def record(driver: Any, node: Any, *addresses: str, mac: str | None = None) -> list[str]:
    """Record static addresses of a node's card, as an operation does that gives them to it."""
    operation, snapshot = Operation(driver._estate), read_estate(driver._estate)
    repository = snapshot.repository(node.extra["repository_id"])
    assert repository is not None
    card = CardAddresses(mac or mac_of(node), BRIDGE, addresses)
    notices = record_address.record_addresses(operation, repository, node.id, [card])
    return notices + record_address.same_addresses(snapshot, node.id, [card])
