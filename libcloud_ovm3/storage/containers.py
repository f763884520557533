"""Containers: repositories, and plain containers in them."""

from __future__ import annotations

from collections.abc import Iterator

from libcloud.storage.base import Container

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.option_values import quoted
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.storage.base import StorageBase
from libcloud_ovm3.storage.convert import to_container


class Containers(StorageBase):
    """The container methods of the storage driver."""

    def iterate_containers(self) -> Iterator[Container]:
        """The repositories, and the plain containers in them, by name (docs/storage.md).

        ``extra``: ``repository_id``, ``repository`` (its alias), ``plain_name`` (None: it is the
        repository itself), ``creation_time`` (of a plain one).

        :raises Ovm3Error: No host responded; or with ``ex_strict``, something cannot be read.
        :rtype: ``iterator`` of :class:`libcloud.storage.base.Container`
        """
        yield from self.list_containers()

    def list_containers(self) -> list[Container]:
        """The repositories, and the plain containers in them, by name.

        :raises Ovm3Error: No host responded; or with ``ex_strict``, something cannot be read.
        :rtype: ``list`` of :class:`libcloud.storage.base.Container`
        """
        return self._containers(is_search=False)

    def _containers(self, *, is_search: bool) -> list[Container]:
        """The same.

        :param is_search: one is looked for: that there may be more says :meth:`get_container`, if
            it is not found.
        """
        found = estate.objects.read_containers(self._estate)
        unread = [*found.errors, *(() if is_search else found.unlisted)]
        if unread and self.ex_strict:
            raise Ovm3Error("; ".join(unread), self)
        self._warn(unread, stacklevel=4)
        return [to_container(one, self) for one in found.containers]

    def get_container(self, container_name: str) -> Container:
        """One container.

        :param container_name: Its name as it is listed, or the id or alias of a repository.
            (required)
        :type container_name: ``str``

        :raises ContainerNotFound: There is none. Also libcloud's ``ContainerDoesNotExistError``.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises AmbiguousName: Several repositories have this alias.
        :rtype: :class:`libcloud.storage.base.Container`
        """
        if not isinstance(container_name, str):
            raise InvalidArgument(f"container_name {quoted(container_name)}: expected a text")
        found, errors = estate.objects.find_container(self._estate, container_name)
        self._warn(errors)
        return to_container(found, self)

    def create_container(self, container_name: str) -> Container:
        """Make a plain container, in the repository that ``ex_containers_repository`` names.

        :param container_name: Its name. (required)
        :type container_name: ``str``

        :raises InvalidContainerName: It cannot have this name. Also libcloud's
            ``InvalidContainerNameError``.
        :raises ContainerTaken: There is one. Also libcloud's ``ContainerAlreadyExistsError``.
        :raises PreconditionFailed: Which repository it goes into is not known, or no host of that
            has the host module. Nothing was sent.
        :raises AgentFault: The host refused; there is none.
        :raises OperationIncomplete: Whether it is there is unknown.
        :rtype: :class:`libcloud.storage.base.Container`
        """
        create = operations.containers.create_container
        made = create(self._estate, container_name, self._access.containers_repository)
        return to_container(made, self)

    def delete_container(self, container: Container) -> bool:
        """Delete an empty container that ``create_container`` has made.

        :param container: The container. (required)
        :type container: :class:`libcloud.storage.base.Container`

        :raises ContainerNotEmpty: There are objects in it, or unfinished uploads. Also libcloud's
            ``ContainerIsNotEmptyError``.
        :raises ContainerNotFound: It is gone. Also libcloud's ``ContainerDoesNotExistError``.
        :raises PreconditionFailed: It is a repository, or no host of that has the host module.
        :raises AgentFault: The host refused; it is there.
        :raises OperationIncomplete: Whether it is deleted is unknown.
        :return: True: it is deleted.
        :rtype: ``bool``
        """
        operations.containers.delete_container(self._estate, self._find(container))
        return True
