"""agent.identifiers: one uuid, two notations (agent-behaviour 3)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.identifiers import dashed, if_no_id, undashed

PLAIN = "0004fb0000060000236e45007b980aa1"
DASHED = "0004fb00-0006-0000-236e-45007b980aa1"


@pytest.mark.parametrize("text", [PLAIN, DASHED, PLAIN.upper(), DASHED.upper(), f" {DASHED}\n"])
def test_both_notations(text: str) -> None:
    assert dashed(text) == DASHED
    assert undashed(text) == PLAIN


def test_a_servers_id_has_colons() -> None:
    text = "1d:d5:e8:91:d9:d0:ed:bd:81:c2:a6:9a:b3:d1:b7:ea"
    assert undashed(text) == "1dd5e891d9d0edbd81c2a69ab3d1b7ea"


@pytest.mark.parametrize("text", ["", "none", None, PLAIN[:-1], PLAIN + "0", "g" * 32, 7, [], "é"])
def test_what_is_no_uuid(text: Any) -> None:
    assert dashed(text) is None
    assert undashed(text) is None


def test_who_is_told_that_an_id_is_expected() -> None:
    for text in (PLAIN, DASHED.upper(), f"{PLAIN}/ISOs/a.iso", "/OVS/a.img"):
        assert if_no_id(text) == ""
    for text in ("web-1", "", 7):
        assert if_no_id(text) == " (expected an id, not a name)"


@given(st.uuids())
def test_there_and_back(some: uuid.UUID) -> None:
    assert dashed(some) == dashed(undashed(some)) == str(some)
    assert undashed(some) == undashed(dashed(some)) == some.hex


@given(st.text())
def test_any_text(text: str) -> None:
    assert (dashed(text) is None) or undashed(text) == dashed(text).replace("-", "")
