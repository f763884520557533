"""The bridges of network cards: there before a card is attached to a running node, and those over
VLANs gone with the last card, whether vm.cfg, the live domain or both have the card.
"""

from __future__ import annotations

import pytest

from libcloud_ovm3.errors import AgentFault, PreconditionFailed
from libcloud_ovm3.simulator import Simulator, network
from tests.operations.attaching import Lab
from tests.operations.cards import (
    A,
    B,
    C,
    accept,
    bridge_of,
    defined,
    live,
    redefine,
    refuse,
    vifs,
)
from tests.support import CHANGE, calls_of, driver_for, simulate


def vlans(sim: Simulator) -> list[int]:
    """The numbers of the bridges over VLANs."""
    names = network.bridges(sim.hosts[0])
    return sorted(int(name.rpartition(".")[2]) for name in names if f"{bridge_of(sim)}." in name)


def test_bridges_over_vlans_come_and_go_with_cards() -> None:
    with simulate(1, vms=0, templates=0, host_module=True) as sim:
        sim.add_vm("web", running_on=0, config=vifs(sim, A))
        driver, own = driver_for(sim), bridge_of(sim)
        node = driver.ex_get_node_by_name("web")

        driver.ex_attach_nic(node, f"{own}.5", ex_mac=B)
        driver.ex_attach_nic(node, f"{own}.5", ex_mac=C)
        assert vlans(sim) == [5]
        sim.misbehave("fault", CHANGE, text="<type 'exceptions.Exception'>:no")
        with pytest.raises(AgentFault):
            driver.ex_attach_nic(node, f"{own}.6")
        assert vlans(sim) == [5], "what was made for it is gone again"
        driver.ex_update_nic(node, C, ex_network=f"{own}.7")
        assert vlans(sim) == [5, 7], "B is on it"
        driver.ex_update_nic(node, C, ex_network=f"{own}.8")
        assert vlans(sim) == [5, 8]
        driver.ex_detach_nic(node, C)
        driver.ex_detach_nic(node, B)
        assert vlans(sim) == []


@pytest.mark.parametrize("host_module", [True, False], ids=["module", "agent"])
def test_a_card_that_only_vm_cfg_has(host_module: bool) -> None:
    """Of a running node the agent attaches it when it is changed: its bridge is there first."""
    with simulate(1, vms=0, templates=0, host_module=host_module) as sim:
        sim.add_vm("web", running_on=0, config=vifs(sim, A))
        pool = Lab(sim, driver_for(sim))
        driver, node, own = pool.driver, pool.node("web"), bridge_of(sim)
        [first] = defined(sim, node)
        redefine(sim, node, first, f"mac={B},bridge={own}.5")
        [_, nic] = driver.ex_list_nics(node)
        assert (nic.extra["is_defined"], nic.extra["is_live"]) == (True, False)
        update = driver.ex_update_nic
        refuse(pool, PreconditionFailed, "no bridge nowhere", update, node, B, ex_network="nowhere")
        assert update(node, B, ex_network=f"{own}.7").extra["is_live"]
        assert live(sim, node) == defined(sim, node) == [first, f"mac={B},bridge={own}.7"]
        assert vlans(sim) == [7]
        redefine(sim, node, *defined(sim, node), f"mac={C},bridge={own}.9")
        if host_module:
            accept(driver, node)
        update(node, C, ex_mac="00:21:f6:00:00:99")  # as it is, but for the MAC address
        assert vlans(sim) == [7, 9]
        entries = defined(sim, node)
        redefine(sim, node, *entries, f"mac={C},bridge={own}.11")
        if host_module:
            accept(driver, node)
        assert driver.ex_detach_nic(node, C)
        assert live(sim, node) == defined(sim, node) == entries
        for mac in ("00:21:f6:00:00:99", B):
            driver.ex_detach_nic(node, mac)
        assert vlans(sim) == ([] if host_module else [7, 9])
        redefine(sim, node, first, f"mac={C},bridge={own}.4095")
        refuse(pool, PreconditionFailed, "4095", update, node, C, ex_mac=B)


def test_one_that_is_refused_leaves_no_bridge() -> None:
    with simulate(1, vms=0, templates=0, host_module=True) as sim:
        sim.add_vm("web", running_on=0, config=vifs(sim, A))
        pool = Lab(sim, driver_for(sim))
        node, own = pool.node("web"), bridge_of(sim)
        redefine(sim, node, *defined(sim, node), f"mac={B},bridge={own}.5")
        before = defined(sim, node)
        sim.misbehave("fault", CHANGE, text="<type 'exceptions.Exception'>:no")
        with pytest.raises(AgentFault):
            pool.driver.ex_update_nic(node, B, ex_network=f"{own}.7")
        assert (vlans(sim), defined(sim, node)) == ([], before)


def test_a_card_on_two_bridges() -> None:
    """vm.cfg was changed while the node runs: the bridge of the live card goes with it."""
    with simulate(1, vms=0, templates=0, host_module=True) as sim:
        sim.add_vm("web", running_on=0, config=vifs(sim, A))
        pool = Lab(sim, driver_for(sim))
        driver, node, own = pool.driver, pool.node("web"), bridge_of(sim)
        driver.ex_attach_nic(node, f"{own}.5", ex_mac=B)
        [first, _] = defined(sim, node)
        redefine(sim, node, first, f"mac={B},bridge={own}.6")
        accept(driver, node)
        why = f"has that on {own}.5: stop the VM and start it again"
        for change in ({"ex_mac": C}, {"ex_network": own}, {"ex_network": f"{own}.6"}):
            refuse(pool, PreconditionFailed, why, driver.ex_update_nic, node, B, **change)
        sim.calls.clear()
        assert driver.ex_detach_nic(node, B)
        assert len(calls_of(sim, CHANGE)) == 1
        assert live(sim, node) == defined(sim, node) == [first]
        assert vlans(sim) == []
