"""The table: whatever goes wrong in a function of ours is an error of ours."""

import os
import signal
import time

import pytest

from libcloud_ovm3_host import errors, limits, services
from libcloud_ovm3_host.dom0 import Dom0
from libcloud_ovm3_host.rpc import Binary
from libcloud_ovm3_host.version import PREFIX


class Wanting(Dom0):
    """A host whose tools for xenstore and loop devices fail."""

    def run(self, arguments, seconds):
        return Dom0.run(self, ['false'], seconds)


def of(host, name):
    return services.table(host)[PREFIX + name]


@pytest.mark.parametrize('seconds', [None, 5])
@pytest.mark.parametrize('kind', [IOError, MemoryError, KeyError, UnicodeError])
def test_any_error_is_one_of_ours(dom0, monkeypatch, kind, seconds):
    def broken(dom0):
        raise kind('why')
    monkeypatch.setitem(services.SERVICES, 'broken', (broken, seconds))
    problem = pytest.raises(errors.Failed, of(dom0, 'broken')).value
    assert 'why' in str(problem)


def test_ours_stay_what_they_are(dom0):
    with pytest.raises(errors.InvalidArgument):
        of(dom0, 'repository')('no', '')


@pytest.mark.parametrize('name, arguments', [
    ('version', (1,)), ('domains', (1,)), ('log_tail', ('agent',)), ('stat_file', ()),
    ('write_document', ('client', '0' * 32))])
def test_the_number_of_arguments(dom0, name, arguments):
    problem = pytest.raises(errors.InvalidArgument, of(dom0, name), *arguments).value
    assert 'not %d' % len(arguments) in str(problem)


def reap_all(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except OSError:
        pass


@pytest.mark.parametrize('handler', [signal.SIG_DFL, signal.SIG_IGN, reap_all])
def test_a_command_that_failed_has_failed_whoever_reaps_it(dom0, handler):
    """The agent may leave its children to the system, or to a handler: then status 0 means nothing,
    and nobody would seem to hold any disk."""
    before = signal.signal(signal.SIGCHLD, handler)
    try:
        found = of(Wanting(dom0.root), 'file_holders')()
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert [sorted(entry) for entry in found] == [['error', 'kind']] * 2
    before = signal.signal(signal.SIGCHLD, handler)
    try:
        for name in ('addresses', 'routes'):
            with pytest.raises(errors.Failed):
                of(Wanting(dom0.root), name)()
    finally:
        signal.signal(signal.SIGCHLD, before)


# --- whatever hangs -------------------------------------------------------------------------------

ID = '0a' * 16
MOUNT = '/OVS/Repositories/' + ID
WHO = ('client', '0b' * 16)
FILE = MOUNT + '/file'
VM = '0004fb00-0006-0000-aaaa-0123456789ab'
CHUNK = Binary('\0\0\0\0'.encode('ascii'))
RECORD = {'md5': '', 'content_type': '', 'content_encoding': '', 'meta_data': {}}
CALLS = {
    'get_api_services': (), 'domains': (), 'addresses': (), 'routes': (), 'repository': (ID, ''),
    'list_files': (MOUNT, '', 5), 'stat_file': (FILE,), 'read_file': (FILE, 0, 5),
    'create_file': WHO + (FILE, 5), 'write_file': WHO + (FILE, 0, CHUNK),
    'truncate_file': WHO + (FILE, 5), 'grow_file': WHO + (FILE, 5, 6),
    'rename_file': WHO + (FILE, FILE + '2'),
    'delete_file': WHO + (FILE,), 'set_aside': WHO + (FILE,), 'put_back': WHO + (FILE,),
    'delete_aside': WHO + (FILE,), 'start_job': WHO + ('md5', FILE, ''),
    'job_status': (MOUNT, WHO[1]), 'cancel_job': WHO + (MOUNT, WHO[1]),
    'list_documents': (MOUNT, '', 5), 'read_document': (MOUNT, 'name'),
    'write_document': WHO + (MOUNT, 'name', 1, Binary('x'.encode('ascii'))),
    'write_seed': WHO + (MOUNT, VM, Binary('x'.encode('ascii'))),
    'delete_seed': WHO + (MOUNT, '%s.%s.iso' % (VM, WHO[1])),
    'list_containers': (MOUNT, '', 5), 'create_container': WHO + (MOUNT, 'box'),
    'delete_container': WHO + (MOUNT, 'box'), 'list_objects': (MOUNT, '', '', '', 5),
    'stat_object': (MOUNT, '', 'x'), 'read_object': (MOUNT, '', 'x', 0, 5, ''),
    'delete_object': WHO + (MOUNT, '', 'x', ''),
    'describe_object': WHO + (MOUNT, '', 'x', '1-2-3.000000', RECORD),
    'begin_upload': WHO + (MOUNT, '', 'x', -1), 'list_uploads': (MOUNT, ''),
    'write_upload': WHO + (MOUNT, '', 0, CHUNK), 'upload_sums': (MOUNT, '', WHO[1], 0, 1),
    'commit_upload': WHO + (MOUNT, '', 'x', 0, RECORD, False),
    'adopt_upload': WHO + (MOUNT, '', '0c' * 16),
    'delete_upload': WHO + (MOUNT, '', WHO[1]), 'restore_aside': WHO + (FILE,),
    'leave_claims': WHO + (False,),
    'read_vm': (ID, 'name', ''), 'settle_vm': WHO + (ID, 'name', WHO[1], False),
    'expect_vm': WHO + (ID, 'name'), 'list_claims': (ID,), 'read_claim': (ID, 'name', ''),
    'control_interface': ('c1',), 'set_control_interface': WHO + ('c0', '169.254.1.1', 16)}
# These say of each part of the answer that it took too long.
IN_PARTS = {'read_agent': (['list_vms'],), 'free_space': (), 'identify': ([FILE],), 'file_holders': ()}
# These touch nothing that can hang, wait no longer than they are told to, or go on after the answer.
HANG_NEVER = ['version', 'capabilities', 'autostart_guests', 'block_devices', 'change_vm',
              'change_claimed_vm', 'settle_claim', 'claim_vm',
              'take_out_host', 'put_in_host', 'accept_vm_cfg', 'discard_saved',
              'neighbours', 'storage_servers', 'check_port', 'log_tail', 'bridges', 'take_bridge',
              'release_bridge', 'remove_bridge', 'keep_bridge', 'network_setup',
              'guarded_network_change', 'confirm_network_change', 'network_change', 'dhcp_leases',
              'watch_dhcp', 'meet']


@pytest.fixture
def hanging(dom0):
    """A host of which everything hangs but its own disk, with little patience."""
    def hang(*_):
        time.sleep(3600)
    os.makedirs(dom0.path('/sys/class/net/c0/bridge'))
    dom0.open_mount = dom0.real_path = dom0.run = dom0.xend = dom0.agent_modules = hang
    dom0.log = lambda message: None
    dom0.within = lambda seconds, function, *arguments: limits.within(
        min(0.03, seconds), function, *arguments)
    return dom0


def test_every_function_is_tried():
    assert sorted(list(CALLS) + list(IN_PARTS) + HANG_NEVER) == sorted(services.SERVICES)


@pytest.mark.parametrize('name', sorted(CALLS))
def test_what_hangs_is_said_in_order(hanging, name):
    problem = pytest.raises(errors.Timeout, of(hanging, name), *CALLS[name]).value
    assert 'more than 0.03 s' in str(problem)


@pytest.mark.parametrize('name', ['read_agent', 'free_space', 'identify'])
def test_what_hangs_is_said_of_its_part(hanging, name):
    said = repr(of(hanging, name)(*IN_PARTS[name]))
    assert 'more than' in said and ('error' in said or 'errors.Timeout' in said)


def test_commands_that_hang_are_said_of_their_part(dom0):
    """They have limits of their own, and xenstore is not asked for each domain in vain."""
    asked = []

    def run(words, seconds):
        asked.append(words[0])
        if words[0] == 'xenstore-ls':
            lines = ['/local/domain/0/backend/vbd/%d/51712/params = "/x"\n' % n for n in range(9)]
            return 0, ''.join(lines).encode('ascii'), ''.encode('ascii')
        raise errors.Timeout('%s: more than %g s' % (words[0], seconds))
    dom0.run = run
    dom0.within = lambda seconds, function, *arguments: function(*arguments)
    found = of(dom0, 'file_holders')()
    assert [entry.get('uuid') for entry in found] == [''] * 9 + [None]
    assert found[-1]['kind'] == 'loop' and 'more than' in found[-1]['error']
    assert asked == ['xenstore-ls', 'losetup', 'xenstore-read']
