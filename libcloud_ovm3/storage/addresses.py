"""The "CDN" methods: addresses on the loopback interface of this machine (:mod:`.cdn`)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from libcloud.storage.base import Container, Object

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.storage.base import StorageBase
from libcloud_ovm3.storage.convert import to_container, to_object

if TYPE_CHECKING:
    from libcloud_ovm3.storage.cdn import CDN, Served

DEFAULT_EXPIRY = 3600.0  # seconds


class Addresses(StorageBase):
    """The methods of the storage driver that libcloud calls CDN."""

    def enable_container_cdn(self, container: Container) -> bool:
        """Nothing is to be done: every object has an address (:meth:`get_object_cdn_url`).

        :param container: The container. (required)
        :type container: :class:`libcloud.storage.base.Container`

        :raises ContainerNotFound: There is no such container.
        :return: True.
        :rtype: ``bool``
        """
        self._find(container)
        return True

    def enable_object_cdn(self, obj: Object) -> bool:
        """Nothing is to be done: the object has an address (:meth:`get_object_cdn_url`).

        :param obj: The object. (required)
        :type obj: :class:`libcloud.storage.base.Object`

        :raises ObjectNotFound: There is no such object.
        :return: True.
        :rtype: ``bool``
        """
        self._find_object(obj)
        return True

    def get_container_cdn_url(
        self, container: Container, *, ex_expiry: float = DEFAULT_EXPIRY
    ) -> str:
        """An address that a slash and the name of an object, quoted, complete.

        Everybody on this machine who knows it can read all objects of the container until it ends,
        at the latest with this process (docs/storage.md).

        :param container: The container. (required)
        :type container: :class:`libcloud.storage.base.Container`

        :param ex_expiry: How long it is valid.
        :type ex_expiry: ``float``, seconds

        :raises InvalidArgument: This is no time.
        :raises ContainerNotFound: There is no such container.
        :raises PreconditionFailed: The host module is missing.
        :rtype: ``str``
        """
        seconds = parse_seconds(ex_expiry, "ex_expiry")
        found = self._find(container)
        estate.objects.module_of(found)
        return self._cdn().url(found.full_name, None, seconds)

    def get_object_cdn_url(self, obj: Object, *, ex_expiry: float = DEFAULT_EXPIRY) -> str:
        """The address of an object, for programs on this machine that read by HTTP.

        It is answered by this process, to GET and HEAD, with ranges, until it ends, at the latest
        with this process (docs/storage.md).

        :param obj: The object. (required)
        :type obj: :class:`libcloud.storage.base.Object`

        :param ex_expiry: How long it is valid.
        :type ex_expiry: ``float``, seconds

        :raises InvalidArgument: This is no time.
        :raises ObjectNotFound: There is no such object.
        :raises PreconditionFailed: The host module is missing.
        :rtype: ``str``
        """
        seconds = parse_seconds(ex_expiry, "ex_expiry")
        found = self._find_object(obj)
        estate.objects.module_of(found.container, found.label)
        return self._cdn().url(found.container.full_name, found.name, seconds)

    def _cdn(self) -> CDN:
        """Made when it is needed first."""
        known: CDN | None = self.__dict__.get("_addresses")
        if known is None:
            from libcloud_ovm3.storage.cdn import CDN  # noqa: PLC0415 (few need http.server)

            made = CDN(self._served, self._access.clock.now)
            known = self.__dict__.setdefault("_addresses", made)
        return known

    def _served(self, container_name: str, object_name: str) -> Served:
        from libcloud_ovm3.storage.cdn import Served  # noqa: PLC0415 (few need http.server)

        container, _ = estate.objects.find_container(self._estate, container_name)
        found = estate.objects.find_object(container, object_name)
        extra = to_object(found, to_container(container, self)).extra
        return Served(
            operations.fetch_file.size_of(found),
            extra["content_type"],
            extra.get("content_encoding", ""),
            found.md5 or hashlib.sha256(found.identity.encode()).hexdigest(),
            lambda start, end: operations.fetch_file.read_stream(
                found, start, end, operations.fetch_file.DEFAULT_CHUNK
            ),
        )
