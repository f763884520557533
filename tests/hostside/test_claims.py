"""Claims: what is allowed under which, what each look means, and what is written afterwards.

That these rules together keep a VM from running twice is for tests/models to show.
"""

import os
import shutil
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3_host import claim_digests, claim_records, claims, documents, errors
from libcloud_ovm3_host.compat import plain, to_bytes

A, B, C = ('a', '1'), ('b', '1'), ('c', '1')
OLD_A = ('a', '0')
REQUEST = {'operation': '0a' * 16, 'client': 'client', 'session': '77'}


def doubt(*hosts):
    return claims.first_claim(hosts)


def on(host):
    return claims.settled(doubt(host), host, 'present')[0]


def free():
    return claims.settled(doubt(A), A, 'nowhere')[0]


def moving():
    return claims.begun('migrate_vm', on(A), A, REQUEST, B)


def saved(outcome, claim=None):
    claim = dict(claim or claims.begun('save_vm', on(A), A, dict(REQUEST, disks='w\t/d\t/d')),
                 outcome=outcome)
    return claims.settled(claim, A, 'nowhere')[0]


def restoring(outcome, finding, before='done'):
    claim = dict(claims.begun('restore_vm', saved(before), B, dict(REQUEST, operation='0b' * 16)),
                 outcome=outcome)
    return claims.settled(claim, B, finding)[0]


def short(answer):
    claim, why = answer
    assert claim is None or why == ''
    return claim and (claim['kind'], claim['hosts'])


ALLOWED = {
    'free': (free, ['start_vm', 'delete_vm', 'create_vm', 'configure_vm']),
    'saved': (lambda: saved('done'), ['restore_vm']),
    'saved, perhaps': (lambda: saved(''), []),
    'gone': (lambda: claims.settled(doubt(A), A, 'nowhere', False)[0], ['create_vm']),
    'on here': (lambda: on(A), ['stop_vm', 'configure_vm', 'migrate_vm', 'pause_vm', 'save_vm',
                                'reboot_vm']),
    'on here, paused': (lambda: claims.settled(claims.begun('pause_vm', on(A), A, REQUEST), A,
                                               'paused')[0],
                        ['stop_vm', 'configure_vm', 'migrate_vm', 'pause_vm', 'save_vm',
                         'reboot_vm', 'unpause_vm']),
    'on here, before its boot': (lambda: on(OLD_A), []),
    'on another host': (lambda: on(B), []),
    'in doubt here': (lambda: doubt(A, B), ['stop_vm']),
    'in doubt elsewhere': (lambda: doubt(OLD_A, B), []),
    'moving': (moving, []),
    'two': (lambda: claims.settled(on(A), A, 'two')[0], []),
    'no claim': (lambda: None, ['create_vm']),
}


@pytest.mark.parametrize('case', sorted(ALLOWED))
def test_what_is_allowed(case):
    make, allowed = ALLOWED[case]
    functions = ('start_vm', 'stop_vm', 'create_vm', 'delete_vm', 'configure_vm', 'migrate_vm',
                 'reboot_vm', 'pause_vm', 'unpause_vm', 'save_vm', 'restore_vm', 'trigger_vm')
    found = [each for each in functions if not claims.refusal(each, make(), A)]
    assert sorted(found) == sorted(allowed)


def test_an_operation_puts_its_host_in_before_it_begins():
    configured = claims.begun('configure_vm', free(), A, dict(REQUEST, content=to_bytes('x')))
    assert (configured['kind'], configured['hosts'], configured['at']) == ('doubt', [A], 'a 1')
    assert claims.begun('create_vm', None, A, REQUEST)['hosts'] == [A]
    assert claims.begun('stop_vm', doubt(OLD_A, B), A, REQUEST)['hosts'] == [A, B]
    moved = moving()
    assert (moved['kind'], moved['hosts'], moved['source'], moved['target']) == (
        'moving', [A, B], 'a', 'b')
    after = claims.settled(configured, A, 'nowhere', True, 'f' * 32)[0]
    assert 'content' not in after and after['digest'] == 'f' * 32
    assert after['operation'] == REQUEST['operation']  # who repeats its request is told


@pytest.mark.parametrize('claim, here, finding, expected', [
    (doubt(A), A, 'nowhere', ('free', [])),
    (doubt(A, B), A, 'nowhere', ('doubt', [B])),
    (doubt(A, B), C, 'nowhere', None),
    (doubt(OLD_A), A, 'present', ('on', [A])),
    (doubt(A, B), A, 'present', None),
    (doubt(A), B, 'present', ('doubt', [A, B])),
    (free(), B, 'present', ('on', [B])),
    (free(), B, 'nowhere', None),
    (on(A), A, 'present', None),
    (on(OLD_A), A, 'present', ('on', [A])),
    (on(A), B, 'present', ('doubt', [A, B])),
    (on(A), A, 'two', ('doubt', [A])),
    (on(A), A, 'stays', None),
    (moving(), B, 'nowhere', None),
    (moving(), B, 'present', None),
    (moving(), A, 'nowhere', ('doubt', [B])),
    (moving(), A, 'present', ('doubt', [A, B])),
    (moving(), C, 'present', ('moving', [A, B, C])),
    (moving(), B, 'two', ('moving', [A, B])),
])
def test_what_is_written(claim, here, finding, expected):
    assert short(claims.settled(claim, here, finding)) == expected


def test_a_deleted_definition_leaves_a_claim_that_is_gone():
    claim = claims.begun('delete_vm', free(), A, REQUEST)
    assert short(claims.settled(claim, A, 'nowhere', False)) == ('gone', [])
    assert short(claims.settled(claim, A, 'nowhere', True)) == ('free', [])


def test_two_domains_stop_everything_until_one_is_gone():
    claim = claims.settled(on(A), A, 'two')[0]
    assert claims.settled(claim, A, 'two') == (
        None, 'there are two domains of it on host a: only a person can tell')
    after = claims.settled(claim, A, 'present')[0]
    assert (after['kind'], after['error']) == ('on', '')


def test_what_is_saved():
    """Only of what is known to be the last of it; then its disks are held, as of a VM that lives."""
    operation = REQUEST['operation']
    assert claims.begun('save_vm', on(A), A, REQUEST)['saved'] == 'unsure ' + operation
    assert [saved(outcome)['saved'] for outcome in ('done', 'failed', '', 'not done')] == [
        operation, 'unsure ' + operation, 'unsure ' + operation, '']
    assert [saved(outcome)['disks'] for outcome in ('done', '', 'not done')] == [
        'w\t/d\t/d', 'w\t/d\t/d', '']
    assert saved('done')['kind'] == 'free'
    gone = dict(claims.begun('save_vm', on(A), A, REQUEST), outcome='done')
    assert claims.taken_out(gone, 'a')[0]['saved'] == operation
    seen = claims.settled(claims.settled(gone, A, 'present')[0], A, 'nowhere')[0]
    assert (seen['saved'], seen['outcome'], seen['function']) == ('', 'done', 'save_vm')
    elsewhere = claims.settled(gone, C, 'present')[0]  # another tool: what is saved is old
    assert saved('done', elsewhere)['saved'] == ''
    assert [claims.settled(gone, A, finding)[0]['saved'] for finding in ('paused', 'two')] == ['', '']
    again = claims.settled(dict(gone, hosts=[A, B]), A, 'present')[0]
    assert (again['saved'], again['hosts']) == ('', [A, B])


def test_what_is_saved_is_restored_once():
    operation = REQUEST['operation']
    made = restoring('done', 'paused')
    assert (made['kind'], made['saved'], made['paused']) == ('on', '', '0b' * 16)
    assert restoring('done', 'present')['saved'] == ''
    assert [restoring(outcome, 'nowhere')['saved'] for outcome in ('failed', 'not done')] == [
        operation] * 2, 'it was restored paused, and has not run'
    assert [restoring(outcome, 'nowhere')['saved'] for outcome in ('done', '')] == [
        'unsure ' + operation] * 2, 'somebody may have let it run'
    begun = claims.begun('restore_vm', saved('done'), B, REQUEST)
    assert claims.copy_refusal(begun, 10 ** 6, 1)
    stopped = claims.settled(claims.begun('stop_vm', begun, B, REQUEST), B, 'nowhere')[0]
    assert (stopped['kind'], stopped['saved'], stopped['disks']) == ('free', '', '')


def test_what_each_look_means():
    one = {'domid': 1, 'incoming': False}
    looks = [claims.after_look(look, 'none') for look in ('works', 'comebacks', 'backends')]
    assert looks == ['go on', 'go on', 'nowhere']
    assert [claims.after_look(look, 'some') for look in ('works', 'comebacks', 'backends')] == [
        'stays'] * 3
    assert [claims.after_look('log', word) for word in ('closed', 'open', 'cannot tell')] == [
        'go on', 'stays', 'stays']
    assert [claims.after_look('look', found) for found in (
        [], [one], [one, one], [dict(one, incoming=True), one], [dict(one, paused=True)])] == [
            'go on', 'present', 'two', 'copy', 'paused']


@pytest.mark.parametrize('changed, refused', [
    ({}, False), ({'log': 'cannot tell'}, True), ({'log': 'open'}, True),
    ({'look': [{'domid': 1}]}, True), ({'backends': 'some'}, True)])
def test_what_speaks_against_a_start(changed, refused):
    answers = dict({'look': [], 'log': 'closed', 'backends': 'none'}, **changed)
    assert bool(claims.start_refusal(answers)) == refused


@pytest.mark.parametrize('wanted, read, direct, recorded, refused', [
    ('1', '1', '1', '', False), ('1', '1', None, '1', False), ('1', '2', '2', '2', True),
    ('1', '1', '2', '1', True), ('1', '1', None, '2', True), ('1', '1', None, '', True)])
def test_a_definition_is_what_was_read(wanted, read, direct, recorded, refused):
    claim = claims.settled(doubt(A), A, 'nowhere', True, recorded)[0]
    assert bool(claim_digests.digest_refusal(claim, wanted, read, direct)) == refused
    saved = dict(claim, saved='an operation')
    if direct is not None:
        refused = refused or recorded not in ('', read)
    assert bool(claim_digests.digest_refusal(saved, wanted, read, direct)) == refused


@pytest.mark.parametrize('function, outcome, recorded, before, direct, expected', [
    ('configure_vm', 'done', '1', '1', '3', '3'), ('configure_vm', '', '1', '1', '3', '3'),
    ('configure_vm', 'done', '1', '1', None, '2'), ('configure_vm', 'failed', '1', '1', None, '2'),
    ('configure_vm', 'not done', '1', '1', None, '1'), ('configure_vm', '', '1', '1', None, '2'),
    ('configure_vm', '', '1', '2', None, '1'), ('stop_vm', 'done', '1', '1', None, '1'),
    ('', '', '', '', None, '2')])
def test_which_digest_is_recorded(function, outcome, recorded, before, direct, expected):
    claim = dict(doubt(A), function=function, outcome=outcome, digest=recorded)
    assert claim_digests.digest_after(claim, before, '2', direct) == expected


@pytest.mark.parametrize('is_own, found, expected', [
    (True, {3: ('x', 'w')}, 'won'),
    (True, {3: ('x', 'w'), 4: ('y', 'x'), 5: ('z', 'y')}, 'won'),
    (True, {3: ('x', 'w'), 4: ('y', 'x'), 5: ('z', 'q')}, 'lost'),  # 4 was written late, too
    (True, {3: ('x', 'w'), 5: ('z', 'y')}, 'lost'),
    (True, {3: ('x', 'w'), 4: ('y', None)}, 'cannot tell'),
    (True, {2: ('w', 'v')}, 'cannot tell'),
    (False, {3: ('x', 'w')}, 'repeated'),
    (False, {3: ('y', 'w')}, 'lost'),
    (False, {4: ('y', 'x')}, 'lost'),
])
def test_who_has_won(is_own, found, expected):
    assert claims.winner(3, 'x', is_own, found) == expected


_OPERATIONS = st.sampled_from(['a', 'b'])
_FOUND = st.dictionaries(st.integers(2, 6), st.tuples(
    _OPERATIONS, st.sampled_from(['a', 'b', 'f', None])))


@given(_FOUND, st.booleans())
def test_documents_decide_in_the_same_way(found, is_there):
    """Of versions as files."""
    found.pop(3, None)
    if is_there:
        found[3] = ('f', 'a')
    place = tempfile.mkdtemp()
    folder = os.open(place, os.O_RDONLY)
    try:
        for number in found:
            operation, based_on = found[number]
            handle = open(os.path.join(place, '%d' % number), 'wb')
            handle.write(documents._stored(
                number, 'client', operation * 32, (based_on or '') * 32 or 'unknown', to_bytes('')))
            handle.close()
        answer = 'won'
        try:
            documents._require_standing(folder, 3, 'f' * 32)
        except errors.Conflict:
            answer = 'lost'
        except errors.Failed:
            answer = 'cannot tell'
        assert answer == claims.winner(3, 'f', True, found)
    finally:
        os.close(folder)
        shutil.rmtree(place)


def test_a_copy_that_is_left_over():
    assert claims.copy_refusal(moving(), 10 ** 6, 1)
    assert claims.copy_refusal(claims.settled(moving(), A, 'present')[0], 0, 1) == ''
    ended = claims.settled(moving(), A, 'nowhere')[0]
    assert claims.copy_refusal(ended, 159, 1)
    assert claims.copy_refusal(ended, 160, 1) == ''
    assert claims.copy_refusal(claims.settled(moving(), ('a', '2'), 'nowhere')[0], 0, 1) == ''
    assert claims.copy_refusal(claims.taken_out(moving(), 'a')[0], 0, 1) == ''


def test_a_person_takes_a_host_out():
    claim, _ = claims.taken_out(doubt(A, B), 'b')
    assert claim['hosts'] == [A]
    assert short(claims.taken_out(claim, 'a')) == ('free', [])
    assert short(claims.taken_out(claim, 'a', False)) == ('gone', [])
    assert short(claims.taken_out(moving(), 'a')) == ('doubt', [B])
    assert claims.taken_out(claim, 'c')[0] is None


def test_a_host_that_is_named_keeps_its_module():
    assert claims.uninstall_refusal(on(A), 'b') == ''
    assert claims.uninstall_refusal(None, 'a') == ''
    assert claims.uninstall_refusal(on(A), 'a') == 'the VM is on host a since its boot 1'
    assert claims.uninstall_refusal(moving(), 'b') == 'the VM is moving from a to b'


_WORDS = st.text('abz09._:-', min_size=1, max_size=8)
_HOSTS = st.dictionaries(_WORDS, st.text('01-', max_size=4), min_size=1, max_size=3)


@given(_HOSTS, st.sampled_from(['present', 'nowhere', 'two', 'moving', 'doubt']),
       st.text(u'a=%/\n\t \u20ac', max_size=20), st.binary(min_size=1, max_size=20))
def test_a_claim_is_read_as_it_was_written(hosts, kind, text, content):
    hosts = sorted(hosts.items())
    claim, here = claims.first_claim(hosts[:1]), hosts[0]
    if kind == 'moving':
        claim = claims.begun('migrate_vm', claim, here, dict(REQUEST, content=content), hosts[-1])
    elif kind != 'doubt':
        claim = claims.settled(claim, here, kind)[0]
    claim['fault'] = plain(text)
    assert claim_records.decode(claim_records.encode(claim)) == claim


_GOOD = claim_records.encode(doubt(A))


@pytest.mark.parametrize('data', [
    '', 'kind=free\n', _GOOD[:-1], _GOOD + to_bytes('more=1\n'), _GOOD + to_bytes('more\n'),
    _GOOD.replace(to_bytes('doubt'), to_bytes('free')), _GOOD.replace(to_bytes('a/1'), to_bytes('')),
    _GOOD.replace(to_bytes('doubt'), to_bytes('won')), _GOOD.replace(to_bytes('a/1'), to_bytes('a')),
    _GOOD.replace(to_bytes('schema=1'), to_bytes('schema=2')),
    _GOOD.replace(to_bytes('a/1'), to_bytes('a/1 a/2')),
    _GOOD.replace(to_bytes('doubt'), to_bytes('moving'))])
def test_what_is_not_understood_is_never_free(data):
    with pytest.raises(errors.Failed):
        claim_records.decode(to_bytes(data))
