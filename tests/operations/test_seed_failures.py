"""Creating a node with a seed, and removing the seed: with every kind of failure of their calls.

Afterwards there is no seed that nothing names: it is in the drive of its node, it goes with the
node, or an error and ex_list_orphans name it. Nobody else's files are touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error
from libcloud_ovm3.simulator import Simulator
from tests.guests import seeds_in
from tests.operations.failures import (
    EFFECT_FIRST,
    FAILURES,
    KILLS,
    Step,
    check_sent_once,
    check_what_is_left,
    claimed,
    misbehave,
    steps_of,
    table_of,
)
from tests.operations.killed import kill_client_at
from tests.operations.once import once_a_run
from tests.operations.seeding import create_seeded, remove_seed
from tests.support import (
    CHANGE,
    PERSONALITIES,
    calls_of,
    driver_for,
    fingerprints_of,
    give_up_at_once,
    quietly,
    simulate,
)

WRITE, DELETE = "libcloud_write_seed", "libcloud_delete_seed"


@contextmanager
def make_sim(personality: str) -> Iterator[Simulator]:
    options: dict[str, Any] = {"personality": personality, "template_bytes": 1 << 20}
    with simulate(1, vms=0, host_module=True, **options) as sim:
        yield sim


def check_seeds(sim: Simulator, before: dict[str, str], error: Ovm3Error | None) -> None:
    """What is left of a creation, whose seed is named wherever it is."""
    driver = driver_for(sim)
    nodes = {node.id: node for node in quietly(driver.list_nodes)}
    orphans = [one["path"] for one in driver.ex_list_orphans()]
    for file in seeds_in(sim):
        owner = nodes.get(file.name.partition(".")[0])
        if owner is None:
            assert isinstance(error, OperationIncomplete)
            assert any(path.endswith(file.name) for path in error.left)
            assert any(path.endswith(file.name) for path in orphans)
            assert driver.ex_remove_seed(file.name.partition(".")[0])
        elif owner.state != NodeState.PENDING:
            assert owner.extra["cdroms"][0].endswith(file.name)
    complete = [one for one in nodes.values() if one.state != NodeState.PENDING]
    assert len(seeds_in(sim)) >= len(complete), "a node without what its guest is told"
    check_what_is_left(sim, before, error)
    left = [path for path in fingerprints_of(sim.repository_path) if path not in before]
    assert [path for path in left if path.endswith(".iso")] == []


# ------------------------------------------------------------------ creating

OTHERS = ("create_vm", "copy_file", "configure_vm", "start_vm")
CREATE_ROWS = [(WRITE, failure) for failure in FAILURES]
CREATE_ROWS += [(function, failure) for function in OTHERS for failure in ("fault", *EFFECT_FIRST)]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("function", "failure"), CREATE_ROWS)
def test_create_node_with_a_seed(
    function: str, failure: str, personality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_at_once(monkeypatch)
    with make_sim(personality) as sim:
        driver = driver_for(sim)
        before = fingerprints_of(sim.repository_path)
        sim.calls.clear()
        step, more = claimed(Step(None, function), failure, is_new=True)
        rule = misbehave(sim, failure, step, **more)
        error = None
        try:
            quietly(create_seeded, driver)
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        check_sent_once(sim)
        sim.clear_misbehaviour()
        sim.flush_delayed()
        if function == WRITE and failure in EFFECT_FIRST:
            assert error is None, "it is there to be read that it was written"
        check_seeds(sim, before, error)


def test_a_seed_that_cannot_be_looked_for_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written or not, neither can be read: nothing is undone, and the error names it."""
    with make_sim("awkward") as sim:
        before = fingerprints_of(sim.repository_path)
        sim.misbehave("fault_after", WRITE)
        sim.misbehave("fault", "libcloud_stat_file", nth=3)  # the first two: of the template
        with pytest.raises(OperationIncomplete, match=r"cannot be read.*destroy_node") as caught:
            create_seeded(driver_for(sim))
        assert any("/seeds/" in path for path in caught.value.left)
        sim.clear_misbehaviour()
        check_seeds(sim, before, caught.value)


def test_undoing_that_fails_names_the_seed() -> None:
    with make_sim("plain") as sim:
        before = fingerprints_of(sim.repository_path)
        sim.misbehave("fault", "configure_vm")
        sim.misbehave("fault", DELETE)
        with pytest.raises(OperationIncomplete, match="Undoing it failed too") as caught:
            create_seeded(driver_for(sim))
        assert any("/seeds/" in path for path in caught.value.left)
        sim.clear_misbehaviour()
        check_seeds(sim, before, caught.value)


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize("function", [WRITE, "configure_vm"])
def test_create_node_with_a_seed_killed(function: str, when: str, personality: str) -> None:
    with make_sim(personality) as sim:
        before = fingerprints_of(sim.repository_path)
        kill_client_at(sim, Step(None, function), when, create_seeded)
        check_seeds(sim, before, None)


# ------------------------------------------------------------------ removing


@once_a_run
def remove_steps() -> list[Step]:
    """The calls of an undisturbed ex_remove_seed of a running node."""
    with make_sim("plain") as sim:
        driver = driver_for(sim)
        node = create_seeded(driver)
        sim.calls.clear()
        driver.ex_remove_seed(node)
        return steps_of(calls_of(sim))


STEPS = remove_steps()


def test_the_table_has_all_steps() -> None:
    writes = [step.function for step in STEPS if step.function in (CHANGE, DELETE)]
    assert writes == [CHANGE, DELETE]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize(("step", "failure"), table_of(STEPS))
def test_ex_remove_seed(
    step: Step, failure: str, runs: bool, personality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_at_once(monkeypatch)
    with make_sim(personality) as sim:
        driver = driver_for(sim)
        node = create_seeded(driver)
        if not runs:
            driver.stop_node(node, ex_force=True)
        sim.calls.clear()
        rule = misbehave(sim, failure, step)
        error = None
        try:
            quietly(driver.ex_remove_seed, node)
        except Ovm3Error as caught:
            error = caught
        if not rule.hits and runs is False:
            return  # a step of running nodes only
        assert rule.hits, "the call that was to fail never came"
        check_sent_once(sim)
        sim.clear_misbehaviour()
        sim.flush_delayed()
        sim.wait(40)
        check_removed(sim, node.id, error, failure)


def check_removed(sim: Simulator, node_id: str, error: Ovm3Error | None, failure: str) -> None:
    """Done, or as it was, or said; and the same once more makes it done."""
    driver = driver_for(sim)
    [medium] = quietly(driver.ex_get_node, node_id).extra["cdroms"]
    files = seeds_in(sim, node_id)
    assert not (medium and not files), "a drive whose medium is gone"
    if error is None:
        assert (medium, files) == (None, [])
    elif not isinstance(error, OperationIncomplete):
        assert medium, f"{error!r} says that nothing has changed"
    elif files and not medium:
        assert any(path.endswith(files[0].name) for path in error.left) or node_id in str(error)
    assert quietly(driver.ex_remove_seed, node_id) is True
    [medium] = quietly(driver.ex_get_node, node_id).extra["cdroms"]
    assert (medium, seeds_in(sim, node_id)) == (None, [])


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize("function", [CHANGE, DELETE])
def test_ex_remove_seed_killed(function: str, when: str, personality: str) -> None:
    with make_sim(personality) as sim:
        node = create_seeded(driver_for(sim))
        sim.calls.clear()
        kill_client_at(sim, Step(None, function), when, remove_seed, node.id)
        sim.wait(60)
        [medium] = quietly(driver_for(sim).ex_get_node, node.id).extra["cdroms"]
        assert not (medium and not seeds_in(sim, node.id))
        assert quietly(driver_for(sim).ex_remove_seed, node.id) is True
        assert seeds_in(sim, node.id) == []
