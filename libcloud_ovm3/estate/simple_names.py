"""Names of files that are recorded beside them, where the host module can read such records.

Oracle VM Manager 3.3 and later writes ``.ovsmeta`` (agent-behaviour 4), this package a document
``disks`` in each repository. Both only say what a file is called: one that cannot be read costs
names, nothing else, so it is an error to be shown, never to be raised.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.chunks import CHUNK_BYTES
from libcloud_ovm3.errors import AgentFault, Ovm3Error
from libcloud_ovm3.estate.repositories import Repository

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule

DOCUMENT = "disks"
SCHEMA = 1
_METADATA = ".ovsmeta"


@dataclass(frozen=True)
class DiskDocument:
    """The document ``disks`` of a repository: ``{"schema": 1, "disks": {PATH: {"name": NAME}}}``.

    :ivar next_version: the version to write next.
    :ivar disks: what is recorded of each file, by its path relative to the repository.
    :ivar is_writable: False: a newer version of this package has written it, or it cannot be read.
    """

    next_version: int = 1
    disks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    is_writable: bool = True

    @property
    def names(self) -> dict[str, str]:
        """The names that are recorded in it, by path."""
        found = {path: entry.get("name") for path, entry in self.disks.items()}
        return {path: name for path, name in found.items() if isinstance(name, str) and name}


def read_disk_document(
    module: HostModule, repository: Repository
) -> tuple[DiskDocument, str | None]:
    """The document of a repository, and what is wrong with it; one read.

    :raises Ovm3Error: the host did not answer.
    """
    document = module.read_document(repository.path, DOCUMENT)
    if not document.version:
        return DiskDocument(document.next_version), None
    what = f"repository {repository.id}: document {DOCUMENT!r}"
    content = _json(document.content)
    disks = content.get("disks") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(disks, dict):
        return DiskDocument(document.next_version, {}, False), f"{what} cannot be understood"
    entries = {path: entry for path, entry in disks.items() if isinstance(entry, dict)}
    if content.get("schema") != SCHEMA:
        error = f"{what} is of schema {content.get('schema')!r}, newer than this client: read-only"
        return DiskDocument(document.next_version, entries, False), error
    return DiskDocument(document.next_version, entries), None


def read_ovsmeta(
    module: HostModule, repository: Repository, *folders: str
) -> tuple[dict[str, str], list[str]]:
    """The names that a Manager gave to the files of some folders, by path relative to the
    repository, and what went wrong.

    They lie in each folder, or at the top of the repository (agent-behaviour 4): a read for each.

    :raises Ovm3Error: the host did not answer.
    """
    names: dict[str, str] = {}
    errors = []
    for place in ("", *folders):
        path = "/".join(filter(None, (repository.path, place, _METADATA)))
        try:
            content = _json(module.read_file(path, 0, CHUNK_BYTES).data)
        except AgentFault as fault:
            errors += [] if fault.kind.endswith(".NotFound") else [f"{path}: {fault}"]
            continue
        if not isinstance(content, dict):
            errors.append(f"{path} cannot be understood: names of the files in it are not known")
            continue
        for name, entry in content.items():
            simple = entry.get("SIMPLE_NAME") if isinstance(entry, dict) else None
            if isinstance(simple, str) and simple.strip():
                names |= {f"{folder}/{name}": simple for folder in ([place] if place else folders)}
    return names, errors


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def read_names(repository: Repository, folder: str) -> tuple[dict[str, str], list[str]]:
    """All names that are recorded for the files of a folder, by path relative to the repository.

    Empty where no host that has the repository mounted has the host module.
    """
    for host in repository.mounted_on:
        if host.module is None:
            continue
        try:
            simple, errors = read_ovsmeta(host.module, repository, folder)
            document, error = read_disk_document(host.module, repository)
        except Ovm3Error as failure:
            return {}, [f"repository {repository.id}: names of files cannot be read: {failure}"]
        return simple | document.names, errors + ([error] if error else [])
    return {}, []
