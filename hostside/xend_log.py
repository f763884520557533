"""What xend's log says about the domains of one VM: has each of them ended, may one still come?

Pure. xend is upstream's as far as is known (xend.md); what Oracle changed in its texts is not. The
table below has every text that is looked for, with its source in tools/python/xen/xend of
RELEASE-4.1.3 and 4.3; all of them stand in a line like

    [2012-03-20 02:12:19 5447] DEBUG (XendDomainInfo:101) text

A restart (of a guest that rebooted, say) is a thread of xend that no other sign shows: it is begun
with ``Domain has shutdown``, and it has ended when the domain that it made is there (made by
``create_from_dict``, which no command of xm uses but ``reset``), or one of three texts says that it
was given up. That the VM was destroyed meanwhile does not end it (xend.md 1.6). Nor does the end of
another domain: ends are counted for each domid.

[conclusion] From the line of a creation to ``Adding Domain`` no other creation begins: XendDomain
holds its lock (xend.md 1.3).
"""

import re

from libcloud_ovm3_host.compat import plain, to_text

CLOSED, OPEN, CANNOT_TELL = 'closed', 'open', 'cannot tell'

# --- the texts ------------------------------------------------------------------------------------

_LINE = re.compile(r'\[[^\]]*\] ([A-Z]+) \(\w+:\d+ *\) (.*)')
_STARTED = 'Xend Daemon started'  # server/SrvDaemon.run; ends all threads of the one before
_BIRTHS = (  # XendDomainInfo; the configuration follows
    ('XendDomainInfo.create(', 'create'),  # xm create
    ('XendDomainInfo.create_from_dict(', 'restart'),
    ('XendDomainInfo.restore(', 'restore'))  # a saved guest, or one that migrates to this host
_BIRTH_FAILED = ('Domain construction failed', 'VM start failed', 'VM resume failed')
_ADDED = re.compile(r'Adding Domain: (\d+)\Z')  # XendDomain.add_domain
_STORED = 'Storing domain details: '  # XendDomainInfo._storeDomDetails
_STORED_DOMID = re.compile(r"'domid': '(\d+)'")
_STORED_VM = re.compile(r"'vm': u?'/vm/([0-9a-f-]{36})(?:-\d+)?'")
_RECREATED = re.compile(r'Recreating domain (\d+), UUID ([0-9a-f-]{36})\.')  # after a start of xend
_SHUT_DOWN = re.compile(r'Domain has shutdown: name=(.*) id=(\d+) reason=(.*)\.\Z')
_CRASHED = re.compile(r'Domain has crashed: name=(.*) id=(\d+)\.\Z')
_ENDED = re.compile(r'XendDomainInfo\.destroyDomain\((\d+)\)\Z')  # every end, a migration's too
_TOO_FAST = re.compile(r'VM (.*) restarting too fast ')
_RESTART_FAILED = re.compile(r'Failed to restart domain (\d+)\.')
_GIVEN_UP = re.compile(r'Xend failed during restart of domain (\d+)\.')

# Reasons after which xend asks for an action; after all others the domain is destroyed (xend.md
# 1.5). Its words in a configuration, and the action where none is given.
_ACTIONS = {
    'poweroff': (re.compile(r"'(?:on_poweroff|actions_after_shutdown)'[,:] u?'([\w-]+)'"),
                 'destroy'),
    'reboot': (re.compile(r"'(?:on_reboot|actions_after_reboot)'[,:] u?'([\w-]+)'"), 'restart'),
    'crash': (re.compile(r"'(?:on_crash|actions_after_crash)'[,:] u?'([\w-]+)'"), 'restart')}
_NO_RESTART = ('destroy', 'preserve', 'coredump-destroy', 'coredump_and_destroy')

# --------------------------------------------------------------------------------------------------


def state(text, uuid, name, reaches_back):
    """``(CLOSED, OPEN or CANNOT_TELL, [domid])`` of a VM, by the log's text, oldest line first.

    CLOSED: each of its domains has ended, and each restart has its own outcome. ``uuid``: dashed,
    lower case; ``name``: as xend knows it, for domains whose beginning is not in the text.
    ``reaches_back``: whether the text goes back to the time before which nothing of the VM was
    here. If not, only a start of xend in it closes what may have been before. The domids: all that
    may be the VM's, as text.
    """
    log = _empty({}, False)
    log.update({'uuid': uuid, 'name': to_text(name), 'domids': []})
    for line in to_text(text).split(u'\n'):
        match = _LINE.match(line)
        if match:
            log['has_details'] = log['has_details'] or match.group(1) == 'DEBUG'
            _read(log, match.group(2))
            _close_restarts(log)
    return _result(log, reaches_back), log['domids']


def has_start(text):
    """Whether xend was started in it."""
    lines = [_LINE.match(line) for line in to_text(text).split(u'\n')]
    return bool([1 for match in lines if match and match.group(2) == _STARTED])


def _empty(before, is_started):
    return {'domains': {}, 'before': before, 'births': [], 'has_details': False,
            'is_started': is_started, 'restarts': {}, 'counted': [], 'made': 0, 'failed': [],
            'given_up': 0, 'is_unreadable': False}


def _result(log, reaches_back):
    if log['is_unreadable']:
        return CANNOT_TELL
    waiting = [birth for birth in log['births'] if birth['owner'] == log['uuid']]
    living = [domid for domid in log['domains'] if not log['domains'][domid]['has_ended']
              and log['domains'][domid]['owner'] in ('', log['uuid'])]
    if waiting or living or log['restarts']:
        return OPEN
    if log['has_details'] and (log['is_started'] or reaches_back):
        return CLOSED
    return CANNOT_TELL  # without details ends are not logged


def _read(log, text):
    """Add what one line says."""
    if text == _STARTED:
        log.update(_empty(log['domains'], True))
    elif [each for each in _BIRTH_FAILED if text.startswith(each)]:
        log['births'] = [birth for birth in log['births'] if birth['domid']]
    elif text.startswith(_STORED):
        _read_details(log, text)
    elif not _read_birth(log, text) and not _read_domain(log, text):
        _read_restart(log, text)


def _read_birth(log, text):
    for begin, kind in _BIRTHS:
        if text.startswith(begin):
            owner = 'another'
            if _names(text, log['uuid']):
                owner = log['uuid']
            log['births'] = [birth for birth in log['births'] if birth['domid']]
            log['births'].append({'kind': kind, 'owner': owner, 'domid': '',
                                  'actions': _actions(text)})
            return True
    return False


def _names(text, uuid):
    """Whether a configuration has that uuid, which xend takes without dashes too (xend.md 7)."""
    return uuid.replace('-', '') in text.replace('-', '').lower()


def _actions(text):
    found = {}
    for reason in _ACTIONS:
        pattern, default = _ACTIONS[reason]
        found[reason] = pattern.findall(text) or [default]
    return found


def _read_details(log, text):
    """The line that says whose a domain is. A guest's own notes are in it too: if they look like
    that, nothing can be told."""
    domids, owners = _STORED_DOMID.findall(text), _STORED_VM.findall(text)
    if (len(domids), len(owners)) != (1, 1):
        log['is_unreadable'] = log['is_unreadable'] or _names(text, log['uuid'])
        return
    domain = _own(log, domids[0], owners[0])
    for birth in [each for each in log['births'] if each['domid'] == domids[0]]:
        log['births'].remove(birth)
        domain['actions'] = birth['actions']
        if birth['kind'] == 'restart' and owners[0] == log['uuid'] and log['restarts']:
            log['made'] += 1


def _own(log, domid, owner):
    """The domain of that number, with its owner: ``''`` if it is not known."""
    domid, owner = plain(domid), plain(owner)
    domain = log['domains'].get(domid)
    if domain is None or domain['has_ended']:
        domain = log['domains'][domid] = {'actions': None, 'has_ended': False, 'owner': owner}
    domain['owner'] = owner
    if owner in ('', log['uuid']) and domid not in log['domids']:
        log['domids'].append(domid)
    return domain


def _read_domain(log, text):
    """A domain is added, found again after a start of xend, or ended."""
    match = _ADDED.match(text)
    if match:
        _add(log, plain(match.group(1)))
        return True
    match = _RECREATED.match(text)
    if match:
        domid, owner = plain(match.group(1)), plain(match.group(2))
        domain, before = _own(log, domid, owner), log['before'].get(domid)
        if before and before['owner'] == owner and not before['has_ended']:
            domain['actions'] = before['actions']
        return True
    match = _ENDED.match(text)
    if match:
        domid = plain(match.group(1))
        if domid in log['domains']:
            log['domains'][domid]['has_ended'] = True
        log['births'] = [birth for birth in log['births'] if birth['domid'] != domid]
    return match is not None


def _add(log, domid):
    for birth in log['births']:
        if not birth['domid']:
            birth['domid'] = domid
            _own(log, domid, birth['owner'])
            return
    if domid not in log['domains'] or log['domains'][domid]['has_ended']:
        _own(log, domid, '')


def _read_restart(log, text):
    """A restart is begun, given up, or failed."""
    match = _SHUT_DOWN.match(text)
    if match:
        _shut_down(log, *match.groups())
    match = _CRASHED.match(text)
    if match:
        _shut_down(log, match.group(1), match.group(2), 'crash')
    match = _TOO_FAST.match(text)
    if match and match.group(1) in log['restarts'].values():
        log['given_up'] += 1
    match = _GIVEN_UP.match(text)
    if match and match.group(1) in log['restarts']:
        log['given_up'] += 1
    match = _RESTART_FAILED.match(text)
    if match and match.group(1) in log['restarts'] and match.group(1) not in log['failed']:
        log['failed'].append(match.group(1))


def _shut_down(log, name, domid, reason):
    domid = plain(domid)
    domain = log['domains'].get(domid)
    if domain is None and _is_name(name, log['name']):
        domain = _own(log, domid, log['uuid'])  # its beginning is not in the text
    if domain is None or domain['owner'] not in ('', log['uuid']) or domid in log['counted']:
        return
    if _restarts(domain['actions'], reason):
        log['counted'].append(domid)  # xend may write the line again
        log['restarts'][domid] = name


def _is_name(name, wanted):
    """Also as it is while it is saved or migrates: xend.md 1.4."""
    return name == wanted or name.endswith(u'migrating-' + wanted)


def _restarts(actions, reason):
    """Whether xend may make the domain again; so also where its actions are not known."""
    if reason not in _ACTIONS:
        return False
    return actions is None or bool([each for each in actions[reason] if each not in _NO_RESTART])


def _close_restarts(log):
    """Forget restarts when each has its own outcome.

    One may have made its domain and failed after that: its two outcomes may not count for two.
    """
    outcomes = log['given_up'] + max(log['made'], len(log['failed']))
    if len(log['restarts']) <= outcomes:
        log.update({'restarts': {}, 'made': 0, 'failed': [], 'given_up': 0})
