"""Uploads that were neither committed nor deleted: to list, to go on with, and to delete."""

import fcntl
import os
import re

from libcloud_ovm3_host import (abouts, arguments, containers, dirfd, errors, object_names, objects,
                                 records, safe_paths, uploads)
from libcloud_ovm3_host.compat import big, error, to_text

SECONDS = 50  # clients wait for a minute
MOST = 1000  # uploads in one listing

_OPERATION = re.compile(u'[0-9a-f]{32}\\Z')


# --- adopt ----------------------------------------------------------------------------------

def adopt_upload(dom0, client, operation, mount, container, upload):
    """Go on with an unfinished upload as this operation: that is its id from now on.

    What others send under its old one is NotFound: so nobody writes to it who does not know of this.
    A repeated request gets the same response as the first one. Raises InvalidArgument, NotAllowed,
    NotMounted, NotFound (no such upload), Conflict (it is being written, committed or deleted, or
    has become an object), Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, upload = safe_paths.mount_point(mount), arguments.operation(upload)
    container = object_names.container_or_own(container)
    if operation == upload:
        raise errors.InvalidArgument('operation: expected another one than that of the upload')
    dom0.log('%s %s adopt_upload %s %s %s' % (
        client, operation, safe_paths.printable(mount_point), safe_paths.printable(container),
        upload))
    return dom0.within(SECONDS, _adopt, dom0, mount_point, container, operation, upload)


def _adopt(dom0, mount_point, container, operation, upload):
    place = containers.open_place(dom0, mount_point, container, False)
    folder = None
    try:
        folder = uploads.open_upload_or_none(place, operation)
        if folder is not None:  # it was adopted before
            return
        folder = uploads.open_upload(place, upload)
        handle = uploads.open_data(place, upload, folder, fcntl.LOCK_EX)
        try:
            uploads.require_no_object(handle)
            _rename(place, upload, operation)
        finally:
            os.close(handle)
    finally:
        objects.close(folder)
        objects.close(place)


def _rename(place, upload, operation):
    above = containers.open_below(place, containers.UPLOADS, False)
    try:
        try:
            os.rename(safe_paths.entry_path(above, upload),
                      safe_paths.entry_path(above, operation))
        except OSError:
            raise safe_paths.from_oserror(error(), upload)
        dirfd.sync(above)
    finally:
        os.close(above)


# --- list and delete ------------------------------------------------------------------------

def list_uploads(dom0, mount, container):
    """A list of ``{operation, name, container, size_bytes, done_bytes, client, started, modified}``
    of the uploads that were begun and neither committed nor deleted.

    ``size_bytes``: as announced, or -1; ``done_bytes``: up to where something was written.
    ``raw``, ``container_raw`` beside names that XML cannot carry. What cannot be read, or is no
    upload, or what a commit that was cut off has left, is ``{operation, error}``. Raises InvalidArgument, NotAllowed, NotMounted, NotFound,
    Failed, Timeout.
    """
    mount_point = safe_paths.mount_point(mount)
    container = object_names.container_or_own(container)
    return dom0.within(SECONDS, _list, dom0, mount_point, container)


def _list(dom0, mount_point, container):
    place = containers.open_place(dom0, mount_point, container, False)
    if place is None:
        return []
    try:
        above = containers.open_below(place, containers.UPLOADS, False)
    finally:
        os.close(place)
    if above is None:
        return []
    try:
        names = dirfd.sorted_names(above)
        found = [_entry(above, name) for name in names[:MOST]]
    finally:
        os.close(above)
    if len(names) > MOST:
        found.append({'operation': '', 'error': to_text('more than %d uploads' % MOST)})
    return [entry for entry in found if entry]


def _entry(above, name):
    """The entry of an upload; None if it is gone."""
    entry = {'operation': to_text(name)}
    if not _OPERATION.match(entry['operation']):
        return dict(entry, error=to_text('not an upload: unexpected name'))
    try:
        folder = safe_paths.enter(os.dup(above), name)
    except errors.NotFound:
        return None
    except errors.HostModuleError:
        return dict(entry, error=safe_paths.current_error())
    try:
        try:
            return dict(entry, **_known(folder))
        except errors.NotFound:
            if not dirfd.exists(above, name):
                return None
            return dict(entry, error=to_text('it has no record or no content: it was committed, or '
                                             'not completely begun: it can be deleted'))
        except errors.HostModuleError:
            return dict(entry, error=safe_paths.current_error())
    finally:
        os.close(folder)


def _known(folder):
    record = records.read(folder, uploads.RECORD)
    if to_text(record.get('schema', '')) != uploads.SCHEMA:
        raise errors.Failed('its record is not of a form that this module knows')
    status = safe_paths.stat_regular(folder, uploads.DATA)
    if status.st_nlink != 1:
        raise errors.Failed('it has become an object already: it can be deleted')
    found = {'client': to_text(record.get('client', '')),
             'started': big(safe_paths.stat_regular(folder, uploads.RECORD).st_mtime),
             'modified': big(status.st_mtime), 'done_bytes': big(status.st_size),
             'size_bytes': big(records.number(record, 'size_bytes'))}
    safe_paths.put_name(found, 'name', 'raw', record.get('name', ''.encode('ascii')))
    safe_paths.put_name(found, 'container', 'container_raw',
                        record.get('container', ''.encode('ascii')))
    return found


def delete_upload(dom0, client, operation, mount, container, upload):
    """Delete what an upload has written; one that is gone already is as good.

    An object that was committed stays. Raises InvalidArgument, NotAllowed, NotMounted, NotFound
    (no such container), Conflict (it is being written or committed), Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, upload = safe_paths.mount_point(mount), arguments.operation(upload)
    container = object_names.container_or_own(container)
    dom0.log('%s %s delete_upload %s %s %s' % (
        client, operation, safe_paths.printable(mount_point), safe_paths.printable(container),
        upload))
    return dom0.within(SECONDS, _delete, dom0, mount_point, container, upload)


def _delete(dom0, mount_point, container, operation):
    place = containers.open_place(dom0, mount_point, container, False)
    folder = uploads.open_upload_or_none(place, operation)
    try:
        if folder is None:
            return
        if dirfd.exists(folder, uploads.DATA):
            handle = uploads.open_data(place, operation, folder, fcntl.LOCK_EX)
            try:
                _forget_about(dom0, mount_point, container, place, folder, operation)
                dirfd.remove(folder, uploads.DATA)
            finally:
                os.close(handle)
        uploads.remove_all(place, operation)
    finally:
        objects.close(folder)
        objects.close(place)


def _forget_about(dom0, mount_point, container, place, folder, operation):
    """Remove the record that a commit has written before it was cut off."""
    name = records.read_if_there(folder, uploads.RECORD).get('name')
    if not name:
        return
    try:
        directory, file, _ = objects.open_directory(dom0, mount_point, place, container, name)
        try:
            if dirfd.is_same_file(folder, uploads.DATA, directory, file):
                return  # it was cut off later: the file has its name
        finally:
            os.close(directory)
    except errors.NotFound:
        pass
    abouts.remove(place, objects.record_name(name), operation)
