"""Several hosts: silent and unverified ones, broken definitions, other entries, names in plenty."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from libcloud.common.types import InvalidCredsError
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    BadCredentials,
    HostUnreachable,
    NameTaken,
    Ovm3Warning,
    PreconditionFailed,
)
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, pins_of, quietly, simulate

CASES = Path(__file__).parent / "cases"


def test_locations_tell_what_hosts_are(driver: Any, sim: Simulator) -> None:
    locations = driver.list_locations()
    assert [location.name for location in locations] == ["ovm-1", "ovm-2", "ovm-3"]
    for location, host in zip(locations, sim.hosts, strict=True):
        assert location.id == host.uuid.replace(":", "")
        assert location.extra["status"] == "ok"
        assert location.extra["cpus"] == 2
        assert location.extra["memory_mb"] > location.extra["free_memory_mb"] > 0
        assert location.extra["agent_version"].startswith("3.3.3")
    json.dumps([location.extra for location in locations])  # extra is plain data


def test_a_dead_host_costs_a_warning_and_certainty(driver: Any, sim: Simulator) -> None:
    stopped = sim.add_vm("stopped")
    sim.hosts[1].kill()  # runs seed-2
    with pytest.warns(Ovm3Warning, match=sim.hosts[1].address):
        nodes = {node.name: node for node in driver.list_nodes()}
    assert nodes["seed-1"].state == NodeState.RUNNING
    assert nodes["seed-2"].state == NodeState.UNKNOWN, "not seen is not stopped"
    assert nodes["stopped"].state == NodeState.UNKNOWN
    with pytest.raises(HostUnreachable, match=sim.hosts[1].address):
        driver.list_nodes(ex_strict=True)
    with pytest.raises(HostUnreachable):
        driver_for(sim, ex_strict=True).list_nodes()
    sim.calls.clear()
    for action in (driver.start_node, driver.stop_node, driver.destroy_node):
        with pytest.raises(PreconditionFailed, match=rf"could not be read.*{sim.hosts[1].address}"):
            action(nodes["stopped"])
    with pytest.raises(PreconditionFailed, match="unknown"):
        driver.reboot_node(nodes["stopped"])
    assert calls_of(sim, "start_vm", "stop_vm", "delete_vm", "reboot_vm") == []
    locations = quietly(driver.list_locations)
    assert [location.extra["status"] for location in locations] == ["ok", "ok", "unreachable"]
    sim.hosts[1].revive()
    assert driver.ex_get_node(nodes["stopped"].id).state == NodeState.STOPPED
    assert driver.start_node(nodes["stopped"]) is True
    assert stopped == nodes["stopped"].extra["directory"]


def test_no_host_at_all_is_an_error(driver: Any, sim: Simulator) -> None:
    for host in sim.hosts:
        host.kill()
    with pytest.raises(HostUnreachable, match=r"cannot be reached: .*refused"):
        driver.list_nodes()


def test_wrong_password(sim: Simulator) -> None:
    driver = driver_for(sim)
    wrong = type(driver)("oracle", "wrong", host=sim.hosts[0].address, port=sim.hosts[0].port,
                         ex_fingerprint=pins_of(sim))  # fmt: skip
    with pytest.raises(InvalidCredsError) as caught:
        wrong.list_nodes()
    assert isinstance(caught.value, BadCredentials)
    assert "wrong" not in str(caught.value).replace("wrong password", "")
    assert sim.calls == []


def test_a_member_without_pin_is_listed_and_not_contacted(sim: Simulator) -> None:
    pins = pins_of(sim)
    first, second, third = sim.hosts
    driver = driver_for(sim, ex_fingerprint={a: p for a, p in pins.items() if a != third.address})
    sim.calls.clear()
    locations = driver.list_locations()
    unverified = locations[-1]
    assert unverified.extra["status"] == "unverified"
    assert f"ovm3 host certificate {third.address}:{third.port}" in unverified.extra["reason"]
    assert {call.address for call in sim.calls} == {first.address, second.address}
    with pytest.warns(Ovm3Warning, match="ovm3 host certificate"):
        nodes = driver.list_nodes()
    assert {node.state for node in nodes} == {NodeState.RUNNING}
    # the plain form pins the named host only
    alone = driver_for(sim, ex_fingerprint=first.fingerprint)
    assert [loc.extra["status"] for loc in alone.list_locations()] == ["ok"] + ["unverified"] * 2
    assert sim.refused == []


def test_a_replaced_certificate_is_refused_and_gets_no_password(sim: Simulator) -> None:
    sim.hosts[2].replace_certificate()
    pins = {**pins_of(sim), sim.hosts[2].address: "00" * 32}
    driver = driver_for(sim, ex_fingerprint=pins)
    with pytest.warns(Ovm3Warning, match="certificate does not match the pinned one"):
        driver.list_nodes()
    assert {call.address for call in sim.calls} == {sim.hosts[0].address, sim.hosts[1].address}
    assert sim.refused == []


@pytest.mark.parametrize("entry", [0, 1, 2])
def test_any_member_will_do_as_entry(sim: Simulator, entry: int) -> None:
    """Case C12: reading by any member; writes go where they must; a template that is gone."""
    host = sim.hosts[entry]
    driver = driver_for(sim, host=host.address)
    assert [node.name for node in driver.list_nodes()] == ["seed-1", "seed-2"]
    assert len(driver.list_locations()) == 3
    node = driver.create_node("vm", driver.list_sizes()[0], driver.list_images()[0])
    driver.stop_node(driver.ex_get_node_by_name("seed-2"))
    for template in (sim.repository_path / "Templates").iterdir():
        template.unlink()
    listed = driver.ex_get_node(node.id)
    assert listed.image is None
    driver.stop_node(node)
    assert driver.start_node(node) is True
    quietly(driver.destroy_node, node)


def test_a_host_by_name_is_not_asked_twice(sim: Simulator) -> None:
    """The entry has a name, the pool lists its address: still one host, and no VM seen twice."""
    address = sim.hosts[0].address
    driver = driver_for(sim, host=f"{address}:{sim.hosts[0].port}", port=None)
    nodes = driver.list_nodes()
    assert all(len(node.extra["live"]) == 1 for node in nodes)
    assert len(driver.list_locations()) == 3


def test_ex_hosts_leaves_the_others_alone_and_says_what_that_means(sim: Simulator) -> None:
    sim.add_vm("stopped")
    port = sim.hosts[0].port
    some = [f"{host.address}:{port}" for host in sim.hosts[:2]]
    driver = driver_for(sim, host=None, ex_hosts=some)
    sim.calls.clear()
    with pytest.warns(Ovm3Warning, match="not among the given hosts"):
        nodes = {node.name: node.state for node in driver.list_nodes()}
    assert nodes["stopped"] == NodeState.UNKNOWN
    assert sim.hosts[2].address not in {call.address for call in sim.calls}
    every = driver_for(sim, host=None, ex_hosts=[*some, f"{sim.hosts[2].address}:{port}"])
    assert every.ex_get_node_by_name("stopped").state == NodeState.STOPPED


def test_one_broken_vm_cfg_spoils_nothing_else(driver: Any, sim: Simulator) -> None:
    for directory, text in [
        ("a" * 32, "name = 'x\n"),
        ("not-a-uuid", "import os; os.abort()\n"),
        ("c" * 32, ""),
    ]:
        folder = sim.repository_path / "VirtualMachines" / directory
        folder.mkdir()
        (folder / "vm.cfg").write_text(text)
    (sim.repository_path / "VirtualMachines" / "CoriolisSnapshots").mkdir()
    nodes = {node.name: node for node in quietly(driver.list_nodes)}
    assert nodes["seed-1"].state == nodes["seed-2"].state == NodeState.RUNNING
    assert nodes["a" * 32].state == NodeState.UNKNOWN
    assert "CoriolisSnapshots" not in nodes
    assert len({node.id for node in nodes.values()}) == len(nodes)
    with pytest.warns(Ovm3Warning) as warned:
        driver.list_nodes()
    texts = " ".join(str(warning.message) for warning in warned)
    assert "a" * 32 in texts
    assert "not-a-uuid" in texts
    assert sim.repository_id in texts


def test_an_unmounted_repository_is_named(driver: Any, sim: Simulator) -> None:
    for host in sim.hosts:
        host.unmount_repository()
    with pytest.warns(Ovm3Warning, match="not mounted on any host"):
        nodes = driver.list_nodes()
    assert {node.state for node in nodes} == {NodeState.RUNNING}  # xend has them, under its names


def test_names_in_plenty() -> None:
    """Case C02: 56 VMs on two hosts, 35 of one name; a taken name is refused whatever holds it."""
    names = json.loads((CASES / "C02.names.json").read_text())
    with simulate(hosts=2, vms=0, memory_mb=65536) as sim:
        for name in ("bridge-free", "reverse-sd2"):
            for number in range(names[name]):
                running = number % 2 if number < 4 else None
                sim.add_vm(name, running_on=running, config={"memory": 256})
        sim.add_vm("vm_1", config={"memory": 256})
        sim.add_vm("vm_1", running_on=1, config={"memory": 256})
        sim.add_vm("vm_1", config={"memory": 256})
        for entry in (0, 1):
            driver = driver_for(sim, host=sim.hosts[entry].address)
            nodes = driver.list_nodes()
            assert len(nodes) == 56
            assert len({node.id for node in nodes}) == 56
            counts = {name: sum(node.name == name for node in nodes) for name in names}
            assert counts == {"bridge-free": 35, "reverse-sd2": 18, "vm_1": 3}
            for _ in range(2):  # a map that is run twice
                for name in names:
                    with pytest.raises(NameTaken):
                        driver.create_node(name, driver.list_sizes()[0], driver.list_images()[0])
        assert calls_of(sim, "create_vm") == []


def test_a_list_of_the_field() -> None:
    """Case O01: seven guests, ids not in order, long dotted names, one with a #."""
    lines = (CASES / "O01.xm-list.txt").read_text().splitlines()[2:]
    domains = [_as_list_vms_answers(line) for line in lines]
    zero = {"name": "Domain-0", "domid": "0", "uuid": str(uuid.UUID(int=0)), "state": "r-----"}
    with simulate(hosts=1, vms=0) as sim:
        sim.misbehave("answer", "list_vms", times=None, value=[zero, *domains])
        driver = driver_for(sim)
        nodes = driver.list_nodes()
        assert len(nodes) == 7
        assert {node.state for node in nodes} == {NodeState.RUNNING}
        found = driver.ex_get_node_by_name("abcd#43")
        assert found.extra["domid"] == 3
        assert driver.ex_get_node(found.id).name == "abcd#43"


def _as_list_vms_answers(line: str) -> dict[str, str]:
    name, domid, memory, vcpus, state, _ = line.split()
    return {
        "name": name,
        "domid": domid,
        "memory": memory,
        "online_vcpus": vcpus,
        "state": state,
        "status": "2",
        "device": {"console": [{"location": "2"}]},
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
    }


def test_a_name_with_a_hash_can_be_made_and_found(driver: Any) -> None:
    node = driver.create_node("abcd#43", driver.list_sizes()[0], driver.list_images()[0])
    assert driver.ex_get_node_by_name("abcd#43").id == node.id
    accents = driver.create_node("Dépôt てすと", driver.list_sizes()[0], driver.list_images()[0])
    assert driver.ex_get_node_by_name("Dépôt てすと").id == accents.id


def test_a_reboot_of_the_host_loses_its_guests_and_its_mount(driver: Any, sim: Simulator) -> None:
    node = driver.create_node(
        "vm", driver.list_sizes()[0], driver.list_images()[0], driver.list_locations()[2]
    )
    sim.hosts[2].reboot()
    assert driver.ex_get_node(node.id).state == NodeState.STOPPED
    assert driver.start_node(node) is True
    assert driver.destroy_node(node) is True
    assert not list((sim.repository_path / "VirtualDisks").glob(f"{node.extra['directory']}*"))
