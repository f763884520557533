"""ex_resize_node, ex_pin_node, ex_rename_node: every agent call, times what can happen to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error
from libcloud_ovm3.operations import doors
from libcloud_ovm3.simulator import Simulator
from tests.operations.dying import killed_in
from tests.operations.failures import (
    FAILURES,
    KILLS,
    READ_FAILURES,
    WRITES,
    Step,
    change_with_failure,
    steps_of,
)
from tests.operations.once import once_a_run
from tests.operations.test_attach_failures import write_of
from tests.operations.test_node_settings import SIZE, live_options, options_of
from tests.support import PERSONALITIES, calls_of, quietly, simulate
from tests.system.disk_clients import plain_driver

NAME = "subject"


class Variant(NamedTuple):
    """What is done to a node: ``resize`` sets its memory, then its cap, by two calls if it runs."""

    action: str
    is_running: bool
    host_module: bool

    def __str__(self) -> str:
        node = "running" if self.is_running else "stopped"
        return f"{self.action}-{node}-{'by module' if self.host_module else 'by agent'}"


VARIANTS = [
    Variant(action, is_running, host_module)
    for action in ("resize", "pin", "rename")
    for is_running in (True, False)
    for host_module in (False, True)
    if is_running or action == "resize"  # of a stopped one all are one call
]
BEFORE = {"memory": 512, "cpu_cap": 0, "cpus": "0-1", "OVM_simple_name": NAME}
AFTER: dict[str, dict[str, Any]] = {
    "resize": {"memory": 768, "cpu_cap": 50},
    "pin": {"cpus": "1"},
    "rename": {"OVM_simple_name": "other"},
}


@contextmanager
def make_sim(personality: str, variant: Variant) -> Iterator[Simulator]:
    options: dict[str, Any] = {"personality": personality, "host_module": variant.host_module}
    with simulate(1, vms=0, templates=0, secure=False, **options) as sim:
        config = {**SIZE, **BEFORE}
        sim.add_vm(NAME, running_on=0 if variant.is_running else None, config=config)
        yield sim


def act(sim: Simulator, action: str) -> Any:
    driver = plain_driver(sim)
    [node] = quietly(driver.list_nodes)
    sim.calls.clear()
    if action == "resize":
        return quietly(driver.ex_resize_node, node, ex_memory_mb=768, ex_cpu_cap=50)
    if action == "pin":
        return quietly(driver.ex_pin_node, node, "1")
    return quietly(driver.ex_rename_node, node, "other")


@once_a_run
def steps(variant: Variant) -> list[Step]:
    with make_sim("plain", variant) as sim:
        act(sim, variant.action)
        return steps_of(calls_of(sim))


STEPS = {variant: steps(variant) for variant in VARIANTS if variant.is_running}


def failures_of(variant: Variant) -> list[Any]:
    """The writes with all that can happen to them, both personalities; reads of the longest with
    one each."""
    found = []
    for number, step in enumerate(STEPS.get(variant, [Step(None, write_of(variant.host_module))])):
        is_write = step.function in WRITES
        if not is_write and (variant.action != "resize" or variant.host_module):
            continue  # they are the same reads
        names = FAILURES if is_write else READ_FAILURES[number % len(READ_FAILURES) :][:1]
        by = PERSONALITIES if is_write else PERSONALITIES[number % len(PERSONALITIES) :][:1]
        found += [(step, failure, one) for failure in names for one in by]
    return found


ROWS = [
    pytest.param(variant, *row, id="-".join(map(str, (variant, *row))))
    for variant in VARIANTS
    for row in failures_of(variant)
]


@pytest.mark.parametrize(("variant", "step", "failure", "personality"), ROWS)
def test_a_call_fails(variant: Variant, step: Step, failure: str, personality: str) -> None:
    with make_sim(personality, variant) as sim:
        error, sent = change_with_failure(sim, failure, step, lambda: act(sim, variant.action))
        check(sim, variant, error, sent)


def check(sim: Simulator, variant: Variant, error: Ovm3Error | None, sent: list[str]) -> None:
    [node] = quietly(plain_driver(sim).list_nodes)
    wanted = AFTER[variant.action]
    file = options_of(sim, node)
    in_file = {key: file[key] for key in BEFORE}
    whole = {**BEFORE, **wanted}
    assert in_file.items() <= {**file}.items()
    assert all(in_file[key] in (BEFORE[key], whole[key]) for key in BEFORE), "nobody asked for that"
    if error is None:
        assert in_file == whole, "it is said to be done, and is not"
    elif isinstance(error, OperationIncomplete):
        assert node.id in error.left
    else:
        assert in_file == BEFORE, f"{error!r} says that nothing has changed"
    if variant.is_running:
        has = {**live_options(sim, node), "OVM_simple_name": file["OVM_simple_name"]}
        live = {key: has[key] for key in BEFORE}
        assert live == in_file, "half of it"
    if in_file != whole:
        assert act(sim, variant.action), "it can be repeated"
        assert whole.items() <= options_of(sim, node).items()


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("when", KILLS)
def test_the_client_dies(when: str, variant: Variant, personality: str) -> None:
    with make_sim(personality, variant) as sim:
        with killed_in(doors, "change_definition", when):
            act(sim, variant.action)
        check(sim, variant, OperationIncomplete("killed", left=(_id(sim),)), [])


def _id(sim: Simulator) -> str:
    return str(quietly(plain_driver(sim).list_nodes)[0].id)
