"""Time limits on what can hang: commands, and anything that touches a file system or xend.

A process that waits for a dead NFS server may not even end when it is killed, so it is never waited
for.
"""

import errno
import os
import select
import signal
import subprocess
import syslog
import time

from libcloud_ovm3_host import errors
from libcloud_ovm3_host.compat import describe, error, pickle, to_bytes, to_text

_CHUNK = 1 << 16
_LENGTH = '%016d'


def run(arguments, seconds):
    """Run a command without a shell; ``(status, output, errors)``, the latter two as bytes.

    Only in a process created by :func:`within`: the agent may have its children reaped elsewhere,
    and then every command would seem to have succeeded.
    Raises Timeout (its process group is killed) and Failed (it cannot be started).
    """
    try:
        process = subprocess.Popen(arguments, stdin=open(os.devnull), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, close_fds=True, preexec_fn=os.setsid)
    except (IOError, OSError):
        raise errors.Failed('%s: %s' % (arguments[0], describe(error())))
    streams = {process.stdout: [], process.stderr: []}
    deadline = time.time() + seconds
    unread = list(streams)
    while unread:
        for stream in _readable(unread, deadline):
            data = os.read(stream.fileno(), _CHUNK)
            streams[stream].append(data)
            if not data:
                unread.remove(stream)
        if time.time() >= deadline:
            _kill(-process.pid)
            raise errors.Timeout('%s: more than %g s' % (' '.join(arguments), seconds))
    # its output is closed, but it may still run
    while process.poll() is None:
        if time.time() >= deadline:
            _kill(-process.pid)
            raise errors.Timeout('%s: more than %g s' % (' '.join(arguments), seconds))
        time.sleep(0.01)
    none = ''.encode('ascii')
    return (process.returncode, none.join(streams[process.stdout]),
            none.join(streams[process.stderr]))


def within(seconds, function, *arguments):
    """Call the function in a process of its own; return or raise what it does.

    Raises Timeout when it does not finish in time; it is killed then, if possible.
    """
    child, received = _call(seconds, function, arguments, False)
    if received is None:
        _kill(child)
    _reap(child)
    if received is None:
        raise errors.Timeout('%s: more than %g s' % (function.__name__, seconds))
    return _result(received, function)


def detached(seconds, function, *arguments):
    """Call the function in a process of its own session, which has no limit and which this module
    does not end; return or raise what it does, or return None if it goes on after that time.
    """
    child, received = _call(seconds, function, arguments, True)
    _reap(child)
    if received is None:
        return None
    return _result(received, function)


def _call(seconds, function, arguments, is_detached):
    """``(pid of the child, message)``; the message is None when it did not finish in time."""
    try:
        reader, writer = os.pipe()
    except OSError:
        raise errors.Failed('%s: %s' % (function.__name__, describe(error())))
    try:
        child = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        raise errors.Failed('%s: %s' % (function.__name__, describe(error())))
    if child == 0:
        try:
            if is_detached:
                os.setsid()
                if os.fork():
                    os._exit(0)
            _close_inherited(writer)
            if hasattr(os, 'stat_float_times'):  # until Python 3.6; whole seconds in 2.4
                os.stat_float_times(True)
            data = _outcome(function, arguments)
            _send(writer, (_LENGTH % len(data)).encode('ascii') + data)
        finally:
            os._exit(0)
    os.close(writer)
    try:
        return child, _receive(reader, time.time() + seconds)
    finally:
        os.close(reader)


def _result(received, function):
    if not received:
        raise errors.Failed('%s: its process died' % function.__name__)
    kind, value = pickle.loads(received)
    if kind == 'answer':
        return value
    raise getattr(errors, kind)(value)


def _close_inherited(kept):
    """Close the inherited descriptors, above all the agent's listening port.

    A process that cannot be killed would hold it, and the agent could not be started again. The
    descriptor numbers stay in use: what the agent's objects write to theirs, its log for example,
    must not end up in a file that is opened here.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the function may run commands and wait for them
    syslog.closelog()
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir('/proc/self/fd'):
        # the one that listed them is closed already
        if int(name) > 2 and int(name) not in (kept, nothing):
            os.dup2(nothing, int(name))


def _outcome(function, arguments):
    try:
        return pickle.dumps(('answer', function(*arguments)), 2)
    except errors.HostModuleError:
        failure = error()
        return pickle.dumps((failure.__class__.__name__, str(failure)), 2)
    except Exception:
        return pickle.dumps(('Failed', describe(error())), 2)


def _send(writer, data):
    while data:
        data = data[os.write(writer, data):]


def _receive(reader, deadline):
    """The message after its length; '' if the process died, None if it did not finish in time.

    The end of the pipe is not reliable: another thread's child may have inherited the pipe.
    """
    received = _receive_bytes(reader, len(_LENGTH % 0), deadline)
    if not received:
        return received
    return _receive_bytes(reader, int(received), deadline)


def _receive_bytes(reader, count, deadline):
    pieces = []
    while count:
        if not _readable([reader], deadline):
            if time.time() >= deadline:
                return None
            continue
        data = os.read(reader, min(count, _CHUNK))
        if not data:
            return ''
        pieces.append(data)
        count -= len(data)
    return ''.encode('ascii').join(pieces)


def _readable(streams, deadline):
    try:
        return select.select(streams, [], [], max(0, min(1.0, deadline - time.time())))[0]
    except select.error:
        if error().args[0] != errno.EINTR:
            raise
        return []


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        if error().errno != errno.ESRCH:
            raise


def _reap(child):
    for _ in range(10):
        try:
            if os.waitpid(child, os.WNOHANG)[0]:
                return
        except OSError:  # the agent has its children reaped by the system
            return
        time.sleep(0.01)


def start_time(pid):
    """When a process was started, in the kernel's ticks; '' if it is gone or a zombie.

    It identifies a process reliably: process ids are reused.
    """
    fields = _stat(pid)
    if not fields:
        return ''
    return str(to_text(fields[19]))


def session_members(session):
    """``[(pid, start time)]`` of the processes in a session, which has its first process's id."""
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit():
            fields = _stat(int(name))
            if fields and int(fields[3]) == session:
                found.append((int(name), str(to_text(fields[19]))))
    return found


def _stat(pid):
    """What the kernel says of a process, without its id and name; ``[]`` if it is gone or a zombie:
    ``[state, parent, group, session, ...]``."""
    try:
        handle = open('/proc/%d/stat' % pid, 'rb')
        try:
            fields = handle.read().split(')'.encode('ascii'))[-1].split()
        finally:
            handle.close()
    except (IOError, OSError):
        return []
    if not fields or fields[0] in (to_bytes('Z'), to_bytes('X')):
        return []
    return fields
