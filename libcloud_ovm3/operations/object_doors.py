"""The part of :mod:`.doors` for containers and objects: one function per call, each sent once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libcloud_ovm3.estate.objects import Container, StoredObject, module_of

if TYPE_CHECKING:
    from libcloud_ovm3.agent.object_types import ObjectEntry, ObjectRecord
    from libcloud_ovm3.operations.operation import Operation


def create_container(operation: Operation, container: Container) -> None:
    """Make a plain container; faults if another operation has made one of this name."""
    mount, name = container.repository.path, container.plain
    module_of(container).create_container(operation.client, operation.id, mount, name)


def delete_container(operation: Operation, container: Container) -> None:
    """Delete a plain container; faults if anything is in it."""
    mount, name = container.repository.path, container.plain
    module_of(container).delete_container(operation.client, operation.id, mount, name)


def begin_upload(operation: Operation, container: Container, name: str, size_bytes: int) -> None:
    """Make the temporary of an upload, whose id is the operation's.

    :param size_bytes: -1: not known.
    """
    module_of(container).begin_upload(
        operation.client, operation.id, container.repository.path, container.plain, name, size_bytes
    )


def write_upload(operation: Operation, container: Container, offset: int, data: bytes) -> None:
    """Write a block of the operation's own upload."""
    module_of(container).write_upload(
        operation.client, operation.id, container.repository.path, container.plain, offset, data
    )


def commit_upload(
    operation: Operation,
    container: Container,
    name: str,
    size_bytes: int,
    record: ObjectRecord,
    replace: bool,
) -> ObjectEntry:
    """Make the operation's upload the object of this name, in one step.

    :param replace: of a repository's own file: one that is there is set aside. Of other objects the
        last upload always wins.
    """
    mount, plain = container.repository.path, container.plain
    return module_of(container).commit_upload(
        operation.client, operation.id, mount, plain, name, size_bytes, record, replace
    )


def adopt_upload(operation: Operation, container: Container, upload: str) -> None:
    """Make an unfinished upload that of the operation: nobody else can write to it then.

    :param upload: the id that it has had.
    """
    module_of(container).adopt_upload(
        operation.client, operation.id, container.repository.path, container.plain, upload
    )


def delete_upload(operation: Operation, container: Container, upload: str) -> None:
    """Delete the temporary of an upload, which nobody else can use.

    :param upload: its id.
    """
    module_of(container).delete_upload(
        operation.client, operation.id, container.repository.path, container.plain, upload
    )


def restore_aside(operation: Operation, container: Container, path: str) -> None:
    """Put a file that this operation has replaced back in its place, over what it has uploaded."""
    module_of(container).restore_aside(operation.client, operation.id, path)


def delete_object(operation: Operation, found: StoredObject) -> None:
    """Delete an object that is none of a repository's own files, if it is what was read."""
    container = found.container
    mount, plain = container.repository.path, container.plain
    module_of(container).delete_object(
        operation.client, operation.id, mount, plain, found.name, found.identity
    )


def describe_object(operation: Operation, found: StoredObject, record: ObjectRecord) -> None:
    """Record something of an object, if it is what was read."""
    container = found.container
    mount, plain = container.repository.path, container.plain
    module_of(container).describe_object(
        operation.client, operation.id, mount, plain, found.name, found.identity, record
    )
