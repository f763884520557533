"""What still holds a file, how full mounts are, which guests come back by themselves."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcloud_ovm3_host import errors, file_holders, inventory
from libcloud_ovm3_host.compat import big, to_text

REPOSITORY = '/OVS/Repositories/' + '0a' * 16
SHARE = '/nfsmnt/0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e'
IMAGE = '/OVS/Repositories/0004fb0000030000aeaca859e4a8f8c0/VirtualDisks/0004fb000012.img'
ENDED = {'xenstore': (1, '', 'xs_domain_open: Connection refused')}
XENSTORE = u'''\
/local/domain/0/backend/vbd = ""
/local/domain/0/backend/vbd/7 = ""
/local/domain/0/backend/vbd/7/51712 = ""
/local/domain/0/backend/vbd/7/51712/domain = "web = "1""
/local/domain/0/backend/vbd/7/51712/frontend = "/local/domain/7/device/vbd/51712"
/local/domain/0/backend/vbd/7/51712/params = "%s"
/local/domain/0/backend/vbd/7/51712/mode = "w"
/local/domain/0/backend/vbd/7/51712/dev = "xvda"
/local/domain/0/backend/vbd/7/51712/state = "4"
/local/domain/0/backend/vbd/12/51728/params = "mapper/36006"
/local/domain/0/backend/vbd/12/51728/type = "phy"
/local/domain/0/backend/vbd/12/51728/mode = "w!"
/local/domain/0/backend/vbd/12/51728/state = "6"
/local/domain/0/backend/vbd/12/51728/dev = "xvdb"
/local/domain/0/backend/tap/3/51712/params = "aio:/OVS/caf\\xc3\\xa9 \\\\ \\n.img"
/local/domain/0/backend/tap/3/51712/state = "soon"
/local/domain/0/backend/vif/7/0/mac = "00:16:3e:00:00:01"
/local/domain/0/backend/vbd/13 = ""
/local/domain/0/backend/vbd/7/51712/hotplug-status:
''' % IMAGE


UUID = '0004fb00-0006-0000-5698-72ec10e028c8'


def answering(dom0, **answers):
    """Commands by the beginning of their names; what is not given is not there."""
    said = []

    def run(words, seconds):
        said.append(' '.join(words))
        for begin in sorted(answers, reverse=True):
            if words[0].replace('-', '_').startswith(begin):
                status, output, error = answers[begin]
                return status, output.encode('utf-8'), error.encode('utf-8')
        raise errors.Failed('%s: no such command' % words[0])
    dom0.run = run
    return said


def test_block_backends_whoever_is_listed(dom0):
    said = answering(dom0, xenstore_ls=(0, XENSTORE, ''), losetup=(0, '', ''))
    assert file_holders.file_holders(dom0) == [
        {'kind': 'vbd', 'domid': 3, 'device': '51712', 'path': u'/OVS/caf\xe9 \\ \n.img',
         'mode': '', 'state': 0, 'uuid': ''},
        {'kind': 'vbd', 'domid': 7, 'device': 'xvda', 'path': IMAGE, 'mode': 'w', 'state': 4,
         'uuid': ''},
        {'kind': 'vbd', 'domid': 12, 'device': 'xvdb', 'path': '/dev/mapper/36006', 'mode': 'w!',
         'state': 6, 'uuid': ''}]
    assert said[0] == 'xenstore-ls -f /local/domain/0/backend'  # without -f it cuts long values


@pytest.mark.parametrize('line', [
    '/local/domain/0/backend/vbd/7/51712/params = "/OVS/Repos', 'something else'])
def test_a_line_of_xenstore_that_is_not_understood_is_no_free_disk(dom0, line):
    answering(dom0, xenstore_ls=(0, XENSTORE + line + '\n', ''), losetup=(0, '', ''))
    found = file_holders.file_holders(dom0)
    assert len(found) == 4
    assert found[0]['kind'] == 'vbd' and line in found[0]['error'] and 'path' not in found[0]


def test_without_xenstore_nobody_knows(dom0):
    answering(dom0, losetup=(0, '', ''), **ENDED)
    entry = file_holders.file_holders(dom0)[0]
    assert entry['kind'] == 'vbd' and 'Connection refused' in entry['error']
    answering(dom0, losetup=(0, '', ''))
    assert 'no such command' in file_holders.file_holders(dom0)[0]['error']


def test_before_the_first_guest_there_are_no_backends(dom0):
    answering(dom0, xenstore_ls=(1, '', 'No such file'), xenstore_list=(0, 'name\ndomid\n', ''),
              losetup=(0, '', ''))
    assert file_holders.file_holders(dom0) == []
    answering(dom0, xenstore_ls=(1, '', 'No such file'), xenstore_list=(0, 'name\nbackend\n', ''),
              losetup=(0, '', ''))
    assert 'No such file' in file_holders.file_holders(dom0)[0]['error']


def test_a_backend_that_goes_meanwhile_is_asked_again(dom0):
    said = answering(dom0, losetup=(0, '', ''))
    answers = [(1, '', 'xs_directory'), (0, 'backend\n', ''), (0, XENSTORE, '')]

    def run(words, seconds):
        said.append(words[0])
        status, output, error = (answers or [(0, '', '')]).pop(0)
        return status, output.encode('utf-8'), error.encode('utf-8')
    dom0.run = run
    assert len(file_holders.file_holders(dom0)) == 3
    assert said[:3] == ['xenstore-ls', 'xenstore-list', 'xenstore-ls']


def test_loop_devices_with_their_whole_names(dom0):
    answering(dom0, xenstore_ls=(0, '', ''))
    for name, path in (('loop0', IMAGE), ('loop1', ''), ('sda', '/x'), ('loop12', '/a b')):
        os.makedirs(dom0.path('/sys/block/%s/loop' % name))
        if path:
            handle = open(dom0.path('/sys/block/%s/loop/backing_file' % name), 'w')
            handle.write(path + '\n')
            handle.close()
    assert file_holders.file_holders(dom0) == [{'kind': 'loop', 'device': '/dev/loop0', 'path': IMAGE},
                                     {'kind': 'loop', 'device': '/dev/loop12', 'path': '/a b'}]


def test_losetup_where_the_kernel_says_nothing(dom0):
    lines = ('/dev/loop0: [0811]:1234 (/OVS/a (1).img)\n'
             '/dev/loop1: [0811]:1235 (%s)\n' % IMAGE[:63])
    answering(dom0, xenstore_ls=(0, '', ''), losetup=(0, lines, ''))
    whole, cut = file_holders.file_holders(dom0)
    assert whole == {'kind': 'loop', 'device': '/dev/loop0', 'path': '/OVS/a (1).img'}
    assert cut['path'] == IMAGE[:63] and 'truncates paths' in cut['error']
    answering(dom0, xenstore_ls=(0, '', ''), losetup=(1, '', 'denied'))
    assert 'denied' in file_holders.file_holders(dom0)[0]['error']


def saying(dom0, backends, vms):
    """xenstore's backends, and ``/local/domain/<domid>/vm``: asked for once each."""
    asked = []

    def run(words, seconds):
        if words[0] == 'xenstore-ls':
            return 0, backends.encode('utf-8'), ''.encode('ascii')
        assert words[0] == 'xenstore-read' and words[1] not in asked
        asked.append(words[1])
        name = vms.get(words[1].split('/')[3])
        if name is None:
            raise errors.Timeout('xenstore-read')
        return int(not name), (name + '\n').encode('ascii'), ''.encode('ascii')
    dom0.run = run


@pytest.mark.parametrize('name, uuid', [
    ('/vm/' + UUID, UUID), ('/vm/%s-1' % UUID, UUID), ('/vm/' + UUID.upper(), UUID),
    ('', ''), (None, ''), ('/vm/' + UUID[1:], ''), ('x' + UUID, ''), ('/vm/%s/x' % UUID, '')])
def test_whose_disk_it_is(dom0, name, uuid):
    lines = XENSTORE + '/local/domain/0/backend/vbd/7/51728/params = "/b"\n'
    saying(dom0, lines, {'3': '', '7': name, '12': '/vm/' + UUID.replace('8', '9')})
    os.makedirs(dom0.path('/sys/block/loop0/loop'))
    handle = open(dom0.path('/sys/block/loop0/loop/backing_file'), 'w')
    handle.write('/x\n')
    handle.close()
    found = file_holders.file_holders(dom0)
    last = {True: '', False: UUID.replace('8', '9')}[name is None]  # where it hangs, not asked
    assert [entry.get('uuid') for entry in found] == ['', uuid, uuid, last, None]


@pytest.mark.parametrize('path, node, domid', [
    (IMAGE, '/dev/loop0', 7), (IMAGE + ' (deleted)', '/dev/loop0', 7),
    (IMAGE, '/dev/loop1', None), (IMAGE, '', None), ('/another.img', '/dev/loop0', None),
    (IMAGE[:-4], '/dev/loop0', None)])
def test_whose_loop_device_it_is(dom0, path, node, domid):
    lines = XENSTORE + '/local/domain/0/backend/vbd/7/51712/node = "%s"\n' % node
    saying(dom0, lines, {'3': '', '7': '/vm/' + UUID, '12': ''})
    os.makedirs(dom0.path('/sys/block/loop0/loop'))
    handle = open(dom0.path('/sys/block/loop0/loop/backing_file'), 'w')
    handle.write(path + '\n')
    handle.close()
    loop = file_holders.file_holders(dom0)[-1]
    assert (loop.get('domid'), loop.get('uuid')) == (domid, domid and UUID)
    assert 'node' not in repr(file_holders.backends(u''))


def test_a_loop_device_that_two_name_is_nobodys(dom0):
    lines = XENSTORE
    for domid in (7, 8):
        lines += '/local/domain/0/backend/vbd/%d/51712/node = "/dev/loop0"\n' % domid
        lines += '/local/domain/0/backend/vbd/%d/51712/params = "%s"\n' % (domid, IMAGE)
    saying(dom0, lines, {'3': '', '7': '/vm/' + UUID, '8': '', '12': ''})
    os.makedirs(dom0.path('/sys/block/loop0/loop'))
    handle = open(dom0.path('/sys/block/loop0/loop/backing_file'), 'w')
    handle.write(IMAGE + '\n')
    handle.close()
    found = file_holders.file_holders(dom0)
    assert 'domid' not in found[-1]
    assert [entry for entry in found if 'node' in entry] == []


def test_a_file_that_has_lost_its_name_is_told_by_it(dom0):
    """It may have another by now: set aside, for example."""
    saying(dom0, '', {})
    os.makedirs(dom0.path('/sys/block/loop0/loop'))
    handle = open(dom0.path('/sys/block/loop0/loop/backing_file'), 'w')
    handle.write(IMAGE + ' (deleted)\n')
    handle.close()
    entry, = file_holders.file_holders(dom0)
    assert entry['path'] == IMAGE and 'no longer has this name' in entry['error']


@pytest.mark.parametrize('length, is_cut', [(61, False), (62, True), (63, True), (64, True)])
def test_a_name_that_losetup_may_have_cut(dom0, length, is_cut):
    answering(dom0, xenstore_ls=(0, '', ''),
              losetup=(0, '/dev/loop0: [0015]:100 (%s)\n' % IMAGE[:length], ''))
    entry, = file_holders.file_holders(dom0)
    assert entry['path'] == IMAGE[:length] and ('error' in entry) == is_cut


# --- mounts and autostart guests ------------------------------------------------------------------

def test_free_space_of_repositories_and_shares_only(dom0):
    found = inventory.free_space(dom0)
    assert [entry['mount'] for entry in found] == [REPOSITORY, SHARE]
    for entry in found:
        assert (entry['device'], entry['type']) == ('filer:/export', 'nfs')
        assert 0 < entry['free_bytes'] < entry['size_bytes']
        assert isinstance(entry['size_bytes'], big)  # or the agent could not send it
        assert set(entry) == set(['mount', 'device', 'type', 'size_bytes', 'free_bytes'])


def test_a_mount_that_hangs_leaves_the_others(dom0, monkeypatch):
    monkeypatch.setattr(inventory, 'SECONDS', 2)

    def open_mount(mount_point):
        if mount_point == REPOSITORY:
            import time
            time.sleep(3600)
        return os.open(dom0.root + mount_point, os.O_RDONLY)
    dom0.open_mount = open_mount
    hung, well = inventory.free_space(dom0)
    assert hung['error'].startswith('Timeout') and 'size_bytes' not in hung
    assert well['size_bytes'] > 0


def test_guests_that_come_back(dom0):
    for name in ('/var/lib/xen/save/db01', '/var/lib/xen/save/.hidden', '/etc/xen/auto/web',
                 '/var/lib/xend/domains/u1/config.sxp', '/var/lib/xend/domains/u2/config.sxp',
                 '/var/lib/xend/domains/u3/other'):
        path = dom0.path(name)
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        handle = open(path, 'w')
        handle.write({'/var/lib/xend/domains/u1/config.sxp': '(domain (on_xend_start start) (x 1))',
                      '/var/lib/xend/domains/u2/config.sxp': '(domain (on_xend_start ignore))',
                      }.get(name, ''))
        handle.close()
    found = inventory.autostart_guests(dom0)
    managed = '/var/lib/xend/domains/%s/config.sxp'
    assert found[:4] == [
        {'kind': 'saved', 'name': 'db01', 'path': '/var/lib/xen/save/db01'},
        {'kind': 'auto', 'name': 'web', 'path': '/etc/xen/auto/web'},
        {'kind': 'managed', 'uuid': 'u1', 'path': managed % 'u1', 'starts': True},
        {'kind': 'managed', 'uuid': 'u2', 'path': managed % 'u2', 'starts': False}]
    assert found[4]['uuid'] == 'u3' and 'starts' not in found[4] and found[4]['error']


def test_a_folder_that_cannot_be_read_is_no_empty_one(dom0):
    os.makedirs(dom0.path('/var/lib/xen'))
    open(dom0.path('/var/lib/xen/save'), 'w').close()
    entry, = inventory.autostart_guests(dom0)
    assert entry['kind'] == 'saved' and 'Not a directory' in entry['error']


def test_names_that_are_no_text(dom0):
    folder = dom0.path('/var/lib/xen/save/').encode('utf-8')
    os.makedirs(folder)
    open(folder + u'caf\xe9'.encode('latin-1'), 'w').close()
    assert inventory.autostart_guests(dom0)[0]['name'] == u'caf\ufffd'


@pytest.mark.parametrize('line', ['', '/x:', '/local/domain/0/backend/vbd/x/1/params = "a"',
                                  '/local/domain/0/backend/vbd/7/1/2/params = "a"'])
def test_lines_of_another_kind(line):
    assert file_holders.backends(line) == []


@given(st.lists(st.sampled_from(XENSTORE.split(u'\n')) | st.text()).map(u'\n'.join))
def test_whatever_commands_say_is_taken_apart(text):
    for entry in file_holders.backends(text) + file_holders.loops(text):
        assert 'error' in entry or set(entry) >= set(['kind', 'device', 'path'])


@pytest.mark.parametrize('line, path', [
    ('/dev/loop0: [0801]:12 (/OVS/a.img)', '/OVS/a.img'),
    ('/dev/loop0: [0801]:12 (/OVS/a (1).img)', '/OVS/a (1).img'),
    ('/dev/loop0: [0801]:12 (/OVS/a.img), offset 512', '/OVS/a.img'),
    ('/dev/loop0: [0801]:12 (/OVS/a.img), sizelimit 7', '/OVS/a.img'),
])
def test_lines_of_losetup(line, path):
    assert [entry['path'] for entry in file_holders.loops(to_text(line))] == [path]


def test_a_line_of_losetup_that_is_not_understood_is_no_line_less():
    [entry] = file_holders.loops(u'loop0 /OVS/a.img\n')
    assert 'path' not in entry
    assert 'loop0 /OVS/a.img' in entry['error']
