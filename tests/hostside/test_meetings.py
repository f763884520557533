"""Two calls that wait for one another."""

import os

import pytest
from libcloud_ovm3_host import errors, local_state, meetings

TOKEN = '0d' * 16


@pytest.fixture
def host(dom0):
    """Its time passes while a call sleeps."""
    dom0.now = 0
    dom0.seconds = lambda: dom0.now

    def sleep(seconds):
        dom0.now += seconds
    dom0.sleep = sleep
    return dom0


def test_two_meet_and_one_alone_does_not(host):
    assert meetings.meet(host, TOKEN, 1) is False
    met = []

    def sleep(seconds):
        host.now += seconds
        if host.now < 5:
            host.sleep = lambda seconds: None
            met.append(_other(host))
    host.now = 0
    host.sleep = sleep
    assert meetings.meet(host, TOKEN, 5) is True
    assert [name for name in local_state.names(host, []) if name.startswith('meet-')] == []


def _other(host):
    """What another call does until it has seen the first one."""
    own = 'meet-%s-other' % TOKEN
    local_state.put(host, [], own, {})
    try:
        return meetings._has_met(host, TOKEN, own)
    finally:
        local_state.remove(host, [], own)
        local_state.remove(host, [], own + '.seen')


def test_what_a_dead_call_has_left_is_met_by_none_and_goes(host):
    dead = 'meet-%s-dead' % TOKEN
    local_state.put(host, [], dead, {})
    assert meetings.meet(host, TOKEN, 1) is False
    assert meetings.meet(host, '0e' * 16, 1) is False
    assert dead in local_state.names(host, [])
    for name in (dead, dead + '.seen'):
        os.utime(host.path('/var/lib/libcloud-ovm3/' + name), (7, 7))
    assert meetings.meet(host, TOKEN, 1) is False
    assert [name for name in local_state.names(host, []) if 'dead' in name] == []


@pytest.mark.parametrize('token, seconds', [('x', 1), (TOKEN, 0), (TOKEN, 6), (TOKEN + '/..', 1)])
def test_what_is_asked_for_is_checked(host, token, seconds):
    with pytest.raises(errors.InvalidArgument):
        meetings.meet(host, token, seconds)
