"""Documents: opaque bytes with versions; two writers never make the same version.

``<mount>/.libcloud-ovm3/documents/<name>/<version>``. link(2) of a complete file decides who was
first; reading a directory decides nothing, as NFS may return an old state.

The outcomes for a writer of version n:

===================  ===========================================================================
made                 the file n is its own, and in a listing that was read after its link every
                     version from n to the highest exists and is based on the one before it
made, as before      n exists with its operation and its content, and is valid in the same way: the
                     request was repeated
Conflict             n exists, of another writer or incomplete; or n was free only because it had
                     been pruned, as the chain to the highest is broken: then its own is removed
Failed               n - 1 is not visible here; or a version after n does not say what it is based
                     on; or the listing is stale
===================  ===========================================================================
"""

import os
import re

from libcloud_ovm3_host import arguments, dirfd, errors, safe_paths, state_dir
from libcloud_ovm3_host.compat import big, md5, to_bytes, to_text
from libcloud_ovm3_host.rpc import Binary
from libcloud_ovm3_host.version import DOCUMENT_BYTES, PAGE_ENTRIES

SECONDS = 50  # clients wait for a minute
KEPT = 16  # the highest versions, never pruned
KEPT_SECONDS = 3600  # nor are younger ones: a request repeated in that time is recognised
_HIGHEST = 10 ** 15
_HEADER_BYTES = 512

_FOLDER = 'documents'
_NAME = re.compile(u'[A-Za-z0-9][A-Za-z0-9._-]{0,99}\\Z')
_VERSION = re.compile(u'[1-9][0-9]{0,15}\\Z')
_HEADER = re.compile(r'libcloud-ovm3 document (\d+) (\S+) ([0-9a-f]{32}) (\S+) ([0-9a-f]{32})\n'
                     .encode('ascii'))
# In place of the operation of the version before: the first version has none.
_FIRST, _UNKNOWN = 'first', 'unknown'


# --- reading --------------------------------------------------------------------------------

def list_documents(dom0, mount, after, limit):
    """``{names, after}``; may include a document whose first version was never completed.

    Raises InvalidArgument, NotAllowed, NotMounted, Failed, Timeout.
    """
    mount_point = safe_paths.mount_point(mount)
    if after != '':
        after = arguments.document(after)
    arguments.number('limit', limit, 1, PAGE_ENTRIES)
    return dom0.within(SECONDS, _list, dom0, mount_point, after, limit)


def _list(dom0, mount_point, after, limit):
    try:
        folder = state_dir.open_folder(dom0, mount_point, [_FOLDER], False)
    except errors.NotFound:
        return {'names': [], 'after': ''}
    try:
        names = [name for name in state_dir.matching_names(folder, _NAME) if name > after]
    finally:
        os.close(folder)
    found = {'names': names[:limit], 'after': ''}
    if len(names) > limit:
        found['after'] = names[limit - 1]
    return found


def read_document(dom0, mount, name):
    """``{version, next, content, client, operation}`` of the highest complete version.

    ``{version: 0, next: 1}`` when there is none; ``next`` is the version to write next.
    Raises InvalidArgument, NotAllowed, NotMounted, Failed, Timeout.
    """
    mount_point, name = safe_paths.mount_point(mount), arguments.document(name)
    found = dom0.within(SECONDS, read, dom0, mount_point, name)
    if 'content' in found:
        found['content'] = Binary(found['content'])
    return found


def read(dom0, mount_point, name):
    """The same without a time limit, the content as bytes."""
    try:
        folder = state_dir.open_folder(dom0, mount_point, [_FOLDER, name], False)
    except errors.NotFound:
        return {'version': 0, 'next': 1}
    try:
        return _highest_whole(folder, name)
    finally:
        os.close(folder)


def kept(dom0, mount_point, name):
    """``(next, [(version, content)])``: the version to write; the complete ones, highest first.

    Raises NotMounted, NotAllowed, Failed.
    """
    try:
        folder = state_dir.open_folder(dom0, mount_point, [_FOLDER, name], False)
    except errors.NotFound:
        return 1, []
    try:
        return kept_in(folder)
    finally:
        os.close(folder)


def kept_in(folder):
    """The same of the document in an open folder of its own."""
    versions = _versions(folder)
    found = []
    for version in versions:
        stored = _load_if_there(folder, version)
        if stored:
            found.append((version, stored['content']))
    return max([0] + versions) + 1, found


def newest_in(folder):
    """``(version, content)`` of its highest version; None if that is not complete; ``(0, None)``."""
    for version in _versions(folder)[:1]:
        return version, (_load_if_there(folder, version) or {}).get('content')
    return 0, None


def newest_bytes(folder):
    """``(version, data)`` of its highest version as it is stored, complete or not. Raises NotFound.
    """
    version = max([0] + _versions(folder))
    return version, state_dir.read_whole(folder, '%d' % version, _HEADER_BYTES + DOCUMENT_BYTES)


def _highest_whole(folder, name):
    versions = _versions(folder)
    if not versions:
        return {'version': 0, 'next': 1}
    for version in versions:
        try:
            stored = _load(folder, version)
        except errors.NotFound:  # pruned concurrently
            continue
        if stored:
            return {'version': big(version), 'next': big(versions[0] + 1),
                    'content': stored['content'], 'client': stored['client'],
                    'operation': stored['operation']}
    raise errors.Failed('%s: none of its versions is complete' % name)


def _versions(folder):
    """The version numbers, highest first: those listed, and those after them, tested one by one."""
    versions = [int(name) for name in state_dir.matching_names(folder, _VERSION)]
    versions.sort()
    following = max([0] + versions) + 1
    while dirfd.exists(folder, '%d' % following):
        versions.append(following)
        following += 1
    versions.reverse()
    return versions


def _load(folder, version):
    """``{client, operation, before, content}``, None if incomplete. Raises NotFound, ..."""
    data = state_dir.read_whole(folder, '%d' % version, _HEADER_BYTES + DOCUMENT_BYTES)
    match = _HEADER.match(data)
    if not match:
        return None
    fields = [str(field.decode('ascii', 'replace')) for field in match.groups()]
    content = data[match.end():]
    if data != _stored(version, fields[1], fields[2], fields[3], content):
        return None
    return {'client': fields[1], 'operation': fields[2], 'before': fields[3], 'content': content}


def _load_if_there(folder, version):
    """The same; None also when it is gone."""
    try:
        return _load(folder, version)
    except errors.NotFound:
        return None


def _stored(version, client, operation, before, content):
    """A version as it is stored: a reader can tell whether it is complete."""
    header = to_bytes('libcloud-ovm3 document %d %s %s %s ' % (version, client, operation, before))
    return header + to_bytes(md5(header + content).hexdigest() + '\n') + content


# --- writing --------------------------------------------------------------------------------

def write_document(dom0, client, operation, mount, name, version, content):
    """Write a version and return its number. A repeated request is recognised for at least an hour.

    Raises InvalidArgument, NotAllowed, NotMounted, Conflict, Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, name = safe_paths.mount_point(mount), arguments.document(name)
    arguments.number('version', version, 1, _HIGHEST)
    content = arguments.payload('content', content, DOCUMENT_BYTES)
    dom0.log('%s %s write_document %s %s version %d' % (
        client, operation, safe_paths.printable(mount_point), name, version))
    return big(dom0.within(SECONDS, write, dom0, client, operation, mount_point, name, version,
                           content))


def write(dom0, client, operation, mount_point, name, version, content):
    """The same without a time limit, of valid arguments."""
    temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
    try:
        folder = state_dir.open_folder(dom0, mount_point, [_FOLDER, name], True)
        try:
            write_in(temporary, folder, client, operation, version, content)
        finally:
            os.close(folder)
    finally:
        os.close(temporary)
    return version


def write_in(temporary, folder, client, operation, version, content):
    """The same in open folders: that for temporaries and the document's own. Whether the version is
    this process's own; False: the request was repeated, and came before."""
    _require_next(folder, version)
    stored = _stored(version, client, operation, _operation_before(folder, version), content)
    return _make(temporary, folder, version, operation, content, stored)


def _operation_before(folder, version):
    """The operation of the version that this one is based on: it lets a writer verify its own."""
    if version == 1:
        return _FIRST
    before = _load_if_there(folder, version - 1)
    if before is None:
        return _UNKNOWN
    return before['operation']


def _require_next(folder, version):
    """Raise Failed where this version would leave a gap, which could never be filled.

    It may be a stale view of the directory instead of a gap: so it is not an InvalidArgument.
    """
    if version == 1 or dirfd.exists(folder, '%d' % (version - 1)):
        return
    highest = max([0] + _versions(folder))
    if highest < version:
        raise errors.Failed('version %d was not written: version %d is not visible on this host, '
                            'only %d: read the document again through this host'
                            % (version, version - 1, highest))


def _make(temporary, folder, version, operation, content, stored):
    made, modified = state_dir.write_temporary(temporary, operation, stored)
    try:  # the temporary stays until the end: its inode cannot be reused before
        is_own = _link(temporary, made, folder, version)
        if not is_own:
            _require_own(folder, version, operation, content)
        dirfd.sync(folder)
        _require_standing(folder, version, operation)
    finally:
        dirfd.remove(temporary, made)
    if is_own:
        _prune(folder, modified - KEPT_SECONDS)
    return is_own


def _link(temporary, made, folder, version):
    """Whether the file of that number is this one: only the inode decides, not link(2)'s result."""
    try:
        dirfd.link(temporary, made, folder, '%d' % version)
    except errors.Exists:
        return False
    return dirfd.is_same_file(temporary, made, folder, '%d' % version)


def _require_own(folder, version, operation, content):
    """The number is taken: by another writer, or by this very request, which was repeated."""
    try:
        stored = _load(folder, version)
    except errors.NotFound:
        raise errors.Failed('version %d has just been removed: read the document again'
                            % version)
    if stored is None:
        raise errors.Conflict('version %d exists but is incomplete: write the next one' % version)
    if stored['operation'] != operation:
        raise errors.Conflict('%s (%s) wrote version %d' % (stored['client'], stored['operation'],
                                                       version))
    if stored['content'] != content:
        raise errors.InvalidArgument('operation: it has written this version with other content')


def _require_standing(folder, version, operation):
    """Raise Conflict if the document has been continued without this version.

    Then its number was free only because the version there had been pruned. Otherwise every version
    after it is based on the one before. Checking only the next one is not enough: that may have
    been written late, too.
    """
    numbers = _versions(folder)
    if _gap(numbers, version):
        # a name created while a directory is read may be missing, but not the next time
        numbers = _versions(folder)
    if version not in numbers:
        raise errors.Failed('it cannot be determined whether version %d is valid: it is not listed '
                            'on this host'
                            % version)
    if _gap(numbers, version):
        _take_out(folder, version)
    before = operation
    for number in range(version + 1, max(numbers) + 1):
        following = _load_if_there(folder, number)
        if following is None or following['before'] == _UNKNOWN:
            raise errors.Failed('it cannot be determined whether version %d is valid: version %d '
                                'is incomplete, or was written where the one before was not '
                                'visible'
                                % (version, number))
        if following['before'] != before:
            _take_out(folder, version)
        before = following['operation']


def _gap(numbers, version):
    """Whether any version from that one to the highest is missing."""
    following = [number for number in numbers if number >= version]
    return max([version] + following) - version + 1 != len(following)


def _take_out(folder, version):
    dirfd.remove(folder, '%d' % version)
    raise errors.Conflict('the document has been continued without version %d' % version)


def _prune(folder, before):
    """Remove versions older than that time (the file system's clock), except the highest ones.

    The lowest first, up to one that stays: so pruning leaves no gap that could be mistaken for one
    of another cause.
    """
    lowest_first = _versions(folder)[KEPT:]
    lowest_first.reverse()
    for version in lowest_first:
        name = '%d' % version
        try:
            if os.lstat(safe_paths.entry_path(folder, name)).st_mtime >= before:
                return
        except OSError:  # another request prunes, too
            continue
        dirfd.remove(folder, name)
