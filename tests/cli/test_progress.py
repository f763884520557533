"""What a command shows while it waits, and what it says after Ctrl-C."""

from __future__ import annotations

import errno
import io
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from libcloud_ovm3 import progress
from libcloud_ovm3.cli import output, status_line
from libcloud_ovm3.cli import progress as cli_progress
from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.cli.progress import watched
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, heed_ctrl_c, on_terminal, options, run
from tests.support import eventually, simulate

ROOT = Path(__file__).parents[2]
PROGRAM = """
from libcloud_ovm3.cli import main
from tests.cli.running import short_waits
with short_waits():
    main()
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is shown at once."""
    for name in ("TERMINAL_DELAY", "PIPE_DELAY", "_GAP"):
        monkeypatch.setattr(cli_progress, name, 0.0)
    monkeypatch.setattr(cli_progress, "_REFRESH", 0.01)


@pytest.mark.usefixtures("impatient")
def test_a_status_line_is_gone_before_anything_else_is_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    with watched(False):
        with progress.waiting("waiting for VM 'web-1' to shut down", limit=300):
            eventually(lambda: "web-1" in terminal.getvalue())
            output.tell("warning: a line")
        assert terminal.getvalue().endswith(("\r\x1b[K", "\n")), "a prompt may be next"
        with progress.waiting("copying the disk"):
            progress.copied(3, 7)
            bar = "[########------------] 42%, 0 s"
            eventually(lambda: f"copying the disk: {bar}" in terminal.getvalue())
        with progress.waiting(f"copying {'x' * 33}"):  # there is no room for a bar
            progress.copied(3, 7)
            eventually(lambda: f"copying {'x' * 33}: 42%, 0 s" in terminal.getvalue())
        with progress.waiting(f"starting VM {'x' * 100}", limit=5):
            eventually(lambda: "xxx" in terminal.getvalue())
    shown = terminal.getvalue()
    assert shown.startswith("\r\x1b[Kwaiting for VM 'web-1' to shut down, 0 s of 300 s")
    lines = re.split(r"\r\x1b\[K|\n", re.sub(r"\x1b\[\d*m", "", shown))
    assert "warning: a line" in lines, "on a line of its own"
    assert max(map(len, lines)) <= 59
    assert [line for line in lines if re.fullmatch(r"starting VM x+, 0 s of 5 s", line)]
    assert lines[-1] == ""


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("terminal", [Terminal(), io.StringIO()], ids=["dumb", "pipe"])
def test_lines_where_nothing_can_be_erased(
    terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "dumb")
    with watched(False), progress.waiting("waiting for a\nb (ex_start)", limit=300):
        eventually(terminal.getvalue)
    assert terminal.getvalue() == "waiting for a\\nb (--no-start), 0 s of 300 s\n", (
        "once, for half a minute"
    )


@pytest.mark.usefixtures("impatient")
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_terminal_that_is_gone_ends_no_operation(
    term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(Terminal):
        tries = 0

        def write(self, text: str) -> int:
            self.tries += 1
            raise OSError(errno.EIO, "Input/output error")

    gone = Gone()
    monkeypatch.setattr(sys, "stderr", gone)
    monkeypatch.setenv("TERM", term)
    with watched(False) as watch, progress.sending("start_vm", "192.0.2.1:8899", changes=True):
        eventually(lambda: gone.tries)
    assert watch.sent() == ["start_vm to 192.0.2.1:8899: answered"]


@pytest.mark.usefixtures("impatient")
def test_what_is_read_and_quiet() -> None:
    with simulate(hosts=2, speed=100) as sim:
        sim.misbehave("latency", "discover_server_pool", seconds=0.3, times=None)
        done = run("vm", "list", *options(sim), password=sim.password)
        assert re.search(r"^reading \d hosts?; no response yet from 127", done.stderr)
        done = run("--quiet", "vm", "list", *options(sim), password=sim.password)
        assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_shown_of_what_takes_less_than_a_second() -> None:
    with simulate(hosts=2, speed=100) as sim:
        assert run("vm", "list", *options(sim), password=sim.password).stderr == ""
    assert progress.LOGGER.handlers == []
    assert progress.LOGGER.level == 0


def test_ctrl_c_while_a_host_does_not_answer() -> None:
    """The command ends at once, although reads of other hosts are in flight."""
    with Simulator(hosts=3, speed=100) as sim:
        sim.misbehave("hang_before", "list_vms", host=1, times=None)
        sim.misbehave("hang_before", "list_vms", host=2, times=None)
        hanging = f"{sim.hosts[2].address}:{sim.hosts[2].port} (list_vms)"
        status, shown = on_terminal(
            "vm",
            "list",
            *options(sim),
            password=sim.password,
            until=f"{address(sim, 1)} (list_vms), {hanging}",
            keys=b"\x03",
            columns=160,
        )
    assert status == 130
    assert f"reading 3 hosts; no response yet from {address(sim, 1)} (list_vms), {hanging}" in shown
    after = shown.rpartition("^C")[2].rpartition("\x1b[K")[2].split()
    assert after == "Interrupted. Nothing that changes anything was sent.".split()


def test_ctrl_c_while_a_start_is_not_answered() -> None:
    with Simulator(hosts=1, speed=100, vms=0) as sim:
        sim.add_vm("db-1")
        rule = sim.misbehave("hang", "start_vm")
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "vm", "start", "db-1", *options(sim)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            preexec_fn=heed_ctrl_c,  # noqa: PLW1509 (one call, nothing that could deadlock)
            env={"PATH": "/usr/bin:/bin", "OVM3_PASSWORD": sim.password},
        )
        eventually(lambda: rule.hits or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, ""), err
    assert err.splitlines()[:2] == [
        "Interrupted. What was sent before, each call once:",
        f"  start_vm to {address(sim)}: no response yet: its outcome is unknown, and it may still "
        f"take effect",
    ]
    assert re.search(r"`ovm3 vm show [0-9a-f-]{36}`, `ovm3 doctor`", err)
    assert sum(call.function == "start_vm" for call in sim.calls) == 1


@pytest.mark.parametrize(
    ("function", "shown_by"),
    [
        ("add_repository", "`ovm3 repository list`"),
        ("import_ISO", "`ovm3 image list` (without the host module: `ovm3 file ls REPOSITORY`)"),
        ("stop_vm", "`ovm3 vm list`, `ovm3 doctor`"),
    ],
)
def test_where_to_look_after_ctrl_c(
    function: str, shown_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        with progress.sending(function, "ovm-1", changes=True):
            raise KeyboardInterrupt

    monkeypatch.setitem(ovm3.commands, "x", click.Command("x", callback=interrupted))
    done = CliRunner().invoke(ovm3, ["x"])
    assert done.exit_code == 130
    assert f"before you repeat anything: {shown_by}\n" in done.stderr


def test_a_second_ctrl_c_ends_at_once() -> None:
    program = """
import os, signal
from libcloud_ovm3.cli import _interrupt
signal.signal(signal.SIGINT, _interrupt)
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.SIGINT)
print("still here")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, b"")


@pytest.mark.parametrize(
    ("function", "advice"),
    [("copy_file", "`ovm3 doctor`"), ("change of files over SSH", "`ovm3 host check HOST`")],
)
def test_what_was_sent_and_answered(
    function: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls that were answered are said as well: the operation had further steps."""

    def interrupted(*_: object, **__: object) -> None:
        for _number in range(2):
            with progress.sending(function, "192.0.2.1:8899", changes=True):
                pass
        with progress.sending("list_vms", "192.0.2.1:8899", changes=False):
            raise KeyboardInterrupt

    monkeypatch.setattr("libcloud_ovm3.cli.host_certificate.shown", interrupted)
    done = CliRunner().invoke(ovm3, ["host", "certificate", "192.0.2.1"])
    assert done.exit_code == 130
    assert f"  {function} to 192.0.2.1:8899: answered (2 times)\n" in done.stderr
    assert advice in done.stderr
    assert "list_vms" not in done.stderr


def test_ctrl_c_at_a_prompt() -> None:
    status, shown = on_terminal(
        "vm", "list", "--host", "192.0.2.1", password="", until="password", keys=b"\x03"
    )
    assert status == 130
    assert "Nothing that changes anything was sent." in shown


def test_ctrl_c_while_the_line_is_drawn_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may arrive right after the text has gone out."""
    out: list[str] = []

    def put(text: str) -> None:
        out.append(text)
        monkeypatch.setattr(status_line, "_put", out.append)
        raise KeyboardInterrupt

    monkeypatch.setattr(status_line, "_put", put)
    with pytest.raises(KeyboardInterrupt):
        status_line.draw("reading", ", 1 s")
    status_line.erase()
    assert out == ["\r\x1b[Kreading, 1 s", "\r\x1b[K"]
