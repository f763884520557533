"""The target of a migration is asked before it begins: it is in the claim only afterwards."""

from libcloud_ovm3_host import (arguments, change_vm, claim_changes, claim_settling, claim_store,
                                claims, errors, host_identity, local_state, observations, safe_paths,
                                vm_files)
from libcloud_ovm3_host.compat import to_text


def expect_vm(dom0, client, operation, repository, directory):
    """Whether a VM may migrate to this host now: ``{host, boot, address, why}``.

    ``host`` (server uuid), ``boot``, ``address`` (IP address): of this host, as the request to
    migrate the VM names them. ``why``: what speaks against it; ``''``: xend has no domain of the VM
    here, nothing in its log is open, nothing would start the VM by itself, and none of its disks is
    open. From then on xend's log shows all of the VM; the place is recorded on this host's own
    disk. The claim stays as it is.
    Raises InvalidArgument, NotAllowed, NotMounted, NotFound (no claim), Conflict (it is being
    changed or settled on this host), Failed, Timeout.
    """
    request = dict(vm_files.target(repository, directory), client=arguments.client(client),
                   operation=arguments.operation(operation))
    dom0.log('%s %s expect_vm %s' % (request['client'], request['operation'],
                                     safe_paths.printable(request['path'])))
    return dom0.within(claim_changes.SECONDS, _expect, dom0, request)


def _expect(dom0, request):
    handle = claim_changes.lock(dom0, request)
    try:
        versions = claim_store.read(dom0, request['mount'], request['document'])[1]
        if not versions:
            raise errors.NotFound('%s has no claim' % safe_paths.printable(request['path']))
        here = claim_store.here(dom0, request['mount'])
        return {'host': to_text(here[0]), 'boot': to_text(here[1]),
                'address': to_text(host_identity.with_address(dom0)['address']).lower(),
                'why': to_text(_refusal(dom0, request, versions[0][1], here))}
    finally:
        local_state.unlock(handle)


def _refusal(dom0, request, claim, here):
    """What is here is looked for in the order of a start, which the model has (rule 4)."""
    if here[0] in dict(claim['hosts']):
        return 'the VM is %s' % claims.described(claim)
    change_vm.require_finished(dom0, request)
    identity = claim_settling.identity_of(dom0, request, claim)
    claim_store.put_mark(dom0, request, dict(observations.mark_log(dom0), uuid=identity[0],
                                             name=identity[1]))
    refusal = claim_changes.start_refusal(dom0, request, identity)
    if not refusal and observations.comebacks(dom0, *identity) == observations.SOME:
        refusal = claim_settling.WHY['comebacks']
    return refusal
