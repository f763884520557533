"""A host that dies while the module is installed or removed is as it was before, afterwards."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import OutcomeUnknown, Ovm3Error
from libcloud_ovm3.installer import SSHConnection, Waiting, install, uninstall
from libcloud_ovm3.installer.ssh import CommandResult
from libcloud_ovm3.simulator import Simulator
from tests.faults.support import connect
from tests.support import simulate

VERSIONS = ("3.3.3", "3.2.1")
WAITING = Waiting(limit=300, clock=Clock(sleep=lambda _: time.sleep(0.01)))
LAST = -1  # the last step


class Shell(SSHConnection):
    """A shell of this machine in the place of sshd; the host may die in a step.

    :ivar dies: the number of the step, None: it lives.
    """

    def __init__(self, dies: int | None = None) -> None:
        self.host, self.dies, self.steps, self.is_dead = "local", dies, 0, False
        self.holder: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """Nothing is open."""

    def step(self) -> bool:
        """Whether this is the step in which the host dies."""
        if self.is_dead:
            raise OutcomeUnknown("the host is gone")
        self.steps += 1
        self.is_dead = self.steps - 1 == self.dies
        return self.is_dead

    def die(self) -> None:
        if self.holder is not None:
            self.holder.kill()  # what holds a lock gets no chance to take it away
            self.holder.wait()
        raise OutcomeUnknown("the host is gone")

    def run(self, command: str, limit: float = 60) -> CommandResult:
        lines = command.split("\n")
        if self.step():
            subprocess.run(
                ["sh", "-c", "\n".join(lines[: len(lines) // 2])], capture_output=True, check=False
            )
            self.die()
        done = subprocess.run(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return CommandResult(done.returncode, done.stdout.decode("utf-8", "replace"))

    @contextlib.contextmanager
    def running(self, command: str, limit: float = 60) -> Iterator[str]:
        if self.step():
            self.die()
        self.holder = subprocess.Popen(
            ["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        holder = self.holder
        assert holder.stdin is not None
        assert holder.stdout is not None
        first = holder.stdout.readline().decode().strip()
        try:
            yield first
        finally:
            with contextlib.suppress(OSError):
                holder.stdin.close()
            holder.wait()
            holder.stdout.close()
            self.holder = None

    def read(self, path: str, last: int | None = None) -> bytes | None:
        if self.is_dead:
            raise OutcomeUnknown("the host is gone")
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            return None
        return data if last is None else data[-last:]

    def write(self, path: str, content: bytes) -> None:
        if self.step():
            Path(path).write_bytes(content[: len(content) // 2])
            self.die()
        Path(path).write_bytes(content)

    def kind(self, path: str) -> Any:
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return None
        kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
        return kinds.get(stat.S_IFMT(mode), "other")

    def names(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return []


@contextlib.contextmanager
def place(version: str) -> Iterator[tuple[Simulator, str, Any]]:
    """One host with its disk, and its agent."""
    with simulate(hosts=1, version=version, vms=0, templates=0) as sim:
        root = str(sim.dom0(0))
        sim.restart_agent(0)
        estate = connect(sim, ex_tls_minimum="TLSv1")._estate
        yield sim, root, estate.agent(estate.given[0])


def on_disk(root: str) -> dict[str, tuple[int, bytes]]:
    """Every file and folder with its rights and content, but for what goes on by itself."""
    found = {}
    for path in sorted(Path(root).rglob("*")):
        name = str(path.relative_to(root))
        if not path.is_symlink() and not name.startswith(("var/log", "proc", "sys")):
            content = path.read_bytes() if path.is_file() else b""
            found[name] = (path.stat().st_mode, content)
    return found


def boot(sim: Simulator, root: str) -> None:
    """After it the locks are those of another boot."""
    for lock in Path(root).glob("usr/lib64/python*/site-packages/libcloud_ovm3_host/lock-*"):
        lock.rename(lock.with_name(f"lock-{uuid.uuid4()}"))
    sim.restart_agent(0)


def cut_at(version: str, operation: str, where: float) -> None:
    with place(version) as (sim, root, agent):
        before = on_disk(root)
        whole = Shell()
        install(whole, agent, root=root, waiting=WAITING)
        removed = Shell()
        uninstall(removed, agent, root=root, waiting=WAITING)
        assert on_disk(root) == before
        steps = (whole if operation == "install" else removed).steps
        if operation == "uninstall":
            install(Shell(), agent, root=root, waiting=WAITING)
        action = install if operation == "install" else uninstall
        with pytest.raises(Ovm3Error):
            action(Shell(dies=int(where * (steps - 1))), agent, root=root, waiting=WAITING)
        boot(sim, root)
        uninstall(Shell(), agent, root=root, waiting=WAITING)
        after = on_disk(root)
        assert sorted(after.keys() ^ before.keys()) == []
        assert after == before


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("operation", "where"), [("install", 0.5), ("uninstall", 0.5)])
def test_i1_a_host_that_dies_leaves_nothing(version: str, operation: str, where: float) -> None:
    cut_at(version, operation, where)


@pytest.mark.long
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("operation", ["install", "uninstall"])
@pytest.mark.parametrize("where", [n / 20 for n in range(21)])
def test_i1_in_any_step(version: str, operation: str, where: float) -> None:
    cut_at(version, operation, where)
