"""Objects: listing, finding and deleting them, and unfinished uploads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from libcloud.storage.base import Container, Object

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.object_types import NAME_BYTES
from libcloud_ovm3.agent.option_values import quoted
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.storage.base import StorageBase, name_of
from libcloud_ovm3.storage.convert import to_container, to_object, to_upload


class Objects(StorageBase):
    """The object methods of the storage driver that transfer nothing."""

    def iterate_container_objects(
        self, container: Container, prefix: str | None = None, ex_prefix: str | None = None
    ) -> Iterator[Object]:
        """The objects of a container, page by page, in no particular order.

        ``extra``: ``content_type``, ``content_encoding`` (if there is one), ``last_modified`` (UTC,
        as text), ``used_bytes``, ``identity``, ``path`` (of a repository's own file). ``hash`` is
        the MD5 of the content; None: not known (:meth:`ex_hash_object`). Without the host module
        only a repository's own files are listed, and ``size`` is None.

        :param container: The container. (required)
        :type container: :class:`libcloud.storage.base.Container`

        :param prefix: How the names begin; the host filters them.
        :type prefix: ``str``

        :param ex_prefix: The same; deprecated in libcloud.
        :type ex_prefix: ``str``

        :raises InvalidArgument: ``prefix`` is no text.
        :raises Ovm3Error: It cannot be read; or with ``ex_strict``, an object in it cannot.
        :rtype: ``iterator`` of :class:`libcloud.storage.base.Object`
        """
        begin = self._normalize_prefix_argument(prefix, ex_prefix) or ""
        if not isinstance(begin, str):
            raise InvalidArgument(f"prefix {quoted(begin)}: expected a text")
        found = self._find(container)
        if "\0" in begin or len(begin.encode("utf-8", "replace")) > NAME_BYTES:
            return  # no name can begin so
        theirs = to_container(found, self)
        for one in estate.objects.objects_in(found, begin, self._notice):
            yield to_object(one, theirs)

    def _notice(self, text: str) -> None:
        if self.ex_strict:
            raise Ovm3Error(text, self)
        self._warn([text], 5)

    def list_container_objects(
        self, container: Container, prefix: str | None = None, ex_prefix: str | None = None
    ) -> list[Object]:
        """The objects of a container, sorted by name.

        :param container: The container. (required)
        :type container: :class:`libcloud.storage.base.Container`

        :param prefix: How the names begin.
        :type prefix: ``str``

        :param ex_prefix: The same; deprecated in libcloud.
        :type ex_prefix: ``str``

        :raises InvalidArgument: ``prefix`` is no text.
        :raises Ovm3Error: It cannot be read; or with ``ex_strict``, an object in it cannot.
        :rtype: ``list`` of :class:`libcloud.storage.base.Object`
        """
        found = self.iterate_container_objects(container, prefix, ex_prefix)
        return sorted(found, key=lambda one: str(one.name))

    def get_object(self, container_name: str, object_name: str) -> Object:
        """One object.

        :param container_name: The name of its container. (required)
        :type container_name: ``str``

        :param object_name: Its name. (required)
        :type object_name: ``str``

        :raises ObjectNotFound: There is none. Also libcloud's ``ObjectDoesNotExistError``.
        :raises ContainerNotFound: There is no such container. Also libcloud's
            ``ContainerDoesNotExistError``.
        :raises SearchIncomplete: That was not found, but not everything could be read.
        :raises Ovm3Error: With ``ex_strict``: what is recorded of it cannot be read.
        :rtype: :class:`libcloud.storage.base.Object`
        """
        for name, value in (("container_name", container_name), ("object_name", object_name)):
            if not isinstance(value, str):
                raise InvalidArgument(f"{name} {quoted(value)}: expected a text")
        found = self._find(container_name)
        one = estate.objects.find_object(found, object_name)
        if one.unread:
            self._notice(one.unread)
        return to_object(one, to_container(found, self))

    def delete_object(self, obj: Object) -> bool:
        """Delete an object. What a VM, a template or a snapshot needs is kept: the error says who.

        :param obj: The object. (required)
        :type obj: :class:`libcloud.storage.base.Object`

        :raises ObjectNotFound: It is gone. Also libcloud's ``ObjectDoesNotExistError``.
        :raises PreconditionFailed: Somebody needs it, or may; or the host module is missing.
        :raises AgentFault: The host refused; it is there.
        :raises OperationIncomplete: Whether it is deleted is unknown.
        :return: True: it is deleted.
        :rtype: ``bool``
        """
        name = name_of(obj, Object, "obj")
        found = self._find(obj.container)
        self._warn(operations.own_files.delete_object(self._estate, found, name))
        return True

    def ex_hash_object(self, obj: Object) -> Object:
        """The object with its ``hash``, computed on the host if nobody knows it, and recorded.

        :param obj: The object. (required)
        :type obj: :class:`libcloud.storage.base.Object`

        :raises ObjectNotFound: It is gone.
        :raises PreconditionFailed: It was changed meanwhile, the host module is missing, or what is
            recorded of it cannot be read.
        :raises WaitTimeout: The host makes no progress.
        :raises AgentFault: The host cannot read it.
        :raises OperationIncomplete: Whether its MD5 is recorded is unknown.
        :rtype: :class:`libcloud.storage.base.Object`
        """
        hashed = operations.hash_object.hash_object(self._estate, self._find_object(obj))
        return to_object(hashed, to_container(hashed.container, self))

    # ------------------------------------------------------------------ unfinished uploads

    def ex_list_uploads(self, container: Container | str) -> list[dict[str, Any]]:
        """What was begun to be uploaded, by whomever, and was neither completed nor deleted.

        Each has ``id``, ``object_name``, ``size_bytes`` (None: not known in advance),
        ``done_bytes``, ``client``, ``started``, ``last_modified`` (UTC, as text) and ``error`` (why
        it cannot be read). Nobody can tell whether its client still runs: if ``last_modified``
        moves, it does.

        :param container: The container, or its name. (required)
        :type container: :class:`libcloud.storage.base.Container` or ``str``

        :raises PreconditionFailed: The host module is missing.
        :raises Ovm3Error: They cannot be read.
        :rtype: ``list`` of ``dict``
        """
        return [to_upload(one) for one in estate.objects.read_uploads(self._find(container))]

    def ex_delete_upload(self, container: Container | str, upload: dict[str, Any] | str) -> bool:
        """Delete an unfinished upload. A client that still writes to it gets an error.

        :param container: The container, or its name. (required)
        :type container: :class:`libcloud.storage.base.Container` or ``str``

        :param upload: One of ``ex_list_uploads``, or its id. (required)
        :type upload: ``dict`` or ``str``

        :raises PreconditionFailed: There is no such upload, or the host module is missing.
        :raises AgentFault: The host refused; it is there.
        :raises OperationIncomplete: Whether it is deleted is unknown.
        :return: True: it is deleted.
        :rtype: ``bool``
        """
        ident = upload.get("id") if isinstance(upload, dict) else upload
        found = self._find(container)
        operations.upload_object.delete_unfinished(self._estate, found, str(ident))
        return True
