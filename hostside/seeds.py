"""Seeds: what new guests are told about themselves, one file each, which a CD drive shows to one.

``<mount>/.libcloud-ovm3/seeds/<uuid of the VM>.<operation>.iso``. They hold hashes of passwords, so
nobody but root may read them. Each has a name that only its operation makes, and is there complete
or not at all: so none is overwritten, and whoever deletes one deletes his own.
"""

import os
import re

from libcloud_ovm3_host import arguments, dirfd, errors, safe_paths, state_dir
from libcloud_ovm3_host.compat import big, to_text

SECONDS = 50  # clients wait for a minute
SEED_BYTES = 1 << 20
MOST = 10000  # seeds in one listing

_FOLDER = 'seeds'
_NAME = re.compile(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9a-f]{32}\.iso\Z')


def write_seed(dom0, client, operation, mount, vm, content):
    """Make the seed of a VM. A repeated request gets the same response as the first one.

    Raises InvalidArgument, NotAllowed, NotMounted, Exists (with another content), Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, vm = safe_paths.mount_point(mount), arguments.vm(vm)
    content = arguments.payload('content', content, SEED_BYTES)
    dom0.log('%s %s write_seed %s %s' % (client, operation, safe_paths.printable(mount_point), vm))
    return dom0.within(SECONDS, _write, dom0, operation, mount_point,
                       '%s.%s.iso' % (vm, operation), content)


def _write(dom0, operation, mount_point, name, content):
    temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
    try:
        folder = state_dir.open_folder(dom0, mount_point, [_FOLDER], True)
        try:
            try:
                state_dir.create(temporary, operation, content, folder, name)
            except errors.Exists:
                if state_dir.read_whole(folder, name, SEED_BYTES + 1) != content:
                    raise
        finally:
            os.close(folder)
    finally:
        os.close(temporary)


def delete_seed(dom0, client, operation, mount, name):
    """Delete a seed; one that is gone already is as good.

    Raises InvalidArgument, NotAllowed, NotMounted, Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point = safe_paths.mount_point(mount)
    name = arguments.matching(_NAME, 'name', name, '<uuid of a VM>.<operation>.iso')
    dom0.log('%s %s delete_seed %s %s' % (client, operation, safe_paths.printable(mount_point),
                                          name))
    return dom0.within(SECONDS, _delete, dom0, mount_point, name)


def _delete(dom0, mount_point, name):
    try:
        folder = state_dir.open_folder(dom0, mount_point, [_FOLDER], False)
    except errors.NotFound:
        return
    try:
        dirfd.remove(folder, name)
        dirfd.sync(folder)
    finally:
        os.close(folder)


def list_seeds(dom0, mount_point):
    """A list of ``{name, size_bytes, modified}`` of every seed on a mount.

    One that cannot be read, or is no seed by its name, has ``error``. Raises NotMounted.
    """
    try:
        folder = state_dir.open_folder(dom0, mount_point, [_FOLDER], False)
    except errors.NotFound:
        return []
    except errors.NotMounted:
        raise
    except errors.HostModuleError:
        return [{'error': safe_paths.current_error()}]
    try:
        try:
            names = dirfd.sorted_names(folder)
        except errors.HostModuleError:
            return [{'error': safe_paths.current_error()}]
        found = [_entry(folder, name) for name in names[:MOST]]
    finally:
        os.close(folder)
    if len(names) > MOST:
        found.append({'error': to_text('more than %d seeds' % MOST)})
    return [entry for entry in found if entry]


def _entry(folder, name):
    """The entry of a name; None if it is gone."""
    entry = {'name': to_text(safe_paths.printable(name))}
    try:
        status = safe_paths.stat_regular(folder, name)
    except errors.NotFound:
        return None
    except errors.HostModuleError:
        return dict(entry, error=safe_paths.current_error())
    if not _NAME.match(to_text(name)):
        return dict(entry, error=to_text('not a seed: unexpected name'))
    return {'name': to_text(name), 'size_bytes': big(status.st_size),
            'modified': big(status.st_mtime)}
