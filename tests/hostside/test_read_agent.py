"""The agent's reads and a whole repository in one call."""

import os
import time

import pytest
from libcloud_ovm3_host import aside, documents, errors, read_agent, repository, version
from libcloud_ovm3_host.rpc import Binary

ID = '0a' * 16
UUID = '868a6627-c3b0-3d9b-aea4-f279cbaa253b'


class Discovery(object):
    def get_services(self, version=None):
        return {'discover_server': lambda: '<Discover_Server_Result/>',
                'get_last_boot_time': lambda: {'last_boot_time': 5},
                'discover_server_pool': lambda: BAD,
                'discover_network': slow, 'discover_hardware': fail,
                'discover_repositories': lambda one: '<R id="%s"/>' % one}


class Unusable(object):
    def get_services(self, version=None):
        raise RuntimeError('not today')


BAD = u'caf\xe9 '.encode('latin-1') + u'\xe9t\xe9 ok'.encode('utf-8')


class OwnError(Exception):
    __module__ = 'agent.lib.filelock'


def slow():
    time.sleep(3600)


def fail():
    raise OwnError(BAD)


def lists(answer):
    """A module whose list_vms does that."""
    class Xen(object):
        def get_services(self, version=None):
            return {'list_vms': answer}
    return Xen


@pytest.fixture
def agent(dom0):
    dom0.agent_modules = lambda: [Unusable, Discovery, lists(lambda: [{'domid': '0'}])]
    return dom0


def test_several_in_one_call(agent):
    found = read_agent.read_agent(agent, ['list_vms', 'discover_server', 'get_last_boot_time'])
    assert found == {'api': version.API, 'claims': version.CLAIMS, 'answers': {
        'discover_server': {'answer': '<Discover_Server_Result/>'},
        'list_vms': {'answer': [{'domid': '0'}]},
        'get_last_boot_time': {'answer': {'last_boot_time': 5}}}}


def test_a_fault_is_as_the_agent_writes_it_and_stays_alone(agent):
    names = ['discover_hardware', 'discover_repository_db', 'list_vms']
    answers = read_agent.read_agent(agent, names)['answers']
    assert 'agent.lib.filelock.OwnError' in answers['discover_hardware']['fault']
    assert 'libcloud_ovm3_host.errors.NotFound' in answers['discover_repository_db']['fault']
    assert answers['list_vms'] == {'answer': [{'domid': '0'}]}


def test_bytes_that_are_no_text_are_replaced_and_the_rest_kept(agent):
    answers = read_agent.read_agent(agent, ['discover_server_pool', 'discover_hardware'])['answers']
    assert answers['discover_server_pool'] == {'answer': u'caf\ufffd \xe9t\xe9 ok'}
    fault = answers['discover_hardware']['fault']
    assert 'caf' in fault and 'ok' in fault


def test_one_that_hangs_leaves_the_others_their_time(agent, monkeypatch):
    for seconds in (3, 30, 300):  # a busy machine needs some for the others
        monkeypatch.setattr(read_agent, 'SECONDS', seconds)
        found = read_agent.read_agent(
            agent, ['discover_network', 'discover_server', 'list_vms'])
        answers = found['answers']
        if 'fault' not in answers['discover_server'] and 'fault' not in answers['list_vms']:
            break
    fault = answers['discover_network']['fault']
    assert 'libcloud_ovm3_host.errors.Timeout' in fault and 'discover_network: more' in fault
    assert answers['discover_server'] == {'answer': '<Discover_Server_Result/>'}
    assert answers['list_vms'] == {'answer': [{'domid': '0'}]}


def test_where_the_list_faults_xend_is_asked(agent, monkeypatch):
    agent.agent_modules = lambda: [lists(fail)]
    monkeypatch.setattr(read_agent.domains, 'domains', lambda dom0: {
        'domains': [{'uuid': 'u'}], 'missing': [{'name': 'v', 'error': 'no'}]})
    entry = read_agent.read_agent(agent, ['list_vms'])['answers']['list_vms']
    assert entry.pop('fault')
    assert entry == {'answer': [{'uuid': 'u'}], 'missing': ['v']}
    monkeypatch.setattr(read_agent.domains, 'domains', lambda dom0: fail())
    entry = read_agent.read_agent(agent, ['list_vms'])['answers']['list_vms']
    assert list(entry) == ['fault']


def test_what_lives_and_is_left_out_of_the_list_is_told(agent):
    said = {'/local/domain': '0\n7\n8\n9\n', '/local/domain/8/vm': '/vm/%s\n' % UUID}

    def run(words, seconds):
        return int(words[1] not in said), said.get(words[1], '').encode('ascii'), ''.encode('ascii')
    agent.run = run
    listed = [{'domid': '0'}, {'domid': '7'}, 'odd']
    agent.agent_modules = lambda: [lists(lambda: listed)]
    entry = read_agent.read_agent(agent, ['list_vms'])['answers']['list_vms']
    assert entry['answer'] == listed and 'fault' not in entry
    assert [one['name'] for one in entry['unlisted']] == [UUID, 'domain 9']
    said.clear()
    assert read_agent.read_agent(agent, ['list_vms'])['answers']['list_vms'] == {'answer': listed}


@pytest.mark.parametrize('later', [[{'domid': '0'}, {'domid': '7'}], [], 'odd', [{'domid': '7'}]])
def test_what_began_after_the_list_was_made_is_listed(agent, tmp_path, later):
    said = {'/local/domain': '0\n7\n', '/local/domain/7/vm': '/vm/%s\n' % UUID}

    def run(words, seconds):
        return int(words[1] not in said), said.get(words[1], '').encode('ascii'), ''.encode('ascii')

    def listed():  # asked in another process
        if os.path.exists(str(tmp_path / 'asked')):
            return later
        open(str(tmp_path / 'asked'), 'w').close()
        return [{'domid': '0'}]
    agent.run = run
    agent.agent_modules = lambda: [lists(listed)]
    entry = read_agent.read_agent(agent, ['list_vms'])['answers']['list_vms']
    if len(later) == 2:
        assert entry == {'answer': later, 'unlisted': []}
    else:  # what cannot be had a second time is as it was the first time
        assert entry['answer'] == [{'domid': '0'}] and len(entry['unlisted']) == 1


@pytest.mark.parametrize('listed', [[], None, [{'name': 'Domain-0', 'domid': 1}], [[]], 'text',
                                    [{'domid': '5', 'uuid': 'u'}], [{'uuid': 'u'}]])
def test_a_list_without_domain_0_is_no_answer(agent, monkeypatch, listed):
    agent.agent_modules = lambda: [lists(lambda: listed)]
    monkeypatch.setattr(read_agent.domains, 'domains', lambda dom0: {'domains': ['0'], 'missing': []})
    entry = read_agent.read_agent(agent, ['list_vms'])['answers']['list_vms']
    assert 'errors.Failed' in entry['fault'] and 'Domain-0' in entry['fault']
    assert (entry['answer'], entry['missing']) == (['0'], [])
    monkeypatch.setattr(read_agent.domains, 'domains', lambda dom0: fail())
    assert list(read_agent.read_agent(agent, ['list_vms'])['answers']['list_vms']) == ['fault']


def test_its_own_neighbours_and_addresses_come_along(agent):
    os.makedirs(agent.path('/proc/net'))
    table = open(agent.path('/proc/net/arp'), 'w')
    table.write('IP address HW type Flags HW address Mask Device\n'
                '192.0.2.5 0x1 0x2 00:21:F6:00:00:01 * xenbr0\n')
    table.close()
    shown = '2: xenbr0    inet 192.0.2.1/24 brd 192.0.2.255 scope global xenbr0\n'
    agent.run = lambda words, seconds: (0, shown.encode('ascii'), ''.encode('ascii'))
    names = ['libcloud_neighbours', 'libcloud_addresses', 'discover_server', 'list_vms']
    answers = read_agent.read_agent(agent, names)['answers']
    assert answers['libcloud_neighbours'] == {'answer': [
        {'device': 'xenbr0', 'address': '192.0.2.5', 'mac': '00:21:f6:00:00:01',
         'complete': True}]}
    assert answers['libcloud_addresses'] == {'answer': [
        {'device': 'xenbr0', 'family': 4, 'address': '192.0.2.1', 'prefix_length': 24}]}
    assert answers['discover_server'] == {'answer': '<Discover_Server_Result/>'}


def test_the_servers_that_storage_comes_from(agent):
    """NFS, also by its name, and iSCSI, also while it is not connected; no block devices."""
    lines = ['/dev/sda2 / ext3 rw 0 0', 'filer:/a /OVS/Repositories/a nfs rw,addr=192.0.2.7 0 0',
             'filer:/a /nfsmnt/a nfs rw,addr=192.0.2.7 0 0', 'old:/b /b nfs4 rw,vers=4 0 0']
    handle = open(agent.path('/proc/mounts'), 'w')
    handle.write('\n'.join(lines) + '\n')
    handle.close()
    nfs = [{'kind': 'nfs', 'source': 'filer:/a', 'address': '192.0.2.7'},
           {'kind': 'nfs', 'source': 'old:/b', 'address': ''}]
    name = 'libcloud_storage_servers'
    assert read_agent.read_agent(agent, [name])['answers'][name] == {'answer': nfs}
    for number, texts in enumerate([{'address': '192.0.2.8', 'persistent_address': '192.0.2.9'},
                                    {'persistent_address': '192.0.2.9', 'address': '(null)'}, {}]):
        folder = agent.path('/sys/class/iscsi_connection/connection%d:0' % number)
        os.makedirs(folder)
        for key in texts:
            handle = open(os.path.join(folder, key), 'w')
            handle.write(texts[key] + '\n')
            handle.close()
    found = read_agent.read_agent(agent, [name])['answers'][name]['answer']
    assert [(each['source'], each['address']) for each in found if each['kind'] == 'iscsi'] == [
        ('connection0:0', '192.0.2.8'), ('connection0:0', '192.0.2.9'),
        ('connection1:0', '192.0.2.9'), ('connection2:0', '')]


def test_what_of_its_own_fails_leaves_the_others(agent):
    agent.run = lambda words, seconds: (1, ''.encode('ascii'), 'no netlink'.encode('ascii'))
    names = ['libcloud_neighbours', 'libcloud_addresses', 'list_vms']
    answers = read_agent.read_agent(agent, names)['answers']
    assert 'fault' in answers['libcloud_neighbours'], 'there is no /proc/net/arp here'
    assert 'no netlink' in answers['libcloud_addresses']['fault']
    assert answers['list_vms'] == {'answer': [{'domid': '0'}]}


@pytest.mark.parametrize('names', ['list_vms', None, [1], ['start_vm'], [['list_vms']],
                                   ['libcloud_bridges'], ['libcloud_set_aside']])
def test_only_reads_are_passed_on(agent, names):
    with pytest.raises(errors.InvalidArgument):
        read_agent.read_agent(agent, names)


# --- a repository ---------------------------------------------------------------------------------

def put(dom0, folder, name, content='name = 1'):
    path = os.path.join(dom0.path('/OVS/Repositories/' + ID), folder, name)
    os.makedirs(path)
    handle = open(os.path.join(path, 'vm.cfg'), 'wb')
    handle.write(content.encode('utf-8'))
    handle.close()
    return path


def test_every_vm_cfg_and_the_listing(agent):
    put(agent, 'VirtualMachines', 'b', u'# caf\xe9\nname = 2')
    put(agent, 'VirtualMachines', 'a')
    put(agent, 'Templates', 't')
    os.makedirs(agent.path('/OVS/Repositories/' + ID + '/VirtualMachines/empty'))
    open(agent.path('/OVS/Repositories/' + ID + '/Templates/flat.raw'), 'w').close()
    found = repository.repository(agent, ID, '')
    assert found['listing'] == {'answer': '<R id="%s"/>' % ID}
    assert found['after'] == ''
    assert [(entry['folder'], entry['directory']) for entry in found['vm_cfg']] == [
        ('VirtualMachines', 'a'), ('VirtualMachines', 'b'), ('Templates', 't')]
    assert found['vm_cfg'][1]['content'].data == u'# caf\xe9\nname = 2'.encode('utf-8')


def test_bad_ones_leave_the_others(agent, tmpdir):
    put(agent, 'VirtualMachines', 'good')
    put(agent, 'VirtualMachines', 'huge', 'x' * (256 * 1024 + 1))
    outside = put(agent, '..', 'outside', 'secret')
    os.symlink(outside, agent.path('/OVS/Repositories/' + ID + '/VirtualMachines/link'))
    inner = put(agent, 'VirtualMachines', 'inner')
    os.unlink(os.path.join(inner, 'vm.cfg'))
    os.symlink(os.path.join(outside, 'vm.cfg'), os.path.join(inner, 'vm.cfg'))
    fifo = put(agent, 'VirtualMachines', 'fifo')
    os.unlink(os.path.join(fifo, 'vm.cfg'))
    os.mkfifo(os.path.join(fifo, 'vm.cfg'))
    os.symlink(outside, agent.path('/OVS/Repositories/' + ID + '/Templates'))
    found = repository.repository(agent, ID, '')['vm_cfg']
    bad = [entry['directory'] for entry in found if 'error' in entry]
    assert bad == ['fifo', 'huge', 'inner', 'link', '']
    assert [entry['directory'] for entry in found if 'content' in entry] == ['good']
    assert 'secret' not in repr([entry.get('error') for entry in found])


def test_names_that_are_no_text(agent):
    folder = agent.path('/OVS/Repositories/' + ID + '/VirtualMachines/').encode('utf-8')
    os.makedirs(folder + u'caf\xe9'.encode('latin-1'))
    open(folder + u'caf\xe9/vm.cfg'.encode('latin-1'), 'w').close()
    entry = repository.repository(agent, ID, '')['vm_cfg'][0]
    assert entry['directory'] == u'caf\ufffd'
    assert entry['raw'].data == u'caf\xe9'.encode('latin-1')


def test_a_directory_in_which_no_vm_cfg_is_left_is_said(agent):
    for number in range(7):
        path = put(agent, 'VirtualMachines', '%d' % number)
        os.rename(path + '/vm.cfg', path + '/vm.cfg.bak')
    os.unlink(path + '/vm.cfg.bak')  # entirely empty: nothing
    put(agent, 'VirtualMachines', '3/vm.cfg')  # a directory of that name
    for number in range(6):
        os.mkdir(agent.path('/OVS/Repositories/' + ID) + '/VirtualMachines/5/\x1b%d' % number)
    template = put(agent, 'Templates', 't')
    os.rename(template + '/vm.cfg', template + '/vm.cfg.bak')
    put(agent, 'VirtualMachines', 'empty', '')
    found = repository.repository(agent, ID, '')['vm_cfg']
    assert [entry['directory'] for entry in found] == ['0', '1', '2', '3', '4', '5', 'empty']
    assert found[0]['error'] == "no vm.cfg, but 'vm.cfg.bak'"
    assert 'not a regular file' in found[3]['error']
    assert found[5]['error'].endswith(u"'\ufffd4' and 2 more")
    assert found[6]['content'].data == ''.encode('ascii')


def test_a_file_beside_the_directories_is_no_machine(agent):
    put(agent, 'VirtualMachines', 'a')
    open(agent.path('/OVS/Repositories/' + ID) + '/VirtualMachines/notes.txt', 'w').close()
    assert [entry['directory'] for entry in repository.repository(agent, ID, '')['vm_cfg']] == ['a']


@pytest.mark.parametrize('name', ['addresses', 'metadata'])
def test_the_first_page_has_what_is_recorded_of_machines(agent, monkeypatch, name):
    put(agent, 'VirtualMachines', 'a')
    put(agent, 'VirtualMachines', 'b')
    monkeypatch.setattr(repository, 'PAGE_BYTES', 1)
    first = repository.repository(agent, ID, '')
    assert first[name] == {'version': 0, 'next': 1}
    mount = '/OVS/Repositories/' + ID
    documents.write_document(agent, 'me', 'ab' * 16, mount, name, 1,
                             Binary('{}'.encode('ascii')))
    found = repository.repository(agent, ID, '')[name]
    assert (found['version'], found['next'], found['content'].data) == (1, 2, '{}'.encode('ascii'))
    assert name not in repository.repository(agent, ID, first['after'].data)
    [stored] = os.listdir(agent.path(mount) + '/.libcloud-ovm3/documents/' + name)
    broken = open(agent.path(mount) + '/.libcloud-ovm3/documents/' + name + '/' + stored, 'w')
    broken.write('half')
    broken.close()
    answer = repository.repository(agent, ID, '')
    assert 'none of its versions is complete' in answer[name]['error']
    assert [entry['directory'] for entry in answer['vm_cfg']] == ['a']


def test_the_first_page_tells_what_was_set_aside(agent, monkeypatch):
    path = put(agent, 'VirtualMachines', 'a')
    put(agent, 'VirtualMachines', 'b')
    assert repository.repository(agent, ID, '')['aside'] == []
    handle = open(path + '/disk.img', 'w')
    handle.close()
    agent.log = lambda message: None
    disk = '/OVS/Repositories/' + ID + '/VirtualMachines/a/disk.img'
    aside.set_aside(agent, 'client', '0b' * 16, disk)
    monkeypatch.setattr(repository, 'PAGE_BYTES', 1)
    page = repository.repository(agent, ID, '')
    entry, = page['aside']
    assert (entry['operation'], entry['path'], entry['size_bytes']) == ('0b' * 16, disk, 0)
    assert 'aside' not in repository.repository(agent, ID, page['after'])


def test_pages_have_each_machine_once(agent, monkeypatch):
    names = ['m%02d' % number for number in range(7)]
    for name in names:
        put(agent, 'VirtualMachines', name, 'x' * 100)
    put(agent, 'Templates', 't')
    for room in (1, 300, 700, 1000, 2100, 1 << 20):
        monkeypatch.setattr(repository, 'PAGE_BYTES', room)
        seen, after, pages = [], '', 0
        while pages == 0 or after != '':
            found = repository.repository(agent, ID, after)
            assert found['vm_cfg'], 'an empty page'
            assert bool(found['listing']) == (pages == 0)
            seen += [entry['directory'] for entry in found['vm_cfg']]
            after = found['after']
            pages += 1
        assert seen == names + ['t']


@pytest.mark.parametrize('after', ['x', 'ISOs/a', 'Templates/a/b', 5, None,
                                   Binary('x/y'.encode('ascii'))])
def test_a_cursor_of_ours_only(agent, after):
    with pytest.raises(errors.InvalidArgument):
        repository.repository(agent, ID, after)


def test_a_repository_that_is_not_mounted(agent):
    os.makedirs(agent.path('/OVS/Repositories/' + 'ff' * 16 + '/VirtualMachines'))
    with pytest.raises(errors.NotMounted):
        repository.repository(agent, 'ff' * 16, '')
    with pytest.raises(errors.InvalidArgument):
        repository.repository(agent, '../' + ID, '')


def test_the_agents_listing_may_fault_alone(agent):
    put(agent, 'VirtualMachines', 'a')
    agent.agent_modules = lambda: []
    found = repository.repository(agent, ID, '')
    assert 'NotFound' in found['listing']['fault'] and len(found['vm_cfg']) == 1
