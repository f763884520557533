"""A page of the objects in a container: first the repository's own files, then ours."""

import os
import stat

from libcloud_ovm3_host import abouts, containers, dirfd, errors, object_names, safe_paths
from libcloud_ovm3_host.compat import big, error, to_bytes, to_text

PAGE_BYTES = 4 << 20
PAGE_SECONDS = 20  # a page ends after that time: a call has 50 s
DEEPEST = 40  # directory levels that it descends
_LOOKS = 4  # at an object that others replace all the time

_FILES, _OURS = 'f'.encode('ascii'), 'o'.encode('ascii')  # what a cursor is in
_SLASH = '/'.encode('ascii')
_HIDDEN = '.'.encode('ascii')  # the agent's, or what NFS keeps of a deleted file that is open


def page(dom0, mount_point, container, prefix, after, limit):
    """As :func:`objects.list_objects`, of valid arguments."""
    kind, after = after[:1], after[1:]
    if kind not in (''.encode('ascii'), _FILES, _OURS) or (kind == _FILES and container):
        raise errors.InvalidArgument('after: expected the value of the previous response')
    found = {'objects': [], 'after': ''}
    room = {'entries': limit, 'bytes': PAGE_BYTES, 'end': dom0.seconds() + PAGE_SECONDS,
            'seconds': dom0.seconds, 'opened': {}}
    place = containers.open_place(dom0, mount_point, container, False)
    try:
        is_full = False
        if not container and kind != _OURS:
            root = safe_paths.open_root(dom0, mount_point)
            try:
                is_full = _add_files(root, place, prefix, after, room, found)
            finally:
                os.close(root)
        if kind != _OURS:
            after = ''.encode('ascii')
        if place is not None and not is_full:
            _add_ours(place, prefix, after, room, found)
    finally:
        close(room['opened'])
        if place is not None:
            os.close(place)
    return found


def _add(room, found, cursor, added):
    """Add an entry, or None; whether the page is full, and ends here."""
    if added is not None:
        found['objects'].append(added)
        room['entries'] -= 1
        room['bytes'] -= 200 + sum([len(repr(value)) for value in added.values()])
    if room['entries'] > 0 and room['bytes'] > 0 and room['seconds']() < room['end']:
        return False
    from libcloud_ovm3_host.rpc import Binary
    found['after'] = Binary(cursor)
    return True


# --- the repository's own files -------------------------------------------------------------

def _add_files(root, place, prefix, after, room, found):
    for folder in object_names.FOLDERS:
        path = to_bytes(folder)
        if _is_wanted(path, prefix, after) and _add_folder(root, folder, path, place, prefix, after,
                                                           room, found, DEEPEST):
            return True
    return False


def _is_wanted(path, prefix, after):
    """Whether there may be something for the page at this path, or below it."""
    below = path + _SLASH
    if not (path.startswith(prefix) or below.startswith(prefix) or prefix.startswith(below)):
        return False
    return after.startswith(below) or path.split(_SLASH) > after.split(_SLASH)


def _add_folder(above, name, path, place, prefix, after, room, found, deeper):
    """Add what is in the directory of that name; whether the page is full."""
    try:
        directory = safe_paths.enter(os.dup(above), name)
    except errors.NotFound:
        return False
    except errors.HostModuleError:
        return _add_error(path, prefix, after, room, found, safe_paths.current_error())
    try:
        if not deeper:
            return _add_error(path, prefix, after, room, found,
                              to_text('more than %d directory levels' % DEEPEST))
        try:
            names = dirfd.sorted_names(directory)
        except errors.HostModuleError:
            return _add_error(path, prefix, after, room, found, safe_paths.current_error())
        for each in names:
            where = path + _SLASH + each
            if each.startswith(_HIDDEN) or not _is_wanted(where, prefix, after):
                continue
            if _add_name(directory, each, where, place, prefix, after, room, found, deeper):
                return True
    finally:
        os.close(directory)
    return False


def _add_name(directory, name, path, place, prefix, after, room, found, deeper):
    try:
        status = os.lstat(safe_paths.entry_path(directory, name))
    except OSError:
        failure = safe_paths.from_oserror(error(), name)
        if isinstance(failure, errors.NotFound):  # deleted concurrently
            return False
        return _add_error(path, prefix, after, room, found, to_text(str(failure)))
    if stat.S_ISDIR(status.st_mode):
        return _add_folder(directory, name, path, place, prefix, after, room, found, deeper - 1)
    if not path.startswith(prefix):
        return False
    problem = object_names.problem_of(path)
    if not problem and not stat.S_ISREG(status.st_mode):
        problem = 'not a regular file'
    if problem:
        return _add_error(path, prefix, after, room, found, to_text(problem))
    try:
        status, records = read(place, object_names.file_name(path), room['opened'],
                               safe_paths.stat_regular, directory, name)
    except errors.NotFound:  # deleted concurrently
        return False
    except errors.HostModuleError:
        return _add_error(path, prefix, after, room, found, safe_paths.current_error())
    return _add(room, found, _FILES + path, entry(path, True, status, records))


def _add_error(path, prefix, after, room, found, text):
    """Add what cannot be read, unless an earlier page has said so."""
    if path.split(_SLASH) <= after.split(_SLASH):
        return False
    added = {'error': text, 'is_file_of_repository': True}
    safe_paths.put_name(added, 'name', 'raw', path)
    return _add(room, found, _FILES + path, added)


# --- our objects ----------------------------------------------------------------------------

def _add_ours(place, prefix, after, room, found):
    data = containers.open_below(place, containers.DATA, False)
    if data is None:
        return
    try:
        encoded = object_names.encode(prefix)
        for file in dirfd.sorted_names(data):
            if file <= after or file.startswith(_HIDDEN) or not object_names.may_begin_with(
                    file, encoded):
                continue
            if _add(room, found, _OURS + file, _entry_of_ours(place, data, file, prefix,
                                                              room['opened'])):
                return
    finally:
        os.close(data)


def _entry_of_ours(place, data, file, prefix, opened):
    """The entry of a file in ``data/``; None if it is gone, or its name begins otherwise."""
    try:
        status, records = read(place, file, opened, safe_paths.stat_regular, data, file)
    except errors.NotFound:  # deleted concurrently
        return None
    except errors.HostModuleError:
        return _unknown(file, safe_paths.current_error())
    name = object_names.name_of(file)
    if object_names.is_cut(file):
        if isinstance(records, str):
            return _unknown(file, to_text(records))
        for _, _, record in records:
            if object_names.file_name(record.get('name', _SLASH)) == file:
                name = record['name']
        if name is not None and not name.startswith(prefix):
            return None
    if name is None:
        return _unknown(file, to_text('not an object: no record has its name'))
    return entry(name, False, status, records)


def _unknown(file, text):
    added = {'error': text, 'is_file_of_repository': False}
    safe_paths.put_name(added, 'name', 'raw', file)
    return added


# --- one entry ------------------------------------------------------------------------------

def read(place, file, opened, look, *where):
    """``(stat, records)`` of an object, both of one moment: others may replace it meanwhile.

    ``look`` is what reads the former. A record is there as long as its content: so one that is
    missing is looked for once more, unless the content is still there after the names of the
    records were read.
    """
    status, is_fresh = look(*where), False
    for _ in range(_LOOKS):
        records = entries_of(place, file, opened)
        content = abouts.identity(status)
        if place is None or isinstance(records, str) or abouts.is_described(records, content):
            break
        status = look(*where)
        if is_fresh and abouts.identity(status) == content:
            break
        close_one(opened, abouts.bucket_of(file))
        is_fresh = True
    return status, records


def entries_of(place, file, opened):
    """The records of an object, or why they cannot be read, as ``str``.

    ``opened``: the directories of records that this page has opened; see :func:`close`.
    """
    if place is None:
        return []
    bucket = abouts.bucket_of(file)
    try:
        if bucket not in opened:
            directory = abouts.open_bucket(place, file, False)
            opened[bucket] = (directory, {})
            if directory is not None:
                opened[bucket] = (directory, abouts.names_in(directory))
        directory, names = opened[bucket]
        return abouts.read_all(directory, names.get(file, []))
    except errors.HostModuleError:
        return str(error())


def close(opened):
    """Close the directories of records."""
    for bucket in list(opened):
        close_one(opened, bucket)


def close_one(opened, bucket):
    """The same with one of them, which may be closed: it is read anew if it is needed again."""
    directory, _ = opened.pop(bucket, (None, {}))
    if directory is not None:
        os.close(directory)


def entry(name, is_file, status, records):
    """The entry of an object, of what :func:`entries_of` has returned."""
    found = {'size_bytes': big(status.st_size), 'used_bytes': big(status.st_blocks * 512),
             'modified': big(status.st_mtime), 'identity': abouts.identity(status), 'about': {},
             'is_file_of_repository': is_file}
    safe_paths.put_name(found, 'name', 'raw', name)
    try:
        if isinstance(records, str):
            raise errors.Failed(records)
        record = abouts.fitting(records, found['identity'])
        if record is not None:
            found['about'] = abouts.answer(record)
    except errors.HostModuleError:
        found['about_error'] = safe_paths.current_error()
    return found
