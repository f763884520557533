"""``ovm3 doctor``: checks a host and its pool, and says what to do about each problem."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from libcloud_ovm3.cli.certificates import read_certificate, read_host_certificate
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import document_option, show_document
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.options import access_options, make_access, network_options, reported
from libcloud_ovm3.cli.output import heading, show, show_level, tell
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.diagnostics.bundle import make_bundle, write_bundle
from libcloud_ovm3.diagnostics.checks import run_checks
from libcloud_ovm3.diagnostics.collect import Call, Collected, collect, record_calls
from libcloud_ovm3.diagnostics.finding import Finding, is_healthy
from libcloud_ovm3.errors import InvalidArgument

_LEVELS = ("error", "warning", "note", "ok")


@click.command(
    cls=Command,
    epilog=examples(
        "ovm3 doctor", "ovm3 doctor ovm-1.example.com", "ovm3 doctor --bundle pool.json"
    ),
)
@click.argument("host", metavar="[HOST[:PORT]]", required=False)
@click.option(
    "--bundle",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the raw responses into a new file, without passwords, addresses and names.",
)
@document_option
@access_options
@network_options
def doctor(host: str | None, bundle: Path | None, form: str, **options: Any) -> None:
    """Check hosts and say what to do about each problem.

    HOST and its pool are checked; without HOST, the hosts of the estate. Nothing is changed.

    Exit status: 0, no problems; 1, warnings or errors, or nothing could be read; 2, invalid
    arguments.
    """
    calls: list[Call] = []
    with reported(is_read=True):
        if bundle is not None and bundle.exists():
            raise InvalidArgument(f"{bundle} already exists: choose another file name")
        access = make_access(hosts=(host,) if host else (), ex_read_only=True, **options)
        estate = access.estate() if bundle is None else record_calls(access.estate(), calls)
        address = estate.given[0]
        collected = collect(
            estate,
            lambda: read_host_certificate(address),
            "none" if options["insecure"] else "verified",
            read_certificate,
        )
        findings = run_checks(collected)
        if form == "table":
            _show(collected, findings)
        else:
            show_document(form, _record(collected, findings))
        if bundle is not None:
            write_bundle(make_bundle(calls, access.passwords.all()), bundle)
            tell(f"{len(calls)} responses, anonymized, written to {bundle}")
    sys.exit(0 if is_healthy(findings) else 1)


def _show(collected: Collected, findings: list[Finding]) -> None:
    show(f"{collected.address}, {collected.now:%Y-%m-%d %H:%M} UTC")
    for finding in findings:
        _show_one(finding)
    counts = {level: sum(f.level == level for f in findings) for level in _LEVELS}
    heading(", ".join(f"{count} {_plural(level, count)}" for level, count in counts.items()))


def _record(collected: Collected, findings: list[Finding]) -> dict[str, Any]:
    return {
        "host": collected.address,
        "time": f"{collected.now:%Y-%m-%dT%H:%M:%SZ}",
        "findings": [
            {
                "level": one.level,
                "subject": one.about,
                "found": with_option_names(one.found),
                "meaning": with_option_names(one.means) or None,
                "action": with_option_names(one.advice) or None,
            }
            for one in findings
        ],
    }


def _plural(level: str, count: int) -> str:
    return level if level == "ok" or count == 1 else f"{level}s"


def _show_one(finding: Finding) -> None:
    show_level(f"{finding.level:8}", f" {finding.about:12} ", with_option_names(finding.found))
    for word, text in (("meaning", finding.means), ("action", finding.advice)):
        if text:
            show_level(" " * 8, " " * 14, f"{word}: {with_option_names(text)}")
