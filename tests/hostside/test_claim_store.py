"""Claims as files: who has won, one folder of claims, which host this is."""

import os

import pytest
from claiming import DIRECTORY, ID, UUIDS, Host

from libcloud_ovm3_host import (arguments, claim_store, claims, documents, errors, local_state,
                                vm_files)
from libcloud_ovm3_host.compat import to_bytes

MOUNT = to_bytes('/OVS/Repositories/' + ID)
TARGET = vm_files.target(ID, DIRECTORY)


def operation(number):
    return '%032x' % number


def written(host, name, version, number, claim=None):
    claim = claim or claims.first_claim([('h', 'b%d' % number)])
    return claim_store.write(host, 'me', operation(number), MOUNT, TARGET['document'], name,
                             version, claim)


# --- who has won ----------------------------------------------------------------------------------

def test_another_inode_of_the_same_operation_is_a_repeated_request(host):
    name = claim_store.make_folder(host, MOUNT)
    assert written(host, name, 1, 1)
    assert not written(host, name, 1, 1)
    assert not written(host, name, 1, 1, claims.first_claim([('h', 'another')]))
    with pytest.raises(errors.Conflict):
        written(host, name, 1, 2)
    assert claims.winner(1, operation(1), False, {1: (operation(1), 'x')}) == claims.REPEATED
    assert claims.winner(1, operation(2), False, {1: (operation(1), 'x')}) == claims.LOST


# --- the folder -----------------------------------------------------------------------------------

def test_of_two_hosts_that_make_the_folder_both_have_the_same(host, monkeypatch):
    rename, names = claim_store._rename, []

    def second(*given):
        monkeypatch.setattr(claim_store, '_rename', rename)
        names.append(claim_store.make_folder(Host(host.root, 'two'), MOUNT))
        rename(*given)
    monkeypatch.setattr(claim_store, '_rename', second)
    assert claim_store.make_folder(host, MOUNT) == names[0] == claim_store.folder_name(host, MOUNT)
    state = host.root + MOUNT.decode('ascii') + '/.libcloud-ovm3'
    assert sorted(os.listdir(state)) == ['claims', 'temporary']
    assert os.listdir(state + '/temporary') == [], 'what was not used is gone'


def test_a_folder_that_is_renamed_away_while_a_claim_is_written(host, monkeypatch):
    """Nobody sees that claim: it is not won."""
    name = claim_store.make_folder(host, MOUNT)
    write = documents.write_in

    def retired(*given):
        claim_store.retire(host, MOUNT, name)
        claim_store.make_folder(host, MOUNT)
        return write(*given)
    monkeypatch.setattr(documents, 'write_in', retired)
    with pytest.raises(errors.Conflict):
        written(host, name, 1, 1)
    monkeypatch.setattr(documents, 'write_in', write)
    with pytest.raises(errors.Conflict):
        written(host, name, 1, 1)
    assert claim_store.read(host, MOUNT, TARGET['document'])[1] == []


def test_a_folder_without_a_name_is_not_understood(host):
    os.remove(host.root + MOUNT.decode('ascii') + '/.libcloud-ovm3/claims/name'
              if claim_store.make_folder(host, MOUNT) else '')
    with pytest.raises(errors.Failed):
        claim_store.read(host, MOUNT, TARGET['document'])
    with pytest.raises(errors.Failed):
        claim_store.make_folder(host, MOUNT)


# --- this host ------------------------------------------------------------------------------------

def test_a_host_is_known_by_its_uuid_and_its_own_token(host, monkeypatch):
    claim_store.make_folder(host, MOUNT)
    for _ in (1, 2):
        assert claim_store.here(host, MOUNT) == ('1' * 32, 'boot-one-1')
    host.boot(2)
    assert claim_store.here(host, MOUNT)[1] == 'boot-one-2'
    local_state.remove(host, ['claims'], 'host')  # a new disk
    with pytest.raises(errors.Conflict):
        claim_store.here(host, MOUNT)
    monkeypatch.setitem(UUIDS, 'one', u'')
    with pytest.raises(errors.Failed):
        claim_store.here(host, MOUNT)


@pytest.mark.parametrize('value', ['', 'x' * 32, '1' * 31, 7, ['1' * 32]])
def test_what_is_no_server(value):
    with pytest.raises(errors.InvalidArgument):
        arguments.server(value)


# --- vm.cfg ---------------------------------------------------------------------------------------

@pytest.mark.parametrize('text', [
    "name = 'a'\n", "uuid = '%s'\n" % ('1' * 32), "name = 'a'\nuuid = '1'\n",
    "name = 'a'\nname = 'b'\nuuid = '%s'\n" % ('1' * 32), "name = 'a' + 'b'\nuuid = '1'\n"])
def test_which_vm_it_is_has_to_be_clear(text):
    with pytest.raises(errors.Failed):
        vm_files.identity(to_bytes(text))
    found = vm_files.identity(to_bytes('# x\nname="web-1"  # "x"\nuuid =  \'%s\'#\n' % ('0B' * 16)))
    assert found == ('0b0b0b0b-0b0b-0b0b-0b0b-0b0b0b0b0b0b', 'web-1')


def test_the_server_s_own_content(host):
    """Where the file system can read past the host's pages; this one may not."""
    real = super(Host, host).run
    host.run = real
    assert vm_files.direct_digest(host, TARGET) in (host.digest(), None)
    seen = []

    def direct(arguments, seconds):
        seen.append(arguments)
        return real([word for word in arguments if word != 'iflag=direct'], seconds)
    host.run = direct
    host.within = lambda seconds, function, *given: function(*given)
    assert vm_files.direct_digest(host, TARGET) == host.digest()
    assert 'iflag=direct' in seen[0]
    host.put('')
    assert vm_files.direct_digest(host, TARGET) == host.digest()
    os.remove(host.vm_cfg())
    assert vm_files.direct_digest(host, TARGET) == ''
