"""``ovm3 start``, ``ovm3 stop``: one VM, with all the driver's care."""

from __future__ import annotations

from typing import Any

import click
from libcloud.compute.base import Node

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.operations.limits import STOP_LIMIT


@click.command()
@driver_options
@click.option("--on", "location", metavar="HOST[:PORT]|ID", help="The host to start it on.")
@click.argument("vm", metavar="NAME|ID")
def start(vm: str, location: str | None, **options: Any) -> None:
    """Start a VM that is proven to be stopped. Looks twice, some seconds apart."""
    with reported():
        driver = make_driver(**options)
        node = _node(driver, vm)
        driver.start_node(node, location)
        places = driver.ex_get_node(str(node.id)).extra["live"]
        where = ", ".join(place["host"] for place in places) or "no host (yet)"
        show(f"{node.name} ({node.id}) is live on {where}")


@click.command()
@driver_options
@click.option("--force", is_flag=True, help="Pull the plug instead of asking the guest.")
@click.option("--limit", default=STOP_LIMIT, show_default=True, help="Seconds to wait.")
@click.argument("vm", metavar="NAME|ID")
def stop(vm: str, force: bool, limit: float, **options: Any) -> None:
    """Ask a VM to shut down and wait until it is gone."""
    with reported():
        driver = make_driver(**options)
        node = _node(driver, vm)
        driver.stop_node(node, ex_force=force, ex_timeout=limit)
        show(f"{node.name} ({node.id}) has stopped")


def _node(driver: OVM3NodeDriver, text: str) -> Node:
    """By id, if it looks like one, else by name."""
    return driver.ex_get_node(text) if dashed(text) else driver.ex_get_node_by_name(text)
