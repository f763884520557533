"""What the module ``vm`` changes of a VM that exists: what is recorded of it, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libcloud.compute.base import Node

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.compute.find import find_size
from libcloud_ovm3.errors import ReadOnly
from libcloud_ovm3.operations.pin_vm import has_pin, parse_pin

Options = Mapping[str, Any]

RECORDED = ("metadata", "tags")  # of these what the task says others


def asked_size(driver: OVM3NodeDriver, options: Options) -> dict[str, int]:
    """The memory and the CPUs of the task; those that it does not say are left out."""
    memory, cpus = options["memory_mb"], options["vcpus"]
    if options["size"]:
        size = find_size(driver, options["size"], memory, cpus)
        memory, cpus = size.ram, size.extra["cpus"]
    said = {"memory_mb": memory, "vcpus": cpus}
    return {key: number for key, number in said.items() if number is not None}


def change(driver: OVM3NodeDriver, node: Node, options: Options) -> bool:
    """Change what differs from the task, and return whether anything did.

    :raises ReadOnly: in check mode, something does; all of it was checked.
    """
    refused: ReadOnly | None = None
    changed = False
    for step in (_resize, _pin, _record):
        try:
            changed = step(driver, node, options) or changed
        except ReadOnly as error:
            refused = error
    if refused is not None:
        raise refused
    return changed


def _resize(driver: OVM3NodeDriver, node: Node, options: Options) -> bool:
    """Only if the task says that it is to be resized. Unknown settings are not the same."""
    asked = asked_size(driver, options) if options["resize"] else {}
    if not _differ(node, asked):
        return False
    driver.ex_resize_node(node, ex_memory_mb=asked.get("memory_mb"), ex_cpus=asked.get("vcpus"))
    return True


def _pin(driver: OVM3NodeDriver, node: Node, options: Options) -> bool:
    pin = options["pin"]
    if pin is None or has_pin(node.extra["settings"], parse_pin(pin)):
        return False
    driver.ex_pin_node(node, pin)
    return True


def _record(driver: OVM3NodeDriver, node: Node, options: Options) -> bool:
    """Record the metadata and tags of the task, unless they are; return whether that was needed.

    Unknown ones are not taken for the same: the driver looks, or says why they cannot be recorded.
    """
    metadata, tags = options["metadata"], options["tags"]
    recorded, words = node.extra["metadata"], node.extra["tags"]
    is_same = metadata is None or metadata == recorded
    if is_same and (tags is None or (words is not None and set(tags) == set(words))):
        return False
    return driver.ex_set_metadata(node, metadata, ex_tags=tags)


def _differ(node: Node, asked: Mapping[str, int]) -> bool:
    """Whether its definition, or the running VM, has something else. A guest that has not followed
    is not asked again."""
    settings = node.extra["settings"]
    defined, live = settings["defined"] or {}, settings["live"] or {}
    if any(defined.get(key) != value for key, value in asked.items()):
        return True
    return "memory_mb" in asked and live.get("memory_mb") not in (None, asked["memory_mb"])
