"""Sizes of disks as users give them -> bytes. Pure."""

from __future__ import annotations

import math
from typing import Any

from libcloud_ovm3.errors import InvalidArgument

GIB = 2**30
BLOCK = 4096  # bytes; other tools refuse disks that are no multiple of a sector of this size
_LARGEST = 2**63 - BLOCK  # an offset in a file is a signed number of 64 bits


def size_in_bytes(size: Any, size_bytes: Any = None) -> tuple[int, list[str]]:
    """The size of a disk in bytes, a multiple of 4096, and notices for the user if it is rounded.

    :param size: in GB (2^30 bytes), rounded up.
    :param size_bytes: instead of it, exactly; ``size`` may then be left out, or be about the same.
    :raises InvalidArgument: they are not numbers above 0, too large, or contradict each other.
    """
    if size_bytes is None:
        wanted = math.ceil(_number("size in GB", size) * GIB)
    else:
        wanted = whole_bytes("ex_size_bytes", size_bytes)
        if size and not wanted // GIB <= _number("size in GB", size) <= -(-wanted // GIB):
            raise InvalidArgument(
                f"size {size!r} GB and ex_size_bytes {wanted} contradict each other: expected "
                f"{-(-wanted // GIB)} GB, or only one of them"
            )
    rounded = -(-wanted // BLOCK) * BLOCK
    if rounded > _LARGEST:
        raise InvalidArgument(f"size of {wanted} bytes: expected at most {_LARGEST} bytes")
    if rounded == wanted:
        return wanted, []
    return rounded, [
        f"the size was rounded up from {wanted} to {rounded} bytes, a multiple of 4096"
    ]


def _number(what: str, value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value < _LARGEST / GIB:  # NaN is neither
        raise InvalidArgument(f"{what} {value!r}: expected a number above 0")
    return value  # an int stays one: all its digits count


def whole_bytes(what: str, value: Any) -> int:
    """A size that a user gives in bytes.

    :raises InvalidArgument: it is no whole number above 0.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidArgument(f"{what} {value!r}: expected a whole number of bytes, 1 or more")
    return value


def is_same_gb(wanted: int, size_bytes: int) -> bool:
    """Whether a size that was given in GB is that of a disk, as lists show it: rounded up."""
    return wanted == -(-size_bytes // GIB) * GIB


def bytes_text(size_bytes: int) -> str:
    """A size for messages: ``12884901888 bytes (12.0 GB)``."""
    return f"{size_bytes} bytes ({size_bytes / GIB:.1f} GB)"
