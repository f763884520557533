"""Sizes of disks, as they are typed and as they are shown."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import click

from libcloud_ovm3.report.figures import size_text

_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT])(?:i?B)?|(\d+)B", re.ASCII | re.IGNORECASE)
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def byte_size(text: str) -> int:
    """Return a size in bytes, rounded up: the type of an option.

    :raises click.BadParameter: it is not a number with its unit.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(
            f"{text!r}: expected a number with its unit, such as 20G, 1.5T or 512M (K, M, G, T: "
            f"2^10, 2^20, 2^30, 2^40 bytes), or bytes, such as 1048576B"
        )
    number, unit, exact = found.groups()
    size = int(exact) if exact else math.ceil(Decimal(number) * _UNITS[unit.upper()])
    if not size:
        raise click.BadParameter(f"{text!r}: expected more than 0 bytes")
    return size


def short_size(size_bytes: int | None) -> str:
    """Return a size for a table; ``?``: not known."""
    return "?" if size_bytes is None else size_text(size_bytes)


def long_size(size_bytes: int | None) -> str:
    """Return a size with all its digits; ``?``: not known."""
    if size_bytes is None or size_bytes < 2**10:
        return short_size(size_bytes)
    return f"{size_text(size_bytes)} ({size_bytes} bytes)"
