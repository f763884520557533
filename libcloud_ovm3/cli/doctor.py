"""``ovm3 doctor``: what there is, what will work, and what to do about the rest."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from libcloud_ovm3.cli.certificates import certificate_of, read_certificate
from libcloud_ovm3.cli.options import access_options, make_access, reported
from libcloud_ovm3.cli.output import heading, show
from libcloud_ovm3.diagnostics import bundle as bundles
from libcloud_ovm3.diagnostics.checks import Finding
from libcloud_ovm3.diagnostics.collect import Call, Collected, collect, recorded
from libcloud_ovm3.diagnostics.doctor import is_sound, run_checks
from libcloud_ovm3.errors import InvalidArgument

_LEVELS = ("error", "warning", "note", "ok")


@click.command()
@click.argument("host", metavar="HOST[:PORT]")
@access_options
@click.option(
    "--bundle",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the raw answers into a new file, without passwords, addresses and names.",
)
def doctor(host: str, bundle: Path | None, **options: Any) -> None:
    """Look at HOST and its pool. Reads only.

    Exit status: 0, nothing is wrong; 1, there are warnings or errors, or nothing could be read;
    2, wrong arguments.
    """
    calls: list[Call] = []
    with reported():
        if bundle is not None and bundle.exists():
            raise InvalidArgument(f"{bundle} exists already: name a new file")
        access = make_access(hosts=(host,), ex_read_only=True, **options)
        estate = access.estate() if bundle is None else recorded(access.estate(), calls)
        address = estate.given[0]
        examined = collect(
            estate,
            lambda: certificate_of(address),
            "none" if options["insecure"] else "verified",
            read_certificate,
        )
        found = run_checks(examined)
        _show(examined, found)
        if bundle is not None:
            bundles.write(bundles.bundle(calls, access.passwords.all()), bundle)
            show(f"{len(calls)} answers, redacted, are in {bundle}")
    sys.exit(0 if is_sound(found) else 1)


def _show(examined: Collected, found: list[Finding]) -> None:
    show(f"{examined.address}, {examined.now:%Y-%m-%d %H:%M} UTC")
    for finding in found:
        _show_one(finding)
    counted = [f"{sum(f.level == level for f in found)} {level}" for level in _LEVELS]
    heading(", ".join(counted))


def _show_one(finding: Finding) -> None:
    show(f"{finding.level:8} {finding.about:12} {finding.found}")
    for word, text in (("means", finding.means), ("do", finding.advice)):
        if text:
            show(f"{'':8} {'':12} {word}: {text}")
