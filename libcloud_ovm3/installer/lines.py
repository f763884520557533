"""Lines of a file as bytes, each with its own ending, and our mark on those that are ours. Pure.

Splitting and joining give back the same bytes, whatever the file's line endings are, and whether or
not its last line has one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from libcloud_ovm3.errors import UnexpectedFileContent

NAME = b"libcloud_ovm3"
MARK = b"  # libcloud-ovm3"  # at the end of a line that we added
# The line before one that we changed; what follows "was: " stood where now ours stands.
_MARKED = re.compile(rb"# libcloud-ovm3(?:, set to ([^,]*))?, was: (.*)", re.DOTALL)
_NAMED = re.compile(rb"\blibcloud_ovm3\b")


class Line(NamedTuple):
    """A line without its ending, and the ending: LF, CRLF; at the file's end CR, or nothing."""

    text: bytes
    end: bytes


def split(content: bytes) -> list[Line]:
    """All lines. A CR alone ends none, as for a shell, but the file."""
    lines = []
    for whole in re.findall(rb"[^\n]*\n|[^\n]+", content):
        text = whole.rstrip(b"\n")
        end = whole[len(text) :]
        if text.endswith(b"\r"):
            text, end = text[:-1], b"\r" + end
        lines.append(Line(text, end))
    return lines


def join(lines: list[Line]) -> bytes:
    """What :func:`split` took apart."""
    return b"".join(line.text + line.end for line in lines)


def shown(lines: list[Line], numbers: list[int]) -> str:
    """Lines for an error, with their numbers (``numbers`` count from 0).

    What is no letter is written as Python writes it: one may be what is wrong with the line.
    """
    return "\n".join(
        f"  {number + 1}: {_printable(lines[number].text[:200])}" for number in numbers
    )


def _printable(text: bytes) -> str:
    xend_state = text.decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in xend_state)


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
        raise UnexpectedFileContent(
            f"{file}: the line to change continues another one, which is not the structure that "
            f"is known:\n{shown(lines, [number - 1, number])}"
        )
    noted = b", set to " + note if note else b""
    mark = Line(b"# libcloud-ovm3" + noted + b", was: " + old.text, _whole_end(old, lines))
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
    return next((line.end for line in lines if line.end.endswith(b"\n")), b"\n")


def _whole_end(line: Line, lines: list[Line]) -> bytes:
    """With which another line may follow, and a CR in the text stays in the text."""
    if line.end.endswith(b"\n"):
        return line.end
    return b"\r\n" if line.text.endswith(b"\r") else _usual_end(lines)


def append(file: str, lines: list[Line], text: bytes) -> list[Line]:
    """A marked line at the end of the file.

    :raises Refused: the last line ends in a backslash, and would swallow it.
    """
    if lines and _continues(lines[-1].text):
        raise UnexpectedFileContent(
            f"{file}: the last line ends in a backslash:\n{shown(lines, [len(lines) - 1])}"
        )
    end = _usual_end(lines)
    if not lines or lines[-1].end.endswith(b"\n"):
        return [*lines, Line(text + MARK, end)]
    last = lines[-1]
    ended = Line(last.text, b"\r\n" if last.end else end)
    return [*lines[:-1], ended, Line(text + MARK + _NOTES[last.end], end)]


# What was there in the place of a last newline, for the way back.
_NOTES = {b"": b", no newline before", b"\r": b", no newline after the CR before"}


def take_out(lines: list[Line], text: bytes) -> list[Line]:
    """Without the line that :func:`append` made, and the last line's ending as it was."""
    found: list[Line] = []
    for number, line in enumerate(lines):
        if line.text == text + MARK:
            continue
        ends = [end for end, note in _NOTES.items() if line.text == text + MARK + note]
        if not ends:
            found.append(line)
        elif number == len(lines) - 1 and found:
            found[-1] = Line(found[-1].text, ends[0])
    return found
