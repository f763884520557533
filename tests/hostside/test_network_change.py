"""Changes that are taken back unless they are confirmed: each once, none half, whatever happens."""

import os
import time

import pytest
from guarding import (DO_BRIDGE, DO_MTU, STEPS, UNDO, UNDO_BRIDGE, UNDO_MTU, Guarded, change,
                      confirm, mtu_of, operation, status)
from networked import NET

from libcloud_ovm3_host import (change_records, errors, limits, local_state, net_devices,
                                network_change)
from libcloud_ovm3_host.dom0 import Dom0


class Died(BaseException):
    """The process is gone."""


@pytest.fixture
def host(dom0):
    return Guarded(dom0.root)


def test_a_change_that_is_confirmed(host):
    seen = []

    def act():
        seen.append(status(host))
        seen.append(confirm(host))
    host.at(act, 59)
    made = change(host)
    assert [found['state'] for found in seen] == ['waiting', 'confirmed']
    assert made == {'state': 'confirmed', 'fault': '', 'doing': '', 'operation': operation(),
                    'client': 'me'}
    assert host.calls == [DO_MTU, DO_BRIDGE]
    assert mtu_of(host) == 9000 and host.has('storage')
    assert [confirm(host), status(host), change(host)] == [made] * 3
    assert host.calls == [DO_MTU, DO_BRIDGE]


def test_a_change_that_is_not_confirmed(host):
    began = host.time
    made = change(host)
    assert made['state'] == 'undone' and 'not confirmed within 60 s' in made['fault']
    assert 60 <= host.time - began < 62
    assert host.calls == [DO_MTU, DO_BRIDGE, UNDO_BRIDGE, UNDO_MTU]
    assert mtu_of(host) == 1500 and not host.has('storage')
    assert status(host) == made
    with pytest.raises(errors.Conflict, match='undone'):
        confirm(host)


def test_a_confirmation_too_early_and_too_late(host, monkeypatch):
    """The moment at which it is decided is one file's: nobody finds both."""
    real = local_state.put_once

    def decides(dom0, folders, name, record):
        real(dom0, folders, name, record)
        if name == 'decision':
            with pytest.raises(errors.Conflict, match='being undone'):
                confirm(host)
    host.ovs_change_mtu = lambda device, mtu: pytest.raises(errors.Conflict, confirm, host)
    monkeypatch.setattr(local_state, 'put_once', decides)
    assert change(host)['state'] == 'undone'


# --- what the agent does --------------------------------------------------------------------

@pytest.mark.parametrize('behaviour, calls, state', [
    ('no mtu', [DO_MTU], 'failed'),
    ('refuses', [DO_MTU, DO_BRIDGE, UNDO_MTU], 'undone'),
    ('faults after', [DO_MTU, DO_BRIDGE, UNDO_BRIDGE, UNDO_MTU], 'undone'),
    ('hangs', [DO_MTU, UNDO_MTU], 'undone')])
def test_a_step_that_faults(host, behaviour, calls, state):
    """It is undone only if something has changed, or may yet."""
    host.behaviour = behaviour
    made = change(host)
    assert made['state'] == state
    assert 'step' in made['fault'] and host.calls == calls
    assert status(host) == made


def test_one_that_is_there_is_not_removed(host):
    """To undo a bridge that could not be made would remove another's."""
    host.ovs_vlan_bridge('start', 'storage', 'bond0', 7)
    made = change(host)
    assert made['state'] == 'undone' and 'Is Busy' in made['fault']
    assert host.has('storage') and UNDO_BRIDGE not in host.calls


def test_an_undo_that_faults(host):
    """The others are undone all the same."""
    def act():
        host.behaviour = 'refuses'
    host.at(act, 30)
    made = change(host)
    assert made['state'] == 'undo failed'
    assert 'not confirmed' in made['fault'] and 'command not found' in made['fault']
    assert host.calls[-1] == UNDO_MTU and mtu_of(host) == 1500


def test_an_undo_that_faults_although_all_is_as_it_was(host):
    host.at(lambda: setattr(host, 'behaviour', 'faults after'), 30)
    assert change(host)['state'] == 'undone'


def test_what_need_not_be_undone(host):
    host.write(NET + 'bond0/mtu', '9000\n')
    assert change(host, undo=[{}, UNDO[1]])['state'] == 'undone'
    assert host.calls == [DO_MTU, DO_BRIDGE, UNDO_BRIDGE]


def test_an_undo_that_does_not_bring_everything_back(host):
    """A bridge that is made again has no address: the host cannot be reached, although no function
    has faulted."""
    host.ovs_vlan_bridge('start', 'storage', 'bond0', 7)
    host.addresses.append(('storage', 'inet', '10.0.7.1/24'))
    host.calls = []
    real = host.act

    def act(action, *arguments):
        real(action, *arguments)
        host.addresses = []
    host.act = act
    made = change(host, UNDO[1:], STEPS[1:])
    assert host.calls == [UNDO_BRIDGE, DO_BRIDGE] and host.has('storage')
    assert made['state'] == 'undo failed' and 'not confirmed' in made['fault']
    assert 'missing: storage 10.0.7.1/24; new: nothing' in made['fault']


def test_an_undo_that_takes_some_seconds(host):
    host.at(lambda: setattr(host, 'behaviour', 'late'), 30)
    assert change(host, STEPS[1:], UNDO[1:])['state'] == 'undone'
    host.at(lambda: setattr(host, 'behaviour', 'very late'), 30)
    host.behaviour = ''
    assert change(host, STEPS[1:], UNDO[1:], number=2)['state'] == 'undo failed'


def test_networks_that_cannot_be_read_after_an_undo(host):
    host.at(lambda: setattr(host, 'run', lambda words, seconds: (1, bytes(), bytes())), 30)
    made = change(host)
    assert made['state'] == 'undo failed' and 'cannot be read' in made['fault']


def test_guests_come_and_go(host):
    """Whether a step has changed something does not depend on them."""
    def fails(device, mtu):
        host.add_device('vif3.0')
        host.add_port('xenbr0', 'vif3.0')
        host.addresses.append(('vif3.0', 'inet6', 'fe80::1/64'))
        raise RuntimeError('no')
    host.ovs_change_mtu = fails
    assert change(host)['state'] == 'failed'


# --- two at once, and processes that end ----------------------------------------------------

def test_while_one_waits_no_other_is_made(host):
    seen = []

    def act():
        seen.append(pytest.raises(errors.Conflict, change, host, STEPS, UNDO, 60, 2).value)
        seen.append(change(host))
    host.at(act, 30)
    assert change(host)['state'] == 'undone'
    assert operation() in str(seen[0]) and seen[1]['state'] == 'waiting'
    assert len(host.calls) == 4
    refused = change(host, number=2)
    assert (refused['state'], len(host.calls)) == ('failed', 4), 'it is not made later'
    assert 'another guarded change is under way on this host' in refused['fault']
    assert 'nothing was changed' in refused['fault']
    assert change(host, number=3)['state'] == 'undone'


def test_one_operation_is_one_change(host):
    change(host)
    with pytest.raises(errors.InvalidArgument, match='other steps'):
        change(host, STEPS[:1], UNDO[:1])


def test_the_networks_are_not_changed_meanwhile(host):
    handle = local_state.lock(host, 0, 'operation of another')
    with pytest.raises(errors.Conflict, match='operation of another'):
        change(host)
    assert host.calls == []
    local_state.unlock(handle)
    assert status(host)['state'] == 'failed' and 'of another; nothing' in status(host)['fault']


def test_what_the_kernel_lowers_with_it_is_brought_back(host):
    """VLAN devices; ovs_change_mtu of the device below does not raise them with it."""
    host.add_vlan('bond0.7', 'bond0', 7)
    host.add_vlan('bond0.8', 'bond0', 8)
    for name in ('bond0', 'bond0.7'):
        host.write(NET + name + '/mtu', '9000\n')

    def ovs_change_mtu(device, mtu):
        host.calls.append((device, mtu))
        host.write(NET + device + '/mtu', '%d\n' % mtu)
        for name in host.vlans:
            if host.vlans[name][0] == device and net_devices.mtu(host, name) > mtu:
                host.write(NET + name + '/mtu', '%d\n' % mtu)
    host.ovs_change_mtu = ovs_change_mtu
    steps, undo = [dict(UNDO[0])], [dict(STEPS[0])]
    assert change(host, steps, undo)['state'] == 'undone'
    assert host.calls == [('bond0', 1500), ('bond0', 9000), ('bond0.7', 9000)]
    assert net_devices.mtus(host)['bond0.7'] == 9000
    host.ovs_change_mtu = lambda device, mtu: device == 'bond0' and ovs_change_mtu(device, mtu)
    made = change(host, steps, undo, number=2)
    assert made['state'] == 'undo failed' and 'missing: bond0.7 MTU 9000; new: bond0.7 MTU 1500' in made['fault']


def test_it_is_undone_whoever_has_the_lock(host):
    host.at(lambda: local_state.lock(host, 0, 'another'), 30)
    assert change(host)['state'] == 'undone'
    assert host.calls[-2:] == [UNDO_BRIDGE, UNDO_MTU]


def test_it_is_undone_on_a_full_disk(host, monkeypatch):
    def full(*arguments):
        raise errors.Failed('No space left on device')
    host.at(lambda: [monkeypatch.setattr(local_state, name, full) for name in ('put', 'put_once')],
            30)
    pytest.raises(errors.Failed, change, host)
    assert host.calls[-2:] == [UNDO_BRIDGE, UNDO_MTU]


@pytest.mark.parametrize('is_late', [False, True])
def test_what_is_confirmed_stays_on_a_full_disk(host, monkeypatch, is_late):
    """Its client was told that it stays; ``is_late``: while the end of the time is written."""
    real = local_state.put_once

    def full(dom0, folders, name, record):
        if is_late and name == 'decision':
            real(dom0, folders, name, {'decision': 'confirmed'})
        raise errors.Failed('No space left on device')

    def act():
        if not is_late:
            assert confirm(host)['state'] == 'confirmed'
        monkeypatch.setattr(local_state, 'put_once', full)
    host.at(act, 30)
    pytest.raises(errors.Failed, change, host)  # the outcome is not written
    assert status(host)['state'] == 'confirmed'
    assert host.calls == [DO_MTU, DO_BRIDGE] and mtu_of(host) == 9000


@pytest.mark.parametrize('reboots', [False, True])
@pytest.mark.parametrize('at, doing', [(1, 'step 1 of 2: ovs_change_mtu bond0 9000'),
                                       (2, 'step 2 of 2'), (3, 'waiting'), (4, 'undoing')])
def test_a_process_that_ends(host, monkeypatch, at, doing, reboots):
    """What it did last is known; nothing is done by itself; others may follow."""
    real, count = local_state.put, []

    def put(dom0, folders, name, record):
        real(dom0, folders, name, record)
        count.append(name)
        if count.count('progress') == at:
            raise Died()
    monkeypatch.setattr(local_state, 'put', put)
    pytest.raises(Died, change, host)
    monkeypatch.setattr(local_state, 'put', real)
    if reboots:
        host.reboot()
    else:
        host.dead = True
    found = status(host)
    assert (found['state'], found['doing'][:len(doing)]) == ('dead', doing)
    done = list(host.calls)
    assert change(host)['state'] == 'dead' and host.calls == done
    with pytest.raises(errors.Conflict, match='dead'):
        confirm(host)
    host.dead = False
    host.boots += 1
    host.write(NET + 'bond0/mtu', '1500\n')
    assert change(host, STEPS[:1], UNDO[:1], number=2)['state'] == 'undone'


def test_a_real_process_goes_on(dom0, monkeypatch):
    """It goes on after the response, and is confirmed then."""
    monkeypatch.setattr(network_change, 'ANSWER_SECONDS', 0.01)
    host = Guarded(dom0.root)
    for name in ('detached', 'within', 'process', 'lives', 'seconds', 'sleep'):
        setattr(host, name, getattr(Dom0(dom0.root), name))
    assert change(host, STEPS[:1], UNDO[:1], 600)['state'] in ('running', 'waiting')
    until(lambda: local_state.get(host, ['changes', operation()], 'request'))
    until(lambda: status(host)['state'] == 'waiting')
    assert mtu_of(host) == 9000
    pid = local_state.get(host, ['changes', operation()], 'request')['pid']
    assert os.getsid(int(pid)) != os.getsid(0)
    assert confirm(host)['state'] == 'confirmed'
    until(lambda: not limits.start_time(int(pid)))
    assert (status(host)['state'], mtu_of(host)) == ('confirmed', 9000)


def until(condition):
    end = time.time() + 120
    while not condition():
        assert time.time() < end
        time.sleep(0.01)


# --- requests -------------------------------------------------------------------------------

def step(function, *given):
    return {'function': function, 'arguments': list(given)}


@pytest.mark.parametrize('bad', [
    {}, [], 'x', {'function': 'ovs_change_mtu'}, step('ovs_if_meta', 'bond0', 'x'),
    step('stop_vm', 'x', 'y', True), step('ovs_async_bridge', 'start', 'a', 'b'),
    step('ovs_change_mtu', 'bond0'), step('ovs_change_mtu', 'bond0', 1499),
    step('ovs_change_mtu', 'bond0', 64001), step('ovs_change_mtu', 'bond0', '9000'),
    step('ovs_change_mtu', '../bond0', 9000), step('ovs_change_mtu', 'bond0;reboot', 9000),
    step('ovs_br_config', 'restart', 'a', 'b'), step('ovs_br_config', 'start', 'a' * 16, 'b'),
    step('ovs_br_config', 'start', 'a'), step('ovs_local_config', 'start', 'a b'),
    step('ovs_vlan_bridge', 'start', 'a', 'b', 0), step('ovs_vlan_bridge', 'start', 'a', 'b', 4095),
    step('ovs_vlan_config', 'add', 'a', 1), step('ovs_vlan_config', 'start', 'a', 2),
    step('ovs_bond_mode', 'bond0', 5), step('ovs_bond_mode', 'bond0', True),
    step('ovs_bond_mode', 'bond0', '1'), step('ovs_ip_config', 'a', 'static'),
    step('ovs_ip_config', 'a', 'static', '10.0.0.1', '255.0.255.0'),
    step('ovs_ip_config', 'a', 'static', '10.0.0', '255.0.0.0'),
    step('ovs_ip_config', 'a', 'static', '10.0.0.1', ''), step('ovs_ip_config', 'a', 'flush', '', '')])
def test_steps_that_are_refused(host, bad):
    pytest.raises(errors.InvalidArgument, change, host, STEPS + [bad], UNDO + [{}])
    if bad != {}:
        pytest.raises(errors.InvalidArgument, change, host, STEPS, [UNDO[0], bad])
    assert host.calls == [] and not os.path.exists(host.path(local_state.TOP))


@pytest.mark.parametrize('steps, undo, seconds', [
    ([], [], 60), (STEPS, UNDO[:1], 60), (STEPS, UNDO, 9), (STEPS, UNDO, 601),
    (STEPS * 6, UNDO * 6, 60), (STEPS, None, 60), ('x', UNDO, 60)])
def test_requests_that_are_refused(host, steps, undo, seconds):
    pytest.raises(errors.InvalidArgument, change, host, steps, undo, seconds)
    assert host.calls == []


@pytest.mark.parametrize('good', [
    step('ovs_br_config', 'start', 'xenbr1', 'bond1'), step('ovs_local_config', 'stop', 'control0'),
    step('ovs_vlan_bridge', 'start', 'b', 'bond0', 1), step('ovs_vlan_config', 'remove', 'b', 4094),
    step('ovs_ip_config', 'b', 'static', '10.0.0.1', '255.255.255.0'),
    step('ovs_ip_config', 'b', 'dynamic'), step('ovs_ip_config', 'b', 'flush'),
    step('ovs_bond_mode', 'bond0', 6)])
def test_steps_that_the_agent_documents(host, good):
    given = []
    host.get_services = lambda version=None: {
        good['function']: lambda *arguments: given.append(list(arguments))}
    assert change(host, [good], [{}])['state'] == 'undone'
    assert given == [good['arguments']]


def test_one_that_is_not_there(host):
    with pytest.raises(errors.NotFound):
        status(host)
    with pytest.raises(errors.NotFound):
        confirm(host)


def test_old_records_go(host):
    undo = [{}]
    for number in range(change_records.KEPT + 3):
        change(host, STEPS[:1], undo, number=number)
    assert len(local_state.names(host, ['changes'])) <= change_records.KEPT + 1
    assert status(host, change_records.KEPT + 2)['state'] == 'undone'
