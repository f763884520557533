"""What identifies a host across boots and distinguishes it from all others."""

import re

from libcloud_ovm3_host import errors, read_agent
from libcloud_ovm3_host.compat import md5, text_type, to_text

SECONDS = 10  # for the agent's own uuid

_CERTIFICATE = '/etc/ovs-agent/cert/certificate.pem'
_UUID = re.compile(u'<Unique_Id>\\s*([0-9A-Fa-f:-]{32,47})\\s*</Unique_Id>')
_ADDRESS = re.compile(u'<Registered_IP>\\s*([0-9A-Fa-f.:]+)\\s*</Registered_IP>')


def identity(dom0):
    """``{host, host_uuid, certificate}``, text, '' where not known.

    None of them is unique alone: many hosts are called localhost, boards come with a
    placeholder for their uuid (agent-behaviour.md 19), and a certificate may be shared.
    """
    found = with_address(dom0)
    del found['address']
    return found


def with_address(dom0):
    """The same, and ``address``: the IP address with which the host is registered."""
    answer = read_agent.call_agent(dom0, SECONDS, 'discover_server').get('answer', '')
    found = {'host': dom0.hostname(), 'host_uuid': '', 'address': '', 'certificate': ''}
    for key, pattern in (('host_uuid', _UUID), ('address', _ADDRESS)):
        match = isinstance(answer, text_type) and pattern.search(answer)
        if match:
            found[key] = match.group(1)
    try:
        found['certificate'] = md5(dom0.read(_CERTIFICATE)).hexdigest()
    except errors.Failed:
        pass
    return found


def is_this_host(dom0, record):
    """Whether a record with these fields was made on this host; False if in doubt."""
    here = identity(dom0)
    for key in here:
        if to_text(record.get(key, '')) != to_text(here[key]):
            return False
    return here['host_uuid'] != '' or here['certificate'] != ''
