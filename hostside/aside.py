"""Files set aside: a deletion that can be taken back until it is sure.

``<mount>/.libcloud-ovm3/aside/<operation>/<path below the mount>`` is the file itself under another
name. Nothing in here is ever laid over something, and nothing is deleted but by name: whoever dies
in between has lost nothing, as :func:`listed` tells of all that lies aside.
"""

import os
import re
import stat

from libcloud_ovm3_host import arguments, directories, errors, files, ours, places
from libcloud_ovm3_host.compat import big, error, to_bytes, to_text

SECONDS = 50  # clients wait for a minute
MOST = 1000  # files that a listing names
DEEPEST = 40  # folders that it goes down

_FOLDER = 'aside'
_SLASH = '/'.encode('ascii')
_OPERATION = re.compile(u'[0-9a-f]{32}\\Z')


# --- there and back -------------------------------------------------------------------------

def set_aside(dom0, client, operation, path):
    """Take a regular file out of its place and keep it, under this operation.

    A repeated request is answered as the first one. Another file that is at the path by then stays:
    Exists. Raises InvalidArgument, NotAllowed, NotMounted, NotFound, Exists, Failed, TookTooLong.
    """
    files.say(dom0, client, operation, 'set_aside', [path], '')
    return dom0.within(SECONDS, _set_aside, dom0, operation, path)


def _set_aside(dom0, operation, path):
    try:
        directory, name = places.open_parent(dom0, path)
    except errors.NotFound:
        _require_aside(dom0, operation, path)
        return
    try:
        if directories.is_there(directory, name):
            places.status_in(directory, name)
            _move_aside(dom0, operation, path, directory, name)
        else:
            _require_aside(dom0, operation, path)
    finally:
        os.close(directory)


def _move_aside(dom0, operation, path, directory, name):
    try:
        kept = _open_kept(dom0, operation, path, True)
        try:
            files.rename_in(directory, name, kept, name)
        finally:
            os.close(kept)
    except errors.NotFound:
        raise _cut_in(name)


def _require_aside(dom0, operation, path):
    """It may be this very request that has taken it out. Raises NotFound."""
    kept = _open_kept(dom0, operation, path, False)
    try:
        places.status_in(kept, places.split(path)[1][-1])
        directories.sync(kept)
    finally:
        os.close(kept)


def put_back(dom0, client, operation, path):
    """Give a file that was set aside under this operation its place again.

    Never onto something: Exists, and it stays aside. Directories that are gone meanwhile are made.
    A repeated request is answered as the first one. Raises as :func:`set_aside`.
    """
    files.say(dom0, client, operation, 'put_back', [path], '')
    return dom0.within(SECONDS, _put_back, dom0, operation, path)


def _put_back(dom0, operation, path):
    name = _names_of(path)[-1]
    try:
        kept = _open_kept(dom0, operation, path, False)
    except errors.NotFound:
        _require_in_place(dom0, path)
        return
    try:
        if directories.is_there(kept, name):
            places.status_in(kept, name)
            _move_back(dom0, path, kept, name)
        else:
            _require_in_place(dom0, path)
    finally:
        os.close(kept)
    _remove_emptied(dom0, operation, path)


def _move_back(dom0, path, kept, name):
    try:
        directory = _made_again(dom0, path)
        try:
            files.rename_in(kept, name, directory, name)
        finally:
            os.close(directory)
    except errors.NotFound:
        raise _cut_in(name)


def _require_in_place(dom0, path):
    """It is not aside, so it is back already, or never was there. Raises NotFound."""
    directory, name = places.open_parent(dom0, path)
    try:
        places.status_in(directory, name)
        directories.sync(directory)
    finally:
        os.close(directory)


def _made_again(dom0, path):
    """A descriptor of the directory that a path was in, made where it is missing."""
    mount_point, names = places.split(path)
    directory = places.open_root(dom0, mount_point)
    for name in names[:-1]:
        try:
            directories.make(directory, name)
        except errors.HostModuleError:
            os.close(directory)
            raise
        directory = places.enter(directory, name)
    return directory


def delete_aside(dom0, client, operation, path):
    """Delete a file that was set aside under this operation.

    Raises as :func:`set_aside`, without Exists; NotFound also if it has been deleted before.
    """
    files.say(dom0, client, operation, 'delete_aside', [path], '')
    return dom0.within(SECONDS, _delete_aside, dom0, operation, path)


def _delete_aside(dom0, operation, path):
    name = _names_of(path)[-1]
    kept = _open_kept(dom0, operation, path, False)
    try:
        places.status_in(kept, name)
        directories.remove(kept, name)
        directories.sync(kept)
    finally:
        os.close(kept)
    _remove_emptied(dom0, operation, path)


def _names_of(path):
    names = places.split(path)[1]
    if not names:
        raise errors.NotAllowed('path: %s is the mount itself' % places.shown(path))
    return names


def _open_kept(dom0, operation, path, make):
    """A descriptor of the folder in which a file of that path is kept."""
    folders = [_FOLDER, operation] + _names_of(path)[:-1]
    return ours.open_folder(dom0, places.split(path)[0], folders, make)


def _cut_in(name):
    """NotFound would say that the file is gone."""
    return errors.Failed('%s: something was renamed or removed around it meanwhile: ask again'
                         % places.shown(name))


def _remove_emptied(dom0, operation, path):
    """Take out the folders in which nothing is left, from the innermost to the operation's own."""
    mount_point, names = places.split(path)
    levels = [operation] + names[:-1]
    while levels:
        try:
            above = ours.open_folder(dom0, mount_point, [_FOLDER] + levels[:-1], False)
        except errors.HostModuleError:  # somebody else has done it
            return
        try:
            try:
                os.rmdir(places.below(above, levels[-1]))
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
        folder = ours.open_folder(dom0, mount_point, [_FOLDER], False)
    except errors.NotFound:
        return found
    except errors.NotMounted:
        raise
    except errors.HostModuleError:
        return [{'problem': places.said()}]
    try:
        for name in _names(folder, {}, found):
            entry = {'operation': to_text(name)}
            if not _OPERATION.match(entry['operation']):
                entry['problem'] = to_text('no operation of ours, in our folder %s' % _FOLDER)
                found.append(entry)
            else:
                _add(folder, name, mount_point, entry, found, DEEPEST)
    finally:
        os.close(folder)
    if len(found) > MOST:
        found[MOST:] = [{'problem': to_text('there are more than %d' % MOST)}]
    return found


def _add(directory, name, path, told, found, deeper):
    """Add what lies below a name; ``path``: the place that the files in it were taken from."""
    if not deeper:
        found.append(dict(told, problem=to_text('more than %d folders deep' % DEEPEST)))
        return
    try:
        inside = places.enter(os.dup(directory), name)
    except errors.NotFound:  # put back or deleted meanwhile
        return
    except errors.HostModuleError:
        found.append(dict(told, problem=places.said()))
        return
    try:
        for each in _names(inside, told, found):
            if len(found) > MOST:
                return
            where = path + _SLASH + each
            entry = dict(told)
            places.tell(entry, 'path', 'raw', where)
            try:
                status = os.lstat(places.below(inside, each))
            except OSError:
                problem = places.failure(error(), each)
                if not isinstance(problem, errors.NotFound):
                    found.append(dict(entry, problem=to_text(str(problem))))
                continue
            if stat.S_ISDIR(status.st_mode):
                _add(inside, each, where, entry, found, deeper - 1)
                continue
            entry['size_bytes'] = big(status.st_size)
            entry['modified'] = big(status.st_mtime)
            if not stat.S_ISREG(status.st_mode):
                entry['problem'] = to_text('no regular file')
            found.append(entry)
    finally:
        os.close(inside)


def _names(directory, told, found):
    try:
        return directories.sorted_names(directory)
    except errors.NotFound:  # emptied and removed meanwhile
        return []
    except errors.HostModuleError:
        found.append(dict(told, problem=places.said()))
        return []
