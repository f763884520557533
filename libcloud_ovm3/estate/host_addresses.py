"""The addresses and routes of a host as its host module (API 3) tells them. Pure.

discover_network shows the addresses of bridges, and of bonds in some forms only (agent-behaviour
13). What is not understood counts as not told.
"""

from __future__ import annotations

import dataclasses
import ipaddress

from libcloud_ovm3.agent import hostmodule
from libcloud_ovm3.agent.host_networks import Route
from libcloud_ovm3.estate.hosts import HostView

Addresses = dict[str, tuple[str, ...]]

_ROUTE = tuple(field.name for field in dataclasses.fields(Route))


def addresses_of(host: HostView) -> Addresses | None:
    """Device -> its addresses, as they were when the host was read; None: the host does not tell.

    Without those that IPv6 gives to every device that is up.
    """
    return by_device(host.answers.get(hostmodule.ADDRESSES))


def by_device(entries: object) -> Addresses | None:
    """The same from the module's list; None: it is none, or not understood."""
    found: Addresses = {}
    if not isinstance(entries, list):
        return None
    for one in entries:
        try:
            parsed = ipaddress.ip_interface(f"{one['address']}/{one['prefix_length']}")
            device = str(one["device"])
        except (TypeError, KeyError, ValueError):
            return None
        if not (parsed.version == 6 and parsed.is_link_local):
            found[device] = (*found.get(device, ()), parsed.with_prefixlen)
    return found


def routes_of(host: HostView) -> tuple[Route, ...] | None:
    """The IPv4 routes of the host's main table; None: it does not tell."""
    entries = host.answers.get(hostmodule.ROUTES)
    if not isinstance(entries, list):
        return None
    found = []
    for one in entries:
        try:
            route = Route(**{key: one[key] for key in _ROUTE})  # a newer module may have more
            ipaddress.IPv4Interface(f"{route.destination}/{route.prefix_length}")
        except (TypeError, KeyError, ValueError):
            return None
        found.append(route)
    return tuple(found)
