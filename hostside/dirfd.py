"""Names in open directories: made, linked, removed, without following any link."""

import errno
import os

from libcloud_ovm3_host import safe_paths
from libcloud_ovm3_host.compat import error

# Disks hold what guests keep for themselves. xend and the agent are root and need no more.
FILE_MODE = int('0600', 8)
DIRECTORY_MODE = int('0700', 8)


def sorted_names(directory):
    """The names, as bytes, in the order of their bytes. Raises Failed."""
    try:
        return sorted(os.listdir(safe_paths.below(directory, '')))
    except OSError:
        raise safe_paths.failure(error(), 'directory')


def create(directory, name):
    """A descriptor of a new file, the caller's to close. Raises Exists, Failed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        return os.open(safe_paths.below(directory, name), flags, FILE_MODE)
    except OSError:
        raise safe_paths.failure(error(), name)


def make(directory, name):
    """A directory of that name, which may be there already. Raises Failed."""
    try:
        os.mkdir(safe_paths.below(directory, name), DIRECTORY_MODE)
    except OSError:
        if error().errno != errno.EEXIST:
            raise safe_paths.failure(error(), name)
        return
    sync(directory)


def remove(directory, name):
    """Take a file's name out; it may be gone already. Raises Failed."""
    try:
        os.unlink(safe_paths.below(directory, name))
    except OSError:
        if error().errno != errno.ENOENT:
            raise safe_paths.failure(error(), name)


def link(old_directory, old, new_directory, new):
    """Give a file a second name, which it may have already. Raises Exists, NotFound, Failed."""
    try:
        os.link(safe_paths.below(old_directory, old), safe_paths.below(new_directory, new))
    except OSError:
        problem = safe_paths.failure(error(), new)
        if error().errno != errno.EEXIST:
            raise problem
        if not is_one_file(old_directory, old, new_directory, new):
            raise problem


def is_there(directory, name):
    """Whether there is anything of that name, links as links. Raises Failed."""
    try:
        os.lstat(safe_paths.below(directory, name))
    except OSError:
        if error().errno != errno.ENOENT:
            raise safe_paths.failure(error(), name)
        return False
    return True


def is_one_file(directory, name, other_directory, other):
    """Whether the two names are of one file; not if one of them is gone. Raises Failed."""
    try:
        return is_same(os.lstat(safe_paths.below(directory, name)),
                       os.lstat(safe_paths.below(other_directory, other)))
    except OSError:
        if error().errno != errno.ENOENT:
            raise safe_paths.failure(error(), name)
        return False


def is_same(status, other):
    """Whether two ``stat`` results are of one file."""
    return (status.st_dev, status.st_ino) == (other.st_dev, other.st_ino)


def sync(directory):
    """See to it that the names outlive the host. Raises Failed."""
    try:
        os.fsync(directory)
    except (IOError, OSError):
        raise safe_paths.failure(error(), 'directory')
