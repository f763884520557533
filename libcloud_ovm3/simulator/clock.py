"""Time in the simulator: real time that runs faster, or time that moves only while somebody waits.

:class:`Clock` is what one simulator goes by. By default its seconds are ``speed`` times shorter
than real ones. With a :class:`SimulatedTime` nothing depends on how fast the machine is: every wait
ends at once, at exactly its moment.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from libcloud_ovm3.simulator.errors import Stopped

POLL = 0.2  # seconds between two looks of a wait that has no moment of its own


@dataclass(eq=False)
class _Wait:
    """Somebody who waits.

    :ivar moment: until when, epoch seconds.
    :ivar thread: whose it is.
    :ivar is_counted: a request, or an action in the background: at work again once it is due.
    :ivar is_passive: an action in the background: its moment comes when others wait for longer.
    """

    moment: float
    thread: int
    is_counted: bool
    is_passive: bool
    is_due: bool = False


class SimulatedTime:
    """Epoch seconds that stand still until somebody waits; then they jump to the earliest moment.

    For tests: ``Simulator(clock=SimulatedTime())``, and for the driver the same time, as
    ``ex_clock=Clock(time.now, time.sleep)`` (:class:`libcloud_ovm3.clock.Clock`). No wait takes
    real time, and what a test sees does not depend on the machine. Time moves only when nothing is
    at work: no request that the simulator has received and not answered (but for those that wait
    themselves), no action in the background (an agent that restarts), no client of
    :meth:`client`.

    One client, or several whose order does not matter, need nothing more. Where order matters, each
    client says who it is::

        with time.client("one"):  # in the client's own thread, before any of them begins
            ...                   # its requests have "one" in their User-Agent

    Time then stands still while such a client does anything but sleep or wait for an answer. A test
    that is the only such client sees each moment of what other threads have asked for.

    :param start: epoch seconds to begin with, None = now
    """

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start
        self._changed = threading.Condition()
        self._waits: list[_Wait] = []
        self._at_work = 0  # requests and actions in the background that do not wait
        self._clients: dict[str, int] = {}  # name -> its thread
        self._requests: Counter[str] = Counter()  # by client, waiting or not
        self._mine = threading.local()

    def now(self) -> float:
        """Epoch seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """The same as :meth:`sleep`."""
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass, and everything that is due in them happen."""
        self.wait_until(self._now + seconds)

    def at_least(self, moment: float) -> None:
        """Go on from that moment, if it is later than now."""
        with self._changed:
            self._now = max(self._now, moment)

    def wait_until(self, moment: float, stopped: threading.Event | None = None) -> None:
        """Block until that moment.

        :raises Stopped: the event was set meanwhile; see :meth:`wake`
        """
        kind = getattr(self._mine, "kind", "")
        with self._changed:
            if moment <= self._now:
                return
            wait = _Wait(moment, threading.get_ident(), bool(kind), kind == "background")
            self._waits.append(wait)
            self._at_work -= wait.is_counted
            self._move()
            while not wait.is_due:
                if stopped is not None and stopped.is_set():
                    self._waits.remove(wait)
                    self._at_work += wait.is_counted
                    raise Stopped
                self._changed.wait()

    def wake(self) -> None:
        """Let everybody who waits look whether their simulator was stopped."""
        with self._changed:
            self._changed.notify_all()

    @contextlib.contextmanager
    def client(self, name: str) -> Iterator[None]:
        """The calling thread is a client: time stands still while it is at work."""
        with self._changed:
            self._clients[name] = threading.get_ident()
        try:
            yield
        finally:
            with self._changed:
                del self._clients[name]
                self._move()

    @contextlib.contextmanager
    def serving(self, user_agent: str) -> Iterator[None]:
        """The calling thread works for a request."""
        with self._working("request"):
            with self._changed:
                names = [name for name in self._clients if name in user_agent]
                self._requests.update(names)
            try:
                yield
            finally:
                with self._changed:  # first: an answered client is at work, and time stands still
                    self._requests.subtract(names)

    def start(self, action: Callable[[], None]) -> None:
        """Do something in the background; its waits end when others have waited for as long."""
        begun = threading.Event()

        def act() -> None:
            with self._working("background"):
                begun.set()
                action()

        threading.Thread(target=act, daemon=True).start()
        begun.wait()

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        """The calling thread waits for something that is not time; time may move."""
        kind, self._mine.kind = getattr(self._mine, "kind", ""), ""
        here = threading.get_ident()
        with self._changed:
            self._at_work -= bool(kind)
            names = [name for name, thread in self._clients.items() if thread == here]
            for name in names:
                del self._clients[name]
            self._move()
        try:
            yield
        finally:
            with self._changed:
                self._at_work += bool(kind)
                self._clients.update(dict.fromkeys(names, here))
            self._mine.kind = kind

    @contextlib.contextmanager
    def _working(self, kind: str) -> Iterator[None]:
        with self._changed:
            self._at_work += 1
        before, self._mine.kind = getattr(self._mine, "kind", ""), kind
        try:
            yield
        finally:
            self._mine.kind = before
            with self._changed:
                self._at_work -= 1
                self._move()

    def _move(self) -> None:
        """Move to the next moment if nothing is at work. Called with the lock held."""
        while not self._at_work and any(not wait.is_passive for wait in self._waits):
            sleeping = {wait.thread for wait in self._waits if not wait.is_counted}
            for name, thread in self._clients.items():
                if thread not in sleeping and not self._requests[name]:
                    return
            self._now = max(self._now, min(wait.moment for wait in self._waits))
            for wait in [each for each in self._waits if each.moment <= self._now]:
                self._waits.remove(wait)
                wait.is_due = True
                self._at_work += wait.is_counted
            self._changed.notify_all()


class Clock:
    """Simulated epoch seconds, as one simulator has them.

    :param speed: simulated seconds in a real second
    :param saved: what :meth:`anchor` returned in an earlier life, or nothing
    :param floor: the clock does not start below this (simulated epoch seconds), so that it never
        goes backwards, even when the machine's own clock did
    :param simulated: the time to go by instead of the real one
    """

    def __init__(
        self,
        speed: float,
        saved: dict[str, float] | None = None,
        floor: float = 0,
        simulated: SimulatedTime | None = None,
    ) -> None:
        self.speed = speed
        self.simulated = simulated
        self._monotonic = time.monotonic()
        self._real = time.time()
        self._simulated = self._real
        if saved:
            passed = max(0.0, self._real - saved["real"]) * saved["speed"]
            self._simulated = saved["simulated"] + passed
        self._simulated = max(self._simulated, floor)
        if simulated is not None:
            simulated.at_least(max(floor, saved["simulated"] if saved else 0))
        self.stopped = threading.Event()

    def now(self) -> float:
        """Simulated epoch seconds."""
        if self.simulated is not None:
            return self.simulated.now()
        return self._simulated + (time.monotonic() - self._monotonic) * self.speed

    def anchor(self) -> dict[str, float]:
        """What a later life needs to go on from here."""
        if self.simulated is not None:
            return {"simulated": self.simulated.now(), "real": self._real, "speed": 0.0}
        return {"simulated": self._simulated, "real": self._real, "speed": self.speed}

    @property
    def poll(self) -> float:
        """Simulated seconds between two looks of a wait that has no moment of its own."""
        return POLL if self.simulated is not None else max(POLL, 0.02 * self.speed)

    def wait_until(self, moment: float) -> None:
        """Block until that simulated moment.

        :raises Stopped: the simulator was stopped meanwhile
        """
        if self.simulated is not None:
            # A little later: a sum with a host's clock offset may be just below its moment.
            self.simulated.wait_until(moment + 1e-6, self.stopped)
        while (left := moment - self.now()) > 0:
            if self.stopped.wait(left / self.speed):
                raise Stopped
        if self.stopped.is_set():
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass, stopped or not."""
        if self.simulated is not None:
            self.simulated.sleep(seconds)
        else:
            time.sleep(seconds / self.speed)

    def pause(self, seconds: float) -> None:
        """Block for real seconds, or for seconds of the simulated time if there is one.

        :raises Stopped: the simulator was stopped meanwhile
        """
        if self.simulated is not None:
            self.simulated.wait_until(self.simulated.now() + seconds, self.stopped)
        elif self.stopped.wait(seconds):
            raise Stopped

    def later(self, action: Callable[[], None], seconds: float) -> None:
        """Do something in the background, so many seconds from now, as :meth:`pause` counts them.

        An action that finds the simulator stopped ends there.
        """

        def act() -> None:
            with contextlib.suppress(Stopped, OSError):
                self.pause(seconds)
                action()

        if self.simulated is not None:
            self.simulated.start(act)
        else:
            threading.Thread(target=act, daemon=True).start()

    def stop(self) -> None:
        """End every wait."""
        self.stopped.set()
        if self.simulated is not None:
            self.simulated.wake()

    def serving(self, user_agent: str) -> contextlib.AbstractContextManager[None]:
        """The calling thread works for a request."""
        if self.simulated is None:
            return contextlib.nullcontext()
        return self.simulated.serving(user_agent)

    def idle(self) -> contextlib.AbstractContextManager[None]:
        """The calling thread waits for something that is not time: a lock, the client, a test."""
        return contextlib.nullcontext() if self.simulated is None else self.simulated.idle()
