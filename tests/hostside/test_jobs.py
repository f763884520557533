"""Jobs: they outlive who started them, and whatever happens, what is said of them is true."""

import errno
import os
import signal
import struct
import time

import pytest

from libcloud_ovm3_host import (errors, files, jobs, limits, records, run_job, safe_paths,
                                 state_dir)
from libcloud_ovm3_host.compat import md5, to_bytes
from libcloud_ovm3_host.rpc import Binary

REPOSITORY = '/OVS/Repositories/' + '0a' * 16
SHARE = '/nfsmnt/0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e'
SOURCE, TARGET = REPOSITORY + '/source', REPOSITORY + '/target'
OURS = REPOSITORY + '/.libcloud-ovm3'
DATA = to_bytes('a' * 5000) + to_bytes('\0') * (1 << 20) + to_bytes('z')
LONG = 16 << 30  # zeros: some seconds to read, not enough space on the disk
# A file system that does not report holes, for the processes of jobs: kernels before Linux 3.1.
NO_HOLES = """
import errno, os
def lseek(handle, offset, whence, real=os.lseek):
    if whence > 2:
        raise OSError(errno.EINVAL, 'Invalid argument')
    return real(handle, offset, whence)
os.lseek = lseek
"""


@pytest.fixture
def host(dom0):
    dom0.log = lambda message: None
    handle = open(dom0.path(SOURCE), 'wb')
    handle.write(DATA)
    handle.close()
    return dom0


@pytest.fixture
def without_holes(tmpdir, monkeypatch):
    tmpdir.mkdir('customized').join('sitecustomize.py').write(NO_HOLES)
    monkeypatch.setenv('PYTHONPATH', str(tmpdir.join('customized')))


@pytest.fixture
def long_host(host, without_holes):
    handle = open(host.path(SOURCE), 'r+')
    handle.truncate(LONG)
    handle.close()
    yield host
    for name in os.listdir(host.path(OURS + '/jobs')):  # none goes on after its test
        pid = pid_of(host, name)
        if pid and limits.start_time(pid):
            os.kill(pid, signal.SIGKILL)


def job_id(number=1):
    return '%032x' % number


def start(host, kind='copy', source=SOURCE, target=TARGET, number=1):
    return jobs.start_job(host, 'client', job_id(number), kind, source, target)


def status_of(host, number=1, mount=REPOSITORY):
    return jobs.job_status(host, mount, job_id(number))


def cancel(host, number=1):
    return jobs.cancel_job(host, 'client', job_id(99), REPOSITORY, job_id(number))


def until(host, condition, number=1, mount=REPOSITORY):
    """The first status of which it is so."""
    for _ in range(12000):
        status = status_of(host, number, mount)
        if condition(status):
            return status
        time.sleep(0.01)
    raise AssertionError('never so: %r' % status)


def ended(host, number=1, mount=REPOSITORY):
    return until(host, lambda status: status['state'] != 'running', number, mount)


def going(host, number=1):
    """It has begun to read."""
    return until(host, lambda status: status['done_bytes'] > 0, number)


def pid_of(host, name=job_id()):
    path = host.path('%s/jobs/%s/process' % (OURS, name))
    if not os.path.exists(path):
        return None
    return int(records.decode(bytes_of(path))['pid'])


def bytes_of(path):
    handle = open(path, 'rb')
    try:
        return handle.read()
    finally:
        handle.close()


def left_over(host):
    return os.listdir(host.path(OURS + '/temporary'))


def test_copies(host):
    for number, kind in ((1, 'copy'), (2, 'sparse_copy')):
        target = '%s%d' % (TARGET, number)
        assert start(host, kind, SOURCE, target, number)['id'] == job_id(number)
        status = ended(host, number)
        assert (status['state'], status['error']) == ('done', '')
        if kind == 'copy':
            assert status['result'] == md5(DATA).hexdigest()
        assert status['done_bytes'] == status['size_bytes'] == len(DATA)
        assert (status['kind'], status['source'], status['target'], status['client']) == (
            kind, SOURCE, target, 'client')
        assert abs(status['updated'] - time.time()) < 100
        assert bytes_of(host.path(target)) == DATA
        assert os.stat(host.path(target)).st_mode & 511 == 384
    assert os.stat(host.path(TARGET + '1')).st_blocks * 512 > 1 << 20
    assert os.stat(host.path(TARGET + '2')).st_blocks * 512 < 1 << 17
    assert left_over(host) == []


@pytest.mark.parametrize('size', [0, 1, 1 << 20])
def test_a_sparse_copy_that_ends_in_zeros_is_as_long(host, size):
    handle = open(host.path(SOURCE), 'wb')
    handle.truncate(size)
    handle.close()
    start(host, 'sparse_copy')
    assert ended(host)['state'] == 'done'
    assert os.path.getsize(host.path(TARGET)) == size


def test_only_data_is_read_where_the_file_system_reports_holes(host):
    """Reading all of it would take an hour."""
    handle = open(host.path(SOURCE), 'r+b')
    handle.seek(1 << 40)
    handle.write(DATA)
    handle.truncate(1 << 41)
    handle.close()
    start(host, 'sparse_copy')
    status = ended(host)
    assert (status['state'], status['error']) == ('done', '')
    assert status['done_bytes'] == status['size_bytes'] == 1 << 41
    handle = open(host.path(TARGET), 'rb')
    assert handle.read(len(DATA)) == DATA
    handle.seek(1 << 40)
    assert handle.read(len(DATA)) == DATA
    handle.close()
    assert os.path.getsize(host.path(TARGET)) == 1 << 41
    assert os.stat(host.path(TARGET)).st_blocks * 512 < 1 << 18


def test_a_sparse_copy_where_the_file_system_reports_no_holes(host, without_holes):
    start(host, 'sparse_copy')
    assert ended(host)['result'] == md5(DATA).hexdigest()
    assert bytes_of(host.path(TARGET)) == DATA
    assert os.stat(host.path(TARGET)).st_blocks * 512 < 1 << 17


def test_to_another_mount_and_names_that_are_no_utf8(host):
    name = u'/caf\xe9'.encode('latin-1')
    os.rename(host.path(SOURCE), to_bytes(host.path(REPOSITORY)) + name)
    start(host, 'copy', Binary(to_bytes(REPOSITORY) + name), SHARE + '/copy')
    assert ended(host, 1, SHARE)['state'] == 'done'
    assert bytes_of(host.path(SHARE + '/copy')) == DATA


def test_a_sum(host):
    start(host, 'md5', SOURCE, '')
    assert ended(host)['result'] == md5(DATA).hexdigest()
    assert ended(host)['target'] == ''


def test_it_outlives_who_started_it_and_holds_nothing_of_theirs(long_host):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            start(long_host, 'md5', SOURCE, '')
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    going(long_host)
    pid = pid_of(long_host)
    assert os.getsid(pid) not in (os.getsid(0), pid)
    held = [os.readlink('/proc/%d/fd/%s' % (pid, name)) for name in os.listdir('/proc/%d/fd' % pid)]
    inside = [target for target in held if target.startswith(long_host.path(REPOSITORY))]
    # Python 2.7 opens the other one by itself
    assert set(held) - set(inside) - set(['/dev/urandom']) == set([os.devnull])
    os.close(reader)
    os.close(writer)


def test_killed_it_is_dead_and_can_be_cleaned_up(long_host):
    start(long_host, 'sparse_copy')
    going(long_host)
    os.kill(pid_of(long_host), signal.SIGKILL)
    assert ended(long_host)['state'] == 'dead'
    assert start(long_host, 'sparse_copy')['state'] == 'dead'  # once is once
    assert not os.path.exists(long_host.path(TARGET))
    assert cancel(long_host)['state'] == 'cancelled'
    assert status_of(long_host)['state'] == 'cancelled'
    assert left_over(long_host) == []


def test_cancelled(long_host):
    start(long_host, 'sparse_copy')
    going(long_host)
    cancel(long_host)
    assert ended(long_host)['state'] == 'cancelled'
    assert cancel(long_host)['state'] == 'cancelled'
    assert not os.path.exists(long_host.path(TARGET))
    for _ in range(12000):  # the outcome is put down before the temporary is taken away
        if left_over(long_host) == []:
            break
        time.sleep(0.01)
    assert left_over(long_host) == []


def test_what_is_done_stays_done(host):
    start(host)
    assert ended(host)['state'] == 'done'
    assert cancel(host)['state'] == 'done'
    assert bytes_of(host.path(TARGET)) == DATA


def test_the_same_id_is_one_job(host):
    for _ in range(3):
        start(host)
    assert ended(host)['state'] == 'done'
    assert start(host)['state'] == 'done'
    for changed in (('md5', SOURCE, ''), ('copy', SOURCE, TARGET + 'x'),
                    ('sparse_copy', SOURCE, TARGET)):
        with pytest.raises(errors.InvalidArgument):
            start(host, *changed)


def test_two_processes_for_one_job(long_host):
    """A request that came twice at once: one of them gives way."""
    start(long_host, 'md5', SOURCE, '')
    going(long_host)
    pid = pid_of(long_host)
    folder = jobs.open_job(long_host, to_bytes(REPOSITORY), job_id(), False)
    request = records.read(folder, 'request')
    temporary = state_dir.open_folder(long_host, to_bytes(REPOSITORY), [state_dir.TEMPORARY], True)
    assert not run_job.begins(temporary, folder, request)
    assert pid_of(long_host) == pid
    os.close(folder)
    os.close(temporary)


@pytest.mark.parametrize('source, target, kind', [
    (REPOSITORY + '/nothing', TARGET, errors.NotFound), (SOURCE, SOURCE, errors.Exists),
    (REPOSITORY, TARGET, errors.NotAllowed), (SOURCE, REPOSITORY, errors.NotAllowed),
    (REPOSITORY + '/link', TARGET, errors.NotAllowed), (SOURCE, '', errors.NotAllowed),
    (SOURCE, OURS + '/x', errors.NotAllowed), (SOURCE, '/etc/x', errors.NotAllowed)])
def test_refused_beforehand(host, source, target, kind):
    os.symlink('/etc/passwd', host.path(REPOSITORY + '/link'))
    with pytest.raises(kind):
        start(host, 'copy', source, target)
    with pytest.raises(errors.NotFound):
        status_of(host)


def test_never_onto_what_came_meanwhile(host, monkeypatch):
    monkeypatch.setattr(jobs, '_require_possible', lambda dom0, request: None)
    handle = open(host.path(TARGET), 'w')
    handle.write('theirs')
    handle.close()
    start(host)
    status = ended(host)
    assert (status['state'], status['error'][:6]) == ('failed', 'Exists')
    assert bytes_of(host.path(TARGET)) == to_bytes('theirs')


def test_a_source_that_is_written_to_makes_no_copy(long_host):
    start(long_host, 'md5', SOURCE, '')
    going(long_host)
    handle = open(long_host.path(SOURCE), 'r+b')
    handle.write(to_bytes('changed'))
    handle.truncate(1 << 20)
    handle.close()
    status = ended(long_host)
    assert (status['state'], status['result']) == ('failed', '')
    assert 'modified while' in status['error']


class Server(object):
    """A module of the agent's that knows the server's uuid."""
    uuid = '1d:d5:e8:91:d9:d0:ed:bd:81:c2:a6:9a:b3:d1:b7:ea'

    def get_services(self, version=None):
        return {'discover_server': lambda: '<Server>\n<Pool_Unique_Id>0a</Pool_Unique_Id>'
                                           '<Unique_Id>%s</Unique_Id></Server>' % self.uuid}


class Twin(Server):
    uuid = Server.uuid.replace('d', 'e')


def certificate(host, content):
    folder = host.path('/etc/ovs-agent/cert')
    if not os.path.isdir(folder):
        os.makedirs(folder)
    handle = open(folder + '/certificate.pem', 'w')
    handle.write(content)
    handle.close()


def left(host):
    """A job that was done, but for its last word."""
    start(host)
    ended(host)
    os.unlink(host.path('%s/jobs/%s/outcome' % (OURS, job_id())))
    host.boot_id = lambda: 'another boot'


def test_on_another_host_and_after_a_boot(host):
    host.agent_modules = lambda: [Server]
    name = host.hostname()
    left(host)
    status = status_of(host)
    assert (status['state'], status['host_uuid']) == ('dead', Server.uuid)
    host.hostname = lambda: 'another'
    status = status_of(host)
    assert (status['state'], status['host']) == ('elsewhere', name)
    assert start(host)['state'] == 'elsewhere'
    assert cancel(host)['state'] == 'elsewhere'
    assert not os.path.exists(host.path('%s/jobs/%s/outcome' % (OURS, job_id())))


@pytest.mark.parametrize('uuid', [Server, None])
@pytest.mark.parametrize('pem', ['one', None])
def test_a_name_alone_makes_no_host(host, uuid, pem):
    """Two of localhost.localdomain; two boards with one placeholder for a uuid."""
    host.hostname = lambda: 'localhost.localdomain'
    if uuid:
        host.agent_modules = lambda: [uuid]
    if pem:
        certificate(host, pem)
    left(host)
    assert status_of(host)['state'] == {True: 'dead', False: 'elsewhere'}[bool(uuid or pem)]
    host.agent_modules = lambda: [Twin]
    assert status_of(host)['state'] == 'elsewhere'
    host.agent_modules = lambda: [Server]
    certificate(host, 'other')
    assert status_of(host)['state'] == 'elsewhere'
    host.agent_modules = lambda: []
    assert status_of(host)['state'] == 'elsewhere'


def inline(host):
    host.within = lambda seconds, function, *arguments: function(*arguments)
    return host


def test_a_start_cut_off_anywhere_is_one_job(host, cut_off):
    inline(host)
    number, was_cut = 0, True
    while was_cut:
        number += 1
        target = '%s%d' % (TARGET, number)
        was_cut = cut_off(number, ['mkdir', 'write', 'fsync', 'link', 'unlink', 'fork'], start,
                          host, 'copy', SOURCE, target, number)
        try:
            assert status_of(host, number)['state'] in ('running', 'done')
        except errors.NotFound:
            pass
        start(host, 'copy', SOURCE, target, number)
        assert ended(host, number)['state'] == 'done'
        assert bytes_of(host.path(target)) == DATA
    assert number > 6


def test_a_request_whose_process_never_began_is_dead(host, cut_off, monkeypatch):
    inline(host)
    monkeypatch.setattr(jobs, '_spawn', lambda dom0, mount_point, request: None)
    assert start(host)['state'] == 'running'
    real = time.time
    monkeypatch.setattr(time, 'time', lambda: real() + jobs.START_SECONDS + 1)
    assert status_of(host)['state'] == 'dead'
    assert not cut_off(1, [], run_here, host, monkeypatch)  # late, it does nothing
    assert pid_of(host)
    assert status_of(host)['state'] == 'dead'
    assert not os.path.exists(host.path(TARGET))


def words_of(host):
    directory = safe_paths.open_root(host, to_bytes(REPOSITORY))
    status = os.fstat(directory)
    os.close(directory)
    return [REPOSITORY, job_id(), REPOSITORY, host.path(REPOSITORY),
            '%d:%d' % (status.st_dev, status.st_ino)]


def run_here(host, monkeypatch):
    monkeypatch.setattr(run_job, 'detach', lambda: None)
    run_job.main(words_of(host))


def test_its_process_killed_anywhere(host, cut_off, monkeypatch):
    """It is dead and nothing lies under the name, or it is done and the copy is whole."""
    inline(host)
    monkeypatch.setattr(jobs, '_spawn', lambda dom0, mount_point, request: None)
    steps, seen, was_cut = 0, set(), True
    while was_cut:
        steps += 1
        start(host)
        was_cut = cut_off(steps, ['open', 'write', 'ftruncate', 'fsync', 'link', 'rename',
                                  'unlink'], run_here, host, monkeypatch)
        status = status_of(host)
        if pid_of(host) is None:  # it may still begin, for half a minute
            assert status['state'] == 'running'
            assert not cut_off(1, [], run_here, host, monkeypatch)
        else:
            assert status['state'] in ('dead', 'done')
            seen.add(status['state'])
        status = cancel(host)
        assert status['state'] in ('cancelled', 'done')
        assert os.path.exists(host.path(TARGET)) == (status['state'] == 'done')
        if status['state'] == 'done':
            assert bytes_of(host.path(TARGET)) == DATA
            assert status['result'] == md5(DATA).hexdigest()
            os.unlink(host.path(TARGET))
        assert [name for name in left_over(host) if name.startswith('job-')] == []
        forget(host)
    assert seen == set(['dead', 'done'])
    assert steps > 30


@pytest.fixture
def filling(host, monkeypatch):
    """A file system that has not enough space as long as the job's own copy is there."""
    inline(host)
    monkeypatch.setattr(jobs, '_spawn', lambda dom0, mount_point, request: None)
    real = files.write_at

    def write_at(handle, at, data):
        if [name for name in left_over(host) if name.startswith('job-')]:
            raise OSError(errno.ENOSPC, 'No space left on device')
        real(handle, at, data)

    def fill():
        monkeypatch.setattr(files, 'write_at', write_at)
    return fill


def test_a_copy_that_fills_the_file_system_is_taken_back(host, filling, monkeypatch):
    start(host)
    filling()
    run_here(host, monkeypatch)
    status = status_of(host)
    assert status['state'] == 'failed' and 'No space left' in status['error']
    assert left_over(host) == []


def test_a_dead_copy_that_fills_the_file_system_can_be_cancelled(host, filling, cut_off,
                                                                 monkeypatch):
    start(host)
    assert cut_off(1, ['ftruncate'], run_here, host, monkeypatch)
    assert left_over(host) != []
    filling()
    assert status_of(host)['state'] == 'dead'
    assert cancel(host)['state'] == 'cancelled'
    assert left_over(host) == []


def test_no_copy_begins_without_room_for_it(host, monkeypatch):
    inline(host)
    real = os.statvfs

    class Full(object):
        f_bavail, f_frsize = 1, len(DATA) - 1
    monkeypatch.setattr(os, 'statvfs', lambda path: Full)
    with pytest.raises(errors.Failed, match='not enough space'):
        start(host)
    with pytest.raises(errors.NotFound):
        status_of(host)
    monkeypatch.setattr(os, 'statvfs', real)
    start(host)
    assert ended(host)['state'] == 'done'


def forget(host, name=job_id()):
    folder = host.path('%s/jobs/%s' % (OURS, name))
    for each in os.listdir(folder):
        os.unlink(folder + '/' + each)
    os.rmdir(folder)


def test_a_mount_that_is_another_one_is_not_written_to(host, monkeypatch):
    words = words_of(host)
    words[-1] = '1:2'
    monkeypatch.setattr(run_job, 'detach', lambda: None)
    with pytest.raises(errors.NotMounted):
        run_job.main(words)


def test_old_jobs_are_forgotten(host):
    for number in (1, 2, 3):
        start(host, 'md5', SOURCE, '', number)
        ended(host, number)
    for number, age in ((1, 25 * 3600), (2, 23 * 3600)):
        folder = host.path('%s/jobs/%s' % (OURS, job_id(number)))
        for name in [folder] + [folder + '/' + each for each in os.listdir(folder)]:
            os.utime(name, (time.time() - age, time.time() - age))
    start(host, 'md5', SOURCE, '', 4)
    assert sorted(os.listdir(host.path(OURS + '/jobs'))) == [job_id(2), job_id(3), job_id(4)]
    ended(host, 4)


def test_records_come_back():
    value = struct.pack('256B', *range(256))
    assert records.decode(records.encode({'a': value, 'b': u'\xe9', 'c': ''})) == {
        'a': value, 'b': u'\xe9'.encode('utf-8'), 'c': to_bytes('')}
    data = records.encode({'a': value, 'number': '12'})
    for end in range(len(data)):
        assert records.number(records.decode(data[:end]), 'number') == 0
    assert records.encode({'a': value}).count(to_bytes('\n')) == 1
