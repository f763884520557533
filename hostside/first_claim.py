"""The first claim of a VM (rule 11): no claim is not free, so it may be on every host that sees it."""

from libcloud_ovm3_host import (arguments, change_vm, claim_changes, claim_disks, claim_reports,
                                claim_settling, claim_store, claims, errors, local_state, safe_paths,
                                vm_files)
from libcloud_ovm3_host.compat import error


def claim_vm(dom0, client, operation, repository, directory, hosts):
    """Make the first claim of a VM, and settle it on this host at once. As
    :func:`.claim_changes.settle_claim`.

    ``hosts``: the server uuids of all hosts that can see the repository, this one too. All that have
    claims in this repository are added. A VM that has a claim keeps it as it is.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound (no vm.cfg), Conflict (it is being
    changed; another host has this server uuid), Failed, Timeout.
    """
    request = dict(vm_files.target(repository, directory), client=arguments.client(client),
                   operation=arguments.operation(operation))
    if not isinstance(hosts, list):
        raise errors.InvalidArgument('hosts: expected a list of server uuids')
    hosts = [claim_store.host_name(arguments.server(host)) for host in hosts]
    dom0.log('%s %s claim_vm %s' % (request['client'], request['operation'],
                                    safe_paths.printable(request['path'])))
    found = dom0.detached(claim_changes.ANSWER_SECONDS, _claim_vm, dom0, request, hosts)
    if found is None:
        raise errors.Timeout('it takes more than %d s: read the claim again'
                             % claim_changes.ANSWER_SECONDS)
    return found


def _claim_vm(dom0, request, hosts):
    request['folder'] = claim_store.make_folder(dom0, request['mount'])
    here = claim_store.here(dom0, request['mount'])
    if here[0] not in hosts:
        raise errors.InvalidArgument('hosts: this host, %s, is not among them' % here[0])
    handle = claim_changes.lock(dom0, request)
    try:
        if not _make(dom0, request, hosts, here):
            return _newest(dom0, request)
        change_vm.require_finished(dom0, request)  # change_vm looks for a claim after it has begun
        return _settled(dom0, request, here)
    finally:
        local_state.unlock(handle)


def _newest(dom0, request, why=''):
    folder, versions = claim_store.read(dom0, request['mount'], request['document'])
    version, claim = (versions or [(0, None)])[0]
    return claim_reports.reported(dom0, folder, version, claim, why)


def _make(dom0, request, hosts, here):
    """Whether this has made version 1; False: the VM has a claim."""
    if claim_store.read(dom0, request['mount'], request['document'])[1]:
        return False
    content = vm_files.content(dom0, request)
    change_vm.require_finished(dom0, request)
    named = dict([(host, '') for host in hosts])  # each once, as host_name() writes them
    for host, _ in claim_store.registered(dom0, request['mount']):
        named[host] = ''
    named[here[0]] = here[1]
    try:
        made = claims.first_claim(named.items(), claim_disks.field(
            dom0, claim_disks.of_content(content)))
        made[claims.CONTENT] = content  # which VM it was, if another tool deletes vm.cfg meanwhile
        return claim_store.write(dom0, request['client'], request['operation'], request['mount'],
                                 request['document'], request['folder'], 1, made)
    except errors.Conflict:  # another host has made it
        if not claim_store.read(dom0, request['mount'], request['document'])[1]:
            raise
        return False


def _settled(dom0, request, here):
    """The claim is made, whatever the look says."""
    version, claim = claim_store.read(dom0, request['mount'], request['document'])[1][0]
    try:
        version, claim, why = claim_settling.settle(
            dom0, request, version, claim, here, claim_settling.identity_of(dom0, request, claim))
    except errors.HostModuleError:
        return _newest(dom0, request, str(error()))
    return claim_reports.reported(dom0, request['folder'], version, claim, why)
