"""``ovm3 pinning``: who is pinned to which CPUs, for licence audits."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import Column, Record, pinning_option, show_document, show_records
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show

_FIELDS = (
    *("host", "host_id", "address", "cpu_model", "cpus", "threads_per_core"),
    *("is_whole", "counted_cpus"),
)
_OF_VM = ("id", "name", "state", "defined_cpus", "live_cpus", "is_pinned", "why")


def _counted(row: Record) -> str:
    counted = "?" if row["counted_cpus"] is None else row["counted_cpus"]
    return f"{counted} of {row['cpus'] or '?'}" if row["host"] else ""


_COLUMNS = (
    Column("host", lambda row: row["host"] or "(none)"),
    Column("counted", _counted),
    Column("VM", "vm_name"),
    Column("state", "vm_state", True),
    Column("vm.cfg", lambda row: _cpus(row, "vm_defined_cpus")),
    Column("live", lambda row: _cpus(row, "vm_live_cpus")),
    Column("pinned", lambda row: {True: "yes", False: "no"}.get(row["vm_is_pinned"], "")),
    Column("why not", lambda row: row["vm_why"] or row["why"], True),
)


def _cpus(row: Record, key: str) -> str:
    if row["vm_id"] is None:
        return ""
    return "?" if row[key] is None else row[key] or "any"


@click.command(epilog=examples("ovm3 pinning", "ovm3 pinning -o csv"))
@pinning_option
@driver_options
def pinning(form: str, **options: Any) -> None:
    """Show which VMs are pinned to which CPUs.

    Of their hosts, as licence audits ask it. A VM counts as pinned only where that is certain: in
    its definition and, while it runs, in what its host lists. One that is not makes all CPUs of its
    host count.
    """
    with reported(is_read=True):
        found = make_driver(**options).ex_pinning_report()
        if form in ("json", "yaml"):
            show_document(form, found)
        elif form == "csv":
            _show_csv(_rows(found))
        else:
            show_records(form, _rows(found), _COLUMNS, "no hosts", key="vm_id")


def _rows(hosts: Iterable[Record]) -> Iterable[dict[str, Any]]:
    """One for each VM; one for a host without."""
    for host in hosts:
        of_host = {key: host[key] for key in _FIELDS}
        for vm in host["vms"] or ([dict.fromkeys(_OF_VM)] if host["host"] else []):
            why = "" if host["vms"] else "; ".join(host["reasons"])
            yield {**of_host, **{f"vm_{key}": vm[key] for key in _OF_VM}, "why": why}


def _show_csv(rows: Iterable[dict[str, Any]]) -> None:
    text = io.StringIO()
    names = [*_FIELDS, *(f"vm_{key}" for key in _OF_VM), "why"]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    for line in text.getvalue().splitlines():
        show(line)
