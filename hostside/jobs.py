"""Jobs: copies and checksums that take longer than a call, each a process of :mod:`run_job`.

Only clones take no longer: they are made within the call (:mod:`clones`), with the same records.

``<mount>/.libcloud-ovm3/jobs/<id>/`` has ``request`` (what, for whom, on which host), ``process``
(created by the one process that runs it), ``progress``, ``cancel`` (if requested) and ``outcome``.
All but ``progress`` are created once, complete, and never changed.

The state of a job without outcome, in this order: ``running`` if its process is alive; ``done`` if
the copy has two names, the temporary one and the target, as linking is the last step before the
outcome; else ``dead``, which is final, as only one process can ever create the record ``process``.
"""

import os
import re
import subprocess
import sys
import time

from libcloud_ovm3_host import (arguments, dirfd, errors, host_identity, limits, records,
                                safe_paths, state_dir)
from libcloud_ovm3_host.compat import big, describe, error, to_bytes, to_text

SECONDS = 50  # clients wait for a minute
START_SECONDS = 30  # a process that has not started by then never will
KINDS = ('copy', 'sparse_copy', 'clone', 'md5')
PRUNED = 100  # old jobs removed at most at each start

_FOLDER = 'jobs'
_ID = re.compile(u'[0-9a-f]{32}\\Z')


def start_job(dom0, client, operation, kind, source, target):
    """Start a job, or return the status of the one with that id; as :func:`job_status`.

    Raises InvalidArgument (also if another job has that id), NotAllowed, NotMounted, NotFound,
    Exists, Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    kind = arguments.one_of('kind', kind, KINDS)
    source, target = arguments.name_bytes('source', source), arguments.name_bytes('target', target)
    mount_point = _checked(kind, source, target)
    dom0.log('%s %s start_job %s %s %s' % (client, operation, kind, safe_paths.printable(source),
                                           safe_paths.printable(target)))
    request = {'id': operation, 'client': client, 'kind': kind, 'source': source, 'target': target,
               'boot': dom0.boot_id(), 'started': '%d' % time.time()}
    return dom0.within(SECONDS, _start, dom0, mount_point, request)


def _checked(kind, source, target):
    """The mount point on which the job is stored."""
    mount_point, names = safe_paths.split(source)
    if not names:
        raise errors.NotAllowed('source: %s is the mount point itself'
                                % safe_paths.printable(source))
    if kind == 'md5':
        if target:
            raise errors.InvalidArgument("target: expected '' for md5")
        return mount_point
    mount_point, names = safe_paths.split(target)
    if not names:
        raise errors.NotAllowed('target: %s is the mount point itself'
                                % safe_paths.printable(target))
    safe_paths.require_outside_state_dir(target)
    return mount_point


def _start(dom0, mount_point, request):
    folder = open_job(dom0, mount_point, request['id'], True)
    try:
        _request(dom0, mount_point, folder, request)
        if _awaits_process(dom0, folder):
            if request['kind'] == 'clone':
                from libcloud_ovm3_host import clones  # which imports this file
                clones.run(dom0, mount_point, folder)
            else:
                _spawn(dom0, mount_point, request)
        return _status(dom0, mount_point, folder)
    finally:
        os.close(folder)


def _request(dom0, mount_point, folder, request):
    """Record the request; if it is recorded already, it must be the same."""
    try:
        recorded = records.read(folder, 'request')
    except errors.NotFound:
        _require_possible(dom0, request)
        request = dict(request, **host_identity.identity(dom0))
        temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
        try:
            try:
                now = state_dir.create(temporary, request['id'], records.encode(request), folder,
                                 'request')
                _prune(dom0, mount_point, temporary, now - state_dir.DAY)
                return
            except errors.Exists:  # sent twice at the same time
                recorded = records.read(folder, 'request')
        finally:
            os.close(temporary)
    for key in ('client', 'kind', 'source', 'target'):
        if recorded.get(key) != to_bytes(request[key]):
            raise errors.InvalidArgument('operation: the job with this id has another %s' % key)


def _require_possible(dom0, request):
    """Raise what is known to fail in advance; the job itself checks again."""
    source = safe_paths.open_file(dom0, request['source'], os.O_RDONLY)
    try:
        size = os.fstat(source).st_size
    finally:
        os.close(source)
    if request['target']:
        directory, name = safe_paths.open_parent(dom0, request['target'])
        try:
            if dirfd.exists(directory, name):
                raise errors.Exists('%s exists already' % safe_paths.printable(request['target']))
            if request['kind'] == 'copy':
                _require_room(dom0, directory, size)
            elif request['kind'] == 'clone':
                from libcloud_ovm3_host import clones  # which imports this file
                clones.require_possible(dom0, request)
        finally:
            os.close(directory)


def _require_room(dom0, directory, size):
    """Guests with sparse disks would get errors from a file system that a copy has filled."""
    status = os.statvfs(safe_paths.entry_path(directory, '.'))
    free = status.f_bavail * status.f_frsize
    if size > free:
        raise errors.Failed('target: not enough space: the source has %d bytes, %d are free'
                            % (size, free))


def open_job(dom0, mount_point, job_id, make):
    """A descriptor of a job's directory. Raises NotFound, NotMounted, NotAllowed, Failed."""
    return state_dir.open_folder(dom0, mount_point, [_FOLDER, job_id], make)


def _prune(dom0, mount_point, temporary, before):
    """Remove jobs in whose directory nothing has changed since then."""
    folder = state_dir.open_folder(dom0, mount_point, [_FOLDER], False)
    try:
        pruned = 0
        for name in state_dir.matching_names(folder, _ID):
            if pruned < PRUNED and _prune_job(folder, name, before):
                dirfd.remove(temporary, _temporary_name(name))
                pruned += 1
    finally:
        os.close(folder)


def _prune_job(folder, name, before):
    try:
        job = safe_paths.enter(os.dup(folder), name)
    except errors.HostModuleError:  # another request prunes, or it is not a job's
        return False
    try:
        try:
            names = dirfd.sorted_names(job)
            touched = [os.lstat(safe_paths.entry_path(job, each)).st_mtime for each in names]
            # the directory's own time: a request may be about to be created in it
            if max(touched + [os.fstat(job).st_mtime]) >= before:
                return False
            names.sort(key=_request_last)
            for each in names:
                dirfd.remove(job, each)
        finally:
            os.close(job)
        os.rmdir(safe_paths.entry_path(folder, name))
    except OSError:  # it changed concurrently: left to the next start
        return False
    return True


def _request_last(name):
    """The request goes last: while it exists the id is known."""
    return name == to_bytes('request')


# --- the process ----------------------------------------------------------------------------

def _awaits_process(dom0, folder):
    request = records.read(folder, 'request')
    return (to_text(request['boot']) == to_text(dom0.boot_id()) and is_fresh(request)
            and not dirfd.exists(folder, 'process')
            and not dirfd.exists(folder, 'outcome'))


def is_fresh(request):
    """Whether its process may still be about to start, by the clock of its host."""
    return abs(time.time() - records.number(request, 'started')) < START_SECONDS


def _spawn(dom0, mount_point, request):
    """Start the process, which detaches itself. Two of them do no harm: one gives way.

    It gets the real paths of the mounts and their identity, so that it notices a change.
    """
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'run_job.py')
    command = [sys.executable, script, str(to_text(mount_point)), request['id']]
    points = [mount_point, safe_paths.split(request['source'])[0]]
    for point in points:
        directory = safe_paths.open_root(dom0, point)
        try:
            status = os.fstat(directory)
            command += [str(to_text(point)), os.readlink('/proc/self/fd/%d' % directory),
                        '%d:%d' % (status.st_dev, status.st_ino)]
        finally:
            os.close(directory)
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        try:
            process = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing,
                                       close_fds=True, cwd='/',
                                       env=dict(os.environ, PYTHONDONTWRITEBYTECODE='1'))
            status = process.wait()
        except OSError:
            raise errors.Failed('%s: %s' % (command[0], describe(error())))
    finally:
        os.close(nothing)
    if status:
        raise errors.Failed('%s ended with status %d' % (' '.join(command[:2]), status))


# --- status ---------------------------------------------------------------------------------

def job_status(dom0, mount, job_id):
    """``{id, kind, client, source, target, state, host, host_uuid, done_bytes, size_bytes, result,
    error, updated}``; ``result`` and ``error`` are '' when there is none, ``updated`` is in
    seconds by the clock of the mount's file system, ``host_uuid`` is the agent's, '' if not known.

    Raises InvalidArgument, NotAllowed, NotMounted, NotFound, Failed, Timeout.
    """
    mount_point, job_id = safe_paths.mount_point(mount), arguments.operation(job_id)
    return dom0.within(SECONDS, _status_of, dom0, mount_point, job_id)


def _status_of(dom0, mount_point, job_id):
    folder = open_job(dom0, mount_point, job_id, False)
    try:
        return _status(dom0, mount_point, folder)
    finally:
        os.close(folder)


def _status(dom0, mount_point, folder):
    request = records.read(folder, 'request')
    progress = records.read_if_there(folder, 'progress')
    state = _state(dom0, mount_point, folder, request)
    progress.update(records.read_if_there(folder, 'outcome'))
    status = {'state': str(to_text(progress.get('state', state))),
              'done_bytes': big(records.number(progress, 'done_bytes')),
              'size_bytes': big(records.number(progress, 'size_bytes')),
              'updated': big(_updated(folder))}
    for key in ('id', 'kind', 'client', 'source', 'target', 'host', 'host_uuid'):
        status[key] = to_text(request.get(key, ''))
    for key in ('result', 'error'):
        status[key] = to_text(progress.get(key, ''))
    return status


def _updated(folder):
    """When the last record was written."""
    times = []
    for name in ('outcome', 'progress', 'process', 'request'):
        if dirfd.exists(folder, name):
            times.append(safe_paths.stat_regular(folder, name).st_mtime)
    return max(times)


def _state(dom0, mount_point, folder, request):
    """The state of a job that has no outcome."""
    if to_text(request['boot']) != to_text(dom0.boot_id()):
        if not host_identity.is_this_host(dom0, request):
            return 'elsewhere'
        return _end_of(dom0, mount_point, request)  # this host was rebooted since
    process = records.read_if_there(folder, 'process')
    if process:
        if limits.start_time(records.number(process, 'pid')) == str(to_text(process['started'])):
            return 'running'
    elif is_fresh(request):
        return 'running'
    return _end_of(dom0, mount_point, request)


def _end_of(dom0, mount_point, request):
    """``done`` if a job whose process is gone had linked its copy already, else ``dead``."""
    if not request['target']:
        return 'dead'
    try:
        temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], False)
        try:
            directory, name = safe_paths.open_parent(dom0, request['target'])
            try:
                if dirfd.is_same_file(temporary, temporary_name(request), directory, name):
                    return 'done'
            finally:
                os.close(directory)
        finally:
            os.close(temporary)
    except (errors.NotFound, errors.NotAllowed):  # so it was not linked
        pass
    return 'dead'


def temporary_name(request):
    """The name of a job's copy until it is complete."""
    return _temporary_name(to_text(request['id']))


def _temporary_name(job_id):
    return 'job-%s' % str(job_id)


# --- cancelling -----------------------------------------------------------------------------

def cancel_job(dom0, client, operation, mount, job_id):
    """Ask a job to stop, which it does at its next step; clean up after a dead one.

    Returns what :func:`job_status` does; a job that is done stays done.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, job_id = safe_paths.mount_point(mount), arguments.operation(job_id)
    dom0.log('%s %s cancel_job %s %s' % (client, operation, safe_paths.printable(mount_point),
                                         job_id))
    return dom0.within(SECONDS, _cancel, dom0, mount_point, job_id, client)


def _cancel(dom0, mount_point, job_id, client):
    folder = open_job(dom0, mount_point, job_id, False)
    try:
        request = records.read(folder, 'request')
        temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
        try:
            if not dirfd.exists(folder, 'outcome'):
                if _state(dom0, mount_point, folder, request) == 'dead':
                    # first: it may be what fills the file system
                    dirfd.remove(temporary, temporary_name(request))
                record_once(temporary, folder, request, 'cancel', {'client': client})
                state = _state(dom0, mount_point, folder, request)
                if state in ('dead', 'done'):
                    _end(temporary, folder, request, state)
            if dirfd.exists(folder, 'outcome'):
                # its process may have been killed just before it could remove it
                dirfd.remove(temporary, temporary_name(request))
        finally:
            os.close(temporary)
        return _status(dom0, mount_point, folder)
    finally:
        os.close(folder)


def _end(temporary, folder, request, state):
    """Record the outcome of a job whose process is gone."""
    outcome = records.read_if_there(folder, 'progress')
    outcome['state'] = {'dead': 'cancelled', 'done': 'done'}[state]
    record_once(temporary, folder, request, 'outcome', outcome)


def record_once(temporary, folder, request, name, record):
    """Create a record of a job, unless it exists already: the first one counts."""
    try:
        state_dir.create(temporary, str(to_text(request['id'])), records.encode(record), folder,
                         name)
    except errors.Exists:
        pass
