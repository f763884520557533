"""Bridges on VLANs: made once, removed after the last user, and never one that is not the module's;
also when a request is cut off anywhere."""

import os
import shutil
import tempfile

import pytest
from _pytest.monkeypatch import MonkeyPatch
from hypothesis import given, settings
from hypothesis import strategies as st

from libcloud_ovm3_host import bridges, errors, local_state
from bridging import (BRIDGE, KEPT, ONE, REMOVED, TWO, cuts, listed, operation, records, release,
                      take)
from networked import NET, Cut, Host


@pytest.fixture
def host(dom0):
    return Host(dom0.root)


# --- as it should be ------------------------------------------------------------------------

def test_the_first_makes_it_the_last_removes_it(host):
    assert take(host) is True
    assert take(host, TWO, 2) is False
    host.time += 60
    assert listed(host) == {
        'bridge': BRIDGE, 'exists': True, 'ports': ['bond0.20'], 'flags': 0x1003, 'mtu': 1500,
        'made': {'client': 'me', 'operation': operation(1), 'netdev': 'bond0', 'vlan': 20},
        'users': [
            {'user': ONE, 'client': 'me', 'operation': operation(1), 'age_seconds': 60},
            {'user': TWO, 'client': 'me', 'operation': operation(2), 'age_seconds': 60}]}
    assert release(host) == dict(KEPT, users=[TWO])
    assert release(host, '') == dict(KEPT, users=[TWO])
    assert release(host, TWO) == REMOVED
    assert host.calls == [('start', BRIDGE, 'bond0', 20), ('stop', BRIDGE, 'bond0', 20)]
    assert not host.has(BRIDGE) and not host.has('bond0.20')
    assert records(host) == [] and listed(host) is None


def test_requests_may_be_repeated(host):
    assert [take(host), take(host)] == [True, True]
    assert len(listed(host)['users']) == 1
    assert [release(host), release(host)] == [REMOVED, KEPT]
    assert len(host.calls) == 2


def test_whose_record_it_is(host):
    """What a later operation relies on is not released by who has seen the earlier one."""
    first = bridges.take_bridge(host, 'me', operation(1), ONE, BRIDGE, 'bond0', 20)
    again = bridges.take_bridge(host, 'me', operation(1), ONE, BRIDGE, 'bond0', 20)
    second = bridges.take_bridge(host, 'me', operation(2), ONE, BRIDGE, 'bond0', 20)
    assert [first, again, second] == [
        {'made': True, 'new': True}, {'made': True, 'new': True}, {'made': False, 'new': False}]
    late = bridges.release_bridge(host, 'me', operation(9), ONE, BRIDGE, operation(1))
    assert late == dict(KEPT, users=[ONE])
    assert bridges.release_bridge(host, 'me', operation(9), ONE, BRIDGE, operation(2)) == REMOVED
    assert bridges.release_bridge(host, 'me', operation(9), ONE, BRIDGE, operation(2)) == KEPT
    with pytest.raises(errors.InvalidArgument):
        bridges.release_bridge(host, 'me', operation(9), ONE, BRIDGE, 'x')


def test_one_that_was_there_is_never_the_module_s(host):
    host.add_vlan('bond0.20', 'bond0', 20)
    host.add_bridge(BRIDGE, 'bond0.20')
    assert take(host) is False
    assert listed(host)['made'] == {} and [one['user'] for one in listed(host)['users']] == [ONE]
    assert release(host) == dict(KEPT, ports=['bond0.20'])
    assert host.has(BRIDGE) and host.calls == [] and records(host) == []


def test_vlan_devices_of_any_name(host):
    """vconfig can name them in four ways."""
    host.add_vlan('vlan0020', 'bond0', 20)
    host.add_bridge(BRIDGE, 'vlan0020')
    assert take(host) is False
    with pytest.raises(errors.Conflict, match='not on VLAN 21'):
        take(host, vlan=21)


@pytest.mark.parametrize('there', [
    lambda host: host.add_bridge(BRIDGE),
    lambda host: host.add_bridge(BRIDGE, 'eth0'),
    lambda host: host.add_bridge(BRIDGE, 'vif3.0'),
    lambda host: (host.add_vlan('bond0.2', 'bond0', 2), host.add_bridge(BRIDGE, 'bond0.2')),
    lambda host: (host.add_vlan('eth0.20', 'eth0', 20), host.add_bridge(BRIDGE, 'eth0.20')),
    lambda host: host.add_device(BRIDGE),
    lambda host: (host.add_vlan('bond0.20', 'bond0', 20), host.add_bridge('other', 'bond0.20')),
    lambda host: host.add_vlan('bond0.20', 'bond0', 20),
])
def test_what_is_in_the_way_stays(host, there):
    there(host)
    with pytest.raises(errors.Conflict):
        take(host)
    assert host.calls == [] and records(host) == []
    release(host)
    assert host.calls == []


@pytest.mark.parametrize('change, error', [
    ({'netdev': 'bond1'}, errors.NotFound), ({'netdev': 'xenbr0'}, errors.NotAllowed),
    ({'netdev': 'bond0.7'}, errors.NotAllowed), ({'netdev': BRIDGE}, errors.InvalidArgument),
    ({'netdev': '../bond0'}, errors.InvalidArgument), ({'vlan': 1}, errors.InvalidArgument),
    ({'vlan': 4095}, errors.InvalidArgument), ({'vlan': '20'}, errors.InvalidArgument),
    ({'bridge': 'x' * 16}, errors.InvalidArgument), ({'bridge': ''}, errors.InvalidArgument),
    ({'user': ''}, errors.InvalidArgument), ({'user': 'made'}, errors.InvalidArgument),
    ({'user': ONE.replace('-', '')}, errors.InvalidArgument)])
def test_what_is_refused(host, change, error):
    host.add_vlan('bond0.7', 'bond0', 7)
    pytest.raises(error, take, host, **change)
    assert host.calls == [] and records(host) == []


# --- what keeps a bridge --------------------------------------------------------------------

def test_what_keeps_a_bridge(host):
    take(host)
    host.add_port(BRIDGE, 'vif3.0')
    assert release(host) == dict(KEPT, ports=['vif3.0'])
    host.remove_port(BRIDGE, 'vif3.0')
    for device in (BRIDGE, 'bond0.20'):
        host.addresses = [(device, 'inet', '10.0.0.1/24')]
        assert release(host, '') == dict(KEPT, addresses=['10.0.0.1/24'])
    host.addresses = [(BRIDGE, 'inet6', 'fe80::1/64'), (BRIDGE, 'inet6', '2001:db8::1/64')]
    assert release(host, '') == dict(KEPT, addresses=['2001:db8::1/64'])
    host.addresses = [(BRIDGE, 'inet6', 'fe80::1/64'), (BRIDGE + '0', 'inet', '10.0.0.1/24'),
                      (BRIDGE, 'inet6', '2001:db8::5054:ff:fe24:1/64 dynamic')]
    host.add_vlan('over', BRIDGE, 7)
    assert release(host, '') == dict(KEPT, ports=['over'])
    host.remove_device('over')
    assert [call[0] for call in host.calls] == ['start']
    assert release(host, '') == REMOVED


def test_one_that_somebody_made_in_its_place(host):
    take(host)
    host.act('stop', BRIDGE, 'bond0', 20)
    host.act('start', BRIDGE, 'bond0', 20)
    assert listed(host)['made'] == {}
    assert take(host, TWO, 2) is False
    assert release(host) == dict(KEPT, users=[TWO], ports=['bond0.20'])
    host.reboot()
    assert release(host, TWO) == dict(KEPT, ports=['bond0.20'])
    assert host.has(BRIDGE) and len(host.calls) == 1 and records(host) == []


def test_after_a_reboot_too(host):
    take(host)
    host.reboot()
    take(host, TWO, 2)
    host.act('stop', BRIDGE, 'bond0', 20)
    host.act('start', BRIDGE, 'bond0', 20)
    assert [release(host), release(host, TWO)] == [
        dict(KEPT, users=[TWO], ports=['bond0.20']), dict(KEPT, ports=['bond0.20'])]


def test_after_a_reboot_it_still_is_the_module_s(host):
    take(host)
    host.reboot()
    assert listed(host)['users'][0]['age_seconds'] == 100
    assert release(host) == REMOVED


def test_after_a_reboot_it_may_be_another_s(host):
    take(host)
    host.reboot()
    host.act('stop', BRIDGE, 'bond0', 20)
    host.add_bridge(BRIDGE, 'eth0')
    assert release(host) == dict(KEPT, ports=['eth0'])
    assert listed(host)['made'] == {}


def test_a_bridge_that_is_lost_is_made_again(host):
    take(host)
    host.act('stop', BRIDGE, 'bond0', 20)
    assert listed(host)['exists'] is False
    assert take(host, TWO, 2) is True
    assert [release(host), release(host, TWO)] == [dict(KEPT, users=[TWO]), REMOVED]


# --- what the agent does --------------------------------------------------------------------

def test_a_refusal(host):
    host.behaviour = 'refuses'
    problem = pytest.raises(errors.Failed, take, host).value
    assert 'setup_bridge_port: command not found' in str(problem)
    assert listed(host)['users'] == []
    host.time += 601
    assert release(host) == KEPT
    assert records(host) == []


@pytest.mark.parametrize('behaviour', ['faults after', 'late'])
def test_what_has_come_counts(host, behaviour):
    host.behaviour = behaviour
    assert take(host) is True
    assert release(host) == REMOVED
    assert len(host.calls) == 2 and records(host) == []


def test_what_comes_too_late_is_removed_by_the_next_release(host):
    host.behaviour = 'very late'
    problem = pytest.raises(errors.Failed, take, host).value
    assert 'the bridge is not there' in str(problem)
    assert release(host) == KEPT
    host.sleep(60)
    assert host.has(BRIDGE)
    host.behaviour = ''
    assert release(host, '') == REMOVED
    assert records(host) == []


def test_half_a_bridge_is_removed_by_the_next_release(host):
    host.behaviour = 'half'
    pytest.raises(errors.Failed, take, host)
    pytest.raises(errors.Conflict, take, host)
    host.behaviour = ''
    assert release(host) == REMOVED
    assert take(host) is True


def test_half_a_bridge_that_is_in_use_by_now_is_not_completed(host):
    take(host)
    host.remove_device(BRIDGE)
    host.add_vlan('bond0.20.5', 'bond0.20', 5)
    problem = pytest.raises(errors.Conflict, take, host).value
    assert 'without a bridge, and in use: bond0.20.5' in str(problem)
    host.remove_device('bond0.20.5')
    host.addresses.append(('bond0.20', 'inet', '10.9.9.9/24'))
    problem = pytest.raises(errors.Conflict, take, host).value
    assert 'without a bridge, and in use: 10.9.9.9/24' in str(problem)
    assert len(host.calls) == 1
    host.addresses.pop()
    assert take(host) is True
    assert release(host) == REMOVED


def test_one_that_stays_is_said(host):
    take(host)
    host.behaviour = 'refuses'
    problem = pytest.raises(errors.Failed, release, host).value
    assert 'was not removed' in str(problem) and 'command not found' in str(problem)
    assert listed(host)['made'] and listed(host)['users'] == []
    host.behaviour = 'faults after'
    assert release(host) == REMOVED


# --- processes ------------------------------------------------------------------------------

@pytest.mark.parametrize('cut_at', range(1, 9))
def test_a_take_that_is_cut_off_anywhere(host, monkeypatch, cut_at):
    """Repeated it is whole; released nothing is left; and by others nothing is lost."""
    cuts(host, monkeypatch)
    host.cut_at = cut_at
    pytest.raises(Cut, take, host)
    host.cut_at = None
    assert take(host, TWO, 2) in (True, False)
    assert host.has(BRIDGE) and len(host.calls) <= 2
    assert release(host) == dict(KEPT, users=[TWO])
    assert release(host, TWO) == REMOVED
    host.time += 601  # until then what was cut off may still come
    release(host)
    assert records(host) == []


@pytest.mark.parametrize('cut_at', range(1, 9))
def test_a_take_that_is_cut_off_and_given_up(host, monkeypatch, cut_at):
    cuts(host, monkeypatch)
    host.cut_at = cut_at
    pytest.raises(Cut, take, host)
    host.cut_at = None
    host.time += 601
    release(host)
    assert not host.has(BRIDGE) and not host.has('bond0.20') and records(host) == []


@pytest.mark.parametrize('cut_at', range(1, 7))
def test_a_release_that_is_cut_off_anywhere(host, monkeypatch, cut_at):
    take(host)
    cuts(host, monkeypatch)
    host.cut_at = cut_at
    pytest.raises(Cut, release, host)
    host.cut_at = None
    host.time += 601
    release(host)
    assert not host.has(BRIDGE) and not host.has('bond0.20') and records(host) == []


def test_while_another_request_goes_on(host):
    handle = local_state.lock(host, 0, 'operation %s of other' % operation(7))
    problem = pytest.raises(errors.Conflict, take, host).value
    assert operation(7) in str(problem) and host.time >= 1030
    pytest.raises(errors.Conflict, release, host)
    assert host.calls == []
    local_state.unlock(handle)
    assert take(host) is True


def test_of_many_at_once_one_makes_it(dom0):
    """Real processes, each with the lock in turn."""
    host = Host(dom0.root)
    users = [ONE[:-1] + digit for digit in '0123456789']
    children = []
    for number, user in enumerate(users):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                host.sleep = lambda seconds: None
                host.seconds = lambda: 0
                code = int(take(host, user, number)) + 2
            finally:
                os._exit(code)
        children.append(child)
    codes = sorted(os.waitpid(child, 0)[1] >> 8 for child in children)
    assert codes == [2] * 9 + [3]
    host.vlans['bond0.20'] = ('bond0', 20)
    assert [entry['user'] for entry in listed(host)['users']] == users
    left = [release(host, user) for user in users]
    assert left[-1] == REMOVED and KEPT not in left


def test_one_that_goes_on(host):
    host.detached = lambda seconds, function, *arguments: None
    with pytest.raises(errors.Timeout, match='repeat'):
        take(host)
    with pytest.raises(errors.Timeout, match='repeat'):
        release(host)


# --- anything in any order --------------------------------------------------------------------

ACTIONS = st.one_of(
    st.tuples(st.sampled_from(['take', 'release']), st.sampled_from([ONE, TWO])),
    st.tuples(st.sampled_from(['sweep', 'torn', 'reboot', 'by hand', 'guest', 'no guest']),
              st.just(ONE)),
    st.tuples(st.sampled_from(['faults after', 'late', 'very late', 'refuses', 'half']),
              st.sampled_from([ONE, TWO])),
    st.tuples(st.integers(1, 9), st.sampled_from([ONE, TWO])))


@settings(max_examples=60)
@given(actions=st.lists(ACTIONS, max_size=12))
def test_no_used_bridge_goes_and_no_unused_one_stays(actions):
    """Requests with an agent of any behaviour, or cut off; guests that nobody counts; bridges that
    a person makes; reboots."""
    root = tempfile.mkdtemp()
    patch = MonkeyPatch()
    try:
        host = Host(root)
        cuts(host, patch)
        Story(host).plays(actions)
    finally:
        patch.undo()
        shutil.rmtree(root)


class Story(object):
    """What happens to a host, and who has the bridge meanwhile."""

    def __init__(self, host):
        self.host, self.users, self.by_hand = host, set(), False

    def plays(self, actions):
        for number, (action, user) in enumerate(actions):
            had, guest = self.host.has(BRIDGE), self.guest()
            self.does(action, user, number)
            if had and not self.host.has(BRIDGE):
                assert not self.by_hand and not self.users and not guest
        self.ends()

    def does(self, action, user, number):
        host = self.host
        if action == 'reboot':
            host.later = []
            host.reboot()
        elif action == 'by hand':
            if not host.has(BRIDGE) and not host.later:
                host.act('start', BRIDGE, 'bond0', 20)
                self.by_hand = not listed(host)['made']  # the intent of a request may claim it
        elif action == 'guest' and host.has(BRIDGE):
            host.add_port(BRIDGE, 'vif3.0')
        elif action == 'no guest' and self.guest():
            host.remove_port(BRIDGE, 'vif3.0')
        elif action in ('release', 'sweep'):
            self.requests(release, action == 'release' and user or '', 'take')
        elif action == 'torn':
            self.requests(release, user, 1 + number % 6)
        elif action not in ('guest', 'no guest'):
            self.requests(lambda host, user: take(host, user, number), user, action)

    def requests(self, request, user, how):
        host = self.host
        host.behaviour, host.cut_at = '', None
        if isinstance(how, int):
            host.cut_at = how
        elif how != 'take':
            host.behaviour = how
        if request is release:
            self.users.discard(user)
        try:
            request(host, user)
            if request is not release and not self.by_hand:
                self.users.add(user)
                assert host.has(BRIDGE)
        except (Cut, errors.HostModuleError):
            pass
        host.behaviour, host.cut_at = '', None

    def guest(self):
        return os.path.exists(self.host.path(NET + BRIDGE + '/brif/vif3.0'))

    def ends(self):
        """All are gone, and whatever was to come has come: only what a person made is left."""
        host = self.host
        host.sleep(601)
        if self.guest():
            host.remove_port(BRIDGE, 'vif3.0')
        release(host, TWO)
        release(host)
        assert host.has(BRIDGE) == self.by_hand
        assert self.by_hand or records(host) == []


# --- records that are not understood --------------------------------------------------------

@pytest.mark.parametrize('text', [
    '', 'schema=2\nnetdev=bond0\nvlan=20\n', 'schema=1\nnetdev=bond0\n',
    'schema=1\nnetdev=bond0\nvlan=x\nboot=1\noperation=1\n'])
def test_nothing_is_done_where_a_record_is_not_understood(host, text):
    take(host)
    take(host, bridge='xenbr0.21', vlan=21)
    host.write('%s/bridges/%s/made' % (local_state.TOP, BRIDGE), text)
    pytest.raises(errors.Failed, release, host)
    assert 'made' in listed(host)['error']
    assert host.has(BRIDGE)
    assert listed(host, 'xenbr0.21')['made']
    assert release(host, bridge='xenbr0.21') == REMOVED


def test_a_user_whose_record_is_damaged_still_counts(host):
    take(host)
    take(host, TWO, 2)
    host.write('%s/bridges/%s/%s' % (local_state.TOP, BRIDGE, TWO), 'schema=1\n')
    assert release(host) == dict(KEPT, users=[TWO])


def test_what_the_kernel_does_not_say_is_not_taken_for_nothing(host):
    take(host)
    shutil.rmtree(host.path(NET + BRIDGE + '/brif'))
    pytest.raises(errors.Failed, release, host)
    assert 'brif' in listed(host)['error'] and host.has(BRIDGE)
    assert listed(host, 'xenbr0')['ports'] == ['bond0']
