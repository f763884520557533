"""What xenstore knows of domains, whether or not xend lists them."""

import re

from libcloud_ovm3_host import errors
from libcloud_ovm3_host.compat import plain, to_text

SECONDS = 10  # for one command

_VM = re.compile(u'/vm/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-\\d+)?\\Z')


def listed(dom0, path):
    """The names below a path, as texts. Raises Failed, Timeout."""
    status, output, problem = dom0.run(['xenstore-list', path], SECONDS)
    if status:
        raise errors.Failed('xenstore-list %s: %s' % (path, plain(problem).strip()))
    return [name.strip() for name in to_text(output).split(u'\n') if name.strip()]


def uuid_of(dom0, domid):
    """The uuid of the VM that a domain is, dashed; '' if xenstore does not say (any more).

    ``/vm/<uuid>-1`` is a second domain of the same VM's (xend.md 3). Raises Failed, Timeout.
    """
    status, output, _ = dom0.run(['xenstore-read', '/local/domain/%s/vm' % domid], SECONDS)
    match = _VM.match(to_text(output).strip().lower())
    if status or not match:
        return to_text('')
    return match.group(1)
