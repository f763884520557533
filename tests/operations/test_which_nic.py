"""Which network card of a node is detached or changed: the one that is meant, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    OperationIncomplete,
    PreconditionFailed,
)
from tests.faults.support import put
from tests.operations.attaching import Lab, disks
from tests.operations.cards import (
    SECOND,
    A,
    B,
    C,
    D,
    add_second_bridge,
    bridge_of,
    defined,
    live,
    macs,
    redefine,
    refuse,
    trap,
    vifs,
)
from tests.support import PERSONALITIES, calls_of, driver_for, quietly, simulate

CASES = Path(__file__).parents[1] / "faults" / "cases"

# ------------------------------------------------------------------ which one is detached


@pytest.mark.parametrize("by", ["by device id", "by MAC"])
def test_after_a_detachment_no_other_card_goes(by: str) -> None:
    """xend takes the place in its list for the number of the device (xend.md 5)."""
    with trap(by, A, B, C) as (pool, node):
        sim, driver = pool.sim, pool.driver
        assert driver.ex_detach_nic(node, A)
        why = f"{C} on .* is device 2, but number 1 .* device 1, the card {B} on"
        refuse(pool, PreconditionFailed, why, driver.ex_detach_nic, node, C)
        refuse(pool, PreconditionFailed, why, driver.ex_update_nic, node, C, ex_mac=D)
        assert macs(live(sim, node)) == macs(defined(sim, node)) == [B, C]
        if by == "by MAC":  # there is no device 0 any more
            for change, more in ((driver.ex_update_nic, {"ex_mac": D}), (driver.ex_detach_nic, {})):
                with pytest.raises(AgentFault, match=r"Device 0 not connected.*stop the VM first"):
                    change(node, B, **more)
        else:
            assert driver.ex_detach_nic(node, B)
        left = [C] if by == "by device id" else [B, C]
        assert macs(live(sim, node)) == macs(defined(sim, node)) == left
        driver.stop_node(node)
        driver.start_node(node)
        assert driver.ex_detach_nic(node, C)
        assert macs(live(sim, node)) == macs(defined(sim, node)) == left[:-1]


def test_from_the_last_to_the_first_there_is_no_danger() -> None:
    with trap("by MAC", A, B, C) as (pool, node):
        sim, driver = pool.sim, pool.driver
        for left in ([A, B], [A], []):
            driver.ex_detach_nic(node, driver.ex_list_nics(node)[-1])
            assert macs(live(sim, node)) == macs(defined(sim, node)) == left


def test_another_card_that_goes_is_said() -> None:
    """What the ports of the bridges say has changed right before the call: both are named."""
    with trap("by MAC", A, B, C) as (pool, node):
        sim, driver = pool.sim, pool.driver

        def detach_first(moment: str) -> None:
            if moment == "before":
                [domain] = sim.hosts[0].domains
                domain.vif_ids[:] = [4, 2, 5]  # as if many had come and gone

        sim.misbehave("hook", "configure_vm", hook=detach_first)
        with pytest.raises(OperationIncomplete, match=f"another .*, {B}; {C} is still") as caught:
            driver.ex_detach_nic(node, C)
        assert caught.value.left == (node.id,)
        assert (macs(live(sim, node)), macs(defined(sim, node))) == ([A, C], [A, B])
        assert len(calls_of(sim, "configure_vm")) == 1
        driver.stop_node(node)
        driver.start_node(node)
        assert macs(live(sim, node)) == [A, B]


def test_numbers_that_do_not_show() -> None:
    """A host whose network cannot be read, and a card whose port has a name of its own."""
    with trap("by MAC", C, D) as (pool, plain):
        sim, detach = pool.sim, pool.driver.ex_detach_nic
        named = [f"mac={A},bridge={bridge_of(sim)},vifname=front", *vifs(sim, B)["vif"]]
        sim.add_vm("named", running_on=0, config={"vif": named})
        node = pool.node("named")
        shown = pool.driver.connection.call("discover_network")
        sim.misbehave("fault", "discover_network", text="<type 'exceptions.Exception'>:no")
        refuse(pool, PreconditionFailed, "cannot be told", detach, node, B)
        assert "front" in shown
        refuse(pool, PreconditionFailed, "the ports of its bridges do not tell", detach, node, B)
        assert detach(plain, D)


# ------------------------------------------------------------------ N39


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_two_cards_with_one_mac(personality: str) -> None:
    """The file as it was reported, but for a disk to boot from."""
    first_bridge, second_bridge, mac = "10e69b4de3", "106f1c2d3e", "00:21:f6:00:39:01"
    with simulate(1, vms=0, templates=0, personality=personality) as sim:
        for name in (first_bridge, second_bridge):
            add_second_bridge(sim, name)
        text = (CASES / "N39.vm.cfg").read_text().replace("disk = []", f"disk = {disks(sim)}")
        put(sim, "0004fb00000600003939000000000039", text)
        pool = Lab(sim, driver_for(sim))
        driver, node = pool.driver, pool.node("twonics")
        [first, second] = driver.ex_list_nics(node)
        assert (first.id, second.id) == (
            f"{node.id}/{mac}@{first_bridge}", f"{node.id}/{mac}@{second_bridge}",
        )  # fmt: skip
        why = f"2 network cards with the MAC address {mac}: name one by its id"
        refuse(pool, InvalidArgument, why, driver.ex_detach_nic, node, mac)
        refuse(pool, InvalidArgument, why, driver.ex_update_nic, node, mac, ex_mac=B)
        refuse(pool, InvalidArgument, "has a network card", driver.ex_attach_nic, node,
               second_bridge, ex_mac=mac)  # fmt: skip
        changed = quietly(driver.ex_update_nic, node, second, ex_mac=B)
        assert macs(defined(sim, node)) == [mac, B]
        driver.start_node(node)
        assert driver.ex_detach_nic(node, changed)
        entries = [f"mac={mac},bridge={first_bridge}"]
        assert live(sim, node) == defined(sim, node) == entries


def test_two_live_cards_with_one_mac_are_not_told_apart() -> None:
    with trap("by device id", A, B) as (pool, node):
        sim = pool.sim
        [domain] = sim.hosts[0].domains
        domain.macs[1] = A
        domain.config["vif"] = vifs(sim, A, A)["vif"]
        redefine(sim, node, *vifs(sim, A, A)["vif"])
        nics = pool.driver.ex_list_nics(node)
        refuse(pool, PreconditionFailed, "several of its cards have the MAC address",
               pool.driver.ex_detach_nic, node, nics[1])  # fmt: skip


def test_a_card_that_only_the_domain_has() -> None:
    with trap("by device id", A, B) as (pool, node):
        sim, driver = pool.sim, pool.driver
        redefine(sim, node, *vifs(sim, A)["vif"])
        [first, second] = driver.ex_list_nics(node)
        assert (second.mac, second.extra["is_defined"], second.extra["is_live"]) == (B, False, True)
        refuse(pool, PreconditionFailed, "in its live domain only", driver.ex_detach_nic, node, B)
        refuse(pool, PreconditionFailed, f"disagree about .*{B}", driver.ex_detach_nic, node, first)
        refuse(pool, PreconditionFailed, "disagree about", driver.ex_attach_nic, node, SECOND)


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_entries_without_a_mac(personality: str) -> None:
    """Each gets one at its start. On bridges of their own they are told apart; on one bridge they
    are not, and none of them is touched, as another one might go.
    """
    with simulate(1, vms=0, templates=0, personality=personality) as sim:
        add_second_bridge(sim)
        own = f"bridge={bridge_of(sim)}"
        sim.add_vm("apart", running_on=0, config={"vif": [own, f"bridge={SECOND}"]})
        sim.add_vm("alike", running_on=0, config={"vif": [own, own, f"mac={A},{own}"]})
        pool = Lab(sim, driver_for(sim))
        driver, apart, alike = pool.driver, pool.node("apart"), pool.node("alike")
        nics = driver.ex_list_nics(apart)
        assert [one.extra["is_live"] for one in nics] == [True, True]
        assert driver.ex_detach_nic(apart, nics[1])
        assert live(sim, apart) == defined(sim, apart) == [own]

        nics = driver.ex_list_nics(alike)
        places = [(one.extra["is_defined"], one.extra["is_live"]) for one in nics]
        assert places == [(True, None), (True, None), (True, True), (None, True), (None, True)]
        for one in (nics[0], nics[3]):
            why = "which entry of its vm.cfg cannot be told"
            refuse(pool, PreconditionFailed, why, driver.ex_detach_nic, alike, one)
            refuse(pool, PreconditionFailed, why, driver.ex_update_nic, alike, one, ex_mac=B)
        assert driver.ex_detach_nic(alike, A)
        driver.stop_node(alike, ex_force=True)
        [first, _] = driver.ex_list_nics(alike)
        assert driver.ex_update_nic(alike, first, ex_mac=B).mac == B
        assert defined(sim, alike) == [f"{own},mac={B}", own]
