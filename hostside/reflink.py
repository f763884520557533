"""A new file that shares the blocks of another one (a reflink), where the file system can do that.
"""

import array
import errno
import fcntl
import os
import struct

from libcloud_ovm3_host import dirfd, errors, safe_paths
from libcloud_ovm3_host.compat import error

FICLONE = 0x40049409  # _IOW(0x94, 9, int): btrfs, XFS, OCFS2 and NFS 4.2 of newer kernels
OCFS2_REFLINK = 0x40186f04  # _IOW('o', 4, struct {u64 old_path, new_path, preserve}): OCFS2

_CANNOT = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS)
_NUL = '\0'.encode('ascii')


def share_blocks(directory, name, new_directory, new_name):
    """Create a file with the blocks of another one; both are names in open directories.

    Raises Failed, also where the file system cannot share blocks, and Exists: then nothing was
    created.
    """
    failure = _ficlone(directory, name, new_directory, new_name)
    if failure is not None and failure.errno in _CANNOT:
        failure = _ocfs2_reflink(directory, name, new_directory, new_name)
    if failure is None:
        return
    if failure.errno in _CANNOT:
        raise errors.Failed('the file system cannot share blocks')
    raise safe_paths.from_oserror(failure, new_name)


def _ficlone(directory, name, new_directory, new_name):
    """None, or the error: then nothing was created."""
    source = safe_paths.open_in(directory, name, os.O_RDONLY)
    try:
        target = dirfd.create(new_directory, new_name)
        try:
            try:
                fcntl.ioctl(target, FICLONE, source)
                return None
            except (IOError, OSError):
                failure = error()
                dirfd.remove(new_directory, new_name)
                return failure
        finally:
            os.close(target)
    finally:
        os.close(source)


def _ocfs2_reflink(directory, name, new_directory, new_name):
    """The same by paths: OCFS2 in the kernels of these hosts knows only that."""
    source = safe_paths.open_in(directory, name, os.O_RDONLY)
    try:
        # Python 2.4 has no ctypes; an array knows its address.
        paths = [array.array('b', safe_paths.entry_path(*where) + _NUL)
                 for where in ((directory, name), (new_directory, new_name))]
        addresses = [path.buffer_info()[0] for path in paths]
        try:
            fcntl.ioctl(source, OCFS2_REFLINK, struct.pack('=QQQ', addresses[0], addresses[1], 0))
        except (IOError, OSError):
            return error()
        os.chmod(safe_paths.entry_path(new_directory, new_name), dirfd.FILE_MODE)
        return None
    finally:
        os.close(source)
