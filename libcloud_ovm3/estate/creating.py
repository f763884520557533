"""The description of a VM while it is being created, which says so to everybody. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_MARK = re.compile(r"creating [0-9a-f]{32}(?: ([^/]+))?")
_SIZED = re.compile(r"(.+) \(([0-9]{1,18}) bytes\)")  # one of its files, and its source's size
_BETWEEN = ", "  # the names of files in it; none has this (plan_vm.py)


def creating(operation: str, disks: Mapping[str, int]) -> str:
    """The description of a VM while it is being created (design.md, rule 2).

    :param operation: The id of the creating operation, 32 hex digits.
    :param disks: The names of the files that will be its disks, and of each the size in bytes of
        what it is a copy of; 0: of nothing.
    """
    texts = [f"{name} ({size} bytes)" if size else name for name, size in disks.items()]
    return f"creating {operation} {_BETWEEN.join(texts)}".rstrip()


def is_creating_mark(description: str) -> bool:
    """Whether a description begins as that of a VM that is being created."""
    return bool(re.match("creating [0-9a-f]{32}", description.strip()))


def disks_in(description: str) -> dict[str, int] | None:
    """What :func:`creating` was given; None: it is not the description of such a VM."""
    mark = _MARK.fullmatch(description)
    if mark is None:
        return None
    disks = {}
    for text in mark[1].split(_BETWEEN) if mark[1] else ():
        sized = _SIZED.fullmatch(text)
        disks[sized[1] if sized else text] = int(sized[2]) if sized else 0
    return disks
