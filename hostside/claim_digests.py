"""Which content of a vm.cfg a claim stands for (rule 9). Decisions only, as in :mod:`.claims`."""

_WRITING = ('configure_vm', 'create_vm', 'delete_vm')


def digest_refusal(claim, wanted, read, direct):
    """'' if vm.cfg is what the client has read (rule 9); or what is wrong.

    :param claim: the claim n
    :param wanted: the digest that the client sends
    :param read: that of an ordinary open and read, as the agent will see it
    :param direct: that of the server's own content (O_DIRECT); None where that cannot be read:
        then it has to be what the claim has recorded, as this host's pages may be old
    """
    if wanted != read:
        return 'it is not what was read: it has been changed since'
    if claim.get('saved') and claim['digest'] not in ('', read):
        return ('it was changed without a claim since the memory of its guest was saved, perhaps with '
                'its disks; if they are as they were then: `ovm3 claim settle --accept`')
    if direct is None:
        direct = claim['digest']
        if not direct:
            return 'nothing is recorded of it yet, and its content on the server cannot be read'
    if direct != read:
        return ('this host still sees an old content of it, or it was changed without a claim; if it '
                'is right as it is: `ovm3 claim settle --accept`')
    return ''


def digest_after(claim, before, read, direct):
    """The digest of vm.cfg that n + 2 records, when what this host has written is on its disk.

    :param claim: the claim n + 1, with the outcome of its operation if that is known
    :param before: the digest of what its operation found; ``read``: of an ordinary open and read
        now; ``direct``: as of :func:`digest_refusal`

    What this host reads may be an old page, unless the operation has written the file, or may have:
    then it is another than before. Otherwise what was recorded stays; if that is not what is there,
    a person has to say which of both is right.
    """
    if claim['function'] == 'restore_vm' and claim.get('saved') and claim['digest']:
        return claim['digest']  # of when it was saved, for the next try
    if direct is not None:
        return direct
    may_write = claim['function'] in _WRITING
    if may_write and (claim['outcome'] in ('done', 'failed')
                      or (claim['outcome'] == '' and read != before)):
        return read
    return claim['digest'] or read
