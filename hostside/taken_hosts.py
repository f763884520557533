"""What a person has said of a claim, and what follows from it. Decisions only, as in :mod:`.claims`.

``taken`` of a claim is one entry for each host that was taken out by a person's word, the latest one
last::

    <host>: <client>, operation <id>, <UTC>, boot <boot>: <words>; <what this host saw>

The boot is the one of the host that the claim knew; '' where it knew none. An entry stays until the
module of that host has looked itself, whatever is done with the VM elsewhere: it is how that host
finds out, when it is back, that the VM may run elsewhere. ``said`` is the same for what else a
person has said, until the next operation.
"""

import re

from libcloud_ovm3_host import claims

TAKE_OUT, PUT_IN, ACCEPT = 'take_out_host', 'put_in_host', 'accept_vm_cfg'
DISCARD = 'discard_saved'

_BETWEEN = ' | '
_BOOT = re.compile(r', boot ([A-Za-z0-9:._-]*): ')


def entry_of(claim, host):
    """What was said of this host when a person took it out; '' if nobody has, or it has looked
    since."""
    for entry in reversed(_entries(claim)):
        if entry.startswith(host + ': '):
            return entry
    return ''


def _entries(claim):
    return [entry for entry in claim['taken'].split(_BETWEEN) if entry]


def speaker(client, operation, when):
    """Who says so, as it is recorded."""
    return '%s, operation %s, %s' % (client, operation, when)


def is_said(claim, operation):
    """Whether this claim, or one before it, is what that operation has said: it was repeated."""
    return ' operation %s, ' % operation in ' ' + claim['taken'] + claim['said']


def taken_out(claim, host, who, words, saw, defined=True):
    """``(claim, why)``: the claim without a host, by the word of a person (rule 12)."""
    boot = dict(claim['hosts']).get(host, '')
    made, why = claims.taken_out(claim, host, defined)
    if made is not None:
        made['taken'] = _BETWEEN.join(_entries(looked(claim, host)) + [
            '%s: %s, boot %s: %s; %s' % (host, who, boot, words, saw)])
    return made, why


def put_in(claim, host, who, words):
    """``(claim, why)``: the claim with a host that has no module, before the VM is started there."""
    if host in dict(claim['hosts']):
        return claim, ''
    if claim['kind'] not in (claims.FREE, claims.GONE) or claim['saved']:
        return None, 'host %s cannot be put in while the VM is %s' % (host, claims.described(claim))
    said = '%s was put in: %s: %s' % (host, who, words)
    return dict(claim, kind=claims.DOUBT, hosts=[(host, '')], said=said), ''


def accepted(claim, here, digest, who):
    """``(claim, why)``: the claim with the digest of a vm.cfg that was changed without one (rule
    9). Only where a change of it is allowed, too."""
    why = claims.refusal(claims.CONFIGURE, dict(claim, saved=''), here)
    if why:
        return None, why
    said = 'vm.cfg was accepted: %s: %s in place of %s' % (who, digest, claim['digest'] or 'none')
    return dict(claim, digest=digest, said=said), ''


def discarded(claim, who, words):
    """``(claim, why)``: the claim without what was saved of its guest, by the word of a person: it
    is free as any other, and its guest goes on as after a power cut."""
    if claim['kind'] != claims.FREE or not claim['saved']:
        return None, 'nothing is saved of it: it is %s' % claims.described(claim)
    said = 'its memory (%s) was discarded: %s: %s' % (claim['saved'], who, words)
    return dict(claim, saved='', disks='', said=said), ''


# --- the host is back ---------------------------------------------------------------------------

def looked(claim, host):
    """The claim when the module of this host has looked itself: it needs nobody's word any more."""
    left = [entry for entry in _entries(claim) if not entry.startswith(host + ': ')]
    return dict(claim, taken=_BETWEEN.join(left))


def gives_way(claim, here):
    """Whether a domain that this host finds has to wait for a person, being paused.

    This host was taken out, so that the VM might be started elsewhere, and has not been put in
    again: xendomains has restored a saved guest, say. It writes on disks that another domain has
    open, or has changed since the guest was saved. It is never destroyed: that the other one lives
    is what another host has said some time ago, that this one was restored is not known for
    certain, and of two that have written nobody but a person can say which to keep. Paused it does
    no more harm, and nothing is lost.

    Not if this is still the boot that was taken out, and the VM is on no other host: then the
    word was wrong, and this is the VM.
    """
    entry = entry_of(claim, here[0])
    if not entry or here[0] in dict(claim['hosts']):
        return False
    return claim['kind'] == claims.ON or _BOOT.search(entry).group(1) != here[1]


def settled(claim, here, finding, operation, defined=True, digest=None, disks=None):
    """As :func:`.claims.settled`, by this host's own looks, after which it needs nobody's word.

    ``finding``: of a domain that gives way, what it is when ``operation`` has tried to pause it.
    """
    before = looked(claim, here[0])
    made, why = claims.settled(before, here, finding, defined, digest, disks)
    if made is None:
        if finding == claims.NOWHERE and before != claim:
            made = before
    elif finding in (claims.PRESENT, claims.PAUSED) and gives_way(claim, here):
        made = gave_way(made, here, operation, finding)
    return made, why


def gave_way(made, here, operation, finding):
    """The claim that follows for such a domain, of which ``made`` says that it was found."""
    text, paused = 'could not be paused', ''
    if finding == claims.PAUSED:
        text, paused = 'was paused by operation %s' % operation, operation
    text = 'on host %s, which was taken out; its domain there %s' % (here[0], text)
    made = dict(made, paused=paused)
    if made['kind'] == claims.ON:  # on no other host
        return dict(made, said=text)
    return dict(made, error=text)
