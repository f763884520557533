"""Medians of several rounds. In each round everything to be compared takes its turn."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping

Timed = dict[str, list[float]]  # seconds of each round, by name


def take_turns(contenders: Mapping[str, Callable[[], object]], rounds: int) -> Timed:
    """Time each of them once a round, after one round that does not count."""
    seconds: Timed = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            gc.collect()  # nobody is to pay for what the one before has left
            start = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def median(seconds: Timed, name: str) -> float:
    """The median of one of them, in seconds."""
    return statistics.median(seconds[name])


def ratio(seconds: Timed, one: str, other: str) -> float:
    """How often the other goes into the one: the median over the rounds.

    Within a round, because what else the machine does weighs on both.
    """
    pairs = zip(seconds[one], seconds[other], strict=True)
    return statistics.median(a / b for a, b in pairs)
