"""Connections to xend, as ``/proc/net/unix`` shows them. Pure.

An accepted connection stands there with the path of the socket that it came to, and an inode of its
own, until xend closes it, also when its client is gone; one that waits to be accepted has inode 0.
(Tried on Linux 5 and 6; that the kernels of dom0 do the same is a conclusion.)
"""

import re

from libcloud_ovm3_host.compat import plain, to_text

PATHS = (u'/var/run/xend/xmlrpc.sock',  # xm, and whoever uses XendClient.uri
         u'/var/run/xend/xen-api.sock', u'/var/lib/xend/xend-socket')
WAITING = '0'  # the inode of one that xend has not accepted

_LINE = re.compile(u'[0-9a-fA-F]+: [0-9a-fA-F]+ [0-9a-fA-F]+ ([0-9a-fA-F]+) [0-9a-fA-F]+ '
                   u'([0-9a-fA-F]+) +(\\d+)(?: (.*))?\\Z')
_LISTENS = 0x10000  # SO_ACCEPTCON of linux/net.h


def connections(text):
    """The inodes of the connections to xend's sockets; None if a line is not understood, or nobody
    listens at the first of PATHS: xend does not run, or uses another path."""
    found, listens = [], False
    for line in to_text(text).split(u'\n')[1:]:  # the first one has the names of the columns
        match = _LINE.match(line)
        if line and not match:
            return None
        if match and match.group(4) in PATHS:
            if not int(match.group(1), 16) & _LISTENS:
                found.append(plain(match.group(3)))
            elif match.group(4) == PATHS[0]:
                listens = True
    if not listens:
        return None
    return found
