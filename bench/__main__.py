"""``make bench``: prints all figures as a Markdown table; exit status 1 if a target is missed."""

from __future__ import annotations

import sys
import time

from bench import figures, object_figures


def main() -> int:
    """Measure every figure and print the table.

    :return: the exit status: 0 if all targets are met, else 1.
    """
    start = time.monotonic()
    machine = figures.machine()
    measured = [
        *figures.decoding(vms=2000, rounds=5),
        *figures.listing_without_latency(hosts=32, vms=100, rounds=5),
        *figures.listing_with_latency(hosts=32, vms=100, latency=0.05, rounds=3),
        *figures.listing_with_module(hosts=32, vms=100, stopped=100, latency=0.01, rounds=2),
        *figures.listing_with_module_without_latency(hosts=32, vms=100, stopped=100, rounds=5),
        *figures.copying(size=20 << 30, data=256 << 20, rounds=5),
        *object_figures.transferring(size=512 << 20, rounds=3),
        *object_figures.sparse_transferring(size=20 << 30, data=256 << 20, rounds=3),
        *object_figures.memory(size=2 << 30, count=50_000),
        *figures.starting(rounds=15),
        *figures.hook(rounds=15),
    ]
    return figures.report(measured, machine, time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main())
