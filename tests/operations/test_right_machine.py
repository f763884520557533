"""The agent stops and reboots by the name in vm.cfg: whoever has that name is hit.

So before each such call the live domain's name is the definition's, and nobody else's there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, quietly, simulate

HITS = ("stop_vm", "reboot_vm", "delete_vm", "storage_plugin_destroy")


@pytest.fixture(params=[False, True], ids=["alone", "with the module"])
def sim(request: pytest.FixtureRequest, personality: str) -> Iterator[Simulator]:
    options: dict[str, Any] = {"host_module": request.param, "personality": personality}
    with simulate(hosts=2, vms=0, memory_mb=8192, **options) as simulator:
        yield simulator


def stop(driver: Any, node: Any) -> Any:
    return driver.stop_node(node, ex_force=True)


def destroy(driver: Any, node: Any) -> Any:
    return driver.destroy_node(node)


def reboot(driver: Any, node: Any) -> Any:
    return driver.reboot_node(node, ex_minimum_age=0)


ACTIONS = (stop, destroy, reboot)


def add(sim: Simulator, name: str, **config: Any) -> Any:
    """A running VM on the first host; its node."""
    sim.add_vm(name, running_on=0, config=config)
    return quietly(driver_for(sim).ex_get_node_by_name, name)


def rewrite(sim: Simulator, node: Any, **changes: Any) -> None:
    """Somebody edits the vm.cfg of a node."""
    file = sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"
    kept = [
        line for line in file.read_text().splitlines() if line.partition(" = ")[0] not in changes
    ]
    new = file.parents[2] / ".vm.cfg.new"  # nobody reads half a file
    new.write_text("\n".join([*kept, *(f"{k} = {v!r}" for k, v in changes.items()), ""]))
    new.replace(file)


def refused(sim: Simulator, action: Any, node: Any, match: str) -> None:
    """Nobody was hit, and the error says who might have been."""
    before = {d["uuid"]: d["domid"] for host in (0, 1) for d in sim.domains(host)}
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match=match):
        quietly(action, driver_for(sim), node)
    assert calls_of(sim, *HITS) == []
    assert {d["uuid"]: d["domid"] for host in (0, 1) for d in sim.domains(host)} == before


@pytest.mark.parametrize("action", ACTIONS)
def test_a_vm_cfg_with_the_name_of_another(sim: Simulator, action: Any) -> None:
    one, two = add(sim, "one"), add(sim, "two")
    name = two.extra["xend_name"]
    rewrite(sim, one, name=name)
    refused(sim, action, one, f"xend the name '{name}'.*{one.id}.*{two.id}")


@pytest.mark.parametrize("action", ACTIONS)
def test_a_vm_cfg_with_a_name_of_nobody(sim: Simulator, action: Any) -> None:
    """Whom the agent would reach by it is not known: perhaps one that comes in a moment."""
    node = add(sim, "one")
    rewrite(sim, node, name="renamed")
    refused(sim, action, node, f"xend the name 'renamed'.*named '{node.extra['xend_name']}'")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("called", ["by the directory", "by the uuid", "by the number"])
def test_a_stranger_that_is_called_as_the_agent_is_asked(
    sim: Simulator, action: Any, called: str
) -> None:
    """Which of the names the agent hands to xend is not documented: none may be another's."""
    node = add(sim, "one")
    add(sim, "two")
    names = {"by the directory": node.extra["directory"], "by the uuid": node.id}
    [live] = [d for d in sim.domains(0) if d["uuid"] == node.id]
    agent = driver_for(sim).connection
    answer = agent.call("list_vms")
    for record in answer:
        if record["uuid"] == node.id and called == "by the directory":
            record["name"] = "own-name"
        elif record["uuid"] not in (node.id, "00000000-0000-0000-0000-000000000000"):
            record["name"] = names.get(called, record["name"])
            if called == "by the number":
                record["domid"] = "4711"
    if called != "by the uuid":
        rewrite(sim, node, name="own-name" if called == "by the directory" else "4711")
    if called == "by the number":
        for record in answer:
            if record["uuid"] == live["uuid"]:
                record["name"] = "4711"
    sim.misbehave("answer", "list_vms", host=0, times=None, value=answer)
    before = [d["domid"] for d in sim.domains(0)]
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match="not this VM's alone"):
        quietly(action, driver_for(sim), node)
    assert calls_of(sim, *HITS) == []
    assert [d["domid"] for d in sim.domains(0)] == before


def test_the_same_name_on_another_host_is_another_machine(sim: Simulator) -> None:
    """xend knows its own host only: the one that is asked has one of that name."""
    one = add(sim, "one")
    sim.add_vm("two", config={"name": "same"})
    two = driver_for(sim).ex_get_node_by_name("two")
    driver_for(sim).stop_node(one, ex_force=True)
    rewrite(sim, one, name="same")
    if one.extra["claim"]:  # that was behind the claim: somebody says that it is right
        quietly(driver_for(sim).ex_settle_node, one, ex_accept=True)
    hosts = driver_for(sim).list_locations()
    driver_for(sim).start_node(one, hosts[0])
    driver_for(sim).start_node(two, hosts[1])
    assert stop(driver_for(sim), one) is True
    assert [len(sim.domains(host)) for host in (0, 1)] == [0, 1]
    assert reboot(driver_for(sim), two) is True


@pytest.mark.parametrize("action", ACTIONS)
def test_a_vm_cfg_that_changes_after_the_look(sim: Simulator, action: Any) -> None:
    """Between the look at everything and the door somebody gives it the name of another."""
    one, two = add(sim, "one"), add(sim, "two")
    reads = (calls_of(sim, "libcloud_repository") or ["get_vm_config"])[0]
    edited = []

    def edit(moment: str) -> None:
        if moment == "after" and not edited:
            edited.append(moment)
            rewrite(sim, one, name=two.extra["xend_name"])

    nth = 1 if reads == "libcloud_repository" else 2  # one a definition
    sim.misbehave("hook", reads, nth=nth, hook=edit)
    refused(sim, action, one, "changed in the meantime|not this VM's alone")
    assert edited


@pytest.mark.parametrize("action", ACTIONS)
def test_a_host_that_falls_silent_at_the_door(sim: Simulator, action: Any) -> None:
    node = add(sim, "one")
    driver = driver_for(sim)

    def silence(moment: str) -> None:
        if moment == "after":
            sim.hosts[0].kill()

    seen = len(calls_of(sim, "get_vm_config"))
    assert driver.ex_get_node(node.id).state == NodeState.RUNNING
    nth = len(calls_of(sim, "get_vm_config")) - seen + 1  # the first that is the door's
    sim.calls.clear()
    sim.misbehave("hook", "get_vm_config", nth=nth, hook=silence)
    with pytest.raises(PreconditionFailed, match="cannot be read"):
        quietly(action, driver, node)
    assert calls_of(sim, *HITS) == []


def test_gone_by_itself_at_the_door(sim: Simulator) -> None:
    """It ends between the look and the call: nothing is sent, and it is seen to be gone."""
    node = add(sim, "one")
    driver = driver_for(sim)
    by_hand = driver_for(sim).connection
    ended = []

    def end(moment: str) -> None:
        if moment == "before" and not ended:
            ended.append(moment)
            by_hand.call("stop_vm", node.extra["repository_id"], node.extra["directory"], True)
            sim.wait(5)

    seen = len(calls_of(sim, "get_vm_config"))
    driver.ex_get_node(node.id)
    nth = len(calls_of(sim, "get_vm_config")) - seen + 1
    sim.misbehave("hook", "get_vm_config", nth=nth, hook=end)
    sim.calls.clear()
    assert driver.stop_node(node) is True
    assert calls_of(sim, "stop_vm") == ["stop_vm"], "by hand, and not by the driver"
    assert driver.ex_get_node(node.id).state == NodeState.STOPPED
