"""Clones: complete or not there, and refused before anything is made where they are impossible."""

import os

import pytest

from libcloud_ovm3_host import errors, jobs
from libcloud_ovm3_host.compat import to_bytes

REPOSITORY = '/OVS/Repositories/' + '0a' * 16
SHARE = '/nfsmnt/0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e'
SOURCE, TARGET = REPOSITORY + '/source', REPOSITORY + '/target'
OURS = REPOSITORY + '/.libcloud-ovm3'
DATA = 'a disk'


def copied(directory, name, new_directory, new_name):
    """A file system that shares blocks: to whoever looks, the file is there."""
    source = os.open(to_bytes('/proc/self/fd/%d/' % directory) + to_bytes(name), os.O_RDONLY)
    target = os.open(to_bytes('/proc/self/fd/%d/' % new_directory) + to_bytes(new_name),
                     os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(target, os.read(source, 100))
    os.close(source)
    os.close(target)


@pytest.fixture
def host(dom0):
    dom0.log = lambda message: None
    dom0.share_blocks = copied
    dom0.within = lambda seconds, function, *arguments: function(*arguments)
    write(dom0, SOURCE, DATA)
    return dom0


def write(host, path, text):
    handle = open(host.path(path), 'w')
    handle.write(text)
    handle.close()


def read(host, path):
    handle = open(host.path(path))
    try:
        return handle.read()
    finally:
        handle.close()


def start(host, source=SOURCE, target=TARGET, number=1):
    return jobs.start_job(host, 'client', '%032x' % number, 'clone', source, target)


def left_over(host):
    return os.listdir(host.path(OURS + '/temporary'))


def test_a_clone_is_complete_when_the_call_returns(host):
    status = start(host)
    assert (status['state'], status['kind'], status['error']) == ('done', 'clone', '')
    assert status['done_bytes'] == status['size_bytes'] == len(DATA)
    assert read(host, TARGET) == DATA
    assert left_over(host) == []
    assert jobs.cancel_job(host, 'client', '9' * 32, REPOSITORY, '%032x' % 1)['state'] == 'done'
    os.unlink(host.path(TARGET))
    with pytest.raises(errors.InvalidArgument):
        start(host, target=TARGET + '2')
    write(host, SOURCE, 'another')
    assert start(host)['state'] == 'done'
    assert not os.path.exists(host.path(TARGET))  # once is once


def test_refused_before_anything_is_made(host):
    """By the real ioctl: what tests run on cannot share blocks, or is another mount."""
    del host.share_blocks
    host.share_blocks = refuse
    problem = pytest.raises(errors.Failed, start, host).value
    assert 'cannot share blocks' in str(problem)
    host.share_blocks = copied
    problem = pytest.raises(errors.Failed, start, host, SOURCE, SHARE + '/target').value
    assert 'another mount' in str(problem)
    write(host, TARGET, 'theirs')
    with pytest.raises(errors.Exists):
        start(host)
    assert read(host, TARGET) == 'theirs'
    assert left_over(host) == []
    with pytest.raises(errors.NotFound):
        jobs.job_status(host, REPOSITORY, '%032x' % 1)
    os.unlink(host.path(TARGET))
    assert start(host)['state'] == 'done'  # none of that was the job


def refuse(directory, name, new_directory, new_name):
    raise errors.Failed('the file system cannot share blocks')


def failing(host, meanwhile):
    """Something else happens after the blocks were shared."""
    def share(directory, name, new_directory, new_name):
        copied(directory, name, new_directory, new_name)
        if to_bytes(name) == to_bytes('source'):
            meanwhile()
    host.share_blocks = share
    status = start(host)
    assert left_over(host) == []
    assert status['state'] == 'failed'
    assert start(host) == status
    return status['error']


def test_a_source_that_changes_meanwhile(host):
    assert 'modified while' in failing(host, lambda: write(host, SOURCE, 'longer than before'))
    assert not os.path.exists(host.path(TARGET))


def test_never_onto_what_came_meanwhile(host):
    assert failing(host, lambda: write(host, TARGET, 'theirs')).startswith('Exists')
    assert read(host, TARGET) == 'theirs'


def test_a_clone_that_fails_after_the_trial(host):
    def full():
        raise errors.Failed('No space left on device')
    assert 'No space' in failing(host, full)
    assert not os.path.exists(host.path(TARGET))


def test_killed_anywhere(host, cut_off):
    number, was_cut, states = 0, True, set()
    while was_cut:
        number += 1
        target = '%s%d' % (TARGET, number)
        was_cut = cut_off(number, ['mkdir', 'write', 'fsync', 'link', 'unlink'], start,
                          host, SOURCE, target, number)
        assert not os.path.exists(host.path(target)) or read(host, target) == DATA
        status = start(host, SOURCE, target, number)
        states.add(status['state'])
        assert status['state'] in ('done', 'dead')
        assert (status['state'] == 'done') == os.path.exists(host.path(target))
        ended = jobs.cancel_job(host, 'client', '9' * 32, REPOSITORY, '%032x' % number)['state']
        assert ended == {'done': 'done', 'dead': 'cancelled'}[status['state']]
        assert 'job-%032x' % number not in left_over(host)
    assert states == set(['done', 'dead'])
    assert number > 20
