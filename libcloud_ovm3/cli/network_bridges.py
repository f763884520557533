"""``ovm3 network control0``, ``repair-control0`` and ``release``: the bridges that starts need."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.exit_codes import FAILED
from libcloud_ovm3.cli.formats import Record, output_option, show_record
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.compute.find import find_host

_HOST = click.argument("name", metavar="HOST[:PORT]|ID")


@click.command("control0", cls=Command, epilog=examples("ovm3 network control0 ovm-1"))
@output_option
@driver_options
@_HOST
def show_control0(name: str, form: str, **options: Any) -> None:
    """Show what is wrong with control0 on a host.

    It is the local bridge of system VMs. The exit status is 1 if something is wrong.
    """
    with reported(is_read=True):
        driver = make_driver(**options)
        _show(form, driver.ex_control0(find_host(driver, name)))


@click.command(
    "repair-control0", cls=Command, epilog=examples("ovm3 network repair-control0 ovm-1")
)
@output_option
@driver_options
@_HOST
def repair_control0(name: str, form: str, **options: Any) -> None:
    """Repair control0, the bridge of system VMs, on a host.

    One that is right is left as it is. Each start of a VM with a network card on control0 does the
    same on its host.
    """
    with reported():
        driver = make_driver(**options)
        _show(form, driver.ex_repair_control0(find_host(driver, name)))


@click.command("release", cls=Command, epilog=examples("ovm3 network release --on ovm-1"))
@click.option(
    "--on", "location", metavar="HOST[:PORT]|ID", help="Only on this host.  [default: all hosts]"
)
@driver_options
def release_networks(location: str | None, **options: Any) -> None:
    """Remove VLAN bridges that no VM needs any more.

    Those that starts of VMs have made go with the VM when ovm3 or the driver stops it; this removes
    what is left of VMs that have shut down by themselves. Needs the host module.
    """
    with reported():
        driver = make_driver(**options)
        where = None if location is None else find_host(driver, location)
        removed = driver.ex_release_networks(where)
        for one in removed:
            show(f"removed {one}")
        if not removed:
            show("nothing was removed")


def _show(form: str, record: Record) -> None:
    lines = [("host", record["host"]), ("state", _state(record))]
    lines += [("was wrong", one) for one in record.get("repaired", [])]
    lines += [("wrong", one) for one in record["wrong"]]
    lines += [("unknown", one) for one in record["unknown"]]
    lines += [("obstacle", record["obstacle"])]
    show_record(form, record, lines, "host_id")
    if record["is_right"] is False:
        raise SystemExit(FAILED)


def _state(record: Record) -> str:
    return {True: "right", False: "wrong", None: "right as far as can be seen"}[record["is_right"]]
