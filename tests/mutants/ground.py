"""A host of plain directories, for what is tried on a mutated copy of our own files.

Imported in a process of its own only (see :mod:`.run`): ``libcloud_ovm3_host`` is the copy.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import Binary

REPOSITORY = "/OVS/Repositories/" + "0a" * 16
SHARE = "/nfsmnt/0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e"
CLIENT = "tester"


def operation(number: int = 1) -> str:
    return f"{number:032x}"


class Ground:
    """A host below a temporary directory: one repository, one share, and a file outside of both."""

    def __init__(self, root: Path) -> None:
        from libcloud_ovm3_host import dom0, services

        self.root = root
        self.repository = root / REPOSITORY[1:]
        self.share = root / SHARE[1:]
        self.outside = root / "etc"
        for folder in (self.repository, self.share, self.outside, root / "proc"):
            folder.mkdir(parents=True)
        boot_id = root / "proc/sys/kernel/random/boot_id"
        boot_id.parent.mkdir(parents=True)
        boot_id.write_text("a boot\n")
        self.secret = self.outside / "secret"
        self.secret.write_text("canary")
        self.mount(REPOSITORY, SHARE)
        self.dom0 = dom0.Dom0(str(root))
        self.said: list[str] = []
        self.dom0.log = self.said.append
        self.services: dict[str, Callable[..., Any]] = services.table(self.dom0)

    def mount(self, *points: str) -> None:
        lines = [f"nfs:/export {point} nfs rw 0 0\n" for point in points]
        (self.root / "proc/mounts").write_text("".join(lines))

    def call(self, function: str, *arguments: Any) -> Any:
        """A function of the module, as the agent calls it."""
        return self.services["libcloud_" + function](*arguments)

    def write(self, function: str, *arguments: Any, by: int = 1) -> Any:
        """One that writes, with the number of its operation."""
        return self.call(function, CLIENT, operation(by), *arguments)

    def write_by(self, by: int, function: str, *arguments: Any) -> Any:
        """The same, with the number first."""
        return self.write(function, *arguments, by=by)

    def in_this_process(self) -> None:
        """Call the functions here, where the behaviour has put something of its own in."""
        self.dom0.within = lambda seconds, function, *arguments: function(*arguments)

    def refused(self, kind: str, function: str, *arguments: Any) -> str:
        """The text of the error of that kind which the function must raise."""
        return fails(kind, self.call, function, *arguments)

    def write_refused(self, kind: str, function: str, *arguments: Any, by: int = 1) -> str:
        return fails(kind, self.write, function, *arguments, by=by)


def fails(kind: str, action: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    from libcloud_ovm3_host import errors

    expected: type[Exception] = getattr(errors, kind)
    try:
        answer = action(*arguments, **named)
    except expected as problem:
        return str(problem)
    except Exception as problem:
        raise AssertionError(f"expected {kind}, got {problem!r}") from problem
    raise AssertionError(f"expected {kind}, got {answer!r}")


def answers(action: Callable[..., Any], *arguments: Any) -> Any:
    """What it answers; it must not fail."""
    try:
        return action(*arguments)
    except Exception as problem:
        raise AssertionError(f"failed: {problem!r}") from problem


def binary(data: bytes | str) -> Binary:
    return Binary(data.encode() if isinstance(data, str) else data)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)
