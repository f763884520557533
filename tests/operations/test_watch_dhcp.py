"""Addresses by DHCP: the host watches a node that it starts (ex_watch_dhcp)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import Ovm3Warning, PreconditionFailed
from libcloud_ovm3.simulator import Simulator, dhcp
from libcloud_ovm3.simulator.dhcp import ACK, NAK, REQUEST, message
from tests.cli.running import on
from tests.earlier_module import put_api_2
from tests.operations.failures import FAILURES, Step, misbehave
from tests.support import calls_of, clock_of, driver_for, quietly, simulate

LEASED, MAC, OTHER = "00:21:f6:00:00:01", "00:21:f6:00:00:02", "00:21:f6:00:00:03"
MOVED = "00:21:f6:00:00:04"
BRIDGE = "guests"  # on which no host has an address
WATCH = "libcloud_watch_dhcp"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(2, vms=0, host_module=True) as one:
        driver_for(one).ex_create_network(BRIDGE, 160, ex_parent="bond0")
        yield one


def create(driver: Any, name: str, *macs: str, **more: Any) -> Any:
    """A node on the bridge, whose cards have these MAC addresses."""
    cards = [{"network": BRIDGE, "mac": mac} for mac in macs]
    return quietly(
        driver.create_node, name, "tiny", driver.list_images()[0], ex_networks=cards, **more
    )


def known(driver: Any, node: Any) -> list[str]:
    """Its addresses now; one call to each host, and one to each repository."""
    [found] = [one for one in driver.list_nodes() if one.id == node.id]
    assert [one["address"] for one in found.extra["addresses"]] == found.private_ips
    assert {one["source"] for one in found.extra["addresses"]} <= {"dhcp"}
    return list(found.private_ips)


def test_a_node_and_its_lease(sim: Simulator) -> None:
    """Known as long as the lease is valid, and to every client; forgotten by the next start."""
    driver, clock = driver_for(sim, ex_watch_dhcp="yes"), clock_of(sim)
    sim.set_guest_lease(LEASED, "10.1.0.9", seconds=900)
    host = driver.list_locations()[0]
    node = create(driver, "one", LEASED, OTHER, location=host)
    assert len(calls_of(sim, WATCH)) == 2, "one for each card, before the start"
    assert calls_of(sim, WATCH, "start_vm")[-1] == "start_vm"
    assert known(driver, node) == []
    clock.sleep(10)
    sim.calls.clear()
    assert known(driver_for(sim), node) == ["10.1.0.9"]
    assert sorted(calls_of(sim)) == ["libcloud_read_agent"] * 2 + ["libcloud_repository"]
    clock.sleep(900)
    assert known(driver, node) == []
    # From then on nobody listens any more: the next start does.
    sim.put_frame(0, BRIDGE, message(REQUEST, LEASED))
    sim.put_frame(0, BRIDGE, message(ACK, LEASED, "10.1.0.9", 900))
    clock.sleep(5)
    assert known(driver, node) == []
    assert driver.stop_node(node, ex_force=True)
    done = on(sim, "vm", "start", "one", "--watch-dhcp")
    assert (done.exit_code, done.stderr) == (0, "")
    clock.sleep(10)
    assert known(driver, node) == ["10.1.0.9"]
    assert driver.stop_node(node, ex_force=True)
    assert known(driver, node) == [], "of a node that runs only"
    assert quietly(driver.destroy_node, node)


def move(sim: Simulator, failure: str = "") -> None:
    """A node that starts on another host, and whose card gets another address there."""
    driver, clock, first = driver_for(sim, ex_watch_dhcp=True), clock_of(sim), "10.1.0.7"
    here, there = driver.list_locations()
    sim.set_guest_lease(MOVED, first, seconds=900)
    node = create(driver, "moves", MOVED, location=here)
    clock.sleep(10)
    assert known(driver, node) == [first]
    assert driver.stop_node(node, ex_force=True)
    sim.set_guest_lease(MOVED, "10.1.0.8", seconds=900)
    if failure:
        misbehave(sim, failure, Step("start_vm", WATCH))
        with pytest.warns(Ovm3Warning, match=f"{first}, which DHCP gave to card .* on ovm-1"):
            driver.start_node(node, ex_location=there)
    else:
        driver.start_node(node, ex_location=there)
        assert known(driver, node) == []
    clock.sleep(10)
    assert known(driver, node) == ["10.1.0.8"]
    assert quietly(driver.destroy_node, node)


def test_a_node_that_starts_on_another_host(sim: Simulator) -> None:
    """The first one forgets what its card had there: before it has another one, none is known."""
    move(sim)


def test_a_node_that_another_client_starts_there(sim: Simulator) -> None:
    """Whoever does not start it makes nobody forget."""
    driver, clock = driver_for(sim, ex_watch_dhcp=True), clock_of(sim)
    here, there = driver.list_locations()
    sim.set_guest_lease(MOVED, "10.1.0.7", seconds=900)
    node = create(driver, "stays", MOVED, location=here)
    clock.sleep(10)
    assert driver.stop_node(node, ex_force=True)

    def overtake(moment: str) -> None:
        if moment == "before":
            sim.clear_misbehaviour()
            driver_for(sim, ex_watch_dhcp=True).start_node(node, ex_location=here)
            clock.sleep(10)

    sim.misbehave("hook", WATCH, hook=overtake)
    with pytest.raises(PreconditionFailed, match="right before, it is running on ovm-1"):
        driver.start_node(node, ex_location=there)
    assert known(driver, node) == ["10.1.0.7"]
    assert quietly(driver.destroy_node, node)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_host_that_does_not_forget_is_said(sim: Simulator, failure: str) -> None:
    """What the host on which it runs has seen counts."""
    move(sim, failure)


def test_only_what_was_given_to_a_card_of_the_node(sim: Simulator) -> None:
    driver, clock = driver_for(sim, ex_watch_dhcp=True), clock_of(sim)
    node = create(driver, "two", MAC, location=driver.list_locations()[0])

    def put(*frames: bytes) -> list[str]:
        for frame in frames:
            sim.put_frame(0, BRIDGE, frame)
        clock.sleep(3)
        return known(driver, node)

    ask = message(REQUEST, MAC)
    assert put(message(ACK, MAC, "10.1.0.1", 60)) == [], "nobody has asked"
    assert put(ask, message(ACK, MAC, "10.1.0.1", 60, xid=7)) == [], "another one's answer"
    assert put(message(REQUEST, OTHER), message(ACK, OTHER, "10.1.0.2", 60)) == []
    assert put(ask[:-1], b"", message(ACK, MAC, "10.1.0.1", 60)[:-9]) == []
    assert put(message(ACK, MAC, "10.1.0.3", 600)) == ["10.1.0.3"]
    assert put(message(ACK, MAC, "10.1.0.4", 600)) == ["10.1.0.3"], "it has its answer"
    assert put(ask, message(ACK, MAC, "10.1.0.5", 600)) == ["10.1.0.5"]
    # A card to which this address was given: which of them has it is not known.
    last = message(ACK, OTHER, "10.1.0.5", 600)
    other = create(driver, "three", OTHER, location=driver.list_locations()[0])
    assert put(message(REQUEST, OTHER), last) == [] == known(driver, other)
    assert put(message(REQUEST, OTHER), message(NAK, OTHER, "10.1.0.5")) == ["10.1.0.5"]
    sim.restart_agent(0)  # it is a process of its own
    assert put(ask, message(ACK, MAC, "10.1.0.6", 600)) == ["10.1.0.6"]
    sim.hosts[0].reboot()
    assert known(driver, node) == []
    for one in (node, other):
        assert quietly(driver.destroy_node, one)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_watch_that_fails_is_said_and_the_node_is_started(sim: Simulator, failure: str) -> None:
    driver = driver_for(sim, ex_watch_dhcp=True)
    node = create(driver, failure, MAC, ex_start=False)
    sim.calls.clear()
    rule = misbehave(sim, failure, Step(None, WATCH))
    with pytest.warns(Ovm3Warning, match=f"DHCP gives to card {MAC} is not watched on ovm-"):
        assert driver.start_node(node)
    assert (rule.hits, len(calls_of(sim, WATCH))) == (1, 1)
    assert driver.ex_get_node(node.id).state == "running"
    assert quietly(driver.destroy_node, node)


def test_nothing_is_watched_without_the_option_or_the_module() -> None:
    with simulate(2, host_module=[1], vms=0) as sim:
        driver = driver_for(sim, ex_watch_dhcp=True)
        here, older = driver.list_locations()
        put_api_2(sim, 1)
        for host in (here, older):
            image, cards = driver.list_images()[0], ["10e69b4de3"]
            with pytest.warns(Ovm3Warning, match=r"needs the host module \(API 3\)"):
                driver.create_node(f"on {host.name}", "tiny", image, host, ex_networks=cards)
        assert calls_of(sim, WATCH) == []
    with simulate(1, host_module=True, vms=0) as sim:
        node = driver_for(sim).create_node(
            "one", "tiny", driver_for(sim).list_images()[0], ex_networks=["10e69b4de3"]
        )
        assert (calls_of(sim, WATCH), node.state) == ([], "running")


def test_the_frames_of_the_simulator_are_valid() -> None:
    """Their checksums too, which a bridge of a real host may look at."""
    for frame in (message(REQUEST, MAC), message(ACK, MAC, "10.1.0.9", 60), dhcp.message(NAK, MAC)):
        header = [int.from_bytes(frame[at : at + 2], "big") for at in range(14, 34, 2)]
        total = sum(header)
        assert (total & 0xFFFF) + (total >> 16) == 0xFFFF
