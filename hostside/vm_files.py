"""A vm.cfg as a file: where it is, what is in it, on which disk it is; the agent's functions for it."""

import os
import re
import stat
import sys

from libcloud_ovm3_host import (arguments, dirfd, errors, read_agent, repository as repositories,
                                safe_paths, state_dir)
from libcloud_ovm3_host.compat import bytes_type, md5, plain, text_type, to_bytes, to_text

_PLAIN = re.compile(u'[A-Za-z0-9][A-Za-z0-9._-]{0,79}\\Z')
_SLASH = '/'.encode('ascii')
_DIRECT_SECONDS = 30
_ASSIGNED = u'^%s[ \\t]*=[ \\t]*(["\'])([A-Za-z0-9_.:+-]+)\\1[ \\t]*(?:#.*)?$'
_UUID = re.compile(u'[0-9a-f]{32}\\Z')


def target(repository, directory):
    """Where the vm.cfg is, and the name of its document. Raises InvalidArgument, NotAllowed."""
    repository, name = arguments.repository(repository), directory
    if not isinstance(directory, (bytes_type, text_type)) or _SLASH in to_bytes(directory):
        raise errors.InvalidArgument('directory: expected the name of a directory')
    mount_point = to_bytes('/OVS/Repositories/' + repository)
    path = _SLASH.join([mount_point, to_bytes('VirtualMachines'), to_bytes(name),
                        to_bytes('vm.cfg')])
    safe_paths.split(path)
    document = 'vm.' + md5(to_bytes(name)).hexdigest()
    if _PLAIN.match(to_text(name)):
        document = 'vm-' + str(to_text(name))
    return {'mount': mount_point, 'repository': repository, 'directory': directory, 'path': path,
            'document': document}


def content(dom0, target):
    """The bytes of the vm.cfg, as the agent will read them. Raises NotFound, NotAllowed, Failed."""
    handle = safe_paths.open_file(dom0, target['path'], os.O_RDONLY)
    try:
        return repositories.all_of(handle)
    finally:
        os.close(handle)


def digest(data):
    """The digest of a vm.cfg; '' of None, where there is none."""
    if data is None:
        return ''
    return md5(data).hexdigest()


def direct_digest(dom0, target):
    """The digest of what is on the server, past this host's pages; '' if there is no vm.cfg; None
    where the file system cannot do that. Raises NotAllowed, NotMounted, Failed.

    By ``dd``, as Python 2 has no aligned memory to read into; through the open file, as a name may
    lead elsewhere the next time.
    """
    try:
        handle = safe_paths.open_file(dom0, target['path'], os.O_RDONLY)
    except errors.NotFound:
        return ''
    try:
        command = ['dd', 'if=/proc/%d/fd/%d' % (os.getpid(), handle), 'iflag=direct', 'bs=65536']
        try:
            status, output, _ = dom0.within(_DIRECT_SECONDS, dom0.run, command, _DIRECT_SECONDS)
        except errors.Failed:  # a host without dd, or a simulated one
            return None
        if status or len(output) != os.fstat(handle).st_size:
            return None
        return digest(output)
    finally:
        os.close(handle)


def identity(data):
    """``(uuid, name)`` by the bytes of a vm.cfg: the uuid dashed, in lower case; the name by which
    xend knows the VM. Raises Failed if they cannot be told."""
    found = {}
    for key in ('uuid', 'name'):
        values = re.compile(_ASSIGNED % key, re.MULTILINE).findall(to_text(data))
        if len(values) != 1:  # it is Python: of several the last one counts, if it is reached
            raise errors.Failed('vm.cfg: its %s cannot be told' % key)
        found[key] = plain(values[0][1])
    return dashed(found['uuid']), found['name']


def dashed(uuid):
    """A uuid as xend writes it. Raises Failed if it is none."""
    digits = plain(uuid).replace('-', '').lower()
    if not _UUID.match(digits):
        raise errors.Failed('%r: not a uuid' % plain(uuid))
    return '-'.join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])


def call(dom0, request):
    """Call the agent's function of a request: ``{state: "done" or "failed", fault}``."""
    function = read_agent.function(dom0, request['function'])
    try:
        function(request['repository'], request['directory'], *request['parameters'])
    except Exception:  # of any class: the client gets it as the agent would send it
        return {'state': 'failed', 'fault': read_agent.fault_text(*sys.exc_info()[:2])}
    return {'state': 'done', 'fault': ''}


def replace(dom0, target, label, data):
    """Put another vm.cfg in the place of one that is there, in one step, with its mode. Raises
    NotFound, NotAllowed, NotMounted, Failed."""
    temporary = state_dir.open_folder(dom0, target['mount'], [state_dir.TEMPORARY], True)
    try:
        directory, name = safe_paths.open_parent(dom0, target['path'])
        try:
            handle = safe_paths.open_in(directory, name, os.O_RDONLY)
            try:
                mode = os.fstat(handle).st_mode
            finally:
                os.close(handle)
            state_dir.replace(temporary, label, data, directory, name)
            os.chmod(safe_paths.entry_path(directory, name), stat.S_IMODE(mode))
            dirfd.sync(directory)
        finally:
            os.close(directory)
    finally:
        os.close(temporary)


def sync(dom0, target):
    """Whoever reads on another host that the change was made must find it made."""
    directory, name = safe_paths.open_parent(dom0, target['path'])
    try:
        handle = safe_paths.open_in(directory, name, os.O_RDONLY)
        try:
            dirfd.sync(handle)
        finally:
            os.close(handle)
        dirfd.sync(directory)
    finally:
        os.close(directory)
