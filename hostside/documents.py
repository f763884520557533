"""Documents: opaque bytes with versions, of which two writers never make the same one.

``<mount>/.libcloud-ovm3/documents/<name>/<version>``. link(2) of a complete file decides who was
first; a look at a directory decides nothing, as NFS may show an old one.

What a writer of version n is told:

===================  ===========================================================================
made                 his link was the first and n is the highest, or what follows was built on it
made, as before      n is there with his operation and his content: the request was repeated
Lost                 n is there, of another or not whole; or n was free only because it had been
                     pruned, for what follows was not built on his: then his is taken out
Failed               n - 1 is not seen here; or what follows does not tell what it was built on
===================  ===========================================================================
"""

import os
import re

from libcloud_ovm3_host import arguments, directories, errors, ours, places
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

    Raises InvalidArgument, NotAllowed, NotMounted, Failed, TookTooLong.
    """
    mount_point = places.mount_point(mount)
    if after != '':
        after = arguments.document(after)
    arguments.number('limit', limit, 1, PAGE_ENTRIES)
    return dom0.within(SECONDS, _list, dom0, mount_point, after, limit)


def _list(dom0, mount_point, after, limit):
    try:
        folder = ours.open_folder(dom0, mount_point, [_FOLDER], False)
    except errors.NotFound:
        return {'names': [], 'after': ''}
    try:
        names = [name for name in ours.names_in(folder, _NAME) if name > after]
    finally:
        os.close(folder)
    found = {'names': names[:limit], 'after': ''}
    if len(names) > limit:
        found['after'] = names[limit - 1]
    return found


def read_document(dom0, mount, name):
    """``{version, next, content, client, operation}`` of the highest whole version.

    ``{version: 0, next: 1}`` when there is none; ``next`` is the version to write.
    Raises InvalidArgument, NotAllowed, NotMounted, Failed, TookTooLong.
    """
    mount_point, name = places.mount_point(mount), arguments.document(name)
    found = dom0.within(SECONDS, _read, dom0, mount_point, name)
    if 'content' in found:
        found['content'] = Binary(found['content'])
    return found


def _read(dom0, mount_point, name):
    try:
        folder = ours.open_folder(dom0, mount_point, [_FOLDER, name], False)
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
    versions = [int(name) for name in ours.names_in(folder, _VERSION)]
    versions.sort()
    following = max([0] + versions) + 1
    while directories.is_there(folder, '%d' % following):
        versions.append(following)
        following += 1
    versions.reverse()
    return versions


def _load(folder, version):
    """``{client, operation, before, content}``, None when it is not whole. Raises NotFound, ..."""
    data = ours.read_whole(folder, '%d' % version, _HEADER_BYTES + DOCUMENT_BYTES)
    match = _HEADER.match(data)
    if not match:
        return None
    fields = [str(field.decode('ascii', 'replace')) for field in match.groups()]
    content = data[match.end():]
    if data != _stored(version, fields[1], fields[2], fields[3], content):
        return None
    return {'client': fields[1], 'operation': fields[2], 'before': fields[3], 'content': content}


def _stored(version, client, operation, before, content):
    """A version as it lies on the disk: whoever reads it can tell whether it is whole."""
    said = to_bytes('libcloud-ovm3 document %d %s %s %s ' % (version, client, operation, before))
    return said + to_bytes(md5(said + content).hexdigest() + '\n') + content


# --- writing --------------------------------------------------------------------------------

def write_document(dom0, client, operation, mount, name, version, content):
    """Make a version; its number. A repeated request is recognised, for an hour at least.

    Raises InvalidArgument, NotAllowed, NotMounted, Lost, Failed, TookTooLong.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, name = places.mount_point(mount), arguments.document(name)
    arguments.number('version', version, 1, _HIGHEST)
    content = arguments.payload('content', content, DOCUMENT_BYTES)
    dom0.log('%s %s write_document %s %s version %d' % (
        client, operation, places.shown(mount_point), name, version))
    return big(dom0.within(SECONDS, _write, dom0, client, operation, mount_point, name, version,
                           content))


def _write(dom0, client, operation, mount_point, name, version, content):
    temporary = ours.open_folder(dom0, mount_point, [ours.TEMPORARY], True)
    try:
        folder = ours.open_folder(dom0, mount_point, [_FOLDER, name], True)
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
    try:
        before = _load(folder, version - 1)
    except errors.NotFound:
        return _UNKNOWN
    if before is None:
        return _UNKNOWN
    return before['operation']


def _require_next(folder, version):
    """A gap would leave numbers that nobody makes, and at last none to make.

    It may be no gap but an old view of the directory: so the caller is not said to be wrong.
    """
    if version == 1 or directories.is_there(folder, '%d' % (version - 1)):
        return
    highest = max([0] + _versions(folder))
    if highest < version:
        raise errors.Failed('version %d was not made, as %d is not seen here, only %d: read the '
                            'document again through this host' % (version, version - 1, highest))


def _make(temporary, folder, version, operation, content, stored):
    modified = None
    try:
        modified = ours.place(temporary, operation, stored, folder, '%d' % version)
    except errors.Exists:
        _require_own(folder, version, operation, content)
        directories.sync(folder)
    _require_standing(folder, version, operation)
    if modified is not None:
        _prune(folder, modified - KEPT_SECONDS)


def _require_own(folder, version, operation, content):
    """The number was taken: by another, or by this very request, which was sent before."""
    stored = _load(folder, version)
    if stored is None:
        raise errors.Lost('version %d is there, though not whole: the next one is free' % version)
    if stored['operation'] != operation:
        raise errors.Lost('%s (%s) made version %d' % (stored['client'], stored['operation'],
                                                       version))
    if stored['content'] != content:
        raise errors.InvalidArgument('operation: it has made this version with another content')


def _require_standing(folder, version, operation):
    """Whoever has made a version has lost after all if a higher one had been there before.

    Its number was free only because what stood there has been pruned. A higher one that was built
    on this one, however, came after it.
    """
    if max([0] + _versions(folder)) <= version:
        return
    built_on = _UNKNOWN
    try:
        following = _load(folder, version + 1)
        if following:
            built_on = following['before']
    except errors.NotFound:  # pruned as well
        built_on = None
    if built_on == _UNKNOWN:
        raise errors.Failed('whether version %d stands cannot be told: a higher one is not whole, '
                            'or was made where this one was not seen' % version)
    if built_on != operation:
        directories.remove(folder, '%d' % version)
        raise errors.Lost('there are higher versions than %d' % version)


def _prune(folder, before):
    """Take out what is older than that time of the file system's, but the highest ones."""
    for version in _versions(folder)[KEPT:]:
        name = '%d' % version
        try:
            old = os.lstat(places.below(folder, name)).st_mtime < before
        except OSError:  # somebody else prunes as well
            continue
        if old:
            directories.remove(folder, name)
