"""Uploading and downloading objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from libcloud.storage.base import Container, Object

from libcloud_ovm3 import operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.storage.base import StorageBase
from libcloud_ovm3.storage.convert import to_container, to_object, to_record

if TYPE_CHECKING:
    from libcloud_ovm3.operations.fetch_file import FetchOptions
    from libcloud_ovm3.operations.file_sources import Source

Progress = Callable[[int, int | None], None]


class Transfers(StorageBase):
    """The methods of the storage driver that transfer contents."""

    def upload_object(
        self,
        file_path: str,
        container: Container,
        object_name: str,
        extra: Mapping[str, Any] | None = None,
        verify_hash: bool = True,
        headers: Mapping[str, str] | None = None,
        *,
        ex_resume: bool | str = False,
        ex_progress: Progress | None = None,
    ) -> Object:
        """Upload a local file: afterwards there is the old object or the new one, never half of it.

        Holes of a sparse file are not sent.

        :param file_path: The path of the file. (required)
        :type file_path: ``str``

        :param container: The container. (required)
        :type container: :class:`libcloud.storage.base.Container`

        :param object_name: The name of the object. (required)
        :type object_name: ``str``

        :param extra: ``content_type``, ``content_encoding`` and ``meta_data`` (a mapping of texts).
        :type extra: ``dict``

        :param verify_hash: Whether the host computes the sums of all blocks before the object is
            replaced.
        :type verify_hash: ``bool``

        :param headers: ``Content-Type`` and ``Content-Encoding``, as for libcloud's other drivers.
        :type headers: ``dict``

        :param ex_resume: True: go on with an unfinished upload of this name and size, if there is
            one; or the id of one (``ex_list_uploads``).
        :type ex_resume: ``bool`` or ``str``

        :param ex_progress: Called after each block with two numbers: the bytes that are there, and
            those of the file.
        :type ex_progress: function

        :raises InvalidArgument: The file cannot be read, or an argument is wrong.
        :raises ContainerNotFound: The container is gone.
        :raises PreconditionFailed: Somebody needs the file that is there, the local file was
            changed while it was read, or the host module is missing. The object is as it was.
        :raises ObjectHashMismatch: What arrived is not what was sent; the object is as it was. Also
            libcloud's ``ObjectHashMismatchError``.
        :raises AgentFault: The host refused; the object is as it was.
        :raises OperationIncomplete: It was interrupted, or whether the object is replaced is
            unknown; ``left`` has the id of the unfinished upload.
        :rtype: :class:`libcloud.storage.base.Object`
        """
        operations.user_progress.require_progress(ex_progress)
        source = operations.file_sources.FileSource(file_path)
        try:
            record = to_record(extra, headers, source.label)
            options = operations.upload_object.UploadOptions(
                parse_flag(verify_hash, "verify_hash"),
                ex_resume if isinstance(ex_resume, str) else parse_flag(ex_resume, "ex_resume"),
                ex_progress,
            )
            return self._upload(source, container, object_name, record, options)
        finally:
            source.close()

    def upload_object_via_stream(
        self,
        iterator: Iterable[bytes],
        container: Container,
        object_name: str,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        ex_progress: Progress | None = None,
    ) -> Object:
        """Upload what an iterator brings, in pieces of any size, or an open binary file: afterwards
        there is the old object or the new one, never half of it.

        :param iterator: Brings ``bytes``; of something with a method ``read``, that is called.
            (required)
        :type iterator: ``iterator`` of ``bytes``

        :param container: The container. (required)
        :type container: :class:`libcloud.storage.base.Container`

        :param object_name: The name of the object. (required)
        :type object_name: ``str``

        :param extra: ``content_type``, ``content_encoding`` and ``meta_data``.
        :type extra: ``dict``

        :param headers: ``Content-Type`` and ``Content-Encoding``.
        :type headers: ``dict``

        :param ex_progress: Called after each block with the bytes that are there, and None.
        :type ex_progress: function

        :raises InvalidArgument: An argument is wrong, or the iterator brings something else.
        :raises PreconditionFailed: Somebody needs the file that is there, or the host module is
            missing. The object is as it was, as it is if the iterator raises an error.
        :raises ObjectHashMismatch: What arrived is not what was sent; the object is as it was.
        :raises AgentFault: The host refused; the object is as it was.
        :raises OperationIncomplete: It was interrupted, or whether the object is replaced is
            unknown; ``left`` has the id of the unfinished upload.
        :rtype: :class:`libcloud.storage.base.Object`
        """
        operations.user_progress.require_progress(ex_progress)
        source = operations.file_sources.StreamSource(iterator)
        options = operations.upload_object.UploadOptions(progress=ex_progress)
        record = to_record(extra, headers, str(object_name))
        return self._upload(source, container, object_name, record, options)

    def _upload(
        self, source: Source, container: Container, name: str, record: Any, options: Any
    ) -> Object:
        where = self._find(container)
        upload = operations.upload_object.upload_object
        made = upload(self._estate, where, name, source, record, options)
        return to_object(made, to_container(where, self))

    # ------------------------------------------------------------------ downloading

    def download_object(
        self,
        obj: Object,
        destination_path: str,
        overwrite_existing: bool = False,
        delete_on_failure: bool = True,
        *,
        ex_resume: bool = False,
        ex_progress: Progress | None = None,
    ) -> bool:
        """Download an object into a file: afterwards all of it is there, or the file is as it was.

        Holes are neither sent nor written. The content is compared with the MD5 that was recorded.

        :param obj: The object. (required)
        :type obj: :class:`libcloud.storage.base.Object`

        :param destination_path: The path of the file, or of a directory that exists. (required)
        :type destination_path: ``str``

        :param overwrite_existing: Whether the file may be there already.
        :type overwrite_existing: ``bool``

        :param delete_on_failure: False: what has arrived is kept, as ``<file>.<digits>.part``.
        :type delete_on_failure: ``bool``

        :param ex_resume: Go on with what was kept so, if the object is still the same; and keep
            what arrives if it fails again.
        :type ex_resume: ``bool``

        :param ex_progress: Called with two numbers: the bytes that have arrived, and all of them.
        :type ex_progress: function

        :raises InvalidArgument: The file cannot be made, or is there.
        :raises ObjectNotFound: The object is gone.
        :raises ObjectHashMismatch: It is not what was uploaded.
        :raises PreconditionFailed: It was replaced meanwhile, or the host module is missing.
        :raises Ovm3Error: It cannot be read.
        :return: True: it is there.
        :rtype: ``bool``
        """
        options = _options(overwrite_existing, delete_on_failure, ex_progress, ex_resume)
        return self._download(obj, destination_path, 0, None, options)

    def download_object_range(
        self,
        obj: Object,
        destination_path: str,
        start_bytes: int,
        end_bytes: int | None = None,
        overwrite_existing: bool = False,
        delete_on_failure: bool = True,
        *,
        ex_progress: Progress | None = None,
    ) -> bool:
        """Download a part of an object into a file: afterwards all of that is there, or the file is
        as it was.

        :param obj: The object. (required)
        :type obj: :class:`libcloud.storage.base.Object`

        :param destination_path: The path of the file, or of a directory that exists. (required)
        :type destination_path: ``str``

        :param start_bytes: The first byte, from 0. (required)
        :type start_bytes: ``int``

        :param end_bytes: The first byte that does not belong to it; None: the end of the object.
        :type end_bytes: ``int``

        :param overwrite_existing: Whether the file may be there already.
        :type overwrite_existing: ``bool``

        :param delete_on_failure: False: what has arrived is kept, as ``<file>.<digits>.part``.
        :type delete_on_failure: ``bool``

        :param ex_progress: Called with two numbers: the bytes that have arrived, and all of them.
        :type ex_progress: function

        :raises InvalidArgument: The file cannot be made, or is there; or this is no range.
        :raises ObjectNotFound: The object is gone.
        :raises PreconditionFailed: It was replaced meanwhile, or the host module is missing.
        :raises Ovm3Error: It cannot be read.
        :return: True: it is there.
        :rtype: ``bool``
        """
        options = _options(overwrite_existing, delete_on_failure, ex_progress)
        return self._download(obj, destination_path, start_bytes, end_bytes, options)

    def _download(
        self, obj: Object, path: str, first: int, last: int | None, options: FetchOptions
    ) -> bool:
        fetch = operations.fetch_file
        found = self._find_object(obj)
        start, end = fetch.check_range(found, first, last)
        fetch.fetch_file(found, path, start, end, options)
        return True

    def download_object_as_stream(
        self, obj: Object, chunk_size: int | None = None
    ) -> Iterator[bytes]:
        """An object as pieces of bytes. All of them are of one content, or an error is raised.

        :param obj: The object. (required)
        :type obj: :class:`libcloud.storage.base.Object`

        :param chunk_size: The bytes of each piece but the last one: with ``obj.size`` all of it is
            the first one. (default: 1 MiB)
        :type chunk_size: ``int``

        :raises InvalidArgument: This is no size.
        :raises ObjectNotFound: The object is gone.
        :raises ObjectHashMismatch: It is not what was uploaded; raised before the last piece.
        :raises PreconditionFailed: It was replaced meanwhile, or the host module is missing.
        :raises Ovm3Error: It cannot be read.
        :rtype: ``iterator`` of ``bytes``
        """
        return self.download_object_range_as_stream(obj, 0, None, chunk_size)

    def download_object_range_as_stream(
        self,
        obj: Object,
        start_bytes: int,
        end_bytes: int | None = None,
        chunk_size: int | None = None,
    ) -> Iterator[bytes]:
        """A part of an object as pieces of bytes. All of them are of one content, or an error is
        raised.

        :param obj: The object. (required)
        :type obj: :class:`libcloud.storage.base.Object`

        :param start_bytes: The first byte, from 0. (required)
        :type start_bytes: ``int``

        :param end_bytes: The first byte that does not belong to it; None: the end of the object.
        :type end_bytes: ``int``

        :param chunk_size: The bytes of each piece but the last one. (default: 1 MiB)
        :type chunk_size: ``int``

        :raises InvalidArgument: This is no range, or no size.
        :raises ObjectNotFound: The object is gone.
        :raises PreconditionFailed: It was replaced meanwhile, or the host module is missing.
        :raises Ovm3Error: It cannot be read.
        :rtype: ``iterator`` of ``bytes``
        """
        fetch = operations.fetch_file
        chunk = fetch.check_chunk(chunk_size)
        found = self._find_object(obj)
        start, end = fetch.check_range(found, start_bytes, end_bytes)
        return fetch.read_stream(found, start, end, chunk)


def _options(
    overwrite: bool, delete: bool, progress: Progress | None, resume: bool = False
) -> FetchOptions:
    """How an object is put into a file."""
    operations.user_progress.require_progress(progress)
    return operations.fetch_file.FetchOptions(
        parse_flag(overwrite, "overwrite_existing"),
        parse_flag(delete, "delete_on_failure"),
        parse_flag(resume, "ex_resume"),
        progress,
    )
