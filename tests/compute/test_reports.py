"""What nodes and locations report beside their state: consoles, sizes, boot times."""

from __future__ import annotations

import json
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import NodeNotFound
from libcloud_ovm3.simulator import Simulator
from tests.support import driver_for, quietly, simulate

VFB = "type=vnc,vncunused=1,vnclisten=0.0.0.0,vncpasswd=s3cretpw,keymap=en-us"


@pytest.fixture(params=[False, True], ids=["agent", "module"])
def either(request: pytest.FixtureRequest, personality: str) -> Any:
    """A pool of two hosts, with the host module and without it, and its driver."""
    with simulate(hosts=2, host_module=request.param, personality=personality) as sim:
        yield sim, driver_for(sim)


def test_the_live_port_of_a_console(either: Any) -> None:
    sim, driver = either
    sim.add_vm("open", running_on=0, disk=False, config={"vfb": [VFB]})
    sim.add_vm("closed", running_on=0, disk=False,
               config={"vfb": ["type=vnc,vncunused=1,vnclisten=127.0.0.1"]})  # fmt: skip
    hvm = {"builder": "hvm", "OVM_domain_type": "xen_hvm", "vnc": 1, "vnclisten": "192.0.2.5"}
    sim.add_vm("hvm", running_on=0, disk=False, config={**hvm, "vfb": []})
    sim.add_vm("none", running_on=1, disk=False, config={"vfb": []})
    sim.add_vm("off", disk=False, config={"vfb": [VFB]})
    nodes = {node.name: node for node in driver.list_nodes()}
    listed = {one["uuid"]: one for one in driver.connection.call("list_vms")}
    for name, listen in (("open", "0.0.0.0"), ("closed", "127.0.0.1"), ("hvm", "192.0.2.5")):
        extra = nodes[name].extra
        location = listed[nodes[name].id]["device"]["vfb"][0]["location"]
        assert location == f"{extra['vnc_listen']}:{extra['vnc_port']}"
        assert extra["vnc_listen"] == listen
        [place] = extra["live"]
        assert (place["vnc_listen"], place["vnc_port"]) == (listen, extra["vnc_port"])
    ports = [nodes[name].extra["vnc_port"] for name in ("open", "closed", "hvm")]
    assert len(set(ports)) == 3
    assert nodes["none"].extra["vnc_port"] is None
    assert nodes["none"].extra["live"][0]["vnc_listen"] is None
    assert "vnc_port" not in nodes["off"].extra, "it is not live"
    assert "s3cretpw" not in json.dumps([node.extra for node in nodes.values()])


def test_a_vm_that_is_live_twice_has_no_single_port(sim: Simulator, driver: Any) -> None:
    node = driver.ex_get_node_by_name("seed-1")
    second = driver_for(sim, host=sim.hosts[2].address, ex_hosts=[])
    second.connection.call("start_vm", node.extra["repository_id"], node.extra["directory"])
    seen = driver.ex_get_node_details(node)
    assert seen.state == NodeState.ERROR
    assert "vnc_port" not in seen.extra
    assert all(isinstance(place["vnc_port"], int) for place in seen.extra["live"])


def test_details_are_read_anew(sim: Simulator, driver: Any) -> None:
    node = driver.ex_get_node_by_name("seed-1")
    driver.stop_node(node, ex_force="yes")
    assert node.state == NodeState.RUNNING, "as it was read"
    for one in (node, node.id, node.id.replace("-", "").upper()):
        seen = driver.ex_get_node_details(one)
        assert (seen.id, seen.state, seen.name) == (node.id, NodeState.STOPPED, "seed-1")
    assert seen.extra == driver.ex_get_node(node.id).extra
    with pytest.raises(NodeNotFound):
        driver.ex_get_node_details("0004fb00-0006-0000-dead-00000000beef")


def test_the_size_is_that_of_the_definition(sim: Simulator, driver: Any) -> None:
    sim.add_vm("even", config={"memory": 2048, "vcpus": 2}, disk=False)
    sim.add_vm("odd", config={"memory": 768, "vcpus": 3}, disk=False)
    sim.add_vm("broken", directory="b" * 32, disk=False)
    cfg = sim.repository_path / "VirtualMachines" / ("b" * 32) / "vm.cfg"
    cfg.write_text("memory = = 512\n")
    nodes = {node.name: node for node in quietly(driver.list_nodes)}
    built_in = {size.id: size for size in driver.list_sizes()}
    medium = nodes["even"].size
    assert (medium.id, medium.ram, medium.extra) == ("medium", 2048, {"cpus": 2})
    assert medium.uuid == built_in["medium"].uuid
    odd = nodes["odd"].size
    assert (odd.id, odd.name, odd.ram, odd.extra) == ("custom", "768 MB, 3 CPUs", 768, {"cpus": 3})
    assert "custom" not in built_in
    [broken] = [node for node in nodes.values() if node.extra.get("directory") == "b" * 32]
    assert broken.size is None
    assert {(node.image, node.created_at) for node in nodes.values()} == {(None, None)}


def test_the_image_of_a_new_node_is_known(sim: Simulator, driver: Any) -> None:
    size, image = driver.list_sizes()[0], driver.list_images()[0]
    assert driver.create_node("new", size, image).image is image
    by_id = driver.create_node("newer", size, image.id)
    assert (by_id.image, driver.ex_get_node(by_id.id).image) == (None, None)


def test_a_node_s_size_makes_another_node_like_it() -> None:
    with simulate(hosts=1, vms=0) as sim:
        sim.add_vm("odd", config={"memory": 768, "vcpus": 3}, disk=False)
        driver = driver_for(sim)
        [odd] = driver.list_nodes()
        second = driver.create_node("second", odd.size, driver.list_images()[0])
        assert (second.size.ram, second.size.extra) == (768, {"cpus": 3})
        assert (second.extra["memory_mb"], second.extra["vcpus"]) == (768, 3)


def test_the_live_memory_is_not_the_size() -> None:
    """A balloon changes it; started anew, the VM has what its definition says."""
    with simulate(hosts=1) as sim:
        driver = driver_for(sim)
        node = driver.list_nodes()[0]
        path = sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"
        lines = path.read_text().splitlines()
        changed = ["memory = 4096" if line.startswith("memory") else line for line in lines]
        new = path.with_name("new")
        new.write_text("\n".join(changed) + "\n")
        new.replace(path)
        seen = driver.ex_get_node(node.id)
        assert (seen.extra["memory_mb"], seen.size.ram) == (512, 4096)


def test_boot_times(either: Any) -> None:
    sim, driver = either
    first = [location.extra["boot_time"] for location in driver.list_locations()]
    assert first == [int(host.boot_time) for host in sim.hosts]
    sim.hosts[1].reboot()
    second = [location.extra["boot_time"] for location in driver.list_locations()]
    assert second[0] == first[0]
    assert second[1] > first[1]
    assert abs(second[1] - sim.now(1)) < 60, "seconds since 1970, by the host's clock"
    sim.hosts[1].kill()
    gone = driver.list_locations()[1]
    assert (gone.extra["status"], "boot_time" in gone.extra) == ("unreachable", False)


def test_the_host_of_a_node_is_a_location(sim: Simulator, driver: Any) -> None:
    locations = {location.id for location in driver.list_locations()}
    found = {place["host_id"] for node in driver.list_nodes() for place in node.extra["live"]}
    assert found
    assert found <= locations
