"""What is recorded of guarded changes (:mod:`network_change`), and waiting until none is under way.

``/var/lib/libcloud-ovm3/changes/<operation>/`` has ``request``, ``progress``, ``decision`` and
``outcome``, written in this order.
"""

import os

from libcloud_ovm3_host import errors, local_state
from libcloud_ovm3_host.compat import plain, to_text

KEPT = 50  # records of ended changes
POLL_SECONDS = 0.5
UNDO, CONFIRMED = 'undo', 'confirmed'

_FOLDER = 'changes'


def get(dom0, operation, name):
    """A record of a change; ``{}`` if there is none. Raises Failed."""
    return local_state.get(dom0, [_FOLDER, operation], name)


def status(dom0, operation):
    """What :func:`.network_change.network_change` returns. Raises NotFound, Failed."""
    request = get(dom0, operation, 'request')
    if not request:
        raise errors.NotFound('no change of networks has the operation %s' % operation)
    # read in the reverse of the order in which they are written
    lives = request.get('boot') == dom0.boot_id() and dom0.lives(
        request.get('pid', ''), request.get('started', ''))
    outcome = get(dom0, operation, 'outcome')
    progress = get(dom0, operation, 'progress')
    if outcome:
        return reported(request, outcome.get('state', ''), '', outcome.get('fault', ''))
    state, doing = progress.get('state', 'running'), progress.get('doing', 'nothing yet')
    if get(dom0, operation, 'decision').get('decision') == CONFIRMED:
        return reported(request, 'confirmed', '', '')
    if not lives:
        return reported(request, 'dead', doing, 'its process ended before it had an outcome')
    return reported(request, state, doing, '')


def reported(request, state, doing, fault):
    """As clients get it."""
    return {'state': to_text(state), 'fault': to_text(fault), 'doing': to_text(doing),
            'operation': to_text(request['operation']), 'client': to_text(request['client'])}


def record(dom0, request):
    """Write ``request``. Raises Exists, Failed."""
    pid, started = dom0.process()
    written = dict([(key, request[key]) for key in ('client', 'operation', 'text')])
    written.update({'pid': pid, 'started': started, 'boot': dom0.boot_id(),
                    'seconds': '%d' % request['seconds']})
    local_state.put_once(dom0, [_FOLDER, request['operation']], 'request', written)


def decide(dom0, operation, decision):
    """The decision, which is this one if no other was made before."""
    try:
        local_state.put_once(dom0, [_FOLDER, operation], 'decision', {'decision': decision})
    except errors.Exists:
        return get(dom0, operation, 'decision').get('decision')
    return decision


def note(dom0, request, state, doing):
    """Say what is being done. A full disk must not keep a change from being undone."""
    try:
        local_state.put(dom0, [_FOLDER, request['operation']], 'progress',
                        {'state': state, 'doing': doing})
    except errors.HostModuleError:
        pass


def end(dom0, request, state, fault):
    """Write ``outcome``; the status with it. Raises Exists, Failed."""
    local_state.put_once(dom0, [_FOLDER, request['operation']], 'outcome',
                         {'state': state, 'fault': fault})
    return status(dom0, request['operation'])


def prune(dom0):
    """Remove the oldest records of changes that have ended."""
    ended = []
    for name in local_state.names(dom0, [_FOLDER]):
        path = dom0.path('%s/%s/%s/outcome' % (local_state.TOP, _FOLDER, plain(name)))
        if os.path.exists(path):
            ended.append((os.stat(path).st_mtime, plain(name)))
    for _, name in sorted(ended)[:-KEPT]:
        for each in ('request', 'progress', 'decision', 'outcome'):
            local_state.remove(dom0, [_FOLDER, name], each)


def require_none(dom0):
    """That no guarded change is under way. Raises Conflict, Failed."""
    for name in local_state.names(dom0, [_FOLDER]):
        if not get(dom0, plain(name), 'request'):
            continue
        found = status(dom0, plain(name))
        if found['state'] in ('running', 'waiting'):
            raise errors.Conflict(
                'another guarded change is under way on this host: operation %s of %s; repeat the '
                'request when that is confirmed or taken back' % (
                    plain(found['operation']), plain(found['client'])))


def lock(dom0, seconds, who):
    """As :func:`.local_state.lock`, while no guarded change is under way: one that waits to be
    confirmed has no lock, may take a bridge back that somebody begins to use, and could not tell
    what others do from what it has not brought back. Raises Conflict, Failed."""
    until = dom0.seconds() + seconds
    while True:
        handle = local_state.lock(dom0, max(0, until - dom0.seconds()), who)
        is_free = False
        try:
            try:
                require_none(dom0)
                is_free = True
            except errors.Conflict:
                if dom0.seconds() >= until:
                    raise
        finally:
            if not is_free:
                local_state.unlock(handle)
        if is_free:
            return handle
        dom0.sleep(POLL_SECONDS)
