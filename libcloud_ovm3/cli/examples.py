"""The examples at the end of every help; ``tests/cli/test_examples.py`` runs each of them."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """Return an epilog of a command that click does not rewrap."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
