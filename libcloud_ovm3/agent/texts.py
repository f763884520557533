"""File names in texts of unknown syntax: better one too many than one too few. Pure.

Before a file is deleted, everything that may refer to it must be known. So everything that could be
a name counts as one: every part of a path, with and without the characters before and after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_ENDS = re.compile(r"""[\s,;:=|'"()\[\]{}<>]+""")
_MOST_CUTS = 64  # in one part of a path; with more of them only whole words count


def text_of(path: str | bytes) -> str:
    """A path for messages and comparisons; bytes that are not UTF-8 become escapes."""
    return path if isinstance(path, str) else path.decode("utf-8", "backslashreplace")


def all_texts(value: Any) -> Iterator[str]:
    """Every text in a value: in lists and structs, including the keys of structs."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "surrogateescape")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from all_texts(key)
            yield from all_texts(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from all_texts(one)


def names_in(value: Any) -> frozenset[str]:
    """The names, without folders, of all files that any part of a value may refer to."""
    found: set[str] = set()
    for text in all_texts(value):
        for part in text.split("/"):
            found |= _names_in_part(part)
    return frozenset(found - {"", ".", ".."})


def _names_in_part(part: str) -> set[str]:
    """A part of a path, and what remains of it without words and marks at its ends."""
    breaks = list(_ENDS.finditer(part))
    if not breaks:
        return {part}
    # A name may contain blanks and commas, also at its ends.
    cuts = [cut for found in breaks for cut in range(found.start(), found.end() + 1)]
    if len(cuts) > _MOST_CUTS:
        starts = [0] + [found.end() for found in breaks]
        ends = [found.start() for found in breaks] + [len(part)]
        return {part, *(part[start:end] for start, end in zip(starts, ends, strict=True))}
    return {part[start:end] for start in (0, *cuts) for end in (*cuts, len(part)) if start < end}
