"""Reverting a volume to one of its snapshots: the old content stays until the new is complete.

The snapshot is copied to a temporary file beside the volume: a volume of its own, marked as
unfinished, so that what is left of it can be destroyed as one. Then the volume is set aside, the
temporary file gets its path, and only then the old content is deleted. Neither of these steps
overwrites anything, so at every moment either the old or the new content is at the path, or the old
one is set aside, from where it can be put back (:mod:`.put_back`).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.disk_names import CREATING, DiskName, file_name, origin_key
from libcloud_ovm3.estate.disks import disk_path
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.estate.volumes import Snapshot, Volume, VolumeList, read_volumes
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.copy_disk import Place, choose_host, clone_or_copy
from libcloud_ovm3.operations.delete_files import is_aside, put_back_file, set_aside_file
from libcloud_ovm3.operations.idle_disk import require_idle
from libcloud_ovm3.operations.marks import put_mark, remove_mark
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.presence import before_second_look
from libcloud_ovm3.operations.snapshot_disk import require_file

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule


def revert_disk(estate: Estate, volume_id: str, snapshot_id: str) -> None:
    """Give a volume the content of one of its snapshots. Its current content is lost.

    :raises VolumeNotFound: there is no such volume, or no such snapshot.
    :raises InvalidArgument: it is not a snapshot of this volume.
    :raises PreconditionFailed: the volume is in use, or may be; one of the two is not complete; or
        no host with the host module has the repository mounted. The volume is as it was.
    :raises AgentFault: a host refused; the volume is as it was.
    :raises OperationIncomplete: it was not completed; names what may be left, and where the old
        content is.
    """
    operation = Operation(estate)
    found = read_volumes(estate)
    volume, snapshot = found.volume(volume_id), found.snapshot(snapshot_id)
    repository = require_file(volume).repository
    host, module = _require_revertible(volume, snapshot, repository)
    _require_nobody_s(found, volume)
    require_idle(estate, found.estate, volume.path, volume.label)
    if volume.attachments:
        vm = volume.attachments[0].vm
        before_second_look(estate, vm.name, vm.id)
        _require_idle_now(operation, volume)
    name = file_name(DiskName("revert", uuid.uuid4().hex, origin_key(volume.id)))
    new = Place(repository, disk_path(repository, name))
    _copy(operation, host, volume, snapshot, new)
    try:
        _require_idle_now(operation, volume)
        set_aside_file(operation, module, repository, volume.path)
    except OperationIncomplete as error:  # it may still be set aside
        raise _incomplete(operation, host, str(error), *error.left, *_both(new)) from error
    except Ovm3Error as error:
        _remove_new(operation, host, new, error)
        raise
    _put_in_place(operation, host, module, volume, new)
    _clean_up(operation, host, module, volume, new)


def _require_revertible(
    volume: Volume, snapshot: Snapshot, repository: Repository
) -> tuple[HostView, HostModule]:
    """The host that does it, and its module."""
    if snapshot.origin_key != origin_key(volume.id):
        raise InvalidArgument(
            f"{snapshot.label} is not a snapshot of {volume.label}, but of "
            f"{snapshot.volume_id or 'a volume that is gone'}"
        )
    if snapshot.file.is_creating:
        raise PreconditionFailed(f"{snapshot.label} is not complete: its copy was not finished")
    host = choose_host(snapshot.file.repository, repository)
    if host.module is None:
        raise PreconditionFailed(
            f"{volume.label} cannot be reverted: no host with the host module has its repository "
            f"mounted, and without it no file can take the place of another one safely. Create a "
            f"volume from the snapshot and attach that instead"
        )
    return host, host.module


def _require_nobody_s(found: VolumeList, volume: Volume) -> None:
    """Check that no template would change with it; what is not understood may be one."""
    names = ", ".join(volume.named_by)
    why = f"it belongs to {names}" if names else "; ".join(found.usage.unread)
    if why:
        raise PreconditionFailed(f"{volume.label} was left unchanged: {why}")


def _require_idle_now(operation: Operation, volume: Volume) -> None:
    require_idle(operation.estate, read_estate(operation.estate), volume.path, volume.label)


def _incomplete(operation: Operation, host: HostView, text: str, *left: str) -> OperationIncomplete:
    return operation.incomplete(text, left=tuple(dict.fromkeys(left)), host=str(host.address))


def _both(new: Place) -> tuple[str, str]:
    """The temporary file and its mark."""
    return new.path, new.path + CREATING


def _copy(
    operation: Operation, host: HostView, volume: Volume, snapshot: Snapshot, new: Place
) -> None:
    """Copy the snapshot to the temporary file, which is marked as unfinished until the end."""
    source = Place(snapshot.file.repository, snapshot.file.path)
    put_mark(operation, host, new.repository, new.path + CREATING)
    try:
        clone_or_copy(operation, host, source, new)
    except OperationIncomplete as error:
        text = (
            f"{volume.label} was not reverted and is as it was: {error}; destroy_volume removes "
            f"what is left of the copy of {snapshot.label}"
        )
        raise _incomplete(operation, host, text, *error.left, *_both(new)) from error
    except Ovm3Error as error:
        _remove_new(operation, host, new, error)
        raise


def _remove_new(operation: Operation, host: HostView, new: Place, failed: Ovm3Error) -> None:
    """Remove the temporary file and its mark after a failure; nobody can use it.

    :raises OperationIncomplete: they may be left; has the failure too.
    """
    try:
        for path in _both(new):
            remove_mark(operation, host, new.repository, path)
    except OperationIncomplete as error:
        raise _incomplete(operation, host, f"{failed}; {error}", *_both(new)) from failed


def _put_in_place(
    operation: Operation, host: HostView, module: HostModule, volume: Volume, new: Place
) -> None:
    """Give the new content the path that is free now, or put the old content back.

    :raises PreconditionFailed: the volume was in use when it was set aside; it is back.
    :raises AgentFault: the host refused; the old content is back.
    :raises OperationIncomplete: what is at the path is unknown; the old content is kept.
    """
    failed: Ovm3Error
    try:
        _require_idle_now(operation, volume)  # a VM may have been started right before
        doors.rename_file(operation, module, new.path, volume.path)
        return
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
        if _is_in_place(operation, host, module, volume, new, error):
            return
    except Ovm3Error as error:
        failed = error
    try:
        put_back_file(operation, module, new.repository, volume.path)
    except Ovm3Error as error:
        raise _incomplete(
            operation,
            host,
            f"{volume.label}: {failed}; its old content is set aside, and putting it back failed: "
            f"{error}. ex_put_back({volume.path!r}, {operation.id!r}) restores it",
            volume.path,
            *_both(new),
        ) from error
    _remove_new(operation, host, new, failed)
    if isinstance(failed, AgentFault):
        raise failed.with_state(f"{volume.label} has its old content") from failed
    if isinstance(failed, OutcomeUnknown):
        text = f"{volume.label} has its old content, which was put back: {failed}"
        raise _incomplete(operation, host, text, volume.path) from failed
    raise failed


def _is_in_place(
    operation: Operation,
    host: HostView,
    module: HostModule,
    volume: Volume,
    new: Place,
    failed: Ovm3Error,
) -> bool:
    """Whether the new content is at the path, after the request for it has failed.

    :raises OperationIncomplete: that cannot be read.
    """
    try:
        at_path, at_new = module.identify([volume.path, new.path])
    except Ovm3Error as error:
        raise _unclear(operation, host, volume, new, f"{failed}; {error}") from failed
    if at_path.error or at_new.error:
        why = at_path.error or at_new.error
        raise _unclear(operation, host, volume, new, f"{failed}; {why}") from failed
    if at_path.is_missing:
        return False
    if not at_new.is_missing:
        if not at_path.is_same_file(at_new):  # somebody has put another file there
            raise _unclear(operation, host, volume, new, f"{failed}; another file is at its path")
        _remove_second_name(operation, host, volume, new)
    return True


def _remove_second_name(operation: Operation, host: HostView, volume: Volume, new: Place) -> None:
    """The new content has its path, and still its temporary name.

    :raises OperationIncomplete: it may keep both.
    """
    try:
        remove_mark(operation, host, new.repository, new.path)
    except OperationIncomplete as error:
        raise _unclear(operation, host, volume, new, str(error)) from error


def _unclear(
    operation: Operation, host: HostView, volume: Volume, new: Place, why: str
) -> OperationIncomplete:
    text = (
        f"{volume.label}: which content is at its path is unknown: {why}. Its old content is set "
        f"aside: ex_put_back({volume.path!r}, {operation.id!r}) restores it if nothing is there"
    )
    return _incomplete(operation, host, text, volume.path, *_both(new))


def _clean_up(
    operation: Operation, host: HostView, module: HostModule, volume: Volume, new: Place
) -> None:
    """Delete the old content, which is set aside, and the mark.

    :raises OperationIncomplete: one of them is, or may be, left; the volume has the new content.
    """
    errors: list[Ovm3Error] = []
    try:
        doors.delete_aside(operation, module, volume.path)
    except Ovm3Error as failed:
        try:
            if is_aside(operation, module, new.repository, volume.path, failed):
                errors.append(failed)
        except OperationIncomplete as error:
            errors.append(error)
    left: tuple[str, ...] = (volume.path,) if errors else ()
    try:
        remove_mark(operation, host, new.repository, new.path + CREATING)
    except OperationIncomplete as error:
        errors.append(error)
        left += error.left
    if errors:
        text = "; ".join(map(str, errors))
        raise _incomplete(
            operation,
            host,
            f"{volume.label} has the content of the snapshot; what was to be removed then may be "
            f"left (its old content, set aside, or the mark {new.path}{CREATING}): {text}",
            *left,
        ) from errors[0]
