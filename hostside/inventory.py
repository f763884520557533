"""How full the mounts are, and which guests the host would bring back by itself."""

import errno
import os
import re
import time

from libcloud_ovm3_host import errors, safe_paths
from libcloud_ovm3_host.compat import big, describe, error, plain, to_bytes, to_text

SECONDS = 50  # for all mounts: clients wait for a minute

_SAVED = '/var/lib/xen/save'
_MANAGED = '/var/lib/xend/domains'
_AUTO = '/etc/xen/auto'
_STARTS = re.compile(r'\(\s*on_xend_start\s+start\s*\)'.encode('ascii'))


def free_space(dom0):
    """A list of ``{mount, device, type, size_bytes, free_bytes}``, or ``problem`` for the figures.

    Of every repository and secondary mount. A mount whose server is dead hangs: what one does not
    need of the time goes to those after it, so each of them gets some.
    """
    mounts = {}
    for device, mount_point, kind in dom0.mounts():
        if _is_ours_to_see(mount_point):
            mounts[mount_point] = (device, kind)  # the last one lies on top
    deadline = time.time() + SECONDS
    found = []
    for position, mount_point in enumerate(sorted(mounts)):
        device, kind = mounts[mount_point]
        entry = {'mount': to_text(mount_point), 'device': to_text(device), 'type': to_text(kind)}
        share = (deadline - time.time()) / (len(mounts) - position)
        try:
            entry.update(dom0.within(max(0.5, share), _space, dom0, str(mount_point)))
        except errors.HostModuleError:
            entry['error'] = to_text(describe(error()))
        found.append(entry)
    return found


def _is_ours_to_see(mount_point):
    try:
        return not safe_paths.split(mount_point)[1]
    except errors.HostModuleError:
        return False


def _space(dom0, mount_point):
    directory = dom0.open_mount(mount_point)
    try:
        space = os.fstatvfs(directory)
    finally:
        os.close(directory)
    return {'size_bytes': big(space.f_blocks * space.f_frsize),
            'free_bytes': big(space.f_bavail * space.f_frsize)}


def autostart_guests(dom0):
    """Guests that the next boot or start of xend may bring back (xend.md 9).

    A list of ``{kind: "saved", name, path}`` (xendomains restores them), ``{kind: "managed", uuid,
    path, starts}`` (xend starts those whose ``on_xend_start`` is ``start``) and ``{kind: "auto",
    name, path}`` (xendomains creates them). What cannot be read has ``problem``.
    """
    found = []
    for kind, folder in (('saved', _SAVED), ('auto', _AUTO)):
        for name in _names(dom0, kind, folder, found):
            found.append({'kind': kind, 'name': to_text(name),
                          'path': to_text(to_bytes(folder + '/') + name)})
    for name in _names(dom0, 'managed', _MANAGED, found):
        uuid = to_text(name)
        path = '%s/%s/config.sxp' % (_MANAGED, plain(name))
        entry = {'kind': 'managed', 'uuid': uuid, 'path': to_text(path)}
        try:
            entry['starts'] = _STARTS.search(dom0.read(path)) is not None
        except errors.Failed:
            entry['error'] = to_text(plain(str(error())))
        found.append(entry)
    return found


def _names(dom0, kind, folder, found):
    """The names in a folder, as bytes, without hidden ones, which no ``*`` of a script meets."""
    try:
        names = os.listdir(to_bytes(dom0.path(folder)))
    except OSError:
        if error().errno != errno.ENOENT:
            found.append({'kind': kind, 'path': to_text(folder),
                          'error': to_text(describe(error()))})
        return []
    return [name for name in sorted(names) if not name.startswith('.'.encode('ascii'))]
