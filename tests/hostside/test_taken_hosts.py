"""What a person has said of a claim, and what a host that was taken out does when it is back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3_host import claims, taken_hosts

A, B, LATER = ('a', '1'), ('b', '1'), ('b', '2')
WHO = taken_hosts.speaker('ann', '0a' * 16, 'today')


def out(claim, host='b', words='off'):
    made, why = taken_hosts.taken_out(claim, host, WHO, words, 'seen from host a: nothing')
    assert why == ''
    return made


def on(here):
    return claims.settled(claims.first_claim([here]), here, 'present')[0]


def test_what_was_said_stays_until_the_host_has_looked():
    claim = out(claims.first_claim([A, B]))
    assert claim['hosts'] == [A]
    assert claim['taken'] == (
        'b: ann, operation %s, today, boot 1: off; seen from host a: nothing' % ('0a' * 16))
    assert taken_hosts.is_said(claim, '0a' * 16) and not taken_hosts.is_said(claim, '0b' * 16)
    started = claims.settled(claims.settled(claim, A, 'nowhere')[0], A, 'present')[0]
    begun = claims.begun('stop_vm', started, A, {'operation': 'o', 'client': 'c', 'session': 's'})
    assert taken_hosts.entry_of(begun, 'b') == claim['taken']
    assert taken_hosts.entry_of(begun, 'a') == ''
    looked = taken_hosts.looked(begun, 'b')
    assert looked == dict(begun, taken='')
    both = out(claim, 'a')
    assert taken_hosts.looked(both, 'b')['taken'] == taken_hosts.entry_of(both, 'a')
    assert taken_hosts.taken_out(claim, 'b', WHO, 'off', '')[0] is None


@given(st.text('xboto 17:,;.', max_size=30))
def test_words_say_nothing_but_themselves(words):
    """None of them is taken for a boot, a host or an end."""
    claim = out(claims.first_claim([A, B]), words='x ' + words + ', boot 7: b: ')
    assert [taken_hosts.entry_of(claim, host) for host in ('a', 'b')] == ['', claim['taken']]
    assert not taken_hosts.gives_way(claim, B)
    assert taken_hosts.gives_way(claim, ('b', '7'))


@pytest.mark.parametrize('claim, here, expected', [
    (claims.first_claim([A, B]), B, False),  # nobody has said anything
    (out(claims.first_claim([B])), LATER, True),  # free, and it has come back with the host
    (out(claims.first_claim([B])), B, False),  # it was here all the time
    (out(claims.first_claim([('b', '')])), B, True),  # of which boot that was said is not known
    (out(claims.first_claim([A, B])), LATER, True),
    (dict(on(A), taken=out(claims.first_claim([B]))['taken']), B, True),  # two are alive
    (dict(on(LATER), taken=out(claims.first_claim([B]))['taken']), LATER, False)])  # started here
def test_when_a_domain_waits_for_a_person(claim, here, expected):
    assert taken_hosts.gives_way(claim, here) is expected


def test_a_host_is_put_in_where_nothing_can_be():
    free = claims.settled(claims.first_claim([A]), A, 'nowhere')[0]
    made, _ = taken_hosts.put_in(free, 'b', WHO, 'no module')
    assert (made['kind'], made['hosts']) == ('doubt', [('b', '')])
    assert claims.refusal('start_vm', made, A)
    assert taken_hosts.put_in(made, 'b', WHO, 'again') == (made, '')
    for claim in (on(A), claims.first_claim([A]), made):
        assert taken_hosts.put_in(claim, 'c', WHO, 'no')[0] is None


def test_a_vm_cfg_is_accepted_where_it_may_be_changed():
    made, _ = taken_hosts.accepted(dict(on(A), digest='0'), A, '1', WHO)
    assert (made['digest'], made['kind']) == ('1', 'on')
    assert made['said'] == 'vm.cfg was accepted: %s: 1 in place of 0' % WHO
    for claim, here in ((on(A), B), (claims.first_claim([A]), A)):
        assert taken_hosts.accepted(claim, here, '1', WHO)[0] is None
