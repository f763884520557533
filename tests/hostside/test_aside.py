"""Files set aside: nothing is lost on the way there, back, or out."""

import os
import random
import stat

import pytest

from libcloud_ovm3_host import aside, errors
from libcloud_ovm3_host.compat import big
from libcloud_ovm3_host.dom0 import Dom0
from libcloud_ovm3_host.rpc import Binary

REPOSITORY = '/OVS/Repositories/' + '0a' * 16
SHARE = '/nfsmnt/0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e'
FOLDER = REPOSITORY + '/VirtualDisks'
DISK = FOLDER + '/disk.img'
ONE, OTHER, TOKEN = '0b' * 16, '0c' * 16, '0d' * 16


@pytest.fixture
def host(dom0, monkeypatch):
    monkeypatch.setattr(aside, '_new_token', lambda: TOKEN)
    dom0.said = []
    dom0.log = dom0.said.append
    dom0.within = lambda seconds, function, *arguments: function(*arguments)
    os.mkdir(dom0.path(FOLDER))
    fill(dom0, DISK, 'data')
    return dom0


def fill(host, path, content):
    handle = open(host.path(path), 'w')
    handle.write(content)
    handle.close()


def content_of(host, path):
    handle = open(host.path(path))
    try:
        return handle.read()
    finally:
        handle.close()


def kept(path, operation=ONE):
    return path.replace(REPOSITORY, REPOSITORY + '/.libcloud-ovm3/aside/%s/%s' % (operation, TOKEN))


def call(host, function, path=DISK, operation=ONE):
    return function(host, 'client', operation, path)


def listed(host):
    return aside.list_aside(host, REPOSITORY.encode('ascii'))


def is_there(host, path):
    return os.path.lexists(host.path(path))


def test_there_and_back(host):
    for _ in (1, 2):  # the second time the request was repeated
        assert call(host, aside.set_aside) is None
        assert (is_there(host, DISK), content_of(host, kept(DISK))) == (False, 'data')
    for folder in (kept(FOLDER), kept(REPOSITORY)):
        assert stat.S_IMODE(os.stat(host.path(folder)).st_mode) == int('0700', 8)
    for _ in (1, 2):
        assert call(host, aside.put_back) is None
        assert (content_of(host, DISK), is_there(host, kept(REPOSITORY))) == ('data', False)
    assert host.said == (["client %s set_aside '%s'" % (ONE, DISK)] * 2
                         + ["client %s put_back '%s'" % (ONE, DISK)] * 2)


def test_there_and_gone(host):
    call(host, aside.set_aside)
    assert call(host, aside.delete_aside) is None
    assert not is_there(host, DISK) and not is_there(host, kept(REPOSITORY))
    for function in (aside.delete_aside, aside.put_back, aside.set_aside):
        with pytest.raises(errors.NotFound):
            call(host, function)


def test_several_of_one_operation_and_one_of_several(host):
    second = FOLDER + '/second.img'
    fill(host, second, 'two')
    call(host, aside.set_aside)
    call(host, aside.set_aside, second)
    fill(host, DISK, 'new')
    call(host, aside.set_aside, DISK, OTHER)
    found = [(entry['operation'], entry['path'], entry['size_bytes']) for entry in listed(host)]
    assert found == [(ONE, DISK, 4), (ONE, second, 3), (OTHER, DISK, 3)]
    assert [type(entry['size_bytes']) for entry in listed(host)] == [big] * 3
    call(host, aside.delete_aside)
    call(host, aside.put_back, second)
    assert (content_of(host, second), is_there(host, DISK)) == ('two', False)
    call(host, aside.put_back, DISK, OTHER)
    assert (content_of(host, DISK), listed(host)) == ('new', [])


def test_never_onto_something(host):
    call(host, aside.set_aside)
    fill(host, DISK, 'new')
    for function in (aside.set_aside, aside.put_back):
        with pytest.raises(errors.Exists):
            call(host, function)
    assert (content_of(host, DISK), content_of(host, kept(DISK))) == ('new', 'data')
    os.unlink(host.path(DISK))
    os.mkdir(host.path(DISK))
    with pytest.raises(errors.Exists):
        call(host, aside.put_back)
    os.rmdir(host.path(DISK))
    os.symlink('nowhere', host.path(DISK))
    with pytest.raises(errors.Exists):
        call(host, aside.put_back)
    assert content_of(host, kept(DISK)) == 'data'


@pytest.mark.parametrize('function', [aside.set_aside, aside.put_back, aside.delete_aside])
def test_links_and_directories_stay(host, function):
    os.symlink('disk.img', host.path(FOLDER) + '/link.img')
    os.mkdir(host.path(FOLDER) + '/folder')
    for place in (FOLDER, kept(FOLDER)):
        if not is_there(host, place):
            os.makedirs(host.path(place))
            os.symlink('../../../../../VirtualDisks/disk.img', host.path(place) + '/link.img')
            os.mkdir(host.path(place) + '/folder')
    for name in ('/link.img', '/folder'):
        with pytest.raises(errors.NotAllowed):
            call(host, function, FOLDER + name)
        assert is_there(host, FOLDER + name) and is_there(host, kept(FOLDER) + name)
    os.rename(host.path(FOLDER), host.path(REPOSITORY) + '/true')
    os.symlink('true', host.path(FOLDER))
    os.rename(host.path(kept(FOLDER)), host.path(REPOSITORY) + '/true2')
    os.symlink(host.path(REPOSITORY) + '/true', host.path(kept(FOLDER)))
    with pytest.raises(errors.NotAllowed):
        call(host, function)
    assert content_of(host, REPOSITORY + '/true/disk.img') == 'data'


@pytest.mark.parametrize('function', [aside.set_aside, aside.put_back, aside.delete_aside])
@pytest.mark.parametrize('path, kind', [
    (REPOSITORY, errors.NotAllowed), ('/etc/passwd', errors.NotAllowed),
    (REPOSITORY + '/.libcloud-ovm3/documents/tags/1', errors.NotAllowed),
    (FOLDER + '/../VirtualDisks/disk.img', errors.NotAllowed), (None, errors.InvalidArgument),
    (REPOSITORY.replace('0a', '0f') + '/x', errors.NotMounted)])
def test_wrong_places(host, function, path, kind):
    with pytest.raises(kind):
        call(host, function, path)
    with pytest.raises(errors.InvalidArgument):
        call(host, function, DISK, '../' + ONE)
    assert content_of(host, DISK) == 'data'


def test_the_directory_that_it_was_in_is_made_again(host):
    inside = REPOSITORY + '/VirtualMachines/0004/disk.img'
    os.makedirs(os.path.dirname(host.path(inside)))
    fill(host, inside, 'data')
    call(host, aside.set_aside, inside)
    os.rmdir(os.path.dirname(host.path(inside)))
    call(host, aside.set_aside, inside)  # repeated
    call(host, aside.put_back, inside)
    assert content_of(host, inside) == 'data'


def test_on_a_share_and_right_below_a_mount(host):
    for path in (SHARE + '/x', SHARE + '/a/x'):
        if not is_there(host, os.path.dirname(path)):
            os.mkdir(os.path.dirname(host.path(path)))
        fill(host, path, 'data')
        call(host, aside.set_aside, path)
        assert not is_there(host, path)
        assert aside.list_aside(host, SHARE.encode('ascii'))[0]['path'] == path
        call(host, aside.put_back, path)
        assert content_of(host, path) == 'data'


def test_names_that_are_no_text(host):
    for name in (u'caf\xe9'.encode('latin-1'), 'a\rb'.encode('ascii')):
        path = FOLDER.encode('ascii') + '/'.encode('ascii') + name
        os.close(os.open(host.root.encode('utf-8') + path, os.O_CREAT))
        call(host, aside.set_aside, Binary(path))
        entry, = listed(host)
        assert entry['raw'].data == path
        call(host, aside.put_back, Binary(path))
        assert os.path.exists(host.root.encode('utf-8') + path)


def test_what_is_not_understood_is_said(host):
    call(host, aside.set_aside)
    os.makedirs(host.path(kept(FOLDER)) + '/empty')
    os.mkdir(host.path(REPOSITORY) + '/.libcloud-ovm3/aside/mine')
    os.symlink('/etc', host.path(REPOSITORY) + '/.libcloud-ovm3/aside/' + OTHER)
    os.symlink('/etc/passwd', host.path(kept(FOLDER)) + '/link')
    disk, link, linked, mine = listed(host)
    assert disk['path'] == DISK and 'error' not in disk
    assert (link['path'], link['error']) == (FOLDER + '/link', 'not a regular file')
    assert linked['operation'] == OTHER and 'link' in linked['error'] and 'path' not in linked
    assert mine['operation'] == 'mine' and 'not an operation id' in mine['error']


def test_a_folder_that_cannot_be_read_is_no_empty_one(host):
    os.mkdir(host.path(REPOSITORY) + '/.libcloud-ovm3')
    assert listed(host) == []
    os.symlink('/etc', host.path(REPOSITORY) + '/.libcloud-ovm3/aside')
    entry, = listed(host)
    assert 'link' in entry['error']
    with pytest.raises(errors.NotAllowed):
        call(host, aside.set_aside)
    assert content_of(host, DISK) == 'data'


def test_a_listing_has_an_end(host, monkeypatch):
    monkeypatch.setattr(aside, 'MOST', 3)
    for number in range(5):
        fill(host, FOLDER + '/%d' % number, 'x')
        call(host, aside.set_aside, FOLDER + '/%d' % number)
    assert [entry.get('error') for entry in listed(host)] == [None] * 3 + [
        'more than 3 files are set aside']
    monkeypatch.setattr(aside, 'DEEPEST', 1)
    assert ['1 directory levels' in entry['error'] for entry in listed(host)] == [True]


@pytest.mark.parametrize('function, steps', [
    (aside.set_aside, 4), (aside.put_back, 6), (aside.delete_aside, 4)])
def test_cut_off_anywhere_nothing_is_lost(host, cut_off, function, steps):
    names = ['mkdir', 'rename', 'link', 'unlink', 'fsync', 'rmdir']
    for step in range(1, 20):
        if function is not aside.set_aside:
            call(host, aside.set_aside)
        was_cut = cut_off(step, names, call, host, function)
        where = [path for path in (DISK, kept(DISK)) if is_there(host, path)]
        if function is not aside.delete_aside:
            assert where and [content_of(host, path) for path in where] == ['data'] * len(where)
            assert kept(DISK) not in where or [entry['path'] for entry in listed(host)] == [DISK]
        try:
            call(host, function)
        except errors.NotFound:
            assert function is aside.delete_aside
        assert is_there(host, DISK) == (function is aside.put_back)
        assert is_there(host, kept(DISK)) == (function is aside.set_aside)
        if function is aside.set_aside:
            call(host, aside.put_back)
        fill(host, DISK, 'data')
        if not was_cut:
            break
    assert step >= steps


def test_another_that_tidies_up_at_once_is_no_lost_file(host, monkeypatch):
    """Its folder is gone when the file is to come: it must not seem that the file is."""
    real = os.rename

    def late(path, new_path):
        os.rmdir(host.path(kept(FOLDER)))
        real(path, new_path)
    monkeypatch.setattr(os, 'rename', late)
    with pytest.raises(errors.Failed, match='repeat the request'):
        call(host, aside.set_aside)
    monkeypatch.setattr(os, 'rename', real)
    call(host, aside.set_aside)
    assert content_of(host, kept(DISK)) == 'data'


@pytest.mark.parametrize('swap', [os.mkdir, lambda path: os.symlink('nowhere', path)])
def test_what_is_swapped_meanwhile_is_not_lost(host, monkeypatch, swap):
    real = os.rename

    def late(path, new_path):
        real(host.path(DISK), host.path(DISK) + '2')
        swap(host.path(DISK))
        real(path, new_path)
    monkeypatch.setattr(os, 'rename', late)
    with pytest.raises(errors.NotAllowed):
        call(host, aside.set_aside)
    assert content_of(host, DISK + '2') == 'data' and is_there(host, kept(DISK))


def test_the_same_request_twice_at_once(host, monkeypatch):
    real = os.rename

    def late(path, new_path):
        monkeypatch.setattr(os, 'rename', real)
        monkeypatch.setattr(aside, '_new_token', lambda: 'f' * 32)
        call(host, aside.set_aside)
        real(path, new_path)
    monkeypatch.setattr(os, 'rename', late)
    assert call(host, aside.set_aside) is None
    entry, = listed(host)
    assert entry['path'] == DISK and not is_there(host, kept(REPOSITORY))
    call(host, aside.put_back)
    assert content_of(host, DISK) == 'data'


def test_two_of_one_path_are_both_kept(host, monkeypatch):
    call(host, aside.set_aside)
    fill(host, DISK, 'new')
    monkeypatch.setattr(aside, '_new_token', lambda: 'f' * 32)
    monkeypatch.setattr(aside, '_require_first', lambda *arguments: None)  # it came too early
    call(host, aside.set_aside)
    with pytest.raises(errors.Failed, match='set aside 2 files'):
        call(host, aside.delete_aside)
    assert [entry['path'] for entry in listed(host)] == [DISK] * 2
    with pytest.raises(errors.Exists):
        call(host, aside.put_back)
    assert content_of(host, DISK) == 'data'
    assert [entry['size_bytes'] for entry in listed(host)] == [3]


def moving(root, paths, seed):
    """One of several at once: there and back, 150 times, whatever the others do."""
    one, dice = Dom0(root), random.Random(seed)
    one.within = lambda seconds, function, *arguments: function(*arguments)
    one.log = lambda message: None
    for _ in range(150):
        function = dice.choice([aside.set_aside, aside.put_back])
        try:
            call(one, function, dice.choice(paths), dice.choice([ONE, OTHER]))
        except (errors.NotFound, errors.Exists, errors.Failed):
            pass


def test_whoever_moves_it_at_once_nothing_is_lost(host, monkeypatch):
    monkeypatch.undo()
    paths = [DISK, FOLDER + '/second']
    fill(host, paths[1], 'two')
    children = []
    for seed in range(4):
        child = os.fork()
        if child == 0:
            try:
                moving(host.root, paths, seed)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    for path in paths:
        for operation in (ONE, OTHER):
            try:
                call(host, aside.put_back, path, operation)
            except errors.NotFound:
                pass
    assert [content_of(host, path) for path in paths] == ['data', 'two']
    assert listed(host) == []


def test_one_deletes_what_two_have_set_aside(host):
    os.makedirs(host.path(kept(FOLDER, OTHER)))
    os.link(host.path(DISK), host.path(kept(DISK, OTHER)))  # cut off right there
    call(host, aside.set_aside)
    call(host, aside.delete_aside)
    call(host, aside.put_back, DISK, OTHER)
    assert content_of(host, DISK) == 'data'


def test_a_second_name_of_the_file_stays(host):
    os.link(host.path(DISK), host.path(FOLDER) + '/second')
    call(host, aside.set_aside)
    call(host, aside.delete_aside)
    assert content_of(host, FOLDER + '/second') == 'data'


@pytest.mark.parametrize('name', [' ', 'a ', '.hidden', 'a\nb', 'a' * 255, '-rf', u'caf\xe9', '%s',
                                  'aside', '.libcloud-ovm3.img', '...', '*', "a'b", '\x1b[2J'])
def test_any_name(host, name):
    path = FOLDER + '/' + name
    fill(host, path, 'odd')
    call(host, aside.set_aside, path)
    entry, = listed(host)
    told = entry['path']
    if 'raw' in entry:
        told = entry['raw'].data.decode('utf-8')
    assert told == path
    call(host, aside.put_back, path)
    assert content_of(host, path) == 'odd'
    call(host, aside.set_aside, path)
    call(host, aside.delete_aside, path)
    assert os.listdir(host.path(FOLDER)) == ['disk.img'] and listed(host) == []
