"""The XML documents that the discover_* functions answer <-> frozen dataclasses. Pure.

For each document a reader, ``server(text)``, and a writer, ``server_text(server)``; outlines:
answer-shapes.md. Missing elements become ``""``, ``None`` or empty tuples. Elements that are not
in the outlines are dropped, except in what is a set of names anyway (capabilities, sysfs files,
a plug-in's abilities, …). Notations are unified: uuids, and ``True`` for ``true``. "Nothing there"
is an empty root element.

A document's module is imported when a name of it is first used.
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
        hardware_text,
        server,
        server_text,
    )
    from libcloud_ovm3.agent.documents.networks import (
        Bond,
        Bridge,
        Device,
        Family,
        Link,
        Network,
        NetworkDevice,
        Slave,
        network,
        network_devices,
        network_text,
    )
    from libcloud_ovm3.agent.documents.pools import (
        Cluster,
        ClusterNode,
        Heartbeat,
        PoolFilesystem,
        ServerPool,
        StoredCluster,
        cluster,
        cluster_text,
        pool_filesystem,
        pool_filesystem_text,
        server_pool,
        server_pool_text,
    )
    from libcloud_ovm3.agent.documents.repository import (
        Folder,
        RepositoryContent,
        RepositoryRecord,
        repositories,
        repositories_text,
        repository_content,
        repository_db,
        repository_db_text,
        repository_dump,
    )
    from libcloud_ovm3.agent.documents.storage import (
        Mount,
        PhysicalLuns,
        StoragePlugin,
        mounts,
        mounts_text,
        physical_luns,
        physical_luns_text,
        storage_plugins,
        storage_plugins_text,
    )
    from libcloud_ovm3.agent.documents.xmlmapping import Part

# The names of each module, which is imported for the first of them.
_MODULES = {
    "host": ("Hardware Processor Record ScsiHost Server hardware hardware_text server server_text"),
    "networks": (
        "Bond Bridge Device Family Link Network NetworkDevice Slave network network_devices "
        "network_text"
    ),
    "pools": (
        "Cluster ClusterNode Heartbeat PoolFilesystem ServerPool StoredCluster cluster "
        "cluster_text pool_filesystem pool_filesystem_text server_pool server_pool_text"
    ),
    "repository": (
        "Folder RepositoryContent RepositoryRecord repositories repositories_text "
        "repository_content repository_db repository_db_text repository_dump"
    ),
    "storage": (
        "Mount PhysicalLuns StoragePlugin mounts mounts_text physical_luns physical_luns_text "
        "storage_plugins storage_plugins_text"
    ),
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
    "NetworkDevice",
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
    "cluster_text",
    "hardware",
    "hardware_text",
    "mounts",
    "mounts_text",
    "network",
    "network_devices",
    "network_text",
    "physical_luns",
    "physical_luns_text",
    "pool_filesystem",
    "pool_filesystem_text",
    "repositories",
    "repositories_text",
    "repository_content",
    "repository_db",
    "repository_db_text",
    "repository_dump",
    "server",
    "server_pool",
    "server_pool_text",
    "server_text",
    "storage_plugins",
    "storage_plugins_text",
]
