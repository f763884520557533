"""The addresses that DHCP gives to guests: watched for a while, when a client asks for it.

A watch is a process of its own, of one card on one bridge, for a bounded time; a newer one of the
same card takes its place. It is not over with the first lease: the firmware of a guest may get
another one than its system does.

Its records are in ``/var/lib/libcloud-ovm3/dhcp/<MAC address>/``: ``watch`` (whose it is, which
process of which boot) and ``lease`` (what the card has, and until when, by the seconds since the
boot). A lease that has expired, or is from before the boot, is not shown.
"""

import re

from libcloud_ovm3_host import arguments, dhcp_frames, errors, local_state, net_devices
from libcloud_ovm3_host.compat import plain

LEAST_SECONDS, MOST_SECONDS = 10, 3600
MOST_WATCHES = 32  # on a host: each is a process
BEGIN_SECONDS = 10  # until a watch has begun

_FOLDER, _WATCH, _LEASE = 'dhcp', 'watch', 'lease'
_MAC = re.compile(r'[0-9a-f]{2}(?::[0-9a-f]{2}){5}\Z')
_POLL_SECONDS = 0.2  # until it has begun
_LOOK_SECONDS = 2  # between two looks whether a newer watch has taken its place


def watch_dhcp(dom0, client, operation, bridge, mac, seconds):
    """Begin to watch what DHCP gives to a card on a bridge, for that many seconds (10 to 3600).

    What was known of the card is forgotten. It is watched when this returns; a request that is
    repeated meanwhile changes nothing. 0 seconds: it is forgotten, and not watched any more, as it
    is on another host now.
    Raises InvalidArgument, NotFound (no such bridge), Conflict (too many are watched), Failed.
    """
    request = {'client': arguments.client(client), 'operation': arguments.operation(operation),
               'bridge': arguments.device(bridge),
               'mac': arguments.matching(_MAC, 'MAC address', mac, 'aa:bb:cc:dd:ee:ff'),
               'seconds': arguments.number('seconds', seconds, 0, MOST_SECONDS)}
    if not request['seconds']:
        return _forget(dom0, request)
    if request['seconds'] < LEAST_SECONDS:
        raise errors.InvalidArgument('seconds: expected 0, or %d at least' % LEAST_SECONDS)
    if not net_devices.is_bridge(dom0, request['bridge']):
        raise errors.NotFound('%(bridge)s: no such bridge' % request)
    if _is_watched(dom0, request):
        return
    dom0.log('%(client)s %(operation)s watch_dhcp %(bridge)s %(mac)s %(seconds)d' % request)
    _require_room(dom0, request)
    dom0.detached(_POLL_SECONDS, _watch, dom0, request)
    end = dom0.seconds() + BEGIN_SECONDS
    while not _is_watched(dom0, request):
        if dom0.seconds() >= end:
            raise errors.Failed('%(bridge)s: watching DHCP of %(mac)s has not begun' % request)
        dom0.sleep(_POLL_SECONDS)


def _forget(dom0, request):
    dom0.log('%(client)s %(operation)s watch_dhcp %(bridge)s %(mac)s: forgotten' % request)
    for name in (_WATCH, _LEASE):  # a watch that goes on ends without the first
        local_state.remove(dom0, _folder(request['mac']), name)


def dhcp_leases(dom0):
    """A list of ``{device, mac, address}``: the leases that watches have seen and that are valid.

    A record that is not understood is left out: an address that is not known is never guessed.
    """
    found = []
    for name in _names(dom0):
        try:
            lease = local_state.get(dom0, [_FOLDER, name], _LEASE)
        except errors.Failed:
            continue
        if lease and _is_valid(dom0, lease):
            found.append({'device': lease['bridge'], 'mac': lease['mac'],
                          'address': lease['address']})
    return found


def _is_valid(dom0, lease):
    """Whether a lease is of this boot and has not expired."""
    until = lease.get('until', '')
    return lease.get('boot') == dom0.boot_id() and 'address' in lease and (
        until == 'forever' or (until.isdigit() and dom0.uptime() < int(until)))


def _names(dom0):
    return [plain(name) for name in local_state.names(dom0, [_FOLDER])]


def _folder(mac):
    return [_FOLDER, mac.replace(':', '')]


def _is_watched(dom0, request):
    """Whether the watch of this request goes on: no other one has taken its place."""
    watch = local_state.get(dom0, _folder(request['mac']), _WATCH)
    return watch.get('operation') == request['operation'] and _lives(dom0, watch)


def _lives(dom0, watch):
    return watch.get('boot') == dom0.boot_id() and dom0.lives(
        watch.get('pid', ''), watch.get('started', ''))


def _require_room(dom0, request):
    """Forget what is over; raise Conflict if too many watches are not."""
    living = 0
    for name in _names(dom0):
        folder = [_FOLDER, name]
        if folder == _folder(request['mac']):
            continue
        if _lives(dom0, local_state.get(dom0, folder, _WATCH)):
            living += 1
        elif not _is_valid(dom0, local_state.get(dom0, folder, _LEASE)):
            local_state.remove(dom0, folder, _LEASE)
            local_state.remove(dom0, folder, _WATCH)
    if living >= MOST_WATCHES:
        raise errors.Conflict('DHCP of %d network cards is watched on this host already' % living)


def _watch(dom0, request):
    """The watch, in a process of its own."""
    folder, card = _folder(request['mac']), dhcp_frames.Card(request['mac'])
    listener = dom0.listen(request['bridge'], net_devices.index(dom0, request['bridge']))
    try:
        pid, started = dom0.process()
        mine = {'client': request['client'], 'operation': request['operation'],
                'bridge': request['bridge'], 'boot': dom0.boot_id(), 'pid': pid,
                'started': started}
        local_state.remove(dom0, folder, _LEASE)
        local_state.put(dom0, folder, _WATCH, mine)
        now = dom0.seconds()
        end, look = now + request['seconds'], now + _LOOK_SECONDS
        while now < end:
            frame = listener.read(min(look, end) - now)
            message = frame and dhcp_frames.parse(frame)
            heard = message and card.hears(message)
            now = dom0.seconds()
            if heard or now >= look:
                if local_state.get(dom0, folder, _WATCH) != mine:
                    return
                look = now + _LOOK_SECONDS
            if heard:
                _record(dom0, folder, request, heard)
    finally:
        listener.close()


def _record(dom0, folder, request, heard):
    address, seconds = heard
    if not address:
        local_state.remove(dom0, folder, _LEASE)
        return
    until = 'forever'
    if seconds != dhcp_frames.FOREVER:
        until = '%d' % (dom0.uptime() + seconds)
    local_state.put(dom0, folder, _LEASE, {
        'bridge': request['bridge'], 'mac': request['mac'], 'address': address,
        'boot': dom0.boot_id(), 'until': until})
