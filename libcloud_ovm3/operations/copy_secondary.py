"""Copies of volumes, snapshots, templates and ISOs to secondary storage, and back.

They are jobs of the host module: a copy has its name only when it is complete. Without the module
half a copy could not be told from a whole one there, so it is refused.
"""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from libcloud_ovm3.errors import AgentFault, InvalidArgument, Ovm3Error, PreconditionFailed
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
from libcloud_ovm3.operations.copy_disk import Place, copy_disk, discarded
from libcloud_ovm3.operations.copy_image import path_of
from libcloud_ovm3.operations.create_image import choose_copier, made
from libcloud_ovm3.operations.grow_disk import pad
from libcloud_ovm3.operations.idle_disk import require_idle
from libcloud_ovm3.operations.known_repositories import read_known, require_apart
from libcloud_ovm3.operations.make_template import require_name
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.raw_content import require_raw
from libcloud_ovm3.operations.read_back import read_back
from libcloud_ovm3.operations.secondary_storage import secondary
from libcloud_ovm3.operations.secondary_templates import (
    is_template,
    read_back_template,
    write_template,
)
from libcloud_ovm3.operations.snapshot_disk import require_file
from libcloud_ovm3.operations.source_state import read_source
from libcloud_ovm3.operations.target_repository import choose_repository
from libcloud_ovm3.operations.template import read_content

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
    """Copy a volume, a snapshot, a template or an ISO to secondary storage.

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
    if isinstance(source, Image):
        content = read_content(snapshot, source)
        host = _copier(source.repository, [disk.repository for disk in content.disks])
        with secondary(operation, host, share, notices) as place:
            return write_template(operation, snapshot, host, content, place)
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


def _source(snapshot: EstateSnapshot, source_id: str) -> _Source | Image:
    """What is copied; a template with a vm.cfg as the image that it is."""
    found = volumes_of(snapshot, False)
    several: list[Volume | Snapshot] = [*found.volumes, *found.snapshots]
    for one in several:
        if comparable_id(one.id) == comparable_id(source_id):
            file = require_file(one) if isinstance(one, Volume) else one.file
            return _Source(file.repository, file.path, one.label)
    image = image_of(snapshot.repositories, source_id, snapshot.errors())
    if image.kind == VM_TEMPLATE:
        return image
    path = path_of(_copier(image.repository), image)
    return _Source(image.repository, path, image.label, image.kind == ISO)


def _copier(repository: Repository, others: Sequence[Repository] = ()) -> HostView:
    host = choose_copier(repository, others)
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
    with _source_on(operation, share_text, path, repository, notices) as (_, back):
        if is_template(back.host, back.source, back.label):
            raise PreconditionFailed(
                f"{back.label} is a template with a vm.cfg, no disk: ex_copy_image_from_secondary "
                f"copies it"
            )
        target = back.bring(relative, notices)
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
    """Make a template of a raw disk image or of a folder with a vm.cfg on secondary storage, or of
    a file ``.iso`` an ISO; otherwise as :func:`copy_volume_back`.
    """
    require_name(name, None)
    operation = Operation(estate)
    is_iso = isinstance(path, str) and path.lower().endswith(".iso")
    folder, extension = (ISOS, ".iso") if is_iso else (TEMPLATES, ".img")
    relative = f"{folder}/{image_file_name(name, uuid.uuid4().hex, extension)}"
    with _source_on(operation, share_text, path, repository, notices) as (snapshot, back):
        if is_template(back.host, back.source, back.label):
            image_id = read_back_template(
                operation, snapshot, back.host, back.source, back.target, name, back.label
            )
        else:
            if not is_iso:
                notices += back.require_raw()
            back.bring(relative, notices, is_disk=not is_iso)
            image_id = f"{back.target.id}/{relative}"
    return made(operation, image_id)


@dataclass(frozen=True)
class _Back:
    """A copy from secondary storage.

    :ivar host: makes it, by the host module.
    :ivar target: the repository that it goes into.
    :ivar label: how messages name the source.
    """

    operation: Operation
    host: HostView
    source: Place
    target: Repository
    label: str

    def require_raw(self) -> list[str]:
        """Check that the file is a raw disk.

        :return: notices for the user.
        :raises PreconditionFailed: it is not; nothing was copied.
        """
        assert self.host.module is not None
        size = read_source(self.host, self.source.path, None).size_bytes
        try:
            return require_raw(self.host.module, self.source.path, size, self.label)
        except InvalidArgument as error:
            raise PreconditionFailed(
                f"{self.host.label}: {self.label} was not copied: it is no raw disk: {error}"
            ) from error

    def bring(self, relative: str, notices: list[str], is_disk: bool = True) -> Place:
        """Copy it to a file of the repository.

        :param is_disk: the size becomes a multiple of 4096.
        :raises PreconditionFailed: that could not be done; the copy was deleted.
        """
        target = Place(self.target, f"{self.target.path}/{relative}")
        size = copy_disk(self.operation, self.host, self.source, target)
        if is_disk:
            try:
                notices += pad(self.operation, self.host, self.target, target.path, size)
            except AgentFault as fault:
                raise discarded(self.operation, self.host, target, fault) from fault
        return target


@contextmanager
def _source_on(
    operation: Operation,
    share_text: str,
    path: str,
    repository: str | None,
    notices: list[str],
) -> Iterator[tuple[EstateSnapshot, _Back]]:
    """What is copied from secondary storage, which is mounted meanwhile; and what was read."""
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
    with secondary(operation, host, share, notices) as place:
        source = Place(place, f"{place.path}/{path}")
        yield snapshot, _Back(operation, host, source, chosen, f"{share}/{path}")
