"""The control interface: a bridge whose address and route reach the system's own guests.

The steps: flows.md 2.3. Every step checks first and does nothing where nothing is to do, so the
whole may be repeated after an interruption.
"""

import errno
import os

from libcloud_ovm3_host import arguments, change_records, errors, net_devices, network
from libcloud_ovm3_host.compat import bytes_type, describe, error, plain, text_type, to_text

_UP, _NO_ARP = 0x1, 0x80  # of linux/if.h
_SCRIPTS = '/etc/sysconfig/network-scripts/'
_LINK_LOCAL = (network.number_of('169.254.0.0'), 16)  # the network that it usually has (flows 2.3)


def control_interface(dom0, bridge):
    """What :func:`set_control_interface` would mend, as it is:
    ``{exists, up, arp, addresses, routes_own, routes_other, file}``.

    ``exists``: whether there is a bridge of that name. ``addresses``: its IPv4 addresses, as
    ``169.254.0.1/16``. ``routes_own``: its own direct routes; ``routes_other``: direct routes
    through other devices to exactly 169.254.0.0/16 or the networks of its addresses; both as
    :func:`network.routes`. ``file``: whether it has an ifcfg- file.
    Raises InvalidArgument, Failed, Timeout.
    """
    bridge = arguments.device(bridge)
    found = {'exists': net_devices.is_bridge(dom0, bridge), 'up': False, 'arp': False,
             'file': os.path.exists(dom0.path(_SCRIPTS + 'ifcfg-' + bridge))}
    if found['exists']:
        flags = net_devices.flags(dom0, bridge)
        found['up'], found['arp'] = bool(flags & _UP), not flags & _NO_ARP
    own = [each for each in network.addresses(dom0)
           if each['family'] == 4 and each['device'] == bridge]
    found['addresses'] = [u'%s/%d' % (each['address'], each['prefix_length']) for each in own]
    networks = [_LINK_LOCAL] + [
        (network.number_of(each['address']) & network.mask_of(each['prefix_length']),
         each['prefix_length']) for each in own]
    direct = [route for route in network.routes(dom0) if not route['gateway']]
    found['routes_own'] = [route for route in direct if route['device'] == bridge]
    found['routes_other'] = [
        route for route in direct if route['device'] not in ('', bridge)
        and (network.number_of(route['destination']), route['prefix_length']) in networks]
    return found


def set_control_interface(dom0, client, operation, bridge, address, prefix_length):
    """Give the bridge the address, the only route to its network and ARP; remove its ifcfg- file.

    Raises NotAllowed where that would disconnect the host or its guests: the bridge has another
    IPv4 address or leads to a gateway, or an ifcfg- file adds a device to it; or the network
    overlaps one in which the host has an address, contains a gateway of this host, or is reached
    through one. Direct routes to exactly that network through other devices are removed (zeroconf
    creates them at each boot), no others.
    Raises InvalidArgument, NotFound (no such bridge), NotAllowed, Conflict (a guarded change is under
    way), Failed, Timeout.
    """
    client = arguments.client(client)
    operation = arguments.operation(operation)
    bridge = arguments.device(bridge)
    address, prefix_length = _address(address, prefix_length)
    if not net_devices.is_bridge(dom0, bridge):
        raise errors.NotFound('%s: no such bridge' % bridge)
    wanted = (bridge, address, prefix_length)
    _refuse_to_cut_off(dom0, wanted)
    _refuse_with_ports(dom0, bridge)
    change_records.require_none(dom0)
    dom0.log('%s %s set_control_interface %s %s/%d' % (client, operation, bridge, address,
                                                       prefix_length))
    if not net_devices.flags(dom0, bridge) & _UP:
        network.command(dom0, 'link', 'set', 'dev', bridge, 'up')
    if net_devices.flags(dom0, bridge) & _NO_ARP:
        # local bridges come up without: agent-behaviour.md 13
        network.command(dom0, 'link', 'set', 'dev', bridge, 'arp', 'on')
    _set_address(dom0, wanted)
    _set_routes(dom0, wanted)
    _remove_file(dom0.path(_SCRIPTS + 'ifcfg-' + bridge))
    _verify(dom0, wanted)


def _address(address, prefix_length):
    """Both, validated: an address that a host in the network may have."""
    arguments.number('prefix length', prefix_length, 8, 30)
    number = None
    if isinstance(address, (bytes_type, text_type)):
        number = network.number_of(address)
    if number is None:
        raise errors.InvalidArgument('address: expected an IPv4 address')
    of_host = number & ~network.mask_of(prefix_length)
    if number >> 24 in (0, 127) or number >> 28 >= 14 or of_host == 0 or \
            of_host | network.mask_of(prefix_length) == 0xffffffff:
        raise errors.InvalidArgument('address: not a valid host address of that network')
    return str(address), prefix_length


def _refuse_to_cut_off(dom0, wanted):
    bridge, address, prefix_length = wanted
    mask = network.mask_of(prefix_length)
    net = network.number_of(address) & mask
    for other in network.addresses(dom0):
        if other['family'] != 4 or (other['device'] == bridge and other['address'] == address):
            continue
        if other['device'] == bridge:
            raise errors.NotAllowed('%s has the address %s' % (bridge, str(other['address'])))
        both = mask & network.mask_of(other['prefix_length'])
        if network.number_of(other['address']) & both == net & both:
            raise errors.NotAllowed('%s has %s/%d, and the networks overlap' % (
                str(other['device']), str(other['address']), other['prefix_length']))
    for route in network.routes(dom0):
        gateway = network.number_of(route['gateway'])
        if gateway is None:
            continue
        if gateway & mask == net:
            raise errors.NotAllowed('%s is a gateway of this host and in the same network'
                                    % str(route['gateway']))
        if route['device'] == bridge:
            raise errors.NotAllowed('%s leads to the gateway %s' % (
                bridge, str(route['gateway'])))
        if _leads_to(route, net, prefix_length):
            raise errors.NotAllowed('the host reaches that network through the gateway %s'
                                    % str(route['gateway']))


def _refuse_with_ports(dom0, bridge):
    """A bridge with a port that is configured at boot needs its own file at the next boot."""
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
                raise errors.NotAllowed('%s: %s adds a device to it' % (bridge, plain(name)))


def _has_address(dom0, wanted):
    return wanted in [(each['device'], each['address'], each['prefix_length'])
                      for each in network.addresses(dom0)]


def _set_address(dom0, wanted):
    bridge, address, prefix_length = wanted
    if not _has_address(dom0, wanted):
        network.command(dom0, '-4', 'addr', 'add', '%s/%d' % (address, prefix_length),
                        'broadcast', '+', 'dev', bridge)


def _routes_to(dom0, wanted):
    """``(own, others)``: the routes to exactly that network, the bridge's and the others."""
    bridge, address, prefix_length = wanted
    net = network.number_of(address) & network.mask_of(prefix_length)
    own, others = [], []
    for route in network.routes(dom0):
        if route['device'] and _leads_to(route, net, prefix_length):
            if route['device'] == bridge:
                own.append(route)
            else:
                others.append(route)
    return own, others


def _leads_to(route, net, prefix_length):
    return (route['prefix_length'] == prefix_length
            and network.number_of(route['destination']) == net)


def _set_routes(dom0, wanted):
    """First the bridge's route, which the kernel adds with the address, then remove the others."""
    bridge, address, prefix_length = wanted
    own, others = _routes_to(dom0, wanted)
    if not own:
        # atomically replaces one of the same metric
        network.command(dom0, '-4', 'route', 'replace', _network_text(wanted), 'dev', bridge,
                        'scope', 'link', 'src', address)
        own, others = _routes_to(dom0, wanted)
    for route in others:
        words = ['-4', 'route', 'del', _network_text(wanted), 'dev', str(route['device'])]
        if route['metric']:
            words += ['metric', str(route['metric'])]
        network.command(dom0, *words)


def _network_text(wanted):
    """The network as ``ip`` writes it."""
    _, address, prefix_length = wanted
    net = network.number_of(address) & network.mask_of(prefix_length)
    parts = [str(net >> shift & 255) for shift in (24, 16, 8, 0)]
    return '%s/%d' % ('.'.join(parts), prefix_length)


def _remove_file(path):
    """It would conflict with the control interface at the next boot (flows.md 2.3)."""
    try:
        os.unlink(path)
    except OSError:
        if error().errno != errno.ENOENT:
            raise errors.Failed(describe(error()))


def _verify(dom0, wanted):
    """A command may succeed without effect."""
    own, others = _routes_to(dom0, wanted)
    flags = net_devices.flags(dom0, wanted[0])
    if not _has_address(dom0, wanted) or not own or others or flags & _NO_ARP or not flags & _UP:
        raise errors.Failed('%s: the settings did not persist; another program changes the '
                            'network of this host' % wanted[0])
