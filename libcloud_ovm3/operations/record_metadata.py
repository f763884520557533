"""Recording the metadata and the tags of a VM, in a document of its repository."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.address import list_of
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.vm_metadata import DOCUMENT, VMMetadata, recorded_metadata
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.operations.record_entry import (
    NONE_GONE,
    change_entry,
    entries_of_gone,
    forgetting,
    module_that_records,
    replacing,
)

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.estate.members import Estate
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import VM, EstateSnapshot

# As EC2 has it. All VMs of a repository share a document of 1 MiB (docs/host-module.md).
MOST, LONGEST_KEY, LONGEST_VALUE = 50, 128, 256

_WHAT = "the metadata"


def parse_metadata(metadata: Any, tags: Any) -> VMMetadata:
    """What is to be recorded, as users give it.

    :param metadata: A mapping of texts; None or something empty: none.
    :param tags: A list of texts, or one text with commas; likewise.
    :raises InvalidArgument: It is something else, or more than can be recorded; does not name
        values, which may be secrets.
    """
    metadata = metadata or {}
    if not isinstance(metadata, Mapping):
        raise InvalidArgument(
            f"ex_metadata: expected a dict of texts, not one {type(metadata).__name__}"
        )
    if isinstance(tags, str):
        tags = [text.strip() for text in tags.split(",") if text.strip()]
    if tags and isinstance(tags, Mapping):  # as users of other clouds write them
        raise InvalidArgument("ex_tags: expected a list of words; texts by keys are ex_metadata")
    tags = list_of(tags or (), "ex_tags")
    for what, keys in (("ex_metadata", metadata), ("ex_tags", tags)):
        if len(keys) > MOST:
            raise InvalidArgument(f"{what}: {len(keys)} are too many: expected at most {MOST}")
        for key in keys:
            _require_text(f"{what} {key!r}", key, LONGEST_KEY)
    for key, value in metadata.items():
        _require_text(f"the value of ex_metadata {key!r}", value, LONGEST_VALUE, shortest=0)
    return VMMetadata(dict(metadata), tuple(dict.fromkeys(tags)))


def _require_text(what: str, text: Any, longest: int, shortest: int = 1) -> None:
    if not isinstance(text, str) or not shortest <= len(text) <= longest:
        raise InvalidArgument(f"{what}: expected a text of {shortest} to {longest} characters")
    if text != text.strip() or any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise InvalidArgument(
            f"{what}: leading or trailing blanks and control characters are not allowed"
        )


def set_metadata(estate: Estate, vm_id: str, metadata: Any, tags: Any) -> list[str]:
    """Record other metadata, or other tags, of a VM; None: those that it has stay.

    :return: Notices for the user.
    :raises InvalidArgument: One is not what can be recorded; nothing was sent.
    :raises NodeNotFound: There is no such VM.
    :raises Ovm3Error: See :func:`.change_entry`.
    """
    given = parse_metadata(metadata, tags).to_entry()
    wanted = {} if metadata is None else {"metadata": given.get("metadata", {})}
    wanted |= {} if tags is None else {"tags": given.get("tags", [])}
    snapshot = read_estate(estate)
    vm = snapshot.vm(vm_id)
    repository = repository_of(snapshot, vm.definition)
    module = require_metadata_recordable(repository)

    def change(now: Mapping[str, Any]) -> dict[str, Any]:
        return {key: some for key, some in {**now, **wanted}.items() if some}

    gone = entries_of_gone(snapshot, recorded_metadata(repository))
    where = (Operation(estate), module, repository, DOCUMENT, vm.id)
    return change_entry(*where, change, _recorded_of(vm.id), gone)


def require_metadata_recordable(repository: Repository) -> HostModule:
    """The host module that records metadata, before anything is changed.

    :raises PreconditionFailed: See :func:`.module_that_records`.
    """
    return module_that_records(repository, recorded_metadata(repository), _WHAT)


def record_metadata(
    operation: Operation,
    repository: Repository,
    vm_id: str,
    wanted: VMMetadata,
    check: Callable[[], object],
) -> list[str]:
    """Record the metadata and the tags of a VM, instead of what was recorded.

    :param check: As :func:`.replacing` takes it.
    :return: Notices for the user.
    :raises Ovm3Error: See :func:`.change_entry`; or what ``check`` raises.
    """
    module = require_metadata_recordable(repository)
    entry = wanted.to_entry()
    where = (operation, module, repository, DOCUMENT, vm_id)
    return change_entry(*where, replacing(lambda now: entry, check), _recorded_of(vm_id))


def withdraw_metadata(
    operation: Operation,
    repository: Repository,
    vm_id: str,
    recorded: Mapping[str, Any],
    gone: Mapping[str, Mapping[str, Any]] = NONE_GONE,
) -> None:
    """Remove what is recorded of a VM that was deleted; see :func:`.forgetting`.

    :param recorded: The entry.
    :param gone: As :func:`.change_entry` takes it.
    :raises Ovm3Error: See :func:`.change_entry`.
    """
    module = require_metadata_recordable(repository)
    where = (operation, module, repository, DOCUMENT, vm_id)
    forget = forgetting(repository, vm_id, recorded)
    change_entry(*where, forget, _recorded_of(vm_id), gone)


def forget_metadata(operation: Operation, snapshot: EstateSnapshot, vm: VM) -> list[str]:
    """Remove what was recorded of a VM that was destroyed; no call, if nothing was.

    :return: A notice, if it could not be removed, or may be there although the host module, which
        could tell, is not used or could not read it.
    """
    notices = []
    for definition in vm.definitions:
        repository = snapshot.repository(definition.repository_id)
        if repository is not None and repository.metadata is None:
            if repository.metadata_error or not operation.estate.use_module:
                notices.append(
                    f"VM {vm.label}: what may be recorded of it in repository {repository.id} "
                    f"(metadata, tags, addresses) could not be read, and stays until destroy_node "
                    f"or ex_set_metadata of another node removes it through the host module"
                )
            continue
        if repository is None or vm.id not in recorded_metadata(repository).entries:
            continue
        known = recorded_metadata(repository)
        try:
            gone = entries_of_gone(snapshot, known)
            withdraw_metadata(operation, repository, vm.id, known.entries[vm.id], gone)
        except Ovm3Error as error:
            notices.append(f"VM {vm.label}: its metadata may still be recorded: {error}")
    return notices


def _recorded_of(vm_id: str) -> str:
    return f"what is recorded of {_WHAT} of VM {vm_id}"
