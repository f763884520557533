"""libcloud's objects as Salt lists them: plain data, by name. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from libcloud.compute.base import Node

from libcloud_ovm3.compute.records import vm_record
from libcloud_ovm3.errors import InvalidArgument

Record = dict[str, Any]
AMBIGUOUS = "AMBIGUOUS"  # the state of a name that several VMs have


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


def minimal(node: Node) -> Record:
    """Return what Salt needs to know whether a VM exists."""
    return {"id": node.id, "state": str(node.state).upper()}


def by_name(objects: Iterable[Any], record: Callable[[Any], Record]) -> dict[str, Record]:
    """Return records by name; of objects that share one, by id."""
    listed = list(objects)
    count = Counter(one.name for one in listed)
    return {one.name if count[one.name] == 1 else str(one.id): record(one) for one in listed}


def nodes_by_name(nodes: Iterable[Node], record: Callable[[Any], Record]) -> dict[str, Record]:
    """Return the same for VMs, with an entry for each name that several have.

    Salt takes a name that is not listed for that of no VM, and would create one or call it absent.
    """
    listed = list(nodes)
    count = Counter(one.name for one in listed)
    records = by_name(listed, record)
    for name in (name for name, number in count.items() if number > 1):
        ids = ", ".join(str(one.id) for one in listed if one.name == name)
        records[name] = {"id": ids, "name": name, "state": AMBIGUOUS}
    return records


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
