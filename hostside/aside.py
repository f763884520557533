"""Files set aside: a deletion that can be taken back until it is sure.

``<mount>/.libcloud-ovm3/aside/<operation>/<chance>/<path below the mount>`` is the file itself
under another name. It gets there by rename(2), to a name that only this request has: so nothing is laid
over something, and no name is taken out that might be the last one, whoever does what at once. It
comes back by link(2), which never lies over something; only then its name in here is taken out.
Whoever dies in between has lost nothing: :func:`listed` tells of all that lies aside.
"""

import binascii
import os
import re
import stat

from libcloud_ovm3_host import dirfd, errors, files, safe_paths, state_dir
from libcloud_ovm3_host.compat import big, error, to_text

SECONDS = 50  # clients wait for a minute
MOST = 1000  # files that a listing names
DEEPEST = 40  # folders that it goes down

_FOLDER = 'aside'
_SLASH = '/'.encode('ascii')
_OPERATION = re.compile(u'[0-9a-f]{32}\\Z')  # and a chance


# --- there and back -------------------------------------------------------------------------

def set_aside(dom0, client, operation, path):
    """Take a regular file out of its place and keep it, under this operation.

    A repeated request is answered as the first one. Another file that is at the path by then stays:
    Exists. Raises InvalidArgument, NotAllowed, NotMounted, NotFound, Exists, Failed, Timeout.
    """
    files.say(dom0, client, operation, 'set_aside', [path], '')
    return dom0.within(SECONDS, _set_aside, dom0, operation, path)


def _set_aside(dom0, operation, path):
    try:
        directory, name = safe_paths.open_parent(dom0, path)
    except errors.NotFound:
        _require_aside(dom0, operation, path)
        return
    try:
        if dirfd.is_there(directory, name):
            safe_paths.status_in(directory, name)
            _refuse_second(dom0, operation, path)
            _move_aside(dom0, operation, path, directory, name)
        else:
            _require_aside(dom0, operation, path)
    finally:
        os.close(directory)


def _refuse_second(dom0, operation, path):
    if _kept(dom0, operation, path):
        raise errors.Exists('%s: under this operation a file was set aside from there already, and '
                            'now another is there' % safe_paths.shown(path))


def _move_aside(dom0, operation, path, directory, name):
    chance = _chance()
    try:
        kept = _open_kept(dom0, operation, chance, path, True)
    except errors.NotFound:
        raise errors.Failed('%s: its new folder was removed meanwhile: ask again'
                            % safe_paths.shown(name))
    try:
        try:
            os.rename(safe_paths.below(directory, name), safe_paths.below(kept, name))
        except OSError:
            problem = safe_paths.failure(error(), name)
            _remove_emptied(dom0, operation, chance, path)
            if not isinstance(problem, errors.NotFound):
                raise problem
            if dirfd.is_there(directory, name):
                raise errors.Failed('%s: its new folder was removed meanwhile: ask again'
                                    % safe_paths.shown(name))
            _require_aside(dom0, operation, path)  # the same request, sent twice at once
            return
        dirfd.sync(kept)
        dirfd.sync(directory)
        safe_paths.status_in(kept, name)  # if it was swapped meanwhile: it lies aside, and is told of
    finally:
        os.close(kept)


def _chance():
    return binascii.hexlify(os.urandom(16)).decode('ascii')


def _require_aside(dom0, operation, path):
    """It may be this very request that has taken it out. Raises NotFound."""
    if not _kept(dom0, operation, path):
        raise errors.NotFound('%s: neither there nor set aside' % safe_paths.shown(path))


def put_back(dom0, client, operation, path):
    """Give a file that was set aside under this operation its place again.

    Never onto something: Exists, and it stays aside. Directories that are gone meanwhile are made.
    A repeated request is answered as the first one. Raises as :func:`set_aside`.
    """
    files.say(dom0, client, operation, 'put_back', [path], '')
    return dom0.within(SECONDS, _put_back, dom0, operation, path)


def _put_back(dom0, operation, path):
    name = _names_of(path)[-1]
    chances = _kept(dom0, operation, path)
    if not chances:
        _require_in_place(dom0, path)
        return
    for chance in chances:
        try:
            kept = _open_kept(dom0, operation, chance, path, False)
            try:
                safe_paths.status_in(kept, name)
                _link_back(dom0, path, kept, name)
                dirfd.remove(kept, name)
                dirfd.sync(kept)
            finally:
                os.close(kept)
        except errors.NotFound:
            raise errors.Failed('%s: somebody else moves it, too: ask again' % safe_paths.shown(name))
        _remove_emptied(dom0, operation, chance, path)


def _link_back(dom0, path, kept, name):
    directory = _made_again(dom0, path)
    try:
        dirfd.link(kept, name, directory, name)
        dirfd.sync(directory)
    finally:
        os.close(directory)


def _require_in_place(dom0, path):
    """It is not aside, so it is back already, or never was there. Raises NotFound."""
    directory, name = safe_paths.open_parent(dom0, path)
    try:
        safe_paths.status_in(directory, name)
        dirfd.sync(directory)
    finally:
        os.close(directory)


def _made_again(dom0, path):
    """A descriptor of the directory that a path was in, made where it is missing."""
    mount_point, names = safe_paths.split(path)
    directory = safe_paths.open_root(dom0, mount_point)
    for name in names[:-1]:
        try:
            dirfd.make(directory, name)
        except errors.HostModuleError:
            os.close(directory)
            raise
        directory = safe_paths.enter(directory, name)
    return directory


def delete_aside(dom0, client, operation, path):
    """Delete a file that was set aside under this operation.

    Raises as :func:`set_aside`, without Exists; NotFound also if it has been deleted before.
    """
    files.say(dom0, client, operation, 'delete_aside', [path], '')
    return dom0.within(SECONDS, _delete_aside, dom0, operation, path)


def _delete_aside(dom0, operation, path):
    name = _names_of(path)[-1]
    chances = _kept(dom0, operation, path)
    if not chances:
        raise errors.NotFound('%s: not set aside' % safe_paths.shown(path))
    if len(chances) > 1:
        raise errors.Failed('%s: %d were set aside from there under this operation; which one is '
                            'meant cannot be told' % (safe_paths.shown(path), len(chances)))
    kept = _open_kept(dom0, operation, chances[0], path, False)
    try:
        safe_paths.status_in(kept, name)
        dirfd.remove(kept, name)
        dirfd.sync(kept)
    finally:
        os.close(kept)
    _remove_emptied(dom0, operation, chances[0], path)


def _kept(dom0, operation, path):
    """By what chances a file was set aside from that path under that operation."""
    name = _names_of(path)[-1]
    try:
        folder = state_dir.open_folder(dom0, safe_paths.split(path)[0], [_FOLDER, operation], False)
    except errors.NotFound:
        return []
    try:
        chances = state_dir.names_in(folder, _OPERATION)
    finally:
        os.close(folder)
    found = []
    for chance in chances:
        try:
            kept = _open_kept(dom0, operation, chance, path, False)
        except errors.NotFound:
            continue
        try:
            if dirfd.is_there(kept, name):
                found.append(chance)
        finally:
            os.close(kept)
    return found


def _names_of(path):
    names = safe_paths.split(path)[1]
    if not names:
        raise errors.NotAllowed('path: %s is the mount itself' % safe_paths.shown(path))
    return names


def _open_kept(dom0, operation, chance, path, make):
    """A descriptor of the folder in which a file of that path is kept."""
    folders = [_FOLDER, operation, chance] + _names_of(path)[:-1]
    return state_dir.open_folder(dom0, safe_paths.split(path)[0], folders, make)


def _remove_emptied(dom0, operation, chance, path):
    """Take out the folders in which nothing is left, from the innermost to the operation's own."""
    mount_point, names = safe_paths.split(path)
    levels = [operation, chance] + names[:-1]
    while levels:
        try:
            above = state_dir.open_folder(dom0, mount_point, [_FOLDER] + levels[:-1], False)
        except errors.HostModuleError:  # somebody else has done it
            return
        try:
            try:
                os.rmdir(safe_paths.below(above, levels[-1]))
            except OSError:  # not empty, or gone
                return
        finally:
            os.close(above)
        levels.pop()


# --- what lies aside ------------------------------------------------------------------------

def listed(dom0, mount_point):
    """A list of ``{operation, path, size_bytes, modified}`` of all that lies aside on a mount.

    ``path`` is the place that it was taken from, with ``raw`` as elsewhere. What is not understood
    or cannot be read has ``problem``, beside what is known of it. Raises NotMounted.
    """
    found = []
    try:
        folder = state_dir.open_folder(dom0, mount_point, [_FOLDER], False)
    except errors.NotFound:
        return found
    except errors.NotMounted:
        raise
    except errors.HostModuleError:
        return [{'error': safe_paths.said()}]
    try:
        for name in _names(folder, {}, found):
            entry = {'operation': to_text(name)}
            if not _OPERATION.match(entry['operation']):
                entry['error'] = to_text('no operation of ours, in our folder %s' % _FOLDER)
                found.append(entry)
            else:
                _add_operation(folder, name, mount_point, entry, found)
    finally:
        os.close(folder)
    if len(found) > MOST:
        found[MOST:] = [{'error': to_text('there are more than %d' % MOST)}]
    return found


def _add_operation(folder, name, mount_point, told, found):
    try:
        inside = safe_paths.enter(os.dup(folder), name)
    except errors.NotFound:  # put back or deleted meanwhile
        return
    except errors.HostModuleError:
        found.append(dict(told, error=safe_paths.said()))
        return
    try:
        for chance in _names(inside, told, found):
            if _OPERATION.match(to_text(chance)):
                _add(inside, chance, mount_point, told, found, DEEPEST)
            else:
                found.append(dict(told, error=to_text('%s: nothing of ours'
                                                        % safe_paths.shown(chance))))
    finally:
        os.close(inside)


def _add(directory, name, path, told, found, deeper):
    """Add what lies below a name; ``path``: the place that the files in it were taken from."""
    if not deeper:
        found.append(dict(told, error=to_text('more than %d folders deep' % DEEPEST)))
        return
    try:
        inside = safe_paths.enter(os.dup(directory), name)
    except errors.NotFound:  # put back or deleted meanwhile
        return
    except errors.HostModuleError:
        found.append(dict(told, error=safe_paths.said()))
        return
    try:
        for each in _names(inside, told, found):
            if len(found) > MOST:
                return
            where = path + _SLASH + each
            entry = dict(told)
            safe_paths.tell(entry, 'path', 'raw', where)
            try:
                status = os.lstat(safe_paths.below(inside, each))
            except OSError:
                problem = safe_paths.failure(error(), each)
                if not isinstance(problem, errors.NotFound):
                    found.append(dict(entry, error=to_text(str(problem))))
                continue
            if stat.S_ISDIR(status.st_mode):
                _add(inside, each, where, entry, found, deeper - 1)
                continue
            entry['size_bytes'] = big(status.st_size)
            entry['modified'] = big(status.st_mtime)
            if not stat.S_ISREG(status.st_mode):
                entry['error'] = to_text('no regular file')
            found.append(entry)
    finally:
        os.close(inside)


def _names(directory, told, found):
    try:
        return dirfd.sorted_names(directory)
    except errors.NotFound:  # emptied and removed meanwhile
        return []
    except errors.HostModuleError:
        found.append(dict(told, error=safe_paths.said()))
        return []
