"""Volumes and snapshots: virtual disks in repositories, and physical disks.

A volume is what a vm.cfg can name as a disk: a file in a ``VirtualDisks`` folder (or wherever in a
repository a vm.cfg names one), or a device of a host. CD media and files of other folders are no
volumes, and files whose name says that they are snapshots (:mod:`.disk_names`) are snapshots.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from libcloud_ovm3.agent.disk import DiskEntry, parse_disk
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import SearchIncomplete, VolumeNotFound
from libcloud_ovm3.estate.definitions import Definition, read_assemblies, read_templates
from libcloud_ovm3.estate.disk_files import FOLDER, DiskFile, name_of, read_disk_files, sized
from libcloud_ovm3.estate.disk_names import DiskName, origin_key, parse_file_name
from libcloud_ovm3.estate.domains import BlockDevice
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.physical import Lun, PhysicalDisks, lun_key, read_luns
from libcloud_ovm3.estate.simple_names import read_names
from libcloud_ovm3.estate.states import VolumeState
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate

VIRTUAL, PHYSICAL = "virtual", "physical"
_PHY = "phy:"  # the ids of physical disks


@dataclass(frozen=True)
class Attachment:
    """A volume in a VM.

    :ivar device: its name in the guest, such as ``xvdb``.
    :ivar mode: ``r``, ``w`` or ``w!`` (shared).
    :ivar is_defined: whether the VM's vm.cfg names it.
    :ivar is_live: whether the VM's live domain has it.
    """

    vm: VM
    device: str
    mode: str
    is_defined: bool
    is_live: bool

    @property
    def is_shared(self) -> bool:
        """Whether other VMs may write to the volume meanwhile."""
        return self.mode == "w!"


@dataclass(frozen=True)
class Volume:
    """A virtual disk in a repository, or a physical one.

    :ivar id: ``<repository id>/<path>``, or ``phy:<WWID>``, or ``phy:<path>`` where no WWID is
        known.
    :ivar kind: ``virtual`` or ``physical``.
    :ivar path: absolute, on the hosts; of a physical disk one of its names.
    :ivar file: of a virtual disk.
    :ivar size_bytes: None: not known.
    :ivar attachments: the VMs that have it, in their vm.cfg or live.
    :ivar named_by: templates and assemblies whose vm.cfg names it; the Domain-0 of a host that
        uses it.
    :ivar doubts: where the vm.cfg of a VM and its live domain disagree.
    :ivar origin: the id of the volume that it was made of; None: of none. If that volume is gone,
        the key that stands for it in file names.
    """

    id: str
    name: str
    kind: str
    path: str
    file: DiskFile | None = None
    size_bytes: int | None = None
    attachments: tuple[Attachment, ...] = ()
    named_by: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    origin: str | None = None

    @property
    def state(self) -> VolumeState:
        """Its state."""
        if self.doubts:
            return VolumeState.ERROR
        if self.file is not None and self.file.is_creating:
            return VolumeState.CREATING
        is_used = self.attachments or self.named_by
        return VolumeState.IN_USE if is_used else VolumeState.AVAILABLE

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
    users: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"snapshot {self.name!r} ({self.id})"


_V = TypeVar("_V", Volume, Snapshot)


@dataclass(frozen=True)
class VolumeList:
    """All volumes and snapshots of an estate.

    :ivar estate: the reading that they are made of.
    :ivar errors: what could not be read, besides the estate's own errors.
    :ivar unread_hosts: the hosts whose physical disks could not be read, and why; also in
        ``errors``.
    """

    estate: EstateSnapshot
    volumes: tuple[Volume, ...]
    snapshots: tuple[Snapshot, ...]
    errors: tuple[str, ...] = ()
    unread_hosts: tuple[str, ...] = ()

    def volume(self, volume_id: str) -> Volume:
        """The volume with this id; the repository's id in any notation.

        :raises VolumeNotFound: there is none.
        :raises SearchIncomplete: it was not found, but not everything could be read.
        """
        return self._found(self.volumes, volume_id, "volume")

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """The snapshot with this id; otherwise as :meth:`volume`."""
        return self._found(self.snapshots, snapshot_id, "snapshot")

    def _found(self, among: Sequence[_V], wanted: str, what: str) -> _V:
        for one in among:
            if _comparable(one.id) == _comparable(wanted):
                return one
        unread = self.estate.errors() + [host.unread for host in self.estate.hosts_off]
        unread += self.unread_hosts if wanted.startswith(_PHY) else ()
        if unread:
            raise SearchIncomplete(
                f"{what} {wanted!r} was not found, but not everything could be read: "
                f"{'; '.join(unread)}"
            )
        raise VolumeNotFound(f"there is no {what} {wanted!r}")


def _comparable(volume_id: str) -> str:
    repository, slash, path = volume_id.partition("/")
    return f"{undashed(repository) or repository}{slash}{path}"


def read_volumes(estate: Estate, with_sizes: bool = True) -> VolumeList:
    """All volumes and snapshots; everything is read anew.

    :param with_sizes: whether to read sizes where that takes one call per disk: without the module.
    :raises Ovm3Error: no host answered.
    """
    return volumes_of(read_estate(estate), with_sizes)


def read_volume(estate: Estate, volume_id: str) -> Volume:
    """One volume, read anew with its own size only.

    :raises VolumeNotFound: there is none.
    :raises Ovm3Error: it, or its size, cannot be read.
    """
    volume = read_volumes(estate, with_sizes=False).volume(volume_id)
    if volume.file is None:
        return volume
    file = sized(volume.file)
    return replace(volume, file=file, size_bytes=file.size_bytes)


def volumes_of(snapshot: EstateSnapshot, with_sizes: bool = True) -> VolumeList:
    """All volumes and snapshots of an estate that was read."""
    more = read_templates(snapshot.repositories) + read_assemblies(snapshot.repositories)
    entries = [disk for one in snapshot.definitions + more for disk in one.disks]
    entries += [parse_disk(_as_entry(one)) for one in _live_devices(snapshot)]
    files, errors = read_disk_files(snapshot.repositories, entries, with_sizes)
    names: dict[str, str] = {}
    for repository in snapshot.repositories:
        recorded, more_errors = read_names(repository, FOLDER)
        names |= {f"{repository.id}/{path}": name for path, name in recorded.items()}
        errors += more_errors
    disks = read_luns(snapshot.hosts)
    errors += [*disks.unread, *(f"{lun.id}: {doubt}" for lun in disks.luns for doubt in lun.doubts)]
    uses = _Uses(snapshot, more, disks)
    marked = {one.path: parse_file_name(one.path.rpartition("/")[2]) for one in files}
    keys = {
        origin_key(one.id): one.id
        for one in files
        if not ((mark := marked[one.path]) and mark.is_snapshot)
    }
    volumes = [
        _volume(one, marked[one.path], names, keys, uses)
        for one in files
        if not ((mark := marked[one.path]) and mark.is_snapshot)
    ]
    origins = {volume.id: volume.origin for volume in volumes}
    snapshots = [
        _snapshot(one, mark, mark.created, names, keys, origins, uses)
        for one in files
        if (mark := marked[one.path]) and mark.created is not None
    ]
    volumes += _physical(entries, disks, uses)
    return VolumeList(
        snapshot,
        tuple(sorted(volumes, key=lambda one: (one.name, one.id))),
        tuple(sorted(snapshots, key=lambda one: (one.created, one.id))),
        tuple(errors),
        disks.unread,
    )


def _live_devices(snapshot: EstateSnapshot) -> Iterable[BlockDevice]:
    return (
        device
        for host in snapshot.hosts
        for domain in host.domains
        for device in domain.block_devices
        if device.path and not device.is_cdrom
    )


def _as_entry(device: BlockDevice) -> str:
    scheme = "phy" if (device.path or "").startswith("/dev/") else "file"
    return f"{scheme}:{device.path},{device.device},{device.mode}"


def _volume(
    file: DiskFile,
    mark: DiskName | None,
    names: dict[str, str],
    keys: dict[str, str],
    uses: _Uses,
) -> Volume:
    origin = mark.origin if mark else None
    found = uses.of(key_of_path(file.path))
    return Volume(
        id=file.id,
        name=names.get(file.id) or (mark.name if mark else name_of(file)),
        kind=VIRTUAL,
        path=file.path,
        file=file,
        size_bytes=file.size_bytes,
        attachments=found.attachments,
        named_by=found.named_by,
        doubts=found.doubts,
        origin=keys.get(origin, origin) if origin else None,
    )


def _snapshot(
    file: DiskFile,
    mark: DiskName,
    created: datetime.datetime,
    names: dict[str, str],
    keys: dict[str, str],
    origins: dict[str, str | None],
    uses: _Uses,
) -> Snapshot:
    found = uses.of(key_of_path(file.path))
    users = [one.vm.label for one in found.attachments] + list(found.named_by)
    key = mark.origin or ""
    name = names.get(file.id) or mark.name
    lineage: list[str] = []
    one = keys.get(key)
    while one in origins and one not in lineage:
        lineage.append(one)
        one = origins[one]
    return Snapshot(file.id, name, file, key, created, keys.get(key), tuple(users), tuple(lineage))


def _physical(entries: Iterable[DiskEntry], disks: PhysicalDisks, uses: _Uses) -> list[Volume]:
    """The physical disks that a vm.cfg or a live domain names, and those that hosts see and do not
    use themselves."""
    paths = {lun.id: lun.path for lun in disks.luns if lun.is_free_for_vms and lun.path}
    for entry in entries:
        if not entry.is_cdrom and entry.path and entry.path.startswith("/dev/"):
            paths[uses.key(entry.path)] = entry.path
    luns = {lun.id: lun for lun in disks.luns}
    return [_physical_volume(key, path, luns.get(key), uses) for key, path in paths.items()]


def _physical_volume(key: str, path: str, lun: Lun | None, uses: _Uses) -> Volume:
    use = uses.of(key)
    own = tuple(f"Domain-0 of {text}" for text in lun.used_by) if lun else ()
    return Volume(
        key,
        path.rpartition("/")[2],
        PHYSICAL,
        path,
        size_bytes=lun.size_bytes if lun else None,
        attachments=use.attachments,
        named_by=use.named_by + own,
        doubts=use.doubts,
    )


# ------------------------------------------------------------------ who has what


def key_of_path(path: str) -> str:
    """What stands for the file or device at a path, the same for all spellings that are known."""
    entry = parse_disk(f"phy:{path},xvda,w")
    if entry.wwid:
        return f"phy:{entry.wwid}"
    if entry.repository_id:
        return f"{entry.repository_id}/{path.split('/', 4)[4]}" if path.count("/") >= 4 else path
    return f"phy:{path}" if path.startswith("/dev/") else path


@dataclass(frozen=True)
class _Use:
    """Who has one file or device; as of :class:`Volume`."""

    attachments: tuple[Attachment, ...] = ()
    named_by: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


class _Uses:
    """Who has which file or device, by :meth:`key`."""

    def __init__(
        self, snapshot: EstateSnapshot, templates: Sequence[Definition], disks: PhysicalDisks
    ) -> None:
        self._disks = disks
        self._attachments: dict[str, list[Attachment]] = {}
        self._doubts: dict[str, list[str]] = {}
        self._named_by: dict[str, list[str]] = {}
        for vm in snapshot.vms.values():
            self._add(vm)
        for one in templates:
            for disk in one.disks:
                if disk.path and not disk.is_cdrom:
                    self._named_by.setdefault(self.key(disk.path), []).append(one.place)

    def key(self, path: str) -> str:
        """The id of the file or device at a path: with all names that hosts have for a device."""
        return lun_key(path, self._disks) if path.startswith("/dev/") else key_of_path(path)

    def of(self, key: str) -> _Use:
        """Who has the file or device of this key."""
        return _Use(
            tuple(self._attachments.get(key, ())),
            tuple(self._named_by.get(key, ())),
            tuple(self._doubts.get(key, ())),
        )

    def _add(self, vm: VM) -> None:
        found: dict[tuple[str, str], Attachment] = {}
        for definition in vm.definitions:
            for disk in definition.disks:
                if disk.path and not disk.is_cdrom:
                    place = (self.key(disk.path), disk.device)
                    found[place] = Attachment(vm, disk.device, disk.mode, True, False)
        for live in vm.live:
            for device in live.domain.block_devices:
                if device.path and not device.is_cdrom:
                    place = (self.key(device.path), device.device)
                    known = found.get(place) or Attachment(
                        vm, device.device, device.mode, False, True
                    )
                    found[place] = replace(known, is_live=True)
        for (key, _), one in found.items():
            self._attachments.setdefault(key, []).append(one)
            doubt = _doubt(vm, one)
            if doubt:
                self._doubts.setdefault(key, []).append(doubt)


def _doubt(vm: VM, one: Attachment) -> str | None:
    """How the vm.cfg of a VM and its live domain disagree about a disk; None: they do not.

    Not while it migrates, and not where one of the two could not be read.
    """
    if len(vm.live) != 1 or len(vm.definitions) != 1 or vm.definitions[0].config is None:
        return None
    if one.is_defined and not one.is_live and not vm.live[0].domain.disks_error:
        return f"VM {vm.label}: vm.cfg has it as {one.device}, and its live domain does not"
    if one.is_live and not one.is_defined:
        return f"VM {vm.label}: its live domain has it as {one.device}, and vm.cfg does not"
    return None
