"""The host's disks, from trees of files as the kernel and udev make them."""

import os

import pytest

from libcloud_ovm3_host import block_devices, errors
from libcloud_ovm3_host.compat import big

WWID = '6006016011223300aa00bb11cc22dd01'
ROOT_MOUNTS = ('17 1 8:2 / / rw,relatime - ext3 /dev/root rw\n'
               '20 17 0:3 / /proc rw - proc proc rw\n')
SWAPS = 'Filename Type Size Used Priority\n/dev/sda3 partition 1024 0 -1\n'


class Tree(object):
    """A host's /sys/block and /dev."""

    def __init__(self, dom0):
        self.dom0 = dom0
        self.write('/proc/self/mountinfo', ROOT_MOUNTS)
        self.write('/proc/swaps', SWAPS)

    def write(self, path, text):
        path = self.dom0.path(path)
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        handle = open(path, 'w')
        handle.write(text)
        handle.close()

    def device(self, name, number, sectors=2048, **more):
        """A device; ``more``: other files, with __ for /."""
        self.write('/sys/block/%s/size' % name, '%d\n' % sectors)
        self.write('/sys/block/%s/dev' % name, number + '\n')
        for key in more:
            self.write('/sys/block/%s/%s' % (name, key.replace('__', '/')), more[key] + '\n')

    def above(self, below, name):
        """``name`` lies on ``below``."""
        self.write('/sys/block/%s/holders/%s' % (below, name), '')
        self.write('/sys/block/%s/slaves/%s' % (name, below), '')

    def multipath(self, name, number, wwid, alias, paths):
        self.device(name, number, dm__uuid='mpath-3' + wwid, dm__name=alias)
        self.write('/dev/mapper/' + alias, '')
        for path in paths:
            self.above(path, name)

    def link(self, path, target):
        path = self.dom0.path(path)
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        os.symlink(target, path)

    def read(self):
        found = {}
        for entry in block_devices.block_devices(self.dom0):
            found[entry['device']] = entry
        return found


@pytest.fixture
def tree(dom0):
    return Tree(dom0)


@pytest.fixture
def own(tree):
    """Domain-0's disk, which is mounted and swapped to."""
    tree.device('sda', '8:0', 134217728, device__wwid='naa.5000C50012345678')
    for number in '123':
        tree.device('sda/sda' + number, '8:' + number, 1024, partition=number)
    tree.link('/dev/disk/by-id/scsi-35000c50012345678', '../../sda')
    tree.link('/dev/disk/by-id/scsi-35000c50012345678-part2', '../../sda2')
    return tree


@pytest.fixture
def lun(own):
    """A LUN with two paths."""
    own.device('sdb', '8:16')
    own.device('sdc', '8:32')
    own.multipath('dm-0', '252:0', WWID, 'asm1', ['sdb', 'sdc'])
    own.link('/dev/disk/by-id/scsi-3' + WWID, '../../dm-0')
    own.link('/dev/disk/by-path/pci-0000:00:1f.2-fc-0x50:0x2', '../../sdc')
    return own


def test_a_lun_and_its_paths(lun):
    found = lun.read()
    assert found['/dev/dm-0'] == {
        'device': '/dev/dm-0', 'kind': 'multipath', 'wwid': WWID, 'size_bytes': 2048 * 512,
        'names': ['/dev/mapper/asm1', '/dev/disk/by-id/scsi-3' + WWID],
        'slaves': ['/dev/sdb', '/dev/sdc'], 'holders': [], 'used_by': []}
    assert isinstance(found['/dev/dm-0']['size_bytes'], big)
    assert found['/dev/sdc'] == {
        'device': '/dev/sdc', 'kind': 'disk', 'wwid': '', 'size_bytes': 2048 * 512,
        'names': ['/dev/disk/by-path/pci-0000:00:1f.2-fc-0x50:0x2'], 'slaves': [],
        'holders': ['/dev/dm-0'], 'used_by': []}


def test_the_disk_that_domain_0_runs_from(own):
    found = own.read()
    uses = ['/dev/sda2: mounted at /', '/dev/sda3: swap space']
    assert found['/dev/sda']['used_by'] == uses
    assert found['/dev/sda']['holders'] == ['/dev/sda1', '/dev/sda2', '/dev/sda3']
    assert found['/dev/sda']['wwid'] == '5000c50012345678'
    assert found['/dev/sda']['size_bytes'] == 64 << 30
    assert [found['/dev/sda%d' % n]['used_by'] for n in (1, 2, 3)] == [[], uses[:1], uses[1:]]
    assert found['/dev/sda2']['kind'] == 'partition'
    assert found['/dev/sda2']['names'] == ['/dev/disk/by-id/scsi-35000c50012345678-part2']
    assert (found['/dev/sda2']['wwid'], found['/dev/sda2']['slaves']) == ('', ['/dev/sda'])


def test_a_repository_on_a_lun_is_in_use(lun):
    lun.write('/proc/self/mountinfo',
              ROOT_MOUNTS + '21 17 252:0 / /OVS/Repositories/a\\040b rw - ocfs2 /dev/x rw\n')
    found = lun.read()
    use = ['/dev/dm-0: mounted at /OVS/Repositories/a b']
    assert [found[name]['used_by'] for name in ('/dev/dm-0', '/dev/sdb', '/dev/sdc')] == [use] * 3


def test_partitions_of_a_guest_are_no_use_of_domain_0(lun):
    """The kernel and kpartx make devices of them; what is mounted or active on them is a use."""
    lun.device('dm-1', '252:1', dm__uuid='part1-mpath-3' + WWID, dm__name='asm1p1')
    lun.above('dm-0', 'dm-1')
    found = lun.read()
    assert (found['/dev/dm-1']['kind'], found['/dev/dm-1']['wwid']) == ('partition', '')
    assert found['/dev/dm-0']['holders'] == ['/dev/dm-1']
    assert found['/dev/dm-0']['used_by'] == found['/dev/sdb']['used_by'] == []
    lun.device('dm-2', '252:2', dm__uuid='LVM-abc', dm__name='vg--0-web7')
    lun.link('/dev/mapper/vg--0-web7', '../dm-2')
    lun.link('/dev/vg-0/web7', '../dm-2')
    lun.above('dm-1', 'dm-2')
    found = lun.read()
    assert found['/dev/dm-2']['kind'] == 'lvm'
    assert found['/dev/dm-2']['names'] == ['/dev/mapper/vg--0-web7', '/dev/vg-0/web7']
    assert found['/dev/dm-0']['used_by'] == ['/dev/mapper/vg--0-web7 (lvm)']


def test_what_is_no_disk_is_left_out(own):
    for name in ('loop0', 'ram1', 'sr0', 'fd0', 'zram0'):
        own.device(name, '7:0')
    own.device('md0', '9:0', md__level='raid1')
    own.device('dm-7', '252:7', dm__uuid='', dm__name='handmade')
    own.device('cciss!c0d0', '104:0')
    own.link('/dev/disk/by-id/cciss-3' + WWID, '../../cciss/c0d0')
    own.above('cciss!c0d0', 'md0')
    found = own.read()
    assert sorted(found) == ['/dev/cciss/c0d0', '/dev/dm-7', '/dev/md0', '/dev/sda', '/dev/sda1',
                             '/dev/sda2', '/dev/sda3']
    assert found['/dev/md0']['kind'] == found['/dev/dm-7']['kind'] == 'other'
    assert found['/dev/cciss/c0d0']['names'] == ['/dev/disk/by-id/cciss-3' + WWID]
    assert found['/dev/cciss/c0d0']['used_by'] == ['/dev/md0 (other)']


@pytest.mark.parametrize('link, wwid', [
    ('scsi-3' + WWID.upper(), WWID), ('wwn-0x' + WWID, WWID),
    ('wwn-0x50014ee2b5e2a3c4', '50014ee2b5e2a3c4'),
    ('wwn-0x6006016011223300', ''),  # the first half of one
    ('scsi-3' + WWID + '-part1', ''), ('scsi-1ATA_ST3500', ''), ('scsi-36006', ''),
    ('ata-3' + WWID, '')])
def test_the_wwid_by_links(tree, link, wwid):
    tree.device('sdd', '8:48')
    tree.link('/dev/disk/by-id/' + link, '../../sdd')
    assert tree.read()['/dev/sdd']['wwid'] == wwid


@pytest.mark.parametrize('text', ['t10.ATA     QEMU', 'eui.0025385b71b0e6a3', ''])
def test_identifiers_that_are_not_unique_in_the_world_are_none(tree, text):
    tree.device('sdd', '8:48', device__wwid=text)
    assert tree.read()['/dev/sdd']['wwid'] == ''


def test_one_that_cannot_be_read_does_not_hide_the_others(lun):
    os.remove(lun.dom0.path('/sys/block/sdb/size'))
    lun.write('/sys/block/sda/sda1/size', 'x\n')
    os.remove(lun.dom0.path('/sys/block/dm-0/dm/name'))
    found = lun.read()
    broken = [name for name in sorted(found) if 'error' in found[name]]
    assert broken == ['/dev/dm-0', '/dev/sda1', '/dev/sdb']
    assert 'size_bytes' not in found['/dev/sdb']
    assert 'No such file' in found['/dev/sdb']['error']
    assert found['/dev/sdb']['holders'] == ['/dev/dm-0']
    assert (found['/dev/dm-0']['kind'], found['/dev/dm-0']['wwid']) == ('multipath', WWID)


@pytest.mark.parametrize('path', ['/proc/self/mountinfo', '/proc/swaps'])
def test_where_the_uses_are_not_known_each_entry_says_so(lun, path):
    os.remove(lun.dom0.path(path))
    found = lun.read()
    assert len(found) == 7
    for entry in found.values():
        assert 'mounted is not known' in entry['error'] and entry['used_by'] == []


def test_without_disks(tree):
    assert tree.read() == {}
    tree.write('/sys/block', 'a file')
    assert tree.read() == {}


def test_a_list_that_cannot_be_read(tree, monkeypatch):
    def refuse(path):
        raise OSError(13, 'Permission denied')
    monkeypatch.setattr(os, 'listdir', refuse)
    with pytest.raises(errors.Failed):
        tree.read()
