"""Names: exactly there and back, no two to one file, and nothing outside the folder."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcloud_ovm3_host import errors, object_names
from libcloud_ovm3_host.compat import to_bytes
from libcloud_ovm3_host.rpc import Binary

SAFE = re.compile('[A-Za-z0-9%_-][A-Za-z0-9%._-]*\\Z'.encode('ascii'))
CASES = ['a&b.txt', '100%.txt', '50%25.txt', 'two words.db', 'new-folder/',
         'new-folder/tux-128x128.ico', 'SI_1.db', 'AT&T report (final) #2.pdf']  # cases/C09
PARTS = ['..', '.', '/', '//', '%', '%2f', '%2F', '%%', u'\xe9', u'e\u0301', u'\u202e', u'\ufffe',
         u'\U0001f600', 'A', 'a', ' ', '\t', '\n', '\r', '\x7f', '\x01', "'", '"', '`id`', '$(id)',
         ';', '|', '*', '?', '[', '\\', '&amp;', '<', '~', '-', '--', '_', 'con', '.nfs0001',
         'x' * 60, u'\xe9' * 40, 'Templates', '.libcloud-ovm3', '/etc/passwd', '0' * 40]
# as hypothesis would have it: this one is for Python 2 as well, whose surrogates differ
CHARACTERS = st.characters(blacklist_categories=('Cs',), blacklist_characters=u'\0')


def is_taken(name):
    try:
        object_names.checked('name', name)
    except errors.InvalidArgument:
        return False
    return True


def check(name):
    """What holds for every name."""
    data = to_bytes(name)
    file = object_names.file_name(data)
    assert SAFE.match(file) and len(file) <= 200
    if object_names.is_cut(file):
        assert object_names.name_of(file) is None
    else:
        assert object_names.name_of(file) == data
    for end in (1, 100, 101, len(data)):
        prefix = data[:end]
        assert object_names.may_begin_with(file, object_names.encode(prefix))
    return file


def test_ten_thousand_hostile_names():
    chance = random.Random(18)
    names = set(CASES + ['a', 'a/', 'a/b', 'A', 'a%2f', 'a%2F', '%', '%%', '.', '..', '/', '...'])
    while len(names) < 10000:
        name = u''.join([chance.choice(PARTS) for _ in range(chance.randint(1, 12))])
        if is_taken(name):
            names.add(name)
    files = set([check(name) for name in names])
    assert len(files) == len(names)
    assert len([file for file in files if object_names.is_cut(file)]) > 1000


@given(st.text(CHARACTERS, min_size=1, max_size=260))
def test_there_and_back(name):
    check(name)


@given(st.text(CHARACTERS, min_size=1, max_size=9), st.text(CHARACTERS, min_size=1, max_size=9))
def test_different_names_have_different_files_and_prefixes(one, other):
    one, other = to_bytes(one), to_bytes(other)
    files = object_names.file_name(one), object_names.file_name(other)
    assert (files[0] == files[1]) == (one == other)
    assert object_names.may_begin_with(files[0], object_names.encode(other)) == one.startswith(other)


@given(st.binary(min_size=1, max_size=30))
def test_no_file_of_others_has_a_name(data):
    name = object_names.name_of(data)
    assert name is None or object_names.file_name(name) == data


@given(st.binary(max_size=40))
def test_any_bytes_are_taken_as_they_are_or_refused(data):
    if is_taken(Binary(data)):
        assert object_names.checked('name', Binary(data)) == data
        data.decode('utf-8')
        check(data)


@pytest.mark.parametrize('name', [
    '', '\0', 'a\0b', 'x' * 1025, u'\xe9' * 513, u'\ud800', 7, None, ['x'],
    Binary(u'\xe9'.encode('latin-1')), Binary(''.encode('ascii')),
    Binary(u'\xed\xa0\x80'.encode('latin-1')), Binary(u'\xc0\xaf'.encode('latin-1'))])
def test_what_is_no_name(name):
    assert not is_taken(name)


def test_the_longest():
    for name in ('x' * 1024, u'\xe9' * 512, 'x' * 200, 'x' * 201, '%' * 66, '%' * 67):
        check(name)
    assert object_names.is_cut(object_names.file_name(to_bytes('x' * 201)))
    assert not object_names.is_cut(object_names.file_name(to_bytes('x' * 200)))


@pytest.mark.parametrize('name, pieces', [
    ('Templates/x', 2), ('Templates/a/vm.cfg', 3), ('ISOs/x y.iso', 2), ('VirtualDisks/...', 0),
    ('Templates', None), ('templates/x', None), ('Templates%2Fx', None), ('x/Templates/y', None),
    ('Templates/', 0), ('Templates//x', 0), ('ISOs/../x', 0), ('ISOs/./x', 0), ('ISOs/.x', 0),
    ('ISOs/' + 'x' * 256, 0), ('VirtualMachines/x', None)])
def test_what_is_a_file_of_the_repository(name, pieces):
    """0: it is refused."""
    if pieces == 0:
        with pytest.raises(errors.InvalidArgument):
            object_names.pieces_of_file(to_bytes(name))
    else:
        found = object_names.pieces_of_file(to_bytes(name))
        assert (found and len(found)) == pieces
