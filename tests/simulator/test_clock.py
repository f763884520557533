"""SimulatedTime: it stands still while something is at work, and jumps to the next moment."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from libcloud_ovm3.simulator.clock import Clock, SimulatedTime
from libcloud_ovm3.simulator.errors import Stopped
from tests.support import eventually


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime(start=1000)


def thread_of(action: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def test_a_wait_ends_at_once_and_exactly(time: SimulatedTime) -> None:
    time.sleep(3600)
    assert time.now() == 4600
    time.advance(0.5)
    time.wait_until(4000)  # over already
    time.at_least(1)
    assert time.now() == 4600.5
    time.at_least(5000)
    assert time.now() == 5000


def test_clients_wake_in_the_order_of_their_moments(time: SimulatedTime) -> None:
    begin, order = threading.Barrier(2), []

    def live(name: str, naps: list[float]) -> None:
        with time.client(name):
            begin.wait()
            for nap in naps:
                time.sleep(nap)
                order.append((name, time.now()))

    threads = [
        thread_of(lambda: live("one", [1, 4, 4])),
        thread_of(lambda: live("two", [2, 2, 2])),
    ]
    for thread in threads:
        thread.join()
    moments = [("one", 1001), ("two", 1002), ("two", 1004), ("one", 1005), ("two", 1006)]
    assert order == [*moments, ("one", 1009)]


def test_time_stands_still_while_a_client_or_a_request_is_at_work(time: SimulatedTime) -> None:
    with time.client("busy"):
        sleeper = thread_of(lambda: time.sleep(5))
        eventually(lambda: time._waits)
        assert time.now() == 1000
        with time.serving("libcloud (busy)"):
            assert time.now() == 1000
            with time.idle():  # for its lock, say: its client waits for it
                sleeper.join()
        assert time.now() == 1005
    with time.serving("somebody else"):
        sleeper = thread_of(lambda: time.sleep(5))
        eventually(lambda: time._waits)
        assert time.now() == 1005
    sleeper.join()
    assert time.now() == 1010


def test_what_is_in_the_background_happens_on_the_way(time: SimulatedTime) -> None:
    clock, seen = Clock(1.0, simulated=time), []
    clock.later(lambda: seen.append(time.now()), 2)
    assert (time.now(), seen) == (1000, [])  # it moves nothing by itself
    time.sleep(10)
    assert (time.now(), seen) == (1010, [1002])


def test_a_simulator_that_stops_ends_its_waits(time: SimulatedTime) -> None:
    clock, ended = Clock(1.0, simulated=time), []

    def wait() -> None:
        with pytest.raises(Stopped):
            clock.wait_until(2000)
        ended.append(time.now())

    with time.client("this test"):
        thread = thread_of(wait)
        eventually(lambda: time._waits)
        clock.stop()
        thread.join()
    assert ended == [1000]
