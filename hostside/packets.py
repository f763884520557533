"""Frames of a bridge that may be DHCP's, as the kernel hands them to this process.

The kernel selects them (a filter on the socket), so nothing else of the guests' traffic is read.
While the socket is open the bridge is promiscuous, as servers may answer a guest alone; that ends
with the socket, however its process ends.
"""

import array
import select
import socket
import struct

from libcloud_ovm3_host import errors
from libcloud_ovm3_host.compat import describe, error, to_bytes

# of linux/if_ether.h, if_packet.h, asm/socket.h
_ETH_P_IP, _SOL_PACKET, _ADD_MEMBERSHIP, _PROMISCUOUS, _ATTACH_FILTER = 0x0800, 263, 1, 1, 26
_MOST = 65536  # bytes of a frame

# linux/filter.h: (operation, jump if true, jump if false, number)
_UDP_TO_67_OR_68 = (
    (0x30, 0, 0, 23),  # the protocol
    (0x15, 0, 7, 17),  # UDP, else to the end
    (0x28, 0, 0, 20),  # the place of a piece
    (0x45, 5, 0, 0x3fff),  # more than one piece: to the end
    (0xb1, 0, 0, 14),  # skip the header of IP
    (0x48, 0, 0, 16),  # the target port
    (0x15, 1, 0, 67),
    (0x15, 0, 1, 68),
    (0x06, 0, 0, _MOST),  # take it
    (0x06, 0, 0, 0),  # do not
)


class Listener(object):
    """Hears a device: its name, and the kernel's number of it. Raises Failed."""

    def __init__(self, device, index):
        self._device = device
        try:
            # of no protocol until it is bound: nothing comes before there is a filter
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except socket.error:
            raise self._failed()
        try:
            self._select()
            self._socket.bind((device, _ETH_P_IP))
            self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, struct.pack(
                'iHH8s', index, _PROMISCUOUS, 0, to_bytes('')))
        except (socket.error, OSError):
            failure = self._failed()
            self.close()
            raise failure

    def _select(self):
        code = array.array('B', ''.encode('ascii').join(
            [struct.pack('HBBI', *line) for line in _UDP_TO_67_OR_68]))
        program = struct.pack('HP', len(_UDP_TO_67_OR_68), code.buffer_info()[0])
        self._socket.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)

    def read(self, seconds):
        """The next frame; None if none comes within that time. Raises Failed."""
        try:
            if select.select([self._socket], [], [], seconds)[0]:
                return self._socket.recv(_MOST)
        except (select.error, socket.error):
            raise self._failed()
        return None

    def _failed(self):
        return errors.Failed('listening on %s: %s' % (self._device, describe(error())))

    def close(self):
        """Hear nothing any more."""
        self._socket.close()
