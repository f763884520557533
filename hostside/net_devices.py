"""The host's bridges, VLAN devices and bonds, as its kernel reports them. Names are whole names.

What cannot be read is an error: a bridge whose ports are not known is not one without ports.
"""

import os
import re

from libcloud_ovm3_host import errors, network
from libcloud_ovm3_host.compat import describe, error, plain, to_text

_NET = '/sys/class/net/'
_VLANS = '/proc/net/vlan/config'
_GUESTS = re.compile(r'(?:vif|tap)\d+\.')  # xend.md 0


def names(dom0):
    """The names of all network devices."""
    return _listed(dom0, _NET)


def _listed(dom0, folder):
    try:
        return sorted([plain(name) for name in os.listdir(dom0.path(folder))])
    except OSError:
        raise errors.Failed(describe(error()))


def exists(dom0, device):
    """Whether there is a network device of that name."""
    return os.path.isdir(dom0.path(_NET + device))


def is_bridge(dom0, device):
    """Whether it is a bridge."""
    return os.path.isdir(dom0.path(_NET + device + '/bridge'))


def bridges(dom0):
    """The names of all bridges."""
    return [name for name in names(dom0) if is_bridge(dom0, name)]


def ports(dom0, bridge):
    """The devices on a bridge."""
    return _listed(dom0, _NET + bridge + '/brif')


def bridge_with(dom0, port):
    """The bridge that a device is on; '' if it is on none."""
    for name in bridges(dom0):
        if port in ports(dom0, name):
            return name
    return ''


def vlans(dom0):
    """``{VLAN device: (device below, number)}``."""
    if not os.path.isdir(dom0.path(os.path.dirname(_VLANS))):
        return {}  # the kernel's part for VLANs is not loaded
    found = {}
    for line in to_text(dom0.read(_VLANS)).split('\n'):
        fields = [field.strip() for field in line.split('|')]  # bond0.7 | 7 | bond0
        if len(fields) == 3 and fields[1].isdigit():
            found[plain(fields[0])] = (plain(fields[2]), int(fields[1]))
    return found


def of_vlan(dom0, wanted, devices):
    """Those of these devices that are the VLAN ``wanted['vlan']`` of ``wanted['netdev']``."""
    vlan = (wanted['netdev'], int(wanted['vlan']))
    below = vlans(dom0)
    return [device for device in devices if below.get(device) == vlan]


def is_guests(device):
    """Whether a device is that of a guest, by its name (xend.md 0)."""
    return _GUESTS.match(device) is not None


def flags(dom0, device):
    """The kernel's flags (linux/if.h)."""
    return _number(dom0, device, 'flags', 16)


def mtu(dom0, device):
    """The MTU, bytes."""
    return _number(dom0, device, 'mtu', 10)


def index(dom0, device):
    """The kernel's number of a device, which no other one gets until the next boot."""
    return _number(dom0, device, 'ifindex', 10)


def _number(dom0, device, name, base):
    text = dom0.read(_NET + device + '/' + name).strip()
    try:
        return int(text, base)
    except ValueError:
        raise errors.Failed('%s: %s: unexpected: %s' % (device, name, plain(text)))


def bond_mode(dom0, device):
    """The mode of a bond as the kernel writes it, ``active-backup 1``; None if it is no bond."""
    if not os.path.isdir(dom0.path(_NET + device + '/bonding')):
        return None
    return to_text(dom0.read(_NET + device + '/bonding/mode')).strip()


def addresses(dom0, devices):
    """The addresses of these devices, as ``10.0.0.1/24``; without those that IPv6 gives to every
    device that is up, or that hears of a router."""
    return ['%s/%d' % (plain(each['address']), each['prefix_length'])
            for each in network.given_addresses(dom0) if plain(each['device']) in devices]


def mtus(dom0):
    """``{device: MTU}`` of all devices but those of guests."""
    return dict([(name, mtu(dom0, name)) for name in names(dom0)
                 if not _GUESTS.match(name) and exists(dom0, name)])


def picture(dom0):
    """All that a change of networks changes, as ``(device, text)``: devices, ports, VLANs,
    addresses and so on, without what comes and goes with guests."""
    facts = [(name, 'VLAN %d of %s' % (vlan, below)) for name, (below, vlan) in vlans(dom0).items()]
    for name in names(dom0):
        if is_guests(name) or not exists(dom0, name):
            continue
        facts.append((name, 'MTU %d' % mtu(dom0, name)))
        if is_bridge(dom0, name):
            facts.append((name, 'bridge'))
            facts += [(port, 'on %s' % name) for port in ports(dom0, name) if not is_guests(port)]
        elif bond_mode(dom0, name) is not None:
            facts.append((name, 'bond of mode %s' % plain(bond_mode(dom0, name))))
    for each in network.given_addresses(dom0):
        if not is_guests(each['device']):
            facts.append((plain(each['device']), plain('%(address)s/%(prefix_length)s' % each)))
    for each in network.routes(dom0):
        facts.append((plain(each['device']),
                      plain('%(destination)s/%(prefix_length)s %(gateway)s' % each).strip()))
    return sorted(facts)


def differences(before, now):
    """``(missing, new)``: in what two pictures differ, as lines of text.

    Without a device that has come and is no bridge, VLAN device or bond: a change of networks makes
    no others, and a guest's may have any name (``vifname``).
    """
    known = [name for name, _ in before]
    ours = known + [name for name, text in now if text == 'bridge' or
                    text.startswith('VLAN ') or text.startswith('bond ')]
    came = [name for name, _ in now if name and name not in ours]  # '': a route without a device
    return ([('%s %s' % fact).strip() for fact in before if fact not in now],
            [('%s %s' % fact).strip() for fact in now
             if fact not in before and fact[0] not in came])
