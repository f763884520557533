"""What hangs is given up; nothing of the agent's is held by what cannot be given up."""

import os
import socket
import tempfile
import threading
import time

import pytest

from libcloud_ovm3_host import errors, limits


def test_answers_and_errors_come_through():
    assert limits.within(5, lambda *numbers: {'sum': sum(numbers)}, 1, 2) == {'sum': 3}
    large = 'x'.encode('ascii') * (5 << 20)
    assert limits.within(5, lambda: large) == large

    def lost():
        raise errors.Conflict('why')

    def broken():
        return {}['nothing']
    problem = pytest.raises(errors.Conflict, limits.within, 5, lost).value
    assert str(problem) == 'why'
    problem = pytest.raises(errors.Failed, limits.within, 5, broken).value
    assert 'KeyError' in str(problem)
    problem = pytest.raises(errors.Failed, limits.within, 5, os._exit, 3).value
    assert 'died' in str(problem)


def test_what_hangs_is_killed():
    folder = tempfile.mkdtemp()

    def hang():
        open(os.path.join(folder, str(os.getpid())), 'w').close()
        while True:
            time.sleep(1)
    with pytest.raises(errors.Timeout):
        limits.within(1, hang)
    [pid] = os.listdir(folder)
    assert is_gone(pid)


def is_gone(pid):
    """Within a minute. A zombie is gone: it only waits to be counted."""
    for _ in range(6000):
        try:
            handle = open('/proc/%s/stat' % pid)
        except IOError:
            return True
        state = handle.read().rpartition(')')[2].split()[0]
        handle.close()
        if state == 'Z':
            return True
        time.sleep(0.01)
    return False


def test_the_agents_port_is_not_held():
    """A process that cannot be killed must not keep the agent from being started again."""
    port = socket.socket()
    port.bind(('127.0.0.1', 0))
    held = limits.within(5, os.listdir, '/proc/self/fd')
    mine = limits.within(5, lambda: [os.readlink('/proc/self/fd/' + name) for name in held
                                     if os.path.lexists('/proc/self/fd/' + name)])
    port.close()
    assert not [target for target in mine if target.startswith('socket:')]
    assert len(set(mine) - set([os.devnull])) <= 6


def test_what_the_agent_writes_to_its_own_files_gets_into_no_other(tmpdir):
    """The number of a file of the agent's, its log for example, is not given to another."""
    log, other = os.open(str(tmpdir.join('log')), os.O_CREAT | os.O_WRONLY), str(tmpdir.join('x'))

    def opens_and_logs():
        mine = os.open(other, os.O_CREAT | os.O_WRONLY)
        os.write(log, 'a line of the log'.encode('ascii'))
        os.write(mine, 'content'.encode('ascii'))
    limits.within(5, opens_and_logs)
    os.close(log)
    assert open(other).read() == 'content'


def test_many_at_once_do_not_wait_for_each_other():
    """A child of another thread may hold the other end of the pipe."""
    released, ended = os.path.join(tempfile.mkdtemp(), 'released'), []

    def ask(is_long):
        limits.within(60, until_there, is_long and released or os.devnull)
        ended.append(is_long)
    threads = [threading.Thread(target=ask, args=(is_long,)) for is_long in (1, 0, 1, 0, 0, 0)]
    for thread in threads:
        thread.start()
    for thread, is_long in zip(threads, (1, 0, 1, 0, 0, 0)):
        if not is_long:
            thread.join()
    assert ended == [0, 0, 0, 0]
    open(released, 'w').close()
    for thread in threads:
        thread.join()
    assert ended == [0, 0, 0, 0, 1, 1]


def until_there(path):
    while not os.path.exists(path):
        time.sleep(0.01)


def test_no_descriptor_is_left_open():
    before = len(os.listdir('/proc/self/fd'))
    for _ in range(3):
        limits.within(5, str, 1)
        limits.run(['true'], 5)
    assert len(os.listdir('/proc/self/fd')) == before


def test_commands():
    assert limits.run(['sh', '-c', 'echo out; echo err >&2; exit 3'], 5) == (
        3, 'out\n'.encode('ascii'), 'err\n'.encode('ascii'))
    much = limits.run(['head', '-c', '300000', '/dev/zero'], 5)[1]
    assert len(much) == 300000
    with pytest.raises(errors.Failed):
        limits.run(['no-such-command-here'], 5)


@pytest.mark.parametrize('command', ['sleep 3600', 'sleep 3600 & exec >&- 2>&-; wait',
                                     'while :; do echo x; done'])
def test_commands_that_hang_are_killed_with_what_they_started(command):
    folder = tempfile.mkdtemp()
    for seconds in (0.5, 5, 50):  # a busy machine needs some to begin with it
        with pytest.raises(errors.Timeout):
            limits.run(['sh', '-c', 'echo > %s/$$; %s' % (folder, command)], seconds)
        if os.listdir(folder):
            break
    [leader] = os.listdir(folder)
    assert [pid for pid in session_of(leader) if not is_gone(pid)] == []


def session_of(leader):
    """What is in the session that the command was the first of."""
    found = []
    for pid in os.listdir('/proc'):
        try:
            handle = open('/proc/%s/stat' % pid)
        except IOError:
            continue
        if handle.read().rpartition(')')[2].split()[3:4] == [leader]:
            found.append(pid)
        handle.close()
    return found


def test_no_descriptor_is_left_when_no_process_can_be_made(monkeypatch):
    def fork():
        raise OSError(11, 'Resource temporarily unavailable')
    monkeypatch.setattr(os, 'fork', fork)
    before = len(os.listdir('/proc/self/fd'))
    for _ in range(3):
        with pytest.raises(errors.Failed):
            limits.within(5, str, 1)
    assert len(os.listdir('/proc/self/fd')) == before
