"""What still holds a file or a device: block backends in xenstore, loop devices.

A domain that is gone from xend's list may hold its disks for a while (xend.md 10.5).
"""

import errno
import os
import re
import struct

from libcloud_ovm3_host import errors, xenstore
from libcloud_ovm3_host.compat import describe, error, plain, to_bytes, to_text

_BACKENDS = '/local/domain/0/backend'
_SECONDS = 10
_LONGEST_OF_LOSETUP = 62  # the kernel's old answer has room for no more: xend.md 0

_LINE = re.compile(r'(/[^ ]*) = "(.*)"\Z', re.DOTALL)
_KEY = re.compile(r'%s/(?:vbd|tap\d*)/(\d+)/([^/]+)/([^/]+)\Z' % _BACKENDS)
_ESCAPED = re.compile(r'\\(?:x([0-9a-f]{2})|([0-7]{3})|(.))'.encode('ascii'), re.DOTALL)
_STATES = ('1', '2', '3', '4', '5', '6', '7', '8')  # of xenbus
_LETTERS = {'n': '\n', 'r': '\r', 't': '\t'}
_SCHEME = re.compile(r'[a-z0-9]+:(?=/)')
_DELETED = u' (deleted)'
_LOOP = re.compile(r'(/dev/loop\d+): [^(]*\((.*)\)(?:, (?:offset|sizelimit|encryption) .*)?\Z')


def file_holders(dom0):
    """``[{kind: "vbd", domid, uuid, device, path, mode, state}]`` and ``[{kind: "loop", device,
    path}]``

    Domain-0's backends only. ``state`` is xenbus's: 4 connected, 6 closed, 0 not known. ``uuid``:
    the VM's, '' if it is not known (any more). A loop device that serves a vbd has its ``domid``
    and ``uuid``. What cannot be asked is an entry ``{kind, problem}``: then nobody knows who holds
    what.
    """
    vbds, loops_found = _asked(dom0, 'vbd', _backends), _asked(dom0, 'loop', _loops)
    _add_uuids(dom0, vbds)
    for loop in loops_found:
        _add_domain(loop, vbds)
    for vbd in vbds:
        vbd.pop('node', None)
    return vbds + loops_found


def _asked(dom0, kind, ask):
    try:
        return ask(dom0)
    except errors.HostModuleError:
        return [{'kind': kind, 'error': to_text(plain(str(error())))}]


def _add_uuids(dom0, vbds):
    """A backend outlives its domain in xenstore: that one's uuid is not known then.

    Nor is any where xenstore hangs: it is asked no more.
    """
    known, hangs = {}, False
    for vbd in vbds:
        if 'domid' not in vbd:
            continue
        domid = vbd['domid']
        if domid not in known:
            known[domid] = to_text('')
            try:
                if not hangs:
                    known[domid] = xenstore.uuid_of(dom0, domid)
            except errors.Timeout:
                hangs = True
            except errors.HostModuleError:
                pass
        vbd['uuid'] = known[domid]


def _add_domain(loop, vbds):
    """A loop device belongs to the one domain whose backend names it, and the same file."""
    served = [vbd for vbd in vbds if 'path' in loop and vbd.get('node') == loop['device']
              and vbd['path'].startswith(loop['path'])]
    if len(served) == 1 and (served[0]['path'] == loop['path'] or 'error' in loop):
        loop['domid'], loop['uuid'] = served[0]['domid'], served[0]['uuid']


# --- xenstore -----------------------------------------------------------------------------------

def _backends(dom0):
    # -f: without it values are cut to the width of a terminal. A backend that goes away meanwhile
    # makes it fail, so once more.
    for _ in (1, 2):
        status, output, problem = dom0.run(['xenstore-ls', '-f', _BACKENDS], _SECONDS)
        if not status:
            return backends(to_text(output))
        if not _any_backend(dom0):
            return []
    raise errors.Failed('xenstore-ls -f %s: %s' % (_BACKENDS, plain(problem).strip()))


def _any_backend(dom0):
    """Whether there is anything to list: before the first guest there is not even the directory."""
    return u'backend' in xenstore.listed(dom0, '/local/domain/0')


def backends(text):
    """Entries of what ``xenstore-ls -f`` says: lines ``<path> = "<escaped value>"``; pure.

    A line that is not understood is an entry with ``problem`` and without path.
    """
    devices, problems = {}, []
    for line in text.split(u'\n'):
        match = _LINE.match(line)
        key = match and _KEY.match(match.group(1))
        if key:
            domid, number, name = key.groups()
            values = devices.setdefault((int(domid), number), {})
            values[name] = to_text(_ESCAPED.sub(_unescaped, to_bytes(match.group(2))))
        elif line.strip() and not match and not line.endswith(u':'):  # it has just gone
            problems.append({'kind': 'vbd', 'error': to_text('xenstore-ls says: %s'
                                                               % plain(line))})
    return problems + [_backend(domid, number, devices[domid, number])
                       for domid, number in sorted(devices)]


def _backend(domid, number, values):
    state = values.get('state', '')
    if state not in _STATES:
        state = '0'
    path = _SCHEME.sub('', values.get('params', ''))  # tap's have aio: before
    if values.get('type') == 'phy' and path and not path.startswith('/'):
        path = '/dev/' + path  # as its script takes it: xend.md 7
    return {'kind': 'vbd', 'domid': domid, 'device': to_text(values.get('dev', number)),
            'path': to_text(path), 'mode': to_text(values.get('mode', '')), 'state': int(state),
            'node': to_text(values.get('node', ''))}


def _unescaped(match):
    hexadecimal, octal, letter = match.groups()
    if hexadecimal:
        return struct.pack('B', int(hexadecimal, 16))
    if octal:
        return struct.pack('B', int(octal, 8) & 255)
    return to_bytes(_LETTERS.get(plain(letter), plain(letter)))


# --- loop devices ---------------------------------------------------------------------------------

def _loops(dom0):
    """From /sys, which has whole names; from losetup where the kernel has nothing there."""
    found = []
    folder = dom0.path('/sys/block')
    try:
        names = [name for name in os.listdir(folder) if re.match(r'loop\d+\Z', name)]
    except OSError:
        if error().errno != errno.ENOENT:
            raise errors.Failed(describe(error()))
        names = []
    for name in sorted(names):
        path = _backing_file(dom0, name)
        if path:
            found.append(_loop('/dev/' + name, path))
    if found:
        return found
    status, output, problem = dom0.run(['losetup', '-a'], _SECONDS)
    if status:
        raise errors.Failed('losetup -a: %s' % plain(problem).strip())
    return loops(to_text(output))


def _loop(device, path):
    """The kernel adds a word to a name that was taken out. The file may have another by now."""
    entry = {'kind': 'loop', 'device': to_text(device), 'path': path}
    if path.endswith(_DELETED):
        entry['path'] = path[:-len(_DELETED)]
        entry['error'] = to_text('the file is no longer there under this name')
    return entry


def _backing_file(dom0, name):
    """The file behind a loop device, '' if there is none."""
    file_name = '/sys/block/%s/loop/backing_file' % name
    try:
        return to_text(dom0.read(file_name)).rstrip(u'\n')
    except errors.Failed:
        if os.path.exists(dom0.path(file_name)):
            raise
        return u''


def loops(text):
    """Entries of what ``losetup -a`` says; pure.

    A name it may have cut has ``problem``; a line that is not understood is an entry without path.
    """
    found = []
    for line in text.split(u'\n'):
        match = _LOOP.match(line)
        if match:
            entry = {'kind': 'loop', 'device': match.group(1), 'path': match.group(2)}
            if len(match.group(2)) >= _LONGEST_OF_LOSETUP:
                entry['error'] = to_text('losetup cuts names: this may be the beginning of one')
            found.append(entry)
        elif line.strip():
            found.append({'kind': 'loop', 'error': to_text('losetup -a says: %s' % plain(line))})
    return found
