"""Who uses a network when it is removed, taken back or asked for: also who comes in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import AgentFault, OperationIncomplete, PreconditionFailed
from libcloud_ovm3.simulator import network
from tests.operations.failures import FAILURES, READ_FAILURES, WRITES, Step, misbehave
from tests.operations.networking import add_networks
from tests.support import PERSONALITIES, calls_of, quietly, simulate
from tests.system.disk_clients import plain_driver

FORMS = {"spare.30": "ovs_vlan_bridge", "spare": "ovs_br_config"}
BASE = "10e69b4de3"  # the bridge on bond0
HOW = [
    pytest.param((one, module), id=f"{one}-{'module' if module else 'alone'}")
    for module in (True, False)
    for one in PERSONALITIES
]
WITH_MODULE = HOW[:2]


class Lab:
    """Two hosts, a VM that runs on the first, and a stopped one."""

    def __init__(self, personality: str, host_module: bool) -> None:
        options: dict[str, Any] = {"personality": personality, "host_module": host_module}
        options["answers"] = {"parallel calls": "parallel"}  # one client in another's call
        self.sim = simulate(2, vms=0, secure=False, version="3.3.3", **options)
        self.has_module = host_module

    def set_up(self) -> None:
        add_networks(self.sim)
        cards = [f"mac=00:21:f6:00:00:0{number},bridge={BASE}" for number in (1, 2)]
        self.live = self.sim.add_vm("live", running_on=0, config={"vif": cards[:1]})
        self.stopped = self.sim.add_vm("stopped", config={"vif": cards[1:]})

    @property
    def driver(self) -> Any:
        return plain_driver(self.sim)

    def has(self, bridge: str, host: int = 0) -> bool:
        return bridge in network.bridges(self.sim.hosts[host])

    def meanwhile(self, function: str, action: Any, host: int = 0) -> None:
        """What another client does right before this call of a host takes effect."""

        def hook(moment: str) -> None:
            if moment == "before":
                action()

        self.sim.misbehave("hook", function, host=host, hook=hook)

    def removal(self, bridge: str) -> str:
        """The call that removes it."""
        if not self.has_module:
            return FORMS[bridge]
        is_guarded = bridge == "spare"  # with its address
        return "libcloud_guarded_network_change" if is_guarded else "libcloud_remove_bridge"

    def made(self, bridge: str) -> bool:
        """Whether the host module has it down as made for VMs."""
        driver = self.driver
        module = driver._estate.fresh_module(driver._estate.given[0])
        return any(one.made for one in module.bridges() if one.bridge == bridge)


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    found = Lab(*request.param)
    with found.sim:
        found.set_up()
        yield found


# ------------------------------------------------------------------ removed


@pytest.mark.parametrize("bridge", FORMS)
@pytest.mark.parametrize("lab", HOW[:3], indirect=True)
def test_a_guest_that_comes_right_before_the_removal(lab: Lab, bridge: str) -> None:
    """The agent refuses to remove the bridge, or the module sees to it: it is as it was."""
    other = lab.driver
    lab.meanwhile(lab.removal(bridge), lambda: quietly(other.ex_attach_nic, lab.live, bridge))
    with pytest.raises(AgentFault, match=f"bridge '{bridge}' on ovm-1 .* is as it was"):
        quietly(lab.driver.ex_delete_network, bridge, ex_force="all")
    assert lab.has(bridge)
    assert lab.has(bridge, 1)
    assert len(calls_of(lab.sim, lab.removal(bridge))) == 1


@pytest.mark.parametrize("lab", WITH_MODULE, indirect=True)
def test_a_card_that_is_attached_right_before_the_removal(lab: Lab) -> None:
    """It is recorded before it is on the bridge, also on one that the module has not made."""
    other = lab.driver
    live = other.ex_get_node(lab.live).id

    def record() -> None:
        module = other._estate.fresh_module(other._estate.given[0])
        module.take_bridge("other", "0" * 32, live, "spare.30", "bond0", 30)

    lab.meanwhile("libcloud_remove_bridge", record)
    with pytest.raises(AgentFault, match=f"spare.30 has users: VM {live}.* is as it was"):
        quietly(lab.driver.ex_delete_network, "spare.30")
    assert lab.has("spare.30")
    lab.sim.clear_misbehaviour()
    lab.sim.wait(901)
    assert quietly(lab.driver.ex_release_networks) == [], "no bridge of somebody else's"
    quietly(lab.driver.ex_delete_network, "spare.30")
    assert not lab.has("spare.30")


@pytest.mark.parametrize(("below", "nth"), [("bond0.30", 1), ("spare.30", 1), ("bond0.30", 2)])
@pytest.mark.parametrize("lab", HOW[:3:2], indirect=True)
def test_a_vlan_over_it_keeps_it(lab: Lab, below: str, nth: int) -> None:
    """Its VLAN device, and all over that, would go with it: also if that came right before."""

    def add(moment: str) -> None:
        host = lab.sim.hosts[0]
        with host.lock:
            network.state(host)["vlans"][f"{below}.5"] = {"netdev": below, "vlan": 5}

    lab.sim.calls.clear()
    lab.sim.misbehave("hook", "discover_network", host=0, nth=nth, hook=add)
    with pytest.raises(PreconditionFailed, match=rf"{below}\.5"):
        quietly(lab.driver.ex_delete_network, "spare.30")
    assert not calls_of(lab.sim, *WRITES, "libcloud_remove_bridge")
    assert lab.has("spare.30")


@pytest.mark.parametrize("is_second", [False, True])
@pytest.mark.parametrize("lab", WITH_MODULE, indirect=True)
def test_an_address_that_comes_right_before_the_removal(lab: Lab, is_second: bool) -> None:
    """The module has refused before it did anything: nothing may still come, although the bridge
    does not look as it did."""

    def come() -> None:
        own = {"ip": "10.9.9.9", "netmask": "255.255.255.0", "boot": None}
        host = lab.sim.hosts[int(is_second)]
        with host.lock:
            network.state(host)["addresses"]["spare.30"] = own

    lab.meanwhile("libcloud_remove_bridge", come, host=int(is_second))
    expected = OperationIncomplete if is_second else AgentFault
    with pytest.raises(expected, match=r"10\.9\.9\.9/24.* the host has changed nothing") as caught:
        quietly(lab.driver.ex_delete_network, "spare.30")
    assert "may still come" not in str(caught.value)
    if is_second:  # a removal is not taken back
        assert [("on ovm-1 " in one) for one in getattr(caught.value, "left", ())] == [True]
    assert lab.has("spare.30", int(is_second))


# ------------------------------------------------------------------ taken back


@pytest.mark.parametrize("lab", HOW, indirect=True)
def test_what_a_vm_cfg_names_by_then_is_not_taken_back(lab: Lab) -> None:
    """Another client has given a stopped VM a card on it; then the second host refuses."""
    other = lab.driver

    def attach(moment: str) -> None:
        if moment == "after":
            lab.sim.wait(10)  # until it can be seen
            quietly(other.ex_attach_nic, lab.stopped, "new")

    lab.sim.misbehave("hook", "ovs_vlan_bridge", host=0, hook=attach)
    lab.sim.misbehave("fault", "ovs_vlan_bridge", host=1)
    with pytest.raises(OperationIncomplete, match=r"in use: VM 'stopped.* has a card") as caught:
        quietly(lab.driver.ex_create_network, "new", 20, ex_parent="bond0")
    assert lab.has("new")
    assert not lab.has("new", 1)
    [left] = caught.value.left
    assert "ovm-1" in left


# ------------------------------------------------------------------ asked for


@pytest.mark.parametrize("lab", WITH_MODULE, indirect=True)
def test_one_that_a_start_has_made_stays_once_it_is_asked_for(lab: Lab) -> None:
    vlan, driver = f"{BASE}.160", lab.driver
    card = quietly(driver.ex_attach_nic, lab.live, vlan)
    assert lab.made(vlan)
    quietly(driver.ex_create_network, vlan, 160, ex_parent="bond0")
    lab.sim.calls.clear()
    quietly(driver.ex_create_network, vlan, 160, ex_parent="bond0")
    assert not calls_of(lab.sim, *WRITES), "a second run makes no changing call"
    quietly(driver.ex_detach_nic, lab.live, card)
    lab.sim.wait(901)
    assert quietly(driver.ex_release_networks) == []
    assert lab.has(vlan)
    quietly(driver.ex_delete_network, vlan)
    assert not lab.has(vlan)


@pytest.mark.parametrize("lab", WITH_MODULE[:1], indirect=True)
@pytest.mark.parametrize("function", ["libcloud_bridges", "libcloud_keep_bridge"])
def test_one_that_goes_with_its_last_vm_meanwhile_is_said(lab: Lab, function: str) -> None:
    vlan, other = f"{BASE}.160", lab.driver
    card = quietly(other.ex_attach_nic, lab.live, vlan)
    lab.meanwhile(function, lambda: quietly(other.ex_detach_nic, lab.live, card))
    with pytest.raises(OperationIncomplete, match=r"ovm-1 .*: it went meanwhile.*The same call"):
        quietly(lab.driver.ex_create_network, vlan, 160, ex_parent="bond0", location="ovm-1")
    assert not lab.has(vlan)
    quietly(lab.driver.ex_create_network, vlan, 160, ex_parent="bond0", location="ovm-1")
    assert lab.has(vlan)
    assert not lab.made(vlan)


KEEPING = [
    *(("libcloud_keep_bridge", 1, one) for one in FAILURES),
    *(("libcloud_bridges", nth, one) for nth in (1, 2) for one in READ_FAILURES),
]


@pytest.mark.parametrize("lab", WITH_MODULE, indirect=True)
@pytest.mark.parametrize(("function", "nth", "failure"), KEEPING)
def test_keeping_fails(lab: Lab, function: str, nth: int, failure: str) -> None:
    """What is said to stay stays; else that is said, and the same call completes it."""
    vlan = f"{BASE}.160"
    card = quietly(lab.driver.ex_attach_nic, lab.live, vlan)
    lab.sim.calls.clear()
    if nth == 2:  # it is read again only after a failure
        lab.sim.misbehave("fault_after", "libcloud_keep_bridge")
    rule = misbehave(lab.sim, failure, Step(None, function), nth=nth)
    error: OperationIncomplete | None = None
    try:
        quietly(lab.driver.ex_create_network, vlan, 160, ex_parent="bond0", location="ovm-1")
    except OperationIncomplete as caught:
        error = caught
    assert rule.hits
    assert len(calls_of(lab.sim, "libcloud_keep_bridge")) <= 1
    lab.sim.clear_misbehaviour()
    lab.sim.flush_delayed()
    if error is None:
        assert not lab.made(vlan), "said to stay, and does not"
    else:
        assert "The same call again completes it" in str(error)
        assert error.left[0].startswith(f"bridge '{vlan}' on ovm-1")
    quietly(lab.driver.ex_create_network, vlan, 160, ex_parent="bond0", location="ovm-1")
    assert not lab.made(vlan)
    quietly(lab.driver.ex_detach_nic, lab.live, card)
    assert lab.has(vlan)
