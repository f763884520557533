"""Changes of a vm.cfg: one at a time, none twice, none lost; what a dead process leaves."""

import os
import shutil
import signal
import time

import pytest

from libcloud_ovm3_host import change_vm, documents, errors, limits, records, vm_files
from libcloud_ovm3_host.compat import md5, to_bytes
from libcloud_ovm3_host.dom0 import Dom0
from libcloud_ovm3_host.rpc import Binary

ID = '0a' * 16
REPOSITORY = '/OVS/Repositories/' + ID
DIRECTORY = '0b' * 16
OLD, NEW = to_bytes("name = 'old'\n"), to_bytes("name = 'new'\n")
LONG = {'name': 'new', 'hangs': True}


def operation(number):
    return '%032x' % number


def digest_of(content):
    return md5(content).hexdigest()


class Host(Dom0):
    """A host of a plain directory, with an agent that writes names; its name is its uuid."""

    name = 'one'

    def log(self, message):
        pass

    def hostname(self):
        return self.name

    def boot_id(self):
        return self.name + Dom0.boot_id(self)

    def agent_modules(self):
        return [lambda: Agent(self)]


class Agent(object):
    def __init__(self, host):
        self.host = host

    def get_services(self, version=None):
        return {'configure_vm': self.configure_vm, 'create_vm': self.configure_vm,
                'delete_vm': self.delete_vm, 'discover_server': self.discover_server}

    def delete_vm(self, repository, directory):
        self.configure_vm(repository, directory, {'name': 'deleted'})
        shutil.rmtree(os.path.dirname(file_of(self.host)))

    def discover_server(self):
        number = {'one': u'1', 'two': u'2'}[self.host.name]
        return (u'<a><Unique_Id>%s</Unique_Id><Registered_IP>10.0.0.%s</Registered_IP></a>'
                % (number * 32, number))

    def configure_vm(self, repository, directory, struct):
        assert (repository, directory) == (ID, DIRECTORY)
        if struct.get('torn'):  # before the call is seen: then it may be killed
            write(self.host, NEW[:3])
        calls = open(self.host.root + '/calls', 'a')
        calls.write('%s\n' % struct['name'])
        calls.close()
        while struct.get('hangs') and not os.path.exists(self.host.root + '/go on'):
            time.sleep(0.01)
        if struct.get('faults'):
            raise KeyError('refused')
        write(self.host, to_bytes("name = '%s'\n" % struct['name']))


def file_of(host):
    return host.root + REPOSITORY + '/VirtualMachines/' + DIRECTORY + '/vm.cfg'


def write(host, content):
    handle = open(file_of(host), 'wb')
    handle.write(content)
    handle.close()


def content_of(host):
    handle = open(file_of(host), 'rb')
    try:
        return handle.read()
    finally:
        handle.close()


def calls_of(host):
    if not os.path.exists(host.root + '/calls'):
        return []
    return open(host.root + '/calls').read().split()


def versions_of(host):
    folder = host.root + REPOSITORY + '/.libcloud-ovm3/documents/vm-' + DIRECTORY
    if not os.path.isdir(folder):
        return []
    return sorted(int(name) for name in os.listdir(folder))


@pytest.fixture
def host(dom0):
    return prepared(dom0)


def prepared(dom0):
    os.makedirs(os.path.dirname(dom0.root + REPOSITORY + '/VirtualMachines/' + DIRECTORY + '/x'))
    found = Host(dom0.root)
    write(found, OLD)
    return found


@pytest.fixture
def other(host):
    """Another host with the same repository."""
    found = Host(host.root)
    found.name = 'two'
    return found


def change(host, number=1, digest=None, struct=None):
    return change_vm.change_vm(host, 'client', operation(number), ID, DIRECTORY,
                               digest or digest_of(OLD), 'configure_vm',
                               [struct or {'name': 'new'}])


def read(host, number=None):
    named = ''
    if number is not None:
        named = operation(number)
    return change_vm.read_vm(host, ID, DIRECTORY, named)


def settle(host, number, take_over=False):
    return change_vm.settle_vm(host, 'client', operation(99), ID, DIRECTORY, operation(number),
                               take_over)


def begun(host, monkeypatch, struct=LONG):
    """A change that goes on: the record of it."""
    monkeypatch.setattr(change_vm, 'ANSWER_SECONDS', 0.01)
    assert change(host, struct=struct)['state'] == 'running'
    monkeypatch.setattr(change_vm, 'ANSWER_SECONDS', 45)
    until(lambda: calls_of(host))
    return records.decode(documents.read(host, to_bytes(REPOSITORY), 'vm-' + DIRECTORY)['content'])


def go_on(host):
    open(host.root + '/go on', 'w').close()


def until(condition):
    end = time.time() + 120
    while not condition():
        assert time.time() < end
        time.sleep(0.01)


def kill(record):
    pid = int(record['pid'])
    os.kill(pid, signal.SIGKILL)
    until(lambda: not limits.start_time(pid))


def at_once(host):
    """Time that passes only where it is waited for."""
    host.waited = 0

    def sleep(seconds):
        host.waited += seconds
    host.sleep = sleep
    host.seconds = lambda: host.waited
    return host


# --- what a change is ----------------------------------------------------------------------------

def test_a_change(host):
    assert read(host) == {'content': Binary(OLD), 'digest': digest_of(OLD), 'change': {}}
    made = change(host)
    assert (made['state'], made['fault'], made['digest']) == ('done', '', digest_of(NEW))
    assert (made['operation'], made['client'], made['function'], made['host']) == (
        operation(1), 'client', 'configure_vm', 'one')
    assert (made['host_uuid'], made['address']) == ('1' * 32, '10.0.0.1')
    assert content_of(host) == NEW
    assert versions_of(host) == [1, 2]
    assert read(host) == {'content': Binary(NEW), 'digest': digest_of(NEW), 'change': made}
    assert read(host, 2)['change'] == {}
    assert change(host, 2, digest_of(NEW), {'name': 'newer'})['state'] == 'done'
    assert read(host, 1)['change'] == made
    assert calls_of(host) == ['new', 'newer']


def test_the_agent_s_fault_is_reported_and_ends_the_change(host):
    made = change(host, struct={'name': 'x', 'faults': True})
    assert made['state'] == 'failed'
    assert made['fault'].endswith(":'refused'")
    assert 'KeyError' in made['fault']
    assert made['digest'] == digest_of(OLD)
    assert change(host, 2)['state'] == 'done'


def test_another_file_than_was_read(host):
    write(host, to_bytes("name = 'edited'\n"))
    problem = pytest.raises(errors.Conflict, change, host).value
    assert 'not what was read' in str(problem)
    assert calls_of(host) == []
    assert versions_of(host) == []


def test_a_file_that_is_changed_in_the_last_moment(host, monkeypatch):
    """After the version that says that it is being changed: an editor does not ask."""
    real = documents.write

    def edited_after(*arguments):
        real(*arguments)
        write(host, to_bytes("name = 'edited'\n"))
    monkeypatch.setattr(documents, 'write', edited_after)
    made = change(host)
    assert made['state'] == 'not done'
    assert 'just been changed' in made['fault']
    assert calls_of(host) == []
    monkeypatch.setattr(documents, 'write', real)
    assert change(host, 2, digest_of(content_of(host)))['state'] == 'done'


def test_a_repeated_request_is_not_run_again(host):
    made = change(host)
    for _ in range(2):
        assert change(host) == made
    assert change(host, 2, digest_of(NEW), {'name': 'newer'})['state'] == 'done'
    assert change(host) == made
    write(host, OLD)
    assert change(host) == made
    assert calls_of(host) == ['new', 'newer']
    assert versions_of(host) == [1, 2, 3, 4]


def test_a_repeated_request_finds_the_change_going_on(host, monkeypatch):
    record = begun(host, monkeypatch)
    assert change(host)['state'] == 'running'
    assert read(host, 1)['change']['state'] == 'running'
    assert read(host)['digest'] == digest_of(OLD)
    assert os.getsid(int(record['pid'])) != os.getsid(0)
    go_on(host)
    until(lambda: read(host, 1)['change']['state'] == 'done')
    assert change(host)['state'] == 'done'
    assert calls_of(host) == ['new']


def test_of_two_at_once_one_is_refused(host, other):
    """Both have read the same file."""
    results = [in_a_process(change, each, number) for number, each in enumerate((host, other))]
    ends = sorted(os.waitpid(child, 0)[1] >> 8 for child in results)
    assert ends == [0, 7]
    assert calls_of(host) == ['new']
    assert versions_of(host) == [1, 2]


def in_a_process(function, *arguments):
    """Its exit code: 7 for a conflict."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            try:
                function(*arguments)
                code = 0
            except errors.Conflict:
                code = 7
        finally:
            os._exit(code)
    return child


def test_whoever_comes_while_a_change_goes_on_waits_and_is_told_whose_it_is(
        host, other, monkeypatch):
    record = begun(host, monkeypatch)
    for each in (host, other):
        problem = pytest.raises(errors.Conflict, change, at_once(each), 2).value
        for part in (operation(1), 'host one', 'process %s' % record['pid'].decode('ascii')):
            assert part in str(problem)
    assert read(other)['change']['state'] == 'elsewhere'
    go_on(host)
    until(lambda: read(other)['change']['state'] == 'done')
    assert change(other, 2, digest_of(NEW))['state'] == 'done'


def test_whoever_waits_goes_on_when_the_change_has_ended(host, other, monkeypatch):
    begun(host, monkeypatch, {'name': 'old', 'hangs': True})

    def sleep(seconds):
        go_on(host)
        time.sleep(0.01)
    other.sleep = sleep
    other.seconds = lambda: 0
    assert change(other, 2)['state'] == 'done'
    assert calls_of(host) == ['old', 'new']


def test_what_has_not_begun_in_time_never_will(host):
    """Its client has gone: such an effect would come when nobody expects it."""
    times = [0, 40]
    host.detached = lambda seconds, function, *arguments: function(*arguments)
    host.seconds = lambda: times.pop(0)
    made = change(host)
    assert made['state'] == 'not done'
    assert 'did not begin' in made['fault']
    assert calls_of(host) == []


# --- what a dead process leaves ------------------------------------------------------------------

def test_the_text_before_a_change_that_was_killed_is_kept(host, monkeypatch):
    """The agent writes the file in place, as far as is known: half of it may be there."""
    record = begun(host, monkeypatch, dict(LONG, torn=True))
    kill(record)
    found = read(host)
    assert (found['change']['state'], found['content'].data) == ('dead', NEW[:3])
    assert found['before'].data == OLD
    assert versions_of(host) == [1]
    problem = pytest.raises(errors.Conflict, change, host, 2).value  # it is not what was read
    assert 'not what was read' in str(problem)
    found = read(host)
    assert (found['change']['state'], found['change']['operation']) == ('unknown', operation(1))
    assert found['change']['digest'] == digest_of(NEW[:3])
    assert found['before'].data == OLD
    assert change(host)['state'] == 'unknown'  # repeated: never again
    write(host, OLD)  # a person puts it back
    assert change(host, 3)['state'] == 'done'
    assert calls_of(host) == ['new', 'new']


def test_only_its_own_host_knows_that_it_is_dead(host, other, monkeypatch):
    kill(begun(host, monkeypatch))
    for call in (lambda: change(at_once(other), 2), lambda: settle(other, 1)):
        problem = pytest.raises((errors.Conflict, errors.NotAllowed), call).value
        assert 'host one' in str(problem)
    assert versions_of(host) == [1]
    assert settle(host, 1)['state'] == 'unknown'
    assert settle(host, 1)['state'] == 'unknown'
    assert versions_of(host) == [1, 2]
    assert change(other, 2)['state'] == 'done'


def test_a_change_is_not_ended_by_settling_it(host, monkeypatch):
    begun(host, monkeypatch)
    for take_over in (False, True):
        problem = pytest.raises(errors.Conflict, settle, host, 1, take_over).value
        assert 'it goes on' in str(problem)
    assert versions_of(host) == [1]
    go_on(host)
    until(lambda: read(host)['change']['state'] == 'done')
    assert settle(host, 1, True)['state'] == 'done'
    with pytest.raises(errors.NotFound):
        settle(host, 5)


def test_a_person_takes_over_from_a_host_that_is_gone(host, other, monkeypatch):
    kill(begun(host, monkeypatch))
    made = settle(other, 1, True)
    assert (made['state'], made['host'], made['digest']) == ('unknown', 'one', digest_of(OLD))
    assert change(other, 2)['state'] == 'done'


def test_a_boot_ends_the_changes_of_its_host_and_of_no_other(host, other, monkeypatch):
    kill(begun(host, monkeypatch))
    record = open(host.root + '/proc/sys/kernel/random/boot_id', 'w')
    record.write('another boot\n')
    record.close()
    assert read(other)['change']['state'] == 'elsewhere'
    assert read(host)['change']['state'] == 'dead'
    assert change(host, 2)['state'] == 'done'


def test_one_that_was_taken_over_and_goes_on_all_the_same_is_not_recorded_as_done(
        host, other, monkeypatch):
    """The host was not off. Its change has happened, but what follows is built on the other."""
    record = begun(host, monkeypatch)
    settle(other, 1, True)
    go_on(host)
    until(lambda: content_of(host) == NEW)
    assert change(other, 2, digest_of(NEW))['state'] == 'done'
    until(lambda: not limits.start_time(int(record['pid'])))
    assert read(host, 1)['change']['state'] == 'unknown'
    assert versions_of(host) == [1, 2, 3, 4]


@pytest.mark.parametrize('step', range(1, 14))
def test_cut_off_at_any_point(dom0, cut_off, step):
    """Nothing is run twice, the text is not lost, and the next change goes on."""
    host = prepared(dom0)
    host.detached = lambda seconds, function, *arguments: function(*arguments)
    host.within = lambda seconds, function, *arguments: function(*arguments)
    names = ['link', 'unlink', 'fsync', 'open', 'write']
    was_cut = cut_off(step * 4, names, change, host)
    calls = calls_of(host)
    state = read(host, 1)['change'].get('state')
    assert state in (None, 'dead', 'done')
    if state == 'dead':
        assert read(host, 1)['before'].data == OLD
    assert content_of(host) in (OLD, NEW)
    if was_cut and state is not None:  # repeated: it is not run again
        assert change(host)['state'] in ('unknown', 'done', 'dead')
        assert calls_of(host) == calls
    assert change(host, 2, digest_of(content_of(host)), {'name': 'newest'})['state'] == 'done'
    assert content_of(host) == to_bytes("name = 'newest'\n")


# --- what is refused -----------------------------------------------------------------------------

@pytest.mark.parametrize('position, value', [
    (0, 'no client!'), (1, 'x'), (2, 'x' * 32), (2, '..'), (3, '..'), (3, ''), (3, 'a/b'), (3, 7),
    (3, 'x' * 256), (4, 'x'), (5, 'delete_vm'), (5, ['configure_vm']), (6, {}), (6, []),
    (6, [{}, {}]), (6, ['x'])])
def test_what_is_not_valid_is_refused(host, position, value):
    given = ['client', operation(1), ID, DIRECTORY, digest_of(OLD), 'configure_vm', [{'name': 'x'}]]
    given[position] = value
    with pytest.raises((errors.InvalidArgument, errors.NotAllowed)):
        change_vm.change_vm(host, *given)
    assert calls_of(host) == []
    assert not os.path.exists(host.root + REPOSITORY + '/.libcloud-ovm3')


def test_settling_needs_a_boolean(host):
    with pytest.raises(errors.InvalidArgument):
        settle(host, 1, 'yes')


def test_a_vm_cfg_that_is_not_there(host):
    os.unlink(file_of(host))
    assert sorted(read(host)) == ['change', 'error']
    with pytest.raises(errors.NotFound):
        change(host)
    assert versions_of(host) == []


def test_a_link_is_not_followed(host):
    os.rename(file_of(host), host.root + '/elsewhere')
    os.symlink(host.root + '/elsewhere', file_of(host))
    with pytest.raises(errors.NotAllowed):
        change(host)


def test_an_agent_without_the_function(host):
    host.agent_modules = lambda: []
    made = change(host)
    assert made['state'] == 'not done'
    assert 'configure_vm' in made['fault']


def test_a_document_of_a_newer_module_is_left_alone(host):
    for number, data in enumerate((to_bytes('schema=2\nstate=free\n'), to_bytes('?'))):
        documents.write(host, 'client', operation(70), to_bytes(REPOSITORY), 'vm-' + DIRECTORY,
                        number + 1, data)
        with pytest.raises(errors.Failed):
            change(host)
    assert calls_of(host) == []


@pytest.mark.parametrize('directory, name', [
    (DIRECTORY, 'vm-' + DIRECTORY), ('web 1', None), (u'D\xe9p\xf4t', None), ('x' * 255, None),
    ('.hidden', None), ('web-1', 'vm-web-1')])
def test_the_names_of_documents(directory, name):
    target = vm_files.target(ID, directory)
    if name is None:
        name = 'vm.' + md5(to_bytes(directory)).hexdigest()
    assert target['document'] == name
    assert documents.arguments.document(name) == name


# --- a vm.cfg that is to be made ------------------------------------------------------------


def create(host, number=1, digest='', function='create_vm', **struct):
    return change_vm.change_vm(host, 'me', operation(number), ID, DIRECTORY, digest, function,
                               [dict({'name': 'new'}, **struct)])


def test_one_is_made_only_where_there_is_none(host):
    with pytest.raises(errors.Conflict) as conflict:
        create(host)
    assert 'is there already' in str(conflict.value)
    assert (content_of(host), calls_of(host)) == (OLD, [])
    os.remove(file_of(host))
    made = create(host, 2)
    assert (made['state'], made['digest'], content_of(host)) == ('done', digest_of(NEW), NEW)
    with pytest.raises(errors.Conflict):
        create(host, 3, name='later')
    assert create(host, 2)['state'] == 'done', 'the same request, repeated'
    assert calls_of(host) == ['new']


def test_none_is_made(host):
    os.remove(file_of(host))
    failed = create(host, faults=True)
    assert (failed['state'], failed['digest']) == ('failed', '')
    assert 'refused' in failed['fault']
    assert not os.path.exists(file_of(host))
    assert create(host, 2)['state'] == 'done'


def test_another_makes_it_right_before(host, monkeypatch):
    os.remove(file_of(host))
    begin = change_vm._begin

    def begin_and_lose(dom0, request, version):
        record = begin(dom0, request, version)
        write(host, OLD)
        return record
    monkeypatch.setattr(change_vm, '_begin', begin_and_lose)
    found = create(host)
    assert found['state'] == 'not done' and 'is there already' in found['fault']
    assert (content_of(host), calls_of(host)) == (OLD, [])


def delete(host, number, digest, parameters=()):
    return change_vm.change_vm(host, 'me', operation(number), ID, DIRECTORY, digest, 'delete_vm',
                               list(parameters))


def test_the_one_that_was_read_is_deleted(host):
    with pytest.raises(errors.Conflict):
        delete(host, 1, digest_of(NEW))
    with pytest.raises(errors.InvalidArgument):
        delete(host, 2, digest_of(OLD), [{}])
    assert (content_of(host), calls_of(host)) == (OLD, [])
    done = delete(host, 3, digest_of(OLD))
    assert (done['state'], done['digest'], done['fault']) == ('done', '', '')
    assert not os.path.exists(os.path.dirname(file_of(host)))
    os.mkdir(os.path.dirname(file_of(host)))
    assert create(host, 4)['state'] == 'done', 'its id may come again'
    assert delete(host, 3, digest_of(OLD))['state'] == 'done', 'the same request, repeated'
    assert content_of(host) == NEW


@pytest.mark.parametrize('digest,function', [('', 'configure_vm'), (None, 'create_vm')])
def test_which_digest_goes_with_which_function(host, digest, function):
    with pytest.raises(errors.InvalidArgument):
        create(host, digest=digest, function=function)
