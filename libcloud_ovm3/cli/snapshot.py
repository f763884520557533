"""``ovm3 snapshot``: copies of volumes that are marked as such."""

from __future__ import annotations

from typing import Any

import click
from libcloud.compute.base import StorageVolume, VolumeSnapshot

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.cli.asking import require_agreed, require_answer
from libcloud_ovm3.cli.byte_sizes import long_size
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.several import each, label
from libcloud_ovm3.cli.tables import show_snapshots
from libcloud_ovm3.compute.find import find_snapshots, find_volume, find_volume_and_snapshot
from libcloud_ovm3.compute.records import snapshot_record, volume_record

_VOLUME = click.argument("volume", metavar="VOLUME")
_YES = click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")


@click.group(cls=NounGroup, epilog=examples("ovm3 snapshot list", "ovm3 snapshot create data-1"))
def snapshot() -> None:
    """List, create, destroy and revert to snapshots of volumes."""


@snapshot.command("list", epilog=examples("ovm3 snapshot list --volume data-1 -o json"))
@click.option("--volume", metavar="NAME|ID", help="Those of this volume only.")
@output_option
@driver_options
def list_snapshots(volume: str | None, form: str, **options: Any) -> None:
    """List snapshots, oldest first.

    Also those of volumes that are gone.
    """
    with reported(is_read=True):
        driver = make_driver(**options)
        if volume is None:
            found = driver.ex_list_snapshots()
        else:
            found = driver.list_volume_snapshots(find_volume(driver, volume))
        show_snapshots(found, form)


@snapshot.command(
    epilog=examples(
        "ovm3 snapshot create data-1 before-upgrade",
        "ovm3 snapshot create data-1 before-upgrade --pause",
    )
)
@click.option(
    "--pause",
    is_flag=True,
    help="If a VM runs with the volume, pause it while the volume is copied.",
)
@driver_options
@_VOLUME
@click.argument("name", required=False)
def create(volume: str, name: str | None, pause: bool, **options: Any) -> None:
    """Copy a volume to a snapshot, and print its id.

    The volume is given by name or id. Without NAME, the snapshot gets the name of the volume and
    the time. It is a full copy, and is refused while a VM runs with the volume, unless that is to
    be paused. It then has what the disk of a machine has whose power was cut at that moment.
    """
    with reported():
        driver = make_driver(**options)
        found = find_volume(driver, volume)
        show(str(driver.create_volume_snapshot(found, name, ex_pause=pause).id))


@snapshot.command(epilog=examples("ovm3 snapshot destroy before-upgrade --yes"))
@_YES
@driver_options
@click.argument("snapshots", metavar="NAME|ID...", nargs=-1, required=True)
def destroy(snapshots: tuple[str, ...], yes: bool, **options: Any) -> None:
    """Delete snapshots that nothing uses.

    This also removes what an interrupted snapshot has left (state `creating`).
    """
    with reported():
        require_answer(yes)
        driver = make_driver(**options)
        found = find_snapshots(driver, snapshots)
        if not yes:
            require_agreed(_deletions(found), lambda: _deletions(_now(driver, found)))
        each(found, lambda one: _destroy(driver, one))


@snapshot.command(
    epilog=examples(
        "ovm3 snapshot revert data-1 before-upgrade",
    )
)
@_YES
@driver_options
@_VOLUME
@click.argument("name", metavar="SNAPSHOT")
def revert(volume: str, name: str, yes: bool, **options: Any) -> None:
    """Give a volume the content of one of its snapshots. Its current content is deleted.

    Both are given by name or id. All VMs that have the volume must be stopped, and it needs the
    host module. The snapshot stays.
    """
    with reported():
        require_answer(yes)
        driver = make_driver(**options)
        found, wanted = find_volume_and_snapshot(driver, volume, name)
        if not yes:
            require_agreed(
                _replacement(driver, found, wanted),
                lambda: _replacement(driver, found, wanted),
                "Replace its content?",
            )
        driver.ex_revert_volume(found, wanted)
        show(f"{label(found)} has the content of snapshot {label(wanted)}")


def _now(driver: OVM3NodeDriver, snapshots: list[VolumeSnapshot]) -> list[VolumeSnapshot]:
    return find_snapshots(driver, [str(one.id) for one in snapshots])


def _deletions(snapshots: list[VolumeSnapshot]) -> list[str]:
    lines = []
    for one in snapshots:
        record = snapshot_record(one)
        of = record["volume_name"] or "a volume that is gone"
        lines.append(f"{label(one)} will be deleted: made of {of} at {record['created_at']}")
        lines += [f"  in use by {user}, so it will be refused" for user in record["used_by"]]
    return lines


def _destroy(driver: OVM3NodeDriver, one: VolumeSnapshot) -> str:
    driver.destroy_volume_snapshot(one)
    return f"{label(one)} was destroyed"


def _replacement(
    driver: OVM3NodeDriver, volume: StorageVolume, snapshot: VolumeSnapshot
) -> list[str]:
    """Return what reverting would do to a volume as it is now."""
    record = volume_record(driver.ex_get_volume(volume))
    modified = f", modified {record['modified_at']}" if record["modified_at"] else ""
    created = snapshot_record(snapshot)["created_at"]
    return [
        f"{label(volume)} will get the content of snapshot {label(snapshot)}, made at {created}",
        f"  delete its current content: {long_size(record['size_bytes'])}{modified}",
    ]
