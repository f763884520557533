"""Sharing blocks: what is asked of the kernel, and what its refusals become."""

import ctypes
import errno
import fcntl
import os
import struct

import pytest

from libcloud_ovm3_host import errors, reflink
from libcloud_ovm3_host.compat import to_bytes

DATA = to_bytes('content')


class Kernel(object):
    """ioctl(2) of a file system; ``refuses``: ``{request: errno}``."""

    def __init__(self, refuses):
        self.refuses, self.asked = refuses, []

    def ioctl(self, handle, request, argument):
        self.asked.append(request)
        if request in self.refuses:
            raise IOError(self.refuses[request], os.strerror(self.refuses[request]))
        if request == 0x40049409:
            os.write(handle, os.read(argument, 100))
        else:
            old, new, preserve = struct.unpack('=QQQ', argument)
            assert (request, preserve, len(argument)) == (0x40186f04, 0, 24)
            source = os.open(ctypes.string_at(old), os.O_RDONLY)
            target = os.open(ctypes.string_at(new), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 511)
            os.write(target, os.read(source, 100))
            os.close(source)
            os.close(target)
        return 0


@pytest.fixture
def folders(tmpdir):
    """Two open directories; the first one has a file."""
    tmpdir.mkdir('a').join('file').write('content')
    tmpdir.mkdir('b')
    handles = [os.open(str(tmpdir.join(name)), os.O_RDONLY) for name in 'ab']
    yield handles
    for handle in handles:
        os.close(handle)


def share(folders, monkeypatch, refuses):
    kernel = Kernel(refuses)
    monkeypatch.setattr(fcntl, 'ioctl', kernel.ioctl)
    try:
        reflink.share_blocks(folders[0], 'file', folders[1], to_bytes('new'))
    finally:
        assert len(os.listdir('/proc/self/fd')) == share.descriptors
    return kernel


@pytest.fixture(autouse=True)
def descriptors(folders):
    share.descriptors = len(os.listdir('/proc/self/fd'))


@pytest.mark.parametrize('refuses', [{}, {0x40049409: errno.ENOTTY}, {0x40049409: errno.EINVAL}])
def test_shared(folders, tmpdir, monkeypatch, refuses):
    kernel = share(folders, monkeypatch, refuses)
    assert tmpdir.join('b', 'new').read('rb') == DATA
    assert os.stat(str(tmpdir.join('b', 'new'))).st_mode & 511 == 384
    assert len(kernel.asked) == 1 + len(refuses)


@pytest.mark.parametrize('number', [errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.EXDEV])
def test_a_file_system_that_cannot(folders, tmpdir, monkeypatch, number):
    refuses = {0x40049409: errno.ENOTTY, 0x40186f04: number}
    problem = pytest.raises(errors.Failed, share, folders, monkeypatch, refuses).value
    assert str(problem) == 'the file system cannot share blocks'
    assert tmpdir.join('b').listdir() == []


@pytest.mark.parametrize('refuses', [{0x40049409: errno.ENOSPC},
                                     {0x40049409: errno.ENOTTY, 0x40186f04: errno.ENOSPC}])
def test_another_refusal_is_said(folders, tmpdir, monkeypatch, refuses):
    problem = pytest.raises(errors.Failed, share, folders, monkeypatch, refuses).value
    assert os.strerror(errno.ENOSPC) in str(problem)
    assert tmpdir.join('b').listdir() == []


def test_never_onto_another_file_and_never_of_a_link(folders, tmpdir, monkeypatch):
    tmpdir.join('b', 'new').write('theirs')
    with pytest.raises(errors.Exists):
        share(folders, monkeypatch, {})
    assert tmpdir.join('b', 'new').read() == 'theirs'
    os.unlink(str(tmpdir.join('a', 'file')))
    os.symlink('/etc/passwd', str(tmpdir.join('a', 'file')))
    with pytest.raises(errors.NotAllowed):
        share(folders, monkeypatch, {})
