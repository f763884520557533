"""``ovm3 size``: the built-in sizes."""

from __future__ import annotations

from typing import cast

import click
from libcloud.compute.base import NodeDriver

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.tables import show_sizes
from libcloud_ovm3.compute.convert import to_sizes


@click.group(cls=NounGroup, epilog=examples("ovm3 size list"))
def size() -> None:
    """List the sizes that `ovm3 vm create --size` takes."""


@size.command("list", epilog=examples("ovm3 size list", "ovm3 size list -o json"))
@output_option
def list_sizes(form: str) -> None:
    """List the built-in sizes. Contacts no host."""
    show_sizes(to_sizes(cast("NodeDriver", None)), form)  # a driver would not change them
