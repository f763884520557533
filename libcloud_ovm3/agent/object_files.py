"""The host module's functions for containers, objects and uploads: docs/host-module.md, Objects."""

from __future__ import annotations

from libcloud_ovm3.agent import chunks
from libcloud_ovm3.agent.hostmodule_calls import PREFIX, ModuleCalls
from libcloud_ovm3.agent.object_types import (
    ContainerPage,
    ObjectEntry,
    ObjectPage,
    ObjectRange,
    ObjectRecord,
    UploadEntry,
    UploadSums,
    read_container_page,
    read_object,
    read_object_page,
    read_sums,
    read_uploads,
)
from libcloud_ovm3.errors import InvalidArgument

Path = str | bytes


class ObjectFiles(ModuleCalls):
    """Containers, objects and uploads in a repository (API 3).

    ``mount`` is the repository's or share's mount point, ``container`` the name of a plain
    container, or "" for the repository's own. Names are 1 to ``NAME_BYTES`` bytes of UTF-8. Every
    method raises, besides what is said there, AgentFault of kind ``...InvalidArgument`` for a name
    that cannot be one, ``...NotFound`` for a container that is not there, ``...NotMounted``,
    ``...NotAllowed``, ``...Failed`` and ``...Timeout``.
    """

    # ------------------------------------------------------------------ containers

    def list_containers(
        self, mount: str, after: str | bytes = "", limit: int = 1000
    ) -> ContainerPage:
        """One page of the plain containers of a repository.

        :param after: the cursor of the previous page; "" for the first.
        :param limit: entries at most, 1 to 1000.
        """
        function, answer = self._read("list_containers", mount, after, limit)
        return read_container_page(self._reader(function), answer)

    def create_container(self, client: str, operation: str, mount: str, name: str) -> None:
        """Make a plain container. It may be repeated safely.

        :raises AgentFault: of kind ``...Exists`` if another operation has made it.
        """
        self._write("create_container", client, operation, mount, _bytes("name", name))

    def delete_container(self, client: str, operation: str, mount: str, name: str) -> None:
        """Delete a plain container that is empty.

        :raises AgentFault: of kind ``...NotEmpty`` if there are objects or unfinished uploads in
            it, ``...NotFound`` if it is not there (any more).
        """
        self._write("delete_container", client, operation, mount, _bytes("name", name))

    # ------------------------------------------------------------------ objects

    def list_objects(
        self,
        mount: str,
        container: str,
        prefix: str = "",
        after: str | bytes = "",
        limit: int = 1000,
    ) -> ObjectPage:
        """One page of the objects whose names begin so. Not in any order of their names.

        :param after: the cursor of the previous page; "" for the first.
        :param limit: entries at most, 1 to 1000. A page may have fewer, even none, and not be the
            last one: that has an empty ``after``.
        """
        names = _bytes("container", container), _bytes("prefix", prefix)
        function, answer = self._read("list_objects", mount, *names, after, limit)
        return read_object_page(self._reader(function), answer)

    def stat_object(self, mount: str, container: str, name: str) -> ObjectEntry:
        """One object.

        :raises AgentFault: of kind ``...NotFound`` if there is no such object or container.
        """
        names = _bytes("container", container), _bytes("name", name)
        function, answer = self._read("stat_object", mount, *names)
        return read_object(self._reader(function), answer)

    def read_object(
        self, mount: str, container: str, name: str, offset: int, length: int, identity: str = ""
    ) -> ObjectRange:
        """A range of an object, at most ``chunks.CHUNK_BYTES`` long; offset and length in bytes.

        :param identity: of the content that it must be of: that of the first range; "" for any.
        :raises AgentFault: of kind ``...Conflict`` if the content is not that any more.
        """
        names = _bytes("container", container), _bytes("name", name)
        function, answer = self._read("read_object", mount, *names, offset, length, identity)
        reader = self._reader(function)
        struct = reader.struct(answer)
        try:
            data = chunks.decode(reader.payload(struct, "chunk"))
        except ValueError as error:
            raise reader.malformed(str(error)) from None
        return ObjectRange(
            reader.key(struct, "size_bytes", int),
            reader.key(struct, "identity", str),
            data,
            reader.key(struct, "next", int),
        )

    def delete_object(
        self,
        client: str,
        operation: str,
        mount: str,
        container: str,
        name: str,
        identity: str = "",
    ) -> None:
        """Delete an object that is none of the repository's own files.

        :param identity: of the content that it must have; "" for any.
        :raises AgentFault: of kind ``...Conflict`` if it has another content, ``...NotFound`` if it
            is not there (any more).
        """
        names = _bytes("container", container), _bytes("name", name)
        self._write("delete_object", client, operation, mount, *names, identity)

    def describe_object(
        self,
        client: str,
        operation: str,
        mount: str,
        container: str,
        name: str,
        identity: str,
        record: ObjectRecord,
    ) -> None:
        """Record something of an object's content, in place of what was recorded of it before.

        It may be repeated safely.

        :raises AgentFault: of kind ``...Conflict`` if it has another content.
        """
        names = _bytes("container", container), _bytes("name", name)
        arguments = (mount, *names, identity, record.struct())
        self._write("describe_object", client, operation, *arguments)

    # ------------------------------------------------------------------ uploads

    def begin_upload(
        self,
        client: str,
        operation: str,
        mount: str,
        container: str,
        name: str,
        size_bytes: int = -1,
    ) -> None:
        """Begin to upload an object. The operation is the upload's id. It may be repeated safely.

        :param size_bytes: how long it will be; -1 if that is not known.
        """
        names = _bytes("container", container), _bytes("name", name)
        self._write("begin_upload", client, operation, mount, *names, size_bytes)

    def list_uploads(self, mount: str, container: str) -> tuple[UploadEntry, ...]:
        """The uploads that were begun and neither committed nor deleted."""
        function, answer = self._read("list_uploads", mount, _bytes("container", container))
        return read_uploads(self._reader(function), answer)

    def write_upload(
        self, client: str, operation: str, mount: str, container: str, offset: int, data: bytes
    ) -> None:
        """Write a range of an upload, at most ``chunks.CHUNK_BYTES`` long; zeros become holes.

        It may be repeated safely, and ranges may be written in any order and at the same time.
        They are on the disk, and stay there, only after :meth:`upload_sums` or the commit.
        """
        try:
            chunk = chunks.encode(data)
        except ValueError as error:
            raise InvalidArgument(f"{PREFIX}write_upload: {error}") from None
        name = _bytes("container", container)
        self._write("write_upload", client, operation, mount, name, offset, chunk)

    def upload_sums(
        self, mount: str, container: str, operation: str, offset: int = 0, blocks: int = 64
    ) -> UploadSums:
        """The sums of consecutive blocks of an upload, once all of it is on the disk.

        :param operation: the upload's.
        :param offset: where the first block begins: a multiple of ``BLOCK_BYTES``.
        :param blocks: 1 to ``SUMS``; fewer at the end of what has been written.
        """
        name = _bytes("container", container)
        function, answer = self._read("upload_sums", mount, name, operation, offset, blocks)
        return read_sums(self._reader(function), answer)

    def commit_upload(
        self,
        client: str,
        operation: str,
        mount: str,
        container: str,
        name: str,
        size_bytes: int,
        record: ObjectRecord,
        replace: bool = False,
    ) -> ObjectEntry:
        """Make an upload the object of that name, in one step. It may be repeated safely.

        :param name: that with which the upload was begun.
        :param size_bytes: of the object; a hole is added where less was written.
        :param replace: of a file of the repository: it may be one that is there. That is set aside
            under this operation: :meth:`delete_aside`, or :meth:`restore_aside`, comes next. Other
            objects are always replaced.
        :return: the object; of a repeated request: as it was committed.
        :raises AgentFault: of kind ``...Exists`` if there is such a file of the repository;
            ``...Conflict`` if more was written than ``size_bytes``, another size was announced, or
            it is still being written; ``...NotFound`` if there is no such upload.
        """
        names = _bytes("container", container), _bytes("name", name)
        arguments = (mount, *names, size_bytes, record.struct(), replace)
        function, answer = self._write("commit_upload", client, operation, *arguments)
        return read_object(self._reader(function), answer)

    def adopt_upload(
        self, client: str, operation: str, mount: str, container: str, upload: str
    ) -> None:
        """Go on with an unfinished upload as this operation, which is its id from now on: whoever
        else writes to it gets an error. It may be repeated safely.

        :param upload: the operation that has been its id.
        :raises AgentFault: of kind ``...NotFound`` if there is no such upload (any more),
            ``...Conflict`` if it is being written, or has become an object.
        """
        name = _bytes("container", container)
        self._write("adopt_upload", client, operation, mount, name, upload)

    def delete_upload(
        self, client: str, operation: str, mount: str, container: str, upload: str
    ) -> None:
        """Delete what an upload has written so far; one that is gone already is as good.

        :param upload: its operation.
        :raises AgentFault: of kind ``...Conflict`` if it is being written or committed.
        """
        name = _bytes("container", container)
        self._write("delete_upload", client, operation, mount, name, upload)

    def restore_aside(self, client: str, operation: str, path: Path) -> None:
        """Move a file that was set aside by :meth:`commit_upload` back over its successor, in one
        step. The successor is deleted with that. It may be repeated safely.

        :param path: its path.
        :raises AgentFault: of kind ``...Conflict`` if another file is there now than the one that
            this operation has committed, ``...NotFound`` if none is set aside.
        """
        self._write("restore_aside", client, operation, path)

    # ------------------------------------------------------------------ parallel calls

    def meet(self, token: str, seconds: int) -> bool:
        """Whether another call with this token was there while this one waited.

        :param token: 32 lower-case hexadecimal digits.
        :param seconds: how long to wait at most, 1 to ``MEETING_SECONDS``.
        """
        function, answer = self._read("meet", token, seconds)
        return self._reader(function).typed("the response", answer, bool)


def _bytes(what: str, name: str) -> bytes:
    """As base64: names may have what XML forbids, and the agent logs no base64."""
    try:
        return name.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidArgument(f"{what}: not valid text: {name!r}") from None
