"""The disks of a VM: by its vm.cfg, by the options for it, by xend. Pure; no vm.cfg is run.

A disk is ``(mode, path)``, both text: mode ``r``, ``w`` or ``w!`` (shared); the path absolute and
normalised, or what stands there if it is no path (``nbd:...``). Entries: xend.md 7.
"""

import codecs
import posixpath
import re

from libcloud_ovm3_host import errors
from libcloud_ovm3_host.compat import bytes_type, plain, text_type, to_text

# Strings and comments; a string of several lines is none that a list of disks has.
_TOKEN = re.compile(
    u'(?P<comment>#[^\\n]*)|(?P<long>\'\'\'.*?\'\'\'|""".*?""")|'
    u'(?P<string>\'(?:\\\\.|[^\'\\\\\\n])*\'|"(?:\\\\.|[^"\\\\\\n])*")', re.DOTALL)
_NAMED = re.compile(u'(?<![\\w.])disk(?!\\w)')
# What is left of a list of strings when each string is \0 and its number.
_LIST = re.compile(u'^disk[ \\t]*=[ \\t]*\\[\\s*((?:\\0\\d+\\s*,\\s*)*(?:\\0\\d+\\s*)?)\\][ \\t]*$',
                   re.MULTILINE)
_NUMBER = re.compile(u'\\0(\\d+)')
_ANY_PATH = re.compile(u'/[^\'",\\s]+')
_CONTROL = re.compile(u'[\\x00-\\x1f]')
_UNKNOWN = u'\ufffd'
_KINDS = ('vbd', 'tap', 'tap2')
_DRIVERS = (u'tap', u'tap2')


def of_vm_cfg(data):
    """``[(mode, path)]`` of a vm.cfg's bytes. Raises Failed where its disks cannot be told."""
    strings = []

    def kept(match):
        if match.group('comment') is not None:
            return u''
        strings.append(match.group('string'))
        return u'\0%d' % (len(strings) - 1)
    text = _TOKEN.sub(kept, to_text(data).replace(u'\r\n', u'\n'))
    found = _LIST.findall(text)
    if not _NAMED.search(text):
        return []
    if len(found) != 1 or len(_NAMED.findall(text)) != 1:
        raise errors.Failed('vm.cfg: its disks cannot be told: "disk" is not one list of strings')
    return of_entries([_unquoted(strings[int(number)]) for number in _NUMBER.findall(found[0])])


def _unquoted(literal):
    if literal is None:
        raise errors.Failed('vm.cfg: a disk over several lines')
    try:
        return to_text(codecs.escape_decode(literal[1:-1].encode('utf-8'))[0])
    except ValueError:
        raise errors.Failed('vm.cfg: a disk that is not a string: %s' % plain(literal))


def of_entries(entries):
    """The same of the entries of a list ``disk``. Raises Failed."""
    found = []
    if not isinstance(entries, (list, tuple)):
        raise errors.Failed('disk: expected a list of texts')
    for entry in entries:
        if not isinstance(entry, (bytes_type, text_type)):
            raise errors.Failed('disk: expected a list of texts')
        parts = to_text(entry).split(u',')
        if len(parts) < 3:
            raise errors.Failed('not a disk that xend takes: %s' % plain(entry))
        path = _path(parts[0].lstrip())
        if path:
            found.append((one_line(parts[2]), path))
    return found


def of_devices(devices):
    """The same of a domain's devices in xend's list (:func:`.sxp.domain`)."""
    found = []
    for kind in _KINDS:
        for device in devices.get(kind, []):
            path = _path(to_text('%s' % device.get('uname', u'')))
            if path:
                found.append((one_line('%s' % device.get('mode', u'')) or u'w', path))
    return found


def one_line(text):
    """A text without control characters: paths and modes are in lines, between tabs."""
    return _CONTROL.sub(_UNKNOWN, to_text(text)).strip()


def any_path_of(data):
    """All that looks like a path in a vm.cfg, as if it were a disk to write to: what a file names
    whose disks cannot be told."""
    return [(u'w', _tidy(path)) for path in _ANY_PATH.findall(to_text(data))]


def _path(name):
    """What a disk's ``SCHEME:PATH`` leads to; '' of an empty drive."""
    name = _CONTROL.sub(_UNKNOWN, name)
    words, location = name.split(u':'), name
    if len(words) > 1 and u'/' not in words[0]:
        location = u':'.join(words[1:])
        if words[0] in _DRIVERS and len(words) > 2 and u'/' not in words[1]:  # tap:aio:/x.img
            location = u':'.join(words[2:])
        if words[0] == u'phy' and location.strip() and not location.startswith(u'/'):
            location = u'/dev/' + location
    if not location.strip():
        return u''
    if not location.startswith(u'/'):
        return name
    return _tidy(location)


def _tidy(path):
    return u'/' + posixpath.normpath(path).lstrip(u'/')
