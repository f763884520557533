"""Bridges on VLANs that are taken, released and listed, and requests that are cut off."""

import os

from libcloud_ovm3_host import bridges, local_state

BRIDGE = 'xenbr0.20'
ONE, TWO = ['%s-1111-1111-1111-%s' % (digit * 8, digit * 12) for digit in '12']
KEPT = {'removed': False, 'users': [], 'ports': [], 'addresses': []}
REMOVED = dict(KEPT, removed=True)


def operation(number):
    return '%032x' % number


def take(host, user=ONE, number=1, bridge=BRIDGE, netdev='bond0', vlan=20):
    return bridges.take_bridge(host, 'me', operation(number), user, bridge, netdev, vlan)['made']


def release(host, user=ONE, bridge=BRIDGE):
    return bridges.release_bridge(host, 'me', operation(99), user, bridge, '')


def listed(host, bridge=BRIDGE):
    found = [entry for entry in bridges.bridges(host) if entry['bridge'] == bridge]
    assert len(found) < 2
    return found and found[0] or None


def records(host):
    found = []
    for folder, _, names in os.walk(host.path(local_state.TOP)):
        found += [os.path.join(folder, name) for name in names if name != 'lock']
    return found


def cuts(host, monkeypatch):
    """Make each record's writing or removal two places at which the process may end."""
    for name in ('put', 'remove'):
        monkeypatch.setattr(local_state, name, _with_steps(host, getattr(local_state, name)))


def _with_steps(host, real):
    def stepped(*arguments):
        host.step()
        real(*arguments)
        host.step()
    return stepped
