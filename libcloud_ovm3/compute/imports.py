"""Importing images: local files, and URLs that a host fetches itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from libcloud.compute.base import NodeImage, StorageVolume

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, to_image
from libcloud_ovm3.compute.convert_volumes import to_volume
from libcloud_ovm3.errors import InvalidArgument

if TYPE_CHECKING:
    from libcloud_ovm3.estate.images import Image
    from libcloud_ovm3.estate.volumes import Volume


class Imports(OVM3Base):
    """The methods of the driver that bring images into repositories."""

    def ex_import_image(
        self,
        source: str,
        name: str,
        *,
        ex_kind: str | None = None,
        ex_repository: str | None = None,
        ex_size_bytes: int | None = None,
        ex_resume: bool | str = False,
        ex_progress: Callable[[int, int], object] | None = None,
    ) -> NodeImage | StorageVolume:
        """Make a template or an ISO of a local file, or of what a URL leads to. Blocks meanwhile.

        A local file may have any format that qemu-img reads, be compressed (gzip, bzip2, xz), or be
        raw; it is sent as a raw disk. Needs the host module, and qemu-img for what is not raw.

        A host fetches a URL itself, as it is: a disk has to be raw, and not compressed. While it
        does so, the image is listed with ``extra["state"]`` ``pending``. A template needs the host
        module; without it the disk stays a volume.

        :param source: The path of a file, or a URL: ``http://``, ``https://`` or ``ftp://``.
            (required)
        :type source: ``str``

        :param name: The name of the image; others may have the same. (required)
        :type name: ``str``

        :param ex_kind: ``raw`` or ``iso``. (default: of a file by its content; of a URL ``iso`` if
            its path ends with ``.iso``)
        :type ex_kind: ``str``

        :param ex_repository: The id or the alias of the repository for it. (default: the one with
            the most free space)
        :type ex_repository: ``str``

        :param ex_size_bytes: The size of what the URL leads to, in bytes: only it tells when it is
            complete. (default: what its server says, asked from here)
        :type ex_size_bytes: ``int``

        :param ex_resume: True: go on with an unfinished upload of a file, of the same name and
            size, if there is one; a text: with the one that has this id.
        :type ex_resume: ``bool`` or ``str``

        :param ex_progress: A function that is called with the bytes that are there, and with the
            size, as it goes on.
        :type ex_progress: ``callable``

        :raises InvalidArgument: An argument is wrong, or the file is not the image of a whole disk.
        :raises PreconditionFailed: It does not fit, the size of a URL is not known, or the host
            module or qemu-img is missing. Nothing of it is left.
        :raises AgentFault: The host refused. Nothing of it is left.
        :raises ObjectHashMismatch: What arrived is not what was sent. Nothing of it is left.
        :raises AmbiguousName: Several uploads could be resumed.
        :raises OperationIncomplete: It is not complete (yet), or no raw disk; names it.
        :return: The image; without the host module the volume that a disk stays.
        :rtype: :class:`NodeImage` or :class:`StorageVolume`
        """
        operations.user_progress.require_progress(ex_progress)
        is_iso, size, resume = _is_iso(ex_kind), _size(ex_size_bytes), _resume(ex_resume)
        found: Image | Volume
        if operations.url_size.is_url(source):
            _require_no("ex_resume", resume, "is for files: ex_finish_import goes on with a URL")
            found, notices = operations.fetch_image.fetch_image(
                self._estate, source, name, is_iso, ex_repository, size, ex_progress
            )
        else:
            _require_no("ex_size_bytes", size, "is for URLs")
            found, notices = operations.import_file.import_file(
                self._estate, source, name, is_iso, ex_repository, resume, ex_progress
            )
        return self._imported(found, notices)

    def ex_finish_import(
        self, node_image: NodeImage | StorageVolume | str, *, ex_size_bytes: int | None = None
    ) -> NodeImage | StorageVolume:
        """Finish an import whose program was interrupted. Nothing is fetched again.

        :param node_image: An image whose state is ``pending``, or its id. (required)
        :type node_image: :class:`NodeImage` or ``str``

        :param ex_size_bytes: The size of the complete file, in bytes. (default: what was recorded
            with it, by the host module)
        :type ex_size_bytes: ``int``

        :raises ImageNotFound: No such import is pending.
        :raises PreconditionFailed: It is not complete, or its size is not known. It stays pending.
        :raises OperationIncomplete: Whether it is finished is unknown, or it is no raw disk.
        :return: As :meth:`ex_import_image`.
        :rtype: :class:`NodeImage` or :class:`StorageVolume`
        """
        found, notices = operations.finish_import.finish_import(
            self._estate, object_id(node_image), _size(ex_size_bytes)
        )
        return self._imported(found, notices)

    def _imported(self, found: Image | Volume, notices: list[str]) -> NodeImage | StorageVolume:
        self._warn(notices)
        if isinstance(found, estate.volumes.Volume):
            return to_volume(found, self)
        return to_image(found, self)


def _is_iso(kind: str | None) -> bool | None:
    if kind not in (None, "raw", "iso"):
        raise InvalidArgument(f"ex_kind {kind!r}: expected 'raw' or 'iso'")
    return None if kind is None else kind == "iso"


def _size(size_bytes: int | None) -> int | None:
    if size_bytes is None:
        return None
    return operations.disk_sizes.whole_bytes("ex_size_bytes", size_bytes)


def _resume(resume: bool | str) -> bool | str:
    if not isinstance(resume, bool | str):
        raise InvalidArgument(f"ex_resume {resume!r}: expected True, False or the id of an upload")
    return resume


def _require_no(what: str, value: object, why: str) -> None:
    if value:
        raise InvalidArgument(f"{what} {value!r}: {why}")
