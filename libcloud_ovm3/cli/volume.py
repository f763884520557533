"""``ovm3 volume``: virtual and physical disks, and the VMs that have them."""

from __future__ import annotations

from typing import Any

import click
from libcloud.compute.base import Node, StorageVolume

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.cli.asking import require_agreed, require_answer
from libcloud_ovm3.cli.byte_sizes import byte_size, long_size
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.options import driver_options, hosts_off_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.several import each, label
from libcloud_ovm3.cli.tables import show_volume, show_volumes, users_of
from libcloud_ovm3.compute.find import find_host, find_snapshots, find_vm, find_volume, find_volumes
from libcloud_ovm3.compute.records import volume_record
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error

_VOLUME = click.argument("volume_name", metavar="NAME|ID")
_VOLUMES = click.argument("volumes", metavar="NAME|ID...", nargs=-1, required=True)


@click.group(
    cls=NounGroup, epilog=examples("ovm3 volume list", "ovm3 volume create data-1 --size 20G")
)
def volume() -> None:
    """List, show, create, attach, change and destroy volumes.

    A volume is a virtual disk, a file in a repository, or a physical disk (LUN).
    """


@volume.command(
    "list",
    epilog=examples("ovm3 volume list --unused", "ovm3 volume list --vm web-1 -o json"),
)
@click.option("--vm", metavar="NAME|ID", help="Those of this VM only.")
@click.option("--unused", is_flag=True, help="Those only that nothing is known to use.")
@click.option("--kind", type=click.Choice(("virtual", "physical")), help="Those of this kind only.")
@output_option
@driver_options
def list_volumes(vm: str | None, unused: bool, kind: str | None, form: str, **options: Any) -> None:
    """List volumes, and the VMs that have them as VM:device:mode.

    Modes: `w` (one VM writes), `w!` (several share it), `r` (read-only). A volume is `available`
    only if certainly nothing has it; it is `unknown` if something that may have it could not be
    read.
    """
    with reported(is_read=True):
        if vm is not None and unused:
            raise InvalidArgument("--vm and --unused contradict each other")
        driver = make_driver(**options)
        found = driver.list_volumes() if vm is None else driver.ex_list_volumes(find_vm(driver, vm))
        records = map(volume_record, found)
        show_volumes((one for one in records if _is_meant(one, unused, kind)), form)


def _is_meant(record: dict[str, Any], unused: bool, kind: str | None) -> bool:
    is_used = record["attachments"] or record["used_by"]
    return not (unused and is_used) and kind in (None, record["kind"])


@volume.command("show", epilog=examples("ovm3 volume show data-1 -o yaml"))
@output_option
@driver_options
@_VOLUME
def show_one(volume_name: str, form: str, **options: Any) -> None:
    """Show all that is known of a volume, and its snapshots."""
    with reported(is_read=True):
        driver = make_driver(**options)
        found = driver.ex_get_volume(find_volume(driver, volume_name))
        show_volume(found, driver.list_volume_snapshots(found), form)


@volume.command(
    epilog=examples(
        "ovm3 volume create data-2 --size 1.5T --on ovm-1",
        "ovm3 volume create data-3 --snapshot before-upgrade",
    )
)
@click.option(
    "--size",
    type=byte_size,
    metavar="SIZE",
    help="Such as 20G or 512M. Required without --snapshot; with it, more than the snapshot has "
    "needs the host module.",
)
@click.option(
    "--snapshot", metavar="NAME|ID", help="Make a copy of this snapshot, not an empty volume."
)
@click.option(
    "--repository",
    metavar="NAME|ID",
    help="Where to create it.  [default: where the snapshot is, else where most space is free]",
)
@click.option(
    "--on", "location", metavar="HOST[:PORT]|ID", help="A host that must have its repository."
)
@driver_options
@click.argument("name")
def create(
    name: str, size: int | None, snapshot: str | None, repository: str | None,
    location: str | None, **options: Any,
) -> None:  # fmt: skip
    """Create a virtual disk, and print its id.

    An empty one takes no space until it is written to.
    """
    with reported():
        if size is None and snapshot is None:
            raise InvalidArgument("--size or --snapshot is required")
        driver = make_driver(**options)
        made = driver.create_volume(
            None,
            name,
            None if location is None else find_host(driver, location),
            None if snapshot is None else find_snapshots(driver, [snapshot])[0],
            ex_size_bytes=size,
            ex_repository=repository,
        )
        show(str(made.id))


@volume.command(epilog=examples("ovm3 volume destroy data-1 data-2 --yes"))
@click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
@driver_options
@_VOLUMES
def destroy(volumes: tuple[str, ...], yes: bool, **options: Any) -> None:
    """Delete virtual disks that nothing uses. Their snapshots stay.

    This also removes what an interrupted creation or copy has left (state `creating`).
    """
    with reported():
        require_answer(yes)
        driver = make_driver(**options)
        found = find_volumes(driver, volumes)
        if not yes:
            require_agreed(_deletions(driver, found), lambda: _deletions(driver, found))
        each(found, lambda one: _destroy(driver, one))


@volume.command(
    epilog=examples(
        "ovm3 volume attach data-1 --vm web-1",
        "ovm3 volume attach data-1 data-2 --vm web-1 --mode w!",
    )
)
@click.option("--vm", required=True, metavar="NAME|ID", help="The VM, running or stopped.")
@click.option(
    "--device",
    metavar="DEVICE",
    help="Its name in the guest, such as xvdb.  [default: the next free one]",
)
@click.option(
    "--mode",
    type=click.Choice(("w", "w!", "r")),
    default="w",
    show_default=True,
    help="w: this VM alone writes to it; w!: it is shared, for cluster file systems; r: read-only.",
)
@hosts_off_options
@driver_options
@_VOLUMES
def attach(
    volumes: tuple[str, ...], vm: str, device: str | None, mode: str, hosts_off: tuple[str, ...],
    **options: Any,
) -> None:  # fmt: skip
    """Attach volumes to a VM.

    At once if it runs, and in its definition. A volume that another VM has is refused, unless all
    of them share it (--mode w!) or only read it.
    """
    with reported():
        if device is not None and len(volumes) > 1:
            raise InvalidArgument("--device: expected one volume only, as each has its own device")
        driver = make_driver(**options)
        node = find_vm(driver, vm)
        each(
            find_volumes(driver, volumes),
            lambda one: _attach(driver, one, node, device, mode, hosts_off),
        )


@volume.command(epilog=examples("ovm3 volume detach data-1 --vm web-1"))
@click.option("--vm", metavar="NAME|ID", help="Which VM, if several have it.")
@hosts_off_options
@driver_options
@_VOLUMES
def detach(
    volumes: tuple[str, ...], vm: str | None, hosts_off: tuple[str, ...], **options: Any
) -> None:
    """Detach volumes from the VM that has them.

    A running guest has to let go of a disk, so unmount it there before. The volume and its content
    stay.
    """
    with reported():
        driver = make_driver(**options)
        node = None if vm is None else find_vm(driver, vm)
        each(find_volumes(driver, volumes), lambda one: _detach(driver, one, node, hosts_off))


@volume.command(epilog=examples("ovm3 volume resize data-1 --size 30G"))
@click.option("--size", type=byte_size, required=True, metavar="SIZE", help="Such as 30G.")
@driver_options
@_VOLUME
def resize(volume_name: str, size: int, **options: Any) -> None:
    """Make a virtual disk larger that no running VM has. Needs the host module.

    The partitions and file systems in it stay as they are.
    """
    with reported():
        driver = make_driver(**options)
        found = find_volume(driver, volume_name)
        resized = driver.ex_resize_volume(found, None, ex_size_bytes=size)
        show(f"{label(resized)} has {long_size(volume_record(resized)['size_bytes'])}")


@volume.command(epilog=examples("ovm3 volume copy data-1 data-2"))
@click.option(
    "--repository",
    metavar="NAME|ID",
    help="Where to create the copy.  [default: where the volume is]",
)
@driver_options
@_VOLUME
@click.argument("name", metavar="NEW-NAME")
def copy(volume_name: str, name: str, repository: str | None, **options: Any) -> None:
    """Copy a virtual disk that no running VM has.

    Prints the id of the copy.
    """
    with reported():
        driver = make_driver(**options)
        found = find_volume(driver, volume_name)
        show(str(driver.ex_copy_volume(found, name, ex_repository=repository).id))


@volume.command(epilog=examples("ovm3 volume rename data-1 data-2"))
@driver_options
@_VOLUME
@click.argument("name", metavar="NEW-NAME")
def rename(volume_name: str, name: str, **options: Any) -> None:
    """Give a virtual disk another name; its id stays. Needs the host module."""
    with reported():
        driver = make_driver(**options)
        found = find_volume(driver, volume_name)
        driver.ex_rename_volume(found, name)
        show(f"{label(found)} was renamed to {name}")


# ------------------------------------------------------------------ one volume


def _deletions(driver: OVM3NodeDriver, volumes: list[StorageVolume]) -> list[str]:
    """Return what destroying these would delete, as it is now, one line each."""
    lines = []
    for one in map(driver.ex_get_volume, volumes):
        record = volume_record(one)
        modified = f", modified {record['modified_at']}" if record["modified_at"] else ""
        lines.append(f"{label(one)} will be deleted: {long_size(record['size_bytes'])}{modified}")
        lines += [f"  in use by {user}, so it will be refused" for user in users_of(record)]
    return lines


def _destroy(driver: OVM3NodeDriver, one: StorageVolume) -> str:
    driver.destroy_volume(one)
    return f"{label(one)} was destroyed"


def _attach(
    driver: OVM3NodeDriver, one: StorageVolume, node: Node, device: str | None, mode: str,
    hosts_off: tuple[str, ...],
) -> str:  # fmt: skip
    driver.attach_volume(node, one, device, ex_mode=mode, ex_hosts_off=hosts_off)
    return f"{label(one)} was attached to {label(node)}{_as_device(driver, one, node)}"


def _as_device(driver: OVM3NodeDriver, one: StorageVolume, node: Node) -> str:
    """Return as what a volume was attached. An error does not undo that it was."""
    try:
        same = [its for its in driver.ex_list_volumes(node) if its.id == one.id]
    except Ovm3Error as error:
        return f"; its device could not be read: {with_option_names(str(error))}"
    found = [use for its in same for use in volume_record(its)["attachments"]]
    devices = [use["device"] for use in found if use["node_id"] == node.id]
    return f" as {', '.join(devices)}" if devices else "; its device is not known"


def _detach(
    driver: OVM3NodeDriver, one: StorageVolume, node: Node | None, hosts_off: tuple[str, ...]
) -> str:
    driver.detach_volume(one, ex_node=node, ex_hosts_off=hosts_off)
    uses = volume_record(one)["attachments"]
    names = {f"{use['node_name']} ({use['node_id']})" for use in uses}
    return f"{label(one)} was detached from {label(node) if node else ', '.join(sorted(names))}"
