"""What a new volume is to be, and everything that is decided before anything is created."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.disk_names import DiskName, file_name, origin_key
from libcloud_ovm3.estate.disks import FileSize, FileSystem, disk_path
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, with_module
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.estate.volumes import Snapshot, Volume, VolumeList, read_volumes
from libcloud_ovm3.operations.copy_disk import choose_host
from libcloud_ovm3.operations.disk_sizes import bytes_text, is_same_gb, size_in_bytes
from libcloud_ovm3.operations.grow_disk import host_that_grows, require_host_that_grows
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import is_host
from libcloud_ovm3.operations.snapshot_disk import require_file
from libcloud_ovm3.operations.source_state import read_source
from libcloud_ovm3.operations.target_repository import (
    choose_repository,
    require_room,
    require_usable,
)

NOT_COPIED = "a copy would not be consistent"


@dataclass(frozen=True)
class DiskSpec:
    """What a new volume is to be, as the user says it.

    :ivar size: in GB; None: ``size_bytes``, or else as large as what it is a copy of.
    :ivar size_bytes: exactly.
    :ivar repository: its id or alias; None: of a copy that of its source, else the one with the
        most free space.
    :ivar host_id: a host that has to have the repository mounted; None: any.
    """

    name: str
    size: float | None = None
    size_bytes: int | None = None
    repository: str | None = None
    host_id: str | None = None


@dataclass(frozen=True)
class DiskPlan:
    """Everything that a creation has decided before it creates anything.

    :ivar host: the host that creates it.
    :ivar system: of the storage plug-in of the host; None: the host module does it.
    :ivar path: absolute, on the hosts; its name is made for it.
    :ivar source: what it is a copy of; None: it is empty.
    :ivar found: the reading that has the source.
    :ivar must_grow: whether it is to be larger than its source.
    :ivar notices: for the user, before it is carried out.
    """

    operation: Operation
    name: str
    host: HostView
    system: FileSystem | None
    repository: Repository
    path: str
    size_bytes: int
    notices: tuple[str, ...]
    source: Volume | Snapshot | None = None
    found: VolumeList | None = None
    must_grow: bool = False

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"volume {self.name!r} ({self.path})"

    @property
    def volume_id(self) -> str:
        """Its id."""
        return f"{self.repository.id}/{self.path[len(self.repository.path) + 1 :]}"


def plan_empty(estate: Estate, spec: DiskSpec) -> DiskPlan:
    """Decide everything for an empty volume. Reads only, but for mounting the export.

    :raises InvalidArgument: the name or the size cannot be one.
    :raises PreconditionFailed: no repository can take it, or it does not fit.
    """
    size_bytes, notices = size_in_bytes(spec.size, spec.size_bytes)
    name = file_name(DiskName(spec.name, uuid.uuid4().hex))
    snapshot = read_estate(estate)
    repository = choose_repository(snapshot, spec.repository, spec.host_id)
    named = [one for one in repository.mounted_on if is_host(one, spec.host_id or "")]
    host = with_module(repository) or (named or repository.mounted_on)[0]
    system = None if host.module is not None else mounted_export(host, repository)
    notices += require_room(repository, size_bytes, f"volume {spec.name!r}")
    return DiskPlan(
        operation=Operation(estate),
        name=spec.name,
        host=host,
        system=system,
        repository=repository,
        path=disk_path(repository, name),
        size_bytes=size_bytes,
        notices=(*snapshot.errors(), *notices),
    )


def plan_from_snapshot(estate: Estate, spec: DiskSpec, snapshot_id: str) -> DiskPlan:
    """The same for a copy of a snapshot.

    :raises InvalidArgument: it is to be smaller than the snapshot.
    :raises VolumeNotFound: there is no such snapshot.
    :raises PreconditionFailed: the snapshot cannot be copied, or the copy not be made larger.
    """
    _check(spec)
    found = read_volumes(estate, with_sizes=False)
    source = found.snapshot(snapshot_id)
    require_usable(source.file.repository)
    if source.file.is_creating:
        raise PreconditionFailed(f"{source.label} is not complete, so it was not copied")
    if source.users:
        raise PreconditionFailed(
            f"{source.label} is used by {', '.join(source.users)}: {NOT_COPIED}"
        )
    return _plan_copy(estate, spec, found, source, source.origin_key)


def plan_copy(estate: Estate, spec: DiskSpec, volume_id: str) -> DiskPlan:
    """The same for a copy of a volume. That nobody writes to it is checked when it is copied.

    :raises VolumeNotFound: there is no such volume.
    :raises PreconditionFailed: it cannot be copied.
    """
    _check(spec)
    found = read_volumes(estate, with_sizes=False)
    source = found.volume(volume_id)
    require_usable(require_file(source).repository)
    return _plan_copy(estate, spec, found, source, origin_key(source.id))


def _check(spec: DiskSpec) -> None:
    """Check what can be checked of a copy before anything is read.

    :raises InvalidArgument: the name or the size cannot be one.
    """
    file_name(DiskName(spec.name, uuid.uuid4().hex, uuid.uuid4().hex))
    if spec.size is not None or spec.size_bytes is not None:
        size_in_bytes(spec.size, spec.size_bytes)


def _plan_copy(
    estate: Estate, spec: DiskSpec, found: VolumeList, source: Volume | Snapshot, key: str
) -> DiskPlan:
    assert source.file is not None
    wanted = spec.repository or source.file.repository.id
    repository = choose_repository(found.estate, wanted, spec.host_id)
    host = choose_host(source.file.repository, repository)
    size = _source_size(host, source)
    size_bytes, notices = _size_of_copy(spec, repository, source, size.size_bytes)
    used = size.size_bytes if size.used_bytes is None else size.used_bytes
    needed = used + size_bytes - size.size_bytes
    system = None if host.module is not None else mounted_export(host, repository)
    notices += require_room(repository, needed, f"volume {spec.name!r}")
    name = file_name(DiskName(spec.name, uuid.uuid4().hex, key))
    return DiskPlan(
        operation=Operation(estate),
        name=spec.name,
        host=host,
        system=system,
        repository=repository,
        path=disk_path(repository, name),
        size_bytes=size_bytes,
        notices=(*found.estate.errors(), *notices),
        source=source,
        found=found,
        must_grow=size_bytes > size.size_bytes,
    )


def _source_size(host: HostView, source: Volume | Snapshot) -> FileSize:
    assert source.file is not None
    repository = source.file.repository
    system = None if host.module is not None else mounted_export(host, repository)
    return read_source(host, source.file.path, system)


def _size_of_copy(
    spec: DiskSpec, repository: Repository, source: Volume | Snapshot, source_bytes: int
) -> tuple[int, list[str]]:
    """The size of a copy, and notices for the user.

    :raises InvalidArgument: it is to be smaller than its source.
    :raises PreconditionFailed: it is to be larger, and no host can make it so.
    """
    if spec.size is None and spec.size_bytes is None:
        return source_bytes, []
    wanted, notices = size_in_bytes(spec.size, spec.size_bytes)
    if wanted < source_bytes:
        raise InvalidArgument(
            f"size {bytes_text(wanted)} is smaller than {source.label}, which has "
            f"{bytes_text(source_bytes)}"
        )
    if wanted == source_bytes:
        return wanted, notices
    is_same = spec.size_bytes is None and is_same_gb(wanted, source_bytes)
    if is_same and host_that_grows(repository) is None:
        return source_bytes, [f"the volume has the size of {source.label}, {source_bytes} bytes"]
    require_host_that_grows(repository)
    return wanted, notices
