"""Snapshots of VMs: which snapshots of volumes belong together, and the vm.cfg of that moment.

They are recorded in the document ``vm-snapshots`` of the repository of the VM's definition, so they
need the host module. The files are snapshots of volumes as any others (:mod:`.disk_names`), but for
their uuids, which are made of the id of the VM's snapshot: so their names say that they belong to
one, and nothing has to be read of those that do not.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, SearchIncomplete, VolumeNotFound
from libcloud_ovm3.estate.attachments import comparable_id
from libcloud_ovm3.estate.disk_names import parse_file_name
from libcloud_ovm3.estate.recorded import Recorded, parse_recorded
from libcloud_ovm3.estate.repositories import is_listed, with_module

if TYPE_CHECKING:
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import EstateSnapshot

DOCUMENT = "vm-snapshots"
_MEMBERS = uuid.UUID("6b0c3f0e-6a0e-4f57-9a53-0c1f4f1d7a52")
_NAMED = 5  # the version of these uuids, and of no other in such a place


@dataclass(frozen=True)
class VMSnapshotDisk:
    """One disk in the snapshot of a VM.

    :ivar volume_id: the id of the volume that it had, ``<repository id>/<path>``.
    :ivar snapshot_id: of the snapshot of it.
    """

    volume_id: str
    snapshot_id: str


@dataclass(frozen=True)
class VMSnapshot:
    """The snapshot of a VM.

    :ivar id: 32 hex digits.
    :ivar repository: whose document records it.
    :ivar vm_id: of the VM, which may be gone.
    :ivar vm_name: its display name then.
    :ivar created: when it was made, as a text (UTC, ISO 8601).
    :ivar config: the vm.cfg of that moment.
    :ivar disks: in the order of the vm.cfg.
    :ivar creating: the id of the operation that makes it; "": it is complete.
    :ivar reverting: what the operation that reverts the VM to it has recorded; empty: none does.
    :ivar made: the ids of the volumes that the VM was given when it was reverted to it, and for
        which one of before each of them stands.
    :ivar missing: the ids of snapshots of its disks that are not there.
    """

    id: str
    repository: Repository = field(repr=False)
    vm_id: str
    vm_name: str
    name: str
    created: str
    config: VMConfig = field(repr=False)
    disks: tuple[VMSnapshotDisk, ...]
    creating: str = ""
    reverting: Mapping[str, Any] = field(default_factory=dict, repr=False)
    made: Mapping[str, str] = field(default_factory=dict, repr=False)
    missing: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"snapshot {self.name!r} ({self.id}) of VM {self.vm_name!r} ({self.vm_id})"

    @property
    def state(self) -> str:
        """``available``, ``creating``, ``reverting`` (either may be interrupted), or ``error``."""
        if self.creating:
            return "creating"
        if self.reverting:
            return "reverting"
        return "error" if self.missing else "available"


@dataclass(frozen=True)
class VMSnapshotList:
    """The snapshots of VMs that could be read, oldest first.

    :ivar errors: what could not be read or understood, so there may be more of them.
    """

    snapshots: tuple[VMSnapshot, ...]
    errors: tuple[str, ...]

    def snapshot(self, snapshot_id: str) -> VMSnapshot:
        """The one with this id.

        :raises VolumeNotFound: there is none.
        :raises SearchIncomplete: it was not found, but not everything could be read.
        """
        for one in self.snapshots:
            if one.id == str(snapshot_id).replace("-", "").lower():
                return one
        what = f"there is no snapshot {snapshot_id!r} of a VM"
        if self.errors:
            raise SearchIncomplete(f"{what}, as far as could be read: {'; '.join(self.errors)}")
        raise VolumeNotFound(what)

    def made_for(self, vm_id: str) -> dict[str, str]:
        """The volumes that reverting has given to a VM, and for which one each of them stands."""
        some = (one.made.items() for one in self.snapshots if one.vm_id == vm_id)
        return {volume: origin for made in some for volume, origin in made}

    def of_file(self, file_id: str) -> VMSnapshot | None:
        """The one that the snapshot of a volume belongs to; None: none that is recorded.

        :param file_id: the id of the snapshot of a volume.
        """
        for one in self.snapshots:
            ids = [comparable_id(disk.snapshot_id) for disk in one.disks]
            if comparable_id(file_id) in ids:
                return one
        return None


def member_uuid(snapshot_id: str, number: int) -> str:
    """The uuid in the name of a file of the snapshot of a VM, 32 hex digits. Pure.

    :param number: of the disk, from 0.
    """
    return uuid.uuid5(_MEMBERS, f"{snapshot_id} {number}").hex


def is_member(file_name: str) -> bool:
    """Whether the name of a file says that it was made for the snapshot of a VM. Pure."""
    what = parse_file_name(file_name)
    return what is not None and uuid.UUID(what.uuid).version == _NAMED


def read_vm_snapshots(snapshot: EstateSnapshot) -> VMSnapshotList:
    """The snapshots of all VMs: one read for each repository that has a host with the module."""
    found: list[VMSnapshot] = []
    errors = [str(one.reason) for one in snapshot.unreachable]
    for repository in snapshot.repositories:
        known = read_document(repository)
        if known is None:
            if repository.mounted_on:
                errors.append(
                    f"repository {repository.id}: snapshots of VMs are not known: no host that has "
                    f"it mounted has the host module (`ovm3 host install`)"
                )
            continue
        errors += [known.error] if known.error else []
        for key, entry in known.entries.items():
            try:
                one = _from_entry(repository, key, entry)
                names = [disk.snapshot_id for disk in one.disks]
                gone = tuple(name for name in names if is_missing(snapshot, name))
                found.append(replace(one, missing=gone))
            except (InvalidArgument, KeyError, TypeError, ValueError) as error:
                errors.append(f"repository {repository.id}: snapshot {key} of a VM: {error!r}")
    found.sort(key=lambda one: (one.created, one.id))
    return VMSnapshotList(tuple(found), tuple(errors))


def read_document(repository: Repository) -> Recorded | None:
    """What a repository records of snapshots of VMs; None: no host has the module to read it."""
    host = with_module(repository)
    if host is None or host.module is None:
        return None
    try:
        document = host.module.read_document(repository.path, DOCUMENT)
    except Ovm3Error as error:
        why = f"repository {repository.id}: its document {DOCUMENT!r} cannot be read: {error}"
        return Recorded(error=why)
    return parse_recorded(document, DOCUMENT, repository.id)


def to_entry(one: VMSnapshot) -> dict[str, Any]:
    """What is recorded of it. Pure."""
    entry: dict[str, Any] = {
        "node": one.vm_id,
        "node_name": one.vm_name,
        "name": one.name,
        "created": one.created,
        "vm_cfg": one.config.to_text(),
        "disks": [{"volume": disk.volume_id, "snapshot": disk.snapshot_id} for disk in one.disks],
    }
    if one.creating:
        entry["creating"] = one.creating
    if one.reverting:
        entry["reverting"] = dict(one.reverting)
    if one.made:
        entry["made"] = dict(one.made)
    return entry


def _from_entry(repository: Repository, key: str, entry: Mapping[str, Any]) -> VMSnapshot:
    disks = tuple(
        VMSnapshotDisk(str(disk["volume"]), str(disk["snapshot"])) for disk in entry["disks"]
    )
    reverting, made = entry.get("reverting", {}), entry.get("made", {})
    if not isinstance(reverting, dict) or not isinstance(made, dict):
        raise TypeError(f"reverting: {reverting!r}, made: {made!r}")
    return VMSnapshot(
        id=key,
        repository=repository,
        vm_id=str(entry["node"]),
        vm_name=str(entry["node_name"]),
        name=str(entry["name"]),
        created=str(entry["created"]),
        config=VMConfig.from_text(str(entry["vm_cfg"])),
        disks=disks,
        creating=str(entry.get("creating", "")),
        reverting=reverting,
        made={str(volume): str(origin) for volume, origin in made.items()},
    )


def is_missing(snapshot: EstateSnapshot, file_id: str) -> bool:
    """Whether a virtual disk is certainly not there. Pure."""
    repository_id, _, path = file_id.partition("/")
    repository = snapshot.repository(repository_id)
    if repository is None or repository.content is None or repository.errors:
        return False
    return not is_listed(repository.content, f"{repository.path}/{path}")
