"""Addresses and routes that a host module tells: whole, or not at all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import hostmodule
from libcloud_ovm3.agent.host_networks import Route
from libcloud_ovm3.estate.host_addresses import addresses_of, by_device, routes_of

ADDRESS = {"device": "eth0", "family": 4, "address": "10.0.0.5", "prefix_length": 24, "more": 1}
LINK_LOCAL = {"device": "eth0", "family": 6, "address": "fe80::1", "prefix_length": 64}
ROUTE = {"device": "eth0", "destination": "10.0.0.0", "prefix_length": 8, "gateway": "10.1.0.1",
         "metric": 3}  # fmt: skip


def host(name: str, answer: object) -> Any:
    return SimpleNamespace(answers={name: answer})


def test_what_is_told() -> None:
    second = {**ADDRESS, "address": "10.0.0.6"}
    told = addresses_of(host(hostmodule.ADDRESSES, [ADDRESS, LINK_LOCAL, second]))
    assert told == {"eth0": ("10.0.0.5/24", "10.0.0.6/24")}
    assert addresses_of(host("other", [])) is None
    expected = Route("eth0", "10.0.0.0", 8, "10.1.0.1", 3)
    assert routes_of(host(hostmodule.ROUTES, [{**ROUTE, "of a newer one": 1}])) == (expected,)
    assert routes_of(host("other", [])) is None


@pytest.mark.parametrize("key", ["device", "address", "prefix_length"])
def test_an_address_that_is_not_understood_makes_all_unknown(key: str) -> None:
    part = {name: value for name, value in ADDRESS.items() if name != key}
    assert by_device([ADDRESS, part]) is None
    assert by_device([ADDRESS, {**ADDRESS, "address": "a name"}]) is None


@given(st.one_of(st.none(), st.text(), st.lists(st.one_of(st.text(), st.integers()), min_size=1)))
def test_nothing_else_is_taken_for_a_list(value: Any) -> None:
    assert by_device(value) is None
    assert routes_of(host(hostmodule.ROUTES, value)) is None


@pytest.mark.parametrize(
    "change", [{"destination": "x"}, {"prefix_length": 33}, {"prefix_length": ""}]
)
def test_a_route_that_is_not_understood_makes_all_unknown(change: dict[str, Any]) -> None:
    assert routes_of(host(hostmodule.ROUTES, [ROUTE, {**ROUTE, **change}])) is None
