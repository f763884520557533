"""The state directory on a mount: ``.libcloud-ovm3``, with all that is kept, also temporaries."""

import os
import stat

from libcloud_ovm3_host import dirfd, errors, files, safe_paths
from libcloud_ovm3_host.compat import error

DAY = 24 * 3600  # seconds: a temporary that was not changed for that long has no writer

TEMPORARY = 'temporary'


def open_folder(dom0, mount_point, names, make):
    """A descriptor of a directory in the state directory, created where missing if ``make``.

    Raises NotMounted, NotFound, NotAllowed (a link is there), Failed.
    """
    directory = safe_paths.open_root(dom0, mount_point)
    for name in [safe_paths.STATE_DIR] + names:
        if make:
            directory = dirfd.enter_or_make(directory, name)
        else:
            directory = safe_paths.enter(directory, name)
    return directory


def write_temporary(temporary, label, content):
    """``(name, seconds)`` of a new file with that content, synced to the disk.

    ``temporary``: the open directory for it. The time is the file system's: hosts' clocks differ.
    Raises Failed.
    """
    name, handle = _create_temporary(temporary, label)
    try:
        try:
            files.write_at(handle, 0, content)
            os.fsync(handle)
            modified = os.fstat(handle).st_mtime
        finally:
            os.close(handle)
    except (IOError, OSError):
        failure = safe_paths.from_oserror(error(), name)
        dirfd.remove(temporary, name)
        raise failure
    _prune(temporary, modified - DAY)
    return name, modified


def _create_temporary(temporary, label):
    """``(name, descriptor)``. Another host may do the same now, or a dead one has left a file."""
    for number in range(1000):
        name = '%s.%d' % (label, number)
        try:
            return name, dirfd.create(temporary, name)
        except errors.Exists:
            pass
    raise errors.Failed('%s: too many temporary files of that name' % label)


def _prune(temporary, before):
    for name in dirfd.sorted_names(temporary):
        try:
            status = os.lstat(safe_paths.entry_path(temporary, name))
        except OSError:  # its writer has removed it
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mtime < before:
            dirfd.remove(temporary, name)


def create(temporary, label, content, directory, name):
    """Create a complete file of that name, or none: written elsewhere, then linked to its name.

    Returns the file system's time. Raises Exists (the first one stays), Failed.
    """
    made, modified = write_temporary(temporary, label, content)
    try:
        dirfd.link(temporary, made, directory, name)
    finally:
        dirfd.remove(temporary, made)
    dirfd.sync(directory)
    return modified


def replace(temporary, label, content, directory, name):
    """The same, replacing a file that only one process writes. Raises Failed."""
    made, _ = write_temporary(temporary, label, content)
    try:
        os.rename(safe_paths.entry_path(temporary, made), safe_paths.entry_path(directory, name))
    except OSError:
        failure = safe_paths.from_oserror(error(), name)
        dirfd.remove(temporary, made)
        raise failure


def read_whole(directory, name, most):
    """The content of a file, up to that many bytes. Raises NotFound, NotAllowed, Failed."""
    handle = safe_paths.open_in(directory, name, os.O_RDONLY)
    try:
        try:
            return files.read_at(handle, 0, most)
        finally:
            os.close(handle)
    except (IOError, OSError):
        raise safe_paths.from_oserror(error(), name)


def matching_names(directory, pattern):
    """The names in an open directory that match, as the native ``str``."""
    texts = [name.decode('ascii', 'replace') for name in dirfd.sorted_names(directory)]
    return [str(text) for text in texts if pattern.match(text)]
