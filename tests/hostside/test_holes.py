"""Where a file has no holes: all that may be data is found, whatever the file system reports."""

import errno
import os

import pytest
from hypothesis import given, strategies

from libcloud_ovm3_host import holes

REAL = os.lseek
SIZE = 1 << 20


@pytest.fixture
def sparse(tmpdir):
    """A file with data at 64 KiB and at 512 KiB, and holes before, between and behind."""
    path = str(tmpdir.join('file'))
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    for at in (1 << 16, 1 << 19):
        REAL(handle, at, 0)
        os.write(handle, os.urandom(8192))
    os.ftruncate(handle, SIZE)
    yield handle
    os.close(handle)


def ranges(handle, size=SIZE):
    return list(holes.data_ranges(handle, size))


def fails(number):
    raise OSError(number, os.strerror(number))


def test_only_data(sparse):
    found = ranges(sparse)
    assert sum([end - start for start, end in found]) < 1 << 18
    for at in (1 << 16, 1 << 19):
        assert [1 for start, end in found if start <= at and at + 8192 <= end] == [1]


def test_of_a_file_without_data_or_without_anything(sparse):
    os.ftruncate(sparse, 0)
    assert ranges(sparse, 0) == []
    os.ftruncate(sparse, SIZE)
    assert ranges(sparse) == []


def test_it_ends_where_it_is_told_to(sparse):
    """The file may grow meanwhile."""
    assert ranges(sparse, (1 << 16) + 100)[-1][1] == (1 << 16) + 100
    assert ranges(sparse, 4096) == []


@pytest.mark.parametrize('number', [errno.EINVAL, errno.EOPNOTSUPP, errno.ENXIO, errno.EIO])
def test_a_file_system_that_reports_no_holes(sparse, monkeypatch, number):
    def lseek(handle, at, whence):
        if whence > 2:
            fails(number)
        return REAL(handle, at, whence)
    monkeypatch.setattr(os, 'lseek', lseek)
    assert ranges(sparse) == [(0, SIZE)]


@pytest.mark.parametrize('data, hole', [
    (lambda at: at, lambda at: at), (lambda at: at - 1, lambda at: at + 1),
    (lambda at: fails(errno.ENXIO), lambda at: at + 4096), (lambda at: at + 10, lambda at: at - 1),
    (lambda at: at, lambda at: fails(errno.EIO))])
def test_one_that_contradicts_itself(sparse, monkeypatch, data, hole):
    def lseek(handle, at, whence):
        if at == 0 or whence < 3:
            return REAL(handle, at, whence)
        if whence == 3:
            return data(at)
        return hole(at)
    monkeypatch.setattr(os, 'lseek', lseek)
    found = ranges(sparse)
    assert found[0][0] <= 1 << 16 and found[-1][1] == SIZE
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]


def test_what_is_not_on_the_disk_is_not_trusted_to_be_a_hole(sparse, monkeypatch):
    monkeypatch.setattr(os, 'fsync', lambda handle: fails(errno.EIO))
    assert ranges(sparse) == [(0, SIZE)]


@given(strategies.lists(strategies.tuples(
    strategies.integers(0, 3), strategies.integers(1, 9000))).map(
        lambda parts: ''.encode('ascii').join(
            [('\0' if kind else 'x').encode('ascii') * length for kind, length in parts])))
def test_zeros_are_left_out(tmpdir_factory, data):
    path = str(tmpdir_factory.mktemp('zeros').join('file'))
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        holes.write_sparse(handle, 5000, data)
        os.ftruncate(handle, 5000 + len(data))
        REAL(handle, 5000, 0)
        assert os.read(handle, len(data) + 1) == data
    finally:
        os.close(handle)
        os.unlink(path)


def test_blocks_of_zeros_take_no_space(tmpdir):
    handle = os.open(str(tmpdir.join('file')), os.O_RDWR | os.O_CREAT)
    holes.write_sparse(handle, 0, ('\0' * SIZE + 'x' * 4096 + '\0' * SIZE).encode('ascii'))
    assert os.fstat(handle).st_blocks * 512 < 1 << 17
    assert os.fstat(handle).st_size == SIZE + 4096
    os.close(handle)
