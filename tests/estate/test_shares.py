"""NFS exports as texts: which lie in which (N46), and the record of a repository on one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.errors import InvalidArgument, MalformedResponse
from libcloud_ovm3.estate.shares import new_repository_id, parse_record, parse_share, share_of

EXPORTS = Path(__file__).with_name("cases") / "N46.exports.txt"
_names = st.lists(st.text("ab1-", min_size=1, max_size=3), max_size=4)


def test_the_overlapping_exports_of_a_filer() -> None:
    """N46: /export has both others in it; repo1 and repo10 have nothing to do with each other."""
    lines = [line.split() for line in EXPORTS.read_text().splitlines() if "(everyone)" in line]
    whole, one, ten = (parse_share(f"{server}{path}") for server, path, _ in lines)
    assert [str(share) for share in (whole, one, ten)] == [
        "filer.example.com:/export",
        "filer.example.com:/export/repo1",
        "filer.example.com:/export/repo10",
    ]
    assert whole.contains(one)
    assert whole.contains(ten)
    assert one.overlaps(whole)
    assert not one.overlaps(ten)
    assert not ten.overlaps(one)


@given(_names, _names)
def test_paths_are_compared_by_whole_names(names: list[str], others: list[str]) -> None:
    one, other = (parse_share("filer:/" + "/".join(path)) for path in (names, others))
    assert one.contains(other) is (others[: len(names)] == names)
    assert one.is_same(other) is (names == others)
    assert one.overlaps(other) is other.overlaps(one)
    assert not one.overlaps(parse_share(f"other:{other.path}"))


@given(_names)
def test_the_form_of_a_share_says_nothing(names: list[str]) -> None:
    """Two texts for one export are one export, and have one id for a new repository."""
    one = parse_share("Filer:/" + "/".join(names))
    other = parse_share(" filer://" + "//".join(names) + "/ ")
    assert one.is_same(other)
    assert share_of(str(one)) == one
    first = new_repository_id(one, [])
    assert new_repository_id(other, []) == first
    assert new_repository_id(one, [first]) not in (first, "")


@pytest.mark.parametrize(
    "text", ["filer", "filer:", "filer:export", ":/export", "/export", "a:/b c", "a:/b/../c", 5,
             "a/b:/c", "a:/b\nc", "fe80::1:/export"],
)  # fmt: skip
def test_what_is_no_share(text: object) -> None:
    with pytest.raises(InvalidArgument, match="expected an NFS export as server:/path"):
        parse_share(text)


def test_an_address_of_ipv6_is_a_server() -> None:
    assert str(parse_share("[fe80::1]:/export/")) == "[fe80::1]:/export"
    assert str(parse_share("filer:/")) == "filer:/"


def test_the_record_of_a_repository() -> None:
    found = parse_record(
        "OVS_REPO_UUID=0004FB00-0003-0000-AEAC-A859E4A8F8C0\nnonsense\nOVS_REPO_MGR_UUID=none\n"
        "OVS_REPO_ALIAS=D\u00e9p\u00f4t = a\nOVS_REPO_VERSION=3.0\n".encode(), "here",
    )  # fmt: skip
    assert (found.id, found.alias) == ("0004fb0000030000aeaca859e4a8f8c0", "D\u00e9p\u00f4t = a")
    assert found.owner is None
    with pytest.raises(MalformedResponse, match="here: it does not say"):
        parse_record(b"\xff\x00", "here")
