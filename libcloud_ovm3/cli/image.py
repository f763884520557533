"""``ovm3 image``: templates and ISOs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from libcloud.compute.base import NodeImage

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.cli.asking import require_agreed, require_answer
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show as show_line
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.tables import show_image, show_images
from libcloud_ovm3.compute.find import find_image, find_vm
from libcloud_ovm3.errors import ImageNotFound

_DESCRIPTION = click.option(
    "--description",
    metavar="TEXT",
    help="Its description, which only a template with a vm.cfg can have.  [default: that of the "
    "VM or the image]",
)


@click.group(cls=NounGroup, epilog=examples("ovm3 image list"))
def image() -> None:
    """List, import, create, copy and delete templates and ISOs."""


@image.command("list", epilog=examples("ovm3 image list", "ovm3 image list -o name"))
@output_option
@driver_options
def list_images(form: str, **options: Any) -> None:
    """List templates and ISOs."""
    with reported(is_read=True):
        show_images(make_driver(**options).list_images(), form)


@image.command("show", epilog=examples("ovm3 image show oracle-linux-6"))
@output_option
@driver_options
@click.argument("name", metavar="NAME|ID")
def show(name: str, form: str, **options: Any) -> None:
    """Show a template or an ISO."""
    with reported(is_read=True):
        show_image(find_image(make_driver(**options), name), form)


@image.command(
    epilog=examples(
        "ovm3 image create web-1 web-template",
        'ovm3 image create web-1 web-template --pause --description "With Apache"',
    )
)
@_DESCRIPTION
@click.option(
    "--pause", is_flag=True,
    help="Pause a VM that runs while its disks are copied. The template then has what the disks "
    "of a machine have whose power was cut at that moment.",
)  # fmt: skip
@click.option(
    "--repository", metavar="NAME|ID", help="Where to put it.  [default: the repository of the VM]"
)
@driver_options
@click.argument("vm", metavar="VM")
@click.argument("name")
def create(
    vm: str, name: str, description: str | None, pause: bool, repository: str | None, **options: Any
) -> None:
    """Make a template of a VM, and print its id.

    VM is the name or the id of a VM that is off; one that runs needs --pause. With the host module
    the template has all disks and settings of the VM, but not its uuid and MAC addresses. Without
    it only a paravirtual VM with one disk can become a template.
    """
    with reported():
        driver = make_driver(**options)
        made = driver.create_image(
            find_vm(driver, vm), name, description, ex_pause=pause, ex_repository=repository
        )
        show_line(str(made.id))


@image.command(
    epilog=examples(
        "ovm3 image copy oracle-linux-6 --repository MyRepo --name golden",
        "ovm3 image copy oracle-linux-6-boot.iso --repository MyRepo",
    )
)
@click.option(
    "--repository", required=True, metavar="NAME|ID",
    help="Where to put the copy (see `ovm3 repository list`).",
)  # fmt: skip
@click.option("--name", metavar="NAME", help="The name of the copy.  [default: the same]")
@_DESCRIPTION
@driver_options
@click.argument("source", metavar="NAME|ID")
def copy(
    source: str, repository: str, name: str | None, description: str | None, **options: Any
) -> None:
    """Copy a template or an ISO, and print the id of the copy.

    A template with a vm.cfg needs the host module.
    """
    with reported():
        driver = make_driver(**options)
        found = find_image(driver, source)
        made = driver.copy_image(
            found.extra["repository_id"],
            found,
            found.name if name is None else name,
            description,
            ex_repository=repository,
        )
        show_line(str(made.id))


@image.command(epilog=examples("ovm3 image delete oracle-linux-6-boot.iso --yes"))
@click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
@driver_options
@click.argument("name", metavar="NAME|ID")
def delete(name: str, yes: bool, **options: Any) -> None:
    """Delete a template or an ISO that nothing uses.

    Of a template with a vm.cfg all files in its folder are deleted, and the virtual disks that it
    alone names; that needs the host module. An image that an interrupted creation or copy has left
    is not listed; it is deleted by its id, REPOSITORY/Templates/FILE (`ovm3 disk orphans` shows
    where it is).
    """
    with reported():
        require_answer(yes)
        driver = make_driver(**options)
        found = _find_any(driver, name)
        if not yes:
            require_agreed(list(_plan(found)), lambda: list(_plan(_find_any(driver, name))))
        driver.delete_image(found)
        show_line(f"{_label(found)} was deleted")


def _find_any(driver: OVM3NodeDriver, text: str) -> NodeImage:
    """Return an image, also one that may be unfinished, which the driver finds by its id."""
    try:
        return find_image(driver, text)
    except ImageNotFound:
        if "/" not in text:
            raise
        return NodeImage(text, "image", driver, extra={"kind": None})


def _plan(found: NodeImage) -> Iterator[str]:
    """Say what deleting an image would delete."""
    yield f"{_label(found)} will be deleted"
    if found.extra["kind"] == "vm_template":
        yield f"  all files in {found.extra['path']}, and the virtual disks that it alone names"


def _label(found: NodeImage) -> str:
    return f"{found.name} ({found.id})"
