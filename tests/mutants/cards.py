"""Behaviours of the operations on network cards, and of addresses, against the simulator."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest import mock

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.errors import AgentFault, OperationIncomplete
from libcloud_ovm3.operations import new_cards, update_nic
from libcloud_ovm3.simulator import Simulator, network
from tests.estate.addressing import node_of, record
from tests.mutants.disks import PATIENCE, pool, refused
from tests.operations.cards import A, B, C, D, bridge_of, defined, live, macs, redefine, vifs
from tests.support import calls_of, quietly

__all__ = ["PATIENCE"]

BY_MAC = {"NICs are detached": "by MAC"}


def node_with(sim: Simulator, driver: Any, *of: str, runs: bool = True, name: str = "web") -> Any:
    """A node with cards of these MAC addresses."""
    sim.add_vm(name, running_on=0 if runs else None, config=vifs(sim, *of))
    return driver.ex_get_node_by_name(name)


# ------------------------------------------------------------------ which card


def another_card_does_not_go() -> None:
    with pool(answers=BY_MAC) as (sim, driver):
        node = node_with(sim, driver, A, B, C)
        driver.ex_detach_nic(node, A)
        refused(driver.ex_detach_nic, node, C)
        assert macs(live(sim, node)) == [B, C]


def another_card_that_goes_is_named() -> None:
    with pool(answers=BY_MAC) as (sim, driver):
        node = node_with(sim, driver, A, B, C)

        def renumber(moment: str) -> None:
            if moment == "before":
                sim.hosts[0].domains[0].vif_ids[:] = [4, 2, 5]

        sim.misbehave("hook", "configure_vm", hook=renumber)
        said = ""
        try:
            quietly(driver.ex_detach_nic, node, C)
        except OperationIncomplete as error:
            said = str(error)
        assert f"another card was detached, {B}" in said


def entries_without_a_mac_are_not_guessed() -> None:
    with pool() as (sim, driver):
        entry = f"bridge={bridge_of(sim)}"
        sim.add_vm("alike", running_on=0, config={"vif": [entry, entry]})
        node = driver.ex_get_node_by_name("alike")
        sim.calls.clear()
        refused(driver.ex_detach_nic, node, driver.ex_list_nics(node)[0])
        assert not calls_of(sim, "configure_vm")


def a_card_is_given_back() -> None:
    with pool() as (sim, driver):
        node = node_with(sim, driver, A, B)
        text = "<type 'exceptions.Exception'>:no"
        detached = itertools.count()

        def refuse_the_second(moment: str) -> None:
            if moment == "after" and not next(detached):
                sim.misbehave("fault", "configure_vm", text=text)

        sim.misbehave("hook", "configure_vm", hook=refuse_the_second)
        try:
            quietly(driver.ex_update_nic, node, B, ex_mac=C)
        except AgentFault:
            assert macs(live(sim, node)) == macs(defined(sim, node)) == [A, B]
        else:
            raise AssertionError("said to be done")


def a_card_that_is_lost_is_said() -> None:
    """Whose client was stopped between the two requests."""
    with pool(host_module=True) as (sim, driver):
        node = node_with(sim, driver, A, B)

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        with mock.patch.object(update_nic, "put_in", stop), suppress(KeyboardInterrupt):
            driver.ex_update_nic(node, B, ex_mac=C)
        assert macs(defined(sim, node)) == [A]
        lost = quietly(driver.ex_get_node, node.id).extra.get("missing_nics", [])
        assert [one["mac"] for one in lost] == [B]


# ------------------------------------------------------------------ MAC addresses


@contextmanager
def random_bytes(*each: bytes) -> Iterator[None]:
    """What new MAC addresses end with."""
    left, before = iter(each), new_cards.secrets.token_bytes
    new_cards.secrets.token_bytes = lambda number: next(left) if number == 3 else before(number)
    try:
        yield
    finally:
        new_cards.secrets.token_bytes = before


def a_known_mac_is_not_chosen() -> None:
    """Of a vm.cfg, and of a live domain whose vm.cfg has lost it."""
    with pool() as (sim, driver):
        node_with(sim, driver, A, runs=False, name="other")
        lives = node_with(sim, driver, B, name="lives")
        redefine(sim, lives)
        node = node_with(sim, driver, C, runs=False)
        with random_bytes(b"\0\0\x0a", b"\0\0\x0b", b"\0\0\x0d"):
            assert driver.ex_attach_nic(node, bridge_of(sim)).mac == D


def a_doubled_mac_is_not_started() -> None:
    with pool() as (sim, driver):
        node_with(sim, driver, A, name="first")
        node = node_with(sim, driver, A, runs=False)
        refused(driver.start_node, node)
        refused(driver.ex_attach_nic, node_with(sim, driver, B, name="third"), bridge_of(sim),
                ex_mac=A)  # fmt: skip
        assert live(sim, node) == []


# ------------------------------------------------------------------ bridges


def a_bridge_is_there_first() -> None:
    """Also for a card that only vm.cfg has."""
    with pool(host_module=True) as (sim, driver):
        node, vlan = node_with(sim, driver, A), f"{bridge_of(sim)}.5"
        driver.ex_attach_nic(node, vlan, ex_mac=B)
        redefine(sim, node, *defined(sim, node), f"mac={C},bridge={vlan}")
        driver.ex_settle_node(node, ex_accept=True)  # vm.cfg was edited
        driver.ex_update_nic(node, C, ex_network=f"{bridge_of(sim)}.6")
        assert {vlan, f"{bridge_of(sim)}.6"} <= set(network.bridges(sim.hosts[0]))


def a_bridge_stays_with_its_other_card() -> None:
    with pool(host_module=True) as (sim, driver):
        node, vlan = node_with(sim, driver, A), f"{bridge_of(sim)}.5"
        for mac in (B, C):
            driver.ex_attach_nic(node, vlan, ex_mac=mac)
        driver.ex_detach_nic(node, C)
        module = HostModule(driver._estate.agent(driver._access.hosts[0]).connection)
        users = {one.bridge: [user.user for user in one.users] for one in module.bridges()}
        assert users[vlan] == [node.id]


# ------------------------------------------------------------------ addresses


@contextmanager
def addressed() -> Iterator[tuple[Simulator, Any]]:
    with pool(host_module=True) as (sim, driver):
        for name, mac in (("one", A), ("two", B)):
            node_with(sim, driver, mac, name=name)
        yield sim, driver


def shown(driver: Any) -> dict[str, list[str]]:
    return {node.name: node.private_ips for node in driver.list_nodes()}


def nothing_of_a_foreign_mac_is_shown() -> None:
    with addressed() as (sim, driver):
        record(driver, node_of(driver, "one"), "192.0.2.5")
        assert shown(driver)["one"] == ["192.0.2.5"]
        node_with(sim, driver, A, runs=False, name="twin")
        assert shown(driver) == {"one": [], "two": [], "twin": []}


def what_is_in_conflict_is_not_shown() -> None:
    with addressed() as (sim, driver):
        record(driver, node_of(driver, "one"), "192.0.2.5")
        sim.add_neighbour(0, "192.0.2.5", B, bridge_of(sim))
        sim.add_neighbour(0, "192.0.2.6", B, bridge_of(sim))
        assert shown(driver) == {"one": [], "two": ["192.0.2.6"]}


def recorded_addresses_follow_a_doubled_mac() -> None:
    with addressed() as (sim, driver):
        record(driver, node_of(driver, "one"), "192.0.2.5")
        quietly(driver.stop_node, driver.ex_get_node_by_name("one"), ex_force=True)
        redefine(sim, driver.ex_get_node_by_name("two"), *vifs(sim, A)["vif"])
        quietly(driver.ex_update_nic, driver.ex_get_node_by_name("one"), A, ex_mac=C)
        assert shown(driver)["one"] == ["192.0.2.5"]


def an_address_is_refused_before_anything_is_sent() -> None:
    """Without the host module nothing can record it."""
    with pool(templates=1, template_bytes=1 << 20) as (sim, driver):
        image = driver.list_images()[0]
        cards = [{"network": bridge_of(sim), "address": "192.0.2.5"}]
        node = node_with(sim, driver, A)
        sim.calls.clear()
        refused(driver.ex_attach_nic, node, bridge_of(sim), ex_address="192.0.2.5")
        refused(driver.create_node, "new", "tiny", image, ex_networks=cards)
        assert not calls_of(sim, "configure_vm", "create_vm")
