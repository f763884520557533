"""Names of files in texts that nobody understands: rather one too many than one too few. Pure.

Whoever deletes a file must know of everyone who may mean it, so whatever could be a name is taken
for one: every part of a path, with and without what stands before or behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_ENDS = re.compile(r"""[\s,;:=|'"()\[\]{}<>]+""")
_MOST_CUTS = 64  # in one part of a path; beyond that only whole words count


def text_of(path: str | bytes) -> str:
    """A path for messages and comparisons: bytes that are no UTF-8 stay as escapes."""
    return path if isinstance(path, str) else path.decode("utf-8", "backslashreplace")


def all_texts(value: Any) -> Iterator[str]:
    """Every text anywhere in a value: in lists and structs, and the keys of structs."""
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
    """The names, without folders, of all files that a value may mean, wherever it does."""
    found: set[str] = set()
    for text in all_texts(value):
        for part in text.split("/"):
            found |= _names_in_part(part)
    return frozenset(found - {"", ".", ".."})


def _names_in_part(part: str) -> set[str]:
    """A part of a path, and what is left of it where words and marks are cut off its ends."""
    breaks = list(_ENDS.finditer(part))
    if not breaks:
        return {part}
    # A name may itself hold blanks and commas, and may begin or end in some.
    cuts = [cut for found in breaks for cut in range(found.start(), found.end() + 1)]
    if len(cuts) > _MOST_CUTS:
        starts = [0] + [found.end() for found in breaks]
        ends = [found.start() for found in breaks] + [len(part)]
        return {part, *(part[start:end] for start, end in zip(starts, ends, strict=True))}
    return {part[start:end] for start in (0, *cuts) for end in (*cuts, len(part)) if start < end}
