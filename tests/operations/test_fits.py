"""Why a node would not start on a host, or could not be moved there: all reasons at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import HostNotFound, InvalidArgument, NodeNotFound, PreconditionFailed
from libcloud_ovm3.estate.networks import read_networks
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations import fits
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.agent import ownership
from tests.simulator.plainclient import client
from tests.support import calls_of, driver_for, simulate

LUN = "6006016011223300aa00bb11cc22dda1"
HVM = {"builder": "hvm", "OVM_domain_type": "xen_hvm", "vfb": None, "vnc": 1, "bootloader": None}
MACS = ["mac=00:21:f6:00:00:01,bridge=nowhere"]
MEMORY = {"memory_mb": 4096, "dom0_memory_mb": 512}


@pytest.fixture(scope="module", params=[True, False], ids=["module", "agent"])
def has_module(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def sim(has_module: bool) -> Iterator[Simulator]:
    """A VM on ovm-1, and its like, stopped; ovm-2 lacks all that can be lacking, ovm-3 nothing."""
    with simulate(3, vms=0, host_module=has_module, **MEMORY) as simulator:
        second = simulator.add_repository("Second", hosts=[0, 2])
        (simulator.path_of(second) / "VirtualDisks" / "b.img").write_bytes(b"x")
        gone = f"/OVS/Repositories/{simulator.repository_id}/VirtualDisks/gone.img"
        disks = [
            f"file:/OVS/Repositories/{second}/VirtualDisks/b.img,xvda,w!",
            f"phy:{simulator.add_lun([0, 2], LUN)},xvdb,w!",
        ]
        screen = {"vnclisten": "10.1.1.1", "vncunused": 0, "vncdisplay": 7}
        config = {**HVM, **screen, "memory": 2048, "vif": MACS, "nomigrate": 1}
        lacking = [*disks, f"file:{gone},xvdc,w"]
        simulator.add_vm("subject", running_on=0, config={**config, "disk": lacking}, age=20)
        simulator.add_vm("off", config={**config, "disk": lacking})
        simulator.add_vm("movable", running_on=0, config={"memory": 600, "disk": disks})
        fixed = ["type=vnc,vncunused=0,vncdisplay=7,vnclisten=0.0.0.0"]
        simulator.add_vm("eats", running_on=1, config={"memory": 1600, "vfb": fixed})
        with simulator.hosts[1].lock:
            ownership.state(simulator.hosts[1])["pool"]["uuid"] = "0004fb0000020000" + "a" * 16
        simulator.hosts[1].clock_offset = -3600
        yield simulator


@pytest.fixture(scope="module")
def driver(sim: Simulator) -> OVM3NodeDriver:
    return driver_for(sim, ex_hosts=[host.address for host in sim.hosts[1:]])


def check(found: dict[str, Any], how: str, expected: list[str]) -> None:
    """Exactly these reasons, each by some words of it."""
    assert (found["how"], found["fits"]) == (how, not expected)
    text = "\n".join(found["reasons"])
    assert [one for one in expected if not re.search(one, text)] == [], text
    assert len(found["reasons"]) == len(expected), text


COMMON = [
    "ovm-2 .* has not mounted repository",
    "ovm-2 .*: it has no bridge nowhere",
    "gone.img does not exist",
    r"port 5907 \(vncunused=0\), which on ovm-2 .* is that of live domain",
    "needs 2069 MB of memory, and ovm-2 .* has 1984 MB free",  # 2048 + 4 + 1 + 16
]
BY_MODULE = ["ovm-2 .* does not see the physical disk"]


def test_all_that_speaks_against_a_migration(
    sim: Simulator, driver: OVM3NodeDriver, has_module: bool
) -> None:
    node = driver.ex_get_node_by_name("subject")
    sim.calls.clear()
    found = driver.ex_fits(node, "ovm-2")
    of_move = [
        "in different server pools",
        "listens on 10.1.1.1, an address that the other host does not have",
        "nomigrate=1",
        "started 35[78]. s after the present time of ovm-2",
    ]
    check(found, "migrate live", COMMON + of_move + (BY_MODULE if has_module else []))
    unknown = "\n".join(found["unknown"])
    assert "xend accepts migrations" in unknown
    assert ("is the same physical disk on ovm-2" in unknown) is not has_module
    assert ("sees the files of its disks" in unknown) is not has_module
    assert driver.ex_fits(node.id, sim.hosts[1].address, "migrate")["reasons"] == found["reasons"]
    check(driver.ex_fits(node, "ovm-1"), "migrate live", ["it runs on ovm-1 .* already"])
    assert calls_of(sim, "migrate_vm", "start_vm", "configure_vm", "create_vm") == []


def test_all_that_speaks_against_a_start(
    sim: Simulator, driver: OVM3NodeDriver, has_module: bool
) -> None:
    node = driver.ex_get_node_by_name("off")
    same_mac = "have the same MAC address 00:21:f6:00:00:01 on nowhere"
    held = "gone.img is held open for writing by domain" if has_module else "gone.img is open for"
    found = driver.ex_fits(node, "ovm-2")
    check(found, "start", [*COMMON, same_mac, held, *(BY_MODULE if has_module else [])])
    check(driver.ex_fits(node, "ovm-2", "migrate"), "migrate", ["it is stopped, so no host has it"])
    running = driver.ex_get_node_by_name("movable")
    check(driver.ex_fits(running, "ovm-3", "start"), "start", ["it is running: live on ovm-1"])


def test_where_nothing_speaks_against_it_it_can_be_done(
    sim: Simulator, driver: OVM3NodeDriver
) -> None:
    node = driver.ex_get_node_by_name("movable")
    for how in ("migrate live", "migrate"):
        check(driver.ex_fits(node, "ovm-3", how), how, [])
    place = (node.extra["repository_id"], node.extra["directory"])
    client(sim).pause_vm(*place)
    check(driver.ex_fits(node, "ovm-3"), "migrate live", ["it is paused, and xend moves no paused"])
    client(sim).unpause_vm(*place)
    client(sim).migrate_vm(*place, sim.hosts[2].address, True)
    sim.wait(20)
    driver.stop_node(node)
    check(driver.ex_fits(node, "ovm-3"), "start", [])
    assert driver.start_node(node, ex_location="ovm-3")


def test_what_is_not_there_and_what_is_no_way(driver: OVM3NodeDriver) -> None:
    node = driver.ex_get_node_by_name("movable")
    with pytest.raises(NodeNotFound):
        driver.ex_fits("0004fb00-0006-0000-0000-0123456789ab", "ovm-3")
    with pytest.raises(HostNotFound, match=r"ovm-1.*ovm-2.*ovm-3"):
        driver.ex_fits(node, "ovm-9")
    with pytest.raises(InvalidArgument, match="expected one of 'start', 'migrate'"):
        driver.ex_fits(node, "ovm-3", "fly")


def test_a_vm_whose_definition_is_unclear_fits_nowhere(driver: OVM3NodeDriver) -> None:
    snapshot = read_estate(driver._estate, *fits.READS)
    networks, host = read_networks(driver._estate, snapshot), snapshot.hosts[2]
    vm = next(one for one in snapshot.vms.values() if one.name == "off")
    for broken, why in (
        (replace(vm, definitions=()), "no mounted repository contains its vm.cfg"),
        (replace(vm, definitions=vm.definitions * 2), "several definitions"),
        (replace(vm, doubts=("may be live domain x on ovm-1",)), "may be live domain x"),
        (replace(vm, definitions=(replace(vm.definition, error="truncated"),)), "truncated"),
    ):
        for how in fits.HOWS:
            [reason] = fits.reasons(snapshot, networks, broken, host, how=how)
            assert why in reason


def test_an_hvm_guest_starts_only_where_its_shadow_memory_is_free_too() -> None:
    """Its memory alone would be: xend would wait for the rest with its lock held (xend.md 2, 3)."""
    with simulate(1, vms=0, memory_mb=2560, dom0_memory_mb=512) as sim:
        sim.add_vm("hvm", config={**HVM, "memory": 2040})
        driver = driver_for(sim)
        node = driver.ex_get_node_by_name("hvm")
        with pytest.raises(PreconditionFailed, match="2061 MB of memory free"):
            driver.start_node(node)
        assert calls_of(sim, "start_vm") == []


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (State.SUSPENDED, "it is suspended: "),
        (State.PENDING, "its creation was not completed"),
        (State.UNKNOWN, "it is unknown"),
    ],
)
def test_what_is_not_proven_to_be_stopped_does_not_start(
    driver: OVM3NodeDriver, state: State, why: str
) -> None:
    """Nor is it moved."""
    snapshot = read_estate(driver._estate, *fits.READS)
    networks, host = read_networks(driver._estate, snapshot), snapshot.hosts[2]
    vm = next(one for one in snapshot.vms.values() if one.name == "off")
    found = fits.reasons(snapshot, networks, replace(vm, state=state), host, how="start")
    assert [one for one in found if why in one]
    [other] = fits.reasons(snapshot, networks, replace(vm, state=state), host, how="migrate")
    assert state.value in other
