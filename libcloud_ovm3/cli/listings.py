"""``ovm3 hosts``, ``ovm3 nodes``, ``ovm3 images``: what the driver lists."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show, tell
from libcloud_ovm3.cli.tables import show_hosts, show_images, show_nodes, show_orphans


@click.command()
@driver_options
def hosts(**options: Any) -> None:
    """The hosts of the pool: CPUs, memory, versions."""
    with reported():
        locations = make_driver(**options).list_locations()
        show_hosts(locations)
        for location in locations:
            if location.extra["status"] != "ok":
                tell(f"warning: {location.extra['reason']}")


@click.command()
@driver_options
def nodes(**options: Any) -> None:
    """All VMs, running and stopped, on all hosts."""
    with reported():
        show_nodes(make_driver(**options).list_nodes())


@click.command()
@driver_options
def images(**options: Any) -> None:
    """Templates and ISOs."""
    with reported():
        show_images(make_driver(**options).list_images())


@click.command()
@driver_options
def orphans(**options: Any) -> None:
    """Virtual disks that belong to nobody, as far as can be seen."""
    with reported():
        show_orphans(make_driver(**options).ex_list_orphans())


@click.command("put-back")
@driver_options
@click.argument("path")
@click.argument("operation")
def put_back(path: str, operation: str, **options: Any) -> None:
    """Put back a disk that a deletion has set aside and left: see `ovm3 orphans`."""
    with reported():
        make_driver(**options).ex_put_back(path, operation)
        show(f"{path} is back")
