"""The XML documents that the discover_* functions answer <-> frozen dataclasses. Pure.

For each document a reader, ``server(text)``, and a writer, ``server_text(server)``; outlines:
answer-shapes.md. Missing elements become ``""``, ``None`` or empty tuples. Elements that are not
in the outlines are dropped, except in what is a set of names anyway (capabilities, sysfs files,
a plug-in's abilities, …). Notations are unified: uuids, and ``True`` for ``true``. "Nothing there"
is an empty root element.
"""

from libcloud_ovm3.agent.documents.host import (
    Hardware,
    Processor,
    Record,
    ScsiHost,
    Server,
    hardware,
    server,
)
from libcloud_ovm3.agent.documents.network import (
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
from libcloud_ovm3.agent.documents.repositories import (
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
