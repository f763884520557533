"""Objects: whole, with their own record, and nobody else's file."""

import errno
import os

import pytest
from storing import (OWN, PLAIN, RECORD, REPOSITORY, WHO, begin, by, commit, content, create,
                     files_in, listed, names, prepare, put, stat, write)

from libcloud_ovm3_host import (aside, commits, containers, errors, object_listing, objects,
                                unfinished_uploads, uploads)
from libcloud_ovm3_host.compat import to_text
from libcloud_ovm3_host.rpc import Binary

DISK = REPOSITORY + '/VirtualDisks/disk.img'


@pytest.fixture
def host(dom0):
    return prepare(dom0)


def fill(host, path, text):
    handle = open(host.path(path), 'w')
    handle.write(text)
    handle.close()


def text_of(host, path):
    handle = open(host.path(path))
    try:
        return handle.read()
    finally:
        handle.close()


@pytest.mark.parametrize('container', ['', 'box'])
def test_an_object_is_uploaded_described_and_deleted(host, container):
    create(host)
    entry = put(host, 2, 'a/b', 'data', container)
    assert entry == stat(host, 'a/b', container)
    assert (entry['name'], entry['size_bytes'], entry['about']) == ('a/b', 4, RECORD)
    assert not entry['is_file_of_repository']
    assert content(host, 'a/b', container, entry['identity']) == 'data'
    assert [dict(found, path=entry['path']) for found in listed(host, container)] == [entry]
    assert text_of(host, entry['path']) == 'data'
    assert commit(host, 2, 'a/b', 4, container) == entry  # repeated
    other = dict(RECORD, md5='', meta_data={})
    described = objects.describe_object(host, *(by(3) + (REPOSITORY, container, 'a/b',
                                                         entry['identity'], other)))
    assert described is None
    assert stat(host, 'a/b', container)['about'] == other
    assert unfinished_uploads.list_uploads(host, REPOSITORY, container) == []
    first = put(host, 4, 'a/b', 'other', container)
    put(host, 5, 'a/b', 'last', container)
    assert commit(host, 4, 'a/b', 5, container) == dict(first, used_bytes=5)  # as it was
    assert content(host, 'a/b', container) == 'last'
    for function, more in ((objects.delete_object, ()), (objects.describe_object, (RECORD,))):
        with pytest.raises(errors.Conflict):
            function(host, *(by(5) + (REPOSITORY, container, 'a/b', entry['identity']) + more))
    with pytest.raises(errors.Conflict):
        content(host, 'a/b', container, entry['identity'])
    objects.delete_object(host, *(by(5) + (REPOSITORY, container, 'a/b', '')))
    with pytest.raises(errors.NotFound):
        objects.delete_object(host, *(by(5) + (REPOSITORY, container, 'a/b', '')))
    assert listed(host, container) == []
    assert 'data' not in ' '.join(host.logged)


def test_a_record_counts_for_its_own_content_only(host):
    entry = put(host, 1, 'x', 'data')
    path = host.path(OWN + '/data/x')
    os.utime(path, (7, 7))
    assert (stat(host, 'x')['about'], stat(host, 'x')['modified']) == ({}, 7)
    identity = stat(host, 'x')['identity']
    objects.describe_object(host, *(by(2) + (REPOSITORY, '', 'x', identity, RECORD)))
    assert stat(host, 'x')['about'] == RECORD
    assert entry['identity'] != identity


def test_files_of_the_repository(host):
    os.mkdir(host.path(REPOSITORY + '/Templates/one'))
    fill(host, REPOSITORY + '/Templates/one/vm.cfg', 'name')
    fill(host, REPOSITORY + '/Templates/.ovsmeta', 'x')
    fill(host, DISK, 'old')
    os.symlink('/etc/passwd', host.path(REPOSITORY + '/ISOs/link.iso'))
    put(host, 1, 'Templates', 'ours')
    found = listed(host)
    assert [entry['name'] for entry in found] == [
        'ISOs/link.iso', 'Templates/one/vm.cfg', 'VirtualDisks/disk.img', 'Templates']
    assert [entry['is_file_of_repository'] for entry in found] == [True, True, True, False]
    assert found[0]['error'] == 'not a regular file'
    for limit in (1, 2, 3):
        assert [entry['name'] for entry in listed(host, limit=limit)] == [
            entry['name'] for entry in found]
    assert names(host, prefix='Templates') == ['Templates/one/vm.cfg', 'Templates']
    assert names(host, prefix='Templates/o') == ['Templates/one/vm.cfg']
    assert content(host, 'Templates/one/vm.cfg') == 'name'
    identity = stat(host, 'VirtualDisks/disk.img')['identity']
    objects.describe_object(host, *(by(2) + (REPOSITORY, '', 'VirtualDisks/disk.img', identity,
                                             RECORD)))
    assert stat(host, 'VirtualDisks/disk.img')['about'] == RECORD
    with pytest.raises(errors.NotAllowed):
        objects.delete_object(host, *(WHO + (REPOSITORY, '', 'VirtualDisks/disk.img', '')))
    with pytest.raises(errors.NotAllowed):
        content(host, 'ISOs/link.iso')
    with pytest.raises(errors.NotAllowed):
        begin(host, 3, 'Templates/one/vm.cfg')
    for name in ('Templates/', 'Templates/../x', 'Templates/.ovsmeta', 'ISOs//x'):
        with pytest.raises(errors.InvalidArgument):
            stat(host, name)
    assert text_of(host, DISK) == 'old'


def test_a_file_of_the_repository_is_replaced_only_where_that_is_said(host):
    entry = put(host, 1, 'VirtualDisks/disk.img', 'first')
    assert entry['is_file_of_repository']
    assert commit(host, 1, 'VirtualDisks/disk.img', 5) == entry
    begin(host, 2, 'VirtualDisks/disk.img')
    write(host, 2, 0, 'second')
    with pytest.raises(errors.Exists):
        commit(host, 2, 'VirtualDisks/disk.img', 6)
    assert stat(host, 'VirtualDisks/disk.img') == entry
    replaced = commit(host, 2, 'VirtualDisks/disk.img', 6, replace=True)
    assert (text_of(host, DISK), replaced['size_bytes']) == ('second', 6)
    [kept] = aside.list_aside(host, REPOSITORY.encode('ascii'))
    assert (kept['operation'], kept['path'], kept['size_bytes']) == (by(2)[1], DISK, 5)
    assert commit(host, 2, 'VirtualDisks/disk.img', 6, replace=True) == replaced
    for _ in (1, 2):
        commits.restore_aside(host, *(by(2) + (DISK,)))
        assert stat(host, 'VirtualDisks/disk.img') == entry
    assert aside.list_aside(host, REPOSITORY.encode('ascii')) == []
    # or it is kept
    put(host, 3, 'VirtualDisks/disk.img', 'third', replace=True)
    aside.delete_aside(host, *(by(3) + (DISK,)))
    with pytest.raises(errors.NotFound):
        commits.restore_aside(host, *(by(3) + (DISK,)))
    # a third one has put another file there
    put(host, 4, 'VirtualDisks/disk.img', 'fourth', replace=True)
    os.unlink(host.path(DISK))
    fill(host, DISK, 'alien')
    with pytest.raises(errors.Conflict):
        commits.restore_aside(host, *(by(4) + (DISK,)))
    assert text_of(host, DISK) == 'alien'
    assert len(aside.list_aside(host, REPOSITORY.encode('ascii'))) == 1


def test_what_must_be_right_before_a_commit(host):
    begin(host, 1, 'x', size=4)
    begin(host, 1, 'x', size=4)
    for name, size in (('y', 4), ('x', 5)):
        with pytest.raises(errors.InvalidArgument):
            begin(host, 1, name, size=size)
    write(host, 1, 0, 'data!')
    for name, size, kind in (('y', 4, errors.InvalidArgument), ('x', 5, errors.Conflict),
                             ('x', 4, errors.Conflict)):
        with pytest.raises(kind):
            commit(host, 1, name, size)
    with pytest.raises(errors.NotFound):
        commit(host, 2, 'x', 4)
    for record in (None, {}, dict(RECORD, md5='x'), dict(RECORD, meta_data={'a': 1}),
                   dict(RECORD, content_type='x' * 20000), dict(RECORD, meta_data='')):
        with pytest.raises(errors.InvalidArgument):
            commit(host, 1, 'x', 4, record=record)
    assert listed(host) == []
    [entry] = unfinished_uploads.list_uploads(host, REPOSITORY, '')
    assert (entry['operation'], entry['name'], entry['size_bytes'], entry['done_bytes']) == (
        by(1)[1], 'x', 4, 5)
    for _ in (1, 2):
        assert unfinished_uploads.delete_upload(host, *(WHO + (REPOSITORY, '', by(1)[1]))) is None
    assert files_in(host, OWN) == []
    with pytest.raises(errors.NotFound):
        write(host, 1, 0, 'late')


def test_a_hole_follows_where_less_was_written_and_sums_tell_blocks(host):
    begin(host, 1, 'x')
    block = uploads.BLOCK_BYTES
    write(host, 1, 2 * block, 'data')
    write(host, 1, block, '\0' * 5000)
    sums = uploads.upload_sums(host, REPOSITORY, '', by(1)[1], 0, 64)
    assert sums == {'size_bytes': 2 * block + 4,
                    'sums': ['', '', '8d777f385d3dfec8815d20f7496026dc']}
    part = uploads.upload_sums(host, REPOSITORY, '', by(1)[1], block, 1)
    assert part['sums'] == ['']
    for offset, blocks in ((5, 1), (0, 65), (0, 0)):
        with pytest.raises(errors.InvalidArgument):
            uploads.upload_sums(host, REPOSITORY, '', by(1)[1], offset, blocks)
    entry = commit(host, 1, 'x', 10 * block)
    assert (entry['size_bytes'], entry['used_bytes'] < block) == (10 * block, True)
    read = objects.read_object(host, REPOSITORY, '', 'x', 0, 10, entry['identity'])
    assert 10 <= read['next'] <= 2 * block
    read = objects.read_object(host, REPOSITORY, '', 'x', 3 * block, 10, entry['identity'])
    assert 3 * block + 10 <= read['next'] <= 10 * block


def test_who_writes_late_is_refused(host):
    """What holds a lock, as a call that goes on although its client has given up does."""
    begin(host, 1, 'x')
    write(host, 1, 0, 'data')
    place = containers.open_place(host, REPOSITORY.encode('ascii'), ''.encode('ascii'), False)
    folder = uploads.open_upload(place, by(1)[1])
    late = uploads.open_data(place, by(1)[1], folder, uploads.fcntl.LOCK_SH)
    with pytest.raises(errors.Conflict):
        commit(host, 1, 'x', 4)
    with pytest.raises(errors.Conflict):
        unfinished_uploads.delete_upload(host, *(WHO + (REPOSITORY, '', by(1)[1])))
    write(host, 1, 0, 'data')  # several write at the same time
    for handle in (late, folder, place):
        os.close(handle)
    commit(host, 1, 'x', 4)
    assert content(host, 'x') == 'data'


def test_who_goes_on_with_an_upload_is_the_only_one(host, monkeypatch):
    """Whoever else writes to it, or wakes up later, knows it by its old id: it is gone."""
    def adopt(number, upload):
        return unfinished_uploads.adopt_upload(
            host, *(by(number) + (REPOSITORY, '', by(upload)[1])))
    begin(host, 1, 'x', size=8)
    write(host, 1, 0, 'by 1')
    for _ in (1, 2):
        assert adopt(2, 1) is None
    for late in (lambda: write(host, 1, 0, 'late'), lambda: commit(host, 1, 'x', 8),
                 lambda: adopt(3, 1)):
        with pytest.raises(errors.NotFound):
            late()
    with pytest.raises(errors.InvalidArgument):
        adopt(2, 2)
    [entry] = unfinished_uploads.list_uploads(host, REPOSITORY, '')
    assert (entry['operation'], entry['done_bytes'], entry['size_bytes']) == (by(2)[1], 4, 8)
    # a late call is past all names, and has not got its lock yet
    lock = uploads._lock
    for late in (lambda: write(host, 2, 0, 'late'), lambda: commit(host, 2, 'x', 8)):
        def locked(*arguments):
            monkeypatch.setattr(uploads, '_lock', lock)
            adopt(4, 2)
            return lock(*arguments)
        monkeypatch.setattr(uploads, '_lock', locked)
        with pytest.raises(errors.NotFound):
            late()
        adopt(2, 4)
    write(host, 2, 4, 'by 2')
    commit(host, 2, 'x', 8)
    assert content(host, 'x') == 'by 1by 2'
    assert unfinished_uploads.list_uploads(host, REPOSITORY, '') == []


def test_where_an_nfs_server_keeps_no_locks_it_goes_on(host, monkeypatch):
    def flock(handle, how):
        raise IOError(errno.ENOLCK, 'No locks available')
    monkeypatch.setattr(uploads.fcntl, 'flock', flock)
    put(host, 1, 'x', 'data')
    assert content(host, 'x') == 'data'


@pytest.mark.parametrize('name, value', [('PAGE_SECONDS', 0), ('PAGE_BYTES', 1)])
def test_a_page_ends_before_it_takes_too_long(host, monkeypatch, name, value):
    fill(host, DISK, 'data')
    wanted = ['VirtualDisks/disk.img']
    for number, each in enumerate(('n' * 900, 'a', 'b')):
        put(host, 1 + number, each, each)
        wanted.append(each)
    monkeypatch.setattr(object_listing, name, value)
    found, after, pages = [], '', 0
    while pages == 0 or after:
        page = objects.list_objects(host, REPOSITORY, '', '', after, 1000)
        found += [entry['name'] for entry in page['objects']]
        pages, after = pages + 1, page['after']
        assert len(page['objects']) <= 1
    assert (sorted(found), pages) == (sorted(wanted), 5)


def test_containers(host):
    assert containers.list_containers(host, REPOSITORY, '', 5) == {'containers': [], 'after': ''}
    for number, name in enumerate((u'caf\xe9', 'box', 'Box', 'a' * 300)):
        for _ in (1, 2):
            assert create(host, name, number + 1) is None
    with pytest.raises(errors.Exists):
        create(host, 'box', 9)
    for name in ('', 'a/b', 'a\nb', 'a\0', u'\ud800', 7, Binary(u'\xe9'.encode('latin-1')),
                 'a' * 1025):
        with pytest.raises(errors.InvalidArgument):
            create(host, name)
    found, after = [], ''
    while True:
        page = containers.list_containers(host, REPOSITORY, after, 3)
        found += [entry['name'] for entry in page['containers']]
        after = page['after']
        if not after:
            break
    assert sorted(found) == sorted([u'caf\xe9', 'box', 'Box', 'a' * 300])
    put(host, 5, 'Templates/x', 'data', 'box')  # no file of the repository
    assert files_in(host, PLAIN + '/data') == ['Templates%2Fx']
    with pytest.raises(errors.NotEmpty):
        containers.delete_container(host, *(WHO + (REPOSITORY, 'box')))
    objects.delete_object(host, *(WHO + (REPOSITORY, 'box', 'Templates/x', '')))
    begin(host, 6, 'y', 'box')
    with pytest.raises(errors.NotEmpty):
        containers.delete_container(host, *(WHO + (REPOSITORY, 'box')))
    unfinished_uploads.delete_upload(host, *(WHO + (REPOSITORY, 'box', by(6)[1])))
    containers.delete_container(host, *(WHO + (REPOSITORY, 'box')))
    assert not os.path.exists(host.path(PLAIN))
    for function in (lambda: containers.delete_container(host, *(WHO + (REPOSITORY, 'box'))),
                     lambda: listed(host, 'box'), lambda: begin(host, 7, 'x', 'box'),
                     lambda: stat(host, 'x', 'box'),
                     lambda: unfinished_uploads.list_uploads(host, REPOSITORY, 'box')):
        with pytest.raises(errors.NotFound):
            function()
    assert stat  # the others are still there
    assert len(containers.list_containers(host, REPOSITORY, '', 9)['containers']) == 3


def test_what_is_not_understood_is_said(host):
    create(host)
    put(host, 2, 'x', 'data', 'box')
    put(host, 3, 'n' * 900, 'data', 'box')
    top = os.path.dirname(host.path(PLAIN))
    os.mkdir(top + '/c-new')  # just being made
    os.makedirs(top + '/c-broken/data/x')
    os.mkdir(top + '/odd')
    fill(host, PLAIN + '/../c-file', '')
    found = containers.list_containers(host, REPOSITORY, '', 9)['containers']
    assert [(entry['name'], 'error' in entry) for entry in found] == [
        ('box', False), ('c-broken', True), ('c-file', True)]
    data = host.path(PLAIN + '/data')
    os.mkdir(data + '/folder')
    fill(host, PLAIN + '/data/a%2f', '')
    fill(host, PLAIN + '/data/.nfs0001', '')
    os.symlink('/etc/passwd', data + '/link')
    for name in files_in(host, PLAIN + '/about'):
        if 'nnn' in name:
            os.unlink(host.path(PLAIN + '/about/') + name)
    found = dict([(entry['name'], entry) for entry in listed(host, 'box')])
    assert sorted([name[:6] for name in found]) == ['a%2f', 'folder', 'link', 'nnnnnn', 'x']
    assert sorted([name[:6] for name in found if 'error' in found[name]]) == [
        'a%2f', 'folder', 'link', 'nnnnnn']
    [record] = [name for name in files_in(host, PLAIN + '/about') if '/x.' in name]
    path = host.path(PLAIN + '/about/') + record
    handle = open(path)
    text = handle.read()
    handle.close()
    fill(host, PLAIN + '/about/' + record, text.replace('schema=1', 'schema=2'))
    entry = stat(host, 'x', 'box')
    assert (entry['about'], 'form' in entry['about_error']) == ({}, True)
    os.mkdir(host.path(PLAIN + '/uploads/' + by(8)[1]))
    os.mkdir(host.path(PLAIN + '/uploads/odd'))
    found = unfinished_uploads.list_uploads(host, REPOSITORY, 'box')
    assert [(entry['operation'], 'error' in entry) for entry in found] == [
        (by(8)[1], True), ('odd', True)]
    unfinished_uploads.delete_upload(host, *(WHO + (REPOSITORY, 'box', by(8)[1])))
    assert len(unfinished_uploads.list_uploads(host, REPOSITORY, 'box')) == 1


def test_nothing_is_written_where_nothing_is_mounted(host):
    fill(host, '/proc/mounts', '')
    for function in (lambda: create(host), lambda: begin(host, 1, 'x'), lambda: listed(host)):
        with pytest.raises(errors.NotMounted):
            function()
    assert not os.path.exists(host.path(OWN))
    assert to_text('x') == 'x'
