"""``ovm3 vm insert-iso`` and ``eject-iso``: the CD drives of VMs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.compute.find import find_image, find_vm

_F = TypeVar("_F", bound=Callable[..., Any])


def _device(default: str) -> Callable[[_F], _F]:
    return click.option(
        "--device", metavar="NAME", help=f"The drive, such as xvdc or hdc.  [default: {default}]"
    )


@click.command(
    "insert-iso", cls=Command, epilog=examples("ovm3 vm insert-iso web-1 oracle-linux-6-boot.iso")
)
@_device("an empty one, or the only one")
@driver_options
@click.argument("name", metavar="VM")
@click.argument("iso")
def insert_iso(name: str, iso: str, device: str | None, **options: Any) -> None:
    """Insert an ISO into a CD drive of a VM.

    At once if the VM runs, and in its definition. A VM that is off and has no drive gets one; a
    medium in the drive is replaced. ISO is the name or the id of an ISO, or its path on the hosts.
    """
    with reported():
        driver = make_driver(**options)
        node = find_vm(driver, name)
        driver.ex_insert_iso(node, _medium(driver, iso), device)
        show(f"{iso} was inserted into {_drive(device)} of {node.name} ({node.id})")


@click.command("eject-iso", cls=Command, epilog=examples("ovm3 vm eject-iso web-1"))
@_device("the only one with a medium")
@driver_options
@click.argument("name", metavar="VM")
def eject_iso(name: str, device: str | None, **options: Any) -> None:
    """Take the medium out of a CD drive of a VM. The drive stays, and so does the ISO."""
    with reported():
        driver = make_driver(**options)
        node = find_vm(driver, name)
        driver.ex_eject_iso(node, device)
        show(f"{_drive(device)} of {node.name} ({node.id}) is empty")


def _medium(driver: OVM3NodeDriver, text: str) -> str:
    """Return the id of an ISO, or its path."""
    return text if text.startswith("/") else str(find_image(driver, text).id)


def _drive(device: str | None) -> str:
    return f"drive {device}" if device else "the CD drive"
