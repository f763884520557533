"""Thousands of spoilt answers: only our error comes out, no hang, bounded memory."""

from __future__ import annotations

import resource
import time
import tracemalloc

import pytest

from libcloud_ovm3.agent.codec import Fault, NotXMLRPC, decode_response

from .mutator import mutants

SEED = 20140815
READABLE = (type(None), bool, int, float, str, bytes, list, dict, Fault)


def run(count: int) -> tuple[int, int, float]:
    """How many were read, how many refused, and how long the slowest took."""
    read = refused = 0
    slowest = 0.0
    for body in mutants(SEED, count):
        start = time.thread_time()
        try:
            value = decode_response(body)
        except NotXMLRPC:
            refused += 1
        else:
            read += 1
            assert isinstance(value, READABLE) or type(value).__name__ == "datetime"
        slowest = max(slowest, time.thread_time() - start)
    return read, refused, slowest


def check(count: int) -> None:
    run(50)  # what is made once is not this run's
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        read, refused, slowest = run(count)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # libxml2's share too
    assert read + refused == count
    # Both kinds must come up, or the mutator has become harmless, or useless.
    assert read > count / 50
    assert refused > count / 4
    assert slowest < 2
    assert peak < 16 * 2**20
    assert grown < 64 * 1024


def test_two_thousand_mutants() -> None:
    check(2_000)


@pytest.mark.soak
def test_a_hundred_thousand_mutants() -> None:
    check(100_000)


def test_the_same_seed_gives_the_same_mutants() -> None:
    assert list(mutants(1, 50)) == list(mutants(1, 50))
    assert list(mutants(1, 50)) != list(mutants(2, 50))
