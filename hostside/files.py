"""Files below repositories and secondary mounts.

Every path is opened by :mod:`safe_paths`; every write is logged in the syslog before it begins.
"""

import errno
import fcntl
import os
import stat

from libcloud_ovm3_host import arguments, chunks, dirfd, errors, safe_paths
from libcloud_ovm3_host.compat import big, error
from libcloud_ovm3_host.version import CHUNK_BYTES, PAGE_ENTRIES

SECONDS = 50  # clients wait for a minute
LARGEST = (1 << 63) - 1

_NONE = ''.encode('ascii')
_ZERO = '\0'.encode('ascii')


# --- reading --------------------------------------------------------------------------------

def list_files(dom0, path, after, limit):
    """``{entries: [{name, type, size_bytes, used_bytes, modified}], after}``, in the byte order of
    the names.

    ``used_bytes``: the space that it takes on the disk. ``raw`` beside a name that is not UTF-8. ``after``: cursor of the next page, '' at the end.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound, Failed, Timeout.
    """
    after = arguments.name_bytes('after', after)
    arguments.number('limit', limit, 1, PAGE_ENTRIES)
    return dom0.within(SECONDS, _list, dom0, path, after, limit)


def _list(dom0, path, after, limit):
    directory = safe_paths.open_directory(dom0, path)
    try:
        names = [name for name in dirfd.sorted_names(directory) if name > after]
        entries = [_entry(directory, name) for name in names[:limit]]
    finally:
        os.close(directory)
    found = {'entries': [entry for entry in entries if entry], 'after': ''}
    if len(names) > limit:
        from libcloud_ovm3_host.rpc import Binary
        found['after'] = Binary(names[limit - 1])
    return found


def _entry(directory, name):
    """The list entry of a name; None if it is gone."""
    try:
        status = os.lstat(safe_paths.entry_path(directory, name))
    except OSError:
        if error().errno == errno.ENOENT:
            return None
        raise safe_paths.from_oserror(error(), name)
    entry = {'type': type_of(status), 'size_bytes': big(status.st_size),
             'used_bytes': big(status.st_blocks * 512), 'modified': big(status.st_mtime)}
    safe_paths.put_name(entry, 'name', 'raw', name)
    return entry


def type_of(status):
    """``file``, ``directory``, ``link`` or ``other``."""
    kinds = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory', stat.S_IFLNK: 'link'}
    return kinds.get(stat.S_IFMT(status.st_mode), 'other')


def stat_file(dom0, path):
    """``{type, size_bytes, used_bytes, modified, mode}`` of a path; links are not followed.

    ``used_bytes``: the space that it takes on the disk. Raises as :func:`list_files`.
    """
    return dom0.within(SECONDS, _stat, dom0, path)


def _stat(dom0, path):
    if safe_paths.split(path)[1]:
        directory, name = safe_paths.open_parent(dom0, path)
    else:
        directory, name = safe_paths.open_directory(dom0, path), '.'
    try:
        try:
            status = os.lstat(safe_paths.entry_path(directory, name))
        finally:
            os.close(directory)
    except OSError:
        raise safe_paths.from_oserror(error(), name)
    return {'type': type_of(status), 'size_bytes': big(status.st_size),
            'used_bytes': big(status.st_blocks * 512), 'modified': big(status.st_mtime),
            'mode': stat.S_IMODE(status.st_mode)}


def read_file(dom0, path, offset, length):
    """``{size_bytes, chunk}``: shorter than requested at the end of the file, empty beyond it.

    Raises as :func:`list_files`.
    """
    arguments.number('offset', offset, 0, LARGEST)
    arguments.number('length', length, 0, CHUNK_BYTES)
    size_bytes, data = dom0.within(SECONDS, _read, dom0, path, offset, length)
    from libcloud_ovm3_host.rpc import Binary
    return {'size_bytes': big(size_bytes), 'chunk': Binary(data)}


def _read(dom0, path, offset, length):
    return _with_file(dom0, path, os.O_RDONLY, _read_chunk, offset, length)


def _read_chunk(handle, offset, length):
    data = read_at(handle, offset, length)
    return os.fstat(handle).st_size, chunks.encode(data)


def read_at(handle, offset, length):
    """Up to that many bytes of an open file, fewer at its end. Raises OSError."""
    pieces = []
    os.lseek(handle, offset, 0)
    while length:
        data = os.read(handle, length)
        if not data:
            break
        pieces.append(data)
        length -= len(data)
    return _NONE.join(pieces)


def _with_file(dom0, path, flags, function, *arguments):
    """The function's result for the open file."""
    handle = safe_paths.open_file(dom0, path, flags)
    try:
        try:
            return function(handle, *arguments)
        finally:
            os.close(handle)  # NFS may report a failed write only here
    except (IOError, OSError):
        raise safe_paths.from_oserror(error(), path)


# --- writing --------------------------------------------------------------------------------

def create_file(dom0, client, operation, path, size_bytes):
    """Create a sparse file of zeros.

    A repeated request cannot be distinguished from another client's file, so it is Exists; also
    after an interruption between creating the file and setting its size: check its size.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound, Exists, Failed, Timeout.
    """
    arguments.number('size_bytes', size_bytes, 0, LARGEST)
    log_request(dom0, client, operation, 'create_file', [path], '%d bytes' % size_bytes)
    return dom0.within(SECONDS, _create, dom0, path, size_bytes)


def _create(dom0, path, size_bytes):
    directory, name = safe_paths.open_parent(dom0, path)
    try:
        handle = dirfd.create(directory, name)
        try:
            try:
                _set_size(handle, size_bytes)
            finally:
                os.close(handle)
        except (IOError, OSError):
            failure = safe_paths.from_oserror(error(), path)
            dirfd.remove(directory, name)  # it is not complete
            raise failure
        dirfd.sync(directory)
    finally:
        os.close(directory)


def _set_size(handle, size_bytes):
    os.ftruncate(handle, size_bytes)
    os.fsync(handle)


def write_file(dom0, client, operation, path, offset, chunk):
    """Write a range. Raises as :func:`create_file`, without Exists."""
    pieces = chunks.decode(arguments.payload('chunk', chunk, CHUNK_BYTES + 4 + CHUNK_BYTES // 8))
    length = chunks.length_of(pieces)
    arguments.number('offset', offset, 0, LARGEST - length)
    log_request(dom0, client, operation, 'write_file', [path], '%d bytes at %d' % (length, offset))
    return dom0.within(SECONDS, _write, dom0, path, offset, pieces)


def _write(dom0, path, offset, pieces):
    return _with_file(dom0, path, os.O_RDWR, _write_and_sync, offset, pieces)


def _write_and_sync(handle, offset, pieces):
    write_pieces(handle, offset, pieces)
    # A client that got the response does not repeat the request.
    os.fsync(handle)


def write_pieces(handle, offset, pieces):
    """The pieces of a decoded chunk. Raises OSError."""
    for start, size, data in pieces:
        if data is None:
            write_zeros(handle, offset + start, size)
        else:
            write_at(handle, offset + start, data)


def write_at(handle, offset, data):
    """All of these bytes. Raises OSError."""
    os.lseek(handle, offset, 0)
    while data:
        data = data[os.write(handle, data):]


def write_zeros(handle, offset, size):
    """Write zeros; holes stay holes.

    Python 2.4 cannot punch a hole into data, so there zeros are written; blocks that read as zeros
    are left. The file grows by its last byte: ftruncate() could cut off another call's data.
    Raises OSError.
    """
    size_now = os.fstat(handle).st_size
    for start in range(offset, min(offset + size, size_now), chunks.BLOCK):
        length = min(chunks.BLOCK, offset + size - start)
        if read_at(handle, start, length).strip(_ZERO):
            write_at(handle, start, _ZERO * length)
    if offset + size > size_now:
        write_at(handle, offset + size - 1, _ZERO)


def truncate_file(dom0, client, operation, path, size_bytes):
    """Change the size of a file. Raises as :func:`write_file`."""
    arguments.number('size_bytes', size_bytes, 0, LARGEST)
    log_request(dom0, client, operation, 'truncate_file', [path], '%d bytes' % size_bytes)
    return dom0.within(SECONDS, _truncate, dom0, path, size_bytes)


def _truncate(dom0, path, size_bytes):
    return _with_file(dom0, path, os.O_RDWR, _set_size, size_bytes)


def grow_file(dom0, client, operation, path, from_bytes, to_bytes):
    """Make a file larger; the new part reads as zeros. It never becomes smaller.

    A repeated request gets the same response as the first one. Raises as :func:`write_file`, and
    Conflict: it has another size than both, or another request is changing its size.
    """
    arguments.number('from_bytes', from_bytes, 0, LARGEST - 1)
    arguments.number('to_bytes', to_bytes, from_bytes + 1, LARGEST)
    log_request(dom0, client, operation, 'grow_file', [path],
                'from %d to %d bytes' % (from_bytes, to_bytes))
    return dom0.within(SECONDS, _grow, dom0, path, from_bytes, to_bytes)


def _grow(dom0, path, from_bytes, to_bytes):
    return _with_file(dom0, path, os.O_RDWR, _grow_open, path, from_bytes, to_bytes)


def _grow_open(handle, path, from_bytes, to_bytes):
    """Under a lock, which NFS and OCFS2 keep for all hosts: of two requests at the same time the
    second one could cut off what the first one has added."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (IOError, OSError):
        if error().errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        raise errors.Conflict('%s: another request is changing it' % safe_paths.printable(path))
    size = os.fstat(handle).st_size
    if size not in (from_bytes, to_bytes):
        raise errors.Conflict('%s: it has %d bytes, not %d' % (safe_paths.printable(path), size,
                                                               from_bytes))
    _set_size(handle, to_bytes)


def rename_file(dom0, client, operation, path, new_path):
    """Rename a file within its mount; never overwrites.

    By link and unlink: rename(2) would overwrite. After an interruption between the two a repeated
    request continues. Raises as :func:`create_file`.
    """
    if safe_paths.split(path)[0] != safe_paths.split(new_path)[0]:
        raise errors.InvalidArgument('new path: expected one on the same mount')
    log_request(dom0, client, operation, 'rename_file', [path, new_path], '')
    return dom0.within(SECONDS, _rename, dom0, path, new_path)


def _rename(dom0, path, new_path):
    directory, name = safe_paths.open_parent(dom0, path)
    try:
        new_directory, new_name = safe_paths.open_parent(dom0, new_path)
        try:
            _rename_in(directory, name, new_directory, new_name)
        finally:
            os.close(new_directory)
    finally:
        os.close(directory)


def _rename_in(directory, name, new_directory, new_name):
    file = safe_paths.stat_regular(directory, name)
    if name == new_name and dirfd.is_same(os.fstat(directory), os.fstat(new_directory)):
        raise errors.Exists('%s: both paths are the same' % safe_paths.printable(name))
    dirfd.link(directory, name, new_directory, new_name)
    if not dirfd.is_same(safe_paths.stat_regular(new_directory, new_name), file):
        raise errors.Failed('%s: it was changed concurrently' % safe_paths.printable(name))
    dirfd.sync(new_directory)
    # A second request may have renamed it, and a third one created another file at the path.
    if dirfd.exists(directory, name) and not dirfd.is_same_file(
            directory, name, new_directory, new_name):
        raise errors.Failed('%s: another file is at this path now' % safe_paths.printable(name))
    dirfd.remove(directory, name)
    dirfd.sync(directory)


def delete_file(dom0, client, operation, path):
    """Delete a regular file. Raises as :func:`write_file`."""
    log_request(dom0, client, operation, 'delete_file', [path], '')
    return dom0.within(SECONDS, _delete, dom0, path)


def _delete(dom0, path):
    directory, name = safe_paths.open_parent(dom0, path)
    try:
        safe_paths.stat_regular(directory, name)
        dirfd.remove(directory, name)
        dirfd.sync(directory)
    finally:
        os.close(directory)


def log_request(dom0, client, operation, action, paths, more):
    """Validate client, operation and paths, and log the request in the host's syslog."""
    client, operation = arguments.client(client), arguments.operation(operation)
    for path in paths:
        safe_paths.require_outside_state_dir(path)
    words = [client, operation, action] + [safe_paths.printable(path) for path in paths] + [more]
    dom0.log(' '.join(words).rstrip())
