"""The columns and lines of claims."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from libcloud_ovm3.cli.formats import Column, Record, show_record, show_records
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.output import tell
from libcloud_ovm3.estate.claim_data import claim_text
from libcloud_ovm3.estate.vms import EstateSnapshot

_CLAIMS = (
    Column("VM", lambda one: one["vm_name"]),
    Column("claim", claim_text),
    Column("operation", "operation", True),
    Column("repository", lambda one: one["repository"] or one["repository_id"], True),
    Column("id", "id"),
)
_NONE = (
    "no claims: nothing guards VMs against a second start; when all hosts have the host module, "
    "`ovm3 claim settle --all` makes them"
)
_TEXTS = ("outcome", "fault", "paused", "saved", "taken", "why")


def tell_unread(snapshot: EstateSnapshot) -> None:
    """Warn of what could not be read: its claims may be missing."""
    for error in snapshot.errors():
        tell(f"warning: {with_option_names(error)}")


def show_claims(claims: Iterable[Record], form: str) -> None:
    """Print claims with the hosts that they name."""
    show_records(form, claims, _CLAIMS, _NONE)


def show_claim(claim: Record, form: str) -> None:
    """Print what is known of a claim."""
    show_record(form, claim, _lines(claim))


def _lines(one: Record) -> Iterator[tuple[str, object]]:
    yield "VM", f"{one['vm_name']} ({one['vm_id']})" if one["vm_id"] else "not defined"
    yield "id", one["id"]
    yield "repository", one["repository"]
    yield "claim", claim_text(one)
    yield "version", one["version"] or None
    for host in one["hosts"]:
        boot = f", boot {host['boot']}" if host["boot"] else ""
        yield "host", f"{_name(host)} ({host['id']}){boot}"
    for disk in one["disks"]:
        yield "disk", f"{disk['path']}, mode {disk['mode']}"
    if one["operation"]:
        yield "operation", f"{one['operation']} of {one['client']}"
    for key in _TEXTS:
        yield key, one[key]


def _name(host: Record) -> str:
    last = f", last at {host['address']}" if host["address"] else ""
    return host["host"] or f"not read{last}"
