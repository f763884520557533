"""``ovm3 disk``: virtual disks that no VM uses."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.cli.asking import require_agreed, require_answer
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.tables import show_orphans


@click.group(cls=NounGroup, epilog=examples("ovm3 disk orphans"))
def disk() -> None:
    """List, delete and restore disks that no VM uses."""


@disk.command(epilog=examples("ovm3 disk orphans", "ovm3 disk orphans -o name"))
@output_option
@driver_options
def orphans(form: str, **options: Any) -> None:
    """List virtual disks that no VM uses, and unfinished copies.

    Volumes and snapshots that ovm3 has made are not listed: they belong to whoever made them.
    """
    with reported(is_read=True):
        show_orphans(make_driver(**options).ex_list_orphans(), form)


@disk.command("delete-orphan", epilog=examples("ovm3 disk delete-orphan PATH --yes"))
@click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
@driver_options
@click.argument("path")
def delete_orphan(path: str, yes: bool, **options: Any) -> None:
    """Delete a virtual disk that certainly no VM uses.

    PATH is one that `ovm3 disk orphans` lists as certain. Whether anything uses it is decided anew,
    twice, some seconds apart.
    """
    with reported():
        require_answer(yes)
        driver = make_driver(**options)
        if not yes:
            require_agreed(_deletion(driver, path), lambda: _deletion(driver, path))
        driver.ex_delete_orphan(path)
        show(f"{path} was deleted")


def _deletion(driver: OVM3NodeDriver, path: str) -> list[str]:
    """Return what would be deleted, as it is listed now."""
    found = [one for one in driver.ex_list_orphans() if one["path"] == path]
    certain = "certainly no VM uses it" if found and found[0]["is_certain"] else "it may be in use"
    return [f"{path} will be deleted: {certain}"] if found else []


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
