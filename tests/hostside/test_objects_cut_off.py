"""Whoever is killed, wherever: the old object or the new one is there, whole, with its record, and
the same request goes on from there. And two at the same time."""

import os

import pytest
from libcloud_ovm3_host import (abouts, aside, commits, containers, errors, object_listing,
                                object_names, objects, unfinished_uploads, uploads)
from storing import (OWN, RECORD, REPOSITORY, WHO, begin, by, commit, content, create,
                     files_in, listed, names, prepare, put, stat, write)

DISK = 'VirtualDisks/disk.img'
PATH = REPOSITORY + '/' + DISK
NEW = dict(RECORD, md5='0e' * 16)
STEPS = ('rename', 'link', 'unlink', 'mkdir', 'rmdir')  # what others can see
MOST = 60  # more than there are


@pytest.fixture
def host(dom0):
    return prepare(dom0)


def each_cut(cut_off, again, function):
    """Cut the function off after each of its steps; ``again``: before each."""
    for step in range(1, MOST):
        again(step)
        if not cut_off(step, STEPS, function, step):
            assert step > 2
            return
        yield step
    raise AssertionError('it never ended')


def asides(host):
    return aside.list_aside(host, REPOSITORY.encode('ascii'))


def test_an_overwrite_is_cut_off_anywhere(host, cut_off):
    def again(step):
        put(host, 1000 + step, 'x', 'old', record=RECORD)
        begin(host, step, 'x')
        write(host, step, 0, 'newer')
    seen = set()
    for step in each_cut(cut_off, again, lambda step: commit(host, step, 'x', 8, record=NEW)):
        entry = stat(host, 'x')
        state = (content(host, 'x'), entry['about']['md5'])
        assert state in (('old', RECORD['md5']), ('newer\0\0\0', NEW['md5']))
        seen.add(state)
        for upload in unfinished_uploads.list_uploads(host, REPOSITORY, ''):
            assert ('error' in upload) == (state[0] != 'old')
        again_entry = commit(host, step, 'x', 8, record=NEW)
        assert again_entry['about'] == NEW and content(host, 'x') == 'newer\0\0\0'
        if state[0] != 'old':
            assert again_entry == entry
        assert listed(host) == [dict([(key, again_entry[key]) for key in again_entry
                                      if key != 'path'])]
        assert unfinished_uploads.list_uploads(host, REPOSITORY, '') == []
    assert len(seen) == 2
    assert [name for name in files_in(host, REPOSITORY + '/.libcloud-ovm3') if 'uploads' in name] == []


def test_a_replacement_is_cut_off_anywhere(host, cut_off):
    entries = []

    def again(step):
        if os.path.exists(host.path(PATH)):
            os.unlink(host.path(PATH))
        entries.append(put(host, 1000 + step, DISK, 'old'))
        begin(host, step, DISK)
        write(host, step, 0, 'newer')
    for step in each_cut(cut_off, again,
                         lambda step: commit(host, step, DISK, 5, record=NEW, replace=True)):
        state = (content(host, DISK), stat(host, DISK)['about']['md5'])
        assert state in (('old', RECORD['md5']), ('newer', NEW['md5']))
        if state[0] == 'newer':
            assert len(asides(host)) == 1
        if step % 2:  # it goes on
            commit(host, step, DISK, 5, record=NEW, replace=True)
            assert content(host, DISK) == 'newer'
        elif unfinished_uploads.list_uploads(host, REPOSITORY, ''):  # or it is given up
            unfinished_uploads.delete_upload(host, *(WHO + (REPOSITORY, '', by(step)[1])))
            if asides(host) == []:
                continue
        commits.restore_aside(host, *(by(step) + (PATH,)))
        assert (asides(host), stat(host, DISK)) == ([], entries[-1])


def test_nothing_is_written_into_an_object_whose_commit_was_cut_off(host, cut_off):
    """A new file of the repository has the names of the upload and of the object then."""
    put(host, 1, DISK, 'data')  # makes the folders
    os.unlink(host.path(PATH))
    for step in range(2, MOST):
        begin(host, step, DISK)
        write(host, step, 0, 'whole')
        assert cut_off(step, STEPS, commit, host, step, DISK, 5)
        if os.path.exists(host.path(PATH)):
            break
        unfinished_uploads.delete_upload(host, *(WHO + (REPOSITORY, '', by(step)[1])))
    for late in (lambda: write(host, step, 0, 'OTHER'), lambda: unfinished_uploads.adopt_upload(
            host, *(by(1) + (REPOSITORY, '', by(step)[1])))):
        with pytest.raises(errors.Conflict):
            late()
    [left] = unfinished_uploads.list_uploads(host, REPOSITORY, '')
    assert 'can be deleted' in left['error']
    unfinished_uploads.delete_upload(host, *(WHO + (REPOSITORY, '', by(step)[1])))
    assert content(host, DISK) == 'whole'


def test_a_restoration_is_cut_off_anywhere(host, cut_off):
    entries = []

    def again(step):
        if os.path.exists(host.path(PATH)):
            os.unlink(host.path(PATH))
        entries.append(put(host, 1000 + step, DISK, 'old'))
        put(host, step, DISK, 'newer', record=NEW, replace=True)

    def restore(step):
        commits.restore_aside(host, *(by(step) + (PATH,)))
    for step in each_cut(cut_off, again, restore):
        state = (content(host, DISK), stat(host, DISK)['about']['md5'])
        assert state in (('old', RECORD['md5']), ('newer', NEW['md5']))
        restore(step)
        assert (asides(host), stat(host, DISK)) == ([], entries[-1])


def test_containers_and_uploads_are_cut_off_anywhere(host, cut_off):
    def nothing(step):
        if step > 1:
            containers.delete_container(host, *(WHO + (REPOSITORY, 'box')))

    for step in each_cut(cut_off, nothing, lambda step: create(host, 'box', step)):
        create(host, 'box', step)
        put(host, 500, 'x', 'data', 'box')
        objects.delete_object(host, *(WHO + (REPOSITORY, 'box', 'x', '')))

    def begun(step):
        begin(host, step, 'x', 'box')
        write(host, step, 0, 'data', 'box')
    for step in each_cut(cut_off, lambda step: None, lambda step: begin(host, step, 'x', 'box')):
        found = unfinished_uploads.list_uploads(host, REPOSITORY, 'box')
        assert [entry['operation'] for entry in found] in ([], [by(step)[1]])
        if step % 2:
            begun(step)
            commit(host, step, 'x', 4, 'box')
        else:
            unfinished_uploads.delete_upload(host, *(WHO + (REPOSITORY, 'box', by(step)[1])))
        assert unfinished_uploads.list_uploads(host, REPOSITORY, 'box') == []

    [left] = unfinished_uploads.list_uploads(host, REPOSITORY, 'box')  # of the last one, not cut off
    unfinished_uploads.delete_upload(host, *(WHO + (REPOSITORY, 'box', left['operation'])))

    def delete_upload(step):
        unfinished_uploads.delete_upload(host, *(WHO + (REPOSITORY, 'box', by(900 + step)[1])))
    for step in each_cut(cut_off, lambda step: begun(900 + step), delete_upload):
        delete_upload(step)
        assert (content(host, 'x', 'box'), len(listed(host, 'box'))) == ('data', 1)
        assert unfinished_uploads.list_uploads(host, REPOSITORY, 'box') == []

    def delete(step):
        containers.delete_container(host, *(WHO + (REPOSITORY, 'box')))

    def filled(step):
        create(host, 'box', step)
        put(host, 500 + step, 'y', 'data', 'box')
        objects.delete_object(host, *(WHO + (REPOSITORY, 'box', 'y', '')))
    objects.delete_object(host, *(WHO + (REPOSITORY, 'box', 'x', '')))
    containers.delete_container(host, *(WHO + (REPOSITORY, 'box')))
    for step in each_cut(cut_off, filled, delete):
        found = containers.list_containers(host, REPOSITORY, '', 5)['containers']
        if found:
            assert 'error' in found[0] or names(host, 'box') == []
            if 'error' in found[0]:
                with pytest.raises(errors.NotFound):
                    begin(host, 800 + step, 'x', 'box')
            delete(step)
        assert containers.list_containers(host, REPOSITORY, '', 5)['containers'] == []


# --- two at the same time -------------------------------------------------------------------

def at(monkeypatch, module, name, other):
    """Do something else right before that function is called for the first time."""
    real, done = getattr(module, name), []

    def call(*arguments, **options):
        if not done:
            done.append(1)
            other()
        return real(*arguments, **options)
    monkeypatch.setattr(module, name, call)


def test_of_two_writers_the_last_complete_one_wins(host, monkeypatch):
    put(host, 1, 'x', 'old')
    for number, name in enumerate(('_finished', '_rename', '_answer')):
        for each in (10 + number, 20 + number):
            begin(host, each, 'x')
            write(host, each, 0, 'by %d' % each)
        at(monkeypatch, commits, name,
           lambda: commit(host, 20 + number, 'x', 5, record=dict(NEW, content_type='b')))
        commit(host, 10 + number, 'x', 5, record=dict(NEW, content_type='a'))
        monkeypatch.undo()
        last = [10, 10, 20][number] + number
        assert content(host, 'x') == 'by %d' % last
        assert stat(host, 'x')['about']['content_type'] == {10: 'a', 20: 'b'}[last - number]
    # what is old enough goes with the next commit
    bucket = OWN + '/about/' + abouts.bucket_of('x'.encode('ascii'))
    for name in files_in(host, bucket):
        os.utime(host.path(bucket + '/' + name), (7, 7))
    put(host, 30, 'x', 'last')
    assert files_in(host, bucket) == ['x.' + by(30)[1]]
    # or when it is deleted; a record that is younger may be of a commit that has not ended
    put(host, 31, 'x', 'young')
    put(host, 32, 'x', 'gone')
    os.utime(host.path(bucket + '/x.' + by(30)[1]), (7, 7))
    objects.delete_object(host, *(WHO + (REPOSITORY, '', 'x', '')))
    assert files_in(host, bucket) == ['x.' + by(31)[1]]


def test_an_object_is_deleted_while_its_commit_ends(host, monkeypatch):
    """The commit was carried out, and says so, with what was recorded."""
    path = host.path(OWN + '/data/x')

    def at_the_end(module, name):
        real = getattr(module, name)

        def call(*arguments):
            answer = real(*arguments)
            if not done and os.path.exists(path) and os.path.getsize(path) == 5:
                done.append(1)
                objects.delete_object(host, *(WHO + (REPOSITORY, '', 'x', '')))
            return answer
        monkeypatch.setattr(module, name, call)
    for number, (module, name) in enumerate([(abouts, '_before'), (abouts, 'prune'),
                                             (objects, 'stat')]):
        done = []
        put(host, 10 + number, 'x', 'old')
        put(host, 20 + number, 'x', 'old')
        begin(host, 30 + number, 'x')
        write(host, 30 + number, 0, 'newer')
        at_the_end(module, name)
        entry = commit(host, 30 + number, 'x', 5, record=NEW)
        monkeypatch.undo()
        assert (done, entry['about'], entry['size_bytes']) == ([1], NEW, 5)
        assert names(host) == []


def test_a_record_is_not_taken_for_that_of_another_content_in_its_inode(host):
    """A file system that counts seconds gives both the same identity, if they have one size."""
    put(host, 9, 'x', 'old')
    bucket = host.path(OWN + '/about/' + abouts.bucket_of('x'.encode('ascii')))
    begin(host, 1, 'x')
    write(host, 1, 0, 'new')
    identity = abouts.identity(os.stat(host.path(OWN + '/uploads/' + by(1)[1] + '/data')))
    handle = open(bucket + '/x.' + by(9)[1])
    text = handle.read()
    handle.close()
    old = [line for line in text.split('\n') if line.startswith('identity=')][0]
    handle = open(bucket + '/x.' + by(9)[1], 'w')
    handle.write(text.replace(old, 'identity=' + identity))
    handle.close()
    os.utime(bucket + '/x.' + by(9)[1], (1 << 33, 1 << 33))  # no earlier than the other one
    assert commit(host, 1, 'x', 3, record=NEW)['about'] == NEW
    assert stat(host, 'x')['about'] == NEW


def test_two_that_describe_lose_neither_record(host, monkeypatch):
    identity = put(host, 1, 'x', 'data')['identity']

    def describe(number):
        objects.describe_object(host, *(by(number) + (
            REPOSITORY, '', 'x', identity, dict(RECORD, content_type='%d' % number))))
    at(monkeypatch, abouts, '_before', lambda: describe(3))
    describe(2)
    assert stat(host, 'x')['about']['content_type'] in ('2', '3')


def test_an_upload_begins_or_ends_while_its_container_is_deleted(host, monkeypatch):
    def delete():
        containers.delete_container(host, *(WHO + (REPOSITORY, 'box')))
    for name in ('remove_directory', '_has_anything'):
        create(host)
        at(monkeypatch, containers, name, lambda: begin(host, 1, 'x', 'box'))
        with pytest.raises(errors.NotEmpty):
            delete()
        monkeypatch.undo()
        write(host, 1, 0, 'data', 'box')
        commit(host, 1, 'x', 4, 'box')
        assert names(host, 'box') == ['x']
        objects.delete_object(host, *(WHO + (REPOSITORY, 'box', 'x', '')))
        delete()
    # the container goes first
    create(host)
    at(monkeypatch, containers, 'open_below', delete)
    with pytest.raises(errors.NotFound):
        begin(host, 2, 'x', 'box')
    monkeypatch.undo()
    create(host)
    at(monkeypatch, commits.containers, 'remove_directory', lambda: put(host, 3, 'x', 'data', 'box'))
    with pytest.raises(errors.NotEmpty):
        delete()
    monkeypatch.undo()
    assert (names(host, 'box'), content(host, 'x', 'box')) == (['x'], 'data')


def test_a_listing_while_others_write(host, monkeypatch):
    create(host)
    for number in range(9):
        put(host, 10 + number, 'x%d' % number, 'data', 'box')
    at(monkeypatch, object_listing, '_entry_of_ours', lambda: (
        objects.delete_object(host, *(WHO + (REPOSITORY, 'box', 'x5', ''))),
        put(host, 50, 'x6', 'other', 'box'), put(host, 51, 'x99', 'new', 'box')))
    found = listed(host, 'box')
    assert [entry['name'] for entry in found if entry['name'] not in ('x5', 'x99')] == [
        'x%d' % number for number in range(9) if number != 5]
    assert [entry for entry in found if not entry.get('about')] == []
    # and when the names of the records were read already, whatever the object is called
    same = [name for name in [letter * 300 for letter in 'abcdefghijklmnopqrstuvwxyz'] + [
        'z%d' % number for number in range(2000)] if abouts.bucket_of(object_names.file_name(
            name.encode('ascii'))) == abouts.bucket_of('x0'.encode('ascii'))]
    for number, name in enumerate(same[:4]):
        put(host, 60 + number, name, 'data', 'box')
    at(monkeypatch, object_listing, 'entry', lambda: [
        put(host, 70 + number, name, 'other', 'box') for number, name in enumerate(same[:4])])
    found = dict([(entry['name'], entry) for entry in listed(host, 'box')])
    assert [name for name in found if not found[name].get('about')] == []
    assert [found[name]['size_bytes'] for name in same[1:4]] == [5, 5, 5]
