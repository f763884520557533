"""Saving a guest and restoring it through a claim: once, and never over newer disks."""

import pytest
from claiming import DIRECTORY, ID, TEXT, VM, Host, disks, kill, until

from libcloud_ovm3_host import (claim_changes, claim_disks, claim_settling, claim_words, errors,
                                observations, vm_files)
from libcloud_ovm3_host.compat import to_bytes

DISK = 'file:/OVS/Repositories/%s/VirtualDisks/d.img,xvda,w' % ID


@pytest.fixture
def hosts(dom0):
    return running(dom0, DISK)


def running(dom0, disk):
    found = [Host(dom0.root, name) for name in ('one', 'two')]
    found[0].put(TEXT + disks(disk))
    found[0].claim('one', 'two')
    for host in found:
        host.settle()
    found[0].change(2, 'start_vm')
    return found


def refused(host, word, *change):
    """Nothing is done, and no version made."""
    version, calls = host.now()['version'], host.calls()
    problem = pytest.raises(errors.Conflict, host.change, 99, *change).value
    assert word in str(problem)
    assert (host.now()['version'], host.calls()) == (version, calls)


def discard(host, number=70):
    now = host.now()
    return claim_words.discard_saved(host, 'ann', host.operation(number), ID, DIRECTORY,
                                     now['folder'], now['version'], 'it is of no use')


def short(claim):
    return claim['kind'], claim['saved'], claim['outcome']


def test_a_guest_is_saved_and_restored_elsewhere(hosts):
    one, two = hosts
    made = one.change(3, 'save_vm', False)
    assert short(made) == ('free', one.operation(3), 'done')
    assert one.change(3, 'save_vm', False, version=made['version'] - 2) == made, 'repeated'
    assert [disk['mode'] for disk in made['disks']] == ['w'], 'another VM may not have it'
    wanted = claim_disks.field(two, claim_disks.of_content(to_bytes(disks(DISK))))
    whose = {'mount': to_bytes('/OVS/Repositories/' + ID), 'document': 'vm-another',
             'function': 'start_vm'}
    assert 'which is suspended' in claim_disks.refusal(two, whose, wanted)
    for change in (('start_vm',), ('configure_vm', {'vcpus': 2}), ('delete_vm',)):
        refused(two, 'restore or discard that first', *change)
    made = two.change(4, 'restore_vm', True)
    assert (short(made), made['paused']) == (('on', '', 'done'), two.operation(4))
    assert two.change(5, 'unpause_vm')['outcome'] == 'done'
    two.change(6, 'stop_vm', True)
    refused(two, 'no operation of this claim has saved', 'restore_vm', True)
    assert two.change(7, 'start_vm')['kind'] == 'on'
    assert (one.calls(), two.calls()) == (['start', 'save'], ['restore', 'unpause', 'stop', 'start'])


def test_a_restore_that_fails_may_be_tried_elsewhere(hosts):
    """It is restored paused: it has not run, so its disks are what they were."""
    one, two = hosts
    one.change(3, 'save_vm', False)
    one.write('/how', 'faults')
    assert short(one.change(4, 'restore_vm', True)) == ('free', one.operation(3), 'failed')
    two.xend_does('create', VM)  # by another tool: newer disks
    assert two.change(5, 'restore_vm', True)['outcome'] == 'not done'
    assert short(two.now())[:2] == ('on', '')
    two.xend_does('end', two.domids()[0])
    two.settle()
    refused(two, 'no operation of this claim has saved', 'restore_vm', True)


@pytest.mark.parametrize('how', ['faults late', 'hangs late'])
def test_what_may_not_be_whole_is_not_restored(hosts, monkeypatch, how):
    """A person has to say that it is to be discarded, before the VM starts without it."""
    host = hosts[0]
    host.write('/how', how)
    if how == 'hangs late':
        monkeypatch.setattr(claim_changes, 'ANSWER_SECONDS', 0.01)
        assert host.change(3, 'save_vm', False)['state'] == 'running'
        until(lambda: host.text('/saved'))
        monkeypatch.setattr(claim_changes, 'ANSWER_SECONDS', 45)
        kill(host)
        host.settle()
    else:
        host.change(3, 'save_vm', False)
    assert short(host.now())[:2] == ('free', 'unsure ' + host.operation(3))
    refused(host, 'is not known', 'restore_vm', True)
    refused(host, 'restore or discard that first', 'start_vm')
    made = discard(host)
    assert (short(made)[:2], made['disks']) == (('free', ''), [])
    assert 'ann, operation ' in made['said'] and 'it is of no use' in made['said']
    assert discard(host) == made, 'repeated'
    with pytest.raises(errors.Conflict):
        discard(host, 71)
    host.write('/how', '')
    assert host.change(4, 'start_vm')['kind'] == 'on'


def test_a_save_that_fails_leaves_the_guest_as_it_was(hosts):
    hosts[0].write('/how', 'faults')
    assert short(hosts[0].change(3, 'save_vm', False)) == ('on', '', 'failed')
    hosts[0].xend_does('end', hosts[0].domids()[0])  # it powers off later
    assert short(hosts[0].settle()) == ('free', '', 'failed')
    refused(hosts[0], 'no operation of this claim has saved', 'restore_vm', True)


def test_a_host_that_cannot_tell_yet_remembers_that_all_is_saved(hosts, monkeypatch):
    """The disks of a guest that was saved stay open for some time (xend.md 2)."""
    host = hosts[0]
    monkeypatch.setattr(observations, 'backends', lambda *_: 'some')
    made = host.change(3, 'save_vm', False)
    assert (short(made), made['state']) == (('doubt', 'unsure ' + host.operation(3), 'done'), 'ended')
    refused(host, 'in doubt', 'restore_vm', True)
    monkeypatch.setattr(observations, 'backends', lambda *_: 'none')
    assert short(host.settle()) == ('free', host.operation(3), 'done')


@pytest.mark.parametrize('is_direct', [True, False])
def test_a_vm_cfg_may_be_accepted_while_the_guest_is_saved(hosts, monkeypatch, is_direct):
    """Only a person knows whether it has other disks now, or those of a node snapshot."""
    host = hosts[0]
    monkeypatch.setattr(vm_files, 'direct_digest',
                        lambda *_: {True: host.digest(), False: None}[is_direct])
    host.change(3, 'save_vm', False)
    host.put(TEXT + disks(DISK) + '# edited without a claim\n')
    for number in (4, 6):
        made = host.change(number, 'restore_vm', True)
        assert short(made) == ('free', host.operation(3), 'not done')
        assert 'claim settle --accept' in made['fault']
    claim_words.accept_vm_cfg(host, 'ann', host.operation(71), ID, DIRECTORY, made['folder'],
                              made['version'], host.digest())
    assert host.change(5, 'restore_vm', True)['kind'] == 'on'


def test_what_it_shares_is_changed_by_nobody_while_it_is_saved(dom0, monkeypatch):
    """Not saved while another one that runs has it; not given to another one until it is restored."""
    text = disks(DISK.replace(',w', ',w!'))
    mode, path = claim_disks.of_content(to_bytes(text))[0]
    held = [(mode, path, path)]
    together = [not claim_disks.conflict(function, held, held, is_saved)
                for function in ('start_vm', 'configure_vm') for is_saved in (False, True)]
    assert together == [True, False] * 2
    assert claim_disks.conflict('save_vm', held, held)
    assert not claim_disks.conflict('save_vm', held, [('r', path, path)])
    one, two = running(dom0, DISK.replace(',w', ',w!'))
    with monkeypatch.context() as patch:
        patch.setattr(claim_disks, 'refusal', lambda *given: 'held: %s' % given[-1].split('\t')[0])
        made = one.change(3, 'save_vm', False)
    assert (short(made), made['fault']) == (('on', '', 'not done'), 'held: w!')
    assert one.change(4, 'save_vm', False)['outcome'] == 'done'
    whose = {'mount': to_bytes('/OVS/Repositories/' + ID), 'document': 'vm-another',
             'function': 'configure_vm'}
    wanted = claim_disks.field(two, claim_disks.of_content(to_bytes(text)))
    assert 'which is suspended' in claim_disks.refusal(two, whose, wanted)


def test_a_saved_guest_is_not_started_where_no_claim_can_be_kept(hosts):
    host = hosts[0]
    made = host.change(3, 'save_vm', False)
    with pytest.raises(errors.Conflict):
        claim_words.put_in_host(host, 'ann', host.operation(71), ID, DIRECTORY, made['folder'],
                                made['version'], '3' * 32, 'no module')
    assert claim_settling.current(host, {'path': to_bytes(
        '/OVS/Repositories/%s/VirtualMachines/%s/vm.cfg' % (ID, DIRECTORY))})
