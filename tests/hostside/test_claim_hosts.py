"""The first claim of a VM, and which hosts have claims in a repository."""

import os

import pytest
from claiming import DIRECTORY, ID, TEXT, UUIDS, VM

from libcloud_ovm3_host import claim_reports, claim_store, errors, first_claim

ONE, TWO = UUIDS['one'], UUIDS['two']


def hosts_of(found):
    return [each['host'] for each in found['hosts']]


def addresses(host):
    found = claim_reports.list_claims(host, ID)['hosts']
    return [(each['host'], each['address']) for each in found]


# --- the first claim ------------------------------------------------------------------------------

def test_all_hosts_with_claims_here_are_in_it(host, other, monkeypatch):
    """Whatever the client knows; and each once, however its uuid is written."""
    host.put(TEXT)
    other.claim()  # of a VM that is nowhere on it
    document = host.root + '/OVS/Repositories/' + ID + '/.libcloud-ovm3/claims/vm-' + DIRECTORY
    for name in os.listdir(document):
        os.remove(document + '/' + name)
    monkeypatch.setitem(UUIDS, 'one', u'aabb' + ONE[4:])
    host.xend_does('create', VM)
    made = first_claim.claim_vm(host, 'me', host.operation(1), ID, DIRECTORY,
                                [u'AA:BB' + ONE[4:], ONE[:-1] + u'f'])
    assert (made['kind'], hosts_of(made)) == ('doubt', [ONE[:-1] + u'f', TWO, UUIDS['one']])
    assert 'it may be on' in made['why'] and made['version'] == 1


def test_what_is_here_is_claimed_at_once(host):
    host.xend_does('create', VM)
    made = host.claim('one')
    assert (made['kind'], made['version'], made['why']) == ('on', 2, '')
    assert host.calls() == []


def test_a_first_claim_is_made_whatever_the_look_says(host):
    host.put("name = 'web'\n")
    made = host.claim('one')
    assert (made['kind'], made['version'], hosts_of(made)) == ('doubt', 1, [ONE])
    assert 'its uuid cannot be told' in made['why']


def test_another_tool_deletes_the_vm_before_all_have_looked(host, other):
    """The first claim keeps its vm.cfg: else nothing would say which VM its other host has."""
    assert hosts_of(host.claim()) == [TWO]
    os.remove(host.vm_cfg())
    assert other.settle()['kind'] == 'gone'


def test_another_host_makes_the_first_claim_just_now(host, other, monkeypatch):
    """The VM keeps that one."""
    registered, made = claim_store.registered, []

    def second(*given):
        monkeypatch.setattr(claim_store, 'registered', registered)
        made.append(other.claim(number=7))
        return registered(*given)
    monkeypatch.setattr(claim_store, 'registered', second)
    host.detached = lambda seconds, function, *given: function(*given)
    assert host.claim() == made[0] == host.now()
    assert hosts_of(made[0]) == [ONE]


def test_one_that_takes_long_is_not_denied(host):
    host.detached = lambda seconds, function, *given: None
    with pytest.raises(errors.Timeout):
        host.claim('one')


def test_an_edited_uuid_hides_no_domain(host, other):
    """Of a VM that was here before its first claim, and of one that was started by a claim."""
    host.xend_does('create', VM)
    assert host.claim('one')['kind'] == 'on'
    for number in (3, 6):
        host.put(TEXT.replace(VM, VM[:-1] + '9'))
        found = host.settle()
        assert (found['kind'], host.now()['kind']) == ('on', 'on')
        assert VM in found['why'] and VM[:-1] + '9' in found['why']
        with pytest.raises(errors.Conflict):
            other.change(number, 'start_vm')
        host.put(TEXT)
        assert host.change(number + 1, 'stop_vm', True)['kind'] in ('free', 'doubt')
        host.xend_does('start')
        assert host.settle()['kind'] == 'free'
        assert host.change(number + 2, 'start_vm')['kind'] == 'on'


# --- hosts ----------------------------------------------------------------------------------------

def test_an_address_is_the_host_s_that_had_it_last(host, other):
    assert claim_reports.list_claims(host, ID)['hosts'] == []
    host.claim()
    assert addresses(host) == [(ONE, '')], 'it does not know'
    host.address = '192.0.2.1'
    host.settle()
    other.settle()
    assert addresses(other) == [(ONE, '192.0.2.1'), (TWO, '')]
    other.address = '192.0.2.1'  # one was taken away, and two came in its place
    other.settle()
    assert addresses(host) == [(ONE, ''), (TWO, '192.0.2.1')]
    host.address = '192.0.2.2'
    host.settle()
    other.address = 'fe80::1'
    other.settle()
    assert addresses(host) == [(ONE, '192.0.2.2'), (TWO, 'fe80::1')]
    host.address = '192.0.2.1'  # back
    host.settle()
    assert addresses(host) == [(ONE, '192.0.2.1'), (TWO, 'fe80::1')]
