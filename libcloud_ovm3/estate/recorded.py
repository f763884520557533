"""Documents that record something of each of several things: ``{"schema": 1, KEY: {ID: {...}}}``.

What they say is not needed to manage a VM: one that cannot be read is an error to be shown, never
to be raised.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule_types import Document

SCHEMA = 1


@dataclass(frozen=True)
class Recorded:
    """The content of such a document.

    :ivar next_version: the version to write next.
    :ivar entries: what is recorded, by id.
    :ivar error: what is wrong with it: a newer version of this package has written it, or it cannot
        be understood. Then it must not be written. None: nothing is.
    """

    next_version: int = 1
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    error: str | None = None


def parse_recorded(document: Document, name: str, repository: str) -> Recorded:
    """The document of this name, whose key has the same name.

    :param repository: its id or label, for messages.
    """
    if not document.version:
        return Recorded(document.next_version)
    what = f"repository {repository}: document {name!r}"
    content = parse_json(document.content)
    found = content.get(name) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(found, dict):
        return Recorded(document.next_version, {}, f"{what} cannot be understood")
    entries = {key: entry for key, entry in found.items() if isinstance(entry, dict)}
    error = None
    if content.get("schema") != SCHEMA:
        error = f"{what} is of schema {content.get('schema')!r}, newer than this client: read-only"
    elif len(entries) < len(found):
        error = f"{what} has odd entries"
    return Recorded(document.next_version, entries, error)


def recorded_in(
    document: Document | None, error: str | None, name: str, repository_id: str
) -> Recorded:
    """The same of a document that a host module brought with the listing of the repository.

    :param document: None: it did not.
    :param error: why not, if it could not be read.
    """
    if document is None:
        what = f"repository {repository_id}: document {name!r} cannot be read: {error}"
        return Recorded(error=what if error else None)
    return parse_recorded(document, name, repository_id)


def to_document(name: str, entries: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The content of such a document."""
    return json.dumps({"schema": SCHEMA, name: entries}, sort_keys=True).encode("ascii")


def parse_json(data: bytes) -> object:
    """What a text says; None if it is not JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
