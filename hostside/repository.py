"""All of a repository that a listing needs, in one call: what lies in it, and every vm.cfg."""

import os
import stat
import time

from libcloud_ovm3_host import arguments, aside, dirfd, errors, read_agent, safe_paths
from libcloud_ovm3_host.compat import Binary, error, to_bytes, to_text

FOLDERS = ['VirtualMachines', 'Templates', 'Assemblies']
PAGE_BYTES = 12 << 20
FILE_BYTES = 256 << 10  # a vm.cfg has one or two thousand
SHOWN = 5  # names of what lies in a directory without vm.cfg
SECONDS = 50  # for all of it: clients wait for a minute

_SLASH = '/'.encode('ascii')


def repository(dom0, repository, after):
    """``{listing: {answer} or {fault}, vm_cfg: [{folder, directory, content}], aside, after}``

    ``listing`` is the agent's ``discover_repositories``, ``aside`` what :func:`aside.listed` tells,
    both on the first page only. ``vm_cfg`` is in the order of the bytes of the names; a file that
    cannot be read has ``problem`` for its content, as has a VM's directory that holds something,
    but no vm.cfg; a directory whose name is no UTF-8 its ``raw`` name too. ``after``: base64 to go
    on with, '' at the end.
    Raises InvalidArgument, NotMounted, Timeout.
    """
    repository = arguments.repository(repository)
    after = arguments.name_bytes('after', after)
    first, last = _cursor(after)
    mount_point = to_bytes('/OVS/Repositories/' + repository)
    deadline = time.time() + SECONDS
    found = dom0.within(SECONDS, _page, dom0, mount_point, first, last)
    found['listing'] = {}
    if not after:
        found['listing'] = read_agent.ask(dom0, deadline - time.time(), 'discover_repositories',
                                    repository)
    return found


def _cursor(after):
    """``(folder, name)``: which directory the page before came to."""
    if not after:
        return FOLDERS[0], after
    parts = after.split(_SLASH)
    if len(parts) != 2 or to_text(parts[0]) not in FOLDERS:
        raise errors.InvalidArgument('after: expected what the last answer had')
    return str(to_text(parts[0])), parts[1]


def _page(dom0, mount_point, first, last):
    found = {'vm_cfg': [], 'after': ''}
    if not last and first == FOLDERS[0]:
        found['aside'] = aside.listed(dom0, mount_point)
    room = PAGE_BYTES
    root = safe_paths.open_root(dom0, mount_point)
    try:
        for folder in FOLDERS[FOLDERS.index(first):]:
            room = _read_folder(root, folder, last, room, found)
            last = ''.encode('ascii')
            if found['after']:
                break
    finally:
        os.close(root)
    return found


def _read_folder(root, folder, last, room, found):
    """Add what the folder has after that name; how much room is left then."""
    try:
        directory = safe_paths.enter(os.dup(root), folder)
    except errors.NotFound:
        return room
    except errors.HostModuleError:
        found['vm_cfg'].append({'folder': folder, 'directory': '', 'error': safe_paths.said()})
        return room
    try:
        for name in sorted(os.listdir(safe_paths.below(directory, ''))):
            if name <= last:
                continue
            if room <= 0:
                found['after'] = Binary(to_bytes(folder) + _SLASH + last)
                break
            entry = _entry(directory, name, folder)
            if entry is not None:
                entry['folder'] = folder
                found['vm_cfg'].append(entry)
                room -= _size(entry)
            last = name
    finally:
        os.close(directory)
    return room


def _entry(directory, name, folder):
    """What stands in ``<name>/vm.cfg``; None where there is neither such a file nor a trace of it.
    """
    entry = {}
    safe_paths.tell(entry, 'directory', 'raw', name)
    try:
        entry['content'] = Binary(_content(directory, name))
    except errors.NotFound:
        if folder != FOLDERS[0]:
            return None
        return _without_vm_cfg(directory, name, entry)
    except errors.HostModuleError:
        if not _is_directory_or_link(directory, name):
            return None
        entry['error'] = safe_paths.said()
    return entry


def _without_vm_cfg(directory, name, entry):
    """A VM's directory in which something is left may be that of a VM whose file was put aside."""
    try:
        inside = safe_paths.enter(os.dup(directory), name)
        try:
            names = dirfd.sorted_names(inside)
        finally:
            os.close(inside)
    except errors.NotFound:  # it has just gone
        return None
    except errors.HostModuleError:
        entry['error'] = safe_paths.said()
        return entry
    if not names:
        return None
    first = ', '.join([safe_paths.shown(each) for each in names[:SHOWN]])
    if len(names) > SHOWN:
        first += ' and %d more' % (len(names) - SHOWN)
    entry['error'] = to_text('no vm.cfg, but %s' % first)
    return entry


def _content(directory, name):
    inside = safe_paths.enter(os.dup(directory), name)
    try:
        handle = safe_paths.open_in(inside, 'vm.cfg', os.O_RDONLY)
    finally:
        os.close(inside)
    try:
        return _all_of(handle)
    finally:
        os.close(handle)


def _all_of(handle):
    if os.fstat(handle).st_size > FILE_BYTES:
        raise errors.Failed('more than %d bytes' % FILE_BYTES)
    pieces = []
    try:
        while True:
            data = os.read(handle, FILE_BYTES + 1)
            pieces.append(data)
            if not data:
                return ''.encode('ascii').join(pieces)
    except OSError:
        raise safe_paths.failure(error(), 'vm.cfg')


def _is_directory_or_link(directory, name):
    try:
        mode = os.lstat(safe_paths.below(directory, name)).st_mode
    except OSError:
        return True  # whatever it is, it could not be read
    return stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def _size(entry):
    """About what it takes in the answer."""
    size = 200
    if 'content' in entry:
        size += len(entry['content'].data)
    return size
