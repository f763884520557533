"""All output to the terminal: unprintable characters are written as escapes.

Names of hosts, VMs, files and texts of faults may contain anything. Through this module they can
neither forge a line, nor control the terminal, nor fail where the encoding lacks a character. A
message is one line; tables are drawn on a terminal, and are plain aligned text elsewhere.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from libcloud_ovm3.cli.status_line import out_of_the_way
from libcloud_ovm3.errors import shown

_PIPE_WIDTH = 1_000_000  # columns; a pipe has no width, and a wrapped row would be two lines


def show(line: str) -> None:
    """Print one line."""
    _write(sys.stdout, fit(line, sys.stdout) + "\n")


def show_text(text: str) -> None:
    """Print a text of several lines, which come from one source only."""
    _write(sys.stdout, fit(text, sys.stdout, keep="\n\t") + "\n")


def tell(line: str) -> None:
    """Print one line on stderr."""
    _write(sys.stderr, fit(line, sys.stderr) + "\n")


def tell_text(text: str) -> None:
    """Print several lines on stderr, none of them from a host."""
    _write(sys.stderr, fit(text, sys.stderr, keep="\n") + "\n")


def show_json(value: Any, plain: Callable[[Any], str] | None = None) -> None:
    """Print a value as JSON, valid whatever it holds and whatever the terminal's encoding is.

    :param plain: converts a value that JSON has no form for to a string.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, default=plain)
    safe = "".join(one if one == "\n" or _is_plain(one) else json.dumps(one)[1:-1] for one in text)
    _write(sys.stdout, safe + "\n")


def heading(line: str) -> None:
    """Print the heading of a section."""
    show("")
    if not _console().is_terminal:
        show(line)
        return
    _console().print(Text(fit(line, sys.stdout), style="bold"))


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print rows under headings, or ``empty`` if there are none. Names are shown unmodified."""
    out = _console()
    listed = [[_cell(cell) for cell in row] for row in rows]
    if not listed:
        show(empty)
        return
    style = box.SIMPLE_HEAD if out.is_terminal else None
    table = Table(box=style, padding=(0, 1, 0, 0), pad_edge=False)
    for name in headings:
        table.add_column(name, overflow="fold")
    for row in listed:
        table.add_row(*row)
    out.print(table)


def fit(text: str, stream: TextIO | None, keep: str = "") -> str:
    """Return a text in a form that this stream can print."""
    encoding = _encoding(stream)
    return shown(text, keep).encode(encoding, "backslashreplace").decode(encoding)


# ------------------------------------------------------------------ details


def _cell(cell: object) -> Text:
    return Text("" if cell is None else fit(str(cell), sys.stdout))


def _console() -> Console:
    """Return a console on the current sys.stdout, which may have been redirected."""
    found = Console(highlight=False, soft_wrap=True)
    return found if found.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


def _encoding(stream: TextIO | None) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _is_plain(one: str) -> bool:
    return (one.isascii() and one.isprintable()) or fit(one, sys.stdout) == one


def _write(stream: TextIO | None, text: str) -> None:
    if stream is not None:  # closed before the start
        with out_of_the_way():
            stream.write(text)
