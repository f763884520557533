"""``ovm3 vm``: pausing, suspending, resuming and resetting VMs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click
from libcloud.compute.base import Node
from libcloud.compute.types import NodeState

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.cli.several import each, label
from libcloud_ovm3.compute.find import find_vms
from libcloud_ovm3.operations.limits import SAVE_LIMIT, STOP_LIMIT

_VMS = click.argument("vms", metavar="NAME|ID...", nargs=-1, required=True)


@click.command(cls=Command, epilog=examples("ovm3 vm pause web-1"))
@driver_options
@_VMS
def pause(vms: tuple[str, ...], **options: Any) -> None:
    """Pause VMs that run.

    Their guests stand still, in the memory of their hosts.
    """
    _each(vms, options, lambda driver: driver.ex_pause_node, "is paused")


@click.command(cls=Command, epilog=examples("ovm3 vm unpause web-1"))
@driver_options
@_VMS
def unpause(vms: tuple[str, ...], **options: Any) -> None:
    """Let VMs run again that `ovm3 vm pause` has paused.

    What somebody else has paused stays so.
    """
    _each(vms, options, lambda driver: driver.ex_unpause_node, "runs again")


@click.command(cls=Command, epilog=examples("ovm3 vm suspend web-1"))
@click.option(
    "--timeout", default=SAVE_LIMIT, show_default=True, help="Seconds to wait for each VM."
)
@driver_options
@_VMS
def suspend(vms: tuple[str, ...], timeout: float, **options: Any) -> None:
    """Save the memory of VMs, and free their hosts.

    `ovm3 vm resume` lets their guests go on where they were. Needs claims: only they tell whether a
    VM has run since, so that its memory would not belong to its disks any more.
    """
    with reported():
        limit = parse_seconds(timeout, "--timeout")
        driver = make_driver(**options)
        one = partial(driver.ex_suspend_node, ex_timeout=limit)
        each(find_vms(driver, vms), lambda node: _done(one, node, "is suspended"))


@click.command(
    cls=Command, epilog=examples("ovm3 vm resume web-1", "ovm3 vm resume db-1 --on ovm-2")
)
@click.option("--on", "location", metavar="HOST[:PORT]|ID", help="The host for a suspended VM.")
@click.option(
    "--force",
    is_flag=True,
    help="Although a live VM has the MAC address of a suspended one on the same network.",
)
@driver_options
@_VMS
def resume(vms: tuple[str, ...], location: str | None, force: bool, **options: Any) -> None:
    """Let suspended VMs go on.

    Also those that an interrupted `ovm3 snapshot create --pause` or `ovm3 image create --pause` has
    left paused. What somebody else has paused stays so.
    """
    with reported():
        driver = make_driver(**options)
        one = partial(driver.ex_resume_node, ex_location=location, ex_force=force)
        each(find_vms(driver, vms), partial(_resume, one), driver.ex_get_node_details)


@click.command(cls=Command, epilog=examples("ovm3 vm reset web-1"))
@click.option(
    "--timeout", default=STOP_LIMIT, show_default=True, help="Seconds to wait until each is off."
)
@driver_options
@_VMS
def reset(vms: tuple[str, ...], timeout: float, **options: Any) -> None:
    """Power VMs off and start them again.

    Each on its host, without asking their guests.
    """
    with reported():
        limit = parse_seconds(timeout, "--timeout")
        driver = make_driver(**options)
        one = partial(driver.ex_reset_node, ex_timeout=limit)
        each(find_vms(driver, vms), lambda node: _done(one, node, "was reset"))


def _each(
    vms: tuple[str, ...],
    options: dict[str, Any],
    method: Callable[[OVM3NodeDriver], Callable[[Node], bool]],
    text: str,
) -> None:
    with reported():
        driver = make_driver(**options)
        each(find_vms(driver, vms), lambda node: _done(method(driver), node, text))


def _done(method: Callable[[Node], bool], node: Node, text: str) -> str:
    method(node)
    return f"{label(node)} {text}"


def _resume(method: Callable[[Node], bool], node: Node) -> str:
    was_suspended = node.state == NodeState.SUSPENDED
    return _done(method, node, "goes on" if was_suspended else "is not paused any more")
