"""``ovm3 network create``, ``update``, ``delete`` and ``set-bond-mode``."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import driver_options, make_driver, on_option, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.compute.driver import OVM3NodeDriver
from libcloud_ovm3.compute.network_types import OVM3Network
from libcloud_ovm3.errors import InvalidArgument, by_reason
from libcloud_ovm3.operations.consent import ROLES

_FORCE = click.option(
    "--force",
    multiple=True,
    type=click.Choice([*ROLES, "all"]),
    help="What this may cut on the hosts, to consent to it. Can be repeated.",
)
_NETWORK = click.argument("network", metavar="NAME|LABEL[:VLAN]")


@click.command(
    "create",
    cls=Command,
    epilog=examples(
        "ovm3 network create dmz --parent bond0 --vlan 120",
        "ovm3 network create guests --label guest --traffic-label guest=eth1",
    ),
)
@click.option("--label", metavar="LABEL", help="The traffic label of what it is made on.")
@click.option(
    "--parent",
    metavar="DEVICE",
    help="What it is made on, instead of --label: a NIC or bond (bond0.120 is bond0 with --vlan "
    "120); with --vlan also a bridge, for the device below it.",
)
@click.option("--vlan", metavar="N", help="The number of a VLAN, 2 to 4094.  [default: untagged]")
@on_option("all hosts, which must all respond")
@_FORCE
@driver_options
@click.argument("name")
def create_network(
    name: str, label: str | None, parent: str | None, vlan: str | None, locations: tuple[str, ...],
    force: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    """Make a network: a bridge of this name on all hosts.

    On a device, or with --vlan on a VLAN device that is made with it. A host that has it already is
    left as it is.
    """
    with reported():
        made = make_driver(**options).ex_create_network(
            name, vlan, label, parent, locations or None, ex_force=force
        )
        _show_changes(made)


@click.command(
    "update",
    cls=Command,
    epilog=examples(
        "ovm3 network update dmz --mtu 9000",
        "ovm3 network update storage --address 10.0.0.5/24 --on ovm-1",
        "ovm3 network update storage --address ovm-1=10.0.0.5/24,ovm-2=10.0.0.6/24",
    ),
)
@click.option("--mtu", metavar="BYTES", help="Its MTU, 1500 to 64000.")
@click.option(
    "--address",
    metavar="[HOST=]ADDRESS/PREFIX,...",
    help="The address of one host (--on) on the network, or of several, each named.",
)
@on_option("all hosts that have it")
@_FORCE
@driver_options
@_NETWORK
def update_network(
    network: str, mtu: str | None, address: str | None, locations: tuple[str, ...],
    force: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    """Set the MTU of a network, or the address of a host on it."""
    with reported():
        changed = make_driver(**options).ex_update_network(
            network, ex_mtu=mtu, ex_address=address, location=locations or None, ex_force=force
        )
        _show_changes(changed)


@click.command("delete", cls=Command, epilog=examples("ovm3 network delete dmz"))
@on_option("all hosts")
@_FORCE
@driver_options
@_NETWORK
def delete_network(
    network: str, locations: tuple[str, ...], force: tuple[str, ...], **options: Any
) -> None:
    """Remove a network that no VM uses.

    The VLAN device that was made with it goes too. It asks nothing: while a card of a VM, running
    or stopped, is on it, or may be, it is refused, and what it would cut needs --force.
    """
    with reported():
        make_driver(**options).ex_delete_network(network, locations or None, ex_force=force)
        show(f"{network} was removed{' on ' if locations else ''}{', '.join(locations)}")


@click.command(
    "set-bond-mode",
    cls=Command,
    epilog=examples("ovm3 network set-bond-mode bond0 4 --on ovm-1 --force all"),
)
@on_option("all hosts that have the bond")
@_FORCE
@driver_options
@click.argument("bond", metavar="[HOST/]BOND")
@click.argument("mode")
def set_bond_mode(
    bond: str, mode: str, locations: tuple[str, ...], force: tuple[str, ...], **options: Any
) -> None:
    """Set the mode of a bond.

    MODE is 1 (active-backup), 4 (802.3ad) or 6 (balance-alb).
    """
    with reported():
        host, slash, name = bond.rpartition("/")  # as `network list --devices -o name` prints it
        if slash and locations:
            raise InvalidArgument(f"{bond!r} names a host already: leave --on out")
        driver = make_driver(**options)
        before = _modes(driver, name)
        driver.ex_set_bond_mode(name, mode, [host] if slash else locations or None, ex_force=force)
        now = _modes(driver, name)
        changes = [
            (one, f"mode {has} (was {before[one]})")
            for one, has in now.items()
            if has != before.get(one, has)
        ]
        show(_text(name, changes) or f"{name}: nothing had to be changed")


def _modes(driver: OVM3NodeDriver, bond: str) -> dict[str, int | None]:
    devices = driver.ex_list_network_devices()
    return {one.extra["host"]: one.extra["mode"] for one in devices if one.name == bond}


def _show_changes(network: OVM3Network) -> None:
    """Say what was done, or that nothing had to be, and where the network is."""
    changes = [(one["host"], one["change"]) for one in network.extra["changed"]]
    hosts = [f"{one['host']} ({one['parent'] or 'local'})" for one in network.extra["hosts"]]
    show(_text(network.name, changes) or f"{network.name}: nothing had to be changed")
    show(f"{network.name} is on {', '.join(hosts)}")


def _text(name: str, changes: list[tuple[str, str]]) -> str:
    return f"{name}: {'; '.join(by_reason(changes))}" if changes else ""
