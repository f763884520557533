"""``ovm3 vm``: lists, shows, starts, stops, reboots and destroys VMs."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
from libcloud.compute.base import Node
from libcloud.compute.types import NodeState

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.cli.asking import require_agreed, require_answer
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.options import (
    UNGUARDED_OPTION,
    WATCH_DHCP,
    driver_options,
    hosts_off_options,
    make_driver,
    reported,
)
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.several import each, label
from libcloud_ovm3.cli.tables import show_node, show_nodes, tell_unread
from libcloud_ovm3.compute.find import find_host, find_vm, find_vms
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.operations.limits import MINIMUM_AGE, STOP_LIMIT

_VMS = click.argument("vms", metavar="NAME|ID...", nargs=-1, required=True)
DISCARD_OPTION = click.option(
    "--discard-saved",
    is_flag=True,
    help="Of a suspended VM, discard the memory of its guest, as a power cut does.",
)


@click.group(cls=NounGroup, epilog=examples("ovm3 vm list", "ovm3 vm start web-1"))
def vm() -> None:
    """List, show, create, start, stop, reboot and destroy VMs."""


@vm.command(
    "list",
    epilog=examples(
        "ovm3 vm list",
        "ovm3 vm list -o json",
        "ovm3 vm list | cut -f 1,2",
    ),
)
@output_option
@hosts_off_options
@driver_options
def list_vms(form: str, hosts_off: tuple[str, ...], **options: Any) -> None:
    """List all VMs, running and stopped, on all hosts."""
    with reported(is_read=True):
        show_nodes(make_driver(**options).list_nodes(ex_hosts_off=hosts_off), form)


@vm.command("show", epilog=examples("ovm3 vm show web-1", "ovm3 vm show web-1 -o yaml"))
@output_option
@hosts_off_options
@driver_options
@click.argument("name", metavar="NAME|ID")
def show_vm(name: str, form: str, hosts_off: tuple[str, ...], **options: Any) -> None:
    """Show all that is known of a VM, and when the hosts booted."""
    with reported(is_read=True):
        driver = make_driver(**options)
        node, locations = find_vm(driver, name, hosts_off), driver.list_locations()
        show_node(node, locations, form)
        tell_unread(locations)


@vm.command(epilog=examples("ovm3 vm start web-1", "ovm3 vm start web-1 db-1 --on ovm-2"))
@click.option("--on", "location", metavar="HOST[:PORT]|ID", help="The host on which to start it.")
@click.option(
    "--force",
    is_flag=True,
    help="Start it although a live VM has its MAC address on the same network.",
)
@DISCARD_OPTION
@UNGUARDED_OPTION
@WATCH_DHCP
@hosts_off_options
@driver_options
@_VMS
def start(
    vms: tuple[str, ...], location: str | None, force: bool, unguarded: bool,
    discard_saved: bool, hosts_off: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    """Start VMs, one after the other.

    Before each start the hosts are asked twice, some seconds apart, whether any of them runs the
    VM: a rebooting guest is not listed for a moment. A VM that runs already stays as it is; with
    --on that is an error if it runs on another host.
    """
    with reported():
        driver = make_driver(**options)
        how: dict[str, Any] = {
            "ex_hosts_off": hosts_off,
            "ex_force": force,
            "ex_unguarded": unguarded,
            "ex_discard_saved": discard_saved,
        }
        start_one = partial(_start, driver, location=location, **how)
        each(find_vms(driver, vms), start_one, driver.ex_get_node_details)


@vm.command(epilog=examples("ovm3 vm stop web-1", "ovm3 vm stop web-1 --force"))
@click.option("--force", is_flag=True, help="Power off immediately, without a guest shutdown.")
@click.option(
    "--timeout", default=STOP_LIMIT, show_default=True, help="Seconds to wait for each guest."
)
@hosts_off_options
@driver_options
@_VMS
def stop(
    vms: tuple[str, ...], force: bool, timeout: float, hosts_off: tuple[str, ...], **options: Any
) -> None:
    """Shut down VMs and wait until they have stopped.

    One after the other. The guest is asked to shut down. Without --force it is never powered off:
    after the timeout the command fails, and so it does if an HVM guest has no PV drivers.
    """
    with reported():
        limit = parse_seconds(timeout, "--timeout", may_be_zero=True)
        driver = make_driver(**options)
        stop_one = partial(_stop, driver, force=force, limit=limit, hosts_off=hosts_off)
        each(find_vms(driver, vms), stop_one, driver.ex_get_node_details)


@vm.command(epilog=examples("ovm3 vm reboot web-1"))
@click.option(
    "--minimum-age",
    default=MINIMUM_AGE,
    show_default=True,
    help="Seconds that a VM must have been running: xend destroys one that reboots earlier.",
)
@driver_options
@_VMS
def reboot(vms: tuple[str, ...], minimum_age: float, **options: Any) -> None:
    """Ask the guests of VMs to reboot. Does not wait for it."""
    with reported():
        age = parse_seconds(minimum_age, "--minimum-age", may_be_zero=True)
        driver = make_driver(**options)
        each(find_vms(driver, vms), lambda node: _reboot(driver, node, age))


@vm.command(epilog=examples("ovm3 vm destroy web-1", "ovm3 vm destroy web-1 --yes"))
@click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
@DISCARD_OPTION
@hosts_off_options
@driver_options
@_VMS
def destroy(
    vms: tuple[str, ...], yes: bool, discard_saved: bool, hosts_off: tuple[str, ...], **options: Any
) -> None:
    """Delete VMs and their disks.

    A VM that runs is powered off. Then its definition is deleted, and its own disks: those that
    are named after it and that nothing else may use. Others are kept and listed. This also
    removes what an interrupted creation has left (state `pending`).
    """
    with reported():
        require_answer(yes)
        driver = make_driver(**options)
        nodes = find_vms(driver, vms)
        agreed = {} if yes else _ask(driver, nodes, hosts_off)
        how = {"ex_hosts_off": hosts_off, "ex_discard_saved": discard_saved}
        each(nodes, lambda node: _destroy(driver, node, agreed.get(str(node.id)), how))


# ------------------------------------------------------------------ one VM


def _start(driver: OVM3NodeDriver, node: Node, location: str | None, **how: Any) -> str:
    if node.state == NodeState.RUNNING:
        _require_on(driver, node, location)
        return f"{label(node)} is already running on {_hosts(node)}; nothing was done"
    driver.start_node(node, location, **how)
    try:
        found = driver.ex_get_node(str(node.id))
        _require_on(driver, found, location)  # another client may have been first
    except Ovm3Error as error:  # it does not undo that it was started
        why = with_option_names(str(error))
        return f"{label(node)} was started; the host could not be read: {why}"
    return f"{label(node)} was started on {_hosts(found) or 'a host that is not known yet'}"


def _require_on(driver: OVM3NodeDriver, node: Node, location: str | None) -> None:
    """:raises ClickException: the VM runs, and not on the host that was asked for."""
    addresses = [live["address"] for live in node.extra["live"]]
    names = [live["host"] for live in node.extra["live"]]
    if location is None or not addresses or location in (*addresses, *names):
        return
    if find_host(driver, location).extra["address"] not in addresses:
        raise click.ClickException(
            f"{label(node)} is already running, on {_hosts(node)} and not on {location}; nothing "
            f"was done"
        )


def _stop(
    driver: OVM3NodeDriver, node: Node, force: bool, limit: float, hosts_off: tuple[str, ...]
) -> str:
    driver.stop_node(node, ex_force=force, ex_timeout=limit, ex_hosts_off=hosts_off)
    if not node.extra["live"]:
        return f"{label(node)} is already stopped"
    return f"{label(node)} was {'powered off' if force else 'stopped'}"


def _reboot(driver: OVM3NodeDriver, node: Node, minimum_age: float) -> str:
    driver.reboot_node(node, ex_minimum_age=minimum_age)
    return f"{label(node)} was asked to reboot"


def _destroy(
    driver: OVM3NodeDriver, node: Node, disks: list[str] | None, how: dict[str, Any]
) -> str:
    is_agreed = disks is None or bool(node.extra["live"])  # without a question, or it was shown
    driver.destroy_node(node, ex_disks=disks, ex_power_off=is_agreed, **how)
    return f"{label(node)} was destroyed"


def _ask(
    driver: OVM3NodeDriver, nodes: list[Node], hosts_off: tuple[str, ...]
) -> dict[str, list[str]]:
    """Say what destroying these VMs would delete, and ask for it.

    :return: the disks that may be deleted, by the VMs' ids. More may be a VM's own by the time,
        when a VM is gone that uses one of them.
    :raises click.Abort: the answer was no.
    :raises click.ClickException: it was yes to something that is no longer so.
    """
    plan = [_plan(driver, node, hosts_off) for node in nodes]
    require_agreed(
        [line for lines, _ in plan for line in lines],
        lambda: [line for node in nodes for line in _plan_now(driver, node, hosts_off)],
    )
    return {str(node.id): disks for node, (_, disks) in zip(nodes, plan, strict=True)}


def _plan_now(driver: OVM3NodeDriver, node: Node, hosts_off: tuple[str, ...]) -> list[str]:
    return _plan(driver, driver.ex_get_node_details(node), hosts_off)[0]


def _plan(
    driver: OVM3NodeDriver, node: Node, hosts_off: tuple[str, ...]
) -> tuple[list[str], list[str]]:
    """Return what destroying a VM would delete, one line each; and the paths of the disks."""
    disks = driver.ex_list_own_disks(node, ex_hosts_off=hosts_off)
    power = f"is {node.state} on {_hosts(node)}: it will be powered off, then deleted"
    kept = [disk for disk in node.extra.get("disks", []) if disk not in disks]
    lines = [
        f"{label(node)} {power if node.extra['live'] else 'will be deleted'}",
        *(f"  delete {disk}" for disk in disks),
        *(f"  keep   {disk}" for disk in kept),
    ]
    return lines, disks


def _hosts(node: Node) -> str:
    return ", ".join(live["host"] or live["address"] for live in node.extra["live"])
