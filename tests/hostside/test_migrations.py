"""Migrations through a claim: the target is asked first, its copy is never taken for the VM, and one
that is left over goes as soon as that is certain."""

import os

import pytest
from claiming import DIRECTORY, ID, TEXT, UUIDS, VM, Host, kill, until

from libcloud_ovm3_host import claim_changes, errors, migration_target

ADDRESSES = {'one': u'10.0.0.1', 'two': u'10.0.0.2'}


@pytest.fixture
def hosts(dom0, monkeypatch):
    """The VM is on the first one."""
    monkeypatch.setattr(claim_changes, 'LOCK_SECONDS', 0)
    found = [Host(dom0.root, name) for name in ('one', 'two')]
    for each, peer in zip(found, reversed(found)):
        each.peer, each.address = peer, ADDRESSES[each.name]
        each.write('/proc/uptime', '1000.5 900.0\n')
    found[0].put(TEXT)
    found[0].claim('one', 'two')
    found[1].settle()
    found[0].change(2, 'start_vm')
    return found


def expect(host, number=3):
    return migration_target.expect_vm(host, 'me', host.operation(number), ID, DIRECTORY)


def asked(to, live=True, ssl=False, **other):
    """The parameters of a request to migrate the VM to this host."""
    word = dict(expect(to), **other)
    return [word['address'], live, ssl, word['host'], word['boot']]


def migrate(hosts, how='', number=4):
    hosts[0].write('/how', how)
    made = hosts[0].change(number, 'migrate_vm', *asked(hosts[1]))
    hosts[0].write('/how', '')
    return made


def of(claim):
    return claim['kind'], [[name for name in UUIDS if UUIDS[name] == each['host']][0]
                           for each in claim['hosts']]


def test_a_migration(hosts):
    """The claim names both from before it begins, and the target only when that has looked."""
    source, target = hosts
    assert expect(target) == {'host': UUIDS['two'], 'boot': 'boot-two-1', 'why': '',
                              'address': ADDRESSES['two']}
    made = migrate(hosts)
    assert (of(made), made['outcome']) == (('doubt', ['two']), 'done')
    assert source.calls()[1:] == ['migrate-10.0.0.2-True-False']
    moving = claim_changes.read_claim(source, ID, DIRECTORY, source.operation(4))
    assert moving['function'] == 'migrate_vm'
    found = target.settle()
    assert (of(found), found['why']) == (('on', ['two']), '')
    assert os.listdir(source.own + '/var/lib/libcloud-ovm3/claims') == ['host'], 'no mark is left'
    back = [target, source]
    assert of(migrate(back, number=6)) == ('doubt', ['one'])
    assert of(source.settle()) == ('on', ['one'])
    assert source.change(7, 'stop_vm', True)['kind'] == 'free', 'its log is known to be whole'


def test_while_it_goes_on(hosts, monkeypatch):
    """Nothing else begins, and the target says nothing, whatever it sees; nor when its source has
    died with it, until that has looked."""
    source, target = hosts
    words = asked(target)
    monkeypatch.setattr(claim_changes, 'ANSWER_SECONDS', 0.01)
    source.write('/how', 'hangs')
    assert source.change(4, 'migrate_vm', *words)['state'] == 'running'
    until(lambda: len(source.calls()) > 1)
    monkeypatch.setattr(claim_changes, 'ANSWER_SECONDS', 45)
    domid = target.xend_does('create', VM, 'restore')
    target.receive(domid)
    for _ in range(2):
        found = target.settle()
        assert of(found) == ('moving', ['one', 'two'])
        assert 'its source %s has to answer first' % UUIDS['one'] in found['why']
        for change in (['start_vm'], ['stop_vm', True], ['migrate_vm'] + words):
            with pytest.raises(errors.Conflict):
                target.change(5, *change)
        if source.now()['state'] == 'running':
            kill(source)
    assert target.domids() == [domid]
    assert of(source.settle()) == ('doubt', ['one', 'two'])
    assert of(target.settle()) == ('doubt', ['one'])
    assert of(source.settle()) == ('on', ['one'])
    assert (len(source.domids()), target.domids()) == (1, [])
    assert target.calls() == ['destroy-%d' % domid]


def test_it_stays_and_leaves_nothing(hosts):
    made = migrate(hosts, 'stays nothing')
    assert (of(made), made['outcome']) == (('doubt', ['one', 'two']), 'failed')
    assert 'timed out' in made['fault']
    assert of(hosts[1].settle()) == ('doubt', ['one'])
    assert of(hosts[0].settle()) == ('on', ['one'])
    assert of(migrate(hosts, number=8)) == ('doubt', ['two'])


def test_it_is_lost(hosts):
    """Success of the source is no arrival: nobody has it, and it may be started anywhere."""
    source, target = hosts
    made = migrate(hosts, 'ends fails')
    assert (of(made), made['outcome']) == (('doubt', ['two']), 'done')
    assert target.settle()['kind'] == 'free'
    assert target.change(5, 'start_vm')['kind'] == 'on'
    assert len(source.domids() + target.domids()) == 1


@pytest.mark.parametrize('devices', [0, 2])
def test_a_copy_whose_source_has_ended_has_time(hosts, devices):
    """All of its memory may be there, and xend may wait for its devices, one after the other."""
    source, target = hosts
    target.devices = [('file:/disk', 'w')] * devices
    migrate(hosts, 'ends half')
    waits = 60 + 100 * devices
    for seconds in (0, waits - 1):
        target.write('/proc/uptime', '%d.5 0.0\n' % (2000 + seconds))
        found = target.settle()
        assert of(found) == ('doubt', ['two'])
        assert 'it may still be completed' in found['why']
    target.boot(2)  # another domain of that number: the count begins anew
    assert 'may still' in target.settle()['why']
    target.write('/proc/uptime', '%d.5 0.0\n' % (2001 + 2 * waits))
    assert target.settle()['kind'] == 'free'
    assert target.domids() == []


def test_only_the_copy_is_destroyed_and_once(hosts, monkeypatch):
    """By its number, beside a domain of the VM that lives there; and not if the claim is another
    one by then, or xend refuses."""
    source, target = hosts
    migrate(hosts, 'stays half')
    [copy] = target.domids()
    own = target.xend_does('create', VM)
    target.write('/how', 'destroys nothing')
    before = target.settle()
    assert of(before) == ('doubt', ['one', 'two']), 'two domains, and one is still a copy'
    assert target.calls() == ['destroy-%d' % copy]
    uptime = target.uptime

    def refuse(domid):
        raise IOError('no xend')
    monkeypatch.setattr(target, 'destroy', refuse)
    assert 'could not be destroyed: xend: ' in target.settle()['why']
    monkeypatch.undo()
    monkeypatch.setattr(claim_changes, 'LOCK_SECONDS', 0)

    def write_meanwhile():
        source.xend_does('create', VM)
        source.settle()
        return uptime()
    monkeypatch.setattr(target, 'uptime', write_meanwhile)
    assert 'another host has just written' in target.settle()['why']
    monkeypatch.undo()
    target.write('/how', '')
    target.settle()
    assert target.domids() == [own]


@pytest.mark.parametrize('what, why', [
    ('here', 'on host'), ('domain', 'xend has a domain'), ('gap', 'about to make a domain'),
    ('saved', 'would start it by itself')])
def test_the_target_says_no(hosts, what, why):
    source, target = hosts
    if what == 'domain':
        target.xend_does('create', VM)
    elif what == 'gap':
        target.xend_does('born', VM)
    elif what == 'saved':
        os.makedirs(target.own + '/var/lib/xen/save')
        target.write('/var/lib/xen/save/web', '')
    asked_host = {True: source, False: target}[what == 'here']
    assert why in expect(asked_host)['why']


def test_a_request_names_a_target_that_was_asked(hosts):
    source, target = hosts
    version = source.now()['version']
    for wrong in ({'host': UUIDS['one'], 'address': ADDRESSES['one']}, {'address': '10.0.0.9'},
                  {'host': '3' * 32}):
        with pytest.raises(errors.Conflict):
            source.change(4, 'migrate_vm', *asked(target, **wrong))
    for wrong in ([], ['10.0.0.2', True, False, UUIDS['two']], asked(target, live=1),
                  asked(target, address='x; reboot'), asked(target, boot=''),
                  asked(target, boot=7), asked(target, host='x')):
        with pytest.raises(errors.InvalidArgument):
            source.change(4, 'migrate_vm', *wrong)
    source.write('/paused', '%d' % source.domids()[0])
    with pytest.raises(errors.Conflict):
        source.change(4, 'migrate_vm', *asked(target))
    assert (source.now()['version'], source.calls()) == (version, ['start'])
