"""The methods that pause, suspend, resume and reset nodes: every request that changes something,
times everything that can happen to it.

After each: nothing was sent twice, there is one domain at most, what the error says is true, and
there is a way from there to a node that runs. What was saved is restored once at most: never when
the node may have run since.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
    WaitTimeout,
)
from libcloud_ovm3.simulator import Simulator
from tests.operations.claiming import CHANGE, check_claim, client_killed, plain_driver
from tests.operations.failures import FAILURES, Step, attempt, claimed, land, misbehave, sent_of
from tests.support import PERSONALITIES, calls_of, give_up_at_once, quietly, simulate

RUNS, PAUSED, SUSPENDED = NodeState.RUNNING, NodeState.PAUSED, NodeState.SUSPENDED
KILLED = ("killed unsent", "killed sent")
MARK, UNMARK = "storage_plugin_create", "storage_plugin_destroy"


class Hold(NamedTuple):
    """One of the methods.

    :ivar first: those that bring the node into the state to begin with.
    :ivar writes: what it sends with the module, and without it; (): it is refused.
    """

    method: str
    first: tuple[str, ...]
    wanted: NodeState
    with_module: tuple[str, ...]
    without: tuple[str, ...] = ()


HOLDS = (
    Hold("ex_pause_node", (), PAUSED, ("pause_vm",), (MARK, "pause_vm")),
    Hold("ex_unpause_node", ("ex_pause_node",), RUNS, ("unpause_vm",), ("unpause_vm", UNMARK)),
    Hold("ex_suspend_node", (), SUSPENDED, ("save_vm",)),
    Hold(
        "ex_resume_node",
        ("ex_suspend_node",),
        RUNS,
        ("restore_vm", "unpause_vm", "libcloud_delete_file"),
    ),
    Hold("ex_reset_node", (), RUNS, ("stop_vm", "start_vm"), ("stop_vm", "start_vm")),
)


@contextmanager
def make_sim(hold: Hold, host_module: bool, personality: str) -> Iterator[tuple[Simulator, Any]]:
    options = {"personality": personality, "host_module": host_module, "secure": False}
    with simulate(2, vms=0, **options) as sim:
        sim.add_vm("subject", running_on=1)
        driver = plain_driver(sim)
        node = driver.ex_get_node_by_name("subject")
        if host_module:
            driver.ex_settle_node(node)
        if not host_module and hold.with_module != hold.without:
            driver.ex_pause_node(node)  # the export is mounted then
            driver.ex_unpause_node(node)
        for method in hold.first:
            getattr(driver, method)(node)
        sim.calls.clear()
        yield sim, node


def table() -> list[Any]:
    rows = [
        (hold, has_module, function, failure)
        for hold in HOLDS
        for has_module in (False, True)
        for function in (hold.with_module if has_module else hold.without)
        for failure in (*FAILURES, *KILLED)
    ]
    return [
        pytest.param(
            *row, PERSONALITIES[number % 2], id=f"{row[0].method}-{row[1]}-{row[2]}-{row[3]}"
        )
        for number, row in enumerate(rows)
    ]


@pytest.mark.parametrize(("hold", "has_module", "function", "failure", "personality"), table())
def test_hold(
    hold: Hold,
    has_module: bool,
    function: str,
    failure: str,
    personality: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give_up_at_once(monkeypatch)
    with make_sim(hold, has_module, personality) as (sim, node):
        driver = plain_driver(sim)
        before = driver.ex_get_node(node.id).state
        sim.calls.clear()

        def act() -> Any:
            return quietly(getattr(driver, hold.method), node)

        error: Ovm3Error | None = None
        if failure in KILLED:
            sends = [one for one in hold.with_module if one.endswith("_vm")]
            is_claimed = has_module and function in sends
            name, nth = (CHANGE, sends.index(function) + 1) if is_claimed else (function, 1)
            with client_killed(name, nth, is_sent=failure == "killed sent"):
                act()
        else:
            step = Step(None, function)
            more: dict[str, Any] = {}
            if has_module:
                step, more = claimed(step, failure)
                if "nth" in more:
                    more["nth"] = hold.with_module.index(function) + 1
            rule = misbehave(sim, failure, step, **more)
            error = attempt(act)
            assert rule.hits, "the call that was to fail never came"
            check_told(sim, node, error, before, hold.wanted)
        sent = sent_of(sim)
        assert len(sent) == len(set(sent)), f"sent twice: {sent}"
        land(sim)
        if failure not in KILLED:
            check_told(sim, node, error, before, hold.wanted)
        go_on(sim, node, has_module)


def look_at(sim: Simulator, node: Any) -> Any:
    found = quietly(plain_driver(sim).ex_get_node, node.id)
    assert len(found.extra["live"]) <= 1, "two domains of one VM"
    if found.extra["claim"] is not None:
        check_claim(sim)
    return found


def check_told(
    sim: Simulator, node: Any, error: Ovm3Error | None, before: str, wanted: str
) -> None:
    state = look_at(sim, node).state
    if error is None:
        assert state == wanted, "said to be done, and is not"
    elif isinstance(error, (AgentFault, PreconditionFailed)):
        said = "may still" in str(error)  # that it may come later
        assert said or state == before, f"said not to be done, and is {state}: {error}"
    else:
        assert isinstance(error, (OperationIncomplete, WaitTimeout)), repr(error)
        assert node.id in str(error)


def go_on(sim: Simulator, node: Any, has_module: bool) -> None:
    """To a node that runs, as the states and the errors say; then there is nothing to restore."""
    driver = plain_driver(sim)
    if has_module:
        quietly(driver.ex_settle_node, node)
    for _ in range(2):
        state = look_at(sim, node).state
        if state == RUNS:
            break
        if state == PAUSED:
            error = attempt(lambda: quietly(driver.ex_unpause_node, node))
        elif state == SUSPENDED:
            error = attempt(lambda: quietly(driver.ex_resume_node, node))
            if error is not None:
                assert "ex_discard_saved=True of start_node" in str(error), error
                error = attempt(lambda: quietly(driver.start_node, node, ex_discard_saved=True))
        else:
            error = attempt(lambda: quietly(driver.start_node, node))
        assert error is None, error
    assert look_at(sim, node).state == RUNS
    quietly(driver.stop_node, node, ex_force=True)
    sim.calls.clear()
    error = attempt(lambda: quietly(driver.ex_resume_node, node))
    assert isinstance(error, PreconditionFailed), "what has run since would be overwritten"
    assert not calls_of(sim, "restore_vm")
    quietly(driver.start_node, node)
    assert look_at(sim, node).state == RUNS
