"""The memory that xend wants to be free in Xen before it builds or moves a guest. Pure.

Source: xend.md 3 (a start, and what the target of a migration needs), 4.1 (what the source of a
live migration needs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from libcloud_ovm3.agent.config import VMConfig, whole_number
from libcloud_ovm3.errors import Ovm3Error

if TYPE_CHECKING:
    from libcloud_ovm3.agent.documents import Hardware

VIDEORAM_MB = 4  # xend's default for HVM guests (xend.md 7)


def free_mb(hardware: Hardware | Ovm3Error) -> int | None:
    """The memory of a host that no domain uses, in MB; None: it is unknown."""
    if isinstance(hardware, Ovm3Error) or hardware.free_bytes is None:
        return None
    return hardware.free_bytes // 2**20


def needed_mb(config: VMConfig, memory_mb: int | None = None) -> int | None:
    """What a host needs for a guest, in MB: an HVM guest's screen and shadow memory, too.

    :param memory_mb: what a live guest has; None: what its vm.cfg says.
    :return: None: the vm.cfg does not say how much memory it has.
    """
    memory_mb = memory_mb or config.memory_mb
    if memory_mb is None or not config.is_hvm:
        return memory_mb
    videoram = whole_number(config.values.get("videoram"))
    screen = VIDEORAM_MB if videoram is None else videoram
    return memory_mb + screen + _vcpus(config) + _share(8, memory_mb)


def vtd_mb(config: VMConfig, memory_mb: int | None = None) -> int:
    """What an HVM guest needs besides where Xen uses VT-d, which no host reports."""
    return _share(4, memory_mb or config.memory_mb or 0) if config.is_hvm else 0


def needed_on_source_mb(config: VMConfig, memory_mb: int | None = None) -> int | None:
    """What the source of a live migration needs for the time of it, in MB; None: as above."""
    memory_mb = memory_mb or config.memory_mb
    return None if memory_mb is None else _vcpus(config) + _share(4, memory_mb)


def _vcpus(config: VMConfig) -> int:
    return max(config.max_vcpus or 1, config.vcpus or 1)


def _share(kb_per_mb: int, memory_mb: int) -> int:
    return -(-kb_per_mb * memory_mb // 1024)  # rounded up
