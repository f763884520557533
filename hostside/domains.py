"""xend's domains: the whole list, or one by one when a single domain makes the list fail."""

import re

from libcloud_ovm3_host import errors, sxp, xenstore
from libcloud_ovm3_host.compat import describe, error, plain, to_text

_UNKNOWN_DOMAIN = 3  # the code of xend's fault for a domain that it does not have: xend.md 7
_DOMAIN_0 = '00000000-0000-0000-0000-000000000000'
_ENTRY = re.compile(r'([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(-\d+)?\Z')


def domains(dom0):
    """``{domains: [as list_vms], missing: [{name, error}]}``

    xend is asked for all domains in whatever state: its plain ``domains`` leaves out what is
    paused, crashed or shut down, and without the last argument there are no devices (xend.md 1.3).
    When one domain makes that fail, or Domain-0 is not in it, each domain in xenstore is requested
    by its uuid. ``missing`` also has every domain that is in xenstore and that xend does not
    report: xend silently omits what it cannot print. ``name`` there is the uuid, where it is known:
    a domain that xend does not report has no other name.

    Raises Failed when xend or xenstore does not respond.
    """
    from libcloud_ovm3_host.rpc import Fault
    try:
        listed = dom0.xend().domains_with_state(True, 'all', 1)
    except Fault:
        return _one_by_one(dom0)
    except Exception:  # of xend's client library: no socket, xend is not running
        raise errors.Failed('xend: %s' % describe(error()))
    found = {'domains': [], 'missing': []}
    if isinstance(listed, (list, tuple)):
        for expression in listed:
            _add_domain(found, '', expression)
    if not _has_domain_0(found):
        return _one_by_one(dom0)
    _add_unlisted(dom0, found)
    return found


def _one_by_one(dom0):
    from libcloud_ovm3_host.rpc import Fault
    found = {'domains': [], 'missing': []}
    entries = _candidates(dom0, found)
    for uuid in sorted(entries):
        try:
            expression = dom0.xend().domain(uuid, 1)
        except Fault:
            fault = error()
            if fault.faultCode != _UNKNOWN_DOMAIN:
                found['missing'].append({'name': uuid, 'error': to_text(fault.faultString)})
            continue
        except Exception:
            found['missing'].append({'name': uuid, 'error': to_text(describe(error()))})
            continue
        _add_domain(found, uuid, expression)
        if entries[uuid] > 1:
            # a VM that migrates to this very host, or was restarted under another name (xend.md
            # 1.4): xend reports only one of the two
            found['missing'].append({'name': uuid, 'error': to_text(
                'xenstore has %d entries for this uuid, xend reports one domain' % entries[uuid])})
    if not _has_domain_0(found):
        found['missing'].append({'name': to_text(_DOMAIN_0), 'error': to_text(
            'xend does not report Domain-0, so the list is not complete')})
    _add_unlisted(dom0, found)
    return found


def _has_domain_0(found):
    return '0' in [domain.get('domid') for domain in found['domains']]


def _add_unlisted(dom0, found):
    """Add to ``missing`` what is in xenstore and in neither list."""
    named = [entry['name'] for entry in found['missing']]
    for entry in unlisted(dom0, found['domains']):
        if entry['name'] not in named:
            found['missing'].append(entry)


def unlisted(dom0, listed):
    """``[{name, error}]`` of the domains in xenstore that are not in a list of structs.

    ``name``: the uuid, or ``domain <number>``. Raises Failed, Timeout.
    """
    known = ['0'] + [domain.get('domid') for domain in listed if isinstance(domain, dict)]
    found = []
    for domid in xenstore.list_names(dom0, '/local/domain'):
        if domid not in known:
            name = xenstore.uuid_of(dom0, plain(domid)) or 'domain %s' % plain(domid)
            found.append({'name': to_text(name), 'error': to_text(
                'it is in xenstore as domain %s, but xend does not report it' % plain(domid))})
    return found


def _candidates(dom0, found):
    """``{uuid: how many}`` under /vm in xenstore; ``<uuid>-1`` is the same VM's (xend.md 3).

    Any other name there may be a domain, so it is reported as missing.
    """
    entries = {}
    for name in xenstore.list_names(dom0, '/vm'):
        match = _ENTRY.match(name)
        if match:
            uuid = str(match.group(1))
            entries[uuid] = entries.get(uuid, 0) + 1
        else:
            found['missing'].append({'name': name,
                                     'error': to_text('not a uuid, under /vm in xenstore')})
    return entries


def _add_domain(found, uuid, expression):
    domain = sxp.domain(expression)
    name = domain.get('uuid', '')
    if not name or (uuid and name != uuid):
        found['missing'].append({
            'name': to_text(uuid or domain.get('name', '')),
            'error': to_text('xend returned another domain: %s' % plain(repr(name)))})
    else:
        found['domains'].append(domain)
