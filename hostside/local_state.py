"""Records on the host's own disk, ``/var/lib/libcloud-ovm3``: what concerns this host alone.

They survive restarts of the agent, reboots, and a removal of the module. A record that this module
does not understand is an error, never an absent one.
"""

import errno
import fcntl
import os

from libcloud_ovm3_host import dirfd, errors, records, safe_paths, state_dir
from libcloud_ovm3_host.compat import describe, error, to_text

TOP = '/var/lib/libcloud-ovm3'
SCHEMA = '1'

_POLL_SECONDS = 0.5


def put(dom0, folders, name, record):
    """Write a record, in place of the one that may be there, synced to the disk. Raises Failed."""
    _write(dom0, state_dir.replace, folders, name, record)


def put_once(dom0, folders, name, record):
    """Write a record, of which only the first is ever written. Raises Exists, Failed."""
    _write(dom0, state_dir.create, folders, name, record)


def _write(dom0, write, folders, name, record):
    content = records.encode(dict(record, schema=SCHEMA))
    temporary = _open(dom0, [state_dir.TEMPORARY], True)
    try:
        folder = _open(dom0, folders, True)
        try:
            write(temporary, name, content, folder, name)
            dirfd.sync(folder)
        finally:
            os.close(folder)
    finally:
        os.close(temporary)


def get(dom0, folders, name):
    """A record, ``{key: str}``; ``{}`` if there is none. Raises Failed: it is not understood."""
    try:
        folder = _open(dom0, folders, False)
    except errors.NotFound:
        return {}
    try:
        try:
            found = records.read(folder, name)
        finally:
            os.close(folder)
    except errors.NotFound:
        return {}
    found = dict([(key, str(to_text(found[key]))) for key in found])
    if found.pop('schema', '') != SCHEMA:
        raise errors.Failed('%s/%s/%s: not of a form that this module knows'
                            % (TOP, '/'.join(folders), name))
    return found


def names(dom0, folders):
    """The names in one of the directories, as text; none if there is no such directory."""
    try:
        folder = _open(dom0, folders, False)
    except errors.NotFound:
        return []
    try:
        return [to_text(name) for name in dirfd.sorted_names(folder)]
    finally:
        os.close(folder)


def remove(dom0, folders, name):
    """Remove a record, which may be gone, and the directory if that was the last. Raises Failed."""
    try:
        folder = _open(dom0, folders, False)
    except errors.NotFound:
        return
    try:
        dirfd.remove(folder, name)
        dirfd.sync(folder)
    finally:
        os.close(folder)
    try:
        os.rmdir(dom0.path('/'.join([TOP] + folders)))
    except OSError:
        if error().errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise errors.Failed(describe(error()))


def _open(dom0, folders, make):
    """A descriptor of one of the directories. Raises NotFound if it is missing, Failed."""
    top = dom0.path(TOP)
    try:
        if make and not os.path.isdir(top):
            os.makedirs(top, dirfd.DIRECTORY_MODE)
    except OSError:
        if error().errno != errno.EEXIST:  # another process has made it just now
            raise errors.Failed(describe(error()))
    try:
        directory = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        raise safe_paths.from_oserror(error(), top)
    for name in folders:
        if make:
            directory = dirfd.enter_or_make(directory, name)
        else:
            directory = safe_paths.enter(directory, name)
    return directory


def lock(dom0, seconds, who):
    """Wait until no other process of this host changes its networks; what :func:`unlock` takes.

    Raises Conflict after that many seconds, Failed.
    """
    return lock_file(dom0, seconds, 'lock', who, 'the networks of this host are being changed by %s')


def lock_file(dom0, seconds, name, who, text):
    """The same of anything, by the name of a file.

    The kernel ends the lock with its process, however that ends. ``who``: whose it is, for the
    others; ``text``: what they are told. Raises Conflict after that many seconds, Failed.
    """
    os.close(_open(dom0, [], True))
    try:
        handle = os.open(dom0.path(TOP + '/' + name), os.O_RDWR | os.O_CREAT, dirfd.FILE_MODE)
        # scripts that the agent starts must not keep the lock
        fcntl.fcntl(handle, fcntl.F_SETFD, fcntl.fcntl(handle, fcntl.F_GETFD) | fcntl.FD_CLOEXEC)
    except (IOError, OSError):
        raise errors.Failed(describe(error()))
    end = dom0.seconds() + seconds
    while not _is_taken(handle):
        if dom0.seconds() >= end:
            holder = to_text(os.read(handle, 200))
            os.close(handle)
            raise errors.Conflict(text % str(holder or 'another request'))
        dom0.sleep(_POLL_SECONDS)
    os.ftruncate(handle, 0)
    os.write(handle, who.encode('ascii'))
    return handle


def _is_taken(handle):
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (IOError, OSError):
        if error().errno not in (errno.EAGAIN, errno.EACCES):
            raise errors.Failed(describe(error()))
        return False
    return True


def unlock(handle):
    """End the lock."""
    os.ftruncate(handle, 0)
    os.close(handle)
