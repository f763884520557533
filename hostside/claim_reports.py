"""Claims as they are reported: one of a VM, or all of a repository."""

from libcloud_ovm3_host import arguments, claim_records, claim_store, claims
from libcloud_ovm3_host.compat import big, to_bytes, to_text

SECONDS = 50  # clients wait for a minute

_REPORTED = ('source', 'target', 'operation', 'client', 'function', 'digest', 'paused', 'error',
             'taken', 'said', 'outcome', 'fault', 'saved')


def list_claims(dom0, repository):
    """``{folder, claims: [{document, ...}], hosts: [{host, address}]}`` of a repository.

    ``claims``: the newest one of each VM, as :func:`.claim_changes.read_claim` reports it, or
    ``{document, error}``. ``folder``: their name;
    '' if there are none. ``document``: ``vm-<directory>``, or ``vm.<MD5 of the directory>`` where
    its name has other characters than A-Z, a-z, 0-9, ``.``, ``_`` and ``-``, or more than 80.
    ``hosts``: all that have claims here, with the IP address that each had last; '' if that is not
    known, or another host has it by now.
    Raises InvalidArgument, NotMounted, NotAllowed, Failed, Timeout.
    """
    mount_point = to_bytes('/OVS/Repositories/' + arguments.repository(repository))
    return dom0.within(SECONDS, all_of, dom0, mount_point)


def all_of(dom0, mount_point):
    """The same, as a part of another answer."""
    name, listed = claim_store.newest(dom0, mount_point)
    found = {'folder': to_text(name), 'claims': [], 'hosts': []}
    for document, version, claim, problem in listed:
        one = {'error': to_text(problem)}
        if not problem:
            one = reported(dom0, name, version, claim, '')
        found['claims'].append(dict(one, document=to_text(document)))
    if name:
        found['hosts'] = [{'host': to_text(host), 'address': to_text(address)}
                          for host, address in claim_store.registered(dom0, mount_point)]
    return found


def reported(dom0, folder, version, claim, why):
    """One claim; ``claim`` is None where there is none, and ``why`` says why it stays as it is."""
    claim = claim or {'kind': '', 'hosts': [], 'disks': ''}
    found = dict([(key, to_text(claim.get(key, ''))) for key in _REPORTED + ('kind',)])
    found['hosts'] = [{'host': to_text(host), 'boot': to_text(boot)}
                      for host, boot in claim['hosts']]
    found['disks'] = [{'path': path, 'mode': mode}
                      for mode, path, _ in claim_records.disks_of(claim['disks'])]
    found.update({'folder': to_text(folder), 'version': big(version), 'why': to_text(why),
                  'state': to_text(_state(dom0, claim))})
    return found


def _state(dom0, claim):
    if not claim.get('operation'):
        return ''
    if claim['kind'] not in (claims.DOUBT, claims.MOVING) or claim['outcome']:
        return 'ended'
    if claim['at'].split(' ')[1] != dom0.boot_id():  # each boot of each host has another
        return 'elsewhere'
    _, pid, started = claim['session'].split(' ')
    if dom0.lives(pid, started):
        return 'running'
    return 'dead'
