"""The agent's two ways of writing a uuid (agent-behaviour 3). Pure."""

from __future__ import annotations

import re

_HEX = re.compile("[0-9a-f]{32}")


def dashed(text: object) -> str | None:
    """``0004FB00…`` or ``0004fb00-0006-…`` as dashed lower case; None if it is not a uuid."""
    digits = str(text).strip().lower().replace("-", "")
    if not _HEX.fullmatch(digits):
        return None
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def undashed(text: object) -> str | None:
    """The same as 32 lower-case hex digits (repositories, Manager-made directories)."""
    digits = str(text).strip().lower().replace("-", "").replace(":", "")
    return digits if _HEX.fullmatch(digits) else None


def if_no_id(text: object) -> str:
    """What an error adds where an id was expected and this is none of any kind: people give names.

    :return: "" for a uuid, and for a path in a repository.
    """
    return "" if undashed(text) or "/" in str(text) else " (expected an id, not a name)"
