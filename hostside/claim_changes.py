"""Changes of a VM through its claim: one at a time on all hosts, none twice (docs/claims.md).

A change is a process of its own, in a session of its own. Under the lock of the VM on this host: the
claim is read, version n; the function is allowed; version n + 1 is made, a doubt that names the
operation; vm.cfg is compared with what the client has read, and for a start what is here of the VM
is looked at; the agent's function; vm.cfg on its disk; then what is here now decides version n + 2
(:mod:`.claim_settling`), whatever the function answered.

A process that dies in between leaves n + 1. :func:`settle_claim` on this host ends that.
"""

from libcloud_ovm3_host import (arguments, change_vm, claim_digests, claim_disks, claim_reports,
                                claim_settling, claim_store, claims, errors, local_state,
                                migrations, observations, read_agent, safe_paths, taken_hosts,
                                vm_files)
from libcloud_ovm3_host.compat import error, plain, to_text

FUNCTIONS = (claims.START, claims.STOP, claims.CONFIGURE, claims.CREATE, claims.DELETE,
             claims.REBOOT, claims.PAUSE, claims.UNPAUSE, claims.MIGRATE, claims.SAVE,
             claims.RESTORE)
SECONDS = 50  # of a read: clients wait for a minute
ANSWER_SECONDS = 45  # until it answers that the change goes on
LOCK_SECONDS = 10  # for another change or a settling of this VM on this host
BEGIN_SECONDS = 40  # a change that has not begun by then never will: its client may have gone

HIGHEST = 10 ** 15
_TRIES = 5  # to write a version, where others write, too
# What goes with a function after repository and directory.
_PARAMETERS = {claims.START: [], claims.DELETE: [], claims.STOP: [bool],
               claims.CONFIGURE: [dict], claims.CREATE: [dict], claims.REBOOT: [int],
               claims.PAUSE: [], claims.UNPAUSE: [], claims.SAVE: [bool],
               claims.RESTORE: [bool]}
# What they need to be of the domain that this host has: paused, or not.
_OF_DOMAIN = {claims.REBOOT: False, claims.PAUSE: False, claims.UNPAUSE: True,
              claims.MIGRATE: False, claims.SAVE: False}
_WHATEVER_IT_IS = tuple(_OF_DOMAIN) + (claims.STOP,)  # vm.cfg says nothing about these
_STARTS = (claims.START, claims.RESTORE)


# --- reading --------------------------------------------------------------------------------

def read_claim(dom0, repository, directory, operation):
    """The claim of a VM: ``{folder, version, kind, hosts: [{host, boot}], state, why, ...}``.

    Of the newest version, or of the newest one that this operation has made. ``folder`` and
    ``version`` name it in a change; 0: there is none, and ``kind`` is ''. ``state``: of its
    operation: ``running`` or ``dead``, on this host; ``elsewhere``: only its host can tell;
    ``ended``; '' without an operation. ``outcome`` (``done``, ``failed``, ``not done``) and
    ``fault``: what the agent's function answered. ``source`` ``target`` ``operation`` ``client``
    ``function`` ``digest`` ``paused`` ``error`` ``taken`` ``said``:
    see :mod:`.claims`.
    Raises InvalidArgument, NotAllowed, NotMounted, Failed, Timeout.
    """
    target = vm_files.target(repository, directory)
    if operation != '':
        operation = arguments.operation(operation)
    return dom0.within(SECONDS, _read_claim, dom0, target, operation)


def _read_claim(dom0, target, operation):
    folder, versions = claim_store.read(dom0, target['mount'], target['document'])
    for version, claim in versions:
        if operation in ('', claim['operation']):
            return claim_reports.reported(dom0, folder, version, claim, '')
    return claim_reports.reported(dom0, folder, 0, None, '')


# --- the lock -------------------------------------------------------------------------------

def lock(dom0, request):
    """Wait until no other process of this host changes or settles this VM. Raises Conflict."""
    return claim_store.lock(dom0, LOCK_SECONDS, request, 'operation %s of %s' % (
        request['operation'], request['client']))


# --- changing -------------------------------------------------------------------------------

def change_claimed_vm(dom0, client, operation, repository, directory, folder, version, digest,
                      function, parameters):
    """Call one of the agent's functions under the claim of that version. As :func:`read_claim`.

    ``folder``, ``version``: of the claim that the client has read; 0 for a VM that is to be created
    and has none. ``digest``: of the vm.cfg that it has read; '' if there is to be none; for what
    does not change it '' means: as it is. ``function``: one of FUNCTIONS; ``parameters``: the list
    of its arguments after the repository and the directory; of a migration :mod:`.migrations` says
    what else belongs to it. It is never called twice for one
    operation: what became of that is the answer.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound (no claim, no vm.cfg), Conflict (another
    claim is current, it does not allow this, or vm.cfg is another one), Failed.
    """
    function = arguments.one_of('function', function, FUNCTIONS)
    if digest != '' or function in (claims.CONFIGURE, claims.DELETE):
        digest = arguments.digest(digest)
        if function == claims.CREATE:
            raise errors.InvalidArgument('digest: of a new vm.cfg there is none')
    request = dict(vm_files.target(repository, directory), client=arguments.client(client),
                   operation=arguments.operation(operation), digest=digest, function=function,
                   folder=arguments.claims_folder(folder), parameters=parameters,
                   version=arguments.number('version', version, 0, HIGHEST),
                   began=dom0.seconds())
    if function == claims.MIGRATE:
        request.update(migrations.asked(parameters))
    elif not isinstance(parameters, list) or (
            [type(each) for each in parameters] != _PARAMETERS[function]):
        raise errors.InvalidArgument('parameters: expected %s' % [
            kind.__name__ for kind in _PARAMETERS[function]])
    dom0.log('%s %s change_claimed_vm %s %s' % (request['client'], request['operation'], function,
                                                safe_paths.printable(request['path'])))
    found = dom0.detached(ANSWER_SECONDS, _change, dom0, request)
    return found or _goes_on(dom0, request)


def _goes_on(dom0, request):
    """What there is of an operation that has not ended: its claim may not be made yet."""
    found = dom0.within(SECONDS, _read_claim, dom0, request, request['operation'])
    found['state'] = to_text('running')
    return found


def _change(dom0, request):
    try:
        handle = lock(dom0, request)
    except errors.Conflict:
        return _repeated(dom0, request, error())
    try:
        return _change_locked(dom0, request)
    finally:
        local_state.unlock(handle)


def _repeated(dom0, request, conflict):
    """What became of the operation of a request that waited for another process, which may be that of
    the same request. Raises Conflict: it is another one's, and nothing was done."""
    found = _read_claim(dom0, request, request['operation'])
    if request['operation'] in str(conflict):
        found['state'] = to_text('running')
    elif not found['version']:
        raise conflict
    return found


def _change_locked(dom0, request):
    folder, versions = claim_store.read(dom0, request['mount'], request['document'])
    if request['function'] == claims.CREATE and not folder:
        folder = claim_store.make_folder(dom0, request['mount'])
    for version, claim in versions:
        if claim['operation'] == request['operation']:  # the request was repeated
            return claim_reports.reported(dom0, folder, version, claim, '')
    claim = current_claim(request, folder, versions)
    here = claim_store.here(dom0, request['mount'])
    if claim and taken_hosts.entry_of(claim, here[0]):
        claim = _back(dom0, request, claim, here)
    refusal = claims.refusal(request['function'], claim, here)
    if refusal:
        raise errors.Conflict('%s: %s' % (safe_paths.printable(request['path']), refusal))
    change_vm.require_finished(dom0, request)
    if request['function'] == claims.MIGRATE:
        migrations.require_target(dom0, request, here)
    claim = claim_settling.with_file(dom0, request, claim, here)
    content = _read_content(dom0, request)
    identity = _identity(dom0, request, claim)
    _require_domain(dom0, request, identity)
    request['found'] = vm_files.digest(content)
    request['disks'] = claim_disks.field(dom0, claim_disks.wanted(
        request['function'], content, request['parameters']))
    mark = {}
    if claim is None or here[0] not in dict(claim['hosts']):
        mark = dict(observations.mark_log(dom0), uuid=identity[0], name=identity[1])
    session = (dom0.session(),) + dom0.process()
    going_on = [each for each in claim_store.sessions(dom0, request)
                if observations.session_lives(dom0, each)]
    claim_store.put_sessions(dom0, request, going_on + [session + (here[1],)])
    begun = claims.begun(request['function'], claim, here,
                         _recorded(request, claim, content, session), request.get('to'))
    version = request['version'] + 1
    if not _write(dom0, request, version, begun):
        return _read_claim(dom0, request, request['operation'])
    if mark:
        claim_store.put_mark(dom0, request, mark)
    return _end(dom0, request, here, identity, _run(dom0, request, claim, identity))


def _back(dom0, request, claim, here):
    """A person has taken this host out, and it is back: it looks first. Raises Conflict."""
    identity = claim_settling.identity_of(dom0, request, claim)
    request['version'], claim, why = claim_settling.settle(dom0, request, request['version'], claim,
                                                           here, identity)
    if taken_hosts.entry_of(claim, here[0]):
        raise errors.Conflict('%s: this host was taken out of its claim, and cannot tell yet what it '
                              'has of it: %s' % (safe_paths.printable(request['path']), why))
    return claim


def _end(dom0, request, here, identity, outcome):
    """Settle the claim after the operation. Another host may have written a version meanwhile, which
    keeps what n + 1 says of it. Not a Conflict: that says that nothing was done."""
    for _ in range(_TRIES):
        version, claim = claim_store.read(dom0, request['mount'], request['document'])[1][0]
        if claim['operation'] == request['operation']:
            claim.update(outcome)
        try:
            version, found, why = claim_settling.settle(dom0, request, version, claim, here,
                                                        identity)
            if found is claim and request['function'] == claims.SAVE:
                claim_settling.write(dom0, request, version, claim)  # it says that all is saved
                version += 1
        except errors.Conflict:
            continue
        return claim_reports.reported(dom0, request['folder'], version, found, why)
    raise errors.Failed('%s: its outcome could not be recorded: others write its claim' %
                        outcome['outcome'])


def current_claim(request, folder, versions):
    """The claim that the request names; None: there is none. Raises Conflict."""
    newest = 0
    if versions:
        newest = versions[0][0]
    if request['folder'] != folder and (request['folder'] or request['version']):
        raise errors.Conflict('the claims of this repository were made anew: read them again')
    if request['version'] != newest:
        raise errors.Conflict('%s: its claim is version %d now, not %d: read it again' % (
            safe_paths.printable(request['path']), newest, request['version']))
    request['folder'] = folder
    if versions:
        return versions[0][1]
    if request['function'] != claims.CREATE:
        raise errors.NotFound('%s has no claim yet' % safe_paths.printable(request['path']))
    return None


def _read_content(dom0, request):
    """vm.cfg before the change; None where it is to be made. Raises NotFound, Conflict."""
    content = claim_settling.current(dom0, request)
    what = safe_paths.printable(request['path'])
    if request['function'] == claims.CREATE:
        if content is not None:
            raise errors.Conflict('%s is there already' % what)
    elif content is None and request['function'] != claims.STOP:
        raise errors.NotFound('%s: no such file' % what)
    elif request['digest'] not in ('', vm_files.digest(content)):
        raise errors.Conflict('%s is not what was read: it has been changed since' % what)
    return content


def _identity(dom0, request, claim):
    if request['function'] != claims.CREATE:
        return claim_settling.identity_of(dom0, request, claim)
    struct = request['parameters'][0]
    for key in ('uuid', 'name'):
        if not struct.get(key):
            raise errors.InvalidArgument('parameters: a new VM needs its %s' % key)
    return vm_files.dashed(struct['uuid']), plain(struct['name'])


def _require_domain(dom0, request, identity):
    """One that another tool has paused is not ours to release: so none is paused that is paused.
    One that is being built shows the same (xend.md 1.6). Looked for before version n + 1, which
    says then that the domain was running. A new VM has none: its claim would never be free, and it
    could not be deleted. Raises Conflict, NotAllowed, Failed."""
    if request['function'] == claims.CREATE and observations.look(dom0, identity[0]):
        raise errors.NotAllowed('%s: xend has a domain of this uuid, of another definition' %
                                safe_paths.printable(request['path']))
    wanted = _OF_DOMAIN.get(request['function'])
    if wanted is None:
        return
    found = observations.look(dom0, identity[0])
    if [entry['paused'] for entry in found] != [wanted] or found[0]['incoming']:
        words = {True: 'paused or being built', False: 'not paused'}
        raise errors.Conflict('%s: %s needs one domain of it that is %s; xend has: %s' % (
            safe_paths.printable(request['path']), request['function'], words[wanted],
            ', '.join(['domain %s, %s' % (plain(entry['domid']), words[entry['paused']])
                       for entry in found]) or 'none'))
    if wanted and not claim_store.is_paused(dom0, request, found[0]['domid']):
        raise errors.Conflict('%s: domain %s is not the one that was paused: whoever has paused it, or '
                              'builds it, releases it' % (safe_paths.printable(request['path']),
                                                          plain(found[0]['domid'])))


def _recorded(request, claim, content, session):
    """What is recorded of the operation in version n + 1."""
    recorded = dict([(key, request[key]) for key in ('operation', 'client')])
    recorded['session'] = ' '.join(session)
    recorded['disks'] = claims.joined((claim or recorded).get('disks', ''), request['disks'])
    if content:
        recorded[claims.CONTENT] = content
    return recorded


def _write(dom0, request, version, claim):
    return claim_store.write(dom0, request['client'], request['operation'], request['mount'],
                             request['document'], request['folder'], version, claim)


def _run(dom0, request, claim, identity):
    """Call the agent's function, if nothing speaks against it: ``{outcome, fault}``."""
    obstacle = _obstacle(dom0, request, claim, identity)
    if obstacle:
        return {'outcome': 'not done', 'fault': obstacle}
    made = vm_files.call(dom0, request)
    fault = made['fault']
    try:
        if request['function'] in (claims.CONFIGURE, claims.CREATE):
            vm_files.sync(dom0, request)
    except errors.HostModuleError:
        if not fault:
            fault = 'vm.cfg was not synced to its disk: %s' % error()
    return {'outcome': made['state'], 'fault': plain(fault)}


def _obstacle(dom0, request, claim, identity):
    """Why the agent's function must not be called now, or ''."""
    if abs(dom0.seconds() - request['began']) >= BEGIN_SECONDS:
        return 'it did not begin within %d s' % BEGIN_SECONDS
    try:
        read_agent.function(dom0, request['function'])
        if claim is None:
            change_vm.require_finished(dom0, request)  # it looks for a claim after it has begun
        refusal = ''
        if request['function'] not in _WHATEVER_IT_IS:
            refusal = _digest_refusal(dom0, request, claim)
        if not refusal and request['function'] in _STARTS:
            refusal = start_refusal(dom0, request, identity)
        if request['function'] in _STARTS + (claims.CONFIGURE, claims.SAVE):
            refusal = refusal or claim_disks.refusal(dom0, request, request['disks'])
        return refusal or _version_refusal(dom0, request)
    except errors.HostModuleError:
        return str(error())


def _digest_refusal(dom0, request, claim):
    read = vm_files.digest(claim_settling.current(dom0, request))
    wanted = request['digest']
    if not wanted and request['function'] in _STARTS:
        wanted = request['found']  # whose disks are in the claim
    refusal = claim_digests.digest_refusal(claim or {'digest': ''}, wanted, read,
                                            vm_files.direct_digest(dom0, request))
    if refusal:
        return '%s: %s' % (safe_paths.printable(request['path']), refusal)
    return ''


def _version_refusal(dom0, request):
    """Another host may have seen the VM meanwhile."""
    version = claim_store.read(dom0, request['mount'], request['document'])[1][0][0]
    if version != request['version'] + 1:
        return 'another host has written version %d of its claim' % version
    return ''


def start_refusal(dom0, request, identity):
    """'' if nothing here speaks against a domain of the VM (rule 5), or what does. This host has a
    mark in xend's log."""
    uuid, name = identity
    began = observations.mark_log(dom0)
    answers = {'look': observations.look(dom0, uuid)}
    answers['log'], domids = observations.log_since(
        dom0, uuid, name, claim_settling.log_mark(dom0, request), began)
    answers['backends'] = observations.backends(dom0, domids, uuid,
                                                claim_settling.current(dom0, request), 0)
    return claims.start_refusal(answers)


# --- settling -------------------------------------------------------------------------------

def settle_claim(dom0, client, operation, repository, directory):
    """Look what is here of the VM, and write the claim that says so. As :func:`read_claim`; ``why``
    says why it stays as it is.

    Raises InvalidArgument, NotAllowed, NotMounted, NotFound (no claim), Conflict (it is being
    changed or settled now), Failed.
    """
    request = dict(vm_files.target(repository, directory), client=arguments.client(client),
                   operation=arguments.operation(operation))
    dom0.log('%s %s settle_claim %s' % (request['client'], request['operation'],
                                        safe_paths.printable(request['path'])))
    found = dom0.detached(ANSWER_SECONDS, _settle, dom0, request)
    if found is None:
        raise errors.Failed('it takes longer than %d s: read the claim again' % ANSWER_SECONDS)
    return found


def _settle(dom0, request):
    handle = lock(dom0, request)
    try:
        folder, versions = claim_store.read(dom0, request['mount'], request['document'])
        if not versions:
            raise errors.NotFound('%s has no claim' % safe_paths.printable(request['path']))
        version, claim = versions[0]
        here = claim_store.here(dom0, request['mount'])
        request['folder'] = folder
        found = claim_settling.settle(dom0, request, version, claim, here,
                                      claim_settling.identity_of(dom0, request, claim))
        return claim_reports.reported(dom0, folder, *found)
    finally:
        local_state.unlock(handle)
