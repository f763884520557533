"""Seeds: complete or not there, for root alone, and nobody else's file."""

import os
import stat

import pytest

from libcloud_ovm3_host import errors, repository, seeds
from libcloud_ovm3_host.compat import to_bytes
from libcloud_ovm3_host.rpc import Binary

REPOSITORY = '/OVS/Repositories/' + '0a' * 16
VM = '0004fb00-0006-0000-aaaa-0123456789ab'
OPERATION = '0f' * 16
NAME = '%s.%s.iso' % (VM, OPERATION)


@pytest.fixture
def host(dom0):
    """With the functions called in this process; what is logged is in ``logged``."""
    dom0.within = lambda seconds, function, *arguments: function(*arguments)
    dom0.logged = []
    dom0.log = dom0.logged.append
    return dom0


def write(host, content='secret', operation=OPERATION, vm=VM):
    return seeds.write_seed(host, 'client', operation, REPOSITORY, vm, Binary(to_bytes(content)))


def delete(host, name=NAME):
    return seeds.delete_seed(host, 'client', OPERATION, REPOSITORY, name)


def listed(host):
    return seeds.list_seeds(host, to_bytes(REPOSITORY))


def state_of(host):
    return host.path(REPOSITORY) + '/.libcloud-ovm3'


def test_a_seed_is_written_listed_and_deleted(host):
    assert listed(host) == []
    assert delete(host) is None
    assert write(host) is None
    assert write(host) is None  # repeated
    path = state_of(host) + '/seeds/' + NAME
    assert open(path).read() == 'secret'
    assert stat.S_IMODE(os.stat(path).st_mode) == int('0600', 8)
    assert os.listdir(state_of(host) + '/temporary') == []
    [entry] = listed(host)
    assert (entry['name'], entry['size_bytes']) == (NAME, 6)
    found = repository._page(host, to_bytes(REPOSITORY), 'VirtualMachines', to_bytes(''))
    assert found['seeds'] == [entry]
    assert delete(host) is None
    assert delete(host) is None
    assert listed(host) == []
    assert 'secret' not in ' '.join(host.logged)
    assert [line.split()[2] for line in host.logged if NAME in line] == ['delete_seed'] * 3


def test_another_content_under_one_operation_is_refused(host):
    write(host)
    with pytest.raises(errors.Exists):
        write(host, 'other')
    assert open(state_of(host) + '/seeds/' + NAME).read() == 'secret'
    write(host, 'other', '1f' * 16)
    assert len(listed(host)) == 2


def test_what_is_no_seed_is_said(host):
    write(host)
    folder = state_of(host) + '/seeds'
    os.symlink('/etc/passwd', folder + '/' + NAME.replace('ab', 'ac'))
    open(folder + '/notes', 'w').close()
    entries = listed(host)
    assert len(entries) == 3
    assert len([entry for entry in entries if 'error' in entry]) == 2
    os.rename(folder, folder + '.old')
    os.symlink('/etc', folder)
    [entry] = listed(host)
    assert 'a link' in entry['error']
    with pytest.raises(errors.NotAllowed):
        write(host)


@pytest.mark.parametrize('name', ['../' + NAME, NAME + '\n', 'x', VM + '.iso', 7])
def test_other_names_are_refused(host, name):
    with pytest.raises(errors.InvalidArgument):
        delete(host, name)


def test_arguments_are_checked_before_anything_is_logged(host):
    for vm in ('x', VM.upper(), VM + '/..'):
        with pytest.raises(errors.InvalidArgument):
            write(host, vm=vm)
    with pytest.raises(errors.InvalidArgument):
        write(host, 'x' * (seeds.SEED_BYTES + 1))
    with pytest.raises(errors.InvalidArgument):
        seeds.write_seed(host, 'client', OPERATION, REPOSITORY, VM, 'plain')
    assert host.logged == []
    open(host.path('/proc/mounts'), 'w').close()
    with pytest.raises(errors.NotMounted):
        write(host)
    assert not os.path.exists(state_of(host))
