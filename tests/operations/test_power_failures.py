"""start_node, stop_node, reboot_node: every agent call, times everything that can happen to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import (
    EFFECT_FIRST,
    WRITES,
    Step,
    claimed,
    misbehave,
    sent_of,
    steps_of,
    table_of,
)
from tests.operations.once import once_a_run
from tests.support import PERSONALITIES, calls_of, driver_for, quietly, simulate

NAME = "subject"


def start(driver: Any, node: Any) -> None:
    driver.start_node(node)


def stop(driver: Any, node: Any) -> None:
    driver.stop_node(node, ex_timeout=60)


def force(driver: Any, node: Any) -> None:
    driver.stop_node(node, ex_force=True, ex_timeout=20)


def reboot(driver: Any, node: Any) -> None:
    driver.reboot_node(node)


# operation, its one write, the state to begin with, the states that may come of it
OPERATIONS: dict[Callable[[Any, Any], None], tuple[str, NodeState, set[NodeState]]] = {
    start: ("start_vm", NodeState.STOPPED, {NodeState.STOPPED, NodeState.RUNNING}),
    stop: ("stop_vm", NodeState.RUNNING, {NodeState.STOPPED, NodeState.RUNNING}),
    force: ("stop_vm", NodeState.RUNNING, {NodeState.STOPPED, NodeState.RUNNING}),
    reboot: ("reboot_vm", NodeState.RUNNING, {NodeState.RUNNING}),
}


@contextmanager
def make_sim(personality: str, state: NodeState, host_module: bool = False) -> Iterator[Simulator]:
    options = {"personality": personality, "host_module": host_module}
    with simulate(hosts=2, vms=0, **options) as sim:
        sim.add_vm(NAME, running_on=1 if state == NodeState.RUNNING else None)
        yield sim


@once_a_run
def steps(operation: Callable[[Any, Any], None]) -> list[Step]:
    write, state, _ = OPERATIONS[operation]
    with make_sim("plain", state) as sim:
        driver = driver_for(sim)
        node = driver.ex_get_node_by_name(NAME)
        sim.calls.clear()
        operation(driver, node)
        assert calls_of(sim, *WRITES) == [write]
        return steps_of(calls_of(sim))


TABLE = [
    pytest.param(operation, *case.values, id=f"{operation.__name__}-{case.id}")
    for operation in OPERATIONS
    for case in table_of(steps(operation))
]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("operation", "step", "failure"), TABLE)
def test_power(
    operation: Callable[[Any, Any], None], step: Step, failure: str, personality: str
) -> None:
    do_with(operation, step, failure, personality)


WRITES_OF = [
    pytest.param(operation, Step(None, write), failure, id=f"{operation.__name__}-{failure}")
    for operation, (write, _, _) in OPERATIONS.items()
    for failure in EFFECT_FIRST
]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("operation", "step", "failure"), WRITES_OF)
def test_power_with_the_module(
    operation: Callable[[Any, Any], None], step: Step, failure: str, personality: str
) -> None:
    do_with(operation, step, failure, personality, host_module=True)


def do_with(
    operation: Callable[[Any, Any], None],
    step: Step,
    failure: str,
    personality: str,
    host_module: bool = False,
) -> None:
    """Do it while one step fails, and look at everything afterwards."""
    write, state, possible = OPERATIONS[operation]
    with make_sim(personality, state, host_module) as sim:
        node = driver_for(sim).ex_get_node_by_name(NAME)
        driver = driver_for(sim)
        sim.calls.clear()
        is_there, more = claimed(step, failure) if host_module else (step, {})
        rule = misbehave(sim, failure, is_there, **more)
        error: Ovm3Error | None = None
        try:
            quietly(operation, driver, node)
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        sent = sent_of(sim)
        sim.clear_misbehaviour()
        sim.flush_delayed()
        sim.wait(40)  # a reboot, a shutdown under way come to their end
        after = driver_for(sim).ex_get_node(node.id)
    assert sent in ([], [write]), "sent twice"
    assert after.state in possible
    assert len(after.extra["live"]) <= 1, "two domains of one VM"
    if error is None:
        wanted = NodeState.STOPPED if operation in (stop, force) else NodeState.RUNNING
        assert after.state == wanted, "said to be done, and is not"
