"""What is recorded of bridges: which of them this module has made, and the VMs that use one.

``/var/lib/libcloud-ovm3/bridges/<bridge>/`` has the record ``made`` of a bridge that this module
has made, or was about to make, and one record for each VM that uses it, by the VM's uuid.
"""

from libcloud_ovm3_host import errors, local_state, net_devices
from libcloud_ovm3_host.compat import plain

LATE_SECONDS = 600  # so long a bridge that has not appeared may still do so

_FOLDER = 'bridges'
MADE = 'made'


def get(dom0, bridge, name):
    """A record of a bridge: ``made``, or that of a VM; ``{}`` if there is none. Raises Failed."""
    return local_state.get(dom0, [_FOLDER, bridge], name)


def put(dom0, bridge, name, record):
    """Write a record, in place of the one that may be there. Raises Failed."""
    local_state.put(dom0, [_FOLDER, bridge], name, record)


def remove(dom0, bridge, name):
    """Remove a record, which may be gone. Raises Failed."""
    local_state.remove(dom0, [_FOLDER, bridge], name)


def names(dom0):
    """The bridges of which there are records."""
    return [plain(name) for name in local_state.names(dom0, [_FOLDER])]

def made(dom0, bridge):
    """The record of who has made a bridge, ``{}`` if there is none. Raises Failed."""
    record = get(dom0, bridge, MADE)
    if record and not (record.get('netdev') and record.get('vlan', '').isdigit()):
        raise errors.Failed('%s/%s/%s/%s: not complete' % (
            local_state.TOP, _FOLDER, bridge, MADE))
    return record


def is_ours(dom0, bridge, made):
    """Whether the bridge that is there is the one that was made: not one that somebody made in its
    place. One whose making was cut off may lack its VLAN device."""
    if not made:
        return False
    if made.get('index') and made['boot'] == dom0.boot_id():
        return made['index'] == '%d' % net_devices.index(dom0, bridge)
    on_it = net_devices.ports(dom0, bridge)
    return not on_it or bool(net_devices.of_vlan(dom0, made, on_it))


def still_ours(dom0, bridge, made):
    """The record of a bridge that is there, with its number since this boot; ``{}`` if it is not
    this module's. A record is removed once somebody has made the bridge anew, so that it does not
    count as the module's after the next boot."""
    if not is_ours(dom0, bridge, made):
        if made.get('index') and made['boot'] == dom0.boot_id():
            remove(dom0, bridge, MADE)
        return {}
    # a call before the one that has made this bridge
    made['late'] = _if_recent(dom0, made, made.get('late', ''))
    if made['boot'] != dom0.boot_id() or not made.get('index'):
        made.update({'boot': dom0.boot_id(), 'uptime': '%d' % dom0.uptime(),
                     'index': '%d' % net_devices.index(dom0, bridge)})
        put(dom0, bridge, MADE, made)
    return made


def users(dom0, bridge):
    """The uuids of the VMs that are counted."""
    return [name for name in local_state.names(dom0, [_FOLDER, bridge]) if name != MADE]


def age(dom0, record):
    """Seconds; of a record from before this boot at least those since the boot."""
    if record.get('boot') != dom0.boot_id() or not record.get('uptime', '').isdigit():
        return int(dom0.uptime())
    return max(0, int(dom0.uptime()) - int(record['uptime']))


def may_appear(dom0, made):
    """Whether the bridge may still come: its VLAN device is there, or a call is not over."""
    return bool(late(dom0, made) or net_devices.of_vlan(dom0, made, net_devices.names(dom0)))


def late(dom0, made):
    """When, by ``uptime``, a call was made whose effect was not seen and may still come; or ''."""
    if made and not made.get('index'):
        return _if_recent(dom0, made, made.get('uptime', ''))
    return _if_recent(dom0, made, made.get('late', ''))


def _if_recent(dom0, made, since):
    if since.isdigit() and made['boot'] == dom0.boot_id() and (
            int(dom0.uptime()) - int(since) < LATE_SECONDS):
        return since
    return ''


def who(dom0, request):
    """Whose a record is, and when it was written."""
    return {'client': request['client'], 'operation': request['operation'],
            'boot': dom0.boot_id(), 'uptime': '%d' % dom0.uptime()}
