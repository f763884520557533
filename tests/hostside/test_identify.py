"""Which file a path leads to, through links, other names and other mounts."""

import os

import pytest

from libcloud_ovm3_host import errors, identify
from libcloud_ovm3_host.compat import big
from libcloud_ovm3_host.rpc import Binary

REPOSITORY = '/OVS/Repositories/' + '0a' * 16
SHARE = '/nfsmnt/0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e'
GONE = '/OVS/Repositories/' + '0f' * 16
DISK = REPOSITORY + '/disk.img'


@pytest.fixture
def host(dom0):
    handle = open(dom0.path(DISK), 'w')
    handle.write('data')
    handle.close()
    return dom0


def of(host, *paths):
    return identify.identify(host, list(paths))


def link(host, target, path):
    if not os.path.isdir(os.path.dirname(host.path(path))):
        os.makedirs(os.path.dirname(host.path(path)))
    os.symlink(target, host.path(path))


def test_a_file(host):
    status = os.stat(host.path(DISK))
    entry, = of(host, DISK)
    assert entry == {'path': DISK, 'real': DISK, 'device': '%d' % status.st_dev, 'links': 1,
                     'inode': '%d' % status.st_ino, 'type': 'file', 'size_bytes': 4}
    assert isinstance(entry['size_bytes'], big)
    assert of(host) == []


@pytest.mark.parametrize('target', [
    'disk.img', './/disk.img', DISK, '../' + '0a' * 16 + '/disk.img', 'again.img',
    'folder/../disk.img', SHARE + '/up/disk.img'])
def test_links_are_followed(host, target):
    link(host, target, REPOSITORY + '/link.img')
    link(host, REPOSITORY + '/disk.img', REPOSITORY + '/again.img')
    link(host, REPOSITORY, SHARE + '/up')
    os.mkdir(host.path(REPOSITORY) + '/folder')
    found = of(host, DISK, REPOSITORY + '/link.img', SHARE + '/up/link.img', '/../' + DISK)
    assert [entry['real'] for entry in found] == [DISK] * 4
    assert len(set([(entry['device'], entry['inode']) for entry in found])) == 1


def test_above_a_link_is_above_what_it_leads_to(host):
    link(host, SHARE, REPOSITORY + '/sub')
    os.mkdir(host.path(SHARE) + '/x')
    link(host, SHARE + '/x', REPOSITORY + '/x')
    open(host.path(SHARE) + '/disk.img', 'w').close()
    entry, = of(host, REPOSITORY + '/x/../disk.img')
    assert entry['real'] == SHARE + '/disk.img'


def test_other_names_of_one_file(host):
    os.link(host.path(DISK), host.path(REPOSITORY) + '/second.img')
    first, second = of(host, DISK, REPOSITORY + '/second.img')
    assert (first['inode'], first['links']) == (second['inode'], 2)


@pytest.mark.parametrize('path', ['/nothing', REPOSITORY + '/x', DISK + '/x', DISK + '/..',
                                  REPOSITORY + '/dangling'])
def test_nothing_there(host, path):
    link(host, 'nowhere', REPOSITORY + '/dangling')
    assert of(host, path) == [{'path': path, 'missing': True}]


@pytest.mark.parametrize('path', [GONE, GONE + '/disk.img', REPOSITORY + '/there'])
def test_what_is_not_mounted_is_not_missing(host, path):
    link(host, GONE + '/disk.img', REPOSITORY + '/there')
    entry, = of(host, path)
    assert 'nothing is mounted' in entry['error'] and 'missing' not in entry


def test_what_only_the_kernel_can_follow_is_not_missing(host):
    reader, writer = os.pipe()
    host.real_path = lambda path: path
    entry, = of(host, '/proc/%d/fd/%d' % (os.getpid(), reader))
    os.close(reader)
    os.close(writer)
    assert entry['error'] and 'missing' not in entry


def test_a_circle_is_a_problem_of_its_own(host):
    link(host, 'b', REPOSITORY + '/a')
    link(host, 'a', REPOSITORY + '/b')
    bad, good = of(host, REPOSITORY + '/a', DISK)
    assert bad['error'] and 'missing' not in bad and 'real' not in bad
    assert good['real'] == DISK


def test_names_that_are_no_text(host):
    raw = (REPOSITORY + '/caf').encode('ascii') + u'\xe9'.encode('latin-1')
    os.symlink('disk.img', host.root.encode('utf-8') + raw)
    os.link(host.path(DISK), host.root.encode('utf-8') + raw + '2\r'.encode('ascii'))
    entry, other = of(host, Binary(raw), Binary(raw + '2\r'.encode('ascii')))
    assert (entry['raw'].data, entry['real']) == (raw, DISK)
    assert other['real_raw'].data == raw + '2\r'.encode('ascii')


@pytest.mark.parametrize('paths', [None, DISK, ['relative'], [''], [5], [DISK + '\0'],
                                   ['/x'] * 1001, ['/' + 'x' * 4000]])
def test_wrong_paths(host, paths):
    with pytest.raises(errors.InvalidArgument):
        identify.identify(host, paths)


def test_a_mount_that_hangs_leaves_the_others(host, monkeypatch):
    monkeypatch.setattr(identify, 'SECONDS', 1)
    real = host.real_path

    def place(path):
        if path.startswith(SHARE.encode('ascii')):
            import time
            time.sleep(3600)
        return real(path)
    host.real_path = place
    paths = [SHARE + '/a', DISK, SHARE + '/b', '/nothing']
    found = of(host, *paths)
    assert [entry['path'] for entry in found] == paths
    assert ['error' in entry for entry in found] == [True, False, True, False]
    assert [entry.get('type') for entry in found] == [None, 'file', None, None]
    assert 'more than' in found[0]['error']
