"""Names of objects and containers, and the names of the files that hold them. Pure.

Letters, digits, ``-``, ``_`` and ``.`` (but for the first character) stand for themselves, every
other byte of the UTF-8 name is ``%XX``: so different names have different files, where the file
system distinguishes capitals. What would be longer than 200 characters is cut after 100, and ``%%``
and the SHA-1 of the name follow: the name itself is then in the object's record only.
"""

import binascii
import re

from libcloud_ovm3_host import arguments, errors, safe_paths
from libcloud_ovm3_host.compat import sha1, to_text

LONGEST = 1024  # bytes of a name
FOLDERS = ('ISOs', 'Templates', 'VirtualDisks')  # of the repository's own files, in byte order

_PLAIN = 200  # characters of a file name that is not cut
_KEPT = 100
_CUT = '%%'.encode('ascii')
_CUT_LENGTH = _KEPT + 2 + 40

_OTHER = re.compile('[^A-Za-z0-9._-]'.encode('ascii'))
_ESCAPED = re.compile('%([0-9A-F]{2})'.encode('ascii'))
_DOT = '.'.encode('ascii')
_SLASH = '/'.encode('ascii')
_NUL = '\0'.encode('ascii')
_SURROGATE = re.compile(u'[\xed][\xa0-\xbf]'.encode('latin-1'))  # Python 2 takes it for UTF-8
_CONTROL = re.compile('[\x00-\x1f\x7f]'.encode('ascii'))


# --- what may be a name ---------------------------------------------------------------------

def checked(what, value):
    """The bytes of a name of an object. Raises InvalidArgument."""
    name = arguments.name_bytes(what, value)
    if not name:
        raise errors.InvalidArgument('%s: empty' % what)
    problem = problem_of(name)
    if problem:
        raise errors.InvalidArgument('%s: %s: %s' % (what, problem, safe_paths.printable(name)))
    return name


def prefix(value):
    """The bytes of the beginning of a name, which may be empty. Raises InvalidArgument."""
    name = arguments.name_bytes('prefix', value)
    if name:
        checked('prefix', value)
    return name


def container(value):
    """The bytes of the name of a plain container. Raises InvalidArgument."""
    name = checked('container', value)
    if _SLASH in name or _CONTROL.search(name):
        raise errors.InvalidArgument('container: a / or a control character in the name: %s'
                                     % safe_paths.printable(name))
    return name


def container_or_own(value):
    """The same, or nothing: the repository's own container."""
    name = arguments.name_bytes('container', value)
    if name:
        container(value)
    return name


def problem_of(name):
    """Why these bytes are no name, or ''."""
    if len(name) > LONGEST:
        return 'more than %d bytes' % LONGEST
    if _NUL in name:
        return 'a NUL byte'
    try:
        name.decode('utf-8')
    except UnicodeError:
        return 'not UTF-8'
    if _SURROGATE.search(name):
        return 'not UTF-8'
    return ''


def pieces_of_file(name):
    """The pieces of the path of one of the repository's own files; None for any other name.

    Raises InvalidArgument for a name that begins as theirs do, but is not the path of one.
    """
    pieces = name.split(_SLASH)
    if len(pieces) == 1 or to_text(pieces[0]) not in FOLDERS:
        return None
    for piece in pieces[1:]:
        if not piece or piece.startswith(_DOT):
            raise errors.InvalidArgument(
                'name: an empty piece, or one that begins with a dot, in the path of a file of the '
                'repository: %s' % safe_paths.printable(name))
        if len(piece) > 255:
            raise errors.InvalidArgument('name: a piece of more than 255 bytes in the path of a '
                                         'file of the repository')
    return pieces


# --- names of files -------------------------------------------------------------------------

def file_name(name):
    """The name of the file of a name, as bytes."""
    encoded = encode(name)
    if len(encoded) > _PLAIN:
        return encoded[:_KEPT] + _CUT + sha1(name).hexdigest().encode('ascii')
    return encoded


def encode(name):
    """The same, however long: what a name begins with is what its encoded form begins with."""
    encoded = _OTHER.sub(_escape, name)
    if encoded.startswith(_DOT):
        return '%2E'.encode('ascii') + encoded[1:]
    return encoded


def _escape(match):
    return ('%%%02X' % ord(match.group())).encode('ascii')


def is_cut(file):
    """Whether the name cannot be told from that of the file."""
    return len(file) == _CUT_LENGTH and file[_KEPT:_KEPT + 2] == _CUT


def name_of(file):
    """The name whose file this is; None if it is cut, or this package names no file so."""
    if is_cut(file):
        return None
    name = decode(file)
    if not name or problem_of(name) or file_name(name) != file:
        return None
    return name


def decode(encoded):
    """The name of which :func:`encode` has made this."""
    return _ESCAPED.sub(_unescape, encoded)


def _unescape(match):
    return binascii.unhexlify(match.group(1))


def may_begin_with(file, encoded_prefix):
    """Whether the name of that file begins so, as far as that of the file can tell."""
    if is_cut(file):
        return file[:_KEPT].startswith(encoded_prefix[:_KEPT])
    return file.startswith(encoded_prefix)
