"""Messages of DHCP as bytes, whole or spoiled."""

import struct

MAC, OTHER, BROADCAST = '00:21:f6:00:00:01', '00:21:f6:00:00:02', 'ff:ff:ff:ff:ff:ff'
SERVER = '52:54:00:00:00:01'
REQUEST, DECLINE, ACK, NAK, RELEASE = 3, 4, 5, 6, 7


def octets(mac):
    return struct.pack('!6B', *[int(part, 16) for part in mac.split(':')])


def option(code, *numbers):
    return struct.pack('!%dB' % (len(numbers) + 2), code, len(numbers), *numbers)


def lease(seconds):
    return option(51, *struct.unpack('!4B', struct.pack('!I', seconds)))


def message(kind, mac=MAC, address=(10, 0, 0, 9), seconds=3600, **other):
    """``other``: xid, source, target, options (bytes in place of the usual), end, file, sport, dport,
    fragment, protocol, ethertype, op, cut (bytes off the end of the frame)."""
    answers = kind in (ACK, NAK)
    options = option(53, kind)
    if kind == ACK and seconds is not None:
        options += lease(seconds)
    options = other.get('options', options) + other.get('end', struct.pack('!B', 255))
    if kind != ACK:
        address = (0, 0, 0, 0)
    ports = answers and (67, 68) or (68, 67)
    bootp = (struct.pack('!BBBBI', other.get('op', answers and 2 or 1), 1, 6, 0,
                         other.get('xid', 77))
             + struct.pack('!8x4B8x', *address) + octets(mac) + struct.pack('!10x64x')
             + other.get('file', struct.pack('!128x')) + struct.pack('!I', 0x63825363) + options)
    udp = struct.pack('!HHHH', other.get('sport', ports[0]), other.get('dport', ports[1]),
                      8 + len(bootp), 0) + bootp
    header = [0x45, 0, 20 + len(udp), 0, other.get('fragment', 0), 64, other.get('protocol', 17), 0]
    total = sum(struct.unpack('!6H', struct.pack('!BBHHHBBH', *header)))
    header[-1] = 0xffff - (total & 0xffff) - (total >> 16)  # bridges may drop a wrong one
    packet = struct.pack('!BBHHHBBH', *header) + struct.pack('!8x') + udp
    source = other.get('source', answers and SERVER or mac)
    frame = (octets(other.get('target', BROADCAST)) + octets(source)
             + struct.pack('!H', other.get('ethertype', 0x0800)) + packet)
    return frame[:len(frame) - other.get('cut', 0)]
