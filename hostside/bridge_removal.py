"""Removing a bridge because a person wants it, whoever has made it; and keeping one that this
module has made, because a person wants it.

Both are processes of their own under the host's lock, as those of :mod:`bridges`: a VM that is
counted is counted before or after, and never loses its bridge in between. In this order, with what
is left if the process dies there: ``made`` loses the bridge's number; the agent's function (the
bridge is there, or gone; half of one counts as the module's only if ``made`` is there); ``made`` is
removed. A bridge of which there is no ``made`` has nothing but the agent's function.
"""

from libcloud_ovm3_host import arguments, bridge_records, bridges, errors, net_devices

_MOST_ADDRESSES = 100


def remove_bridge(dom0, client, operation, bridge, netdev, vlan, addresses):
    """Remove a bridge, unless something uses it: ``{removed}``; False: there was none.

    ``netdev``: the network interface or bond that it is on; '' for a local bridge. ``vlan``: the
    number of the VLAN of ``netdev`` that it is on, 2 to 4094, whose device goes too; 0: it is on
    ``netdev`` itself. ``addresses``: those that it has, as the client knows them, as
    ``10.0.0.1/24``. A request may be repeated.
    Raises InvalidArgument; Conflict: something uses it (a VM is counted, for it or for a VLAN
    ``<bridge>.<n>`` beside it; a device is on it or over it), it is on something else, or it or its
    VLAN device has another address; or another change goes on. Nothing was changed. Failed with the
    agent's fault: it is still there. Timeout: it goes on.
    """
    request = bridges.request_of(client, operation, bridge)
    request['netdev'] = netdev
    if netdev != '':
        request['netdev'] = arguments.device(netdev)
    request['vlan'] = arguments.number('vlan', vlan, 0, 4094)
    if request['vlan'] == 1 or (netdev == '' and request['vlan']):
        raise errors.InvalidArgument('vlan: expected 0, or 2 to 4094 with a netdev')
    if not isinstance(addresses, (list, tuple)) or len(addresses) > _MOST_ADDRESSES:
        raise errors.InvalidArgument('addresses: expected a list of at most %d' % _MOST_ADDRESSES)
    request['addresses'] = ['%s' % (address,) for address in addresses]
    dom0.log('%(client)s %(operation)s remove_bridge %(bridge)s %(netdev)s %(vlan)d' % request)
    return bridges.in_a_process(dom0, _remove, request)


def keep_bridge(dom0, client, operation, bridge):
    """Have a bridge stay that this module has made, after its last VM too: ``{kept}``; False: it
    would have stayed anyway, as the module has not made it. A request may be repeated.

    Raises InvalidArgument, NotFound (no such bridge), Conflict (another change goes on), Failed,
    Timeout: it goes on.
    """
    request = bridges.request_of(client, operation, bridge)
    dom0.log('%(client)s %(operation)s keep_bridge %(bridge)s' % request)
    return bridges.in_a_process(dom0, _keep, request)


def _keep(dom0, request):
    bridge = request['bridge']
    if not net_devices.is_bridge(dom0, bridge):
        raise errors.NotFound('%s: no such bridge' % bridge)
    made = bridge_records.still_ours(dom0, bridge, bridge_records.made(dom0, bridge))
    if made:
        bridge_records.remove(dom0, bridge, bridge_records.MADE)
    return {'kept': bool(made)}


def _remove(dom0, request):
    bridge = request['bridge']
    if not net_devices.exists(dom0, bridge):
        return {'removed': False}
    own = _own_ports(dom0, request)
    require_unused(dom0, bridge, own)
    _require_addresses(dom0, request, own)
    made = bridge_records.still_ours(dom0, bridge, bridge_records.made(dom0, bridge))
    if request['vlan']:
        bridges.stop(dom0, bridge, made, 'ovs_vlan_bridge', request['netdev'], request['vlan'])
    elif request['netdev']:
        bridges.stop(dom0, bridge, made, 'ovs_br_config', request['netdev'])
    else:
        bridges.stop(dom0, bridge, made, 'ovs_local_config')
    return {'removed': True}


def _own_ports(dom0, request):
    """The port by which the bridge is on what the client says it is on; none of a local one."""
    bridge = request['bridge']
    if not net_devices.is_bridge(dom0, bridge):
        raise errors.Conflict('%s is there and is not a bridge' % bridge)
    own = net_devices.ports(dom0, bridge)
    if request['vlan']:
        own = net_devices.of_vlan(dom0, request, own)
    else:
        own = [port for port in own if port == request['netdev']]
    if request['netdev'] and not own:
        raise errors.Conflict('bridge %s is not on %s any more' % (bridge, request['netdev']))
    return own


def _require_addresses(dom0, request, own):
    """No address would go that the client does not know of. Those on ``netdev`` itself stay."""
    devices = [request['bridge']]
    if request['vlan']:
        devices += own
    more = [address for address in net_devices.addresses(dom0, devices)
            if address not in request['addresses']]
    if more:
        raise errors.Conflict('bridge %s, or what it is on, has the address %s, which was not '
                              'there, or is not reported by the agent' % (
                                  request['bridge'], ', '.join(more)))


def require_unused(dom0, bridge, own=None):
    """That nobody uses a bridge, or is about to. The caller has the host's lock.

    ``own``: the ports by which the bridge is on something; None: all but those of guests.
    Raises Conflict, Failed.
    """
    beside = [name for name in bridge_records.names(dom0)
              if name.startswith(bridge + '.') and name[len(bridge) + 1:].isdigit()]
    for name in [bridge] + beside:
        users = bridge_records.users(dom0, name)
        if users:
            raise errors.Conflict('bridge %s has users: VM %s' % (name, ', '.join(users)))
    if not net_devices.is_bridge(dom0, bridge):
        return
    if own is None:
        own = [port for port in net_devices.ports(dom0, bridge) if not net_devices.is_guests(port)]
    others = on_it(dom0, bridge, own)
    if others:
        raise errors.Conflict('bridge %s is in use: %s' % (bridge, ', '.join(others)))


def on_it(dom0, bridge, own):
    """The devices that lose their bridge with it, or their device below: those on it but for its
    ``own`` ones, and VLAN devices over it or over one of these that goes with it. Raises Failed.
    """
    there, below = net_devices.ports(dom0, bridge), net_devices.vlans(dom0)
    gone = [bridge] + [port for port in own if port in below]
    return [port for port in there if port not in own] + [
        device for device in sorted(below) if below[device][0] in gone]
