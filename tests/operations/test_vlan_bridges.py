"""The bridges of a VM's cards: on its host before it starts, or it is not started."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from libcloud_ovm3.errors import AgentFault, OperationIncomplete, Ovm3Warning, PreconditionFailed
from libcloud_ovm3.simulator import Simulator, network
from tests.operations.failures import sent_of
from tests.support import at_once, calls_of, quietly, simulate
from tests.system.disk_clients import plain_driver

BASE = "10e69b4de3"  # the bridge on bond0
NUMBERS = itertools.count(1)


def cards(*bridges: str) -> dict[str, Any]:
    """Cards on these bridges, no two with one MAC."""
    return {"vif": [f"mac=00:21:f6:00:00:{next(NUMBERS):02x},bridge={one}" for one in bridges]}


@pytest.fixture(params=["alone", "with the module"])
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    options: dict[str, Any] = {"host_module": request.param != "alone", "memory_mb": 16384}
    with simulate(2, vms=0, secure=False, version="3.3.3", **options) as simulator:
        yield simulator


def bridges_on(sim: Simulator, host: int) -> set[str]:
    return set(network.bridges(sim.hosts[host]))


def agent_of(sim: Simulator, host: int) -> Any:
    driver = plain_driver(sim, host=sim.hosts[host].address)
    return driver._estate.agent(driver._estate.given[0])


def location(sim: Simulator, host: int) -> str:
    return sim.hosts[host].address


def test_a_vlan_is_there_before_the_start(sim: Simulator) -> None:
    vm = sim.add_vm("one", config=cards(f"{BASE}.160", BASE, f"{BASE}.2"))
    driver = plain_driver(sim)
    assert driver.start_node(vm, location(sim, 1)) is True
    assert {f"{BASE}.160", f"{BASE}.2"} <= bridges_on(sim, 1)
    assert not {f"{BASE}.160", f"{BASE}.2"} & bridges_on(sim, 0)
    other = sim.add_vm("two", config=cards(f"{BASE}.160"))
    sim.calls.clear()
    driver.start_node(other, location(sim, 1))
    assert not calls_of(sim, "ovs_vlan_bridge")


def test_a_bridge_with_the_name_of_another_vlan(sim: Simulator) -> None:
    """Made by hand: nothing is put on it as if it were the VLAN of its name."""
    agent_of(sim, 0).network.ovs_vlan_bridge("start", f"{BASE}.161", "bond0", 162)
    vm = sim.add_vm("one", config=cards(f"{BASE}.161"))
    driver = plain_driver(sim, ex_traffic_labels={"guest": "bond0"})
    sim.calls.clear()
    why = r"161 is not on VLAN 161 of bond0: it is on bond0\.162"
    with pytest.raises(PreconditionFailed, match=why):
        driver.start_node(vm, location(sim, 0))
    for change in (driver.ex_update_network, driver.ex_delete_network):
        with pytest.raises(
            PreconditionFailed, match=why.replace("161 is not", "161, which is not")
        ):
            change("guest:161", **{"ex_mtu": 1500} if change == driver.ex_update_network else {})
    assert not sent_of(sim)
    assert driver.start_node(vm), "where the name is free, its start makes the right one"
    assert network.state(sim.hosts[1])["bridges"][f"{BASE}.161"]["netdev"] == "bond0.161"


def test_bridges_that_somebody_has_named_so(sim: Simulator) -> None:
    """Other networks, without a label: their VMs start, and the user is told where it matters."""
    with sim.hosts[0].lock:
        found = network.state(sim.hosts[0])
        for name, device, vlan in ((".1", "eth1", 1), (".7", "eth1", 9), (".5", "eth1", 5)):
            tagged = f"{device}.{vlan}"
            found["vlans"][tagged] = {"netdev": device, "vlan": vlan}
            found["bridges"][BASE + name] = {"netdev": tagged, "since": 0.0}
    vm = sim.add_vm("one", config=cards(*(f"{BASE}.{number}" for number in (1, 5, 7))))
    before = bridges_on(sim, 0)
    with pytest.warns(Ovm3Warning) as warned:
        plain_driver(sim).start_node(vm, location(sim, 0))
    said = [str(one.message) for one in warned if "as its name says" in str(one.message)]
    text = " ".join(said)
    assert f"{BASE}.7 is not on VLAN 7 of bond0, as its name says: it is on eth1.9" in text
    assert f"{BASE}.5 is not on VLAN 5 of bond0" in text
    assert f"{BASE}.1 " not in text
    assert bridges_on(sim, 0) == before
    assert len(sim.domains(0)) == 1


@pytest.mark.parametrize(
    ("bridge", "why"),
    [
        ("xenbr9", "it has no bridge xenbr9"),
        ("xenbr9.5", "it has no bridge xenbr9.5"),
        (f"{BASE}.1", "1 is not a VLAN number"),
        (f"{BASE}.4095", "4095 is not a VLAN number"),
        ("control0.5", "nothing but guests is on bridge control0"),
    ],
)
def test_what_no_host_can_have_is_refused(sim: Simulator, bridge: str, why: str) -> None:
    vm = sim.add_vm("one", config=cards(BASE, bridge))
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match=why):
        plain_driver(sim).start_node(vm)
    assert not sent_of(sim)


def test_a_vlan_device_that_the_host_uses_itself(sim: Simulator) -> None:
    """It may have the address of its storage."""
    with sim.hosts[0].lock:
        network.state(sim.hosts[0])["vlans"]["bond0.160"] = {"netdev": "bond0", "vlan": 160}
    vm = sim.add_vm("one", config=cards(f"{BASE}.160"))
    with pytest.raises((PreconditionFailed, AgentFault), match="already, without a bridge"):
        plain_driver(sim).start_node(vm, location(sim, 0))
    assert not calls_of(sim, "ovs_vlan_bridge", "start_vm")
    assert f"{BASE}.160" not in bridges_on(sim, 0)


def test_half_a_bridge_is_not_taken_for_one(sim: Simulator) -> None:
    """Its guest would be cut off, and nobody told."""
    half = f"{BASE}.160"
    with sim.hosts[0].lock:
        network.state(sim.hosts[0])["bridges"][half] = {"netdev": "", "since": 0.0}
    vm = sim.add_vm("one", config=cards(half))
    sim.calls.clear()
    driver = plain_driver(sim)
    with pytest.raises(PreconditionFailed, match=r"it is local.*brctl delbr"):
        driver.start_node(vm, location(sim, 0))
    assert not sent_of(sim)
    with sim.hosts[0].lock:
        del network.state(sim.hosts[0])["bridges"][half]
    assert driver.start_node(vm, location(sim, 0)) is True
    assert network.state(sim.hosts[0])["bridges"][half]["netdev"] == "bond0.160"


def test_only_a_host_that_can_have_it_is_chosen(sim: Simulator) -> None:
    """Mode 6 carries no VLAN."""
    agent_of(sim, 0).network.ovs_bond_mode("bond0", 6)
    driver = plain_driver(sim)
    for number in range(4):
        vm = sim.add_vm(f"vm-{number}", config=cards(f"{BASE}.{100 + number}"))
        driver.start_node(vm)
    assert not sim.domains(0)
    assert len(sim.domains(1)) == 4
    with pytest.raises(PreconditionFailed, match="mode 6"):
        driver.start_node(sim.add_vm("last", config=cards(f"{BASE}.9")), location(sim, 0))


def test_a_host_whose_network_cannot_be_read_is_not_chosen(sim: Simulator) -> None:
    sim.misbehave("fault", "discover_network", host=0, times=99, text="broken")
    driver = plain_driver(sim)
    for number in range(4):
        quietly(driver.start_node, sim.add_vm(f"vm-{number}", config=cards(BASE)))
    assert not sim.domains(0)
    with pytest.raises(PreconditionFailed, match=r"could not be read.*broken"):
        driver.start_node(sim.add_vm("last", config=cards(BASE)), location(sim, 0))
    driver.start_node(sim.add_vm("without cards", config={"vif": []}), location(sim, 0))


def test_control0_is_mended_before_the_start(sim: Simulator) -> None:
    sim.hosts[1].reboot()
    assert network.address(sim.hosts[1], "control0") is None
    vm = sim.add_vm("router", config=cards("control0"))
    assert quietly(plain_driver(sim).start_node, vm, location(sim, 1)) is True
    assert network.address(sim.hosts[1], "control0") == ("169.254.0.1", "255.255.0.0")
    sim.calls.clear()
    other = sim.add_vm("other", config=cards("control0"))
    quietly(plain_driver(sim).start_node, other, location(sim, 1))
    assert sent_of(sim) == ["start_vm"]


def test_a_control0_that_is_not_to_be_mended_prevents_the_start(sim: Simulator) -> None:
    agent_of(sim, 1).network.ovs_ip_config("control0", "static", "10.9.9.9", "255.255.255.0")
    vm = sim.add_vm("router", config=cards("control0"))
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match=r"10\.9\.9\.9"):
        plain_driver(sim).start_node(vm, location(sim, 1))
    assert not sent_of(sim)


def test_create_node_too(sim: Simulator) -> None:
    """A template's cards are a new node's."""
    folder = sim.repository_path / "Templates" / ("0004fb00001400" + "0" * 18)
    folder.mkdir()
    (folder / "vm.cfg").write_text(
        f"name = 'a template'\nOVM_simple_name = 'a template'\nmemory = 512\nvcpus = 1\ndisk = []\n"
        f"kernel = '/boot/vmlinuz'\nOVM_domain_type = 'xen_pvm'\n"
        f"vif = ['mac=00:21:f6:aa:aa:aa,bridge={BASE}.44']\n"
    )
    driver = plain_driver(sim)
    image = next(one for one in driver.list_images() if "a template" in one.name)
    node = driver.create_node("new", driver.list_sizes()[0], image)
    [host] = [number for number in (0, 1) if sim.domains(number)]
    assert node.extra["host_id"] == sim.hosts[host].uuid.replace(":", "")
    assert f"{BASE}.44" in bridges_on(sim, host)


def test_two_clients_that_need_one_vlan_at_once(sim: Simulator) -> None:
    vms = [sim.add_vm(name, config=cards(f"{BASE}.7")) for name in ("one", "two")]
    clients = [plain_driver(sim), plain_driver(sim)]
    starts = [
        (client, partial(client.start_node, vm, location(sim, 0)))
        for client, vm in zip(clients, vms, strict=True)
    ]
    assert at_once(sim, *starts) == [True, True]
    assert len(sim.domains(0)) == 2


def test_the_script_of_old_releases() -> None:
    """It is recognised, and answered with the command that patches it."""
    answers = {"VLAN bridges on 3.2.1 to 3.3.2": "fault"}
    with simulate(1, vms=0, secure=False, version="3.2.1", answers=answers) as sim:
        vm = sim.add_vm("one", config=cards("c0a80100.5"))
        with pytest.raises(AgentFault, match="ovm3 host install") as caught:
            plain_driver(sim).start_node(vm)
        assert "was not started" in str(caught.value)
        assert not sim.domains(0)


def test_a_bridge_that_may_still_come_is_named(sim: Simulator) -> None:
    vm = sim.add_vm("one", config=cards(f"{BASE}.5"))
    call = "ovs_vlan_bridge" if sim.hosts[0].code is None else "libcloud_take_bridge"
    sim.misbehave("delayed", call, seconds=400)
    with pytest.raises(OperationIncomplete, match="may still come") as caught:
        plain_driver(sim).start_node(vm, location(sim, 0))
    assert f"bridge {BASE}.5" in caught.value.left[0]
    sim.clear_misbehaviour()
    sim.flush_delayed()
    assert plain_driver(sim).start_node(vm, location(sim, 0)) is True


def test_a_host_that_makes_no_bridges_is_not_chosen() -> None:
    """In Open vSwitch mode, which only the host module tells."""
    with simulate(2, vms=0, secure=False, host_module=True, version="3.3.3") as sim:
        sim.set_up_network(0, switch="openvswitch")
        driver = plain_driver(sim)
        for number in range(3):
            driver.start_node(sim.add_vm(f"vm-{number}", config=cards(f"{BASE}.{20 + number}")))
        assert not sim.domains(0)
        vm = sim.add_vm("last", config=cards(f"{BASE}.9"))
        sim.calls.clear()
        with pytest.raises(PreconditionFailed, match="Open vSwitch"):
            driver.start_node(vm, location(sim, 0))
        assert not sent_of(sim)
        driver.start_node(sim.add_vm("plain", config=cards(BASE)), location(sim, 0))


def test_a_host_that_refuses_to_make_bridges() -> None:
    """Without the host module only the fault tells: it says where else the VM can be started."""
    with simulate(2, vms=0, secure=False, version="3.3.3") as sim:
        sim.set_up_network(0, switch="openvswitch")
        sim.hosts[0].reboot()  # control0 has lost its address
        driver = plain_driver(sim, ex_traffic_labels={"guest": "eth1"})
        for number, bridge in enumerate((f"{BASE}.20", "breth1", "control0")):
            vm = sim.add_vm(f"vm-{number}", config=cards(bridge))
            with pytest.raises(
                AgentFault, match=r"another host .*: start_node\(ex_location=\.\.\.\)$"
            ):
                driver.start_node(vm, location(sim, 0))
            assert quietly(driver.start_node, vm, ex_location=location(sim, 1)) is True


def test_the_script_of_old_releases_is_seen_by_the_module() -> None:
    answers = {"VLAN bridges on 3.2.1 to 3.3.2": "fault"}
    with simulate(
        1, vms=0, secure=False, version="3.2.1", answers=answers, host_module=True
    ) as sim:
        vm = sim.add_vm("one", config=cards("c0a80100.5"))
        sim.calls.clear()
        with pytest.raises(PreconditionFailed, match="ovm3 host install"):
            plain_driver(sim).start_node(vm)
        assert not sent_of(sim)
