"""The control interface: set in whole, also when it is cut off anywhere and asked for again."""

import os

import pytest
from libcloud_ovm3_host import control, errors

OPERATION = '0' * 32
WANTED = ('control0', '169.254.0.1', 16)
IFCFG = '/etc/sysconfig/network-scripts/ifcfg-'


class Cut(Exception):
    """The line, or the host, is gone."""


class Kernel(object):
    """As much of a kernel's network as ``ip`` changes here."""

    def __init__(self, dom0):
        self.dom0 = dom0
        self.addresses = [['lo', '127.0.0.1', 8], ['xenbr0', '192.168.1.64', 24]]
        # device, network, gateway, metric
        self.routes = [['xenbr0', '192.168.1.0/24', '', 0], ['xenbr0', 'default', '192.168.1.1', 0],
                       ['xenbr0', '169.254.0.0/16', '', 0], ['bond1', '169.254.0.0/16', '', 1003],
                       ['control01', '169.254.0.0/16', '', 5],
                       ['bond1', '169.254.7.0/24', '', 0], ['bond1', '169.0.0.0/8', '', 0],
                       ['xenbr0', '10.1.2.0/24', '10.0.0.7', 0],
                       ['control01', '10.9.0.0/16', '10.8.0.1', 0]]
        self.flags = {}
        self.writes = []
        self.cut_at = None
        dom0.run = self.run
        for name in ('control0', 'control01', 'xenbr0', 'bond1'):
            self.set_flags(name, 0x1082)
            os.makedirs(dom0.path('/sys/class/net/%s' % name))
            if name != 'bond1':
                os.makedirs(dom0.path('/sys/class/net/%s/bridge' % name))
            self.set_flags(name, 0x1082)
            self.put(IFCFG + name)

    def put(self, name):
        if not os.path.isdir(os.path.dirname(self.dom0.path(name))):
            os.makedirs(os.path.dirname(self.dom0.path(name)))
        open(self.dom0.path(name), 'w').close()

    def set_flags(self, name, flags):
        self.flags[name] = flags
        folder = self.dom0.path('/sys/class/net/%s' % name)
        if os.path.isdir(folder):
            handle = open(folder + '/flags', 'w')
            handle.write('0x%x\n' % flags)
            handle.close()

    def run(self, words, seconds):
        assert 0 < seconds <= 10 and isinstance(words, list)
        text = ' '.join(words)
        if text == 'ip -o addr show':
            lines = ['%d: %s    inet %s/%d scope global %s' % (number, name, address, length, name)
                     for number, (name, address, length) in enumerate(self.addresses)]
        elif text == 'ip -o -4 route show':
            lines = ['%s %s dev %s  scope link %s' % (
                network, gateway and 'via ' + gateway, name, metric and 'metric %d' % metric or '')
                for name, network, gateway, metric in self.routes]
        else:
            return self.write(words, text)
        return 0, '\n'.join(lines).encode('ascii'), ''.encode('ascii')

    def write(self, words, text):
        if self.cut_at == len(self.writes) * 2:
            raise Cut(text)
        self.writes.append(text)
        status = self.change(words)
        if self.cut_at == len(self.writes) * 2 - 1:
            raise Cut(text)
        return status, ''.encode('ascii'), 'RTNETLINK answers: no'.encode('ascii')

    def change(self, words):
        if words[1:4] == ['link', 'set', 'dev']:
            if words[5:] == ['up']:
                self.set_flags(words[4], self.flags[words[4]] | 1)
            else:
                assert words[5:] == ['arp', 'on']
                self.set_flags(words[4], self.flags[words[4]] & ~0x80)
        elif words[2:4] == ['addr', 'add']:
            address, length = words[4].split('/')
            assert self.flags[words[8]] & 1, 'a link that is down gets no route'
            self.addresses.append([words[8], address, int(length)])
            self.routes.append([words[8], '169.254.0.0/16', '', 0])
        elif words[2:4] == ['route', 'replace']:
            assert words[4:] == ['169.254.0.0/16', 'dev', 'control0', 'scope', 'link', 'src',
                                 '169.254.0.1']
            for route in self.routes:
                if route[1] == words[4] and route[3] == 0:
                    route[0] = words[6]
                    return 0
            self.routes.append([words[6], words[4], '', 0])
        else:
            assert words[2:4] == ['route', 'del'] and words[5] == 'dev'
            more = dict(zip(words[7::2], words[8::2]))
            gone = [words[6], words[4], more.get('via', ''), int(more.get('metric', 0))]
            if gone not in self.routes:
                return 2
            self.routes.remove(gone)
        return 0

    def is_set(self):
        return (['control0', '169.254.0.1', 16] in self.addresses
                and [r[0] for r in self.routes if r[1] == '169.254.0.0/16'] == ['control0']
                and self.flags['control0'] & 0x81 == 1
                and not os.path.exists(self.dom0.path(IFCFG + 'control0')))


@pytest.fixture
def kernel(dom0):
    dom0.said = []
    dom0.log = dom0.said.append
    return Kernel(dom0)


def ask(dom0, bridge='control0', address='169.254.0.1', prefix_length=16):
    return control.set_control_interface(dom0, 'me', OPERATION, bridge, address, prefix_length)


def test_all_of_it_and_nothing_else(dom0, kernel):
    others = [route for route in kernel.routes if route[1] != '169.254.0.0/16']
    assert ask(dom0) is None
    assert kernel.is_set()
    assert [route for route in kernel.routes if route[1] != '169.254.0.0/16'] == others
    assert kernel.flags['control01'] == 0x1082
    assert os.path.exists(dom0.path(IFCFG + 'control01'))
    assert dom0.said == ['me %s set_control_interface control0 169.254.0.1/16' % OPERATION]


def test_again_changes_nothing(dom0, kernel):
    ask(dom0)
    done = list(kernel.writes)
    ask(dom0)
    assert kernel.writes == done


def test_cut_off_anywhere_and_asked_for_again(dom0, kernel, tmpdir):
    ask(dom0)
    steps = len(kernel.writes)
    assert steps == 6
    for cut_at in range(2 * steps):
        folder = tmpdir.mkdir(str(cut_at))
        dom0.root = str(folder)
        kernel = Kernel(dom0)
        kernel.cut_at = cut_at
        with pytest.raises(Cut):
            ask(dom0)
        assert not kernel.is_set()
        assert ['xenbr0', 'default', '192.168.1.1', 0] in kernel.routes
        kernel.cut_at = None
        ask(dom0)
        assert kernel.is_set()


def test_a_route_that_somebody_took_away_comes_back(dom0, kernel):
    ask(dom0)
    kernel.routes = [route for route in kernel.routes if route[0] != 'control0']
    kernel.routes.append(['bond1', '169.254.0.0/16', '', 0])
    ask(dom0)
    assert kernel.is_set()


def test_what_does_not_stay_is_no_success(dom0, kernel):
    kernel.change = lambda words: 0
    with pytest.raises(errors.Failed, match='did not persist'):
        ask(dom0)
    kernel.change = lambda words: 2
    with pytest.raises(errors.Failed, match='RTNETLINK'):
        ask(dom0)


@pytest.mark.parametrize('bridge, address, prefix_length, error', [
    ('control', '169.254.0.1', 16, errors.NotFound),
    ('bond1', '169.254.0.1', 16, errors.NotFound),
    ('xenbr0', '169.254.0.1', 16, errors.NotAllowed),       # carries the host's address
    ('control0', '192.168.1.65', 24, errors.NotAllowed),    # the host's own network
    ('control0', '192.168.0.1', 16, errors.NotAllowed),     # holds it
    ('control0', '192.168.1.2', 30, errors.NotAllowed),     # holds the gateway
    ('control0', '192.168.1.100', 28, errors.NotAllowed),   # a part of the host's own network
    ('control0', '10.1.2.1', 24, errors.NotAllowed),        # reached through a gateway
    ('control0', '10.0.0.1', 8, errors.NotAllowed),         # that gateway is in it
    ('control01', '172.16.0.1', 16, errors.NotAllowed),     # the way to a gateway
    ('../control0', '169.254.0.1', 16, errors.InvalidArgument),
    ('-control0', '169.254.0.1', 16, errors.InvalidArgument),
    ('control0', '169.254.0.1;reboot', 16, errors.InvalidArgument),
    ('control0', '169.254.1', 16, errors.InvalidArgument),
    ('control0', 'fe80::1', 16, errors.InvalidArgument),
    ('control0', 5, 16, errors.InvalidArgument),
    ('control0', '169.254.0.0', 16, errors.InvalidArgument),
    ('control0', '169.254.255.255', 16, errors.InvalidArgument),
    ('control0', '127.0.0.2', 16, errors.InvalidArgument),
    ('control0', '0.0.0.1', 16, errors.InvalidArgument),
    ('control0', '224.0.0.1', 16, errors.InvalidArgument),
    ('control0', '169.254.0.1', 31, errors.InvalidArgument),
    ('control0', '169.254.0.1', 7, errors.InvalidArgument),
    ('control0', '169.254.0.1', '16', errors.InvalidArgument),
])
def test_what_would_cut_the_host_off_is_refused_and_nothing_done(dom0, kernel, bridge, address,
                                                                 prefix_length, error):
    with pytest.raises(error):
        ask(dom0, bridge, address, prefix_length)
    assert kernel.writes == [] and dom0.said == []
    assert os.path.exists(dom0.path(IFCFG + 'xenbr0'))


@pytest.mark.parametrize('line, refused', [
    ('BRIDGE=control0', True), (' BRIDGE="control0"', True), ('BRIDGE=control01', False),
    ('#BRIDGE=control0', False), ('DEVICE=control0', False)])
def test_a_bridge_that_the_next_boot_gives_a_port(dom0, kernel, line, refused):
    handle = open(dom0.path(IFCFG + 'bond0'), 'w')
    handle.write(' #This file was dynamically created\nDEVICE=bond0\n%s\nONBOOT=yes\n' % line)
    handle.close()
    if refused:
        with pytest.raises(errors.NotAllowed, match='ifcfg-bond0'):
            ask(dom0)
        assert kernel.writes == [] and os.path.exists(dom0.path(IFCFG + 'control0'))
    else:
        ask(dom0)
        assert kernel.is_set()


def test_an_address_that_only_looks_alike(dom0, kernel):
    """As 2.168.1.10 is in 192.168.1.10, control0 in control01 (agent-behaviour.md 15.3)."""
    kernel.addresses.append(['control01', '10.254.0.1', 16])
    kernel.addresses.append(['bond1', '169.25.40.1', 16])
    ask(dom0)
    assert kernel.is_set()


def test_who_asks_is_checked(dom0, kernel):
    for client, operation in (('', OPERATION), ('a b', OPERATION), ('me', 'x'),
                              ('me\n', OPERATION)):
        with pytest.raises(errors.InvalidArgument):
            control.set_control_interface(dom0, client, operation, *WANTED)
    assert kernel.writes == []


def test_what_would_be_mended(dom0, kernel):
    found = control.control_interface(dom0, 'control0')
    assert (found['exists'], found['up'], found['arp'], found['file']) == (True, False, False, True)
    assert found['addresses'] == found['routes_own'] == []
    assert [(route['device'], route['metric']) for route in found['routes_other']] == [
        ('xenbr0', 0), ('bond1', 1003), ('control01', 5)]
    ask(dom0)
    found = control.control_interface(dom0, 'control0')
    assert (found['up'], found['arp'], found['file']) == (True, True, False)
    assert found['addresses'] == ['169.254.0.1/16'] and found['routes_other'] == []
    assert [route['destination'] for route in found['routes_own']] == ['169.254.0.0']
    done = list(kernel.writes)
    assert control.control_interface(dom0, 'control01')['addresses'] == []
    assert control.control_interface(dom0, 'bond1')['exists'] is False
    assert control.control_interface(dom0, 'control')['file'] is False
    assert kernel.writes == done


def test_a_route_in_the_way_of_another_address(dom0, kernel):
    kernel.addresses.append(['control0', '10.9.0.1', 16])
    kernel.routes.append(['bond1', '10.9.0.0/16', '', 0])
    found = control.control_interface(dom0, 'control0')
    assert ('bond1', '10.9.0.0') in [(route['device'], route['destination'])
                                     for route in found['routes_other']]
    assert 'control01' not in [route['device'] for route in found['routes_other']
                               if route['destination'] == '10.9.0.0']  # it leads to a gateway
