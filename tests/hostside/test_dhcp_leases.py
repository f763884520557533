"""Watching DHCP: one process for a card, for a bounded time, and leases that are valid."""

import os

import pytest

from dhcp_messages import ACK, MAC, NAK, OTHER, RELEASE, REQUEST, message
from libcloud_ovm3_host import dhcp_leases, errors, local_state
from networked import Host

FOUND = {'device': 'xenbr0', 'mac': MAC, 'address': '10.0.0.9'}


class Ear(object):
    """Hears what comes at its moment: ``(seconds from the beginning, frame)``."""

    def __init__(self, host, frames):
        self.host, self.frames, self.closed = host, [], False
        for seconds, frame in frames:
            self.frames.append((host.time + seconds, frame))

    def read(self, seconds):
        assert seconds > 0 and not self.closed
        end = self.host.time + seconds
        if self.frames and self.frames[0][0] <= end:
            when, frame = self.frames.pop(0)
            self.host.time = max(when, self.host.time)
            if not callable(frame):
                return frame
            frame()
        else:
            self.host.time = end
        return None

    def close(self):
        self.closed = True


class Watched(Host):
    """Its watches run at once, to their end; ``living`` of them count as if they went on."""

    def __init__(self, root):
        Host.__init__(self, root)
        self.frames, self.ears, self.living = [], [], []

    def listen(self, device, index):
        assert index == int(self.read('/sys/class/net/%s/ifindex' % device))
        self.ears.append(Ear(self, self.frames))
        return self.ears[-1]

    def process(self):
        return '77', '%d' % self.time

    def lives(self, pid, started):
        return (pid, started) in self.living

    def detached(self, seconds, function, *arguments):
        self.living = [('77', '%d' % self.time)]  # as it is while the client is answered
        return function(*arguments)


@pytest.fixture
def host(dom0):
    return Watched(dom0.root)


def watch(host, number=1, mac=MAC, seconds=600, bridge='xenbr0'):
    return dhcp_leases.watch_dhcp(host, 'me', '%032x' % number, bridge, mac, seconds)


def test_a_lease_is_known_until_it_expires(host):
    host.frames = [(3, message(REQUEST)), (3, message(ACK, seconds=5000))]
    before = host.time
    watch(host)
    assert host.time == before + 600 and host.ears[0].closed
    assert dhcp_leases.dhcp_leases(host) == [FOUND]
    host.time = before + 3 + 4999
    assert dhcp_leases.dhcp_leases(host) == [FOUND]
    host.time += 1
    assert dhcp_leases.dhcp_leases(host) == []


def test_what_ends_a_lease(host):
    host.frames = [(3, message(REQUEST)), (3, message(ACK, seconds=0xffffffff))]
    watch(host)
    host.time += 1e9
    assert dhcp_leases.dhcp_leases(host) == [FOUND]
    for number, end in enumerate([message(NAK), message(RELEASE)]):
        host.frames[2:] = [(8, message(REQUEST)), (9, end)]
        watch(host, 2 + number)
        assert dhcp_leases.dhcp_leases(host) == []
    host.frames[2:] = []
    watch(host, 9)
    host.reboot()
    assert dhcp_leases.dhcp_leases(host) == []


def test_a_newer_watch_takes_its_place(host):
    """The older one hears nothing any more, and a request that is repeated changes nothing."""
    def other():
        host.frames = []
        watch(host, 2, seconds=10)
        assert host.ears[1].closed
        watch(host, 2)
        assert len(host.ears) == 2
    host.frames = [(3, message(REQUEST)), (4, message(ACK)), (5, other),
                   (19, message(REQUEST)), (20, message(ACK, address=(10, 0, 0, 10)))]
    with pytest.raises(errors.Failed):  # it is not this one that is watched now
        watch(host)
    assert host.ears[0].closed and dhcp_leases.dhcp_leases(host) == []


def test_a_card_that_is_on_another_host_now_is_forgotten(host):
    """With its watch, which hears what is on a network that both hosts have."""
    def gone():
        assert dhcp_leases.dhcp_leases(host) == [FOUND]
        watch(host, 2, seconds=0, bridge='gone')
        assert dhcp_leases.dhcp_leases(host) == []
    host.frames = [(3, message(REQUEST)), (4, message(ACK)), (5, gone),
                   (6, message(REQUEST)), (7, message(ACK, address=(10, 0, 0, 10)))]
    with pytest.raises(errors.Failed):  # it is not watched any more
        watch(host)
    assert host.ears[0].closed and dhcp_leases.dhcp_leases(host) == []
    watch(host, 3, OTHER, seconds=0)
    assert len(host.ears) == 1


def test_what_is_over_is_forgotten_and_what_is_not_bounds_how_many_there_are(host):
    def folders():
        return sorted(os.listdir(host.path(local_state.TOP + '/dhcp')))
    watch(host)
    host.living = []
    watch(host, 2, OTHER)
    assert folders() == [OTHER.replace(':', '')]
    record = local_state.get(host, folders_of(OTHER), 'watch')
    for number in range(dhcp_leases.MOST_WATCHES):
        name = '00:00:00:00:00:%02x' % number
        local_state.put(host, folders_of(name), 'watch', record)
    with pytest.raises(errors.Conflict):
        watch(host, 3)
    assert len(folders()) == dhcp_leases.MOST_WATCHES + 1


def folders_of(mac):
    return ['dhcp', mac.replace(':', '')]


def test_a_record_of_a_newer_module_is_no_address(host):
    host.frames = [(3, message(REQUEST)), (3, message(ACK))]
    watch(host)
    path = host.path(local_state.TOP + '/dhcp/%s/lease' % MAC.replace(':', ''))
    text = open(path).read()
    host.write(path[len(host.root):], text.replace('schema=1', 'schema=2'))
    assert dhcp_leases.dhcp_leases(host) == []


@pytest.mark.parametrize('wrong', [
    {'mac': '00:21:F6:00:00:01'}, {'mac': '../../etc'}, {'mac': MAC + '\n'}, {'seconds': 9}, {'seconds': 1}, {'seconds': -1},
    {'seconds': 3601}, {'bridge': '../x'}], ids=str)
def test_arguments(host, wrong):
    with pytest.raises(errors.InvalidArgument):
        watch(host, **wrong)
    assert host.ears == []


def test_a_bridge_that_is_not_there(host):
    with pytest.raises(errors.NotFound):
        watch(host, bridge='bond0')
