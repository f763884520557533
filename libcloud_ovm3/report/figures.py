"""Sizes and shares as the page shows them, with their units. Pure.

What is not known, or contradicts itself, has no bar: neither an empty one nor a full one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

NEARLY_FULL = 90.0  # percent of a repository
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


@dataclass(frozen=True)
class Bar:
    """A bar with its text.

    :ivar percent: how much of it is filled, from 0 to 100.
    :ivar text: the figures, with units.
    :ivar remark: what a reader must not miss: ``over-committed``, ``nearly full``; "": nothing.
    """

    percent: float
    text: str
    remark: str = ""


@dataclass(frozen=True)
class HostMemory:
    """The memory of one host.

    :ivar bar: None: not known.
    :ivar assigned: what the VMs that run there have been given; "" if that is not known.
    """

    bar: Bar | None
    assigned: str = ""


def size_text(size_bytes: int) -> str:
    """Return a size with its unit: ``512 MiB``, ``1.5 GiB``."""
    size, unit = float(size_bytes), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    digits = 1 if unit > 2 else 0  # GiB and larger
    return f"{size:.{digits}f} {_UNITS[unit]}"


def memory_text(size_mb: int) -> str:
    """Return an amount of memory, given in MiB, with its unit."""
    return size_text(size_mb << 20)


def percent_text(part: float, whole: float) -> str:
    """Return a share without hiding that something is there, is left, or exceeds the whole."""
    percent = part / whole * 100
    if percent > 100:
        return f"{math.ceil(percent)}%"
    return "under 1%" if 0 < percent < 1 else f"{math.floor(percent)}%"


def memory_bar(total_mb: int | None, free_mb: int | None) -> Bar | None:
    """Return the bar for memory in use; None: a figure is missing, or they contradict."""
    if not total_mb or free_mb is None or not 0 <= free_mb <= total_mb:
        return None
    used = total_mb - free_mb
    share = percent_text(used, total_mb)
    text = f"{memory_text(used)} of {memory_text(total_mb)} in use ({share})"
    return Bar(used / total_mb * 100, text)


def host_memory(
    total_mb: int | None, free_mb: int | None, vms_mb: list[int | None] | None
) -> HostMemory:
    """Return the memory of a host, and what of it its VMs have been given.

    :param vms_mb: the memory of each VM that runs there; None in it: not known; None: it is not
        known which run there.
    """
    bar = memory_bar(total_mb, free_mb)
    if vms_mb is None:
        return HostMemory(bar)
    assigned = sum(one for one in vms_mb if one is not None)
    text = f"VMs have {memory_text(assigned)}"
    if not vms_mb:
        text = "no VMs"
    elif unknown := vms_mb.count(None):
        text = f"VMs have at least {memory_text(assigned)}; of {unknown} it is unknown"
    if total_mb and assigned > total_mb:
        over = f"over-committed: VMs have {percent_text(assigned, total_mb)} of it"
        bar = Bar(100, bar.text if bar else f"{memory_text(total_mb)}, use unknown", over)
    return HostMemory(bar, text)


def space_bar(size_bytes: int | None, free_bytes: int | None) -> Bar | None:
    """Return the bar for the space in use of a repository; None: it is not known."""
    if not size_bytes or free_bytes is None or not 0 <= free_bytes <= size_bytes:
        return None
    used = size_bytes - free_bytes
    percent = used / size_bytes * 100
    share = percent_text(used, size_bytes)
    text = f"{size_text(used)} of {size_text(size_bytes)} in use ({share})"
    remark = f"{'full' if not free_bytes else 'nearly full'}: {size_text(free_bytes)} free"
    return Bar(percent, text, remark if percent >= NEARLY_FULL else "")
