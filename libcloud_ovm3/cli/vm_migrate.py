"""``ovm3 vm migrate`` and ``ovm3 host empty``: VMs that run, to other hosts."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
from libcloud.compute.base import Node

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.cli.several import each, label
from libcloud_ovm3.compute.find import find_host, find_vms
from libcloud_ovm3.operations.limits import MIGRATE_LIMIT

_COLD = click.option(
    "--cold",
    is_flag=True,
    help="Stop the guest's processors while its memory is sent: shorter, but not live.",
)
_TIMEOUT = click.option(
    "--timeout", default=MIGRATE_LIMIT, show_default=True, help="Seconds to wait for each VM."
)


@click.command(
    "migrate",
    cls=Command,
    epilog=examples("ovm3 vm migrate web-1 --to ovm-2", "ovm3 vm migrate web-1 db-1 --to ovm-2"),
)
@click.option("--to", required=True, metavar="HOST[:PORT]|ID", help="The host.")
@_COLD
@_TIMEOUT
@driver_options
@click.argument("vms", metavar="NAME|ID...", nargs=-1, required=True)
def migrate(vms: tuple[str, ...], to: str, cold: bool, timeout: float, **options: Any) -> None:
    """Move running VMs to another host of their pool.

    One after the other. What speaks against it is told before anything is sent, all of it at once.
    Afterwards each is seen to run there. After the timeout a migration goes on: it cannot be
    cancelled.
    """
    with reported():
        limit = parse_seconds(timeout, "--timeout")
        driver = make_driver(**options)
        host = find_host(driver, to)
        how: dict[str, Any] = {"ex_live": not cold, "ex_timeout": limit}
        move = partial(_migrate, driver, host_id=str(host.id), name=host.name, **how)
        each(find_vms(driver, vms), move, driver.ex_get_node_details)


def _migrate(driver: OVM3NodeDriver, node: Node, host_id: str, name: str, **how: Any) -> str:
    is_there = node.extra.get("host_id") == host_id
    driver.ex_migrate_node(node, host_id, **how)
    return f"{label(node)} {'already runs' if is_there else 'was moved, and runs'} on {name}"


@click.command(
    "empty",
    cls=Command,
    epilog=examples("ovm3 host empty ovm-1", "ovm3 host empty ovm-1 --to ovm-2 --cold"),
)
@click.option(
    "--to",
    multiple=True,
    metavar="HOST[:PORT]|ID",
    help="A host to which VMs may go; once for each.  [default: all others]",
)
@_COLD
@_TIMEOUT
@driver_options
@click.argument("host")
def empty(host: str, to: tuple[str, ...], cold: bool, timeout: float, **options: Any) -> None:
    """Move all VMs of a host to others, for maintenance.

    One after the other, each to the host with the most free memory of those where it fits. Nothing
    is moved unless each has a place, and the first failure ends it. Nothing keeps VMs from being
    started on the host again.
    """
    with reported():
        limit = parse_seconds(timeout, "--timeout")
        driver = make_driver(**options)
        emptied = find_host(driver, host)
        targets = [str(find_host(driver, one).id) for one in to] or None
        moved = driver.ex_migrate_all(emptied, ex_to=targets, ex_live=not cold, ex_timeout=limit)
        for node in moved:
            show(f"{label(node)} runs on {node.extra['host']}")
        show(f"{emptied.name} runs no VMs" if moved else f"{emptied.name} ran no VMs")
