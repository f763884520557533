"""The logger ``libcloud_ovm3.progress``: what a service sees of changes and waits."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import pytest

from libcloud_ovm3.agent import tlsadvice
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import AgentFault, HostUnreachable, WaitTimeout
from tests.support import CHANGE, clock_of, driver_for, quietly, simulate

LOGGER = "libcloud_ovm3.progress"


def records(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.name == LOGGER]


def outcomes(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The calls that may change something, as they ended."""
    return [(r.function, r.outcome) for r in records(caplog) if r.changes and r.phase == "end"]


@pytest.mark.parametrize("host_module", [False, True], ids=["agent", "module"])
def test_changes_and_waits_at_info(caplog: pytest.LogCaptureFixture, host_module: bool) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with simulate(hosts=2, vms=1, host_module=host_module) as sim:
        driver = driver_for(sim)
        [node] = driver.list_nodes()
        assert records(caplog) == [], "reads are not reported at INFO"
        if host_module:
            driver.ex_settle_node(node)  # its first claim
            caplog.clear()
        driver.stop_node(node, ex_timeout=240)
        found = records(caplog)
        address = str(driver.connection.address)
        wait, sent, answered, *_ = found
        assert wait.getMessage() == (
            f"waiting for VM 'seed-1' to shut down ({node.id}), at most 240 s"
        )
        assert (wait.vm, wait.limit, wait.changes, wait.phase) == (node.id, 240, False, "begin")
        stop, start = (CHANGE, CHANGE) if host_module else ("stop_vm", "start_vm")
        assert sent.getMessage() == f"sending {stop} to {address}"
        assert answered.getMessage() == f"{stop}: {address} answered"
        assert (sent.host, sent.function, sent.phase) == (address, stop, "begin")
        assert (answered.activity, answered.outcome) == (sent.activity, "answered")
        assert not [r for r in found if sim.password in r.getMessage()]
        caplog.clear()
        driver.start_node(node)
        texts = [record.text for record in records(caplog)]
        assert texts[0] == "VM 'seed-1': reading all hosts again in 5 s"
        assert any(text.startswith("starting VM 'seed-1' on ovm-") for text in texts)
        assert outcomes(caplog) == [(start, "answered")]


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("fault", "fault"), ("hang", "unknown"), ("drop_before", "unknown")],
)
def test_how_a_change_ended(kind: str, outcome: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with simulate(hosts=1, vms=1) as sim:
        driver = driver_for(sim)
        [node] = driver.list_nodes()
        sim.misbehave(kind, "stop_vm")
        with contextlib.suppress(AgentFault, WaitTimeout):
            quietly(driver.stop_node, node)
        assert outcomes(caplog) == [("stop_vm", outcome)]


def test_a_change_that_was_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with simulate(hosts=1) as sim:
        connection = driver_for(sim).connection
    with pytest.raises(HostUnreachable):
        connection.call("start_vm", "a", "b")
    assert outcomes(caplog) == [("start_vm", "not sent")]


def test_reads_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOGGER)
    with simulate(hosts=1) as sim:
        driver_for(sim).list_locations()
    found = records(caplog)
    assert {r.levelno for r in found} == {logging.DEBUG}
    begun = [r.activity for r in found if r.phase == "begin"]
    assert begun
    assert sorted(begun) == sorted(r.activity for r in found if r.phase == "end")


def test_steps_of_a_creation(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with simulate(hosts=1) as sim:
        driver = driver_for(sim)
        node = driver.create_node("web-1", driver.list_sizes()[0], driver.list_images()[0])
        driver.wait_until_running([node])
        waits = [r for r in records(caplog) if not r.function]
        assert [r.text.split(" on ")[0] for r in waits] == [
            "defining VM 'web-1'",
            "copying the disk of VM 'web-1'",
            "configuring VM 'web-1'",
            "starting VM 'web-1'",
            "waiting for the VM to run",
        ]
        assert {r.vm for r in waits} == {node.id}
        caplog.clear()
        driver.destroy_node(node)
        texts = [r.text for r in records(caplog) if not r.function]
        assert texts[0] == "waiting for VM 'web-1' to power off"


def test_an_interrupted_change_stays_open(caplog: pytest.LogCaptureFixture) -> None:
    """Its outcome is unknown, whatever ends the wait for its response."""
    caplog.set_level(logging.DEBUG, LOGGER)
    with simulate(hosts=1, vms=1) as sim:
        clock = clock_of(sim)

        def interrupted(_: float) -> None:
            raise KeyboardInterrupt

        driver = driver_for(sim, ex_clock=Clock(clock.now, interrupted))
        [node] = driver.list_nodes()
        with pytest.raises(KeyboardInterrupt):
            driver.stop_node(node)
        assert outcomes(caplog) == [("stop_vm", "answered")]
        wait = [r for r in records(caplog) if not r.function]
        assert [r.phase for r in wait] == ["begin", "end"], "a wait has ended, however it ended"


def test_handshakes_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """``ovm3 host certificate`` shows that it waits for a host."""
    caplog.set_level(logging.DEBUG, LOGGER)
    with simulate(hosts=1) as sim:
        address = Address(sim.hosts[0].address, sim.hosts[0].port)
        tlsadvice.shown(address, 10)
    with pytest.raises(HostUnreachable):
        tlsadvice.needed(address, 10)
    found = [(r.function, r.host, r.outcome) for r in records(caplog) if r.phase == "end"]
    assert found == [
        ("TLS handshake", str(address), "answered"),
        ("TLS handshake", str(address), "not sent"),
    ]
