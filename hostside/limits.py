"""Time limits on what can hang: commands, and anything that touches a file system or xend.

A process that waits for a dead NFS server may not even die when it is killed, so it is never waited
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
from libcloud_ovm3_host.compat import describe, error, pickle

_CHUNK = 1 << 16
_LENGTH = '%016d'


def run(arguments, seconds):
    """Run a command without a shell; ``(status, output, errors)``, the latter two as bytes.

    Only in a process made by :func:`within`: the agent may let its children be reaped by others,
    and then every command would seem to have ended well.
    Raises Timeout (it is killed, with what it started) and Failed (it cannot be started).
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
    # its ends are closed, yet it may go on
    while process.poll() is None:
        if time.time() >= deadline:
            _kill(-process.pid)
            raise errors.Timeout('%s: more than %g s' % (' '.join(arguments), seconds))
        time.sleep(0.01)
    none = ''.encode('ascii')
    return (process.returncode, none.join(streams[process.stdout]),
            none.join(streams[process.stderr]))


def within(seconds, function, *arguments):
    """What the function returns or raises, called in a process of its own.

    Raises Timeout when it does not end in time; it is killed then, if it can be.
    """
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
            _leave_behind(writer)
            data = _outcome(function, arguments)
            _send(writer, (_LENGTH % len(data)).encode('ascii') + data)
        finally:
            os._exit(0)
    os.close(writer)
    try:
        received = _receive(reader, time.time() + seconds)
    finally:
        os.close(reader)
    if received is None:
        _kill(child)
    _reap(child)
    if received is None:
        raise errors.Timeout('%s: more than %g s' % (function.__name__, seconds))
    if not received:
        raise errors.Failed('%s: its process died' % function.__name__)
    kind, value = pickle.loads(received)
    if kind == 'answer':
        return value
    raise getattr(errors, kind)(value)


def _leave_behind(kept):
    """Let go of what the process was born with, the agent's port above all.

    A process that cannot be killed would hold it, and the agent could not be started again. The
    numbers stay taken: what the agent's own objects write to theirs, its log for example, must not
    get into a file that is opened here.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the function may start and await commands
    syslog.closelog()
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir('/proc/self/fd'):
        # the one that listed them is gone, and takes a number more
        if int(name) > 2 and int(name) not in (kept, nothing):
            os.dup2(nothing, int(name))


def _outcome(function, arguments):
    try:
        return pickle.dumps(('answer', function(*arguments)), 2)
    except errors.HostModuleError:
        problem = error()
        return pickle.dumps((problem.__class__.__name__, str(problem)), 2)
    except Exception:
        return pickle.dumps(('Failed', describe(error())), 2)


def _send(writer, data):
    while data:
        data = data[os.write(writer, data):]


def _receive(reader, deadline):
    """What comes after its length; '' if the process died, None if it has not ended in time.

    The end of the pipe is no sign: another thread's process may have been born with the pipe open.
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
        except OSError:  # the agent lets the system reap its children
            return
        time.sleep(0.01)
