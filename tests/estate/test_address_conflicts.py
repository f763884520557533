"""Addresses that several cards have, as the document and the hosts' tables say."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

import pytest

from libcloud_ovm3.diagnostics.device_checks import check_addresses
from libcloud_ovm3.estate.neighbours import hosts_with, own_addresses
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.simulator import Simulator, network
from tests.estate.addressing import BRIDGE, mac_of, node_of, record
from tests.support import driver_for, simulate


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Two hosts with the host module; one VM runs, one is off."""
    with simulate(2, vms=1, host_module=True) as one:
        one.add_vm("off", config={"vif": [f"mac=00:21:f6:00:00:99,bridge={BRIDGE}"]})
        yield one


def test_an_address_that_is_recorded_for_one_card_and_seen_with_another(sim: Simulator) -> None:
    """It is shown for neither, and the doctor names both; without the record, for the other one."""
    driver = driver_for(sim)
    off, runs = node_of(driver, "off"), node_of(driver)
    record(driver, off, "192.0.2.30", "192.0.2.31")
    sim.add_neighbour(0, "192.0.2.30", mac_of(runs), BRIDGE)
    sim.add_neighbour(1, "192.0.2.32", mac_of(runs), BRIDGE)
    sim.add_neighbour(0, "192.0.2.31", mac_of(off), BRIDGE)
    sim.add_neighbour(0, "192.0.2.31", mac_of(runs), "control0")  # another network
    assert node_of(driver, "off").private_ips == ["192.0.2.31"]
    assert node_of(driver).private_ips == ["192.0.2.32"]
    [finding] = check_addresses(read_estate(driver._estate))
    assert (finding.level, finding.about) == ("warning", "address")
    for text in ("192.0.2.30 is recorded for", f"'off' ({off.id})", f"'seed-1' ({runs.id})"):
        assert text in finding.found
    assert "is also an address of VM 'off'" in record(driver, runs, "192.0.2.30")[0]
    record(driver, runs)
    record(driver, off)
    assert node_of(driver).private_ips == ["192.0.2.30", "192.0.2.32"]


def test_an_address_that_is_recorded_for_two_cards(sim: Simulator) -> None:
    """A table says whose it is, if one has it; link-local ones each host has for itself."""
    driver = driver_for(sim)
    off, runs = node_of(driver, "off"), node_of(driver)
    for node in (off, runs):
        record(driver, node, "192.0.2.30", "169.254.0.9")
    [finding] = check_addresses(read_estate(driver._estate))
    assert finding.level == "warning"
    for text in ("192.0.2.30 is recorded for", f"'off' ({off.id})", f"'seed-1' ({runs.id})"):
        assert text in finding.found
    assert BRIDGE in finding.means
    both = ["192.0.2.30", "169.254.0.9"]
    assert [node_of(driver, name).private_ips for name in ("off", "seed-1")] == [both, both]
    sim.add_neighbour(0, "192.0.2.30", mac_of(runs), BRIDGE)
    assert node_of(driver, "off").private_ips == ["169.254.0.9"]
    assert node_of(driver).private_ips == both


def test_one_of_a_card_on_another_network_is_another_one(sim: Simulator) -> None:
    driver = driver_for(sim)
    config = {"vif": ["mac=00:21:f6:00:00:33,bridge=xenbr1.100"]}
    sim.add_vm("apart", disk=False, config=config)
    for name in ("apart", "off"):
        record(driver, node_of(driver, name), "192.0.2.30")
    assert list(check_addresses(read_estate(driver._estate))) == []
    sim.add_neighbour(0, "192.0.2.30", mac_of(node_of(driver)), BRIDGE)
    assert node_of(driver, "apart").private_ips == ["192.0.2.30"]
    assert node_of(driver, "off").private_ips == []


def test_two_cards_of_one_vm_with_one_mac(sim: Simulator) -> None:
    """On which of their networks the address is, is not known: it is private."""
    driver = driver_for(sim, ex_public_networks=["y"])
    twice = "00:21:f6:00:00:39"
    config = {"vif": [f"mac={twice},bridge={bridge}" for bridge in ("x", "y")]}
    sim.add_vm("twonics", disk=False, config=config)
    record(driver, node_of(driver, "twonics"), "192.0.2.39")
    [one] = node_of(driver, "twonics").extra["addresses"]
    assert (one["network"], one["is_public"]) == (None, False)


def test_an_address_that_a_host_has_itself(sim: Simulator) -> None:
    """It is not shown as one of a VM on that network, nor a host's management address on any."""
    driver = driver_for(sim)
    second = sim.hosts[1]
    network.set_address(second, "spare", "10.7.0.1", "255.255.255.0", saved=True)
    network.state(second)["bridges"]["spare"] = {"netdev": "eth1", "since": 0.0}
    macs = {name: f"00:21:f6:00:00:4{n}" for n, name in enumerate(("spare", "apart"))}
    for name, mac in macs.items():
        sim.add_vm(name, disk=False, config={"vif": [f"mac={mac},bridge={name}"]})
        node = node_of(driver, name)
        text = rf"10\.7\.0\.1 on network {name} is an address of host ovm-2 .*itself"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            driver.ex_update_nic(node, mac, ex_address=["10.7.0.1", "10.7.0.9"])
        said = [str(one.message) for one in caught]
        assert any(re.search(text, one) for one in said) is (name == "spare"), said
    assert node_of(driver, "spare").private_ips == ["10.7.0.9"]
    assert node_of(driver, "apart").private_ips == ["10.7.0.1", "10.7.0.9"]
    snapshot = read_estate(driver._estate)
    [own] = [one.found for one in check_addresses(snapshot) if "of host" in one.found]
    assert f"card {macs['spare']} of VM 'spare'" in own
    assert own.endswith("itself")
    [reached] = hosts_with("apart", second.address, own_addresses(snapshot.hosts))
    assert reached.startswith("ovm-2 "), "by which it is managed: on any network"
