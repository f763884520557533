"""``ovm3 repository``: how full the repositories are, and which hosts have mounted them.

The commands that change something are in :mod:`.repository_changes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from libcloud_ovm3.cli.byte_sizes import short_size
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import Column, Record, output_option, show_record, show_records
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import tell
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.compute.convert_repositories import to_repository
from libcloud_ovm3.compute.records import repository_record
from libcloud_ovm3.compute.repository_types import OVM3Repository
from libcloud_ovm3.estate.repository_space import read_repository_spaces
from libcloud_ovm3.report.figures import percent_text


@click.group(cls=NounGroup, epilog=examples("ovm3 repository list"))
def repository() -> None:
    """List, make, attach, change and delete repositories.

    A repository is an NFS export, or a LUN, that holds VMs, virtual disks, templates and ISOs.
    """


@repository.command("list", epilog=examples("ovm3 repository list", "ovm3 repository list -o json"))
@output_option
@driver_options
def list_repositories(form: str, **options: Any) -> None:
    """List repositories, and how full they are.

    "can grow by" is what sparse virtual disks take in addition once VMs have written all of them;
    it is known where a host has the host module.
    """
    with reported(is_read=True):
        found = make_driver(**options).ex_list_repositories()
        show_records(form, map(_record, found), _COLUMNS, "no repositories")


@repository.command(epilog=examples("ovm3 repository show MyRepo"))
@output_option
@driver_options
@click.argument("name", metavar="NAME|ID")
def show(name: str, form: str, **options: Any) -> None:
    """Show a repository."""
    with reported(is_read=True):
        driver = make_driver(**options)
        found = read_repository_spaces(driver._estate)
        for error in found.errors:
            tell(f"warning: {with_option_names(error)}")
        record = _record(to_repository(found.called(name), driver))
        show_record(form, record, _lines(record))


def _record(repository: OVM3Repository) -> dict[str, Any]:
    """Return what is known of a repository, with stable keys; None: not known."""
    record = repository_record(repository)
    for key in ("space_unknown", "error"):
        record[key] = record[key] and with_option_names(record[key])
    return record


def _size(key: str) -> Any:
    return lambda one: short_size(one[key])


def _share(one: Record) -> str:
    return "?" if one["used_bytes"] is None else percent_text(one["used_bytes"], one["size_bytes"])


_COLUMNS = (
    Column("repository", "name"),
    Column("size", _size("size_bytes")),
    Column("free", _size("free_bytes")),
    Column("used", _share),
    Column("can grow by", _size("growth_bytes"), True),
    Column("disks", lambda one: "?" if one["disks"] is None else one["disks"], True),
    Column("snapshots", lambda one: "?" if one["snapshots"] is None else one["snapshots"], True),
    Column("mounted on", lambda one: ", ".join(one["mounted_on"]) or "none", True),
    Column("id", "id"),
)


def _lines(one: Record) -> Iterator[tuple[str, object]]:
    yield "repository", one["name"]
    yield "id", one["id"]
    yield "problem", one["error"]
    yield "overlaps", "; ".join(one["overlaps"])
    yield "location", f"{one['file_system'] or 'unknown file system'} {one['location'] or '?'}"
    yield "owner", one["owner"] or "none"
    yield "mounted on", ", ".join(one["mounted_on"]) or "none"
    yield "not mounted on", ", ".join(one["not_mounted_on"])
    if one["used_bytes"] is None:
        yield "space", f"unknown: {one['space_unknown'] or 'not reported'}"
    else:
        used, size, free = (short_size(one[f"{key}_bytes"]) for key in ("used", "size", "free"))
        yield "space", f"{used} of {size} in use ({_share(one)}), {free} free"
    yield "disks", _disks(one)
    yield "snapshots", one["snapshots"]
    yield "notice", _notice(one)


def _disks(one: Record) -> str:
    if one["disks"] is None:
        return "?"
    text = str(one["disks"])
    if one["disk_bytes"] is not None:
        text += f", of {short_size(one['disk_bytes'])} together"
    if one["growth_bytes"] is not None:
        text += f"; they can grow by {short_size(one['growth_bytes'])}"
    return text


def _notice(one: Record) -> str | None:
    free, growth = one["free_bytes"], one["growth_bytes"]
    if free is None or growth is None or growth <= free:
        return None
    return "its disks can grow by more than is free: VMs get write errors when it is full"
