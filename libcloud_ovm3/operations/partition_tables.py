"""How large a raw disk has to be, as its partition table says. Pure.

A raw disk without its end says nothing else of itself. Some images are shorter by intention, so
this is told, not refused.

Sources: UEFI 2.10, 5.2 (the MBR) and 5.3.2 (the header of a GPT), for sectors of 512 bytes.
"""

from __future__ import annotations

import struct

_SECTOR = 512
_GPT = 0xEE  # the type of the one partition in the MBR of a disk with a GPT


def cut_off(head: bytes, size_bytes: int, label: str) -> list[str]:
    """Notices for the user: its partitions end behind the end of the disk.

    :param head: its first bytes, 1024 at least, or all.
    :param size_bytes: of the disk.
    :param label: how messages name it.
    """
    needed = needed_bytes(head)
    if needed <= size_bytes:
        return []
    return [
        f"{label} has {size_bytes} bytes, and its partition table is for a disk of at least "
        f"{needed}: it may be cut off"
    ]


def needed_bytes(head: bytes) -> int:
    """The size that a disk has to have at least; 0: it has no partition table."""
    if head[510:512] != b"\x55\xaa":
        return 0
    entries = [struct.unpack_from("<B3xB3xII", head, 446 + 16 * n) for n in range(4)]
    if any(status not in (0, 0x80) for status, *_ in entries):  # the boot sector of a file system
        return 0
    used = [(kind, start + count) for _, kind, start, count in entries if kind and start and count]
    if any(kind == _GPT for kind, _ in used):
        if head[512:520] != b"EFI PART" or len(head) < 1024:
            return 0
        return (int(struct.unpack_from("<Q", head, 512 + 32)[0]) + 1) * _SECTOR
    return max((end for _, end in used), default=0) * _SECTOR
