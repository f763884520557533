"""Whether the compressed clusters of a qcow2 image are all there.

qemu-img reads zeros behind the end of a file. Of compressed data these are often decompressed to
something without an error, and neither ``qemu-img check`` nor ``map`` sees it.

Source: docs/interop/qcow2.txt of QEMU.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from array import array
from collections.abc import Iterator
from typing import IO

_HEAD_BYTES = 105
_OFFSET = 0x00FFFFFFFFFFFE00  # of a table, in an entry of the table above it
_COMPRESSED = 1 << 62
_OTHER_COMPRESSION, _LONG_ENTRIES = 1 << 3, 1 << 4  # incompatible features
_L1_ENTRIES = 1 << 22  # 32 MiB, as many as QEMU takes


def has_all_compressed(path: str) -> bool:
    """Whether no compressed cluster of a qcow2 image is cut off. Reads its tables.

    :param path: a file whose header has been looked at.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(_HEAD_BYTES).ljust(_HEAD_BYTES, b"\0")
        [version, bits] = (struct.unpack_from(">I", head, at)[0] for at in (4, 20))
        features = struct.unpack_from(">Q", head, 72)[0] if version > 2 else 0
        is_deflate = not (features & _OTHER_COMPRESSION and head[104])
        if not 9 <= bits <= 21:
            return False
        for entry in _entries(file, head, bits, bool(features & _LONG_ENTRIES)):
            shift = 62 - (bits - 8)
            offset = entry & ((1 << shift) - 1)
            sectors = ((entry >> shift) & ((1 << (bits - 8)) - 1)) + 1
            # The last sector may be there in part: what counts is the end of the stream.
            if (offset // 512 + sectors) * 512 > size and not (
                is_deflate and _is_whole_stream(file, offset)
            ):
                return False
    return True


def _entries(file: IO[bytes], head: bytes, bits: int, are_long: bool) -> Iterator[int]:
    """The entries of compressed clusters; one that is behind the end, if a table is cut off."""
    count, begin = struct.unpack_from(">IQ", head, 36)
    tables = _read_table(file, begin, min(count, _L1_ENTRIES) * 8)
    if len(tables) < count:
        yield _COMPRESSED - 1
    for table in tables:
        if table & _OFFSET:
            entries = _read_table(file, table & _OFFSET, 1 << bits)
            if len(entries) * 8 < 1 << bits:
                yield _COMPRESSED - 1
            yield from (one for one in entries[:: 1 + are_long] if one & _COMPRESSED)


def _read_table(file: IO[bytes], offset: int, length: int) -> array[int]:
    file.seek(offset)
    data = file.read(length)
    table = array("Q", data[: len(data) // 8 * 8])
    if sys.byteorder == "little":
        table.byteswap()
    return table


def _is_whole_stream(file: IO[bytes], offset: int) -> bool:
    file.seek(offset)
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        stream.decompress(file.read())
    except zlib.error:
        return False
    return stream.eof
