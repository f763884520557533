"""The bridge of a traffic label whose device has none: made with the first VM that needs it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    NetworkNotFound,
    OperationIncomplete,
    PreconditionFailed,
)
from libcloud_ovm3.simulator import Simulator, network
from tests.operations.failures import WRITES
from tests.support import at_once, calls_of, quietly, simulate
from tests.system.disk_clients import plain_driver

OWN, VLAN = "breth1", "breth1.160"
NUMBERS = itertools.count(1)


@pytest.fixture(params=["alone", "with the module"])
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    options: dict[str, Any] = {"host_module": request.param != "alone", "memory_mb": 16384}
    with simulate(2, vms=0, secure=False, version="3.3.3", **options) as simulator:
        yield simulator


def driver_of(sim: Simulator, **labels: str) -> Any:
    return plain_driver(sim, ex_traffic_labels=labels or {"guest": "eth1"})


def create(driver: Any, *networks: Any, **options: Any) -> Any:
    options = {"ex_networks": list(networks), **options}
    image = driver.list_images()[0]
    return quietly(driver.create_node, f"vm-{next(NUMBERS)}", "tiny", image, **options)


def parent(sim: Simulator, host: int, bridge: str) -> str | None:
    found = network.state(sim.hosts[host])["bridges"].get(bridge)
    return found and str(found["netdev"])


def card_on(bridge: str) -> dict[str, Any]:
    return {"vif": [f"mac=00:21:f6:00:01:{next(NUMBERS):02x},bridge={bridge}"]}


def put(sim: Simulator, *, bridges: dict[str, str] | None = None, vlan: bool = False) -> None:
    """Give both hosts bridges, name -> device, and the VLAN device eth1.160."""
    for host in sim.hosts:
        with host.lock:
            found = network.state(host)
            if vlan:
                found["vlans"]["eth1.160"] = {"netdev": "eth1", "vlan": 160}
            for name, device in (bridges or {}).items():
                found["bridges"][name] = {"netdev": device, "since": 0.0}


def test_the_bridge_comes_with_the_first_vm_and_stays(sim: Simulator) -> None:
    driver = driver_of(sim)
    first, second = driver.list_locations()
    node = create(driver, "guest", ("guest", 160), location=first)
    assert [nic.network for nic in driver.ex_list_nics(node)] == [OWN, VLAN]
    assert (parent(sim, 0, OWN), parent(sim, 0, VLAN)) == ("eth1", "eth1.160")
    assert (parent(sim, 1, OWN), parent(sim, 1, VLAN)) == (None, None)
    assert calls_of(sim, "ovs_br_config") == ["ovs_br_config"]
    driver.stop_node(node, ex_force=True)
    has_module = sim.hosts[0].code is not None
    assert (parent(sim, 0, OWN), parent(sim, 0, VLAN)) == (
        "eth1",
        None if has_module else "eth1.160",
    )
    quietly(driver.ex_release_networks)
    sim.calls.clear()
    assert driver.start_node(node, second) is True
    assert (parent(sim, 1, OWN), parent(sim, 1, VLAN)) == ("eth1", "eth1.160")
    assert calls_of(sim, "ovs_br_config") == ["ovs_br_config"]


def test_of_which_label_it_is_has_to_be_known(sim: Simulator) -> None:
    """The error says so: of a name that may be a label's bridge, and of a label."""
    plain = plain_driver(sim)
    for name in (OWN, VLAN):
        vm = sim.add_vm(name, config=card_on(name))
        with pytest.raises(PreconditionFailed, match=f"no bridge {name}, and no label of ex_traf"):
            plain.start_node(vm)
    why = "no interface carries the label 'guest': name it with ex_traffic_labels"
    for error, action in (
        (PreconditionFailed, partial(create, plain, "guest")),
        (InvalidArgument, partial(create, plain, "guest:5")),
        (NetworkNotFound, partial(plain.ex_update_network, "guest", ex_mtu=1500)),
        (NetworkNotFound, partial(plain.ex_delete_network, "guest")),
    ):
        with pytest.raises(error, match=why):
            action()
    assert not calls_of(sim, *WRITES)


def test_a_vlan_of_the_label_alone(sim: Simulator) -> None:
    """Its bridge is on the device; the label's own one is not needed for it."""
    driver = driver_of(sim)
    node = create(driver, ("guest", 160))
    assert {VLAN: "eth1.160"}.items() <= {
        name: parent(sim, host, name)
        for host in (0, 1)
        for name in network.bridges(sim.hosts[host])
    }.items()
    assert not calls_of(sim, "ovs_br_config")
    quietly(driver.ex_attach_nic, node, "guest")
    host = [bool(sim.domains(number)) for number in (0, 1)].index(True)
    assert (parent(sim, host, OWN), parent(sim, host, VLAN)) == ("eth1", "eth1.160")
    quietly(driver.ex_attach_nic, node, ("guest", 161))
    assert parent(sim, host, "breth1.161") == "eth1.161"


def test_two_clients_that_need_it_at_once(sim: Simulator) -> None:
    vms = [sim.add_vm(name, config=card_on(OWN)) for name in ("one", "two")]
    clients = [driver_of(sim), driver_of(sim)]
    first = sim.hosts[0].address
    starts = [
        (client, partial(quietly, client.start_node, vm, first))
        for client, vm in zip(clients, vms, strict=True)
    ]
    assert at_once(sim, *starts) == [True, True]
    assert len(sim.domains(0)) == 2
    assert parent(sim, 0, OWN) == "eth1"


def test_a_device_with_the_address_of_the_host() -> None:
    """Nothing is sent; what the error says consents."""
    with simulate(1, vms=0, secure=False, layout="bare") as sim:
        driver = driver_of(sim, guest="bond0")
        node = sim.add_vm("one", config=card_on("brbond0"))
        running = sim.add_vm("two", running_on=0, config={"vif": []})
        sim.calls.clear()
        for action in (
            partial(create, driver, "guest"),
            partial(driver.start_node, node),
            partial(driver.ex_attach_nic, running, "guest"),
        ):
            with pytest.raises(PreconditionFailed, match=r"may cut management \(") as caught:
                action()
            hint = "ex_create_network('brbond0', ex_parent='bond0', ex_force=['management'"
            assert hint in str(caught.value)
        assert not calls_of(sim, *WRITES)
        create(driver, ("guest", 160))
        assert parent(sim, 0, "brbond0.160") == "bond0.160"
        quietly(driver.ex_create_network, "brbond0", ex_parent="bond0", ex_force="all")
        assert driver.start_node(node) is True


@pytest.mark.parametrize(
    ("bridges", "carrier", "why"),
    [
        ({OWN: ""}, "eth1", "breth1 is there otherwise: it is local"),
        ({OWN: "bond0.9"}, "eth1", "breth1 is there otherwise: it is on bond0.9"),
        ({}, "eth0", "eth0 is a slave of bond bond0"),
        ({}, "eth7", "neither a bridge nor a device eth7"),
    ],
)
def test_what_cannot_be_had(sim: Simulator, bridges: Any, carrier: str, why: str) -> None:
    put(sim, bridges=bridges)
    driver = driver_of(sim, guest=carrier)
    sim.calls.clear()
    for networks in (["guest"], ["guest", ("guest", 5)]):
        with pytest.raises(PreconditionFailed, match=why):
            create(driver, *networks)
    assert not calls_of(sim, *WRITES)


def test_no_vlan_beside_a_bridge_that_is_not_the_label_s(sim: Simulator) -> None:
    """The host whose ``breth1`` is on another device is not chosen, and makes nothing."""
    with sim.hosts[0].lock:
        network.state(sim.hosts[0])["bridges"][OWN] = {"netdev": "bond0.9", "since": 0.0}
    driver, vm = driver_of(sim), sim.add_vm("one", config=card_on(VLAN))
    with pytest.raises(PreconditionFailed, match=r"breth1 is not on eth1.*: it is on bond0\.9"):
        driver.start_node(vm, sim.hosts[0].address)
    assert not calls_of(sim, *WRITES, "libcloud_take_bridge")
    assert driver.start_node(vm) is True
    assert (parent(sim, 0, VLAN), parent(sim, 1, VLAN)) == (None, "eth1.160")


def test_half_a_bridge_is_not_taken_for_one(sim: Simulator) -> None:
    vm = sim.add_vm("one", config=card_on(OWN))
    put(sim, bridges={OWN: ""})
    with pytest.raises(PreconditionFailed, match=r"is not on eth1: it is local.*delbr breth1"):
        driver_of(sim).start_node(vm)
    other = sim.add_vm("two", config=card_on(VLAN))
    put(sim, bridges={VLAN: "", OWN: "eth1"})
    with pytest.raises(PreconditionFailed, match="is not on VLAN 160 of eth1: it is local"):
        driver_of(sim).start_node(other)
    assert driver_of(sim).start_node(vm) is True


# ------------------------------------------------------------------ labels on VLAN devices


def test_a_label_on_a_vlan_device_with_a_bridge(sim: Simulator) -> None:
    """It is used; no VLAN is made over it."""
    put(sim, bridges={"tagged": "eth1.160"}, vlan=True)
    driver = driver_of(sim, guest="eth1.160")
    node = create(driver, "guest")
    assert [nic.network for nic in driver.ex_list_nics(node)] == ["tagged"]
    sim.calls.clear()
    for action in (
        partial(create, driver, ("guest", 5)),
        partial(driver.ex_attach_nic, node, "guest:5"),
        partial(driver.ex_create_network, "five", 5, ex_label="guest"),
    ):
        with pytest.raises(PreconditionFailed, match=r"eth1\.160 is a VLAN device, and there are"):
            action()
    assert not calls_of(sim, *WRITES)


def test_a_label_on_a_vlan_device_that_is_not_there(sim: Simulator) -> None:
    driver = driver_of(sim, guest="eth1.160")
    create(driver, "guest", location=driver.list_locations()[0])
    assert parent(sim, 0, VLAN) == "eth1.160"
    with pytest.raises(PreconditionFailed, match="there are no VLANs on a VLAN: name eth1"):
        create(driver, ("guest", 5))


def test_a_vlan_device_without_its_bridge(sim: Simulator) -> None:
    """Whose it is nobody knows: the host may use it."""
    put(sim, vlan=True)
    driver, on_it = driver_of(sim), driver_of(sim, guest="eth1.160")
    vm = sim.add_vm("one", config=card_on(VLAN))
    sim.calls.clear()
    for error, action in (
        (PreconditionFailed, partial(driver.start_node, vm)),
        (PreconditionFailed, partial(create, driver, ("guest", 160))),
        (PreconditionFailed, partial(create, on_it, "guest")),
        (PreconditionFailed, partial(driver.ex_create_network, "n", 160, ex_label="guest")),
        (PreconditionFailed, partial(on_it.ex_create_network, "n", ex_label="guest")),
        (NetworkNotFound, partial(driver.ex_delete_network, ("guest", 160))),
        (NetworkNotFound, partial(on_it.ex_delete_network, "guest")),
    ):
        with pytest.raises(error, match=r"without a bridge.*: vconfig rem eth1\.160"):
            action()
    assert not calls_of(sim, *WRITES)


@pytest.fixture
def half() -> Iterator[tuple[Simulator, Any, Any]]:
    """A host whose module has made ``breth1.160``, of which the bridge was lost; a stopped node
    with a card on it.
    """
    with simulate(1, vms=0, secure=False, version="3.3.3", host_module=True) as sim:
        driver = driver_of(sim)
        node = create(driver, ("guest", 160))
        with sim.hosts[0].lock:
            del network.state(sim.hosts[0])["bridges"][VLAN]
        quietly(driver.stop_node, node, ex_force=True)
        assert "eth1.160" in network.state(sim.hosts[0])["vlans"]
        sim.calls.clear()
        yield sim, driver, node


def test_what_the_module_has_half_made_is_removed(half: tuple[Simulator, Any, Any]) -> None:
    sim, driver, node = half
    hint = r"has half made breth1\.160\. ex_delete_network\('breth1\.160'\) removes it"
    with pytest.raises(PreconditionFailed, match=hint):
        driver.ex_create_network(VLAN, 160, ex_label="guest")
    assert not calls_of(sim, *WRITES)
    assert driver.ex_delete_network(("guest", 160)) is True
    assert "eth1.160" not in network.state(sim.hosts[0])["vlans"]
    module = driver._estate.fresh_module(driver._estate.given[0])
    assert [one for one in module.bridges() if one.made or one.users] == []
    assert driver.start_node(node) is True
    assert parent(sim, 0, VLAN) == "eth1.160"


def test_what_the_module_has_half_made_is_completed(half: tuple[Simulator, Any, Any]) -> None:
    sim, driver, node = half
    assert driver.start_node(node) is True
    assert parent(sim, 0, VLAN) == "eth1.160"
    driver.stop_node(node, ex_force=True)
    assert "eth1.160" not in network.state(sim.hosts[0])["vlans"]


@pytest.mark.parametrize("is_over", [False, True])
@pytest.mark.parametrize("moment", ["before", "right before"])
def test_what_the_module_has_half_made_is_in_use_by_now(
    half: tuple[Simulator, Any, Any], moment: str, is_over: bool
) -> None:
    """By the host's own storage, or by a VLAN over it."""
    sim, driver, node = half
    host = sim.hosts[0]

    def use(when: str) -> None:
        if when != "before":
            return
        with host.lock:
            if is_over:
                vlans = network.state(host)["vlans"]
                vlans["eth1.160.5"] = {"netdev": "eth1.160", "vlan": 5}
            else:
                network.set_address(host, "eth1.160", "10.9.9.9", "255.255.255.0", saved=True)

    if moment == "before":
        use("before")
    for action in (partial(driver.start_node, node), partial(driver.ex_delete_network, VLAN)):
        if moment == "right before":
            sim.misbehave("hook", "libcloud_take_bridge", hook=use)
        with pytest.raises(
            (PreconditionFailed, NetworkNotFound, AgentFault), match="already, without a bridge"
        ):
            quietly(action)
        if moment == "right before":
            with host.lock:
                network.state(host)["vlans"].pop("eth1.160.5", None)
                network.state(host)["addresses"].pop("eth1.160", None)
    assert not calls_of(sim, "ovs_vlan_bridge")
    assert moment != "before" or not calls_of(sim, *WRITES)
    assert "eth1.160" in network.state(host)["vlans"]


@pytest.mark.parametrize("function", ["libcloud_take_bridge", "libcloud_release_bridge"])
@pytest.mark.parametrize("failure", ["fault", "drop_before", "drop_after", "delayed"])
def test_the_removal_of_half_a_bridge_that_fails(
    half: tuple[Simulator, Any, Any], function: str, failure: str
) -> None:
    """Sent once; what is left says so, and the next removal, or sweep, takes it."""
    sim, driver, _ = half
    sim.misbehave(failure, function)
    with pytest.raises((OperationIncomplete, AgentFault)) as caught:
        quietly(driver.ex_delete_network, VLAN)
    assert calls_of(sim, function) == [function]
    is_refused = (function, failure) == ("libcloud_take_bridge", "fault")
    assert isinstance(caught.value, AgentFault) is is_refused
    assert is_refused or "VLAN 160 of eth1" in str(caught.value.left)  # type: ignore[union-attr]
    sim.clear_misbehaviour()
    sim.flush_delayed()
    sim.wait(901)
    quietly(driver.ex_release_networks)
    with contextlib.suppress(NetworkNotFound):
        quietly(driver.ex_delete_network, VLAN)
    assert "eth1.160" not in network.state(sim.hosts[0])["vlans"]
