"""The form in which stretches of files travel."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libcloud_ovm3_host import chunks, errors

ZERO, ONE = '\0'.encode('ascii'), '1'.encode('ascii')


def decoded(chunk):
    data = ''.encode('ascii')
    for start, size, piece in chunks.decode(chunk):
        assert start == len(data)
        assert size
        if piece is None:
            piece = ZERO * size
        assert len(piece) == size
        data += piece
    return data


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from([ZERO, ONE]), st.integers(0, 9000)), max_size=8))
def test_what_is_encoded_is_decoded(runs):
    data = ''.encode('ascii').join([byte * count for byte, count in runs])
    assert decoded(chunks.encode(data)) == data


def test_the_form_is_the_one_of_the_page():
    data = ONE * 4096 + ZERO * 4096 + ONE * 10
    assert chunks.encode(data) == struct.pack('>I', 8202) + struct.pack('B', 0xa0) + ONE * 4106
    assert chunks.encode(''.encode('ascii')) == ZERO * 4


def test_neighbouring_blocks_are_one_piece():
    data = ZERO * 8192 + ONE * 8192 + ZERO * 5
    assert [(start, size) for start, size, _ in chunks.decode(chunks.encode(data))] == [
        (0, 8192), (8192, 8192), (16384, 5)]


def test_4_mib_and_no_more():
    data = ONE * (4 << 20)
    assert decoded(chunks.encode(data)) == data
    with pytest.raises(errors.InvalidArgument):
        chunks.decode(chunks.encode(data + ONE))


@settings(max_examples=100)
@given(st.binary(max_size=40), st.integers(0, 20000))
def test_what_is_no_chunk_is_refused(junk, length):
    """What decodes is what is encoded: there is one form of each stretch, up to its zeros."""
    for chunk in (junk, struct.pack('>I', length) + junk):
        try:
            pieces = chunks.decode(chunk)
        except errors.InvalidArgument:
            continue
        assert len(chunk) == 4 + -(-(-(-chunks.length_of(pieces) // 4096)) // 8) + sum(
            [size for _, size, piece in pieces if piece is not None])


@pytest.mark.parametrize('change', [lambda good: good[:-1], lambda good: good + ONE,
                                    lambda good: good[:3], lambda good: good[:4],
                                    lambda good: good[:4] + struct.pack('B', 0xff) + good[5:],
                                    lambda good: good[:4] + struct.pack('B', 0xc1) + good[5:]])
def test_a_changed_chunk_is_refused(change):
    good = chunks.encode(ONE * 4096 + ZERO * 4096)
    with pytest.raises(errors.InvalidArgument):
        chunks.decode(change(good))
