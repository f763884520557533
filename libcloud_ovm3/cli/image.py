"""``ovm3 image``: templates and ISOs."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.tables import show_image, show_images
from libcloud_ovm3.compute.find import find_image


@click.group(cls=NounGroup, epilog=examples("ovm3 image list"))
def image() -> None:
    """List and show templates and ISOs."""


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
