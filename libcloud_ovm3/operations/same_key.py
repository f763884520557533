"""The node of an idempotency key: its id, and whether it is there already. Sends nothing."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import (
    InvalidArgument,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.estate.disk_files import DiskFile, sized
from libcloud_ovm3.estate.disks import disk_path
from libcloud_ovm3.estate.seeds import read_seeds
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.progress import waiting

if TYPE_CHECKING:
    from libcloud_ovm3.estate.members import Estate
    from libcloud_ovm3.operations.vm_spec import VMSpec

KEY_LIMIT = 60.0  # seconds for another client with the key to complete the node
KEY_POLL = 5.0

_NODES = uuid.UUID("3b7c0c52-6f0e-4f5b-9b60-2f1d6a1c9e47")
_NODES_VERSION = 5  # no other id that this package, or a Manager, gives to a VM is of it


class MadeByAnother(PreconditionFailed):
    """Another client with the same key was first; this one has nothing left. Never a user's."""


def vm_id_of(key: str) -> str:
    """The dashed uuid of the node of a key: the same for all clients, at any time."""
    return str(uuid.uuid5(_NODES, key))


def is_of_key(vm_id: str) -> bool:
    """Whether an id is made of a key, so that another VM may have it one day. Pure."""
    return dashed(vm_id) is not None and uuid.UUID(vm_id).version == _NODES_VERSION


def require_unused(snapshot: EstateSnapshot, spec: VMSpec) -> None:
    """Check that there is no node of the key, when its creation begins.

    :raises MadeByAnother: there is one by now.
    :raises SearchIncomplete: there may be one, in what could not be read.
    """
    vm_id = vm_id_of(spec.key)
    if vm_id in snapshot.vms:
        raise MadeByAnother(f"node {vm_id} of ex_idempotency_key {spec.key!r} is there by now")
    unread = snapshot.errors() + [host.unread for host in snapshot.hosts_off]
    if unread:
        raise SearchIncomplete(
            f"whether there is a node of ex_idempotency_key {spec.key!r} already ({vm_id}) is "
            f"unknown: {'; '.join(unread)}. Nothing was created"
        )


def find_node(estate: Estate, spec: VMSpec) -> tuple[VM, EstateSnapshot] | None:
    """The node of a key, as it is. One that is being created gets some time to be completed.

    :return: it, and the reading that has it; None: there is none, as far as could be read.
    :raises InvalidArgument: it has another name.
    :raises PreconditionFailed: it is there, and its name cannot be read, or it has several
        definitions.
    :raises OperationIncomplete: its creation has not ended; says what to do.
    """
    vm_id, clock = vm_id_of(spec.key), estate.clock
    deadline = clock.now() + KEY_LIMIT
    text = f"VM {spec.name!r} is being created, with the same ex_idempotency_key: waiting for that"
    vm, snapshot, is_begun = _look(estate, spec)
    if is_begun:
        with waiting(text, vm=vm_id, limit=KEY_LIMIT):
            while is_begun:
                clock.sleep(KEY_POLL)
                vm, snapshot, is_begun = _look(estate, spec, is_last=clock.now() >= deadline)
    return None if vm is None else (vm, snapshot)


def _look(
    estate: Estate, spec: VMSpec, is_last: bool = False
) -> tuple[VM | None, EstateSnapshot, bool]:
    """Read the node of a key once.

    :param is_last: it is not waited for any longer.
    :return: it, the reading that has it, and whether its creation has not ended.

    What is raised: as by :func:`find_node`.
    """
    snapshot = read_estate(estate)
    vm = snapshot.vms.get(vm_id_of(spec.key))
    if vm is None:
        return None, snapshot, False
    _require_name(vm, spec)
    several = len(vm.definitions) > 1
    is_begun = vm.state is State.PENDING
    is_begun |= several and any(one.is_creating for one in vm.definitions)
    is_begun &= not vm.live
    if several and (not is_begun or is_last):
        raise _in_several_places(vm, spec)
    if is_begun and is_last:
        raise _unfinished(snapshot, vm, spec)
    return vm, snapshot, is_begun


def first_disk_bytes(snapshot: EstateSnapshot, vm: VM) -> int | None:
    """The size of the first disk of a VM; None: it cannot be read."""
    entries = [one for one in vm.definitions[0].disks if one.path and not one.is_cdrom]
    first = entries[0] if entries else None
    repository = snapshot.repository(first.repository_id or "") if first is not None else None
    if first is None or first.path is None or repository is None:
        return None
    try:
        return sized(DiskFile(repository, first.path)).size_bytes
    except Ovm3Error:
        return None


def _require_name(vm: VM, spec: VMSpec) -> None:
    if not any(one.config for one in vm.definitions):
        raise PreconditionFailed(
            f"node {vm.id} of ex_idempotency_key {spec.key!r} is there ({vm.where()}), and whether "
            f"it is {spec.name!r} cannot be read. Nothing was created",
            nodes=[vm.summary],
        )
    if vm.name != spec.name:
        raise InvalidArgument(
            f"ex_idempotency_key {spec.key!r}: the VM of this key, {vm.id}, is named "
            f"{vm.name!r}, not {spec.name!r}; use another key for another VM",
            nodes=[vm.summary],
        )


def _in_several_places(vm: VM, spec: VMSpec) -> PreconditionFailed:
    """The error for one that clients have begun in two repositories, of which none gives way now:
    they were killed, or did not see each other's repository."""
    return PreconditionFailed(
        f"VM {vm.label} of ex_idempotency_key {spec.key!r} has several definitions: {vm.where()}. "
        f"Nothing was created. Look at each, remove on its host what is not wanted; call again",
        nodes=[vm.summary],
    )


def _unfinished(snapshot: EstateSnapshot, vm: VM, spec: VMSpec) -> OperationIncomplete:
    """The error for one whose creation has not ended: whether its client still lives is unknown."""
    definition = vm.definition
    repository = snapshot.repository(definition.repository_id)
    names = definition.unfinished_disks
    disks = [disk_path(repository, name) for name in names] if repository else []
    seeds = [one.path for one in read_seeds(snapshot) if one.file.vm_id == vm.id]
    its_seed = f" and its seed {', '.join(seeds)}" if seeds else ""
    return OperationIncomplete(
        f"VM {vm.label} of ex_idempotency_key {spec.key!r} is not complete: "
        f"{definition.get_text('OVM_description')!r}. If the client of that operation still runs, "
        f"call again later. If it does not, this is what it has left: destroy_node({vm.id!r}) "
        f"removes it and its disk {', '.join(disks) or '(none)'}{its_seed}; then call again with "
        f"this key",
        left=(vm.id, *disks, *seeds),
        nodes=[vm.summary],
    )
