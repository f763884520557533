"""dom0 on this machine, without SSH: it crashes during one of its commands, and boots again.

A line that drops leaves the command running to its end, and the shell that holds the lock removes
it. Of a host that dies nothing goes on: what was done is done, and the lock stays.
"""

from __future__ import annotations

import contextlib
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

from libcloud_ovm3.errors import OutcomeUnknown
from libcloud_ovm3.installer import SSHConnection, payload
from libcloud_ovm3.installer.ssh import CommandResult, Kind


class DyingHost(SSHConnection):
    """A connection to it.

    :param at: the index of the command during which it crashes; None: it does not.
    :param part: how much of that command is done, from 0 to 1.
    :ivar commands: the commands that it received.
    """

    def __init__(self, at: int | None = None, part: float = 1.0) -> None:
        self.host = "dom0"
        self.commands: list[str] = []
        self._at, self._part = at, part
        self._dead = False
        self._holder: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """Nothing is open."""

    def run(self, command: str, limit: float = 60) -> CommandResult:
        lines = command.split("\n")
        dies = self._dies(command)
        script = "\n".join(lines[: int(len(lines) * self._part)] if dies else lines)
        done = subprocess.run(
            ["sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit,
            check=False,
        )
        if dies:
            self._die()
        return CommandResult(done.returncode, done.stdout.decode("utf-8", "replace"))

    @contextlib.contextmanager
    def running(self, command: str, limit: float = 60) -> Iterator[str]:
        dies = self._dies(command)
        with subprocess.Popen(
            ["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as self._holder:
            assert self._holder.stdout is not None
            first = self._holder.stdout.readline().decode().strip()
            if dies:
                self._die()
            yield first

    def write(self, path: str, content: bytes) -> None:
        dies = self._dies(f"write {path}")
        Path(path).write_bytes(content[: int(len(content) * self._part)] if dies else content)
        if dies:
            self._die()

    def read(self, path: str, last: int | None = None) -> bytes | None:
        try:
            content = Path(path).read_bytes()
        except FileNotFoundError:
            return None
        return content[-last:] if last else content

    def kind(self, path: str) -> Kind | None:
        found = Path(path)
        if found.is_symlink():
            return "link"
        if not found.exists():
            return None
        return "directory" if found.is_dir() else "file"

    def names(self, path: str) -> list[str]:
        return sorted(entry.name for entry in Path(path).glob("*"))

    def _dies(self, what: str) -> bool:
        if self._dead:
            raise OutcomeUnknown("dom0 is dead")
        self.commands.append(what)
        return len(self.commands) - 1 == self._at

    def _die(self) -> None:
        self._dead = True
        if self._holder is not None:
            self._holder.kill()
            self._holder.wait()
        raise OutcomeUnknown("dom0 has died")


def boot(site: Path) -> None:
    """Rename locks, as those of an earlier boot have another boot id."""
    for lock in (site / payload.FOLDER).glob("lock-*"):
        lock.rename(lock.with_name(f"lock-{uuid.uuid4()}"))
