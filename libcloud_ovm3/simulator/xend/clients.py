"""Who asks xend for something: connections to its sockets, and the processes that made them.

A connection is there until xend's side has ended it, also when the process that made it has died;
xend then goes on alone. That the sockets have these paths is a conclusion; how the kernel shows the
connections was tried on another one (`tests/simulator/xend/test_clients.py` has what is played).
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from libcloud_ovm3.simulator.errors import AgentFault, Killed
from libcloud_ovm3.simulator.host import Process, SimulatedHost

#: The first one is that of ``xm`` and of modules in the agent [conclusion].
SOCKETS = (
    "/var/run/xend/xmlrpc.sock",
    "/var/run/xend/xen-api.sock",
    "/var/lib/xend/xend-socket",
)
LATE_SECONDS = 20.0  # with the fault "xm is late"
#: Sessions of dom0: the agent's, and xend's with its xc_save and xc_restore.
AGENT, XEND = "901", "801"

_INODES = itertools.count(20001)
_PIDS = itertools.count(30001)
T = TypeVar("T")


@contextlib.contextmanager
def connection(
    host: SimulatedHost, wait_until: Callable[[float], None] | None = None
) -> Iterator[None]:
    """One call of xend. What a thread calls within it belongs to it.

    :param wait_until: Waits until a time of the host's clock; None for the host's own method.
    """
    if getattr(host.here, "is_connected", False):
        yield
        return
    inode = next(_INODES)
    host.here.is_connected = True
    try:
        while "xend accepts nothing" in host.faults:
            host.connections[inode] = 0
            (wait_until or host.wait_until)(host.now() + host.clock.poll)
        host.connections[inode] = inode
        yield
    finally:
        host.here.is_connected = False
        host.connections.pop(inode, None)


def session(host: SimulatedHost) -> str:
    """The session of the process that the calling thread stands for."""
    found: str = getattr(host.here, "session", AGENT)
    return found


@contextlib.contextmanager
def process(host: SimulatedHost, of: str, words: list[str]) -> Iterator[str]:
    """A process of dom0 in a session, for as long as it runs: its pid."""
    pid = str(next(_PIDS))
    before = session(host)
    host.processes[pid] = Process(of, words, host.now() - host.boot_time)
    host.here.session = of
    try:
        yield pid
    finally:
        host.here.session = before
        host.processes.pop(pid, None)


def run_xm(host: SimulatedHost, words: list[str], act: Callable[[bool], T]) -> T:
    """Run ``xm``, a process in the session of the process that asks.

    :param act: What it asks of xend, given whether xend is left alone with that.
    :raises Killed: The process that asks is killed meanwhile, as the host's faults say.
    """
    of = session(host)
    if "agent and xm die" in host.faults:
        if "xm is late" not in host.faults:
            go_on(host, partial(act, True))
        raise Killed
    if "agent dies" in host.faults:
        go_on(host, partial(_xm, host, of, words, act))
        raise Killed
    return _xm(host, of, words, act)


def _xm(host: SimulatedHost, of: str, words: list[str], act: Callable[[bool], T]) -> T:
    with process(host, of, words) as pid:
        if "xm is late" in host.faults:
            host.wait_until(host.now() + LATE_SECONDS)
        if pid not in host.processes:  # the host was rebooted meanwhile
            raise Killed
        return act(False)


def new_session() -> str:
    """The id of a session that no process has yet."""
    return str(next(_PIDS))


def go_on(host: SimulatedHost, act: Callable[[], object]) -> None:
    """Let something be done that nobody waits for; it has begun when this returns."""

    def quietly() -> None:
        with contextlib.suppress(AgentFault, Killed):
            act()

    host.clock.later(quietly, 0)


def other_program(host: SimulatedHost, act: Callable[[], object]) -> None:
    """Let another program on the host do something, in a session of its own."""

    def run() -> None:
        with process(host, new_session(), ["python"]):
            act()

    go_on(host, run)
