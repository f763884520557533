"""Sizes, shares and bars: with units, and never a bar for what is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.report.figures import (
    Bar,
    HostMemory,
    host_memory,
    memory_bar,
    memory_text,
    percent_text,
    size_text,
    space_bar,
)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (512 << 20, "512 MiB"),
        (1536 << 20, "1.5 GiB"),
        (263166853120, "245.1 GiB"),
        (20 << 40, "20.0 TiB"),
        (5 << 70, "5120.0 EiB"),
    ],
)
def test_sizes_have_units(size: int, text: str) -> None:
    assert size_text(size) == text


def test_memory_is_given_in_mib() -> None:
    assert (memory_text(512), memory_text(2048)) == ("512 MiB", "2.0 GiB")


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0%"),
        (1, 1000, "under 1%"),
        (999, 1000, "99%"),
        (10, 10, "100%"),
        (10001, 10000, "101%"),
        (3, 2, "150%"),
    ],
)
def test_a_share_is_not_rounded_to_nothing_or_to_all(part: int, whole: int, text: str) -> None:
    assert percent_text(part, whole) == text


def test_memory_in_use() -> None:
    assert memory_bar(16384, 4096) == Bar(75.0, "12.0 GiB of 16.0 GiB in use (75%)")


@pytest.mark.parametrize(
    ("total", "free"), [(None, 4), (16, None), (None, None), (0, 0), (16, 17), (16, -1)]
)
def test_figures_that_are_missing_or_contradict_have_no_bar(
    total: int | None, free: int | None
) -> None:
    assert memory_bar(total, free) is None
    assert space_bar(total, free) is None
    assert host_memory(total, free, None) == HostMemory(None)


@given(st.integers(1, 1 << 50), st.integers(0, 1 << 50))
def test_a_bar_is_never_beyond_its_ends(total: int, free: int) -> None:
    for bar in (memory_bar(total, free), space_bar(total, free)):
        assert (bar is None) == (free > total)
        assert bar is None or 0 <= bar.percent <= 100


def test_what_vms_have_of_a_host() -> None:
    assert host_memory(16384, 4096, [2048, 1024]).assigned == "VMs have 3.0 GiB"
    assert host_memory(16384, 4096, []).assigned == "no VMs"
    assert host_memory(16384, 4096, None).assigned == ""
    partly = host_memory(16384, 4096, [2048, None]).assigned
    assert partly == "VMs have at least 2.0 GiB; of 1 it is unknown"


def test_a_host_that_is_over_committed() -> None:
    memory = host_memory(16384, 0, [16384, 3277])
    assert memory.bar is not None
    assert memory.bar.percent == 100
    assert memory.bar.remark == "over-committed: VMs have 121% of it"
    assert host_memory(16384, 0, [16384]).bar == Bar(100, "16.0 GiB of 16.0 GiB in use (100%)")
    unknown = host_memory(16384, None, [16385]).bar
    assert unknown == Bar(100, "16.0 GiB, use unknown", "over-committed: VMs have 101% of it")


def test_the_space_of_a_repository() -> None:
    assert space_bar(1000 << 30, 101 << 30) == Bar(89.9, "899.0 GiB of 1000.0 GiB in use (89%)")
    nearly, full = space_bar(1000 << 30, 100 << 30), space_bar(1000 << 30, 0)
    assert nearly is not None
    assert full is not None
    assert nearly.remark == "nearly full: 100.0 GiB free"
    assert (full.percent, full.remark) == (100, "full: 0 bytes free")
