"""Paths below repositories and secondary mounts, and no others, opened without following any link.

Python 2 has no openat(2). ``/proc/self/fd/N/name`` does the same: the directory is held open as N,
so whatever somebody renames or links meanwhile, ``name`` is looked up in that very directory.
"""

import errno
import os
import re
import stat

from libcloud_ovm3_host import arguments, errors
from libcloud_ovm3_host.compat import (Binary, bytes_type, describe, error, plain, text_type,
                                       to_bytes, to_text)

OURS = '.libcloud-ovm3'  # everything of ours in a repository lies below it

_PLACE = re.compile(r'(/OVS/Repositories/[0-9a-fA-F]{32}|/nfsmnt/[0-9a-fA-F-]{32,36})(?:/(.*))?\Z'
                    .encode('ascii'), re.DOTALL)
_FOLLOW_NOTHING = os.O_NOFOLLOW | os.O_NONBLOCK  # and wait for no FIFO
_BREAK = re.compile(u'[\t\n\r\x85\u2028\u2029]')
_SLASH = '/'.encode('ascii')
_RETURN = '\r'.encode('ascii')
_LONGEST = 4000


def split(path):
    """``(mount point, [names])`` of a path, all bytes. Nothing is looked up.

    Raises InvalidArgument, NotAllowed.
    """
    path = arguments.name_bytes('path', path)
    match = _PLACE.match(path)
    if not match:
        raise errors.NotAllowed(
            'path: expected /OVS/Repositories/<id>/... or /nfsmnt/<id>/..., not %s' % shown(path))
    names = []
    if match.group(2):
        names = match.group(2).split(_SLASH)
    for name in names:
        if name in (''.encode('ascii'), '.'.encode('ascii'), '..'.encode('ascii')):
            raise errors.NotAllowed('path: an empty name, . or .. in %s' % shown(path))
        if '\0'.encode('ascii') in name:
            raise errors.NotAllowed('path: a NUL byte in %s' % shown(path))
        if len(name) > 255:
            raise errors.InvalidArgument('path: a name of more than 255 bytes')
    if len(path) > _LONGEST:
        raise errors.InvalidArgument('path: more than %d bytes' % _LONGEST)
    return match.group(1), names


def mount_point(path):
    """The mount point that an argument ``mount`` names, as bytes. Raises as :func:`split` does."""
    point, names = split(path)
    if names:
        raise errors.InvalidArgument('mount: expected no more than the mount, not %s' % shown(path))
    return point


def require_not_ours(path):
    """Raises NotAllowed for a path into our own folder: documents and jobs have their own doors.

    On any level: a share may lie above a repository.
    """
    if to_bytes(OURS) in split(path)[1]:
        raise errors.NotAllowed('path: %s is in our own folder' % shown(path))


def shown(path):
    """A path for messages: never more than a line, never a byte that XML cannot carry."""
    if not isinstance(path, (bytes_type, text_type)):
        path = arguments.name_bytes('path', path)
    text = _BREAK.sub(u'\ufffd', to_text(path))
    if len(text) > 200:
        text = text[:200] + u'...'
    return "'%s'" % plain(text)


def tell(entry, key, raw_key, name):
    """Put a name or a path into an answer: as text, and as base64 beside it where that text would
    not come out as the same bytes: no UTF-8, or what XML cannot carry or takes for a line's end.
    """
    entry[key] = to_text(name)
    if to_bytes(entry[key]) != name or _RETURN in name:
        entry[raw_key] = Binary(name)


def said():
    """The error of ours that is being handled, as text for an answer."""
    return to_text(plain(str(error())))


def open_root(dom0, mount_point):
    """A descriptor of a mounted repository or share, the caller's to close.

    Raises NotMounted: the empty directory of an unmounted one must never be written to. So the
    look is taken on both sides of the opening.
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
    """Raises NotMounted for a path below a place where a repository or a share would be, but is
    not: what is missing there is not known to be missing. Any other path passes."""
    match = _PLACE.match(path)
    if match:
        _require_mounted(dom0, match.group(1).decode('ascii'))


def _require_mounted(dom0, wanted):
    if wanted not in [mounted for _, mounted, _ in dom0.mounts()]:
        raise errors.NotMounted('%s: nothing is mounted there' % str(wanted))


def below(directory, name):
    """The path by which a name in an open directory is looked up."""
    return ('/proc/self/fd/%d/' % directory).encode('ascii') + to_bytes(name)


def enter(directory, name):
    """A descriptor of the directory of that name; closes the one it was looked up in.

    Raises NotFound, NotAllowed (a link, or no directory), Failed.
    """
    try:
        try:
            return os.open(below(directory, name), os.O_RDONLY | os.O_DIRECTORY | _FOLLOW_NOTHING)
        finally:
            os.close(directory)
    except OSError:
        raise failure(error(), name)


def open_parent(dom0, path):
    """``(descriptor of the directory, name in it)`` of a path with at least one name.

    The descriptor is the caller's to close. Raises what :func:`split`, :func:`open_root` and
    :func:`enter` raise.
    """
    mount_point, names = split(path)
    if not names:
        raise errors.NotAllowed('path: %s is the mount itself' % shown(path))
    directory = open_root(dom0, mount_point)
    for name in names[:-1]:
        directory = enter(directory, name)
    return directory, names[-1]


def open_directory(dom0, path):
    """A descriptor of the directory at a path, which may be the mount itself."""
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
    status_in(directory, name)  # opening a device may already do something
    try:
        handle = os.open(below(directory, name), flags | _FOLLOW_NOTHING)
    except OSError:
        raise failure(error(), name)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise errors.NotAllowed('%s is no regular file' % shown(name))
    return handle


def status_in(directory, name):
    """``lstat`` of the regular file of that name in an open directory.

    Raises NotFound, NotAllowed for anything else, Failed.
    """
    try:
        status = os.lstat(below(directory, name))
    except OSError:
        raise failure(error(), name)
    if not stat.S_ISREG(status.st_mode):
        raise errors.NotAllowed('%s is no regular file' % shown(name))
    return status


def failure(problem, name):
    """Our error for an OSError."""
    number = problem.errno
    text = '%s: %s' % (shown(name), os.strerror(number or 0))
    if number == errno.ENOENT:
        return errors.NotFound(text)
    if number == errno.EEXIST:
        return errors.Exists(text)
    if number in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO):
        return errors.NotAllowed('%s: a link, or of the wrong kind (%s)' % (text, number))
    return errors.Failed(text)
