"""The table: whatever goes wrong in a function of ours is an error of ours."""

import os
import signal

import pytest

from libcloud_ovm3_host import errors, services
from libcloud_ovm3_host.dom0 import Dom0
from libcloud_ovm3_host.version import PREFIX


class Wanting(Dom0):
    """A host whose tools for xenstore and loop devices fail."""

    def run(self, arguments, seconds):
        return Dom0.run(self, ['false'], seconds)


def of(host, name):
    return services.table(host)[PREFIX + name]


@pytest.mark.parametrize('seconds', [None, 5])
@pytest.mark.parametrize('kind', [IOError, MemoryError, KeyError, UnicodeError])
def test_any_error_is_one_of_ours(dom0, monkeypatch, kind, seconds):
    def broken(dom0):
        raise kind('why')
    monkeypatch.setitem(services.SERVICES, 'broken', (broken, seconds))
    problem = pytest.raises(errors.Failed, of(dom0, 'broken')).value
    assert 'why' in str(problem)


def test_ours_stay_what_they_are(dom0):
    with pytest.raises(errors.InvalidArgument):
        of(dom0, 'repository')('no', '')


@pytest.mark.parametrize('name, arguments', [
    ('version', (1,)), ('domains', (1,)), ('log_tail', ('agent',)), ('stat_file', ()),
    ('write_document', ('client', '0' * 32))])
def test_the_number_of_arguments(dom0, name, arguments):
    problem = pytest.raises(errors.InvalidArgument, of(dom0, name), *arguments).value
    assert 'not %d' % len(arguments) in str(problem)


def reap_all(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except OSError:
        pass


@pytest.mark.parametrize('handler', [signal.SIG_DFL, signal.SIG_IGN, reap_all])
def test_a_command_that_failed_has_failed_whoever_reaps_it(dom0, handler):
    """The agent may leave its children to the system, or to a handler: then status 0 means nothing,
    and nobody would seem to hold any disk."""
    before = signal.signal(signal.SIGCHLD, handler)
    try:
        found = of(Wanting(dom0.root), 'holders')()
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert [sorted(entry) for entry in found] == [['kind', 'problem']] * 2
    before = signal.signal(signal.SIGCHLD, handler)
    try:
        for name in ('addresses', 'routes'):
            with pytest.raises(errors.Failed):
                of(Wanting(dom0.root), name)()
    finally:
        signal.signal(signal.SIGCHLD, before)
