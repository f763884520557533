"""What the host's files of interfaces say stays as it is, to the byte: comments, blanks, quotes."""

import os

from bridging import BRIDGE, REMOVED, operation, release, take
from networked import Host

from libcloud_ovm3_host import network_change

SCRIPTS = '/etc/sysconfig/network-scripts/'
CASE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'compute', 'cases',
                    'O08.ifcfg.txt')
STEP = {'function': 'ovs_vlan_bridge', 'arguments': ['start', 'storage', 'bond0', 7]}
BACK = {'function': 'ovs_vlan_bridge', 'arguments': ['stop', 'storage', 'bond0', 7]}


def files_of_case():
    """The files of case O08, by their names, and one of the VLAN bridge that a start makes."""
    handle = open(CASE)
    parts = [part.partition(' <==\n') for part in handle.read().split('==> ')[1:]]
    handle.close()
    found = dict([(name, text) for name, _, text in parts if name.startswith('ifcfg-')])
    found['ifcfg-' + BRIDGE] = ' # kept\nDEVICE="%s"\nOPTS="a=b"  \n' % BRIDGE
    return found


def state_of(host):
    folder = host.path(SCRIPTS)
    found = {}
    for name in os.listdir(folder):
        handle = open(os.path.join(folder, name), 'rb')
        status = os.stat(os.path.join(folder, name))
        found[name] = (handle.read(), status.st_ino, status.st_mtime)
        handle.close()
    return found


def guarded(host, number):
    return network_change.guarded_network_change(host, 'me', operation(number), [STEP], [BACK],
                                                 60)['state']


def test_o08_nothing_of_them_is_written(dom0):
    """Neither when a bridge is taken and released, nor by a change, confirmed or taken back."""
    host = Host(dom0.root)
    files = files_of_case()
    assert len(files) == 4 and '"mode=1 ' in files['ifcfg-bond0']
    for name in files:
        host.write(SCRIPTS + name, files[name])
    before = state_of(host)
    assert sorted(before) == sorted(files)
    assert take(host) is True
    assert state_of(host) == before
    assert release(host) == REMOVED
    assert guarded(host, 7) == 'undone'
    host.later.append((host.time + 5, network_change.confirm_network_change,
                       (host, 'me', operation(8))))
    assert guarded(host, 8) == 'confirmed'
    assert state_of(host) == before
