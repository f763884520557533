"""What a user means by a network, and what it is called on a host."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.network_options import LABELS
from libcloud_ovm3.errors import AgentFault, InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.host_network import HostBridge, HostDevice, HostNetwork
from libcloud_ovm3.estate.labels import WantedNetwork, bridge_name, device_of, wanted_network

HOST: Any = SimpleNamespace(label="ovm-1 (192.0.2.1:8899)")
CARRIERS = {"guest": "bond1", "public": "xenbr0"}
NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}", fullmatch=True)


def network(*, bridges: tuple[HostBridge, ...] = (), names: tuple[str, ...] = ()) -> HostNetwork:
    return HostNetwork(HOST, tuple(HostDevice(name, "bond") for name in names), bridges)


@given(name=NAMES.filter(lambda name: name not in CARRIERS))
def test_any_other_name_is_a_bridge_s(name: str) -> None:
    assert wanted_network(name, CARRIERS) == WantedNetwork(name)
    assert wanted_network(SimpleNamespace(id=name), CARRIERS) == WantedNetwork(name)
    assert bridge_name(WantedNetwork(name), network()) == name


@given(label=st.sampled_from(sorted(CARRIERS)), vlan=st.none() | st.integers(2, 4094))
def test_a_label_in_all_its_forms(label: str, vlan: int | None) -> None:
    meant = WantedNetwork(CARRIERS[label], label, vlan)
    text = label if vlan is None else f"{label}:{vlan}"
    forms: list[object] = [text, (label, vlan), [label, vlan], SimpleNamespace(id=text)]
    assert [wanted_network(form, CARRIERS) for form in forms] == [meant] * 4
    assert meant.text == f"{text} ({CARRIERS[label]})"


@given(vlan=st.integers() | st.text() | st.booleans() | st.floats(allow_nan=False))
def test_no_other_vlan_number(vlan: Any) -> None:
    is_text = isinstance(vlan, str) and vlan.strip().isdecimal() and vlan.isascii()
    number = int(vlan) if is_text or type(vlan) is int else 0
    if 2 <= number <= 4094:
        assert wanted_network(("guest", vlan), CARRIERS).vlan == number
    else:
        with pytest.raises(InvalidArgument, match="from 2 to 4094"):
            wanted_network(("guest", vlan), CARRIERS)


@given(network=st.one_of(st.text(), st.integers(), st.none(), st.binary(), st.lists(st.text())))
def test_anything_else_is_refused(network: Any) -> None:
    try:
        wanted = wanted_network(network, {})
    except InvalidArgument:
        return
    assert wanted == WantedNetwork(network)


@pytest.mark.parametrize(
    ("given_network", "reason"),
    [
        ("nobody:5", "unknown label 'nobody': expected guest, public, management, storage"),
        ("storage:5", "no interface carries the label 'storage'"),
        (("storage", None), "ex_traffic_labels"),
        ("guest:1", "the agent takes 1 for untagged"),
        ("guest:", "expected a VLAN number"),
        (("guest", 5, 6), "expected a pair of label and VLAN"),
        ("a name", "expected the name of a bridge, LABEL, or LABEL:VLAN"),
    ],
)
def test_why_it_is_refused(given_network: object, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        wanted_network(given_network, CARRIERS)


@given(bridge=NAMES, vlan=st.none() | st.integers(2, 4094))
def test_the_bridge_of_a_label(bridge: str, vlan: int | None) -> None:
    """The bridge itself, or the one on the device, of any name, or the one that it would get."""
    on_it = HostBridge(bridge, parent="bond1", ports=("vif3.0", "bond1"))
    whole = bridge if vlan is None else f"{bridge}.{vlan}"
    for carrier, its in (
        (bridge, network(bridges=(on_it,))),
        ("bond1", network(bridges=(on_it,), names=("bond1",))),
    ):
        wanted = WantedNetwork(carrier, "guest", vlan)
        if len(whole) <= 15:
            assert bridge_name(wanted, its) == whole
        else:
            with pytest.raises(PreconditionFailed, match="at most 15 characters"):
                bridge_name(wanted, its)


def test_the_bridge_that_a_label_s_device_lacks() -> None:
    its = network(names=("bond1",))
    assert bridge_name(WantedNetwork("bond1", "guest"), its) == "brbond1"
    assert bridge_name(WantedNetwork("bond1", "guest", 160), its) == "brbond1.160"
    assert bridge_name(WantedNetwork("bond1.7", "guest"), its) == "brbond1.7"
    with pytest.raises(PreconditionFailed, match=r"ovm-1.* neither a bridge nor a device bond2"):
        bridge_name(WantedNetwork("bond2", "guest"), its)


def test_the_bridge_of_another_vlan_is_not_that_of_the_label() -> None:
    """Whatever its name says; one that is local is half made, which others say."""
    base = HostBridge("mgmt", parent="bond1", ports=("bond1",))
    wanted = WantedNetwork("bond1", "guest", 161)
    for port, why in (("bond1.161", ""), ("bond1.162", r"bond1\.162"), ("bond2.161", "bond2")):
        other = HostBridge("mgmt.161", parent=port, ports=("vif1.0", port))
        its = network(bridges=(base, other), names=("bond1",))
        if not why:
            assert bridge_name(wanted, its) == "mgmt.161"
            continue
        match = rf"guest:161 .* mgmt\.161, which is not on VLAN 161 of bond1: it is on {why}"
        with pytest.raises(PreconditionFailed, match=match):
            bridge_name(wanted, its)
        assert bridge_name(WantedNetwork("mgmt.161"), its) == "mgmt.161"
    local = HostBridge("mgmt.161", is_local=True)
    assert bridge_name(wanted, network(bridges=(base, local), names=("bond1",))) == "mgmt.161"


def test_a_host_that_could_not_be_read_has_no_known_names() -> None:
    fault = AgentFault("broken", code=1, kind="", text="broken")
    with pytest.raises(AgentFault):
        bridge_name(WantedNetwork("b"), HostNetwork(HOST, error=fault))


def test_the_device_below_a_vlan_that_is_not_there() -> None:
    its = network(names=("bond1", "bond1.5"))
    assert device_of("bond1", its) == (its.devices[0], None)
    assert device_of("bond1.5", its) == (its.devices[1], None)
    assert device_of("bond1.6", its) == (its.devices[0], 6)
    assert device_of("bond2.6", its) == (None, None) == device_of("bond2", its)


def test_the_labels() -> None:
    assert LABELS == ("guest", "public", "management", "storage")
