"""File names of volumes and snapshots: what is put into one comes out of it, and nothing else."""

from __future__ import annotations

import datetime
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estate.disk_names import (
    CREATING,
    DiskName,
    file_name,
    origin_key,
    parse_file_name,
)

UUID = "0123456789abcdef0123456789abcdef"
KEY = "f" * 32
SAFE = set(string.ascii_letters + string.digits + "-_%.")

names = st.text(min_size=1, max_size=25).filter(lambda t: t == t.strip() and t.isprintable())
hexes = st.uuids().map(lambda one: one.hex)
times = st.datetimes(datetime.datetime(1970, 1, 1), timezones=st.just(datetime.timezone.utc)).map(
    lambda one: one.replace(microsecond=0)
)


@given(names, hexes, st.none() | hexes)
def test_a_volume_comes_back(name: str, uuid: str, origin: str | None) -> None:
    made = DiskName(name, uuid, origin)
    text = file_name(made)
    assert parse_file_name(text) == made
    assert not made.is_snapshot
    assert set(text) <= SAFE
    assert len(text + CREATING) <= 255


@given(names, hexes, hexes, times)
def test_a_snapshot_comes_back(name: str, uuid: str, key: str, when: datetime.datetime) -> None:
    made = DiskName(name, uuid, key, when)
    assert parse_file_name(file_name(made)) == made
    assert made.is_snapshot


@given(st.from_regex(r"[A-Za-z0-9_%.-]{1,20}\.[0-9a-f]{32}(\.of\.[0-9a-f]{32})?\.img"))
def test_what_is_understood_is_written_in_one_way_only(text: str) -> None:
    """So no two files are the same volume, and no other program's file is taken for one."""
    found = parse_file_name(text)
    if found is not None:
        assert file_name(found) == text


@pytest.mark.parametrize(
    "name",
    [
        "System.img",
        f"data.{UUID}.raw",
        f"data.{UUID.upper()}.img",
        f"data.{UUID[:-1]}.img",
        f".{UUID}.img",
        f"a b.{UUID}.img",
        f"a%2e.{UUID}.img",  # the dot is always %2E
        f"a%41.{UUID}.img",  # a letter is never quoted
        f"%FF.{UUID}.img",  # not UTF-8
        f"a%0A.{UUID}.img",
        f"data.{UUID}.of.{KEY[:-1]}.img",
        f"data.{UUID}.snapshot.{KEY}.img",
        f"data.{UUID}.snapshot.{KEY}.20261329T024400Z.img",
        f"data.{UUID}.of.{KEY}.snapshot.{KEY}.20261129T024400Z.img",
        f"data.{UUID}.img{CREATING}",
        f"data.{UUID}.img\n",
    ],
)
def test_other_files_are_not_taken_for_volumes(name: str) -> None:
    assert parse_file_name(name) is None


def test_how_they_look() -> None:
    when = datetime.datetime(2026, 11, 29, 2, 44, tzinfo=datetime.timezone.utc)
    assert file_name(DiskName("Sales' DB", UUID)) == f"Sales%27%20DB.{UUID}.img"
    assert file_name(DiskName("v1.0~é", UUID, KEY)) == f"v1%2E0%7E%C3%A9.{UUID}.of.{KEY}.img"
    snapshot = file_name(DiskName("x", UUID, KEY, when))
    assert snapshot == f"x.{UUID}.snapshot.{KEY}.20261129T024400Z.img"


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "\x7f", "\ud800"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(repr(name))):
        file_name(DiskName(name, UUID))


def test_a_name_that_is_too_long_is_refused_with_the_room_that_there_is() -> None:
    file_name(DiskName("x" * 209, UUID))
    with pytest.raises(InvalidArgument, match=r"takes 210 characters .* room for 209"):
        file_name(DiskName("x" * 210, UUID))
    with pytest.raises(InvalidArgument, match=r"takes 420 characters"):
        file_name(DiskName("é" * 70, UUID))


def test_a_key_stands_for_one_volume_however_its_repository_is_written() -> None:
    path = "VirtualDisks/System.img"
    dashed = "0004FB00-0003-0000-0000-00000000ABCD"
    plain = dashed.replace("-", "")
    assert len({origin_key(f"{one}/{path}") for one in (dashed, plain, plain.lower())}) == 1
    assert origin_key(f"{plain}/{path}") != origin_key(f"{plain}/{path.lower()}")
    assert re.fullmatch("[0-9a-f]{32}", origin_key(f"{plain}/{path}"))
