"""Shows what a command waits for, and knows what it has sent that changes something.

Both come from the records of :mod:`libcloud_ovm3.progress`. On a terminal a status line appears on
stderr after one second; elsewhere there is a line after ten seconds, and one each half minute.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from libcloud_ovm3 import progress
from libcloud_ovm3.cli import output, status_line
from libcloud_ovm3.cli.option_names import with_option_names

TERMINAL_DELAY = 1.0  # seconds until a status line appears
PIPE_DELAY, PIPE_PERIOD = 10.0, 30.0  # until the first line elsewhere, and between two
_REFRESH = 0.25
_GAP = 0.5  # seconds without activity that do not count as a pause: something is computed
_MANY = 3  # hosts that the line names at most
_SECONDS_WIDTH = 10  # of how long it has taken
_OUTCOMES = {
    "": "no response yet: its outcome is unknown, and it may still take effect",
    "answered": "answered",
    "fault": "answered with a fault",
    "not sent": "could not be sent",
    "unknown": "no response: its outcome is unknown, and it may still take effect",
}


class Watch(logging.Handler):
    """The activities of one command.

    :param is_quiet: show nothing.
    :ivar vm: the id of the VM that was waited for last, or empty.
    """

    def __init__(self, is_quiet: bool) -> None:
        super().__init__(logging.DEBUG)
        self.vm = ""
        self._is_quiet = is_quiet
        self._active: dict[int, tuple[Any, float]] = {}  # the record, and since when
        self._changes: dict[int, Any] = {}  # the last record of each call that changes something
        self._hosts: set[str] = set()
        self._copied = ""  # of what is waited for
        self._busy_since = 0.0
        self._reading_since = 0.0
        self._idle_since = 0.0
        self._line_after = PIPE_DELAY
        self._has_terminal = status_line.is_possible()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._refresh, daemon=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Note that an activity has begun or ended."""
        activity: Any = record
        now = time.monotonic()
        if activity.phase == "copied":
            self._copied = activity.text
            return
        self.vm = activity.vm or self.vm
        if activity.changes:
            self._changes[activity.activity] = activity
        if activity.phase == "end":
            self._active.pop(activity.activity, None)
            if not activity.function:
                self._copied = ""
                self._reading_since = now
                self._hosts.clear()
            if not self._active:
                self._idle_since = now
                status_line.erase()  # a prompt may be next
            return
        if not self._active and now - self._idle_since > _GAP:
            self._busy_since = self._reading_since = now
            self._line_after = PIPE_DELAY
            self._hosts.clear()
        if activity.host:
            self._hosts.add(activity.host)
        self._active[activity.activity] = (activity, now)
        if self._is_quiet:
            return
        if not self._thread.ident:
            self._thread.start()
        if self._has_terminal:
            self._show(now)  # without a blink, if it was erased a moment ago

    def _texts(self, now: float) -> tuple[str, str]:
        """Return what is going on, with the hosts that have not answered, and for how long."""
        waits = [one for one in self._active.values() if not one[0].function]
        calls = [one for one in self._active.values() if one[0].function]
        changes = [record for record, _ in calls if record.changes]
        since, limit = self._reading_since, None
        if waits:
            record, since = waits[0]
            limit, what = record.limit, with_option_names(record.text)
            what += f": {self._copied_part(what)}" if self._copied else ""
        elif changes:
            what = f"{changes[0].function} was sent"
        else:
            what = f"reading {len(self._hosts)} host{'' if len(self._hosts) == 1 else 's'}"
        slow = sorted({f"{one.host} ({one.function})"
                       for one, sent in calls if now - sent >= TERMINAL_DELAY})  # fmt: skip
        if slow:
            more = f" and {len(slow) - _MANY} more" if len(slow) > _MANY else ""
            what += f"; no response yet from {', '.join(slow[:_MANY])}{more}"
        seconds = f", {now - since:.0f} s" + ("" if limit is None else f" of {limit:g} s")
        return output.fit(what, sys.stderr), seconds

    def _copied_part(self, what: str) -> str:
        """Return how far a copy is, on a terminal with a bar, if there is room."""
        if not self._has_terminal:
            return self._copied
        room = status_line.room() - len(f"{what}: {self._copied}") - _SECONDS_WIDTH
        return status_line.bar(self._copied, room)

    def sent(self) -> list[str]:
        """Return one line about each call that may change something, in the order of sending."""
        lines = Counter(
            f"{one.function} to {one.host}: {_OUTCOMES[one.outcome]}"
            for one in self._changes.values()
        )
        return [line if n == 1 else f"{line} ({n} times)" for line, n in lines.items()]

    def close(self) -> None:
        """End the display."""
        self._ended.set()
        if self._thread.ident:
            self._thread.join()
        status_line.erase()
        super().close()

    def _refresh(self) -> None:
        while not self._ended.wait(_REFRESH):
            self.acquire()
            try:
                self._show(time.monotonic())
            finally:
                self.release()

    def _show(self, now: float) -> None:
        silent = now - max(self._busy_since, status_line.printed_at())
        if not self._active:
            return
        if self._has_terminal and silent >= TERMINAL_DELAY:
            status_line.draw(*self._texts(now))
        elif not self._has_terminal and silent >= self._line_after:
            self._line_after = PIPE_PERIOD
            with suppress(OSError):  # nobody reads it any more
                output.tell("".join(self._texts(now)))


@contextmanager
def watched(is_quiet: bool) -> Iterator[Watch]:
    """Show what is going on while the block runs."""
    watch, level = Watch(is_quiet), progress.LOGGER.level
    progress.LOGGER.addHandler(watch)
    progress.LOGGER.setLevel(logging.DEBUG)
    try:
        yield watch
    finally:
        progress.LOGGER.setLevel(level)
        progress.LOGGER.removeHandler(watch)
        watch.close()
