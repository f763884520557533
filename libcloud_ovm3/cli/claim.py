"""``ovm3 claim``: on which hosts VMs may be (docs/claims.md)."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.options import driver_options, make_estate, reported
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.tables_of_claims import show_claim, show_claims, tell_unread
from libcloud_ovm3.estate.claim_data import all_claims, find_claim, is_in_doubt
from libcloud_ovm3.estate.vms import read_estate


@click.group(
    cls=NounGroup,
    epilog=examples("ovm3 claim list", "ovm3 claim list --doubt", "ovm3 claim show web-1"),
)
def claim() -> None:
    """List claims, which say on which hosts a VM may be, so that nobody starts it twice."""


@claim.command("list", epilog=examples("ovm3 claim list", "ovm3 claim list --doubt -o json"))
@click.option("--doubt", is_flag=True, help="Only those that do not say where their VM is.")
@output_option
@driver_options
def list_claims(doubt: bool, form: str, **options: Any) -> None:
    """List the claims of all repositories.

    Also those of VMs whose definition is gone.
    """
    with reported(is_read=True):
        snapshot = read_estate(make_estate(**options))
        tell_unread(snapshot)
        found = all_claims(snapshot)
        show_claims([one for one in found if not doubt or is_in_doubt(one)], form)


@claim.command(epilog=examples("ovm3 claim show web-1"))
@output_option
@driver_options
@click.argument("vm", metavar="NAME|ID")
def show(vm: str, form: str, **options: Any) -> None:
    """Show the claim of a VM, and what it says.

    The VM is given by name or id; or the claim by its id, as `ovm3 claim list` shows it.
    """
    with reported(is_read=True):
        snapshot = read_estate(make_estate(**options))
        show_claim(find_claim(snapshot, vm), form)
