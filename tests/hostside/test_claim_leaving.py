"""The module leaves a host: nothing stays that stops anybody, and nothing that looks free and is not."""

import os

import pytest
from claiming import REPOSITORY, TEXT, VM, Host

from libcloud_ovm3_host import claim_leaving, errors


def leave(host, forced=False):
    return claim_leaving.leave_claims(host, 'ann', host.operation(70), forced)


def test_a_host_leaves_its_claims(dom0):
    """Refused while a claim names it; the last one takes the folder away, under another name."""
    host, other = Host(dom0.root, 'one'), Host(dom0.root, 'two')
    host.put(TEXT)
    assert leave(host) == {'named': []}
    host.xend_does('create', VM)
    host.claim()
    assert other.settle()['kind'] == 'doubt'
    assert host.settle()['kind'] == 'on'
    problem = pytest.raises(errors.Conflict, leave, host).value
    assert 'nothing was changed' in str(problem) and 'the VM is on host' in str(problem)
    named = leave(host, True)['named']
    assert len(named) == 1 and 'the VM is on host' in named[0]
    folder = host.root + REPOSITORY + '/.libcloud-ovm3/'
    assert len(os.listdir(folder + 'claims/hosts')) == 2, 'it stays, until a person takes it out'
    assert leave(other) == leave(other) == {'named': []}
    assert len(os.listdir(folder + 'claims/hosts')) == 1
    host.xend_does('end', host.domids()[0])
    assert host.settle()['kind'] == 'free'
    name = host.now()['folder']
    assert leave(host) == leave(host) == {'named': []}
    assert not os.path.exists(folder + 'claims')
    assert 'claims-of-old-' + name in os.listdir(folder)


def test_the_last_host_stays_while_a_guest_is_saved(dom0):
    """Nothing would say so any more."""
    host, other = Host(dom0.root, 'one'), Host(dom0.root, 'two')
    host.put(TEXT)
    host.claim()
    assert other.settle()['kind'] == 'free'
    host.change(2, 'start_vm')
    host.change(3, 'save_vm', False)
    assert leave(other) == {'named': []}
    problem = pytest.raises(errors.Conflict, leave, host).value
    assert 'the memory of its guest is saved' in str(problem)
    assert leave(host, True)['named'] and host.now()['saved']
    host.change(4, 'restore_vm', True)
    host.change(5, 'stop_vm', True)
    assert leave(host) == {'named': []}


def test_what_cannot_be_read_may_name_it(dom0):
    host = Host(dom0.root, 'one')
    host.put(TEXT)
    host.claim('one')
    folder = host.root + REPOSITORY + '/.libcloud-ovm3/claims/'
    [document] = [name for name in os.listdir(folder) if name.startswith('vm-')]
    for version in os.listdir(folder + document):
        handle = open(folder + document + '/' + version, 'w')
        handle.write('rubbish')
        handle.close()
    with pytest.raises(errors.Conflict):
        leave(host)
    assert leave(host, True)['named'] and os.path.exists(folder + 'name')
