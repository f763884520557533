"""A snapshot of a volume: a full copy of the file while nobody writes to it.

A mark stands beside the copy from before its beginning until it has been shown that nobody can have
written to the volume meanwhile. So whatever interrupts this, the snapshot that it leaves is not
taken for a good one (its state is ``creating``), and can be destroyed.
"""

from __future__ import annotations

import datetime
import uuid

from libcloud_ovm3.errors import (
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.disk_files import DiskFile
from libcloud_ovm3.estate.disk_names import (
    CREATING,
    DiskName,
    file_name,
    origin_key,
    snapshot_name,
)
from libcloud_ovm3.estate.disks import disk_path
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.estate.volumes import Snapshot, Volume, VolumeList, read_volumes
from libcloud_ovm3.operations.copy_disk import Place, choose_host, clone_or_copy
from libcloud_ovm3.operations.destroy_snapshot import delete_disk
from libcloud_ovm3.operations.idle_disk import require_idle
from libcloud_ovm3.operations.marks import put_mark, remove_mark
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.pausing import is_paused, paused, require_pausable
from libcloud_ovm3.operations.presence import before_second_look
from libcloud_ovm3.progress import waiting


def snapshot_disk(
    estate: Estate, volume_id: str, name: str | None = None, pause: bool = False
) -> tuple[Snapshot, list[str]]:
    """Copy a volume to a file that is marked as a snapshot of it.

    :param name: None: the name of the volume, shortened if it is long, and the time.
    :param pause: whether a VM that runs with it is paused meanwhile.
    :return: the snapshot as it is listed now, and notices for the user.
    :raises VolumeNotFound: there is no such volume.
    :raises InvalidArgument: the name cannot be part of a file name.
    :raises PreconditionFailed: it is a physical disk or not complete, it is in use or may be, or
        there is not enough space. Nothing was made, or what was made is gone.
    :raises AgentFault: the agent refused; nothing is left, and nothing is paused.
    :raises OperationIncomplete: it was not completed; names what may be left, or paused.
    """
    operation = Operation(estate)
    found = read_volumes(estate)
    volume = found.volume(volume_id)
    file = require_file(volume)
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    ident, key = uuid.uuid4().hex, origin_key(volume.id)
    if name is None:
        new = snapshot_name(volume.name, ident, key, now)
    else:
        new = DiskName(name, ident, key, now)
    source = Place(file.repository, file.path)
    target = Place(file.repository, disk_path(file.repository, file_name(new)))
    running = _running(found.estate, volume)
    if running and not pause:
        nodes = ", ".join(f"{vm.label} ({vm.state.value})" for vm in running)
        raise PreconditionFailed(
            f"{volume.label} is in use by {nodes}: stop the VM, or have it paused for the time of "
            f"the copy (ex_pause=True)",
            nodes=[vm.summary for vm in running],
        )
    with waiting(f"snapshot of {volume.label}: {_what_it_takes(file)}"):
        try:
            if running:
                notices = _copy_paused(operation, found, volume, running, source, target)
            else:
                notices = copy_idle(operation, found, volume, source, target)
        except OperationIncomplete as error:
            made = any(one.startswith(target.path) for one in error.left)
            raise operation.incomplete(
                f"the snapshot of {volume.label} was not completed: {error}"
                f"{'; destroy_volume_snapshot removes what is left of it' if made else ''}",
                left=error.left,
                host=error.host,
                nodes=error.nodes,
            ) from error
    return _made(operation, target), notices


def _what_it_takes(file: DiskFile) -> str:
    """What a copy of a file takes, said before anything is made."""
    size = file.size_bytes if file.used_bytes is None else file.used_bytes
    text = "a full copy" if size is None else f"a full copy of up to {size} bytes"
    if file.repository.record.fs_type.startswith("nfs"):
        return f"{text}, as files on NFS cannot share blocks"
    return f"{text}, unless the file system and the host module can share the blocks"


def require_file(volume: Volume) -> DiskFile:
    """Its file.

    :raises PreconditionFailed: it is a physical disk, or not complete.
    """
    if volume.file is None:
        raise PreconditionFailed(
            f"{volume.label} is a physical disk: copies, snapshots and other sizes of it are made "
            f"by its storage system"
        )
    if volume.file.is_creating:
        raise PreconditionFailed(f"{volume.label} is not complete: it is still being created")
    return volume.file


def _running(snapshot: EstateSnapshot, volume: Volume) -> list[VM]:
    """The VMs that have it and are live."""
    return [vm for vm in snapshot.vms.values() if vm.live and _has(vm, volume)]


def _has(vm: VM, volume: Volume) -> bool:
    return any(one.vm is vm for one in volume.attachments)


# ------------------------------------------------------------------ nobody writes to it


def copy_idle(
    operation: Operation, found: VolumeList, volume: Volume, source: Place, target: Place
) -> list[str]:
    """Copy it while no VM runs with it; look again afterwards.

    A VM that was off the lists for a moment only is found by a second look before (xend.md 1.6).
    """
    snapshot = found.estate
    require_idle(operation.estate, snapshot, source.path, volume.label)
    if volume.attachments:
        vm = volume.attachments[0].vm
        before_second_look(operation.estate, vm.name, vm.id)
        snapshot = read_estate(operation.estate)
        require_idle(operation.estate, snapshot, source.path, volume.label)
    host = choose_host(source.repository, target.repository)
    mark = target.path + CREATING
    put_mark(operation, host, target.repository, mark)
    _copy(operation, host, source, target)
    try:
        snapshot = read_estate(operation.estate)
        require_idle(operation.estate, snapshot, source.path, volume.label)
    except Ovm3Error as error:
        raise _discarded(operation, host, target, error) from error
    finish(operation, host, target)
    return []


# ------------------------------------------------------------------ the VM is paused


def _copy_paused(
    operation: Operation,
    found: VolumeList,
    volume: Volume,
    running: list[VM],
    source: Place,
    target: Place,
) -> list[str]:
    """Copy it while the one VM that runs with it is paused.

    On the VM's own host: what the guest has written may still be in the page cache there, where
    another host that has mounted the export does not see it.
    """
    if len(running) > 1:
        raise PreconditionFailed(
            f"{volume.label} is in use by {', '.join(vm.label for vm in running)}: only one VM can "
            f"be paused for a copy; stop the others first",
            nodes=[vm.summary for vm in running],
        )
    [vm] = running
    live = require_pausable(found.estate, vm)
    choose_host(source.repository, target.repository)  # refuses what is not clear
    require_idle(operation.estate, found.estate, source.path, volume.label, but=vm)
    mark = target.path + CREATING
    torn: Ovm3Error | None = None
    is_marked = False
    try:
        with paused(operation, found.estate, vm) as notices:
            put_mark(operation, live.host, target.repository, mark)
            is_marked = True
            _copy(operation, live.host, source, target)
            try:
                if not is_paused(live, vm.definition, found.estate.defined_ids):
                    torn = PreconditionFailed(f"VM {vm.label} did not stay paused during the copy")
            except Ovm3Error as error:
                torn = error
    except OperationIncomplete as error:  # it may be still paused
        left = (*error.left, target.path, mark) if is_marked else error.left
        raise operation.incomplete(
            str(error), left=tuple(dict.fromkeys(left)), host=error.host, nodes=error.nodes
        ) from error
    if torn is not None:
        raise _discarded(operation, live.host, target, torn) from torn
    finish(operation, live.host, target)
    return notices


# ------------------------------------------------------------------ the copy


def _copy(operation: Operation, host: HostView, source: Place, target: Place) -> None:
    """Copy; the mark goes after a definite refusal, else it stays and is named."""
    mark = target.path + CREATING
    try:
        clone_or_copy(operation, host, source, target)
    except OperationIncomplete as error:
        left = tuple(dict.fromkeys((*error.left, target.path, mark)))
        raise operation.incomplete(str(error), left=left, host=str(host.address)) from error
    except Ovm3Error:
        remove_mark(operation, host, target.repository, mark)
        raise


def finish(operation: Operation, host: HostView, target: Place) -> None:
    """Say that the copy is complete, and a good one.

    :raises OperationIncomplete: its mark may be still there.
    """
    mark = target.path + CREATING
    try:
        remove_mark(operation, host, target.repository, mark)
    except OperationIncomplete as error:
        raise operation.incomplete(
            f"{target.path} is complete, but still marked as unfinished: {error}",
            left=(target.path, mark),
            host=str(host.address),
        ) from error


def _discarded(operation: Operation, host: HostView, target: Place, why: Ovm3Error) -> Ovm3Error:
    """The error after a copy into which somebody may have written; the copy is deleted.

    :raises OperationIncomplete: it is left, with its mark.
    """
    try:
        snapshot = read_estate(operation.estate)
        delete_disk(operation, snapshot, target.repository, target.path, target.path)
        remove_mark(operation, host, target.repository, target.path + CREATING)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{why}; so the copy is worth nothing, and it could not be deleted: {error}. It "
            f"stays marked as unfinished",
            left=(target.path, target.path + CREATING),
            host=str(host.address),
        ) from error
    return PreconditionFailed(f"{why}; so the copy was deleted")


def _made(operation: Operation, target: Place) -> Snapshot:
    """The snapshot as it is listed now.

    :raises OperationIncomplete: it cannot be read.
    """
    relative = target.path[len(target.repository.path) + 1 :]
    try:
        return read_volumes(operation.estate).snapshot(f"{target.repository.id}/{relative}")
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{target.path} was made and is complete, but cannot be read: {error}",
            left=(target.path,),
        ) from error
