"""Changes of a VM through its claim: never two domains, nothing free that is not, none run twice."""

import os

import pytest
from claiming import DIRECTORY, ID, TEXT, UUIDS, VM, Host, kill, process_of, until

from libcloud_ovm3_host import (change_vm, claim_changes, claim_store, documents, errors,
                                first_claim, observations, records, vm_files)
from libcloud_ovm3_host.compat import to_bytes


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """No test waits for the lock of a change that goes on."""
    monkeypatch.setattr(claim_changes, 'LOCK_SECONDS', 0)


def free(host, *others):
    """The VM is claimed and nowhere."""
    host.claim(*[each.name for each in (host,) + others])
    for each in (host,) + others:
        found = each.settle()
    assert (found['kind'], found['hosts'], found['why']) == ('free', [], '')
    return found


def hosts_of(found):
    return [each['host'] for each in found['hosts']]


def goes_on(host, monkeypatch, number, how, *change):
    """A change that hangs in the agent's function."""
    host.write('/how', how)
    before = len(host.calls())
    monkeypatch.setattr(claim_changes, 'ANSWER_SECONDS', 0.01)
    assert host.change(number, *change)['state'] == 'running'
    monkeypatch.setattr(claim_changes, 'ANSWER_SECONDS', 45)
    until(lambda: len(host.calls()) > before)
    if how == 'hangs late':
        until(host.domids)


# --- a life ---------------------------------------------------------------------------------------

def test_a_life(host, other):
    """Each step has the claim that follows from what is there then."""
    assert (host.now()['kind'], host.now()['version']) == ('', 0)
    made = host.claim()
    assert (made['kind'], hosts_of(made), made['version'], made['why']) == (
        'doubt', [UUIDS['two']], 2, ''), 'this host has looked at once'
    assert other.claim(number=2) == made, 'it has one'
    assert (other.settle()['kind'], other.now()['version']) == ('free', 3)
    started = host.change(3, 'start_vm')
    assert (started['kind'], started['outcome'], started['fault']) == ('on', 'done', '')
    assert started['hosts'] == [{'host': UUIDS['one'], 'boot': 'boot-one-1'}]
    assert (started['operation'], started['state'], started['version']) == (
        host.operation(3), 'ended', 5)
    assert len(host.domids()) == 1
    configured = host.change(4, 'configure_vm', {'vcpus': 2})
    assert (configured['kind'], configured['digest']) == ('on', host.digest())
    stopped = host.change(5, 'stop_vm', True)
    assert (stopped['kind'], stopped['outcome']) == ('free', 'done')
    assert other.change(6, 'start_vm')['kind'] == 'on', 'on any host now'
    assert other.change(7, 'stop_vm', True)['kind'] == 'free'
    deleted = host.change(8, 'delete_vm')
    assert (deleted['kind'], deleted['digest']) == ('gone', '')
    created = host.change(9, 'create_vm', {'name': 'web', 'uuid': VM})
    assert created['why'] == ''
    assert (created['kind'], created['digest']) == ('free', host.digest())
    assert host.calls() == ['start', 'configure', 'stop', 'delete', 'create']
    assert os.listdir(host.own + '/var/lib/libcloud-ovm3/claims') == ['host'], 'no mark is left'


def test_a_new_vm_needs_no_first_claim(host):
    os.remove(host.vm_cfg())
    made = host.change(1, 'create_vm', {'name': 'web', 'uuid': VM.replace('-', '')})
    assert (made['kind'], made['version'], host.calls()) == ('free', 2, ['create'])
    assert host.change(2, 'start_vm')['kind'] == 'on'
    for struct in ({'name': 'web'}, {'uuid': VM}, {'name': 'web', 'uuid': 'x'}):
        os.remove(host.vm_cfg())
        with pytest.raises((errors.InvalidArgument, errors.Conflict, errors.Failed)):
            host.change(3, 'create_vm', struct)
        host.put(TEXT)


def test_no_definition_is_made_where_a_domain_has_its_uuid(host):
    os.remove(host.vm_cfg())
    host.write('/domains', '%s 7\n' % VM)
    with pytest.raises(errors.NotAllowed, match='xend has a domain of this uuid'):
        host.change(1, 'create_vm', {'name': 'web', 'uuid': VM})
    assert host.calls() == []


# --- never twice ----------------------------------------------------------------------------------

def test_a_repeated_request_is_told_the_outcome(host, other):
    found = free(host, other)
    made = host.change(3, 'start_vm')
    for each in (host, other):
        assert each.change(3, 'start_vm', version=found['version']) == made
    host.change(4, 'stop_vm', True)
    assert host.change(3, 'start_vm')['version'] == made['version']
    assert (host.calls(), other.calls()) == (['start', 'stop'], [])


def test_of_two_hosts_one_starts_it(host, other):
    version = free(host, other)['version']
    ends = []
    for number, each in enumerate((host, other)):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                try:
                    each.change(number + 5, 'start_vm', version=version)
                    code = 0
                except errors.Conflict:
                    code = 7
            finally:
                os._exit(code)
        ends.append(child)
    assert sorted([os.waitpid(child, 0)[1] >> 8 for child in ends]) == [0, 7]
    assert len(host.domids() + other.domids()) == 1
    assert host.now()['kind'] == 'on'


def test_the_lock_is_not_taken_from_a_process_that_lives(host, monkeypatch):
    """Nor is a request that is repeated meanwhile told that nothing was done of it."""
    free(host)
    configured = host.change(2, 'configure_vm', {'vcpus': 2})
    goes_on(host, monkeypatch, 3, 'hangs', 'start_vm')
    assert (host.now()['kind'], host.now()['state']) == ('doubt', 'running')
    for again in (lambda: host.change(4, 'stop_vm', True), lambda: host.settle()):
        problem = pytest.raises(errors.Conflict, again).value
        assert host.operation(3) in str(problem)
    assert host.change(3, 'start_vm')['state'] == 'running'
    assert host.change(2, 'configure_vm', {'vcpus': 2}) == configured
    assert os.getsid(process_of(host)) != os.getsid(0)
    host.write('/go on', '')
    until(lambda: host.now()['kind'] == 'on')
    assert host.calls() == ['configure', 'start']


# --- neither success nor fault is proof ------------------------------------------------------------

@pytest.mark.parametrize('how, kind', [('faults', 'free'), ('faults late', 'on')])
def test_what_is_there_decides_not_the_fault(host, how, kind):
    free(host)
    host.write('/how', how)
    made = host.change(3, 'start_vm')
    assert (made['kind'], made['outcome']) == (kind, 'failed')
    assert 'KeyError' in made['fault']


def test_a_connection_to_xend_keeps_it_in_doubt(host, monkeypatch):
    """It may be that of a start which has faulted, and wait for xend's lock."""
    free(host)
    monkeypatch.setattr(observations, 'WORKS_SECONDS', 0)
    host.write('/how', 'faults')
    host.connect(77)
    made = host.change(3, 'start_vm')
    assert (made['kind'], hosts_of(made), made['outcome']) == ('doubt', [UUIDS['one']], 'failed')
    assert 'connection to xend' in made['why']
    host.xend_does('create', VM)  # there it is
    host.connect()
    assert host.settle()['kind'] == 'on'


def test_a_stop_in_the_gap_of_a_reboot_frees_nothing(host):
    free(host)
    host.change(3, 'start_vm')
    host.xend_does('begin_restart', host.domids()[0])
    made = host.change(4, 'stop_vm', True)
    assert (made['kind'], made['outcome']) == ('doubt', 'done')
    assert 'log' in made['why']
    with pytest.raises(errors.Conflict):
        host.change(5, 'start_vm')
    host.xend_does('create', VM, 'create_from_dict')
    assert host.settle()['kind'] == 'on'
    assert host.change(6, 'stop_vm', True)['kind'] == 'free'


def test_a_saved_guest_keeps_it_in_doubt(host):
    free(host)
    host.change(3, 'start_vm')
    os.makedirs(host.own + '/var/lib/xen/save')
    host.write('/var/lib/xen/save/web', '')
    assert host.change(4, 'stop_vm', True)['kind'] == 'doubt'
    host.boot(2)
    assert host.settle()['kind'] == 'doubt', 'another boot is no proof'
    os.remove(host.own + '/var/lib/xen/save/web')
    assert host.settle()['kind'] == 'free'


def test_another_host_sees_it_while_this_one_looks(host, other, monkeypatch):
    """Another tool has started it there: its module puts that host in."""
    free(host, other)
    look = observations.look

    def look_and_settle(dom0, uuid):
        monkeypatch.setattr(observations, 'look', look)
        other.xend_does('create', VM)
        other.settle()
        return look(dom0, uuid)
    monkeypatch.setattr(observations, 'look', look_and_settle)
    made = host.change(3, 'start_vm')
    assert (made['outcome'], host.calls()) == ('not done', [])
    assert 'another host has written' in made['fault']
    assert (made['kind'], hosts_of(made)) == ('doubt', [UUIDS['two']])
    monkeypatch.setattr(observations, 'look', look)
    assert other.settle()['kind'] == 'on'


def test_another_host_writes_while_this_one_settles(host, other, monkeypatch):
    """What was done is reported all the same, and not as a conflict."""
    host.xend_does('create', VM)
    host.claim('one', 'two')
    host.change(3, 'stop_vm', True)
    assert hosts_of(host.now()) == [UUIDS['two']]
    other.xend_does('create', VM)
    look = observations.look

    def look_and_write(dom0, uuid):
        monkeypatch.setattr(observations, 'look', look)
        found = look(dom0, uuid)
        host.xend_does('create', VM)
        host.settle()
        return found
    assert other.settle()['kind'] == 'on'
    monkeypatch.setattr(observations, 'look', look_and_write)
    made = other.change(4, 'stop_vm', True)
    assert (made['outcome'], made['operation']) == ('done', other.operation(4))
    assert (made['kind'], hosts_of(made)) == ('doubt', [UUIDS['one']])


@pytest.mark.parametrize('act, word', [
    (('create', VM), 'xend has a domain'), (('born', VM), 'about to make')])
def test_another_tool_s_domain_is_seen_before_a_start(host, act, word):
    free(host)
    host.xend_does(*act)
    made = host.change(3, 'start_vm')
    assert made['outcome'] == 'not done' and word in made['fault']
    assert host.calls() == []
    assert made['kind'] == {'create': 'on', 'born': 'doubt'}[act[0]]


def test_two_domains_stop_everything(host):
    free(host)
    host.change(3, 'start_vm')
    host.xend_does('create', VM)
    assert host.settle()['error'] == 'on host %s, boot boot-one-1' % UUIDS['one']
    for change in (('stop_vm', True), ('configure_vm', {'vcpus': 1})):
        with pytest.raises(errors.Conflict):
            host.change(4, *change)


# --- what a dead process leaves -------------------------------------------------------------------

def test_xend_is_started_while_the_host_looks(host, monkeypatch):
    """The list may not show a domain yet that the start closes in the log."""
    free(host)
    host.change(3, 'start_vm')
    look = observations.look

    def look_and_start(dom0, uuid):
        try:
            return look(dom0, uuid)
        finally:
            host.xend_does('start')
    monkeypatch.setattr(observations, 'look', look_and_start)
    assert host.change(4, 'stop_vm', True)['kind'] == 'doubt'
    monkeypatch.setattr(observations, 'look', look)
    assert host.settle()['kind'] == 'free'
    monkeypatch.setattr(observations, 'look', look_and_start)
    made = host.change(5, 'start_vm')
    assert (made['outcome'], host.calls()) == ('not done', ['start', 'stop'])


@pytest.mark.parametrize('how, kind', [('hangs', 'free'), ('hangs late', 'on')])
def test_a_start_that_was_killed(host, other, monkeypatch, how, kind):
    free(host, other)
    goes_on(host, monkeypatch, 3, how, 'start_vm')
    kill(host)
    found = host.now()
    assert (found['kind'], hosts_of(found), found['state']) == ('doubt', [UUIDS['one']], 'dead')
    assert other.now()['state'] == 'elsewhere'
    assert other.settle()['kind'] == 'doubt', 'another host can prove nothing'
    with pytest.raises(errors.Conflict):
        other.change(4, 'start_vm')
    assert host.settle()['kind'] == kind
    assert (len(host.domids()), other.calls()) == (int(kind == 'on'), [])


def test_a_stop_does_not_forget_the_start_before_it(host, monkeypatch):
    """Its xm lives, and has not asked xend yet; the stop is killed as well."""
    free(host)
    goes_on(host, monkeypatch, 3, 'hangs', 'start_vm')
    session = claim_store.sessions(host, vm_files.target(ID, DIRECTORY))[0][0]
    kill(host)
    living = {session: [('77', '1')]}
    host.session_members = lambda number: living.get(number, [])
    monkeypatch.setattr(observations, 'WORKS_SECONDS', 0)
    host.write('/how', '')
    made = host.change(4, 'stop_vm', True)
    assert (made['kind'], made['outcome']) == ('doubt', 'done')
    assert host.settle()['kind'] == 'doubt'
    living.clear()
    assert host.settle()['kind'] == 'free'


def test_xend_goes_on_after_the_process_was_killed(host, monkeypatch):
    """It was waiting for xend's lock: not listed, not in the log. Its connection is there."""
    free(host)
    goes_on(host, monkeypatch, 3, 'hangs', 'start_vm')
    monkeypatch.setattr(observations, 'WORKS_SECONDS', 0)
    host.connect(5)
    kill(host)
    assert host.settle()['kind'] == 'doubt'
    host.xend_does('create', VM)
    assert host.settle()['kind'] == 'doubt', 'it has not ended'
    host.connect()
    assert host.settle()['kind'] == 'on'


@pytest.mark.parametrize('written, kept', [
    ("name = 'w", TEXT), ('', TEXT), (TEXT + 'vcp', TEXT), (TEXT + 'vcpus = 2\n', None)])
def test_half_a_vm_cfg_is_put_back(host, monkeypatch, written, kept):
    """The agent was killed while it wrote. Which VM it is, is known all the same."""
    free(host)
    goes_on(host, monkeypatch, 3, 'hangs', 'configure_vm', {'vcpus': 2})
    kill(host)
    host.write('/how', '')
    os.chmod(host.vm_cfg(), int('644', 8))
    host.put(written)
    found = host.settle()
    assert (found['kind'], found['digest']) == ('free', host.digest())
    assert open(host.vm_cfg()).read() == (kept or written)
    assert os.stat(host.vm_cfg()).st_mode & int('777', 8) == int('644', 8)
    assert host.change(4, 'start_vm')['kind'] == 'on'


@pytest.mark.parametrize('written, kept', [("name = 'w", TEXT), (TEXT + 'vcpus = 2\n', None)])
def test_a_stop_does_not_forget_a_change_before_it(host, monkeypatch, written, kept):
    """It was killed while it wrote, or after it; a stop takes its place in the claim."""
    free(host)
    host.change(3, 'start_vm')
    goes_on(host, monkeypatch, 4, 'hangs', 'configure_vm', {'vcpus': 2})
    kill(host)
    host.write('/how', '')
    host.put(written)
    found = host.change(5, 'stop_vm', True)
    assert (found['kind'], found['digest']) == ('free', host.digest())
    assert open(host.vm_cfg()).read() == (kept or written)
    assert host.change(6, 'start_vm')['outcome'] == 'done'


@pytest.mark.parametrize('step', range(1, 19))
def test_cut_off_at_any_point(dom0, cut_off, step):
    """It is not run again; the claim never says free where the VM may be, and has a way on."""
    host = Host(dom0.root, 'one')
    host.put(TEXT)
    free(host)
    change = [('start_vm',), ('stop_vm', True), ('configure_vm', {'vcpus': 2}),
              ('delete_vm',), ('create_vm', {'name': 'web', 'uuid': VM})][step % 10 % 5]
    if step < 10:
        change = ('start_vm',)
    if change[0] == 'stop_vm':
        host.change(2, 'start_vm')
    elif change[0] == 'create_vm':
        host.change(2, 'delete_vm')
    found, digest, before = host.now(), host.digest(), host.calls()
    if change[0] in ('start_vm', 'stop_vm', 'create_vm'):
        digest = ''
    host.detached = lambda seconds, function, *arguments: function(*arguments)
    host.within = lambda seconds, function, *arguments: function(*arguments)
    host.session_members = lambda number: []

    def request():
        return host.change(3, *change, digest=digest, folder=found['folder'],
                           version=found['version'])
    cut_off(44 + step % 9 * 9, ['link', 'unlink', 'fsync', 'open', 'write'], request)
    calls = host.calls()
    if host.domids():
        assert host.now()['kind'] in ('doubt', 'on')
    request()  # repeated
    assert calls in (before, host.calls()), 'never twice'
    ended = host.now()
    if ended['kind'] == 'doubt':
        ended = host.settle()
    assert len(host.domids()) <= 1
    if host.domids():
        assert ended['kind'] == 'on'
    else:
        assert ended['kind'] == {True: 'free', False: 'gone'}[os.path.exists(host.vm_cfg())]


# --- what is refused ------------------------------------------------------------------------------

def test_what_the_client_has_not_read_is_not_changed(host, other):
    found = free(host, other)
    one_more = host.change(2, 'configure_vm', {'vcpus': 1})
    calls = [lambda: host.change(3, 'start_vm', version=found['version']),
             lambda: host.change(3, 'start_vm', folder='0' * 32),
             lambda: host.change(3, 'configure_vm', {'vcpus': 2}, digest='0' * 32)]
    for call in calls:
        with pytest.raises(errors.Conflict):
            call()
    assert host.now() == one_more
    host.put(TEXT + '# edited\n')  # without a claim: it cannot be told who is behind
    made = host.change(3, 'configure_vm', {'vcpus': 2})
    assert (made['outcome'], made['kind']) == ('not done', 'free')
    assert 'without a claim' in made['fault']
    assert host.calls() == ['configure']


def test_a_host_that_still_sees_an_old_content(host, monkeypatch):
    """Its own pages: the server's content decides, where it can be read."""
    free(host)
    run = host.run

    def direct(arguments, seconds):
        if arguments[0] == 'dd':
            return 0, to_bytes('x' * len(TEXT)), to_bytes('')
        return run(arguments, seconds)
    host.run = direct
    made = host.change(3, 'configure_vm', {'vcpus': 2})
    assert made['outcome'] == 'not done' and 'old content' in made['fault']
    host.run = lambda arguments, seconds: (
        arguments[0] == 'dd' and (0, to_bytes(TEXT), to_bytes('')) or run(arguments, seconds))
    assert host.change(4, 'configure_vm', {'vcpus': 2})['outcome'] == 'done'


def test_what_is_not_valid(host):
    free(host)
    version = host.now()['version']
    for function, given in [
            ('reboot_vm', []), ('reboot_vm', [True]), ('migrate_vm', []), ('pause_vm', [1]),
            ('start_vm', [1]), ('stop_vm', []), ('stop_vm', ['x']),
            ('configure_vm', []), ('configure_vm', ['x']), ('delete_vm', [{}]),
            (['start_vm'], [])]:
        with pytest.raises(errors.InvalidArgument):
            host.change(3, function, *given)
    for more in ({'folder': 'x'}, {'version': -1}, {'version': '1'}, {'digest': 'x'}):
        with pytest.raises(errors.InvalidArgument):
            host.change(3, 'start_vm', **more)
    with pytest.raises(errors.InvalidArgument):
        host.change(3, 'create_vm', {'name': 'a', 'uuid': VM}, digest='0' * 32)
    assert host.now()['version'] == version


def test_the_host_that_makes_the_first_claim_is_in_it(host):
    for names in ('', ['x'], [UUIDS['two']]):
        with pytest.raises(errors.InvalidArgument):
            first_claim.claim_vm(host, 'me', host.operation(1), ID, DIRECTORY, names)
    with pytest.raises(errors.NotFound):
        host.change(1, 'start_vm', folder='', version=0)
    with pytest.raises(errors.NotFound):
        host.settle()
    assert host.now()['version'] == 0


def test_a_claim_that_is_not_understood_is_not_free(host):
    free(host)
    target = vm_files.target(ID, DIRECTORY)
    folder = host.root + '/OVS/Repositories/' + ID + '/.libcloud-ovm3/claims/' + target['document']
    newest = '%s/%s' % (folder, host.now()['version'])
    handle = open(newest, 'a')
    handle.write('x')
    handle.close()
    for call in (host.now, host.settle, lambda: host.change(3, 'start_vm', folder='', version=0)):
        with pytest.raises(errors.Failed):
            call()
    assert host.calls() == []


def test_the_log_does_not_reach_back(host):
    """Only a person can tell then, for as long as it takes."""
    host.write('/var/log/xen/xend.log', '[x 1] DEBUG (x:1) y\n')
    host.claim('one')
    found = host.settle()
    assert (found['kind'], found['version']) == ('doubt', 1)
    assert 'log' in found['why']


# --- beside the changes of before -----------------------------------------------------------------

def old_change(host, number):
    return change_vm.change_vm(host, 'old', host.operation(number), ID, DIRECTORY, host.digest(),
                               'configure_vm', [{'vcpus': 9}])


def begin_the_old_way(host):
    """Its record that it is changing vm.cfg; its process is gone."""
    target = vm_files.target(ID, DIRECTORY)
    record = {'schema': '1', 'state': 'changing', 'operation': host.operation(50), 'client': 'old',
              'pid': '1', 'started': '', 'boot': host.boot_id(), 'host': 'one', 'host_uuid': ''}
    documents.write(host, 'old', host.operation(50), target['mount'], target['document'], 1,
                    records.encode(record))


def test_the_way_of_before_is_closed_once_there_is_a_claim(host):
    assert old_change(host, 1)['state'] == 'done'
    free(host)
    with pytest.raises(errors.Conflict):
        old_change(host, 3)
    assert host.calls() == ['configure']


def test_a_change_of_before_meets_the_first_claim(host, monkeypatch):
    """Each looks for the other when its own version is made."""
    begin = change_vm._begin

    def claimed_meanwhile(dom0, request, version):
        record = begin(dom0, request, version)
        monkeypatch.setattr(change_vm, 'unfinished', lambda dom0, target: '')
        host.claim('one')
        return record
    monkeypatch.setattr(change_vm, '_begin', claimed_meanwhile)
    made = old_change(host, 1)
    assert (made['state'], host.calls()) == ('not done', [])
    assert 'has a claim' in made['fault']


def test_the_first_claim_meets_a_change_of_before(host, monkeypatch):
    write = claim_store.write

    def begun_meanwhile(*given):
        begin_the_old_way(host)
        return write(*given)
    monkeypatch.setattr(claim_store, 'write', begun_meanwhile)
    with pytest.raises(errors.Conflict):
        host.claim('one')
    monkeypatch.setattr(claim_store, 'write', write)
    found = host.settle()
    assert (found['kind'], 'still goes on' in found['why']) == ('doubt', True)


def test_a_new_vm_meets_a_change_of_before(host, monkeypatch):
    write = claim_store.write

    def begun_meanwhile(*given):
        monkeypatch.setattr(claim_store, 'write', write)
        begin_the_old_way(host)
        return write(*given)
    os.remove(host.vm_cfg())
    monkeypatch.setattr(claim_store, 'write', begun_meanwhile)
    made = host.change(1, 'create_vm', {'name': 'web', 'uuid': VM})
    assert (made['outcome'], made['kind'], host.calls()) == ('not done', 'doubt', [])


def test_a_change_of_before_that_was_not_settled_holds_up_others(host):
    free(host)
    begin_the_old_way(host)
    with pytest.raises(errors.Conflict):
        host.change(3, 'start_vm')
    assert host.calls() == []


def test_what_has_not_begun_in_time_never_will(host):
    free(host)
    times = [0]

    def seconds():
        times.append(times[-1] + 30)
        return times[-1]
    host.seconds = seconds
    made = host.change(3, 'start_vm')
    assert (made['outcome'], host.calls()) == ('not done', [])
    assert 'did not begin' in made['fault']


# --- the folder -----------------------------------------------------------------------------------

def test_two_hosts_with_one_uuid(host, other, monkeypatch):
    free(host)
    monkeypatch.setitem(UUIDS, 'two', UUIDS['one'])
    problem = pytest.raises(errors.Conflict, other.settle).value
    assert 'another host with the server uuid' in str(problem)


def test_a_folder_that_was_made_anew(host):
    folder = free(host)['folder']
    mount = to_bytes('/OVS/Repositories/' + ID)
    claim_store.retire(host, mount, '0' * 32)
    assert host.now()['folder'] == folder
    claim_store.retire(host, mount, folder)
    assert (host.now()['folder'], host.now()['version']) == ('', 0)
    new = host.claim('one')
    assert new['folder'] != folder
    host.settle()
    with pytest.raises(errors.Conflict):
        host.change(3, 'start_vm', folder=folder, version=2)
    claim_store.retire(host, mount, new['folder'])
    assert claim_store.make_folder(host, mount) == claim_store.make_folder(host, mount)
