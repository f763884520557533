"""Behaviours of the installer's hands: SSH, and changes on dom0."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko

PASSWORD = "secret"
MUCH = 5 << 20  # bytes, more than a channel's window


class Local:
    """What the installer's line to a host does, on this machine; cut at one of its steps.

    A step is a line of a script, or half of a file's content.
    """

    def __init__(self, cut: int | None = None) -> None:
        self.host = "local"
        self.steps, self.cut = 0, cut or sys.maxsize

    def _allowed(self, steps: int) -> int:
        """How many of these steps come before the cut."""
        before, self.steps = self.steps, self.steps + steps
        return max(0, min(steps, self.cut - 1 - before))

    def _end(self) -> None:
        from libcloud_ovm3.errors import OutcomeUnknown

        if self.steps >= self.cut:
            raise OutcomeUnknown("cut")

    def run(self, command: str, limit: float = 60) -> Any:
        from libcloud_ovm3.installer.ssh import CommandResult

        lines = command.split("\n")
        script = "\n".join(lines[: self._allowed(len(lines))])
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        self._end()
        return CommandResult(done.returncode, done.stdout + done.stderr)

    def write(self, path: str, content: bytes) -> None:
        halves = (content[: len(content) // 2], content)
        for part in halves[: self._allowed(2)]:
            Path(path).write_bytes(part)
        self._end()

    def read(self, path: str, last: int | None = None) -> bytes | None:
        return Path(path).read_bytes() if Path(path).exists() else None

    def kind(self, path: str) -> str | None:
        if Path(path).is_symlink():
            return "link"
        if not Path(path).exists():
            return None
        return "directory" if Path(path).is_dir() else "file"

    def names(self, path: str) -> list[str]:
        return sorted(entry.name for entry in Path(path).glob("*"))


def dom0(place: Path, *, python: str = "python2.6", cut: int | None = None) -> Any:
    """A host whose agent's table is ``old``."""
    from libcloud_ovm3.installer.host import Host

    table = place / "usr/lib64" / python / "site-packages/agent/target/api.py"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_bytes(b"old")
    host = Host(Local(cut), str(place))  # type: ignore[arg-type]
    (place / "lock").mkdir(exist_ok=True)
    host._lock = str(place / "lock")  # as if it were locked
    return host, table


API_PY = "{site}/agent/target/api.py"


def a_change_is_whole_or_not_there(place: Path) -> None:
    from libcloud_ovm3.errors import OutcomeUnknown

    seen = set()
    for cut in itertools.count(1):
        host, table = dom0(place / str(cut), cut=cut)
        try:
            host.change(API_PY, b"old", b"the new content")
        except OutcomeUnknown:
            seen.add(table.read_bytes())
            continue
        break
    assert seen <= {b"old", b"the new content"}
    assert cut > 3
    assert table.read_bytes() == b"the new content"


def what_somebody_changed_is_not_overwritten(place: Path) -> None:
    from libcloud_ovm3.errors import PreconditionFailed

    host, table = dom0(place)
    table.write_bytes(b"theirs")
    try:
        host.change(API_PY, b"old", b"new")
    except PreconditionFailed:
        assert table.read_bytes() == b"theirs"
        return
    raise AssertionError("not refused")


def what_was_there_is_kept(place: Path) -> None:
    host, _ = dom0(place)
    host.change(API_PY, b"old", b"new", keep=True)
    kept = [path for path in place.rglob("*") if "backup" in path.parts and path.is_file()]
    assert [path.read_bytes() for path in kept] == [b"old"]


def mode_and_all_stay(place: Path) -> None:
    host, table = dom0(place)
    table.chmod(0o640)
    host.change(API_PY, b"old", b"new")
    assert table.stat().st_mode & 0o777 == 0o640


def any_path_is_one_word(place: Path) -> None:
    host, table = dom0(place / "a b'; touch x; '$(touch y)")
    host.change(API_PY, b"old", b"new", keep=True)
    assert table.read_bytes() == b"new"
    assert len(list(place.iterdir())) == 1


def whatever_python_dom0_has(place: Path) -> None:
    from libcloud_ovm3.errors import PreconditionFailed

    for python in ("python2.4", "python2.6", "python2.7"):
        host, _ = dom0(place / python, python=python)
        assert host.site == f"/usr/lib64/{python}/site-packages"
    try:
        dom0(place / "python2.4", python="python2.6")
    except PreconditionFailed:
        return
    raise AssertionError("two agents, and one of them was taken")


class Server(paramiko.ServerInterface):
    """An SSH server's manners: one password, and a command that writes much."""

    def __init__(self) -> None:
        self.passwords: list[str] = []

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        self.passwords.append(password)
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        threading.Thread(target=self.speak, args=[channel], daemon=True).start()
        return True

    def speak(self, channel: Any) -> None:
        from libcloud_ovm3.installer.shell import BEGIN

        channel.sendall(BEGIN + b"x" * MUCH)
        channel.send_exit_status(3)
        channel.close()


@contextmanager
def sshd() -> Iterator[tuple[int, Server, paramiko.PKey]]:
    server, key = Server(), paramiko.ECDSAKey.generate()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            transport = paramiko.Transport(listening.accept()[0])
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer)
            transport.start_server(event=threading.Event(), server=server)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], server, key


def a_host_that_is_not_known_gets_no_password(place: Path) -> None:
    from libcloud_ovm3.errors import HostKeyRejected
    from libcloud_ovm3.installer.ssh import connect

    (place / "known").write_text("")
    for how in ({"known_hosts": place / "known"}, {"host_fingerprint": "SHA256:" + "A" * 43}):
        with sshd() as (port, server, _):
            try:
                connect("127.0.0.1", port, password=PASSWORD, timeout=7, **how)  # type: ignore[arg-type]
            except HostKeyRejected:
                assert server.passwords == []
                continue
            raise AssertionError(f"connected, with {how}")


def much_is_read_before_the_end() -> None:
    from libcloud_ovm3.installer.keys import fingerprint
    from libcloud_ovm3.installer.ssh import connect

    with sshd() as (port, _, key):
        line = connect(
            "127.0.0.1", port, password=PASSWORD, host_fingerprint=fingerprint(key), timeout=7
        )
        ran = line.run("speak", 4)
        assert (ran.status, len(ran.output)) == (3, MUCH)


def a_command_has_a_limit() -> None:
    from libcloud_ovm3.errors import TimedOut
    from libcloud_ovm3.installer.keys import fingerprint
    from libcloud_ovm3.installer.ssh import connect

    with sshd() as (port, server, key):
        server.speak = lambda channel: None  # type: ignore[method-assign]
        line = connect(
            "127.0.0.1", port, password=PASSWORD, host_fingerprint=fingerprint(key), timeout=7
        )
        try:
            line.run("silence", 0.3)
        except TimedOut:
            return
        raise AssertionError("it ended")
