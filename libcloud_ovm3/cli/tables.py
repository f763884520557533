"""Which columns a list of libcloud objects is shown with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from libcloud.compute.base import Node, NodeImage, NodeLocation, NodeSize

from libcloud_ovm3.cli.output import show_table


def show_hosts(locations: Iterable[NodeLocation]) -> None:
    """Hosts with CPUs, memory and versions."""
    headings = "host address status CPUs memory free agent Xen VMs pool".split()
    show_table(headings, [_host(location) for location in locations], "no hosts")


def _host(location: NodeLocation) -> list[Any]:
    extra = location.extra
    if extra["status"] != "ok":
        return [location.name, extra["address"], extra["status"], *[""] * 7]
    return [
        location.name + (" (master)" if extra["is_master"] else ""),
        extra["address"],
        extra["status"],
        extra["cpus"],
        _mb(extra["memory_mb"]),
        _mb(extra["free_memory_mb"]),
        extra["agent_version"],
        extra["hypervisor"],
        extra["vms"],
        extra["pool_id"] or "none",
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
            ", ".join(place["host"] for place in node.extra["places"]),
            node.extra.get("vcpus"),
            _mb(node.extra.get("memory_mb")),
            node.id,
        )
        for node in nodes
    ]
    show_table(("node", "state", "host", "CPUs", "memory", "id"), rows, "no nodes")


def _mb(size_mb: int | None) -> str:
    return "?" if size_mb is None else f"{size_mb} MB"
