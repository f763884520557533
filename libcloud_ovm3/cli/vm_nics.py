"""``ovm3 vm list-nics``, ``attach-nic``, ``detach-nic``, ``update-nic``: network cards of VMs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import Column, Record, output_option, show_records
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.cli.several import label
from libcloud_ovm3.compute.find import find_vm
from libcloud_ovm3.compute.network_types import OVM3Nic
from libcloud_ovm3.compute.records import nic_record
from libcloud_ovm3.errors import InvalidArgument

_F = TypeVar("_F", bound=Callable[..., Any])
_VM = click.argument("name", metavar="VM")
_NETWORK = "a bridge, a traffic label, or LABEL:VLAN"


def _where(nic: Record) -> str:
    places = (("vm.cfg", nic["is_defined"]), ("live", nic["is_live"]))
    return ", ".join(place if has else f"{place}?" for place, has in places if has is not False)


_NICS = (
    Column("MAC address", "mac"),
    Column("network", "network"),
    Column("type", "type", True),
    Column("model", "model", True),
    Column("addresses", lambda one: ", ".join(one["addresses"])),
    Column("in", _where),
    Column("id", "id"),
)


def _mac(default: str) -> Callable[[_F], _F]:
    return click.option("--mac", metavar="MAC", help=f"Its MAC address.  [default: {default}]")


_MODEL = click.option(
    "--model",
    metavar="NAME",
    help="What an HVM guest without paravirtual drivers sees: e1000, rtl8139, ...",
)


_ADDRESSES = click.option(
    "--address",
    "addresses",
    multiple=True,
    metavar="IP",
    help="A static address that the guest has on it. Nothing is set in the guest. Can be repeated.",
)


@click.command("list-nics", cls=Command, epilog=examples("ovm3 vm list-nics web-1 -o json"))
@output_option
@driver_options
@_VM
def list_nics(name: str, form: str, **options: Any) -> None:
    """List the network cards of a VM, in the order of its guest."""
    with reported(is_read=True):
        driver = make_driver(**options)
        found = driver.ex_list_nics(find_vm(driver, name))
        show_records(form, map(nic_record, found), _NICS, "no network cards")


@click.command(
    "attach-nic",
    cls=Command,
    epilog=examples("ovm3 vm attach-nic web-1 guest", "ovm3 vm attach-nic web-1 guest:160"),
)
@_mac("a new one")
@_MODEL
@click.option(
    "--type",
    "kind",
    type=click.Choice(("ioemu", "netfront")),
    help="Of an HVM guest: an emulated card alone, or a paravirtual one alone.  [default: both; "
    "with --model: ioemu]",
)
@_ADDRESSES
@driver_options
@_VM
@click.argument("network")
def attach_nic(
    name: str, network: str, mac: str | None, model: str | None, kind: str | None,
    addresses: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    """Attach a network card to a VM.

    At once if it runs, and in its definition. NETWORK is a bridge, a traffic label, or LABEL:VLAN.
    """
    with reported():
        driver = make_driver(**options)
        node = find_vm(driver, name)
        nic = driver.ex_attach_nic(
            node, network, ex_mac=mac, ex_model=model, ex_type=kind, ex_address=addresses or None
        )
        show(f"{_nic(nic)} was attached to {label(node)}")


@click.command(
    "detach-nic", cls=Command, epilog=examples("ovm3 vm detach-nic web-1 00:21:f6:00:00:01")
)
@driver_options
@_VM
@click.argument("nic", metavar="MAC|ID")
def detach_nic(name: str, nic: str, **options: Any) -> None:
    """Detach a network card from a VM.

    At once if it runs, and from its definition. Refused where the agent might detach another card
    of the running VM instead: after an earlier detachment, until it is started anew.
    """
    with reported():
        driver = make_driver(**options)
        node = find_vm(driver, name)
        driver.ex_detach_nic(node, nic)
        show(f"network card {nic} was detached from {label(node)}")


@click.command(
    "update-nic",
    cls=Command,
    epilog=examples("ovm3 vm update-nic web-1 00:21:f6:00:00:01 --network guest:170"),
)
@click.option("--network", metavar="NETWORK", help=f"Its new network: {_NETWORK}.")
@_mac("as it is")
@_MODEL
@_ADDRESSES
@click.option("--no-address", is_flag=True, help="It has no static address any more.")
@driver_options
@_VM
@click.argument("nic", metavar="MAC|ID")
def update_nic(
    name: str, nic: str, network: str | None, mac: str | None, model: str | None,
    addresses: tuple[str, ...], no_address: bool, **options: Any,
) -> None:  # fmt: skip
    """Change a network card of a VM.

    Its network, MAC address, model or static addresses. At once if the VM runs: its guest loses the
    card, and gets another one.
    """
    with reported():
        if addresses and no_address:
            raise InvalidArgument("--address and --no-address contradict each other")
        driver = make_driver(**options)
        node = find_vm(driver, name)
        changed = driver.ex_update_nic(
            node, nic, ex_network=network, ex_mac=mac, ex_model=model,
            ex_address=addresses if addresses or no_address else None,
        )  # fmt: skip
        show(f"{label(node)} has {_nic(changed)} now")


def _nic(nic: OVM3Nic) -> str:
    addresses = ", ".join(nic.extra["addresses"] or ())
    text = f"network card {nic.mac or nic.id} on {nic.network or 'no bridge'}"
    return f"{text} ({addresses})" if addresses else text
