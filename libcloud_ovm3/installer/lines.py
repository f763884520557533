"""Lines of a file as bytes, each with its own ending, and our mark on those that are ours. Pure.

Splitting and joining give back the same bytes, whatever the file's line endings are, and whether or
not its last line has one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from libcloud_ovm3.errors import RefusedLines

NAME = b"libcloud_ovm3"
MARK = b"  # libcloud-ovm3"  # at the end of a line that we added
# The line before one that we changed; what follows "was: " stood where now ours stands.
_MARKED = re.compile(rb"# libcloud-ovm3(?:, set to ([^,]*))?, was: (.*)", re.DOTALL)
_NAMED = re.compile(rb"\blibcloud_ovm3\b")


class Line(NamedTuple):
    """A line without its ending, and the ending: LF, CRLF, or nothing at the file's end."""

    text: bytes
    end: bytes


def split(content: bytes) -> list[Line]:
    """All lines. A CR alone ends none, as for a shell."""
    lines = []
    for whole in re.findall(rb"[^\n]*\n|[^\n]+", content):
        text = whole.rstrip(b"\n")
        end = whole[len(text) :]
        if end and text.endswith(b"\r"):
            text, end = text[:-1], b"\r" + end
        lines.append(Line(text, end))
    return lines


def join(lines: list[Line]) -> bytes:
    """What :func:`split` took apart."""
    return b"".join(line.text + line.end for line in lines)


def shown(lines: list[Line], numbers: list[int]) -> str:
    """Lines for an error, with their numbers (``numbers`` count from 0)."""
    return "\n".join(
        f"  {number + 1}: {lines[number].text.decode('utf-8', 'replace')[:200]}"
        for number in numbers
    )


def naming_us(lines: list[Line]) -> list[int]:
    """Where our module's name stands."""
    return [number for number, line in enumerate(lines) if _NAMED.search(line.text)]


def replace(file: str, lines: list[Line], number: int, new: bytes, note: bytes = b"") -> list[Line]:
    """One line changed, with a line before it that says what it was.

    :param new: the line's new text.
    :param note: what :func:`restore` has to know besides the old text; no comma in it.
    :raises Refused: the line continues another one, so nothing may be put between them.
    """
    old = lines[number]
    if number and _continues(lines[number - 1].text):
        raise RefusedLines(
            f"{file}: the line to change continues another one, which is not the structure that "
            f"is known:\n{shown(lines, [number - 1, number])}"
        )
    noted = b", set to " + note if note else b""
    mark = Line(b"# libcloud-ovm3" + noted + b", was: " + old.text, old.end or _usual_end(lines))
    return [*lines[:number], mark, Line(new, old.end), *lines[number + 1 :]]


def restore(lines: list[Line], change: Callable[[bytes, bytes], bytes | None]) -> list[Line]:
    """The old lines again where ours still stand after their marks.

    A line that somebody has changed since stays as it is: only the mark before it goes.

    :param change: (old text, note) -> what we had made of it; None: leave mark and line alone.
    """
    found: list[Line] = []
    mark: Line | None = None
    for line in lines:
        if mark is not None:
            found += _unmarked(mark, line, change)
            mark = None
        elif _MARKED.fullmatch(line.text):
            mark = line
        else:
            found.append(line)
    return found + ([mark] if mark is not None and _is_kept(mark, change) else [])


def _unmarked(mark: Line, line: Line, change: Callable[[bytes, bytes], bytes | None]) -> list[Line]:
    note, old = _of_mark(mark)
    ours = change(old, note)
    if ours is None:
        return [mark, line]
    return [Line(old, line.end) if ours == line.text else line]


def _is_kept(mark: Line, change: Callable[[bytes, bytes], bytes | None]) -> bool:
    note, old = _of_mark(mark)
    return change(old, note) is None


def _of_mark(mark: Line) -> tuple[bytes, bytes]:
    match = _MARKED.fullmatch(mark.text)
    return (match[1] or b"", match[2]) if match else (b"", b"")


def _continues(text: bytes) -> bool:
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1


def _usual_end(lines: list[Line]) -> bytes:
    return next((line.end for line in lines if line.end), b"\n")


def append(file: str, lines: list[Line], text: bytes) -> list[Line]:
    """A marked line at the end of the file.

    :raises Refused: the last line ends in a backslash, and would swallow it.
    """
    if lines and _continues(lines[-1].text):
        raise RefusedLines(
            f"{file}: the last line ends in a backslash:\n{shown(lines, [len(lines) - 1])}"
        )
    end = _usual_end(lines)
    if not lines or lines[-1].end:
        return [*lines, Line(text + MARK, end)]
    return [*lines[:-1], Line(lines[-1].text, end), Line(text + MARK + _NO_END, end)]


_NO_END = b", no newline before"


def take_out(lines: list[Line], text: bytes) -> list[Line]:
    """Without the line that :func:`append` made, and the last line's ending as it was."""
    found: list[Line] = []
    for number, line in enumerate(lines):
        if line.text == text + MARK:
            continue
        if line.text == text + MARK + _NO_END:
            if number == len(lines) - 1 and found:
                found[-1] = Line(found[-1].text, b"")
            continue
        found.append(line)
    return found
