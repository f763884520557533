"""xend's log: closed only if nothing of the VM lives or may still come to life by itself."""

import pytest
from hypothesis import given, strategies
from xend_writes import OTHER, VM, Xend

from libcloud_ovm3_host import xend_log
from libcloud_ovm3_host.xend_log import CANNOT_TELL, CLOSED, OPEN


def state(xend, uuid=VM, name='web', reaches_back=False):
    return xend_log.state(xend.text(), uuid, name, reaches_back)[0]


@pytest.fixture
def xend():
    return Xend()


@given(strategies.lists(strategies.tuples(
    strategies.sampled_from(['create', 'restore', 'end', 'reboot', 'crash', 'power off', 'again',
                             'fails', 'fails late', 'too fast', 'start', 'broken']),
    strategies.integers(0, 5)), max_size=25), strategies.integers(0, 60))
def test_it_never_calls_closed_what_is_not(steps, cut):
    """Also where the oldest lines are missing; and it calls closed what is, where all is there."""
    xend = Xend()
    for step, number in steps:
        play(xend, step, number)
        for uuid, name in ((VM, 'web'), (OTHER, 'db')):
            found = state(xend, uuid, name)
            assert found == {True: OPEN, False: CLOSED}[xend.is_open(uuid)]
            text = ''.join(xend.lines[cut:])
            assert xend_log.state(text, uuid, name, False)[0] in (found, OPEN, CANNOT_TELL)


def play(xend, step, number):
    uuid = (VM, OTHER)[number % 2]
    domid = None
    if xend.domains:
        domid = sorted(xend.domains)[number % len(xend.domains)]
    if step in ('create', 'restore'):
        xend.create(uuid, step)
    elif step == 'broken':
        xend.fail(uuid)
    elif step == 'start':
        xend.start()
    elif step in ('end', 'reboot', 'crash', 'power off') and domid:
        if step in ('reboot', 'crash'):
            xend.begin_restart(domid, step)
        else:
            if step == 'power off':
                xend.shut_down(domid, 'poweroff')
            xend.end(domid)
    elif step in ('again', 'fails', 'fails late') and len(xend.restarts) == 1:
        {'again': xend.end_restart, 'fails': lambda: xend.fail_restart(builds=False),
         'fails late': xend.fail_restart}[step]()
    elif step == 'too fast' and domid and not xend.restarts:
        xend.shut_down(domid)
        xend.write('VM %s restarting too fast (Elapsed time: 1.0 seconds). Refusing'
                   % {VM: 'web', OTHER: 'db'}[xend.domains[domid]], 'ERROR')
        xend.end(domid)


def test_a_destroy_does_not_end_a_restart(xend):
    """xend answers "does not exist", or success: the VM comes back."""
    xend.begin_restart(xend.create(VM))
    xend.write('XendDomainInfo.destroyDomain(1)')
    assert state(xend) == OPEN
    xend.end(xend.end_restart())
    assert state(xend) == CLOSED


def test_a_shutdown_that_is_written_twice_is_one(xend):
    """xend looks again before the domain is gone."""
    domid = xend.create(VM)
    xend.shut_down(domid)
    xend.write('VM web restarting too fast (Elapsed time: 1.0 seconds). Refusing', 'ERROR')
    xend.shut_down(domid)
    xend.end(domid)
    assert state(xend) == CLOSED


def test_the_end_of_another_domain_does_not_end_a_restart(xend):
    """Another tool starts the VM in the gap; that one powers off."""
    xend.begin_restart(xend.create(VM))
    foreign = xend.create(VM)
    assert state(xend) == OPEN
    xend.shut_down(foreign, 'poweroff')
    xend.end(foreign)
    assert state(xend) == OPEN
    xend.fail_restart()
    assert state(xend) == CLOSED


def test_two_outcomes_of_one_restart_are_not_two(xend):
    """The first one makes its domain, and fails when its devices do not come."""
    first, second = xend.create(VM), xend.create(VM)
    xend.begin_restart(first)
    xend.begin_restart(second)
    xend.restarts.pop()
    xend.end(xend.end_restart())
    xend.write('Failed to restart domain %d.' % first, 'ERROR')
    assert state(xend) == OPEN
    xend.restarts.append((second, VM))
    xend.end(xend.end_restart())
    assert state(xend) == CLOSED


@pytest.mark.parametrize('actions, reason, expected', [
    ("", 'poweroff', CLOSED), ("", 'halt', CLOSED), ("", 'suspend', CLOSED), ("", 'crash', OPEN),
    (", ['on_reboot', 'destroy']", 'reboot', CLOSED),
    (", ['on_reboot', 'rename-restart']", 'reboot', OPEN),
    (", ['on_poweroff', 'restart']", 'poweroff', OPEN),
    (", ['on_poweroff', 'destroy'], ['x', ['on_poweroff', 'restart']]", 'poweroff', OPEN),
    (", ['on_crash', 'coredump-destroy']", 'crash', CLOSED),
    (", ['on_crash', 'what'], ['on_reboot', 'destroy']", 'crash', OPEN)])
def test_which_shutdowns_may_be_followed_by_a_restart(xend, actions, reason, expected):
    domid = xend.create(VM, actions=actions)
    xend.start()  # the actions are known all the same
    xend.shut_down(domid, reason)
    xend.end(domid)
    assert state(xend) == expected


def test_where_the_actions_are_not_known_each_may_be_a_restart(xend):
    xend.domains[7] = VM
    xend.start()
    xend.shut_down(7, 'poweroff')
    xend.end(7)
    assert state(xend) == OPEN
    xend.start()
    assert state(xend) == CLOSED


def test_what_is_being_built_is_open(xend):
    xend.born(VM)
    assert state(xend) == OPEN
    assert state(xend, OTHER, 'db') == CLOSED
    xend.write('Domain construction failed', 'ERROR')
    assert state(xend) == CLOSED
    domid = xend.build(OTHER)
    assert (state(xend), state(xend, OTHER, 'db')) == (CLOSED, OPEN)
    xend.added(domid + 1)  # nobody knows whose it is
    assert state(xend) == OPEN


def test_what_a_guest_writes_into_its_notes_proves_nothing(xend):
    domid = xend.build(VM)
    xend.write("Storing domain details: {'vm': '/vm/%s', 'domid': '%d', 'image/x': \"'domid': '9'\""
               "}" % (VM, domid))
    xend.end(domid)
    assert state(xend) == CANNOT_TELL
    assert state(xend, OTHER, 'db') == CLOSED


def test_a_log_that_does_not_reach_back(xend):
    del xend.lines[:]
    assert state(xend, reaches_back=True) == CANNOT_TELL, 'it has no ends at all'
    xend.write('x')
    assert (state(xend), state(xend, reaches_back=True)) == (CANNOT_TELL, CLOSED)
    xend.domains[3] = VM
    xend.shut_down(3)
    assert state(xend, reaches_back=True) == OPEN
    assert xend_log.state(xend.text(), VM, 'web', True)[1] == ['3']
    assert state(xend, name='other', reaches_back=True) == CLOSED
