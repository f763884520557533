"""create_node with networks, and the network cards that nodes say they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.compute.network_types import OVM3Nic
from libcloud_ovm3.compute.records import nic_record
from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    OperationIncomplete,
    PreconditionFailed,
)
from libcloud_ovm3.simulator import Simulator
from tests.operations.cards import SECOND, A, B, C, D, add_second_bridge, bridge_of, live, vifs
from tests.operations.failures import WRITES
from tests.support import calls_of, driver_for, fingerprints_of, quietly, simulate

LABELS = {"guest": "bond0", "public": SECOND}


@pytest.fixture(scope="module")
def pool() -> Iterator[tuple[Simulator, OVM3NodeDriver]]:
    """A host with the second bridge, and one without, which has more memory free."""
    with simulate(2, vms=0, templates=1, template_bytes=1 << 20, memory_mb=32768) as sim:
        add_second_bridge(sim)
        del sim.hosts[1].records["network"]["bridges"][SECOND]
        sim.add_vm("big", running_on=0, config={"memory": 16384})
        yield sim, driver_for(sim, ex_traffic_labels=LABELS)


def create(driver: OVM3NodeDriver, name: str, **options: Any) -> Any:
    return quietly(driver.create_node, name, "tiny", driver.list_images()[0], **options)


def on(node: Any) -> list[str]:
    return [nic["bridge"] for nic in node.extra["nics"]]


def test_by_every_form_of_a_network(pool: Any) -> None:
    sim, driver = pool
    network = next(one for one in driver.ex_list_networks() if one.id == SECOND)
    forms = [
        SECOND, network, "public", ("public", None), "guest", f"{SECOND},mac={A}",
        {"network": "public:5", "mac": B}, ("guest", 6),
    ]  # fmt: skip
    node = create(driver, "forms", networks=forms)
    own = bridge_of(sim)
    expected = [SECOND, SECOND, SECOND, SECOND, own, SECOND, f"{SECOND}.5", f"{own}.6"]
    assert on(node) == expected
    nics = driver.ex_list_nics(node)
    assert [one.network for one in nics] == expected
    assert all(isinstance(one, OVM3Nic) and one.extra["is_live"] for one in nics)
    assert (nics[5].mac, nics[6].mac) == (A, B)
    assert all(str(one.mac).startswith("00:21:f6:") for one in nics)
    assert len({one.mac for one in nics}) == len(nics)
    assert live(sim, node) == [f"mac={one.mac},bridge={one.network}" for one in nics]
    assert nic_record(nics[0]) == {
        "id": f"{node.id}/{nics[0].mac}", "mac": nics[0].mac, "network": SECOND,
        "node_id": node.id, "type": None, "model": None, "position": 0, "is_defined": True,
        "is_live": True, "addresses": [],
    }  # fmt: skip


def test_hosts_without_the_network_are_not_chosen(pool: Any) -> None:
    sim, driver = pool
    free = {one.extra["address"]: one.extra["free_memory_mb"] for one in driver.list_locations()}
    roomy = f"{sim.hosts[1].address}:{sim.hosts[1].port}"
    assert max(free, key=lambda address: free[address]) == roomy
    assert create(driver, "here").extra["address"] == roomy
    assert create(driver, "there", ex_networks=[SECOND]).extra["address"] != roomy
    with pytest.raises(PreconditionFailed, match="it has no bridge second"):
        create(driver, "named", ex_networks=[SECOND], location=sim.hosts[1].address)


def test_nothing_is_created_of_what_cannot_be(pool: Any) -> None:
    sim, driver = pool
    create(driver, "has-b", ex_networks=[f"{SECOND},mac=00:21:f6:00:00:b1"])
    before, begin = fingerprints_of(sim.repository_path), len(sim.calls)
    for networks, error, why in (
        ("nowhere", PreconditionFailed, "no host can have the networks .* no bridge nowhere"),
        (["guest:4095"], InvalidArgument, "expected a VLAN number"),
        (["storage"], PreconditionFailed, "has no bridge storage"),
        ([f"{SECOND},mac={A}", f"{SECOND},mac={A}"], InvalidArgument, "two cards have the MAC"),
        ([f"{SECOND},model=e1000"], InvalidArgument, "paravirtualized"),
        ([f"{SECOND},mac=52:54:00:24:47:10"], PreconditionFailed, "is that of"),
        ([f"{SECOND},mac=00:21:f6:00:00:b1"], PreconditionFailed, r"'has-b' .*MAC.*Choose another"),
    ):  # fmt: skip
        with pytest.raises(error, match=why):
            create(driver, "wrong", ex_networks=networks)
    assert fingerprints_of(sim.repository_path) == before
    assert not WRITES & set(calls_of(sim)[begin:])


def test_one_mac_on_two_networks_is_only_said(pool: Any) -> None:
    sim, driver = pool
    create(driver, "has-c", ex_networks=[f"{SECOND},mac=00:21:f6:00:00:c1"])
    with pytest.warns(match="on different networks"):
        node = driver.create_node(
            "has-c-too", "tiny", driver.list_images()[0],
            ex_networks=[f"{bridge_of(sim)},mac=00:21:f6:00:00:c1"],
        )  # fmt: skip
    off = create(driver, "off", ex_networks=[f"{SECOND},mac=00:21:f6:00:00:c1"], ex_start=False)
    assert (on(node), on(off)) == ([bridge_of(sim)], [SECOND])
    with pytest.raises(PreconditionFailed, match="ex_force=True"):
        driver.start_node(off)


def test_the_default_network(pool: Any) -> None:
    """It is for nodes that would have no card; an empty list is none, whatever the default."""
    sim, _ = pool
    driver = driver_for(sim, ex_traffic_labels=LABELS, ex_default_network="public:7")
    assert on(create(driver, "default")) == [f"{SECOND}.7"]
    assert on(create(driver, "without", ex_networks=[])) == []
    assert on(create(driver, "other", ex_networks="guest")) == [bridge_of(sim)]
    assert on(create(driver_for(sim), "plain")) == []


def test_two_vms_never_get_one_mac(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even if the dice fall badly."""
    _, driver = pool
    first = create(driver, "dice-1", ex_networks=[SECOND]).extra["nics"][0]["mac"]
    rolls = [bytes.fromhex(first.replace(":", ""))[3:]] * 3 + [b"\1\2\3", b"\1\2\3", b"\1\2\4"]
    monkeypatch.setattr("secrets.token_bytes", lambda count: rolls.pop(0))
    node = create(driver, "dice-2", ex_networks=[SECOND, SECOND])
    assert [one["mac"] for one in node.extra["nics"]] == ["00:21:f6:01:02:03", "00:21:f6:01:02:04"]


# ------------------------------------------------------------------ static addresses


def ips(driver: OVM3NodeDriver, node: Any) -> list[str]:
    return list(driver.ex_get_node(node.id).private_ips)


@pytest.fixture(scope="module")
def recording() -> Iterator[tuple[Simulator, OVM3NodeDriver]]:
    with simulate(1, vms=0, template_bytes=1 << 20, host_module=True) as sim:
        add_second_bridge(sim)
        yield sim, driver_for(sim)


def test_static_addresses(recording: Any) -> None:
    sim, driver = recording
    one = {"network": SECOND, "mac": A, "address": ["192.0.2.5", "2001:db8::5"]}
    node = create(driver, "web", ex_networks=[one, SECOND])
    assert node.private_ips == ips(driver, node) == ["192.0.2.5", "2001:db8::5"]
    nic = driver.ex_attach_nic(node, SECOND, ex_mac=B, ex_address="192.0.2.6")
    assert ips(driver, node) == ["192.0.2.5", "2001:db8::5", "192.0.2.6"]
    nic = driver.ex_update_nic(node, nic, ex_mac=C)  # they follow it
    assert ips(driver, node) == ["192.0.2.5", "2001:db8::5", "192.0.2.6"]
    driver.stop_node(node)
    sim.calls.clear()
    driver.ex_update_nic(node, nic, ex_address="192.0.2.7")
    assert [one for one in calls_of(sim) if one in WRITES] == ["libcloud_write_document"]
    assert ips(driver, node)[2:] == ["192.0.2.7"]
    driver.ex_update_nic(node, nic, ex_mac=B, ex_address=[])
    assert ips(driver, node) == ["192.0.2.5", "2001:db8::5"]
    driver.ex_detach_nic(node, A)
    assert ips(driver, node) == []
    driver.ex_attach_nic(node, SECOND, ex_mac=A)
    assert ips(driver, node) == [], "what was recorded of a card goes with it"
    other = create(driver, "other", ex_start=False, ex_networks=f"{SECOND},address=192.0.2.9")
    assert other.private_ips == ["192.0.2.9"]
    with pytest.warns(match="192.0.2.9 on network second is also an address of VM 'other'"):
        driver.ex_update_nic(node, A, ex_address="192.0.2.9")


def test_static_addresses_need_the_module(pool: Any) -> None:
    """Nothing is created or attached where they cannot be recorded."""
    sim, driver = pool
    sim.add_vm("bare", config=vifs(sim, "00:21:f6:00:00:d1"))
    node = quietly(driver.ex_get_node_by_name, "bare")
    before, begin = fingerprints_of(sim.repository_path), len(sim.calls)
    nic = driver.ex_list_nics(node)[0]
    for action in (
        lambda: create(driver, "x", ex_networks=[f"{SECOND},address=192.0.2.5"]),
        lambda: driver.ex_attach_nic(node, SECOND, ex_address="192.0.2.5"),
        lambda: driver.ex_update_nic(node, nic, ex_mac=D, ex_address="192.0.2.5"),
    ):
        with pytest.raises(PreconditionFailed, match=r"no host .* has the host module"):
            quietly(action)
    for odd in (5, [5], "x", "224.0.0.1", "10.0.0.5/24"):
        with pytest.raises(InvalidArgument):
            driver.ex_attach_nic(node, SECOND, ex_address=odd)  # type: ignore[arg-type]
    assert fingerprints_of(sim.repository_path) == before
    assert not WRITES & set(calls_of(sim)[begin:])


def test_a_card_whose_addresses_were_not_recorded(recording: Any) -> None:
    sim, driver = recording
    node = create(driver, "unlucky", ex_start=False, ex_networks=[f"{SECOND},mac={D}"])
    sim.misbehave(
        "fault", "libcloud_write_document", times=2, text="<type 'exceptions.Exception'>:no"
    )
    mac = "00:21:f6:00:00:e1"
    why = rf"{mac} is attached, but what is recorded of its static .*ex_update_nic\(ex_addr"
    with pytest.raises(OperationIncomplete, match=why) as caught:
        driver.ex_attach_nic(node, SECOND, ex_mac=mac, ex_address="192.0.2.25")
    assert caught.value.left == (node.id,)
    names = {one.name for one in driver.list_nodes()}
    with pytest.raises(AgentFault):
        create(driver, "other-one", ex_networks=f"{SECOND},address=192.0.2.29")
    assert {one.name for one in driver.list_nodes()} == names, "it was removed again"
    sim.misbehave("drop_after", "libcloud_write_document")
    quietly(driver.ex_update_nic, node, mac, ex_address="192.0.2.25")
    assert ips(driver, node) == ["192.0.2.25"]
