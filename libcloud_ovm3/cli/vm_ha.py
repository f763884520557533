"""``ovm3 vm clear-ha``: no second starter of VMs."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.cli.several import each, label
from libcloud_ovm3.compute.find import find_vms


@click.command("clear-ha", cls=Command, epilog=examples("ovm3 vm clear-ha web-1"))
@driver_options
@click.argument("vms", metavar="NAME|ID...", nargs=-1, required=True)
def clear_ha(vms: tuple[str, ...], **options: Any) -> None:
    """Clear the HA flag of VMs.

    In a clustered pool the agents start a VM with it on another host when its host fails, and so at
    the same time as you do. `ovm3 vm show` and `ovm3 doctor` name such VMs. Nothing sets the flag.
    """
    with reported():
        driver = make_driver(**options)
        each(
            find_vms(driver, vms),
            lambda node: f"{label(driver.ex_clear_ha(node))} has no HA flag",
        )
