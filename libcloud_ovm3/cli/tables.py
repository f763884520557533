"""Which columns a list of libcloud objects is shown with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from libcloud.compute.base import Node, NodeImage, NodeLocation, NodeSize

from libcloud_ovm3.cli.output import show_table


def show_hosts(locations: Iterable[NodeLocation]) -> None:
    """Hosts with CPUs, memory and versions; * is the pool's master."""
    headings = ("host", "address", "status", "CPUs", "free/memory", "agent", "Xen", "VMs")
    show_table(headings, [_host(location) for location in locations], "no hosts")


def _host(location: NodeLocation) -> list[Any]:
    extra = location.extra
    if extra["status"] != "ok":
        return [location.name, extra["address"], extra["status"], *[""] * 5]
    return [
        location.name + (" *" if extra["is_master"] else ""),
        extra["address"],
        extra["status"],
        extra["cpus"],
        f"{_gb(extra['free_memory_mb'])}/{_gb(extra['memory_mb'])} GB",
        extra["agent_version"],
        extra["hypervisor"],
        extra["vms"],
    ]


def show_images(images: Iterable[NodeImage]) -> None:
    """Templates and ISOs."""
    rows = [(i.name, i.extra["kind"], i.extra["repository"], i.id) for i in images]
    show_table(("image", "kind", "repository", "id"), rows, "no images")


def show_sizes(sizes: Iterable[NodeSize]) -> None:
    """Sizes."""
    rows = [(size.id, size.name, size.extra["cpus"], _mb(size.ram)) for size in sizes]
    show_table(("size", "name", "CPUs", "memory"), rows, "no sizes")


def show_nodes(nodes: Iterable[Node]) -> None:
    """Nodes, with the hosts that they are live on."""
    rows = [
        (
            node.name,
            str(node.state),
            ", ".join(place["host"] for place in node.extra["live"]),
            node.extra.get("vcpus"),
            _mb(node.extra.get("memory_mb")),
            node.id,
        )
        for node in nodes
    ]
    show_table(("node", "state", "host", "CPUs", "memory", "id"), rows, "no nodes")


def show_orphans(orphans: Iterable[dict[str, Any]]) -> None:
    """Disks that belong to nobody, those first that a deletion has set aside."""
    rows = [
        (one["path"], "yes" if one["is_certain"] else "no", one["set_aside"] or "")
        for one in sorted(orphans, key=lambda one: (one["set_aside"] is None, one["path"]))
    ]
    show_table(("disk", "certain", "set aside"), rows, "no orphans")


def _gb(size_mb: int | None) -> str:
    return "?" if size_mb is None else f"{size_mb / 1024:.1f}"


def _mb(size_mb: int | None) -> str:
    return "?" if size_mb is None else f"{size_mb} MB"
