"""Files set aside: a deletion that can be undone until the client is sure.

``<mount>/.libcloud-ovm3/aside/<operation>/<token>/<path below the mount>`` is the file itself under
another name. It gets there by rename(2), to a name that only this request has (the token): so no
file is overwritten, and no file loses its last name, whatever runs at the same time. It comes back
by link(2), which never overwrites; only then its name in here is removed. If a client dies in
between, nothing is lost: :func:`list_aside` reports everything that lies aside.
"""

import binascii
import os
import re
import stat

from libcloud_ovm3_host import dirfd, errors, files, safe_paths, state_dir
from libcloud_ovm3_host.compat import big, error, to_text

SECONDS = 50  # clients wait for a minute
MOST = 1000  # files in one listing
DEEPEST = 40  # directory levels that it descends

_FOLDER = 'aside'
_SLASH = '/'.encode('ascii')
_OPERATION = re.compile(u'[0-9a-f]{32}\\Z')  # a token looks the same


# --- set aside, put back, delete ------------------------------------------------------------

def set_aside(dom0, client, operation, path):
    """Move a regular file from its path into the state directory, under this operation.

    A repeated request gets the same response as the first one. If another file is at the path by
    then, it stays: Exists.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound, Exists, Failed, Timeout.
    """
    files.log_request(dom0, client, operation, 'set_aside', [path], '')
    return dom0.within(SECONDS, _set_aside, dom0, operation, path)


def _set_aside(dom0, operation, path):
    try:
        directory, name = safe_paths.open_parent(dom0, path)
    except errors.NotFound:
        _require_aside(dom0, operation, path)
        return
    try:
        if dirfd.exists(directory, name):
            safe_paths.stat_regular(directory, name)
            _require_first(dom0, operation, path)
            _move_aside(dom0, operation, path, directory, name)
        else:
            _require_aside(dom0, operation, path)
    finally:
        os.close(directory)


def _require_first(dom0, operation, path):
    if find_tokens(dom0, operation, path):
        raise errors.Exists('%s: this operation has already set a file aside from this path, and '
                            'another file is there now' % safe_paths.printable(path))


def _move_aside(dom0, operation, path, directory, name):
    token = _new_token()
    try:
        kept = open_kept(dom0, operation, token, path, True)
    except errors.NotFound:
        raise errors.Failed('%s: its new directory was removed concurrently: repeat the request'
                            % safe_paths.printable(name))
    try:
        try:
            os.rename(safe_paths.entry_path(directory, name), safe_paths.entry_path(kept, name))
        except OSError:
            failure = safe_paths.from_oserror(error(), name)
            remove_emptied(dom0, operation, token, path)
            if not isinstance(failure, errors.NotFound):
                raise failure
            if dirfd.exists(directory, name):
                raise errors.Failed('%s: its new directory was removed concurrently: repeat the '
                                    'request' % safe_paths.printable(name))
            _require_aside(dom0, operation, path)  # the same request, sent twice at the same time
            return
        dirfd.sync(kept)
        dirfd.sync(directory)
        safe_paths.stat_regular(kept, name)  # if it was swapped: it lies aside and is listed
    finally:
        os.close(kept)


def _new_token():
    return binascii.hexlify(os.urandom(16)).decode('ascii')


def _require_aside(dom0, operation, path):
    """This very request may have moved it before. Raises NotFound."""
    if not find_tokens(dom0, operation, path):
        raise errors.NotFound('%s: no such file, neither at its path nor set aside'
                              % safe_paths.printable(path))


def put_back(dom0, client, operation, path):
    """Move a file that was set aside under this operation back to its path.

    It never overwrites: Exists, and the file stays aside. Missing directories are created again.
    A repeated request gets the same response as the first one. Raises as :func:`set_aside`.
    """
    files.log_request(dom0, client, operation, 'put_back', [path], '')
    return dom0.within(SECONDS, _put_back, dom0, operation, path)


def _put_back(dom0, operation, path):
    name = _require_names(path)[-1]
    tokens = find_tokens(dom0, operation, path)
    if not tokens:
        _require_in_place(dom0, path)
        return
    for token in tokens:
        try:
            kept = open_kept(dom0, operation, token, path, False)
            try:
                safe_paths.stat_regular(kept, name)
                _link_back(dom0, path, kept, name)
                dirfd.remove(kept, name)
                dirfd.sync(kept)
            finally:
                os.close(kept)
        except errors.NotFound:
            raise errors.Failed('%s: another request is moving it: repeat the request'
                                % safe_paths.printable(name))
        remove_emptied(dom0, operation, token, path)


def _link_back(dom0, path, kept, name):
    directory = open_or_make_parent(dom0, path)
    try:
        dirfd.link(kept, name, directory, name)
        dirfd.sync(directory)
    finally:
        os.close(directory)


def _require_in_place(dom0, path):
    """It is not aside, so it is back already or never existed. Raises NotFound."""
    directory, name = safe_paths.open_parent(dom0, path)
    try:
        safe_paths.stat_regular(directory, name)
        dirfd.sync(directory)
    finally:
        os.close(directory)


def open_or_make_parent(dom0, path):
    """A descriptor of the parent directory of a path, created where it is missing."""
    mount_point, names = safe_paths.split(path)
    directory = safe_paths.open_root(dom0, mount_point)
    for name in names[:-1]:
        directory = dirfd.enter_or_make(directory, name)
    return directory


def keep(dom0, operation, path, directory, name):
    """Give a file a second name aside, beside that in the open directory.

    Where this operation has set one aside before, it must be this one: else Exists.
    """
    for token in find_tokens(dom0, operation, path):
        kept = open_kept(dom0, operation, token, path, False)
        try:
            is_kept = dirfd.is_same_file(kept, name, directory, name)
        finally:
            os.close(kept)
        if is_kept:
            return
        _require_first(dom0, operation, path)
    kept = open_kept(dom0, operation, _new_token(), path, True)
    try:
        dirfd.link(directory, name, kept, name)
        dirfd.sync(kept)
    finally:
        os.close(kept)


def only_token(dom0, operation, path):
    """The token under which the operation has set a file aside from there, or None. Raises Failed:
    there are several."""
    tokens = find_tokens(dom0, operation, path)
    if len(tokens) > 1:
        raise errors.Failed('%s: this operation has set aside %d files from this path; it cannot '
                            'be determined which one is meant'
                            % (safe_paths.printable(path), len(tokens)))
    return (tokens + [None])[0]


def delete_aside(dom0, client, operation, path):
    """Delete a file that was set aside under this operation.

    Raises as :func:`set_aside`, without Exists; NotFound also if it has been deleted before.
    """
    files.log_request(dom0, client, operation, 'delete_aside', [path], '')
    return dom0.within(SECONDS, _delete_aside, dom0, operation, path)


def _delete_aside(dom0, operation, path):
    name = _require_names(path)[-1]
    token = only_token(dom0, operation, path)
    if token is None:
        raise errors.NotFound('%s: not set aside' % safe_paths.printable(path))
    kept = open_kept(dom0, operation, token, path, False)
    try:
        safe_paths.stat_regular(kept, name)
        dirfd.remove(kept, name)
        dirfd.sync(kept)
    finally:
        os.close(kept)
    remove_emptied(dom0, operation, token, path)


def find_tokens(dom0, operation, path):
    """The tokens under which a file was set aside from that path by that operation."""
    name = _require_names(path)[-1]
    try:
        folder = state_dir.open_folder(dom0, safe_paths.split(path)[0], [_FOLDER, operation], False)
    except errors.NotFound:
        return []
    try:
        tokens = state_dir.matching_names(folder, _OPERATION)
    finally:
        os.close(folder)
    found = []
    for token in tokens:
        try:
            kept = open_kept(dom0, operation, token, path, False)
        except errors.NotFound:
            continue
        try:
            if dirfd.exists(kept, name):
                found.append(token)
        finally:
            os.close(kept)
    return found


def _require_names(path):
    names = safe_paths.split(path)[1]
    if not names:
        raise errors.NotAllowed('path: %s is the mount point itself' % safe_paths.printable(path))
    return names


def open_kept(dom0, operation, token, path, make):
    """A descriptor of the directory in which a file of that path is kept."""
    folders = [_FOLDER, operation, token] + _require_names(path)[:-1]
    return state_dir.open_folder(dom0, safe_paths.split(path)[0], folders, make)


def remove_emptied(dom0, operation, token, path):
    """Remove empty directories, from the innermost one to the operation's own."""
    mount_point, names = safe_paths.split(path)
    levels = [operation, token] + names[:-1]
    while levels:
        try:
            above = state_dir.open_folder(dom0, mount_point, [_FOLDER] + levels[:-1], False)
        except errors.HostModuleError:  # another request has done it
            return
        try:
            try:
                os.rmdir(safe_paths.entry_path(above, levels[-1]))
            except OSError:  # not empty, or gone
                return
        finally:
            os.close(above)
        levels.pop()


# --- listing --------------------------------------------------------------------------------

def list_aside(dom0, mount_point):
    """A list of ``{operation, path, size_bytes, modified}`` of every file set aside on a mount.

    ``path`` is the original path, with ``raw`` as elsewhere. An entry that is not recognised or
    cannot be read has ``error`` beside what is known of it. Raises NotMounted.
    """
    found = []
    try:
        folder = state_dir.open_folder(dom0, mount_point, [_FOLDER], False)
    except errors.NotFound:
        return found
    except errors.NotMounted:
        raise
    except errors.HostModuleError:
        return [{'error': safe_paths.current_error()}]
    try:
        for name in _names(folder, {}, found):
            entry = {'operation': to_text(name)}
            if not _OPERATION.match(entry['operation']):
                entry['error'] = to_text('not an operation id: unexpected name in %s' % _FOLDER)
                found.append(entry)
            else:
                _list_operation(folder, name, mount_point, entry, found)
    finally:
        os.close(folder)
    if len(found) > MOST:
        found[MOST:] = [{'error': to_text('more than %d files are set aside' % MOST)}]
    return found


def _list_operation(folder, name, mount_point, known, found):
    inside = _enter(folder, name, known, found)
    if inside is None:
        return
    try:
        for token in _names(inside, known, found):
            if _OPERATION.match(to_text(token)):
                _list_below(inside, token, mount_point, known, found, DEEPEST)
            else:
                found.append(dict(known, error=to_text('%s: unexpected name'
                                                        % safe_paths.printable(token))))
    finally:
        os.close(inside)


def _list_below(directory, name, path, known, found, deeper):
    """Add what lies below a name; ``path``: where the files in it were taken from."""
    if not deeper:
        found.append(dict(known, error=to_text('more than %d directory levels' % DEEPEST)))
        return
    inside = _enter(directory, name, known, found)
    if inside is None:
        return
    try:
        for each in _names(inside, known, found):
            if len(found) > MOST:
                return
            where = path + _SLASH + each
            entry = dict(known)
            safe_paths.put_name(entry, 'path', 'raw', where)
            try:
                status = os.lstat(safe_paths.entry_path(inside, each))
            except OSError:
                failure = safe_paths.from_oserror(error(), each)
                if not isinstance(failure, errors.NotFound):
                    found.append(dict(entry, error=to_text(str(failure))))
                continue
            if stat.S_ISDIR(status.st_mode):
                _list_below(inside, each, where, entry, found, deeper - 1)
                continue
            entry['size_bytes'] = big(status.st_size)
            entry['modified'] = big(status.st_mtime)
            if not stat.S_ISREG(status.st_mode):
                entry['error'] = to_text('not a regular file')
            found.append(entry)
    finally:
        os.close(inside)


def _enter(directory, name, known, found):
    """A descriptor of the directory of that name; None if it is gone or, then listed, unreadable.
    """
    try:
        return safe_paths.enter(os.dup(directory), name)
    except errors.NotFound:  # put back or deleted concurrently
        return None
    except errors.HostModuleError:
        found.append(dict(known, error=safe_paths.current_error()))
        return None


def _names(directory, known, found):
    try:
        return dirfd.sorted_names(directory)
    except errors.NotFound:  # emptied and removed concurrently
        return []
    except errors.HostModuleError:
        found.append(dict(known, error=safe_paths.current_error()))
        return []
