"""A host that makes guarded changes, and the requests for them."""

from networked import NET, Host

from libcloud_ovm3_host import errors, network_change

STEPS = [{'function': 'ovs_change_mtu', 'arguments': ['bond0', 9000]},
         {'function': 'ovs_vlan_bridge', 'arguments': ['start', 'storage', 'bond0', 7]}]
UNDO = [{'function': 'ovs_change_mtu', 'arguments': ['bond0', 1500]},
        {'function': 'ovs_vlan_bridge', 'arguments': ['stop', 'storage', 'bond0', 7]}]
DO_MTU, DO_BRIDGE = ('mtu', 9000), ('start', 'storage', 'bond0', 7)
UNDO_MTU, UNDO_BRIDGE = ('mtu', 1500), ('stop', 'storage', 'bond0', 7)


class Guarded(Host):
    """It also sets MTUs; ``at`` is called while it waits for a confirmation."""

    dead = False

    def get_services(self, version=None):
        return {'ovs_vlan_bridge': self.ovs_vlan_bridge, 'ovs_change_mtu': self.ovs_change_mtu}

    def ovs_change_mtu(self, device, mtu):
        self.calls.append(('mtu', mtu))
        if self.behaviour == 'no mtu':
            raise RuntimeError('no mtu')
        if self.behaviour == 'hangs':
            self.time += 100
            raise errors.Timeout('hangs')
        self.write(NET + device + '/mtu', '%d\n' % mtu)

    def lives(self, pid, started):
        return not self.dead

    def at(self, act, seconds):
        self.later.append((self.time + seconds, act, ()))


def operation(number=1):
    return '%032x' % number


def change(host, steps=STEPS, undo=UNDO, seconds=60, number=1):
    return network_change.guarded_network_change(host, 'me', operation(number), steps, undo, seconds)


def confirm(host, number=1):
    return network_change.confirm_network_change(host, 'me', operation(number))


def status(host, number=1):
    return network_change.network_change(host, operation(number))


def mtu_of(host):
    return int(open(host.path(NET + 'bond0/mtu')).read())
