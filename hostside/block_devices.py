"""The host's disks: /sys/block, their names in /dev, and what Domain-0 itself does with them.

Nothing is read from the disks, so one that does not respond is listed like the others.
"""

import errno
import os
import re

from libcloud_ovm3_host import errors
from libcloud_ovm3_host.compat import big, describe, error, plain, to_text

_BLOCK = '/sys/block'
_SECTOR = 512  # the unit of ``size``, whatever the device's own sectors are
_NOT_DISKS = re.compile(r'(?:loop|ram|zram|fd|sr)\d+\Z')
_LINKS = ('/dev/disk/by-id', '/dev/disk/by-path')
# An NAA identifier has 32 digits if it begins with 6, else 16: udev names some devices by the
# first 16 digits of 32, which several of them share.
_WWID = re.compile(r'(?:mpath-3|naa\.|(?:dm-uuid-mpath|scsi)-3|wwn-0x)'
                   r'([1235][0-9a-f]{15}|6[0-9a-f]{31})\Z', re.IGNORECASE)
_DM_KINDS = ((re.compile('mpath-'), 'multipath'), (re.compile('LVM-'), 'lvm'),
             (re.compile(r'part\d+-'), 'partition'))
_UP_TO_DEV = re.compile(r'(?:\.\./)*(?:/dev/)?')
_HYPHEN = re.compile('(?<!-)-(?!-)')
_TRANSPARENT = ('multipath', 'partition')  # not in use themselves: see what lies on them


def block_devices(dom0):
    """A list of ``{device, names, kind, size_bytes, wwid, slaves, holders, used_by}``.

    ``kind``: ``disk``, ``multipath``, ``lvm``, ``partition`` or ``other``; no loop devices, RAM
    disks, floppy or CD drives. ``device``: the kernel's name in /dev, ``names``: its other paths.
    ``wwid``: the NAA identifier in lower case without ``3`` or ``naa.``, '' if not known.
    ``slaves``, ``holders``: the devices below and on it, holders also of its partitions, which are
    entries of their own. ``used_by``: what Domain-0 uses it for, a list of texts. Where a part
    could not be read: ``error``. Raises Failed.
    """
    links, found = _links(dom0), {}
    for name in _names(dom0, _BLOCK):
        if not _NOT_DISKS.match(name):
            _add(dom0, '%s/%s' % (_BLOCK, name), links, found)
    try:
        uses = _uses(dom0)
    except errors.Failed:
        uses, text = {}, _with_reason('what Domain-0 has mounted is not known')
        for entry in found.values():
            entry.setdefault('error', text)
    for name in sorted(found):
        found[name]['used_by'] = _used_by(name, found, uses)
    return [_answer(found[name]) for name in sorted(found)]


def _with_reason(text):
    """This text, and the message of the exception that is being handled."""
    return to_text('%s: %s' % (text, plain(str(error()))))


def _answer(entry):
    for key in ('number', 'on_it'):
        del entry[key]
    return entry


# --- one device -----------------------------------------------------------------------------

def _add(dom0, folder, links, found):
    """Add a device and its partitions."""
    name = os.path.basename(folder)
    entry = {'device': _path(name), 'names': [], 'kind': 'disk', 'wwid': to_text(''),
             'slaves': [], 'holders': [], 'number': '', 'on_it': []}
    found[name] = entry
    try:
        _read_device(dom0, folder, links.get(name, []), entry)
    except (errors.Failed, ValueError):
        entry['error'] = _with_reason(name)
    for part in entry['on_it']:
        if part not in found and os.path.exists(dom0.path('%s/%s/partition' % (folder, part))):
            _add(dom0, '%s/%s' % (folder, part), links, found)
            found[part]['slaves'] = [entry['device']]


def _read_device(dom0, folder, links, entry):
    """Read what the kernel says of a device: what comes first does not depend on the rest."""
    partitions = [name for name in _names(dom0, folder)
                  if os.path.exists(dom0.path('%s/%s/partition' % (folder, name)))]
    holders = _names(dom0, folder + '/holders')
    entry['on_it'] = partitions + holders
    entry['holders'] = [_path(name) for name in entry['on_it']]
    entry['slaves'] = [_path(name) for name in _names(dom0, folder + '/slaves')]
    entry['names'] = [to_text(name) for name in links]
    entry['number'] = _read(dom0, folder + '/dev')
    identifiers = [os.path.basename(name) for name in links]
    if os.path.exists(dom0.path(folder + '/partition')):
        entry['kind'] = 'partition'
    elif os.path.isdir(dom0.path(folder + '/dm')):
        uuid = _read(dom0, folder + '/dm/uuid')
        kinds = [kind for pattern, kind in _DM_KINDS if pattern.match(uuid)]
        entry['kind'] = (kinds + ['other'])[0]
        identifiers.insert(0, uuid)
    elif os.path.isdir(dom0.path(folder + '/md')):
        entry['kind'] = 'other'
    elif os.path.exists(dom0.path(folder + '/device/wwid')):  # not in older kernels
        identifiers.insert(0, _read(dom0, folder + '/device/wwid'))
    entry['wwid'] = _wwid(identifiers)
    if os.path.isdir(dom0.path(folder + '/dm')):
        entry['names'] = _mapper_names(dom0, _read(dom0, folder + '/dm/name')) + entry['names']
    entry['size_bytes'] = big(int(_read(dom0, folder + '/size')) * _SECTOR)


def _wwid(identifiers):
    """The first one that is recognised, without what is before its digits."""
    for identifier in identifiers:
        match = _WWID.match(identifier)
        if match:
            return to_text(match.group(1).lower())
    return to_text('')


def _mapper_names(dom0, name):
    """The paths of a device-mapper device: LVM also has ``/dev/<group>/<volume>``."""
    paths = ['/dev/mapper/' + name]
    parts = [part.replace('--', '-') for part in _HYPHEN.split(name)]
    if len(parts) == 2:
        paths.append('/dev/' + '/'.join(parts))
    return [to_text(path) for path in paths if os.path.lexists(dom0.path(path))]


# --- names ----------------------------------------------------------------------------------

def _links(dom0):
    """``{kernel's name: [paths]}`` of udev's links."""
    links = {}
    for folder in _LINKS:
        for name in _names(dom0, folder):
            path = '%s/%s' % (folder, name)
            try:
                target = os.readlink(dom0.path(path))
            except OSError:  # not a link, or just removed
                continue
            kernel_name = target[_UP_TO_DEV.match(target).end():].replace('/', '!')
            links.setdefault(kernel_name, []).append(path)
    return links


def _path(name):
    """The path of a device: in its name in /sys the kernel writes ``!`` for ``/``."""
    return to_text('/dev/' + name.replace('!', '/'))


def _names(dom0, folder):
    """The sorted names in a directory; none if it does not exist. Raises Failed."""
    try:
        return sorted(os.listdir(dom0.path(folder)))
    except OSError:
        if error().errno in (errno.ENOENT, errno.ENOTDIR):
            return []
        raise errors.Failed(describe(error()))


def _read(dom0, path):
    """The text of a small file, without white space around it. Raises Failed."""
    return plain(dom0.read(path)).strip()


# --- what Domain-0 uses ----------------------------------------------------------------------

def _uses(dom0):
    """``{device number or path: [texts]}`` of what is mounted, or swapped to. Raises Failed."""
    uses = {}
    for number, point in dom0.mounted_devices():
        uses.setdefault(number, []).append('mounted at %s' % point)
    for line in _read(dom0, '/proc/swaps').splitlines()[1:]:
        uses.setdefault(line.split()[0], []).append('swap space')
    return uses


def _used_by(name, found, uses):
    """What a device, its partitions and what lies on it are used for."""
    entry = found[name]
    texts = []
    for key in [entry['number'], entry['device']] + entry['names']:
        texts += [u'%s: %s' % (entry['device'], use) for use in uses.get(key, [])]
    for other in entry['on_it']:
        if other not in found:
            texts.append(_path(other))
        elif found[other]['kind'] in _TRANSPARENT:
            texts += _used_by(other, found, uses)
        else:
            shown = (found[other]['names'] + [found[other]['device']])[0]
            texts.append(u'%s (%s)' % (shown, found[other]['kind']))
    return texts
