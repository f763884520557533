"""Jobs: copies and sums that take longer than a call, each a process of its own (:mod:`run_job`).

``<mount>/.libcloud-ovm3/jobs/<id>/`` has ``request`` (what, for whom, on which host), ``process``
(made by the one process that does it), ``progress``, ``cancel`` (asked for) and ``outcome``. All
but the progress are made once, complete, and never changed.

How a job that has no outcome is, follows from what is there, in this order: its process lives:
``running``. The copy has two names, the temporary one and the target: ``done``, for linking is the
last step before the outcome. Else ``dead``, and it stays so, as only one process can ever make the
record ``process``.
"""

import os
import re
import subprocess
import sys
import time

from libcloud_ovm3_host import (arguments, dirfd, errors, host_identity, records, safe_paths,
                                state_dir)
from libcloud_ovm3_host.compat import big, describe, error, to_bytes, to_text

SECONDS = 50  # clients wait for a minute
START_SECONDS = 30  # a process that has not begun by then never will
KINDS = ('copy', 'sparse_copy', 'md5')
PRUNED = 100  # old jobs at most, at each start

_FOLDER = 'jobs'
_ID = re.compile(u'[0-9a-f]{32}\\Z')


def start_job(dom0, client, operation, kind, source, target):
    """Start a job, or say how the one of that id is; as :func:`job_status`.

    Raises InvalidArgument (also for another job of that id), NotAllowed, NotMounted, NotFound,
    Exists, Failed, Timeout.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    kind = arguments.one_of('kind', kind, KINDS)
    source, target = arguments.name_bytes('source', source), arguments.name_bytes('target', target)
    mount_point = _checked(kind, source, target)
    dom0.log('%s %s start_job %s %s %s' % (client, operation, kind, safe_paths.shown(source),
                                           safe_paths.shown(target)))
    request = {'id': operation, 'client': client, 'kind': kind, 'source': source, 'target': target,
               'boot': dom0.boot_id(), 'started': '%d' % time.time()}
    return dom0.within(SECONDS, _start, dom0, mount_point, request)


def _checked(kind, source, target):
    """The mount point whose folder the job is kept in."""
    mount_point, names = safe_paths.split(source)
    if not names:
        raise errors.NotAllowed('source: %s is the mount itself' % safe_paths.shown(source))
    if kind == 'md5':
        if target:
            raise errors.InvalidArgument("target: expected '' for md5")
        return mount_point
    mount_point, names = safe_paths.split(target)
    if not names:
        raise errors.NotAllowed('target: %s is the mount itself' % safe_paths.shown(target))
    safe_paths.require_not_ours(target)
    return mount_point


def _start(dom0, mount_point, request):
    folder = open_job(dom0, mount_point, request['id'], True)
    try:
        _request(dom0, mount_point, folder, request)
        if _awaits_process(dom0, folder):
            _spawn(dom0, mount_point, request)
        return _status(dom0, mount_point, folder)
    finally:
        os.close(folder)


def _request(dom0, mount_point, folder, request):
    """Put the request down, unless it is there: then it must be the same."""
    try:
        there = records.read(folder, 'request')
    except errors.NotFound:
        _require_possible(dom0, request)
        request = dict(request, **host_identity.identity(dom0))
        temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
        try:
            try:
                now = state_dir.place(temporary, request['id'], records.encode(request), folder,
                                 'request')
                _prune(dom0, mount_point, temporary, now - state_dir.DAY)
                return
            except errors.Exists:  # sent twice at once
                there = records.read(folder, 'request')
        finally:
            os.close(temporary)
    for key in ('client', 'kind', 'source', 'target'):
        if there.get(key) != to_bytes(request[key]):
            raise errors.InvalidArgument('operation: a job of that id has another %s' % key)


def _require_possible(dom0, request):
    """What can be seen to be wrong beforehand; the job itself looks again."""
    source = safe_paths.open_file(dom0, request['source'], os.O_RDONLY)
    try:
        size = os.fstat(source).st_size
    finally:
        os.close(source)
    if request['target']:
        directory, name = safe_paths.open_parent(dom0, request['target'])
        try:
            if dirfd.is_there(directory, name):
                raise errors.Exists('%s is there already' % safe_paths.shown(request['target']))
            if request['kind'] == 'copy':
                _require_room(dom0, directory, size)
        finally:
            os.close(directory)


def _require_room(dom0, directory, size):
    """Guests with sparse disks would get errors from a file system that a copy has filled."""
    status = os.statvfs(safe_paths.below(directory, '.'))
    free = status.f_bavail * status.f_frsize
    if size > free:
        raise errors.Failed('target: no room: the source has %d bytes, %d are free' % (size, free))


def open_job(dom0, mount_point, job_id, make):
    """A descriptor of a job's folder. Raises NotFound, NotMounted, NotAllowed, Failed."""
    return state_dir.open_folder(dom0, mount_point, [_FOLDER, job_id], make)


def _prune(dom0, mount_point, temporary, before):
    """Forget jobs in whose folder nothing has been done since then."""
    folder = state_dir.open_folder(dom0, mount_point, [_FOLDER], False)
    try:
        pruned = 0
        for name in state_dir.names_in(folder, _ID):
            if pruned < PRUNED and _prune_job(folder, name, before):
                dirfd.remove(temporary, _temporary_name(name))
                pruned += 1
    finally:
        os.close(folder)


def _prune_job(folder, name, before):
    try:
        job = safe_paths.enter(os.dup(folder), name)
    except errors.HostModuleError:  # somebody else prunes, or it is none of ours
        return False
    try:
        try:
            names = dirfd.sorted_names(job)
            touched = [os.lstat(safe_paths.below(job, each)).st_mtime for each in names]
            # the folder's own time: a request may be about to be made in it
            if max(touched + [os.fstat(job).st_mtime]) >= before:
                return False
            names.sort(key=_request_last)
            for each in names:
                dirfd.remove(job, each)
        finally:
            os.close(job)
        os.rmdir(safe_paths.below(folder, name))
    except OSError:  # it changed meanwhile: the next start will see
        return False
    return True


def _request_last(name):
    """As long as a job's request is there its id is known."""
    return name == to_bytes('request')


# --- its process ----------------------------------------------------------------------------

def _awaits_process(dom0, folder):
    request = records.read(folder, 'request')
    return (to_text(request['boot']) == to_text(dom0.boot_id()) and is_fresh(request)
            and not dirfd.is_there(folder, 'process')
            and not dirfd.is_there(folder, 'outcome'))


def is_fresh(request):
    """Whether its process may still be about to begin, by the clock of the host it runs on."""
    return abs(time.time() - records.number(request, 'started')) < START_SECONDS


def _spawn(dom0, mount_point, request):
    """Start the process; it goes on by itself. Two of them are none too many: one gives way.

    It is told where the mounts really are, and which they are, so that it notices when they change.
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


def start_time(pid):
    """When a process was started, in the kernel's ticks; '' if it is not there, or only its name.

    With it a process is known for sure: the kernel gives numbers again.
    """
    try:
        handle = open('/proc/%d/stat' % pid, 'rb')
        try:
            fields = handle.read().split(')'.encode('ascii'))[-1].split()
        finally:
            handle.close()
    except (IOError, OSError):
        return ''
    if fields[0] in (to_bytes('Z'), to_bytes('X')):
        return ''
    return str(to_text(fields[19]))


# --- how it is ------------------------------------------------------------------------------

def job_status(dom0, mount, job_id):
    """``{id, kind, client, source, target, state, host, host_uuid, done_bytes, size_bytes, result,
    problem, updated}``; ``result`` and ``problem`` are '' when there is none, ``updated`` is in
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
    said = records.read_if_there(folder, 'progress')
    state = _state(dom0, mount_point, folder, request)
    said.update(records.read_if_there(folder, 'outcome'))
    status = {'state': str(to_text(said.get('state', state))),
              'done_bytes': big(records.number(said, 'done_bytes')),
              'size_bytes': big(records.number(said, 'size_bytes')),
              'updated': big(_updated(folder))}
    for key in ('id', 'kind', 'client', 'source', 'target', 'host', 'host_uuid'):
        status[key] = to_text(request.get(key, ''))
    for key in ('result', 'error'):
        status[key] = to_text(said.get(key, ''))
    return status


def _updated(folder):
    """When something was last put down."""
    times = []
    for name in ('outcome', 'progress', 'process', 'request'):
        if dirfd.is_there(folder, name):
            times.append(safe_paths.status_in(folder, name).st_mtime)
    return max(times)


def _state(dom0, mount_point, folder, request):
    """What can be said of a job, if no outcome says it."""
    if to_text(request['boot']) != to_text(dom0.boot_id()):
        if not host_identity.is_same(dom0, request):
            return 'elsewhere'
        return _end_of(dom0, mount_point, request)  # the host has been booted since
    process = records.read_if_there(folder, 'process')
    if process:
        if start_time(records.number(process, 'pid')) == str(to_text(process['started'])):
            return 'running'
    elif is_fresh(request):
        return 'running'
    return _end_of(dom0, mount_point, request)


def _end_of(dom0, mount_point, request):
    """``done`` if a job that is gone had put its copy in place already, else ``dead``."""
    if not request['target']:
        return 'dead'
    try:
        temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], False)
        try:
            directory, name = safe_paths.open_parent(dom0, request['target'])
            try:
                if dirfd.is_one_file(temporary, temporary_name(request), directory, name):
                    return 'done'
            finally:
                os.close(directory)
        finally:
            os.close(temporary)
    except (errors.NotFound, errors.NotAllowed):  # so it is not in place
        pass
    return 'dead'


def temporary_name(request):
    """What a job's copy is called until it is complete."""
    return _temporary_name(to_text(request['id']))


def _temporary_name(job_id):
    return 'job-%s' % str(job_id)


# --- cancelling -----------------------------------------------------------------------------

def cancel_job(dom0, client, operation, mount, job_id):
    """Ask a job to end, which it does at its next step; clean up after a dead one.

    As :func:`job_status`; what is done stays done.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    mount_point, job_id = safe_paths.mount_point(mount), arguments.operation(job_id)
    dom0.log('%s %s cancel_job %s %s' % (client, operation, safe_paths.shown(mount_point), job_id))
    return dom0.within(SECONDS, _cancel, dom0, mount_point, job_id, client)


def _cancel(dom0, mount_point, job_id, client):
    folder = open_job(dom0, mount_point, job_id, False)
    try:
        request = records.read(folder, 'request')
        temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
        try:
            if not dirfd.is_there(folder, 'outcome'):
                if _state(dom0, mount_point, folder, request) == 'dead':
                    # first: it may be what leaves no room for a record
                    dirfd.remove(temporary, temporary_name(request))
                put_down(temporary, folder, request, 'cancel', {'client': client})
                state = _state(dom0, mount_point, folder, request)
                if state in ('dead', 'done'):
                    _end(temporary, folder, request, state)
            if dirfd.is_there(folder, 'outcome'):
                # its process may have been killed just before it did so
                dirfd.remove(temporary, temporary_name(request))
        finally:
            os.close(temporary)
        return _status(dom0, mount_point, folder)
    finally:
        os.close(folder)


def _end(temporary, folder, request, state):
    """Put down for a job that is gone how it ended."""
    outcome = records.read_if_there(folder, 'progress')
    outcome['state'] = {'dead': 'cancelled', 'done': 'done'}[state]
    put_down(temporary, folder, request, 'outcome', outcome)


def put_down(temporary, folder, request, name, record):
    """Make a record of a job's, unless it is there already: the first one stands."""
    try:
        state_dir.place(temporary, str(to_text(request['id'])), records.encode(record), folder, name)
    except errors.Exists:
        pass
