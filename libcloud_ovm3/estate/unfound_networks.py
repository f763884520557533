"""The error for a network that no host has: why, and which networks there are. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from libcloud_ovm3.errors import NetworkNotFound, PreconditionFailed, SearchIncomplete
from libcloud_ovm3.estate.host_network import HostNetwork
from libcloud_ovm3.estate.labels import WantedNetwork, bridge_name, why_not_carried
from libcloud_ovm3.estate.networks import NetworkList
from libcloud_ovm3.estate.vm_bridges import missing_bridges


def not_found(
    networks: NetworkList, wanted: WantedNetwork, more: Sequence[str] = ()
) -> NetworkNotFound | SearchIncomplete:
    """The error for a network that no host has, as far as could be read.

    :param more: what they have of it nevertheless.
    """
    known = f"networks: {', '.join(networks.names()) or 'none'}"
    uncarried = "" if wanted.label else why_not_carried(wanted.name, networks.labels)
    unread = [*(str(one.reason) for one in networks.estate.unreachable), *networks.errors()]
    if unread:
        return SearchIncomplete(
            f"no network {wanted.given!r} was found, but not everything could be read: "
            f"{'; '.join([*unread, *filter(None, [uncarried]), known])}"
        )
    hosts: dict[str, list[str]] = {}
    for network in networks.hosts:
        for reason in _why(networks, network, wanted):
            hosts.setdefault(reason, []).append(network.host.label)
    reasons = [f"{', '.join(labels)}: {reason}" for reason, labels in hosts.items()]
    what = f"no host has a network {wanted.given!r}"
    return NetworkNotFound("; ".join([what, *filter(None, [uncarried]), *reasons, *more, known]))


def _why(networks: NetworkList, network: HostNetwork, wanted: WantedNetwork) -> Iterator[str]:
    """Why a host has no bridge of a label."""
    if not wanted.label:
        return
    try:
        name = bridge_name(wanted, network)
    except PreconditionFailed as error:
        yield str(error).removeprefix(f"{network.host.label}: ")
        return
    to_make, why_not = missing_bridges(network, [name], networks.labels)
    yield from why_not
    yield from (f"it would be the bridge {one.name} on {one.on}" for one in to_make)
