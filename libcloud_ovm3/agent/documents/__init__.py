"""The XML documents that the discover_* functions return, as frozen dataclasses. Pure.

For each document there is one reader, such as ``server(text)``; outlines: answer-shapes.md.
Missing elements become ``""``, ``None`` or empty tuples. Elements that are not in the outlines are
dropped, except in what is a set of names anyway (capabilities, sysfs files, a plug-in's abilities,
…). Notations are unified: uuids, and ``True`` for ``true``. "Nothing there" is an empty root
element.

A document's module is imported when one of its names is first used: loading the driver stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from libcloud_ovm3.agent.documents.host import (
        Hardware,
        Processor,
        Record,
        ScsiHost,
        Server,
        hardware,
        server,
    )
    from libcloud_ovm3.agent.documents.networks import (
        Bond,
        Bridge,
        Device,
        Family,
        Link,
        Network,
        Slave,
        network,
    )
    from libcloud_ovm3.agent.documents.pools import (
        Cluster,
        ClusterNode,
        Heartbeat,
        PoolFilesystem,
        ServerPool,
        StoredCluster,
        cluster,
        pool_filesystem,
        server_pool,
    )
    from libcloud_ovm3.agent.documents.repository import (
        Folder,
        RepositoryContent,
        RepositoryRecord,
        repositories,
        repository_content,
        repository_db,
    )
    from libcloud_ovm3.agent.documents.storage import (
        Mount,
        PhysicalLuns,
        StoragePlugin,
        mounts,
        physical_luns,
        storage_plugins,
    )
    from libcloud_ovm3.agent.documents.xmlmapping import Part

# The names of each module, which is imported for the first of them.
_MODULES = {
    "host": "Hardware Processor Record ScsiHost Server hardware server",
    "networks": "Bond Bridge Device Family Link Network Slave network",
    "pools": (
        "Cluster ClusterNode Heartbeat PoolFilesystem ServerPool StoredCluster cluster "
        "pool_filesystem server_pool"
    ),
    "repository": (
        "Folder RepositoryContent RepositoryRecord repositories repository_content repository_db"
    ),
    "storage": "Mount PhysicalLuns StoragePlugin mounts physical_luns storage_plugins",
    "xmlmapping": "Part",
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names.split():
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Bond",
    "Bridge",
    "Cluster",
    "ClusterNode",
    "Device",
    "Family",
    "Folder",
    "Hardware",
    "Heartbeat",
    "Link",
    "Mount",
    "Network",
    "Part",
    "PhysicalLuns",
    "PoolFilesystem",
    "Processor",
    "Record",
    "RepositoryContent",
    "RepositoryRecord",
    "ScsiHost",
    "Server",
    "ServerPool",
    "Slave",
    "StoragePlugin",
    "StoredCluster",
    "cluster",
    "hardware",
    "mounts",
    "network",
    "physical_luns",
    "pool_filesystem",
    "repositories",
    "repository_content",
    "repository_db",
    "server",
    "server_pool",
    "storage_plugins",
]
