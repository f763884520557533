"""What the agent can carry, by going the way: XML-RPC as Python has it, and a file of literals."""

from __future__ import annotations

import xmlrpc.client
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import codec, vmcfg
from libcloud_ovm3.operations.vmcfg_values import differences, keeps_change, why_lost

_SIMPLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**33), 2**33),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
_VALUES = st.recursive(
    _SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers(0, 3)), inner, max_size=2),
    ),
    max_leaves=5,
)
_KEYS = st.one_of(st.sampled_from(["disk", "memory", "for", "a b", "\xe9", ""]))


@given(st.dictionaries(_KEYS, _VALUES, max_size=3))
def test_what_is_not_refused_arrives_as_it_is(values: dict[str, Any]) -> None:
    if why_lost(values):
        return
    sent, _ = xmlrpc.client.loads(codec.encode_call("any", (values,)))
    written = vmcfg.parse(vmcfg.text_of(sent[0]))
    assert written == values
    assert repr(written) == repr(values), "a type has changed"
    assert differences(values, written) == []


@pytest.mark.parametrize("value", ["x", 7, True, ["a", {"b": [1]}], {"a": "x"}, "D\xe9p\n", []])
def test_what_is_usual_is_not_refused(value: Any) -> None:
    assert why_lost({"key": value}) == ""


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        ("512", 512, True),
        (" 512 ", 512, True),
        ("0x200", 512, False),
        (True, 1, False),
        ("True", True, False),
        (["512"], [512], True),
        (["a", "b"], ["b", "a"], False),
        ({"a": "1"}, {"a": 1}, True),
        ({"a": 1}, {"b": 1}, False),
        ("a", "A", False),
        ([], "", False),
        (None, "", False),
    ],
)
def test_what_counts_as_equal(one: Any, other: Any, is_equal: bool) -> None:
    assert (differences({"key": one}, {"key": other}) == []) is is_equal
    assert (differences({"key": other}, {"key": one}) == []) is is_equal


def test_differences_are_named() -> None:
    assert differences({"a": 1, "b": 2, "d": 0}, {"b": 3, "c": 4, "d": 0}) == ["a", "b", "c"]
    assert differences({"maxvcpus": 0}, {"maxvcpus": 4}) == []  # "not set" (agent-behaviour 6.1)
    assert differences({"vcpus": 0}, {"vcpus": 4}) == ["vcpus"]


_ENTRIES = st.lists(st.sampled_from("abcd"), unique=True)


@given(_ENTRIES, _ENTRIES, _ENTRIES)
def test_a_change_that_is_kept(before: list[str], wanted: list[str], found: list[str]) -> None:
    kept = all(
        (one in found) == (one in wanted) for one in "abcd" if (one in before) != (one in wanted)
    )
    assert keeps_change(before, wanted, found) == kept
    assert not keeps_change(before, "a", found)
