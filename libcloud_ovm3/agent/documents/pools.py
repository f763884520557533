"""Pools, their file system and their cluster: discover_server_pool, _pool_filesystem, _cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from libcloud_ovm3.agent.documents import elements, xmlmapping
from libcloud_ovm3.agent.identifiers import dashed

_T = TypeVar("_T")


@dataclass(frozen=True)
class ServerPool:
    """discover_server_pool: a pool and the addresses of its members.

    :ivar uuid: as the agent writes it, dashed or not: both occur (agent-behaviour 3).
    :ivar members: their addresses; "" for a member whose address the document does not say.
    """

    uuid: str = xmlmapping.text("Unique_Id")
    alias: str = xmlmapping.text("Pool_Alias")
    virtual_ip: str = xmlmapping.text("Master_Virtual_Ip")
    members: tuple[str, ...] = xmlmapping.each_in("Member_List/Member", "Registered_IP")


@dataclass(frozen=True)
class PoolFilesystem:
    """discover_pool_filesystem (agent-behaviour 11).

    :ivar type: ``nfs``; the word for a LUN is not known.
    :ivar uuid, nfsbase_uuid: as the agent writes them, dashed or not.
    :ivar pool_uuid: dashed.
    """

    type: str = xmlmapping.text("Pool_Filesystem_Type")
    target: str = xmlmapping.text("Pool_Filesystem_Target")
    uuid: str = xmlmapping.text("Pool_Filesystem_Uuid")
    nfsbase_uuid: str = xmlmapping.text("Pool_Filesystem_Nfsbase_Uuid")
    manager_uuid: str | None = xmlmapping.identifier("Pool_Filesystem_Manager_Uuid")
    version: str = xmlmapping.text("Pool_Filesystem_Version")
    pool_uuid: str | None = xmlmapping.identifier("Pool_Filesystem_Pool_Uuid", dashed)


@dataclass(frozen=True)
class StoredCluster:
    """A ``cluster`` of cluster.conf."""

    name: str = xmlmapping.text("Name")
    node_count: int | None = xmlmapping.number("Node_Count")
    heartbeat_mode: str = xmlmapping.text("Heartbeat_Mode")


@dataclass(frozen=True)
class Heartbeat:
    """A ``heartbeat`` of cluster.conf."""

    region: str = xmlmapping.text("Region")
    cluster: str = xmlmapping.text("Cluster")


@dataclass(frozen=True)
class ClusterNode:
    """A ``node`` of cluster.conf."""

    number: int | None = xmlmapping.number("Number")
    port: int | None = xmlmapping.number("IP_Port")
    address: str = xmlmapping.text("IP_Address")
    name: str = xmlmapping.text("Name")
    cluster: str = xmlmapping.text("Cluster_Name")


@dataclass(frozen=True)
class Cluster:
    """discover_cluster: the o2cb settings and what cluster.conf says.

    Dropped: whatever ``Cluster_Information`` has beside ``Stored``, which no source shows.
    """

    o2cb: Mapping[str, str] = xmlmapping.mapping("O2CB_Config")
    clusters: tuple[StoredCluster, ...] = xmlmapping.many(
        "Cluster_Information/Stored/Clusters/Cluster", StoredCluster
    )
    heartbeats: tuple[Heartbeat, ...] = xmlmapping.many(
        "Cluster_Information/Stored/Heartbeats/Heartbeat", Heartbeat
    )
    nodes: tuple[ClusterNode, ...] = xmlmapping.many(
        "Cluster_Information/Stored/Nodes/Node", ClusterNode
    )


def server_pool(text: str) -> ServerPool | None:
    """discover_server_pool's answer; None: the host is in no pool.

    :raises MalformedResponse: it is no such document.
    """
    return _maybe(text, "Discover_Server_Pool_Result", "Server_Pool", ServerPool)


def pool_filesystem(text: str) -> PoolFilesystem | None:
    """discover_pool_filesystem's answer; None: there is none.

    :raises MalformedResponse: it is no such document.
    """
    return _maybe(text, "Discover_Pool_Filesystem_Result", "Pool_Filesystem", PoolFilesystem)


def cluster(text: str) -> Cluster | None:
    """discover_cluster's answer; None: the host is in no cluster.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Cluster_Result")
    known = elements.known(root, "O2CB_Config", "Cluster_Information")
    return None if known is None else xmlmapping.read(Cluster, root)


def _maybe(text: str, root: str, path: str, cls: type[_T]) -> _T | None:
    node = elements.only(elements.root_of(text, root), path)
    return None if node is None else xmlmapping.read(cls, node)
