"""A snapshot of a VM: of all its disks at one moment, and of its definition.

It is recorded first, as one that is being made; then its disks are copied, each as a snapshot of a
volume, while the VM is off, or is paused for all of them; then it is recorded as complete. So what
an interrupted one leaves says what it is, and :mod:`.drop_vm_snapshot` removes it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disk_names import (
    CREATING,
    DiskName,
    file_name,
    origin_key,
    require_name,
)
from libcloud_ovm3.estate.disks import disk_path
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.recorded import Recorded
from libcloud_ovm3.estate.repositories import Repository, is_listed, list_whole
from libcloud_ovm3.estate.vm_snapshots import (
    DOCUMENT,
    VMSnapshot,
    VMSnapshotDisk,
    member_uuid,
    read_document,
    to_entry,
)
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations.at_rest import at_rest, require_restable
from libcloud_ovm3.operations.copy_disk import Place, clone_or_copy, may_share_blocks
from libcloud_ovm3.operations.create_image import (
    DEFINITE,
    choose_copier,
    config_of,
    copyable_disk,
)
from libcloud_ovm3.operations.marks import put_mark, remove_mark
from libcloud_ovm3.operations.operation import Operation, new_id
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.operations.record_entry import change_entry, module_that_records
from libcloud_ovm3.operations.snapshot_disk import finish
from libcloud_ovm3.progress import waiting

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule


@dataclass(frozen=True)
class NewVMSnapshot:
    """A snapshot that is to be made.

    :ivar host: copies, by its host module.
    :ivar module: records it.
    :ivar copies: what is copied to where.
    """

    operation: Operation
    snapshot: EstateSnapshot
    vm: VM
    host: HostView
    module: HostModule
    what: VMSnapshot
    copies: tuple[tuple[Place, Place], ...]

    @property
    def left(self) -> tuple[str, ...]:
        """What may be left of it, for errors."""
        paths = [target.path for _, target in self.copies]
        return (self.what.id, *paths, *(f"{path}{CREATING}" for path in paths))


def snapshot_vm(
    estate: Estate, vm_id: str, name: str, pause: bool = False
) -> tuple[VMSnapshot, list[str]]:
    """Make a snapshot of a VM that is off, or paused meanwhile.

    :return: the snapshot, and notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises InvalidArgument: the name cannot be part of a file name, or the VM has physical or
        shared disks.
    :raises PreconditionFailed: the VM is not at rest; or no host that has its disks has the host
        module. Nothing of it is left.
    :raises AgentFault: a host refused; nothing of it is left.
    :raises OperationIncomplete: it was not completed; names what may be left, or paused.
    """
    require_name(name)
    new = _plan(Operation(estate), read_estate(estate), vm_id, name, pause)
    size = "shared blocks" if _shares(new) else "full copies"
    with waiting(f"{new.what.label}: {size} of {len(new.copies)} disks", vm=new.vm.id):
        notices = record(new.operation, new.module, new.what, lambda now: to_entry(new.what))
        try:
            notices += _copy(new)
            done = replace(new.what, creating="")
            notices += record(new.operation, new.module, done, _completing(done))
        except DEFINITE as error:
            _undo(new, error)
            raise
        except Ovm3Error as error:
            raise _incomplete(new, str(error), *_left_of(error)) from error
    if new.vm.live:
        notices.append(
            f"VM {new.vm.label} was paused while its disks were copied: {done.label} has what the "
            f"disks of a machine have whose power was cut"
        )
    return done, notices


def record(
    operation: Operation,
    module: HostModule,
    what: VMSnapshot,
    change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> list[str]:
    """Change what is recorded of the snapshot of a VM; as :func:`.change_entry`."""
    where = (operation, module, what.repository, DOCUMENT, what.id)
    return change_entry(*where, change, f"what is recorded of {what.label}")


def recording_module(repository: Repository) -> HostModule:
    """The host module that records snapshots of VMs, before anything is changed.

    :raises PreconditionFailed: See :func:`.module_that_records`.
    """
    known = read_document(repository) or Recorded()
    return module_that_records(repository, known, "a snapshot of a VM")


def require_copier(host: HostView) -> None:
    """Whether a host can copy disks so that no copy is ever there in part.

    :raises PreconditionFailed: it has no host module.
    """
    if host.module is None:
        raise PreconditionFailed(
            f"snapshots of VMs need the host module, which {host.label} does not have "
            f"(`ovm3 host install`); snapshots of single volumes do not"
        )


# ------------------------------------------------------------------ before anything is made


def _plan(
    operation: Operation, snapshot: EstateSnapshot, vm_id: str, name: str, pause: bool
) -> NewVMSnapshot:
    vm = snapshot.vm(vm_id)
    config = config_of(vm, "no snapshot is made")
    require_restable(snapshot, vm, pause)
    disks = [copyable_disk(snapshot, vm, one) for one in config.disks if not one.is_cdrom]
    if not disks:
        raise PreconditionFailed(
            f"VM {vm.label} has no disks, so no snapshot is made", nodes=[vm.summary]
        )
    own = repository_of(snapshot, vm.definition)
    host = choose_copier(own, [disk.repository for disk in disks], vm)
    require_copier(host)
    module = recording_module(own)
    ident, now = new_id(), datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    copies, members = list[tuple[Place, Place]](), list[VMSnapshotDisk]()
    for number, disk in enumerate(disks):
        volume_id = f"{disk.repository.id}/{disk.path[len(disk.repository.path) + 1 :]}"
        file = file_name(DiskName(name, member_uuid(ident, number), origin_key(volume_id), now))
        target = Place(disk.repository, disk_path(disk.repository, file))
        copies.append((Place(disk.repository, disk.path), target))
        members.append(VMSnapshotDisk(volume_id, f"{disk.repository.id}/VirtualDisks/{file}"))
    what = VMSnapshot(
        id=ident,
        repository=own,
        vm_id=vm.id,
        vm_name=vm.name,
        name=name,
        created=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        config=config,
        disks=tuple(members),
        creating=operation.id,
    )
    return NewVMSnapshot(operation, snapshot, vm, host, module, what, tuple(copies))


def _shares(new: NewVMSnapshot) -> bool:
    return all(may_share_blocks(new.host, a.repository, b.repository) for a, b in new.copies)


# ------------------------------------------------------------------ making it


def _copy(new: NewVMSnapshot) -> list[str]:
    """Copy all disks; a mark beside each copy stays until none of them can be torn."""
    paths = [source.path for source, _ in new.copies]
    with at_rest(new.operation, new.snapshot, new.vm, paths) as notices:
        for source, target in new.copies:
            put_mark(new.operation, new.host, target.repository, target.path + CREATING)
            clone_or_copy(new.operation, new.host, source, target)
    for _, target in new.copies:
        finish(new.operation, new.host, target)
    return notices


def _completing(done: VMSnapshot) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """For :func:`record`: it is complete, unless somebody has removed it meanwhile."""

    def complete(now: Mapping[str, Any]) -> Mapping[str, Any]:
        if not now:
            raise PreconditionFailed(f"{done.label} was deleted while it was made")
        return to_entry(done)

    return complete


def _undo(new: NewVMSnapshot, failed: Ovm3Error) -> None:
    """Remove what was made, after a definite failure; what is recorded of it last.

    :raises OperationIncomplete: something stays; names it.
    """
    try:
        targets = [target for _, target in new.copies]
        remove_made(new.operation, new.host, targets, with_marks=True)
        record(new.operation, new.module, new.what, lambda now: {})
    except Ovm3Error as error:
        raise _incomplete(new, f"{failed}. Undoing it failed too: {error}") from failed


def remove_made(
    operation: Operation, host: HostView, targets: Sequence[Place], with_marks: bool = False
) -> None:
    """Remove files that this operation has made, under names that are nobody else's.

    :raises Ovm3Error: one may be left.
    """
    listings = {one.repository.id: list_whole(host, one.repository.id) for one in targets}
    for one in targets:
        for path in (one.path, one.path + CREATING) if with_marks else (one.path,):
            if is_listed(listings[one.repository.id], path):
                remove_mark(operation, host, one.repository, path)


def _left_of(error: Ovm3Error) -> tuple[str, ...]:
    return error.left if isinstance(error, OperationIncomplete) else ()


def _incomplete(new: NewVMSnapshot, text: str, *more: str) -> OperationIncomplete:
    return new.operation.incomplete(
        f"{new.what.label} was not completed: {text}; ex_delete_node_snapshot({new.what.id!r}) "
        f"removes what is left of it",
        left=tuple(dict.fromkeys((*new.left, *more))),
        host=str(new.host.address),
        nodes=[new.vm.summary],
    )
