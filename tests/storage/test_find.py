"""``CONTAINER/OBJECT`` as a user types it. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcloud.storage.base import Container

from libcloud_ovm3.errors import AmbiguousName
from libcloud_ovm3.storage.find import split_place

ID, OTHER = "0004fb0000030000aaaaaaaaaaaaaaaa", "0004fb0000030000bbbbbbbbbbbbbbbb"


def container(name: str, repository_id: str = ID, plain: str | None = None) -> Container:
    extra = {"repository_id": repository_id, "plain_name": plain}
    return Container(name, extra, None)  # type: ignore[arg-type]


LISTED = [
    container("MyRepo"),
    container("box", plain="box"),
    container(f"{ID}/twice", plain="twice"),
    container(f"{OTHER}/twice", OTHER, "twice"),
]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("MyRepo", ("MyRepo", "")),
        ("MyRepo/ISOs/a.iso", ("MyRepo", "ISOs/a.iso")),
        ("box//a/", ("box", "/a/")),
        (f"{ID}/twice/a", (f"{ID}/twice", "a")),
        (f"{ID}/twice", (f"{ID}/twice", "")),
        (f"{ID}/twice2/a", (ID, "twice2/a")),
        (f"{OTHER}/box/a", (OTHER, "box/a")),
        ("twice/a", ("twice", "a")),
    ],
)
def test_where_the_container_ends(text: str, parts: tuple[str, str]) -> None:
    assert split_place(text, LISTED) == parts


@pytest.mark.parametrize("text", [f"{ID}/box/a", f"{ID}/box", f"{ID.upper()}/box/a"])
def test_what_may_be_meant_in_two_ways_is_refused(text: str) -> None:
    """An object of the repository, or one of its container: the wrong one might be removed."""
    with pytest.raises(AmbiguousName, match="box/"):
        split_place(text, LISTED)


@given(st.sampled_from([one.name for one in LISTED]), st.text(min_size=1, max_size=20))
def test_what_is_listed_is_found_again(name: str, rest: str) -> None:
    assert split_place(f"{name}/{rest}", LISTED) == (name, rest)
