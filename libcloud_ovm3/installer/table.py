"""Adds two lines to the agent's table of modules, ``agent/target/api.py``, and removes them. Pure.

Only if it has the known structure (agent-behaviour 15.2): one ``MODULES = [`` with one
``module.Class,`` per line, after the imports. An older integration's installer adds to every line
that contains ``import common`` and after every line that contains ``MODULES``; our lines contain
neither, so whatever it does later is not affected by them.
"""

from __future__ import annotations

import ast
import re
from typing import Literal

from libcloud_ovm3.errors import UnexpectedFileContent
from libcloud_ovm3.installer.lines import MARK, Line, find_mentions, format_lines, join, split

IMPORT = b"from agent.api import libcloud_ovm3" + MARK
ELEMENT = b"libcloud_ovm3.LibcloudOvm3," + MARK
_CLASS = "libcloud_ovm3.LibcloudOvm3"

_TABLE = re.compile(rb"\bMODULES\b")
_OPENING = re.compile(rb"MODULES[ \t]*=[ \t]*\[[ \t]*(#.*)?")
_CLOSING = re.compile(rb"[ \t]*\][ \t]*(#.*)?")
_ENTRY = re.compile(rb"([ \t]*)[A-Za-z_]\w*(\.[A-Za-z_]\w*)+[ \t]*,?[ \t]*(#.*)?")
_NOTHING = re.compile(rb"[ \t]*(#.*)?")
_INDENT = re.compile(rb"[ \t]*")

State = Literal["registered", "unregistered", "partial"]


def state(content: bytes) -> State:
    """Return whether our two lines are in the table."""
    lines = split(content)
    ours = [line.text.lstrip(b" \t") for line in lines if _is_ours(line)]
    if not ours:
        return "unregistered"
    return "registered" if sorted(ours) == sorted([IMPORT, ELEMENT]) else "partial"


def register(file: str, content: bytes) -> bytes:
    """Return the table with the module; the same bytes if it is registered already.

    :param file: the file's name, for errors.
    :raises UnexpectedFileContent: its structure is unknown; the text shows what was found.
    """
    lines = split(content)
    if state(content) == "partial":
        lines = [line for line in lines if not _is_ours(line)]
    _refuse_other_mentions(file, lines)
    opening, closing = _bounds(file, lines)
    before = _entries(file, lines, closing)
    if state(content) == "registered":
        if _CLASS not in before:
            raise _refusal(
                file, "the installer's line is outside the table", lines, find_mentions(lines)
            )
        return content
    end = lines[opening].end
    ours = Line(_indent(lines[opening + 1 : closing]) + ELEMENT, end)
    lines[opening + 1 : opening + 1] = [ours]
    lines[opening:opening] = [Line(IMPORT, end)]
    after = _entries(file, lines, closing + 2)
    if after != [_CLASS, *before]:
        raise _refusal(
            file,
            "the installer's line would not have the intended effect",
            lines,
            list(range(len(lines))),
        )
    return join(lines)


def unregister(file: str, content: bytes) -> bytes:
    """Return the table without the module; everything else is unchanged.

    :raises UnexpectedFileContent: another line of the file refers to the module.
    """
    lines = [line for line in split(content) if not _is_ours(line)]
    _refuse_other_mentions(file, lines)
    return join(lines)


def _is_ours(line: Line) -> bool:
    return line.text.lstrip(b" \t") in (IMPORT, ELEMENT)


def _bounds(file: str, lines: list[Line]) -> tuple[int, int]:
    """Return the lines that open and close the table. Only entries and comments are between."""
    named = [
        number
        for number, line in enumerate(lines)
        if _TABLE.search(line.text) and not line.text.lstrip().startswith(b"#")
    ]
    if len(named) != 1 or not _OPENING.fullmatch(lines[named[0]].text):
        raise _refusal(file, "expected exactly one line MODULES = [", lines, named)
    opening = named[0]
    for number in range(opening + 1, len(lines)):
        text = lines[number].text
        if _CLOSING.fullmatch(text):
            return opening, number
        if not (_NOTHING.fullmatch(text) or _ENTRY.fullmatch(text)):
            raise _refusal(file, "expected one module.Class per line", lines, [opening, number])
    raise _refusal(file, "the table has no end", lines, [opening])


def _entries(file: str, lines: list[Line], closing: int) -> list[str]:
    """Return the table's entries, as Python parses the file up to the table's end.

    What follows is Python 2, which Python 3 may not be able to parse.
    """
    for number, line in enumerate(lines[: closing + 1]):
        if b"\r" in line.text:
            raise _refusal(file, "a carriage return inside a line", lines, [number])
    try:
        tree = ast.parse(join(lines[: closing + 1]))
    except (SyntaxError, ValueError) as error:
        number = (getattr(error, "lineno", None) or 1) - 1
        found = [number] if number < len(lines) else []
        raise _refusal(file, f"{error}", lines, found) from None
    last = tree.body[-1] if tree.body else None
    if (
        not isinstance(last, ast.Assign)
        or not isinstance(last.value, ast.List)
        or [ast.unparse(target) for target in last.targets] != ["MODULES"]
    ):
        raise _refusal(file, "the table is not a statement by itself", lines, [closing])
    return [ast.unparse(element) for element in last.value.elts]


def _indent(inside: list[Line]) -> bytes:
    """Return the indentation of the other entries."""
    for line in inside:
        if _ENTRY.fullmatch(line.text):
            match = _INDENT.match(line.text)
            return match[0] if match else b""
    return b"    "


def _refuse_other_mentions(file: str, lines: list[Line]) -> None:
    others = [number for number in find_mentions(lines) if not _is_ours(lines[number])]
    if others:
        raise _refusal(file, "another line refers to the host module", lines, others)


def _refusal(file: str, why: str, lines: list[Line], numbers: list[int]) -> UnexpectedFileContent:
    return UnexpectedFileContent(
        f"{file}: not changed, because its structure is unknown ({why}). "
        f"Found:\n{format_lines(lines, numbers) or '  no such line'}"
    )
