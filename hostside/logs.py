"""The end of the logs that say why something failed."""

import errno

from libcloud_ovm3_host import arguments, errors
from libcloud_ovm3_host.compat import describe, error
from libcloud_ovm3_host.rpc import Binary

LOGS = {'agent': '/var/log/ovs-agent.log', 'xend': '/var/log/xen/xend.log'}
MOST = 1 << 20


def log_tail(dom0, log, bytes):
    """The last bytes of the agent's or xend's log, as base64: they may be of any encoding.

    Raises InvalidArgument, NotFound, Failed.
    """
    path = dom0.path(LOGS[arguments.one_of('log', log, sorted(LOGS))])
    arguments.number('bytes', bytes, 1, MOST)
    try:
        handle = open(path, 'rb')
        try:
            handle.seek(0, 2)  # to the end
            handle.seek(max(0, handle.tell() - bytes))
            return Binary(handle.read(bytes))
        finally:
            handle.close()
    except (IOError, OSError):
        if error().errno == errno.ENOENT:
            raise errors.NotFound('%s: no such file' % LOGS[log])
        raise errors.Failed(describe(error()))
