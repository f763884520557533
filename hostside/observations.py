"""What one host can see of a VM: each function answers one question of those that have to be
answered before a VM counts as gone from here.

None of them changes anything. Each raises Failed or Timeout where it cannot tell: what cannot be
read is not absent.
"""

import errno
import os
import re

from libcloud_ovm3_host import (domains, errors, file_holders, inventory, xend_log, xend_sockets)
from libcloud_ovm3_host.compat import describe, error, md5, plain, to_bytes, to_text

NONE, SOME = 'none', 'some'
WORKS_SECONDS = 10  # until what was in the works has ended
BACKEND_SECONDS = 20  # until the disks of a domain that has ended are closed
SECONDS = 50  # for one look: what it asks may hang

_POLL_SECONDS = 0.5
_LOG = '/var/log/xen/xend.log'
_OLDER = 9  # files xend.log.1 ... that are read; upstream's xend keeps five (XendLogging)
_LARGEST = 16 << 20  # bytes of one of them; upstream: 1 MiB
_TAIL = 256  # bytes before a place in the log, by which it is found again
_HEAD = 1 << 16  # bytes of a saved guest that are searched for its configuration, which comes first
_DOMAIN_0 = '00000000-0000-0000-0000-000000000000'
_ARGUMENT = re.compile('\0'.encode('ascii'))


def works(dom0, sessions):
    """Whether something of a change may still go on here: NONE or SOME.

    ``sessions``: of all operations that may, each ``(session, pid, started, boot)``, text. First
    their processes but for this one, whatever they are (``xm``, ``xc_save``), as each of them may
    connect to xend; then each connection to xend that is open when they have ended, whosever it is.
    All are waited for, WORKS_SECONDS at most.
    """
    until = dom0.seconds() + WORKS_SECONDS
    if not _wait(dom0, until, lambda: not [1 for session in sessions if session_lives(dom0, session)]):
        return SOME
    noted = _connections(dom0)
    if xend_sockets.WAITING in noted:  # it may be anybody's, and will have another inode
        return SOME
    if not _wait(dom0, until, lambda: not [1 for inode in _connections(dom0) if inode in noted]):
        return SOME
    return NONE


def _wait(dom0, until, is_over):
    """Whether it is over by then."""
    while not is_over():
        if dom0.seconds() >= until:
            return False
        dom0.sleep(_POLL_SECONDS)
    return True


def _connections(dom0):
    found = xend_sockets.connections(dom0.read('/proc/net/unix', _LARGEST))
    if found is None:
        raise errors.Failed('/proc/net/unix: xend does not listen at %s, or a line has another form '
                            'than expected' % plain(xend_sockets.PATHS[0]))
    return found


def session_lives(dom0, session):
    """Whether another process than this one is in it. A session's id is its first process's, which
    has ended at once (limits.detached). One of that id that was started later shows that the id was
    free, so nothing is left of the session."""
    number, _, began, boot = session
    if boot != dom0.boot_id():
        return False
    own = dom0.process()[0]
    members = [each for each in dom0.session_members(number) if each[0] != own]
    for pid, started in members:
        if pid == number and int(started) > int(began):
            return False
    return bool(members)


def comebacks(dom0, uuid, name):
    """Whether xendomains or xend would start the VM by itself: NONE or SOME (xend.md 9).

    A saved guest, a link in ``/etc/xen/auto``, a managed domain with ``on_xend_start``.
    """
    for entry in inventory.autostart_guests(dom0):
        if 'error' in entry:
            raise errors.Failed('%s: %s' % (plain(entry['path']), plain(entry['error'])))
        if entry['kind'] == 'managed':
            is_of = entry['uuid'].lower() == uuid and entry['starts']
        else:
            is_of = entry['name'] == to_text(name) or _is_in(
                _start_of_file(dom0, entry['path']), uuid, name)
        if is_of:
            return SOME
    return NONE


def _start_of_file(dom0, path):
    """Through links: the scripts follow them. One to nowhere is not started."""
    if not os.path.exists(dom0.path(plain(path))) and os.path.islink(dom0.path(plain(path))):
        raise errors.Failed('%s: a link to a file that is not there now' % plain(path))
    return dom0.read(plain(path), _HEAD)


def _is_in(data, uuid, name):
    data = data.replace(to_bytes('-'), to_bytes(''))
    for word in (uuid, name):
        if word and to_bytes(word).replace(to_bytes('-'), to_bytes('')) in data:
            return True
    return False


def look(dom0, uuid):
    """``[{domid, name, status, letters, paused, incoming, device}]`` of each domain with that uuid,
    whatever its name: xend's ``status`` and letters; whether it is still being received.

    Raises Failed if xend or xenstore has a domain that may be the VM's and cannot be told.
    """
    found = dom0.within(SECONDS, domains.domains, dom0)
    for entry in found['missing']:  # without Domain-0 the list is not complete
        if entry['name'] in (uuid, _DOMAIN_0) or not _is_uuid(entry['name']):
            raise errors.Failed('domain %s: %s' % (plain(entry['name']), plain(entry['error'])))
    return [_entry(dom0, domain) for domain in found['domains']
            if domain['uuid'].lower() == uuid]


def _entry(dom0, domain):
    """``paused``: by a tool, or still being built; letters and status may disagree (xend.md 1.2)."""
    entry = dict([(key, domain.get(key, to_text(''))) for key in ('domid', 'name', 'status')])
    entry['letters'], entry['device'] = domain.get('state', to_text('')), domain['device']
    entry['paused'] = entry['status'] == '1' or 'p' in entry['letters']
    entry['incoming'] = entry['domid'] in _received(dom0)
    return entry


def _is_uuid(name):
    return len(name) == 36 and len(name.split('-')) == 5


def _received(dom0):
    """The domids into which xc_restore writes: ``xc_restore FD DOMID ...`` (xend.md 4.1)."""
    found = []
    for pid in os.listdir(dom0.path('/proc')):
        if not pid.isdigit():
            continue
        try:
            words = _ARGUMENT.split(dom0.read('/proc/%s/cmdline' % pid))
        except errors.Failed:  # it has just ended
            continue
        if os.path.basename(to_text(words[0])) == 'xc_restore' and len(words) > 2:
            found.append(to_text(words[2]))
    return found


def mark_log(dom0):
    """The place at which xend's log ends now: ``{inode, offset, tail}``, text."""
    path = dom0.path(_LOG)
    try:
        inode = os.stat(path).st_ino
        data = dom0.read(_LOG, _LARGEST)
    except OSError:
        raise errors.Failed(describe(error()))
    return {'inode': '%d' % inode, 'offset': '%d' % len(data),
            'tail': md5(data[-_TAIL:]).hexdigest()}


def log(dom0, uuid, name, mark):
    """``(state, [domid])`` by :func:`.xend_log.state`. ``mark``: :func:`mark_log`'s, of a time when
    nothing of the VM was here that the log did not show; ``{}`` if there is none."""
    pieces = _log_files(dom0)
    reaches_back = bool([1 for inode, data in pieces if _has_mark(inode, data, mark)])
    text = ''.encode('ascii').join([data for _, data in pieces])
    return xend_log.state(text, uuid, name, reaches_back)


def log_since(dom0, uuid, name, mark, began):
    """The same. It cannot tell either if xend was started since ``began``, a mark made before the
    list of domains was read: that may not have shown a domain yet which the start closes in the
    log."""
    state, domids = log(dom0, uuid, name, mark)
    if _has_started(_log_files(dom0), began):
        state = xend_log.CANNOT_TELL
    return state, domids


def _has_started(pieces, began):
    for position, (inode, data) in enumerate(pieces):
        if _has_mark(inode, data, began):
            after = [data[int(began['offset']):]] + [each for _, each in pieces[position + 1:]]
            return xend_log.has_start(''.encode('ascii').join(after))
    return True  # its place is gone


def _log_files(dom0):
    """``[(inode, content)]``, the oldest first. They are renamed when one is full: then again."""
    for _ in range(3):
        before = _stat_log(dom0, '')
        pieces = []
        for number in range(_OLDER, 0, -1):
            if _stat_log(dom0, '.%d' % number):
                pieces.append(_log_file(dom0, '.%d' % number))
        pieces.append(_log_file(dom0, ''))
        if before and _stat_log(dom0, '') == before:
            return pieces
    raise errors.Failed('%s: renamed while it was read' % _LOG)


def _stat_log(dom0, ending):
    """The inode; 0 if there is no such file."""
    try:
        return os.stat(dom0.path(_LOG + ending)).st_ino
    except OSError:
        if error().errno != errno.ENOENT:
            raise errors.Failed(describe(error()))
        return 0


def _log_file(dom0, ending):
    data = dom0.read(_LOG + ending, _LARGEST)
    if len(data) >= _LARGEST:
        raise errors.Failed('%s%s: larger than xend makes it' % (_LOG, ending))
    return _stat_log(dom0, ending), data


def _has_mark(inode, data, mark):
    if not mark or mark['inode'] != '%d' % inode:
        return False
    offset = int(mark['offset'])
    return offset <= len(data) and mark['tail'] == md5(
        data[max(0, offset - _TAIL):offset]).hexdigest()


def backends(dom0, domids, uuid, definition, seconds):
    """Whether something of the VM still has a disk open here: NONE or SOME.

    A backend of these domids, or of the VM by xenstore; one whose VM is not known, and a loop
    device that serves none, if the vm.cfg (``definition``, bytes) names its file. They outlive
    their domain by some seconds (xend.md 10.5), and are waited for as long.
    """
    if _wait(dom0, dom0.seconds() + seconds,
             lambda: not _has_backend(dom0, domids, uuid, definition)):
        return NONE
    return SOME


def _has_backend(dom0, domids, uuid, definition):
    for entry in file_holders.file_holders(dom0):
        path = to_bytes(entry.get('path', ''))
        if '%s' % entry.get('domid', '') in domids or entry.get('uuid') == uuid:
            return True
        if not entry.get('uuid') and path and path in definition:
            return True
        if 'error' in entry and not path:
            raise errors.Failed('%s: %s' % (entry['kind'], plain(entry['error'])))
    return False
