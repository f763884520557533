"""Importing an image from a local file, in any format. Needs the host module.

It is made a raw file here (:mod:`.convert_image`) and sent in blocks, and becomes an image when the
host has all of it (:mod:`.upload_object`). The name of its file is made for it, so nothing is ever
overwritten, and no such file is there before it is complete.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import replace

from libcloud_ovm3.agent.object_types import ObjectRecord
from libcloud_ovm3.errors import AmbiguousName, PreconditionFailed
from libcloud_ovm3.estate.disk_names import parse_file_name
from libcloud_ovm3.estate.images import ISOS, TEMPLATES, Image, image_file_name
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.objects import Container, read_uploads
from libcloud_ovm3.estate.repositories import with_module
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations.convert_image import LocalImage, raw_image
from libcloud_ovm3.operations.create_image import made
from libcloud_ovm3.operations.disk_sizes import BLOCK
from libcloud_ovm3.operations.file_sources import FileSource
from libcloud_ovm3.operations.make_template import require_name
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.partition_tables import cut_off
from libcloud_ovm3.operations.target_repository import choose_repository, require_room
from libcloud_ovm3.operations.upload_object import UploadOptions, upload_object
from libcloud_ovm3.operations.user_progress import Progress, told
from libcloud_ovm3.progress import waiting


def import_file(
    estate: Estate,
    path: str,
    name: str,
    is_iso: bool | None = None,
    repository: str | None = None,
    resume: bool | str = False,
    progress: Progress | None = None,
) -> tuple[Image, list[str]]:
    """Make an image of a local file.

    :param is_iso: whether it is an ISO; None: if its content begins as a CD does.
    :param repository: the id or the alias of one; None: the one with the most free space.
    :param resume: whether to go on with an unfinished upload of the same name and size; a text: of
        this id.
    :return: the image, and notices for the user.
    :raises InvalidArgument: there is no such file, it is not the image of a whole disk, or the name
        is wrong.
    :raises PreconditionFailed: no host can take it, it does not fit, or cannot be converted.
    :raises OperationIncomplete: it was not completed; names what may be left.
    :raises Ovm3Error: as :func:`.upload_object`; nothing is left.
    """
    require_name(name, None)
    target = choose_repository(read_estate(estate), repository)
    host = with_module(target)
    if host is None:
        raise PreconditionFailed(
            f"{path} was not imported: sending a file needs the host module (`ovm3 host install`) "
            f"on a host that has repository {target.id} mounted; a host can fetch a URL without it"
        )
    notices: list[str] = []
    with raw_image(path) as local:
        if is_iso is None:
            is_iso = local.is_iso
        if not is_iso:
            with open(local.path, "rb") as file:
                notices += cut_off(file.read(1024), local.size_bytes, local.label)
        notices += require_room(target, _data_bytes(local), f"image {name!r}")
        container = Container(target.id, replace(target, content=None))
        source = FileSource(local.path, multiple=1 if is_iso else BLOCK)
        try:
            object_name, upload = _place(container, name, is_iso, source.size_bytes, resume)
            options = UploadOptions(resume=upload, progress=told(progress, notices))
            with waiting(f"sending {local.label} to {host.label}"):
                upload_object(estate, container, object_name, source, ObjectRecord(), options)
        finally:
            source.close()
    return made(Operation(estate), f"{target.id}/{object_name}"), notices


def _data_bytes(local: LocalImage) -> int:
    """How much of it is no hole."""
    return min(local.size_bytes, os.stat(local.path).st_blocks * 512)


def _place(
    container: Container, name: str, is_iso: bool, size_bytes: int, resume: bool | str
) -> tuple[str, bool | str]:
    """The name of the file as an object of its repository, and which upload to go on with.

    :raises PreconditionFailed: there is no upload of this id.
    :raises AmbiguousName: there are several uploads.
    """
    folder, extension = (ISOS, ".iso") if is_iso else (TEMPLATES, ".img")
    new = f"{folder}/{image_file_name(name, uuid.uuid4().hex, extension)}"
    if not resume:
        return new, False
    found = {
        one.operation: one.name
        for one in read_uploads(container)
        if not one.error
        and one.size_bytes == size_bytes
        and one.name.startswith(f"{folder}/")
        and _name_in(one.name) == name
        and resume in (True, one.operation)
    }
    if len(found) > 1:
        raise AmbiguousName(
            f"ex_resume: several uploads of image {name!r} are unfinished: name one of them, "
            f"{', '.join(found)}"
        )
    if not found and isinstance(resume, str):
        raise PreconditionFailed(
            f"ex_resume {resume!r}: repository {container.repository.id} has no unfinished upload "
            f"of this id, of image {name!r} and of {size_bytes} bytes"
        )
    return next(((its_name, upload) for upload, its_name in found.items()), (new, False))


def _name_in(object_name: str) -> str | None:
    """The name of the image in the name of its file; None: it is not one of this package's."""
    file = object_name.rpartition("/")[2]
    parsed = parse_file_name(f"{file[:-4]}.img" if file.endswith(".iso") else file)
    return parsed.name if parsed else None
