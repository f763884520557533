"""Bridges on VLANs, each made when the first VM on this host needs it and removed after the last.

Each bridge that was made so has the record ``made`` (:mod:`bridge_records`), and only such a bridge
is removed after its last VM: one that was there before has none.

A request is a process of its own, under the host's lock, which ends with the process. In this
order, with what is left if the process dies there, and who mends that:

take: the VM's record (a record without a bridge is harmless; the next :func:`release_bridge` for
the VM removes it); ``made``, without the bridge's number (also harmless: the next take makes the
bridge, a release removes the record when it is ten minutes old); the agent's function (the bridge
is whole, or half of it is there: it counts as made, so a release removes it); ``made`` with the
bridge's number.

release: the VM's record is removed; ``made`` loses the bridge's number; the agent's function (the
bridge is there, or gone: the next release does the rest); ``made`` is removed, or stays for ten
minutes if an earlier call may still make the bridge.
"""

from libcloud_ovm3_host import (arguments, bridge_records, change_records, errors, local_state,
                                net_devices, read_agent)
from libcloud_ovm3_host.compat import error, plain, to_text

SECONDS = 45  # until it answers that the request goes on: clients wait for a minute
WAIT_SECONDS = 30  # for the lock, and for a guarded change
CALL_SECONDS = 100  # for the agent's function
ARRIVAL_SECONDS = 15  # until the kernel shows what the agent's function has done
POLL_SECONDS = 0.5

_FUNCTION = 'ovs_vlan_bridge'


def take_bridge(dom0, client, operation, user, bridge, netdev, vlan):
    """Count a VM as a user of a bridge on a VLAN, which is made if it is missing: ``{made, new}``.

    ``made``: whether this operation has made the bridge; ``new``: whether the VM is counted, and
    no other operation has counted it. If one has, this one takes its place in the record. A bridge
    that this module has not made stays as it is; who is counted keeps it from
    :func:`.bridge_removal.remove_bridge`. ``user``: the VM's uuid, dashed. A request may be
    repeated.
    Raises InvalidArgument, NotFound (no such ``netdev``), NotAllowed (it is a bridge, or a VLAN
    device), Conflict (the bridge is on another device, or the VLAN device belongs to another bridge
    or to nobody, or is in use without one; or another change goes on), Failed with the agent's fault, Timeout: it goes on, so
    repeat it.
    """
    request = request_of(client, operation, bridge)
    request['user'] = arguments.vm(user)
    request['netdev'] = arguments.device(netdev)
    request['vlan'] = arguments.number('vlan', vlan, 2, 4094)
    if request['netdev'] == request['bridge']:
        raise errors.InvalidArgument('netdev: expected another device than the bridge itself')
    dom0.log('%(client)s %(operation)s take_bridge %(user)s %(bridge)s %(netdev)s %(vlan)d'
             % request)
    return in_a_process(dom0, _take, request)


def release_bridge(dom0, client, operation, user, bridge, taken):
    """Count a VM no longer, and remove the bridge if this module has made it and nobody uses it:
    ``{removed, users, ports, addresses}``.

    ``user``: the VM's uuid, dashed; '' to remove the bridge only. ``taken``: the operation that has
    counted it, or '' for any: another one that has counted it since then relies on that, so the VM
    stays. What is left on the bridge, and keeps it: ``users``, VMs that are counted; ``ports``,
    devices on it besides its VLAN device; ``addresses``, its own and its VLAN device's. A request
    may be repeated.
    Raises InvalidArgument, Conflict (another change goes on), Failed, Timeout: it goes on.
    """
    request = request_of(client, operation, bridge)
    request['user'] = user
    if user != '':
        request['user'] = arguments.vm(user)
    request['taken'] = taken
    if taken != '':
        request['taken'] = arguments.operation(taken)
    dom0.log('%(client)s %(operation)s release_bridge %(user)s %(bridge)s' % request)
    return in_a_process(dom0, _release, request)


def request_of(client, operation, bridge):
    """What every request has, checked. Raises InvalidArgument."""
    return {'client': arguments.client(client), 'operation': arguments.operation(operation),
            'bridge': arguments.device(bridge)}


def in_a_process(dom0, function, request):
    """What a function returns that changes a bridge, in a process of its own, under the host's
    lock, and while no guarded change is under way. Raises Conflict, Timeout: it goes on."""
    found = dom0.detached(SECONDS, _locked, dom0, function, request)
    if found is None:
        raise errors.Timeout('%s: it goes on after %d s; repeat the request'
                             % (request['bridge'], SECONDS))
    return found


def _locked(dom0, function, request):
    handle = change_records.lock(dom0, WAIT_SECONDS, 'operation %s of %s' % (
        request['operation'], request['client']))
    try:
        return function(dom0, request)
    finally:
        local_state.unlock(handle)


# --- taking ---------------------------------------------------------------------------------

def _take(dom0, request):
    made = bridge_records.made(dom0, request['bridge'])
    if net_devices.exists(dom0, request['bridge']):
        _require_on_vlan(dom0, request)
        made = bridge_records.still_ours(dom0, request['bridge'], made)
        return {'made': made.get('operation') == request['operation'],
                'new': _count(dom0, request)}
    _require_possible(dom0, request, made)
    return {'made': True, 'new': _make(dom0, request, made)}


def _require_on_vlan(dom0, request):
    """The bridge that is there is the one that is wanted."""
    bridge = request['bridge']
    if not net_devices.is_bridge(dom0, bridge):
        raise errors.Conflict('%s is there and is not a bridge' % bridge)
    on_it = net_devices.ports(dom0, bridge)
    if not net_devices.of_vlan(dom0, request, on_it):
        raise errors.Conflict('bridge %s is there and not on VLAN %d of %s; its ports: %s' % (
            bridge, request['vlan'], request['netdev'], ', '.join(on_it) or 'none'))


def _require_possible(dom0, request, made):
    """What would otherwise be half a bridge, or another's."""
    netdev, below = request['netdev'], net_devices.vlans(dom0)
    if not net_devices.exists(dom0, netdev):
        raise errors.NotFound('%s: no such network device' % netdev)
    if net_devices.is_bridge(dom0, netdev) or netdev in below:
        raise errors.NotAllowed('%s: a VLAN needs a network interface or a bond, not a bridge or '
                                'another VLAN' % netdev)
    for device in net_devices.of_vlan(dom0, request, sorted(below)):
        bridge = net_devices.bridge_with(dom0, device)
        if bridge:
            raise errors.Conflict('VLAN %d of %s is on bridge %s' % (
                request['vlan'], netdev, bridge))
        if (made.get('netdev'), made.get('vlan')) != (netdev, '%d' % request['vlan']):
            raise errors.Conflict('%s is there already, without a bridge, and is not this '
                                  "module's" % device)
        used = ([name for name in sorted(below) if below[name][0] == device] +
                net_devices.addresses(dom0, [device]))
        if used:
            raise errors.Conflict('%s is there already, without a bridge, and in use: %s' % (
                device, ', '.join(used)))


def _make(dom0, request, before):
    """Make it; whether the VM is counted for the first time. ``before``: the record ``made``."""
    is_new = _count(dom0, request)
    record = dict(bridge_records.who(dom0, request), netdev=request['netdev'],
                  vlan='%d' % request['vlan'], late=bridge_records.late(dom0, before))
    bridge_records.put(dom0, request['bridge'], bridge_records.MADE, record)
    fault = _call(dom0, _FUNCTION, 'start', request['bridge'], request['netdev'], request['vlan'])
    if not _comes_true(dom0, _is_on_vlan, request):
        if is_new:
            bridge_records.remove(dom0, request['bridge'], request['user'])
        raise errors.Failed('%s was not made: %s' % (request['bridge'], fault or (
            '%s returned, but the bridge is not there' % _FUNCTION)))
    record['index'] = '%d' % net_devices.index(dom0, request['bridge'])
    bridge_records.put(dom0, request['bridge'], bridge_records.MADE, record)
    return is_new


def _count(dom0, request):
    """Record the VM; whether no other operation has done so before."""
    before = bridge_records.get(dom0, request['bridge'], request['user'])
    bridge_records.put(dom0, request['bridge'], request['user'],
                       bridge_records.who(dom0, request))
    return not before or before.get('operation') == request['operation']


def _call(dom0, function, *values):
    """The fault of the agent's function, '' if it returned. Both say little: look afterwards."""
    answer = read_agent.call_agent(dom0, CALL_SECONDS, function, *values)
    return plain(answer.get('fault', ''))


def _is_on_vlan(dom0, request):
    bridge = request['bridge']
    return net_devices.is_bridge(dom0, bridge) and bool(
        net_devices.of_vlan(dom0, request, net_devices.ports(dom0, bridge)))


def _comes_true(dom0, condition, *values):
    """Whether a condition holds within ARRIVAL_SECONDS."""
    end = dom0.seconds() + ARRIVAL_SECONDS
    while not condition(dom0, *values):
        if dom0.seconds() >= end:
            return False
        dom0.sleep(POLL_SECONDS)
    return True


# --- releasing ------------------------------------------------------------------------------

def _release(dom0, request):
    bridge = request['bridge']
    if request['user'] and not _is_taken_by_another(dom0, request):
        bridge_records.remove(dom0, bridge, request['user'])
    made = bridge_records.made(dom0, bridge)
    left = {'removed': False, 'users': bridge_records.users(dom0, bridge), 'ports': [],
            'addresses': []}
    if not net_devices.is_bridge(dom0, bridge):
        if made and not left['users'] and not bridge_records.may_appear(dom0, made):
            bridge_records.remove(dom0, bridge, bridge_records.MADE)
        return left
    made = bridge_records.still_ours(dom0, bridge, made)
    left['ports'], left['addresses'] = _kept_by(dom0, bridge, made)
    if not made or left['users'] or left['ports'] or left['addresses']:
        return left
    stop(dom0, bridge, made, _FUNCTION, made['netdev'], int(made['vlan']))
    return dict(left, removed=True)


def stop(dom0, bridge, made, function, *device):
    """Remove a bridge by one of the agent's functions, and its record ``made``, if it has one.

    Raises Failed: it is still there."""
    if made:
        made['index'] = ''  # until it is known whether it is gone
        bridge_records.put(dom0, bridge, bridge_records.MADE, made)
    fault = _call(dom0, function, 'stop', bridge, *device)
    if not _comes_true(dom0, _is_gone, bridge):
        raise errors.Failed('%s was not removed: %s' % (bridge, fault or (
            '%s returned, but the bridge is still there' % function)))
    if made and made['late']:
        bridge_records.put(dom0, bridge, bridge_records.MADE, dict(made, uptime=made['late']))
    elif made and not net_devices.of_vlan(dom0, made, net_devices.names(dom0)):
        bridge_records.remove(dom0, bridge, bridge_records.MADE)


def _is_taken_by_another(dom0, request):
    if not request['taken']:
        return False
    record = bridge_records.get(dom0, request['bridge'], request['user'])
    return record.get('operation', request['taken']) != request['taken']


def _kept_by(dom0, bridge, made):
    """``(ports, addresses)`` that keep a bridge; all of its ports, if it is not this module's."""
    on_it, own = net_devices.ports(dom0, bridge), []
    if made:
        own = net_devices.of_vlan(dom0, made, on_it)
    below = net_devices.vlans(dom0)
    over = [device for device in sorted(below) if below[device][0] in [bridge] + own]
    return ([port for port in on_it if port not in own] + over,
            net_devices.addresses(dom0, [bridge] + own))


def _is_gone(dom0, bridge):
    return not net_devices.exists(dom0, bridge)


# --- what there is --------------------------------------------------------------------------

def bridges(dom0):
    """Every bridge, and every record: ``[{bridge, exists, ports, flags, mtu, made, users}]``.

    ``made``: ``{client, operation, netdev, vlan}`` if this module has made it, else ``{}``.
    ``users``: ``[{user, client, operation, age_seconds}]``; an age is by the host's own clock, of a
    record from before its last boot the time since that. ``exists``: False if there are records
    only; then ``ports``, ``flags`` and ``mtu`` are empty. A bridge that cannot be read, or has a
    record that is not understood, is ``{bridge, exists, error}``. Raises Failed.
    """
    there = net_devices.bridges(dom0)
    recorded = bridge_records.names(dom0)
    return [_reported(dom0, name, name in there)
            for name in there + [name for name in recorded if name not in there]]


def _reported(dom0, bridge, is_there):
    try:
        return _bridge(dom0, bridge, is_there)
    except errors.HostModuleError:
        return {'bridge': to_text(bridge), 'exists': is_there, 'error': to_text(str(error()))}


def _bridge(dom0, bridge, is_there):
    made = bridge_records.made(dom0, bridge)
    users = [_user(dom0, bridge, name) for name in bridge_records.users(dom0, bridge)]
    found = {'bridge': to_text(bridge), 'exists': is_there, 'ports': [], 'flags': 0, 'mtu': 0,
             'made': {}, 'users': users}
    if is_there:
        found['ports'] = [to_text(port) for port in net_devices.ports(dom0, bridge)]
        found['flags'] = net_devices.flags(dom0, bridge)
        found['mtu'] = net_devices.mtu(dom0, bridge)
    if made and (not is_there or bridge_records.is_ours(dom0, bridge, made)):
        found['made'] = {'client': made['client'], 'operation': made['operation'],
                         'netdev': made['netdev'], 'vlan': int(made['vlan'])}
    return found


def _user(dom0, bridge, user):
    record = bridge_records.get(dom0, bridge, user)
    return {'user': user, 'client': record.get('client', ''),
            'operation': record.get('operation', ''),
            'age_seconds': bridge_records.age(dom0, record)}
