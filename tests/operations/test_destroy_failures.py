"""destroy_node: every agent call of it, times everything that can happen to a call.

Afterwards the node is gone, or it is there and destroy_node works again; a disk that stays is
named and found; nobody else's files are touched; no file went while the domain was live; nothing
was sent twice.
"""

from __future__ import annotations

import posixpath
import warnings
from typing import Any

import pytest

from libcloud_ovm3.errors import NodeNotFound, OperationIncomplete, Ovm3Error, Ovm3Warning
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
from tests.support import (
    CHANGE,
    PERSONALITIES,
    calls_of,
    driver_for,
    fingerprints_of,
    quietly,
    simulate,
)


def make_sim(personality: str, host_module: bool = False) -> Simulator:
    return simulate(
        hosts=2,
        vms=1,
        personality=personality,
        template_bytes=1 << 20,
        host_module=host_module,
    )


@once_a_run
def destroy_steps(host_module: bool = False) -> list[Step]:
    with make_sim("plain", host_module) as sim:
        driver = driver_for(sim)
        node = make_node(driver)
        sim.calls.clear()
        driver.destroy_node(node)
        return steps_of(calls_of(sim))


def make_node(driver: Any) -> Any:
    return driver.create_node("doomed", driver.list_sizes()[0], driver.list_images()[0])


STEPS = destroy_steps()
OF_THE_MODULE = [
    step for step in destroy_steps(host_module=True) if step.function.startswith("libcloud_")
]


def test_the_table_has_all_steps() -> None:
    assert {step.function for step in OF_THE_MODULE} - {CHANGE} == {
        "libcloud_read_agent",
        "libcloud_repository",
        "libcloud_bridges",
        "libcloud_file_holders",
        "libcloud_list_files",
        "libcloud_identify",
        "libcloud_set_aside",
        "libcloud_delete_aside",
    }
    functions = [step.function for step in STEPS]
    assert [f for f in functions if f in WRITES] == [
        "stop_vm",
        "storage_plugin_mount",
        "delete_vm",
        "storage_plugin_destroy",
    ]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("step", "failure"), table_of(STEPS))
def test_destroy_node(step: Step, failure: str, personality: str) -> None:
    with make_sim(personality) as sim:
        destroy_with(sim, step, failure)


@pytest.mark.parametrize(("step", "failure"), table_of(OF_THE_MODULE))
def test_destroy_node_with_the_module(step: Step, failure: str) -> None:
    with make_sim("awkward", host_module=True) as sim:
        destroy_with(sim, step, failure)


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("failure", EFFECT_FIRST)
@pytest.mark.parametrize("function", ["stop_vm", "delete_vm"])
def test_destroy_node_s_writes_with_the_module(
    function: str, failure: str, personality: str
) -> None:
    step, more = claimed(Step(None, function), failure)
    if more:
        more["nth"] = ["stop_vm", "delete_vm"].index(function) + 1
    with make_sim(personality, host_module=True) as sim:
        destroy_with(sim, step, failure, **more)


def destroy_with(sim: Simulator, step: Step, failure: str, **more: Any) -> None:
    """Destroy a node while one step fails, and look at everything afterwards."""
    before = fingerprints_of(sim.repository_path)
    node = make_node(driver_for(sim))
    driver = driver_for(sim)
    made = fingerprints_of(sim.repository_path).keys() - before.keys()
    sim.calls.clear()
    rule = misbehave(sim, failure, step, **more)
    error: Ovm3Error | None = None
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            driver.destroy_node(node)
        except Ovm3Error as caught:
            error = caught
    named = " ".join(
        [
            *(error.left if isinstance(error, OperationIncomplete) else ()),
            *map(str, (w.message for w in warned)),
        ]
    )
    assert rule.hits, "the call that was to fail never came"
    sent = sent_of(sim)
    live = any(d["uuid"] == node.id for i in range(2) for d in sim.domains(i))
    if live:
        assert made <= fingerprints_of(sim.repository_path).keys(), "files of a live VM went"
    sim.clear_misbehaviour()
    sim.flush_delayed()
    check_what_is_left(sim, before, node, error, named)
    assert len(sent) == len(set(sent)), f"sent twice: {sent}"


def put_back_what_is_aside(driver: Any, named: str) -> None:
    """What a deletion has set aside and left is named, and can be put back."""
    for orphan in quietly(driver.ex_list_orphans):
        if orphan["set_aside"]:
            assert orphan["path"] in named, "a disk that was set aside, and nobody says so"
            driver.ex_put_back(orphan["path"], orphan["set_aside"])


def check_what_is_left(
    sim: Simulator, before: dict[str, str], node: Any, error: Ovm3Error | None, named: str
) -> None:
    driver = driver_for(sim)
    try:
        quietly(driver.ex_get_node, node.id)
    except NodeNotFound:
        put_back_what_is_aside(driver, named)
        orphans = {orphan["path"] for orphan in quietly(driver.ex_list_orphans)}
        left = fingerprints_of(sim.repository_path).keys() - before.keys()
        for disk in map(posixpath.basename, left):  # it may have been set aside
            assert disk in named, "a disk that neither error nor warning names"
            assert any(path.endswith(disk) for path in orphans), "a disk that is no orphan"
    else:
        assert error is not None, "the node is there and was said to be destroyed"
        with warnings.catch_warnings():
            warnings.simplefilter("error", Ovm3Warning)
            driver.destroy_node(node)
        assert fingerprints_of(sim.repository_path).keys() == before.keys()
    now = fingerprints_of(sim.repository_path)
    assert {path: now.get(path) for path in before} == before, "somebody else's files were touched"
