"""What the agent's words about a bond mean."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.estate.bonds import mode_number, slave_name
from tests.estate.test_interface_names import NAMES


@given(name=NAMES.filter(lambda name: name != "None"))
def test_a_slave(name: str) -> None:
    assert slave_name(name) == slave_name(f" {name}\n") == name
    assert slave_name(f"{name} (primary_reselect always)") == name
    assert [slave_name(text) for text in ("None", "", " ", None)] == [None] * 4


@given(text=st.text())
def test_a_mode(text: str) -> None:
    assert mode_number(text) in (None, *range(7))
    assert (mode_number("active-backup"), mode_number(" Adaptive Load Balancing ")) == (1, 6)
    assert mode_number(None) is None
