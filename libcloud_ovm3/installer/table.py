"""``agent/target/api.py``, the agent's table of modules: our two lines into it and out of it. Pure.

Only where its structure is the one that is known (agent-behaviour 15.2): one ``MODULES = [`` with
one ``module.Class,`` a line, after the imports. An older integration's installer adds to every line
that contains ``import common`` and after every line that contains ``MODULES``; ours contain
neither, so whatever it does later, it does as if we were not there.
"""

from __future__ import annotations

import ast
import re
from typing import Literal

from libcloud_ovm3.errors import UnexpectedFileContent
from libcloud_ovm3.installer.lines import MARK, Line, join, naming_us, shown, split

IMPORT = b"from agent.api import libcloud_ovm3" + MARK
ELEMENT = b"libcloud_ovm3.LibcloudOvm3," + MARK
_CLASS = "libcloud_ovm3.LibcloudOvm3"

_TABLE = re.compile(rb"\bMODULES\b")
_OPENING = re.compile(rb"MODULES[ \t]*=[ \t]*\[[ \t]*(#.*)?")
_CLOSING = re.compile(rb"[ \t]*\][ \t]*(#.*)?")
_ENTRY = re.compile(rb"([ \t]*)[A-Za-z_]\w*(\.[A-Za-z_]\w*)+[ \t]*,?[ \t]*(#.*)?")
_NOTHING = re.compile(rb"[ \t]*(#.*)?")
_INDENT = re.compile(rb"[ \t]*")

State = Literal["in", "out", "half"]


def state(content: bytes) -> State:
    """Whether our two lines stand in the table."""
    lines = split(content)
    ours = [line.text.lstrip(b" \t") for line in lines if _is_ours(line)]
    if not ours:
        return "out"
    return "in" if sorted(ours) == sorted([IMPORT, ELEMENT]) else "half"


def put_in(file: str, content: bytes) -> bytes:
    """The table with our module; the same bytes if it is there already.

    :param file: its name, for errors.
    :raises UnexpectedFileContent: not the known structure; the text shows what was found.
    """
    lines = split(content)
    if state(content) == "half":
        lines = [line for line in lines if not _is_ours(line)]
    _refuse_other_mentions(file, lines)
    opening, closing = _bounds(file, lines)
    before = _entries(file, lines, closing)
    if state(content) == "in":
        if _CLASS not in before:
            raise _refusal(file, "our line stands outside the table", lines, naming_us(lines))
        return content
    end = lines[opening].end
    ours = Line(_indent(lines[opening + 1 : closing]) + ELEMENT, end)
    lines[opening + 1 : opening + 1] = [ours]
    lines[opening:opening] = [Line(IMPORT, end)]
    after = _entries(file, lines, closing + 2)
    if after != [_CLASS, *before]:
        raise _refusal(file, "our line would not do what it should", lines, list(range(len(lines))))
    return join(lines)


def take_out(file: str, content: bytes) -> bytes:
    """The table without our module, everything else left as it is now.

    :raises UnexpectedFileContent: something else in the file names our module, so it cannot go.
    """
    lines = [line for line in split(content) if not _is_ours(line)]
    _refuse_other_mentions(file, lines)
    return join(lines)


def _is_ours(line: Line) -> bool:
    return line.text.lstrip(b" \t") in (IMPORT, ELEMENT)


def _bounds(file: str, lines: list[Line]) -> tuple[int, int]:
    """Where the table opens and closes. Everything in between is blank, a comment or an entry."""
    named = [
        number
        for number, line in enumerate(lines)
        if _TABLE.search(line.text) and not line.text.lstrip().startswith(b"#")
    ]
    if len(named) != 1 or not _OPENING.fullmatch(lines[named[0]].text):
        raise _refusal(file, "not one line MODULES = [", lines, named)
    opening = named[0]
    for number in range(opening + 1, len(lines)):
        text = lines[number].text
        if _CLOSING.fullmatch(text):
            return opening, number
        if not (_NOTHING.fullmatch(text) or _ENTRY.fullmatch(text)):
            raise _refusal(file, "not one module.Class a line", lines, [opening, number])
    raise _refusal(file, "the table does not end", lines, [opening])


def _entries(file: str, lines: list[Line], closing: int) -> list[str]:
    """The table's entries, as Python reads the file up to its end.

    What follows the table is the agent's Python 2, which Python 3 need not understand.
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
        raise _refusal(file, "the table is no statement of its own", lines, [closing])
    return [ast.unparse(element) for element in last.value.elts]


def _indent(inside: list[Line]) -> bytes:
    """As the neighbours have it."""
    for line in inside:
        if _ENTRY.fullmatch(line.text):
            match = _INDENT.match(line.text)
            return match[0] if match else b""
    return b"    "


def _refuse_other_mentions(file: str, lines: list[Line]) -> None:
    others = [number for number in naming_us(lines) if not _is_ours(lines[number])]
    if others:
        raise _refusal(file, "our module is named in a way that is not ours", lines, others)


def _refusal(file: str, why: str, lines: list[Line], numbers: list[int]) -> UnexpectedFileContent:
    return UnexpectedFileContent(
        f"{file}: left as it is, since its structure is not the one that is known ({why}). "
        f"Found:\n{shown(lines, numbers) or '  no such line'}"
    )
