"""libcloud's objects as Salt lists them: plain data, by name. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from libcloud.compute.base import KeyPair, Node, NodeImage, StorageVolume, VolumeSnapshot

from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.compute.network_types import OVM3Network, OVM3NetworkDevice, OVM3Nic
from libcloud_ovm3.compute.records import (
    image_record,
    key_pair_record,
    network_device_record,
    network_record,
    nic_record,
    repository_record,
    snapshot_record,
    vm_record,
    volume_record,
)
from libcloud_ovm3.compute.repository_types import OVM3Repository
from libcloud_ovm3.errors import InvalidArgument

Record = dict[str, Any]
AMBIGUOUS = "AMBIGUOUS"  # the state of a name that several VMs have
LONGEST_FILE_NAME = 255  # bytes


def brief(node: Node) -> Record:
    """Return the seven keys that Salt's clouds have in common."""
    return {
        "id": node.id,
        "name": node.name,
        "state": str(node.state).upper(),
        "size": node.size.id if node.size else None,
        "image": node.image.id if node.image else None,
        "public_ips": list(node.public_ips),
        "private_ips": list(node.private_ips),
    }


def full(node: Node) -> Record:
    """Return those, and what ``ovm3 vm show -o json`` has."""
    return {**vm_record(node), **brief(node)}


def plain(result: Any) -> Any:
    """Return what a method of the driver returned as plain data."""
    if isinstance(result, list):
        return [plain(one) for one in result]
    for kind, record in _RECORDS:
        if isinstance(result, kind):
            return record(result)
    return result


_RECORDS: tuple[tuple[type, Callable[[Any], Record]], ...] = (
    (Node, full),
    (StorageVolume, volume_record),
    (VolumeSnapshot, snapshot_record),
    (NodeImage, image_record),
    (KeyPair, key_pair_record),
    (OVM3Network, network_record),
    (OVM3NetworkDevice, network_device_record),
    (OVM3Nic, nic_record),
    (OVM3Repository, repository_record),
)


def selected(
    nodes: dict[str, dict[str, Any]], selection: list[str] | str | None
) -> dict[str, dict[str, Any]]:
    """Return what Salt's ``query.selection`` names of each VM, by name."""
    keys = [selection] if isinstance(selection, str) else selection or ["id", "name", "state"]
    return {name: {key: one.get(key) for key in keys} for name, one in nodes.items()}


def minimal(node: Node) -> Record:
    """Return what Salt needs to know whether a VM exists."""
    return {"id": node.id, "state": str(node.state).upper()}


def by_name(objects: Iterable[Any], record: Callable[[Any], Record]) -> dict[str, Record]:
    """Return records by name; of objects that share one, by id."""
    listed = list(objects)
    shared = _shared_names(listed)
    return {str(one.id) if one.name in shared else one.name: record(one) for one in listed}


def _shared_names(listed: Iterable[Any]) -> set[str]:
    """Names that do not say what is meant: several have one, or it is the id of another."""
    count = Counter(one.name for one in listed)
    ids = {str(one.id) for one in listed}
    return {
        one.name
        for one in listed
        if count[one.name] > 1 or (_as_id(one.name) in ids and _as_id(one.name) != str(one.id))
    }


def _as_id(name: str) -> str:
    return dashed(name) or name


def nodes_by_name(nodes: Iterable[Node], record: Callable[[Any], Record]) -> dict[str, Record]:
    """Return the same for VMs, with an entry for each name that does not say which is meant.

    Salt takes a name that is not listed for that of no VM, and would create one or call it absent.
    """
    listed = list(nodes)
    records = by_name(listed, record)
    for name in sorted(_shared_names(listed)):
        meant = [one for one in listed if name == one.name or _as_id(name) == str(one.id)]
        ids = ", ".join(str(one.id) for one in meant)
        records[name] = {"id": ids, "name": name, "state": AMBIGUOUS}
    return records


def may_be_file_name(name: str) -> bool:
    """Whether a file may have this name: Salt makes names of VMs into paths without a look."""
    return "/" not in name and len(f"{name}.p".encode()) < LONGEST_FILE_NAME


def named(objects: Iterable[Any], noun: str, text: str) -> Any:
    """Return the object of this id or name.

    :param noun: What it is, for the error.
    :raises InvalidArgument: There is none.
    """
    listed = list(objects)
    for one in listed:
        if text in (one.id, one.name):
            return one
    raise InvalidArgument(f"{noun} {text!r}: expected one of {', '.join(o.id for o in listed)}")
