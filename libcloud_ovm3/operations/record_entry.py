"""Changing what a document of a repository records of one VM; what it says of others stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disks import disk_usage
from libcloud_ovm3.estate.recorded import Recorded, parse_recorded, to_document
from libcloud_ovm3.estate.repositories import list_whole
from libcloud_ovm3.operations.change_document import change_document

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import EstateSnapshot
    from libcloud_ovm3.operations.operation import Operation

NONE_GONE: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


def module_for(repository: Repository) -> HostModule | None:
    """A host module (API 3) that can record something in a repository; None: there is none."""
    modules = (host.module3 for host in repository.mounted_on)
    return next((one for one in modules if one is not None), None)


def module_that_records(repository: Repository, known: Recorded, what: str) -> HostModule:
    """The host module that can record something in a repository, before anything is changed.

    :param known: What was read of the document with the repository.
    :param what: What is to be recorded, for messages.
    :raises PreconditionFailed: No host that has it mounted has the host module (API 3), or the
        document was written by a newer version of this package.
    """
    module = module_for(repository)
    if module is None:
        raise PreconditionFailed(
            f"{what} cannot be recorded in repository {repository.id}: no host that has it mounted "
            f"has the host module (API 3; `ovm3 host install`)"
        )
    _require_writable(known, what)
    return module


def entries_of_gone(snapshot: EstateSnapshot, known: Recorded) -> Mapping[str, Mapping[str, Any]]:
    """What is recorded of VMs that are gone: a client was killed while it destroyed one, or had no
    host module. None, while anything could not be read that may be one of them; what is not
    recorded by the id of a VM stays.

    :param known: What was read of the document with the estate.
    """
    if disk_usage(snapshot, ()).unread:
        return {}
    ids = {key for key in known.entries if dashed(key) == key}
    return {key: known.entries[key] for key in ids if key not in snapshot.vms}


def forgetting(
    repository: Repository, vm_id: str, recorded: Mapping[str, Any]
) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """For :func:`change_entry`: nothing is recorded of a VM that was deleted any more. What is
    recorded of one that an idempotency key has made again meanwhile stays.

    :param recorded: What was recorded of it before it was deleted.
    """

    def forget(now: Mapping[str, Any]) -> Mapping[str, Any]:
        is_its = bool(now) and now == recorded
        return {} if is_its and undashed(vm_id) not in _defined_in(repository) else now

    return forget


def replacing(
    change: Callable[[Mapping[str, Any]], Mapping[str, Any]], check: Callable[[], object]
) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """For :func:`change_entry`: the same, but what is recorded already may be another client's.

    :param check: Called before that is replaced; it raises if the VM is another client's by now.
    """

    def checked(now: Mapping[str, Any]) -> Mapping[str, Any]:
        own = change(now)
        if now and own != now:
            check()
        return own

    return checked


def change_entry(
    operation: Operation,
    module: HostModule,
    repository: Repository,
    name: str,
    vm_id: str,
    change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    what: str,
    gone: Mapping[str, Mapping[str, Any]] = NONE_GONE,
) -> list[str]:
    """Change what the document of this name says of a VM.

    :param change: Makes the new entry of the present one; empty: nothing is recorded.
    :param what: What is recorded of it, for messages.
    :param gone: See :func:`entries_of_gone`; where the document still says that, it is dropped.
    :return: A notice, if it was written although the call failed.
    :raises PreconditionFailed: A newer version of this package has written it, or other clients
        write all the time.
    :raises AgentFault: The host refused; what is recorded is as it was.
    :raises OperationIncomplete: Whether it was recorded is unknown.
    """

    def next_content() -> tuple[int, bytes] | None:
        document = parse_recorded(module.read_document(repository.path, name), name, repository.id)
        _require_writable(document, what)
        now = document.entries.get(vm_id, {})
        own = change(now)
        if own == now:
            return None
        old = [key for key, entry in gone.items() if document.entries.get(key) == entry]
        out = {vm_id, *_still_gone(repository, old)}
        entries = {key: entry for key, entry in document.entries.items() if key not in out}
        return document.next_version, to_document(name, entries | ({vm_id: own} if own else {}))

    return change_document(operation, module, repository, name, next_content, what, (vm_id,))


def _still_gone(repository: Repository, vm_ids: Sequence[str]) -> list[str]:
    """Those that were not defined meanwhile: an idempotency key gives an id again."""
    try:
        there = _defined_in(repository) if vm_ids else set()
    except Ovm3Error:
        return []
    return [one for one in vm_ids if undashed(one) not in there]


def _defined_in(repository: Repository) -> set[str | None]:
    """The ids of the VMs that have a definition in a repository now."""
    content = list_whole(repository.mounted_on[0], repository.id)
    return {undashed(folder.name) for folder in content.virtual_machines}


def _require_writable(document: Recorded, what: str) -> None:
    if document.error:
        raise PreconditionFailed(f"{what} cannot be recorded: {document.error}")
