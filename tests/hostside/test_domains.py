"""xend's domains, all at once or one by one; its s-expressions become what list_vms answers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libcloud_ovm3_host import domains, errors, sxp
from libcloud_ovm3_host.compat import Fault, text_type

UUID = '868a6627-c3b0-3d9b-aea4-f279cbaa253b'


def expression(uuid=UUID, name='i-2-3-VM'):
    """As xend sends it (xend.md 6): numbers are numbers, devices sections of their own."""
    return [
        'domain', ['domid', 7], ['cpu_weight', 27500], ['cpu_cap', 0],
        ['bootloader', '/usr/bin/pygrub'], ['vcpus', 2], ['cpus', [[], ['0', 1]]],
        ['on_reboot', 'restart'], ['description'], ['uuid', uuid], ['name', name],
        ['memory', 512], ['start_time', 1408105444.17], ['cpu_time', 0.152510481],
        ['image', ['linux', ['kernel', ''], ['videoram', 4], ['pci', []],
                   ['notes', ['HV_START_LOW', '4118806528'], ['SUSPEND_CANCEL', 1]]]],
        ['status', '2'], ['state', '-b----'],
        ['device', ['vif', ['bridge', 'xenbr0'], ['mac', '02:00:50:9a:00:01'], ['backend', 0]]],
        ['device', ['vkbd', ['backend', 0]]],
        ['device', ['vbd', ['uname', 'file:/OVS/a.img'], ['dev', 'xvda:disk'], ['bootable', 1]]],
        ['device', ['vbd', ['dev', 'xvdb:cdrom'], ['mode', 'r'], ['VDI']]],
    ]


def test_the_shape_of_list_vms():
    assert sxp.domain(expression()) == {
        'domid': '7', 'cpu_weight': '27500', 'cpu_cap': '0', 'bootloader': '/usr/bin/pygrub',
        'vcpus': '2', 'cpus': [[], ['0', '1']], 'on_reboot': 'restart', 'description': '',
        'uuid': UUID, 'name': 'i-2-3-VM', 'memory': '512', 'start_time': '1408105444.17',
        'cpu_time': '0.152510481', 'builder': 'linux',
        'image': {'kernel': '', 'videoram': '4', 'pci': [],
                  'notes': [['HV_START_LOW', '4118806528'], ['SUSPEND_CANCEL', '1']]},
        'status': '2', 'state': '-b----',
        'device': {
            'vif': [{'bridge': 'xenbr0', 'mac': '02:00:50:9a:00:01', 'backend': '0'}],
            'vkbd': [{'backend': '0'}],
            'vbd': [{'uname': 'file:/OVS/a.img', 'dev': 'xvda:disk', 'bootable': '1'},
                    {'dev': 'xvdb:cdrom', 'mode': 'r', 'VDI': ''}]}}


def test_bytes_that_are_no_text_are_replaced():
    name = u'caf\xe9 ok'.encode('latin-1')
    assert sxp.domain(['domain', ['name', name]])['name'] == u'caf\ufffd ok'


def everything(value):
    """All that a struct is made of, leaves and keys."""
    if isinstance(value, dict):
        return sum([everything(key) + everything(item) for key, item in value.items()], [])
    if isinstance(value, list):
        return sum([everything(item) for item in value], [])
    return [value]


WORDS = st.sampled_from(['domain', 'device', 'image', 'notes', 'vif', 'uuid', 'cpus']) | st.text()
TREES = st.recursive(WORDS | st.binary() | st.none() | st.integers() | st.floats() | st.booleans(),
                     lambda inner: st.lists(inner, max_size=4), max_leaves=40)


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_odd_nesting_never_raises(tree):
    struct = sxp.domain(tree)
    assert isinstance(struct['device'], dict)
    assert all([isinstance(leaf, text_type) or leaf in ('device', 'image', 'builder')
                for leaf in everything(struct)])


def test_endless_nesting_ends():
    tree = ['x']
    for _ in range(5000):
        tree = [tree]
    struct = sxp.domain(['domain', ['cpus', tree], ['device', ['vif', ['bridge', tree]]]])
    assert repr(struct).count('...') == 2


UUIDS = ['%032x' % number for number in (1, 2, 3)]
UUIDS = ['-'.join([one[:8], one[8:12], one[12:16], one[16:20], one[20:]]) for one in UUIDS]
UNKNOWN = Fault(3, 'Domain')


class Xend(object):
    def __init__(self, all_of_them, alone):
        self.all_of_them = all_of_them
        self.alone = alone
        self.calls = []

    def domains_with_state(self, detail, state, full):
        self.calls.append(('domains_with_state', detail, state, full))
        return said(self.all_of_them)

    def domain(self, name, full):
        self.calls.append(('domain', name, full))
        return said(self.alone.get(name, UNKNOWN))


def said(answer):
    if isinstance(answer, Exception):
        raise answer
    return answer


def host(dom0, xend, entries=(), status=0):
    dom0.xend = lambda: xend
    text = ''.join([entry + '\n' for entry in entries]).encode('ascii')
    dom0.run = lambda words, seconds: (status, text, 'xs_daemon_open: refused'.encode('ascii'))
    return dom0


def test_all_are_asked_for_with_their_devices(dom0):
    xend = Xend([expression(UUIDS[0], 'a'), expression(UUIDS[1], 'b')], {})
    found = domains.domains(host(dom0, xend))
    assert [domain['name'] for domain in found['domains']] == ['a', 'b']
    assert found['missing'] == []
    assert found['domains'][0]['device']['vbd'][0]['uname'] == 'file:/OVS/a.img'
    assert xend.calls == [('domains_with_state', True, 'all', 1)]


def test_one_bad_domain_leaves_the_others(dom0):
    alone = {UUIDS[0]: expression(UUIDS[0], 'a'), UUIDS[1]: Fault(2, 'Device 0 not connected'),
             UUIDS[2]: expression(UUIDS[2], 'c')}
    gone = UUIDS[0][:-1] + '9'
    xend = Xend(Fault(1, 'Device 0 not connected'), alone)
    found = domains.domains(host(dom0, xend, UUIDS + [gone, 'not-a-uuid']))
    assert [domain['name'] for domain in found['domains']] == ['a', 'c']
    assert found['missing'] == [
        {'name': 'not-a-uuid', 'problem': 'no uuid, under /vm in xenstore'},
        {'name': UUIDS[1], 'problem': 'Device 0 not connected'}]
    assert ('domain', gone, 1) in xend.calls and ('domain', 'not-a-uuid', 1) not in xend.calls


@pytest.mark.parametrize('xend', [Xend([], {}), Xend(Fault(1, 'no'), {})])
def test_no_domain_at_all_is_no_answer(dom0, xend):
    with pytest.raises(errors.Failed, match='Domain-0'):
        domains.domains(host(dom0, xend))


def test_a_second_entry_of_a_uuid_may_be_a_second_domain(dom0):
    xend = Xend(Fault(1, 'no'), {UUIDS[0]: expression(UUIDS[0], 'a'),
                                 UUIDS[1]: expression(UUIDS[1])})
    found = domains.domains(host(dom0, xend, [UUIDS[0], UUIDS[0] + '-1', UUIDS[1] + '-1']))
    assert [domain['uuid'] for domain in found['domains']] == UUIDS[:2]
    assert [entry['name'] for entry in found['missing']] == [UUIDS[0]]


def test_an_answer_for_another_is_no_answer(dom0):
    xend = Xend(Fault(1, 'no'), {UUIDS[0]: expression(UUIDS[1], UUIDS[0])})
    found = domains.domains(host(dom0, xend, [UUIDS[0]]))
    assert found['domains'] == []
    assert found['missing'][0]['name'] == UUIDS[0]
    found = domains.domains(host(dom0, Xend([expression(), ['domain', ['name', 'x']]], {})))
    assert len(found['domains']) == 1 and found['missing'][0]['name'] == 'x'


def test_a_domain_that_xend_fails_over_is_missing(dom0):
    xend = Xend(Fault(1, 'no'), {UUIDS[0]: IOError('reset by peer'),
                                 UUIDS[1]: expression(UUIDS[1])})
    found = domains.domains(host(dom0, xend, UUIDS[:2]))
    assert len(found['domains']) == 1
    assert 'reset by peer' in found['missing'][0]['problem']


@pytest.mark.parametrize('xend, status', [
    (Xend(IOError('no socket'), {}), 0), (Xend(Fault(1, 'no'), {}), 1)])
def test_nothing_known_is_no_empty_list(dom0, xend, status):
    with pytest.raises(errors.Failed):
        domains.domains(host(dom0, xend, UUIDS, status))


def test_without_xen_on_the_host(dom0):
    with pytest.raises(errors.Failed, match='xend: '):
        domains.domains(dom0)
