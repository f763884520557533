"""A change leaves a line in the host's syslog: what stands before every ``dom0.log``."""

import syslog

import pytest
from libcloud_ovm3_host.dom0 import Dom0


@pytest.fixture
def lines(monkeypatch):
    """(name, facility, priority, message) of each line that is written."""
    written = []
    opened = []
    monkeypatch.setattr(syslog, 'openlog', lambda *given: opened.append(given))
    monkeypatch.setattr(syslog, 'syslog',
                        lambda priority, message: written.append((opened[-1], priority, message)))
    return written


@pytest.mark.parametrize('message', ['client 0a0a write_document', u'caf\xe9.img', ''])
def test_a_line_in_the_syslog(lines, message):
    Dom0().log(message)
    [((name, options, facility), priority, text)] = lines
    assert (name, facility) == ('libcloud-ovm3', syslog.LOG_DAEMON)
    assert options & syslog.LOG_PID and priority == syslog.LOG_NOTICE
    if isinstance(text, bytes):  # Python 2's syslog takes no unicode text
        text = text.decode('utf-8')
    assert text == message
