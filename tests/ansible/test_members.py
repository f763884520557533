"""What the inventory plugin makes of an estate, without Ansible."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest

from ansible_collections.libcloud_ovm3.ovm3.plugins.plugin_utils.members import (
    describe,
    group_names,
    host_names,
)
from libcloud_ovm3.diagnostics.inventory_data import read_inventory_data
from libcloud_ovm3.simulator import Simulator
from tests.support import driver_for, quietly, simulate

HIDDEN = "{{ 1 + 1 }}"


def described(sim: Simulator) -> dict[str, Any]:
    found = describe(quietly(read_inventory_data, driver_for(sim)._estate))
    assert json.loads(json.dumps(found)) == found, "it is cached as JSON"
    return found


def groups_of(found: dict[str, Any]) -> dict[str, set[str]]:
    names = host_names(found["vms"])
    return {name: set(vm["groups"]) for name, vm in zip(names, found["vms"], strict=True)}


def test_groups_by_host_pool_repository_and_state() -> None:
    with simulate(hosts=2, vms=0) as sim:
        sim.add_vm("on", running_on=1)
        sim.add_vm("off")
        found = described(sim)
        assert found["errors"] == []
        everywhere = {"ovm3", "ovm3_pool_Pool_0", "ovm3_repository_MyRepo"}
        everywhere |= {"ovm3_network_10e69b4de3"}
        assert groups_of(found) == {
            "off": everywhere | {"ovm3_state_stopped"},
            "on": everywhere | {"ovm3_state_running", "ovm3_host_ovm_2"},
        }
        [_, on] = [vm["variables"] for vm in found["vms"]]
        assert (on["ovm3_host"], on["ovm3_pool"]) == ("ovm-2", "Pool 0")
        assert (on["ovm3_repository"], on["ovm3_state"]) == ("MyRepo", "running")
        driver = driver_for(sim)
        node = driver.ex_get_node_by_name("on")
        assert on["ovm3_id"] == node.id
        [volume] = quietly(driver.ex_list_volumes, node)
        assert on["ovm3_attachments"] == [
            {"volume": volume.id, "device": "xvda", "mode": "w", "where": "live and defined"}
        ]


def test_ansible_host_is_an_address_that_is_known() -> None:
    """The first private one, else the first public one; none: Ansible takes the name."""
    with simulate(hosts=1, vms=0, host_module=True) as sim:
        bridges = {"both": "10e69b4de3", "outside": "10e69b4de3", "silent": "10e69b4de3"}
        macs = {name: f"00:21:f6:00:00:{n:02x}" for n, name in enumerate(bridges)}
        for name, bridge in bridges.items():
            cards = [f"mac={macs[name]},bridge={bridge}"]
            sim.add_vm(name, running_on=0, disk=False, config={"vif": cards})
        sim.set_guest_address(macs["both"], "192.0.2.1")
        sim.set_guest_address(macs["outside"], "192.0.2.2")

        def hosts(**options: Any) -> dict[str, Any]:
            found = describe(read_inventory_data(driver_for(sim, **options)._estate))
            return {vm["name"]: vm["variables"].get("ansible_host") for vm in found["vms"]}

        expected = {"both": "192.0.2.1", "outside": "192.0.2.2", "silent": None}
        assert hosts() == expected
        assert hosts(ex_public_networks=["10e69b4de3"]) == expected


def test_groups_by_network() -> None:
    """Networks whose names make one group are two groups, as of all other things."""
    with simulate(hosts=1, vms=0) as sim:
        driver = driver_for(sim)
        network = driver._estate.agent(driver._estate.given[0]).network
        for name in ("a-1", "a_1"):
            network.ovs_local_config("start", name)
        sim.wait(60)
        sim.add_vm("both", config={"vif": ["bridge=a-1", "bridge=a_1"]})
        sim.add_vm("one", running_on=0, config={"vif": ["bridge=control0"]})
        sim.add_vm("none", config={"vif": []})
        found = described(sim)
    groups = {name: {g for g in its if "_network_" in g} for name, its in groups_of(found).items()}
    variables = {vm["name"]: vm["variables"]["ovm3_networks"] for vm in found["vms"]}
    assert groups["none"] == set()
    assert groups["one"] == {"ovm3_network_control0"}
    assert groups["both"] == {"ovm3_network_a_1_612d31", "ovm3_network_a_1_615f31"}
    assert variables == {"none": [], "one": ["control0"], "both": ["a-1", "a_1"]}


def test_groups_by_tag() -> None:
    with simulate(1, vms=0, host_module=True, template_bytes=1 << 20) as sim:
        driver = driver_for(sim)
        image = driver.list_images()[0]
        driver.create_node("a", "tiny", image, ex_tags=["web", "eu-1"], ex_start=False)
        driver.create_node("b", "tiny", image, ex_tags=["eu 1"], ex_start=False)
        groups = groups_of(described(sim))
        common = {"ovm3_tag_web", f"ovm3_tag_eu_1_{b'eu-1'.hex()}"}
        assert common <= groups["a"]
        assert f"ovm3_tag_eu_1_{b'eu 1'.hex()}" in groups["b"] - groups["a"]


def test_a_dead_host_is_an_error_and_its_vms_are_unknown() -> None:
    with simulate(hosts=2, vms=0) as sim:
        sim.add_vm("on", running_on=1)
        sim.hosts[1].kill()
        found = described(sim)
        assert any(sim.hosts[1].address in error for error in found["errors"])
        assert "ovm3_state_unknown" in groups_of(found)["on"]


def test_two_repositories_of_one_name_are_two_groups() -> None:
    with simulate(hosts=1, vms=0) as sim:
        sim.add_vm("first")
        other = sim.add_repository(alias="MyRepo")
        there = sim.path_of(other) / "VirtualMachines"
        there.mkdir(exist_ok=True)
        directory = sim.add_vm("second")
        (sim.repository_path / "VirtualMachines" / directory).rename(there / directory)
        groups = groups_of(described(sim))
        assert f"ovm3_repository_MyRepo_{other}" in groups["second"]
        assert f"ovm3_repository_MyRepo_{other}" not in groups["first"]
        assert "ovm3_repository_MyRepo" not in groups["first"] | groups["second"]


def test_two_vms_of_one_name_are_two_hosts() -> None:
    with simulate(hosts=1, vms=0) as sim:
        for name in ("web", "web", HIDDEN):
            sim.add_vm(name)
        nodes = driver_for(sim).list_nodes()
        expected = {f"web_{one.id}" if one.name == "web" else HIDDEN for one in nodes}
        assert set(groups_of(described(sim))) == expected


def called(*names: str, taken: Collection[str] = ()) -> list[str]:
    """What VMs are called whose ids are their numbers."""
    vms = [{"id": f"#{n}", "name": name, "groups": ["ovm3"]} for n, name in enumerate(names)]
    return host_names(vms, taken)


def test_names() -> None:
    assert called("a", "", "b", "b", "größe 1", HIDDEN, "db (old)") == [
        *("a", "#1", "b_#2", "b_#3", "größe 1", HIDDEN, "db (old)")
    ]
    assert group_names("pool", {"1": "a b", "2": "a-b", "3": "", "4": "größe"}) == {
        "1": "ovm3_pool_a_b_1",
        "2": "ovm3_pool_a_b_2",
        "3": "ovm3_pool_3",
        "4": "ovm3_pool_größe",
    }


@pytest.mark.parametrize("name", ["ovm3", "all", "web", "localhost", "LocalHost", "127.0.0.1"])
def test_a_name_that_means_something_else_to_ansible_gets_the_id(name: str) -> None:
    assert called("x", name, taken={"all", "web"}) == ["x", f"{name}_#1"]


@pytest.mark.parametrize(
    "name",
    ["-oProxyCommand=id", "-", "../../etc", "a/b", ".", "..", " lead", "trail ", "a\nb", "\x1b[31m"]
    + [f"a{mark}b" for mark in "\\'\"`$;&<>|\u202e\t"],
)
def test_a_name_that_is_not_safe_as_an_argument_or_a_path_is_not_used(name: str) -> None:
    assert called(name, name) == ["#0", "#1"]
