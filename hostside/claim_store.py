"""Claims as files: ``<mount>/.libcloud-ovm3/claims/``, which has

* ``name``: 32 random digits. A request names them: a folder that was made anew has others, and
  versions that mean something else.
* ``hosts`` and ``addresses``: which hosts have claims here, see :mod:`.claim_hosts`. Boards come with
  a placeholder for their uuid (agent-behaviour.md 19): of two hosts with one uuid the second is
  refused, by a random token on each host's own disk.
* ``<document of the definition>/<version>``: the claim, by the rules of :mod:`.documents`.

On the host's own disk, for each claimed VM that may be here: the place in xend's log from which on
the log shows all of it (:func:`.observations.mark_log`), and its uuid and name; the sessions of its
operations; and since when a copy that a migration may have left over is there.
"""

import binascii
import errno
import os
import re

from libcloud_ovm3_host import (claim_hosts, claim_records, dirfd, documents, errors, host_identity,
                                local_state, records, safe_paths, state_dir)
from libcloud_ovm3_host.compat import describe, error, plain, to_bytes, to_text

FOLDER = 'claims'
_NAME = 'name'
_DOCUMENT = re.compile('vm[.-].')
_LOCAL, _SESSIONS, _COPIES, _PAUSED = 'claims', 'sessions-', 'copies-', 'paused-'
_TOKEN = 'host'
_TOKEN_BYTES = 16
_LONGEST = 100


# --- this host ----------------------------------------------------------------------------------

def here(dom0, mount_point):
    """``(host, boot)`` of this host, as claims name it. Raises NotFound (no claims are there),
    Conflict (another host has this uuid), Failed."""
    identity = host_identity.with_address(dom0)
    uuid = host_name(identity['host_uuid'])
    if not uuid:
        raise errors.Failed('the agent does not report the uuid of this server, by which claims '
                            'name it')
    token = _token(dom0)
    temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
    try:
        folder = state_dir.open_folder(dom0, mount_point, [FOLDER], False)
        try:
            claim_hosts.register(temporary, folder, uuid, token, identity['address'])
        finally:
            os.close(folder)
    finally:
        os.close(temporary)
    return uuid, str(dom0.boot_id())


def registered(dom0, mount_point):
    """``[(host, address)]`` of all hosts that have claims here. Raises NotFound (no claims), ..."""
    folder = state_dir.open_folder(dom0, mount_point, [FOLDER], False)
    try:
        return claim_hosts.registered(folder)
    finally:
        os.close(folder)


def host_name(uuid):
    """A server uuid as claims have it: agents write it with colons, or without."""
    return str(uuid).lower().replace(':', '').replace('-', '')


def _token(dom0):
    """Of this host; made when it is first asked for."""
    while True:
        found = local_state.get(dom0, [_LOCAL], _TOKEN).get('token')
        if found:
            return to_bytes(found)
        try:
            local_state.put_once(dom0, [_LOCAL], _TOKEN,
                                 {'token': binascii.hexlify(os.urandom(_TOKEN_BYTES))})
        except errors.Exists:  # another process of this host
            pass


# --- the folder ---------------------------------------------------------------------------------

def folder_name(dom0, mount_point):
    """The random name of the claims of a repository; '' if it has none. Raises Failed, ..."""
    try:
        folder = state_dir.open_folder(dom0, mount_point, [FOLDER], False)
    except errors.NotFound:
        return ''
    try:
        return _name_in(folder)
    finally:
        os.close(folder)


def _name_in(folder):
    try:
        return plain(state_dir.read_whole(folder, _NAME, _LONGEST))
    except errors.NotFound:  # it becomes claims with its name in it, in one step
        raise errors.Failed('the folder of claims has no name')


def make_folder(dom0, mount_point):
    """Its name; it is made where it is missing, whole or not at all: rename(2) of a directory does
    not replace one that is not empty. Raises Failed, ..."""
    while True:
        found = folder_name(dom0, mount_point)
        if found:
            return found
        name = binascii.hexlify(os.urandom(16)).decode('ascii')
        temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
        try:
            dirfd.make(temporary, 'claims-' + name)
            folder = safe_paths.enter(os.dup(temporary), 'claims-' + name)
            try:
                dirfd.make(folder, claim_hosts.HOSTS)
                state_dir.create(temporary, name, to_bytes(name), folder, _NAME)
            finally:
                os.close(folder)
            _rename(dom0, mount_point, [state_dir.TEMPORARY, 'claims-' + name], FOLDER)
            _remove_unused(temporary, 'claims-' + name)
        finally:
            os.close(temporary)


def _remove_unused(temporary, name):
    """Of two that make it at once, one is not used."""
    try:
        folder = safe_paths.enter(os.dup(temporary), name)
    except errors.NotFound:
        return
    try:
        try:
            dirfd.remove(folder, _NAME)
            os.rmdir(safe_paths.entry_path(folder, claim_hosts.HOSTS))
        finally:
            os.close(folder)
        os.rmdir(safe_paths.entry_path(temporary, name))
    except OSError:
        raise safe_paths.from_oserror(error(), name)


def _rename(dom0, mount_point, old, new):
    """Rename a directory in the state directory. Its fate decides the next look, not the result: a
    response of a server may be lost."""
    state = state_dir.open_folder(dom0, mount_point, [], True)
    try:
        try:
            os.rename(safe_paths.entry_path(state, '/'.join(old)),
                      safe_paths.entry_path(state, new))
        except OSError:
            if error().errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise errors.Failed(describe(error()))
        dirfd.sync(state)
    finally:
        os.close(state)


def retire(dom0, mount_point, name):
    """Rename the claims of that name away: the last host that has the module gives it up.

    Whoever reads them before finds another name, or none, afterwards. Raises Failed, ...
    """
    if folder_name(dom0, mount_point) == name:
        _rename(dom0, mount_point, [FOLDER], 'claims-of-old-' + name)


# --- claims -------------------------------------------------------------------------------------

def read(dom0, mount_point, document):
    """``(name of the folder, [(version, claim)])``, the newest first; ``('', [])`` without claims.

    Raises Failed if the newest is not understood, NotMounted, NotAllowed.
    """
    try:
        claims_folder = state_dir.open_folder(dom0, mount_point, [FOLDER], False)
    except errors.NotFound:
        return '', []
    name = None
    try:
        name = _name_in(claims_folder)
        try:
            folder = safe_paths.enter(os.dup(claims_folder), document)
        except errors.NotFound:
            return name, []
        try:
            following, versions = documents.kept_in(folder)
        finally:
            os.close(folder)
    finally:
        os.close(claims_folder)
    if [version for version, _ in versions[:1]] != [following - 1][:following - 1]:
        raise errors.Failed('claim %s: version %d is not complete' % (document, following - 1))
    return name, [(version, claim_records.decode(data)) for version, data in versions]


def newest(dom0, mount_point):
    """``(name of the folder, [(document, version, claim, error)])`` of all VMs: the newest claim of
    each, or why it cannot be read; ``(..., 0, None, '')`` where there is none (any more).

    Raises NotMounted, NotAllowed, Failed.
    """
    try:
        folder = state_dir.open_folder(dom0, mount_point, [FOLDER], False)
    except errors.NotFound:
        return '', []
    try:
        return _name_in(folder), [(document,) + _newest_or_error(folder, document)
                                  for document in state_dir.matching_names(folder, _DOCUMENT)]
    finally:
        os.close(folder)


def _newest_or_error(claims_folder, document):
    try:
        folder = safe_paths.enter(os.dup(claims_folder), document)
        try:
            return _newest_in(folder, document) + ('',)
        finally:
            os.close(folder)
    except errors.NotFound:  # it has just been removed
        return 0, None, ''
    except errors.HostModuleError:
        return 0, None, plain(str(error()))


def _newest_in(folder, document):
    version, data = documents.newest_in(folder)
    if version and data is None:
        raise errors.Failed('claim %s: version %d is not complete' % (document, version))
    return version, data and claim_records.decode(data)


def before_damage(dom0, mount_point, document):
    """``(data, claim)`` where the newest version cannot be understood: its bytes, and the claim of
    the version before it. Raises NotFound, Failed, ...: that cannot be read either.
    """
    folder = state_dir.open_folder(dom0, mount_point, [FOLDER, document], False)
    try:
        version, data = documents.newest_bytes(folder)
        before = dict(documents.kept_in(folder)[1]).get(version - 1)
    finally:
        os.close(folder)
    if before is None:
        raise errors.Failed('claim %s: version %d is not complete' % (document, version - 1))
    return data, claim_records.decode(before)


def write(dom0, client, operation, mount_point, document, name, version, claim):
    """Make a version of a claim, in the claims of that name; whether it is this process's own.

    False: this request was repeated, and came before. Raises Conflict: another one was first, or
    the claims were made anew; Failed: whether it was made is not known.
    """
    data = claim_records.encode(claim)
    temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
    try:
        claims_folder = state_dir.open_folder(dom0, mount_point, [FOLDER], False)
        try:
            _require_name(_name_in(claims_folder), name)
            folder = dirfd.enter_or_make(os.dup(claims_folder), document)
            try:
                is_own = _write_in(temporary, folder, client, operation, version, data)
            finally:
                os.close(folder)
        finally:
            os.close(claims_folder)
    finally:
        os.close(temporary)
    _require_name(folder_name(dom0, mount_point), name)  # it was not renamed meanwhile
    return is_own


def _write_in(temporary, folder, client, operation, version, data):
    """The same operation with another content is a request that was repeated by another process."""
    try:
        return documents.write_in(temporary, folder, client, operation, version, data)
    except errors.InvalidArgument:
        return False


def _require_name(found, name):
    if found != name:
        raise errors.Conflict('the claims of this repository were made anew: read them again')


# --- on this host's own disk --------------------------------------------------------------------

def lock(dom0, seconds, target, who):
    """Wait until no other process of this host changes or settles this VM; what
    :func:`.local_state.unlock` takes. Never taken from a living process. Raises Conflict, Failed.
    """
    return local_state.lock_file(
        dom0, seconds, 'vm-%s-%s' % (target['repository'], target['document']), who,
        'this VM is being changed or settled on this host by %s')


def get_mark(dom0, target):
    """``{inode, offset, tail, uuid, name}``; ``{uuid, name}`` of one that was here before; ``{}`` if
    there is none. Raises Failed."""
    return local_state.get(dom0, [_LOCAL, target['repository']], target['document'])


def put_mark(dom0, target, mark):
    """Record it. Raises Failed."""
    local_state.put(dom0, [_LOCAL, target['repository']], target['document'], mark)


def sessions(dom0, target):
    """``[(session, pid, started, boot)]`` of the operations of this VM that may still go on here.

    More than one: a stop is allowed while the claim is in doubt, and says nothing of the start
    before it, whose ``xm`` may not have asked xend yet. Raises Failed.
    """
    found = local_state.get(dom0, [_LOCAL, target['repository']], _SESSIONS + target['document'])
    return [tuple(each.split(' ')) for each in found.get('sessions', '').split(',') if each]


def put_sessions(dom0, target, found):
    """Record them: before anything is done. Raises Failed."""
    local_state.put(dom0, [_LOCAL, target['repository']], _SESSIONS + target['document'],
                    {'sessions': ','.join([' '.join(each) for each in found])})


def copy_seconds(dom0, target, domid):
    """For how long this host has seen that this domain is still incoming, though its migration was
    over: 0 when it is seen first. Of one boot: another one has no domain of before. Raises Failed.
    """
    place, boot, now = _COPIES + target['document'], plain(dom0.boot_id()), dom0.uptime()
    found = local_state.get(dom0, [_LOCAL, target['repository']], place)
    if found.get('boot') != boot or found.get('domid') != plain(domid):
        local_state.put(dom0, [_LOCAL, target['repository']], place,
                        {'boot': boot, 'domid': plain(domid), 'seen': '%d' % now})
        return 0
    return now - int(found['seen'])


def put_paused(dom0, target, domid):
    """Record which domain was paused. Raises Failed."""
    local_state.put(dom0, [_LOCAL, target['repository']], _PAUSED + target['document'],
                    {'boot': plain(dom0.boot_id()), 'domid': plain(domid)})


def is_paused(dom0, target, domid):
    """Whether this domain may be the one that was paused: false if another one was. Raises Failed."""
    found = local_state.get(dom0, [_LOCAL, target['repository']], _PAUSED + target['document'])
    return found.get('domid', plain(domid)) == plain(domid)


def forget(dom0, target):
    """The VM can be here no longer. Raises Failed."""
    for prefix in ('', _SESSIONS, _COPIES, _PAUSED):
        local_state.remove(dom0, [_LOCAL, target['repository']], prefix + target['document'])
