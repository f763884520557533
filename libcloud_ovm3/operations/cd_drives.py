"""Media in the CD drives of a VM: inserting an ISO, ejecting it.

A running VM's drive takes another medium, or none, at once; it cannot get another drive (xend.md
5). Volumes are never touched.
"""

from __future__ import annotations

from dataclasses import replace

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.disk import DiskEntry, format_disk
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.images import iso_of
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations.agreement import require_no_more
from libcloud_ovm3.operations.attachable import require_reachable
from libcloud_ovm3.operations.device_changes import (
    Change,
    Target,
    require_done,
    target_of,
)
from libcloud_ovm3.operations.device_names import bare_name, checked_device, next_device
from libcloud_ovm3.operations.disk_changes import (
    change_disks,
    with_entry,
    with_instead,
)
from libcloud_ovm3.operations.drive_entries import drive_entry
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.progress import waiting


def insert(estate: Estate, vm_id: str, image_id: str, device: str | None = None) -> list[str]:
    """Insert an ISO into a CD drive; a stopped VM gets a drive if it has none.

    :param image_id: the ISO's id, or its path on the hosts.
    :param device: the drive; None: an empty one, or the only one. Its medium is replaced.
    :return: notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises ImageNotFound: there is no such image.
    :raises InvalidArgument: the image is no ISO, or the device no CD drive.
    :raises PreconditionFailed: the VM has no such drive, its host cannot reach the ISO, or its
        state does not allow it. Nothing was sent.
    :raises AgentFault: the agent refused; everything is as it was.
    :raises OperationIncomplete: whether it is inserted is unknown.
    """
    snapshot = read_estate(estate)
    image = iso_of(snapshot.repositories, image_id, snapshot.errors())
    path = f"{image.repository.path}/{image.path}"
    target = target_of(Operation(estate), snapshot, vm_id)
    own = snapshot.repository(target.definition.repository_id)
    needed = [image.repository] if target.live else [own, image.repository]
    host = target.host if target.live else None
    require_reachable(snapshot, host, needed, f"ISO {image.name!r}")
    drive = _drive_for(target, device)
    if drive is None:
        change, name = _new_drive(target, path, device)
    else:
        change, name = _changed(drive, "file", path), drive.device
    return _change(target, change, name, path, f"inserting {image.name!r} into {name}")


def eject(estate: Estate, vm_id: str, device: str | None = None) -> list[str]:
    """Take the medium out of a CD drive, which stays.

    :param device: the drive; None: the only one with a medium. One that is empty is left as it is.
    :return: notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises InvalidArgument: the device is no CD drive, or several have a medium.
    :raises PreconditionFailed: the VM has no CD drive, or its state does not allow it, or the drive
        is the first in its vm.cfg. Nothing was sent.
    :raises AgentFault: the agent refused; everything is as it was.
    :raises OperationIncomplete: whether it is ejected is unknown.
    """
    target = target_of(Operation(estate), read_estate(estate), vm_id)
    drives = _drives(target)
    if not drives:
        raise PreconditionFailed(f"VM {target.vm.label} has no CD drive", nodes=[target.vm.summary])
    full = [one for one in drives if one.location]
    drive = _named(target, drives, device) if device is not None else None
    if device is not None and drive is None:
        raise InvalidArgument(
            f"device {device!r} of VM {target.vm.label} does not exist; its drives: "
            f"{_listed(drives)}"
        )
    if drive is None and len(full) > 1:
        raise InvalidArgument(
            f"VM {target.vm.label} has a medium in {_listed(full)}: name the drive (device)"
        )
    drive = drive or (full[0] if full else drives[0])
    if drive.location and _disks(target)[0] == drive:  # xend.md 7
        raise PreconditionFailed(
            f"drive {drive.device} comes first in {target.definition.place}, and xend cannot start "
            f"a VM whose first disk is an empty drive; insert another ISO instead",
            nodes=[target.vm.summary],
        )
    change = _changed(drive, "", "") if drive.location else with_instead(drive.text, drive.text)
    return _change(target, change, drive.device, None, f"ejecting the medium of {drive.device}")


def _change(target: Target, change: Change, device: str, path: str | None, what: str) -> list[str]:
    """Change one drive, and see it changed.

    vm.cfg and domain have to agree before: what vm.cfg has already would not be sent.
    """

    def shows(domain: Domain) -> bool:
        return any(
            one.device == device and one.is_cdrom and one.path == path
            for one in domain.block_devices
        )

    notices: list[str] = []
    require_no_more(target, lambda config: config, "")
    with waiting(f"{what} of VM {target.vm.name!r}", vm=target.vm.id):
        require_done(target, change_disks(target, change, shows, notices), what, ())
    return notices


# ------------------------------------------------------------------ the drive


def _disks(target: Target) -> tuple[DiskEntry, ...]:
    return target.definition.disks


def _drives(target: Target) -> list[DiskEntry]:
    return [one for one in _disks(target) if one.is_cdrom]


def _listed(drives: list[DiskEntry]) -> str:
    return ", ".join(f"{one.device} ({one.path or 'empty'})" for one in drives)


def _named(target: Target, drives: list[DiskEntry], device: str) -> DiskEntry | None:
    """The drive with this name; None: nothing has it.

    :raises InvalidArgument: a disk has it.
    """
    name = bare_name(device)
    found = [one for one in _disks(target) if one.device == name]
    if found and not found[0].is_cdrom:
        raise InvalidArgument(
            f"device {device!r} of VM {target.vm.label} is a disk, not a CD drive; its drives: "
            f"{_listed(drives) or 'none'}"
        )
    return found[0] if found else None


def _drive_for(target: Target, device: str | None) -> DiskEntry | None:
    """The drive that an ISO goes into; None: one has to be added, to a stopped VM.

    :raises InvalidArgument: it is not clear which.
    :raises PreconditionFailed: a running VM has none.
    """
    drives = _drives(target)
    if device is not None:
        drive = _named(target, drives, device)
    else:
        empty = [one for one in drives if not one.location]
        if len(drives) > 1 and not empty:
            raise InvalidArgument(
                f"VM {target.vm.label} has a medium in each of its drives, {_listed(drives)}: name "
                f"the one to replace (device)"
            )
        drive = next(iter([*empty, *drives]), None)
    if drive is None and target.live is not None:
        has = f"its drives are {_listed(drives)}" if drives else "it has no CD drive"
        raise PreconditionFailed(
            f"VM {target.vm.label} is {target.vm.state.value}, and {has}: a drive can only be "
            f"added while it is stopped",
            nodes=[target.vm.summary],
        )
    return drive


def _new_drive(target: Target, path: str, device: str | None) -> tuple[Change, str]:
    config = target.definition.config or VMConfig({})
    name = (
        checked_device(config, device, is_cdrom=True)
        if device
        else next_device(config, is_cdrom=True)
    )
    return with_entry(drive_entry(path, name)), name


def _changed(drive: DiskEntry, scheme: str, location: str) -> Change:
    """Another medium in a drive, or none."""
    entry = replace(drive, scheme=scheme, location=location, kind="cdrom", mode="r")
    return with_instead(drive.text, format_disk(entry))
