"""One command for several VMs or volumes, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from libcloud.compute.base import Node, StorageVolume, VolumeSnapshot

from libcloud_ovm3.cli.exit_codes import exit_code_of
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.output import show, tell
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error

_T = TypeVar("_T")


def label(one: Node | StorageVolume | VolumeSnapshot) -> str:
    """Return how output names a VM, a volume or a snapshot."""
    return f"{one.name} ({one.id})"


def each(
    things: Sequence[_T],
    action: Callable[[_T], str],
    read: Callable[[_T], _T] | None = None,
    label_of: Callable[[Any], str] = label,
) -> None:
    """Print what ``action`` returns for each. One that fails does not keep the others from it.

    :param read: reads one anew when its turn comes; None: ``action`` does not go by its state.
    :param label_of: how output names one.
    :raises SystemExit: at least one of several has failed; with the highest exit status.
    """
    failed: dict[str, int] = {}
    for number, thing in enumerate(things):
        try:
            show(action(read(thing) if read and number else thing))
        except (Ovm3Error, click.ClickException) as error:
            # A wrong argument of the first one is wrong for the command: nothing was sent yet.
            if len(things) == 1 or (isinstance(error, InvalidArgument) and not number):
                raise
            code = exit_code_of(error) if isinstance(error, Ovm3Error) else error.exit_code
            tell(f"Error: {with_option_names(str(error))}")
            failed[label_of(thing)] = code
    if failed:
        tell(f"{len(failed)} of {len(things)} failed: {', '.join(failed)}")
        raise SystemExit(max(failed.values()))
