"""The clock of every wait: replaceable, so that no test sleeps in real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """Seconds that pass, and waiting for them.

    :ivar now: seconds by a clock that never goes backwards.
    :ivar sleep: wait for so many seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
