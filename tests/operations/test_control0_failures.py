"""ex_repair_control0: every agent call, times everything that can happen to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import AgentFault, OperationIncomplete, Ovm3Error
from libcloud_ovm3.operations import network_doors as doors
from libcloud_ovm3.simulator import Simulator, network
from tests.operations.dying import killed_in
from tests.operations.failures import (
    IS_BUSY,
    KILLS,
    WRITES,
    Step,
    attempt,
    land,
    misbehave,
    steps_of,
    table_of,
)
from tests.operations.once import once_a_run
from tests.support import EACH_DIALECT, calls_of, quietly, simulate
from tests.system.disk_clients import plain_driver

CONTROL = "control0"
RIGHT = ("169.254.0.1", "255.255.0.0")
# What reads the hosts themselves: test_power_failures.py.
OWN = ("discover_network", "libcloud_control_interface", "ovs_local_config", "ovs_ip_config")
OWN += ("libcloud_set_control_interface",)
DOORS = {
    "ovs_local_config": "send",
    "ovs_ip_config": "send",
    "libcloud_set_control_interface": "set_control_interface",
}


def make_sim(personality: str, version: str, host_module: bool) -> Simulator:
    options: dict[str, Any] = {"personality": personality, "host_module": host_module}
    options["version"] = version
    options["secure"] = False  # TLS would take most of the time
    return simulate(1, vms=0, templates=0, **options)


def lose(sim: Simulator) -> None:
    """There is no control0, as on a host that never had one."""
    host = sim.hosts[0]
    with host.lock:
        found = network.state(host)
        for table in ("bridges", "addresses", "boot_protocols", "arp"):
            found.get(table, {}).pop(CONTROL, None)


def repair(sim: Simulator) -> dict[str, Any]:
    driver = plain_driver(sim)
    sim.calls.clear()
    found: dict[str, Any] = quietly(driver.ex_repair_control0, sim.hosts[0].address)
    return found


@once_a_run
def steps(host_module: bool) -> list[Step]:
    with make_sim("plain", "3.3.3", host_module) as sim:
        lose(sim)
        repair(sim)
        assert len(calls_of(sim, *WRITES)) == 2
        return [step for step in steps_of(calls_of(sim)) if step.function in OWN]


STEPS = {host_module: steps(host_module) for host_module in (False, True)}


@pytest.fixture(scope="module", params=EACH_DIALECT)
def alone(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with make_sim(*request.param, False) as sim:
        yield sim


@pytest.fixture(scope="module", params=EACH_DIALECT)
def with_module(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with make_sim(*request.param, True) as sim:
        yield sim


@pytest.mark.parametrize(("step", "failure"), table_of(STEPS[False]))
def test_repair(alone: Simulator, step: Step, failure: str) -> None:
    do_with(alone, step, failure)


@pytest.mark.parametrize(("step", "failure"), table_of(STEPS[True]))
def test_repair_with_the_module(with_module: Simulator, step: Step, failure: str) -> None:
    do_with(with_module, step, failure)


def do_with(sim: Simulator, step: Step, failure: str) -> None:
    """Repair it while one step fails, and look at everything afterwards."""
    lose(sim)
    rule = misbehave(sim, failure, step)
    error = attempt(lambda: repair(sim))
    assert rule.hits, "the call that was to fail never came"
    sent = calls_of(sim, *WRITES)
    said = network.address(sim.hosts[0], CONTROL)
    land(sim)
    assert len(sent) == len(set(sent)), f"sent twice: {sent}"
    if error is None:
        assert said == RIGHT, "said to be right, and is not"
    elif isinstance(error, OperationIncomplete):
        assert CONTROL in error.left[0]
    elif sent:
        assert isinstance(error, AgentFault), repr(error)
        assert network.address(sim.hosts[0], CONTROL) is None, "said to be refused, and is done"
    assert repair(sim)["wrong"] == [], "what was left prevents the next repair"
    assert network.address(sim.hosts[0], CONTROL) == RIGHT
    assert repair(sim)["repaired"] == []


# What becomes of the second request, and the error.
AFTER_BUSY: list[tuple[str, type[Ovm3Error] | None]] = [
    ("", None),
    ("fault", AgentFault),
    ("fault_after", None),
    ("drop_before", OperationIncomplete),
]


def test_busy_without_a_bridge(alone: Simulator) -> None:
    busy_without_a_bridge(alone)


def test_busy_without_a_bridge_with_the_module(with_module: Simulator) -> None:
    busy_without_a_bridge(with_module)


def busy_without_a_bridge(sim: Simulator) -> None:
    """Who made it has not finished: it is requested once more when that is certain."""
    text = IS_BUSY.format("ovs-local-bridge", CONTROL)
    for failure, expected in AFTER_BUSY:
        lose(sim)
        sim.misbehave("fault", "ovs_local_config", text=text)
        if failure:
            sim.misbehave(failure, "ovs_local_config", nth=2, text=text)
        error = attempt(lambda: repair(sim))
        sim.clear_misbehaviour()
        assert type(error) is (expected or type(None)), (failure, error)
        assert len(calls_of(sim, "ovs_local_config")) == 2, failure
        if expected is AgentFault:
            assert "wait a minute, then repeat" in str(error)
        assert repair(sim)["wrong"] == []


@pytest.mark.parametrize("how", EACH_DIALECT)
@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize("number", [0, 1])
def test_a_client_that_is_killed(
    host_module: bool, when: str, number: int, how: tuple[str, str]
) -> None:
    with make_sim(*how, host_module) as sim:
        lose(sim)
        write = [step.function for step in STEPS[host_module] if step.function in WRITES][number]

        def is_it(*args: Any) -> bool:
            return not write.startswith("ovs_") or args[1].function == write

        with killed_in(doors, DOORS[write], when, is_it):
            repair(sim)
        sim.wait(40)
        assert repair(sim)["wrong"] == []
        assert network.address(sim.hosts[0], CONTROL) == RIGHT
