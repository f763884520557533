"""Metadata and tags of VMs: what users note down of each, in a document of its repository. Pure.

Neither the agent nor a vm.cfg has a place for them (agent-behaviour 6.1), so they need the host
module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.estate.recorded import Recorded, recorded_in

if TYPE_CHECKING:
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import VM

DOCUMENT = "metadata"


@dataclass(frozen=True)
class VMMetadata:
    """What is recorded of a VM.

    :ivar metadata: Texts by key.
    :ivar tags: In the order in which they were given.
    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    def to_entry(self) -> dict[str, Any]:
        """The entry in the document; empty: there is nothing to record."""
        entry = {"metadata": dict(self.metadata), "tags": list(self.tags)}
        return {key: value for key, value in entry.items() if value}


def recorded_metadata(repository: Repository) -> Recorded:
    """What was read of the document with the repository."""
    document, error = repository.metadata, repository.metadata_error
    return recorded_in(document, error, DOCUMENT, repository.id)


def with_metadata(
    vms: Mapping[str, VM], repositories: Iterable[Repository]
) -> tuple[dict[str, VM], tuple[str, ...]]:
    """The VMs with what is recorded of them, and notices of what could not be read.

    It stays unknown of a VM without a definition or with several, and where no host module brought
    the document of the repository, or it cannot be understood.
    """
    known = {one.key: recorded_metadata(one) for one in repositories if one.metadata is not None}
    notices = [one.error for one in map(recorded_metadata, repositories) if one.error]
    found = {vm_id: replace(vm, metadata=_of(vm, known)) for vm_id, vm in vms.items()}
    return found, tuple(notices)


def _of(vm: VM, known: Mapping[str, Recorded]) -> VMMetadata | None:
    places: Sequence[str] = [one.repository_id for one in vm.definitions]
    document = known.get(undashed(places[0]) or places[0]) if len(places) == 1 else None
    if document is None or (document.error and vm.id not in document.entries):
        return None
    entry = document.entries.get(vm.id, {})
    metadata, tags = entry.get("metadata", {}), entry.get("tags", [])
    if not isinstance(metadata, dict) or not isinstance(tags, list):
        return None
    if not all(isinstance(text, str) for text in (*metadata.values(), *tags)):
        return None
    return VMMetadata(metadata, tuple(tags))
