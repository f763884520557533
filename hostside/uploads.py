"""Uploads: contents that are not an object yet.

``uploads/<operation>/`` in a container's directory has ``upload``, the record of what it is to
become, and ``data``. It is no object until :mod:`commits` gives ``data`` its name. Whoever writes
holds a lock that the others share, who commits, adopts or deletes one that nobody shares: so what
arrives late is never part of an object. Where an NFS server keeps no locks they are missing.
"""

import errno
import fcntl
import os

from libcloud_ovm3_host import (abouts, arguments, chunks, containers, dirfd, errors, files, holes,
                                 object_names, objects, records, safe_paths, state_dir)
from libcloud_ovm3_host.compat import big, error, md5, to_bytes, to_text
from libcloud_ovm3_host.version import CHUNK_BYTES

SECONDS = 50  # clients wait for a minute
SCHEMA = '1'
RECORD, DATA = 'upload', 'data'
BLOCK_BYTES = 4 << 20  # of one sum
SUMS = 64

_PIECE = 1 << 20
_ZERO = '\0'.encode('ascii')


# --- begin ----------------------------------------------------------------------------------

def begin_upload(dom0, client, operation, mount, container, name, size_bytes):
    """Begin an upload; -1: its size is not known. The operation is its id.

    A repeated request gets the same response as the first one. Raises InvalidArgument (also if the
    operation has begun another one), NotAllowed, NotMounted, NotFound (no such container), Conflict
    (the operation has committed it), Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point = safe_paths.mount_point(mount)
    container, name = object_names.container_or_own(container), object_names.checked('name', name)
    arguments.number('size_bytes', size_bytes, -1, files.LARGEST)
    pieces = objects.pieces_of(container, name)
    if pieces is not None and len(pieces) != 2:
        raise errors.NotAllowed('%s: files are uploaded only directly into %s'
                                % (safe_paths.printable(name), ', '.join(object_names.FOLDERS)))
    objects.log(dom0, client, operation, 'begin_upload', mount_point, container, name)
    record = {'schema': SCHEMA, 'container': container, 'name': name, 'client': client,
              'operation': operation, 'size_bytes': '%d' % size_bytes}
    return dom0.within(SECONDS, _begin, dom0, mount_point, container, operation, record)


def _begin(dom0, mount_point, container, operation, record):
    place = containers.open_place(dom0, mount_point, container, True)
    try:
        if abouts.of_operation(place, objects.record_name(record['name']), operation):
            folder = open_upload_or_none(place, operation)
            if folder is None:
                raise errors.Conflict('this operation has committed its upload already')
            os.close(folder)
        folder = containers.open_below(place, containers.UPLOADS, True)
        folder = dirfd.enter_or_make(folder, operation)
        try:
            _make(dom0, mount_point, folder, operation, record)
        finally:
            os.close(folder)
        if not dirfd.exists(place, containers.DATA):
            remove_all(place, operation)
            raise errors.NotFound('%s: the container is being deleted'
                                  % safe_paths.printable(container))
    finally:
        os.close(place)


def _make(dom0, mount_point, folder, operation, record):
    temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
    try:
        try:
            state_dir.create(temporary, operation, records.encode(record), folder, RECORD)
        except errors.Exists:
            begun = records.read(folder, RECORD)
            for key in ('name', 'size_bytes'):
                if begun.get(key) != to_bytes(record[key]):
                    raise errors.InvalidArgument('operation: its upload has another %s' % key)
    finally:
        os.close(temporary)
    try:
        os.close(dirfd.create(folder, DATA))
    except errors.Exists:
        pass
    dirfd.sync(folder)


# --- opening --------------------------------------------------------------------------------

def open_upload(place, operation):
    """A descriptor of an upload's directory. Raises NotFound."""
    folder = open_upload_or_none(place, operation)
    if folder is None:
        raise errors.NotFound('%s: no such upload' % operation)
    return folder


def open_upload_or_none(place, operation):
    """The same; None if there is none."""
    if place is None:
        return None
    uploads = containers.open_below(place, containers.UPLOADS, False)
    if uploads is None:
        return None
    try:
        return safe_paths.enter(uploads, operation)
    except errors.NotFound:
        return None


def open_data(place, operation, folder, how):
    """A descriptor of an upload's content, with such a lock. Raises NotFound, Conflict, Failed."""
    handle = safe_paths.open_in(folder, DATA, os.O_RDWR)
    try:
        _lock(handle, how)
        # it may have become an object, or been adopted, before the lock was had
        if not dirfd.is_same(os.fstat(handle), safe_paths.stat_regular(folder, DATA)):
            raise errors.Conflict('another upload has taken the place of this one')
        now = open_upload(place, operation)
        try:
            if not dirfd.is_same(os.fstat(now), os.fstat(folder)):
                raise errors.Conflict('another upload has taken the place of this one')
        finally:
            os.close(now)
    except errors.HostModuleError:
        os.close(handle)
        raise
    return handle


def require_no_object(handle):
    """Raise Conflict if a commit that was cut off has made a file of the repository of it: that has
    two names then, and what is written would be written into the object."""
    if os.fstat(handle).st_nlink != 1:
        raise errors.Conflict('it has become an object already: repeat the commit, or delete it')


def _lock(handle, how):
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except (IOError, OSError):
        if error().errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise errors.Conflict('the upload is being written, committed or deleted: '
                                  'repeat the request')


# --- write and verify -----------------------------------------------------------------------

def write_upload(dom0, client, operation, mount, container, offset, chunk):
    """Write a range of an upload. It may be repeated safely.

    It is on the disk for sure only after :func:`upload_sums` or the commit.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound, Conflict, Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point = safe_paths.mount_point(mount)
    container = object_names.container_or_own(container)
    pieces = chunks.decode(arguments.payload('chunk', chunk, CHUNK_BYTES + 4 + CHUNK_BYTES // 8))
    length = chunks.length_of(pieces)
    arguments.number('offset', offset, 0, files.LARGEST - length)
    dom0.log('%s %s write_upload %s %s %d bytes at %d' % (
        client, operation, safe_paths.printable(mount_point), safe_paths.printable(container),
        length, offset))
    return dom0.within(SECONDS, _write, dom0, mount_point, container, operation, offset, pieces)


def _write(dom0, mount_point, container, operation, offset, pieces):
    handle = _open(dom0, mount_point, container, operation, fcntl.LOCK_SH)
    try:
        try:
            require_no_object(handle)
            files.write_pieces(handle, offset, pieces)
        finally:
            os.close(handle)  # NFS may report a failed write only here
    except (IOError, OSError):
        raise safe_paths.from_oserror(error(), operation)


def _open(dom0, mount_point, container, operation, how):
    place = containers.open_place(dom0, mount_point, container, False)
    try:
        folder = open_upload(place, operation)
        try:
            if not dirfd.exists(folder, DATA):
                raise errors.NotFound('%s: no such upload: it was committed or deleted' % operation)
            return open_data(place, operation, folder, how)
        finally:
            os.close(folder)
    finally:
        objects.close(place)


def upload_sums(dom0, mount, container, operation, offset, blocks):
    """``{size_bytes, sums}``: the MD5 of each 4 MiB of an upload from that offset on, '' of those
    that are nothing but zeros, once all that was written is on the disk.

    Raises as :func:`write_upload`.
    """
    mount_point, operation = safe_paths.mount_point(mount), arguments.operation(operation)
    container = object_names.container_or_own(container)
    arguments.number('offset', offset, 0, files.LARGEST)
    if offset % BLOCK_BYTES:
        raise errors.InvalidArgument('offset: expected a multiple of %d' % BLOCK_BYTES)
    arguments.number('blocks', blocks, 1, SUMS)
    return dom0.within(SECONDS, _sums, dom0, mount_point, container, operation, offset, blocks)


def _sums(dom0, mount_point, container, operation, offset, blocks):
    handle = _open(dom0, mount_point, container, operation, fcntl.LOCK_SH)
    try:
        try:
            os.fsync(handle)
            size = os.fstat(handle).st_size
            starts = range(offset, min(size, offset + blocks * BLOCK_BYTES), BLOCK_BYTES)
            sums = [_sum(handle, start, min(start + BLOCK_BYTES, size)) for start in starts]
        finally:
            os.close(handle)
    except (IOError, OSError):
        raise safe_paths.from_oserror(error(), operation)
    return {'size_bytes': big(size), 'sums': sums}


def _sum(handle, start, end):
    if not list(holes.synced_ranges(handle, end, start)):
        return ''
    found, has_data = md5(), False
    for at in range(start, end, _PIECE):
        data = files.read_at(handle, at, min(_PIECE, end - at))
        has_data = has_data or data.count(_ZERO) != len(data)
        found.update(data)
    if has_data:
        return found.hexdigest()
    return ''


# --- remove ---------------------------------------------------------------------------------

def remove_all(place, operation):
    """Remove an upload's directory with all that is in it."""
    remove(place, operation, (DATA, RECORD))


def remove(place, operation, names):
    """Remove these from an upload's directory, and the directory."""
    uploads = containers.open_below(place, containers.UPLOADS, False)
    if uploads is None:
        return
    try:
        try:
            folder = safe_paths.enter(os.dup(uploads), operation)
        except errors.NotFound:
            return
        try:
            for name in names:
                dirfd.remove(folder, name)
        finally:
            os.close(folder)
        containers.remove_directory(uploads, operation)
        dirfd.sync(uploads)
    finally:
        os.close(uploads)
