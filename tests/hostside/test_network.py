"""What the network has; whether a port answers."""

import errno
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcloud_ovm3_host import errors, net_devices, network
from libcloud_ovm3_host.compat import big

ADDRESSES = u'''\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 16436 qdisc noqueue \\    link/loopback 00:00:00:00:00:00 brd 0
1: lo    inet 127.0.0.1/8 scope host lo
3: bond0.100    inet 10.0.0.1/24 brd 10.0.0.255 scope global bond0.100
4: ppp0    inet 10.9.0.1 peer 10.9.0.2/32 scope global ppp0
5: xenbr0    inet6 fe80::1/64 scope link \\       valid_lft forever preferred_lft forever
'''
ROUTES = u'''\
169.254.0.0/16 dev eth0  scope link  metric 1002
192.168.1.0/24 dev xenbr0  proto kernel  scope link  src 192.168.1.64 linkdown
10.1.1.1 via 192.168.1.3 dev metric onlink
default  proto static \\\tnexthop via 192.168.1.1  dev xenbr0\\\tnexthop via 10.0.0.9 dev via dead
unreachable 10.7.0.0/16  metric 9
172.16.0.0/12 dev eth1  mtu lock 1400 metric 3
'''


def saying(dom0, text, status=0, problem=u''):
    said = []

    def run(words, seconds):
        said.append(' '.join(words))
        return status, text.encode('utf-8'), problem.encode('utf-8')
    dom0.run = run
    return said


def test_addresses(dom0):
    said = saying(dom0, ADDRESSES)
    found = network.addresses(dom0)
    assert said == ['ip -o addr show']
    assert [(a['device'], a['family'], a['address'], a['prefix_length']) for a in found] == [
        ('lo', 4, '127.0.0.1', 8), ('bond0.100', 4, '10.0.0.1', 24), ('ppp0', 4, '10.9.0.1', 32),
        ('xenbr0', 6, 'fe80::1', 64)]


@pytest.mark.parametrize('text, is_given', [
    ('inet6 fe80::1/64 scope link', False),
    ('inet6 febf::1/64 scope link', False),
    ('inet6 2001:db8::5054:ff:fe24:1/64 scope global dynamic', False),
    ('inet6 2001:db8::5054:ff:fe24:1/64 scope global dynamic \\       valid_lft 9sec', False),
    ('inet6 2001:db8::1/64 scope global temporary dynamic', False),
    ('inet6 2001:db8::1/64 scope global mngtmpaddr dynamic', False),
    ('inet6 2001:db8::5054:ff:fe24:1/64 scope global', True),
    ('inet6 2001:db8::5054:ff:fe24:1/128 scope global dynamic', True),
    ('inet6 2001:db8::1/64 scope global dynamic', True),
    ('inet6 unclear/64 scope global dynamic', True),
    ('inet 10.0.0.1/24 scope global dynamic br', True)])
def test_addresses_that_somebody_has_given(dom0, text, is_given):
    """IPv6 gives one to every device that is up, and one more that hears of a router."""
    saying(dom0, u'5: br    %s\n' % text)
    assert len(network.addresses(dom0)) == 1
    assert bool(network.given_addresses(dom0)) == is_given
    assert bool(net_devices.addresses(dom0, ['br'])) == is_given


def test_routes(dom0):
    said = saying(dom0, ROUTES)
    found = network.routes(dom0)
    assert said == ['ip -o -4 route show']
    assert [(r['device'], r['destination'], r['prefix_length'], r['gateway'], r['metric'])
            for r in found] == [
        ('eth0', '169.254.0.0', 16, '', 1002), ('xenbr0', '192.168.1.0', 24, '', 0),
        ('metric', '10.1.1.1', 32, '192.168.1.3', 0),
        ('xenbr0', '0.0.0.0', 0, '192.168.1.1', 0), ('via', '0.0.0.0', 0, '10.0.0.9', 0),
        ('', '10.7.0.0', 16, '', 9), ('eth1', '172.16.0.0', 12, '', 0)]
    assert isinstance(found[0]['metric'], big)  # or a large one could not be sent


def test_a_command_that_fails_is_no_empty_answer(dom0):
    saying(dom0, u'', 255, u'Cannot open netlink socket: caf\xe9\n')
    for ask in (network.addresses, network.routes):
        with pytest.raises(errors.Failed, match='Cannot open netlink socket'):
            ask(dom0)


def test_half_of_the_routes_are_not_the_routes(dom0):
    saying(dom0, ROUTES + u'10.0.0.0/wide dev eth0\n')
    with pytest.raises(errors.Failed, match='10.0.0.0/wide'):
        network.routes(dom0)
    saying(dom0, ADDRESSES + u'1: lo    inet 127.0.0.1/wide scope host lo')
    with pytest.raises(errors.Failed, match='127.0.0.1/wide'):
        network.addresses(dom0)


def test_neighbours(dom0):
    handle = open(dom0.path('/proc/net'), 'w')
    handle.close()
    with pytest.raises(errors.Failed):
        network.neighbours(dom0)
    dom0.read = lambda name: (
        'IP address       HW type     Flags       HW address            Mask     Device\n'
        '192.168.1.1      0x1         0x2         00:21:F6:00:00:01     *        xenbr0\n'
        '192.168.1.9      0x1         0x0         00:00:00:00:00:00     *        xenbr0\n'
    ).encode('ascii')
    assert network.neighbours(dom0) == [
        {'device': 'xenbr0', 'address': '192.168.1.1', 'mac': '00:21:f6:00:00:01',
         'complete': True},
        {'device': 'xenbr0', 'address': '192.168.1.9', 'mac': '00:00:00:00:00:00',
         'complete': False}]


def test_a_port_that_answers_and_one_that_does_not(dom0):
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    port = listener.getsockname()[1]
    assert network.check_port(dom0, '127.0.0.1', port, 1) == 'refused'
    listener.listen(1)
    assert network.check_port(dom0, u'127.0.0.1', port, 1) == 'open'
    listener.close()


@pytest.mark.parametrize('address, port, seconds', [
    ('localhost', 22, 1), ('127.1', 22, 1), ('', 22, 1), (None, 22, 1), (u'caf\xe9', 22, 1),
    ('127.0.0.1\0', 22, 1), ('127.0.0.1', 0, 1), ('127.0.0.1', 65536, 1), ('127.0.0.1', True, 1),
    ('127.0.0.1', 22, 31), ('127.0.0.1', 22, 0), ('127.0.0.1', '22', 1)])
def test_names_and_odd_numbers_are_refused(dom0, address, port, seconds):
    with pytest.raises(errors.InvalidArgument):
        network.check_port(dom0, address, port, seconds)


@pytest.mark.parametrize('problem, answer', [
    (socket.timeout('timed out'), 'silent'), (socket.error(errno.ECONNREFUSED, 'no'), 'refused'),
    (socket.error(errno.EHOSTUNREACH, 'no'), 'silent'),
    (socket.error(errno.ECONNRESET, 'no'), 'refused'), (socket.error(errno.EACCES, 'no'), None),
    (socket.error(errno.ENETUNREACH, 'no'), None), (socket.error(errno.ENETDOWN, 'no'), None)])
def test_what_says_nothing_of_the_other_side_is_no_answer(dom0, monkeypatch, problem, answer):
    class Socket(object):
        limit = None

        def __init__(self, family, kind):
            assert family == socket.AF_INET6

        def settimeout(self, seconds):
            Socket.limit = seconds

        def connect(self, where):
            raise problem

        def close(self):
            pass
    monkeypatch.setattr(network.socket, 'socket', Socket)
    if answer is None:
        with pytest.raises(errors.Failed):
            network.check_port(dom0, '::1', 22, 7)
    else:
        assert network.check_port(dom0, '::1', 22, 7) == answer
    assert Socket.limit == 7


@given(st.lists(st.sampled_from((ADDRESSES + ROUTES).split(u'\n')) | st.text()).map(u'\n'.join))
def test_whatever_ip_says_is_read_or_refused(text):
    class Host(object):
        def run(self, words, seconds):
            return 0, text.encode('utf-8'), ''.encode('ascii')
    for ask in (network.addresses, network.routes):
        try:
            for entry in ask(Host()):
                assert isinstance(entry['prefix_length'], int)
        except errors.Failed:
            pass
