"""Chunks: ranges of files in which blocks of zeros take no space: docs/host-module.md. Pure."""

import struct

from libcloud_ovm3_host import errors
from libcloud_ovm3_host.version import CHUNK_BYTES

BLOCK = 4096

_NONE = ''.encode('ascii')
_ZEROS = '\0'.encode('ascii') * BLOCK


def encode(data):
    """The chunk of these bytes, which are at most ``CHUNK_BYTES``."""
    rest = data[len(data) - len(data) % BLOCK:]
    if data.find(_ZEROS) < 0 and (rest == _NONE or rest != _ZEROS[:len(rest)]):  # most are such
        bits = [1] * -(-len(data) // BLOCK)
        return _NONE.join([struct.pack('>I', len(data)), _bitmap(bits), data])
    bits, blocks = [], []
    for start in range(0, len(data), BLOCK):
        block = data[start:start + BLOCK]
        if block == _ZEROS[:len(block)]:
            bits.append(0)
        else:
            bits.append(1)
            blocks.append(block)
    return _NONE.join([struct.pack('>I', len(data)), _bitmap(bits)] + blocks)


def decode(chunk):
    """``[(start, size, bytes or None)]``: the consecutive pieces of the range, None for zeros.

    Raises InvalidArgument for anything but exactly one chunk.
    """
    if len(chunk) < 4:
        raise errors.InvalidArgument('chunk: less than 4 bytes')
    length = struct.unpack('>I', chunk[:4])[0]
    if length > CHUNK_BYTES:
        raise errors.InvalidArgument('chunk: a range of more than %d bytes' % CHUNK_BYTES)
    bits, at = _bits(chunk, -(-length // BLOCK))
    pieces = []
    start = 0
    while start < length:
        end = _end_of_run(bits, start // BLOCK) * BLOCK
        size = min(end, length) - start
        data = None
        if bits[start // BLOCK]:
            data = chunk[at:at + size]
            at += size
        pieces.append((start, size, data))
        start += size
    if at != len(chunk):
        raise errors.InvalidArgument('chunk: %d bytes where its bitmap says %d' % (len(chunk), at))
    return pieces


def length_of(pieces):
    """The length of a decoded range, in bytes."""
    return sum([size for _, size, _ in pieces])


def _bitmap(bits):
    numbers = []
    for first in range(0, len(bits), 8):
        number = 0
        for position, bit in enumerate(bits[first:first + 8]):
            number |= bit << (7 - position)
        numbers.append(number)
    return struct.pack('%dB' % len(numbers), *numbers)


def _bits(chunk, count):
    """``(bits, where the blocks begin)``."""
    at = 4 + -(-count // 8)
    if len(chunk) < at:
        raise errors.InvalidArgument('chunk: its bitmap is truncated')
    bits = []
    for number in struct.unpack('%dB' % (at - 4), chunk[4:at]):
        bits += [number >> (7 - position) & 1 for position in range(8)]
    if 1 in bits[count:]:
        raise errors.InvalidArgument('chunk: its bitmap has more blocks than the range')
    return bits[:count], at


def _end_of_run(bits, first):
    """The index of the first block after this one that differs from it (zeros or data)."""
    position = first
    while position < len(bits) and bits[position] == bits[first]:
        position += 1
    return position
