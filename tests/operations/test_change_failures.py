"""A change of a vm.cfg: every agent call, times everything that can happen to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.errors import AgentFault, OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.changing import change
from tests.operations.failures import Step, misbehave, steps_of, table_of
from tests.operations.once import once_a_run
from tests.support import CHANGE, PERSONALITIES, calls_of, driver_for, fingerprints_of, simulate

NAME = "subject"
NEW = "the new description"
DOCUMENTS = ".libcloud-ovm3/documents/vm-"


@contextmanager
def make_sim(personality: str, host_module: bool = False) -> Iterator[Simulator]:
    options = {"personality": personality, "host_module": host_module}
    with simulate(hosts=2, vms=1, **options) as sim:
        sim.add_vm(NAME, running_on=1, config={"OVM_description": "old"})
        yield sim


@once_a_run
def steps(host_module: bool) -> list[Step]:
    with make_sim("plain", host_module) as sim:
        driver = driver_for(sim)
        node = driver.ex_get_node_by_name(NAME)
        sim.calls.clear()
        change(driver, node.id, OVM_description=NEW)
        assert len(calls_of(sim, "configure_vm", CHANGE)) == 1
        return steps_of(calls_of(sim))


ALONE, WITH_MODULE = (table_of(steps(host_module=has)) for has in (False, True))


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("step", "failure"), ALONE)
def test_change(step: Step, failure: str, personality: str) -> None:
    do_with(step, failure, personality)


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("step", "failure"), WITH_MODULE)
def test_change_with_the_module(step: Step, failure: str, personality: str) -> None:
    do_with(step, failure, personality, host_module=True)


# What the agent's own function does when the module calls it.
INSIDE: dict[str, dict[str, Any]] = {
    "refused": {"kind": "fault"},
    "fault after": {"kind": "fault_after"},
    "takes 2 minutes": {"kind": "latency", "seconds": 120},
    "takes an hour": {"kind": "latency", "seconds": 3600},
}


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("name", INSIDE)
def test_the_agent_s_function_in_the_module(name: str, personality: str) -> None:
    with make_sim(personality, True) as sim:
        driver = driver_for(sim)
        node = driver.ex_get_node_by_name(NAME)
        rule = sim.misbehave(INSIDE[name]["kind"], "configure_vm", **seconds_of(name))
        result = outcome(change, driver, node.id, OVM_description=NEW)
        sim.wait(3600)
        now = driver.ex_get_node(node.id).extra["description"]
        sent = calls_of(sim, "configure_vm", CHANGE)
    assert rule.hits == 1
    assert sent == [CHANGE]
    if name == "refused":
        assert isinstance(result, AgentFault)
        assert result.function == "configure_vm"
        assert "is as it was" in str(result)
        assert now == "old"
        return
    assert now == NEW
    if name == "takes an hour":
        assert isinstance(result, OperationIncomplete)
        assert "still goes on" in str(result)
        assert "may still be changed" in str(result)
    else:
        assert not isinstance(result, Ovm3Error)


def seconds_of(name: str) -> dict[str, Any]:
    return {key: value for key, value in INSIDE[name].items() if key != "kind"}


def outcome(action: Callable[..., Any], *args: Any, **more: Any) -> Any:
    try:
        return action(*args, **more)
    except Ovm3Error as error:
        return error


def do_with(step: Step, failure: str, personality: str, host_module: bool = False) -> None:
    """Change one option while one step fails, and look at everything afterwards."""
    with make_sim(personality, host_module) as sim:
        node = driver_for(sim).ex_get_node_by_name(NAME)
        before = fingerprints_of(sim.repository_path)
        driver = driver_for(sim)
        sim.calls.clear()
        rule = misbehave(sim, failure, step)
        error: Ovm3Error | None = None
        notices: list[str] = []
        try:
            change(driver, node.id, notices, OVM_description=NEW)
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        sent = calls_of(sim, "configure_vm", CHANGE)
        file = f"VirtualMachines/{node.extra['directory']}/vm.cfg"
        now = vmcfg.parse((sim.repository_path / file).read_bytes())["OVM_description"]
        sim.clear_misbehaviour()
        sim.flush_delayed()
        after = fingerprints_of(sim.repository_path)
        values = vmcfg.parse((sim.repository_path / file).read_bytes())
    assert len(sent) <= 1, "sent twice"
    after = {path: one for path, one in after.items() if not path.startswith(DOCUMENTS)}
    assert {**after, file: ""} == {**before, file: ""}, "another file was touched"
    assert values["OVM_description"] in ("old", NEW)
    if error is None:
        assert now == NEW, "said to be done, and is not"
        assert not notices or "is changed, although" in notices[0]
    elif isinstance(error, OperationIncomplete):
        assert node.id in error.left
        assert "was sent once" in str(error)
    else:  # a refusal: it has not happened, and does not happen later
        assert values["OVM_description"] == "old"
        assert not sent or isinstance(error, AgentFault)
        assert isinstance(error, AgentFault | PreconditionFailed) or not sent
