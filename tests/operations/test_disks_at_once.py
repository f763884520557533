"""A second client changes a disk in the middle of what a first one does with it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
    VolumeNotFound,
)
from libcloud_ovm3.operations import doors
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import Lab, add_disk, in_file, live_disks, path_of
from tests.support import CHANGE, calls_of, driver_for, quietly, simulate

MIB = 1 << 20


@pytest.fixture(params=[True, False], ids=["module", "agent"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with simulate(hosts=2, vms=0, templates=0, host_module=request.param) as sim:
        sim.add_vm("off")
        yield Lab(sim, driver_for(sim))


@pytest.fixture
def with_module() -> Iterator[Lab]:
    with simulate(hosts=2, vms=0, templates=0, host_module=True) as sim:
        sim.add_vm("off")
        yield Lab(sim, driver_for(sim))


def meanwhile(
    sim: Simulator, function: str, moment: str, action: Callable[[Any], Any]
) -> list[Any]:
    """Let another client do something before or after the next call of a function has its effect;
    what came of it.
    """
    other, found = driver_for(sim), list[Any]()

    def hook(now: str) -> None:
        if now == moment:
            try:
                found.append(action(other))
            except Ovm3Error as error:
                found.append(error)

    sim.misbehave("hook", function, hook=hook)
    return found


def test_destroyed_while_it_is_attached(lab: Lab) -> None:
    volume = lab.driver.create_volume(None, "data", ex_size_bytes=MIB)
    node = lab.node("off")
    has_module = calls_of(lab.sim, "libcloud_create_file")
    function = CHANGE if has_module else "configure_vm"
    found = meanwhile(lab.sim, function, "before", lambda other: other.destroy_volume(volume))
    with pytest.raises(PreconditionFailed, match="was deleted or set aside; it was detached"):
        lab.attach(node, volume.id)
    assert found == [True]
    assert in_file(lab.sim, node.extra["directory"], "data.") == []


def test_attached_right_before_it_is_deleted(lab: Lab) -> None:
    """With the module it is kept; what the storage plug-in deletes is gone, but that is said."""
    sim, driver = lab.sim, lab.driver
    volume = driver.create_volume(None, "data", ex_size_bytes=MIB)
    has_module = bool(calls_of(sim, "libcloud_create_file"))
    function = "libcloud_set_aside" if has_module else "storage_plugin_destroy"
    node = lab.node("off")
    found = meanwhile(sim, function, "before", lambda other: other.attach_volume(node, volume))
    error = PreconditionFailed if has_module else OperationIncomplete
    with pytest.raises(error, match=f"{node.extra['directory']}.*names it"):
        driver.destroy_volume(volume)
    assert found == [True]
    assert in_repository(sim, volume).exists() == has_module


def test_disk_of_a_destroyed_vm_gets_another_vm(lab: Lab) -> None:
    """The same for the disks of a VM; as volumes they are attached once nobody has them."""
    sim, driver = lab.sim, lab.driver
    own = f"{uuid.uuid4().hex}.img"
    add_disk(sim, own)
    sim.add_vm("first", uuid=own[:-4], config={"disk": [f"file:{path_of(sim, own)},xvda,w"]})
    node, second = lab.node("first"), lab.node("off")
    [disk] = quietly(driver.ex_list_volumes, node)
    has_module = bool(calls_of(sim, "libcloud_repository"))
    function = "libcloud_set_aside" if has_module else "storage_plugin_destroy"
    found = meanwhile(sim, function, "before", lambda other: other.attach_volume(second, disk.id))
    with pytest.raises(OperationIncomplete, match=f"{second.extra['directory']}.*names it"):
        quietly(driver.destroy_node, node)
    assert found == [True]
    assert in_repository(sim, disk).exists() == has_module


def test_destroyed_while_it_is_reverted(with_module: Lab) -> None:
    """It is set aside for a moment, but nobody has deleted it."""
    sim, driver = with_module.sim, with_module.driver
    volume = driver.create_volume(None, "data", ex_size_bytes=MIB)
    snapshot = driver.create_volume_snapshot(volume)

    def revert(other: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(doors, "rename_file", die)
            with pytest.raises(KeyboardInterrupt):
                other.ex_revert_volume(volume, snapshot)

    meanwhile(sim, "libcloud_set_aside", "before", revert)
    with pytest.raises(PreconditionFailed, match="another operation has set it aside"):
        driver.destroy_volume(volume)
    with pytest.raises(VolumeNotFound, match=r"has set its file aside.*ex_put_back"):
        driver.ex_get_volume(volume.id)
    [aside] = [one for one in quietly(driver.ex_list_orphans) if one["set_aside"]]
    assert driver.ex_put_back(aside["path"], aside["set_aside"]) is True


@pytest.mark.parametrize("change", ["attach", "detach", "insert", "eject"])
def test_started_while_its_disks_are_changed(lab: Lab, change: str) -> None:
    """It was stopped when that was looked at; now it runs with the disks of the old vm.cfg."""
    sim, driver, node = lab.sim, lab.driver, lab.node("off")
    volume_id = add_disk(sim)
    iso = f"{sim.repository_id}/ISOs/oracle-linux-6-boot.iso"
    actions: dict[str, Callable[[], Any]] = {
        "attach": lambda: lab.attach(node, volume_id),
        "detach": lambda: lab.detach(volume_id),
        "insert": lambda: driver.ex_insert_iso(node, iso, "xvdc"),
        "eject": lambda: driver.ex_eject_iso(node, "xvdc"),
    }
    lab.attach(node, add_disk(sim, "first.img"))
    if change in ("detach", "eject"):
        actions[{"detach": "attach", "eject": "insert"}[change]]()
    has_module = calls_of(sim, CHANGE)
    function = CHANGE if has_module else "configure_vm"
    changed_by = [one.host_index for one in sim.calls if one.function == function][-1]
    other_host = sim.hosts[1 - changed_by].address  # the agent does not see it run
    found = meanwhile(
        sim, function, "before", lambda other: quietly(other.start_node, node, other_host)
    )
    if function == CHANGE:  # the claim says that it was started: nothing is changed
        before = in_file(sim, node.extra["directory"], ",")
        with pytest.raises(PreconditionFailed, match=f"it is on ovm-{2 - changed_by}"):
            actions[change]()
        assert (found, in_file(sim, node.extra["directory"], ",")) == ([True], before)
        return
    sent = len(calls_of(sim, function))
    why = "started meanwhile; vm.cfg has the change, the live domain is as it was: it is running"
    with pytest.raises(OperationIncomplete, match=why) as caught:
        actions[change]()
    assert found == [True]
    assert "Stop it and start it again" in str(caught.value)
    assert len(calls_of(sim, function)) == sent + 1, "vm.cfg was changed back"
    lab.driver.stop_node(node, ex_force=True)
    lab.driver.start_node(node)
    assert bool(live_disks(sim, 0) + live_disks(sim, 1)) == (change == "attach")
    media = live_disks(sim, 0, "boot.iso") + live_disks(sim, 1, "boot.iso")
    assert bool(media) == (change == "insert")


def test_whether_it_was_started_is_not_known(lab: Lab) -> None:
    sim, node, volume_id = lab.sim, lab.node("off"), add_disk(lab.sim)
    has_module = calls_of(sim, "libcloud_repository")
    function = CHANGE if has_module else "configure_vm"

    def fail(other: Any) -> None:
        for read in ("libcloud_domains", "list_vms"):
            sim.misbehave("fault", read, host=0, times=None)

    meanwhile(sim, function, "after", fail)
    with pytest.warns(UserWarning, match="whether VM 'off' .* was started meanwhile is unknown"):
        assert lab.driver.attach_volume(node, volume_id)


def test_started_right_after_its_disks_were_changed(lab: Lab) -> None:
    """Then it has the new disk, and nothing is wrong."""
    function = CHANGE
    node, volume_id = lab.node("off"), add_disk(lab.sim)
    if not calls_of(lab.sim, "libcloud_repository"):
        function = "configure_vm"
    found = meanwhile(lab.sim, function, "after", lambda other: quietly(other.start_node, node))
    assert lab.attach(node, volume_id)
    assert found == [True]
    assert live_disks(lab.sim, 0) + live_disks(lab.sim, 1)


def in_repository(sim: Simulator, volume: Any) -> Path:
    return sim.repository_path / volume.id.partition("/")[2]


def die(*_: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("answer", ["changes the file", "leaves the file"])
def test_a_card_that_was_refused_as_its_vm_was_started(answer: str) -> None:
    """xend lists a device that it could not connect for a moment (xend.md 5)."""
    answers = {"configure_vm refused by xend": answer}
    with simulate(2, vms=0, templates=0, host_module=True, answers=answers) as sim:
        sim.add_vm("off")
        driver = driver_for(sim)
        node = driver.ex_get_node_by_name("off")
        by = sim.hosts[0].address
        found = meanwhile(sim, CHANGE, "before", lambda it: it.start_node(node, by))
        bridge = "10e69b4de3.77"
        with pytest.raises((OperationIncomplete, AgentFault), match="Could not find bridge device"):
            driver.ex_attach_nic(node, bridge)
        assert found == [True]
        live = [one.network for one in driver.ex_list_nics(node) if one.extra["is_live"]]
        assert live, "it runs"
        assert bridge not in live
