"""All output to the terminal: unprintable characters are written as escapes.

Names of hosts, VMs, files and texts of faults may contain anything. Through this module they can
neither forge a line, nor control the terminal, nor fail where the encoding lacks a character. A
message is one line; tables are drawn on a terminal, and are cells with tabs between them elsewhere.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from libcloud_ovm3.cli.columns import STATE_COLUMNS, coloured, fits, lay_out, wrapped
from libcloud_ovm3.cli.status_line import out_of_the_way
from libcloud_ovm3.errors import shown

_ENDLESS = 100_000  # columns
_PREFIXES = {"warning": "yellow", "Error": "red"}


def show(line: str) -> None:
    """Print one line."""
    _write(sys.stdout, fit(line, sys.stdout) + "\n")


def show_text(text: str) -> None:
    """Print a text of several lines, which come from one source only."""
    _write(sys.stdout, fit(text, sys.stdout, keep="\n\t") + "\n")


def show_field(heading: str, text: str) -> None:
    """Print a text after its heading; a state is coloured on a terminal."""
    value = fit(text, sys.stdout)
    shown_as = coloured(value) if heading.strip() in STATE_COLUMNS else Text(value)
    _show_wrapped(Text(fit(heading, sys.stdout) + "  "), shown_as)


def show_level(level: str, heading: str, text: str) -> None:
    """Print a text after a level, which is coloured on a terminal, and a heading."""
    head = Text.assemble(coloured(fit(level, sys.stdout)), fit(heading, sys.stdout))
    _show_wrapped(head, Text(fit(text, sys.stdout)))


def tell(line: str) -> None:
    """Print one line on stderr. On a terminal, ``warning:`` and ``Error:`` are coloured."""
    _tell(fit(line, sys.stderr))


def tell_text(text: str) -> None:
    """Print several lines on stderr, none of them from a host."""
    _tell(fit(text, sys.stderr, keep="\n"))


def show_json(value: Any, plain: Callable[[Any], str] | None = None) -> None:
    """Print a value as JSON, valid whatever it holds and whatever the terminal's encoding is.

    :param plain: converts a value that JSON has no form for to a string.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, default=plain)
    safe = "".join(one if one == "\n" or _is_plain(one) else json.dumps(one)[1:-1] for one in text)
    _write(sys.stdout, safe + "\n")


def show_page(page: str) -> None:
    """Print a page of HTML as UTF-8, which it says of itself, whatever the terminal's encoding is.

    What cannot be printed is escaped in it already.
    """
    if sys.stdout is not None:
        with out_of_the_way():
            sys.stdout.flush()
            sys.stdout.buffer.write(page.encode())
            sys.stdout.buffer.flush()


def heading(line: str) -> None:
    """Print the heading of a section."""
    show("")
    _print(Text(fit(line, sys.stdout), "bold"), sys.stdout)


def show_yaml(value: Any) -> None:
    """Print a value as YAML, valid whatever it holds and whatever the terminal's encoding is."""
    from libcloud_ovm3.cli.yaml_text import yaml_text  # noqa: PLC0415 (needs PyYAML)

    _write(sys.stdout, yaml_text(value, _is_plain))


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print rows under headings, or ``empty`` if there are none. Names are shown unmodified.

    Outside a terminal one tab stands between two cells, and no cell is empty.
    """
    cells = [[_cell(cell) for cell in row] for row in rows]
    width = _width()
    if not cells:
        show(empty)
    elif width is None:
        for row in (headings, *cells):
            _write(sys.stdout, "\t".join(row) + "\n")
    else:
        for line in lay_out(headings, cells, width):
            _print(line, sys.stdout)


def table_fits(
    headings: Sequence[str], rows: Iterable[Sequence[object]], with_line_below: bool = False
) -> bool:
    """Return whether the terminal is wide enough for a table; outside a terminal each one fits.

    :param with_line_below: whether the widest value of a row may have a line of its own.
    """
    width = _width()
    if width is None:
        return True
    return fits(headings, [[_cell(cell) for cell in row] for row in rows], width, with_line_below)


def show_tree(tree: Tree) -> None:
    """Print a tree. On a terminal long lines go on below, indented; elsewhere they are not broken.

    Its labels are made printable first.
    """
    if sys.stdout is None:
        return
    _fit_labels(tree)
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, highlight=False, no_color=True, width=_ENDLESS)
    with out_of_the_way():
        console.print(tree)


def _fit_labels(tree: Tree) -> None:
    if isinstance(tree.label, Text):
        tree.label.plain = fit(tree.label.plain, sys.stdout)
    for branch in tree.children:
        _fit_labels(branch)


def fit(text: str, stream: TextIO | None, keep: str = "") -> str:
    """Return a text in a form that this stream can print."""
    encoding = _encoding(stream)
    return shown(text, keep).encode(encoding, "backslashreplace").decode(encoding)


# ------------------------------------------------------------------ details


def _cell(cell: object) -> str:
    return "-" if cell in (None, "") else fit(str(cell), sys.stdout)


def _width() -> int | None:
    """Return the width of the terminal; None: stdout is something else."""
    console = Console()
    return console.width if console.is_terminal else None


def _tell(text: str) -> None:
    prefix, colon, rest = text.partition(": ")
    _print(Text.assemble((prefix + colon, _PREFIXES.get(prefix, "")), rest), sys.stderr)


def _show_wrapped(head: Text, text: Text) -> None:
    """Print one line; on a terminal what does not fit goes below, under the text.

    It is broken between words only. A long id or path begins further to the left; one that is wider
    than the terminal makes a wider line.
    """
    width = _width()
    if width is None:
        _print(head + text, sys.stdout)
        return
    head_width = head.cell_len
    lines = [
        Text(line, text.style) for line in wrapped(text.plain, max(width - head_width, width // 2))
    ]
    if head.cell_len + lines[0].cell_len <= width:
        head += lines.pop(0)
    _print(head, sys.stdout)
    for line in lines:
        indent = max(0, min(head_width, width - line.cell_len))
        _print(Text(" " * indent) + line, sys.stdout)


def _print(text: Text, stream: TextIO | None) -> None:
    """Print a line, with its styles on a terminal that has them and without NO_COLOR."""
    if stream is None:
        return
    console = Console(file=stream, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        _write(stream, text.plain + "\n")
        return
    with out_of_the_way():
        console.print(text)


def _encoding(stream: TextIO | None) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _is_plain(one: str) -> bool:
    return (one.isascii() and one.isprintable()) or fit(one, sys.stdout) == one


def _write(stream: TextIO | None, text: str) -> None:
    if stream is not None:  # closed before the start
        with out_of_the_way():
            stream.write(text)
