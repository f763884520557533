"""xend's domains, all at once, or one by one when a single one makes its whole list fault."""

import re

from libcloud_ovm3_host import errors, sxp, xenstore
from libcloud_ovm3_host.compat import Fault, describe, error, plain, to_text

_UNKNOWN_DOMAIN = 3  # the code of xend's fault for a domain that it does not have: xend.md 7
_DOMAIN_0 = '00000000-0000-0000-0000-000000000000'
_ENTRY = re.compile(r'([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(-\d+)?\Z')


def domains(dom0):
    """``{domains: [as list_vms], missing: [{name, problem}]}``

    xend is asked for all domains in whatever state: its plain ``domains`` leaves out what is
    paused, crashed or shut down, and without the last argument there are no devices (xend.md 1.3).
    When one domain makes that fault, or Domain-0 is not in it, each that xenstore knows is asked
    for by its uuid. In ``missing`` is, too, whatever lives by xenstore's word though xend does not
    tell of it: xend leaves out in silence what it cannot print. ``name`` there is the uuid, as far
    as it is known: what xend would not tell of cannot say its name.

    Raises Failed when xend or xenstore does not answer.
    """
    try:
        listed = dom0.xend().domains_with_state(True, 'all', 1)
    except Fault:
        return _one_by_one(dom0)
    except Exception:  # of xend's own client library: no socket, no xend
        raise errors.Failed('xend: %s' % describe(error()))
    found = {'domains': [], 'missing': []}
    if isinstance(listed, (list, tuple)):
        for expression in listed:
            _sort_in(found, '', expression)
    if not _has_domain_0(found):
        return _one_by_one(dom0)
    _add_unlisted(dom0, found)
    return found


def _one_by_one(dom0):
    found = {'domains': [], 'missing': []}
    entries = _candidates(dom0, found)
    for uuid in sorted(entries):
        try:
            expression = dom0.xend().domain(uuid, 1)
        except Fault:
            problem = error()
            if problem.faultCode != _UNKNOWN_DOMAIN:
                found['missing'].append({'name': uuid, 'error': to_text(problem.faultString)})
            continue
        except Exception:
            found['missing'].append({'name': uuid, 'error': to_text(describe(error()))})
            continue
        _sort_in(found, uuid, expression)
        if entries[uuid] > 1:
            # one VM on its way to this very host, or restarted under another name (xend.md 1.4):
            # xend tells of one of them only
            found['missing'].append({'name': uuid, 'error': to_text(
                'xenstore has %d entries of this uuid, xend tells of one domain' % entries[uuid])})
    if not _has_domain_0(found):
        found['missing'].append({'name': to_text(_DOMAIN_0), 'error': to_text(
            'xend does not tell of Domain-0: so this cannot be all')})
    _add_unlisted(dom0, found)
    return found


def _has_domain_0(found):
    return '0' in [domain.get('domid') for domain in found['domains']]


def _add_unlisted(dom0, found):
    """Add to ``missing`` what lives by xenstore's word, and is in neither list."""
    named = [entry['name'] for entry in found['missing']]
    for entry in unlisted(dom0, found['domains']):
        if entry['name'] not in named:
            found['missing'].append(entry)


def unlisted(dom0, listed):
    """``[{name, problem}]`` of what lives by xenstore's word and is not in a list of structs.

    ``name``: the uuid, or ``domain <number>``. Raises Failed, Timeout.
    """
    known = ['0'] + [domain.get('domid') for domain in listed if isinstance(domain, dict)]
    found = []
    for domid in xenstore.listed(dom0, '/local/domain'):
        if domid not in known:
            name = xenstore.uuid_of(dom0, plain(domid)) or 'domain %s' % plain(domid)
            found.append({'name': to_text(name), 'error': to_text(
                'it is in xenstore as domain %s, and xend does not tell of it' % plain(domid))})
    return found


def _candidates(dom0, found):
    """``{uuid: how many}`` under /vm in xenstore; ``<uuid>-1`` is the same VM's (xend.md 3).

    Another name there may hide a domain, so it is missing.
    """
    entries = {}
    for name in xenstore.listed(dom0, '/vm'):
        match = _ENTRY.match(name)
        if match:
            uuid = str(match.group(1))
            entries[uuid] = entries.get(uuid, 0) + 1
        else:
            found['missing'].append({'name': name,
                                     'error': to_text('no uuid, under /vm in xenstore')})
    return entries


def _sort_in(found, uuid, expression):
    domain = sxp.domain(expression)
    name = domain.get('uuid', '')
    if not name or (uuid and name != uuid):
        found['missing'].append({
            'name': to_text(uuid or domain.get('name', '')),
            'error': to_text('xend answered for another: %s' % plain(repr(name)))})
    else:
        found['domains'].append(domain)
