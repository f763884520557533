"""Errors: faults that a client receives, and wrong use of the simulator."""

from __future__ import annotations


class SimulatorError(Exception):
    """The simulator was used wrongly: invalid argument, root of another version, ..."""


class Stopped(Exception):
    """The simulator or the host stops during a call: the connection closes without a response."""


class Killed(BaseException):
    """A process of the host module is killed at this point, by a test's hook or by the loss of
    power. Not an Exception, so that the module cannot catch it.
    """


class AgentFault(Exception):
    """A fault of the agent.

    :param kind: The exception's module and class, e.g. ``exceptions.OSError``.
    :param text: The text after the colon.
    """

    code = 1  # in every sample

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}:{text}")
        self.kind = kind
        self.text = text

    def in_dialect(self, version: str) -> str:
        """The fault string: Python 2.4 prints the bare name, 2.6 ``<type ...>`` or ``<class ...>``.

        Source: agent-behaviour.md 2.
        """
        if version.startswith("3.2"):
            return f"{self.kind}:{self.text}"
        word = "type" if self.kind.startswith("exceptions.") else "class"
        return f"<{word} '{self.kind}'>:{self.text}"


class ForeignFault(AgentFault):
    """A fault of another agent or from a bundle: its text is passed on unchanged."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__("", text)
        self.code = code

    def in_dialect(self, version: str) -> str:
        return self.text


def plain_fault(text: str) -> AgentFault:
    """A fault of Python's plain ``Exception``, as most of the agent's own faults are."""
    return AgentFault("exceptions.Exception", text)


def os_fault(number: int, reason: str, path: str) -> AgentFault:
    """An ``OSError`` in Python 2's words, e.g. ``[Errno 17] File exists: '/x'``."""
    return AgentFault("exceptions.OSError", f"[Errno {number}] {reason}: '{path}'")


def command_fault(command: list[str], status: int, stderr: str) -> AgentFault:
    """The fault for a failed shell command (form: agent-behaviour.md 2, xend.md 7)."""
    text = f"Command: {command!r} failed ({status}): stderr: {stderr}"
    return AgentFault("exceptions.RuntimeError", text)


def count_fault(name: str, given: int, least: int, most: int) -> AgentFault:
    """Python 2's fault for a wrong number of arguments, including self (agent-behaviour.md 2)."""
    word, wanted = "exactly", least + 1
    if least != most:
        word, wanted = ("at least", least + 1) if given < least else ("at most", most + 1)
    plural = "" if wanted == 1 else "s"
    text = f"{name}() takes {word} {wanted} argument{plural} ({given + 1} given)"
    return AgentFault("exceptions.TypeError", text)
