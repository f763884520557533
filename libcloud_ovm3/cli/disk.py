"""``ovm3 disk``: virtual disks that no VM uses."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.tables import show_orphans


@click.group(cls=NounGroup, epilog=examples("ovm3 disk orphans"))
def disk() -> None:
    """List and restore disks that no VM uses."""


@disk.command(epilog=examples("ovm3 disk orphans", "ovm3 disk orphans -o name"))
@output_option
@driver_options
def orphans(form: str, **options: Any) -> None:
    """List virtual disks that no VM uses, and unfinished copies.

    Volumes and snapshots that ovm3 has made are not listed: they belong to whoever made them.
    """
    with reported(is_read=True):
        show_orphans(make_driver(**options).ex_list_orphans(), form)


@disk.command("put-back", epilog=examples("ovm3 disk put-back PATH OPERATION"))
@driver_options
@click.argument("path")
@click.argument("operation")
def put_back(path: str, operation: str, **options: Any) -> None:
    """Restore a disk that an interrupted deletion has set aside.

    PATH and OPERATION are those that `ovm3 disk orphans` lists.
    """
    with reported():
        make_driver(**options).ex_put_back(path, operation)
        show(f"{path} was restored")
