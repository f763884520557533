"""Operations on names in open directories, without following any link."""

import errno
import os

from libcloud_ovm3_host import errors, safe_paths
from libcloud_ovm3_host.compat import error

# Disks hold guests' private data. xend and the agent are root and need no more.
FILE_MODE = int('0600', 8)
DIRECTORY_MODE = int('0700', 8)


def sorted_names(directory):
    """The names in a directory, as bytes, in byte order. Raises Failed."""
    try:
        return sorted(os.listdir(safe_paths.entry_path(directory, '')))
    except OSError:
        raise safe_paths.from_oserror(error(), 'directory')


def create(directory, name):
    """A descriptor of a new file, which the caller closes. Raises Exists, Failed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        return os.open(safe_paths.entry_path(directory, name), flags, FILE_MODE)
    except OSError:
        raise safe_paths.from_oserror(error(), name)


def make(directory, name):
    """Create a directory; it may exist already. Raises Failed."""
    try:
        os.mkdir(safe_paths.entry_path(directory, name), DIRECTORY_MODE)
    except OSError:
        if error().errno != errno.EEXIST:
            raise safe_paths.from_oserror(error(), name)
        return
    sync(directory)


def enter_or_make(directory, name):
    """A descriptor of the directory of that name, created if missing; closes the parent's.

    Raises NotFound, NotAllowed (a link, or not a directory), Failed.
    """
    try:
        make(directory, name)
    except errors.HostModuleError:
        os.close(directory)
        raise
    return safe_paths.enter(directory, name)


def remove(directory, name):
    """Remove a file's name; it may be gone already. Raises Failed."""
    try:
        os.unlink(safe_paths.entry_path(directory, name))
    except OSError:
        if error().errno != errno.ENOENT:
            raise safe_paths.from_oserror(error(), name)


def link(old_directory, old, new_directory, new):
    """Give a file a second name, which it may have already. Raises Exists, NotFound, Failed."""
    try:
        os.link(safe_paths.entry_path(old_directory, old),
                safe_paths.entry_path(new_directory, new))
    except OSError:
        failure = safe_paths.from_oserror(error(), new)
        if error().errno != errno.EEXIST:
            raise failure
        if not is_same_file(old_directory, old, new_directory, new):
            raise failure


def exists(directory, name):
    """Whether the name exists; links are not followed. Raises Failed."""
    try:
        os.lstat(safe_paths.entry_path(directory, name))
    except OSError:
        if error().errno != errno.ENOENT:
            raise safe_paths.from_oserror(error(), name)
        return False
    return True


def is_same_file(directory, name, other_directory, other):
    """Whether both names are links to one file; False if one is gone. Raises Failed."""
    try:
        return is_same(os.lstat(safe_paths.entry_path(directory, name)),
                       os.lstat(safe_paths.entry_path(other_directory, other)))
    except OSError:
        if error().errno != errno.ENOENT:
            raise safe_paths.from_oserror(error(), name)
        return False


def is_same(status, other):
    """Whether two ``stat`` results are of the same file."""
    return (status.st_dev, status.st_ino) == (other.st_dev, other.st_ino)


def sync(directory):
    """Write the names to the disk, so that they survive a crash. Raises Failed."""
    try:
        os.fsync(directory)
    except (IOError, OSError):
        raise safe_paths.from_oserror(error(), 'directory')
