"""The agent's own reads, called in its process: one request for several functions of the agent."""

import sys
import time

from libcloud_ovm3_host import dhcp_leases, domains, errors, network, storage_servers
from libcloud_ovm3_host.compat import bytes_type, text_type, to_text

READS = ('discover_server', 'list_vms', 'discover_repository_db', 'discover_server_pool',
         'discover_hardware', 'discover_network', 'get_last_boot_time')
OWN = {'libcloud_dhcp_leases': dhcp_leases.dhcp_leases,
       'libcloud_neighbours': network.neighbours, 'libcloud_addresses': network.addresses,
       'libcloud_routes': network.routes,
       'libcloud_storage_servers': storage_servers.storage_servers}
SECONDS = 55  # for all of them: clients wait for a minute


def read_agent(dom0, names):
    """``{api, claims, answers: {name: {answer} or {fault}}}`` for these functions of the agent, and those
    of this module's own in ``OWN``.

    Each is called separately: if one faults or hangs, the others still have their answer, and time
    that one does not use is left to the others. ``list_vms`` comes last: it waits for xend's lock
    (xend.md 1.3). Beside its answer is ``unlisted``, see :func:`domains.unlisted`: xend silently
    omits what it cannot print. If ``unlisted`` is not empty the list is read a second time.
    Raises InvalidArgument.
    """
    from libcloud_ovm3_host.version import API, CLAIMS
    known = list(READS) + sorted(OWN)
    if not isinstance(names, (list, tuple)) or [name for name in names if name not in known]:
        raise errors.InvalidArgument('names: expected a list of names out of %s' % ', '.join(known))
    wanted = [name for name in known if name in names and name != 'list_vms']
    if 'list_vms' in names:
        wanted.append('list_vms')
    deadline = time.time() + SECONDS
    answers = {}
    for position, name in enumerate(wanted):
        share = (deadline - time.time()) / (len(wanted) - position)
        answers[name] = call_agent(dom0, share, name)
    if 'answer' in answers.get('list_vms', {}) and not _has_domain_0(answers['list_vms']['answer']):
        answers['list_vms'] = {'fault': fault_text(errors.Failed, 'list_vms: not complete: '
                                                                'Domain-0 is missing')}
    if 'fault' in answers.get('list_vms', {}):
        answers['list_vms'].update(_one_by_one(dom0, deadline - time.time()))
    elif 'list_vms' in answers:
        answers['list_vms'] = _with_unlisted(dom0, deadline, answers['list_vms'])
    return {'api': API, 'claims': CLAIMS, 'answers': answers}


def _has_domain_0(listed):
    return isinstance(listed, list) and '0' in [
        one.get('domid') for one in listed if isinstance(one, dict)]


def call_agent(dom0, seconds, name, *arguments):
    """``{answer}`` of one of the agent's functions, or ``{fault}``: ``type:text`` as it sends."""
    try:
        return dom0.within(max(1, seconds), _ask, dom0, name, arguments)
    except errors.Timeout:
        return {'fault': fault_text(errors.Timeout, '%s: more than %d s' % (name, seconds))}
    except errors.HostModuleError:
        return {'fault': fault_text(*sys.exc_info()[:2])}


def _ask(dom0, name, arguments):
    try:
        if name in OWN:
            return {'answer': OWN[name](dom0)}
        return {'answer': readable(function(dom0, name)(*arguments))}
    except Exception:  # of any class: the client gets it as the agent would send it
        return {'fault': fault_text(*sys.exc_info()[:2])}


def function(dom0, name):
    """One of the agent's functions by its name. Raises NotFound."""
    for kind in dom0.agent_modules():
        try:
            functions = kind().get_services()
        except Exception:  # a broken module does not provide it
            continue
        if name in functions:
            return functions[name]
    raise errors.NotFound('%s: no module of this agent provides it' % name)


def fault_text(kind, exception):
    """A fault's text as Python's XML-RPC dispatcher writes it, in this Python's way."""
    try:
        text = '%s:%s' % (kind, exception)
    except UnicodeError:  # a unicode message, in Python 2
        text = '%s:%r' % (kind, exception.args)
    return to_text(text)


def _one_by_one(dom0, seconds):
    """What xend reports of each domain, beside the fault of the agent's list."""
    try:
        found = dom0.within(max(1, seconds), domains.domains, dom0)
    except errors.HostModuleError:
        return {}  # the fault of list_vms stands
    return {'answer': found['domains'], 'missing': [entry['name'] for entry in found['missing']]}


def _with_unlisted(dom0, deadline, listed):
    """A domain that was started after the list is on the next one; an unprintable one is not."""
    listed.update(_unlisted(dom0, deadline - time.time(), listed['answer']))
    if listed.get('unlisted'):
        again = call_agent(dom0, deadline - time.time(), 'list_vms')
        if _has_domain_0(again.get('answer')):
            again.update(_unlisted(dom0, deadline - time.time(), again['answer']))
            if 'unlisted' in again:
                return again
    return listed


def _unlisted(dom0, seconds, listed):
    """``{unlisted}``; empty if xenstore does not respond."""
    try:
        return {'unlisted': dom0.within(max(1, seconds), domains.unlisted, dom0, listed)}
    except errors.HostModuleError:
        return {}


def readable(value):
    """The same with all text valid in XML: one bad byte would spoil the whole response."""
    if isinstance(value, (bytes_type, text_type)):
        return to_text(value)
    if isinstance(value, (list, tuple)):
        return [readable(item) for item in value]
    if isinstance(value, dict):
        return dict([(readable(key), readable(item)) for key, item in value.items()])
    return value
