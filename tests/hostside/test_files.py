"""Files: what is read, written, made, renamed, deleted."""

import fcntl
import os
import resource

import pytest

from libcloud_ovm3_host import chunks, errors, files
from libcloud_ovm3_host.rpc import Binary

REPOSITORY = '/OVS/Repositories/' + '0a' * 16
SHARE = '/nfsmnt/0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e'
FILE = REPOSITORY + '/file'
WHO = ('client', '0b' * 16)
ZERO, ONE = '\0'.encode('ascii'), '1'.encode('ascii')


@pytest.fixture
def host(dom0):
    dom0.said = []
    dom0.log = dom0.said.append
    return dom0


def content_of(host, path=FILE):
    handle = open(host.path(path), 'rb')
    try:
        return handle.read()
    finally:
        handle.close()


def write(host, offset, data):
    chunk = Binary(chunks.encode(data))
    assert files.write_file(host, WHO[0], WHO[1], FILE, offset, chunk) is None


def used(host):
    return os.stat(host.path(FILE)).st_blocks * 512


def test_pages_are_whole_and_in_order(host):
    folder = host.path(REPOSITORY).encode('ascii')
    names = [('%d' % number).encode('ascii') for number in range(25)]
    names += ['caf'.encode('ascii') + u'\xe9'.encode('latin-1'), u'caf\xe9'.encode('utf-8')]
    for name in names:
        open(os.path.join(folder, name), 'w').close()
    os.mkdir(os.path.join(folder, 'zz'.encode('ascii')))
    os.symlink('nowhere', host.path(REPOSITORY) + '/zzz')
    seen, after, pages = [], '', 0
    while pages == 0 or after != '':
        page = files.list_files(host, REPOSITORY, after, 10)
        seen += page['entries']
        after = page['after']
        pages += 1
    assert pages == 3
    found = []
    for entry in seen:
        if 'raw' in entry:
            found.append(entry['raw'].data)
        else:
            found.append(entry['name'].encode('utf-8'))
    assert found == sorted(names) + ['zz'.encode('ascii'), 'zzz'.encode('ascii')]
    assert [entry['name'] for entry in seen if 'raw' in entry] == [u'caf\ufffd']
    assert [entry['type'] for entry in seen[-3:]] == ['file', 'directory', 'link']


def test_what_a_sparse_file_takes_on_the_disk(host):
    handle = open(host.path(FILE), 'w')
    handle.write('data')
    handle.truncate(1 << 30)
    handle.close()
    entry, = files.list_files(host, REPOSITORY, '', 3)['entries']
    assert (entry['size_bytes'], entry['used_bytes']) == (1 << 30, used(host))
    assert 0 < entry['used_bytes'] < 1 << 20


def test_a_page_that_is_just_full_is_the_last_one(host):
    for name in '123':
        open(host.path(REPOSITORY) + '/' + name, 'w').close()
    assert files.list_files(host, REPOSITORY, '', 3)['after'] == ''
    assert files.list_files(host, REPOSITORY, Binary('3'.encode('ascii')), 3)['entries'] == []


def test_a_name_that_is_no_utf8_can_be_used(host):
    raw = (REPOSITORY + '/caf').encode('ascii') + u'\xe9'.encode('latin-1')
    files.create_file(host, WHO[0], WHO[1], Binary(raw), 5)
    assert files.stat_file(host, Binary(raw))['size_bytes'] == 5
    files.delete_file(host, WHO[0], WHO[1], Binary(raw))
    with pytest.raises(errors.NotFound):
        files.stat_file(host, Binary(raw))


def test_made_sparse_and_for_root_alone(host):
    files.create_file(host, WHO[0], WHO[1], FILE, 3 << 30)
    status = files.stat_file(host, FILE)
    assert (status['type'], status['size_bytes'], status['mode']) == ('file', 3 << 30, 384)
    assert status['used_bytes'] < 1 << 20


def test_what_cannot_have_its_size_is_not_made(host):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)  # some file systems can hold any size
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, limits[1]))
    try:
        with pytest.raises(errors.Failed):
            files.create_file(host, WHO[0], WHO[1], FILE, 1 << 40)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(host.path(REPOSITORY)) == []


def test_chunks_in_any_order_and_twice(host):
    files.create_file(host, WHO[0], WHO[1], FILE, 0)
    data = ONE * 5000 + ZERO * 20000 + ONE * 3 + ZERO * 10000
    for start in (20000, 0, 10000, 30000, 0):
        write(host, start, data[start:start + 10000])
    assert content_of(host) == data
    read = files.read_file(host, FILE, 4000, 30000)
    assert read['size_bytes'] == len(data)
    assert b_of(read) == data[4000:34000]
    assert b_of(files.read_file(host, FILE, 35000, 100)) == data[35000:]
    assert b_of(files.read_file(host, FILE, 1 << 40, 100)) == ''.encode('ascii')


def b_of(read):
    return ''.encode('ascii').join([piece or ZERO * size
                                    for _, size, piece in chunks.decode(read['chunk'].data)])


def test_zeros_over_data_are_written_and_over_holes_are_not(host):
    files.create_file(host, WHO[0], WHO[1], FILE, 8 << 20)
    write(host, 0, ZERO * (4 << 20))
    assert used(host) < 1 << 16
    write(host, 100, ONE * 4096)
    write(host, 0, ZERO * (1 << 20))
    assert content_of(host)[:1 << 20] == ZERO * (1 << 20)
    assert used(host) < 1 << 16
    assert os.path.getsize(host.path(FILE)) == 8 << 20  # never cut off


def grow(host, from_bytes, to_bytes):
    return files.grow_file(host, WHO[0], WHO[1], FILE, from_bytes, to_bytes)


def test_grown(host):
    handle = open(host.path(FILE), 'w')
    handle.write('data')
    handle.close()
    for _ in (1, 2):  # a repeated request
        assert grow(host, 4, 1 << 30) is None
        assert os.path.getsize(host.path(FILE)) == 1 << 30
    assert used(host) < 1 << 17
    assert content_of(host)[:6] == 'data\0\0'.encode('ascii')
    assert 'grow_file' in host.said[0] and 'from 4 to' in host.said[0]


@pytest.mark.parametrize('from_bytes, to_bytes', [(3, 9), (5, 9), (9, 10), (1, 3)])
def test_a_file_of_another_size_stays(host, from_bytes, to_bytes):
    files.create_file(host, WHO[0], WHO[1], FILE, 4)
    problem = pytest.raises(errors.Conflict, grow, host, from_bytes, to_bytes).value
    assert 'it has 4 bytes, not %d' % from_bytes in str(problem)
    assert os.path.getsize(host.path(FILE)) == 4


@pytest.mark.parametrize('from_bytes, to_bytes', [
    (4, 4), (4, 3), (-1, 4), (4, 1 << 63), ('4', 5), (4, True)])
def test_never_smaller(host, from_bytes, to_bytes):
    files.create_file(host, WHO[0], WHO[1], FILE, 4)
    with pytest.raises(errors.InvalidArgument):
        grow(host, from_bytes, to_bytes)
    assert os.path.getsize(host.path(FILE)) == 4


def test_two_requests_do_not_change_the_size_at_once(host):
    files.create_file(host, WHO[0], WHO[1], FILE, 4)
    handle = os.open(host.path(FILE), os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    problem = pytest.raises(errors.Conflict, grow, host, 4, 9).value
    assert 'another request' in str(problem)
    os.close(handle)
    assert grow(host, 4, 9) is None


def test_truncated(host):
    files.create_file(host, WHO[0], WHO[1], FILE, 10)
    write(host, 0, ONE * 10)
    assert files.truncate_file(host, WHO[0], WHO[1], FILE, 4) is None
    assert content_of(host) == ONE * 4


def test_renamed_never_onto_something(host):
    os.mkdir(host.path(REPOSITORY) + '/folder')
    files.create_file(host, WHO[0], WHO[1], FILE, 3)
    new = REPOSITORY + '/folder/new'
    assert files.rename_file(host, WHO[0], WHO[1], FILE, new) is None
    assert (os.path.exists(host.path(FILE)), content_of(host, new)) == (False, ZERO * 3)
    files.create_file(host, WHO[0], WHO[1], FILE, 4)
    for target in (new, REPOSITORY + '/folder', FILE, REPOSITORY + '/'):
        with pytest.raises((errors.Exists, errors.NotAllowed)):
            files.rename_file(host, WHO[0], WHO[1], FILE, target)
    assert (len(content_of(host)), len(content_of(host, new))) == (4, 3)
    with pytest.raises(errors.NotAllowed):
        files.rename_file(host, WHO[0], WHO[1], REPOSITORY + '/folder', REPOSITORY + '/other')
    with pytest.raises(errors.InvalidArgument):
        files.rename_file(host, WHO[0], WHO[1], FILE, SHARE + '/file')


def test_a_file_that_took_its_place_meanwhile_is_not_taken_out(host, monkeypatch):
    host.within = lambda seconds, function, *arguments: function(*arguments)
    files.create_file(host, WHO[0], WHO[1], FILE, 3)
    real = files.dirfd.sync

    def late(directory):
        monkeypatch.setattr(files.dirfd, 'sync', real)
        os.unlink(host.path(FILE))
        files.create_file(host, WHO[0], WHO[1], FILE, 5)
    monkeypatch.setattr(files.dirfd, 'sync', late)
    with pytest.raises(errors.Failed, match='another file'):
        files.rename_file(host, WHO[0], WHO[1], FILE, REPOSITORY + '/new')
    assert (len(content_of(host)), len(content_of(host, REPOSITORY + '/new'))) == (5, 3)


def test_a_directory_is_not_deleted(host):
    os.mkdir(host.path(REPOSITORY) + '/folder')
    with pytest.raises(errors.NotAllowed):
        files.delete_file(host, WHO[0], WHO[1], REPOSITORY + '/folder')
    assert os.path.isdir(host.path(REPOSITORY) + '/folder')


def test_our_folder_can_be_read_only(host):
    path = REPOSITORY + '/.libcloud-ovm3/jobs'
    os.makedirs(host.path(path))
    for level in ('', '/sub'):
        with pytest.raises(errors.NotAllowed):
            files.create_file(host, WHO[0], WHO[1], REPOSITORY + level + '/.libcloud-ovm3/x', 1)
    assert [entry['name'] for entry in
            files.list_files(host, REPOSITORY + '/.libcloud-ovm3', '', 5)['entries']] == ['jobs']


@pytest.mark.parametrize('function, arguments', [
    (files.read_file, (FILE, -1, 5)), (files.read_file, (FILE, 0, (4 << 20) + 1)),
    (files.read_file, (FILE, True, 5)), (files.read_file, (FILE, '0', 5)),
    (files.list_files, (REPOSITORY, '', 0)), (files.list_files, (REPOSITORY, '', 1001)),
    (files.list_files, (REPOSITORY, 5, 5)), (files.stat_file, (None,)),
    (files.create_file, WHO + (FILE, -1)), (files.create_file, ('a b', WHO[1], FILE, 1)),
    (files.create_file, ('a\nb', WHO[1], FILE, 1)), (files.create_file, (WHO[0], 'x', FILE, 1)),
    (files.write_file, WHO + (FILE, 0, 'text')), (files.write_file, WHO + (FILE, 1 << 63, 'x')),
    (files.truncate_file, WHO + (FILE, 1 << 63))])
def test_wrong_arguments(host, function, arguments):
    with pytest.raises(errors.InvalidArgument):
        function(host, *arguments)
    assert host.said == []


def test_the_log_has_a_line_without_content(host):
    files.create_file(host, WHO[0], WHO[1], FILE, 0)
    write(host, 0, 'secret'.encode('ascii'))
    assert host.said == [
        "client %s create_file '%s' 0 bytes" % (WHO[1], FILE),
        "client %s write_file '%s' 6 bytes at 0" % (WHO[1], FILE)]


def test_a_rename_cut_off_anywhere_is_finished_by_a_repetition(host, cut_off):
    host.within = lambda seconds, function, *arguments: function(*arguments)
    new = REPOSITORY + '/new'
    for step in range(1, 20):
        files.create_file(host, WHO[0], WHO[1], FILE, step)
        was_cut = cut_off(step, ['link', 'unlink', 'fsync'], files.rename_file, host, WHO[0],
                          WHO[1], FILE, new)
        try:
            files.rename_file(host, WHO[0], WHO[1], FILE, new)
        except errors.NotFound:  # it had been done
            pass
        assert (os.path.exists(host.path(FILE)), len(content_of(host, new))) == (False, step)
        os.unlink(host.path(new))
        if not was_cut:
            break
    assert step == 5  # link, fsync, unlink, fsync


def test_a_chunk_is_on_the_disk_before_the_answer(host, monkeypatch):
    """Whoever is told that it is done will not send it again."""
    files.create_file(host, WHO[0], WHO[1], FILE, 0)
    done, pwrite, fsync = [], os.write, os.fsync

    def noted_write(handle, data):
        done.append('write')
        return pwrite(handle, data)

    def noted_fsync(handle):
        done.append('fsync')
        return fsync(handle)
    host.within = lambda seconds, function, *arguments: function(*arguments)
    monkeypatch.setattr(os, 'write', noted_write)
    monkeypatch.setattr(os, 'fsync', noted_fsync)
    write(host, 0, ONE)
    monkeypatch.undo()
    assert done == ['write', 'fsync']
