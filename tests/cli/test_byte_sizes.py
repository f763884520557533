"""Sizes as people type them, and as they read them."""

from __future__ import annotations

import click
import pytest

from libcloud_ovm3.cli.byte_sizes import byte_size, long_size, short_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20G", 20 << 30),
        ("1.5T", 3 << 39),
        ("512m", 512 << 20),
        ("4KiB", 4096),
        ("1GB", 1 << 30),
        (" 100B ", 100),
        ("0.0001K", 1),
        ("0.3G", 322122548),  # rounded up
    ],
)
def test_sizes_with_their_units(text: str, size: int) -> None:
    assert byte_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "20", "G", "1.5B", "1,5G", "-1G", "1e3G", "1P", "1 G", "\u0664G"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a number with its unit"):
        byte_size(text)


def test_sizes_for_people() -> None:
    assert [short_size(one) for one in (None, 0, 8192, 3 << 29)] == [
        "?",
        "0 bytes",
        "8 KiB",
        "1.5 GiB",
    ]
    assert [long_size(one) for one in (None, 512, 8192)] == ["?", "512 bytes", "8 KiB (8192 bytes)"]
