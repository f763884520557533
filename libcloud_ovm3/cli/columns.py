"""Rows under headings on a terminal: no value is cut, and no id is broken over two lines.

If a row is wider than the terminal, its widest value goes on a line of its own below it; if that
does not suffice, each value has its own line, after its heading. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

_GAP = "  "
_HEADING = "bold"
# Only values of these columns are coloured: a VM may have any name. The words say the same.
STATE_COLUMNS = {"state", "status"}
_COLOURS = {
    "green": "ok running",
    "yellow": "creating duplicate migrating password paused pending rebooting stopping suspended "
    "unknown unverified warning",
    "red": "error unreachable",
}
_COLOUR_OF = {word: colour for colour, words in _COLOURS.items() for word in words.split()}


def coloured(word: str) -> Text:
    """Return a level or a state in its colour: green, yellow or red, if it has one."""
    return Text(word, _COLOUR_OF.get(word.strip(), ""))


def lay_out(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[Text]:
    """Return the lines of a table.

    :param rows: Cells of one line each.
    :param width: Of the terminal. A single value that is wider makes a line that is wider.
    """
    widths = _widths(headings, rows)
    if _sum(widths) <= width:
        return _aligned(headings, rows, widths)
    widest = widths.index(max(widths))
    if _sum(_without(widths, widest)) <= width:
        return _with_line_below(headings, rows, widths, widest, width)
    return _one_below_the_other(headings, rows, width)


def fits(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    with_line_below: bool = False,
) -> bool:
    """Return whether each row fits on one line, or with its widest value on a line below."""
    widths = _widths(headings, rows)
    return _sum(_without(widths, widths.index(max(widths))) if with_line_below else widths) <= width


def _widths(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _without(cells: Sequence[int], index: int) -> list[int]:
    return [cell for number, cell in enumerate(cells) if number != index]


def _aligned(
    headings: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], left: int = -1
) -> list[Text]:
    """Return one line for the headings and one per row, without the column ``left``."""
    lines = []
    for row in (headings, *rows):
        line = Text()
        for number, cell in enumerate(row):
            if number == left:
                continue
            line.append(_cell(headings[number], cell, row is headings))
            line.append(" " * (widths[number] - cell_len(cell)) + _GAP)
        line.rstrip()
        lines.append(line)
    return lines


def _with_line_below(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    below: int,
    width: int,
) -> list[Text]:
    lines = []
    upper = _aligned(headings, rows, widths, below)
    for line, row in zip(upper, (headings, *rows), strict=True):
        texts = wrapped(row[below], width - len(_GAP))
        cells = [_cell(headings[below], text, row is headings) for text in texts]
        lines += [line, *(Text(_GAP).append(cell) for cell in cells)]
    return lines


def _one_below_the_other(
    headings: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> list[Text]:
    indent = max(map(cell_len, headings)) + len(_GAP)
    lines: list[Text] = []
    for row in rows:
        lines += [Text()] * bool(lines)
        for heading, cell in zip(headings, row, strict=True):
            first, *more = wrapped(cell, width - indent)
            name = Text(heading + " " * (indent - cell_len(heading)), _HEADING)
            lines.append(Text.assemble(name, _cell(heading, first, False)))
            lines += [Text(" " * indent + text) for text in more]
    return lines


def _cell(heading: str, text: str, is_heading: bool) -> Text:
    if is_heading:
        return Text(text, _HEADING)
    return coloured(text) if heading in STATE_COLUMNS else Text(text)


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text, broken between words only, and only if it is too long."""
    if cell_len(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and cell_len(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
