"""Medians of several rounds; each round runs every contender once, in turn."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping

Timed = dict[str, list[float]]  # seconds per round, by contender


def take_turns(contenders: Mapping[str, Callable[[], object]], rounds: int) -> Timed:
    """Time each contender once per round, after one warm-up round.

    :return: seconds per round, by contender.
    """
    seconds: Timed = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            gc.collect()  # or a contender pays for the garbage of the one before
            start = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def median(seconds: Timed, name: str) -> float:
    """The median of one contender, in seconds."""
    return statistics.median(seconds[name])


def ratio(seconds: Timed, one: str, other: str) -> float:
    """The median over the rounds of one contender's time divided by the other's.

    Divided within each round, because other load on the machine affects both.
    """
    pairs = zip(seconds[one], seconds[other], strict=True)
    return statistics.median(a / b for a, b in pairs)
