"""One result of ``ovm3 doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    :ivar level: ``ok``; ``note``: no problem, but good to know; ``warning``; ``error``: something
        cannot be used, or data is in danger.
    :ivar about: the subject, in one or two words.
    :ivar found: what was found.
    :ivar means: the consequence; "" where it is obvious.
    :ivar advice: what to do; "" if nothing.
    """

    level: Level
    about: str
    found: str
    means: str = ""
    advice: str = ""


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Return whether there is neither a warning nor an error."""
    return all(finding.level in ("ok", "note") for finding in findings)
