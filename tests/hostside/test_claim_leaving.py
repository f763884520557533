"""The module leaves a host: nothing stays that stops anybody, and nothing that looks free and is not."""

import os

import pytest
from claiming import REPOSITORY, TEXT, VM, Host

from libcloud_ovm3_host import claim_leaving, claim_store, errors
from libcloud_ovm3_host.compat import to_bytes


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
    host.settle()  # its module is back
    assert leave(other) == leave(other) == {'named': []}
    assert len(os.listdir(folder + 'claims/hosts')) == 1
    host.xend_does('end', host.domids()[0])
    assert host.settle()['kind'] == 'free'
    name = host.now()['folder']
    assert leave(host) == leave(host) == {'named': []}
    assert not os.path.exists(folder + 'claims')
    assert 'claims-of-old-' + name in os.listdir(folder)


@pytest.mark.parametrize('is_first', [True, False])
def test_the_last_one_takes_them_away_also_if_it_is_forced(dom0, is_first):
    """Else claims of other VMs, which nobody keeps any more, would still say that they are free."""
    host, other = Host(dom0.root, 'one'), Host(dom0.root, 'two')
    host.address = '192.0.2.1'
    host.put(TEXT)
    host.xend_does('create', VM)
    host.claim()
    other.settle()
    host.settle()
    name = host.now()['folder']
    listed = claim_store.registered(host, to_bytes(REPOSITORY))
    for each in [host, other][::is_first * 2 - 1]:
        assert claim_store.registered(host, to_bytes(REPOSITORY))[0] == listed[0]
        assert len(leave(each, True)['named']) == (each is host)
    assert host.now()['folder'] == ''
    assert 'claims-of-old-' + name in os.listdir(host.root + REPOSITORY + '/.libcloud-ovm3')


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
    assert host.now()['saved']
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
    other = Host(dom0.root, 'two')
    claim_store.here(other, to_bytes(REPOSITORY))
    assert leave(host, True)['named'] and os.path.exists(folder + 'name')
