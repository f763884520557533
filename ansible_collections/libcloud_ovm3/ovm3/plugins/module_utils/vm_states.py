"""What the module ``vm`` does in each of its states, by the driver.

Nothing in here imports Ansible. The checks are the driver's, in check mode too: its driver may only
read, so where it would send a change it raises ReadOnly, after all of its checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from libcloud.compute.base import Node, NodeAuthSSHKey
from libcloud.compute.types import NodeState

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.compute.find import find_host, find_image, find_size, find_volumes
from libcloud_ovm3.compute.records import vm_record
from libcloud_ovm3.errors import (
    InvalidArgument,
    NodeNotFound,
    Ovm3Error,
    PreconditionFailed,
    ReadOnly,
    SearchIncomplete,
)

from .access import with_options
from .vm_changes import RECORDED, asked_size, change

Options = Mapping[str, Any]
Warn = Callable[[str], object]

# What a VM is created with and what of one that exists is not compared; the result says so.
NOT_COMPARED = (
    *("image", "networks", "network_format", "disk_gb", "domain_type", "iso", "volumes"),
    *("description", "ssh_key", "key_name", "user_data"),
)
_HELD = {  # by the driver's methods
    "paused": "ex_pause_node",
    "suspended": "ex_suspend_node",
    "reset": "ex_reset_node",
}

_UNITS = {"memory_mb": "MB", "vcpus": "CPUs"}


@dataclass(frozen=True)
class Done:
    """What became of a task.

    :ivar before: The VM before; None: there was none.
    :ivar vm: The VM now, in check mode too; None: there is none, or it could not be read.
    :ivar after: The VM as it is or, in check mode, would be after the task.
    :ivar disks: Of a VM that is deleted, the paths of the disks to ``delete`` and to ``keep``.
    :ivar would_change: Whether it is check mode, and the task would change something.
    """

    before: dict[str, Any] | None
    vm: dict[str, Any] | None
    after: dict[str, Any] | None
    disks: dict[str, list[str]] | None = None
    would_change: bool = False


def check_options(options: Options) -> None:
    """Refuse what contradicts itself, and what would be taken for a VM that does not exist.

    :raises InvalidArgument: The id is none, the name is empty, ``start`` contradicts the state, or
        no VM can have the memory or CPUs.
    """
    for key in ("memory_mb", "vcpus"):
        if options[key] is not None and options[key] < 1:
            raise InvalidArgument(f"{key} {options[key]}: expected a whole number, 1 or more")
    if options["state"] == "started" and not options["start"]:
        raise InvalidArgument("state: started contradicts start: false; expected state: present")
    if options["id"] is not None and dashed(options["id"]) is None:
        raise InvalidArgument(f"id {options['id']!r}: expected the uuid of a VM")
    if options["id"] is None and not options["name"].strip():
        raise InvalidArgument(f"name {options['name']!r}: expected the display name of a VM")


def bring_about(driver: OVM3NodeDriver, options: Options, warn: Warn, may_only_read: bool) -> Done:
    """Bring the VM into the state of the task.

    :param may_only_read: Whether it is check mode: then ``ReadOnly`` of the driver means that the
        task would change something.
    :raises Ovm3Error: It failed; in check mode also: it would be refused.
    """
    state = options["state"]
    node = _find(driver, options)
    before = None if node is None else vm_record(node)
    disks = _disks(driver, node, options) if state == "absent" and node else None
    try:
        node = _act(driver, node, options, warn, disks)
    except ReadOnly:
        if not may_only_read:
            raise
        return Done(before, before, _expected(before, options), disks, would_change=True)
    after = None if node is None else vm_record(node)
    return Done(before, after, after, disks)


def _find(driver: OVM3NodeDriver, options: Options) -> Node | None:
    """The VM; None: there is certainly none.

    :raises SearchIncomplete: it was not found, but something that may hold it could not be read.
    :raises AmbiguousName: several VMs have this name.
    """
    off = options["hosts_off"]
    try:
        if options["id"] is not None:
            return driver.ex_get_node(options["id"], ex_hosts_off=off)
        return driver.ex_get_node_by_name(options["name"], ex_hosts_off=off)
    except NodeNotFound:
        return None
    except SearchIncomplete:
        # create_node looks for the name itself, and then believes what the user says of these hosts
        if off and _may_create(options):
            return None
        raise


def _may_create(options: Options) -> bool:
    """Whether a VM that does not exist is created."""
    is_wanted = options["state"] == "present" or (
        options["state"] == "started" and options["image"] is not None
    )
    return is_wanted and options["id"] is None


def _act(
    driver: OVM3NodeDriver,
    node: Node | None,
    options: Options,
    warn: Warn,
    disks: Mapping[str, list[str]] | None,
) -> Node | None:
    """Do what the state asks for; return the VM as it is then."""
    state, off = options["state"], options["hosts_off"]
    if node is None:
        if state == "absent":
            return None
        if _may_create(options):
            return _create(driver, options)
        raise _missing(options)
    if state in ("present", "started"):
        _tell_differences(driver, node, options, warn)
    if state == "present":
        is_changed = change(driver, _complete(node), options)
        return _reread(driver, node, options, warn) if is_changed else node
    if state == "started" and options["migrate"] and _moved(driver, node, options):
        node = _reread(driver, node, options, warn) or node
    if state == "started" and _runs(driver, node, options):
        is_changed = change(driver, node, options)
        return _reread(driver, node, options, warn) if is_changed else node
    if state == "started":
        try:
            change(driver, node, options)
        except ReadOnly:  # in check mode the start has to be checked too
            _start(driver, node, options)
            raise
        _start(driver, node, options)
    elif state != "absent":
        _interrupt(driver, node, options)
    else:
        driver.destroy_node(
            node,
            ex_hosts_off=off,
            ex_disks=disks["delete"] if disks else [],
            ex_discard_saved=options["discard_saved"],
        )
        return None
    return _reread(driver, node, options, warn)


def _interrupt(driver: OVM3NodeDriver, node: Node, options: Options) -> None:
    """Stop, reboot, reset, pause or suspend a VM."""
    state = options["state"]
    if state == "stopped":  # one that is off is read twice: it may be rebooting
        force, limit = options["force"], options["stop_timeout"]
        driver.stop_node(node, ex_force=force, ex_timeout=limit, ex_hosts_off=options["hosts_off"])
    elif state == "rebooted":
        driver.reboot_node(node, ex_minimum_age=options["minimum_age"])
    else:
        getattr(driver, _HELD[state])(node)


def _start(driver: OVM3NodeDriver, node: Node, options: Options) -> None:
    """Start a VM that is off, or let one go on that is suspended or paused."""
    location = _location(driver, options)
    if node.state == NodeState.PAUSED:
        driver.ex_unpause_node(node)
    elif node.state == NodeState.SUSPENDED and not options["discard_saved"]:
        driver.ex_resume_node(node, location)
    else:
        driver.start_node(
            node,
            location,
            options["hosts_off"],
            ex_unguarded=options["unguarded"],
            ex_discard_saved=options["discard_saved"],
        )


def _create(driver: OVM3NodeDriver, options: Options) -> Node:
    if options["image"] is None:
        raise InvalidArgument(
            f"there is no VM named {options['name']!r}, and no image to create it from is given"
        )
    return driver.create_node(
        options["name"],
        find_size(driver, options["size"], options["memory_mb"], options["vcpus"]),
        find_image(driver, options["image"]),
        _location(driver, options),
        NodeAuthSSHKey(options["ssh_key"]) if options["ssh_key"] else None,
        ex_description=options["description"],
        ex_disk_gb=options["disk_gb"],
        ex_domain_type=options["domain_type"],
        ex_hosts_off=options["hosts_off"],
        ex_iso=find_image(driver, options["iso"]) if options["iso"] else None,
        ex_keyname=options["key_name"],
        ex_metadata=options["metadata"],
        ex_network_format=options["network_format"] or 1,
        ex_networks=options["networks"],
        ex_tags=options["tags"],
        ex_unguarded=options["unguarded"],
        ex_userdata=options["user_data"],
        ex_volumes=find_volumes(driver, options["volumes"] or ()),
        ex_start=options["state"] == "started" or options["start"],
    )


def _location(driver: OVM3NodeDriver, options: Options) -> Any:
    return find_host(driver, options["location"]) if options["location"] else None


def _missing(options: Options) -> NodeNotFound:
    if options["id"] is not None:
        return NodeNotFound(f"no VM {options['id']!r} was found")
    more = "; it is created if an image is given" if options["state"] == "started" else ""
    return NodeNotFound(f"no VM named {options['name']!r} was found{more}")


def _complete(node: Node) -> Node:
    """The VM, which exists.

    :raises PreconditionFailed: not completely.
    """
    if node.state == NodeState.PENDING and not node.extra["live"]:
        raise PreconditionFailed(
            f"VM {_label(node)} is being created at this moment, or its creation was interrupted: "
            f"then state: absent removes it",
            nodes=[{"id": str(node.id), "name": node.name, "state": str(node.state)}],
        )
    return node


def _runs(driver: OVM3NodeDriver, node: Node, options: Options) -> bool:
    """Whether it runs already.

    :raises PreconditionFailed: it does, but on another host than the task says.
    """
    if node.state != NodeState.RUNNING:
        return False
    hosts = _elsewhere(driver, node, options)
    if hosts:
        raise PreconditionFailed(
            f"VM {_label(node)} is running on {', '.join(hosts)} and not on "
            f"{options['location']}; nothing was done: migrate: true moves it"
        )
    return True


def _moved(driver: OVM3NodeDriver, node: Node, options: Options) -> bool:
    """Move it, if it runs on another host than the task says; return whether it did."""
    if node.state != NodeState.RUNNING or not _elsewhere(driver, node, options):
        return False
    return driver.ex_migrate_node(node, _location(driver, options))


def _tell_differences(driver: OVM3NodeDriver, node: Node, options: Options, warn: Warn) -> None:
    """Warn if a VM that is to keep its own has not the memory, CPUs or host of the task."""
    said = {} if options["resize"] else asked_size(driver, options)
    asked = {unit: said[key] for key, unit in _UNITS.items() if key in said}
    if asked and node.size is None:
        warn(f"VM {_label(node)}: its memory and CPUs are not known, so they were not compared")
    elif node.size is not None:
        all_of = {"MB": node.size.ram, "CPUs": node.size.extra["cpus"]}
        has = {unit: all_of[unit] for unit in asked}
        if has != asked:
            warn(
                f"VM {_label(node)} has {_amounts(has)}, not {_amounts(asked)}: VMs that exist are "
                f"changed with resize: true only"
            )
    if options["state"] == "present" and options["location"] and node.extra["live"]:
        hosts = _elsewhere(driver, node, options)
        if hosts:
            warn(
                f"VM {_label(node)} is running on {', '.join(hosts)} and not on "
                f"{options['location']}: VMs that exist are not moved"
            )


def _amounts(amounts: Mapping[str, int]) -> str:
    return " and ".join(f"{number} {unit}" for unit, number in amounts.items())


def _elsewhere(driver: OVM3NodeDriver, node: Node, options: Options) -> list[str]:
    """The hosts that run it, if the task says another one."""
    location, hosts = _location(driver, options), [one["address"] for one in node.extra["live"]]
    return hosts if location is not None and location.extra["address"] not in hosts else []


def _reread(driver: OVM3NodeDriver, node: Node, options: Options, warn: Warn) -> Node | None:
    """The VM as it is now. That it cannot be read does not undo what was done."""
    try:
        return driver.ex_get_node(str(node.id), ex_hosts_off=options["hosts_off"])
    except Ovm3Error as error:
        warn(f"VM {_label(node)} could not be read afterwards: {with_options(error)}")
        return None


def _disks(driver: OVM3NodeDriver, node: Node, options: Options) -> dict[str, list[str]]:
    """Which disks are deleted with the VM, and which are kept.

    :raises InvalidArgument: the task names one that would not be deleted.
    """
    own = driver.ex_list_own_disks(node, ex_hosts_off=options["hosts_off"])
    only = options["delete_disks"]
    others = [path for path in only or () if path not in own]
    if others:
        raise InvalidArgument(
            f"delete_disks: {', '.join(others)}: not deleted with VM {_label(node)}; its own disks "
            f"are: {', '.join(own) or 'none'}"
        )
    delete = [path for path in own if only is None or path in only]
    keep = [path for path in node.extra.get("disks", []) if path not in delete]
    return {"delete": delete, "keep": keep}


def _expected(before: dict[str, Any] | None, options: Options) -> dict[str, Any] | None:
    """What the VM would be after the task."""
    state = options["state"]
    if state == "absent":
        return None
    if before is None:
        is_on = state == "started" or options["start"]
        keys = ("name", "size", "memory_mb", "vcpus", "location", *NOT_COMPARED, *RECORDED)
        shown = [key for key in keys if options[key] is not None and key != "user_data"]
        given = {key: options[key] for key in shown}
        return {**given, "state": "running" if is_on else "stopped"}
    if state == "stopped":
        return {**before, "state": "stopped", "host": None, "live": []}
    if state in ("paused", "suspended", "rebooted"):
        return {**before, "state": {"rebooted": "rebooting"}.get(state, state)}
    new = {key: options[key] for key in RECORDED if options[key] is not None}
    if options["resize"]:
        new |= {key: options[key] for key in _UNITS if options[key] is not None}
    return {**before, **new, "state": before["state"] if state == "present" else "running"}


def _label(node: Node) -> str:
    return f"{node.name!r} ({node.id})"
