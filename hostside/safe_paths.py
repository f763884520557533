"""Paths below repositories and secondary mounts, and no others, opened without following any link.

Python 2 has no openat(2). ``/proc/self/fd/N/name`` does the same: the directory is held open as N,
so whatever is renamed or linked meanwhile, ``name`` is resolved in that very directory.
"""

import errno
import os
import re
import stat

from libcloud_ovm3_host import arguments, errors
from libcloud_ovm3_host.compat import (bytes_type, describe, error, plain, text_type,
                                       to_bytes, to_text)

STATE_DIR = '.libcloud-ovm3'  # all of this package's files in a repository lie below it

_PATH = re.compile(r'(/OVS/Repositories/[0-9a-fA-F]{32}|/nfsmnt/[0-9a-fA-F-]{32,36})(?:/(.*))?\Z'
                    .encode('ascii'), re.DOTALL)
_FOLLOW_NOTHING = os.O_NOFOLLOW | os.O_NONBLOCK  # and do not block on a FIFO
_BREAK = re.compile(u'[\t\n\r\x85\u2028\u2029]')
_SLASH = '/'.encode('ascii')
_RETURN = '\r'.encode('ascii')
_LONGEST = 4000


def split(path):
    """``(mount point, [names])`` of a path, all bytes. Nothing is opened.

    Raises InvalidArgument, NotAllowed.
    """
    path = arguments.name_bytes('path', path)
    match = _PATH.match(path)
    if not match:
        raise errors.NotAllowed(
            'path: expected /OVS/Repositories/<id>/... or /nfsmnt/<id>/..., not %s'
            % printable(path))
    names = []
    if match.group(2):
        names = match.group(2).split(_SLASH)
    for name in names:
        if name in (''.encode('ascii'), '.'.encode('ascii'), '..'.encode('ascii')):
            raise errors.NotAllowed('path: an empty name, . or .. in %s' % printable(path))
        if '\0'.encode('ascii') in name:
            raise errors.NotAllowed('path: a NUL byte in %s' % printable(path))
        if len(name) > 255:
            raise errors.InvalidArgument('path: a name of more than 255 bytes')
    if len(path) > _LONGEST:
        raise errors.InvalidArgument('path: more than %d bytes' % _LONGEST)
    return match.group(1), names


def mount_point(path):
    """The mount point that an argument ``mount`` names, as bytes. Raises as :func:`split` does."""
    point, names = split(path)
    if names:
        raise errors.InvalidArgument('mount: expected only the mount point, not %s'
                                     % printable(path))
    return point


def require_outside_state_dir(path):
    """Raise NotAllowed for a path into the state directory: other functions manage it.

    At any level: a share may contain a repository.
    """
    if to_bytes(STATE_DIR) in split(path)[1]:
        raise errors.NotAllowed('path: %s is in the state directory of the host module'
                                % printable(path))


def printable(path):
    """A path for messages: always one line, never a character that XML forbids."""
    if not isinstance(path, (bytes_type, text_type)):
        path = arguments.name_bytes('path', path)
    text = _BREAK.sub(u'\ufffd', to_text(path))
    if len(text) > 200:
        text = text[:200] + u'...'
    return "'%s'" % plain(text)


def put_name(entry, key, raw_key, name):
    """Put a name or a path into a response: as text, and also as base64 where the text would not
    give the same bytes: not UTF-8, or characters that XML forbids or converts (line ends).
    """
    entry[key] = to_text(name)
    if to_bytes(entry[key]) != name or _RETURN in name:
        from libcloud_ovm3_host.rpc import Binary
        entry[raw_key] = Binary(name)


def current_error():
    """The message of the exception that is being handled, as text for a response."""
    return to_text(plain(str(error())))


def open_root(dom0, mount_point):
    """A descriptor of a mounted repository or share, which the caller closes.

    Raises NotMounted: the empty directory of an unmounted one must never be written to. So it is
    checked before and after opening.
    """
    wanted = mount_point.decode('ascii')
    _require_mounted(dom0, wanted)
    try:
        directory = dom0.open_mount(str(wanted))
    except OSError:
        raise errors.Failed(describe(error()))
    try:
        _require_mounted(dom0, wanted)
    except errors.HostModuleError:
        os.close(directory)
        raise
    return directory


def require_mounted(dom0, path):
    """Raise NotMounted for a path below the mount point of a repository or share that is not
    mounted: a file missing there is not known to be missing. Any other path passes."""
    match = _PATH.match(path)
    if match:
        _require_mounted(dom0, match.group(1).decode('ascii'))


def _require_mounted(dom0, wanted):
    if wanted not in [mounted for _, mounted, _ in dom0.mounts()]:
        raise errors.NotMounted('%s: nothing is mounted there' % str(wanted))


def entry_path(directory, name):
    """The path that resolves a name in an open directory."""
    return ('/proc/self/fd/%d/' % directory).encode('ascii') + to_bytes(name)


def enter(directory, name):
    """A descriptor of the directory of that name; closes the parent's descriptor.

    Raises NotFound, NotAllowed (a link, or not a directory), Failed.
    """
    try:
        try:
            return os.open(entry_path(directory, name),
                           os.O_RDONLY | os.O_DIRECTORY | _FOLLOW_NOTHING)
        finally:
            os.close(directory)
    except OSError:
        raise from_oserror(error(), name)


def open_parent(dom0, path):
    """``(descriptor of the directory, name in it)`` of a path with at least one name.

    The caller closes the descriptor. Raises what :func:`split`, :func:`open_root` and
    :func:`enter` raise.
    """
    mount_point, names = split(path)
    if not names:
        raise errors.NotAllowed('path: %s is the mount point itself' % printable(path))
    directory = open_root(dom0, mount_point)
    for name in names[:-1]:
        directory = enter(directory, name)
    return directory, names[-1]


def open_directory(dom0, path):
    """A descriptor of the directory at a path, which may be the mount point itself."""
    mount_point, names = split(path)
    directory = open_root(dom0, mount_point)
    for name in names:
        directory = enter(directory, name)
    return directory


def open_file(dom0, path, flags):
    """A descriptor of the regular file at a path. Raises NotAllowed for anything else."""
    directory, name = open_parent(dom0, path)
    try:
        return open_in(directory, name, flags)
    finally:
        os.close(directory)


def open_in(directory, name, flags):
    """The same for a name in an open directory."""
    stat_regular(directory, name)  # opening a device may already have an effect
    try:
        handle = os.open(entry_path(directory, name), flags | _FOLLOW_NOTHING)
    except OSError:
        raise from_oserror(error(), name)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise errors.NotAllowed('%s is not a regular file' % printable(name))
    return handle


def stat_regular(directory, name):
    """``lstat`` of the regular file of that name in an open directory.

    Raises NotFound, NotAllowed for anything else, Failed.
    """
    try:
        status = os.lstat(entry_path(directory, name))
    except OSError:
        raise from_oserror(error(), name)
    if not stat.S_ISREG(status.st_mode):
        raise errors.NotAllowed('%s is not a regular file' % printable(name))
    return status


def from_oserror(failure, name):
    """The HostModuleError for an OSError."""
    number = failure.errno
    text = '%s: %s' % (printable(name), os.strerror(number or 0))
    if number == errno.ENOENT:
        return errors.NotFound(text)
    if number == errno.EEXIST:
        return errors.Exists(text)
    if number in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO):
        return errors.NotAllowed('%s: a link, or of the wrong type (errno %s)' % (text, number))
    return errors.Failed(text)
