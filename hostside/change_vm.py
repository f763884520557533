"""Changes of a VM's definition by the agent's own functions: one at a time, on all hosts together.

The document ``vm-<directory>`` of the repository says what is done to a vm.cfg. Version n + 1,
``changing``: which operation, in which process of which host since which boot, and the vm.cfg as it
was. Version n + 2: the outcome. Whoever finds ``changing`` waits, and does not change the file.

A change is a process of its own, as the agent's function may take minutes. In this order: the
newest version says that nothing is being changed; vm.cfg is what the client has read; n + 1 is
made; vm.cfg still is what it was; the agent's function; vm.cfg on its disk; n + 2.

A process that dies in between leaves n + 1. What its change has done is unknown then: that is
recorded as n + 2 by the next change through its own host, which knows its processes and its boots,
or by :func:`settle_vm`. No length of time settles anything.
"""

from libcloud_ovm3_host import (arguments, claim_store, documents, errors, host_identity,
                                read_agent, records, safe_paths, vm_files)
from libcloud_ovm3_host.compat import error, md5, to_text
from libcloud_ovm3_host.rpc import Binary

NEW = 'create_vm'  # makes a vm.cfg: there must be none
GONE = 'delete_vm'  # with its whole directory
FUNCTIONS = ('configure_vm', NEW, GONE)
SECONDS = 50  # clients wait for a minute
ANSWER_SECONDS = 45  # until it answers that the change goes on
WAIT_SECONDS = 10  # for another change
POLL_SECONDS = 1
BEGIN_SECONDS = 40  # a change that has not begun by then never will: its client may have gone

_SCHEMA = '1'
# What is reported of a change, beside its state.
_REPORTED = ('operation', 'client', 'function', 'host', 'host_uuid', 'address', 'digest', 'fault')


# --- reading --------------------------------------------------------------------------------

def read_vm(dom0, repository, directory, operation):
    """``{content, digest, change, before}`` of a vm.cfg; or ``{error, ...}`` if it cannot be read.

    ``change``: the change with that operation, or for '' the newest one, ``{}`` if there is none:
    ``{state, operation, client, function, host, host_uuid, address, digest, fault}``. Its state:
    ``running``; ``elsewhere`` (another host's: ask that one); ``dead`` (its process is gone);
    ``done``; ``failed``, with the agent's ``fault``; ``not done``, with the reason; ``unknown``.
    ``address``: with which its host is registered. ``digest``: of the vm.cfg after it, and before
    it while it goes on. ``before``: the vm.cfg before a change without an outcome.
    Raises InvalidArgument, NotAllowed, NotMounted, Failed, Timeout.
    """
    target = vm_files.target(repository, directory)
    if operation != '':
        operation = arguments.operation(operation)
    return dom0.within(SECONDS, _read_vm, dom0, target, operation)


def _read_vm(dom0, target, operation):
    found = {'change': {}}
    for change in _changes(dom0, target)[1]:
        if operation in ('', change['operation']):
            found['change'] = _status(dom0, change)
            if change['content']:
                found['before'] = Binary(change['content'])
            break
    try:  # after the document: what it says was done is in here
        content = vm_files.content(dom0, target)
        found['content'], found['digest'] = Binary(content), md5(content).hexdigest()
    except errors.HostModuleError:
        found['error'] = safe_paths.current_error()
    return found


def unfinished(dom0, target):
    """'' if no change of this vm.cfg lacks an outcome; or whose does. Raises Failed, ..."""
    changes = _changes(dom0, target)[1]
    if changes and changes[0]['state'] == 'changing':
        return _described(changes[0])
    return ''


def require_finished(dom0, target):
    """Raise Conflict if a change of this vm.cfg lacks an outcome."""
    change = unfinished(dom0, target)
    if change:
        raise errors.Conflict('%s is being changed: %s' % (
            safe_paths.printable(target['path']), change))


def _require_no_claim(dom0, target):
    if claim_store.read(dom0, target['mount'], target['document'])[1]:
        raise errors.Conflict('%s has a claim, so it is changed through that only: this client is '
                              'too old' % safe_paths.printable(target['path']))


def _changes(dom0, target):
    """``(next version, [record])``, the newest first; all values text, but for ``content``."""
    following, versions = documents.kept(dom0, target['mount'], target['document'])
    found = []
    for version, data in versions:
        record = records.decode(data)
        content = record.pop('content', ''.encode('ascii'))
        record = dict([(key, str(to_text(record[key]))) for key in record])
        if record.get('schema') != _SCHEMA:
            raise errors.Failed('document %s, version %d: not of a form that this module knows'
                                % (target['document'], version))
        found.append(dict(record, content=content))
    return following, found


def _status(dom0, change):
    status = dict([(key, to_text(change.get(key, ''))) for key in _REPORTED])
    status['state'] = to_text(_state(dom0, change))
    return status


def _state(dom0, change):
    if change['state'] != 'changing':
        return change['state']
    if change['boot'] == dom0.boot_id():
        if dom0.lives(change['pid'], change['started']):
            return 'running'
        return 'dead'
    if host_identity.is_this_host(dom0, change):  # it was rebooted since
        return 'dead'
    return 'elsewhere'


# --- changing -------------------------------------------------------------------------------

def change_vm(dom0, client, operation, repository, directory, digest, function, parameters):
    """Call one of the agent's functions, if vm.cfg has that digest; ``change`` as :func:`read_vm`.

    Of a vm.cfg that is to be made the digest is '', and there must be none.

    ``function``: see FUNCTIONS; ``parameters``: the list of its arguments after the repository and
    the directory. It is never called twice for one operation: the present state is the answer.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound, Conflict (vm.cfg is another one, or is
    being changed), Failed.
    """
    if digest != '' or function != NEW:
        digest = arguments.digest(digest)
    request = dict(vm_files.target(repository, directory), client=arguments.client(client),
                   operation=arguments.operation(operation), digest=digest,
                   function=arguments.one_of('function', function, FUNCTIONS),
                   parameters=parameters, began=dom0.seconds())
    wanted, text = [dict], 'a list with the struct of all options'
    if function == GONE:
        wanted, text = [], 'an empty list'
    if not isinstance(parameters, list) or [type(each) for each in parameters] != wanted:
        raise errors.InvalidArgument('parameters: expected ' + text)
    dom0.log('%s %s change_vm %s %s' % (request['client'], request['operation'],
                                        request['function'],
                                        safe_paths.printable(request['path'])))
    found = dom0.detached(ANSWER_SECONDS, _change, dom0, request)
    if found is None:
        found = _status(dom0, dict(request, state='running', host=dom0.hostname()))
    return found


def _change(dom0, request):
    """The change, in a process of its own."""
    _require_no_claim(dom0, request)
    while True:
        following, changes = _changes(dom0, request)
        for change in changes:
            if change['operation'] == request['operation']:  # the request was repeated
                return _status(dom0, change)
        state = changes and _state(dom0, changes[0])
        if state == 'dead':
            _settle(dom0, request, following, changes[0])
        elif state in ('running', 'elsewhere'):
            _wait(dom0, request, changes[0])
        else:
            record = _begin(dom0, request, following)
            if record:
                return _finish(dom0, request, following + 1, record)


def _wait(dom0, request, change):
    if _age(dom0, request) >= WAIT_SECONDS:
        raise errors.Conflict('%s is being changed: %s' % (
            safe_paths.printable(request['path']), _described(change)))
    dom0.sleep(POLL_SECONDS)


def _age(dom0, request):
    """Seconds; a counter of 32 bits that starts anew makes it old."""
    return abs(dom0.seconds() - request['began'])


def _described(change):
    return 'operation %s of %s, process %s on host %s (%s)' % (
        change['operation'], change['client'], change['pid'], change['host'],
        change['host_uuid'] or 'its uuid is not known')


def _begin(dom0, request, version):
    """Make the version that says that vm.cfg is being changed; its record, or None if another
    writer has made that version."""
    content = _now(dom0, request)
    if request['digest'] not in ('', md5(content).hexdigest()):
        raise errors.Conflict('%s is not what was read: it has been changed since'
                              % safe_paths.printable(request['path']))
    record = host_identity.with_address(dom0)
    for key in ('operation', 'client', 'function', 'digest'):
        record[key] = request[key]
    pid, started = dom0.process()
    record.update({'state': 'changing', 'boot': dom0.boot_id(), 'pid': pid, 'started': started,
                   'content': content})
    try:
        _write(dom0, request, version, record)
    except (errors.Conflict, errors.InvalidArgument):  # the latter: this request, repeated
        return None
    return record


def _write(dom0, request, version, record):
    documents.write(dom0, request['client'], request['operation'], request['mount'],
                    request['document'], version, records.encode(dict(record, schema=_SCHEMA)))


def _finish(dom0, request, version, record):
    """Call the agent's function, if all is still as it was, and record the outcome."""
    content = record.pop('content')
    record['fault'] = _obstacle(dom0, request, content)
    record['state'] = 'not done'
    if not record['fault']:
        record.update(vm_files.call(dom0, request))
    try:
        if record['state'] != 'not done':
            record['digest'] = _digest_after(dom0, request)
        _write(dom0, request, version, record)
    except errors.HostModuleError:  # not one that says that nothing was done
        raise errors.Failed('%s: its outcome could not be recorded: %s' % (
            record['state'], error()))
    return _status(dom0, record)


def _obstacle(dom0, request, content):
    """Why the agent's function must not be called now, or ''."""
    if _age(dom0, request) >= BEGIN_SECONDS:
        return 'it did not begin within %d s' % BEGIN_SECONDS
    try:
        read_agent.function(dom0, request['function'])
        _require_no_claim(dom0, request)  # claim_vm looks for version n + 1 after it has made one
        if _now(dom0, request) == content:
            return ''
    except errors.HostModuleError:
        return str(error())
    return '%s has just been changed' % safe_paths.printable(request['path'])


def _now(dom0, request):
    """The content of vm.cfg; where it is to be made '', and Conflict if there is one."""
    if request['digest']:
        return vm_files.content(dom0, request)
    try:
        vm_files.content(dom0, request)
    except errors.NotFound:
        return ''.encode('ascii')
    raise errors.Conflict('%s is there already' % safe_paths.printable(request['path']))


def _digest_after(dom0, request):
    """The digest of vm.cfg when it is on its disk; '' if none was made, or it was deleted."""
    try:
        vm_files.sync(dom0, request)
        return md5(vm_files.content(dom0, request)).hexdigest()
    except errors.NotFound:
        if request['digest'] and request['function'] != GONE:
            raise
        return ''


# --- settling -------------------------------------------------------------------------------

def settle_vm(dom0, client, operation, repository, directory, change, take_over):
    """Record that the outcome of a change is unknown, as its process is gone; so others can follow.

    ``change``: its operation. Only its own host knows its processes; with ``take_over`` any other
    host believes the client that that one is off and will never go on.
    Returns ``change`` as :func:`read_vm`.
    Raises InvalidArgument, NotAllowed (another host's), NotMounted, NotFound, Conflict (it goes on,
    or another request has settled it), Failed, Timeout.
    """
    request = dict(vm_files.target(repository, directory), client=arguments.client(client),
                   operation=arguments.operation(operation))
    change = arguments.operation(change)
    if not isinstance(take_over, bool):
        raise errors.InvalidArgument('take_over: expected a boolean')
    dom0.log('%s %s settle_vm %s %s%s' % (
        request['client'], request['operation'], safe_paths.printable(request['path']), change,
        take_over and ' take over' or ''))
    return dom0.within(SECONDS, _settle_vm, dom0, request, change, take_over)


def _settle_vm(dom0, request, operation, take_over):
    following, changes = _changes(dom0, request)
    for position, change in enumerate(changes):
        if change['operation'] == operation:
            break
    else:
        raise errors.NotFound('no change of %s has the operation %s' % (
            safe_paths.printable(request['path']), operation))
    state = _state(dom0, change)
    if state == 'running':
        raise errors.Conflict('it goes on: %s' % _described(change))
    if state == 'elsewhere' and not take_over:
        raise errors.NotAllowed('only its own host can tell: %s' % _described(change))
    if position or state not in ('dead', 'elsewhere'):
        return _status(dom0, change)
    return _status(dom0, _settle(dom0, request, following, change))


def _settle(dom0, request, version, change):
    """Record that the outcome of a change is unknown. The vm.cfg as it was before stays in it: the
    agent may have been killed while it wrote the file."""
    record = dict([(key, change.get(key, '')) for key in _REPORTED + ('certificate', 'content')])
    record.update({'state': 'unknown', 'digest': '', 'settled_by': request['operation'],
                   'fault': 'its process ended before it recorded the outcome'})
    try:
        record['digest'] = md5(vm_files.content(dom0, request)).hexdigest()
    except errors.HostModuleError:
        record['fault'] += '; vm.cfg: %s' % error()
    _write(dom0, request, version, record)
    return record
