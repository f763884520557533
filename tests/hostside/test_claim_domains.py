"""Reboot, pause and unpause through a claim: only where the claim has the VM, and none is released
that an operation of the claim has not paused."""

import pytest
from claiming import TEXT, VM, Host, kill, until

from libcloud_ovm3_host import claim_changes, errors


@pytest.fixture
def host(dom0):
    found = Host(dom0.root, 'one')
    found.put(TEXT)
    found.claim('one')
    found.settle()
    found.change(2, 'start_vm')
    return found


def refused(host, word, *change):
    """Nothing is done, and no version made."""
    version, calls = host.now()['version'], host.calls()
    problem = pytest.raises(errors.Conflict, host.change, 99, *change).value
    assert word in str(problem)
    assert (host.now()['version'], host.calls()) == (version, calls)


def test_a_vm_is_rebooted_paused_and_released(host):
    made = host.change(3, 'reboot_vm', 3)
    assert (made['kind'], made['outcome'], made['function']) == ('on', 'done', 'reboot_vm')
    refused(host, 'no operation of this claim has paused it', 'unpause_vm')
    host.put(TEXT + '# edited without a claim\n')  # a snapshot is possible all the same
    made = host.change(4, 'pause_vm')
    assert (made['kind'], made['paused']) == ('on', host.operation(4))
    assert host.change(4, 'pause_vm', version=made['version'] - 2) == made, 'repeated'
    refused(host, 'paused', 'pause_vm')
    refused(host, 'paused', 'reboot_vm', 3)
    assert host.settle()['paused'] == host.operation(4)
    made = host.change(5, 'unpause_vm')
    assert (made['kind'], made['paused'], made['outcome']) == ('on', '', 'done')
    assert host.calls() == ['start', 'reboot', 'pause', 'unpause']


def test_another_domain_than_the_one_that_was_paused_is_not_released(host):
    """Another tool has ended that, and builds the VM anew: no host has looked since."""
    assert host.change(3, 'pause_vm')['paused'] == host.operation(3)
    domid = host.domids()[0]
    host.xend_does('end', domid)
    host.xend_does('build', VM)
    host.write('/paused', '%d' % host.domids()[0])
    assert host.domids() != [domid]
    refused(host, 'is not the one that was paused', 'unpause_vm')


def test_a_guest_that_another_tool_has_paused_is_left_to_it(host):
    host.write('/paused', '%d' % host.domids()[0])
    refused(host, 'paused or being built', 'pause_vm')
    assert host.settle()['paused'] == ''
    refused(host, 'no operation', 'unpause_vm')


def test_a_guest_in_the_gap_of_its_reboot(host):
    """There is nothing to pause; and one that is being built again is not released."""
    host.xend_does('begin_restart', host.domids()[0])
    for change in (('pause_vm',), ('reboot_vm', 3)):
        refused(host, 'xend has: none', *change)
    assert host.now()['kind'] == 'on'


def test_what_the_other_tool_has_released_is_not_released_again(host):
    """It may be paused for another reason by then."""
    host.change(3, 'pause_vm')
    host.write('/paused', '')
    refused(host, 'not paused', 'unpause_vm')
    assert host.settle()['paused'] == ''


def test_a_pause_that_fails_or_is_killed(host, monkeypatch):
    """What is there decides."""
    host.write('/how', 'faults')
    made = host.change(3, 'pause_vm')
    assert (made['outcome'], made['kind'], made['paused']) == ('failed', 'on', '')
    host.write('/how', 'hangs late')
    monkeypatch.setattr(claim_changes, 'ANSWER_SECONDS', 0.01)
    assert host.change(4, 'pause_vm')['state'] == 'running'
    until(lambda: host.text('/paused'))
    monkeypatch.setattr(claim_changes, 'ANSWER_SECONDS', 45)
    kill(host)
    assert host.settle()['paused'] == host.operation(4)
    host.boot(2)  # xendomains has restored it: another domain, which it builds now
    assert host.settle()['paused'] == ''


def test_a_pause_that_was_not_called_has_paused_nothing(host, monkeypatch):
    """Another tool was first, in between."""
    def begun(*given):
        host.write('/paused', '%d' % host.domids()[0])
        return 'no'
    monkeypatch.setattr(claim_changes, '_obstacle', begun)
    made = host.change(3, 'pause_vm')
    assert (made['outcome'], made['kind'], made['paused']) == ('not done', 'on', '')
    assert host.calls() == ['start']
