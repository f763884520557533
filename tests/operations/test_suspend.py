"""Suspended nodes: what may be done with them, and when what is saved is never restored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.diagnostics.vm_checks import check_vms
from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.simulator import Simulator
from tests.operations.claiming import check_claim, client_killed, plain_driver
from tests.support import calls_of, driver_for, quietly, simulate

RUNS, PAUSED, SUSPENDED = NodeState.RUNNING, NodeState.PAUSED, NodeState.SUSPENDED


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Two hosts with the module; ``web`` runs on the first."""
    with simulate(2, vms=0, host_module=True, secure=False) as simulator:
        simulator.add_vm("web", running_on=0)
        simulator.add_vm("other")
        yield simulator


@pytest.fixture
def driver(sim: Simulator) -> Any:
    return plain_driver(sim)


@pytest.fixture
def web(driver: Any) -> Any:
    return driver.ex_get_node_by_name("web")


def state_of(driver: Any) -> str:
    return str(quietly(driver.ex_get_node_by_name, "web").state)


def folder_of(sim: Simulator, node: Any) -> Any:
    return sim.repository_path / "VirtualMachines" / node.extra["directory"]


def refused(sim: Simulator, why: str, action: Any, *given: Any, **more: Any) -> None:
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match=why):
        quietly(action, *given, **more)
    changing = ("start_vm", "restore_vm", "save_vm", "configure_vm", "delete_vm")
    assert calls_of(sim, *changing) == []


def test_while_it_is_suspended(sim: Simulator, driver: Any, web: Any) -> None:
    """Nothing changes its disks, nor its definition; it goes on elsewhere."""
    [disk] = quietly(driver.ex_list_volumes, web)
    driver.ex_suspend_node(web)
    assert driver.ex_suspend_node(web), "already"
    node = driver.ex_get_node(web.id)
    assert (node.state, node.extra["live"]) == (SUSPENDED, [])
    assert node.extra["claim"]["saved"] == node.extra["claim"]["operation"]
    assert [one["path"] for one in node.extra["claim"]["disks"]] == node.extra["disks"]
    other = driver.ex_get_node_by_name("other")
    for action, given, more in (
        (driver.start_node, (web,), {}),
        (driver.destroy_node, (web,), {}),
        (driver.ex_resize_volume, (disk, disk.size + 9), {}),
        (driver.create_volume_snapshot, (disk, "s"), {}),
        (driver.destroy_volume, (disk,), {}),
        (driver.attach_volume, (web, quietly(driver.create_volume, 1, "new")), {}),
        (driver.attach_volume, (other, disk), {}),
    ):
        refused(
            sim, "uspended|memory of its guest|in use|used by|has it as", action, *given, **more
        )
    with pytest.warns(UserWarning, match="is suspended, and was left so"):
        driver.stop_node(web)
    assert driver.ex_resume_node(web, sim.hosts[1].address)
    node = driver.ex_get_node(web.id)
    assert (node.state, node.extra["host"]) == (RUNS, "ovm-2")
    assert [one.name for one in folder_of(sim, web).iterdir()] == ["vm.cfg"]
    with pytest.raises(InvalidArgument, match="is for a suspended VM"):
        driver.ex_resume_node(web, sim.hosts[0].address)


def test_what_another_tool_has_started_is_not_restored(
    sim: Simulator, driver: Any, web: Any
) -> None:
    """Its disks are newer."""
    driver.ex_suspend_node(web)
    where = (sim.repository_id, web.extra["directory"])
    driver.connection.call("start_vm", *where)
    refused(sim, "no operation of this package has recorded", driver.ex_resume_node, web)
    quietly(driver.ex_settle_node, web)
    quietly(driver.stop_node, web, ex_force=True)
    assert state_of(driver) == NodeState.STOPPED
    refused(sim, "is stopped, and no operation", driver.ex_resume_node, web)


def test_a_restore_that_is_refused_is_tried_elsewhere(
    sim: Simulator, driver: Any, web: Any
) -> None:
    driver.ex_suspend_node(web)
    sim.misbehave("fault", "restore_vm", text="<type 'exceptions.Exception'>:no memory")
    with pytest.raises(AgentFault, match="no memory"):
        quietly(driver.ex_resume_node, web, sim.hosts[0].address)
    assert state_of(driver) == SUSPENDED
    quietly(driver.ex_resume_node, web, sim.hosts[1].address)
    assert state_of(driver) == RUNS


def test_a_save_that_may_not_be_whole(sim: Simulator, driver: Any, web: Any) -> None:
    """The agent says that it has failed, and the guest is gone."""
    text = "<type 'exceptions.Exception'>:no space"
    sim.misbehave("fault_after", "save_vm", text=text)
    with pytest.raises(OperationIncomplete, match=r"no space.*ex_discard_saved=True of start_node"):
        driver.ex_suspend_node(web)
    assert driver.ex_get_node(web.id).extra["claim"]["saved"].startswith("unsure ")
    found = [one.found for one in check_vms(read_estate(driver._estate_of("")))]
    assert any("whether all of its memory was saved is not known" in text for text in found)
    for method in (driver.ex_resume_node, driver.ex_suspend_node):
        refused(sim, "is not known.*ex_discard_saved", method, web)
    with pytest.warns(UserWarning, match="was discarded; its disks are as after a power cut"):
        driver.start_node(web, ex_discard_saved="yes")
    assert state_of(driver) == RUNS
    assert check_claim(sim).disks  # type: ignore[union-attr]
    assert [one.name for one in folder_of(sim, web).iterdir()] == ["vm.cfg"]


def test_a_client_dies_before_it_runs(sim: Simulator, driver: Any, web: Any) -> None:
    """Whoever comes next lets it run."""
    driver.ex_suspend_node(web)
    with client_killed("libcloud_change_claimed_vm", 2, is_sent=False):
        driver.ex_resume_node(web)
    assert state_of(driver) == PAUSED
    quietly(driver.ex_resume_node, web)
    assert state_of(driver) == RUNS
    assert [one.name for one in folder_of(sim, web).iterdir()] == ["vm.cfg"]


def test_a_file_of_a_users_is_not_taken_for_its_memory(
    sim: Simulator, driver: Any, web: Any
) -> None:
    driver.ex_suspend_node(web)
    (folder_of(sim, web) / "notes.txt").write_text("mine")
    with pytest.warns(UserWarning, match=r"which of these it is, is not known: .*notes.txt"):
        driver.ex_resume_node(web)
    assert len(list(folder_of(sim, web).iterdir())) == 3


def test_it_is_destroyed_without_its_memory(sim: Simulator, driver: Any, web: Any) -> None:
    driver.ex_suspend_node(web)
    assert driver.ex_list_own_disks(web) == []
    with pytest.raises(InvalidArgument):
        driver.destroy_node(web, ex_disks=["/OVS/x.img"], ex_discard_saved=True)
    assert state_of(driver) == SUSPENDED
    quietly(driver.destroy_node, web, ex_discard_saved=True)
    assert [one.name for one in driver.list_nodes()] == ["other"]
    assert not folder_of(sim, web).exists()


def test_what_cannot_be_suspended(sim: Simulator, driver: Any, web: Any) -> None:
    (folder_of(sim, web) / "notes.txt").write_text("mine")
    refused(sim, "nothing but vm.cfg may lie; move away: .*notes.txt", driver.ex_suspend_node, web)
    (folder_of(sim, web) / "notes.txt").unlink()
    driver.ex_pause_node(web)
    refused(sim, "xend refuses to save a paused guest", driver.ex_suspend_node, web)
    refused(
        sim, re.escape("(ex_unpause_node, if that was ex_pause_node)"), driver.ex_resume_node, web
    )
    driver.ex_unpause_node(web)
    quietly(driver.stop_node, web, ex_force=True)
    refused(sim, "cannot be|stopped", driver.ex_suspend_node, web)
    alone = plain_driver_without(sim)
    quietly(driver.start_node, web)
    refused(sim, "has no claim, as not all hosts", alone.ex_suspend_node, web)


def plain_driver_without(sim: Simulator) -> Any:
    return quietly(driver_for, sim, secure=False, ex_fingerprint=None, ex_host_module=False)


def test_what_somebody_else_has_paused_stays_so(sim: Simulator, driver: Any, web: Any) -> None:
    """With a claim and without one; a pause of ours that another client finds is released."""
    where = (sim.repository_id, web.extra["directory"])
    for one in (driver, plain_driver_without(sim)):
        quietly(one.ex_pause_node, web)
        assert quietly(one.ex_pause_node, web), "already"
        quietly(one.ex_unpause_node, web)
        assert quietly(one.ex_unpause_node, web), "it runs"
        driver.connection.call("pause_vm", *where)
        for method in (one.ex_pause_node, one.ex_unpause_node):
            with pytest.raises(PreconditionFailed, match="nothing records that this package"):
                quietly(method, web)
        assert state_of(driver) == PAUSED
        driver.connection.call("unpause_vm", *where)
    assert not list((sim.repository_path / "VirtualDisks").glob("held.*"))


def test_a_reset_whose_start_fails_says_that_it_is_off(
    sim: Simulator, driver: Any, web: Any
) -> None:
    quietly(driver.ex_reset_node, web)
    sim.misbehave("fault", "start_vm", text="<type 'exceptions.Exception'>:no memory")
    why = r"was powered off for its reset.*no memory"
    with pytest.raises(OperationIncomplete, match=why) as it:
        quietly(driver.ex_reset_node, web)
    assert web.id in it.value.left
    assert state_of(driver) == NodeState.STOPPED
    with pytest.raises(Ovm3Error, match="stopped"):
        quietly(driver.ex_reset_node, web)
    quietly(driver.start_node, web)
    assert state_of(driver) == RUNS
