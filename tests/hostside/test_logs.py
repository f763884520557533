"""The end of the agent's and xend's logs."""

import os

import pytest
from libcloud_ovm3_host import errors, logs
from libcloud_ovm3_host.compat import to_text
from libcloud_ovm3_host.rpc import Binary

BAD = u'caf\xe9 \xff\xfe'.encode('latin-1') + u'\xe9t\xe9 ok\n'.encode('utf-8')


def test_the_last_bytes_as_they_are(dom0):
    os.makedirs(dom0.path('/var/log/xen'))
    for name, content in (('/var/log/ovs-agent.log', BAD), ('/var/log/xen/xend.log', BAD * 2)):
        handle = open(dom0.path(name), 'wb')
        handle.write(content)
        handle.close()
    tail = logs.log_tail(dom0, 'agent', 1 << 20)
    assert isinstance(tail, Binary) and tail.data == BAD
    assert to_text(tail.data) == u'caf\ufffd \ufffd\ufffd\xe9t\xe9 ok\n'
    assert logs.log_tail(dom0, 'xend', 4).data == BAD[-4:]
    assert logs.log_tail(dom0, 'xend', len(BAD) + 1).data == BAD[-1:] + BAD


@pytest.mark.parametrize('log, size', [
    ('../../etc/shadow', 5), ('', 5), (None, 5), (['agent'], 5), ('agent', 0),
    ('agent', (1 << 20) + 1), ('agent', '5'), ('agent', True)])
def test_other_files_and_sizes_are_refused(dom0, log, size):
    with pytest.raises(errors.InvalidArgument):
        logs.log_tail(dom0, log, size)


def test_a_log_that_is_not_there(dom0):
    with pytest.raises(errors.NotFound):
        logs.log_tail(dom0, 'xend', 5)
    os.makedirs(dom0.path('/var/log/ovs-agent.log'))
    with pytest.raises(errors.Failed):
        logs.log_tail(dom0, 'agent', 5)
