"""Settling a claim on this host: what is here of the VM now, and the claim that says so.

The decisions are those of :mod:`.claims`, the answers those of :mod:`.observations`. All of it is
done under the lock of the VM, with the claim read under it.
"""

from libcloud_ovm3_host import (change_vm, claim_digests, claim_disks, claim_store, claims, errors,
                                migrations, observations, taken_hosts, vm_files)
from libcloud_ovm3_host.compat import error, plain

_END = '\n'.encode('ascii')
WHY = {
    'works': 'something of it, or a connection to xend, still goes on',
    'comebacks': 'xendomains or xend would start it by itself: a saved guest, /etc/xen/auto, or a '
                 'managed domain',
    'log': "xend's log does not say that all of it has ended",
    'backends': 'its disks are still open'}


def settle(dom0, request, version, claim, here, identity):
    """``(version, claim, why)``: the claim that is current then, and why it is not another one.

    ``version``, ``claim``: the newest, read under the lock; ``identity``: ``(uuid, name)`` of the
    VM. Raises Conflict (somebody else has written a version), Failed (whether it was written is not
    known).
    """
    known = {}
    finding, why = find(dom0, request, claim, here, identity, known)
    if finding == claims.COPY:
        why = migrations.destroy_copies(dom0, request, version, claim, known['domains'])
        if not why:
            known = {}
            finding, why = find(dom0, request, claim, here, identity, known)
    if finding == claims.PRESENT and taken_hosts.gives_way(claim, here):
        finding = _pause(dom0, request, version, identity)
    is_own = claim['at'].split(' ')[0] == here[0]
    if is_own and finding != claims.STAYS:
        put_back(dom0, request, claim)
    content = current(dom0, request)
    made, refusal = taken_hosts.settled(claim, here, finding, request['operation'],
                                        content is not None,
                                        digest_now(dom0, request, claim, content),
                                        claim_disks.found(dom0, content, known.get('domains')))
    if made is None:
        return version, claim, why or refusal
    if made['paused'] and made['paused'] != claim['paused']:
        claim_store.put_paused(dom0, request, known['domains'][0]['domid'])
    write(dom0, request, version, made)
    if here[0] not in dict(made['hosts']):
        claim_store.forget(dom0, request)
    elif made['kind'] == claims.ON and not claim_store.get_mark(dom0, request):
        claim_store.put_mark(dom0, request, {'uuid': identity[0], 'name': identity[1]})
    return version + 1, made, ''


def _other_uuid(dom0, request, claim, here, identity):
    """vm.cfg may have been edited: what may be here is looked for by the uuid that it had then."""
    mark = claim_store.get_mark(dom0, request)
    if here[0] not in dict(claim['hosts']) or not mark or plain(mark['uuid']) == identity[0]:
        return ''
    return 'vm.cfg has the uuid %s, and what may be on this host has %s: put that back' % (
        identity[0], plain(mark['uuid']))


def write(dom0, request, version, made):
    """Write the claim after that version. Raises Conflict (somebody else has), Failed (whether it
    was written is not known)."""
    if not claim_store.write(dom0, request['client'], request['operation'], request['mount'],
                             request['document'], request['folder'], version + 1, made):
        raise errors.Conflict('the claim has just been written by this operation')


def _pause(dom0, request, version, identity):
    """Pause a domain that gives way, if the claim is still the one which says so: what it is then.
    If the agent refuses, the claim says what was found all the same."""
    if claim_store.read(dom0, request['mount'], request['document'])[1][0][0] != version:
        raise errors.Conflict('another host has just written the claim: settle it again')
    dom0.log('%s %s pauses %s: this host was taken out of its claim' % (
        request['client'], request['operation'], request['document']))
    try:
        vm_files.call(dom0, dict(request, function=claims.PAUSE, parameters=[]))
    except errors.NotFound:  # an agent without this function
        pass
    found = observations.look(dom0, identity[0])
    if not found:
        raise errors.Conflict('the domain has just ended: settle it again')
    return claims.after_look('look', found)


def digest_now(dom0, target, claim, content):
    """The digest of vm.cfg to record; None: as recorded, as nothing has changed it since."""
    if claim['kind'] not in (claims.DOUBT, claims.MOVING) and claim['digest']:
        return None
    before = vm_files.digest(claim.get(claims.CONTENT))
    return claim_digests.digest_after(claim, before, vm_files.digest(content),
                                      vm_files.direct_digest(dom0, target))


def with_file(dom0, request, claim, here):
    """The claim before a change of it that begins now, with what its operation has left of vm.cfg.

    A stop is allowed while an operation of this host is in doubt, and takes its place in the claim:
    nothing would say any more that this host has written the file, or what it was before. Under the
    lock that is over: the process that writes it is the one that had the lock.
    """
    if claim is None or claim['kind'] != claims.DOUBT or claim['at'].split(' ')[0] != here[0]:
        return claim
    put_back(dom0, request, claim)
    return dict(claim, digest=digest_now(dom0, request, claim, current(dom0, request)))


def put_back(dom0, target, claim):
    """Put back the vm.cfg of before an operation that was killed while the agent wrote it.

    The agent writes it in place, as far as is known; its text is lines. What has lost its last end
    of a line is not whole. (One that was cut between two lines cannot be told from a whole one.)
    """
    before = claim.get(claims.CONTENT)
    if claim['kind'] not in (claims.DOUBT, claims.MOVING):
        return
    if claim['function'] == claims.CONFIGURE and not claim['outcome'] and before:
        found = current(dom0, target)
        if found is not None and before.endswith(_END) and not found.endswith(_END):
            vm_files.replace(dom0, target, claim['operation'], before)


def find(dom0, request, claim, here, identity, known, by_word=False):
    """``(finding, why)``: what :func:`.claims.after_look` makes of the looks, in their order.

    ``known``: empty; what one look leaves for a later one, and the ``domains`` that there are.
    ``by_word``: a person's word takes the place of xend's log, and of nothing else; ``why`` has what
    the log says.
    """
    said = _other_uuid(dom0, request, claim, here, identity)
    if said:
        return claims.STAYS, said
    for look in claims.LOOKS:
        try:
            if not known:
                known['began'] = _end_of_log(dom0, by_word)
            answer = _answer(dom0, look, request, claim, here, identity, known)
        except errors.HostModuleError:
            if look != 'log' or not by_word:
                return claims.STAYS, '%s: %s' % (look, error())
            known['domids'], answer = [], str(error())
        if look == 'log' and by_word:
            said = answer
            continue
        following = claims.after_look(look, answer)
        if following == claims.STAYS:
            return following, WHY[look]
        if following != claims.NEXT:
            return following, said
    raise errors.Failed('the looks have no end')


def _end_of_log(dom0, by_word):
    try:
        return observations.mark_log(dom0)
    except errors.HostModuleError:
        if not by_word:
            raise
        return {}


def _answer(dom0, look, request, claim, here, identity, known):
    uuid, name = identity
    if look == 'works':
        if change_vm.unfinished(dom0, request):  # of before there were claims
            return observations.SOME
        return observations.works(dom0, claim_store.sessions(dom0, request))
    if look == 'comebacks':
        return observations.comebacks(dom0, uuid, name)
    if look == 'look':
        known['domains'] = observations.look(dom0, uuid)
        return known['domains']
    if look == 'log':
        state, known['domids'] = observations.log_since(
            dom0, uuid, name, log_mark(dom0, request), known['began'])
        return state
    definition = current(dom0, request) or claim.get(claims.CONTENT) or ''.encode('ascii')
    return observations.backends(dom0, known['domids'], uuid, definition,
                                 observations.BACKEND_SECONDS)


def log_mark(dom0, target):
    """This host's mark in xend's log, ``{}`` if there is none."""
    mark = claim_store.get_mark(dom0, target)
    if 'inode' in mark:
        return dict([(key, mark[key]) for key in ('inode', 'offset', 'tail')])
    return {}


def current(dom0, target):
    """The bytes of vm.cfg; None if there is none. Raises NotAllowed, NotMounted, Failed."""
    try:
        return vm_files.content(dom0, target)
    except errors.NotFound:
        return None


def identity_of(dom0, target, claim):
    """``(uuid, name)`` of a VM, by its vm.cfg, by what it was before the operation, by what this host
    has recorded, or by what vm.cfg was before an earlier operation. Raises Failed."""
    mark = claim_store.get_mark(dom0, target)
    for data in (current(dom0, target), claim.get(claims.CONTENT)):
        if data:
            try:
                return vm_files.identity(data)
            except errors.Failed:  # half a file, or an edited one
                if not mark:
                    raise
    if not mark:
        return _earlier_identity(dom0, target)
    return plain(mark['uuid']), plain(mark['name'])


def _earlier_identity(dom0, target):
    for _, claim in claim_store.read(dom0, target['mount'], target['document'])[1]:
        if claim['kind'] == claims.GONE or claim['function'] == claims.CREATE:
            break  # before that it was another VM
        if claim.get(claims.CONTENT):
            return vm_files.identity(claim[claims.CONTENT])
    raise errors.Failed('vm.cfg is not there, and nothing says which VM it was')
