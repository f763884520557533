"""Addresses of VMs: what is known of them, from which source, and what is never shown."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, Ovm3Warning, PreconditionFailed
from libcloud_ovm3.estate.addresses import DOCUMENT, parse_addresses
from libcloud_ovm3.simulator import Simulator, network
from tests.earlier_module import put_api_2
from tests.estate.addressing import BRIDGE, mac_of, node_of, record
from tests.support import calls_of, driver_for, quietly, simulate

OTHER = "00:21:f6:00:00:99"


@pytest.fixture(scope="module")
def lab() -> Iterator[Simulator]:
    """Two hosts with the host module; one VM runs, one is off."""
    with simulate(2, vms=1, host_module=True) as sim:
        sim.add_vm("off", config={"vif": [f"mac={OTHER},bridge={BRIDGE}"]})
        yield sim


@pytest.fixture
def sim(lab: Simulator) -> Iterator[Simulator]:
    yield lab
    lab.clear_misbehaviour()
    for host in lab.hosts:
        network.state(host)["neighbours"].clear()
    documents = lab.repository_path / ".libcloud-ovm3" / "documents" / DOCUMENT
    for version in documents.glob("*"):
        version.unlink()


def write(sim: Simulator, driver: Any, content: bytes) -> None:
    """Write the document as another client would."""
    module = HostModule(driver._estate.agent(driver._access.hosts[0]).connection)
    mount = f"/OVS/Repositories/{sim.repository_id}"
    version = module.read_document(mount, DOCUMENT).next_version
    module.write_document("other", uuid.uuid4().hex, mount, DOCUMENT, version, content)


# ------------------------------------------------------------------ neighbour tables


def test_what_a_host_has_seen(sim: Simulator) -> None:
    """Of any host, while it runs; with the calls that a listing makes anyway."""
    driver = driver_for(sim)
    node = node_of(driver)
    assert (node.private_ips, node.public_ips, node.extra["addresses"]) == ([], [], [])
    sim.add_neighbour(1, "192.0.2.20", mac_of(node), BRIDGE)
    sim.add_neighbour(0, "192.0.2.3", mac_of(node).upper(), BRIDGE)
    sim.calls.clear()
    node = node_of(driver)
    assert sorted(calls_of(sim)) == ["libcloud_read_agent"] * 2 + ["libcloud_repository"]
    assert (node.private_ips, node.public_ips) == (["192.0.2.3", "192.0.2.20"], [])
    assert node.extra["addresses"][0] == {
        "address": "192.0.2.3",
        "mac": mac_of(node),
        "network": BRIDGE,
        "source": "neighbours",
        "is_public": False,
    }
    for found in (
        driver.ex_get_node(node.id),
        driver.ex_get_node_details(node),
        driver.ex_get_node_by_name("seed-1"),
        driver.wait_until_running([node], ssh_interface="private_ips")[0][0],
    ):
        assert found.private_ips == node.private_ips


def test_what_is_never_shown(sim: Simulator) -> None:
    driver = driver_for(sim)
    mac = mac_of(node_of(driver))
    sim.add_neighbour(0, "192.0.2.1", mac, BRIDGE, complete=False)
    sim.add_neighbour(0, "192.0.2.2", mac, "control0")  # another bridge than the card's
    sim.add_neighbour(0, "192.0.2.3", OTHER, BRIDGE)  # the card of a VM that is off
    sim.add_neighbour(0, "169.254.0.9", mac, BRIDGE)  # link-local
    sim.add_neighbour(0, sim.hosts[1].address, mac, BRIDGE)
    sim.add_neighbour(0, "no-address", mac, BRIDGE)
    sim.add_neighbour(0, "192.0.2.4", mac, BRIDGE)
    sim.add_neighbour(1, "192.0.2.4", "00:21:f6:00:00:77", BRIDGE)  # two MAC addresses
    assert {node.name: node.private_ips for node in driver.list_nodes()} == {
        "seed-1": [],
        "off": [],
    }
    sim.add_neighbour(0, "192.0.2.5", mac, BRIDGE)
    assert node_of(driver).private_ips == ["192.0.2.5"], "the test sees nothing"


def test_nothing_on_a_bridge_without_an_address_of_the_host(sim: Simulator) -> None:
    driver = driver_for(sim)
    agent = driver._estate.agent(driver._access.hosts[0])
    agent.network.ovs_local_config("start", "lonely")
    sim.wait(60)
    config = {"vif": ["mac=00:21:f6:00:00:55,bridge=lonely"]}
    sim.add_vm("isolated", running_on=0, config=config)
    sim.add_neighbour(0, "192.0.2.9", "00:21:f6:00:00:55", "lonely")
    node = node_of(driver, "isolated")
    assert (node.state, node.private_ips) == ("running", [])
    quietly(driver.destroy_node, node)


@pytest.mark.parametrize("twin_runs", [False, True])
def test_nothing_of_a_mac_address_that_two_vms_have(sim: Simulator, twin_runs: bool) -> None:
    driver = driver_for(sim)
    node = node_of(driver)
    record(driver, node, "192.0.2.8")
    assert node_of(driver).private_ips == ["192.0.2.8"]
    config = {"vif": [f"mac={mac_of(node).upper()},bridge=elsewhere"]}
    sim.add_vm("twin", running_on=1 if twin_runs else None, config=config)
    assert [one.private_ips for one in driver.list_nodes()] == [[], [], []]
    quietly(driver.destroy_node, node_of(driver, "twin"))
    assert node_of(driver).private_ips == ["192.0.2.8"]


# ------------------------------------------------------------------ recorded addresses


def test_a_recorded_address(sim: Simulator) -> None:
    """Also of what is stopped; instead of what hosts see of the card; gone with the node."""
    driver = driver_for(sim)
    off, runs = node_of(driver, "off"), node_of(driver)
    assert record(driver, off, "192.0.2.30", "2001:db8::1") == []
    assert record(driver, runs, "192.0.2.31") == []
    sim.add_neighbour(0, "192.0.2.99", mac_of(runs), BRIDGE)
    assert node_of(driver, "off").private_ips == ["192.0.2.30", "2001:db8::1"]
    assert {one["source"] for one in node_of(driver, "off").extra["addresses"]} == {"recorded"}
    assert node_of(driver).private_ips == ["192.0.2.31"]
    record(driver, runs)
    assert node_of(driver).private_ips == ["192.0.2.99"], "none recorded any more"
    assert node_of(driver, "off").private_ips == ["192.0.2.30", "2001:db8::1"], "others stay"


def test_one_of_a_card_that_is_gone_is_not_shown(sim: Simulator) -> None:
    driver = driver_for(sim)
    record(driver, node_of(driver, "off"), "192.0.2.30", mac="00:21:f6:00:00:11")
    assert node_of(driver, "off").private_ips == []


def test_recording_twice_writes_once(sim: Simulator) -> None:
    driver = driver_for(sim)
    record(driver, node_of(driver, "off"), "192.0.2.30")
    sim.calls.clear()
    assert record(driver, node_of(driver, "off"), "192.0.2.30") == []
    assert calls_of(sim, "libcloud_write_document") == []


def test_the_same_address_twice_on_one_network_is_said(sim: Simulator) -> None:
    driver = driver_for(sim)
    record(driver, node_of(driver, "off"), "192.0.2.30", "192.0.2.31")
    [notice] = record(driver, node_of(driver), "192.0.2.31")
    assert notice == f"192.0.2.31 on network {BRIDGE} is also an address of VM 'off' " + (
        f"({node_of(driver, 'off').id})"
    )


def test_destroying_a_node_removes_what_is_recorded(sim: Simulator) -> None:
    driver = driver_for(sim)
    gone = str(uuid.uuid4())
    sim.add_vm("gone", uuid=gone, config={"vif": ["mac=00:21:f6:00:00:44,bridge=x"]})
    record(driver, node_of(driver, "gone"), "192.0.2.40")
    record(driver, node_of(driver, "off"), "192.0.2.30")
    assert quietly(driver.destroy_node, node_of(driver, "gone")) is True
    [newest, *_] = sorted(
        (sim.repository_path / ".libcloud-ovm3/documents" / DOCUMENT).iterdir(),
        key=lambda file: -int(file.name),
    )
    assert gone not in newest.read_text()
    assert node_of(driver, "off").private_ips == ["192.0.2.30"]


def test_a_node_is_destroyed_although_that_fails(sim: Simulator) -> None:
    driver = driver_for(sim)
    sim.add_vm("gone", disk=False, config={"vif": ["mac=00:21:f6:00:00:44,bridge=x"]})
    record(driver, node_of(driver, "gone"), "192.0.2.40")
    text = "libcloud_ovm3_host.errors.Failed:no space left"
    sim.misbehave("fault", "libcloud_write_document", text=text)
    with pytest.warns(Ovm3Warning, match="its addresses may still be recorded"):
        driver.destroy_node(node_of(driver, "gone"))
    assert "gone" not in {node.name for node in driver.list_nodes()}


@pytest.mark.parametrize(
    ("content", "warning", "shown"),
    [
        (b"{", "document 'addresses' cannot be understood", []),
        (b'{"schema": 1, "addresses": [1]}', "cannot be understood", []),
        (b'{"schema": 2, "addresses": {"ID": {"MAC": ["192.0.2.7"]}}}',
         "schema 2, newer than this client: read-only", ["192.0.2.7"]),
        (b'{"schema": 1, "addresses": {"ID": {"MAC": ["192.0.2.7"]}, "x": 5}}', "odd entries",
         ["192.0.2.7"]),
        (b'{"schema": 1, "addresses": {"ID": {"MAC": ["x", 7, "192.0.2.7"]}}}', None,
         ["192.0.2.7"]),
        (b'{"schema": 1, "addresses": {"ID": {"MAC": "192.0.2.7"}}}', None, []),
    ],
)  # fmt: skip
def test_a_document_of_another_kind(
    sim: Simulator, content: bytes, warning: str | None, shown: list[str]
) -> None:
    """It is said, costs no listing, and is never written over."""
    driver = driver_for(sim)
    node = node_of(driver, "off")
    named = content.replace(b"ID", node.id.encode()).replace(b"MAC", mac_of(node).encode())
    write(sim, driver, named)
    if warning is None:
        assert node_of(driver, "off").private_ips == shown
        return
    with pytest.warns(Ovm3Warning, match=warning):
        assert node_of(driver, "off").private_ips == shown
    with pytest.raises(PreconditionFailed, match="a static address cannot be recorded"):
        record(driver, node, "192.0.2.1")
    assert HostModule(driver._estate.agent(driver._access.hosts[0]).connection).read_document(
        f"/OVS/Repositories/{sim.repository_id}", DOCUMENT
    ).content == named  # fmt: skip


def test_a_document_that_cannot_be_read_is_said(sim: Simulator) -> None:
    driver = driver_for(sim)
    record(driver, node_of(driver, "off"), "192.0.2.30")
    folder = sim.repository_path / ".libcloud-ovm3" / "documents" / DOCUMENT
    for version in folder.iterdir():
        version.write_text("half of it")
    with pytest.warns(Ovm3Warning, match="document 'addresses' cannot be read"):
        nodes = driver.list_nodes()
    assert [node.state for node in nodes] == ["stopped", "running"]


# ------------------------------------------------------------------ public or private


@pytest.mark.parametrize(
    ("options", "is_public"),
    [
        ({}, False),
        ({"ex_public_networks": ["xenbr1"]}, False),
        ({"ex_public_networks": [BRIDGE]}, True),
        ({"ex_public_networks": "public"}, False),  # a bridge of this name
        ({"ex_public_networks": "public", "ex_traffic_labels": f"public={BRIDGE}"}, True),
        ({"ex_public_networks": "public", "ex_traffic_labels": "public=bond0"}, True),
        ({"ex_public_networks": "guest", "ex_traffic_labels": "public=bond0,guest=eth1"}, False),
    ],
)
def test_which_are_public(sim: Simulator, options: dict[str, Any], is_public: bool) -> None:
    node = node_of(driver_for(sim))
    sim.add_neighbour(0, "192.0.2.3", mac_of(node), BRIDGE)
    driver = driver_for(sim, **options)
    sim.calls.clear()
    node = node_of(driver)
    assert sorted(calls_of(sim)) == ["libcloud_read_agent"] * 2 + ["libcloud_repository"]
    expected = (["192.0.2.3"], []) if is_public else ([], ["192.0.2.3"])
    assert (node.public_ips, node.private_ips) == expected
    assert node.extra["addresses"][0]["is_public"] is is_public


@pytest.mark.parametrize(("carrier", "base"), [("xenbr1", "xenbr1"), ("eth1", "breth1")])
def test_vlans_of_a_public_label_are_public_and_those_of_a_bridge_are_not(
    sim: Simulator, carrier: str, base: str
) -> None:
    vlan = f"mac=00:21:f6:00:00:33,bridge={base}.100"
    sim.add_vm("vlan", config={"vif": [vlan]})
    label = {"ex_public_networks": ["public"], "ex_traffic_labels": {"public": carrier}}
    driver = driver_for(sim)
    record(driver, node_of(driver, "vlan"), "192.0.2.33")
    assert node_of(driver_for(sim, **label), "vlan").public_ips == ["192.0.2.33"]
    bridge = driver_for(sim, ex_public_networks=[base])
    assert node_of(bridge, "vlan").private_ips == ["192.0.2.33"]
    quietly(driver.destroy_node, node_of(driver, "vlan"))


# ------------------------------------------------------------------ other modules, and none


def test_a_module_of_api_2_brings_none_and_costs_one_call_once() -> None:
    with simulate(1, vms=1, host_module=True) as sim:
        put_api_2(sim, 0)
        driver = driver_for(sim)
        node = node_of(driver)
        assert calls_of(sim) == [
            "libcloud_read_agent",
            "libcloud_read_agent",
            "libcloud_repository",
        ]
        sim.add_neighbour(0, "192.0.2.3", mac_of(node), BRIDGE)
        sim.calls.clear()
        assert node_of(driver).private_ips == []
        assert calls_of(sim) == ["libcloud_read_agent", "libcloud_repository"]
        with pytest.raises(PreconditionFailed, match="API 3; `ovm3 host install`"):
            record(driver, node, "192.0.2.3")
        assert calls_of(sim, "libcloud_write_document") == []


def test_without_the_module_nothing_is_known() -> None:
    with simulate(1, vms=1) as sim:
        driver = driver_for(sim)
        node = node_of(driver)
        sim.add_neighbour(0, "192.0.2.3", mac_of(node), BRIDGE)
        assert node_of(driver).private_ips == []
        with pytest.raises(PreconditionFailed, match="API 3; `ovm3 host install`"):
            record(driver, node, "192.0.2.3")


# ------------------------------------------------------------------ what is an address


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.0.0.5", ("10.0.0.5",)),
        ("10.0.0.5, 2001:DB8:0::1", ("10.0.0.5", "2001:db8::1")),
        (["10.0.0.5", "10.0.0.5"], ("10.0.0.5",)),
        ([], ()),
        ("169.254.0.2", ("169.254.0.2",)),
    ],
)
def test_what_is_an_address(value: Any, expected: tuple[str, ...]) -> None:
    assert parse_addresses(value, "ex_address") == expected


@pytest.mark.parametrize(
    "value",
    ["10.0.0.5/24", "host", "10.0.0.256", "0.0.0.0", "127.0.0.1", "224.0.0.1", "::", [5], 5],
)
def test_what_is_no_address(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="ex_address"):
        parse_addresses(value, "ex_address")


def test_other_clients_write_at_the_same_time(sim: Simulator) -> None:
    """What they record stays; the one that is late reads again."""
    driver = driver_for(sim)
    node = node_of(driver, "off")
    other = json.dumps({"schema": 1, "addresses": {"x": {"y": ["192.0.2.60"]}}}).encode()
    sim.misbehave(
        "hook",
        "libcloud_write_document",
        hook=lambda moment: moment == "before" and write_once(sim, driver, other),
    )
    sim.calls.clear()
    record(driver, node, "192.0.2.30")
    assert node_of(driver, "off").private_ips == ["192.0.2.30"]
    assert len(calls_of(sim, "libcloud_write_document")) == 3


def write_once(sim: Simulator, driver: Any, content: bytes) -> None:
    sim.clear_misbehaviour()
    write(sim, driver, content)


def test_a_client_that_is_always_late_gives_up(sim: Simulator) -> None:
    driver = driver_for(sim)
    text = "libcloud_ovm3_host.errors.Conflict:other wrote version 1"
    sim.misbehave("fault", "libcloud_write_document", times=None, text=text)
    with pytest.raises(Ovm3Error, match="other clients have changed the document 'addresses'"):
        record(driver, node_of(driver, "off"), "192.0.2.30")
    sim.clear_misbehaviour()
    assert node_of(driver, "off").private_ips == []
