"""Commits: an upload becomes an object, in one step.

First the record of the new content is written (:mod:`abouts`), then its file gets the name: so at
each moment the old content or the new one is there, whole, with its own record. An object of ours
is replaced by rename(2). A file of the repository gets its name by link(2), which never overwrites;
to replace one, the old file first gets a second name among the files set aside (:mod:`aside`), from
where :func:`restore_aside` renames it back.
"""

import fcntl
import os

from libcloud_ovm3_host import (abouts, arguments, aside, containers, dirfd, errors, files,
                                 object_names, objects, records, safe_paths, state_dir, uploads)
from libcloud_ovm3_host.compat import big, error, to_text

SECONDS = 50  # clients wait for a minute

_SLASH = '/'.encode('ascii')


def commit_upload(dom0, client, operation, mount, container, name, size_bytes, about, replace):
    """Make an upload the object of this name, and return its entry, as in the listing.

    Where less than ``size_bytes`` was written, a hole follows. ``replace``: also a file of the
    repository, which is set aside under this operation. A repeated request gets the same response
    as the first one, until the object is changed and its record pruned.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound, Exists (such a file of the
    repository), Conflict (more was written, another size was announced, or it is being written),
    Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point = safe_paths.mount_point(mount)
    container, name = object_names.container_or_own(container), object_names.checked('name', name)
    arguments.number('size_bytes', size_bytes, 0, files.LARGEST)
    if not isinstance(replace, bool):
        raise errors.InvalidArgument('replace: expected a boolean')
    fields = abouts.checked(about)
    objects.pieces_of(container, name)
    objects.log(dom0, client, operation, 'commit_upload', mount_point, container, name)
    request = {'mount_point': mount_point, 'container': container, 'name': name, 'client': client,
               'operation': operation, 'size': size_bytes, 'fields': fields, 'replace': replace}
    return dom0.within(SECONDS, _commit, dom0, request)


def _commit(dom0, request):
    place = containers.open_place(dom0, request['mount_point'], request['container'], False)
    try:
        folder = uploads.open_upload_or_none(place, request['operation'])
        if folder is None:
            return _committed(dom0, place, request)
        try:
            if not dirfd.exists(folder, uploads.DATA):
                answer = _committed(dom0, place, request)
                uploads.remove(place, request['operation'], [uploads.RECORD])
                return answer
            _require_begun(folder, request)
            handle = uploads.open_data(place, request['operation'], folder, fcntl.LOCK_EX)
            try:
                record = _publish(dom0, place, folder, handle, request)
            finally:
                os.close(handle)
        finally:
            os.close(folder)
        uploads.remove(place, request['operation'], [uploads.RECORD])
        return _answer(dom0, place, request, record)
    finally:
        objects.close(place)


def _committed(dom0, place, request):
    """The response to a request that was carried out before. Raises NotFound."""
    record = None
    if place is not None:
        record = abouts.of_operation(place, objects.record_name(request['name']),
                                     request['operation'])
    if record is None:
        raise errors.NotFound('%s: no such upload' % request['operation'])
    return _answer(dom0, place, request, record)


def _answer(dom0, place, request, record):
    """The entry of what was committed: also where others have changed or deleted it since."""
    try:
        entry = objects.entry(dom0, request['mount_point'], place, request['container'],
                              request['name'])
        if entry['identity'] == to_text(record['identity']):
            return entry
    except errors.HostModuleError:  # deleted since, or something else has its name
        pass
    entry = {'size_bytes': big(records.number(record, 'size_bytes')),
             'used_bytes': big(records.number(record, 'size_bytes')),
             'modified': big(records.number(record, 'modified')),
             'identity': to_text(record['identity']), 'about': abouts.answer(record),
             'is_file_of_repository': objects.pieces_of(request['container'],
                                                        request['name']) is not None}
    safe_paths.put_name(entry, 'name', 'raw', request['name'])
    objects.put_path(entry, request['mount_point'], request['container'], request['name'])
    return entry


def _require_begun(folder, request):
    """Raise InvalidArgument or Conflict if it is not the upload that was begun."""
    begun = records.read(folder, uploads.RECORD)
    if begun.get('name') != request['name']:
        raise errors.InvalidArgument('name: the upload was begun for another one')
    announced = records.number(begun, 'size_bytes')
    if announced not in (-1, request['size']):
        raise errors.Conflict('size_bytes: %d, but %d were announced' % (request['size'],
                                                                         announced))


def _publish(dom0, place, folder, handle, request):
    """Give the content its name; what is recorded of it."""
    status = _finished(handle, request)
    file, operation = objects.record_name(request['name']), request['operation']
    temporary = state_dir.open_folder(dom0, request['mount_point'], [state_dir.TEMPORARY], True)
    record = objects.record(request['name'], status, request['client'], operation,
                            request['fields'])
    try:
        abouts.write(temporary, place, file, operation, record, True)
    finally:
        os.close(temporary)
    pieces = objects.pieces_of(request['container'], request['name'])
    kept = ''
    if pieces is None:
        _rename(place, folder, file, request)
    else:
        directory = aside.open_or_make_parent(dom0, _path(request, pieces))
        try:
            if request['replace']:
                kept = _replace(dom0, folder, directory, pieces[-1], _path(request, pieces),
                                operation)
            else:
                _link(place, folder, directory, pieces[-1], file, operation)
        finally:
            os.close(directory)
        dirfd.remove(folder, uploads.DATA)
    abouts.prune(place, file, operation, kept)
    return record


def _path(request, pieces):
    return request['mount_point'] + _SLASH + _SLASH.join(pieces)


def _finished(handle, request):
    """The ``stat`` of the content, of the right size and on the disk. Raises Conflict, Failed."""
    try:
        size = os.fstat(handle).st_size
        if size > request['size']:
            raise errors.Conflict('size_bytes: %d, but %d were written' % (request['size'], size))
        if size < request['size']:
            os.ftruncate(handle, request['size'])
        os.fsync(handle)
        return os.fstat(handle)
    except (IOError, OSError):
        raise safe_paths.from_oserror(error(), request['operation'])


# --- giving it its name ---------------------------------------------------------------------

def _rename(place, folder, file, request):
    directory = containers.open_below(place, containers.DATA, False)
    if directory is None:
        raise errors.NotFound('%s: the container is being deleted'
                              % safe_paths.printable(request['container']))
    try:
        _rename_over(folder, uploads.DATA, directory, file)
    finally:
        os.close(directory)


def _rename_over(folder, name, directory, new_name):
    try:
        os.rename(safe_paths.entry_path(folder, name), safe_paths.entry_path(directory, new_name))
    except OSError:
        raise safe_paths.from_oserror(error(), new_name)
    dirfd.sync(directory)
    dirfd.sync(folder)


def _link(place, folder, directory, name, file, operation):
    try:
        dirfd.link(folder, uploads.DATA, directory, name)
    except errors.Exists:
        abouts.remove(place, file, operation)
        raise
    dirfd.sync(directory)


def _replace(dom0, folder, directory, name, path, operation):
    """Give the file its name, and the one that has it another; the identity of the latter, or ''.

    Raises Conflict, Exists, NotAllowed, Failed.
    """
    if not dirfd.exists(directory, name):
        dirfd.link(folder, uploads.DATA, directory, name)
        dirfd.sync(directory)
        return ''
    if dirfd.is_same_file(folder, uploads.DATA, directory, name):  # it was cut off after that
        return ''
    old = safe_paths.stat_regular(directory, name)
    aside.keep(dom0, operation, path, directory, name)
    if not dirfd.is_same(safe_paths.stat_regular(directory, name), old):
        raise errors.Conflict('%s: another file has taken its place' % safe_paths.printable(name))
    _rename_over(folder, uploads.DATA, directory, name)
    return abouts.identity(old)


def restore_aside(dom0, client, operation, path):
    """Move a file that :func:`commit_upload` has set aside back over its successor, in one step.

    The successor is deleted with that. A repeated request gets the same response as the first one.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound (nothing is set aside), Conflict
    (another file is there now than the one that this operation has committed), Failed, Timeout.
    """
    files.log_request(dom0, client, operation, 'restore_aside', [path], '')
    return dom0.within(SECONDS, _restore, dom0, operation, path)


def _restore(dom0, operation, path):
    mount_point, names = safe_paths.split(path)
    file = objects.record_name(_SLASH.join(names))
    place = containers.open_place(dom0, mount_point, ''.encode('ascii'), True)
    try:
        committed = abouts.of_operation(place, file, operation) or {}
        directory = aside.open_or_make_parent(dom0, path)
        try:
            token = aside.only_token(dom0, operation, path)
            if token is None:
                _require_restored(directory, names[-1], committed)
                return
            kept = aside.open_kept(dom0, operation, token, path, False)
            try:
                _require_successor(directory, names[-1], kept, committed)
                _rename_over(kept, names[-1], directory, names[-1])
                dirfd.remove(kept, names[-1])  # of two names of one file rename(2) removes none
            finally:
                os.close(kept)
        finally:
            os.close(directory)
        aside.remove_emptied(dom0, operation, token, path)
        abouts.remove(place, file, operation)
    finally:
        os.close(place)


def _require_restored(directory, name, committed):
    """Nothing is aside: it has been moved back before, or deleted. Raises NotFound."""
    status = safe_paths.stat_regular(directory, name)
    if committed and abouts.identity(status) == to_text(committed['identity']):
        raise errors.NotFound('%s: not set aside' % safe_paths.printable(name))


def _require_successor(directory, name, kept, committed):
    """Raise Conflict if another file is at the path than what this operation has put there."""
    safe_paths.stat_regular(kept, name)
    if not dirfd.exists(directory, name) or dirfd.is_same_file(kept, name, directory, name):
        return
    status = safe_paths.stat_regular(directory, name)
    if not committed or abouts.identity(status) != to_text(committed['identity']):
        raise errors.Conflict('%s: another file is there now: the old one stays aside'
                              % safe_paths.printable(name))
