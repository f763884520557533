"""Copies of volumes, snapshots, disk images and ISOs to secondary storage, and back.

They are jobs of the host module: a copy has its name only when it is complete. Without the module
half a copy could not be told from a whole one there, so it is refused.
"""

from __future__ import annotations

import posixpath
import uuid
from dataclasses import dataclass

from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.attachments import comparable_id
from libcloud_ovm3.estate.disk_names import DiskName, file_name
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.images import (
    ISO,
    ISOS,
    TEMPLATES,
    VM_TEMPLATE,
    Image,
    image_file_name,
    image_of,
)
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.shares import parse_share
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.estate.volumes import Snapshot, Volume, volumes_of
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.copy_disk import Place, copy_disk
from libcloud_ovm3.operations.copy_image import path_of
from libcloud_ovm3.operations.create_image import choose_copier, made
from libcloud_ovm3.operations.idle_disk import require_idle
from libcloud_ovm3.operations.known_repositories import read_known, require_apart
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.read_back import read_back
from libcloud_ovm3.operations.secondary_storage import secondary
from libcloud_ovm3.operations.snapshot_disk import require_file
from libcloud_ovm3.operations.target_repository import choose_repository

_LONGEST = 255 - len("..img") - 32  # bytes of the name of a file that the copy is named after


@dataclass(frozen=True)
class _Source:
    """What is copied.

    :ivar is_idle: whether nobody can write to it (an ISO).
    """

    repository: Repository
    path: str
    label: str
    is_idle: bool = False


def copy_to_secondary(estate: Estate, source_id: str, share_text: str, notices: list[str]) -> str:
    """Copy a volume, a snapshot, a disk image or an ISO to secondary storage.

    :param notices: gets notices for the user, also if it fails.
    :return: the name of the copy on the share.
    :raises ImageNotFound: there is nothing of this id.
    :raises PreconditionFailed: it is in use, or no host can do it; there is no copy.
    :raises AgentFault: a host refused; there is no copy.
    :raises OperationIncomplete: it was not completed; names what may be left.
    """
    share = parse_share(share_text)
    operation = Operation(estate)
    snapshot = read_estate(estate)
    require_apart(share, read_known(snapshot.hosts))
    source = _source(snapshot, source_id)
    host = _copier(source.repository)
    if not source.is_idle:
        require_idle(estate, snapshot, source.path, source.label)
    stem, extension = posixpath.splitext(posixpath.basename(source.path))
    name = f"{stem[:_LONGEST]}.{operation.id}{extension or '.img'}"
    with secondary(operation, host, share, notices) as place:
        target = Place(place, f"{place.path}/{name}")
        copy_disk(operation, host, Place(source.repository, source.path), target)
        if not source.is_idle:
            try:
                require_idle(estate, read_estate(estate), source.path, source.label)
            except Ovm3Error as error:
                raise _discarded(operation, host, target, error) from error
    return name


def _source(snapshot: EstateSnapshot, source_id: str) -> _Source:
    found = volumes_of(snapshot, False)
    several: list[Volume | Snapshot] = [*found.volumes, *found.snapshots]
    for one in several:
        if comparable_id(one.id) == comparable_id(source_id):
            file = require_file(one) if isinstance(one, Volume) else one.file
            return _Source(file.repository, file.path, one.label)
    image = image_of(snapshot.repositories, source_id, snapshot.errors())
    if image.kind == VM_TEMPLATE:
        raise PreconditionFailed(
            f"{image.label} is a folder with a vm.cfg: copy_image copies it to another repository"
        )
    path = path_of(_copier(image.repository), image)
    return _Source(image.repository, path, image.label, image.kind == ISO)


def _copier(repository: Repository) -> HostView:
    host = choose_copier(repository, [])
    if host.module is None:
        raise PreconditionFailed(
            f"copies to and from secondary storage need the host module on a host that has "
            f"repository {repository.id} mounted (`ovm3 host install`): without it nothing tells "
            f"half a copy from a whole one"
        )
    return host


def _discarded(
    operation: Operation, host: HostView, target: Place, why: Ovm3Error
) -> PreconditionFailed:
    """Delete the copy of what was in use meanwhile: its name was made for this operation."""
    assert host.module is not None
    try:
        doors.delete_file(operation, host.module, target.path)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{why}. So the copy is not usable, and it could not be deleted: {error}",
            left=(target.path,),
            host=str(host.address),
        ) from error
    return PreconditionFailed(f"{why}. The copy was deleted")


# ------------------------------------------------------------------ back


def copy_volume_back(
    estate: Estate,
    share_text: str,
    path: str,
    name: str,
    repository: str | None,
    notices: list[str],
) -> Volume:
    """Make a volume of a file on secondary storage.

    :param path: of the file on the share.
    :param repository: the id or the alias of the one for it; None: that with the most free space.
    :param notices: gets notices for the user, also if it fails.
    :raises PreconditionFailed: there is no such file, no host can do it, or it does not fit; there
        is no volume.
    :raises AgentFault: a host refused; there is no volume.
    :raises OperationIncomplete: it was not completed; names what may be left.
    """
    operation = Operation(estate)
    relative = f"VirtualDisks/{file_name(DiskName(name, uuid.uuid4().hex))}"
    target = _copy_back(operation, share_text, path, relative, repository, notices)
    volume_id = f"{target.repository.id}/{relative}"
    return read_back(operation, volume_id, target.path, f"volume {name!r} was made")


def copy_image_back(
    estate: Estate,
    share_text: str,
    path: str,
    name: str,
    repository: str | None,
    notices: list[str],
) -> Image:
    """Make a template, or of a file ``.iso`` an ISO, of a file on secondary storage; otherwise as
    :func:`copy_volume_back`.
    """
    operation = Operation(estate)
    folder, extension = (ISOS, ".iso") if path.lower().endswith(".iso") else (TEMPLATES, ".img")
    relative = f"{folder}/{image_file_name(name, uuid.uuid4().hex, extension)}"
    target = _copy_back(operation, share_text, path, relative, repository, notices)
    return made(operation, f"{target.repository.id}/{relative}")


def _copy_back(
    operation: Operation,
    share_text: str,
    path: str,
    relative: str,
    repository: str | None,
    notices: list[str],
) -> Place:
    share = parse_share(share_text)
    parts = path.split("/") if isinstance(path, str) else [""]
    if {"", ".", "..", ".libcloud-ovm3"} & set(parts):
        raise InvalidArgument(
            f"path {path!r}: expected the path of a file on the share, without a slash at its "
            f"beginning and . and .."
        )
    snapshot = read_estate(operation.estate)
    require_apart(share, read_known(snapshot.hosts))
    chosen = choose_repository(snapshot, repository)
    host = _copier(chosen)
    target = Place(chosen, f"{chosen.path}/{relative}")
    with secondary(operation, host, share, notices) as place:
        copy_disk(operation, host, Place(place, f"{place.path}/{path}"), target)
    return target
