"""Differences between Python 2.4, 2.6, 2.7 and 3."""

import codecs
import re
import sys

try:
    from hashlib import md5, sha1
except ImportError:  # Python 2.4
    from md5 import new as md5
    from sha import new as sha1
try:
    import cPickle as pickle
except ImportError:  # Python 3
    import pickle

__all__ = ['md5', 'sha1', 'pickle', 'PY3', 'bytes_type', 'text_type', 'big', 'whole_types', 'error',
           'to_bytes', 'to_text', 'plain', 'describe']

PY3 = sys.version_info[0] > 2
bytes_type = type(''.encode('ascii'))
text_type = type(''.encode('ascii').decode('ascii'))
if PY3:
    big = int  # a number that may be beyond 32 bits: the agent sends Python 2's longs as i8
    whole_types = (int,)
else:
    big = long  # noqa: F821
    whole_types = (int, long)  # noqa: F821


def error():
    """The exception that is being handled: the one form that all these versions understand."""
    return sys.exc_info()[1]


def to_bytes(value):
    """Bytes of a text (UTF-8) or of bytes."""
    if isinstance(value, text_type):
        return value.encode('utf-8')
    return value


_NOT_XML = u'[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]'
if sys.maxunicode > 0xffff:
    _NOT_XML += u'|[\ud800-\udfff]'
else:  # characters beyond U+FFFF are pairs of surrogates there
    _NOT_XML += u'|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]'
_NOT_XML = re.compile(_NOT_XML)


def _replace_one(failure):
    return (u'\ufffd', failure.start + 1)


# Python 2's own 'replace' swallows good bytes after a bad one.
codecs.register_error('libcloud_ovm3_replace', _replace_one)


def to_text(value):
    """Unicode text of bytes or text, valid in XML: characters that XML forbids are replaced."""
    if isinstance(value, bytes_type):
        value = value.decode('utf-8', 'libcloud_ovm3_replace')
    return _NOT_XML.sub(u'\ufffd', value)


def plain(value):
    """The same as the native ``str``: for exception messages, which are bytes in Python 2."""
    text = to_text(value)
    if PY3:
        return text
    return text.encode('utf-8')


def describe(exception):
    """An exception in one line: ``OSError: [Errno 2] ...``."""
    try:
        text = str(exception)
    except UnicodeError:  # a unicode message, in Python 2
        text = repr(exception)
    return plain('%s: %s' % (exception.__class__.__name__, text))
