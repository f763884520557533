"""Our own folder on a mount: ``.libcloud-ovm3`` with what has to be kept, temporaries included."""

import os
import stat

from libcloud_ovm3_host import dirfd, errors, files, safe_paths
from libcloud_ovm3_host.compat import error

DAY = 24 * 3600  # seconds: a temporary that nobody touched for so long has no writer any more

TEMPORARY = 'temporary'


def open_folder(dom0, mount_point, names, make):
    """A descriptor of a folder below ours, made where it is missing if ``make``.

    Raises NotMounted, NotFound, NotAllowed (a link lies there), Failed.
    """
    directory = safe_paths.open_root(dom0, mount_point)
    for name in [safe_paths.OURS] + names:
        if make:
            try:
                dirfd.make(directory, name)
            except errors.HostModuleError:
                os.close(directory)
                raise
        directory = safe_paths.enter(directory, name)
    return directory


def write_temporary(temporary, label, content):
    """``(name, seconds)`` of a new file with that content, on the disk already.

    ``temporary``: the open folder for it. The time is the file system's: hosts' clocks differ.
    Raises Failed.
    """
    name, handle = _create(temporary, label)
    try:
        try:
            files.write_at(handle, 0, content)
            os.fsync(handle)
            modified = os.fstat(handle).st_mtime
        finally:
            os.close(handle)
    except (IOError, OSError):
        problem = safe_paths.failure(error(), name)
        dirfd.remove(temporary, name)
        raise problem
    _prune(temporary, modified - DAY)
    return name, modified


def _create(temporary, label):
    """``(name, descriptor)``. Another host may do the same now, or a dead one have begun it."""
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
            status = os.lstat(safe_paths.below(temporary, name))
        except OSError:  # its writer was faster
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mtime < before:
            dirfd.remove(temporary, name)


def place(temporary, label, content, directory, name):
    """Make a complete file of that name, or none: written elsewhere, then linked to its name.

    The file system's time. Raises Exists (whoever was first: it stands), Failed.
    """
    made, modified = write_temporary(temporary, label, content)
    try:
        dirfd.link(temporary, made, directory, name)
    finally:
        dirfd.remove(temporary, made)
    dirfd.sync(directory)
    return modified


def replace(temporary, label, content, directory, name):
    """The same over a file of ours that only one process writes. Raises Failed."""
    made, _ = write_temporary(temporary, label, content)
    try:
        os.rename(safe_paths.below(temporary, made), safe_paths.below(directory, name))
    except OSError:
        problem = safe_paths.failure(error(), name)
        dirfd.remove(temporary, made)
        raise problem


def read_whole(directory, name, most):
    """The content of a file of ours, up to that many bytes. Raises NotFound, NotAllowed, Failed."""
    handle = safe_paths.open_in(directory, name, os.O_RDONLY)
    try:
        try:
            return files.read_at(handle, 0, most)
        finally:
            os.close(handle)
    except (IOError, OSError):
        raise safe_paths.failure(error(), name)


def names_in(directory, pattern):
    """The names in an open folder that match, as the native ``str``."""
    texts = [name.decode('ascii', 'replace') for name in dirfd.sorted_names(directory)]
    return [str(text) for text in texts if pattern.match(text)]
