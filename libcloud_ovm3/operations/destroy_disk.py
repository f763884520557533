"""Destroying a volume: only a file of its own that nothing uses, and nothing can be using."""

from __future__ import annotations

import posixpath

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.disk_files import FOLDER, DiskFile
from libcloud_ovm3.estate.disks import is_odd
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.volumes import Volume, read_volumes
from libcloud_ovm3.operations.destroy_snapshot import delete_with_mark
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.rename_disk import forget_name
from libcloud_ovm3.operations.target_repository import require_usable


def destroy(estate: Estate, volume_id: str) -> list[str]:
    """Delete a volume that nothing uses, the mark of an interrupted copy beside it, and the name
    that was recorded for it: another file of this path may be made.

    Its snapshots stay: they are copies and need nothing of it. Whether anything uses it is decided
    anew right before, by everything that can be read.

    :return: notices for the user.
    :raises VolumeNotFound: there is no such volume.
    :raises PreconditionFailed: something uses it or may, it is no virtual disk of its own, or a
        copy into it is under way.
    :raises AgentFault: the host refused; it is there as before.
    :raises OperationIncomplete: whether it is deleted is unknown; names the file.
    """
    operation = Operation(estate)
    volume = read_volumes(estate, with_sizes=False).volume(volume_id)
    file = _require_unused(volume)
    delete_with_mark(operation, file, volume.label)
    return [] if volume.given_name is None else forget_name(operation, file, volume.given_name)


def _require_unused(volume: Volume) -> DiskFile:
    file, name = volume.file, posixpath.basename(volume.path)
    if file is None:
        raise PreconditionFailed(f"{volume.label} is a physical disk, which is never deleted")
    users = [f"VM {one.vm.label} as {one.device}" for one in volume.attachments]
    if users or volume.named_by:
        first = [*(["detach it"] if users else []), *(["delete these"] if volume.named_by else [])]
        raise PreconditionFailed(
            f"{volume.label} was kept: it is used by {', '.join([*users, *volume.named_by])}; "
            f"{' and '.join(first)} first",
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
