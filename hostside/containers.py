"""Containers: folders of objects in a repository.

``<mount>/.libcloud-ovm3/containers/<key>/``: ``repository`` is the key of the repository's own
container, ``c-<encoded name>`` that of a plain one, which has these:

=============  =================================================================================
``container``  the record that makes it one
``data/``      the contents of its objects; a container without it is being deleted
``about/``     what is recorded of the contents: :mod:`abouts`
``uploads/``   what is not an object yet: :mod:`uploads`
=============  =================================================================================
"""

import errno
import os

from libcloud_ovm3_host import (arguments, dirfd, errors, object_names, records, safe_paths,
                                 state_dir)
from libcloud_ovm3_host.compat import big, error, to_bytes, to_text
from libcloud_ovm3_host.version import PAGE_ENTRIES

SECONDS = 50  # clients wait for a minute
SCHEMA = '1'
FOLDER = 'containers'  # in the state directory
RECORD, DATA, ABOUT, UPLOADS = 'container', 'data', 'about', 'uploads'

_OWN = 'repository'
_PREFIX = 'c-'
_CHANGES = 'its deletion, or its creation, was not completed: repeat it'


# --- listing --------------------------------------------------------------------------------

def list_containers(dom0, mount, after, limit):
    """``{containers: [{name, created}], after}`` of the plain containers on a mount.

    One that cannot be read or understood, or is not complete, has ``error``; ``raw`` beside a name
    that XML cannot carry. ``after``: cursor of the next page, '' at the end.
    Raises InvalidArgument, NotAllowed, NotMounted, Failed, Timeout.
    """
    mount_point = safe_paths.mount_point(mount)
    after = arguments.name_bytes('after', after)
    arguments.number('limit', limit, 1, PAGE_ENTRIES)
    return dom0.within(SECONDS, _list, dom0, mount_point, after, limit)


def _list(dom0, mount_point, after, limit):
    try:
        folder = state_dir.open_folder(dom0, mount_point, [FOLDER], False)
    except errors.NotFound:
        return {'containers': [], 'after': ''}
    try:
        own = to_bytes(_OWN)
        keys = [key for key in dirfd.sorted_names(folder) if key > after and key != own]
        entries = [_entry(folder, key) for key in keys[:limit]]
    finally:
        os.close(folder)
    found = {'containers': [entry for entry in entries if entry], 'after': ''}
    if len(keys) > limit:
        from libcloud_ovm3_host.rpc import Binary
        found['after'] = Binary(keys[limit - 1])
    return found


def _entry(folder, key):
    """The entry of a container; None if there is none (any more)."""
    entry = {}
    safe_paths.put_name(entry, 'name', 'raw', key)
    try:
        place = safe_paths.enter(os.dup(folder), key)
        try:
            name, created = _known(place, key)
            if name is None:
                return None
            safe_paths.put_name(entry, 'name', 'raw', name)
            entry['created'] = big(created)
            if not dirfd.exists(place, DATA):
                entry['error'] = to_text(_CHANGES)
        finally:
            os.close(place)
    except errors.NotFound:  # deleted concurrently
        return None
    except errors.HostModuleError:
        entry['error'] = safe_paths.current_error()
    return entry


def _known(place, key):
    """``(name, time)`` of its record, (None, 0) where nothing is kept. Raises Failed."""
    try:
        record = records.read(place, RECORD)
    except errors.NotFound:
        if not _has_anything(place, DATA) and not _has_anything(place, UPLOADS):
            return None, 0  # just made, or what is left of one that was deleted
        raise errors.Failed('it has no record, but is not empty')
    name = record.get('name', ''.encode('ascii'))
    if to_text(record.get('schema', '')) != SCHEMA or key_of(name) != key:
        raise errors.Failed('its record is not of a form that this module knows')
    return name, safe_paths.stat_regular(place, RECORD).st_mtime


def _has_anything(place, name):
    folder = open_below(place, name, False)
    if folder is None:
        return False
    try:
        return bool(dirfd.sorted_names(folder))
    finally:
        os.close(folder)


# --- opening --------------------------------------------------------------------------------

def key_of(name):
    """The name of a container's directory, as bytes; of no name: of the repository's own."""
    if not name:
        return to_bytes(_OWN)
    return to_bytes(_PREFIX) + object_names.file_name(name)


def open_place(dom0, mount_point, name, make):
    """A descriptor of a container's directory.

    None for the repository's own while nothing is kept in it; if ``make``, that is made.
    Raises NotFound for a plain one that is not there or is being deleted, NotMounted, Failed.
    """
    if name:
        return _open_plain(dom0, mount_point, name)
    try:
        place = state_dir.open_folder(dom0, mount_point, [FOLDER, _OWN], make)
    except errors.NotFound:
        return None
    if make:
        try:
            dirfd.make(place, DATA)
        except errors.HostModuleError:
            os.close(place)
            raise
    return place


def _open_plain(dom0, mount_point, name):
    missing = errors.NotFound('%s: no such container' % safe_paths.printable(name))
    try:
        place = state_dir.open_folder(dom0, mount_point, [FOLDER, key_of(name)], False)
    except errors.NotFound:
        raise missing
    if not dirfd.exists(place, RECORD):
        os.close(place)
        raise missing
    return place


def open_below(place, name, make):
    """A descriptor of a directory in a container's; None if it is missing and not to be made."""
    directory = os.dup(place)
    if make:
        return dirfd.enter_or_make(directory, name)
    try:
        return safe_paths.enter(directory, name)
    except errors.NotFound:
        return None


# --- creating and deleting ------------------------------------------------------------------

def create_container(dom0, client, operation, mount, name):
    """Make a plain container. A repeated request gets the same response as the first one.

    Raises InvalidArgument, NotAllowed, NotMounted, Exists (another operation's), Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, name = safe_paths.mount_point(mount), object_names.container(name)
    dom0.log('%s %s create_container %s %s' % (
        client, operation, safe_paths.printable(mount_point), safe_paths.printable(name)))
    return dom0.within(SECONDS, _create, dom0, client, operation, mount_point, name)


def _create(dom0, client, operation, mount_point, name):
    record = {'schema': SCHEMA, 'name': name, 'client': client, 'operation': operation}
    temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
    try:
        place = state_dir.open_folder(dom0, mount_point, [FOLDER, key_of(name)], True)
        try:
            if not dirfd.exists(place, RECORD):
                dirfd.make(place, DATA)
            try:
                state_dir.create(temporary, operation, records.encode(record), place, RECORD)
            except errors.Exists:
                made = records.read(place, RECORD)
                if to_text(made.get('operation', '')) != to_text(operation):
                    raise errors.Exists('%s: there is such a container already'
                                        % safe_paths.printable(name))
            dirfd.make(place, DATA)  # a deletion of its predecessor may just have removed it
        finally:
            os.close(place)
    finally:
        os.close(temporary)


def delete_container(dom0, client, operation, mount, name):
    """Delete a plain container in which there are neither objects nor uploads.

    Raises InvalidArgument, NotAllowed, NotMounted, NotFound (also if it has been deleted before),
    NotEmpty, Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, name = safe_paths.mount_point(mount), object_names.container(name)
    dom0.log('%s %s delete_container %s %s' % (
        client, operation, safe_paths.printable(mount_point), safe_paths.printable(name)))
    return dom0.within(SECONDS, _delete, dom0, mount_point, name)


def _delete(dom0, mount_point, name):
    """Who begins an upload makes its folder, then looks for ``data/``; here it is the other way
    round: so one of the two sees the other. ``rmdir`` removes nothing that is not empty."""
    place = open_place(dom0, mount_point, name, False)
    try:
        if _has_anything(place, UPLOADS):
            raise errors.NotEmpty('%s: there are unfinished uploads in the container'
                                  % safe_paths.printable(name))
        if not remove_directory(place, DATA):
            raise errors.NotEmpty('%s: there are objects in the container'
                                  % safe_paths.printable(name))
        if not remove_directory(place, UPLOADS):
            dirfd.make(place, DATA)
            raise errors.NotEmpty('%s: an upload into the container has begun'
                                  % safe_paths.printable(name))
        _remove_abouts(place)
        dirfd.remove(place, RECORD)
        dirfd.sync(place)
    finally:
        os.close(place)
    folder = state_dir.open_folder(dom0, mount_point, [FOLDER], False)
    try:
        remove_directory(folder, key_of(name))  # if it is being created again it stays
        dirfd.sync(folder)
    finally:
        os.close(folder)


def _remove_abouts(place):
    about = open_below(place, ABOUT, False)
    if about is None:
        return
    try:
        for bucket in dirfd.sorted_names(about):
            inside = safe_paths.enter(os.dup(about), bucket)
            try:
                for name in dirfd.sorted_names(inside):
                    dirfd.remove(inside, name)
            finally:
                os.close(inside)
            remove_directory(about, bucket)
    finally:
        os.close(about)
    remove_directory(place, ABOUT)


def remove_directory(directory, name):
    """Remove an empty directory, which may be gone; whether it is gone. Raises Failed."""
    try:
        os.rmdir(safe_paths.entry_path(directory, name))
    except OSError:
        if error().errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        if error().errno != errno.ENOENT:
            raise safe_paths.from_oserror(error(), name)
    return True
