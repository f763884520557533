"""Objects: the files of a container.

In the repository's own container these are the repository's own files, ``Templates/...``,
``ISOs/...`` and ``VirtualDisks/...``; all others are files in ``data/`` (:mod:`containers`), whose
names :mod:`object_names` makes of theirs.
"""

import os
import re

from libcloud_ovm3_host import (abouts, arguments, chunks, containers, dirfd, errors, files, holes,
                                 object_listing, object_names, safe_paths, state_dir)
from libcloud_ovm3_host.compat import big, error, to_bytes
from libcloud_ovm3_host.version import CHUNK_BYTES, PAGE_ENTRIES

SECONDS = 50  # clients wait for a minute

_IDENTITY = re.compile(r'(?:-?\d+-\d+--?\d+\.\d{6})?\Z')
_SLASH = '/'.encode('ascii')


# --- reading --------------------------------------------------------------------------------

def list_objects(dom0, mount, container, prefix, after, limit):
    """``{objects: [{name, size_bytes, used_bytes, modified, identity, about,
    is_file_of_repository}], after}`` of those whose names begin with the prefix.

    ``container``: '' is the repository's own. ``about``: ``{md5, content_type, content_encoding,
    meta_data}``, ``{}`` if nothing is recorded of this content; ``about_error``: why that cannot be
    read. What is no object, or cannot be read, has ``error`` beside its name. A page may have
    fewer entries than the limit; ``after``: cursor of the next page, '' at the end.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound, Failed, Timeout.
    """
    mount_point = safe_paths.mount_point(mount)
    container = object_names.container_or_own(container)
    prefix, after = object_names.prefix(prefix), arguments.name_bytes('after', after)
    arguments.number('limit', limit, 1, PAGE_ENTRIES)
    return dom0.within(SECONDS, object_listing.page, dom0, mount_point, container, prefix, after,
                       limit)


def stat_object(dom0, mount, container, name):
    """The entry of one object, and ``path``, that of its file. Raises as :func:`list_objects`."""
    mount_point = safe_paths.mount_point(mount)
    container, name = object_names.container_or_own(container), object_names.checked('name', name)
    return dom0.within(SECONDS, _stat, dom0, mount_point, container, name)


def _stat(dom0, mount_point, container, name):
    place = containers.open_place(dom0, mount_point, container, False)
    try:
        return entry(dom0, mount_point, place, container, name)
    finally:
        close(place)


def entry(dom0, mount_point, place, container, name):
    """The same, of an object in an open container. Raises NotFound, NotAllowed, Failed."""
    directory, file, is_own = open_directory(dom0, mount_point, place, container, name)
    opened = {}
    try:
        found = object_listing.entry(name, is_own, *object_listing.read(
            place, record_name(name), opened, stat, directory, file, name))
    finally:
        object_listing.close(opened)
        os.close(directory)
    put_path(found, mount_point, container, name)
    return found


def put_path(entry, mount_point, container, name):
    """Put the path of an object's file into its entry: jobs may read it."""
    path = name
    if pieces_of(container, name) is None:
        path = _SLASH.join([to_bytes(safe_paths.STATE_DIR), to_bytes(containers.FOLDER),
                            containers.key_of(container), to_bytes(containers.DATA),
                            object_names.file_name(name)])
    safe_paths.put_name(entry, 'path', 'path_raw', mount_point + _SLASH + path)


def record_name(name):
    """The file name under which the records of an object are kept."""
    return object_names.file_name(name)


def open_directory(dom0, mount_point, place, container, name):
    """``(descriptor of the directory, file name in it, whether it is the repository's own)``.

    Raises NotFound, NotAllowed, InvalidArgument, Failed.
    """
    pieces = pieces_of(container, name)
    missing = errors.NotFound('%s: no such object' % safe_paths.printable(name))
    if pieces is None:
        directory = None
        if place is not None:
            directory = containers.open_below(place, containers.DATA, False)
        if directory is None:
            raise missing
        return directory, object_names.file_name(name), False
    directory = safe_paths.open_root(dom0, mount_point)
    try:
        for piece in pieces[:-1]:
            directory = safe_paths.enter(directory, piece)
    except errors.NotFound:
        raise missing
    return directory, pieces[-1], True


def pieces_of(container, name):
    """The pieces of the path of a file of the repository; None for an object of ours."""
    if container:
        return None
    return object_names.pieces_of_file(name)


def stat(directory, file, name):
    """``lstat`` of an object. Raises NotFound, NotAllowed, Failed."""
    try:
        return safe_paths.stat_regular(directory, file)
    except errors.NotFound:
        raise errors.NotFound('%s: no such object' % safe_paths.printable(name))


def close(place):
    """Close a descriptor that may be None."""
    if place is not None:
        os.close(place)


def read_object(dom0, mount, container, name, offset, length, identity):
    """``{size_bytes, identity, chunk, next}``: as :func:`files.read_file`; ``next``: where the next
    data begins, at or after the end of the range: what lies between reads as zeros.

    Raises as :func:`list_objects`, and Conflict: it is not the content with this identity ('':
    any), or was written meanwhile.
    """
    mount_point = safe_paths.mount_point(mount)
    container, name = object_names.container_or_own(container), object_names.checked('name', name)
    arguments.number('offset', offset, 0, files.LARGEST)
    arguments.number('length', length, 0, CHUNK_BYTES)
    identity = _identity(identity)
    found, data = dom0.within(SECONDS, _read, dom0, mount_point, container, name, offset, length,
                              identity)
    from libcloud_ovm3_host.rpc import Binary
    return dict(found, chunk=Binary(data))


def _identity(value):
    return arguments.matching(_IDENTITY, 'identity', value, "that of an object, or ''")


def _read(dom0, mount_point, container, name, offset, length, wanted):
    handle = _open(dom0, mount_point, container, name)
    try:
        try:
            before = os.fstat(handle)
            require_identity(before, wanted, name)
            data = files.read_at(handle, offset, length)
            following = holes.next_data(handle, offset + len(data), before.st_size)
            require_identity(os.fstat(handle), abouts.identity(before), name)
        finally:
            os.close(handle)
    except (IOError, OSError):
        raise safe_paths.from_oserror(error(), name)
    return {'size_bytes': big(before.st_size), 'identity': abouts.identity(before),
            'next': big(following)}, chunks.encode(data)


def _open(dom0, mount_point, container, name):
    place = containers.open_place(dom0, mount_point, container, False)
    try:
        directory, file, _ = open_directory(dom0, mount_point, place, container, name)
    finally:
        close(place)
    try:
        stat(directory, file, name)
        return safe_paths.open_in(directory, file, os.O_RDONLY)
    finally:
        os.close(directory)


def require_identity(status, wanted, name):
    """Raise Conflict if this is not the content with that identity ('': any)."""
    if wanted and abouts.identity(status) != wanted:
        raise errors.Conflict('%s: it was replaced or written meanwhile'
                              % safe_paths.printable(name))


# --- changing -------------------------------------------------------------------------------

def delete_object(dom0, client, operation, mount, container, name, identity):
    """Delete an object that is none of the repository's own files.

    Raises InvalidArgument, NotAllowed, NotMounted, NotFound (also if it has been deleted before),
    Conflict (it has another content than that with this identity), Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, identity = safe_paths.mount_point(mount), _identity(identity)
    container, name = object_names.container_or_own(container), object_names.checked('name', name)
    if pieces_of(container, name) is not None:
        raise errors.NotAllowed('%s: the repository\'s own files are deleted otherwise'
                                % safe_paths.printable(name))
    log(dom0, client, operation, 'delete_object', mount_point, container, name)
    return dom0.within(SECONDS, _delete, dom0, mount_point, container, name, identity)


def _delete(dom0, mount_point, container, name, wanted):
    place = containers.open_place(dom0, mount_point, container, False)
    try:
        directory, file, _ = open_directory(dom0, mount_point, place, container, name)
        try:
            status = stat(directory, file, name)
            require_identity(status, wanted, name)
            dirfd.remove(directory, file)
            dirfd.sync(directory)
            deleted = os.fstat(directory).st_mtime
        finally:
            os.close(directory)
        abouts.forget(place, record_name(name), abouts.identity(status), deleted)
    finally:
        close(place)


def describe_object(dom0, client, operation, mount, container, name, identity, about):
    """Record something of the content of an object, in place of what is recorded of it.

    Of the repository's own files too. A repeated request gets the same response as the first one.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound, Conflict (it has another content than
    that with this identity), Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, identity = safe_paths.mount_point(mount), _identity(identity)
    container, name = object_names.container_or_own(container), object_names.checked('name', name)
    fields = abouts.checked(about)
    if not identity:
        raise errors.InvalidArgument('identity: expected that of the content that is described')
    log(dom0, client, operation, 'describe_object', mount_point, container, name)
    return dom0.within(SECONDS, _describe, dom0, client, operation, mount_point, container, name,
                       identity, fields)


def _describe(dom0, client, operation, mount_point, container, name, wanted, fields):
    place = containers.open_place(dom0, mount_point, container, True)
    try:
        directory, file, _ = open_directory(dom0, mount_point, place, container, name)
        try:
            status = stat(directory, file, name)
        finally:
            os.close(directory)
        require_identity(status, wanted, name)
        temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
        try:
            abouts.write(temporary, place, record_name(name), operation,
                         record(name, status, client, operation, fields), False)
        finally:
            os.close(temporary)
    finally:
        os.close(place)


def record(name, status, client, operation, fields):
    """What is recorded of a content."""
    return dict(fields, name=name, size_bytes='%d' % status.st_size,
                modified='%d' % status.st_mtime, identity=abouts.identity(status), client=client,
                operation=operation)


def log(dom0, client, operation, action, mount_point, container, name):
    """Log a request in the host's syslog; '' is the repository's own container."""
    words = [client, operation, action, safe_paths.printable(mount_point),
             safe_paths.printable(container), safe_paths.printable(name)]
    dom0.log(' '.join(words))
