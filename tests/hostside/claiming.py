"""Hosts that share a repository and change a VM through its claim. All that they have is in files, as
a change is a process of its own."""

import os
import time

from xend_writes import VM, Xend

from libcloud_ovm3_host import claim_changes, first_claim, limits
from libcloud_ovm3_host.compat import md5, to_bytes
from libcloud_ovm3_host.dom0 import Dom0

ID = '0a' * 16
REPOSITORY = '/OVS/Repositories/' + ID
DIRECTORY = '0b' * 16
TEXT = "name = 'web'\nuuid = '%s'\n" % VM
LOG = '/var/log/xen/xend.log'
SOCKET = '/var/run/xend/xmlrpc.sock'
UUIDS = {'one': u'1' * 32, 'two': u'2' * 32}


class Host(Dom0):
    """``own``: the directory with the host's own files; ``root``: with the shared repository.

    The requests are for the VM ``vm`` in ``directory``, whose domain has the ``devices``.
    """

    directory, vm, devices, peer = DIRECTORY, VM, (), None

    def __init__(self, root, name):
        Dom0.__init__(self, root)
        self.name, self.own, self.address = name, root + '/' + name, ''
        for folder in ('/var/log/xen', '/proc/net', '/proc/sys/kernel/random', '/sys/block'):
            os.makedirs(self.own + folder)
        self.write(LOG, Xend().text())
        self.connect()
        self.write('/domains', '')
        self.boot(1)

    def path(self, name):
        """Its own, but for the repository and what is mounted."""
        if name.startswith('/OVS') or name == '/proc/mounts':
            return self.root + name
        return self.own + name

    def write(self, name, content, how='w'):
        handle = open(self.own + name, how)
        handle.write(content)
        handle.close()

    def text(self, name):
        if not os.path.exists(self.own + name):
            return ''
        handle = open(self.own + name)
        try:
            return handle.read()
        finally:
            handle.close()

    def boot(self, number):
        self.write('/proc/sys/kernel/random/boot_id', 'boot-%s-%d\n' % (self.name, number))

    def log(self, message):
        pass

    def hostname(self):
        return self.name

    def run(self, arguments, seconds):
        if arguments[0] == 'dd':
            return 1, to_bytes(''), to_bytes('')
        return 0, to_bytes('0\n' * (arguments[0] == 'xenstore-list')), to_bytes('')

    def agent_modules(self):
        return [lambda: Agent(self)]

    # --- xend

    def xend(self):
        return self

    @property
    def domain(self):
        """For ``domain.destroy``."""
        return self

    def destroy(self, domid):
        self.write('/calls', 'destroy-%d\n' % domid, 'a')
        if self.text('/how') != 'destroys nothing':
            self.xend_does('end', domid)
            self.receive()

    def receive(self, *domids):
        """xc_restore writes into these domains."""
        for number, domid in enumerate(domids or ('',)):
            folder = '/proc/%d' % (77 + number)
            if not os.path.isdir(self.own + folder):
                os.makedirs(self.own + folder)
            self.write(folder + '/cmdline', 'xc_restore\x004\x00%s\x001' % domid)

    def domains_with_state(self, *_):
        listed = [('00000000-0000-0000-0000-000000000000', '0', 'Domain-0')]
        listed += [tuple(line.split()) + ('web',) for line in self.text('/domains').splitlines()]
        more = [['device', ['vbd', ['uname', uname], ['mode', mode]]]
                for uname, mode in self.devices]
        return [['domain', ['uuid', uuid], ['domid', domid], ['name', name],
                 ['status', 2 - (domid in self.text('/paused').split())]] + more
                for uuid, domid, name in listed]

    def xend_does(self, act, *given):
        """Something of Xend's, with the domains that there are."""
        xend = Xend()
        del xend.lines[:]
        for line in self.text('/domains').splitlines():
            xend.domains[int(line.split()[1])] = line.split()[0]
        xend.domid = max([0] + list(xend.domains)) + len(self.calls())
        found = getattr(xend, act)(*given)
        self.write('/domains', ''.join(['%s %d\n' % (xend.domains[domid], domid)
                                        for domid in sorted(xend.domains)]))
        self.write(LOG, xend.text(), 'a')
        return found

    def domids(self):
        return [int(line.split()[1]) for line in self.text('/domains').splitlines()]

    def connect(self, *inodes):
        listens = '0: 00000002 00000000 00010000 0001 01    1 %s\n' % SOCKET
        self.write('/proc/net/unix', 'Num\n' + listens + ''.join(
            ['0: 00000003 00000000 00000000 0001 03 %5d %s\n' % (i, SOCKET) for i in inodes]))

    def calls(self):
        return self.text('/calls').split()

    # --- requests

    def operation(self, number):
        return '%032x' % number

    def claim(self, *hosts, **more):
        names = [UUIDS[each] for each in hosts or ('one', 'two')]
        return first_claim.claim_vm(self, 'me', self.operation(more.get('number', 1)), ID,
                                    self.directory, names)

    def now(self, number=None):
        named = ''
        if number is not None:
            named = self.operation(number)
        return claim_changes.read_claim(self, ID, self.directory, named)

    def settle(self, number=90):
        return claim_changes.settle_claim(self, 'me', self.operation(number), ID,
                                          self.directory)

    def change(self, number, function, *parameters, **more):
        """With the claim that is current, unless another one is given."""
        current = self.now()
        digest = ''
        if function in ('configure_vm', 'delete_vm'):
            digest = self.digest()
        return claim_changes.change_claimed_vm(
            self, 'me', self.operation(number), ID, self.directory,
            more.get('folder', current['folder']),
            more.get('version', current['version']), more.get('digest', digest), function,
            list(parameters))

    def vm_cfg(self):
        return self.root + REPOSITORY + '/VirtualMachines/' + self.directory + '/vm.cfg'

    def put(self, text):
        if not os.path.isdir(os.path.dirname(self.vm_cfg())):
            os.makedirs(os.path.dirname(self.vm_cfg()))
        handle = open(self.vm_cfg(), 'w')
        handle.write(text)
        handle.close()

    def digest(self):
        """Of the vm.cfg; '' if there is none."""
        if not os.path.exists(self.vm_cfg()):
            return ''
        handle = open(self.vm_cfg(), 'rb')
        try:
            return md5(handle.read()).hexdigest()
        finally:
            handle.close()


class Agent(object):
    """``/how`` says what a start does: ``faults``, ``faults late``, ``hangs``, ``hangs late``."""

    def __init__(self, host):
        self.host = host

    def get_services(self, version=None):
        names = ('start_vm', 'stop_vm', 'configure_vm', 'create_vm', 'delete_vm',
                 'discover_server', 'reboot_vm', 'pause_vm', 'unpause_vm', 'migrate_vm', 'save_vm',
                 'restore_vm')
        return dict([(name, getattr(self, name)) for name in names])

    def discover_server(self):
        return u'<a><Unique_Id>%s</Unique_Id><Registered_IP>%s</Registered_IP></a>' % (
            UUIDS[self.host.name], self.host.address)

    def called(self, name):
        self.host.write('/calls', name + '\n', 'a')
        return self.host.text('/how')

    def start_vm(self, repository, directory):
        how = self.called('start')
        if how == 'faults':
            raise KeyError('refused')
        if how == 'hangs':
            wait(self.host)
        self.host.xend_does('create', self.host.vm)
        if how == 'hangs late':
            wait(self.host)
        if how == 'faults late':
            raise KeyError('too late')

    def stop_vm(self, repository, directory, force):
        self.called('stop')
        for domid in self.host.domids():
            self.host.xend_does('end', domid)

    def reboot_vm(self, repository, directory, wait):
        self.called('reboot')

    def pause_vm(self, repository, directory):
        how = self.called('pause')
        if how == 'faults':
            raise KeyError('refused')
        self.host.write('/paused', '%d' % self.host.domids()[0])
        if how == 'hangs late':
            wait(self.host)

    def unpause_vm(self, repository, directory):
        self.called('unpause')
        self.host.write('/paused', '')

    def migrate_vm(self, repository, directory, address, live, ssl):
        """``how``: what is on the source, and on the target, when it has ended."""
        how = self.called('migrate-%s-%s-%s' % (address, live, ssl)) or 'ends arrives'
        if how == 'hangs':
            wait(self.host)
        here, there = how.split(' ')
        if there != 'nothing':
            domid = self.host.peer.xend_does('create', self.host.vm, 'restore')
            if there == 'half':
                self.host.peer.receive(domid)
            elif there == 'fails':
                self.host.peer.xend_does('end', domid)
        if here == 'ends':
            self.host.xend_does('end', self.host.domids()[0])
        else:
            raise KeyError('timed out')

    def save_vm(self, repository, directory, checkpoint):
        how = self.called('save')
        if how == 'faults':
            raise KeyError('refused')
        for domid in self.host.domids():
            self.host.xend_does('end', domid)
        self.host.write('/saved', 'yes')
        if how == 'hangs late':
            wait(self.host)
        if how == 'faults late':
            raise KeyError('too late')

    def restore_vm(self, repository, directory, paused):
        how = self.called('restore')
        if how == 'faults':
            raise KeyError('refused')
        domid = self.host.xend_does('create', self.host.vm)
        self.host.write('/paused', '%d' % domid * paused)
        if how == 'hangs late':
            wait(self.host)

    def configure_vm(self, repository, directory, struct):
        how = self.called('configure')
        if how == 'hangs':
            wait(self.host)
        if how == 'faults':
            raise KeyError('refused')
        self.host.put(TEXT + "vcpus = %d\n" % struct.get('vcpus', 1) + disks(*struct.get('disk', [])))

    def create_vm(self, repository, directory, struct):
        self.called('create')
        self.host.put("name = '%s'\nuuid = '%s'\n" % (struct['name'], struct['uuid']))

    def delete_vm(self, repository, directory):
        self.called('delete')
        os.remove(self.host.vm_cfg())
        os.rmdir(os.path.dirname(self.host.vm_cfg()))


def disks(*entries):
    """A line of vm.cfg."""
    return 'disk = %r\n' % (list(entries),) * bool(entries)


def wait(host):
    end = time.time() + 120  # a test that has failed lets nobody go on
    while not os.path.exists(host.own + '/go on'):
        assert time.time() < end
        time.sleep(0.01)


def until(condition):
    end = time.time() + 120
    while not condition():
        assert time.time() < end
        time.sleep(0.01)


def process_of(host):
    """The process of the change that goes on."""
    from libcloud_ovm3_host import claim_store, vm_files
    target = vm_files.target(ID, DIRECTORY)
    claim = claim_store.read(host, target['mount'], target['document'])[1][0][1]
    return int(claim['session'].split()[1])


def kill(host):
    pid = process_of(host)
    os.kill(pid, 9)
    until(lambda: not limits.start_time(pid))
