"""One line at the bottom of the terminal, on stderr, that says what the command waits for.

It is erased before anything else is printed, so it never mixes with a result.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

_ERASE = "\r\x1b[K"
# Held while anything is printed: the line is drawn by another thread.
LOCK = threading.RLock()


class _Line:
    is_drawn = False
    printed_at = 0.0


def draw(line: str) -> None:
    """Draw the line, cut to the width of the terminal, in the place of the last one."""
    text = Text(line)
    text.truncate(max(1, Console(file=sys.stderr).width - 1), overflow="crop")
    with LOCK:
        sys.stderr.write(_ERASE + text.plain)
        sys.stderr.flush()
        _Line.is_drawn = True


def erase() -> None:
    """Remove the line from the terminal, if it is there."""
    with LOCK:
        if _Line.is_drawn:
            _Line.is_drawn = False
            sys.stderr.write(_ERASE)
            sys.stderr.flush()


@contextmanager
def out_of_the_way() -> Iterator[None]:
    """Print something else in the block: the line is erased, and is not drawn meanwhile."""
    with LOCK:
        erase()
        yield
        _Line.printed_at = time.monotonic()


def printed_at() -> float:
    """Return when something else was printed last, by ``time.monotonic()``."""
    return _Line.printed_at


def is_possible() -> bool:
    """Return whether stderr is a terminal that can erase a line."""
    if sys.stderr is None or not sys.stderr.isatty():
        return False
    return not Console(file=sys.stderr).is_dumb_terminal
