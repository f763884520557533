"""The network cards of a VM: which entry of vm.cfg is which live card, and how one is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import InvalidArgument, NetworkNotFound
from libcloud_ovm3.estate.cards import VMCard, cards_of, find_card
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.domains import read_domains
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, LiveDomain

ID = "0004fb00-0006-0000-3939-000000000039"
A, B, C = "00:21:f6:00:00:0a", "00:21:f6:00:00:0b", "00:21:f6:00:00:0c"


def vm(vifs: list[str], live: list[tuple[str, str]] | None = None) -> VM:
    """A VM with these entries in its vm.cfg, and these cards (MAC, bridge) live."""
    definition = Definition("r", ID, VMConfig({"uuid": ID, "name": "web", "vif": vifs}))
    found: tuple[LiveDomain, ...] = ()
    if live is not None:
        cards = [{"mac": mac, "bridge": bridge} for mac, bridge in live]
        record: dict[str, Any] = {"uuid": ID, "name": "web", "domid": "3", "device": {"vif": cards}}
        [domain] = read_domains([record]).domains
        found = (LiveDomain(None, domain),)  # type: ignore[arg-type]
    return VM(ID, State.RUNNING, found, (definition,))


def pairs(found: list[VMCard]) -> list[tuple[int | None, int | None]]:
    return [(one.position, one.live_position) for one in found]


def test_by_mac_whatever_the_order_and_the_case() -> None:
    found = cards_of(vm([f"mac={A.upper()},bridge=x", f"mac={B},bridge=y"], [(B, "y"), (A, "x")]))
    assert pairs(found) == [(0, 1), (1, 0)]
    assert [one.id for one in found] == [f"{ID}/{A}", f"{ID}/{B}"]


def test_twins_are_told_apart_by_the_bridge() -> None:
    twins = [f"mac={A},bridge=x", f"mac={A},bridge=y", f"mac={A},bridge=y"]
    found = cards_of(vm(twins, [(A, "y"), (A, "x")]))
    assert pairs(found) == [(0, 1), (1, 0), (2, None)]
    assert [one.id.partition("/")[2] for one in found] == [f"{A}@x", f"{A}@y", f"{A}@y#2"]


def test_without_a_mac() -> None:
    """xend makes one up: which live card it is is clear only if nothing else may be it."""
    found = cards_of(vm(["bridge=x", f"mac={A},bridge=y"], [(B, "x"), (A, "y")]))
    assert pairs(found) == [(0, 0), (1, 1)]
    assert (found[0].mac, found[0].bridge) == (B, "x")
    assert found[0].id == f"{ID}/{B}"
    found = cards_of(vm(["bridge=x", "bridge=y", ""], [(A, "y"), (B, "x"), (C, "z")]))
    assert [one.live_position for one in found] == [None] * 3 + [0, 1, 2], "'' may be on any bridge"
    assert pairs(cards_of(vm(["bridge=x", "bridge=y"], [(A, "y"), (B, "x")]))) == [(0, 1), (1, 0)]
    found = cards_of(vm(["bridge=x", "", "bridge=x"]))
    assert [one.id.partition("/")[2] for one in found] == [
        "no-mac-0@x", "no-mac-1@", "no-mac-2@x",
    ]  # fmt: skip
    assert "no MAC address" in found[0].label
    assert [one.is_live for one in found] == [False] * 3


@pytest.mark.parametrize(
    ("vifs", "live"),
    [
        (["bridge=x", "bridge=x"], [(A, "x"), (B, "x")]),  # their order may have changed
        (["bridge=x", "bridge=x"], [(A, "x")]),
        (["bridge=x"], [(A, "x"), (B, "x")]),
        (["bridge=x"], [(A, "y")]),
        (["bridge=x", f"mac={A},bridge=y"], [(B, "x")]),
    ],
)
def test_what_cannot_be_told(vifs: list[str], live: list[tuple[str, str]]) -> None:
    found = cards_of(vm(vifs, live))
    assert len(found) == len(vifs) + len(live)
    for one in found:
        is_named = one.vif is not None and one.vif.mac is not None
        expected = (True, None) if one.vif else (None, True)
        assert (one.is_defined, one.is_live) == ((True, False) if is_named else expected)


def test_only_live() -> None:
    found = cards_of(vm([f"mac={A},bridge=x"], [(A, "x"), (B, "y")]))
    assert pairs(found) == [(0, 0), (None, 1)]
    assert (found[1].mac, found[1].bridge, found[1].type, found[1].model) == (B, "y", None, None)


def test_the_one_that_is_meant() -> None:
    own = vm([f"mac={A},bridge=x", f"mac={B},bridge=x", f"mac={B},bridge=y"])
    assert find_card(own, A.upper()).position == 0
    assert find_card(own, f" {ID}/{A} ").position == 0
    assert find_card(own, f"{ID.upper()}/{B}@y").position == 2
    with pytest.raises(InvalidArgument, match=rf"2 network cards.*{B}@x, {ID}/{B}@y"):
        find_card(own, B)
    with pytest.raises(InvalidArgument, match=f"2 network cards with the MAC address {B}"):
        find_card(own, f"{ID}/{B}")  # an id from before there were two
    with pytest.raises(InvalidArgument, match="is not one of VM"):
        find_card(own, f"{ID[:-1]}0/{A}")
    for none in ("", "x", "00:21:f6:00:00:0c", f"{ID}/{A}@x"):
        with pytest.raises(NetworkNotFound, match=f"has no network card {none!r}; its cards: "):
            find_card(own, none)


ENTRY = st.tuples(st.sampled_from(["", A, B]), st.sampled_from(["", "x", "y"]))


@given(st.lists(ENTRY, max_size=5), st.lists(ENTRY, max_size=5))
def test_each_card_once_and_each_by_its_id(
    vifs: list[tuple[str, str]], live: list[tuple[str, str]]
) -> None:
    own = vm([f"mac={mac},bridge={bridge}" for mac, bridge in vifs], live)
    found = cards_of(own)
    places = [one.position for one in found if one.position is not None]
    live_places = [one.live_position for one in found if one.live_position is not None]
    assert places == list(range(len(vifs)))
    assert sorted(live_places) == list(range(len(live)))
    assert len({one.id for one in found}) == len(found)
    for one in found:
        if one.vif and one.live and one.vif.mac:
            assert one.vif.mac == one.live.mac
        if sum(other.mac == one.mac for other in found) == 1 or not one.mac:
            assert find_card(own, one.id) == one
