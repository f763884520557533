"""``make bench``: all figures, as a Markdown table; exit status 1 if a target is missed."""

from __future__ import annotations

import sys
import time

from bench import figures


def main() -> int:
    """Measure, print, judge."""
    start = time.monotonic()
    machine = figures.machine()
    found = [
        *figures.decoding(vms=2000, rounds=5),
        *figures.listing_without_latency(hosts=32, vms=100, rounds=5),
        *figures.listing_with_latency(hosts=32, vms=100, latency=0.05, rounds=3),
        *figures.listing_with_module(hosts=32, vms=100, stopped=100, latency=0.01, rounds=2),
        *figures.starting(rounds=15),
    ]
    date = time.strftime("%Y-%m-%d", time.gmtime())
    sys.stdout.write(f"{date}, {machine}, {time.monotonic() - start:.0f} s\n\n")
    sys.stdout.write(figures.table(found) + "\n")
    return 0 if all(figure.is_met for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
