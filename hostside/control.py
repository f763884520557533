"""The control interface: a bridge whose address and route reach the system's own guests.

What it takes: flows.md 2.3. Every step looks first and does nothing where nothing is to do, so the
whole may be repeated from wherever it was cut off.
"""

import errno
import os

from libcloud_ovm3_host import arguments, errors, network
from libcloud_ovm3_host.compat import bytes_type, describe, error, plain, text_type, to_text

_UP, _NO_ARP = 0x1, 0x80  # of linux/if.h
_SCRIPTS = '/etc/sysconfig/network-scripts/'


def set_control_interface(dom0, client, operation, bridge, address, prefix_length):
    """The bridge gets the address and the only route to its network, ARP; its ifcfg- file goes.

    Refused (NotAllowed) where that would cut off the host or its guests: the bridge carries another
    IPv4 address or a gateway, or a device that its own file puts into it; or the network overlaps
    one that the host has an address in, holds a gateway of this host, or is reached through one.
    Routes to that very network straight through other devices are removed (zeroconf makes them at
    each boot), no others.
    Raises InvalidArgument, NotFound (no such bridge), NotAllowed, Failed, Timeout.
    """
    client = arguments.client(client)
    operation = arguments.operation(operation)
    bridge = arguments.device(bridge)
    address, prefix_length = _address(address, prefix_length)
    folder = '/sys/class/net/' + bridge
    if not os.path.isdir(dom0.path(folder + '/bridge')):
        raise errors.NotFound('%s: no such bridge' % bridge)
    wanted = (bridge, address, prefix_length)
    _refuse_to_cut_off(dom0, wanted)
    _refuse_with_ports(dom0, bridge)
    dom0.log('%s %s set_control_interface %s %s/%d' % (client, operation, bridge, address,
                                                       prefix_length))
    if not _flags(dom0, folder) & _UP:
        network.command(dom0, 'link', 'set', 'dev', bridge, 'up')
    if _flags(dom0, folder) & _NO_ARP:  # local bridges come up without: agent-behaviour.md 13
        network.command(dom0, 'link', 'set', 'dev', bridge, 'arp', 'on')
    _set_address(dom0, wanted)
    _set_routes(dom0, wanted)
    _remove_file(dom0.path(_SCRIPTS + 'ifcfg-' + bridge))
    _look_again(dom0, wanted, folder)


def _address(address, prefix_length):
    """Both checked: an address that a host of the network may have."""
    arguments.number('prefix length', prefix_length, 8, 30)
    number = None
    if isinstance(address, (bytes_type, text_type)):
        number = network.number_of(address)
    if number is None:
        raise errors.InvalidArgument('address: expected an IPv4 address')
    of_host = number & ~network.mask_of(prefix_length)
    if number >> 24 in (0, 127) or number >> 28 >= 14 or of_host == 0 or \
            of_host | network.mask_of(prefix_length) == 0xffffffff:
        raise errors.InvalidArgument('address: no host of a network can have it')
    return str(address), prefix_length


def _refuse_to_cut_off(dom0, wanted):
    bridge, address, prefix_length = wanted
    mask = network.mask_of(prefix_length)
    net = network.number_of(address) & mask
    for other in network.addresses(dom0):
        if other['family'] != 4 or (other['device'] == bridge and other['address'] == address):
            continue
        if other['device'] == bridge:
            raise errors.NotAllowed('%s carries %s' % (bridge, str(other['address'])))
        both = mask & network.mask_of(other['prefix_length'])
        if network.number_of(other['address']) & both == net & both:
            raise errors.NotAllowed('%s has %s/%d, and the networks overlap' % (
                str(other['device']), str(other['address']), other['prefix_length']))
    for route in network.routes(dom0):
        gateway = network.number_of(route['gateway'])
        if gateway is None:
            continue
        if gateway & mask == net:
            raise errors.NotAllowed('%s is a gateway of this host, and of the same network'
                                    % str(route['gateway']))
        if route['device'] == bridge:
            raise errors.NotAllowed('%s is the way to the gateway %s' % (
                bridge, str(route['gateway'])))
        if _leads_to(route, net, prefix_length):
            raise errors.NotAllowed('the host reaches that network through the gateway %s'
                                    % str(route['gateway']))


def _refuse_with_ports(dom0, bridge):
    """A bridge with a port that comes up with the host needs its file at the next boot."""
    try:
        names = os.listdir(dom0.path(_SCRIPTS))
    except OSError:
        if error().errno != errno.ENOENT:
            raise errors.Failed(describe(error()))
        return
    for name in sorted(names):
        if not name.startswith('ifcfg-'):
            continue
        for line in to_text(dom0.read(_SCRIPTS + name)).split('\n'):
            words = line.strip().split('=')
            if words[0] == 'BRIDGE' and words[-1].strip('"\'') == bridge:
                raise errors.NotAllowed('%s: %s puts a device into it' % (bridge, plain(name)))


def _flags(dom0, folder):
    return int(dom0.read(folder + '/flags').strip(), 16)


def _has_address(dom0, wanted):
    return wanted in [(each['device'], each['address'], each['prefix_length'])
                      for each in network.addresses(dom0)]


def _set_address(dom0, wanted):
    bridge, address, prefix_length = wanted
    if not _has_address(dom0, wanted):
        network.command(dom0, '-4', 'addr', 'add', '%s/%d' % (address, prefix_length),
                        'broadcast', '+', 'dev', bridge)


def _routes_to(dom0, wanted):
    """``(ours, others)``: the routes to exactly that network."""
    bridge, address, prefix_length = wanted
    net = network.number_of(address) & network.mask_of(prefix_length)
    ours, others = [], []
    for route in network.routes(dom0):
        if route['device'] and _leads_to(route, net, prefix_length):
            if route['device'] == bridge:
                ours.append(route)
            else:
                others.append(route)
    return ours, others


def _leads_to(route, net, prefix_length):
    return (route['prefix_length'] == prefix_length
            and network.number_of(route['destination']) == net)


def _set_routes(dom0, wanted):
    """First our own, which the kernel makes with the address, then away with the others."""
    bridge, address, prefix_length = wanted
    ours, others = _routes_to(dom0, wanted)
    if not ours:
        # takes the place of one of the same metric, in one step
        network.command(dom0, '-4', 'route', 'replace', _shown(wanted), 'dev', bridge,
                        'scope', 'link', 'src', address)
        ours, others = _routes_to(dom0, wanted)
    for route in others:
        words = ['-4', 'route', 'del', _shown(wanted), 'dev', str(route['device'])]
        if route['metric']:
            words += ['metric', str(route['metric'])]
        network.command(dom0, *words)


def _shown(wanted):
    """The network as ``ip`` has it."""
    _, address, prefix_length = wanted
    net = network.number_of(address) & network.mask_of(prefix_length)
    parts = [str(net >> shift & 255) for shift in (24, 16, 8, 0)]
    return '%s/%d' % ('.'.join(parts), prefix_length)


def _remove_file(path):
    """Left there it is in the way at the next boot (flows.md 2.3)."""
    try:
        os.unlink(path)
    except OSError:
        if error().errno != errno.ENOENT:
            raise errors.Failed(describe(error()))


def _look_again(dom0, wanted, folder):
    """Success of a command is not arrival."""
    ours, others = _routes_to(dom0, wanted)
    flags = _flags(dom0, folder)
    if not _has_address(dom0, wanted) or not ours or others or flags & _NO_ARP or not flags & _UP:
        raise errors.Failed('%s: the host does not keep what was set; something else changes its '
                            'network' % wanted[0])
