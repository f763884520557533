"""The agent's own reads, asked in process: one call of ours for several of the agent's."""

import sys
import time

from libcloud_ovm3_host import domains, errors
from libcloud_ovm3_host.compat import bytes_type, text_type, to_text

READS = ('discover_server', 'list_vms', 'discover_repository_db', 'discover_server_pool',
         'discover_hardware', 'discover_network', 'get_last_boot_time')
SECONDS = 55  # for all of them: clients wait for a minute


def read_agent(dom0, names):
    """``{api, answers: {name: {answer} or {fault}}}`` of the agent's reads of these names.

    Each is asked on its own: the fault or the hanging of one leaves the others their answer, and
    what one does not need of the time goes to those after it. ``list_vms`` comes last: it waits for
    xend's lock (xend.md 1.3). Beside its answer is ``unlisted``: see :func:`domains.unlisted`; xend
    leaves out in silence what it cannot print. If there is something it is asked for once more.
    Raises InvalidArgument.
    """
    from libcloud_ovm3_host.version import API
    if not isinstance(names, (list, tuple)) or [name for name in names if name not in READS]:
        raise errors.InvalidArgument('names: expected a list of some of %s' % ', '.join(READS))
    wanted = [name for name in READS if name in names and name != 'list_vms']
    if 'list_vms' in names:
        wanted.append('list_vms')
    deadline = time.time() + SECONDS
    answers = {}
    for position, name in enumerate(wanted):
        share = (deadline - time.time()) / (len(wanted) - position)
        answers[name] = ask(dom0, share, name)
    if 'answer' in answers.get('list_vms', {}) and not _has_domain_0(answers['list_vms']['answer']):
        answers['list_vms'] = {'fault': _written(errors.Failed, 'list_vms: without Domain-0 it '
                                                                'cannot be all')}
    if 'fault' in answers.get('list_vms', {}):
        answers['list_vms'].update(_one_by_one(dom0, deadline - time.time()))
    elif 'list_vms' in answers:
        answers['list_vms'] = _with_unlisted(dom0, deadline, answers['list_vms'])
    return {'api': API, 'answers': answers}


def _has_domain_0(listed):
    return isinstance(listed, list) and '0' in [
        one.get('domid') for one in listed if isinstance(one, dict)]


def ask(dom0, seconds, name, *arguments):
    """``{answer}`` of a function of the agent's, or ``{fault}``: ``type:text`` as it would send."""
    try:
        return dom0.within(max(1, seconds), _ask, dom0, name, arguments)
    except errors.Timeout:
        return {'fault': _written(errors.Timeout, '%s: more than %d s' % (name, seconds))}
    except errors.HostModuleError:
        return {'fault': _written(*sys.exc_info()[:2])}


def _ask(dom0, name, arguments):
    try:
        return {'answer': readable(function(dom0, name)(*arguments))}
    except Exception:  # of whatever kind: the caller gets it as the agent would send it
        return {'fault': _written(*sys.exc_info()[:2])}


def function(dom0, name):
    """A function of the agent's by its name. Raises NotFound."""
    for kind in dom0.agent_modules():
        try:
            functions = kind().get_services()
        except Exception:  # a module that is broken does not have it
            continue
        if name in functions:
            return functions[name]
    raise errors.NotFound('%s: no module of this agent has it' % name)


def _written(kind, problem):
    """A fault's text as Python's XML-RPC dispatcher writes it, in this Python's way."""
    try:
        text = '%s:%s' % (kind, problem)
    except UnicodeError:  # a unicode message, in Python 2
        text = '%s:%r' % (kind, problem.args)
    return to_text(text)


def _one_by_one(dom0, seconds):
    """What xend says of each domain, beside the fault of the agent's list."""
    try:
        found = dom0.within(max(1, seconds), domains.domains, dom0)
    except errors.HostModuleError:
        return {}  # the fault of list_vms stands
    return {'answer': found['domains'], 'missing': [entry['name'] for entry in found['missing']]}


def _with_unlisted(dom0, deadline, listed):
    """What began after the list was made is on the next one, what xend cannot print is not."""
    listed.update(_unlisted(dom0, deadline - time.time(), listed['answer']))
    if listed.get('unlisted'):
        again = ask(dom0, deadline - time.time(), 'list_vms')
        if _has_domain_0(again.get('answer')):
            again.update(_unlisted(dom0, deadline - time.time(), again['answer']))
            if 'unlisted' in again:
                return again
    return listed


def _unlisted(dom0, seconds, listed):
    """Not there if xenstore does not say."""
    try:
        return {'unlisted': dom0.within(max(1, seconds), domains.unlisted, dom0, listed)}
    except errors.HostModuleError:
        return {}


def readable(value):
    """The same with all texts fit for XML: one bad byte would spoil the whole answer."""
    if isinstance(value, (bytes_type, text_type)):
        return to_text(value)
    if isinstance(value, (list, tuple)):
        return [readable(item) for item in value]
    if isinstance(value, dict):
        return dict([(readable(key), readable(item)) for key, item in value.items()])
    return value
