"""``ovm3 hosts``, ``ovm3 nodes``, ``ovm3 images``: what the driver lists."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import tell
from libcloud_ovm3.cli.tables import show_hosts, show_images, show_nodes


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
