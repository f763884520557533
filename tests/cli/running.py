"""Runs ``ovm3``, as a separate process or inside this one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

from click.testing import CliRunner

from libcloud_ovm3.agent import option_values
from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.simulator import Simulator
from tests.support import clock_of

OVM3 = [sys.executable, "-c", "from libcloud_ovm3.cli import main; main()"]


@contextlib.contextmanager
def short_waits() -> Iterator[None]:
    """What ovm3 waits in this process passes as fast as ``Simulator(speed=100)``."""
    fast = Clock(lambda: time.monotonic() * 100, lambda seconds: time.sleep(seconds / 100))
    with mock.patch.object(option_values, "Clock", return_value=fast):
        yield


def run(
    *arguments: str, password: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run it inside this process; in one of its own if its environment is another."""
    ours = {"COLUMNS": "200", **({"OVM3_PASSWORD": password} if password else {})}
    if not environment:
        with short_waits():
            done = CliRunner().invoke(ovm3, arguments, env=ours)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return subprocess.CompletedProcess(
            arguments, done.exit_code, stdout=done.stdout, stderr=done.stderr
        )
    return subprocess.run(
        [*OVM3, *arguments],
        env={**os.environ, **environment, **ours},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def on(
    sim: Simulator,
    *arguments: str,
    stdin: str | None = None,
    columns: str = "200",
    access: Sequence[str] | None = None,
) -> Any:
    """Run it inside this process for the whole pool of a simulator, by the simulator's own time.

    :param access: options for the pool, instead of :func:`options`.
    """
    environment = {"OVM3_PASSWORD": sim.password, "COLUMNS": columns}
    line = [*arguments, *(options(sim) if access is None else access)]
    with mock.patch.object(option_values, "Clock", return_value=clock_of(sim)):
        done = CliRunner().invoke(ovm3, line, stdin, environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def invoke(*arguments: str, password: str = "x") -> tuple[int, str]:
    """Run it inside this process, which is faster. Returns exit status and output."""
    environment = {"OVM3_PASSWORD": password, "COLUMNS": "200"}
    with short_waits():
        done = CliRunner().invoke(ovm3, arguments, env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.output


def pins(sim: Simulator, *which: int) -> list[str]:
    """Return --fingerprint options for these hosts, or for all."""
    found = []
    for index in which or range(len(sim.hosts)):
        found += ["--fingerprint", f"{sim.hosts[index].address}={sim.hosts[index].fingerprint}"]
    return found


def options(sim: Simulator, *which: int) -> list[str]:
    """Return options for the first host, with pins for these."""
    return ["--host", address(sim), *pins(sim, *which)]


def address(sim: Simulator, index: int = 0) -> str:
    return f"{sim.hosts[index].address}:{sim.hosts[index].port}"


def heed_ctrl_c() -> None:
    """A shell that runs the tests in the background ignores it, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def on_terminal(
    *arguments: str,
    password: str,
    until: str = "",
    keys: bytes = b"",
    columns: int = 80,
    **environment: str,
) -> tuple[int, str]:
    """Run it on a terminal of its own, in a process. Returns exit status and what was displayed.

    :param until: when this has been displayed, ``keys`` are typed.
    """
    process, terminal = pty.fork()
    if process == 0:
        heed_ctrl_c()
        # without COLUMNS: the terminal's own width counts
        kept = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
        base = {"TERM": "xterm", "LC_ALL": "C.UTF-8", "OVM3_PASSWORD": password}
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execve(OVM3[0], [*OVM3, *arguments], {**kept, **base, **environment})
    shown = b""
    with contextlib.suppress(OSError):  # Linux says EIO when the process has ended
        while chunk := os.read(terminal, 65536):
            shown += chunk
            if keys and until.encode() in shown:
                os.write(terminal, keys)
                keys = b""
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode()
