"""Removing a bridge that a person wants gone, and keeping one that a person wants."""

import pytest

from libcloud_ovm3_host import bridge_removal, errors, local_state, network_change
from bridging import BRIDGE, KEPT, ONE, REMOVED, TWO, cuts, operation, records, release, take
from networked import Cut, Host

PLAIN, LOCAL = 'xenbr0', 'own'
WITHOUT = {BRIDGE: ('bond0', 20), PLAIN: ('bond0', 0), LOCAL: ('', 0)}
CALLS = {BRIDGE: ('stop', BRIDGE, 'bond0', 20), PLAIN: ('stop', PLAIN, 'bond0'),
         LOCAL: ('stop', LOCAL)}


@pytest.fixture
def host(dom0):
    """Has a bridge of each form, of which the module has made none."""
    host = Host(dom0.root)
    host.act('start', BRIDGE, 'bond0', 20)
    host.add_bridge(LOCAL)
    return host


def remove(host, bridge=BRIDGE, addresses=(), **given):
    netdev, vlan = WITHOUT[bridge]
    return bridge_removal.remove_bridge(host, 'me', operation(9), bridge,
                                        given.get('netdev', netdev), given.get('vlan', vlan),
                                        list(addresses))['removed']


def keep(host):
    return bridge_removal.keep_bridge(host, 'me', operation(8), BRIDGE)['kept']


@pytest.mark.parametrize('bridge', sorted(WITHOUT))
def test_whatever_it_is_on(host, bridge):
    assert [remove(host, bridge), remove(host, bridge)] == [True, False]
    assert host.calls == [CALLS[bridge]] and not host.has(bridge)


@pytest.mark.parametrize('bridge', sorted(WITHOUT))
def test_one_that_stays_is_said(host, bridge):
    host.behaviour = 'refuses'
    problem = pytest.raises(errors.Failed, remove, host, bridge).value
    assert 'was not removed' in str(problem) and host.has(bridge)


@pytest.mark.parametrize('bridge', sorted(WITHOUT))
@pytest.mark.parametrize('used_by', [
    lambda host, bridge: host.add_port(bridge, 'vif3.0'),
    lambda host, bridge: host.add_port(bridge, 'eth1'),
    lambda host, bridge: host.add_vlan('over', bridge, 7),
    lambda host, bridge: host.addresses.append((bridge, 'inet', '10.0.0.2/24')),
    lambda host, bridge: host.write(local_state.TOP + '/bridges/' + bridge + '/' + ONE, 'torn')])
def test_what_keeps_it(host, bridge, used_by):
    used_by(host, bridge)
    pytest.raises(errors.Conflict, remove, host, bridge)
    assert host.calls == [] and host.has(bridge)


def test_a_vm_that_is_counted_keeps_it(host):
    take(host)  # of a bridge that is not the module's
    for bridge in (BRIDGE, PLAIN):  # and the one that the VLAN is beside
        problem = pytest.raises(errors.Conflict, remove, host, bridge).value
        assert ONE in str(problem)
    release(host)
    assert remove(host, PLAIN) and remove(host) and records(host) == []


def test_what_is_over_its_vlan_device_keeps_it(host):
    host.add_vlan('bond0.20.7', 'bond0.20', 7)
    pytest.raises(errors.Conflict, remove, host)
    assert remove(host, PLAIN)  # VLANs over bond0 stay as they are


def test_addresses_that_the_client_knows_of(host):
    host.addresses = [(BRIDGE, 'inet', '10.0.0.2/24')]
    assert remove(host, addresses=['10.0.0.2/24'])
    host.addresses = [('bond0', 'inet', '10.0.0.2/24'),
                      (PLAIN, 'inet6', '2001:db8::5054:ff:fe24:1/64 dynamic')]
    assert remove(host, PLAIN)  # it stays there
    host.act('start', BRIDGE, 'bond0', 20)
    host.addresses = [('bond0.20', 'inet', '10.0.0.2/24')]
    pytest.raises(errors.Conflict, remove, host)


def test_one_that_is_on_something_else(host):
    for other in ({'netdev': 'eth0'}, {'vlan': 21}, {'netdev': '', 'vlan': 0}):
        pytest.raises(errors.Conflict, remove, host, **other)
    host.add_device('eth9')
    pytest.raises(errors.Conflict, bridge_removal.remove_bridge, host, 'me', operation(9), 'eth9',
                  '', 0, [])
    assert host.calls == []


@pytest.mark.parametrize('given', [
    {'vlan': 1}, {'vlan': 4095}, {'netdev': '', 'vlan': 20}, {'netdev': '../x'},
    {'addresses': ['10.0.0.1/24'] * 101}])
def test_what_is_refused(host, given):
    pytest.raises(errors.InvalidArgument, remove, host, **given)
    pytest.raises(errors.InvalidArgument, bridge_removal.remove_bridge, host, 'me', operation(9),
                  BRIDGE, 'bond0', 20, 'text')


def test_one_that_the_module_has_made(host):
    remove(host)
    take(host)
    release(host)
    take(host, TWO, 2)
    local_state.remove(host, ['bridges', BRIDGE], TWO)
    host.act('stop', BRIDGE, 'bond0', 20)
    host.act('start', BRIDGE, 'bond0', 20)
    assert remove(host) and records(host) == []


@pytest.mark.parametrize('cut_at', range(1, 7))
def test_a_removal_that_is_cut_off_anywhere(host, monkeypatch, cut_at):
    remove(host)
    take(host)
    local_state.remove(host, ['bridges', BRIDGE], ONE)
    cuts(host, monkeypatch)
    host.cut_at = cut_at
    pytest.raises(Cut, remove, host)
    host.cut_at = None
    remove(host)
    host.time += 601
    release(host)
    assert not host.has(BRIDGE) and records(host) == []


def test_a_request_waits_for_its_turn(host):
    handle = local_state.lock(host, 0, 'another')
    pytest.raises(errors.Conflict, remove, host)
    pytest.raises(errors.Conflict, keep, host)
    local_state.unlock(handle)
    host.detached = lambda seconds, function, *arguments: None
    pytest.raises(errors.Timeout, remove, host)


def test_one_that_is_kept_stays(host):
    remove(host)
    pytest.raises(errors.NotFound, keep, host)
    take(host)
    assert [keep(host), keep(host)] == [True, False]
    assert release(host) == dict(KEPT, ports=['bond0.20'])
    assert host.has(BRIDGE) and records(host) == []
    take(host, TWO, 2)
    host.reboot()
    assert release(host, TWO) == dict(KEPT, ports=['bond0.20'])
    assert remove(host)
    assert take(host) and release(host) == REMOVED  # one that is made anew goes again


def test_a_guarded_removal_looks_too(host):
    host.lives = lambda pid, started: True
    step = {'function': 'ovs_vlan_bridge', 'arguments': list(CALLS[BRIDGE])}

    def change(number):
        return network_change.guarded_network_change(host, 'me', operation(number), [step], [{}],
                                                     60)

    take(host)
    problem = pytest.raises(errors.Conflict, change, 5).value
    assert ONE in str(problem)
    release(host)
    host.add_port(BRIDGE, 'vif3.0')
    pytest.raises(errors.Conflict, change, 6)
    assert network_change.network_change(host, operation(6))['state'] == 'failed'
    assert host.calls == []
    host.remove_port(BRIDGE, 'vif3.0')
    assert change(7)['state'] in ('undone', 'undo failed') and host.calls
