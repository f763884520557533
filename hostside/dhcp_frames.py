"""What a frame says of DHCP (RFC 2131): pure, and wary of every byte, as any guest may send it.

A frame that is not wholly understood says nothing. Checksums are not looked at: network cards and
paravirtual guests leave them to be filled in later, so that frames between guests lack them.
"""

import struct

from libcloud_ovm3_host.compat import to_bytes

REQUEST, DECLINE, ACK, NAK, RELEASE = 3, 4, 5, 6, 7
FOREVER = 0xffffffff  # of a lease time
MOST_REQUESTS = 16  # of a card, that are remembered

_IP, _UDP, _ETHERNET = 0x0800, 17, (1, 6)
_SERVER_PORT, _CLIENT_PORT = 67, 68
_TO_SERVER, _TO_CLIENT = 1, 2
_COOKIE = 0x63825363
_BOOTP = 240  # bytes up to the options, the cookie included
_SNAME, _FILE = (44, 108), (108, 236)  # where options may go on
_PAD, _END, _LEASE_TIME, _OVERLOAD, _TYPE = 0, 255, 51, 52, 53
_BROADCAST = 'ff:ff:ff:ff:ff:ff'


class _NotUnderstood(Exception):
    """A frame is truncated, of something else, or says a thing twice."""


def parse(frame):
    """``{type, xid, mac, source, target, address, seconds}`` of a message of DHCP over Ethernet, or
    None.

    ``type``: REQUEST, DECLINE and RELEASE of a client, ACK and NAK of a server. ``mac``: whose
    lease it is about; ``source`` and ``target``: the MAC addresses of the frame. ``address``: what
    an ACK gives, else ''; ``seconds``: for how long, None if it does not say.
    """
    try:
        return _message(frame)
    except (_NotUnderstood, struct.error):
        return None


def _message(frame):
    if _number('!H', frame, 12) != _IP:
        raise _NotUnderstood()
    ports, bootp = _datagram(frame[14:])
    operation, hardware, length = struct.unpack('!BBB', bootp[:3])
    if (hardware, length) != _ETHERNET or _number('!I', bootp, 236) != _COOKIE:
        raise _NotUnderstood()
    options = _options(bootp[_BOOTP:])
    overload = _option(options, _OVERLOAD, '!B')
    for bit, (start, end) in ((1, _FILE), (2, _SNAME)):
        if overload and overload & bit:
            _options(bootp[start:end], options)
    kind = _option(options, _TYPE, '!B')
    wanted = (_TO_SERVER, (_CLIENT_PORT, _SERVER_PORT))
    if kind in (ACK, NAK):
        wanted = (_TO_CLIENT, (_SERVER_PORT, _CLIENT_PORT))
    elif kind not in (REQUEST, DECLINE, RELEASE):
        raise _NotUnderstood()
    if (operation, ports) != wanted:
        raise _NotUnderstood()
    found = {'type': kind, 'xid': _number('!I', bootp, 4), 'mac': _mac(bootp[28:34]),
             'target': _mac(frame[:6]), 'source': _mac(frame[6:12]), 'address': '',
             'seconds': _option(options, _LEASE_TIME, '!I')}
    if kind == ACK:
        found['address'] = _address(bootp[16:20])
    return found


def _datagram(packet):
    """``((source port, target port), content)`` of UDP over IPv4, whole and in one piece."""
    first, total = _number('!B', packet, 0), _number('!H', packet, 2)
    start = (first & 15) * 4
    # 0x3fff: more pieces follow, or it is not the first one
    if first >> 4 != 4 or start < 20 or _number('!H', packet, 6) & 0x3fff or (
            _number('!B', packet, 9) != _UDP):
        raise _NotUnderstood()
    source, target, length = struct.unpack('!HHH', packet[start:start + 6])
    if length < 8 + _BOOTP or start + length > total or total > len(packet):
        raise _NotUnderstood()
    return (source, target), packet[start + 8:start + length]


def _options(data, found=None):
    """``{code: content}``, with its end."""
    if found is None:
        found = {}
    position = 0
    while True:
        code = _number('!B', data, position)
        if code == _END:
            return found
        position += 1
        if code == _PAD:
            continue
        length = _number('!B', data, position)
        content = data[position + 1:position + 1 + length]
        if len(content) < length:
            raise _NotUnderstood()
        # RFC 3396: pieces of one; none that counts here is longer than one can be
        found[code] = found.get(code, to_bytes('')) + content
        position += 1 + length


def _option(options, code, form):
    """A number; None if it is not given."""
    if code not in options:
        return None
    if len(options[code]) != struct.calcsize(form):
        raise _NotUnderstood()
    return struct.unpack(form, options[code])[0]


def _number(form, data, position):
    return struct.unpack(form, data[position:position + struct.calcsize(form)])[0]


def _mac(data):
    return '%02x:%02x:%02x:%02x:%02x:%02x' % struct.unpack('!6B', data)


def _address(data):
    """An address that one machine can have."""
    parts = struct.unpack('!4B', data)
    if parts[0] in (0, 127) or parts[0] >= 224:
        raise _NotUnderstood()
    return '%d.%d.%d.%d' % parts


class Card(object):
    """What a card has asked for, and what its lease is by that."""

    def __init__(self, mac):
        self.mac = mac
        self.requests = []  # xids

    def hears(self, message):
        """``(address, seconds)`` if a message gives the card a lease, ``('', 0)`` if it ends the
        one that it may have, None if it says nothing of it.

        Only the first answer to what the card itself was seen to ask counts: a guest that has got
        one does not listen to others.
        """
        if message['mac'] != self.mac:
            return None
        if message['type'] in (REQUEST, DECLINE, RELEASE):
            if message['source'] != self.mac:
                return None
            if message['type'] != REQUEST:
                return '', 0
            if message['xid'] not in self.requests:
                self.requests = self.requests[1 - MOST_REQUESTS:] + [message['xid']]
            return None
        if message['xid'] not in self.requests or (
                message['target'] not in (self.mac, _BROADCAST)):
            return None
        if message['type'] == ACK and not message['seconds']:  # an answer to DHCPINFORM: no lease
            return None
        self.requests = [xid for xid in self.requests if xid != message['xid']]
        if message['type'] == NAK:
            return '', 0
        return message['address'], message['seconds']
