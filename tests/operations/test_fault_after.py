"""A call takes effect, and then answers a fault: what is said is what a look has shown.

A fault that the look confirms is a refusal; one that it does not confirm is none.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    Ovm3Error,
    Ovm3Warning,
    WaitTimeout,
)
from libcloud_ovm3.operations.stop_vm import REFUSED_LIMIT
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import files_of
from tests.support import (
    CHANGE,
    calls_of,
    driver_for,
    fingerprints_of,
    functions_of,
    quietly,
    simulate,
)

TEXT = "exceptions.RuntimeError:no answer from the manager"


@pytest.fixture(params=[False, True], ids=["alone", "with the module"])
def sim(request: pytest.FixtureRequest, personality: str) -> Iterator[Simulator]:
    options: dict[str, Any] = {"host_module": request.param, "personality": personality}
    with simulate(hosts=2, vms=0, template_bytes=1 << 20, **options) as simulator:
        yield simulator


def outcome(action: Callable[..., Any], *args: Any, **more: Any) -> tuple[Any, str]:
    """What it answered or raised, and its warnings in one text."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", Ovm3Warning)
        try:
            result = action(*args, **more)
        except Ovm3Error as error:
            result = error
    return result, " ".join(str(one.message) for one in warned)


def has_module(sim: Simulator) -> bool:
    return any(sim.dom0(0).rglob("libcloud_ovm3_host/version.py"))


def fault_after(sim: Simulator, function: str, **more: Any) -> None:
    sim.misbehave("fault_after", function, text=TEXT, **more)


def fault(sim: Simulator, function: str, **more: Any) -> None:
    sim.misbehave("fault", function, text=TEXT, **more)


def a_node(driver: Any, sim: Simulator, running_on: int | None = None) -> Any:
    sim.add_vm("subject", running_on=running_on)
    return driver.ex_get_node_by_name("subject")


def make(driver: Any) -> Any:
    return driver.create_node("web", driver.list_sizes()[0], driver.list_images()[0])


# ------------------------------------------------------------------ start


def test_a_start_that_took_effect(driver: Any, sim: Simulator) -> None:
    node = a_node(driver, sim)
    fault_after(sim, "start_vm")
    result, said = outcome(driver.start_node, node)
    assert result is True
    assert "is running on ovm-" in said
    assert "no answer from the manager" in said
    assert driver.ex_get_node(node.id).state == NodeState.RUNNING
    assert calls_of(sim, "start_vm") == ["start_vm"]


def test_a_start_that_did_not(driver: Any, sim: Simulator) -> None:
    node = a_node(driver, sim)
    fault(sim, "start_vm")
    result, _ = outcome(driver.start_node, node)
    assert isinstance(result, AgentFault)
    assert "afterwards: no host reports it" in str(result)
    assert (result.function, result.kind) == ("start_vm", "exceptions.RuntimeError")
    assert driver.ex_get_node(node.id).state == NodeState.STOPPED


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_a_start_that_shows_late(driver: Any, sim: Simulator, looks: int) -> None:
    """It is there at the first look after the fault, at the second, at the third."""
    node = a_node(driver, sim)
    first = driver.list_locations()[0]
    by_hand = driver_for(sim, host=sim.hosts[0].address).connection
    seen = []

    def start_now(moment: str) -> None:
        if moment == "before" and calls_of(sim, "start_vm"):
            seen.append(moment)
            if len(seen) == looks:
                by_hand.call("start_vm", node.extra["repository_id"], node.extra["directory"])

    fault(sim, "start_vm")
    sim.misbehave("hook", "list_vms", host=0, times=None, hook=start_now)
    result, said = outcome(driver.start_node, node, first)
    assert result is True
    assert "is running on ovm-1" in said


def test_a_start_that_is_answered_late(driver: Any, sim: Simulator) -> None:
    """The agent answers success, and its list shows the VM only at the third look."""
    node = a_node(driver, sim)
    stale = driver.connection.call("list_vms")
    first = driver.list_locations()[0]
    sim.misbehave("answer", "list_vms", host=0, nth=4, times=2, value=stale)
    assert outcome(driver.start_node, node, first) == (True, "")
    assert driver.ex_get_node(node.id).state == NodeState.RUNNING


@pytest.mark.parametrize("looks", [2, 3])
def test_a_start_that_is_withdrawn(driver: Any, sim: Simulator, looks: int) -> None:
    """While it is built it is listed, paused: after a fault that is no success."""
    node = a_node(driver, sim)
    half = {"name": node.extra["xend_name"], "uuid": node.id, "domid": "9"}
    listed = [*driver.connection.call("list_vms"), {**half, "state": "--p---", "status": "1"}]
    first = driver.list_locations()[0]
    fault(sim, "start_vm")
    sim.misbehave("answer", "list_vms", host=0, nth=4, times=looks, value=listed)
    result, _ = outcome(driver.start_node, node, first)
    if looks == 2:
        assert isinstance(result, AgentFault)
        assert "no host reports it" in str(result)
    else:
        assert isinstance(result, OperationIncomplete)
        assert "it is paused on ovm-1" in str(result)


def test_a_start_whose_devices_hang(driver: Any, sim: Simulator) -> None:
    node = a_node(driver, sim)
    sim.hosts[0].inject("devices hang")
    result, _ = outcome(driver.start_node, node, driver.list_locations()[0])
    assert isinstance(result, AgentFault)
    assert "could not be connected" in str(result)
    assert "no host reports it" in str(result)


def test_a_start_after_which_it_ends_at_once(driver: Any, sim: Simulator) -> None:
    """The agent answers success, and the device model has died: it does not run."""
    node = a_node(driver, sim)
    ended = {"name": node.extra["xend_name"], "uuid": node.id, "domid": "9"}
    listed = [*driver.connection.call("list_vms"), {**ended, "state": "----c-", "status": "5"}]
    first = driver.list_locations()[0]
    sim.misbehave("answer", "list_vms", host=0, nth=4, times=3, value=listed)
    result, _ = outcome(driver.start_node, node, first)
    assert isinstance(result, OperationIncomplete)
    assert "it is error on ovm-1" in str(result)


def test_a_start_that_is_live_twice_says_so(driver: Any, sim: Simulator) -> None:
    """Another client was as fast, on another host: no success, and a person is told."""
    node = a_node(driver, sim)
    by_hand = driver_for(sim, host=sim.hosts[1].address).connection

    def start(moment: str) -> None:
        if moment == "before":
            sim.clear_misbehaviour()
            by_hand.call("start_vm", node.extra["repository_id"], node.extra["directory"])

    first = driver.list_locations()[0]
    sim.misbehave("hook", "start_vm", hook=start)
    result, _ = outcome(driver.start_node, node, first)
    assert isinstance(result, OperationIncomplete)
    assert "running on ovm-1" in str(result)
    assert "running on ovm-2" in str(result)
    assert "Manual intervention is required" in str(result)
    assert "ex_location" not in str(result), "no advice to start a third one"


def test_a_start_that_another_client_was_faster_with(driver: Any, sim: Simulator) -> None:
    """xend refuses a second one of its name: the node runs, which is what was wanted."""
    node = a_node(driver, sim)
    by_hand = driver_for(sim, host=sim.hosts[0].address).connection

    def faster(moment: str) -> None:
        if moment == "before":
            sim.clear_misbehaviour()
            by_hand.call("start_vm", node.extra["repository_id"], node.extra["directory"])

    sim.misbehave("hook", "start_vm", hook=faster)
    result, said = outcome(driver.start_node, node, driver.list_locations()[0])
    assert result is True
    assert "already exists" in said
    assert len(driver.ex_get_node(node.id).extra["live"]) == 1


def test_a_start_after_which_the_host_is_silent(driver: Any, sim: Simulator) -> None:
    node = a_node(driver, sim)
    first = driver.list_locations()[0]
    hook = {"before": lambda: None, "after": sim.hosts[0].kill}
    sim.misbehave("hook", "start_vm", hook=lambda moment: hook[moment]())
    result, _ = outcome(driver.start_node, node, first)
    assert isinstance(result, OperationIncomplete)
    assert "is unknown" in str(result)
    assert result.left == (node.id,)


# ------------------------------------------------------------------ stop, reboot


def test_a_forced_stop_that_took_effect(driver: Any, sim: Simulator) -> None:
    node = a_node(driver, sim, running_on=1)
    fault_after(sim, "stop_vm")
    result, said = outcome(driver.stop_node, node, ex_force=True)
    assert result is True
    assert "has stopped, although" in said
    assert driver.ex_get_node(node.id).state == NodeState.STOPPED


def test_a_stop_that_did_not(driver: Any, sim: Simulator) -> None:
    """It is not waited for until the limit, nor is it said that it has not been asked."""
    node = a_node(driver, sim, running_on=1)
    fault(sim, "stop_vm")
    sim.calls.clear()
    result, _ = outcome(driver.stop_node, node, ex_timeout=2000)
    assert isinstance(result, AgentFault)
    assert "it is running on ovm-2" in str(result)
    assert "may still stop" in str(result)
    made = functions_of(sim)
    assert made.count("stop_vm") == 1
    assert made[made.index("stop_vm") :].count("list_vms") <= 2 * (REFUSED_LIMIT + 1)
    assert driver.ex_get_node(node.id).state == NodeState.RUNNING


def test_a_stop_whose_guest_is_slow(driver: Any, sim: Simulator) -> None:
    """Asked, a fault, and gone only later: said so, and true."""
    node = a_node(driver, sim, running_on=1)
    sim.hosts[1].ignores_requests.add(node.id)
    sim.misbehave("answer", "stop_vm", value=None)
    result, _ = outcome(driver.stop_node, node, ex_timeout=5)
    assert isinstance(result, WaitTimeout)
    assert "it is running on ovm-2" in str(result)


@pytest.mark.parametrize("kind", ["fault_after", "drop_after"])
def test_a_reboot_that_took_effect(driver: Any, sim: Simulator, kind: str) -> None:
    node = a_node(driver, sim, running_on=1)
    knows = kind == "drop_after" and has_module(sim)
    rule = sim.misbehave(kind, CHANGE if knows else "reboot_vm", text=TEXT)
    result, said = outcome(driver.reboot_node, node)
    assert rule.hits
    assert calls_of(sim, "reboot_vm") == ["reboot_vm"]
    if knows:  # only the line to the module has dropped: it is asked, and says that it is done
        assert (result, said) == (True, "")
        assert "libcloud_read_claim" in calls_of(sim)
    elif result is True:
        assert "is rebooting (" in said
    elif isinstance(result, AgentFault):  # the guest takes longer to hear it than we look
        assert kind == "fault_after"
        assert "running on ovm-2" in str(result)
    else:  # it is off the lists just then, or nobody knows what it was that was lost
        assert isinstance(result, OperationIncomplete)
        assert "is unknown" in str(result)
    sim.wait(60)
    after = driver.ex_get_node(node.id)
    assert after.state == NodeState.RUNNING
    assert after.extra["domid"] != node.extra["domid"]


def test_a_reboot_that_did_not(driver: Any, sim: Simulator) -> None:
    node = a_node(driver, sim, running_on=1)
    fault(sim, "reboot_vm")
    result, _ = outcome(driver.reboot_node, node)
    assert isinstance(result, AgentFault)
    assert f"running on ovm-2 ({sim.hosts[1].address}" in str(result)
    assert f"as domain {node.extra['domid']}, as before" in str(result)


# ------------------------------------------------------------------ create


@pytest.mark.parametrize("function", ["create_vm", "configure_vm", "start_vm"])
def test_a_creation_goes_on(driver: Any, sim: Simulator, function: str) -> None:
    fault_after(sim, function)
    node, said = outcome(make, driver)
    assert driver.ex_get_node_by_name("web").state == NodeState.RUNNING
    assert node.state == NodeState.RUNNING
    assert "no answer from the manager" in said
    assert calls_of(sim, function) == [function]


def test_a_copy_that_may_be_half_is_left_as_it_is(driver: Any, sim: Simulator) -> None:
    before = fingerprints_of(sim.repository_path)
    fault_after(sim, "copy_file")
    result, _ = outcome(make, driver)
    assert isinstance(result, OperationIncomplete)
    assert "perhaps incomplete" in str(result)
    node = driver.ex_get_node_by_name("web")
    assert node.state == NodeState.PENDING
    assert node.id in result.left
    assert quietly(driver.destroy_node, node) is True
    assert fingerprints_of(sim.repository_path) == before


@pytest.mark.parametrize("function", ["create_vm", "copy_file", "configure_vm"])
def test_a_refusal_that_a_look_confirms_is_undone(
    driver: Any, sim: Simulator, function: str
) -> None:
    before = fingerprints_of(sim.repository_path)
    fault(sim, function)
    result, _ = outcome(make, driver)
    assert isinstance(result, AgentFault)
    assert str(result).endswith(
        ("there is no definition of it", "there is no such file", "the definition is as it was")
    )
    assert fingerprints_of(sim.repository_path) == before


# the step, the call after which it and all looks fail, the look, and which of these
SICK = {
    "create_vm": ("storage_plugin_getFileInfo", "discover_repositories", 1),
    "copy_file": ("create_vm", "discover_repositories", 1),
    "configure_vm": ("copy_file", "get_vm_config", 2),
}


@pytest.mark.parametrize("function", SICK)
def test_a_fault_that_no_look_confirms_is_not_undone(
    driver: Any, sim: Simulator, function: str
) -> None:
    previous, read, nth = SICK[function]

    def sicken(moment: str) -> None:
        if moment == "after":
            fault(sim, function)
            fault(sim, read, nth=nth, times=None)

    sim.misbehave("hook", previous, hook=sicken)
    result, _ = outcome(
        driver.create_node,
        "web",
        driver.list_sizes()[0],
        driver.list_images()[0],
        ex_allow_same_name=True,
    )
    assert isinstance(result, OperationIncomplete)
    assert "no answer from the manager" in str(result)
    assert calls_of(sim, function) == [function]
    assert calls_of(sim, "delete_vm", "storage_plugin_destroy") == []


@pytest.mark.parametrize("kind", ["fault_after", "drop_after"])
def test_a_definition_that_is_there_and_cannot_be_read_back_is_not_undone(
    driver: Any, sim: Simulator, kind: str
) -> None:
    """Perhaps it is still being written: who takes it out now may see it come back."""
    by_module = kind == "drop_after" and has_module(sim)
    rule = sim.misbehave(kind, CHANGE if by_module else "create_vm", text=TEXT)
    if by_module:
        fault(sim, "libcloud_read_claim")
    fault(sim, "get_vm_config")
    result, _ = outcome(make, driver)
    assert rule.hits
    assert isinstance(result, OperationIncomplete)
    assert calls_of(sim, "create_vm", "delete_vm") == ["create_vm"]
    [node] = driver.list_nodes()
    assert (node.state, node.id) == (NodeState.PENDING, result.left[0])


def test_a_definition_of_which_the_module_knows_is_undone() -> None:
    """The response is lost, and the module says that it is made: nothing comes back any more."""
    with simulate(hosts=2, vms=0, template_bytes=1 << 20, host_module=True) as sim:
        driver, before = driver_for(sim), files_of(sim)
        rule = sim.misbehave("drop_after", CHANGE)
        fault(sim, "get_vm_config")
        result, _ = outcome(make, driver)
        assert rule.hits
        assert isinstance(result, AgentFault)
        assert calls_of(sim, "create_vm", "delete_vm") == ["create_vm", "delete_vm"]
        assert driver.list_nodes() == []
        assert files_of(sim) == before


def test_a_node_that_does_not_start_is_complete(driver: Any, sim: Simulator) -> None:
    fault(sim, "start_vm")
    result, _ = outcome(make, driver)
    assert isinstance(result, OperationIncomplete)
    assert "complete, but not started" in str(result)
    sim.clear_misbehaviour()
    sim.misbehave("answer", "start_vm", value=None)
    result, _ = outcome(driver.create_node, "two", driver.list_sizes()[0], driver.list_images()[0])
    assert isinstance(result, OperationIncomplete)
    assert "not started" not in str(result), "whether it starts is not known"
