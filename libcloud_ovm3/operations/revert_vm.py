"""Reverting a VM to one of its snapshots: all disks and the definition, or nothing.

The snapshots of its disks are copied to new files; then one change of its vm.cfg gives it all of
them, and the settings of that moment; then its old disks are deleted. So at every moment the VM is
whole: it has the old disks or the new ones. What is being done is recorded before it begins: so
what an interrupted one leaves says what it is, and another call ends it (``take_over``).
"""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.config import VMConfig, format_disk
from libcloud_ovm3.agent.disk import DiskEntry
from libcloud_ovm3.agent.seed_files import vm_of
from libcloud_ovm3.errors import (
    InvalidArgument,
    NodeNotFound,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.attachments import comparable_id, key_of_path
from libcloud_ovm3.estate.disk_names import DiskName, file_name, origin_key, parse_file_name
from libcloud_ovm3.estate.disks import disk_path, name_has_uuid
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, is_listed
from libcloud_ovm3.estate.vm_snapshots import (
    VMSnapshot,
    VMSnapshotList,
    read_vm_snapshots,
    to_entry,
)
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations.at_rest import at_rest, require_restable
from libcloud_ovm3.operations.copy_disk import Place, clone_or_copy
from libcloud_ovm3.operations.create_image import (
    DEFINITE,
    choose_copier,
    config_of,
    copyable_disk,
)
from libcloud_ovm3.operations.destroy_snapshot import delete_disk
from libcloud_ovm3.operations.device_changes import change_devices, require_done, target_of
from libcloud_ovm3.operations.end_reversal import end_reversals, ended, made_of
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.operations.snapshot_vm import (
    record,
    recording_module,
    remove_made,
    require_copier,
)
from libcloud_ovm3.operations.template import TemplateDisk, new_file_name
from libcloud_ovm3.progress import waiting

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule

# What stays as it is now: which VM it is, and what only this moment knows.
_HA = "OVM_high_availability"
_STAYS = ("uuid", "name", "OVM_simple_name", _HA)


@dataclass(frozen=True)
class Reversal:
    """What is to be done.

    :ivar host: copies, by its host module.
    :ivar copies: what is copied to where, in the order of the disks of the snapshot.
    :ivar config: the vm.cfg that the VM gets.
    :ivar old: its disks that are deleted then.
    :ivar known: all snapshots of VMs.
    """

    operation: Operation
    snapshot: EstateSnapshot
    vm: VM
    what: VMSnapshot
    host: HostView
    module: HostModule
    copies: tuple[tuple[Place, Place], ...]
    config: VMConfig
    old: tuple[TemplateDisk, ...]
    known: VMSnapshotList

    @property
    def new(self) -> tuple[str, ...]:
        """The paths of its new disks."""
        return tuple(target.path for _, target in self.copies)

    @property
    def recorded(self) -> dict[str, Any]:
        """What is recorded while it goes on."""
        old = [disk.path for disk in self.old]
        return {"operation": self.operation.id, "new": list(self.new), "old": old}


def revert_vm(estate: Estate, vm_id: str, snapshot_id: str, take_over: bool = False) -> list[str]:
    """Give a VM the disks and the settings of one of its snapshots. Its disks' content is lost.

    :param take_over: whether to end what an interrupted call has left; the user says that no
        client is at it.
    :return: notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises VolumeNotFound: there is no such snapshot.
    :raises InvalidArgument: it is one of another VM.
    :raises PreconditionFailed: the VM is not stopped, or may be live; the snapshot is not complete;
        another client reverts to it. The VM is as it was.
    :raises AgentFault: a host refused; the VM is as it was.
    :raises OperationIncomplete: it was not completed; says which disks the VM has, and names what
        may be left.
    """
    operation, notices = Operation(estate), list[str]()
    snapshot = read_estate(estate)
    vm = snapshot.vm(vm_id)
    known = read_vm_snapshots(snapshot)
    what = _usable(snapshot, vm, known.snapshot(snapshot_id))
    if end_reversals(operation, snapshot, vm, known, take_over, notices):
        snapshot = read_estate(estate)
        vm, known = snapshot.vm(vm_id), read_vm_snapshots(snapshot)
        what = _usable(snapshot, vm, known.snapshot(snapshot_id))
    plan = _plan(operation, snapshot, vm, what, known, notices)
    with waiting(f"reverting VM {vm.name!r} to {what.name!r}", vm=vm.id):
        notices += record(operation, plan.module, what, _reverting(plan))
        try:
            _switch(plan, notices)
        except (*DEFINITE, NodeNotFound) as error:  # the latter: destroyed meanwhile
            _undo(plan, error)
            raise
        except Ovm3Error as error:
            raise _incomplete(plan, str(error), error) from error
        _delete_old(plan)
    return notices


# ------------------------------------------------------------------ before anything is made


def _usable(snapshot: EstateSnapshot, vm: VM, what: VMSnapshot) -> VMSnapshot:
    if what.vm_id != vm.id:
        raise InvalidArgument(f"{what.label} is not one of VM {vm.label}")
    if what.creating:
        raise PreconditionFailed(f"{what.label} is not complete: it is being made, or was left so")
    if what.missing:
        raise PreconditionFailed(
            f"{what.label} cannot be used: {', '.join(what.missing)} is not there"
        )
    require_restable(snapshot, vm, pause=False)
    return what


def _plan(
    operation: Operation,
    snapshot: EstateSnapshot,
    vm: VM,
    what: VMSnapshot,
    known: VMSnapshotList,
    notices: list[str],
) -> Reversal:
    current = config_of(vm, "it was not reverted")
    own = repository_of(snapshot, vm.definition)
    sources = [_place(snapshot, disk.snapshot_id) for disk in what.disks]
    host = choose_copier(own, [one.repository for one in sources])
    require_copier(host)
    targets = [
        Place(source.repository, _new_path(vm, what, operation, number, source.repository))
        for number, source in enumerate(sources)
    ]
    paths = iter(targets)
    entries = [
        _drive(snapshot, current, entry, notices)
        if entry.is_cdrom
        else format_disk(replace(entry, location=next(paths).path))
        for entry in what.config.disks
    ]
    stays = {key: current.values[key] for key in _STAYS if key in current.values}
    if _HA in what.config.values:  # whoever sets it starts the VM, too: never this package
        stays.setdefault(_HA, False)
    more = sorted(current.values.keys() - what.config.values.keys())
    if more:
        notices.append(f"VM {vm.label} keeps options that it had not then: {', '.join(more)}")
    config = current.changed(**{**what.config.values, **stays, "disk": entries})
    disks = [disk for disk in current.disks if not disk.is_cdrom]
    unclear = [disk.text for disk in disks if not disk.is_understood]
    if unclear:
        raise PreconditionFailed(
            f"VM {vm.label} was not reverted: the meaning of an entry in its vm.cfg is unclear, "
            f"and it would be lost: {', '.join(map(repr, unclear))}",
            nodes=[vm.summary],
        )
    replaced = [disk for disk in disks if _is_replaced(what, known, disk)]
    old = [copyable_disk(snapshot, vm, disk) for disk in replaced]
    notices += [
        f"{disk.path} is detached from VM {vm.label}, and kept: it is not in the snapshot"
        for disk in disks
        if disk not in replaced
    ]
    module = recording_module(what.repository)
    where = (operation, snapshot, vm, what, host, module)
    copies = tuple(zip(sources, targets, strict=True))
    return Reversal(*where, copies, config, tuple(old), known)


def _place(snapshot: EstateSnapshot, file_id: str) -> Place:
    repository_id, _, path = file_id.partition("/")
    repository = snapshot.repository(repository_id)
    if repository is None:
        raise PreconditionFailed(f"{file_id} is in no repository that could be read")
    return Place(repository, f"{repository.path}/{path}")


def _new_path(
    vm: VM, what: VMSnapshot, operation: Operation, number: int, repository: Repository
) -> str:
    """The path of a new disk: of one of the VM's own, which go with it, it has its uuid; else it is
    a volume that was made of the one which it replaces."""
    volume_id = what.disks[number].volume_id
    name = posixpath.basename(volume_id)
    mark = parse_file_name(name)
    if mark is None and name_has_uuid(name, vm.id):
        begin = f"{vm.id.replace('-', '')}-{operation.id}"
        return disk_path(repository, new_file_name(begin, number, name))
    text = mark.name if mark else posixpath.splitext(name)[0]
    new = DiskName(text, uuid.uuid4().hex, origin_key(volume_id))
    return disk_path(repository, file_name(new))


def _is_replaced(what: VMSnapshot, known: VMSnapshotList, disk: DiskEntry) -> bool:
    """Whether a disk that the VM has now is one that the snapshot has another content of: the same
    file, or one that a reversal has made in its place. At the same device may be another disk."""
    if disk.is_physical or disk.is_shared or not disk.path or not disk.repository_id:
        return False
    origins = known.made_for(what.vm_id)
    own = key_of_path(disk.path)
    theirs = [comparable_id(one.volume_id) for one in what.disks]
    return own in theirs or origins.get(own, own) in [origins.get(one, one) for one in theirs]


def _drive(
    snapshot: EstateSnapshot, current: VMConfig, entry: DiskEntry, notices: list[str]
) -> str:
    """A CD drive with its medium, if that is still there."""
    repository = snapshot.repository(entry.repository_id) if entry.repository_id else None
    if not entry.path or entry.text in (one.text for one in current.disks):
        return entry.text
    is_there = (
        repository is not None
        and repository.content is not None
        and vm_of(entry.path) is None
        and is_listed(repository.content, entry.path)
    )
    if is_there:
        return entry.text
    notices.append(f"the CD drive {entry.device} is empty: {entry.path} is not there any more")
    return format_disk(replace(entry, scheme="", location=""))


# ------------------------------------------------------------------ doing it


def _reverting(plan: Reversal) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """For :func:`.record`: this operation reverts, and no other."""

    def begin(now: Mapping[str, Any]) -> Mapping[str, Any]:
        own = {**to_entry(plan.what), "reverting": plan.recorded}
        if now not in (to_entry(plan.what), own):
            raise PreconditionFailed(
                f"{plan.what.label} was deleted meanwhile, or another client reverts to it"
            )
        return own

    return begin


def _still(plan: Reversal) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """For :func:`.record`, which changes nothing: another client may have taken over, and removed
    the new disks."""

    def look(now: Mapping[str, Any]) -> Mapping[str, Any]:
        if now.get("reverting") != plan.recorded:
            raise PreconditionFailed(
                f"{plan.what.label} was deleted meanwhile, or another client reverts to it"
            )
        return now

    return look


def _switch(plan: Reversal, notices: list[str]) -> None:
    """Make the new disks, and give them to the VM, by one change of its vm.cfg.

    :raises OperationIncomplete: which disks it has, or will have, is unknown.
    """
    with at_rest(plan.operation, plan.snapshot, plan.vm, [disk.path for disk in plan.old]):
        for source, target in plan.copies:
            pending = replace(target, is_pending=True)
            clone_or_copy(plan.operation, plan.host, source, pending)
    record(plan.operation, plan.module, plan.what, _still(plan))
    names = {posixpath.basename(path) for path in plan.new}

    def shows(domain: Domain) -> bool:
        return names <= set(domain.files)

    changed = target_of(plan.operation, plan.snapshot, plan.vm.id, "disks and settings")
    outcome = change_devices(changed, lambda now: plan.config, shows, notices)
    require_done(changed, outcome, f"reverting to {plan.what.label}", plan.new)


def _undo(plan: Reversal, failed: Ovm3Error) -> None:
    """Remove the new disks after a definite failure: the VM has its old ones.

    :raises OperationIncomplete: something stays; names it.
    """
    try:
        remove_made(plan.operation, plan.host, [target for _, target in plan.copies])
        end = ended(plan.operation.id, None, plan.known)
        record(plan.operation, plan.module, plan.what, end)
    except Ovm3Error as error:
        text = f"{failed}. It was not changed. Undoing the rest failed too: {error}"
        raise _incomplete(plan, text, error) from failed


def _delete_old(plan: Reversal) -> None:
    """Delete what it had, after looking once more who uses it; then forget the operation.

    :raises OperationIncomplete: some of it is left, or what is recorded.
    """
    failed: dict[str, Ovm3Error] = {}
    for disk in plan.old:
        try:
            snapshot = read_estate(plan.operation.estate)
            delete_disk(plan.operation, snapshot, disk.repository, disk.path, disk.path)
        except Ovm3Error as error:
            failed[disk.path] = error
    try:
        made = made_of(plan.what, plan.new, plan.known)
        end = ended(plan.operation.id, made, plan.known)
        record(plan.operation, plan.module, plan.what, end)
    except Ovm3Error as error:
        failed[plan.what.id] = error
    if failed:
        text = "; ".join(f"{path}: {error}" for path, error in failed.items())
        raise plan.operation.incomplete(
            f"VM {plan.vm.label} was reverted to {plan.what.label}; not everything of before is "
            f"removed: {text}. destroy_volume deletes an old disk that is left",
            left=tuple(failed),
            nodes=[plan.vm.summary],
        )


def _incomplete(plan: Reversal, text: str, error: Ovm3Error) -> OperationIncomplete:
    theirs = error.left if isinstance(error, OperationIncomplete) else ()
    old = tuple(disk.path for disk in plan.old)
    return plan.operation.incomplete(
        f"reverting VM {plan.vm.label} to {plan.what.label} was not completed: {text}. Its vm.cfg "
        f"names the disks that it has, all old or all new; ex_revert_node_snapshot with "
        f"ex_take_over=True removes the others, and begins anew",
        left=tuple(dict.fromkeys((plan.what.id, *plan.new, *old, *theirs))),
        host=str(plan.host.address),
        nodes=[plan.vm.summary],
    )
