"""The pool's file system and the o2cb cluster, as one script shows them (agent-behaviour.md 11).

OCFS2 is not simulated: the image is an empty sparse file without heartbeats. The state is kept in
``host.records["cluster"]``.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from libcloud_ovm3.simulator.agent import ownership
from libcloud_ovm3.simulator.agent.xmltext import add, add_all, document
from libcloud_ovm3.simulator.errors import AgentFault, plain_fault
from libcloud_ovm3.simulator.files import check_export
from libcloud_ovm3.simulator.host import SimulatedHost

IMAGE, MARKER = "ovspoolfs.img", ".ovspoolfs"
IMAGE_BYTES = 10 << 30  # chosen by the simulator; sparse
O2CB = (
    "O2CB_HEARTBEAT_THRESHOLD",
    "O2CB_RECONNECT_DELAY_MS",
    "O2CB_KEEPALIVE_DELAY_MS",
    "O2CB_BOOTCLUSTER",
    "O2CB_IDLE_TIMEOUT_MS",
    "O2CB_ENABLED",
    "O2CB_STACK",
)
STANZAS = {
    "cluster": {"name": "Name", "node_count": "Node_Count", "heartbeat_mode": "Heartbeat_Mode"},
    "heartbeat": {"region": "Region", "cluster": "Cluster"},
    "node": {
        "number": "Number",
        "ip_port": "IP_Port",
        "ip_address": "IP_Address",
        "name": "Name",
        "cluster": "Cluster_Name",
    },
}


def state(host: SimulatedHost) -> dict[str, Any]:
    """Pool file system, cluster configuration, whether online. Called with the lock held."""
    found: dict[str, Any] = host.records.setdefault(
        "cluster", {"poolfs": None, "o2cb": None, "stored": None, "online": False}
    )
    return found


# -- the pool file system -----------------------------------------------------------------------


def create_pool_filesystem(
    host: SimulatedHost,
    poolfs_type: str,
    poolfs_target: str,
    cluster_name: str,
    poolfs_uuid: str,
    poolfs_nfsbase_uuid: str,
    manager_uuid: str,
    pool_uuid: str,
    *sizes: Any,
) -> None:
    """Create ``ovspoolfs.img`` in the NFS share. Types other than ``nfs`` are not modelled."""
    if poolfs_type != "nfs":
        raise plain_fault(f"not modelled by the simulator: pool file system type {poolfs_type!r}")
    ownership.need_owner(host, "create_pool_filesystem")
    with host.lock:
        if state(host)["poolfs"] is not None:
            raise plain_fault("Pool filesystem already exists")
        check_export(host, poolfs_target, f"/nfsmnt/{poolfs_nfsbase_uuid}")
        share = host.settings.export(poolfs_target)
        if (share / MARKER).exists():
            raise plain_fault(f"Pool filesystem already exists on {poolfs_target}")
        with (share / IMAGE).open("wb") as image:
            image.truncate(IMAGE_BYTES)
        (share / MARKER).write_text(f"{poolfs_uuid}\n")  # its real content is not known
        state(host)["poolfs"] = {
            "Type": poolfs_type,
            "Target": poolfs_target,
            "Uuid": poolfs_uuid,
            "Nfsbase_Uuid": poolfs_nfsbase_uuid,
            "Manager_Uuid": manager_uuid,
            "Version": "3.0",
            "Pool_Uuid": pool_uuid,
        }
        host.save()


def destroy_pool_filesystem(
    host: SimulatedHost,
    poolfs_type: str,
    poolfs_target: str,
    poolfs_uuid: str,
    poolfs_nfsbase_uuid: str,
) -> None:
    """Remove the image and its marker."""
    with host.lock:
        found = state(host)
        if found["poolfs"] is None or found["poolfs"]["Uuid"] != poolfs_uuid:
            raise plain_fault(f"No pool filesystem {poolfs_uuid}")
        if found["online"]:
            raise plain_fault("not modelled by the simulator: its cluster is online")
        share = host.settings.export(found["poolfs"]["Target"])
        for name in (IMAGE, MARKER):
            (share / name).unlink(missing_ok=True)
        found["poolfs"] = None
        host.save()


def discover_pool_filesystem(host: SimulatedHost) -> str:
    """Type, target and uuids; an empty root element if there is none."""
    root = Element("Discover_Pool_Filesystem_Result")
    with host.lock:
        found = state(host)["poolfs"]
    if found is not None:
        values = {f"Pool_Filesystem_{key}": value for key, value in found.items()}
        add_all(add(root, "Pool_Filesystem"), values)
    return document(root)


# -- the cluster --------------------------------------------------------------------------------


def configure_server_for_cluster(
    host: SimulatedHost,
    o2cb_conf: dict[str, Any],
    cluster_conf: dict[str, Any],
    poolfs_type: str,
    poolfs_target: str,
    poolfs_uuid: str,
    poolfs_nfsbase_uuid: str,
) -> None:
    """Store the configuration that create_cluster and join_cluster use."""
    for name in O2CB:
        if name not in o2cb_conf:
            raise AgentFault("exceptions.KeyError", f"'{name}'")
    for stanza, keys in STANZAS.items():
        for values in cluster_conf[stanza]:
            for key in keys:
                if key not in values:
                    raise AgentFault("exceptions.KeyError", f"'{key}'")
    with host.lock:
        ownership.need_owner(host, "configure_server_for_cluster")
        if ownership.pool_id(host) is None:
            raise plain_fault("Server is not a member of pool: none")
        found = state(host)
        found.update(o2cb=o2cb_conf, stored=cluster_conf, uuid=poolfs_uuid)
        host.save()


def deconfigure_server_for_cluster(host: SimulatedHost, poolfs_uuid: str) -> None:
    """Delete the configuration."""
    with host.lock:
        found = _configured(host, poolfs_uuid)
        if found["online"]:
            raise plain_fault("not modelled by the simulator: its cluster is online")
        found.update(o2cb=None, stored=None)
        host.save()


def create_cluster(host: SimulatedHost, poolfs_uuid: str) -> None:
    """Bring the configured cluster online; join_cluster is the same on a further host."""
    _switch(host, poolfs_uuid, True)


def destroy_cluster(host: SimulatedHost, poolfs_uuid: str) -> None:
    """Take it offline; leave_cluster is the same on a further host."""
    _switch(host, poolfs_uuid, False)


def _switch(host: SimulatedHost, poolfs_uuid: str, online: bool) -> None:
    with host.lock:
        _configured(host, poolfs_uuid)["online"] = online
        host.save()


def _configured(host: SimulatedHost, poolfs_uuid: str) -> dict[str, Any]:
    found = state(host)
    if found["o2cb"] is None or found["uuid"] != poolfs_uuid:
        raise plain_fault(f"Server is not configured for the cluster of {poolfs_uuid}")
    return found


def is_cluster_online(host: SimulatedHost) -> bool:
    """Whether the host's cluster is online."""
    with host.lock:
        return bool(state(host)["online"])


def discover_cluster(host: SimulatedHost) -> str:
    """The stored configuration; an empty root element if there is none."""
    root = Element("Discover_Cluster_Result")
    with host.lock:
        found = state(host)
    if found["o2cb"] is not None:
        add_all(add(root, "O2CB_Config"), {name: found["o2cb"][name] for name in O2CB})
        stored = add(root, "Cluster_Information/Stored")
        for stanza, keys in STANZAS.items():
            name = stanza.capitalize()
            for values in found["stored"][stanza]:
                shown = {element: values[key] for key, element in keys.items()}
                add_all(add(stored, f"{name}s/{name}"), shown)
    return document(root)
