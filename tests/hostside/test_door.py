"""The class that the agent loads: in a small agent of its own, with our folder whole and broken."""

import os
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
HOSTSIDE = os.path.join(HERE, '..', '..', 'hostside')

BASE = '''
class Agent(object):
    def get_services(self, version=None):
        raise NotImplementedError
'''
COMMON = '''
from agent.api.base import Agent

class Common(Agent):
    def get_services(self, version=None):
        return {'echo': self.echo}

    def echo(self, text):
        return text
'''
TABLE = '''
from agent.api import common
from agent.api import libcloud_ovm3

MODULES = [
    common.Common,
    libcloud_ovm3.LibcloudOvm3,
]
'''
# Calls functions the way the agent does: classes of the table, made anew, their services by name.
CALLER = '''
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from agent.target.api import MODULES
services = {}
for kind in MODULES:
    services.update(kind().get_services())
for name, arguments in eval(sys.argv[2]):
    try:
        print('%s -> %r' % (name, services[name](*arguments)))
    except Exception:
        print('%s:%s' % sys.exc_info()[:2])
'''


@pytest.fixture
def site(tmpdir):
    """A directory like dom0's site-packages."""
    for name, text in (('agent/__init__.py', ''), ('agent/api/__init__.py', ''),
                       ('agent/api/base.py', BASE), ('agent/api/common.py', COMMON),
                       ('agent/target/__init__.py', ''), ('agent/target/api.py', TABLE)):
        tmpdir.join(*name.split('/')).write(text, ensure=True)
    shutil.copy(os.path.join(HOSTSIDE, 'libcloud_ovm3.py'), str(tmpdir.join('agent', 'api')))
    package = tmpdir.join('libcloud_ovm3_host')
    package.mkdir()
    for name in os.listdir(HOSTSIDE):
        if name.endswith('.py') and name != 'libcloud_ovm3.py':
            shutil.copy(os.path.join(HOSTSIDE, name), str(package))
    return tmpdir


def call(site, *calls):
    process = subprocess.Popen([sys.executable, '-c', CALLER, str(site), repr(calls)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, problem = process.communicate()
    assert process.returncode == 0, problem
    return output.decode('utf-8').splitlines()


def test_beside_the_agents_own_functions(site):
    said = call(site, ('echo', ('put',)), ('libcloud_version', ()),
                ('libcloud_read_agent', (['list_vms'],)), ('libcloud_read_agent', ('list_vms',)))
    assert said[0] == "echo -> 'put'"
    assert said[1].startswith('libcloud_version -> {') and 'api' in said[1]
    assert 'libcloud_ovm3_host.errors.NotFound' in said[2] and 'list_vms: no module' in said[2]
    kind, text = said[3].split(':', 1)
    assert 'libcloud_ovm3_host.errors.InvalidArgument' in kind and text.startswith('names: ')


def test_it_sees_the_agents_functions_and_its_own(site):
    said, = call(site, ('libcloud_get_api_services', ()))
    for text in ('agent.api.common', 'Common', 'echo', 'text', 'agent.api.libcloud_ovm3',
                 'libcloud_get_api_services'):
        assert "'%s'" % text in said
    assert 'dom0' not in said


def test_one_of_ours_asks_one_of_the_agents(site):
    text = COMMON.replace("{'echo'", "{'list_vms': lambda: [{'domid': '0', 'name': 'told'}], 'echo'")
    site.join('agent', 'api', 'common.py').write(text)
    assert 'told' in call(site, ('libcloud_read_agent', (['list_vms'],)))[0]


@pytest.mark.parametrize('name, content, cause', [
    (None, None, 'libcloud_ovm3_host'), ('services.py', None, 'services'),
    ('services.py', 'def table(:', 'SyntaxError'), ('services.py', '', 'table'),
    ('read_agent.py', 'ask', 'ask'), ('network.py', '1/0', 'ZeroDivisionError')])
def test_a_broken_folder_of_ours_leaves_the_agent_alone(site, name, content, cause):
    package = site.join('libcloud_ovm3_host')
    if name is None:
        package.remove()
    elif content is None:
        package.join(name).remove()
    else:
        package.join(name).write(content)
    echo, version = call(site, ('echo', ('put',)), ('libcloud_version', ()))
    assert echo == "echo -> 'put'"
    assert cause in version and '->' not in version
