"""What the agent's modules can do, as data."""

import io
import os
import re
import sys

from libcloud_ovm3_host import api, services, version

HERE = os.path.dirname(os.path.abspath(__file__))


def logged(function):
    """As the agent wraps each of its functions: the arguments are behind ``*args``."""
    def wrapper(*args):
        return function(*args)
    return wrapper


class Xen(object):
    __module__ = 'agent.api.hypervisor.xenxm'

    def get_services(self, version=None):
        return {'start_vm': self.start_vm, 'migrate_vm': logged(self.migrate_vm),
                'stop_vm': logged(logged(self.stop_vm)), 'storage': self.storage}

    def start_vm(self, repo_id, vm_id):
        """Without a wrapper."""

    def migrate_vm(self, repo_id, vm_id, dest, live=False, ssl=None, text='a\xe9'):
        """Wrapped when it is listed."""

    @logged
    def stop_vm(self, repo_id, vm_id, force=False):
        """Wrapped in the class, where it is no method yet."""

    def storage(self, impl_name, *args):
        """Hides them itself."""


class Odd(object):
    def get_services(self, version=None):
        return {'type': int, 'text': 'none', 'two': two(listed, logged)}


class Broken(object):
    def get_services(self, version=None):
        raise ValueError(u'caf\xe9')


class Unborn(object):
    def __init__(self):
        raise KeyError('no')


def two(first, second):
    def both(*args):
        return first(*args), second(*args), two
    return both


def listed(dom0, *kinds):
    dom0.agent_modules = lambda: list(kinds)
    return dict([(entry['class'], entry) for entry in api.get_api_services(dom0)])


def arguments(entry, name):
    for function in entry['functions']:
        if function['name'] == name:
            return [(argument['name'], argument.get('default'))
                    for argument in function['arguments']]


def test_functions_with_arguments_through_the_agents_wrapper(dom0):
    entry = listed(dom0, Xen)['Xen']
    assert entry['module'] == 'agent.api.hypervisor.xenxm'
    names = [function['name'] for function in entry['functions']]
    assert names == ['migrate_vm', 'start_vm', 'stop_vm', 'storage']
    assert arguments(entry, 'start_vm') == [('repo_id', None), ('vm_id', None)]
    assert arguments(entry, 'migrate_vm')[2:5] == [
        ('dest', None), ('live', 'False'), ('ssl', 'None')]
    assert arguments(entry, 'stop_vm') == [('repo_id', None), ('vm_id', None), ('force', 'False')]
    assert arguments(entry, 'storage') == [('impl_name', None)]
    assert [function['more'] for function in entry['functions']] == [False, False, False, True]


def test_our_own_are_among_them(dom0):
    class LibcloudOvm3(object):
        def get_services(self, version=None):
            return services.table(dom0)

    class Wrapped(object):
        def get_services(self, version=None):
            return dict([(name, logged(function))
                         for name, function in services.table(dom0).items()])

    found = listed(dom0, LibcloudOvm3, Wrapped)
    for entry in found.values():
        assert arguments(entry, 'libcloud_version') == []
        assert arguments(entry, 'libcloud_repository') == [('repository', None), ('after', None)]
        assert arguments(entry, 'libcloud_check_port') == [
            ('address', None), ('port', None), ('seconds', None)]
        assert len(entry['functions']) == len(services.SERVICES)


def test_an_odd_module_leaves_the_others(dom0):
    found = listed(dom0, Broken, Unborn, Odd, Xen)
    assert found['Broken']['error'].startswith('ValueError: ')
    assert found['Unborn']['error'].startswith('KeyError: ')
    assert found['Unborn']['functions'] == []
    odd = dict([(function['name'], function) for function in found['Odd']['functions']])
    assert 'error' in odd['text']
    assert odd['two'] == {'name': 'two', 'arguments': [], 'more': True}
    assert len(found['Xen']['functions']) == 4


def test_a_cell_that_is_empty_yet(dom0):
    def maker():
        def outer(*args):
            return later(*args)
        if dom0 is None:
            later = None
        return outer

    class Late(object):
        def get_services(self, version=None):
            return {'outer': maker()}

    assert listed(dom0, Late)['Late']['functions'] == [
        {'name': 'outer', 'arguments': [], 'more': True}]


def test_version_and_capabilities(dom0):
    python = '.'.join([str(part) for part in sys.version_info[:3]])
    assert api.version(dom0) == {'module': 'libcloud-ovm3', 'api': version.API, 'python': python}
    can = api.capabilities(dom0)
    assert can['functions'] == sorted(services.table(dom0))
    assert (can['chunk_bytes'], can['page_entries'], can['document_bytes']) == (
        4194304, 1000, 1048576)


def documented():
    """``{function: number of arguments}`` of docs/host-module.md."""
    page = os.path.join(HERE, '..', '..', 'docs', 'host-module.md')
    row = re.compile(u'\\| `(libcloud_[a-z_]+)`(?: \\(w\\))? \\| (.*?) \\|')
    found = {}
    for match in filter(None, [row.match(line) for line in io.open(page, encoding='utf-8')]):
        arguments_ = re.sub(u'\\(.*?\\)', u'', match.group(2))
        found[match.group(1)] = len(arguments_.split(u','))
        if arguments_ == u'\u2013':
            found[match.group(1)] = 0
    return found


def test_the_page_has_the_functions_and_how_many_arguments_they_take(dom0):
    class Ours(object):
        def get_services(self, version=None):
            return services.table(dom0)

    found = listed(dom0, Ours)['Ours']['functions']
    takes = dict([(function['name'], len(function['arguments'])) for function in found])
    assert takes == documented()
