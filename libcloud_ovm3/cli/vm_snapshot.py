"""``ovm3 vm snapshot``: all disks of a VM and its definition, of one moment."""

from __future__ import annotations

from typing import Any

import click
from libcloud.compute.base import Node

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.cli.asking import require_agreed, require_answer
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.several import label
from libcloud_ovm3.cli.tables import show_node_snapshots
from libcloud_ovm3.compute.find import find_vm
from libcloud_ovm3.errors import AmbiguousName, VolumeNotFound

_YES = click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
_VM = click.argument("vm", metavar="VM")


@click.group(
    cls=NounGroup,
    epilog=examples("ovm3 vm snapshot list", "ovm3 vm snapshot create db-1 before-upgrade"),
)
def snapshot() -> None:
    """List, create, delete and revert to snapshots of VMs. They need the host module."""


@snapshot.command("list", epilog=examples("ovm3 vm snapshot list", "ovm3 vm snapshot list db-1"))
@output_option
@driver_options
@click.argument("vm", metavar="[VM]", required=False)
def list_snapshots(vm: str | None, form: str, **options: Any) -> None:
    """List the snapshots of a VM, or of all VMs, oldest first.

    Also those of VMs that are gone.
    """
    with reported(is_read=True):
        driver = make_driver(**options)
        node = None if vm is None else find_vm(driver, vm)
        show_node_snapshots(driver.ex_list_node_snapshots(node), form)


@snapshot.command(epilog=examples("ovm3 vm snapshot create db-1 before-upgrade --pause"))
@click.option(
    "--pause",
    is_flag=True,
    help="Pause a VM that runs while its disks are copied. The snapshot then has what the disks of "
    "a machine have whose power was cut at that moment.",
)
@driver_options
@_VM
@click.argument("name")
def create(vm: str, name: str, pause: bool, **options: Any) -> None:
    """Make a snapshot of a VM, and print its id.

    VM is the name or the id of a VM that is off; one that runs needs --pause. All its disks are
    copied, or share their blocks where the file system can do that.
    """
    with reported():
        driver = make_driver(**options)
        made = driver.ex_create_node_snapshot(find_vm(driver, vm), name, ex_pause=pause)
        show(made["id"])


@snapshot.command(epilog=examples("ovm3 vm snapshot revert db-1 before-upgrade --yes"))
@_YES
@click.option(
    "--take-over",
    is_flag=True,
    help="Remove what an interrupted revert of this VM has left, and begin anew. Only if "
    "nobody is at it any more.",
)
@driver_options
@_VM
@click.argument("name", metavar="SNAPSHOT")
def revert(vm: str, name: str, yes: bool, take_over: bool, **options: Any) -> None:
    """Set a stopped VM back to one of its snapshots.

    The content that its disks have now is deleted. Volumes that the snapshot does not have are
    detached, and kept. The snapshot stays.
    """
    with reported():
        require_answer(yes)
        driver = make_driver(**options)
        node = find_vm(driver, vm)
        found = _named(driver.ex_list_node_snapshots(node), name)
        if not yes:
            require_agreed(
                _replacement(node, found),
                lambda: _replacement(driver.ex_get_node_details(node), found),
                "Replace its disks?",
            )
        driver.ex_revert_node_snapshot(node, found, ex_take_over=take_over)
        show(f"{label(node)} has the disks and the settings of snapshot {found['name']!r}")


@snapshot.command(epilog=examples("ovm3 vm snapshot delete before-upgrade --yes"))
@_YES
@driver_options
@click.argument("name", metavar="SNAPSHOT")
def delete(name: str, yes: bool, **options: Any) -> None:
    """Delete a snapshot of a VM, with those of its disks.

    Nothing else is deleted. This also removes what an interrupted snapshot has left (state
    `creating`).
    """
    with reported():
        require_answer(yes)
        driver = make_driver(**options)
        found = _named(driver.ex_list_node_snapshots(), name)
        if not yes:
            require_agreed(_deletion(driver, found["id"]), lambda: _deletion(driver, found["id"]))
        driver.ex_delete_node_snapshot(found)
        show(f"snapshot {found['name']!r} of {found['node_name']} was deleted")


def _named(snapshots: list[dict[str, Any]], text: str) -> dict[str, Any]:
    """Return the one of this id, else the only one of this name."""
    found = [one for one in snapshots if one["id"] == text]
    found = found or [one for one in snapshots if one["name"] == text]
    if len(found) > 1:
        ids = ", ".join(f"{one['id']} (of {one['node_name']})" for one in found)
        raise AmbiguousName(f"{len(found)} snapshots of VMs are named {text!r}: {ids}")
    if not found:
        raise VolumeNotFound(
            f"there is no snapshot {text!r} of a VM; `ovm3 vm snapshot list` lists all"
        )
    return found[0]


def _replacement(node: Node, found: dict[str, Any]) -> list[str]:
    """Return what reverting would do to a VM as it is now."""
    disks = [f"  replace {disk}" for disk in node.extra.get("disks", [])]
    return [
        f"{label(node)} will get the disks of snapshot {found['name']!r}, "
        f"made at {found['created_at']}",
        *disks,
    ]


def _deletion(driver: OVM3NodeDriver, snapshot_id: str) -> list[str]:
    """Return what deleting a snapshot would delete now."""
    return [
        f"snapshot {one['name']!r} of {one['node_name']}, made at {one['created_at']}, will be "
        f"deleted, with the snapshots of {len(one['snapshots'])} disks"
        for one in driver.ex_list_node_snapshots()
        if one["id"] == snapshot_id
    ]
