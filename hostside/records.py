"""Small records in files of ours: lines ``key=value``, bytes beyond plain ASCII as ``%XX``."""

import binascii
import re

from libcloud_ovm3_host import errors, state_dir
from libcloud_ovm3_host.compat import to_bytes, to_text

_MOST = 1 << 16  # bytes of a record; two paths of 4000 bytes, each of them as %XX, have room

_UNSAFE = re.compile('[^ -~]|%'.encode('ascii'))
_SAFE = re.compile('%([0-9A-F]{2})'.encode('ascii'))
_EQUALS = '='.encode('ascii')


def encode(record):
    """The bytes of ``{key: text or bytes}``."""
    lines = []
    for key in sorted(record):
        value = _UNSAFE.sub(_hidden, to_bytes(record[key]))
        lines.append(to_bytes(key) + _EQUALS + value + to_bytes('\n'))
    return ''.encode('ascii').join(lines)


def _hidden(match):
    return ('%%%02X' % ord(match.group())).encode('ascii')


def decode(data):
    """``{key: bytes}``; a line that is none, as in a file cut off, is left out."""
    record = {}
    for line in data.split(to_bytes('\n'))[:-1]:
        parts = line.split(_EQUALS, 1)
        if len(parts) == 2:
            record[str(to_text(parts[0]))] = _SAFE.sub(_shown, parts[1])
    return record


def _shown(match):
    return binascii.unhexlify(match.group(1))


def read(directory, name):
    """A record in an open folder. Raises NotFound, NotAllowed, Failed."""
    return decode(state_dir.read_whole(directory, name, _MOST))


def read_if_there(directory, name):
    """The same, ``{}`` where there is none."""
    try:
        return read(directory, name)
    except errors.NotFound:
        return {}


def number(record, key):
    """A whole number in a record, 0 if it is not there."""
    try:
        return int(record.get(key, 0))
    except ValueError:
        return 0
