"""Documents: no update is lost, none is there twice, whoever writes and wherever it is cut off."""

import errno
import os
import random
import stat
import struct
import time

import pytest

from libcloud_ovm3_host import documents, errors, state_dir
from libcloud_ovm3_host.compat import to_bytes
from libcloud_ovm3_host.dom0 import Dom0
from libcloud_ovm3_host.rpc import Binary

REPOSITORY = '/OVS/Repositories/' + '0a' * 16
HOUR = 3600
b_x = to_bytes('x')
EACH = 200  # updates of each writer


@pytest.fixture
def host(dom0):
    return inline(dom0)


def inline(dom0):
    """With the functions called in this process, and no syslog."""
    dom0.within = lambda seconds, function, *arguments: function(*arguments)
    dom0.log = lambda message: None
    return dom0


def operation(number):
    return '%032x' % number


def write(host, number, version, content):
    return documents.write_document(host, 'client', operation(number), REPOSITORY, 'tags', version,
                                    Binary(to_bytes(content)))


def read(host):
    found = documents.read_document(host, REPOSITORY, 'tags')
    if not found['version']:
        return 0, found['next'], ''
    return found['version'], found['next'], found['content'].data.decode('ascii')


def folder_of(host):
    return host.path(REPOSITORY) + '/.libcloud-ovm3/documents/tags'


def left_over(host):
    return os.listdir(host.path(REPOSITORY) + '/.libcloud-ovm3/temporary')


def in_a_process(function, *arguments):
    """Its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            function(*arguments)
            code = 0
        finally:
            os._exit(code)
    return child


def updates(root, first):
    """One client with a host of its own: adds its numbers, repeats what may not have arrived."""
    host = inline(Dom0(root))
    dice = random.Random(first)
    for number in range(first, first + EACH):
        while True:
            _, following, content = read(host)
            content += '%d,' % number
            operation_id = dice.getrandbits(100)
            try:
                assert write(host, operation_id, following, content) == following
                while dice.random() < 0.3:  # the answer got lost
                    assert write(host, operation_id, following, content) == following
                break
            except errors.Conflict:
                pass


def test_two_writers_lose_nothing(host):
    started = [in_a_process(updates, host.root, first) for first in (1000, 2000)]
    assert [os.waitpid(child, 0)[1] for child in started] == [0, 0]
    version, _, content = read(host)
    assert version == 2 * EACH
    numbers = [int(number) for number in content.split(',')[:-1]]
    assert len(numbers) == 2 * EACH
    for first in (1000, 2000):  # all of each, in its order
        assert [number for number in numbers if first <= number < first + EACH] == list(
            range(first, first + EACH))
    assert left_over(host) == []


def test_a_winner_that_was_built_upon_stands(host):
    """Between its link and its second look another may have gone on."""
    real = documents._require_standing

    def later(folder, version, operation_id):
        if operation_id == operation(1):
            documents._require_standing = real
            assert write(host, 2, 2, 'two') == 2
        real(folder, version, operation_id)
    documents._require_standing = later
    try:
        assert write(host, 1, 1, 'one') == 1
    finally:
        documents._require_standing = real
    assert read(host)[::2] == (2, 'two')


def test_lost_after_all(host):
    """The number was free because what stood there had been pruned."""
    for version in range(1, 6):
        write(host, version, version, 'x')
    for version in (1, 2, 3):
        os.unlink(folder_of(host) + '/%d' % version)
    for late in (2, 3, 2):
        with pytest.raises(errors.Conflict):
            write(host, 100 + late, late, 'late')
    assert sorted(os.listdir(folder_of(host))) == ['4', '5']


@pytest.mark.parametrize('versions, pruned, late', [
    (6, (1, 2, 3), (2, 3)), (6, (1, 2, 3), (1, 2, 3)), (6, (1, 2, 3), (3,)), (6, (1, 2, 3), (2,)),
    (6, (1, 2, 3), (1, 3)), (39, range(1, 24), (2, 3, 4, 5)), (39, range(1, 24), (2,)),
    (39, range(1, 24), (22, 23))])
def test_slow_writers_do_not_make_each_other_win(host, monkeypatch, versions, pruned, late):
    """Each links its number, built on the late one before it, before any of them looks again."""
    for version in range(1, versions + 1):
        write(host, version, version, 'x')
    for version in pruned:
        os.unlink(folder_of(host) + '/%d' % version)
    monkeypatch.setattr(documents, '_require_standing', lambda *arguments: None)
    for version in late:
        write(host, 100 + version, version, 'late')
    monkeypatch.undo()
    for version in late:  # what each one's second look is, and that of a repeated request
        with pytest.raises(errors.Conflict):
            write(host, 100 + version, version, 'late')
    assert read(host) == (versions, versions + 1, 'x')
    assert not os.path.exists(folder_of(host) + '/%d' % late[0])


@pytest.mark.parametrize('said', [None, errors.Exists('so says a server that has lost its answer')])
def test_whose_the_file_is_decides_and_not_what_link_says(host, monkeypatch, said):
    write(host, 1, 1, 'one')
    real = os.link

    def link(*names):
        if said is not None:
            real(*names)
            raise OSError(errno.EEXIST, 'File exists')
    monkeypatch.setattr(os, 'link', link)
    if said is None:
        with pytest.raises(errors.Conflict):
            write(host, 2, 1, 'two')
    else:
        assert write(host, 2, 2, 'two') == 2
    assert read(host)[0] == 1 + (said is not None)


def test_a_name_that_a_listing_leaves_out_is_no_gap(host, monkeypatch):
    """It was made while the directory was read; another that was made after it was not left out."""
    for version in (1, 2, 3):
        write(host, version, version, 'x')
    real, calls = state_dir.matching_names, []

    def names_in(folder, pattern):
        calls.append(1)
        return [name for name in real(folder, pattern) if name != '2' or len(calls) > 1]
    monkeypatch.setattr(state_dir, 'matching_names', names_in)
    assert write(host, 1, 1, 'x') == 1
    assert len(calls) == 2
    monkeypatch.setattr(state_dir, 'matching_names', lambda folder, pattern: ['3'])
    with pytest.raises(errors.Failed):
        write(host, 1, 1, 'x')
    monkeypatch.undo()
    assert read(host)[0] == 3 and os.path.exists(folder_of(host) + '/1')


def test_a_number_of_a_strangers_does_not_take_for_ever(host):
    write(host, 1, 1, 'x')
    os.link(folder_of(host) + '/1', folder_of(host) + '/%d' % 10 ** 15)
    with pytest.raises(errors.HostModuleError):
        write(host, 2, 2, 'y')


def test_pruning_that_is_cut_off_leaves_no_gap(host, cut_off):
    for version in range(1, 25):
        write(host, version, version, 'x')
    for version in range(1, 25):
        old = time.time() - 2 * HOUR
        os.utime(folder_of(host) + '/%d' % version, (old, old))
    cut_off(4, ['unlink'], write, host, 25, 25, 'x')
    kept = sorted([int(name) for name in os.listdir(folder_of(host))])
    assert kept == list(range(kept[0], 26)) and 1 < kept[0] < 10
    assert write(host, kept[0], kept[0], 'x') == kept[0]  # repeated, and it stands


def test_it_is_not_guessed_who_was_first(host):
    """A higher version is not whole, so that nobody knows what it was built upon."""
    write(host, 1, 1, 'one')
    handle = open(folder_of(host) + '/2', 'w')
    handle.close()
    with pytest.raises(errors.Failed):
        write(host, 1, 1, 'one')
    assert read(host) == (1, 3, 'one')


def test_others_versions_that_are_not_whole_are_lost_numbers(host):
    write(host, 1, 1, 'one')
    handle = open(folder_of(host) + '/2', 'w')
    handle.close()
    with pytest.raises(errors.Conflict):
        write(host, 2, 2, 'two')
    assert write(host, 3, 3, 'three') == 3
    assert read(host) == (3, 4, 'three')


def test_nothing_whole_is_no_empty_document(host):
    """Whoever took it for a new one would write over what may still be saved."""
    write(host, 1, 1, 'one')
    open(folder_of(host) + '/1', 'w').close()
    with pytest.raises(errors.Failed):
        read(host)


def test_a_version_under_another_number_is_not_whole(host):
    write(host, 1, 1, 'one')
    os.link(folder_of(host) + '/1', folder_of(host) + '/7')
    assert read(host) == (1, 8, 'one')


def test_a_listing_that_is_old_is_not_believed(host, monkeypatch):
    for version in range(1, 5):
        write(host, version, version, '%d' % version)
    real = state_dir.matching_names
    monkeypatch.setattr(state_dir, 'matching_names', lambda folder, pattern: real(folder, pattern)[:2])
    assert read(host) == (4, 5, '4')


def test_read_while_the_version_goes(host, monkeypatch):
    for version in range(1, 4):
        write(host, version, version, '%d' % version)
    monkeypatch.setattr(documents, '_versions', lambda folder: [4, 3, 2, 1])
    assert read(host) == (3, 5, '3')


def test_pruned_are_the_old_ones_but_16(host):
    for version in range(1, 31):
        write(host, version, version, 'x')
        if version <= 10:
            old = time.time() - 2 * HOUR
            os.utime(folder_of(host) + '/%d' % version, (old, old))
    kept = sorted([int(name) for name in os.listdir(folder_of(host))])
    assert kept == list(range(11, 31))
    for version in kept:
        old = time.time() - 2 * HOUR
        os.utime(folder_of(host) + '/%d' % version, (old, old))
    write(host, 31, 31, 'x')
    assert sorted([int(name) for name in os.listdir(folder_of(host))]) == list(range(16, 32))


def test_temporaries_of_the_dead_go_after_a_day(host):
    write(host, 1, 1, 'x')
    folder = host.path(REPOSITORY) + '/.libcloud-ovm3/temporary/'
    for name, age in (('young', HOUR), ('old', 25 * HOUR)):
        open(folder + name, 'w').close()
        os.utime(folder + name, (time.time() - age, time.time() - age))
    write(host, 2, 2, 'x')
    assert left_over(host) == ['young']


def test_named(host):
    assert documents.list_documents(host, REPOSITORY, '', 5) == {'names': [], 'after': ''}
    for name in 'bca':
        documents.write_document(host, 'client', operation(1), REPOSITORY, name, 1,
                                 Binary(to_bytes('x')))
    first = documents.list_documents(host, REPOSITORY, '', 2)
    assert first == {'names': ['a', 'b'], 'after': 'b'}
    assert documents.list_documents(host, REPOSITORY, 'b', 2) == {'names': ['c'], 'after': ''}


@pytest.mark.parametrize('size', [0, 1, 4096, 1 << 20])
def test_any_bytes(host, size):
    content = (struct.pack('256B', *range(256)) * (size // 256 + 1))[:size]
    assert documents.write_document(host, 'client', operation(1), REPOSITORY, 'tags', 1,
                                    Binary(content)) == 1
    found = documents.read_document(host, REPOSITORY, 'tags')
    assert (found['content'].data, found['client'], found['operation']) == (
        content, 'client', operation(1))


@pytest.mark.parametrize('name', ['', '.', '..', '.hidden', 'a/b', 'a\n', 'a' * 101, None, u'\xe9'])
def test_wrong_names(host, name):
    with pytest.raises(errors.InvalidArgument):
        documents.read_document(host, REPOSITORY, name)


@pytest.mark.parametrize('mount', [REPOSITORY + '/x', '/etc', '', None, 5])
def test_wrong_mounts(host, mount):
    with pytest.raises((errors.InvalidArgument, errors.NotAllowed)):
        documents.read_document(host, mount, 'tags')


def test_cut_off_anywhere_it_can_be_repeated(host, cut_off):
    step, was_cut = 0, True
    while was_cut:
        step += 1
        _, version, before = read(host)
        content = 'step %d' % step
        was_cut = cut_off(step, ['mkdir', 'open', 'write', 'fsync', 'link', 'unlink'], write, host,
                          step, version, content)
        _, following, seen = read(host)
        assert (following, seen) in ((version, before), (version + 1, content))
        assert write(host, step, version, content) == version
        assert read(host) == (version, version + 1, content)
    assert step > 12


def test_a_gap_is_refused(host):
    """Or the last number there is would be made, and none could follow.

    Failed, not InvalidArgument: it may be this host's view that is old.
    """
    write(host, 1, 1, 'a')
    for version in (3, 4, 10 ** 15):
        problem = pytest.raises(errors.Failed, write, host, 2, version, 'b').value
        assert '%d was not written' % version in str(problem) and 'only 1' in str(problem)
    assert read(host) == (1, 2, 'a')
    with pytest.raises(errors.Failed):
        documents.write_document(host, 'client', operation(3), REPOSITORY, 'new', 2, Binary(b_x))
    assert write(host, 2, 2, 'b') == 2


def test_one_operation_has_one_content(host):
    write(host, 1, 1, 'a')
    assert write(host, 1, 1, 'a') == 1
    with pytest.raises(errors.InvalidArgument):
        write(host, 1, 1, 'b')
    assert read(host) == (1, 2, 'a')


def test_a_version_stays_where_it_cannot_be_told_who_was_first(host):
    write(host, 1, 1, 'a')
    torn = open(folder_of(host) + '/2', 'w')
    torn.close()
    write(host, 3, 3, 'c')  # built on what is not whole
    os.unlink(folder_of(host) + '/2')
    with pytest.raises(errors.Failed):
        write(host, 2, 2, 'b')
    assert os.path.exists(folder_of(host) + '/2')


@pytest.mark.parametrize('after', [u'\xe9', '../x', 'a/b', 3, Binary(to_bytes('\xe9'))])
def test_a_cursor_is_a_name(host, after):
    with pytest.raises(errors.InvalidArgument):
        documents.list_documents(host, REPOSITORY, after, 10)


def test_on_the_disk_before_it_is_to_be_seen(host, monkeypatch):
    """The content before its name, the name before the answer; a repeated request, too."""
    done = recorded(monkeypatch)
    write(host, 1, 1, 'a')
    assert done.index('link') > done.index('fsync file')
    assert 'fsync directory' in done[done.index('link'):]
    del done[:]
    write(host, 1, 1, 'a')
    assert 'fsync directory' in done[done.index('link'):]


def recorded(monkeypatch):
    """What is called of link and fsync, in order."""
    done = []
    link, fsync = os.link, os.fsync

    def noted_link(*names):
        done.append('link')
        return link(*names)

    def noted_fsync(handle):
        kind = 'file'
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            kind = 'directory'
        done.append('fsync ' + kind)
        return fsync(handle)
    monkeypatch.setattr(os, 'link', noted_link)
    monkeypatch.setattr(os, 'fsync', noted_fsync)
    return done
