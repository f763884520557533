"""Chunks: what was put in comes out, zeros take no room, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import chunks
from libcloud_ovm3.agent.chunks import BLOCK_BYTES, CHUNK_BYTES

PIECES = st.one_of(
    st.binary(max_size=50),
    st.integers(0, 3 * BLOCK_BYTES).map(bytes),
    st.integers(0, 20).map(lambda n: b"x" * (n * BLOCK_BYTES)),
)


@given(st.lists(PIECES, max_size=6).map(b"".join))
def test_round_trip(data: bytes) -> None:
    chunk = chunks.encode(data)
    assert chunks.decode(chunk) == data
    blocks = [data[i : i + BLOCK_BYTES] for i in range(0, len(data), BLOCK_BYTES)]
    full = [block for block in blocks if block.strip(b"\0")]
    assert len(chunk) == 4 + -(-len(blocks) // 8) + len(b"".join(full))


@given(st.binary(max_size=40), st.data())
def test_other_bytes_are_refused_or_are_that_chunk(rest: bytes, data: st.DataObject) -> None:
    """Whatever is read is what would have been written, but for blocks of zeros sent in full."""
    length = data.draw(st.integers(0, 3 * BLOCK_BYTES))
    chunk = length.to_bytes(4, "big") + rest
    try:
        decoded = chunks.decode(chunk)
    except ValueError:
        return
    assert len(decoded) == length
    assert len(chunks.encode(decoded)) <= len(chunk)


def test_the_form() -> None:
    data = bytes(BLOCK_BYTES) + b"a" * BLOCK_BYTES + bytes(7 * BLOCK_BYTES) + b"tail"
    expected = len(data).to_bytes(4, "big") + bytes([0b01000000, 0b01000000])
    assert chunks.encode(data) == expected + b"a" * BLOCK_BYTES + b"tail"


def test_four_mebibytes_of_zeros_take_132_bytes() -> None:
    chunk = chunks.encode(bytes(CHUNK_BYTES))
    assert len(chunk) == 132
    assert chunks.decode(chunk) == bytes(CHUNK_BYTES)
    with pytest.raises(ValueError, match="4194304 are allowed"):
        chunks.encode(bytes(CHUNK_BYTES + 1))


@pytest.mark.parametrize(
    "chunk",
    [
        b"",
        b"\0\0\0",
        (CHUNK_BYTES + 1).to_bytes(4, "big") + bytes(200),
        b"\0\0\0\1",  # no map
        b"\0\0\0\1\x80",  # no block
        b"\0\0\0\1\x80ab",  # more than one
        b"\0\0\0\0a",
        b"\0\0\0\1\xc0a",  # a block beyond the end
        b"\0\0\0\1\x01",
    ],
)
def test_no_chunks(chunk: bytes) -> None:
    with pytest.raises(ValueError, match="not a valid chunk"):
        chunks.decode(chunk)
