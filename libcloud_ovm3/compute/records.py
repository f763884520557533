"""libcloud's objects as plain data with stable keys (docs/command-output.md). Pure.

What ``ovm3 -o json`` prints and what the Ansible collection returns, so that all show the same.

None: not known, or there is none; never an empty text or a zero in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from libcloud.compute.base import (
    KeyPair,
    Node,
    NodeImage,
    NodeLocation,
    NodeSize,
    StorageVolume,
    VolumeSnapshot,
)

from libcloud_ovm3.compute.network_types import OVM3Network, OVM3NetworkDevice, OVM3Nic
from libcloud_ovm3.compute.repository_types import OVM3Repository

# Of extra; known of a VM that is defined once, in a vm.cfg that can be read.
_DEFINED = (
    "description domain_type is_hvm high_availability max_memory_mb max_vcpus disks system_disk "
    "shared_disks cdroms nics vnc"
).split()
_REPORTED = (
    "pool_id owner is_master roles agent_version ovm_version hypervisor cpus cpu_model memory_mb "
    "free_memory_mb vms"
).split()
_LIVE = "host host_id address domid xend_name xend_state memory_mb vcpus".split()


def vm_record(node: Node) -> dict[str, Any]:
    """Return what is known of a VM."""
    return vm_fields(str(node.id), node.name, str(node.state), node.extra)


def vm_fields(vm_id: str, name: str, state: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same of a VM of which there is no Node, from the ``extra`` that one would have."""
    public_ips, private_ips = ips_of(extra)
    is_defined = len(extra["definitions"]) == 1 and extra["definitions"][0]["error"] is None
    return {
        "id": vm_id,
        "name": name,
        "state": state,
        "host": extra["live"][0]["host"] or None if len(extra["live"]) == 1 else None,
        "memory_mb": extra.get("memory_mb"),
        "vcpus": extra.get("vcpus"),
        "live": [_live(one) for one in extra["live"]],
        "definitions": extra["definitions"],
        **{key: _empty(extra.get(key)) if is_defined else None for key in _DEFINED},
        "public_ips": public_ips,
        "private_ips": private_ips,
        "addresses": extra["addresses"],
        "copied_percent": extra.get("copied_percent"),
        "metadata": extra["metadata"],
        "tags": extra["tags"],
        "settings": extra["settings"],
        "claim": extra["claim"],
        "hosts_off": extra.get("hosts_off", []),
        "doubts": extra.get("doubts", []),
        "notices": extra.get("notices", []),
    }


def ips_of(extra: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the public and the private addresses in a node's ``extra``, each in one list only."""
    addresses = extra["addresses"]
    public = dict.fromkeys(one["address"] for one in addresses if one["is_public"])
    private = dict.fromkeys(one["address"] for one in addresses if one["address"] not in public)
    return list(public), list(private)


def _empty(value: Any) -> Any:
    """Return a list without elements, False and 0 as they are; None for a text without content."""
    return None if value == "" else value


def _live(one: dict[str, Any]) -> dict[str, Any]:
    return {
        **{key: _empty(one[key]) for key in _LIVE},
        "started_at": utc(one["start_time"]),
        "vnc_listen": _empty(one["vnc_listen"]),
        "vnc_port": one["vnc_port"],
    }


def host_record(location: NodeLocation) -> dict[str, Any]:
    """Return what is known of a host."""
    extra = location.extra
    is_read = extra["status"] == "ok"
    return {
        "id": location.id if is_read and location.id != extra["address"] else None,
        "name": location.name,
        "address": extra["address"],
        "status": extra["status"],
        "error": None if is_read else extra["reason"],
        **{key: _empty(extra.get(key)) for key in _REPORTED},
        "booted_at": utc(extra.get("boot_time")),
    }


def image_record(image: NodeImage) -> dict[str, Any]:
    """Return what is known of a template or ISO."""
    keys = ("kind", "state", "repository_id", "repository", "path", "size_bytes")
    return {
        "id": image.id,
        "name": image.name,
        **{key: _empty(image.extra[key]) for key in keys},
    }


def volume_record(volume: StorageVolume) -> dict[str, Any]:
    """Return what is known of a volume."""
    extra = volume.extra or {}
    keys = (
        "kind path repository_id repository wwid size_bytes used_bytes snapshot_of is_shared"
    ).split()
    return {
        "id": volume.id,
        "name": volume.name,
        "state": str(volume.state),
        **{key: _empty(extra[key]) for key in keys},
        "modified_at": utc(extra["modified"]),
        "paths": extra["paths"],
        "attachments": extra["attachments"],
        "used_by": extra["used_by"],
        "doubts": extra.get("doubts", []),
    }


def snapshot_record(snapshot: VolumeSnapshot) -> dict[str, Any]:
    """Return what is known of a snapshot."""
    extra = snapshot.extra or {}
    keys = "volume_id volume_name path repository_id repository size_bytes used_bytes".split()
    created = snapshot.created
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "state": str(snapshot.state),
        "created_at": utc(created.timestamp() if created else None),
        **{key: _empty(extra[key]) for key in keys},
        "modified_at": utc(extra["modified"]),
        "lineage": extra["lineage"],
        "used_by": extra["used_by"],
    }


def network_record(network: OVM3Network) -> dict[str, Any]:
    """Return what is known of a network."""
    return network_fields(network.name, network.extra)


def network_fields(name: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same of the ``extra`` that a network would have."""
    return {"id": name, "name": name, **extra}


def network_device_record(device: OVM3NetworkDevice) -> dict[str, Any]:
    """Return what is known of a NIC, bond or VLAN device."""
    return {"id": device.id, "name": device.name, "kind": device.kind, **device.extra}


def repository_record(repository: OVM3Repository) -> dict[str, Any]:
    """Return what is known of a repository."""
    return {"id": repository.id, "name": repository.name, **repository.extra}


def nic_record(nic: OVM3Nic) -> dict[str, Any]:
    """Return what is known of a network card."""
    keys = ("node_id", "type", "model", "position", "is_defined", "is_live", "addresses")
    return {
        "id": nic.id,
        "mac": nic.mac,
        "network": nic.network,
        **{key: nic.extra[key] for key in keys},
    }


def key_pair_record(key_pair: KeyPair) -> dict[str, Any]:
    """Return what is known of a key pair, with its private key if that has just been made."""
    private = {"private_key": key_pair.private_key} if key_pair.private_key else {}
    keys = "type origin repository_id repository".split()
    return {
        "name": key_pair.name,
        "fingerprint": key_pair.fingerprint,
        "public_key": key_pair.public_key,
        **{key: _empty(key_pair.extra[key]) for key in keys},
        **private,
    }


def size_record(size: NodeSize) -> dict[str, Any]:
    """Return memory and CPUs of a size."""
    return {
        "id": size.id,
        "name": size.name,
        "memory_mb": size.ram,
        "vcpus": size.extra["cpus"],
    }


def utc(seconds: float | None) -> str | None:
    """Return seconds since 1970 as a date and time; None: not known, or not a date."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return None
