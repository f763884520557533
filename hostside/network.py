"""The host's network: what it has, and the control interface.

Names and addresses are never matched by substring: the commands' output is parsed into fields,
and fields are compared (agent-behaviour.md 15.3).
"""

import errno
import socket
import struct

from libcloud_ovm3_host import arguments, errors
from libcloud_ovm3_host.compat import big, describe, error, plain, to_text

_SECONDS = 10  # for each command
_FAMILIES = {'inet': (4, 32), 'inet6': (6, 128)}
# in a line of ``ip route``: words without a value; types of routes
_FLAGS = ('dead', 'linkdown', 'offload', 'onlink', 'notify', 'pervasive', 'rt_offload', 'rt_trap')
_TYPES = ('unicast', 'local', 'broadcast', 'multicast', 'anycast', 'throw', 'unreachable',
          'prohibit', 'blackhole', 'nat')
_REFUSED = (errno.ECONNREFUSED, errno.ECONNRESET)  # by the other side, which is running
# not ENETUNREACH, ENETDOWN: a host without a route cannot tell
_SILENT = (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.EHOSTDOWN)


def command(dom0, *words):
    """The output of an ``ip`` command, as text. Raises Failed with its error output, Timeout."""
    status, output, error_output = dom0.run(['ip'] + list(words), _SECONDS)
    if status:
        raise errors.Failed('ip %s: %s' % (' '.join(words), plain(error_output).strip()))
    return to_text(output)


def addresses(dom0):
    """A list of ``{device, family: 4 or 6, address, prefix_length}``."""
    return [each for each, _ in _addresses(dom0)]


def given_addresses(dom0):
    """As :func:`addresses`, those that somebody has given: without those that the kernel makes of a
    device by itself (:func:`_is_kernels`)."""
    return [each for each, words in _addresses(dom0) if not _is_kernels(each, words)]


def _addresses(dom0):
    """``(address, the words after it)``."""
    found = []
    for line in command(dom0, '-o', 'addr', 'show').split('\n'):
        words = line.replace('\\', ' ').split()
        if len(words) >= 4 and words[2] in _FAMILIES:
            family, longest = _FAMILIES[words[2]]
            address, prefix_length = _with_prefix(words[3], longest, line)
            found.append(({'device': words[1], 'family': family, 'address': address,
                           'prefix_length': prefix_length}, words[4:]))
    return found


def _is_kernels(each, words):
    """Link-local, or made of a prefix that a router has announced: ``dynamic``, of 64 bits, and
    with the MAC address in it (RFC 4862), or marked as made so. One that DHCP has brought is
    ``dynamic`` too, and somebody has wanted it."""
    if each['family'] != 6:
        return False
    try:
        groups = struct.unpack('!8H', socket.inet_pton(socket.AF_INET6, plain(each['address'])))
    except (socket.error, ValueError, UnicodeError):
        return False
    if groups[0] & 0xffc0 == 0xfe80:
        return True
    is_of_mac = groups[5] & 0xff == 0xff and groups[6] >> 8 == 0xfe
    return 'dynamic' in words and each['prefix_length'] == 64 and (
        is_of_mac or 'mngtmpaddr' in words or 'temporary' in words)


def routes(dom0):
    """A list of ``{device, destination, prefix_length, gateway, metric}`` of the main table, IPv4.

    A route with several next hops has one entry per hop; ``gateway`` and ``device`` are '' where
    there is none.
    """
    found = []
    for line in command(dom0, '-o', '-4', 'route', 'show').split('\n'):
        words = line.replace('\\', ' ').split()
        if words and words[0] in _TYPES:
            words = words[1:]
        if words:
            found.extend(_hops(words, line))
    return found


def _hops(words, line):
    destination, prefix_length = u'0.0.0.0', 0
    if words[0] != 'default':
        destination, prefix_length = _with_prefix(words[0], 32, line)
    pieces = [[]]
    for word in words[1:]:
        if word == 'nexthop':
            pieces.append([])
        else:
            pieces[-1].append(word)
    common = _fields(pieces[0])
    hops = [_fields(piece) for piece in pieces[1:]] or [common]
    return [{'device': hop.get('dev', u''), 'destination': destination,
             'prefix_length': prefix_length, 'gateway': hop.get('via', u''),
             'metric': big(_number(common.get('metric', '0'), line))} for hop in hops]


def _with_prefix(text, longest, line):
    """``(address, prefix length)``; the longest where none is given: a host, an end of a link."""
    parts = text.split('/')
    if len(parts) == 1:
        return text, longest
    return parts[0], _number(parts[1], line)


def _number(text, line):
    """Raises Failed: output that is only partly understood is not used at all."""
    try:
        return int(text)
    except ValueError:
        raise errors.Failed('ip: unexpected output: %s' % plain(line))


def _fields(words):
    """``{key: value}`` of pairs of words; the first one of a key counts."""
    fields = {}
    position = 0
    while position < len(words):
        if words[position] in _FLAGS:
            position += 1
        else:
            fields.setdefault(words[position], (words[position + 1:position + 2] or [u''])[0])
            position += 2
    return fields


def neighbours(dom0):
    """A list of ``{device, address, mac, complete}``: the kernel's ARP table (/proc/net/arp)."""
    found = []
    for line in to_text(dom0.read('/proc/net/arp')).split('\n')[1:]:
        words = line.split()  # address, type, flags, MAC, mask, device
        if len(words) == 6:
            found.append({'device': words[5], 'address': words[0], 'mac': words[3].lower(),
                          'complete': bool(int(words[2], 16) & 2)})
    return found


def number_of(address):
    """An IPv4 address as an integer; None if it is not one."""
    try:
        return struct.unpack('!I', socket.inet_pton(socket.AF_INET, address))[0]
    except (socket.error, ValueError, UnicodeError):
        return None


def mask_of(prefix_length):
    """The netmask as an integer."""
    return 0xffffffff ^ (0xffffffff >> prefix_length)


def check_port(dom0, address, port, seconds):
    """How a numeric address answers at a TCP port within that many seconds: ``open``, ``refused``
    (then something is running there), or ``silent``.

    Host names are not allowed: name resolution has no time limit. Raises InvalidArgument, Failed.
    """
    arguments.number('port', port, 1, 65535)
    arguments.number('seconds', seconds, 1, 30)
    family = _family(address)
    try:
        connection = socket.socket(family, socket.SOCK_STREAM)
    except socket.error:
        raise errors.Failed(describe(error()))
    try:
        connection.settimeout(seconds)
        return _connect(connection, str(address), port)
    finally:
        connection.close()


def _connect(connection, address, port):
    try:
        connection.connect((address, port))
    except socket.timeout:
        return 'silent'
    except socket.error:
        number = error().args[0]
        if number in _REFUSED:
            return 'refused'
        if number in _SILENT:
            return 'silent'
        raise errors.Failed(describe(error()))  # local: it says nothing of the other side
    return 'open'


def _family(address):
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, str(address))
            return family
        except (socket.error, ValueError, TypeError, UnicodeError):
            pass
    raise errors.InvalidArgument('address: expected a numeric IPv4 or IPv6 address')
