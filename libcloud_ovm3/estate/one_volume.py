"""One volume or snapshot: what its file or device, its name and its users make of it. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from libcloud_ovm3.agent.disk import DiskEntry
from libcloud_ovm3.estate.attachments import Attachment, Use, possible_users
from libcloud_ovm3.estate.disk_files import DiskFile, name_of
from libcloud_ovm3.estate.disk_names import DiskName
from libcloud_ovm3.estate.disks import DiskUsage
from libcloud_ovm3.estate.physical import Lun, PhysicalDisks, lun_key, path_of_lun
from libcloud_ovm3.estate.simple_names import RecordedNames
from libcloud_ovm3.estate.states import VolumeState

VIRTUAL, PHYSICAL = "virtual", "physical"


@dataclass(frozen=True)
class Volume:
    """A virtual disk in a repository, or a physical one.

    :ivar id: ``<repository id>/<path>``, or ``phy:<WWID>``, or ``phy:<path>`` where no WWID is
        known.
    :ivar kind: ``virtual`` or ``physical``.
    :ivar path: absolute, on the hosts; of a physical disk one of its names.
    :ivar file: of a virtual disk.
    :ivar lun: of a physical disk, if a host sees it.
    :ivar size_bytes: None: not known.
    :ivar attachments: the VMs that have it, in their vm.cfg or live.
    :ivar named_by: templates and assemblies whose vm.cfg names it; the Domain-0 of a host that
        uses it.
    :ivar doubts: where the vm.cfg of a VM and its live domain disagree, or the file is missing.
    :ivar possible_users: what may use it although nothing is known to have it: what names a file of
        this name in another way, and what could not be read.
    :ivar origin: the id of the volume that it was made of; None: of none. If that volume is gone,
        the key that stands for it in file names.
    :ivar given_name: the name that is recorded for its path (``ex_rename_volume``); None: none.
    """

    id: str
    name: str
    kind: str
    path: str
    file: DiskFile | None = None
    lun: Lun | None = None
    size_bytes: int | None = None
    attachments: tuple[Attachment, ...] = ()
    named_by: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    possible_users: tuple[str, ...] = ()
    origin: str | None = None
    given_name: str | None = None

    @property
    def state(self) -> VolumeState:
        """Its state; available only if certainly nothing has it."""
        if self.doubts:
            return VolumeState.ERROR
        if self.file is not None and self.file.is_creating:
            return VolumeState.CREATING
        if self.attachments or self.named_by:
            return VolumeState.IN_USE
        return VolumeState.UNKNOWN if self.possible_users else VolumeState.AVAILABLE

    @property
    def is_shared(self) -> bool:
        """Whether every VM that has it declares it as shared."""
        return bool(self.attachments) and all(one.is_shared for one in self.attachments)

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"volume {self.name!r} ({self.id})"


@dataclass(frozen=True)
class Snapshot:
    """A copy of a virtual disk whose file name says so.

    :ivar volume_id: the volume that it is a copy of; None: that is gone.
    :ivar volume_name: the name of that volume.
    :ivar created: when it was made.
    :ivar users: the VMs and templates that name it.
    :ivar lineage: that volume, the one that it is a copy of, and so on, as far as they are there.
    """

    id: str
    name: str
    file: DiskFile
    origin_key: str
    created: datetime.datetime
    volume_id: str | None = None
    volume_name: str | None = None
    users: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"snapshot {self.name!r} ({self.id})"


def virtual_volume(
    file: DiskFile,
    mark: DiskName | None,
    names: RecordedNames,
    keys: dict[str, str],
    use: Use,
    usage: DiskUsage,
) -> Volume:
    own_name = mark.name if mark else names.simple.get(file.id) or name_of(file)
    origin = mark.origin if mark else None
    is_known = use.attachments or use.named_by
    is_missing = file.is_missing and not file.is_creating  # then a mark stands for it
    missing = [f"{file.path} does not exist, and a vm.cfg names it"] if is_missing else []
    return Volume(
        id=file.id,
        name=names.given.get(file.id) or own_name,
        kind=VIRTUAL,
        path=file.path,
        file=file,
        size_bytes=file.size_bytes,
        attachments=use.attachments,
        named_by=use.named_by,
        doubts=(*use.doubts, *missing),
        possible_users=() if is_known else possible_users(usage, file.path.rpartition("/")[2]),
        origin=keys.get(origin, origin) if origin else None,
        given_name=names.given.get(file.id),
    )


def snapshot_of(
    file: DiskFile,
    mark: DiskName,
    names: RecordedNames,
    keys: dict[str, str],
    volumes: dict[str, Volume],
    use: Use,
) -> Snapshot:
    assert mark.created is not None
    users = [one.vm.label for one in use.attachments] + list(use.named_by)
    key = mark.origin or ""
    name = names.given.get(file.id) or mark.name
    origin = volumes.get(keys.get(key, ""))
    lineage: list[str] = []
    one = origin
    while one is not None and one.id not in lineage:
        lineage.append(one.id)
        one = volumes.get(one.origin or "")
    return Snapshot(
        id=file.id,
        name=name,
        file=file,
        origin_key=key,
        created=mark.created,
        volume_id=origin.id if origin else None,
        volume_name=origin.name if origin else None,
        users=tuple(users),
        lineage=tuple(lineage),
    )


def physical_volumes(
    entries: Iterable[DiskEntry], disks: PhysicalDisks, uses: Mapping[str, Use], usage: DiskUsage
) -> list[Volume]:
    """The physical disks that a vm.cfg or a live domain names, and those that hosts see and do not
    use themselves."""
    luns = {lun.id: lun for lun in disks.luns}
    paths = {lun.id: path_of_lun(lun, disks) for lun in disks.luns if lun.is_free_for_vms}
    named = {e.path for e in entries if e.path and not e.is_cdrom and e.path.startswith("/dev/")}
    for path in sorted(named):
        key = lun_key(path, disks)
        paths.setdefault(key, path_of_lun(luns[key], disks) if key in luns else path)
    return [
        _physical_volume(key, path, luns.get(key), uses.get(key, Use()), usage)
        for key, path in paths.items()
    ]


def _physical_volume(key: str, path: str, lun: Lun | None, use: Use, usage: DiskUsage) -> Volume:
    own = tuple(f"Domain-0 of {text}" for text in lun.used_by) if lun else ()
    possible = possible_users(usage, path.rpartition("/")[2])
    unknown = (
        [f"what Domain-0 of {host} uses it for is unknown" for host in lun.unknown_use]
        if lun
        else []
    )
    return Volume(
        key,
        path.rpartition("/")[2],
        PHYSICAL,
        path,
        lun=lun,
        size_bytes=lun.size_bytes if lun else None,
        attachments=use.attachments,
        named_by=use.named_by + own,
        doubts=use.doubts,
        possible_users=() if use.attachments or use.named_by or own else (*possible, *unknown),
    )
