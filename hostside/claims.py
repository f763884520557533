"""Claims: which hosts a VM may be on. Decisions only: nothing here reads, writes or knows the time.

A claim is a dict of text (claim_records.py makes it from a document, and is strict). Its ``kind``:

======  ==========================================================================================
free    no host has it, and none will have it unless somebody starts it
on      one host has it
moving  from ``source`` to ``target``; others may be in the list, too
doubt   it may be on any of these hosts; or an operation is under way on one of them
gone    as free, and its definition is deleted
======  ==========================================================================================

``hosts`` is a sorted list of ``(host, boot)``, both opaque text; the boot is '' where it is not known.
Always true: every host on which the VM is, or may yet come to life, is in it. A host is put in before
anything may begin there; it is taken out by its own module with the proof of LOOKS, or by a person.

``here`` is the ``(host, boot)`` of this host now. docs/claims.md has a picture,
docs/claims-protocol.md the reasons.
"""

FREE, ON, MOVING, DOUBT, GONE = 'free', 'on', 'moving', 'doubt', 'gone'

START, STOP, CREATE, DELETE = 'start_vm', 'stop_vm', 'create_vm', 'delete_vm'
CONFIGURE, MIGRATE, REBOOT = 'configure_vm', 'migrate_vm', 'reboot_vm'
PAUSE, UNPAUSE, SAVE, RESTORE = 'pause_vm', 'unpause_vm', 'save_vm', 'restore_vm'
_FROM_FREE = (START, DELETE, CREATE, RESTORE)
_ON_HERE = (MIGRATE, PAUSE, UNPAUSE, SAVE, REBOOT)

# What a host looks at to settle a claim, in this order: each looks for what the next might miss.
LOOKS = ('works', 'comebacks', 'look', 'log', 'backends')
# Right before a start. The list before the log: of a domain from before xend's last start the log
# says nothing until it stops, so that "nothing open", and then "not listed", would miss its reboot.
START_LOOKS = ('look', 'log', 'backends')

# What after_look() says: the next look, please; the claim stays; and what was found.
NEXT, STAYS = 'go on', 'stays'
PRESENT, PAUSED, TWO, COPY, NOWHERE = 'present', 'paused', 'two', 'copy', 'nowhere'

# All text. source, target: hosts. at: "host boot" where the operation runs, in the process session.
# digest: of vm.cfg when this was written. paused: the operation that paused it. error: two domains
# were seen. disks: what the VM holds, one in a line (claim_disks.py). source_was: how the source of a
# migration was found when that was over. taken: the hosts that a person took out, and what was said
# of them (taken_hosts.py). said: what else a person said. saved: the operation that saved the guest's
# memory, and nothing has had the VM since; after UNSURE where that is not known.
FIELDS = ('source', 'target', 'operation', 'client', 'function', 'at', 'session', 'digest', 'paused',
          'error', 'source_was', 'taken', 'said', 'outcome', 'fault', 'disks', 'saved')
UNSURE = 'unsure '
CONTENT = 'content'  # the one value that is bytes: vm.cfg before the operation
_OF_OPERATION = ('operation', 'client', 'session', 'source_was', 'said', 'outcome', 'fault')

# source_was: the VM lives there; it is gone from there; so is the boot in which it was sent.
LIVE, ENDED, OVER = 'live', 'ended', 'over'
# Rule 8: seconds until a copy counts as left over, if its source cannot say: xend waits for each of
# the devices, one after the other (xend.md 2).
DEVICE_SECONDS = 100
COPY_SECONDS = 60


# --- claims as dicts -------------------------------------------------------------------------

def _claim(kind, hosts, before=None, **fields):
    made = dict([(key, '') for key in FIELDS])
    made.update(before or {})
    made.update(fields)
    made.update({'kind': kind, 'hosts': sorted(hosts)})
    if kind != MOVING:
        made.update({'source': '', 'target': ''})
    if kind in (FREE, ON, GONE):  # nothing is in doubt any more
        made.update({'error': '', 'source_was': ''})
        made.pop(CONTENT, None)
    if kind not in (FREE, DOUBT):
        made['saved'] = ''
    if kind in (FREE, GONE):
        made['paused'] = ''
        if not made['saved']:  # else it goes on with them as they are
            made['disks'] = ''
    return made


# --- who has won (rule 2) -------------------------------------------------------------------

WON, REPEATED, LOST, UNCLEAR = 'won', 'repeated', 'lost', 'cannot tell'


def winner(version, operation, is_own, found):
    """Whether the process that linked its own file to the number ``version`` may go on.

    :param operation: its operation
    :param is_own: whether the file of that number is its own inode
    :param found: what a listing shows that was made after the link: ``{number: (operation, the
        operation of the version it is built on)}``; None in place of the latter if it does not say
    :return: ``won``; ``repeated``: the same request came before, nothing is run; ``lost``: another
        one was first, or the versions went on without this one; ``cannot tell``

    Only the file's inode and the whole chain up to the highest version decide. The next version
    alone does not: it may have been written late, too. :mod:`.documents` does the same with files.
    """
    if not is_own:
        if version in found and found[version][0] == operation:
            return REPEATED
        return LOST
    if version not in found:
        return UNCLEAR
    following, before = range(version + 1, max(found) + 1), operation
    if [number for number in following if number not in found]:
        return LOST
    for number in following:
        its_operation, based_on = found[number]
        if based_on is None:
            return UNCLEAR
        if based_on != before:
            return LOST
        before = its_operation
    return WON


# --- before an operation --------------------------------------------------------------------

def first_claim(hosts, disks=''):
    """The claim of a VM that has none (rule 11): that is not free.

    :param hosts: ``(host, boot)`` of all hosts that can see the repository, those without the
        module included: each module clears itself, for the others a person does
    :param disks: what it may hold there
    """
    return _claim(DOUBT, hosts, disks=disks)


def joined(disks, others):
    """The text of both these disks."""
    return '\n'.join(sorted([line for line in set(disks.split('\n') + others.split('\n')) if line]))


def refusal(function, claim, here):
    """'' if a function of the agent may be called under this claim on this host; or why not.

    ``claim``: None where there is none: a new VM may be created then, and nothing else.
    """
    if claim is None:
        if function == CREATE:
            return ''
        return 'the VM has no claim yet'
    if claim['error']:
        return 'two domains of the VM were seen: ' + claim['error']
    kind, is_on_here = claim['kind'], claim['kind'] == ON and claim['hosts'] == [here]
    allowed = False
    if kind == FREE and bool(claim['saved']) != (function == RESTORE):
        return '%s is not possible: %s' % (function, _of_saved(claim))
    if kind == FREE and claim['saved'].startswith(UNSURE) and function == RESTORE:
        return 'whether all of its memory was saved, and nothing has run since, is not known'
    if function in _FROM_FREE:
        allowed = kind == FREE or (function == CREATE and kind == GONE)
    elif function == CONFIGURE:
        allowed = kind == FREE or is_on_here
    elif function == STOP:
        allowed = is_on_here or (kind == DOUBT and here in claim['hosts'])
    elif function in _ON_HERE:
        allowed = is_on_here
        if function == UNPAUSE and is_on_here and not claim['paused']:
            return 'no operation of this claim has paused it'
    if allowed:
        return ''
    return '%s is not possible while the VM is %s' % (function, described(claim))


def _of_saved(claim):
    if claim['saved']:
        return 'the memory of its guest is saved: restore or discard that first'
    return 'no operation of this claim has saved the memory of its guest'


def described(claim):
    """A claim in a few words, for messages."""
    names = [host for host, _ in claim['hosts']]
    if claim['kind'] == FREE and claim['saved']:
        return 'suspended (the memory of its guest is saved)'
    if claim['kind'] == MOVING:
        return 'moving from %s to %s' % (claim['source'], claim['target'])
    if claim['kind'] == ON:
        return 'on host %s since its boot %s' % claim['hosts'][0]
    if claim['kind'] == DOUBT:
        text = 'in doubt on %s' % ', '.join(names)
        if claim['operation']:
            text += ' (operation %s, %s)' % (claim['operation'], claim['function'])
        return text
    return claim['kind']


def begun(function, claim, here, request, target=None):
    """The claim n + 1, which is linked before anything is done (rule 3).

    This host is in it whatever the function is: only it can tell when the operation is over.

    :param request: ``{operation, client, session, content, ...}``: what is recorded of it
    :param target: the ``(host, boot)`` of the other host, for a migration
    """
    hosts, kind, fields = {}, DOUBT, dict([(key, '') for key in _OF_OPERATION])
    fields.update(request)
    if claim is not None:
        hosts = dict(claim['hosts'])
    hosts[here[0]] = here[1]
    fields.update({'function': function, 'at': '%s %s' % here})
    if function == SAVE:
        fields['saved'] = UNSURE + fields['operation']
    elif function != RESTORE:
        fields['saved'] = ''
    if target is not None:
        kind = MOVING
        hosts[target[0]] = target[1]
        fields.update({'source': here[0], 'target': target[0]})
    return _claim(kind, hosts.items(), claim, **fields)


def start_refusal(answers):
    """'' if nothing on this host speaks against a start (rule 5), or what does.

    :param answers: of each of START_LOOKS, in that order, as :func:`after_look` takes them; the log
        need not reach back, as the claim was free
    """
    if answers['look']:
        return 'xend has a domain of it already, or one that it is building'
    if answers['log'] == 'open':
        return 'xend is about to make a domain of it, or has one'
    if answers['log'] != 'closed':
        return 'the log of xend does not tell whether one is about to be made'
    if answers['backends'] != 'none':
        return 'backends of its disks are still there'
    return ''


# --- settling -------------------------------------------------------------------------------

def after_look(look, answer):
    """What to do after one of LOOKS (rule 6): ``go on``, ``stays``, or what was found.

    :param answer: of ``works``, ``comebacks`` and ``backends`` 'none' or 'some'; of ``look`` the
        list of xend's entries with the VM's uuid, each a dict, whose ``incoming`` is true while
        its memory is not complete, and ``paused``; of ``log`` 'closed', 'open' or 'cannot tell':
        the latter also if xend was started since these looks began, as its start closes in the log
        a domain that the list did not show yet
    :return: ``present`` or ``paused``, ``two`` (domains), ``copy`` (an incoming one, perhaps left
        over: :func:`copy_refusal`), and after the last look ``nowhere``: gone for good
    """
    if look == 'look':
        for entry in answer:
            if entry['incoming']:
                return COPY
        if len(answer) > 1:
            return TWO
        if answer and answer[0].get('paused'):
            return PAUSED
        if answer:
            return PRESENT
        return NEXT
    if look == 'log':
        passed = answer == 'closed'
    else:
        passed = answer == 'none'
    if not passed:
        return STAYS
    if look == LOOKS[-1]:
        return NOWHERE
    return NEXT


def settled(claim, here, finding, defined=True, digest=None, disks=None):
    """``(claim, why)``: the claim n + 2 (rule 7), or None if it stays, and why.

    To be written only as the version after the one that was read when the looks began.

    :param finding: what the looks of this host have found: ``present``, ``paused``, ``two`` or
        ``nowhere``
    :param defined: whether its vm.cfg is there
    :param digest: of vm.cfg as it is on its disk now; None: as recorded
    :param disks: of its domain, and of vm.cfg; None: as recorded
    """
    fields = {}
    if disks is not None:
        fields['disks'] = disks
        if finding == TWO or [host for host, _ in claim['hosts'] if host != here[0]]:
            fields['disks'] = joined(claim['disks'], disks)
    if digest is not None:
        fields['digest'] = digest
    if finding == TWO:
        return _two(claim, here, fields)
    if finding in (PRESENT, PAUSED):
        return _present(claim, here, finding, fields)
    if finding == NOWHERE:
        return _nowhere(claim, here, defined, fields)
    return None, 'host %s cannot tell yet' % here[0]


def _with(claim, here):
    hosts = dict(claim['hosts'])
    hosts[here[0]] = here[1]
    return hosts.items()


def _doubt(claim):
    if claim['kind'] == MOVING:  # until its source has answered
        return MOVING
    return DOUBT


def _two(claim, here, fields):
    if claim['error'] and here in claim['hosts']:
        return None, 'there are two domains of it on host %s: only a person can tell' % here[0]
    fields.update({'error': 'on host %s, boot %s' % here, 'saved': ''})
    return _claim(_doubt(claim), _with(claim, here), claim, **fields), ''


def _present(claim, here, finding, fields):
    others = [host for host, _ in claim['hosts'] if host != here[0]]
    fields['saved'] = ''  # its memory has changed since, and its disks
    if claim['kind'] == MOVING and here[0] == claim['source']:
        # its memory was not sent, or not all of it: the target has to clear itself
        fields['source_was'] = LIVE
        return _claim(DOUBT, _with(claim, here), claim, **fields), ''
    if not others:
        if finding != PAUSED or here not in claim['hosts']:  # of another boot: another domain
            fields['paused'] = ''
        elif (claim['function'] in (PAUSE, RESTORE) and claim['kind'] == DOUBT
              and claim['outcome'] != 'not done'):
            fields['paused'] = claim['operation']
        made = _claim(ON, [here], claim, **fields)
        if made == claim:
            return None, ''
        return made, ''
    if here[0] not in dict(claim['hosts']):
        return _claim(_doubt(claim), _with(claim, here), claim, **fields), ''
    if fields.get('disks', claim['disks']) != claim['disks'] or claim['saved']:
        fields.pop('digest', None)
        return _claim(_doubt(claim), claim['hosts'], claim, **fields), ''
    return None, 'it may be on %s as well' % ', '.join(others)


def _nowhere(claim, here, defined, fields):
    if claim['kind'] == MOVING and here[0] == claim['target']:
        return None, 'its source %s has to answer first' % claim['source']
    left = [pair for pair in claim['hosts'] if pair[0] != here[0]]
    if len(left) == len(claim['hosts']):
        return None, ''
    if claim['kind'] == MOVING and here[0] == claim['source']:
        fields['source_was'] = ENDED
        if here not in claim['hosts']:
            fields['source_was'] = OVER
    return _without(claim, left, here[0], defined, fields), ''


def _without(claim, left, host, defined, fields):
    kind = DOUBT
    if not left:
        kind = FREE
        if not defined:
            kind = GONE
        fields['saved'] = _saved(claim)
    elif claim['kind'] == MOVING and host not in (claim['source'], claim['target']):
        kind = MOVING
    return _claim(kind, left, claim, **fields)


def _saved(claim):
    """What is saved, when no host has the VM. It was restored paused, so a failed one has not run."""
    word = claim['saved']
    if claim['function'] == SAVE and word == UNSURE + claim['operation']:
        return {'done': claim['operation'], 'not done': ''}.get(claim['outcome'], word)
    if claim['function'] == RESTORE and word and claim['outcome'] not in ('failed', 'not done'):
        return UNSURE + word
    return word


def copy_refusal(claim, seconds, devices):
    """'' if an incoming copy on this host is left over and may be destroyed (rule 8), or why not.

    That something still receives it proves nothing: it may wait for a dead host for ever.

    :param seconds: since it was first seen after the migration was over; ``devices``: how many it
        has. They count only if all of its memory may have been sent: to destroy it then is to lose
        the VM
    """
    if claim['kind'] == MOVING:
        return 'it is moving: its source %s has to answer first' % claim['source']
    if claim['function'] == RESTORE:
        return 'it is being restored'
    if claim['source_was'] in (LIVE, OVER):  # nothing sends any more, and it was not complete
        return ''
    if seconds < DEVICE_SECONDS * devices + COPY_SECONDS:
        return 'it may still be completed'
    return ''


def taken_out(claim, host, defined=True):
    """``(claim, why)``: the claim without a host, by the word of a person (rule 12), which
    :mod:`.taken_hosts` puts into it."""
    left = [pair for pair in claim['hosts'] if pair[0] != host]
    if len(left) == len(claim['hosts']):
        return None, 'host %s is not in it' % host
    fields = {}
    if claim['kind'] == MOVING and host == claim['source']:
        fields['source_was'] = OVER
    return _without(claim, left, host, defined, fields), ''


def uninstall_refusal(claim, host):
    """'' if the module may be taken from a host, or why not (rule 13): its word would be missing."""
    if claim is not None and host in dict(claim['hosts']):
        return 'the VM is %s' % described(claim)
    return ''
