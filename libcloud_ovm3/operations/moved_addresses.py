"""Addresses that a change of a network moves from one interface to another.

One call of the agent makes a bridge and moves the addresses to it, or back (agent-behaviour 13), so
nobody can have the new path up before the old one goes (case N35). What can be done: to see that
all of them have arrived, and with the host module to have the change taken back if not.
"""

from __future__ import annotations

from dataclasses import replace

from libcloud_ovm3.estate.host_network import HostNetwork
from libcloud_ovm3.estate.networks import with_addresses
from libcloud_ovm3.operations.network_changes import NetworkChange


def moving(change: NetworkChange, source: str, target: str) -> NetworkChange:
    """The same change, which is made only when the IPv4 addresses of ``source`` are on ``target``,
    and taken back only when they are on ``source`` again.

    Without the host module only those that discover_network shows.
    """
    network = change.network
    addresses = [text for text in network.addresses_of(source) if ":" not in text]
    if not addresses:
        return change

    def lacking(now: HostNetwork, name: str) -> list[str]:
        return [text for text in addresses if text not in now.addresses_of(name)]

    def missing(now: HostNetwork) -> str:
        texts = lacking(now, target) if change.is_done(now) else []
        return f"{', '.join(texts)} of {source} did not arrive on {target}" if texts else ""

    return replace(
        change,
        is_done=lambda now: change.is_done(now) and not lacking(now, target),
        is_undone=lambda now: change.is_undone(now) and not lacking(now, source),
        sees=with_addresses if network.told is not None else change.sees,
        missing=missing,
        is_moving=True,
    )
