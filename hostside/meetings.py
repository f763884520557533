"""Whether the agent takes two calls at the same time: two that wait for one another find out.

Each leaves a record on the host's own disk, looks for the other's, and marks it as seen. It has met
another when its own is marked, which only a call does that goes on: so what a dead call has left is
met by none.
"""

import binascii
import os
import time

from libcloud_ovm3_host import arguments, local_state
from libcloud_ovm3_host.compat import to_text

LONGEST = 5

_PREFIX = 'meet-'
_SEEN = '.seen'
_POLL_SECONDS = 0.02
_KEPT_SECONDS = 3600  # what a dead call has left


def meet(dom0, token, seconds):
    """Whether another call with this token was there while this one waited, up to that long.

    Raises InvalidArgument, Failed.
    """
    token = arguments.operation(token)
    arguments.number('seconds', seconds, 1, LONGEST)
    own = '%s%s-%s' % (_PREFIX, token, binascii.hexlify(os.urandom(8)).decode('ascii'))
    own = str(own)
    end = dom0.seconds() + seconds
    local_state.put(dom0, [], own, {})
    try:
        while not _has_met(dom0, token, own):
            if dom0.seconds() >= end:
                return False
            dom0.sleep(_POLL_SECONDS)
        return True
    finally:
        local_state.remove(dom0, [], own)
        local_state.remove(dom0, [], own + _SEEN)


def _has_met(dom0, token, own):
    names = [str(name) for name in local_state.names(dom0, []) if name.startswith(_PREFIX)]
    others = [name for name in names if name.startswith(_PREFIX + token) and name != own
              and not name.endswith(_SEEN)]
    for other in others:
        if other + _SEEN not in names:
            local_state.put(dom0, [], other + _SEEN, {})
    _prune(dom0, names)
    return own + _SEEN in names


def _prune(dom0, names):
    for name in names:
        try:
            modified = os.lstat(dom0.path('%s/%s' % (local_state.TOP, to_text(name)))).st_mtime
        except OSError:  # its call has ended
            continue
        if modified < time.time() - _KEPT_SECONDS:
            local_state.remove(dom0, [], name)
