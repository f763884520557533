"""Case C07: a program makes five nodes, and the third one hangs. Nothing that runs is deleted, and
whoever catches the error knows every node that there is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute.types import DeploymentError

from libcloud_ovm3.errors import OperationIncomplete, WaitTimeout
from libcloud_ovm3.simulator import Simulator
from tests.conformance.test_deploy_node import PRIVATE, deploy
from tests.support import CHANGE, calls_of, driver_for, quietly, simulate

BRIDGE = "10e69b4de3"
DELETES = ("delete_vm", "stop_vm", "storage_plugin_destroy", "libcloud_delete_file")
DELETES += ("libcloud_set_aside",)


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with simulate(2, vms=0, host_module=True, memory_mb=16384) as one:
        yield one


def mac(number: int) -> str:
    return f"00:21:f6:00:00:{number:02x}"


def cards(number: int) -> list[dict[str, str]]:
    return [{"network": BRIDGE, "mac": mac(number)}]


def states(driver: Any) -> dict[str, str]:
    return {node.name: str(node.state.value) for node in quietly(driver.list_nodes)}


@pytest.mark.parametrize("function", ["copy_file", "start_vm"])
def test_the_third_of_five_creations_hangs(sim: Simulator, function: str) -> None:
    driver = driver_for(sim)
    image = driver.list_images()[0]
    if function == "start_vm":  # through claims it is the third change of the third node
        sim.misbehave("delayed", CHANGE, nth=9, seconds=10**6)
    else:
        sim.misbehave("hang", function, nth=3, seconds=10**6)
    made, failed = [], []
    for number in range(1, 6):
        try:
            args = (f"node-{number}", "tiny", image)
            made.append(quietly(driver.create_node, *args, ex_networks=cards(number)))
        except OperationIncomplete as error:
            failed.append(error)
    known = {node.name: node.id for node in made}
    known |= {str(one.node_name): str(one.node_id) for one in failed}
    assert known == {node.name: node.id for node in quietly(driver.list_nodes)}, "each has an id"
    running = dict.fromkeys(("node-1", "node-2", "node-4", "node-5"), "running")
    half = {"node-3": "stopped" if function == "start_vm" else "pending"}
    assert states(driver) == running | half
    assert calls_of(sim, *DELETES) == []
    [error] = failed
    assert (error.node_name, error.left[0]) == ("node-3", error.node_id)
    # Once its directory is gone, removed by hand, what is half is found by its disk.
    assert driver.ex_list_orphans() == []
    directory = str(error.node_id).replace("-", "")
    shutil.rmtree(sim.repository_path / "VirtualMachines" / directory)
    [orphan] = driver.ex_list_orphans()
    assert directory in orphan["path"]


def test_the_third_of_five_deployments_has_no_address(sim: Simulator) -> None:
    driver = driver_for(sim)
    made: list[Any] = []
    failed = []
    for number in range(1, 6):
        if number != 3:
            sim.set_guest_address(mac(number), f"192.0.2.{number}")
        try:
            more = {"ex_networks": cards(number), **PRIVATE}
            made.append(deploy(sim, driver, f"node-{number}", **more)[0])
        except DeploymentError as error:
            made.append(error.node)
            failed.append(error.node.name)
    assert failed == ["node-3"]
    assert {node.id for node in made} == {node.id for node in driver.list_nodes()}
    assert set(states(driver).values()) == {"running"}
    assert calls_of(sim, *DELETES) == []
    with pytest.raises(WaitTimeout) as caught:
        driver.wait_until_running(made, timeout=30, ssh_interface="private_ips", ex_addresses=True)
    assert re.findall("[0-9a-f-]{36}", str(caught.value)) == [made[2].id], "only the one that hangs"
    waited = [made[2], *made[:2], *made[3:]]
    assert [(one["id"], one["name"], one["state"]) for one in caught.value.nodes] == [
        (node.id, node.name, "running") for node in waited
    ]
