"""``ovm3 vm fits``: whether a VM would start on a host, or could be moved there."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.exit_codes import FAILED
from libcloud_ovm3.cli.formats import Record, output_option, show_record
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.compute.find import find_host, find_vm
from libcloud_ovm3.operations.fits import HOWS


@click.command(
    "fits",
    cls=Command,
    epilog=examples("ovm3 vm fits web-1 ovm-2", "ovm3 vm fits web-1 ovm-2 --how start -o json"),
)
@click.option(
    "--how",
    type=click.Choice(HOWS),
    help="What is meant.  [default: 'migrate live' if the VM is live, else 'start']",
)
@output_option
@driver_options
@click.argument("name", metavar="NAME|ID")
@click.argument("host", metavar="HOST[:PORT]|ID")
def vm_fits(name: str, host: str, how: str | None, form: str, **options: Any) -> None:
    """Show whether a host could take a VM.

    Nothing is changed. All reasons against it are shown at once, and what nobody can tell. The exit
    status is 1 if something speaks against it.
    """
    with reported(is_read=True):
        driver = make_driver(**options)
        node, location = find_vm(driver, name), find_host(driver, host)
        found = driver.ex_fits(node, location, how)
        known = {"vm": node.name, "vm_id": node.id, "host": location.name, "host_id": location.id}
        _show(form, {**known, **found})


def _show(form: str, record: Record) -> None:
    lines = [("VM", record["vm"]), ("host", record["host"]), ("how", record["how"])]
    lines += [("fits", "yes" if record["fits"] else "no")]
    lines += [("reason", with_option_names(one)) for one in record["reasons"]]
    lines += [("unknown", with_option_names(one)) for one in record["unknown"]]
    show_record(form, record, lines, "vm_id")
    if not record["fits"]:
        raise SystemExit(FAILED)
