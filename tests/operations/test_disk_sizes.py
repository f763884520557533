"""Sizes of disks as users give them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.operations.disk_sizes import BLOCK, GIB, is_same_gb, size_in_bytes

N44 = 10 * GIB + 1  # a byte more than 10 GB


def test_whole_numbers_of_gb_are_exact() -> None:
    assert size_in_bytes(1) == (GIB, [])
    assert size_in_bytes(2**20 + 1) == ((2**20 + 1) * GIB, [])
    assert size_in_bytes(0.5) == (GIB // 2, [])


def test_what_is_no_multiple_of_a_block_is_rounded_up_and_said() -> None:
    for size in (10, 11, None, 0):
        rounded, [notice] = size_in_bytes(size, N44)
        assert rounded == 10 * GIB + BLOCK
        assert f"{N44} to {rounded} bytes" in notice


@given(st.integers(1, 2**62))
def test_never_less_than_asked_for(size_bytes: int) -> None:
    found, notices = size_in_bytes(None, size_bytes)
    assert found % BLOCK == 0
    assert 0 <= found - size_bytes < BLOCK
    assert bool(notices) == (found != size_bytes)
    assert is_same_gb(-(-found // GIB) * GIB, found)


@pytest.mark.parametrize(
    "size",
    [0, -1, -0.5, float("nan"), float("inf"), True, "10", "", None, 2**40, [1], 10**400],
)
def test_no_size_in_gb(size: Any) -> None:
    with pytest.raises(InvalidArgument, match="size in GB"):
        size_in_bytes(size)


@pytest.mark.parametrize("size_bytes", [0, -1, 1.5, True, "4096"])
def test_no_size_in_bytes(size_bytes: Any) -> None:
    with pytest.raises(InvalidArgument, match="ex_size_bytes"):
        size_in_bytes(None, size_bytes)


@pytest.mark.parametrize(("size", "size_bytes"), [(20, 20), (1, N44), (12, N44)])
def test_sizes_that_contradict_each_other(size: int, size_bytes: int) -> None:
    with pytest.raises(InvalidArgument, match="contradict each other"):
        size_in_bytes(size, size_bytes)


def test_more_than_a_file_can_have() -> None:
    with pytest.raises(InvalidArgument, match="at most"):
        size_in_bytes(None, 2**63)
