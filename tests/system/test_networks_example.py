"""Three bare hosts get all their networks, and nodes on them: by libcloud calls alone, and by
commands of ``ovm3`` alone. A second run makes no call that changes anything.

Each host has one bond. On it is one bridge for management, storage and public traffic, and a second
one, over a VLAN device, for isolated guests; ten VLANs for guests; and control0 with a node like a
system VM.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import NameTaken
from libcloud_ovm3.simulator import Simulator, network
from tests.cli.running import on
from tests.operations.networking import patch_vlan_script
from tests.support import driver_for, functions_of, quietly, simulate
from tests.test_layout import WRITES as CHANGING

LABELS = dict.fromkeys(("management", "storage", "public", "guest"), "bond0")
CUT = ["management", "migration", "storage"]  # what making the first bridge may cut
VLANS = range(101, 111)
NODES = {
    "web-1": [f"guest:{vlan}" for vlan in VLANS[:5]],
    "web-2": [f"guest:{vlan}" for vlan in VLANS[5:]],
    "isolated-1": ["isolated"],
    "s-1-VM": ["control0", "public", "guest:101"],  # like a system VM
}


@pytest.fixture(params=[False, True], ids=["agent", "module"])
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with simulate(
        3, vms=0, layout="bare", host_module=request.param, template_bytes=1 << 16, version="3.3.3"
    ) as simulator:
        yield simulator


def by_libcloud(sim: Simulator) -> None:
    driver = driver_for(sim, ex_traffic_labels=LABELS)
    driver.ex_create_network("xenbr0", ex_label="management", ex_force=CUT)
    driver.ex_create_network("isolated", 200, ex_parent="bond0")
    for host in driver.list_locations():
        driver.ex_repair_control0(host)
    there = {node.name for node in driver.list_nodes()}
    size, image = driver.list_sizes()[0], driver.list_images()[0]
    for name, networks in NODES.items():
        if name not in there:
            driver.create_node(name, size, image, ex_networks=networks)
        else:
            with pytest.raises(NameTaken):
                driver.create_node(name, size, image, ex_networks=networks)


def by_commands(sim: Simulator) -> None:
    labels = [word for one in LABELS.items() for word in ("--traffic-label", "=".join(one))]
    image = "oracle-linux-6"
    again = bool(sim.domains(0) + sim.domains(1) + sim.domains(2))

    def run(*words: str, status: int = 0) -> None:
        done = on(sim, *words, *labels)
        assert done.exit_code == status, (words, done.output, done.stderr)

    forced = [word for one in CUT for word in ("--force", one)]
    run("network", "create", "xenbr0", "--label", "management", *forced)
    run("network", "create", "isolated", "--parent", "bond0", "--vlan", "200")
    for host in sim.hosts:
        run("network", "repair-control0", host.address)
    for name, networks in NODES.items():
        words = [word for one in networks for word in ("--network", one)]
        status = 1 if again else 0  # its name is taken
        run("vm", "create", name, "--image", image, "--size", "tiny", *words, status=status)


def changes(sim: Simulator) -> list[str]:
    """The calls of the agent and of the host module that change something."""
    return [one for one in functions_of(sim) if one.removeprefix("libcloud_") in CHANGING]


@pytest.mark.parametrize("way", [by_libcloud, pytest.param(by_commands, marks=pytest.mark.tables)])
def test_the_example(sim: Simulator, way: Any) -> None:
    twice(sim, way)


@pytest.mark.tables
def test_the_example_on_awkward_hosts_of_3_2_1() -> None:
    with simulate(
        3,
        vms=0,
        layout="bare",
        host_module=True,
        template_bytes=1 << 16,
        version="3.2.1",
        personality="awkward",
    ) as sim:
        patch_vlan_script(sim)
        twice(sim, by_libcloud)


def twice(sim: Simulator, way: Any) -> None:
    """The second run changes nothing."""
    quietly(way, sim)
    check(sim)
    assert {"create_vm", "copy_file", "start_vm"} <= set(changes(sim))
    sim.calls.clear()
    quietly(way, sim)
    assert changes(sim) == [], "a second run makes no changing call"
    check(sim)


def check(sim: Simulator) -> None:
    """Read by the driver and, of the system VM, in the simulator."""
    driver = driver_for(sim, ex_traffic_labels=LABELS)
    networks = {one.name: one.extra for one in driver.ex_list_networks()}
    assert {"xenbr0", "isolated", "control0"} <= set(networks)
    for name, parent in (("xenbr0", "bond0"), ("isolated", "bond0.200")):
        assert [one["parent"] for one in networks[name]["hosts"]] == [parent] * 3
    own = [one["addresses"] for one in networks["xenbr0"]["hosts"]]
    assert own == [[f"{host.address}/24"] for host in sim.hosts]
    for vlan in VLANS:
        assert networks[f"xenbr0.{vlan}"]["vlan"] == vlan
    for node in driver.list_nodes():
        [live] = node.extra["live"]
        for card in node.extra["nics"]:
            hosts = [one["host_id"] for one in networks[card["bridge"]]["hosts"]]
            assert live["host_id"] in hosts, "it runs where its network is"
        assert len(node.extra["nics"]) == len(NODES[node.name])
    for host in sim.hosts:
        assert network.address(host, "control0") == ("169.254.0.1", "255.255.0.0")
