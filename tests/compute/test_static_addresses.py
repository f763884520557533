"""Static addresses given to network cards, through the driver."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from libcloud_ovm3.errors import AgentFault, InvalidArgument, PreconditionFailed
from libcloud_ovm3.operations import update_nic
from libcloud_ovm3.simulator import Simulator
from tests.operations.cards import redefine
from tests.support import calls_of, driver_for, quietly, simulate

BRIDGE = "10e69b4de3"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(1, vms=0, host_module=True) as one:
        yield one


def create(driver: Any, sim: Simulator, *addresses: str, start: bool = True) -> Any:
    cards = [{"network": BRIDGE, "address": list(addresses)}]
    image = f"{sim.repository_id}/Templates/oracle-linux-6.raw"
    return driver.create_node("web", "tiny", image, ex_networks=cards, ex_start=start)


@pytest.mark.parametrize("start", [True, False])
def test_a_node_that_is_created_with_one(sim: Simulator, start: bool) -> None:
    driver = driver_for(sim, ex_public_networks=[BRIDGE])
    node = create(driver, sim, "192.0.2.5", "2001:DB8::5", start=start)
    assert node.public_ips == ["192.0.2.5", "2001:db8::5"]
    found = driver.ex_get_node(node.id)
    assert (found.public_ips, found.private_ips) == (node.public_ips, [])
    assert found.extra["addresses"] == node.extra["addresses"]
    assert driver.destroy_node(node) is True
    sim.calls.clear()
    assert driver.list_nodes() == []


def test_a_card_is_attached_changed_and_detached(sim: Simulator) -> None:
    """With its addresses; those of the other card stay."""
    driver = driver_for(sim)
    node = create(driver, sim, "192.0.2.5")
    nic = driver.ex_attach_nic(node, BRIDGE, ex_address="192.0.2.6")
    assert driver.ex_get_node(node.id).private_ips == ["192.0.2.5", "192.0.2.6"]
    moved = driver.ex_update_nic(node, nic, ex_mac="00:21:f6:00:00:66")
    assert (nic.extra["addresses"], moved.extra["addresses"]) == (["192.0.2.6"], None)
    listed = driver.ex_list_nics(node)
    assert [one.extra["addresses"] for one in listed] == [["192.0.2.5"], ["192.0.2.6"]]
    addresses = {
        one["address"]: one["mac"] for one in driver.ex_get_node(node.id).extra["addresses"]
    }
    assert addresses["192.0.2.6"] == moved.mac == "00:21:f6:00:00:66"
    assert driver.ex_detach_nic(node, moved) is True
    assert driver.ex_get_node(node.id).private_ips == ["192.0.2.5"]
    again = driver.ex_attach_nic(node, BRIDGE, ex_mac="00:21:f6:00:00:66")
    assert driver.ex_get_node(node.id).private_ips == ["192.0.2.5"], again
    assert driver.destroy_node(node) is True


def test_a_client_that_is_killed_while_it_changes_a_card(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its log has what puts the card back; what was recorded for it counts again."""
    driver, mac = driver_for(sim), "00:21:f6:00:00:76"
    node = create(driver, sim)
    driver.ex_attach_nic(node, BRIDGE, ex_mac=mac, ex_address="192.0.2.6")

    def killed(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(update_nic, "put_in", killed)
    with caplog.at_level("INFO", "libcloud_ovm3.progress"), pytest.raises(SystemExit):
        driver.ex_update_nic(node, mac, ex_mac="00:21:f6:00:00:77")
    assert any(f"changing the network card {mac} on {BRIDGE} to " in one for one in caplog.messages)
    assert mac not in {one.mac for one in quietly(driver.ex_list_nics, node)}
    assert driver.ex_attach_nic(node, BRIDGE, ex_mac=mac).mac == mac
    assert driver.ex_get_node(node.id).private_ips == ["192.0.2.6"]
    assert driver.destroy_node(node) is True


def test_of_a_mac_that_two_vms_have(sim: Simulator) -> None:
    """They are not shown, and follow the card to a MAC address of its own."""
    driver, mac = driver_for(sim), "00:21:f6:00:00:71"
    vif = f"mac={mac},bridge={BRIDGE}"
    sim.add_vm("twin", disk=False, config={"vif": [vif]})
    cards = [{"network": BRIDGE, "mac": mac, "address": "192.0.2.5"}]
    image = f"{sim.repository_id}/Templates/oracle-linux-6.raw"
    create_node = partial(driver.create_node, "web", "tiny", image, ex_start=False)
    node = quietly(create_node, ex_networks=cards)
    assert (node.private_ips, driver.ex_get_node(node.id).private_ips) == ([], [])
    moved = quietly(driver.ex_update_nic, node, mac, ex_mac="00:21:f6:00:00:72")
    assert driver.ex_get_node(node.id).private_ips == ["192.0.2.5"]
    back = quietly(driver.ex_update_nic, node, moved, ex_mac=mac)
    quietly(driver.ex_detach_nic, node, back)
    quietly(driver.destroy_node, driver.ex_get_node_by_name("twin"))
    again = driver.ex_attach_nic(node, BRIDGE, ex_mac=mac)
    assert driver.ex_get_node(node.id).private_ips == [], f"{again}: nothing is left recorded"
    assert driver.destroy_node(node) is True


def test_of_two_cards_of_a_node_with_one_mac(sim: Simulator) -> None:
    """Nobody knows of which: it stays recorded when one of them goes."""
    driver, mac = driver_for(sim), "00:21:f6:00:00:73"
    sim.add_vm("twonics", disk=False, config={"vif": [f"mac={mac},bridge={BRIDGE}"]})
    node = driver.ex_get_node_by_name("twonics")
    quietly(driver.ex_update_nic, node, mac, ex_address="192.0.2.5")
    redefine(sim, node, *(f"mac={mac},bridge={bridge}" for bridge in (BRIDGE, "y", "z")))
    for bridge, mac_after in (("y", "00:21:f6:00:00:74"), ("z", None)):
        nic = f"{node.id}/{mac}@{bridge}"
        if mac_after is None:
            quietly(driver.ex_detach_nic, node, nic)
        else:
            quietly(driver.ex_update_nic, node, nic, ex_mac=mac_after)
    [one] = driver.ex_get_node(node.id).extra["addresses"]
    assert (one["address"], one["mac"], one["network"]) == ("192.0.2.5", mac, BRIDGE)
    quietly(driver.destroy_node, node)


def test_without_an_address_nothing_is_recorded(sim: Simulator) -> None:
    driver = driver_for(sim)
    node = create(driver, sim)
    nic = driver.ex_attach_nic(node, BRIDGE)
    driver.ex_detach_nic(node, nic)
    sim.calls.clear()
    assert driver.destroy_node(node) is True
    assert calls_of(sim, "libcloud_write_document", "libcloud_read_document") == []


def test_one_that_cannot_be_recorded_leaves_no_node(sim: Simulator) -> None:
    driver = driver_for(sim)
    before = [node.id for node in driver.list_nodes()]
    text = "libcloud_ovm3_host.errors.Failed:no space left"
    sim.misbehave("fault", "libcloud_write_document", text=text)
    with pytest.raises(AgentFault, match=r"no space left; what is recorded .* is as it was"):
        create(driver, sim, "192.0.2.5")
    sim.clear_misbehaviour()
    assert [node.id for node in driver.list_nodes()] == before


def test_without_the_module_it_is_refused_before_anything_is_made(sim: Simulator) -> None:
    driver = driver_for(sim, ex_host_module=False)
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match="API 3; `ovm3 host install`"):
        create(driver, sim, "192.0.2.5")
    assert calls_of(sim, "create_vm", "copy_file") == []


def test_what_is_no_address_is_refused_before_anything_is_sent(sim: Simulator) -> None:
    sim.calls.clear()
    with pytest.raises(InvalidArgument, match=r"address '192\.0\.2\.5/33': expected an IPv4"):
        create(driver_for(sim), sim, "192.0.2.5/33")
    assert calls_of(sim) == []
