"""A host with network devices in plain directories, whose agent makes VLAN bridges."""

import os
import shutil

from libcloud_ovm3_host.dom0 import Dom0

NET = '/sys/class/net/'


class Cut(BaseException):
    """The process is gone."""


class Host(Dom0):
    """A host with bond0 in xenbr0, whose agent makes VLAN bridges. Time passes while one waits."""

    def __init__(self, root):
        Dom0.__init__(self, root)
        self.calls, self.time, self.boots = [], 1000.0, 0
        self.numbers, self.addresses, self.later = 10, [], []
        self.routes = ['default via 10.0.0.254 dev xenbr0']
        self.behaviour = ''  # of the agent's function
        self.cut_at = None
        for name in ('eth0', 'bond0'):
            self.add_device(name)
        self.add_bridge('xenbr0', 'bond0')
        self.vlans = {}

    def log(self, message):
        pass

    def boot_id(self):
        return 'boot %d' % self.boots

    def uptime(self):
        return self.time

    def seconds(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds
        for when, act, values in list(self.later):
            if when <= self.time:
                self.later.remove((when, act, values))
                try:
                    act(*values)
                except RuntimeError:  # nobody hears it any more
                    pass

    def detached(self, seconds, function, *arguments):
        return function(*arguments)

    def within(self, seconds, function, *arguments):
        return function(*arguments)

    def run(self, words, seconds):
        if words == ['ip', '-o', '-4', 'route', 'show']:
            return 0, '\n'.join(self.routes).encode('ascii'), ''.encode('ascii')
        assert words == ['ip', '-o', 'addr', 'show']
        lines = ['1: %s    %s %s scope global %s' % (name, family, address, name)
                 for name, family, address in self.addresses]
        return 0, '\n'.join(lines).encode('ascii'), ''.encode('ascii')

    def agent_modules(self):
        return [lambda: self]

    def get_services(self, version=None):
        return {'ovs_vlan_bridge': self.ovs_vlan_bridge, 'ovs_br_config': self.ovs_bridge,
                'ovs_local_config': self.ovs_bridge}

    # -- the kernel

    def add_device(self, name):
        self.numbers += 1
        os.makedirs(self.path(NET + name))
        self.write(NET + name + '/ifindex', '%d\n' % self.numbers)
        self.write(NET + name + '/flags', '0x1003\n')
        self.write(NET + name + '/mtu', '1500\n')

    def add_bridge(self, name, *ports):
        self.add_device(name)
        os.makedirs(self.path(NET + name + '/bridge'))
        os.makedirs(self.path(NET + name + '/brif'))
        for port in ports:
            self.add_port(name, port)

    def add_port(self, bridge, port):
        self.write(NET + bridge + '/brif/' + port, '')

    def remove_port(self, bridge, port):
        os.unlink(self.path(NET + bridge + '/brif/' + port))

    def add_vlan(self, name, netdev, number):
        self.add_device(name)
        self.vlans[name] = (netdev, number)
        self.write_vlans()

    def remove_device(self, name):
        shutil.rmtree(self.path(NET + name))
        if self.vlans.pop(name, None):
            self.write_vlans()

    def write_vlans(self):
        lines = ['VLAN Dev name    | VLAN ID', 'Name-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD']
        lines += ['%-15s| %-4d | %s' % (name, self.vlans[name][1], self.vlans[name][0])
                  for name in sorted(self.vlans)]
        self.write('/proc/net/vlan/config', '\n'.join(lines) + '\n')

    def write(self, name, text):
        path = self.path(name)
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        handle = open(path, 'w')
        handle.write(text)
        handle.close()

    def has(self, name):
        return os.path.isdir(self.path(NET + name))

    def reboot(self):
        self.boots += 1
        self.time = 100.0
        for name in os.listdir(self.path(NET)):
            self.numbers += 1
            self.write(NET + name + '/ifindex', '%d\n' % self.numbers)

    # -- the agent

    def ovs_vlan_bridge(self, action, bridge, netdev, vlan):
        self.step()
        self.calls.append((action, bridge, netdev, vlan))
        device = '%s.%d' % (netdev, vlan)
        if self.behaviour == 'refuses':
            raise RuntimeError('setup_bridge_port: command not found')
        if self.behaviour in ('late', 'very late'):
            wait = {'late': 5, 'very late': 50}[self.behaviour]
            self.later.append((self.time + wait, self.act, (action, bridge, netdev, vlan)))
        elif self.behaviour == 'half':
            self.add_bridge(bridge)
        else:
            self.act(action, bridge, netdev, vlan)
        self.step()
        if self.behaviour == 'faults after':
            raise RuntimeError('something')
        return '%s %s' % (action, device)

    def ovs_bridge(self, action, bridge, *netdev):
        """Removes a bridge on a network interface, or a local one."""
        self.calls.append((action, bridge) + netdev)
        assert action == 'stop'
        if self.behaviour == 'refuses':
            raise RuntimeError('in use')
        self.remove_device(bridge)

    def act(self, action, bridge, netdev, vlan):
        device = '%s.%d' % (netdev, vlan)
        if action == 'start':
            if self.has(bridge):
                raise RuntimeError('Bridge %s Is Busy' % bridge)
            if not self.has(device):
                self.add_vlan(device, netdev, vlan)
            self.add_bridge(bridge, device)
        else:
            self.remove_device(bridge)
            if self.has(device):
                self.remove_device(device)

    def step(self):
        """One of the places at which the process may end."""
        if self.cut_at is not None:
            self.cut_at -= 1
            if self.cut_at == 0:
                raise Cut()
