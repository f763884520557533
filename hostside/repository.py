"""Everything of a repository that a listing needs, in one call: its content and every vm.cfg."""

import os
import stat
import time

from libcloud_ovm3_host import (arguments, aside, claim_reports, dirfd, documents, errors,
                                 read_agent, safe_paths, seeds)
from libcloud_ovm3_host.compat import error, to_bytes, to_text
from libcloud_ovm3_host.rpc import Binary

DOCUMENTS = ['addresses', 'metadata']
FOLDERS = ['VirtualMachines', 'Templates', 'Assemblies']
PAGE_BYTES = 12 << 20
FILE_BYTES = 256 << 10  # a vm.cfg has one or two thousand bytes
SHOWN = 5  # names that are reported of a directory without vm.cfg
SECONDS = 50  # for all of it: clients wait for a minute

_SLASH = '/'.encode('ascii')


def repository(dom0, repository, after):
    """``{listing: {answer} or {fault}, vm_cfg: [{folder, directory, content}], aside, addresses,
    metadata, seeds, claims, after}``

    ``listing`` is the agent's ``discover_repositories``, ``aside`` what
    :func:`aside.list_aside` returns, ``addresses`` and ``metadata`` the documents of these names, or ``{error}``,
    ``seeds`` what :func:`seeds.list_seeds` returns, ``claims`` what
    :func:`claim_reports.all_of` does, or ``{error}``, all on the first page only. ``vm_cfg`` is in the byte order
    of the names; a file that cannot be read has ``error`` instead of ``content``, and so has a VM's
    directory that is not empty, but has no vm.cfg; a directory whose name is not UTF-8 has ``raw``.
    ``after``: the next page's cursor, base64; '' at the end.
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
        found['listing'] = read_agent.call_agent(dom0, deadline - time.time(),
                                                 'discover_repositories', repository)
    return found


def _cursor(after):
    """``(folder, name)``: the last directory of the page before."""
    if not after:
        return FOLDERS[0], after
    parts = after.split(_SLASH)
    if len(parts) != 2 or to_text(parts[0]) not in FOLDERS:
        raise errors.InvalidArgument('after: expected the value of the previous response')
    return str(to_text(parts[0])), parts[1]


def _page(dom0, mount_point, first, last):
    found = {'vm_cfg': [], 'after': ''}
    if not last and first == FOLDERS[0]:
        found['aside'] = aside.list_aside(dom0, mount_point)
        for name in DOCUMENTS:
            found[name] = _document(dom0, mount_point, name)
        found['seeds'] = seeds.list_seeds(dom0, mount_point)
        found['claims'] = _claims(dom0, mount_point)
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


def _document(dom0, mount_point, name):
    """The document, or ``{error}``: it says nothing of what else is in the repository."""
    try:
        found = documents.read(dom0, mount_point, name)
    except errors.HostModuleError:
        return {'error': safe_paths.current_error()}
    if 'content' in found:
        found['content'] = Binary(found['content'])
    return found


def _claims(dom0, mount_point):
    """What :func:`claim_reports.all_of` returns, or ``{error}``."""
    try:
        return claim_reports.all_of(dom0, mount_point)
    except errors.HostModuleError:
        return {'error': safe_paths.current_error()}


def _read_folder(root, folder, last, room, found):
    """Add the folder's entries after that name; return how many bytes are left for the page."""
    try:
        directory = safe_paths.enter(os.dup(root), folder)
    except errors.NotFound:
        return room
    except errors.HostModuleError:
        found['vm_cfg'].append({'folder': folder, 'directory': '',
                                'error': safe_paths.current_error()})
        return room
    try:
        for name in sorted(os.listdir(safe_paths.entry_path(directory, ''))):
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
    """The entry of ``<name>/vm.cfg``; None where there is neither such a file nor a trace of one.
    """
    entry = {}
    safe_paths.put_name(entry, 'directory', 'raw', name)
    try:
        entry['content'] = Binary(_content(directory, name))
    except errors.NotFound:
        if folder != FOLDERS[0]:
            return None
        return _without_vm_cfg(directory, name, entry)
    except errors.HostModuleError:
        if not _is_directory_or_link(directory, name):
            return None
        entry['error'] = safe_paths.current_error()
    return entry


def _without_vm_cfg(directory, name, entry):
    """A directory with files but no vm.cfg may belong to a VM whose vm.cfg was moved away."""
    try:
        inside = safe_paths.enter(os.dup(directory), name)
        try:
            names = dirfd.sorted_names(inside)
        finally:
            os.close(inside)
    except errors.NotFound:  # it has just been removed
        return None
    except errors.HostModuleError:
        entry['error'] = safe_paths.current_error()
        return entry
    if not names:
        return None
    first = ', '.join([safe_paths.printable(each) for each in names[:SHOWN]])
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
        return all_of(handle)
    finally:
        os.close(handle)


def all_of(handle):
    """The content of an open vm.cfg. Raises Failed."""
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
        raise safe_paths.from_oserror(error(), 'vm.cfg')


def _is_directory_or_link(directory, name):
    try:
        mode = os.lstat(safe_paths.entry_path(directory, name)).st_mode
    except OSError:
        return True  # of unknown type, and it could not be read
    return stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def _size(entry):
    """About how many bytes the entry takes in the response."""
    size = 200
    if 'content' in entry:
        size += len(entry['content'].data)
    return size
