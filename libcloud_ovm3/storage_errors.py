"""Errors about containers and objects: libcloud's own, in this package's tree (:mod:`.errors`)."""

from __future__ import annotations

from typing import Any

from libcloud.common.types import LibcloudError
from libcloud.storage.types import (
    ContainerAlreadyExistsError,
    ContainerDoesNotExistError,
    ContainerIsNotEmptyError,
    InvalidContainerNameError,
    ObjectDoesNotExistError,
    ObjectHashMismatchError,
)

from libcloud_ovm3.errors import InvalidArgument, NameTaken, Ovm3Error, PreconditionFailed


class _Plain(LibcloudError):
    """Stands before libcloud's errors, whose constructors take other arguments."""

    def __init__(self, value: str, driver: Any = None) -> None:
        LibcloudError.__init__(self, value, driver=driver)


def _about_container(
    self: Any, value: str, driver: Any = None, *, container_name: str | None = None, **where: Any
) -> None:
    """The constructor of errors about a container of the storage driver."""
    Ovm3Error.__init__(self, value, driver, **where)
    self.container_name = container_name


def _about_object(
    self: Any, value: str, driver: Any = None, *, object_name: str | None = None, **where: Any
) -> None:
    """The constructor of errors about an object of the storage driver."""
    Ovm3Error.__init__(self, value, driver, **where)
    self.object_name = object_name


class ContainerNotFound(Ovm3Error, _Plain, ContainerDoesNotExistError):
    """There is no such container, and everything could be read.

    :ivar container_name: The name.
    """

    __init__ = _about_container


class ContainerTaken(NameTaken, _Plain, ContainerAlreadyExistsError):
    """A container with this name already exists.

    :ivar container_name: The name.
    """

    __init__ = _about_container


class ContainerNotEmpty(PreconditionFailed, _Plain, ContainerIsNotEmptyError):
    """The container has objects, or unfinished uploads; it was not deleted.

    :ivar container_name: The name.
    """

    __init__ = _about_container


class InvalidContainerName(InvalidArgument, _Plain, InvalidContainerNameError):
    """A container cannot have this name; nothing was sent.

    :ivar container_name: The name.
    """

    __init__ = _about_container


class ObjectNotFound(Ovm3Error, _Plain, ObjectDoesNotExistError):
    """The container has no object of this name.

    :ivar object_name: The name.
    """

    __init__ = _about_object


class ObjectHashMismatch(Ovm3Error, _Plain, ObjectHashMismatchError):
    """The content that has arrived is not the one that was sent.

    :ivar object_name: The name.
    """

    __init__ = _about_object
