"""The simulated time: it runs ``speed`` times faster than the real one and survives a restart."""

from __future__ import annotations

import threading
import time

from libcloud_ovm3.simulator.errors import Stopped


class Clock:
    """Simulated epoch seconds.

    :param speed: simulated seconds in a real second
    :param saved: what :meth:`anchor` returned in an earlier life, or nothing
    :param floor: the clock does not start below this (simulated epoch seconds), so that it never
        goes backwards, even when the machine's own clock did
    """

    def __init__(
        self, speed: float, saved: dict[str, float] | None = None, floor: float = 0
    ) -> None:
        self.speed = speed
        self._monotonic = time.monotonic()
        self._real = time.time()
        self._simulated = self._real
        if saved:
            passed = max(0.0, self._real - saved["real"]) * saved["speed"]
            self._simulated = saved["simulated"] + passed
        self._simulated = max(self._simulated, floor)
        self.stopped = threading.Event()

    def now(self) -> float:
        """Simulated epoch seconds."""
        return self._simulated + (time.monotonic() - self._monotonic) * self.speed

    def anchor(self) -> dict[str, float]:
        """What a later life needs to go on from here."""
        return {"simulated": self._simulated, "real": self._real, "speed": self.speed}

    def wait_until(self, moment: float) -> None:
        """Block until that simulated moment.

        :raises Stopped: the simulator was stopped meanwhile
        """
        while (left := moment - self.now()) > 0:
            if self.stopped.wait(left / self.speed):
                raise Stopped
        if self.stopped.is_set():
            raise Stopped

    def pause(self, real_seconds: float) -> None:
        """Block for real seconds.

        :raises Stopped: the simulator was stopped meanwhile
        """
        if self.stopped.wait(real_seconds):
            raise Stopped
