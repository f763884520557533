"""A person's words about a claim, and what a host that was taken out finds when it is back."""

import os
import shutil
import time

import pytest
from claiming import DIRECTORY, ID, TEXT, UUIDS, VM

from libcloud_ovm3_host import claim_changes, claim_store, claim_words, errors, vm_files


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(claim_changes, 'LOCK_SECONDS', 0)


def said(call, host, number, *given, **more):
    now = host.now()
    return call(host, 'ann', host.operation(number), ID, DIRECTORY, now['folder'],
                more.get('version', now['version']), *given)


def take_out(host, number, name, words='it is off', **more):
    return said(claim_words.take_out_host, host, number, UUIDS[name], words, **more)


def put_in(host, number, name, **more):
    return said(claim_words.put_in_host, host, number, UUIDS[name], 'no module', **more)


def accept(host, number, digest, **more):
    return said(claim_words.accept_vm_cfg, host, number, digest, **more)


def hosts_of(found):
    return [each['host'] for each in found['hosts']]


def runs_on(host):
    """The VM was started there, through a claim that names this host only."""
    host.claim(host.name)
    assert host.settle()['kind'] == 'free'
    assert host.change(20, 'start_vm')['kind'] == 'on'


# --- taken out ------------------------------------------------------------------------------------

def test_another_host_is_taken_out(host, other):
    """Once, whatever is repeated; and it is recorded whose word that was."""
    host.xend_does('create', VM)
    before = host.claim()['version']
    made = take_out(host, 2, 'two', u'burnt \u2014 down')
    assert (hosts_of(made), made['version']) == ([UUIDS['one']], before + 1)
    for part in (UUIDS['two'] + ': ann, operation ' + host.operation(2),
                 time.strftime(', %Y-', time.gmtime()), ' UTC, boot : ', u'burnt \u2014 down', 'seen from host ' + UUIDS['one']):
        assert part in made['taken']
    assert take_out(host, 2, 'two', version=before) == made, 'the request was repeated'
    assert host.settle()['kind'] == 'on'
    assert take_out(other, 2, 'two', version=before)['version'] == before + 2, 'whatever has come'
    with pytest.raises(errors.Conflict):
        take_out(host, 3, 'one', version=before)
    with pytest.raises(errors.Conflict):
        take_out(host, 4, 'two')
    assert host.now()['version'] == before + 2


@pytest.mark.parametrize('seen', ['a domain', 'a saved guest', 'a connection', 'a backend'])
def test_a_word_takes_the_place_of_the_log_only(host, monkeypatch, seen):
    """Of the host itself: what it sees speaks against it."""
    runs_on(host)
    if seen != 'a domain':
        host.xend_does('end', host.domids()[0])
        host.write('/var/log/xen/xend.log', '')  # nothing says that it has ended
        found = host.settle()
        assert (found['kind'], 'log' in found['why']) == ('on', True)
    if seen == 'a saved guest':
        os.makedirs(host.own + '/var/lib/xen/save')
        host.write('/var/lib/xen/save/web', '')
    elif seen == 'a connection':
        monkeypatch.setattr(claim_words.claim_settling.observations, 'WORKS_SECONDS', 0)
        host.connect(77)
    elif seen == 'a backend':
        monkeypatch.setattr(claim_words.claim_settling.observations, 'BACKEND_SECONDS', 0)
        monkeypatch.setattr(claim_words.claim_settling.observations.file_holders, 'file_holders',
                            lambda dom0: [{'kind': 'vbd', 'path': u'/d', 'uuid': VM, 'domid': 1}])
    version = host.now()['version']
    problem = pytest.raises(errors.Conflict, take_out, host, 30, 'one').value
    assert 'stays in the claim' in str(problem)
    assert host.now()['version'] == version
    if seen == 'a saved guest':
        os.remove(host.own + '/var/lib/xen/save/web')
        made = take_out(host, 31, 'one')
        assert (made['kind'], made['digest']) == ('free', host.digest())
        assert 'but for the log: cannot tell' in made['taken']
        names = os.listdir(host.own + '/var/lib/libcloud-ovm3/claims')
        assert names == ['host'], 'its marks are gone'


def test_what_a_dead_host_has_torn_is_put_back(host, other):
    """Nobody else has the text, and the last host to leave takes it along."""
    runs_on(host)
    target = vm_files.target(ID, DIRECTORY)
    version, claim = claim_store.read(host, target['mount'], target['document'])[1][0]
    begun = claim_words.claims.begun(
        'configure_vm', claim, claim_store.here(host, target['mount']),
        {'operation': host.operation(40), 'client': 'me', 'session': '1 1 1',
         'content': TEXT.encode('ascii')})
    claim_store.write(host, 'me', host.operation(40), target['mount'], target['document'],
                      host.now()['folder'], version + 1, begun)
    whole = host.digest()
    host.put(TEXT[:-3])
    made = take_out(other, 41, 'one')
    assert (made['kind'], other.digest()) == ('free', whole)


def test_a_vm_whose_definition_and_marks_are_gone_is_looked_for(host):
    """By the vm.cfg of an earlier version; not by that of a VM that was there before."""
    runs_on(host)
    marks = host.own + '/var/lib/libcloud-ovm3/claims/' + ID
    os.remove(host.vm_cfg())
    shutil.rmtree(marks)
    assert host.settle()['kind'] == 'on', 'its domain is found'
    host.xend_does('end', host.domids()[0])
    if os.path.exists(marks):
        shutil.rmtree(marks)
    assert host.settle(91)['kind'] == 'gone'
    host.change(92, 'create_vm', {'name': 'other', 'uuid': VM})
    os.remove(host.vm_cfg())
    with pytest.raises(errors.Failed):
        host.settle(93)


# --- put in, accepted -----------------------------------------------------------------------------

def test_a_host_without_the_module_is_put_in(host):
    host.claim('one')
    assert host.settle()['kind'] == 'free'
    made = put_in(host, 2, 'two')
    assert (made['kind'], made['hosts']) == ('doubt', [{'host': UUIDS['two'], 'boot': ''}])
    assert 'ann, operation ' + host.operation(2) in made['said']
    assert put_in(host, 2, 'two', version=1)['version'] == made['version']
    assert put_in(host, 3, 'two')['version'] == made['version'], 'it is in it'
    with pytest.raises(errors.Conflict):
        host.change(4, 'start_vm')
    with pytest.raises(errors.InvalidArgument):
        put_in(host, 5, 'one')


def test_a_vm_cfg_is_accepted(host):
    """Without O_DIRECT one that was edited is refused until a person has looked."""
    runs_on(host)
    host.put(TEXT + '# edited\n')
    refused = host.change(2, 'configure_vm', {'vcpus': 2})
    assert (refused['outcome'], refused['kind']) == ('not done', 'on')
    with pytest.raises(errors.Conflict):
        accept(host, 3, '0' * 32)
    made = accept(host, 4, host.digest())
    assert (made['kind'], made['digest']) == ('on', host.digest())
    assert accept(host, 4, host.digest(), version=1)['version'] == made['version']
    assert host.change(5, 'configure_vm', {'vcpus': 2})['outcome'] == 'done'
    assert host.now()['said'] == ''
    host.xend_does('end', host.domids()[0])
    host.settle()
    os.remove(host.vm_cfg())
    with pytest.raises(errors.NotFound):
        accept(host, 6, '0' * 32)


@pytest.mark.parametrize('words', ['', 'x' * 501, 'a\nb', 'a|b', 7, b'\xff', u'a\u2028'])
def test_words_are_one_line(host, words):
    host.claim()
    with pytest.raises(errors.InvalidArgument):
        take_out(host, 2, 'two', words)


# --- it is back -----------------------------------------------------------------------------------

def back_with_a_domain(host, other):
    """The VM ran on ``other``, which went down; a person took it out; it is back, and xendomains
    has restored the VM there."""
    runs_on(other)
    other.xend_does('end', other.domids()[0])
    other.write('/domains', '')
    assert take_out(host, 50, 'two')['kind'] == 'free'
    other.boot(2)
    other.xend_does('create', VM)


def test_a_domain_that_came_back_is_paused_and_stops_everything(host, other):
    back_with_a_domain(host, other)
    assert host.change(51, 'start_vm')['kind'] == 'on', 'that was why it was taken out'
    made = other.settle(52)
    assert other.text('/calls').split()[-1] == 'pause'
    assert (made['kind'], hosts_of(made)) == ('doubt', [UUIDS['one'], UUIDS['two']])
    assert 'paused by operation ' + other.operation(52) in made['error']
    with pytest.raises(errors.Conflict):
        host.change(53, 'stop_vm', True)
    assert host.settle()['kind'] == 'doubt'
    other.xend_does('end', other.domids()[0])  # by a person
    assert hosts_of(other.settle(54)) == [UUIDS['one']]
    assert host.settle(55)['kind'] == 'on'
    assert [host.now()[key] for key in ('error', 'taken', 'paused')] == ['', '', '']
    assert other.calls().count('pause') == 1


def test_the_domain_that_came_back_is_the_one_to_keep(host, other):
    """The person destroys the other one: what the module has paused it lets run again, if asked."""
    back_with_a_domain(host, other)
    assert host.change(51, 'start_vm')['kind'] == 'on'
    assert other.settle(52)['error']
    host.xend_does('end', host.domids()[0])  # by a person
    assert hosts_of(host.settle(53)) == [UUIDS['two']]
    made = other.settle(54)
    assert (made['kind'], made['paused']) == ('on', other.operation(52))
    assert other.change(55, 'unpause_vm')['kind'] == 'on'
    assert other.calls()[-1] == 'unpause'


def test_a_domain_that_came_back_alone_is_paused_and_its_own(host, other):
    """Another host may have run it meanwhile, and its memory is older than its disks."""
    back_with_a_domain(host, other)
    made = other.settle(52)
    assert (made['kind'], hosts_of(made)) == ('on', [UUIDS['two']])
    assert made['paused'] == other.operation(52)
    assert other.change(53, 'unpause_vm')['kind'] == 'on', 'a person has looked'
    assert (other.now()['paused'], other.now()['taken']) == ('', '')


def test_an_agent_that_refuses_the_pause(host, other):
    back_with_a_domain(host, other)
    assert host.change(51, 'start_vm')['kind'] == 'on'
    other.write('/how', 'faults')
    made = other.settle(52)
    assert (made['kind'], hosts_of(made)) == ('doubt', [UUIDS['one'], UUIDS['two']])
    assert 'could not be paused' in made['error']


def test_a_change_on_a_host_that_is_back_looks_first(host, other, monkeypatch):
    back_with_a_domain(host, other)
    with pytest.raises(errors.Conflict):
        other.change(52, 'configure_vm', {'vcpus': 2}, version=host.now()['version'] - 1)
    assert 'pause' not in other.calls()
    assert other.change(53, 'stop_vm', True)['kind'] == 'free', 'it is found, paused, and stopped'
    assert other.calls()[-2:] == ['pause', 'stop']


def test_a_host_that_is_back_with_nothing_is_as_any_other(host, other):
    back_with_a_domain(host, other)
    other.xend_does('end', other.domids()[0])
    assert other.now()['taken']
    assert other.change(52, 'start_vm')['kind'] == 'on'
    assert (other.now()['taken'], 'pause' in other.calls()) == ('', False)


def test_a_host_that_cannot_tell_what_came_back_changes_nothing(host, other):
    back_with_a_domain(host, other)
    os.makedirs(other.own + '/var/lib/xen/save')
    other.write('/var/lib/xen/save/web', '')
    problem = pytest.raises(errors.Conflict, other.change, 52, 'start_vm').value
    assert 'was taken out' in str(problem) and 'saved guest' in str(problem)
