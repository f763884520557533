"""``ovm3 start``, ``ovm3 stop``: one VM, with all the checks of the driver."""

from __future__ import annotations

from typing import Any

import click
from libcloud.compute.base import Node
from libcloud.compute.types import NodeState

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.cli.options import driver_options, hosts_off_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.operations.limits import STOP_LIMIT


@click.command()
@click.option("--on", "location", metavar="HOST[:PORT]|ID", help="The host on which to start it.")
@hosts_off_options
@driver_options
@click.argument("vm", metavar="NAME|ID")
def start(vm: str, location: str | None, hosts_off: tuple[str, ...], **options: Any) -> None:
    """Start a VM, after checking that no host runs it.

    This is checked twice, some seconds apart: a rebooting guest is not listed for a moment.
    """
    with reported():
        driver = make_driver(**options)
        node = _node(driver, vm)
        if node.state == NodeState.RUNNING:
            show(f"{_label(node)} is already running on {_hosts(node)}; nothing was done")
            return
        driver.start_node(node, location, hosts_off)
        started = driver.ex_get_node(str(node.id))
        show(f"{_label(node)} was started on {_hosts(started) or 'a host that is not known yet'}")


@click.command()
@click.option("--force", is_flag=True, help="Power off immediately, without a guest shutdown.")
@click.option(
    "--timeout", default=STOP_LIMIT, show_default=True, help="Seconds to wait for the guest."
)
@hosts_off_options
@driver_options
@click.argument("vm", metavar="NAME|ID")
def stop(vm: str, force: bool, timeout: float, hosts_off: tuple[str, ...], **options: Any) -> None:
    """Shut down a VM and wait until it has stopped.

    The guest is asked to shut down. Without --force it is never powered off: after the timeout
    the command fails.
    """
    with reported():
        driver = make_driver(**options)
        node = _node(driver, vm)
        driver.stop_node(node, ex_force=force, ex_timeout=timeout, ex_hosts_off=hosts_off)
        was_stopped = node.state == NodeState.STOPPED
        show(f"{_label(node)} {'is already stopped' if was_stopped else 'was stopped'}")


def _node(driver: OVM3NodeDriver, text: str) -> Node:
    """Return a VM by its id, if the text is one, else by its name."""
    return driver.ex_get_node(text) if dashed(text) else driver.ex_get_node_by_name(text)


def _label(node: Node) -> str:
    return f"{node.name} ({node.id})"


def _hosts(node: Node) -> str:
    return ", ".join(place["host"] for place in node.extra["live"])
