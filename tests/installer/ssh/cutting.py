"""An SSH connection that is lost at one of its operations: during it, or after it.

Before one is after the one that came before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

from libcloud_ovm3.installer import SSHConnection
from libcloud_ovm3.installer.ssh import CommandResult

Mode = Literal["during", "after"]


class CutSsh(SSHConnection):
    """The same connection, closed permanently at the ``at``-th operation that may change something.

    Reads change nothing, so a cut at one is a cut after what came before it.
    """

    def __init__(self, line: SSHConnection, at: int | None, mode: Mode) -> None:
        super().__init__(line._client, line.host)
        self.line = line
        self.at, self.mode = at, mode
        self.done: list[str] = []

    def run(self, command: str, limit: float = 60) -> CommandResult:
        if self._cuts(command) and self.mode == "during":
            self._open_channel(command)  # the host has it, and we do not wait for the end
            self.close()
        ran = super().run(command, limit)
        self._cut_after()
        return ran

    @contextlib.contextmanager
    def running(self, command: str, limit: float = 60) -> Iterator[str]:
        self._cuts(command)
        with super().running(command, limit) as said:
            self._cut_after()
            yield said

    def write(self, path: str, content: bytes) -> None:
        if self._cuts(f"write {path}") and self.mode == "during":
            super().write(path, content[: len(content) // 2])
            self.close()
        super().write(path, content)
        self._cut_after()

    def _cuts(self, what: str) -> bool:
        self.done.append(what)
        return len(self.done) - 1 == self.at

    def _cut_after(self) -> None:
        if len(self.done) - 1 == self.at and self.mode == "after":
            self.close()


def worth_cutting(done: list[str]) -> list[int]:
    """Return where to cut: of many files written in a row the first, another one, and the last."""
    places = []
    for number, what in enumerate(done):
        neighbours = done[max(0, number - 1) : number + 2]
        is_inside = all(w.startswith("write ") for w in [what, *neighbours]) and len(neighbours) > 2
        if not is_inside or number == len(done) // 4:
            places.append(number)
    return places
