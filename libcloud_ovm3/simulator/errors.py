"""What goes wrong: faults that a client receives, and mistakes in the use of the simulator."""

from __future__ import annotations


class SimulatorError(Exception):
    """The simulator cannot do what was asked of it (bad argument, root of another version, ...)."""


class Stopped(Exception):
    """The simulator or the host ends while a call waits: the connection is closed unanswered."""


class AgentFault(Exception):
    """A fault as the agent answers it.

    :param kind: the exception's module and class, e.g. ``exceptions.OSError``
    :param text: what stands after the colon
    """

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


def plain_fault(text: str) -> AgentFault:
    """A fault of Python's plain ``Exception``, which most of the agent's own are."""
    return AgentFault("exceptions.Exception", text)


def os_fault(number: int, words: str, path: str) -> AgentFault:
    """An ``OSError`` in Python 2's words, e.g. ``[Errno 17] File exists: '/x'``."""
    return AgentFault("exceptions.OSError", f"[Errno {number}] {words}: '{path}'")


def command_fault(command: list[str], status: int, stderr: str) -> AgentFault:
    """A shell command of the agent's that failed (form: agent-behaviour.md 2, xend.md 7)."""
    text = f"Command: {command!r} failed ({status}): stderr: {stderr}"
    return AgentFault("exceptions.RuntimeError", text)
