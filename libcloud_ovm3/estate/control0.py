"""What is wrong with ``control0``, the local bridge of system VMs, on a host. Pure.

After a boot of the host the bridge is there, its address is not, ARP is off, and zeroconf's route
leads elsewhere (flows.md 2.3, agent-behaviour 13). What only dom0 itself shows is known where the
host module (API 3) reports it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from libcloud_ovm3.estate.host_network import HostBridge
from libcloud_ovm3.estate.vm_bridges import CONTROL

if TYPE_CHECKING:
    from libcloud_ovm3.agent.host_networks import ControlInterface

ADDRESS = ipaddress.IPv4Interface("169.254.0.1/16")
UNSEEN = "ARP, routes and configuration file: only a host module of API 3 reports them"


def what_is_wrong(
    bridge: HostBridge | None, interface: ControlInterface | None = None
) -> Iterator[str]:
    """What a repair would change.

    :param bridge: as the agent's document shows it.
    :param interface: as the host module reports it; None: not known, see :data:`UNSEEN`.
    """
    if bridge is None:
        yield f"there is no bridge {CONTROL}"
        return
    addresses = interface.addresses if interface else bridge.addresses
    if ADDRESS.with_prefixlen not in addresses:
        has = f"the address {', '.join(addresses)}" if addresses else "no address"
        yield f"{CONTROL} has {has} instead of {ADDRESS}"
    if interface is not None:
        yield from _in_dom0(interface)


def _in_dom0(interface: ControlInterface) -> Iterator[str]:
    if not interface.up:
        yield f"{CONTROL} is down"
    if not interface.arp:
        yield f"ARP is off on {CONTROL}"
    if not any(_is_whole_network(route.destination, route.prefix_length)
               for route in interface.routes_own):  # fmt: skip
        yield f"{CONTROL} has no route to {ADDRESS.network}"
    others = [
        route.device
        for route in interface.routes_other
        if _is_whole_network(route.destination, route.prefix_length)
    ]
    if others:
        yield f"a route to {ADDRESS.network} leads to {', '.join(others)}"
    if interface.file:
        yield f"{CONTROL} has a configuration file, which is in conflict with it at the next boot"


def _is_whole_network(destination: str, prefix_length: int) -> bool:
    network = ADDRESS.network
    return (destination, prefix_length) == (str(network.network_address), network.prefixlen)
