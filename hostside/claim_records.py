"""Claims as documents. What is not understood is an error: it is never free."""

import re

from libcloud_ovm3_host import claims, errors, records
from libcloud_ovm3_host.compat import plain, to_bytes, to_text

_SCHEMA = '1'
_NAME = re.compile('[A-Za-z0-9:._-]{1,100}\\Z')
_BOOT = re.compile('[A-Za-z0-9:._-]{0,100}\\Z')


def encode(claim):
    """The bytes of a claim. Raises Failed if it is not a valid one: it is a defect to write that."""
    _require_valid(claim)
    record = dict([(key, claim[key]) for key in claim if claim[key]])
    record['schema'] = _SCHEMA
    record['hosts'] = ' '.join(['%s/%s' % pair for pair in claim['hosts']])
    return records.encode(record)


def decode(data):
    """The claim. Raises Failed for whatever is not understood: that is never free."""
    record, claim = records.decode(data), {}
    if len(record) != len(data.splitlines()) or data[-1:] != to_bytes('\n'):
        raise errors.Failed('a claim with lines that this module does not understand')
    if claims.CONTENT in record:
        claim[claims.CONTENT] = record.pop(claims.CONTENT)
    for key in record:
        claim[key] = plain(record[key])
    if claim.pop('schema', '') != _SCHEMA:
        raise errors.Failed('a claim of a form that this module does not know')
    hosts = []
    for each in claim.get('hosts', '').split(' '):
        parts = each.split('/')
        if len(parts) == 2:
            hosts.append((parts[0], parts[1]))
        elif each:
            raise errors.Failed('a claim with the host %r' % each)
    claim['hosts'] = hosts
    for key in claims.FIELDS:
        claim.setdefault(key, '')
    _require_valid(claim)
    return claim


def disks_of(text):
    """``[(mode, path, key)]`` of the field ``disks`` (claim_disks.py). Raises Failed."""
    found = [tuple(line.split(u'\t')) for line in to_text(text).split(u'\n') if line]
    if [each for each in found if len(each) != 3]:
        raise errors.Failed('a claim with disks that cannot be understood')
    return found


def _require_valid(claim):
    disks_of(claim.get('disks', ''))
    names = [host for host, _ in claim['hosts']]
    for host, boot in claim['hosts']:
        if not _NAME.match(host) or not _BOOT.match(boot):
            raise errors.Failed('a claim with the host %r' % ((host, boot),))
    kind, valid = claim.get('kind'), False
    if kind in (claims.FREE, claims.GONE):
        valid = not names
    elif kind == claims.ON:
        valid = len(names) == 1
    elif kind == claims.DOUBT:
        valid = bool(names)
    elif kind == claims.MOVING:
        valid = claim['source'] in names and claim['target'] in names
    unknown = [key for key in claim if key not in claims.FIELDS + ('kind', 'hosts', claims.CONTENT)]
    if not valid or unknown or len(dict(claim['hosts'])) != len(names):
        raise errors.Failed('a claim that cannot be understood: kind %r, hosts %r, unknown: %r'
                            % (kind, names, unknown))
