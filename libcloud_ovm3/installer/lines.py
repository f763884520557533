"""Lines of a file as bytes, each with its own ending, and markers on those that we added. Pure.

Splitting and joining restore the same bytes, whatever the file's line endings are, and whether or
not its last line has one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from libcloud_ovm3.errors import UnexpectedFileContent

NAME = b"libcloud_ovm3"
MARK = b"  # libcloud-ovm3"  # at the end of a line that we added
# The line before one that we changed; what follows "was: " is the original line.
_MARKED = re.compile(rb"# libcloud-ovm3(?:, set to ([^,]*))?, was: (.*)", re.DOTALL)
_NAMED = re.compile(rb"\blibcloud_ovm3\b")


class Line(NamedTuple):
    """A line without its ending, and the ending: LF, CRLF; at the file's end CR, or nothing."""

    text: bytes
    end: bytes


def split(content: bytes) -> list[Line]:
    """Return all lines. A lone CR ends a line only at the end of the file, as for a shell."""
    lines = []
    for whole in re.findall(rb"[^\n]*\n|[^\n]+", content):
        text = whole.rstrip(b"\n")
        end = whole[len(text) :]
        if text.endswith(b"\r"):
            text, end = text[:-1], b"\r" + end
        lines.append(Line(text, end))
    return lines


def join(lines: list[Line]) -> bytes:
    """Return the bytes that :func:`split` has split."""
    return b"".join(line.text + line.end for line in lines)


def format_lines(lines: list[Line], numbers: list[int]) -> str:
    """Return lines for an error message, with their numbers (``numbers`` count from 0).

    Unprintable characters are escaped: one of them may be the fault in the line.
    """
    return "\n".join(
        f"  {number + 1}: {_printable(lines[number].text[:200])}" for number in numbers
    )


def _printable(text: bytes) -> str:
    decoded = text.decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in decoded)


def find_mentions(lines: list[Line]) -> list[int]:
    """Return the numbers of the lines that mention the module's name."""
    return [number for number, line in enumerate(lines) if _NAMED.search(line.text)]


def replace(file: str, lines: list[Line], number: int, new: bytes, note: bytes = b"") -> list[Line]:
    """Replace one line, and insert a marker line before it that contains the original.

    :param new: the line's new text.
    :param note: what :func:`restore` needs besides the old text, without a comma.
    :raises UnexpectedFileContent: the line continues another one, so nothing may be put between
        them.
    """
    old = lines[number]
    if number and _continues(lines[number - 1].text):
        raise UnexpectedFileContent(
            f"{file}: unknown structure: the line to change continues another one:\n"
            f"{format_lines(lines, [number - 1, number])}"
        )
    noted = b", set to " + note if note else b""
    mark = Line(b"# libcloud-ovm3" + noted + b", was: " + old.text, _whole_end(old, lines))
    return [*lines[:number], mark, Line(new, old.end), *lines[number + 1 :]]


def restore(lines: list[Line], change: Callable[[bytes, bytes], bytes | None]) -> list[Line]:
    """Restore the original lines where ours still follow their markers.

    A line that somebody has changed since remains: only the marker before it is removed.

    :param change: (old text, note) -> the line that we had put there; None: leave marker and line
        alone.
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
    """Return an ending after which another line may follow; a CR of the text is kept."""
    if line.end.endswith(b"\n"):
        return line.end
    return b"\r\n" if line.text.endswith(b"\r") else _usual_end(lines)


def append(file: str, lines: list[Line], text: bytes) -> list[Line]:
    """Append a marked line at the end of the file.

    :raises UnexpectedFileContent: the last line ends in a backslash, and would continue in it.
    """
    if lines and _continues(lines[-1].text):
        raise UnexpectedFileContent(
            f"{file}: the last line ends in a backslash:\n{format_lines(lines, [len(lines) - 1])}"
        )
    end = _usual_end(lines)
    if not lines or lines[-1].end.endswith(b"\n"):
        return [*lines, Line(text + MARK, end)]
    last = lines[-1]
    ended = Line(last.text, b"\r\n" if last.end else end)
    return [*lines[:-1], ended, Line(text + MARK + _NOTES[last.end], end)]


# What was there instead of a last newline, for restoring it.
_NOTES = {b"": b", no newline before", b"\r": b", no newline after the CR before"}


def remove_line(lines: list[Line], text: bytes) -> list[Line]:
    """Remove the line that :func:`append` added, and restore the last line's ending."""
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
