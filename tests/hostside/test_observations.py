"""What one host can see of a VM; what cannot be read is not absent."""

import os
import subprocess

import pytest
from hypothesis import given, strategies
from xend_writes import OTHER, VM, Xend

from libcloud_ovm3_host import errors, observations, xend_sockets
from libcloud_ovm3_host.dom0 import Dom0
from libcloud_ovm3_host.observations import NONE, SOME

SOCKET = '/var/run/xend/xmlrpc.sock'
HEADER = 'Num       RefCount Protocol Flags    Type St Inode Path\n'
LISTENS = '0000000030fb8b0c: 00000002 00000000 00010000 0001 01 1020 %s\n' % SOCKET
LOG = '/var/log/xen/xend.log'


class Host(Dom0):
    """Its files are made up; xend and xenstore say what ``listed`` and ``outputs`` have."""

    def __init__(self, root):
        Dom0.__init__(self, root)
        self.listed, self.outputs, self.time, self.at = [domain_0()], {}, 0, {}
        self.write('/proc/net/unix', HEADER + LISTENS)
        self.write('/sys/block/.keep', '')

    def write(self, name, content):
        path = self.path(name)
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        handle = open(path, 'w')
        handle.write(content)
        handle.close()

    def connect(self, *inodes):
        self.write('/proc/net/unix', HEADER + LISTENS + ''.join([connection(i) for i in inodes]))

    def run(self, arguments, seconds):
        output = self.outputs.get(' '.join(arguments), '')
        if arguments[0] == 'xenstore-list' and not output:
            output = '0\n'
        return 0, output.encode('ascii'), ''.encode('ascii')

    def within(self, seconds, function, *arguments):
        return function(*arguments)

    def xend(self):
        return self

    def domains_with_state(self, *_):
        return self.listed

    def seconds(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds
        for moment in [each for each in self.at if each <= self.time]:
            self.at.pop(moment)()


def domain_0():
    return domain('00000000-0000-0000-0000-000000000000', 0, 'Domain-0')


def domain(uuid, domid, name='web', state='r-----', status=2):
    return ['domain', ['domid', domid], ['uuid', uuid], ['name', name], ['state', state],
            ['status', status]]


def connection(inode, path=SOCKET):
    return '000000005ff4fc9a: 00000003 00000000 00000000 0001 03 %5d %s\n' % (inode, path)


@pytest.fixture
def host(dom0):
    return Host(dom0.root)


# --- what is in the works -------------------------------------------------------------------------

def test_connections_to_xend_are_waited_for(host):
    assert (observations.works(host, []), host.time) == (NONE, 0)
    host.connect(7, 8)
    host.at = {1: lambda: host.connect(8, 9), 2: lambda: host.connect(9)}
    assert observations.works(host, []) == NONE, 'one that came later does not count'
    assert 2 <= host.time < 3
    host.connect(7)
    assert observations.works(host, []) == SOME
    assert host.time > observations.WORKS_SECONDS


def test_one_that_xend_has_not_accepted_is_something(host):
    host.connect(0)
    host.at = {1: lambda: host.connect(7)}  # it has been accepted
    assert observations.works(host, []) == SOME


@given(strategies.lists(strategies.tuples(
    strategies.integers(0, 10 ** 7),
    strategies.sampled_from([SOCKET, '', '@x', '/var/run/xend/xmlrpc.sock2', '/tmp/a b']))))
def test_which_lines_are_connections_to_xend(lines):
    text = HEADER + LISTENS
    for inode, path in lines:
        text += connection(inode, path).replace(' \n', '\n')
    assert xend_sockets.connections(text) == [str(i) for i, path in lines if path == SOCKET]
    assert xend_sockets.connections(text + 'x\n') is None
    assert xend_sockets.connections(text.replace(LISTENS, '')) is None


def test_a_line_that_is_not_understood(host):
    host.write('/proc/net/unix', HEADER + 'x\n')
    for give in (lambda: None, lambda: os.unlink(host.path('/proc/net/unix'))):
        give()
        with pytest.raises(errors.Failed):
            observations.works(host, [])


def test_a_process_that_connects_before_it_ends(host):
    """xm has not asked xend yet when the host begins to look."""
    session = ('7', '8', '1', host.boot_id())
    living = [('9', '2')]
    host.session_members = lambda number: living

    def connects():
        host.connect(5)
        living.pop()
    host.at = {2: connects}
    assert observations.works(host, [session]) == SOME
    host.time, host.at = 0, {2: host.connect}
    assert observations.works(host, [session]) == NONE


def test_processes_of_the_session(host):
    """Also when its own process is gone: what it has started goes on."""
    first = subprocess.Popen(['sh', '-c', 'sleep 600 & echo $!; read x'], preexec_fn=os.setsid,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child = int(first.stdout.readline())
    started = dict(Dom0().session_members(str(first.pid)))
    assert sorted(started) == sorted([str(first.pid), str(child)])
    session = (str(first.pid), '1', started[str(first.pid)], host.boot_id())
    first.stdin.close()
    first.wait()
    assert observations.works(host, [session]) == SOME
    assert observations.works(host, [session[:3] + ('another',)]) == NONE
    os.kill(child, 9)
    while Dom0().session_members(str(first.pid)):
        pass
    assert observations.works(host, [session]) == NONE
    host.session_members = lambda number: [(number, str(int(session[2]) + 1)), ('9', '1')]
    assert observations.works(host, [session]) == NONE, 'another session has got that id'
    host.session_members = lambda number: [('9', '1')]
    assert observations.works(host, [session]) == SOME


# --- comebacks ------------------------------------------------------------------------------------

@pytest.mark.parametrize('name, content, expected', [
    ('/var/lib/xen/save/web', '', SOME), ('/var/lib/xen/save/x', 'LinuxGuestRecord(%s)', SOME),
    ('/var/lib/xen/save/db', 'LinuxGuestRecord', NONE), ('/var/lib/xen/save/.web', '', NONE),
    ('/etc/xen/auto/x', "uuid = '%s'", SOME), ('/etc/xen/auto/x', "name = 'web'", SOME),
    ('/etc/xen/auto/x', "uuid = '1'", NONE),
    ('/var/lib/xend/domains/%s/config.sxp', '(on_xend_start start)', SOME),
    ('/var/lib/xend/domains/%s/config.sxp', '(on_xend_start ignore)', NONE),
    ('/var/lib/xend/domains/0/config.sxp', '(on_xend_start start)', NONE)])
def test_comebacks(host, name, content, expected):
    host.write(name.replace('%s', VM), content.replace('%s', VM))
    assert observations.comebacks(host, VM, 'web') == expected
    host.write(name.replace('%s', VM), content.replace('%s', VM.replace('-', '')))
    assert observations.comebacks(host, VM, 'web') == expected


@pytest.mark.parametrize('name', ['/etc/xen/auto/x', '/var/lib/xend/domains/0/config.sxp'])
def test_what_may_come_back_and_cannot_be_read(host, name):
    os.makedirs(os.path.dirname(host.path(name)))
    os.symlink('/nowhere', host.path(name))
    with pytest.raises(errors.Failed):
        observations.comebacks(host, VM, 'web')


# --- the look -------------------------------------------------------------------------------------

def test_all_entries_of_the_uuid_are_found(host):
    assert observations.look(host, VM) == []
    host.listed += [domain(OTHER, 4), domain(VM, 5, 'Domain-Unnamed', '--p---', 1), domain(VM, 6)]
    host.write('/proc/77/cmdline', '/usr/lib/xen/bin/xc_restore\0004\0005\0001\0')
    found = observations.look(host, VM)
    assert [(each['domid'], each['name'], each['incoming']) for each in found] == [
        ('5', 'Domain-Unnamed', True), ('6', 'web', False)]
    assert (found[0]['status'], found[0]['letters']) == ('1', '--p---')


@pytest.mark.parametrize('owner, is_told', [(VM, False), ('', False), (OTHER, True)])
def test_a_domain_that_xend_does_not_report(host, owner, is_told):
    host.outputs = {'xenstore-list /local/domain': '0\n9\n',
                    'xenstore-read /local/domain/9/vm': '/vm/%s\n' % owner}
    if is_told:
        assert observations.look(host, VM) == []
    else:
        with pytest.raises(errors.Failed):
            observations.look(host, VM)


def test_a_list_without_domain_0_is_not_complete(host):
    host.listed = []
    host.domain = lambda uuid, full: domain(OTHER, 4)
    with pytest.raises(errors.Failed):
        observations.look(host, VM)


# --- the log --------------------------------------------------------------------------------------

def test_a_mark_in_the_log_is_found_again(host):
    """Files are renamed when one is full; a text that was cut and has grown again is another."""
    xend = Xend()
    xend.write('a' * 300, 'INFO')
    del xend.lines[:2]  # no start of xend in it
    host.write(LOG, xend.text())
    mark = observations.mark_log(host)
    assert observations.log(host, VM, 'web', {}) == ('cannot tell', [])
    assert observations.log(host, VM, 'web', mark) == ('cannot tell', []), 'it has no details'
    xend.end(xend.create(VM))
    host.write(LOG, xend.text())
    assert observations.log(host, VM, 'web', mark) == ('closed', ['1'])
    host.write(LOG + '.1', '')
    os.rename(host.path(LOG), host.path(LOG + '.2'))
    host.write(LOG, Xend().lines[1])
    assert observations.log(host, VM, 'web', mark) == ('closed', ['1'])
    os.unlink(host.path(LOG + '.2'))
    assert observations.log(host, VM, 'web', mark) == ('cannot tell', [])
    mark = observations.mark_log(host)
    host.write(LOG, 'x' * 400 + '\n' + xend.text())
    assert observations.log(host, VM, 'web', mark)[0] == 'cannot tell'


def test_a_start_of_xend_between_the_list_and_the_log(host):
    """It closes in the log what the list did not show yet."""
    xend = Xend()
    host.write(LOG, xend.text())
    began = observations.mark_log(host)
    assert observations.log_since(host, VM, 'web', {}, began) == ('closed', [])
    xend.end(xend.create(VM))
    host.write(LOG, xend.text())
    assert observations.log_since(host, VM, 'web', {}, began) == ('closed', ['1'])
    os.rename(host.path(LOG), host.path(LOG + '.1'))
    host.write(LOG, Xend().text())
    assert observations.log(host, VM, 'web', {})[0] == 'closed'
    assert observations.log_since(host, VM, 'web', {}, began)[0] == 'cannot tell'
    os.unlink(host.path(LOG + '.1'))
    assert observations.log_since(host, VM, 'web', {}, began)[0] == 'cannot tell'


def test_a_log_that_is_not_there_or_renamed_again_and_again(host):
    for look in (lambda: observations.log(host, VM, 'web', {}),
                 lambda: observations.mark_log(host)):
        with pytest.raises(errors.Failed):
            look()
    host.write(LOG, Xend().text())
    read, renamed_to = host.read, []

    def renamed(name, *limit):
        renamed_to.append(host.path(LOG + '.old%d' % len(renamed_to)))
        os.rename(host.path(LOG), renamed_to[-1])
        host.write(LOG, '')
        return read(name, *limit)
    host.read = renamed
    with pytest.raises(errors.Failed):
        observations.log(host, VM, 'web', {})


# --- backends -------------------------------------------------------------------------------------

VBD = '/local/domain/0/backend/vbd/%s/51712'
DISK = '/OVS/Repositories/1/VirtualDisks/a.img'


def listed(domid, path):
    return ''.join(['%s/%s = "%s"\n' % (VBD % domid, key, value) for key, value in (
        ('params', path), ('state', '4'), ('mode', 'w'))])


@pytest.mark.parametrize('domid, path, owner, expected', [
    (5, '/x', '', SOME), (6, '/x', VM, SOME), (6, DISK, '', SOME), (6, DISK, OTHER, NONE),
    (6, '/x', '', NONE), (6, '', '', NONE)])
def test_backends(host, domid, path, owner, expected):
    host.outputs = {'xenstore-ls -f /local/domain/0/backend': listed(domid, path),
                    'xenstore-read /local/domain/%d/vm' % domid: '/vm/%s\n' % owner}
    content = ('disk = ["file:%s,xvda,w"]' % DISK).encode('ascii')
    assert observations.backends(host, ['5'], VM, content, 9) == expected
    assert host.time == {SOME: 9, NONE: 0}[expected]
    host.time, host.at = 0, {3: host.outputs.clear}
    assert observations.backends(host, ['5'], VM, content, 9) == NONE, 'it is gone by then'


def test_loop_devices_that_serve_nobody(host):
    content = DISK.encode('ascii')
    host.outputs = {'losetup -a': '/dev/loop0: [0801]:1 (/other)\n'}
    assert observations.backends(host, [], VM, content, 0) == NONE
    host.outputs = {'losetup -a': '/dev/loop0: [0801]:1 (%s)\n' % DISK}
    assert observations.backends(host, [], VM, content, 0) == SOME
    host.outputs = {'losetup -a': 'what\n'}
    with pytest.raises(errors.Failed):
        observations.backends(host, [], VM, content, 0)
