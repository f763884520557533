"""xend's domains, all at once or one by one; its s-expressions become what list_vms answers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libcloud_ovm3_host import domains, errors, sxp
from libcloud_ovm3_host.compat import text_type
from libcloud_ovm3_host.rpc import Fault

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


@settings(max_examples=50)
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


ZERO = '00000000-0000-0000-0000-000000000000'
DOMAIN_0 = ['domain', ['domid', 0], ['name', 'Domain-0'], ['uuid', ZERO]]


def host(dom0, xend, entries=(ZERO,), status=0, live=('0',), vms=()):
    """``entries`` under /vm, ``live`` under /local/domain, ``vms``: domid and what is its ``vm``."""
    dom0.xend = lambda: xend
    said = {'/vm': entries, '/local/domain': live}
    for domid, name in vms:
        said['/local/domain/%s/vm' % domid] = (name,)

    def run(words, seconds):
        assert words[0] in ('xenstore-list', 'xenstore-read')
        if status or words[1] not in said:
            return 1, ''.encode('ascii'), 'xs_daemon_open: refused'.encode('ascii')
        text = ''.join([name + '\n' for name in said[words[1]]])
        return 0, text.encode('ascii'), ''.encode('ascii')
    dom0.run = run
    return dom0


def guests(found):
    return [domain for domain in found['domains'] if domain['domid'] != '0']


def test_all_are_asked_for_with_their_devices(dom0):
    xend = Xend([DOMAIN_0, expression(UUIDS[0], 'a'), expression(UUIDS[1], 'b')], {})
    found = domains.domains(host(dom0, xend))
    assert [domain['name'] for domain in found['domains']] == ['Domain-0', 'a', 'b']
    assert found['missing'] == []
    assert found['domains'][1]['device']['vbd'][0]['uname'] == 'file:/OVS/a.img'
    assert xend.calls == [('domains_with_state', True, 'all', 1)]


def test_one_bad_domain_leaves_the_others(dom0):
    alone = {UUIDS[0]: expression(UUIDS[0], 'a'), UUIDS[1]: Fault(2, 'Device 0 not connected'),
             UUIDS[2]: expression(UUIDS[2], 'c'), ZERO: DOMAIN_0}
    gone = UUIDS[0][:-1] + '9'
    xend = Xend(Fault(1, 'Device 0 not connected'), alone)
    found = domains.domains(host(dom0, xend, [ZERO] + UUIDS + [gone, 'not-a-uuid']))
    assert [domain['name'] for domain in guests(found)] == ['a', 'c']
    assert found['missing'] == [
        {'name': 'not-a-uuid', 'error': 'not a uuid, under /vm in xenstore'},
        {'name': UUIDS[1], 'error': 'Device 0 not connected'}]
    assert ('domain', gone, 1) in xend.calls and ('domain', 'not-a-uuid', 1) not in xend.calls


@pytest.mark.parametrize('listed', [[], [expression(UUIDS[0])], [['domain', ['domid', '']]],
                                    [['domain', ['name', 'Domain-0'], ['uuid', UUIDS[1]]]],
                                    Fault(1, 'no'), None, {}, 'domain', 5])
def test_a_list_without_domain_0_is_no_answer(dom0, listed):
    found = domains.domains(host(dom0, Xend(listed, {UUIDS[0]: expression(UUIDS[0])}),
                                 [ZERO, UUIDS[0]]))
    assert [domain['uuid'] for domain in found['domains']] == [UUIDS[0]]
    assert [entry['name'] for entry in found['missing']] == [ZERO]


def test_a_list_without_domain_0_is_asked_one_by_one(dom0):
    xend = Xend([], {ZERO: DOMAIN_0, UUIDS[0]: expression(UUIDS[0])})
    found = domains.domains(host(dom0, xend, [ZERO, UUIDS[0]]))
    assert ([domain['uuid'] for domain in found['domains']], found['missing']) == (
        [ZERO, UUIDS[0]], [])


@pytest.mark.parametrize('listed', [Fault(1, 'Device 0 not connected'), [DOMAIN_0]])
@pytest.mark.parametrize('name, missing', [
    ('/vm/' + UUIDS[0], UUIDS[0]), ('/vm/' + UUIDS[0] + '-1', UUIDS[0]),
    ('/vm/' + UUIDS[0].upper(), UUIDS[0]), ('', 'domain 8'), ('/vm/x', 'domain 8')])
def test_what_lives_by_xenstores_word_is_missing_though_xend_denies_it(dom0, listed, name, missing):
    """Also what xend leaves out of its list, because it cannot print it (xend.md 1.3)."""
    xend = Xend(listed, {ZERO: DOMAIN_0})
    found = domains.domains(host(dom0, xend, [ZERO, UUIDS[0]], live=('0', '8'),
                                 vms=[('8', name)]))
    assert [domain['domid'] for domain in found['domains']] == ['0']
    assert [entry['name'] for entry in found['missing']] == [missing]
    assert 'domain 8' in found['missing'][0]['error']


def test_what_xenstore_has_of_a_domain_that_has_ended_is_not_missing(dom0):
    """A name under /vm stays for a while."""
    xend = Xend(Fault(1, 'no'), {ZERO: DOMAIN_0})
    assert domains.domains(host(dom0, xend, [ZERO, UUIDS[0]]))['missing'] == []


def test_what_is_missing_already_is_not_missing_twice(dom0):
    xend = Xend(Fault(1, 'no'), {ZERO: DOMAIN_0, UUIDS[0]: Fault(2, 'Device 0 not connected')})
    found = domains.domains(host(dom0, xend, [ZERO, UUIDS[0]], live=('0', '8', '9', 'x'), vms=[
        ('8', '/vm/' + UUIDS[0]), ('9', '/vm/' + UUIDS[0] + '-1')]))
    assert [entry['name'] for entry in found['missing']] == [UUIDS[0], 'domain x']


def test_without_xenstore_a_list_is_not_known_to_be_whole(dom0):
    with pytest.raises(errors.Failed, match='refused'):
        domains.domains(host(dom0, Xend([DOMAIN_0], {}), status=1))


@pytest.mark.parametrize('xend, status', [
    (Xend(IOError('no socket'), {}), 0), (Xend(Fault(1, 'no'), {}), 1)])
def test_nothing_known_is_no_empty_list(dom0, xend, status):
    with pytest.raises(errors.Failed):
        domains.domains(host(dom0, xend, UUIDS, status))


def test_without_xen_on_the_host(dom0):
    with pytest.raises(errors.Failed, match='xend: '):
        domains.domains(dom0)


def test_two_entries_of_one_uuid_of_which_xend_tells_one(dom0):
    """One VM on its way to this very host, or restarted under another name: xend.md 1.4."""
    xend = Xend(Fault(1, 'no'), {ZERO: DOMAIN_0, UUIDS[0]: expression(UUIDS[0])})
    found = domains.domains(host(dom0, xend, [ZERO, UUIDS[0], UUIDS[0] + '-1']))
    assert [domain['uuid'] for domain in found['domains']] == [ZERO, UUIDS[0]]
    assert [entry['name'] for entry in found['missing']] == [UUIDS[0]]
    assert '2 entries' in found['missing'][0]['error']
