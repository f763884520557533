"""``ovm3 vm set-metadata``: texts that are recorded of a VM."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.cli.vm_create import pairs
from libcloud_ovm3.compute.find import find_vm
from libcloud_ovm3.errors import InvalidArgument


@click.command(
    "set-metadata",
    cls=Command,
    epilog=examples(
        "ovm3 vm set-metadata web-1 --metadata owner=ops --tag web --tag eu",
        "ovm3 vm set-metadata web-1 --no-tags",
    ),
)
@click.option(
    "--metadata",
    multiple=True,
    metavar="KEY=VALUE",
    help="A text to record, instead of all that are recorded; once for each.",
)
@click.option("--tag", "tags", multiple=True, metavar="TEXT", help="A tag, likewise.")
@click.option("--no-metadata", is_flag=True, help="Remove all texts.")
@click.option("--no-tags", is_flag=True, help="Remove all tags.")
@driver_options
@click.argument("name", metavar="VM")
def set_metadata(
    name: str,
    metadata: tuple[str, ...],
    tags: tuple[str, ...],
    no_metadata: bool,
    no_tags: bool,
    **options: Any,
) -> None:
    """Record other texts, or other tags, of a VM. What is not named stays."""
    with reported():
        if (metadata and no_metadata) or (tags and no_tags):
            raise InvalidArgument("--metadata and --no-metadata, --tag and --no-tags: one of them")
        if not (metadata or tags or no_metadata or no_tags):
            raise InvalidArgument("expected --metadata, --tag, --no-metadata or --no-tags")
        driver = make_driver(**options)
        node = find_vm(driver, name)
        driver.ex_set_metadata(
            node,
            pairs(metadata) if metadata or no_metadata else None,
            ex_tags=list(tags) if tags or no_tags else None,
        )
        show(f"what is recorded of {node.name} ({node.id}) was changed")
