"""``ovm3``: all commands, one file per group."""

from __future__ import annotations

import click

from libcloud_ovm3 import __version__, pages
from libcloud_ovm3.cli import demo as demo_steps
from libcloud_ovm3.cli.api import api
from libcloud_ovm3.cli.claim import claim
from libcloud_ovm3.cli.completion import completion
from libcloud_ovm3.cli.disk import disk
from libcloud_ovm3.cli.doctor import doctor
from libcloud_ovm3.cli.estate import estate
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.file import file
from libcloud_ovm3.cli.group import Group
from libcloud_ovm3.cli.host import host
from libcloud_ovm3.cli.image import image
from libcloud_ovm3.cli.image_import import finish_import, import_image
from libcloud_ovm3.cli.inventory import inventory
from libcloud_ovm3.cli.key import key
from libcloud_ovm3.cli.network import network
from libcloud_ovm3.cli.network_bridges import (
    release_networks,
    repair_control0,
    show_control0,
)
from libcloud_ovm3.cli.network_changes import (
    create_network,
    delete_network,
    set_bond_mode,
    update_network,
)
from libcloud_ovm3.cli.options import reported
from libcloud_ovm3.cli.pinning import pinning
from libcloud_ovm3.cli.report import report
from libcloud_ovm3.cli.repository import repository
from libcloud_ovm3.cli.repository_changes import (
    attach_repository,
    create_repository,
    delete_repository,
    detach_repository,
    refresh_repository,
    rename_repository,
)
from libcloud_ovm3.cli.secondary import secondary
from libcloud_ovm3.cli.size import size
from libcloud_ovm3.cli.snapshot import snapshot
from libcloud_ovm3.cli.vm import vm
from libcloud_ovm3.cli.vm_clone import clone
from libcloud_ovm3.cli.vm_create import create as create_vm
from libcloud_ovm3.cli.vm_fits import vm_fits
from libcloud_ovm3.cli.vm_guest import remove_seed
from libcloud_ovm3.cli.vm_ha import clear_ha
from libcloud_ovm3.cli.vm_media import eject_iso, insert_iso
from libcloud_ovm3.cli.vm_metadata import set_metadata
from libcloud_ovm3.cli.vm_migrate import empty, migrate
from libcloud_ovm3.cli.vm_nics import attach_nic, detach_nic, list_nics, update_nic
from libcloud_ovm3.cli.vm_power import pause, reset, resume, suspend, unpause
from libcloud_ovm3.cli.vm_settings import pin, rename, resize, set_vm
from libcloud_ovm3.cli.vm_snapshot import snapshot as vm_snapshot
from libcloud_ovm3.cli.volume import volume


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"\b\nDocumentation:\n  {pages.folder() or 'not installed'}\n\n"
    + examples(
        "ovm3 estate add lab ovm-1.example.com",
        "ovm3 doctor",
        "ovm3 vm list",
        "ovm3 vm start web-1",
    ),
)
@click.version_option(__version__)
def ovm3() -> None:
    """Manage Oracle VM Server 3 hosts without Oracle VM Manager, through their agents.

    Begin with `ovm3 estate add NAME HOST`, which saves how to reach the hosts, then `ovm3 doctor`
    and `ovm3 inventory`; nothing is changed on the hosts. `ovm3 demo` needs no hosts.
    """


@ovm3.command(epilog=examples("ovm3 demo"))
@click.option("--speed", default=30.0, show_default=True, help="Speed of simulated time.")
@click.option(
    "--version", default="3.3.3", show_default=True, help="Version of the simulated agents."
)
def demo(speed: float, version: str) -> None:
    """Run a demonstration on three simulated hosts.

    Five VMs are created; one is stopped, one rebooted, and all are destroyed, through
    libcloud's public API.
    """
    with reported():
        demo_steps.run(speed=speed, version=version)


for of_vm in (vm_fits, clear_ha):
    vm.add_command(of_vm)
for of_vm in (create_vm, clone, set_metadata, insert_iso, eject_iso, remove_seed):
    vm.add_command(of_vm)
for of_vm in (pause, unpause, suspend, resume, reset):
    vm.add_command(of_vm)
for of_vm in (list_nics, attach_nic, detach_nic, update_nic, resize, rename, set_vm, pin, migrate):
    vm.add_command(of_vm)
vm.add_command(vm_snapshot)
host.add_command(empty)
for of_network in (
    *(create_network, update_network, delete_network, set_bond_mode),
    *(show_control0, repair_control0, release_networks),
):
    network.add_command(of_network)
for of_repository in (
    create_repository,
    attach_repository,
    detach_repository,
    rename_repository,
    refresh_repository,
    delete_repository,
):
    repository.add_command(of_repository)
for of_image in (import_image, finish_import):
    image.add_command(of_image)
for command in (
    *(vm, volume, snapshot, network, image, repository, secondary, file),
    *(host, disk, claim, size, key),
    *(estate, doctor, inventory, report, pinning, api, completion),
):
    ovm3.add_command(command)
