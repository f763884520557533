"""``ovm3 vm clone``."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.compute.find import find_host, find_vm


@click.command(
    cls=Command,
    epilog=examples(
        "ovm3 vm clone db-1 db-1-test",
        'ovm3 vm clone db-1 db-1-test --pause --description "of Monday"',
    ),
)
@click.option(
    "--pause",
    is_flag=True,
    help="Pause a VM that runs while its disks are copied. The clone then has what the disks of a "
    "machine have whose power was cut at that moment.",
)
@click.option("--description", metavar="TEXT", help="Its description.  [default: that of the VM]")
@click.option(
    "--repository", metavar="NAME|ID", help="Where to put it.  [default: the repository of the VM]"
)
@click.option("--start", is_flag=True, help="Start it: it has the host name and addresses of VM.")
@click.option("--on", "location", metavar="HOST[:PORT]|ID", help="The host on which to start it.")
@click.option(
    "--allow-same-name", is_flag=True, help="Create it even if another VM may have this name."
)
@driver_options
@click.argument("vm", metavar="VM")
@click.argument("name")
def clone(
    vm: str, name: str, pause: bool, description: str | None, repository: str | None, start: bool,
    location: str | None, allow_same_name: bool, **options: Any,
) -> None:  # fmt: skip
    """Create a VM as a copy of another, and print its id.

    VM is the name or the id of a VM that is off; one that runs needs --pause. uuid and MAC
    addresses are new. What is in the disks is copied as it is: host name, static addresses, SSH
    keys.
    """
    with reported():
        driver = make_driver(**options)
        made = driver.ex_clone_node(
            find_vm(driver, vm),
            name,
            ex_pause=pause,
            ex_description=description,
            ex_repository=repository,
            ex_start=start,
            ex_location=None if location is None else find_host(driver, location),
            ex_allow_same_name=allow_same_name,
        )
        show(str(made.id))
