"""``ovm3 hosts``, ``nodes``, ``images``, ``orphans``, ``put-back``: what the driver lists."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.options import driver_options, hosts_off_options, make_driver, reported
from libcloud_ovm3.cli.output import show, tell
from libcloud_ovm3.cli.tables import show_hosts, show_images, show_nodes, show_orphans


@click.command()
@driver_options
def hosts(**options: Any) -> None:
    """List the hosts of the pool with CPUs, memory and versions."""
    with reported():
        locations = make_driver(**options).list_locations()
        show_hosts(locations)
        for location in locations:
            if location.extra["status"] != "ok":
                tell(f"warning: {with_option_names(location.extra['reason'])}")


@click.command()
@hosts_off_options
@driver_options
def nodes(hosts_off: tuple[str, ...], **options: Any) -> None:
    """List all VMs, running and stopped, on all hosts."""
    with reported():
        show_nodes(make_driver(**options).list_nodes(ex_hosts_off=hosts_off))


@click.command()
@driver_options
def images(**options: Any) -> None:
    """List templates and ISOs."""
    with reported():
        show_images(make_driver(**options).list_images())


@click.command()
@driver_options
def orphans(**options: Any) -> None:
    """List virtual disks that no VM uses, as far as could be read."""
    with reported():
        show_orphans(make_driver(**options).ex_list_orphans())


@click.command("put-back")
@driver_options
@click.argument("path")
@click.argument("operation")
def put_back(path: str, operation: str, **options: Any) -> None:
    """Restore a disk that an interrupted deletion has set aside.

    PATH and OPERATION are those that `ovm3 orphans` lists.
    """
    with reported():
        make_driver(**options).ex_put_back(path, operation)
        show(f"{path} was restored")
