"""Holes of sparse files: where a file has none, and how to leave them in a copy."""

import errno
import os

from libcloud_ovm3_host import files
from libcloud_ovm3_host.compat import error

# Linux 3.1 and later. Python, also 2.4, has no names for them and passes them on to lseek(2).
SEEK_DATA, SEEK_HOLE = 3, 4
BLOCK = 4096

_ZEROS = '\0'.encode('ascii') * BLOCK


def data_ranges(handle, size, at=0):
    """``(start, end)`` of everything from ``at`` to ``size`` that may be data, in order.

    What is left out reads as zeros. Where the file system does not report holes, or contradicts
    itself, that is all the rest.
    """
    try:
        os.fsync(handle)  # what is not on the disk yet must not pass for a hole
    except OSError:
        yield at, size
        return
    for found in synced_ranges(handle, size, at):
        yield found


def synced_ranges(handle, size, at=0):
    """The same of a file all of whose data is on the disk."""
    while at < size:
        start, end = _next_data(handle, at, size)
        if start < end:
            yield start, end
        at = end


def next_data(handle, at, size):
    """Where the first data at or after this place may begin; ``size`` if there is none."""
    for start, _ in data_ranges(handle, size, at):
        return start
    return max(at, size)


def _next_data(handle, at, size):
    try:
        try:
            start = os.lseek(handle, at, SEEK_DATA)
        except OSError:
            if error().errno == errno.ENXIO and os.lseek(handle, at, SEEK_HOLE) == at:
                return size, size  # a hole up to the end
            raise
        end = os.lseek(handle, start, SEEK_HOLE)
    except OSError:
        return at, size
    if not at <= start < end:
        return at, size
    return start, min(end, size)


def write_sparse(handle, at, data):
    """Write a range into a new file, but for its blocks of zeros. Raises OSError."""
    start = 0  # of what is not written yet
    for position in range(0, len(data), BLOCK):
        block = data[position:position + BLOCK]
        if block == _ZEROS[:len(block)]:
            files.write_at(handle, at + start, data[start:position])
            start = position + len(block)
    files.write_at(handle, at + start, data[start:])
