"""The servers that a host has storage from over IP, and by which interfaces it reaches them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from libcloud_ovm3.agent import documents, hostmodule
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.host_network import HostNetwork
from libcloud_ovm3.estate.hosts import HostView

_NFS = ("nfs", "nfs4")


@dataclass(frozen=True)
class StorageServer:
    """A server of NFS or iSCSI.

    :ivar what: what comes from it, for messages: ``repository data is mounted from filer:/a``.
    :ivar address: as a number; None: unknown, so any interface may lead to it.
    """

    what: str
    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None


def storage_servers(host: HostView) -> tuple[StorageServer, ...]:
    """The servers of a host, and what may be one: with a host module of API 3 read with the host or
    in one call, else in three calls. Not of Fibre Channel, which is no IP network.

    What the document of an iSCSI target says is in no source (agent-behaviour 8.4), so where one
    leads is not known without the module.
    """
    told = _ask(host)
    found = [*(_read(host) if told is None else map(_told, told))]
    if host.repositories_error is not None:
        found.append(StorageServer("which repositories are mounted is not known", None))
    listed = {one.what for one in found}
    for record in host.repositories:
        server, colon, _ = record.fs_location.rpartition(":")
        if colon and record.is_mounted and record.fs_location not in listed:
            found.append(StorageServer(record.fs_location, _number(server)))
    aliases = {one.fs_location: one.alias or one.id for one in host.repositories}
    return tuple(
        StorageServer(f"repository {aliases[one.what]} is mounted from {one.what}", one.address)
        if one.what in aliases
        else one
        for one in found
    )


def lines_to(
    network: HostNetwork, address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> frozenset[str] | None:
    """The interfaces by which a host sends to an address; None: that is not known.

    By its routes, if its module told them; else by the networks of the addresses that are shown.
    """
    if network.routes is not None and address.version == 4:
        near = [
            (one.prefix_length, -one.metric, one.device)
            for one in network.routes
            if one.device and address in _network(f"{one.destination}/{one.prefix_length}")
        ]
    else:
        near = [
            (_network(text).prefixlen, 0, name)
            for name in network.names()
            for text in network.addresses_of(name)
            if "/" in text and address in _network(text)
        ]
    best = max(near, default=None)
    return frozenset(one[2] for one in near if best and one[:2] == best[:2]) or None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def _number(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def _ask(host: HostView) -> list[Any] | None:
    """The host module's list; None: there is no module, or it does not answer."""
    brought = host.answers.get(hostmodule.STORAGE_SERVERS)
    if brought is not None or host.module3 is None:
        return brought
    try:
        return host.module3.storage_servers()
    except Ovm3Error:
        return None


def _told(entry: Any) -> StorageServer:
    """One entry of the host module's list."""
    try:
        kind, source, address = (str(entry[key]) for key in ("kind", "source", "address"))
    except (TypeError, KeyError):
        return StorageServer(f"the host names a server that is not understood: {entry!r}", None)
    what = source if kind in _NFS else f"{kind} {source}"
    return StorageServer(what, _number(address) or _number(source.rpartition(":")[0]))


def _read(host: HostView) -> Iterator[StorageServer]:
    """The same from the agent."""
    try:
        for kind in _NFS:
            for mount in documents.mounts(host.agent.linux.discover_mounted_file_systems(kind)):
                options = [one.partition("=") for one in mount.options]
                texts = [value for key, _, value in options if key == "addr"]
                server = mount.device.rpartition(":")[0]
                numbers = [number for text in (*texts, server) if (number := _number(text))]
                yield StorageServer(mount.device, numbers[0] if numbers else None)
    except Ovm3Error as error:
        yield StorageServer(f"what is mounted over NFS is not known ({error})", None)
    try:
        targets = documents.physical_luns(host.agent.linux.discover_physical_luns(""))
    except Ovm3Error as error:
        yield StorageServer(f"which iSCSI targets it has is not known ({error})", None)
    else:
        if targets.iscsi_targets:
            yield StorageServer(f"{len(targets.iscsi_targets)} iSCSI targets", None)
