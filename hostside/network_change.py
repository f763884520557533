"""Changes of the host's networks that the host takes back by itself, unless the client confirms
them: a change may cut the line by which the client reaches the host.

A change is a process of its own, so it outlives the request and the agent. Its records are in
``/var/lib/libcloud-ovm3/changes/<operation>/``: ``request`` (what, for whom, which process of which
boot), ``progress`` (what is being done), ``decision`` (``confirmed`` or ``undo``, whichever is
written first), ``outcome``. In this order: ``request``; the agent's functions of the steps, each
after ``progress`` names it; waiting for ``decision``; on ``undo`` the agent's functions that undo
what was done, the last step first, and then those that bring the MTUs of VLAN devices back;
``outcome``.

If the process dies, or the host does, nobody goes on: the state is ``dead``, with what ``progress``
said last, and a person decides. Nothing is done by itself at the next boot, as nobody knows which
of the agent's changes were saved.
"""

from libcloud_ovm3_host import (arguments, bridge_removal, change_records, errors, local_state,
                                net_devices, network_calls, read_agent)
from libcloud_ovm3_host.compat import error, plain

ANSWER_SECONDS = 3  # until it answers that the change goes on: the client polls
WAIT_SECONDS = 30  # for the lock
UNDO_WAIT_SECONDS = 150  # for the lock, to undo: then it is done without
CALL_SECONDS = 100  # for each of the agent's functions
POLL_SECONDS = 0.5
SETTLE_SECONDS = 10  # until the kernel shows what was undone
MOST_STEPS = 10

_MOST_TEXT = 2000  # characters of a fault that are kept


def guarded_network_change(dom0, client, operation, steps, undo, seconds):
    """Call functions of the agent that change networks; undo that unless it is confirmed in time.

    ``steps`` and ``undo``: lists of ``{function, arguments}`` of the same length; ``undo[i]`` takes
    ``steps[i]`` back, ``{}``: nothing does, or need do. Functions: :mod:`network_calls`.
    ``seconds``: 10 to 600, from when all steps are done. If a step faults, it ends there, and what
    was done is undone at once; the step itself too, if it changed anything nevertheless.
    Returns what :func:`network_change` does. A repeated request is not carried out again.
    Raises InvalidArgument, Conflict (another change of the networks goes on, or a bridge that is to
    go is in use), Failed.
    """
    request = {'client': arguments.client(client), 'operation': arguments.operation(operation),
               'steps': network_calls.checked('steps', steps, MOST_STEPS),
               'undo': network_calls.checked('undo', undo, MOST_STEPS),
               'seconds': arguments.number('seconds', seconds, 10, 600)}
    if len(request['steps']) != len(request['undo']):
        raise errors.InvalidArgument('undo: expected as many entries as steps')
    if not request['steps'] or {} in request['steps']:
        raise errors.InvalidArgument('steps: expected at least one, each with a function')
    request['text'] = '; '.join([network_calls.text(step) for step in request['steps']])
    dom0.log('%(client)s %(operation)s guarded_network_change %(text)s' % request)
    found = dom0.detached(ANSWER_SECONDS, _change, dom0, request)
    if found is None:
        try:
            found = change_records.status(dom0, request['operation'])
        except errors.NotFound:  # it waits for the lock
            found = change_records.reported(request, 'running', 'waiting for another change', '')
    return found


def confirm_network_change(dom0, client, operation):
    """Keep a change that waits for it. Returns what :func:`network_change` does.

    Raises InvalidArgument, NotFound (no such change), Conflict (it does not wait: it is not done
    yet, or it is undone), Failed.
    """
    client, operation = arguments.client(client), arguments.operation(operation)
    dom0.log('%s %s confirm_network_change' % (client, operation))
    found = change_records.status(dom0, operation)
    if found['state'] == 'waiting':
        decision = change_records.decide(dom0, operation, change_records.CONFIRMED)
        if decision != change_records.CONFIRMED:
            raise errors.Conflict('the change is being undone: it was not confirmed in time')
        found = change_records.status(dom0, operation)
    if found['state'] != 'confirmed':
        raise errors.Conflict('the change does not wait for a confirmation, it is: %s'
                              % plain(found['state']))
    return found


def network_change(dom0, operation):
    """``{state, fault, doing, operation, client}`` of a guarded change.

    ``running``; ``waiting`` (to be confirmed); ``confirmed``; ``undone`` (``fault``: why);
    ``failed`` (nothing was changed); ``undo failed`` (afterwards the kernel's networks are not what
    they were before; ``fault``: in what, with the agent's faults); ``dead`` (its process ended
    before it had an outcome, at what ``doing`` says).
    Raises InvalidArgument, NotFound, Failed.
    """
    return change_records.status(dom0, arguments.operation(operation))


# --- the change -----------------------------------------------------------------------------

def _change(dom0, request):
    """The change, in a process of its own."""
    who = 'operation %(operation)s of %(client)s' % request
    try:
        handle = local_state.lock(dom0, WAIT_SECONDS, who)
    except errors.Conflict:
        _refuse(dom0, request, plain(str(error())))
        raise
    try:
        if change_records.get(dom0, request['operation'], 'request'):
            return _repeated(dom0, request)
        try:
            change_records.require_none(dom0)
            for bridge in network_calls.removed_bridges(request['steps']):
                bridge_removal.require_unused(dom0, bridge)
        except errors.Conflict:
            _refuse(dom0, request, plain(str(error())))
            raise
        change_records.prune(dom0)
        before, mtus = net_devices.picture(dom0), net_devices.mtus(dom0)
        change_records.record(dom0, request)
        done, fault = _take_steps(dom0, request)
    finally:
        local_state.unlock(handle)
    if fault and not done:
        return change_records.end(dom0, request, 'failed', fault)
    if not fault:
        change_records.note(dom0, request, 'waiting', 'waiting for the confirmation')
        if _is_confirmed(dom0, request):
            return change_records.end(dom0, request, 'confirmed', '')
        fault = 'it was not confirmed within %d s' % request['seconds']
    state, fault = _undo(dom0, request, done, (before, mtus), fault, who)
    return change_records.end(dom0, request, state, fault)


def _repeated(dom0, request):
    if change_records.get(dom0, request['operation'], 'request').get('text') != request['text']:
        raise errors.InvalidArgument('operation: the change with this id has other steps')
    return change_records.status(dom0, request['operation'])


def _refuse(dom0, request, why):
    """Record that a change is not made: its client may have had no other answer than that it goes
    on. If that cannot be recorded, the client is not told wrongly, only nothing."""
    try:
        change_records.record(dom0, request)
        change_records.end(dom0, request, 'failed', '%s; nothing was changed' % why)
    except errors.HostModuleError:
        pass


def _take_steps(dom0, request):
    """``(how many steps may have changed something, the fault of the last one or '')``."""
    steps = request['steps']
    for position, step in enumerate(steps):
        label = 'step %d of %d: %s' % (position + 1, len(steps), network_calls.text(step))
        change_records.note(dom0, request, 'running', label)
        try:
            before = net_devices.picture(dom0)
        except errors.HostModuleError:
            return position, '%s: not called: %s' % (label, error())
        began = dom0.seconds()
        fault = _call(dom0, step)
        if fault:
            is_late = dom0.seconds() - began >= CALL_SECONDS  # what it does may still come
            if is_late or not _is_as(dom0, before):
                position += 1
            return position, '%s: %s' % (label, fault)
    return len(steps), ''


def _call(dom0, call):
    """The fault of the agent's function; '' if it returned."""
    answer = read_agent.call_agent(dom0, CALL_SECONDS, call['function'], *call['arguments'])
    return plain(answer.get('fault', ''))[:_MOST_TEXT]


def _is_as(dom0, before):
    try:
        return net_devices.differences(before, net_devices.picture(dom0)) == ([], [])
    except errors.HostModuleError:
        return False


def _is_confirmed(dom0, request):
    """Wait for the decision; make it when the time is over."""
    end, found = dom0.seconds() + request['seconds'], _decision(dom0, request)
    while not found and dom0.seconds() < end:
        dom0.sleep(POLL_SECONDS)
        found = _decision(dom0, request)
    if not found:
        try:
            found = change_records.decide(dom0, request['operation'], change_records.UNDO)
        except errors.HostModuleError:  # the disk is full, or broken: it is undone all the same,
            found = _decision(dom0, request)  # unless it was confirmed just now
    return found == change_records.CONFIRMED


def _decision(dom0, request):
    """The decision that was made; None if there is none, or if it cannot be read."""
    try:
        return change_records.get(dom0, request['operation'], 'decision').get('decision')
    except errors.HostModuleError:
        return None


def _undo(dom0, request, done, before, why, who):
    """Undo the first ``done`` steps, the last one first, all of them: ``(state, fault)``.

    ``before``: the picture of the networks, and the MTUs.
    """
    try:
        handle = local_state.lock(dom0, UNDO_WAIT_SECONDS, who)
    except errors.HostModuleError:
        handle = None  # the host's line matters more
    try:
        calls, faults = [each for each in request['undo'][:done][::-1] if each], []
        why = '; '.join([why] + _lost_with(dom0, calls))
        dom0.log('%s %s undoes its change of networks: %s' % (
            request['client'], request['operation'], why))
        for call in calls:
            _undo_call(dom0, request, call, why, faults)
        if 'ovs_change_mtu' in [each['function'] for each in request['steps'][:done]]:
            for call in _mtus_left(dom0, before[1]):
                _undo_call(dom0, request, call, why, faults)
    finally:
        if handle is not None:
            local_state.unlock(handle)
    differs = _difference(dom0, before[0])
    if differs:  # also if no function faulted: not every one brings back all that its opposite took
        return 'undo failed', ('%s; to undo it failed: %s' % (
            why, '; '.join(faults + [differs])))[:_MOST_TEXT]
    return 'undone', why


def _lost_with(dom0, calls):
    """What has begun to use the bridges that calls remove, in words. The host's line matters more,
    so it loses them; but not without a word."""
    found = []
    for call in calls:
        for bridge in network_calls.removed_bridges([call]):
            try:
                users = _users(dom0, bridge, call['arguments'][2:])
            except errors.HostModuleError:
                users = ['what cannot be read']
            if users:
                found.append('bridge %s, which is taken back, was in use by then: %s' % (
                    bridge, ', '.join(users)))
    return found


def _users(dom0, bridge, on):
    """What is on a bridge besides what it is on: a device, perhaps with the number of a VLAN."""
    if not net_devices.is_bridge(dom0, bridge):
        return []
    own = [port for port in net_devices.ports(dom0, bridge) if port in on[:1]]
    if len(on) == 2:
        own = net_devices.of_vlan(dom0, {'netdev': on[0], 'vlan': on[1]},
                                  net_devices.ports(dom0, bridge))
    return bridge_removal.on_it(dom0, bridge, own)


def _undo_call(dom0, request, call, why, faults):
    change_records.note(dom0, request, 'running',
                        'undoing (%s): %s' % (why, network_calls.text(call)))
    fault = _call(dom0, call)
    if fault:
        faults.append('%s: %s' % (network_calls.text(call), fault))


def _mtus_left(dom0, before):
    """The calls for VLAN devices whose MTU is not back: the kernel lowers it with that of the
    device below, and does not raise it with that."""
    try:
        vlans, now = net_devices.vlans(dom0), net_devices.mtus(dom0)
    except errors.HostModuleError:
        return []  # that they differ is said afterwards, or that they cannot be read
    return [{'function': 'ovs_change_mtu', 'arguments': [name, before[name]]}
            for name in sorted(vlans) if before.get(name, now.get(name)) != now.get(name)]


def _difference(dom0, before):
    """In what the networks are not what they were; '' if they are, perhaps after some seconds."""
    end = dom0.seconds() + SETTLE_SECONDS
    while not _is_as(dom0, before) and dom0.seconds() < end:
        dom0.sleep(POLL_SECONDS)
    try:
        now = net_devices.picture(dom0)
    except errors.HostModuleError:
        return 'how the networks are now cannot be read: %s' % plain(str(error()))
    missing, new = net_devices.differences(before, now)
    if not missing and not new:
        return ''
    return 'the networks are not as before: missing: %s; new: %s' % (
        ', '.join(missing) or 'nothing', ', '.join(new) or 'nothing')
