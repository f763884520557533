"""One line at the bottom of the terminal, on stderr, that says what the command waits for.

It is erased before anything else is printed, so it never mixes with a result.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

_ERASE = "\r\x1b[K"
_SHORTEST_BAR, _LONGEST_BAR = 5, 20  # characters
# Held while anything is printed: the line is drawn by another thread.
LOCK = threading.RLock()


class _Line:
    drawn = ""  # what is on the terminal
    printed_at = 0.0


def draw(what: str, how_long: str) -> None:
    """Draw the line in the place of the last one. To fit, the first part is cut."""
    text = Text(what)
    text.truncate(max(1, room() - len(how_long)), overflow="crop")
    line = text.plain + how_long
    with LOCK:
        if line != _Line.drawn:
            _Line.drawn = line  # first: Ctrl-C between the two must not leave it there
            _put(_ERASE + line)


def room() -> int:
    """Return how many characters the line can have."""
    return Console(file=sys.stderr).width - 1


def bar(text: str, width: int) -> str:
    """Return a percentage with a bar before it, if there is room; anything else as it is."""
    length = min(width - len("[] "), _LONGEST_BAR)
    if not text.endswith("%") or length < _SHORTEST_BAR:
        return text
    filled = int(text[:-1]) * length // 100
    return f"[{'#' * filled}{'-' * (length - filled)}] {text}"


def erase() -> None:
    """Remove the line from the terminal, if it is there."""
    with LOCK:
        if _Line.drawn:
            _put(_ERASE)
            _Line.drawn = ""


@contextlib.contextmanager
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


def _put(text: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that is gone must not end an operation
        sys.stderr.write(text)
        sys.stderr.flush()
