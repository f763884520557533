"""Stretches of files as the host module has them: blocks of zeros take no room. Pure.

The form (docs/host-module.md): four bytes, the stretch's length (big-endian); one bit a block, the
first block in the highest bit of the first byte, 1 where the block is not all zeros; then these
blocks, one after the other.
"""

from __future__ import annotations

CHUNK_BYTES = 4 << 20  # of a file; the host refuses longer ones
BLOCK_BYTES = 4096
_LENGTH = 4
_ZEROS = bytes(BLOCK_BYTES)


def encode(data: bytes) -> bytes:
    """A chunk of this stretch of a file.

    :raises ValueError: it is longer than a chunk may be.
    """
    if len(data) > CHUNK_BYTES:
        raise ValueError(f"a chunk of {len(data)} bytes: {CHUNK_BYTES} are allowed")
    view = memoryview(data)
    bitmap = bytearray(_bitmap_bytes(len(data)))
    kept = []
    for number, start in enumerate(range(0, len(data), BLOCK_BYTES)):
        block = view[start : start + BLOCK_BYTES]
        if block != _ZEROS[: len(block)]:
            bitmap[number // 8] |= 0x80 >> number % 8
            kept.append(block)
    return b"".join([len(data).to_bytes(_LENGTH, "big"), bitmap, *kept])


def decode(chunk: bytes) -> bytes:
    """The stretch of the file.

    :raises ValueError: these bytes are no chunk, or not just one.
    """
    length = int.from_bytes(chunk[:_LENGTH], "big")
    if len(chunk) < _LENGTH or length > CHUNK_BYTES:
        raise ValueError(f"no chunk: {length} bytes long, {CHUNK_BYTES} are allowed")
    bitmap = chunk[_LENGTH : _LENGTH + _bitmap_bytes(length)]
    blocks = -(-length // BLOCK_BYTES)
    bits = int.from_bytes(bitmap, "big")
    if len(bitmap) < _bitmap_bytes(length) or bits & ((1 << len(bitmap) * 8 - blocks) - 1):
        raise ValueError("no chunk: its map of blocks is not as long as it is")
    data = bytearray(length)
    at = _LENGTH + len(bitmap)
    for number in range(blocks):
        if bitmap[number // 8] & (0x80 >> number % 8):
            start = number * BLOCK_BYTES
            size = min(BLOCK_BYTES, length - start)
            block = chunk[at : at + size]
            if len(block) < size:
                raise ValueError("no chunk: blocks are missing at its end")
            data[start : start + size] = block
            at += size
    if at != len(chunk):
        raise ValueError(f"no chunk: {len(chunk) - at} bytes too many")
    return bytes(data)


def _bitmap_bytes(length: int) -> int:
    blocks = -(-length // BLOCK_BYTES)
    return -(-blocks // 8)
