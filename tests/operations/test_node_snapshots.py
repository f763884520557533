"""Snapshots of nodes: made, listed, reverted to and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    NodeNotFound,
    OperationIncomplete,
    Ovm3Warning,
    PreconditionFailed,
    VolumeNotFound,
)
from libcloud_ovm3.operations import revert_vm
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import WRITES, Step, files_of, misbehave
from tests.operations.templates import disks_of, make_disk, vm_cfg_of
from tests.support import PERSONALITIES, calls_of, driver_for, quietly, simulate


@pytest.fixture(params=PERSONALITIES)
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with simulate(2, vms=0, personality=request.param, host_module=True) as simulator:
        yield simulator


def add_node(sim: Simulator, running_on: int | None = None) -> Any:
    """A node with three disks: one of the Manager's, one of its own, and a volume."""
    driver = driver_for(sim)
    vm_id = "0004fb00-0006-0000-aaaa-aaaaaaaaaaaa"
    disks = [make_disk(sim, name) for name in ("a.img", f"{vm_id}-2.raw")]
    entries = [f"file:{path},xvd{letter},w" for letter, path in zip("ab", disks, strict=True)]
    sim.add_vm("db", uuid=vm_id, config={"disk": entries, "OVM_description": "old"})
    node = driver.ex_get_node_by_name("db")
    driver.attach_volume(node, driver.create_volume(1, "data"), "xvdc")
    if running_on is not None:
        driver.start_node(node, driver.list_locations()[running_on])
    return driver.ex_get_node_by_name("db")


def write(sim: Simulator, node: Any, text: str) -> list[bytes]:
    """Write other content into each disk of a node; return it all."""
    for number, path in enumerate(node.extra["disks"]):
        file = sim.path_of(path.split("/")[3]) / path.split("/", 4)[4]
        with file.open("r+b") as opened:
            opened.write(f"{text} {number}".encode())
    return disks_of(sim, node)


@pytest.mark.parametrize("running_on", [None, 1], ids=["off", "paused meanwhile"])
def test_made_reverted_to_and_deleted(sim: Simulator, running_on: int | None) -> None:
    """All disks and the definition come back, twice; the name stays, a later volume is kept."""
    node = add_node(sim, running_on)
    driver, old = driver_for(sim), write(sim, node, "old")
    before = files_of(sim)
    snapshot = quietly(driver.ex_create_node_snapshot, node, "before", ex_pause=True)
    assert driver.ex_get_node_by_name("db").state == node.state
    if running_on is not None:
        driver.stop_node(node, ex_force=True)
    [listed] = driver.ex_list_node_snapshots(node)
    assert listed == snapshot
    assert (listed["name"], listed["state"], listed["node_id"]) == ("before", "available", node.id)
    assert len(driver.ex_list_snapshots()) == len(listed["snapshots"]) == 3
    assert driver.ex_list_node_snapshots("0" * 32) == []
    for number in (1, 2):
        node = driver.ex_get_node_by_name("db")
        write(sim, node, f"new {number}")
        more = driver.create_volume(1, f"more {number}")
        driver.attach_volume(node, more, "xvdd")
        driver.ex_insert_iso(node, f"{sim.repository_id}/ISOs/oracle-linux-6-boot.iso")
        with pytest.warns(Ovm3Warning, match="is detached from VM .* and kept"):
            assert driver.ex_revert_node_snapshot(node, snapshot["id"]) is True
        node = driver.ex_get_node_by_name("db")
        assert disks_of(sim, node) == old
        assert (node.state, node.extra["description"]) == (NodeState.STOPPED, "old")
        names = [Path(path).name.partition(".")[0][:4] for path in node.extra["disks"]]
        assert names == ["a", "0004", "data"]
        assert driver.ex_get_volume(more).state == "available"
        driver.destroy_volume(more)
    [listed] = driver.ex_list_node_snapshots()
    assert listed["state"] == "available"
    assert driver.ex_delete_node_snapshot(listed) is True
    assert driver.ex_list_node_snapshots() == []
    left = files_of(sim)
    assert len(left) == len(before), "as many disks as before"
    assert driver.start_node(node) is True
    quietly(driver.destroy_node, node)
    kept = [Path(path).name for path in files_of(sim) if path.startswith("VirtualDisks/")]
    assert [name.partition(".")[0] for name in kept] == ["a", "data"], "volumes stay"


def test_what_is_refused(sim: Simulator) -> None:
    node = add_node(sim, running_on=0)
    driver = driver_for(sim)
    sim.add_vm("lun", config={"disk": ["phy:/dev/mapper/x,xvda,w"]})
    sim.add_vm("none", config={"disk": []})
    lun, none = (driver.ex_get_node_by_name(name) for name in ("lun", "none"))
    begin = len(sim.calls)
    for error, why, subject, name in (
        (PreconditionFailed, "have it paused", node, "a"),
        (InvalidArgument, "a disk that is physical", lun, "a"),
        (PreconditionFailed, "has no disks", none, "a"),
        (InvalidArgument, "too long", none, "x" * 300),
    ):
        with pytest.raises(error, match=why):
            quietly(driver.ex_create_node_snapshot, subject, name)
    assert not {*calls_of(sim)[begin:]} & WRITES
    snapshot = quietly(driver.ex_create_node_snapshot, node, "one", ex_pause=True)
    begin, before = len(sim.calls), files_of(sim)
    with pytest.raises(PreconditionFailed, match="stop it"):
        quietly(driver.ex_revert_node_snapshot, node, snapshot)
    with pytest.raises(InvalidArgument, match="is not one of VM"):
        quietly(driver.ex_revert_node_snapshot, none, snapshot)
    with pytest.raises(VolumeNotFound, match="there is no snapshot"):
        quietly(driver.ex_delete_node_snapshot, "x")
    for one in snapshot["snapshots"]:
        with pytest.raises(PreconditionFailed, match=r"ex_delete_node_snapshot.*deletes all"):
            quietly(driver.destroy_volume_snapshot, one)
    assert (files_of(sim), {*calls_of(sim)[begin:]} & WRITES) == (before, set())
    driver.stop_node(node, ex_force=True)
    (sim.repository_path / snapshot["snapshots"][1].partition("/")[2]).unlink()
    [listed] = driver.ex_list_node_snapshots()
    assert (listed["state"], listed["missing"]) == ("error", [snapshot["snapshots"][1]])
    with pytest.raises(PreconditionFailed, match="is not there"):
        quietly(driver.ex_revert_node_snapshot, node, snapshot)
    quietly(driver.destroy_node, node)
    assert [one["node_name"] for one in driver.ex_list_node_snapshots()] == ["db"]
    assert quietly(driver.ex_delete_node_snapshot, snapshot) is True
    assert driver.ex_list_snapshots() == []


def test_without_the_module(sim: Simulator) -> None:
    """It is refused, after reading; and a part is not deleted, as nobody can tell what it is of."""
    node = add_node(sim)
    snapshot = quietly(driver_for(sim).ex_create_node_snapshot, node, "one")
    alone = driver_for(sim, ex_host_module=False)
    for action, given in (
        (alone.ex_create_node_snapshot, (node, "two")),
        (alone.destroy_volume_snapshot, (snapshot["snapshots"][0],)),
    ):
        with pytest.raises(PreconditionFailed, match="host module"):
            quietly(action, *given)
    with pytest.warns(Ovm3Warning, match="are not known: no host"):
        assert alone.ex_list_node_snapshots() == []


def test_a_volume_that_another_node_has_got(sim: Simulator) -> None:
    """Detached since, and attached to another node: it stays that one's, as it is; so does what the
    node has got in its place."""
    node = add_node(sim)
    driver, old = driver_for(sim), write(sim, node, "old")
    snapshot = quietly(driver.ex_create_node_snapshot, node, "one")
    [data] = [one for one in driver.ex_list_volumes(node) if one.name == "data"]
    driver.detach_volume(data)
    sim.add_vm("other")
    other = driver.ex_get_node_by_name("other")
    driver.attach_volume(other, data)
    mine = driver.create_volume(1, "mine")
    driver.attach_volume(node, mine, "xvdc")
    before = vm_cfg_of(sim, other)
    quietly(driver.ex_revert_node_snapshot, node, snapshot)
    assert disks_of(sim, driver.ex_get_node_by_name("db")) == old
    assert vm_cfg_of(sim, other) == before
    assert driver.ex_get_volume(data).state == "inuse"
    assert driver.ex_get_volume(mine).state == "available"


def test_what_another_snapshot_has_is_no_reason_to_delete(alone: Simulator) -> None:
    """A disk that a reversal has made stands for one volume, not for whatever had its device; and
    an HA flag that is gone since does not come back."""
    sim, driver = alone, driver_for(alone)
    disks = [f"file:{make_disk(sim, f'{a}.img')},xvd{a},w" for a in "ab"]
    sim.add_vm("db", config={"disk": disks, "OVM_high_availability": True})
    node = driver.ex_get_node_by_name("db")
    zero = quietly(driver.ex_create_node_snapshot, node, "zero")
    file = sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"
    lines = file.read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if "OVM_high_availability" not in line)
    file.write_text(re.sub(r"disk *= *\[", "disk = ['file:/what,,q', ", text))
    with pytest.raises(PreconditionFailed, match="unclear, and it would be lost: 'file:/what,,q'"):
        quietly(driver.ex_revert_node_snapshot, node, zero)
    file.write_text(text)
    [first] = [one for one in driver.ex_list_volumes(node) if one.id.endswith("b.img")]
    driver.detach_volume(first)
    driver.attach_volume(node, driver.create_volume(1, "second"), "xvdb")
    one = quietly(driver.ex_create_node_snapshot, node, "one")
    quietly(driver.ex_revert_node_snapshot, node, one)
    [second] = [one for one in driver.ex_list_volumes(node) if one.name == "second"]
    with pytest.warns(Ovm3Warning, match=rf"{second.id.rpartition('/')[2]} is detached .* kept"):
        driver.ex_revert_node_snapshot(node, zero)
    assert driver.ex_get_volume(second).state == "available"
    assert not driver.ex_get_node_by_name("db").extra["high_availability"]
    assert driver.ex_get_volume(first).state == "available", "it was another volume's by then"
    names = [Path(path).name for path in driver.ex_get_node_by_name("db").extra["disks"]]
    assert [name.partition(".")[0] for name in names] == ["a", "b"]
    quietly(driver.ex_revert_node_snapshot, node, one)
    two = quietly(driver.ex_create_node_snapshot, node, "two")
    mine = driver.ex_get_node_by_name("db").extra["disks"]
    quietly(driver.ex_revert_node_snapshot, node, one)
    mine += driver.ex_get_node_by_name("db").extra["disks"]
    quietly(driver.ex_revert_node_snapshot, node, two)
    left = [path.rpartition("/")[2] for path in files_of(sim)]
    assert not {Path(path).name for path in mine} & {*left}, "those it replaces are deleted"


def test_other_disks_since_an_interrupted_reversal(alone: Simulator) -> None:
    """No other snapshot is reverted to before it is ended; and what it has made is not deleted if
    the node has neither that nor its old disks."""
    sim, driver = alone, driver_for(alone)
    sim.add_vm("db")
    node = driver.ex_get_node_by_name("db")
    one, two = (quietly(driver.ex_create_node_snapshot, node, name) for name in ("one", "two"))
    rule = misbehave(sim, "drop_before", Step("libcloud_delete_aside", "libcloud_write_document"))
    with pytest.raises(OperationIncomplete, match="was reverted to"):
        quietly(driver.ex_revert_node_snapshot, node, one)
    assert rule.hits
    with pytest.raises(PreconditionFailed, match="is being reverted to snapshot 'one'"):
        quietly(driver.ex_revert_node_snapshot, node, two)
    [made] = driver.ex_list_volumes(node)
    driver.detach_volume(made)
    with pytest.warns(Ovm3Warning, match=r"was kept: .* destroy_volume deletes it"):
        driver.ex_revert_node_snapshot(node, two, ex_take_over=True)
    assert driver.ex_get_volume(made).state == "available"
    assert driver.destroy_volume(made) is True
    assert [one["state"] for one in driver.ex_list_node_snapshots()] == ["available"] * 2


def test_taken_over_while_it_goes_on(alone: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other client removes what it has copied, and fails then: the node keeps its disks."""
    sim, driver = alone, driver_for(alone)
    sim.add_vm("db")
    node = driver.ex_get_node_by_name("db")
    one = quietly(driver.ex_create_node_snapshot, node, "one")
    before, content = files_of(sim), disks_of(sim, node)
    copy = revert_vm.clone_or_copy

    def copy_slowly(*given: Any) -> int:
        monkeypatch.undo()
        size = copy(*given)
        sim.misbehave("fault", "libcloud_start_job")
        with pytest.raises(AgentFault):
            quietly(driver_for(sim).ex_revert_node_snapshot, node, one, ex_take_over=True)
        return size

    monkeypatch.setattr(revert_vm, "clone_or_copy", copy_slowly)
    with pytest.raises(PreconditionFailed, match="was deleted meanwhile, or another client"):
        quietly(driver.ex_revert_node_snapshot, node, one)
    assert disks_of(sim, driver.ex_get_node_by_name("db")) == content
    assert files_of(sim) == before


def test_destroyed_while_it_is_reverted(alone: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was copied for it is removed: no other call would know what it is."""
    sim, driver = alone, driver_for(alone)
    sim.add_vm("db")
    node = driver.ex_get_node_by_name("db")
    one = quietly(driver.ex_create_node_snapshot, node, "one")
    before = files_of(sim)
    copy = revert_vm.clone_or_copy

    def copy_slowly(*given: Any) -> int:
        monkeypatch.undo()
        size = copy(*given)
        quietly(driver_for(sim).destroy_node, node)
        return size

    monkeypatch.setattr(revert_vm, "clone_or_copy", copy_slowly)
    with pytest.raises(NodeNotFound):
        quietly(driver.ex_revert_node_snapshot, node, one)
    assert {path for path in files_of(sim) if "Disks" in path} <= before.keys()
    assert [one["state"] for one in driver.ex_list_node_snapshots()] == ["available"]


@pytest.fixture
def alone() -> Iterator[Simulator]:
    with simulate(1, vms=0, host_module=True) as simulator:
        yield simulator
