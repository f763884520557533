"""What the servers of all hosts share: it performs calls, records them and injects faults."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from libcloud_ovm3.simulator.agent import functions, ownership
from libcloud_ovm3.simulator.clock import Clock
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.server.bundle import BundleHost
from libcloud_ovm3.simulator.server.calls import Call, RefusedRequest
from libcloud_ovm3.simulator.server.faults import Rule, Rules
from libcloud_ovm3.simulator.values import censored_value


class Backend:
    """Performs the calls that the servers receive.

    :param recorded: The hosts of a bundle, which respond instead of the simulated agents.
    :ivar calls: Every authenticated call, in the order of arrival.
    :ivar refused: Every request that was answered with status 403.
    :ivar connections: How many TCP connections were accepted.
    :ivar open_connections: How many of them have not ended: a call of a client that is gone ends
        its connection when it is carried out.
    :ivar rules: The injected faults.
    """

    def __init__(self, recorded: list[BundleHost] | None) -> None:
        self.calls: list[Call] = []
        self.refused: list[RefusedRequest] = []
        self.connections = self.open_connections = 0
        self.rules = Rules()
        self._recorded = recorded
        self._lock = threading.Lock()
        self._delayed: list[Callable[[], None]] = []

    def count_connection(self) -> None:
        """Count an accepted TCP connection."""
        with self._lock:
            self.connections += 1
            self.open_connections += 1

    def count_end(self) -> None:
        """Count a connection that has ended."""
        with self._lock:
            self.open_connections -= 1

    def accepts_passwords(self, host: SimulatedHost) -> bool:
        """Whether the host accepts user and password at all (open question 1)."""
        owned = ownership.owner(host) is not None
        return not owned or host.answer("passwords on an owned host") == "yes"

    def record_refused(self, host: SimulatedHost, credentials: bool) -> None:
        """Record a request that is answered with status 403."""
        self.refused.append(RefusedRequest(host.index, host.address, credentials))

    def record_call(self, host: SimulatedHost, name: str, arguments: list[Any]) -> Rule | None:
        """Record a call and return the rule that affects it, if any."""
        kept = tuple(censored_value(argument) for argument in arguments)
        self.calls.append(Call(host.index, host.address, name, kept, host.now()))
        return self.rules.find(name, host.index)

    def perform(self, host: SimulatedHost, name: str, arguments: list[Any]) -> Any:
        """Perform a call; one at a time per agent when the personality says so."""
        if self._recorded is not None:
            return self._recorded[host.index].answer(name, arguments)
        # An agent that calls itself, or is called back, would wait for itself for ever.
        alone = host.answer("parallel calls") == "one at a time" and name != "dispatch"
        with contextlib.ExitStack() as stack:
            if alone:
                with host.clock.idle():
                    stack.enter_context(host.one_at_a_time)
            return functions.perform(host, name, arguments)

    def delay(self, clock: Clock, effect: Callable[[], None], seconds: float | None) -> None:
        """Run the effect after a time, or when delayed effects are flushed.

        :param seconds: How long to wait, as :meth:`.Clock.pause` counts seconds; None for ever.
        """
        with self._lock:
            self._delayed.append(effect)
        if seconds is not None:
            clock.later(partial(self._flush_one, effect), seconds)

    def _flush_one(self, effect: Callable[[], None]) -> None:
        with self._lock:
            if effect not in self._delayed:
                return
            self._delayed.remove(effect)
        effect()

    def flush_delayed(self) -> None:
        """Run every delayed effect now, in the order in which the calls came."""
        with self._lock:
            effects, self._delayed = self._delayed, []
        for effect in effects:
            effect()

    def discard_delayed(self) -> None:
        """Drop the effects that have not been run yet."""
        with self._lock:
            self._delayed.clear()
