"""Destroying a volume: only a file of its own that nothing uses, and nothing can be using."""

from __future__ import annotations

import posixpath

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disk_files import FOLDER, DiskFile, read_size
from libcloud_ovm3.estate.disk_names import CREATING
from libcloud_ovm3.estate.disks import FileSize, is_odd
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import is_listed, list_whole, with_module
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.estate.volumes import Volume, read_volumes
from libcloud_ovm3.operations.destroy_snapshot import delete_disk
from libcloud_ovm3.operations.marks import remove_mark
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.target_repository import require_usable
from libcloud_ovm3.progress import waiting


def destroy(estate: Estate, volume_id: str) -> None:
    """Delete a volume that nothing uses, and the mark of an interrupted copy beside it.

    Its snapshots stay: they are copies and need nothing of it. Whether anything uses it is decided
    anew right before, by everything that can be read.

    :raises VolumeNotFound: there is no such volume.
    :raises PreconditionFailed: something uses it or may, it is no virtual disk of its own, or a
        copy into it is under way.
    :raises AgentFault: the host refused; it is there as before.
    :raises OperationIncomplete: whether it is deleted is unknown; names the file.
    """
    operation = Operation(estate)
    volume = read_volumes(estate, with_sizes=False).volume(volume_id)
    file = _require_unused(volume)
    host = with_module(file.repository) or file.repository.mounted_on[0]
    if file.is_creating:
        _require_still(operation, host, file, volume.label)
    delete_disk(operation, read_estate(estate), file.repository, file.path, volume.label)
    _require_gone(operation, host, file, volume.label)
    if file.is_creating:  # only now: half a copy without its mark would look whole
        remove_mark(operation, host, file.repository, file.path + CREATING)


def _require_unused(volume: Volume) -> DiskFile:
    file, name = volume.file, posixpath.basename(volume.path)
    if file is None:
        raise PreconditionFailed(f"{volume.label} is a physical disk, which is never deleted")
    users = [f"VM {one.vm.label} as {one.device}" for one in volume.attachments]
    if users or volume.named_by:
        raise PreconditionFailed(
            f"{volume.label} was kept: it is used by {', '.join([*users, *volume.named_by])}; "
            f"detach it first",
            nodes=[one.vm.summary for one in volume.attachments],
        )
    require_usable(file.repository)
    if file.relative != f"{FOLDER}/{name}":
        raise PreconditionFailed(
            f"{volume.label} was kept: it does not lie among the virtual disks of its repository"
        )
    if is_odd(name):
        raise PreconditionFailed(
            f"{volume.label} was kept: its file name may be another one than the agent lists"
        )
    return file


def _require_still(operation: Operation, host: HostView, file: DiskFile, label: str) -> None:
    """Whether an unfinished copy was interrupted, so that it does not change any more.

    Nobody can ask an agent whether it is copying. A copy that stands still for these seconds is not
    noticed: its client then finds it gone, and says so. What is copied is never touched.

    :raises PreconditionFailed: the copy goes on, or is complete by now.
    """
    before = _state(host, file)
    seconds = operation.estate.second_look
    with waiting(f"{label}: reading its size again in {seconds:g} s"):
        operation.estate.clock.sleep(seconds)
    if _state(host, file) != before:
        raise PreconditionFailed(
            f"{label} was kept: somebody copies into it at this moment, or has just ended"
        )


def _state(host: HostView, file: DiskFile) -> tuple[FileSize | None, bool]:
    """Its sizes, and whether it is marked as unfinished."""
    repository = file.repository
    system = None if host.module is not None else mounted_export(host, repository)
    size = read_size(host, repository, file.path, system)
    return size, is_listed(list_whole(host, repository.id), file.path + CREATING)


def _require_gone(operation: Operation, host: HostView, file: DiskFile, label: str) -> None:
    """Success is not arrival."""
    try:
        is_there = is_listed(list_whole(host, file.repository.id), file.path)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{label} was deleted, but whether {file.path} is gone cannot be read: {error}",
            left=(file.path,),
        ) from error
    if is_there:
        raise operation.incomplete(
            f"{label}: {host.label} reports that it was deleted, but {file.path} is still listed",
            left=(file.path,),
        )
