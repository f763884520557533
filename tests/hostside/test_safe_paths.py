"""Nothing outside the mounts is read or changed, whatever is asked for and whatever lies there."""

import errno
import os
import shutil
import struct
import sys
import threading
import time
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libcloud_ovm3_host import aside, chunks, documents, errors, files, jobs, safe_paths
from libcloud_ovm3_host.compat import to_bytes
from libcloud_ovm3_host.rpc import Binary

REPOSITORY = '/OVS/Repositories/' + '0a' * 16
SHARE = '/nfsmnt/0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e'
OPERATION = '0b' * 16
CANARY = 'only outside of the mounts'.encode('ascii')
PATHS = 10000
AT_ONCE = 50  # paths an example: to make one costs more than to call

NAMES = ['..', '.', '', 'directory', 'file', 'new', 'out', 'outfile', 'dangling', 'loop', 'up',
         'fifo', 'inside', 'absolute', u'\u2024\u2024', u'\uff0e\uff0e', u'..\u2215..', 'a' * 255,
         'a' * 256,
         '...', ' ', '..\\..', '%2e%2e', '~', '*', '$(id)', ';id', '-rf', '\n', '.libcloud-ovm3',
         'etc', 'secret', 'x\0y', '\0', 'caf\\xe9']
PREFIXES = [REPOSITORY, REPOSITORY, REPOSITORY, SHARE, '', '/', '//', '/etc', '/OVS/Repositories',
            '/OVS/Repositories/..', '/nfsmnt/..', REPOSITORY + '/../' + '0b' * 16, REPOSITORY + 'x',
            REPOSITORY.lower(), '/nfsmnt/' + '0' * 32, '.', REPOSITORY + '\0', REPOSITORY + '\n']
CHUNK = Binary(chunks.encode('hostile'.encode('ascii')))


def planted(folder, outside):
    """Links to outside on every level, and what else a stranger may put into a repository."""
    os.symlink(outside, os.path.join(folder, 'out'))
    os.symlink(os.path.join(outside, 'secret'), os.path.join(folder, 'outfile'))
    os.symlink(os.path.join(outside, 'made'), os.path.join(folder, 'dangling'))
    os.symlink('loop', os.path.join(folder, 'loop'))
    os.symlink('..', os.path.join(folder, 'up'))
    os.symlink('file', os.path.join(folder, 'inside'))
    os.symlink('/', os.path.join(folder, 'absolute'))
    os.mkfifo(os.path.join(folder, 'fifo'))
    with_content(os.path.join(folder, 'file'), 'inside')


def with_content(path, content):
    handle = open(path, 'w')
    handle.write(content)
    handle.close()


def content_of(path):
    handle = open(path, 'rb')
    try:
        return handle.read()
    finally:
        handle.close()


class Inline(object):
    """The host of the fixture, the functions called in this process: 10,000 forks take long."""

    def __init__(self, dom0):
        self.dom0 = dom0
        self.said = []
        self.hostname, self.boot_id = dom0.hostname, dom0.boot_id
        self.mounts, self.open_mount = dom0.mounts, dom0.open_mount

    def within(self, seconds, function, *arguments):
        return function(*arguments)

    def log(self, message):
        self.said.append(message)


@pytest.fixture
def host(dom0, tmpdir):
    outside = tmpdir.join('etc')
    outside.mkdir()
    outside.join('secret').write_binary(CANARY)
    refill(dom0, str(outside))
    return Inline(dom0)


def refill(dom0, outside):
    folder = dom0.path(REPOSITORY)
    shutil.rmtree(folder)
    for level in ('', 'directory', 'directory/directory'):
        os.mkdir(os.path.join(folder, level))
        planted(os.path.join(folder, level), outside)


def state_of(outside, folder):
    """What must not change, and whether what lies inside is still as it was planted."""
    status = os.stat(os.path.join(outside, 'secret'))
    return (os.listdir(outside), content_of(os.path.join(outside, 'secret')), status.st_mtime,
            status.st_mode, status.st_nlink, os.stat(outside).st_mtime,
            sorted(os.listdir(os.path.dirname(folder))))


def some_name(random):
    kind = random.randrange(4)
    if kind < 2:
        return to_bytes(random.choice(NAMES))
    if kind == 2:  # any bytes
        return struct.pack('3B', *[random.randrange(256) for _ in range(3)])[:random.randrange(4)]
    text = [random.choice(u'ab./\u00e9\u2024\uff0f\n\0') for _ in range(6)]
    return u''.join(text).encode('utf-8')


def some_path(random):
    parts = [to_bytes(random.choice(PREFIXES))]
    parts += [some_name(random) for _ in range(random.randrange(6))]
    return to_bytes('/').join(parts)


def wrapped(path, as_text):
    """As a text where it is one."""
    if as_text:
        try:
            return path.decode('utf-8')
        except UnicodeError:
            pass
    return Binary(path)


def calls(host, path, other):
    return [
        lambda: files.list_files(host, path, '', 1000),
        lambda: files.stat_file(host, path),
        lambda: files.read_file(host, path, 0, 1000),
        lambda: files.create_file(host, 'client', OPERATION, path, 7),
        lambda: files.write_file(host, 'client', OPERATION, path, 0, CHUNK),
        lambda: files.truncate_file(host, 'client', OPERATION, path, 1),
        lambda: files.grow_file(host, 'client', OPERATION, path, 1, 2),
        lambda: files.rename_file(host, 'client', OPERATION, path, other),
        lambda: files.rename_file(host, 'client', OPERATION, other, path),
        lambda: files.delete_file(host, 'client', OPERATION, path),
        lambda: aside.set_aside(host, 'client', OPERATION, path),
        lambda: aside.put_back(host, 'client', OPERATION, path),
        lambda: aside.delete_aside(host, 'client', OPERATION, path),
        lambda: jobs._require_possible(host, {'kind': 'copy', 'source': path, 'target': other}),
        lambda: documents.list_documents(host, path, '', 5),
        lambda: documents.read_document(host, path, 'name'),
        lambda: documents.read_document(host, REPOSITORY, path),
        lambda: documents.write_document(host, 'client', OPERATION, REPOSITORY, path, 1, CHUNK),
    ]


def test_10000_hostile_paths(host, tmpdir):
    outside, folder = str(tmpdir.join('etc')), host.dom0.path(REPOSITORY)
    before = state_of(outside, folder)
    seen = {}
    counts = [0]

    @settings(max_examples=PATHS // AT_ONCE, database=None,
              suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, 1 << 62))
    def hostile(seed):
        random = Random(seed)
        refill(host.dom0, outside)  # what was removed comes back, so that links are met again
        for _ in range(AT_ONCE):
            path, other = some_path(random), some_path(random)
            as_text, which = random.randrange(2), random.randrange(17)
            counts[0] += 1
            try:
                answer = calls(host, wrapped(path, as_text), wrapped(other, as_text))[which]()
                kind = 'answer'
            except errors.HostModuleError:
                answer = str(sys.exc_info()[1])
                kind = sys.exc_info()[0].__name__
            seen[kind] = seen.get(kind, 0) + 1
            if isinstance(answer, dict) and 'chunk' in answer:
                answer = answer['chunk'].data
            assert CANARY.decode('ascii') not in '%r' % (answer,)
            assert state_of(outside, folder) == before, (path, other)

    hostile()
    # it was no test of refusals alone
    assert counts[0] >= PATHS
    assert seen['answer'] > 50
    assert seen['NotAllowed'] > 500
    assert set(seen) - set(['answer']) <= set(['NotAllowed', 'NotFound', 'NotMounted', 'Exists',
                                               'InvalidArgument', 'Conflict', 'Failed'])
    for line in host.said:
        assert '\n' not in line


def every_function(host, path, other):
    """``{name of the error or 'answer': how often}``"""
    kinds = {}
    for call in calls(host, path, other)[:10]:
        try:
            call()
            kind = 'answer'
        except errors.HostModuleError:
            kind = sys.exc_info()[0].__name__
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


@pytest.mark.parametrize('level', ['', '/directory', '/directory/directory'])
@pytest.mark.parametrize('name', ['out/secret', 'outfile', 'up/file', 'inside', 'loop', 'fifo',
                                  'out', 'absolute', 'absolute/etc/secret', 'file/file'])
def test_what_is_no_file_of_its_own_is_no_file(host, tmpdir, level, name):
    """Only looks at the name itself succeed, and at what a link is called; nothing waits."""
    kinds = every_function(host, REPOSITORY + level + '/' + name, REPOSITORY + '/never')
    assert set(kinds) <= set(['NotAllowed', 'NotFound', 'Exists', 'answer'])
    assert kinds.get('answer', 0) <= 1  # libcloud_stat_file
    assert not os.path.lexists(host.dom0.path(REPOSITORY) + '/never')
    assert os.listdir(str(tmpdir.join('etc'))) == ['secret']


def test_a_directory_that_is_swapped_for_a_link_leads_nowhere(host, tmpdir):
    """Somebody exchanges a directory and a link to outside all the time."""
    outside, folder = str(tmpdir.join('etc')), host.dom0.path(REPOSITORY)
    os.symlink(outside, os.path.join(folder, 'swapped'))
    before = state_of(outside, folder)
    flipped, is_over, until = [0], [], time.time() + 0.5

    def flip():
        while not is_over:
            for one, other in (('swapped', 'kept'), ('directory', 'swapped'),
                               ('swapped', 'directory'), ('kept', 'swapped')):
                os.rename(os.path.join(folder, one), os.path.join(folder, other))
            flipped[0] += 1

    thread = threading.Thread(target=flip)
    thread.start()
    kinds = {}
    try:
        while time.time() < until or min(flipped[0], kinds.get('NotAllowed', 0)) <= 20:
            for path in (REPOSITORY + '/swapped/secret', REPOSITORY + '/swapped/file'):
                for kind, count in every_function(host, path, REPOSITORY + '/swapped/new').items():
                    kinds[kind] = kinds.get(kind, 0) + count
            answer = None
            try:
                answer = files.read_file(host, REPOSITORY + '/swapped/secret', 0, 1000)
            except errors.HostModuleError:
                pass
            assert answer is None or CANARY not in answer['chunk'].data
    finally:
        is_over.append(True)
        thread.join()
    assert state_of(outside, folder) == before


def test_a_file_that_is_swapped_for_a_link(host, tmpdir):
    outside, folder = str(tmpdir.join('etc')), host.dom0.path(REPOSITORY)
    before, path = state_of(outside, folder), REPOSITORY + '/file'
    until = time.time() + 0.5

    def flip():
        while time.time() < until:
            for one, other in (('file', 'kept'), ('outfile', 'file'), ('file', 'outfile'),
                               ('kept', 'file')):
                os.rename(os.path.join(folder, one), os.path.join(folder, other))

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        while time.time() < until:
            for call in (lambda: files.read_file(host, path, 0, 100)['chunk'].data,
                         lambda: files.write_file(host, 'client', OPERATION, path, 0, CHUNK),
                         lambda: files.truncate_file(host, 'client', OPERATION, path, 3)):
                try:
                    answer = call()
                except (errors.NotAllowed, errors.NotFound):
                    continue
                assert answer is None or CANARY not in answer
    finally:
        thread.join()
    assert state_of(outside, folder) == before


def test_what_is_not_mounted_is_not_written_to(dom0, tmpdir):
    tmpdir.join('proc', 'mounts').write('rootfs / rootfs rw 0 0\n')
    with pytest.raises(errors.NotMounted):
        files.create_file(dom0, 'client', OPERATION, REPOSITORY + '/new', 1)
    with pytest.raises(errors.NotMounted):
        documents.write_document(dom0, 'client', OPERATION, SHARE, 'name', 1, CHUNK)
    assert os.listdir(dom0.path(REPOSITORY)) == []


def test_a_mount_that_goes_while_it_is_opened_is_none(dom0):
    """Its empty directory may have been opened instead."""
    answers = [[('', REPOSITORY, 'nfs')], []]
    dom0.mounts = lambda: answers.pop(0)
    descriptors = len(os.listdir('/proc/self/fd'))
    with pytest.raises(errors.NotMounted):
        safe_paths.open_root(dom0, to_bytes(REPOSITORY))
    assert len(os.listdir('/proc/self/fd')) == descriptors


def test_no_descriptor_is_left_open(host):
    descriptors = len(os.listdir('/proc/self/fd'))
    for path in ('/file', '/out/secret', '/directory/directory/file', '/directory',
                 '/nothing/there', '', '/fifo'):
        every_function(host, REPOSITORY + path, REPOSITORY + '/directory/never')
    assert len(os.listdir('/proc/self/fd')) == descriptors


@pytest.mark.parametrize('number, kind', [
    (errno.ENOENT, errors.NotFound), (errno.EEXIST, errors.Exists),
    (errno.ELOOP, errors.NotAllowed), (errno.ENOSPC, errors.Failed), (errno.ESTALE, errors.Failed)])
def test_what_the_file_system_says(number, kind):
    problem = safe_paths.from_oserror(OSError(number, 'x'), to_bytes('na\nme'))
    assert type(problem) is kind
    assert '\n' not in str(problem)
