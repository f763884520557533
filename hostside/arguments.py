"""Validation of what a client sent: a clear InvalidArgument before anything is done."""

import re

from libcloud_ovm3_host import errors
from libcloud_ovm3_host.compat import bytes_type, text_type, to_bytes, whole_types

_CLIENT = re.compile(r'[A-Za-z0-9][A-Za-z0-9@._-]{0,31}\Z')
_OPERATION = re.compile(r'[0-9a-f]{32}\Z')
_DOCUMENT = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z')
_DEVICE = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,14}\Z')
_VM = re.compile(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z')
SERVER = re.compile(r'[0-9A-Fa-f:-]{32,47}\Z')
_REPOSITORY = re.compile(r'[0-9a-fA-F]{32}\Z')


def matching(pattern, what, value, expected):
    """A string that matches the pattern, as the native ``str``. Raises InvalidArgument."""
    if isinstance(value, (bytes_type, text_type)):
        try:
            value = str(value)
        except UnicodeError:
            value = ''
        if pattern.match(value):
            return value
    raise errors.InvalidArgument('%s: expected %s' % (what, expected))


def client(value):
    """The client's short name, for the host's log."""
    return matching(_CLIENT, 'client', value, 'up to 32 letters, digits and @._-')


def operation(value):
    """The client's id of the operation: the same id twice is one operation."""
    return matching(_OPERATION, 'operation', value, '32 lower-case hexadecimal digits')


def digest(value):
    """An MD5, in hexadecimal."""
    return matching(_OPERATION, 'digest', value, '32 lower-case hexadecimal digits')


def document(value):
    """The name of a document."""
    return matching(_DOCUMENT, 'name', value,
                    'up to 100 letters, digits and ._-, not starting with .')


def device(value):
    """The name of a network device."""
    return matching(_DEVICE, 'device', value, 'up to 15 letters, digits and ._-')


def vm(value):
    """The uuid of a VM."""
    return matching(_VM, 'user', value, 'the uuid of a VM, dashed, in lower case')


def repository(value):
    """The id of a repository."""
    return matching(_REPOSITORY, 'repository', value, '32 hexadecimal digits')


def server(value):
    """The uuid of a server, as its agent reports it."""
    return matching(SERVER, 'host', value, 'the uuid of a server')


def claims_folder(value):
    """The random name of a repository's claims; '' where there are none."""
    if value == '':
        return ''
    return matching(_OPERATION, 'folder', value, '32 lower-case hexadecimal digits')


def number(what, value, least, most):
    """An integer within these bounds. Raises InvalidArgument."""
    if isinstance(value, whole_types) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise errors.InvalidArgument('%s: expected an integer from %d to %d' % (what, least, most))


def one_of(what, value, choices):
    """One of these strings. Raises InvalidArgument."""
    if value in choices and isinstance(value, (bytes_type, text_type)):
        return str(value)
    raise errors.InvalidArgument('%s: expected one of %s' % (what, ', '.join(choices)))


def payload(what, value, most):
    """The bytes of a base64 value. A plain string is refused: the agent would log all of it."""
    from libcloud_ovm3_host.rpc import Binary
    if not isinstance(value, Binary):
        raise errors.InvalidArgument('%s: expected base64' % what)
    if len(value.data) > most:
        raise errors.InvalidArgument('%s: more than %d bytes' % (what, most))
    return value.data


def name_bytes(what, value):
    """A path or a file name as bytes: from a string, or from base64 where it is not UTF-8."""
    if isinstance(value, (bytes_type, text_type)):
        try:
            return to_bytes(value)
        except UnicodeError:  # a lone surrogate
            pass
    from libcloud_ovm3_host.rpc import Binary
    if isinstance(value, Binary):
        return value.data
    raise errors.InvalidArgument('%s: expected a string, or base64' % what)
