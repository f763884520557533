"""``ovm3 report``: the estate and what the doctor finds, as one page of HTML."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from libcloud_ovm3 import __version__
from libcloud_ovm3.access import Access
from libcloud_ovm3.cli.certificates import read_certificate, read_host_certificate
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.inventory import inventory_with_option_names
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.options import driver_options, make_access, reported
from libcloud_ovm3.cli.output import show, show_page
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.diagnostics.checks import run_checks
from libcloud_ovm3.diagnostics.collect import Collected, collect
from libcloud_ovm3.diagnostics.finding import Finding, is_healthy
from libcloud_ovm3.diagnostics.inventory import build_inventory
from libcloud_ovm3.diagnostics.inventory_data import InventoryData
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.space import Space, read_spaces
from libcloud_ovm3.estates_file.changing import write_file
from libcloud_ovm3.pages import by_name
from libcloud_ovm3.report import Report, render

_STDOUT = Path("-")


@click.command(
    cls=Command,
    epilog=examples("ovm3 report estate.html", "ovm3 report - --estate lab"),
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@driver_options
def report(file: Path, **options: Any) -> None:
    """Write the estate as one page of HTML.

    It shows hosts, repositories and VMs, and what the doctor finds. It needs no other
    file and no network. FILE is replaced in one step when everything has been read; - is standard
    output. Nothing is changed on the hosts.

    Exit status: 0, written, no problems; 1, written, with warnings, errors or something that could
    not be read, or nothing could be read and FILE is as before; 2, invalid arguments.
    """
    with reported(is_read=True):
        target = None if file == _STDOUT else _checked(file)
        access = make_access(ex_read_only=True, **options)
        estate = access.estate()
        collected = collect(
            estate,
            lambda: read_host_certificate(estate.given[0]),
            "none" if options["insecure"] else "verified",
            read_certificate,
        )
        if isinstance(collected.inventory, Ovm3Error):
            raise collected.inventory
        findings = run_checks(collected)
        made = _report(access, collected, collected.inventory, findings)
        page = render(made)
        if target is None:
            show_page(page)
        else:
            _write(target, page)
            show(_summary(file, made))
    sys.exit(0 if is_healthy(findings) and not made.unread else 1)


def _checked(file: Path) -> Path:
    """Return where the page goes: what a link leads to is replaced, not the link.

    :raises InvalidArgument: it cannot go there. Said before hosts are read, which may take long.
    """
    target = Path(os.path.realpath(file))
    try:
        mode = _mode_of(target)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise InvalidArgument(f"{file}: no file can be made there: {error.strerror}") from None
    if mode is not None and stat.S_ISDIR(mode):
        raise InvalidArgument(f"{file} is a directory: expected the name of a file in it")
    if mode is not None and not stat.S_ISREG(mode):
        raise InvalidArgument(f"{file}: expected a regular file, or - for standard output")
    return target


def _mode_of(file: Path) -> int | None:
    """Return type and permissions of a file; None: there is none."""
    try:
        return file.stat().st_mode
    except FileNotFoundError:
        return None


def _write(target: Path, page: str) -> None:
    """Replace the file, which keeps its permissions; a new one gets those of any new file."""
    mask = os.umask(0)
    os.umask(mask)
    mode = _mode_of(target)
    write_file(target, page, 0o666 & ~mask if mode is None else stat.S_IMODE(mode))


def _report(
    access: Access, collected: Collected, data: InventoryData, findings: Sequence[Finding]
) -> Report:
    """Return what the page shows; repositories are asked for their space."""
    repositories = data.snapshot.repositories
    spaces = [_space_with_option_names(one) for one in read_spaces(repositories)]
    unread = [space.reason for space in spaces if space.error]
    if collected.error:
        unread.insert(0, with_option_names(str(collected.error)))
    return Report(
        estate=access.estate_name,
        asked=tuple(map(str, access.hosts)),
        made_at=collected.now,
        version=__version__,
        inventory=inventory_with_option_names(build_inventory(data)),
        findings=tuple(map(_for_readers, findings)),
        spaces={one.key: space for one, space in zip(repositories, spaces, strict=True)},
        errors=tuple(unread),
    )


def _space_with_option_names(one: Space) -> Space:
    return replace(one, reason=with_option_names(str(one.error))) if one.error else one


def _for_readers(one: Finding) -> Finding:
    """The finding with names of options; the page may be read where the documentation is not."""
    texts = (by_name(with_option_names(text)) for text in (one.found, one.means, one.advice))
    found, means, advice = texts
    return replace(one, found=found, means=means, advice=advice)


def _summary(file: Path, made: Report) -> str:
    levels = Counter(finding.level for finding in made.findings)
    return (
        f"{file}: hosts: {len(made.inventory.hosts)}, VMs: {len(made.inventory.vms)}, "
        f"errors: {levels['error']}, warnings: {levels['warning']}, not read: {len(made.unread)}"
    )
