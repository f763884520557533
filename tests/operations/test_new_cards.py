"""Network cards as users ask for them, and the entries of vm.cfg that they become."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import InvalidArgument, OutcomeUnknown, PreconditionFailed
from libcloud_ovm3.estate.host_network import BOND, HostBridge, HostDevice, HostNetwork
from libcloud_ovm3.estate.labels import WantedNetwork
from libcloud_ovm3.operations.new_cards import (
    CardSpec,
    bridge_among,
    card_spec,
    card_specs,
    changed_entry,
    entry_of,
    new_mac,
)
from tests.operations.test_placement import host

LABELS = {"guest": "bond0", "public": "xenbr1"}
MAC = "00:21:f6:00:00:0a"
GUEST = WantedNetwork("bond0", "guest", 160)


class Network:
    id = "xenbr1"


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        ("xenbr0", [CardSpec(WantedNetwork("xenbr0"))]),
        (["xenbr0", "xenbr0"], [CardSpec(WantedNetwork("xenbr0"))] * 2),
        (Network(), [CardSpec(WantedNetwork("xenbr1"))]),
        (("guest", 160), [CardSpec(GUEST)]),
        (("guest", None), [CardSpec(WantedNetwork("bond0", "guest"))]),
        (("guest", "160"), [CardSpec(GUEST)]),
        (("guest", "public"), [CardSpec(WantedNetwork("bond0", "guest")),
                               CardSpec(WantedNetwork("xenbr1", "public"))]),
        ([("guest", 160), "guest:160"], [CardSpec(GUEST)] * 2),
        ([], []),
        ("guest:160, mac=00-21-F6-00-00-0A ,address=10.0.0.5",
         [CardSpec(GUEST, MAC, addresses=("10.0.0.5",))]),
        ([{"network": ("guest", 160), "mac": MAC, "model": "e1000",
           "address": ["10.0.0.5", "2001:db8::1"]}],
         [CardSpec(GUEST, MAC, "e1000", addresses=("10.0.0.5", "2001:db8::1"))]),
        ({"network": "xenbr0", "type": "netfront"},
         [CardSpec(WantedNetwork("xenbr0"), type="netfront")]),
    ],
)  # fmt: skip
def test_what_is_asked_for(networks: Any, expected: list[CardSpec]) -> None:
    assert card_specs(networks, LABELS) == expected


@pytest.mark.parametrize(
    ("networks", "why"),
    [
        ([f"xenbr0,mac={MAC}", {"network": "x", "mac": MAC.upper()}], f"two cards have .* {MAC}"),
        ([{"mac": MAC}], "no network in"),
        ([{"network": "x", "vlan": 5}], "unknown vlan in .*: expected the keys network, mac, addr"),
        (["xenbr0,mac"], "expected NETWORK,key=value"),
        (["xenbr0,=x"], "expected NETWORK,key=value"),
        (["xenbr0,color=red"], "unknown color"),
        ([None], "network None"),
        ([5], "network 5"),
        ([["guest", 160, 1]], "expected a pair"),
        ("guest:1", "expected a VLAN number from 2 to 4094"),
        ("storage:5", "no interface carries the label 'storage'"),
        (["x,mac=00:21:f6:00:00"], "MAC address '00:21:f6:00:00': expected six pairs"),
        (["x,mac=00:00:00:00:00:00"], "expected six pairs"),
        ([{"network": "x", "mac": 5}], "MAC address 5: expected"),
        (["x,address=10.0.0.5/33"], "'10.0.0.5/33'"),
        (["x,gateway=10.0.0.1"], "gateway and dns of a network card: expected with an address"),
        (["x,type=pv"], "type 'pv' of a network card: expected ioemu or netfront"),
        (["x,type=netfront,model=e1000"], "has no model"),
        ([{"network": "x", "model": "a,b"}], "expected a name such as"),
    ],
)
def test_what_is_refused(networks: Any, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        card_specs(networks, LABELS)


@pytest.mark.parametrize(
    ("options", "is_hvm", "entry"),
    [
        ({}, False, f"mac={MAC},bridge=b"),
        ({}, True, f"mac={MAC},bridge=b"),
        ({"type": "netfront"}, False, f"mac={MAC},bridge=b"),
        ({"type": "netfront"}, True, f"type=netfront,mac={MAC},bridge=b"),
        ({"type": "ioemu"}, True, f"type=ioemu,mac={MAC},bridge=b"),
        ({"model": "e1000"}, True, f"type=ioemu,mac={MAC},bridge=b,model=e1000"),
    ],
)
def test_entries(options: dict[str, str], is_hvm: bool, entry: str) -> None:
    spec = card_spec("b", LABELS, **options)
    assert entry_of(spec, "b", MAC, is_hvm=is_hvm) == entry


def test_a_paravirtual_guest_has_no_emulated_card() -> None:
    for options in ({"type": "ioemu"}, {"model": "e1000"}):
        with pytest.raises(InvalidArgument, match="needs a VM with hardware virtualization"):
            entry_of(card_spec("b", LABELS, **options), "b", MAC, is_hvm=False)
    with pytest.raises(InvalidArgument, match="needs a VM with hardware virtualization"):
        changed_entry(Vif("bridge=b"), "b", MAC, "e1000", is_hvm=False)


def test_a_changed_entry_keeps_everything_else() -> None:
    vif = Vif(f"script=vif-x, mac={MAC},ip=10.0.0.5 10.0.0.6,bridge=b")
    text = changed_entry(vif, "c", "00:21:f6:00:00:0b", None, is_hvm=False)
    assert text == "script=vif-x,mac=00:21:f6:00:00:0b,ip=10.0.0.5 10.0.0.6,bridge=c"
    assert changed_entry(Vif("type=netfront"), None, MAC, "e1000", is_hvm=True) == (
        f"type=ioemu,mac={MAC},model=e1000"
    )


@given(st.sets(st.integers(0, 255)))
def test_a_new_mac_is_none_that_is_taken(last: set[int]) -> None:
    taken = {f"00:21:f6:00:00:{number:02x}" for number in last}
    mac = new_mac(taken)
    assert mac not in taken
    assert card_spec("b", {}, mac=mac).mac == mac
    assert mac.startswith("00:21:f6:")


def hosts(*names: str | None) -> list[HostNetwork]:
    """Hosts with a bond and a bridge of this name on it; None: that could not be read."""
    devices = (HostDevice("bond0", BOND),)
    return [
        HostNetwork(host(n), error=OutcomeUnknown("no response"))
        if name is None
        else HostNetwork(host(n), devices, (HostBridge(name, parent="bond0", ports=("bond0",)),))
        for n, name in enumerate(names)
    ]


def test_a_label_is_one_bridge_on_all_hosts() -> None:
    assert bridge_among(GUEST, hosts("xenbr0", "xenbr0", None)) == "xenbr0.160"
    assert bridge_among(WantedNetwork("any"), hosts("xenbr0", None)) == "any"
    why = r"has several names: xenbr0.160 on ovm-0 \(.*\); other.160 on ovm-1"
    with pytest.raises(PreconditionFailed, match=why):
        bridge_among(GUEST, hosts("xenbr0", "other"))
    with pytest.raises(PreconditionFailed, match="no response"):
        bridge_among(GUEST, hosts(None))
    with pytest.raises(PreconditionFailed, match="neither a bridge nor a device bond7"):
        bridge_among(replace(GUEST, name="bond7"), hosts("xenbr0"))
