"""Documents: opaque bytes with versions, of which two writers never make the same one.

``<mount>/.libcloud-ovm3/documents/<name>/<version>``. link(2) of a complete file decides who was
first; a look at a directory decides nothing, as NFS may show an old one.

What a writer of version n is told:

===================  ===========================================================================
made                 the file n is his own, and in a listing that was made after his link every
                     version from n to the highest is there and built on the one before it
made, as before      n is there with his operation and his content, and stands in the same way: the
                     request was repeated
Conflict                 n is there, of another or not whole; or n was free only because it had been
                     pruned, for the chain to the highest is broken: then his is taken out
Failed               n - 1 is not seen here; or a version after his does not tell what it was built
                     on; or what is seen is old
===================  ===========================================================================
"""

import os
import re

from libcloud_ovm3_host import arguments, dirfd, errors, safe_paths, state_dir
from libcloud_ovm3_host.compat import Binary, big, md5, to_bytes, to_text
from libcloud_ovm3_host.version import DOCUMENT_BYTES, PAGE_ENTRIES

SECONDS = 50  # clients wait for a minute
KEPT = 16  # versions that are never pruned
KEPT_SECONDS = 3600  # and those of that time: a request that is repeated in it is recognised
_HIGHEST = 10 ** 15
_HEADER_BYTES = 512

_FOLDER = 'documents'
_NAME = re.compile(u'[A-Za-z0-9][A-Za-z0-9._-]{0,99}\\Z')
_VERSION = re.compile(u'[1-9][0-9]{0,15}\\Z')
_HEADER = re.compile(r'libcloud-ovm3 document (\d+) (\S+) ([0-9a-f]{32}) (\S+) ([0-9a-f]{32})\n'
                     .encode('ascii'))
# What stands for the operation of the version before: the first one has none.
_FIRST, _UNKNOWN = 'first', 'unknown'


# --- reading --------------------------------------------------------------------------------

def list_documents(dom0, mount, after, limit):
    """``{names, after}``: one may be among them whose first version was never finished.

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
        names = [name for name in state_dir.names_in(folder, _NAME) if name > after]
    finally:
        os.close(folder)
    found = {'names': names[:limit], 'after': ''}
    if len(names) > limit:
        found['after'] = names[limit - 1]
    return found


def read_document(dom0, mount, name):
    """``{version, next, content, client, operation}`` of the highest whole version.

    ``{version: 0, next: 1}`` when there is none; ``next`` is the version to write.
    Raises InvalidArgument, NotAllowed, NotMounted, Failed, Timeout.
    """
    mount_point, name = safe_paths.mount_point(mount), arguments.document(name)
    found = dom0.within(SECONDS, _read, dom0, mount_point, name)
    if 'content' in found:
        found['content'] = Binary(found['content'])
    return found


def _read(dom0, mount_point, name):
    try:
        folder = state_dir.open_folder(dom0, mount_point, [_FOLDER, name], False)
    except errors.NotFound:
        return {'version': 0, 'next': 1}
    try:
        return _highest_whole(folder, name)
    finally:
        os.close(folder)


def _highest_whole(folder, name):
    versions = _versions(folder)
    if not versions:
        return {'version': 0, 'next': 1}
    for version in versions:
        try:
            stored = _load(folder, version)
        except errors.NotFound:  # pruned meanwhile
            continue
        if stored:
            return {'version': big(version), 'next': big(versions[0] + 1),
                    'content': stored['content'], 'client': stored['client'],
                    'operation': stored['operation']}
    raise errors.Failed('%s: none of its versions can be read as a whole' % name)


def _versions(folder):
    """The numbers, the highest first: those listed, and those after them, tried for one by one."""
    versions = [int(name) for name in state_dir.names_in(folder, _VERSION)]
    versions.sort()
    following = max([0] + versions) + 1
    while dirfd.is_there(folder, '%d' % following):
        versions.append(following)
        following += 1
    versions.reverse()
    return versions


def _load(folder, version):
    """``{client, operation, before, content}``, None when it is not whole. Raises NotFound, ..."""
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
    """The same, None also when it is gone."""
    try:
        return _load(folder, version)
    except errors.NotFound:
        return None


def _stored(version, client, operation, before, content):
    """A version as it lies on the disk: whoever reads it can tell whether it is whole."""
    said = to_bytes('libcloud-ovm3 document %d %s %s %s ' % (version, client, operation, before))
    return said + to_bytes(md5(said + content).hexdigest() + '\n') + content


# --- writing --------------------------------------------------------------------------------

def write_document(dom0, client, operation, mount, name, version, content):
    """Make a version; its number. A repeated request is recognised, for an hour at least.

    Raises InvalidArgument, NotAllowed, NotMounted, Conflict, Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, name = safe_paths.mount_point(mount), arguments.document(name)
    arguments.number('version', version, 1, _HIGHEST)
    content = arguments.payload('content', content, DOCUMENT_BYTES)
    dom0.log('%s %s write_document %s %s version %d' % (
        client, operation, safe_paths.shown(mount_point), name, version))
    return big(dom0.within(SECONDS, _write, dom0, client, operation, mount_point, name, version,
                           content))


def _write(dom0, client, operation, mount_point, name, version, content):
    temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
    try:
        folder = state_dir.open_folder(dom0, mount_point, [_FOLDER, name], True)
        try:
            _require_next(folder, version)
            stored = _stored(version, client, operation, _operation_before(folder, version),
                             content)
            _make(temporary, folder, version, operation, content, stored)
        finally:
            os.close(folder)
    finally:
        os.close(temporary)
    return version


def _operation_before(folder, version):
    """Whose work this version is built on, so that its writer can know that his own stands."""
    if version == 1:
        return _FIRST
    before = _load_if_there(folder, version - 1)
    if before is None:
        return _UNKNOWN
    return before['operation']


def _require_next(folder, version):
    """A gap would leave numbers that nobody makes, and at last none to make.

    It may be no gap but an old view of the directory: so the caller is not said to be wrong.
    """
    if version == 1 or dirfd.is_there(folder, '%d' % (version - 1)):
        return
    highest = max([0] + _versions(folder))
    if highest < version:
        raise errors.Failed('version %d was not made, as %d is not seen here, only %d: read the '
                            'document again through this host' % (version, version - 1, highest))


def _make(temporary, folder, version, operation, content, stored):
    made, modified = state_dir.write_temporary(temporary, operation, stored)
    try:  # the temporary stays until the end: no other file can have its inode so long
        is_own = _link(temporary, made, folder, version)
        if not is_own:
            _require_own(folder, version, operation, content)
        dirfd.sync(folder)
        _require_standing(folder, version, operation)
    finally:
        dirfd.remove(temporary, made)
    if is_own:
        _prune(folder, modified - KEPT_SECONDS)


def _link(temporary, made, folder, version):
    """Whether the file of that number is this one, whatever the call says: only that decides."""
    try:
        dirfd.link(temporary, made, folder, '%d' % version)
    except errors.Exists:
        return False
    return dirfd.is_one_file(temporary, made, folder, '%d' % version)


def _require_own(folder, version, operation, content):
    """The number was taken: by another, or by this very request, which was sent before."""
    try:
        stored = _load(folder, version)
    except errors.NotFound:
        raise errors.Failed('version %d was there and has just gone: read the document again'
                            % version)
    if stored is None:
        raise errors.Conflict('version %d is there, though not whole: the next one is free' % version)
    if stored['operation'] != operation:
        raise errors.Conflict('%s (%s) made version %d' % (stored['client'], stored['operation'],
                                                       version))
    if stored['content'] != content:
        raise errors.InvalidArgument('operation: it has made this version with another content')


def _require_standing(folder, version, operation):
    """Whoever has made a version has lost after all if the document has gone on without it.

    Its number was free only because what stood there has been pruned. If it was not, every version
    after it was built on the one before. To look at the next one only is not enough: that may have
    been made late, too.
    """
    numbers = _versions(folder)
    if _gap(numbers, version):
        # a name that is made while a directory is listed may be left out, but not the next time
        numbers = _versions(folder)
    if version not in numbers:
        raise errors.Failed('whether version %d stands cannot be told: it is not listed here'
                            % version)
    if _gap(numbers, version):
        _take_out(folder, version)
    before = operation
    for number in range(version + 1, max(numbers) + 1):
        following = _load_if_there(folder, number)
        if following is None or following['before'] == _UNKNOWN:
            raise errors.Failed('whether version %d stands cannot be told: version %d is not whole,'
                                ' or was made where the one before it was not seen'
                                % (version, number))
        if following['before'] != before:
            _take_out(folder, version)
        before = following['operation']


def _gap(numbers, version):
    """Whether a version from that one to the highest is not among these."""
    following = [number for number in numbers if number >= version]
    return max([version] + following) - version + 1 != len(following)


def _take_out(folder, version):
    dirfd.remove(folder, '%d' % version)
    raise errors.Conflict('the document has gone on without version %d' % version)


def _prune(folder, before):
    """Take out what is older than that time of the file system's, but the highest ones.

    The lowest first, up to one that is to stay: what is left has no gap that could not be told
    from another's.
    """
    lowest_first = _versions(folder)[KEPT:]
    lowest_first.reverse()
    for version in lowest_first:
        name = '%d' % version
        try:
            if os.lstat(safe_paths.below(folder, name)).st_mtime >= before:
                return
        except OSError:  # somebody else prunes as well
            continue
        dirfd.remove(folder, name)
