"""What others do while a guarded change waits for its confirmation."""

import os

import pytest
from guarding import STEPS, UNDO, Guarded, change, confirm, operation

from libcloud_ovm3_host import bridges, control, errors, local_state


@pytest.fixture
def host(dom0):
    return Guarded(dom0.root)


def test_bridges_for_vms_wait_until_it_is_over(host):
    """It could take back what a VM has begun to use, and would not know what others made meanwhile
    from what it has not brought back. It waits without the lock."""
    one, seen = 'abababab-1111-1111-1111-111111111111', []
    host.add_bridge('control0')
    take = (host, 'me', operation(2), one, 'xenbr0.20', 'bond0', 20)

    def too_early():
        seen.append(pytest.raises(errors.Conflict, bridges.take_bridge, *take).value)
        seen.append(pytest.raises(errors.Conflict, control.set_control_interface, host, 'me',
                                  operation(3), 'control0', '169.254.1.1', 24).value)
    host.at(too_early, 5)
    assert change(host)['state'] == 'undone'
    for found in seen[:2]:
        assert operation(1) in str(found) and 'repeat the request' in str(found)
    assert not host.has('xenbr0.20') and local_state.names(host, ['bridges']) == []

    def meanwhile():
        host.at(lambda: confirm(host, 4), 10)
        seen.append(bridges.take_bridge(*take))
    host.at(meanwhile, 5)
    assert change(host, number=4)['state'] == 'confirmed'
    assert seen[-1] == {'made': True, 'new': True} and host.has('xenbr0.20'), 'it has waited'


@pytest.mark.parametrize('fails', [False, True])
def test_a_guest_whose_interface_has_any_name(host, fails):
    """``vifname=web0``. No function of the agent makes such a device: it is nothing that was not
    taken back. A bridge or VLAN device that somebody else makes may be."""
    def comes(*given):
        host.add_device('web0')
        host.add_port('xenbr0', 'web0')
        host.addresses.append(('web0', 'inet6', 'fe80::1/64'))
        if fails:
            raise RuntimeError('no')
    if fails:
        host.ovs_change_mtu = comes
    else:
        host.at(comes, 30)
    assert change(host)['state'] == (fails and 'failed' or 'undone')
    host.at(lambda: host.remove_port('xenbr0', 'web0'), 30)
    made = change(host, STEPS[1:], UNDO[1:], number=2)
    assert made['fault'].endswith('missing: web0 on xenbr0; new: nothing'), 'it lost its bridge'
    host.at(lambda: [host.add_bridge('other'), host.add_vlan('eth0.9', 'eth0', 9),
                     host.routes.append('blackhole 10.9.0.0/16')], 30)
    made = change(host, STEPS[1:], UNDO[1:], number=3)
    assert made['fault'].endswith(
        'new: 10.9.0.0/16, eth0.9 MTU 1500, eth0.9 VLAN 9 of eth0, other MTU 1500, other bridge')


def test_a_guest_on_a_bridge_that_is_taken_back(host):
    """The line of the host comes first; but it is said who has lost a bridge."""
    def comes():
        host.add_device('vif3.0')
        host.add_port('storage', 'vif3.0')
    said = []
    host.log = said.append
    host.at(comes, 30)
    made = change(host)
    assert made['state'] == 'undone' and not host.has('storage')
    assert made['fault'].endswith(
        'bridge storage, which is taken back, was in use by then: vif3.0')
    assert made['fault'] in said[-1]
    host.remove_device('vif3.0')

    def unreadable():
        os.unlink(host.path('/proc/net/vlan/config'))  # until the undo writes it again
    host.at(unreadable, 30)
    made = change(host, STEPS[1:], UNDO[1:], number=2)
    assert 'was in use by then: what cannot be read' in made['fault'] and not host.has('storage')
