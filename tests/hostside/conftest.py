"""The host's folder under its name on dom0, and a host of plain directories to try things on."""

import os
import shutil
import sys
import tempfile

import pytest
from hypothesis import HealthCheck, settings

HOSTSIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'hostside')
REPOSITORY = '/OVS/Repositories/' + '0a' * 16
SHARE = '/nfsmnt/0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e'

if sys.version_info[0] == 2:
    sys.dont_write_bytecode = True  # what it leaves would lie beside the modules
    # As in tests/conftest.py, which this Python does not read: a busy machine must fail no test.
    settings.register_profile('tests', deadline=None,
                              suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile('tests')
_place = tempfile.mkdtemp(prefix='libcloud-ovm3-')
os.symlink(os.path.abspath(HOSTSIDE), os.path.join(_place, 'libcloud_ovm3_host'))
# what several of these tests import, by whichever Python
for _name in ('bridging.py', 'claiming.py', 'dhcp_messages.py', 'guarding.py', 'networked.py',
              'storing.py', 'xend_writes.py'):
    os.symlink(os.path.join(os.path.dirname(os.path.abspath(__file__)), _name),
               os.path.join(_place, _name))
sys.path.insert(0, _place)


def pytest_unconfigure(config):
    sys.path.remove(_place)
    shutil.rmtree(_place)


@pytest.fixture
def dom0(tmpdir):
    """A host whose ``/`` is a temporary directory: one repository and one share are mounted."""
    from libcloud_ovm3_host.dom0 import Dom0
    tmpdir.join('proc').mkdir()
    os.makedirs(str(tmpdir) + '/proc/sys/kernel/random')
    tmpdir.join('proc', 'sys', 'kernel', 'random', 'boot_id').write('a boot\n')
    lines = ['rootfs / rootfs rw 0 0']
    for mount_point in (REPOSITORY, SHARE):
        os.makedirs(str(tmpdir) + mount_point)
        lines.append('filer:/export %s nfs rw,vers=3 0 0' % mount_point)
    tmpdir.join('proc', 'mounts').write('\n'.join(lines) + '\n')
    return Dom0(str(tmpdir))


@pytest.fixture
def host(dom0):
    """A host with a VM, for what is about claims."""
    from claiming import TEXT, Host
    found = Host(dom0.root, 'one')
    found.put(TEXT)
    return found


@pytest.fixture
def other(host):
    """Another one, with the same repository."""
    from claiming import Host
    return Host(host.root, 'two')


@pytest.fixture
def cut_off():
    """A function that calls another in a process that is killed; see below."""
    return _cut_off


def _cut_off(step, names, function, *arguments):
    """Kill the process right after its step'th call of these functions of ``os``; whether it was.

    The host's ``within`` must call in the same process.
    """
    child = os.fork()
    if child == 0:
        try:
            steps = [step]
            for name in names:
                setattr(os, name, _counted(getattr(os, name), steps))
            function(*arguments)
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] >> 8 == 77


def _counted(real, steps):
    def call(*arguments):
        answer = real(*arguments)
        steps[0] -= 1
        if steps[0] == 0:
            os._exit(77)
        return answer
    return call
