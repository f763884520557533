"""A person's words about a claim: what no host can tell by itself (docs/claims.md).

A host that is off for good, one without this module, a vm.cfg that was changed without a claim. Each
word is recorded: whose, when, by which operation, and what this host has seen then. It is said of
one version of the claim, under the lock of the VM on this host; a request that is repeated is told
the claim that there is.
"""

import re
import time

from libcloud_ovm3_host import (arguments, claim_changes, claim_disks, claim_reports, claim_settling,
                                claim_store, claims, errors, local_state, safe_paths, taken_hosts,
                                vm_files)
from libcloud_ovm3_host.compat import bytes_type, plain, text_type, to_text

_WORDS = re.compile(u'[^\x00-\x1f\x7f-\x9f|\u2028\u2029\ufffd]{1,500}\\Z')
_TRIES = 5  # to write a version, where others write, too
_FOUND = {claims.PRESENT: 'xend has a domain of it', claims.PAUSED: 'xend has a paused domain of it',
          claims.TWO: 'xend has two domains of it', claims.COPY: 'a domain of it is being received'}


def take_out_host(dom0, client, operation, repository, directory, folder, version, host, words):
    """Take a host out of a VM's claim, by a person's word. As :func:`.claim_changes.read_claim`.

    ``folder``, ``version``: of the claim that the client has read; ``host``: the server uuid;
    ``words``: up to 500 printable characters, without ``|``, which ``taken`` keeps. For this host
    itself the word takes the place of xend's log only: it is refused if something of the VM goes on
    here, would come back by itself, is here, or has disks open. Of another host nothing here can
    tell: the client has made sure that it is off, or that nothing of the VM is there.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound (no claim), Conflict (another claim is
    current; the host is not in it; this host sees something of the VM), Failed.
    """
    return _say(dom0, _take_out, taken_hosts.TAKE_OUT, client, operation, repository, directory,
                folder, version, _host(host, words))


def put_in_host(dom0, client, operation, repository, directory, folder, version, host, words):
    """Put a host without this module into a VM's claim, before the VM is started there: it is a
    doubt on that host then. Arguments, answer and errors of :func:`take_out_host`. The claim has to
    be free or gone; one that has the host already stays as it is. Not this host: it has the module.
    """
    return _say(dom0, _put_in, taken_hosts.PUT_IN, client, operation, repository, directory, folder,
                version, _host(host, words))


def accept_vm_cfg(dom0, client, operation, repository, directory, folder, version, digest):
    """Record the digest of a vm.cfg that was changed without a claim, as the right one. As
    :func:`.claim_changes.read_claim`.

    ``digest``: of the vm.cfg that the person has seen, as this host reads it. The claim has to be
    free, or on this host. Raises InvalidArgument, NotAllowed, NotMounted, NotFound (no claim, no
    vm.cfg), Conflict (another claim is current, or does not allow a change; the vm.cfg is another
    one), Failed.
    """
    return _say(dom0, _accept, taken_hosts.ACCEPT, client, operation, repository, directory, folder,
                version, {'digest': arguments.digest(digest)})


def discard_saved(dom0, client, operation, repository, directory, folder, version, words):
    """Discard what was saved of a guest, by a person's word. As :func:`.claim_changes.read_claim`.

    Its claim is free from then on: what is in the file is never restored. ``words``: as of
    :func:`take_out_host`. Raises InvalidArgument, NotAllowed, NotMounted, NotFound (no claim),
    Conflict (another claim is current, or nothing is saved), Failed.
    """
    return _say(dom0, _discard, taken_hosts.DISCARD, client, operation, repository, directory,
                folder, version, {'words': _words(words)})


def _host(host, words):
    return {'host': claim_store.host_name(arguments.server(host)), 'words': _words(words)}


def _words(value):
    """As text of this Python. Raises InvalidArgument."""
    if isinstance(value, (bytes_type, text_type)) and _WORDS.match(to_text(value)):
        return plain(value)
    raise errors.InvalidArgument('words: expected 1 to 500 printable characters, without |')


def _say(dom0, change, name, client, operation, repository, directory, folder, version, given):
    request = dict(vm_files.target(repository, directory), client=arguments.client(client),
                   operation=arguments.operation(operation), function=name,
                   folder=arguments.claims_folder(folder),
                   version=arguments.number('version', version, 1, claim_changes.HIGHEST), **given)
    dom0.log('%s %s %s %s %s' % (request['client'], request['operation'], name,
                                 safe_paths.printable(request['path']), given.get('host', '')))
    found = dom0.detached(claim_changes.ANSWER_SECONDS, _locked, dom0, request, change)
    if found is None:
        raise errors.Failed('it takes longer than %d s: read the claim again'
                            % claim_changes.ANSWER_SECONDS)
    return found


def _locked(dom0, request, change):
    handle = claim_changes.lock(dom0, request)
    try:
        folder, versions = claim_store.read(dom0, request['mount'], request['document'])
        for _, claim in versions:
            if taken_hosts.is_said(claim, request['operation']):  # the request was repeated
                return claim_reports.reported(dom0, folder, versions[0][0], versions[0][1], '')
        claim = claim_changes.current_claim(request, folder, versions)
        here = claim_store.here(dom0, request['mount'])
        made = change(dom0, request, claim, here, taken_hosts.speaker(
            request['client'], request['operation'],
            time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())))
        if made == claim:
            return claim_reports.reported(dom0, folder, request['version'], claim, '')
        claim_settling.write(dom0, request, request['version'], made)
        if here[0] not in dict(made['hosts']):
            claim_store.forget(dom0, request)
        return claim_reports.reported(dom0, folder, request['version'] + 1, made, '')
    finally:
        local_state.unlock(handle)


def _take_out(dom0, request, claim, here, who):
    host = request['host']
    saw, is_here = 'seen from host %s: nothing' % here[0], host == here[0]
    if is_here:
        saw = 'seen there: nothing of it, but for the log: %s' % _require_nothing(
            dom0, request, claim, here)
    if claim['at'].split(' ')[0] == host:
        claim_settling.put_back(dom0, request, claim)
    content = claim_settling.current(dom0, request)
    made, why = taken_hosts.taken_out(claim, host, who, request['words'], saw.replace('|', '/'),
                                      content is not None)
    _require_made(request, made, why)
    if is_here:
        digest = claim_settling.digest_now(dom0, request, claim, content)
        if digest is not None:
            made['digest'] = digest
    return made


def _require_nothing(dom0, request, claim, here):
    """What the log says, if nothing else speaks against it. Raises Conflict."""
    if claim['kind'] == claims.MOVING and claim['target'] == here[0]:
        raise errors.Conflict('it is moving to this host: its source %s has to answer first'
                              % claim['source'])
    finding, why = claim_settling.find(dom0, request, claim, here,
                                       claim_settling.identity_of(dom0, request, claim), {}, True)
    if finding != claims.NOWHERE:
        raise errors.Conflict('host %s stays in the claim of %s: %s' % (
            here[0], safe_paths.printable(request['path']), _FOUND.get(finding, why)))
    return why


def _put_in(dom0, request, claim, here, who):
    if request['host'] == here[0]:
        raise errors.InvalidArgument('host: this host has the module, which puts it in itself')
    made, why = taken_hosts.put_in(claim, request['host'], who, request['words'])
    content = claim_settling.current(dom0, request)
    if made is not None and made != claim and content is not None:
        made['disks'] = claim_disks.field(dom0, claim_disks.of_content(content))
        _put_in_first(dom0, request, made)
    return _require_made(request, made, why)


def _put_in_first(dom0, request, made):
    """Its disks are in the claim before the claims of others are read: of two that begin at once one
    goes on at most. Not yet with the word, by which the client knows that it may start the VM: where
    a disk is refused nothing has begun, and the host is taken out again. Raises Conflict."""
    claim_settling.write(dom0, request, request['version'], dict(made, said=''))
    request['version'] += 1
    why = claim_disks.refusal(dom0, dict(request, function=claims.START), made['disks'])
    if why:
        _take_back(dom0, request)
        _require_made(request, None, why)


def _take_back(dom0, request):
    """Take the host out again that was put in, whatever others have written meanwhile."""
    for _ in range(_TRIES):
        version, claim = claim_store.read(dom0, request['mount'], request['document'])[1][0]
        try:
            claim_settling.write(dom0, request, version, claims.taken_out(claim, request['host'])[0])
            return
        except errors.Conflict:
            pass
    raise errors.Failed('host %s is in the claim of %s, and nothing was started there' % (
        request['host'], safe_paths.printable(request['path'])))


def _accept(dom0, request, claim, here, who):
    content = claim_settling.current(dom0, request)
    what = safe_paths.printable(request['path'])
    if content is None:
        raise errors.NotFound('%s: no such file' % what)
    direct = vm_files.direct_digest(dom0, request)
    if vm_files.digest(content) != request['digest'] or direct not in (None, request['digest']):
        raise errors.Conflict('%s is not what was read: it has been changed since' % what)
    made, why = taken_hosts.accepted(claim, here, request['digest'], who)
    return _require_made(request, made, why)


def _discard(dom0, request, claim, here, who):
    made, why = taken_hosts.discarded(claim, who, request['words'])
    return _require_made(request, made, why)


def _require_made(request, made, why):
    if made is None:
        raise errors.Conflict('%s: %s' % (safe_paths.printable(request['path']), why))
    return made
