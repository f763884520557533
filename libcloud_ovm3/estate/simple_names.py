"""Names of files that are recorded beside them, where the host module can read such records.

Oracle VM Manager 3.3 and later writes ``.ovsmeta`` (agent-behaviour 4), this package a document
``disks`` in each repository. Both only say what a file is called: one that cannot be read costs
names, nothing else, so it is an error to be shown, never to be raised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.chunks import CHUNK_BYTES
from libcloud_ovm3.errors import AgentFault, Ovm3Error
from libcloud_ovm3.estate.hosts import map_hosts
from libcloud_ovm3.estate.recorded import parse_json, parse_recorded
from libcloud_ovm3.estate.repositories import Repository

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule

DOCUMENT = "disks"
_METADATA = ".ovsmeta"
_MOST_BYTES = 16 * CHUNK_BYTES  # of such a file; 8,000 disks take about 1 MB


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
    found = parse_recorded(document, DOCUMENT, repository.id)
    return DiskDocument(found.next_version, found.entries, found.error is None), found.error


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
            content = parse_json(_read_whole(module, path))
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


def _read_whole(module: HostModule, path: str) -> bytes:
    """A small file; of a larger one the beginning, which is then no JSON."""
    data = b""
    while len(data) < _MOST_BYTES:
        part = module.read_file(path, len(data), CHUNK_BYTES)
        data += part.data
        if not part.data or len(data) >= part.size_bytes:
            break
    return data


@dataclass(frozen=True)
class RecordedNames:
    """The names that are recorded for files, by ``<repository id>/<path>``.

    :ivar given: those of the documents ``disks``: they were given by ``ex_rename_volume``.
    :ivar simple: those that a Manager recorded.
    """

    given: dict[str, str] = field(default_factory=dict)
    simple: dict[str, str] = field(default_factory=dict)


def read_names(repositories: Sequence[Repository], folder: str) -> tuple[RecordedNames, list[str]]:
    """All names that are recorded for the files of a folder of repositories, and what went wrong.

    Three reads per repository that a host with the host module has mounted; none elsewhere.
    """
    found = RecordedNames()
    errors: list[str] = []
    results = map_hosts(lambda one: _read_names(one, folder), repositories)
    for repository, result in zip(repositories, results, strict=True):
        if isinstance(result, Ovm3Error):
            errors.append(f"repository {repository.id}: names of files cannot be read: {result}")
            continue
        names, more = result
        found.given.update(names.given)
        found.simple.update(names.simple)
        errors += more
    return found, errors


def _read_names(repository: Repository, folder: str) -> tuple[RecordedNames, list[str]]:
    """:raises Ovm3Error: no host with the module could read them."""
    failure: Ovm3Error | None = None
    for host in repository.mounted_on:
        if host.module is None:
            continue
        try:
            simple, errors = read_ovsmeta(host.module, repository, folder)
            document, error = read_disk_document(host.module, repository)
        except Ovm3Error as failed:
            failure = failure or failed
            continue
        given = {f"{repository.id}/{path}": name for path, name in document.names.items()}
        by_id = {f"{repository.id}/{path}": name for path, name in simple.items()}
        return RecordedNames(given, by_id), errors + ([error] if error else [])
    if failure is not None:
        raise failure
    return RecordedNames(), []
