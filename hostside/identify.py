"""Which file a path leads to: one file may have many names, links and mounts."""

import errno
import os
import stat
import time

from libcloud_ovm3_host import arguments, errors, files, safe_paths
from libcloud_ovm3_host.compat import big, error, plain, to_bytes, to_text

SECONDS = 50  # for all of them: clients wait for a minute
MOST = 1000  # paths
_LINKS = 40  # as many as the kernel follows
_LONGEST = 4000  # bytes
_SLASH = '/'.encode('ascii')
_NONE = ''.encode('ascii')
_STAYS = (_NONE, '.'.encode('ascii'))
_UP = '..'.encode('ascii')


def identify(dom0, paths):
    """A list of ``{path, real, device, inode, links, type, size_bytes}``, in the order of the paths.

    Of what each leads to, links followed: any absolute path of the host. Or ``{path, missing}`` of
    one that leads to nothing, or ``{path, problem}``. ``device`` and ``inode`` are decimal texts:
    they may be beyond 64 bits with a sign. ``raw`` and ``real_raw`` as elsewhere.
    What lies on one mount is looked at together, and what one mount does not need of the time goes
    to those after it. Raises InvalidArgument.
    """
    if not isinstance(paths, (list, tuple)) or len(paths) > MOST:
        raise errors.InvalidArgument('paths: expected a list of at most %d' % MOST)
    wanted = [_checked(path) for path in paths]
    groups = _by_mount(dom0, wanted)
    deadline = time.time() + SECONDS
    answers = {}
    for position, mount_point in enumerate(sorted(groups)):
        share = (deadline - time.time()) / (len(groups) - position)
        answers.update(_group(dom0, max(0.5, share), groups[mount_point]))
    return [_entry(path, answers[path]) for path in wanted]


def _checked(path):
    path = arguments.name_bytes('paths', path)
    if not path.startswith(_SLASH) or '\0'.encode('ascii') in path:
        raise errors.InvalidArgument('paths: expected absolute ones, not %s' % safe_paths.shown(path))
    if len(path) > _LONGEST:
        raise errors.InvalidArgument('paths: more than %d bytes' % _LONGEST)
    return path


def _by_mount(dom0, paths):
    """``{mount point: [paths]}``, as far as their names tell: a dead server costs its own only."""
    points = [to_bytes(mounted) for _, mounted, _ in dom0.mounts()]
    groups = {}
    for path in paths:
        above = [point for point in points if path.startswith(point.rstrip(_SLASH) + _SLASH)]
        above.sort(key=len)
        groups.setdefault((above or [_SLASH])[-1], []).append(path)
    return groups


def _group(dom0, seconds, paths):
    """``{path: what is known of it}``"""
    try:
        return dom0.within(seconds, _all_of, dom0, paths)
    except errors.HostModuleError:
        return dict([(path, {'error': safe_paths.said()}) for path in paths])


def _all_of(dom0, paths):
    known = {}  # directories that are no links
    return dict([(path, _identity(dom0, path, known)) for path in paths])


def _identity(dom0, path, known):
    try:
        real, status = _follow(dom0, path, known)
    except errors.HostModuleError:
        return {'error': safe_paths.said()}
    except (IOError, OSError):
        problem = error()
        if problem.errno in (errno.ENOENT, errno.ENOTDIR):
            return _missing(dom0, path)
        return {'error': to_text(plain(os.strerror(problem.errno or 0)))}
    return {'real': real, 'device': '%d' % status.st_dev, 'inode': '%d' % status.st_ino,
            'links': int(status.st_nlink), 'type': files.type_of(status),
            'size_bytes': big(status.st_size)}


def _missing(dom0, path):
    """If the kernel says so, too: some links of /proc are none that can be followed by hand."""
    try:
        os.stat(dom0.place(path))
    except OSError:
        return {'missing': True}
    return {'error': to_text('something is there, but where it leads to cannot be told')}


def _follow(dom0, path, known):
    """``(real path, stat)`` of what a path of the host leads to. Raises OSError, NotMounted.

    By hand: the realpath of Python 2 takes ``x/..`` for nothing, though x may be a link, and does
    not say what it could not read. ``known``: directories that were seen to be no links.
    """
    real, links, ahead = _NONE, 0, path.split(_SLASH)
    while ahead:
        name = ahead.pop(0)
        if name in _STAYS:
            continue
        if name == _UP:
            real = real[:max(0, real.rfind(_SLASH))]
            continue
        at = real + _SLASH + name
        if at not in known:
            status = _status(dom0, at)
            if stat.S_ISLNK(status.st_mode):
                links += 1
                if links > _LINKS:
                    raise OSError(errno.ELOOP, 'too many links')
                target = os.readlink(dom0.place(at))
                if target.startswith(_SLASH):
                    real = _NONE
                ahead = target.split(_SLASH) + ahead
                continue
            if stat.S_ISDIR(status.st_mode):
                known[at] = True
            elif ahead:
                raise OSError(errno.ENOTDIR, 'no directory')
        real = at
    return real or _SLASH, os.stat(dom0.place(real or _SLASH))


def _status(dom0, path):
    try:
        return os.lstat(dom0.place(path))
    except OSError:
        if error().errno == errno.ENOENT:
            safe_paths.require_mounted(dom0, path)
        raise


def _entry(path, found):
    entry = dict(found)
    safe_paths.tell(entry, 'path', 'raw', path)
    if 'real' in found:
        safe_paths.tell(entry, 'real', 'real_raw', found['real'])
    return entry
