"""Small records in the state directory: lines ``key=value``, non-ASCII bytes as ``%XX``."""

import binascii
import re

from libcloud_ovm3_host import errors, state_dir
from libcloud_ovm3_host.compat import to_bytes, to_text

_MOST = 1 << 16  # bytes of a record: enough for two paths of 4000 bytes, all as %XX

_UNSAFE = re.compile('[^ -~]|%'.encode('ascii'))
_SAFE = re.compile('%([0-9A-F]{2})'.encode('ascii'))
_EQUALS = '='.encode('ascii')


def encode(record):
    """The bytes of ``{key: text or bytes}``."""
    lines = []
    for key in sorted(record):
        value = _UNSAFE.sub(_escape, to_bytes(record[key]))
        lines.append(to_bytes(key) + _EQUALS + value + to_bytes('\n'))
    return ''.encode('ascii').join(lines)


def _escape(match):
    return ('%%%02X' % ord(match.group())).encode('ascii')


def decode(data):
    """``{key: bytes}``; an incomplete line, as in a truncated file, is skipped."""
    record = {}
    for line in data.split(to_bytes('\n'))[:-1]:
        parts = line.split(_EQUALS, 1)
        if len(parts) == 2:
            record[str(to_text(parts[0]))] = _SAFE.sub(_unescape, parts[1])
    return record


def unescaped(data):
    """The bytes of a damaged record, with what was a value as it was."""
    return _SAFE.sub(_unescape, data)


def _unescape(match):
    return binascii.unhexlify(match.group(1))


def read(directory, name):
    """A record in an open directory. Raises NotFound, NotAllowed, Failed."""
    return decode(state_dir.read_whole(directory, name, _MOST))


def read_if_there(directory, name):
    """The same; ``{}`` where there is none."""
    try:
        return read(directory, name)
    except errors.NotFound:
        return {}


def number(record, key):
    """An integer in a record; 0 if it is missing."""
    try:
        return int(record.get(key, 0))
    except ValueError:
        return 0
