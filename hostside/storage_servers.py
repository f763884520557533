"""The servers that the host has storage from over IP: those of its NFS mounts, iSCSI portals."""

import os

from libcloud_ovm3_host import errors
from libcloud_ovm3_host.compat import describe, error, plain, to_text

_ISCSI = '/sys/class/iscsi_connection'  # of the kernel's scsi_transport_iscsi
_TYPES = ('nfs', 'nfs4')


def storage_servers(dom0):
    """A list of ``{kind, source, address}``, each once.

    ``kind``: ``nfs`` or ``iscsi``. ``source``: the export as it is mounted, or the name of the
    iSCSI connection. ``address``: the server's, as the kernel has it; '' where it does not say one.
    Raises Failed.
    """
    found = []
    for kind, source, address in _mounted(dom0) + _connected(dom0):
        each = {'kind': to_text(kind), 'source': source, 'address': address}
        if each not in found:
            found.append(each)
    return found


def _mounted(dom0):
    """Mount options have ``addr=``; of old kernels it is the server's name."""
    found = []
    for line in to_text(dom0.read('/proc/mounts')).split('\n'):
        fields = line.split(' ')
        if len(fields) > 3 and fields[2] in _TYPES:
            options = [option[5:] for option in fields[3].split(',') if option[:5] == 'addr=']
            found.append(('nfs', fields[0], (options or [u''])[-1]))
    return found


def _connected(dom0):
    """Both addresses of a connection: where it leads now, and where it is made again."""
    folder = dom0.path(_ISCSI)
    if not os.path.isdir(folder):
        return []  # the kernel's part for iSCSI is not loaded
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        raise errors.Failed(describe(error()))
    found = []
    for name in names:
        known = [text for text in [_text(dom0, plain(name), key)
                                   for key in ('address', 'persistent_address')] if text]
        found += [('iscsi', to_text(name), text) for text in known or [u'']]
    return found


def _text(dom0, name, key):
    """A file of a connection; '' if it has none, as without a connection at this moment."""
    try:
        text = to_text(dom0.read('%s/%s/%s' % (_ISCSI, name, key))).strip()
    except errors.Failed:
        return u''
    if text == '(null)':
        return u''
    return text
