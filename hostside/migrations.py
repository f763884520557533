"""Migrations through claims (rules 4 and 8 of docs/claims-protocol.md): how a request names its
target, and what becomes of the copy that one may leave there.

xend's source ends its domain without any word from the target (xend.md 4.1): where the VM is
afterwards is for the looks of both hosts to say.
"""

import re

from libcloud_ovm3_host import arguments, claim_store, claims, errors
from libcloud_ovm3_host.compat import bytes_type, describe, error, plain, text_type, to_text

SECONDS = 30  # to destroy one copy: xend waits up to 10 s for its device model (xend.md 2)

_ADDRESS = re.compile(u'[0-9a-f]*[.:][0-9a-f.:]{1,44}\\Z')
_BOOT = re.compile(u'[A-Za-z0-9._-]{1,100}\\Z')
_EXPECTED = ('parameters: expected the IP address of the target, live (boolean), SSL (boolean), and '
             "the target's server uuid and boot")


def asked(parameters):
    """``{parameters, to}`` of a request to migrate: what the agent's function is given, and the
    ``(host, boot)`` of the target. Raises InvalidArgument."""
    if not isinstance(parameters, list) or len(parameters) != 5:
        raise errors.InvalidArgument(_EXPECTED)
    address, live, ssl, host, boot = parameters
    texts = [each for each in (address, boot) if isinstance(each, (bytes_type, text_type))]
    if len(texts) != 2 or not isinstance(live, bool) or not isinstance(ssl, bool):
        raise errors.InvalidArgument(_EXPECTED)
    if not _ADDRESS.match(to_text(address)) or not _BOOT.match(to_text(boot)):
        raise errors.InvalidArgument(_EXPECTED)
    host = claim_store.host_name(arguments.server(host))
    return {'parameters': [plain(address), live, ssl], 'to': (host, plain(boot))}


def require_target(dom0, request, here):
    """The host in the claim must be the one to which xend sends the VM. Raises Conflict."""
    host, address = request['to'][0], request['parameters'][0]
    if host == here[0]:
        raise errors.Conflict('host %s is its source: expected another one' % host)
    if (host, address) not in claim_store.registered(dom0, request['mount']):
        raise errors.Conflict('host %s has no claims in this repository at the address %s: ask it '
                              'with expect_vm first' % (host, address))


def destroy_copies(dom0, request, version, claim, entries):
    """'' when the copies that are still incoming were destroyed, each by its domid; or why not.

    ``entries``: of :func:`.observations.look`. Under the lock of the VM, and only while ``version``
    is the newest. Each is destroyed once; whether it is gone is for the next looks to say.
    """
    copies = [entry for entry in entries if entry['incoming']]
    for entry in copies:
        seconds = 0
        if claim['kind'] != claims.MOVING:
            seconds = claim_store.copy_seconds(dom0, request, entry['domid'])
        refusal = claims.copy_refusal(claim, seconds, _devices(claim, entry))
        if refusal:
            return 'domain %s is being received: %s' % (plain(entry['domid']), refusal)
    if claim_store.read(dom0, request['mount'], request['document'])[1][0][0] != version:
        return 'another host has just written its claim'
    for entry in copies:
        dom0.log('%s %s destroys domain %s, a copy of %s that a migration has left over' % (
            request['client'], request['operation'], plain(entry['domid']), request['document']))
        try:
            dom0.within(SECONDS, _destroy, dom0, int(entry['domid']))
        except errors.HostModuleError:
            return 'domain %s, a copy that a migration has left over, could not be destroyed: %s' % (
                plain(entry['domid']), error())
    return ''


def _devices(claim, entry):
    """How many devices it has: while it is half built, xend may not list all."""
    listed = sum([len(found) for found in entry['device'].values()])
    return max(listed, len([line for line in claim['disks'].split('\n') if line]))


def _destroy(dom0, domid):
    """By its number, as the VM itself may live here under the same name and uuid. As an int: a text
    is first compared with names (xend.md 1.3)."""
    try:
        dom0.xend().domain.destroy(domid)
    except Exception:  # xend's fault, or no xend
        raise errors.Failed('xend: %s' % describe(error()))
