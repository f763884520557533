"""Behaviours of the operations on volumes, snapshots and images, against the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import (
    add_disk,
    disks,
    in_file,
    live_disks,
    path_of,
)
from tests.operations.templates import MAC, make_disk, make_template
from tests.support import calls_of, driver_for, fingerprints_of, quietly, simulate

PATIENCE = 120  # seconds: each has a simulator of its own
WWID = "6006016011223300aa00bb11cc22dda1"


@contextmanager
def pool(host_module: bool = False, **options: Any) -> Iterator[tuple[Simulator, Any]]:
    options = {"vms": 0, "templates": 0, **options}
    with simulate(hosts=1, host_module=host_module, **options) as sim:
        yield sim, driver_for(sim)


def refused(action: Callable[..., Any], *given: Any, **options: Any) -> None:
    try:
        result = quietly(action, *given, **options)
    except Ovm3Error:
        return
    raise AssertionError(f"not refused: {result!r}")


@contextmanager
def nothing_lost(sim: Simulator) -> Iterator[None]:
    """All files are there afterwards, with what was in them."""
    before = fingerprints_of(sim.repository_path)
    yield
    assert before.items() <= fingerprints_of(sim.repository_path).items(), "content is lost"


def vm_disk(sim: Simulator, driver: Any, name: str, running: bool = False) -> Any:
    """The only disk of a new VM."""
    sim.add_vm(name, running_on=0 if running else None)
    [volume] = quietly(driver.ex_list_volumes, driver.ex_get_node_by_name(name))
    return volume


def at(sim: Simulator, function: str, moment: str, action: Callable[[], Any]) -> None:
    """Something happens beside the next call of that function."""
    sim.misbehave("hook", function, hook=lambda now: now == moment and action())


# ------------------------------------------------------------------ deletions


def what_a_template_names_is_not_deleted() -> None:
    """In any option: not only in its list of disks."""
    with pool() as (sim, driver):
        volume_id = add_disk(sim)
        make_template(sim, note=f"made of {path_of(sim)}")
        with nothing_lost(sim):
            refused(driver.destroy_volume, volume_id)


def an_image_that_a_vm_names_is_not_deleted() -> None:
    with pool(templates=1, template_bytes=1 << 20) as (sim, driver):
        image = driver.list_images()[0]
        entry = f"file:/OVS/Repositories/{sim.repository_id}/{image.extra['path']},xvda,w"
        sim.add_vm("careless", config={"disk": [entry]})
        with nothing_lost(sim):
            refused(driver.delete_image, image)


def a_template_that_gets_a_user_is_put_back() -> None:
    with pool(host_module=True) as (sim, driver):
        disk = make_disk(sim, "late.img")
        image = make_template(sim, disk=[f"file:{disk},xvda,w"])
        config = {"disk": [f"file:{disk},xvda,w"]}
        at(sim, "libcloud_set_aside", "after", lambda: sim.add_vm("late", config=config))
        with nothing_lost(sim):
            refused(driver.delete_image, image)


def nothing_is_deleted_while_something_is_unread() -> None:
    with pool() as (sim, driver):
        volume_id = add_disk(sim)
        broken = sim.repository_path / "VirtualMachines" / ("9" * 32)
        broken.mkdir()
        (broken / "vm.cfg").write_text("disk = [")
        with nothing_lost(sim):
            refused(driver.destroy_volume, volume_id)


def a_volume_does_not_go_with_a_node() -> None:
    with pool() as (sim, driver):
        directory = sim.add_vm("web")
        volume = driver.create_volume(1, directory)
        driver.attach_volume(directory, volume)
        quietly(driver.destroy_node, directory)
        assert volume.id in [one.id for one in driver.list_volumes()]


def a_new_node_gives_way_if_another_gets_its_volume() -> None:
    with pool(templates=1) as (sim, driver):
        volume_id = add_disk(sim)
        path = f"/OVS/Repositories/{volume_id}"

        def take(moment: str) -> None:
            if moment == "before":
                sim.add_vm("other", config={"disk": [f"file:{path},xvda,w"]})

        sim.misbehave("hook", "create_vm", hook=take)
        image = next(one for one in driver.list_images() if one.extra["kind"] == "raw")
        refused(driver.create_node, "new", "tiny", image, ex_volumes=[volume_id])
        assert "new" not in [one.name for one in driver.list_nodes()]


def destroying_snapshots_deletes_no_volume() -> None:
    with pool() as (sim, driver):
        volume_id = add_disk(sim)
        with nothing_lost(sim):
            refused(driver.destroy_volume_snapshot, volume_id)


def what_somebody_copies_into_is_not_deleted() -> None:
    with pool() as (sim, driver):
        volume_id = add_disk(sim, f"half.{'b' * 32}.img")
        add_disk(sim, f"half.{'b' * 32}.img.creating")
        file = sim.repository_path / volume_id.partition("/")[2]

        def go_on(moment: str) -> None:
            with file.open("ab") as opened:
                opened.write(b"more" * 1024)

        sim.misbehave("hook", "storage_plugin_getFileInfo", times=9, hook=go_on)
        refused(driver.destroy_volume, volume_id)
        assert file.exists()


# ------------------------------------------------------------------ attached and detached


def what_another_has_is_not_attached() -> None:
    """Neither what a VM has that is off, nor what a VM has that shares it, unless both do."""
    with pool() as (sim, driver):
        volume_id = add_disk(sim)
        owner, other = sim.add_vm("owner"), sim.add_vm("other")
        for has, wants in (("w", "w"), ("w", "w!"), ("w!", "w"), ("r", "w")):
            driver.attach_volume(owner, volume_id, ex_mode=has)
            sent = len(calls_of(sim, "configure_vm"))
            refused(driver.attach_volume, other, volume_id, ex_mode=wants)
            assert len(calls_of(sim, "configure_vm")) == sent, "two had it for a moment"
            driver.detach_volume(volume_id)


def what_may_be_the_same_lun_is_not_attached() -> None:
    with pool() as (sim, driver):
        sim.add_lun(None, WWID)
        sim.add_vm("has it", config={"disk": disks(sim, "phy:/dev/dm-0,xvdb,w")})
        refused(driver.attach_volume, sim.add_vm("other"), f"phy:{WWID}")


def of_two_that_attach_one_gives_way() -> None:
    with pool() as (sim, driver):
        volume_id, directory = add_disk(sim), sim.add_vm("run", running_on=0)
        config = {"disk": disks(sim, f"file:{path_of(sim)},xvdb,w")}
        at(sim, "configure_vm", "before", lambda: sim.add_vm("rival", config=config))
        refused(driver.attach_volume, directory, volume_id)
        assert (in_file(sim, directory), live_disks(sim, 0)) == ([], [])


def a_lun_is_detached_by_any_name() -> None:
    with pool(host_module=True) as (sim, driver):
        sim.add_lun(None, WWID)
        config = {"disk": disks(sim, "phy:/dev/dm-0,xvdb,w")}
        directory = sim.add_vm("run", running_on=0, config=config)
        assert quietly(driver.detach_volume, f"phy:{WWID}") is True
        assert (in_file(sim, directory, "dm-0"), live_disks(sim, 0, "dm-0")) == ([], [])


def what_the_guest_keeps_is_not_detached() -> None:
    with pool() as (sim, driver):
        volume_id = add_disk(sim)
        config = {"disk": disks(sim, f"file:{path_of(sim)},xvdb,w")}
        sim.add_vm("run", running_on=0, config=config)
        sim.hosts[0].ignores_requests.add(driver.ex_get_node_by_name("run").id)
        refused(driver.detach_volume, volume_id)


# ------------------------------------------------------------------ snapshots


def written_after(sim: Simulator, driver: Any) -> tuple[Any, Any]:
    """A volume of a VM that is off, and a snapshot with what was in it before."""
    volume = vm_disk(sim, driver, "off")
    snapshot = quietly(driver.create_volume_snapshot, volume, "s")
    with (sim.repository_path / volume.id.partition("/")[2]).open("r+b") as file:
        file.write(b"written after the snapshot")
    return volume, snapshot


def the_old_content_stays_until_the_new_is_there() -> None:
    with pool(host_module=True) as (sim, driver):
        volume, snapshot = written_after(sim, driver)
        sim.misbehave("fault", "libcloud_rename_file", text="exceptions.Exception:no")
        with nothing_lost(sim):
            refused(driver.ex_revert_volume, volume, snapshot)


def a_volume_is_not_reverted_to_another_s_snapshot() -> None:
    with pool(host_module=True) as (sim, driver):
        _, snapshot = written_after(sim, driver)
        other = add_disk(sim)
        with nothing_lost(sim):
            refused(driver.ex_revert_volume, other, snapshot)


def what_was_paused_runs_again() -> None:
    with pool() as (sim, driver):
        volume = vm_disk(sim, driver, "run", running=True)
        quietly(driver.create_volume_snapshot, volume, "s", ex_pause=True)
        assert driver.ex_get_node_by_name("run").state == "running"


def a_copy_of_what_ran_meanwhile_is_none() -> None:
    with pool() as (sim, driver):
        volume = vm_disk(sim, driver, "run", running=True)
        node = driver.ex_get_node_by_name("run")
        where = node.extra["repository_id"], node.extra["directory"]

        def unpause() -> None:
            driver_for(sim).connection.call("unpause_vm", *where)

        at(sim, "copy_file", "before", unpause)
        refused(driver.create_volume_snapshot, volume, "s", ex_pause=True)
        assert quietly(driver.list_volume_snapshots, volume) == []


def a_copy_of_what_was_started_meanwhile_is_none() -> None:
    with pool() as (sim, driver):
        volume = vm_disk(sim, driver, "off")
        node = driver.ex_get_node_by_name("off")
        at(sim, "copy_file", "before", lambda: driver_for(sim).start_node(node))
        refused(driver.create_volume_snapshot, volume, "s")
        assert quietly(driver.list_volume_snapshots, volume) == []


def a_volume_is_not_made_smaller() -> None:
    with pool(host_module=True) as (_, driver):
        volume = driver.create_volume(2, "large")
        refused(driver.ex_resize_volume, volume, 1)
        assert driver.ex_resize_volume(volume, 2).size == 2


# ------------------------------------------------------------------ templates


def template_of(sim: Simulator, driver: Any, **config: Any) -> str:
    """The text of the vm.cfg of a template of a new VM."""
    vif = [f"mac={MAC},bridge=10e69b4de3"]
    entries = [f"file:{make_disk(sim, 'system.img')},xvda,w"]
    directory = sim.add_vm("web", config={"disk": entries, "vif": vif, **config})
    image = quietly(driver.create_image, directory, "image")
    return (sim.repository_path / image.extra["path"] / "vm.cfg").read_text()


def a_template_is_not_the_vm() -> None:
    with pool(host_module=True) as (sim, driver):
        text = template_of(sim, driver)
        node = driver.ex_get_node_by_name("web")
        for identity in (node.id, node.extra["directory"], MAC, "system.img"):
            assert identity not in text


def a_template_has_no_mac_in_any_option() -> None:
    with pool(host_module=True) as (sim, driver):
        refused(template_of, sim, driver, vif_other_config=[[MAC, {}]])


def clones_have_macs_of_their_own() -> None:
    with pool() as (sim, driver):
        image = make_template(sim, disk=[f"file:{make_disk(sim, 't.img')},xvda,w"])
        node = quietly(driver.create_node, "clone", "tiny", image, ex_start=False)
        assert MAC not in [one["mac"] for one in node.extra["nics"]]
