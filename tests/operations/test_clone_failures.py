"""ex_clone_node of a node that runs, and is paused meanwhile: each call that changes something,
times everything that can happen to it, and the client killed there.

There is a complete clone, or nothing of it, or it is named and goes with the node that is left of
it; the node that was copied runs again, or is named and can be resumed.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.cloning import SOURCE, clone
from tests.operations.failures import (
    FAILURES,
    KILLS,
    NEW_NAME,
    WRITES,
    Step,
    check_sent_once,
    check_what_is_left,
    files_of,
    land,
    misbehave,
    steps_of,
)
from tests.operations.killed import kill_client_at, wait_for_jobs
from tests.operations.once import once_a_run
from tests.support import (
    CHANGE,
    PERSONALITIES,
    calls_of,
    driver_for,
    give_up_at_once,
    quietly,
    simulate,
)

HOW = {"alone": False, "with the module": True}


@contextlib.contextmanager
def make_sim(personality: str, how: str) -> Iterator[Simulator]:
    with simulate(2, vms=0, personality=personality, host_module=HOW[how]) as sim:
        sim.add_vm(SOURCE, running_on=0)
        yield sim


@once_a_run
def clone_steps(how: str) -> list[Step]:
    """The calls of an undisturbed clone that change something."""
    with make_sim("plain", how) as sim:
        quietly(clone, driver_for(sim))
        return [step for step in steps_of(calls_of(sim)) if step.function in WRITES]


STEPS = {how: clone_steps(how) for how in HOW}


def personality_of(*row: object) -> str:
    """One of the two for each row."""
    return PERSONALITIES[zlib.crc32(repr(list(map(str, row))).encode()) % 2]


def rows(endings: tuple[str, ...]) -> list[Any]:
    found = [(how, step, one) for how in HOW for step in STEPS[how] for one in endings]
    return [pytest.param(*row, personality_of(*row), id="-".join(map(str, row))) for row in found]


def test_the_table_has_all_steps() -> None:
    assert [step.function for step in STEPS["alone"]] == [
        "storage_plugin_mount",
        "create_vm",
        "storage_plugin_create",
        "pause_vm",
        "copy_file",
        "unpause_vm",
        "storage_plugin_destroy",
        "configure_vm",
    ]
    assert [step.function for step in STEPS["with the module"]] == [
        CHANGE,
        "libcloud_create_file",
        CHANGE,
        "libcloud_start_job",
        CHANGE,
        "libcloud_delete_file",
        CHANGE,
    ]


@pytest.mark.parametrize(("how", "step", "failure", "personality"), rows(FAILURES))
def test_a_call_fails(
    how: str, step: Step, failure: str, personality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_at_once(monkeypatch)
    with make_sim(personality, how) as sim:
        driver, before = driver_for(sim), files_of(sim)
        sim.calls.clear()
        rule = misbehave(sim, failure, step)
        error = None
        try:
            assert quietly(clone, driver).state == NodeState.STOPPED
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        check_sent_once(sim)
        land(sim)
        left = error.left if isinstance(error, OperationIncomplete) else ()
        check_source(sim, left, str(error), was_killed=False)
        there = {node.name: node for node in quietly(driver.list_nodes)}.get(NEW_NAME)
        assert (error is None) <= (there is not None)
        check_what_is_left(sim, before, error, files_of)


@pytest.mark.parametrize(("how", "step", "when", "personality"), rows(KILLS))
def test_the_client_is_killed(how: str, step: Step, when: str, personality: str) -> None:
    with make_sim(personality, how) as sim:
        before = files_of(sim)
        kill_client_at(sim, step, when, clone)
        wait_for_jobs(sim)
        check_source(sim, (), "", was_killed=True)
        check_what_is_left(sim, before, None, files_of)


def check_source(sim: Simulator, left: tuple[str, ...], said: str, was_killed: bool) -> None:
    """It runs, or is named and can be resumed; its pause mark goes."""
    driver = driver_for(sim)
    node = driver.ex_get_node_by_name(SOURCE)
    if node.state == NodeState.PAUSED:
        assert was_killed or (node.id in left and "ex_resume_node" in said), "paused, and not said"
        assert driver.ex_resume_node(node) is True
    with contextlib.suppress(PreconditionFailed):  # there is no record of it
        quietly(driver.ex_resume_node, node)
    assert driver.ex_get_node_by_name(SOURCE).state == NodeState.RUNNING
