"""What makes a host known again after a boot, and tells it from all others."""

import re

from libcloud_ovm3_host import errors, read_agent
from libcloud_ovm3_host.compat import md5, text_type, to_text

SECONDS = 10  # for the agent's own uuid

_CERTIFICATE = '/etc/ovs-agent/cert/certificate.pem'
_UUID = re.compile(u'<Unique_Id>\\s*([0-9A-Fa-f:-]{32,47})\\s*</Unique_Id>')


def identity(dom0):
    """``{host, host_uuid, certificate}``, texts, '' where it is not known.

    Nothing of it tells hosts apart alone: many are called localhost, boards come with one
    placeholder for their uuid (agent-behaviour.md 19), and a certificate may be shared.
    """
    said = read_agent.ask(dom0, SECONDS, 'discover_server').get('answer', '')
    match = isinstance(said, text_type) and _UUID.search(said)
    uuid, certificate = '', ''
    if match:
        uuid = match.group(1)
    try:
        certificate = md5(dom0.read(_CERTIFICATE)).hexdigest()
    except errors.Failed:
        pass
    return {'host': dom0.hostname(), 'host_uuid': uuid, 'certificate': certificate}


def is_same(dom0, record):
    """Whether a record with that in it was made on this host. In doubt it was not."""
    here = identity(dom0)
    for key in here:
        if to_text(record.get(key, '')) != to_text(here[key]):
            return False
    return here['host_uuid'] != '' or here['certificate'] != ''
