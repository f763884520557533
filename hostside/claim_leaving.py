"""The module leaves a host: its claims first (docs/claims.md).

While a claim names this host, only this host's module can tell when the VM is gone from it. The last
host that has claims in a repository renames their folder away: what nobody looks after must not stop
anybody, and whoever has read it finds that it is another one.
"""

import os
import re

from libcloud_ovm3_host import (arguments, claim_hosts, claim_store, claims, errors, host_identity,
                                safe_paths, state_dir)
from libcloud_ovm3_host.compat import plain, to_bytes, to_text

SECONDS = 50  # clients wait for a minute

_REPOSITORY = re.compile('/OVS/Repositories/[0-9a-fA-F]{32}\\Z'.encode('ascii'))


def leave_claims(dom0, client, operation, forced):
    """Take this host off all mounted repositories' claims, for good: ``{named: [text]}``.

    ``named``: the claims that name it, and what cannot be read, which may. Then it is refused
    (Conflict), and nothing is changed; ``forced``: it stays in those claims, until a person takes it
    out, or the last host has left. Repeated, it does no more.
    Raises InvalidArgument, Conflict, Failed, Timeout.
    """
    arguments.client(client)
    arguments.operation(operation)
    if not isinstance(forced, bool):
        raise errors.InvalidArgument('forced: expected a boolean')
    dom0.log('%s %s leave_claims %s' % (client, operation, forced))
    return dom0.within(SECONDS, _leave, dom0, forced)


def _leave(dom0, forced):
    uuid = claim_store.host_name(host_identity.identity(dom0)['host_uuid'])
    named, left = [], []
    points = set([to_bytes(point) for _, point, _ in dom0.mounts()])
    for point in sorted([point for point in points if _REPOSITORY.match(point)]):
        try:
            name, found = claim_store.newest(dom0, point)
            others = name and [host for host, _ in claim_store.registered(dom0, point)
                               if host != uuid]
            problems = _naming(uuid, point, found, not others)
        except errors.HostModuleError:
            name, problems = '', ['%s: %s' % (plain(point), safe_paths.current_error())]
        named += problems
        if name:
            left.append((point, name, bool(problems)))
    if named and not forced:
        raise errors.Conflict('nothing was changed: claims name this host, or may: %s'
                              % '; '.join([plain(each) for each in named]))
    for point, name, is_named in left:
        _leave_one(dom0, point, name, uuid, is_named)
    return {'named': [to_text(each) for each in named]}


def _naming(uuid, point, found, is_last):
    """What speaks against leaving. When the last host has left, nothing says any more that a guest is
    saved, and the VM would be started without its memory."""
    problems = []
    for document, _, claim, problem in found:
        why = problem
        if not problem and not uuid and claim is not None and claim['hosts']:
            why = 'the uuid of this host is not known'
        if not why:
            why = claims.uninstall_refusal(claim, uuid)
        if not why and is_last and claim is not None and claim['saved']:
            why = 'the VM is %s: resume it, or discard that, first' % claims.described(claim)
        if why:
            problems.append('%s of %s: %s' % (document, plain(point), plain(why)))
    return problems


def _leave_one(dom0, point, name, uuid, is_named):
    temporary = state_dir.open_folder(dom0, point, [state_dir.TEMPORARY], True)
    try:
        folder = state_dir.open_folder(dom0, point, [claim_store.FOLDER], False)
        try:
            is_last = claim_hosts.leave(temporary, folder, uuid, is_named)
        finally:
            os.close(folder)
    finally:
        os.close(temporary)
    if is_last:
        claim_store.retire(dom0, point, name)
