"""``ovm3 vm resize``, ``rename``, ``set``, ``pin``: what a VM is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import Record
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.cli.several import label
from libcloud_ovm3.compute.find import find_vm

_VM = click.argument("name", metavar="VM")


_F = TypeVar("_F", bound=Callable[..., Any])


def _number(option: str, metavar: str, text: str) -> Callable[[_F], _F]:
    return click.option(option, type=int, metavar=metavar, help=text)


@click.command(
    cls=Command,
    epilog=examples(
        "ovm3 vm resize web-1 --memory 2048 --cpus 2",
        "ovm3 vm resize web-1 --size large",
        "ovm3 vm resize web-1 --cpu-cap 50 --cpu-weight 512",
    ),
)
@click.option("--size", metavar="SIZE", help="A size of `ovm3 size list`: its memory and CPUs.")
@_number("--memory", "MB", "Its memory, instead of that of the size.")
@_number("--cpus", "N", "The number of its virtual CPUs, instead of that of the size.")
@_number("--max-memory", "MB", "The most memory that it can get while it runs.")
@_number("--max-cpus", "N", "The most virtual CPUs that it can get while it runs.")
@_number("--cpu-weight", "N", "Its share of the CPUs against other VMs', 1 to 65535.")
@_number("--cpu-cap", "%", "The most that it can use, in per cent of one CPU; 0: all.")
@driver_options
@_VM
def resize(
    name: str, size: str | None, memory: int | None, cpus: int | None, max_memory: int | None,
    max_cpus: int | None, cpu_weight: int | None, cpu_cap: int | None, **options: Any,
) -> None:  # fmt: skip
    """Change memory, CPUs, weight and cap of a VM.

    At once if it runs, within the maxima that it was started with: these change while it is stopped
    only. Its guest decides what it makes of another amount of memory or CPUs.
    """
    with reported():
        driver = make_driver(**options)
        node = driver.ex_resize_node(
            find_vm(driver, name), size, ex_memory_mb=memory, ex_cpus=cpus,
            ex_max_memory_mb=max_memory, ex_max_cpus=max_cpus, ex_cpu_weight=cpu_weight,
            ex_cpu_cap=cpu_cap,
        )  # fmt: skip
        settings = node.extra["settings"]
        show(f"{label(node)} has {_amounts(settings['defined'])}")
        if settings["live"] is not None:
            show(f"  live: {_amounts(settings['live'])}")


@click.command(cls=Command, epilog=examples("ovm3 vm rename web-1 web-2"))
@click.option("--allow-same-name", is_flag=True, help="Allow a name that another VM has.")
@driver_options
@_VM
@click.argument("new_name", metavar="NEW-NAME")
def rename(name: str, new_name: str, allow_same_name: bool, **options: Any) -> None:
    """Give a VM another name.

    Its id stays, and its name for xend, which `xm list` shows on a host.
    """
    with reported():
        driver = make_driver(**options)
        node = find_vm(driver, name)
        renamed = driver.ex_rename_node(node, new_name, ex_allow_same_name=allow_same_name)
        show(f"{label(node)} is {label(renamed)} now")


@click.command(
    "set",
    cls=Command,
    epilog=examples("ovm3 vm set web-1 --description shop"),
)
@click.option("--description", metavar="TEXT", help='Its description; "" removes it.')
@click.option(
    "--boot-order",
    metavar="LETTERS",
    help="From what an HVM VM boots, in this order: c disk, d CD, n network, a floppy. Of one that "
    "runs, from its next start.",
)
@driver_options
@_VM
def set_vm(name: str, description: str | None, boot_order: str | None, **options: Any) -> None:
    """Change the description or the boot order of a VM."""
    with reported():
        driver = make_driver(**options)
        node = driver.ex_update_node(
            find_vm(driver, name), ex_description=description, ex_boot_order=boot_order
        )
        show(f"{label(node)} was changed")


@click.command(cls=Command, epilog=examples("ovm3 vm pin web-1 0-1", "ovm3 vm pin web-1 all"))
@driver_options
@_VM
@click.argument("cpus")
def pin(name: str, cpus: str, **options: Any) -> None:
    """Pin a VM to CPUs of its host.

    At once if it runs. CPUS are numbers such as 0-3 or 2,5; `all`: it is pinned no more.
    """
    with reported():
        driver = make_driver(**options)
        node = driver.ex_pin_node(find_vm(driver, name), cpus)
        settings = node.extra["settings"]["defined"]
        show(f"{label(node)}: {_pinned(settings)}")


def _amounts(settings: Record) -> str:
    shown = {key: "?" if value is None else value for key, value in settings.items()}
    weight, cap = shown["cpu_weight"], shown["cpu_cap"]
    return (
        f"{shown['memory_mb']} of {shown['max_memory_mb']} MB, {shown['vcpus']} of "
        f"{shown['max_vcpus']} CPUs, weight {weight}, {f'cap {cap}%' if cap else 'no cap'}"
    )


def _pinned(settings: Record) -> str:
    return f"pinned to CPUs {settings['cpus']}" if settings["cpus"] else "not pinned"
