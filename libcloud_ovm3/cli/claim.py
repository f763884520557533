"""``ovm3 claim``: on which hosts VMs may be (docs/claims.md)."""

from __future__ import annotations

from typing import Any

import click
from libcloud.compute.base import Node

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.options import driver_options, make_driver, make_estate, reported
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.several import each, label
from libcloud_ovm3.cli.tables_of_claims import show_claim, show_claims, tell_unread
from libcloud_ovm3.compute.find import find_vms
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.claim_data import (
    NO_CLAIM,
    all_claims,
    claim_text,
    find_claim,
    is_in_doubt,
)
from libcloud_ovm3.estate.guards import FREE, GONE, ON
from libcloud_ovm3.estate.vms import read_estate


@click.group(
    cls=NounGroup,
    epilog=examples("ovm3 claim list", "ovm3 claim list --doubt", "ovm3 claim show web-1"),
)
def claim() -> None:
    """List and settle claims, which say on which hosts a VM may be."""


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


@claim.command(
    epilog=examples("ovm3 claim settle web-1", "ovm3 claim settle --all"),
)
@click.option("--all", "all_vms", is_flag=True, help="All VMs without a claim, or in doubt.")
@click.option(
    "--gone-from",
    metavar="HOST[:PORT]|ID",
    help="You have seen that this host has nothing of the VM any more.",
)
@click.option(
    "--accept",
    is_flag=True,
    help="The vm.cfg, which somebody changed without a claim, is right as it is.",
)
@driver_options
@click.argument("vms", metavar="NAME|ID...", nargs=-1)
def settle(
    vms: tuple[str, ...], all_vms: bool, gone_from: str | None, accept: bool, **options: Any
) -> None:
    """Have all hosts look for VMs, and print what the claims say then.

    VMs without a claim get their first one. The exit status is 1 if a claim stays in doubt, or the
    host that it names could not look: the message says which, and why. What only you can tell is
    said with --gone-from or --accept, of one VM.

    A claim whose definition is gone holds disks until its hosts have looked: --all has them look,
    or give its id, as `ovm3 claim list` shows it.
    """
    with reported():
        if bool(vms) == all_vms or ((gone_from or accept) and len(vms) != 1):
            raise InvalidArgument(
                "expected the names of VMs, or --all; with --gone-from or --accept one VM"
            )
        driver = make_driver(**options)
        by_id = _claims(driver) if all_vms or any("/" in one for one in vms) else {}
        named = [by_id[one]["vm_id"] or one if one in by_id else one for one in vms]
        left = [one for one, its in by_id.items() if not its["vm_id"]]
        nodes = [*filter(_is_open, driver.list_nodes())] if all_vms else []
        nodes += find_vms(driver, [one for one in named if one not in left])
        held = [one for one in left if all_vms and by_id[one]["kind"] not in (FREE, GONE)]
        found: list[Node | str] = [*nodes, *held, *(one for one in named if one in left)]
        each(found, lambda one: _settle(driver, one, gone_from, accept), label_of=_label)


def _is_open(node: Node) -> bool:
    """Whether there is something to settle."""
    claim = node.extra["claim"]
    return claim is None or claim["kind"] == NO_CLAIM or is_in_doubt(claim)


def _claims(driver: OVM3NodeDriver) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in all_claims(read_estate(driver._estate))}


def _label(one: Node | str) -> str:
    return one if isinstance(one, str) else label(one)


def _settle(driver: OVM3NodeDriver, node: Node | str, gone_from: str | None, accept: bool) -> str:
    answer = driver.ex_settle_node(node, gone_from, ex_accept=accept)
    said = "".join(f"; {host}: {why}" for host, why in answer["said"].items() if why)
    text = f"{_label(node)}: {claim_text(answer['claim'])}"
    kind = answer["claim"]["kind"]
    if is_in_doubt(answer["claim"]) or (kind == ON and said and gone_from is None):
        raise PreconditionFailed(f"{text}{said}; `ovm3 doctor` says what settles it")
    return text
