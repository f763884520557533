"""Who has a virtual or physical disk: by the vm.cfg files, and by the live domains. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from libcloud_ovm3.agent.disk import DiskEntry
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disks import DiskUsage
from libcloud_ovm3.estate.physical import PhysicalDisks, lun_key
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM

_WWID_ID = re.compile("phy:3?([0-9a-f]{16}|[0-9a-f]{32})", re.IGNORECASE)


@dataclass(frozen=True)
class Attachment:
    """A volume in a VM.

    :ivar device: its name in the guest, such as ``xvdb``.
    :ivar mode: ``r``, ``w`` or ``w!`` (shared).
    :ivar is_defined: whether the VM's vm.cfg names it.
    :ivar is_live: whether the VM's live domain has it.
    :ivar paths: by which the two name it. A LUN has several names, and each VM may use another one.
    """

    vm: VM
    device: str
    mode: str
    is_defined: bool
    is_live: bool
    paths: tuple[str, ...]

    @property
    def is_shared(self) -> bool:
        """Whether other VMs may write to the volume meanwhile."""
        return self.mode == "w!"

    @property
    def where(self) -> str:
        """``live and defined``, ``live`` (only in the domain) or ``defined`` (only in vm.cfg)."""
        if self.is_live:
            return "live and defined" if self.is_defined else "live"
        return "defined"


def comparable_id(volume_id: str) -> str:
    """An id as it can be compared: the repository's id and a WWID in one notation."""
    wwid = _WWID_ID.fullmatch(volume_id)
    if wwid:
        return f"phy:{wwid[1].lower()}"
    repository, slash, path = volume_id.partition("/")
    return f"{undashed(repository) or repository}{slash}{path}"


def key_of_path(path: str) -> str:
    """What stands for the file or device at a path, the same for all spellings that are known."""
    entry = DiskEntry("", "phy", path, "")
    if entry.wwid:
        return f"phy:{entry.wwid}"
    if entry.repository_id:
        return f"{entry.repository_id}/{path.split('/', 4)[4]}" if path.count("/") >= 4 else path
    return f"phy:{path}" if path.startswith("/dev/") else path


@dataclass(frozen=True)
class Use:
    """Who has one file or device.

    :ivar attachments: the VMs that have it.
    :ivar named_by: templates and assemblies whose vm.cfg names it.
    :ivar doubts: where the vm.cfg of a VM and its live domain disagree about it.
    """

    attachments: tuple[Attachment, ...] = ()
    named_by: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def find_uses(
    vms: Iterable[VM], templates: Iterable[Definition], disks: PhysicalDisks
) -> dict[str, Use]:
    """Who has which file or device, by the ids of volumes; of files by :func:`key_of_path`."""
    attachments: dict[str, list[Attachment]] = {}
    doubts: dict[str, list[str]] = {}
    named_by: dict[str, list[str]] = {}
    for vm in vms:
        for key, one in attachments_of(vm, disks):
            attachments.setdefault(key, []).append(one)
            doubt = _doubt(vm, one)
            if doubt:
                doubts.setdefault(key, []).append(doubt)
    for template in templates:
        for disk in template.disks:
            if disk.path and not disk.is_cdrom:
                named_by.setdefault(_key(disk.path, disks), []).append(template.label)
    return {
        key: Use(
            tuple(attachments.get(key, ())),
            tuple(named_by.get(key, ())),
            tuple(doubts.get(key, ())),
        )
        for key in {**attachments, **named_by}
    }


def _key(path: str, disks: PhysicalDisks) -> str:
    """The key of a file or device: with all names that hosts have for a device."""
    return lun_key(path, disks) if path.startswith("/dev/") else key_of_path(path)


def attachments_of(vm: VM, disks: PhysicalDisks) -> list[tuple[str, Attachment]]:
    """The files and devices that a VM has, each with its key, as for :func:`find_uses`."""
    found: dict[tuple[str, str], Attachment] = {}
    for definition in vm.definitions:
        for disk in definition.disks:
            if disk.path and not disk.is_cdrom:
                place = (_key(disk.path, disks), disk.device)
                found[place] = Attachment(vm, disk.device, disk.mode, True, False, (disk.path,))
    for live in vm.live:
        for device in live.domain.block_devices:
            if device.path and not device.is_cdrom:
                place = (_key(device.path, disks), device.device)
                known = found.get(place) or Attachment(
                    vm, device.device, device.mode, False, True, ()
                )
                paths = tuple(dict.fromkeys((*known.paths, device.path)))
                found[place] = replace(known, is_live=True, paths=paths)
    return [(key, one) for (key, _), one in found.items()]


def _doubt(vm: VM, one: Attachment) -> str | None:
    """How the vm.cfg of a VM and its live domain disagree about a disk; None: they do not.

    Not while it starts, ends or migrates: its devices come and go one by one then. Nor where one of
    the two could not be read.
    """
    if len(vm.live) != 1 or len(vm.definitions) != 1 or vm.definitions[0].config is None:
        return None
    if one.is_live and not one.is_defined:
        return f"VM {vm.label}: its live domain has it as {one.device}, and vm.cfg does not"
    is_steady = vm.state in (State.RUNNING, State.PAUSED)
    if is_steady and not one.is_live and not vm.live[0].domain.disks_error:
        return f"VM {vm.label}: vm.cfg has it as {one.device}, and its live domain does not"
    return None


def possible_users(usage: DiskUsage, file_name: str) -> tuple[str, ...]:
    """Who may use a file that nobody is known to have: not understood is not absent.

    Only the name of the file is compared, as before a deletion (:class:`.DiskUsage`).
    """
    named = [
        f"{user} names a file {file_name!r}, which may be this one"
        for user in dict.fromkeys(usage.users(file_name))
    ]
    if not usage.unread:
        return tuple(named)
    more = f" and {len(usage.unread) - 1} more" if len(usage.unread) > 1 else ""
    return (*named, f"it may be in use: not everything could be read: {usage.unread[0]}{more}")
