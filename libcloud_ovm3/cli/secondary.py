"""``ovm3 secondary``: copies on an NFS export beside the repositories, and back."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import driver_options, make_driver, on_option, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.compute.find import find_source

_SHARE = click.argument("share", metavar="SERVER:/PATH")
_REPOSITORY = click.option(
    "--repository",
    metavar="NAME|ID",
    help="The repository for it.  [default: the one with the most free space]",
)


@click.group(cls=NounGroup, epilog=examples("ovm3 secondary mount filer:/backup"))
def secondary() -> None:
    """Copy volumes and images to secondary storage, and back.

    Secondary storage is an NFS export beside the repositories.
    """


@secondary.command(epilog=examples("ovm3 secondary mount filer:/backup"))
@on_option("all hosts, which must all respond")
@driver_options
@_SHARE
def mount(share: str, locations: tuple[str, ...], **options: Any) -> None:
    """Mount secondary storage, and leave it mounted.

    Copies do so by themselves, as long as they take.
    """
    with reported():
        make_driver(**options).ex_mount_secondary(share, locations or None)
        show(f"{share} is mounted on {', '.join(locations) or 'all hosts'}")


@secondary.command(epilog=examples("ovm3 secondary unmount filer:/backup"))
@on_option("all hosts, which must all respond")
@driver_options
@_SHARE
def unmount(share: str, locations: tuple[str, ...], **options: Any) -> None:
    """Unmount secondary storage. What is on it stays."""
    with reported():
        make_driver(**options).ex_unmount_secondary(share, locations or None)
        show(f"{share} is not mounted on {', '.join(locations) or 'any host'}")


@secondary.command("copy-to", epilog=examples("ovm3 secondary copy-to data filer:/backup"))
@driver_options
@click.argument("source", metavar="NAME|ID")
@_SHARE
def copy_to(source: str, share: str, **options: Any) -> None:
    """Copy a volume, a snapshot, a template or an ISO there.

    Needs the host module. It prints the name of the copy, the FILE of the commands that copy it
    back.
    """
    with reported():
        driver = make_driver(**options)
        show(driver.ex_copy_to_secondary(find_source(driver, source), share))


@secondary.command(
    "copy-volume", epilog=examples("ovm3 secondary copy-volume filer:/backup a.img data")
)
@_REPOSITORY
@driver_options
@_SHARE
@click.argument("path", metavar="FILE")
@click.argument("name")
def copy_volume(share: str, path: str, name: str, repository: str | None, **options: Any) -> None:
    """Make a volume of a raw disk image there.

    FILE is its path on the export, as `copy-to` has printed it. Needs the host module.
    """
    with reported():
        made = make_driver(**options).ex_copy_volume_from_secondary(
            share, path, name, ex_repository=repository
        )
        show(f"{made.name} ({made.id}) was made")


@secondary.command(
    "copy-image", epilog=examples("ovm3 secondary copy-image filer:/backup a.img debian-12")
)
@_REPOSITORY
@driver_options
@_SHARE
@click.argument("path", metavar="FILE")
@click.argument("name")
def copy_image(share: str, path: str, name: str, repository: str | None, **options: Any) -> None:
    """Make an image of a raw disk, a template or a file .iso there.

    FILE is its path on the export, as `copy-to` has printed it. Needs the host module.
    """
    with reported():
        made = make_driver(**options).ex_copy_image_from_secondary(
            share, path, name, ex_repository=repository
        )
        show(f"{made.name} ({made.id}) was made")
