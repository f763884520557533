"""Ranges of files in the host module's encoding, which omits blocks of zeros. Pure.

The format (docs/host-module.md): four bytes with the range's length (big-endian); one bit per
block, the first block in the highest bit of the first byte, 1 if the block is not all zeros; then
these blocks in order.
"""

from __future__ import annotations

CHUNK_BYTES = 4 << 20  # of a file; the host rejects longer ones
BLOCK_BYTES = 4096
_LENGTH = 4
_ZEROS = bytes(BLOCK_BYTES)


def encode(data: bytes) -> bytes:
    """Encode a range of a file.

    :raises ValueError: It is longer than a chunk may be.
    """
    if len(data) > CHUNK_BYTES:
        raise ValueError(f"a chunk of {len(data)} bytes: at most {CHUNK_BYTES} are allowed")
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
    """Decode a range of a file.

    :raises ValueError: These bytes are not exactly one valid chunk.
    """
    length = int.from_bytes(chunk[:_LENGTH], "big")
    if len(chunk) < _LENGTH or length > CHUNK_BYTES:
        raise ValueError(f"not a valid chunk: {length} bytes, at most {CHUNK_BYTES} are allowed")
    bitmap = chunk[_LENGTH : _LENGTH + _bitmap_bytes(length)]
    blocks = -(-length // BLOCK_BYTES)
    bits = int.from_bytes(bitmap, "big")
    if len(bitmap) < _bitmap_bytes(length) or bits & ((1 << len(bitmap) * 8 - blocks) - 1):
        raise ValueError("not a valid chunk: its block map does not match its length")
    at = _LENGTH + len(bitmap)
    if bits.bit_count() == blocks and len(chunk) == at + length:
        return chunk[at:]  # no zeros
    data = bytearray(length)
    for number in range(blocks):
        if bitmap[number // 8] & (0x80 >> number % 8):
            start = number * BLOCK_BYTES
            size = min(BLOCK_BYTES, length - start)
            block = chunk[at : at + size]
            if len(block) < size:
                raise ValueError("not a valid chunk: blocks are missing at its end")
            data[start : start + size] = block
            at += size
    if at != len(chunk):
        raise ValueError(f"not a valid chunk: {len(chunk) - at} bytes too many")
    return bytes(data)


def _bitmap_bytes(length: int) -> int:
    blocks = -(-length // BLOCK_BYTES)
    return -(-blocks // 8)
