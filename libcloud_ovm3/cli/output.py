"""Tables for people: drawn on a terminal, plain aligned text elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PLAIN_WIDTH = 240  # columns; a pipe has no width of its own


def console() -> Console:
    """Where output goes. Looks at sys.stdout each time, so that it can be redirected."""
    found = Console(highlight=False, soft_wrap=True)
    return found if found.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print rows under headings; ``empty`` if there are none. Names are shown as they are."""
    out = console()
    listed = [[Text("" if cell is None else str(cell)) for cell in row] for row in rows]
    if not listed:
        out.print(Text(empty))
        return
    style = box.SIMPLE_HEAD if out.is_terminal else None
    table = Table(box=style, padding=(0, 1, 0, 0), pad_edge=False)
    for name in headings:
        table.add_column(name, overflow="fold")
    for row in listed:
        table.add_row(*row)
    out.print(table)


def show(line: str) -> None:
    """Print one line as it is."""
    console().print(Text(line))


def heading(line: str) -> None:
    """Print a line that begins a part."""
    console().print()
    console().print(Text(line, style="bold"))
