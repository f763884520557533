"""What a VM holds, by its claim, and that nobody else gets it: of two at once one at most."""

import os
import time

import pytest
from claiming import DIRECTORY, ID, REPOSITORY, TEXT, UUIDS, VM, Host, disks
from hypothesis import given
from hypothesis import strategies as st
from xend_writes import OTHER

from libcloud_ovm3_host import (claim_changes, claim_disks, claim_records, claim_store, claim_words,
                                claims, errors, state_dir, vm_disks, vm_files)
from libcloud_ovm3_host.compat import to_bytes, to_text

IMAGE = '/OVS/Repositories/%s/VirtualDisks/data.img' % ID
DATA = 'file:%s,xvdb,w' % IMAGE
SHARED = DATA + '!'
READ = DATA[:-1] + 'r'
ELSEWHERE = '/OVS/Repositories/' + '0e' * 16


@pytest.fixture
def host(dom0):
    return Host(dom0.root, 'one')


@pytest.fixture
def other(host):
    """Another host with another VM."""
    found = Host(host.root, 'two')
    found.directory, found.vm = '0c' * 16, OTHER
    return found


def free(host, *entries, **more):
    host.put(TEXT.replace(VM, host.vm).replace('web', more.get('name', 'web')) + disks(*entries))
    host.claim(host.name)  # and all that have claims here already
    also = more.get('also')
    if also:
        own, also.directory = also.directory, host.directory
        also.settle()
        also.directory = own
    assert host.now()['kind'] == 'free'


def held(found):
    return [(each['mode'], each['path']) for each in found['disks']]


# --- which disks those are ------------------------------------------------------------------------

@pytest.mark.parametrize('text, expected', [
    ('', []),
    ('disk = []\n', []),
    ("disk = ['file:/a//b/../c.img,xvda,w']", [('w', '/a/c.img')]),
    ("disk=[\n  'phy:sda1,xvda,w!', # one\n  \"tap:aio:/x.img,hda:cdrom,r\",\n]\n",
     [('w!', '/dev/sda1'), ('r', '/x.img')]),
    ("disk = [',hdc:cdrom,r', 'nbd:a:1,xvdc,w']\n", [('w', 'nbd:a:1')]),
    ("# disk = 3\nname = 'disk'\ndisk_other_config = []\ndisk = ['file:/\\x61#,a,w']\r\n",
     [('w', '/a#')]),
    ("disk = ['file:/a,xvda,w'] + more\n", None),
    ("disk = ['file:/a,xvda,w']\ndisk += ['file:/b,xvdb,w']\n", None),
    ("if 1: disk = ['file:/a,xvda,w']\n", None),
    ("disk = ['''file:/a,xvda,w''']\n", None),
    ("disk = ['file:/a,xvda']\n", None),
    ("disk = ['file:/a,xvda,w'\n", None)])
def test_the_disks_of_a_vm_cfg(text, expected):
    """What cannot be told gives no start; every path in it is one then."""
    data = to_bytes("name = 'web'\n" + text)
    if expected is None:
        with pytest.raises(errors.Conflict):
            claim_disks.wanted('start_vm', data, [])
        assert ('w', '/a') in claim_disks.of_content(data)
    else:
        assert claim_disks.wanted('start_vm', data, []) == expected


@given(st.lists(st.tuples(st.sampled_from(['r', 'w', 'w!']), st.text(min_size=1).map(
    lambda name: '/' + name.replace(',', '').replace('/', '').replace('\0', '')))))
def test_an_entry_is_read_in_the_same_way_everywhere(found):
    """In vm.cfg, in the options for it, and as a line of a claim."""
    entries = [u'file:%s,xvda,%s' % (path, mode) for mode, path in found]
    made = vm_disks.of_entries(entries)
    assert made == vm_disks.of_devices({'vbd': [{'uname': entry.split(u',')[0], 'mode': mode}
                                                for entry, (mode, _) in zip(entries, found)]})
    text = u'\n'.join([u'\t'.join([mode, path, path]) for mode, path in made])
    assert [each[:2] for each in claim_records.disks_of(text)] == made
    literals = u', '.join([u"'%s'" % u''.join([u'\\x%02x' % byte for byte in bytearray(
        entry.encode('utf-8'))]) for entry in entries])
    assert vm_disks.of_vm_cfg(to_bytes(u'disk = [%s]\n' % literals)) == vm_disks.of_entries(
        [to_text(to_bytes(entry)) for entry in entries])


def test_what_a_change_adds():
    content = to_bytes(TEXT + disks(DATA))
    for asked, expected in [([DATA], []), ([DATA, 'phy:/dev/x,xvdc,w'], [('w', '/dev/x')]),
                            ([SHARED], [('w!', IMAGE)]), ([], [])]:
        assert claim_disks.wanted('configure_vm', content, [{'disk': asked}]) == expected
    assert claim_disks.wanted('configure_vm', content, [{}]) == []
    assert claim_disks.wanted('create_vm', None, [{'disk': [DATA]}]) == [('w', IMAGE)]
    assert claim_disks.wanted('stop_vm', content, [True]) == []


def test_what_goes_together():
    """As the driver's own checks have it: a start does not mind who only reads."""
    for function, mode, its, refused in [
            ('start_vm', 'w', 'w', True), ('start_vm', 'r', 'w', True),
            ('start_vm', 'w', 'r', False), ('start_vm', 'w!', 'w!', False),
            ('start_vm', 'w!', 'w', True), ('start_vm', 'w', 'w!', True),
            ('configure_vm', 'w', 'r', True), ('configure_vm', 'r', 'r', False),
            ('configure_vm', 'w!', 'w!', False), ('configure_vm', 'r', 'w!', True)]:
        found = claim_disks.conflict(function, [(mode, '/a', '/a')], [(its, '/a', '/a')])
        assert bool(found) == refused, (function, mode, its)
    lun, same, another = ('w', '/dev/x', 'wwid:1'), ('w', '/dev/y', 'wwid:1'), ('w', '/dev/x', 'wwid:2')
    assert claim_disks.conflict('start_vm', [lun], [another, same]) == '/dev/x'
    assert not claim_disks.conflict('start_vm', [lun], [another])
    assert claim_disks.conflict('start_vm', [lun], [('w', '/dev/x', '/dev/x')])


def test_one_file_or_lun_has_one_key(host, monkeypatch):
    os.makedirs(host.root + os.path.dirname(IMAGE))
    open(host.root + IMAGE, 'w').close()
    os.symlink('data.img', host.root + IMAGE + '.link')
    devices = [{'device': u'/dev/dm-1', 'names': [u'/dev/mapper/mpatha'], 'wwid': u'6' + u'0' * 31},
               {'device': u'/dev/dm-2', 'names': [u'/dev/mapper/vg-lv', u'/dev/vg/lv'], 'wwid': u''}]
    monkeypatch.setattr(claim_disks.block_devices, 'block_devices', lambda dom0: devices)
    paths = [IMAGE, IMAGE + '.link', '/dev/mapper/mpatha', '/dev/mapper/36' + '0' * 31,
             '/dev/vg/lv', '/dev/mapper/vg-lv', '/dev/sdz']
    keys = claim_disks._keys(host, [u'%s' % path for path in paths])
    keys = [keys[path] for path in paths]
    assert keys[0] == keys[1] == u'file:%s/%d' % (ID, os.stat(host.root + IMAGE).st_ino)
    assert keys[2] == keys[3] == u'wwid:6' + u'0' * 31
    assert keys[4] == keys[5] and keys[6] == '/dev/sdz'


# --- for how long ---------------------------------------------------------------------------------

def test_a_disk_is_held_until_the_claim_is_free(host):
    host.put(TEXT + disks(DATA))
    assert held(host.claim('one', 'two')) == [('w', IMAGE)], 'it may run on the other one'
    assert held(Host(host.root, 'two').settle()) == []
    assert held(host.change(2, 'start_vm')) == [('w', IMAGE)]
    assert held(host.change(3, 'configure_vm', {'disk': [SHARED]})) == [('w!', IMAGE)]
    host.devices = [('phy:/dev/x', 'w'), ('file:' + IMAGE, 'w')]
    assert held(host.settle()) == [('w', IMAGE), ('w', '/dev/x'), ('w!', IMAGE)], 'all of it'
    version = host.settle()['version']
    assert host.settle()['version'] == version, 'nothing new'
    assert held(host.change(4, 'stop_vm', True)) == []
    assert claims.joined('b\na', 'c\nb') == 'a\nb\nc'


def test_a_start_that_is_not_over_holds_them(host):
    """From n + 1 on, and while it may be on another host as well."""
    free(host, DATA)
    host.write('/how', 'faults')
    host.connect(77)
    host.sleep = lambda seconds: None
    count = [0]

    def seconds():
        count[0] += 5
        return count[0]
    host.seconds = seconds
    begun = claims.begun('start_vm', None, ('a', '1'), {'disks': 'x'})
    assert begun['disks'] == 'x'
    both = claims.first_claim([('a', '1'), ('b', '1')], 'x')
    seen = claims.settled(both, ('a', '1'), 'present', disks='y')[0]
    assert (seen['kind'], seen['disks']) == ('doubt', 'x\ny')
    assert claims.settled(seen, ('a', '1'), 'present', disks='y')[0] is None
    assert claims.settled(seen, ('a', '1'), 'nowhere')[0]['disks'] == 'x\ny'
    made = host.change(2, 'start_vm')
    assert (made['kind'], held(made)) == ('doubt', [('w', IMAGE)])


# --- who is refused -------------------------------------------------------------------------------

@pytest.mark.parametrize('mine, its, refused', [
    (DATA, DATA, True), (SHARED, SHARED, False), (SHARED, DATA, True), (DATA, READ, False)])
def test_a_disk_of_a_vm_that_runs(host, other, mine, its, refused):
    free(host, its)
    free(other, mine, name='db', also=host)
    host.change(2, 'start_vm')
    made = other.change(3, 'start_vm')
    assert made['outcome'] == {True: 'not done', False: 'done'}[refused]
    if refused:
        for word in (IMAGE, DIRECTORY, ID, UUIDS['one']):
            assert word in made['fault']
        assert (made['kind'], other.calls(), held(made)) == ('free', [], [])
        host.change(4, 'stop_vm', True)
        assert other.change(5, 'start_vm')['outcome'] == 'done'


def test_a_disk_is_not_added_to_two(host, other):
    free(host)
    free(other, 'file:/OVS/Repositories/%s/x.img,xvda,w' % ID, name='db',
         also=host)
    host.change(2, 'configure_vm', {'disk': [READ]})
    host.change(3, 'start_vm')
    for number, entry in enumerate([DATA, SHARED]):
        made = other.change(10 + number, 'configure_vm', {'disk': [entry]})
        assert (made['outcome'], other.calls()) == ('not done', []) and IMAGE in made['fault']
    assert other.change(12, 'configure_vm', {'disk': [READ]})['outcome'] == 'done'


@pytest.mark.parametrize('entry, together', [(DATA, [0, 1]), (SHARED, [2])])
def test_two_that_start_at_once(host, other, entry, together):
    """Whatever the order of their steps: never both, unless they share it."""
    free(host, entry)
    free(other, entry, name='db', also=host)
    for number, delay in enumerate((0, 0.01, 0.03)):
        ends = []
        for each, seconds in ((host, 0), (other, delay)):
            child = os.fork()
            if child == 0:
                try:
                    time.sleep(seconds)
                    each.change(20 + number, 'start_vm')
                finally:
                    os._exit(0)
            ends.append(child)
        for child in ends:
            os.waitpid(child, 0)
        live = [each for each in (host, other) if each.domids()]
        assert len(live) in together
        for each in live:
            assert each.change(50 + number, 'stop_vm', True)['kind'] == 'free'


@pytest.mark.parametrize('moment', ['before it is written', 'after it was looked'])
def test_a_host_without_the_module_gets_no_disk_that_begins_to_be_held(host, other, monkeypatch, moment):
    """The disks are in the claim before those of others are read; refused, it is free again."""
    free(host, DATA)
    free(other, DATA, name='db', also=host)
    begun = []  # in the process of the request

    def start():
        if not begun:
            begun.append(True)
            other.change(20, 'start_vm')
    write, refusal = claim_words.claim_settling.write, claim_disks.refusal
    if moment == 'before it is written':
        monkeypatch.setattr(claim_words.claim_settling, 'write',
                            lambda *given: (start(), write(*given))[1])
    else:
        monkeypatch.setattr(claim_words.claim_disks, 'refusal',
                            lambda *given: (refusal(*given), start())[0])
    now = host.now()

    def put_in():
        return claim_words.put_in_host(host, 'ann', host.operation(30), ID, DIRECTORY, now['folder'],
                                       now['version'], '3' * 32, 'no module')
    if moment == 'before it is written':
        assert IMAGE in str(pytest.raises(errors.Conflict, put_in).value)
        assert (host.now()['kind'], host.now()['said'], len(other.domids())) == ('free', '', 1)
    else:
        made = put_in()
        assert (made['kind'], host.operation(30) in made['said']) == ('doubt', True)
        assert other.domids() == [] and put_in() == made


def test_what_cannot_be_read_protects_all(host, monkeypatch):
    """In every repository that is mounted here; without a disk nothing is asked."""
    free(host, DATA)
    number = [9]

    def outcome():
        number[0] += 1
        made = host.change(number[0], 'start_vm')
        if made['outcome'] == 'done':
            host.change(number[0] + 100, 'stop_vm', True)
        return made['fault']
    assert outcome() == ''
    mounts = open(host.root + '/proc/mounts', 'a')
    mounts.write('server:/more %s nfs rw 0 0\n' % ELSEWHERE)
    mounts.close()
    assert 'claims of repository ' + '0e' * 16 in outcome(), 'its server has gone'
    os.makedirs(host.root + ELSEWHERE)
    assert outcome() == '', 'no claims there'
    folder = claim_store.make_folder(host, to_bytes(ELSEWHERE))
    document = vm_files.target('0e' * 16, 'x')['document']

    def write(version, claim):
        claim_store.write(host, 'me', host.operation(version), to_bytes(ELSEWHERE), document,
                          folder, version, claim)
    write(1, claims.first_claim([('a', '')], 'w\t/dev/x\t/dev/x'))
    assert outcome() == ''
    path = host.root + ELSEWHERE + '/.libcloud-ovm3/claims/%s/1' % document
    whole = open(path).read()
    handle = open(path, 'w')
    handle.write(whole[:-5])
    handle.close()
    assert 'VM x of repository %s cannot be read' % ('0e' * 16) in outcome()
    os.remove(path)
    matching = state_dir.matching_names

    def with_one_more(folder, pattern):
        return matching(folder, pattern) + ['vm-x.y'] * bool(pattern.match('vm-x.y'))
    monkeypatch.setattr(state_dir, 'matching_names', with_one_more)
    assert outcome() == '', 'removed while all were read'
    with pytest.raises(errors.Failed):
        claim_records.encode(claims.first_claim([('a', '')], 'half a line'))


@pytest.mark.parametrize('where', ['before', 'vm.cfg', 'what is left', 'before, without vm.cfg',
                                   'another disk', 'not known', 'no version before'])
def test_a_damaged_claim_protects_what_its_vm_may_hold(host, other, where):
    """The version before says it, what that change added vm.cfg or what is left; else all."""
    free(host, DATA)
    held_there = [DATA.replace('data.img', 'other.img')]
    if where.startswith('before'):
        held_there = [DATA]
    free(other, name='db', also=host)
    if where != 'no version before':
        other.change(10, 'configure_vm', {'disk': held_there})
        other.change(11, 'start_vm')
    folder = host.root + REPOSITORY + '/.libcloud-ovm3/claims/vm-' + other.directory + '/'
    newest = folder + '%d' % max([int(name) for name in os.listdir(folder)])
    if where == 'no version before':
        for name in os.listdir(folder):
            if folder + name != newest:
                os.remove(folder + name)
    handle = open(newest, 'w')
    handle.write('content=disk = ["file:%s"]%%0A\nhos' % IMAGE * (where == 'what is left'))
    handle.close()
    if where == 'vm.cfg':
        other.put(TEXT.replace(VM, other.vm) + disks(DATA))
    elif where == 'not known':
        os.remove(other.vm_cfg())
        os.mkdir(other.vm_cfg())
    elif where == 'before, without vm.cfg':
        os.remove(other.vm_cfg())
    made = host.change(30, 'start_vm')
    if where == 'another disk':
        assert made['outcome'] == 'done'
        return
    assert (made['outcome'], made['kind'], host.calls()) == ('not done', 'free', [])
    what = {'not known': 'any disk', 'no version before': 'any disk'}.get(where, IMAGE)
    for word in ('VM %s of repository %s cannot be read' % (other.directory, ID), what, 'claims.md'):
        assert word in made['fault']


def test_a_vm_cfg_that_changes_after_its_disks_were_claimed(host, monkeypatch):
    free(host)
    write = claim_changes._write

    def write_and_edit(*arguments):
        made = write(*arguments)
        host.put(TEXT + disks(DATA))
        return made
    monkeypatch.setattr(claim_changes, '_write', write_and_edit)
    made = host.change(2, 'start_vm')
    assert (made['outcome'], host.calls()) == ('not done', [])
    assert 'not what was read' in made['fault']
