"""ex_read_only: the driver shows everything and changes nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.call_kinds import kind_of
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, PreconditionFailed, ReadOnly
from libcloud_ovm3.simulator import Simulator
from tests.operations.serving import put_pending_iso
from tests.operations.test_ssh_keys import ED25519 as KEY
from tests.support import calls_of, driver_for, fingerprints_of, quietly, simulate

Driver = OVM3NodeDriver


MODULE_READS = (
    "libcloud_version",
    "libcloud_read_agent",
    "libcloud_repository",
    "libcloud_file_holders",
    "libcloud_identify",
    "libcloud_list_files",
    "libcloud_stat_file",
    "libcloud_read_file",
    "libcloud_read_vm",
    "libcloud_read_document",
    "libcloud_block_devices",
    "libcloud_free_space",
    "libcloud_bridges",
    "libcloud_control_interface",
    "libcloud_network_setup",
)


class Subjects:
    """What each method is called for, made by a driver that is not read-only.

    :ivar running: a node with the volume ``attached`` and an ISO in its drive.
    :ivar stopped: a node that is off.
    :ivar network, nic: a network; a card of the running node.
    :ivar paused: a node that an interrupted snapshot has left paused (with the module).
    :ivar held: a node that was paused until somebody lets it run again.
    :ivar aside: what is set aside (with the module).
    :ivar export: an empty export.
    :ivar secondary: secondary storage, which one host has mounted.
    :ivar repository, unmounted: one that one host has; one that a host has not mounted.
    :ivar host: one whose control0 has lost its address.
    """

    def __init__(self, sim: Simulator, has_module: bool) -> None:
        driver = driver_for(sim)
        self.size, self.template = driver.list_sizes()[0], driver.list_images()[0]
        for name in ("running", "stopped", "paused", "held"):
            driver.create_node(name, self.size, self.template)
        self.held = driver.ex_get_node_by_name("held")
        driver.ex_pause_node(self.held)
        self.running = driver.ex_get_node_by_name("running")
        driver.stop_node(driver.ex_get_node_by_name("running"))
        self.iso = next(one for one in driver.list_images() if one.extra["kind"] == "iso")
        driver.ex_insert_iso(self.running, self.iso)
        driver.start_node(self.running)
        driver.stop_node(driver.ex_get_node_by_name("stopped"))
        self.stopped = driver.ex_get_node_by_name("stopped")
        self.spare, self.attached = (driver.create_volume(1, name) for name in ("a", "b"))
        driver.attach_volume(self.running, self.attached)
        self.snapshot = driver.create_volume_snapshot(self.spare, "s")
        self.image = driver.create_image(self.stopped, "image")
        self.paused = driver.ex_get_node_by_name("paused")
        driver.ex_create_network("spare", ex_parent="eth1")
        self.network = driver.ex_list_networks()[0].id
        self.nic = driver.ex_attach_nic(self.running, self.network).id
        [volume] = driver.ex_list_volumes(self.paused)
        interrupt(sim, "unpause_vm", driver.create_volume_snapshot, volume, "p", ex_pause=True)
        self.aside, self.node_snapshot = ("/OVS/Repositories/x", "0" * 32), "0" * 32
        self.orphan = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/orphan.img"
        (sim.repository_path / "VirtualDisks" / "orphan.img").write_bytes(b"\0" * 4096)
        if has_module:
            self.node_snapshot = driver.ex_create_node_snapshot(self.stopped, "all")["id"]
            gone = driver.create_volume(1, "gone")
            interrupt(sim, "libcloud_delete_aside", driver.destroy_volume, gone)
            [left] = [one for one in driver.ex_list_orphans() if one["set_aside"]]
            self.aside = (left["path"], left["set_aside"])
            driver_for(sim, ex_keys_repository="MyRepo").import_key_pair_from_string("key", KEY)
        self.key_file = f"{sim.root}/key.pub"
        Path(self.key_file).write_text(KEY)
        self.export = "filer:/export/new"
        (sim.root / "exports" / "filer" / "export" / "new").mkdir(parents=True)
        self.secondary = "filer:/backup"
        (sim.root / "exports" / "filer" / "backup").mkdir()
        driver.ex_mount_secondary(self.secondary, "ovm-1")
        (sim.root / "exports" / "filer" / "backup" / "a.img").write_bytes(b"\0" * 4096)
        self.repository = sim.add_repository("Second", hosts=[0])
        self.unmounted = sim.add_repository("Third")
        sim.hosts[1].mounts.pop(f"/OVS/Repositories/{self.unmounted}")
        self.pending = put_pending_iso(sim)
        self.host = sim.hosts[1].address
        sim.hosts[1].records["network"]["addresses"].pop("control0")
        sim.wait(61)  # old enough for a reboot


def interrupt(sim: Simulator, call: str, action: Any, *given: Any, **options: Any) -> None:
    """Something stays half done: one of its calls fails, and goes on failing."""
    sim.misbehave("fault", call, times=9)
    with pytest.raises(Ovm3Error):
        quietly(action, *given, **options)
    sim.clear_misbehaviour()


@pytest.fixture(scope="module", params=[False, True], ids=["agent", "module"])
def pool(request: pytest.FixtureRequest) -> Iterator[tuple[Simulator, Subjects]]:
    """Two hosts, and something for every method."""
    with simulate(hosts=2, vms=0, template_bytes=1 << 20, host_module=request.param) as simulator:
        yield simulator, Subjects(simulator, request.param)


Change = Callable[[Driver, Subjects], Any]

CHANGES: dict[str, Change] = {
    "create_node": lambda driver, has: driver.create_node("new", has.size, has.template),
    "ex_delete_orphan": lambda driver, has: driver.ex_delete_orphan(has.orphan),
    "ex_clone_node": lambda driver, has: driver.ex_clone_node(has.stopped, "clone"),
    "start_node": lambda driver, has: driver.start_node(has.stopped),
    "stop_node": lambda driver, has: driver.stop_node(has.running),
    "reboot_node": lambda driver, has: driver.reboot_node(has.running),
    "destroy_node": lambda driver, has: driver.destroy_node(has.stopped),
    "create_volume": lambda driver, has: driver.create_volume(1, "new"),
    "destroy_volume": lambda driver, has: driver.destroy_volume(has.spare),
    "attach_volume": lambda driver, has: driver.attach_volume(has.stopped, has.spare),
    "detach_volume": lambda driver, has: driver.detach_volume(has.attached),
    "ex_copy_volume": lambda driver, has: driver.ex_copy_volume(has.spare, "x"),
    "ex_insert_iso": lambda driver, has: driver.ex_insert_iso(has.stopped, has.iso),
    "ex_eject_iso": lambda driver, has: driver.ex_eject_iso(has.running),
    "create_volume_snapshot": lambda driver, has: driver.create_volume_snapshot(has.spare),
    "destroy_volume_snapshot": lambda driver, has: driver.destroy_volume_snapshot(has.snapshot),
    "ex_pause_node": lambda driver, has: driver.ex_pause_node(has.running),
    "ex_unpause_node": lambda driver, has: driver.ex_unpause_node(has.held),
    "ex_resume_node": lambda driver, has: driver.ex_resume_node(has.paused),
    "ex_reset_node": lambda driver, has: driver.ex_reset_node(has.running),
    "ex_create_network": lambda driver, has: driver.ex_create_network("n", 8, None, "bond0"),
    "ex_update_network": lambda driver, has: driver.ex_update_network("spare", ex_mtu=9000),
    "ex_delete_network": lambda driver, has: driver.ex_delete_network("spare"),
    "ex_set_bond_mode": lambda driver, has: driver.ex_set_bond_mode("bond0", 4, ex_force="all"),
    "ex_attach_nic": lambda driver, has: driver.ex_attach_nic(has.stopped, has.network),
    "ex_detach_nic": lambda driver, has: driver.ex_detach_nic(has.running, has.nic),
    "ex_update_nic": lambda driver, has: driver.ex_update_nic(
        has.running, has.nic, ex_mac="00:21:f6:00:00:01"
    ),
    "ex_repair_control0": lambda driver, has: driver.ex_repair_control0(has.host),
    "ex_create_repository": lambda driver, has: driver.ex_create_repository(has.export, "New"),
    "ex_attach_repository": lambda driver, has: driver.ex_attach_repository(has.repository),
    "ex_detach_repository": lambda driver, has: driver.ex_detach_repository(has.repository),
    "ex_rename_repository": lambda driver, has: driver.ex_rename_repository(has.repository, "x"),
    "ex_delete_repository": lambda driver, has: driver.ex_delete_repository(has.repository),
    "ex_refresh_repository": lambda driver, has: driver.ex_refresh_repository(has.unmounted),
    "ex_mount_secondary": lambda driver, has: driver.ex_mount_secondary(has.secondary, "ovm-2"),
    "ex_unmount_secondary": lambda driver, has: driver.ex_unmount_secondary(has.secondary),
    "ex_resize_node": lambda driver, has: driver.ex_resize_node(has.stopped, ex_cpus=7),
    "ex_rename_node": lambda driver, has: driver.ex_rename_node(has.stopped, "x"),
    "ex_update_node": lambda driver, has: driver.ex_update_node(has.running, ex_description="x"),
    "ex_pin_node": lambda driver, has: driver.ex_pin_node(has.running, "0"),
    "ex_migrate_node": lambda driver, has: driver.ex_migrate_node(has.running, "ovm-2"),
    "create_image": lambda driver, has: driver.create_image(has.stopped, "x"),
    "delete_image": lambda driver, has: driver.delete_image(has.image),
    "ex_import_image": lambda driver, has: driver.ex_import_image(
        "http://127.0.0.1:1/x", "x", ex_size_bytes=9, ex_repository="MyRepo"
    ),
    "ex_finish_import": lambda driver, has: driver.ex_finish_import(has.pending, ex_size_bytes=9),
    "copy_image": lambda driver, has: driver.copy_image(
        "MyRepo", has.image, "x", ex_repository="MyRepo"
    ),
}
WITH_MODULE: dict[str, Change] = {
    # Of one whose claim is free no host has to look: that only reads.
    "ex_settle_node": lambda driver, has: driver.ex_settle_node(has.running),
    "ex_suspend_node": lambda driver, has: driver.ex_suspend_node(has.running),
    "ex_copy_to_secondary": lambda driver, has: driver.ex_copy_to_secondary(
        has.spare, has.secondary
    ),
    "ex_copy_volume_from_secondary": lambda driver, has: driver.ex_copy_volume_from_secondary(
        has.secondary, "a.img", "x", ex_repository="MyRepo"
    ),
    "ex_copy_image_from_secondary": lambda driver, has: driver.ex_copy_image_from_secondary(
        has.secondary, "a.img", "x", ex_repository="MyRepo"
    ),
    "ex_resize_volume": lambda driver, has: driver.ex_resize_volume(has.spare, 2),
    "ex_create_node_snapshot": lambda driver, has: driver.ex_create_node_snapshot(has.stopped, "x"),
    "ex_revert_node_snapshot": lambda driver, has: driver.ex_revert_node_snapshot(
        has.stopped, has.node_snapshot
    ),
    "ex_delete_node_snapshot": lambda driver, has: driver.ex_delete_node_snapshot(
        has.node_snapshot
    ),
    "ex_rename_volume": lambda driver, has: driver.ex_rename_volume(has.spare, "x"),
    "ex_revert_volume": lambda driver, has: driver.ex_revert_volume(has.spare, has.snapshot),
    "ex_put_back": lambda driver, has: driver.ex_put_back(*has.aside),
    "create_key_pair": lambda driver, has: driver.create_key_pair("k", ex_type="ed25519"),
    "import_key_pair_from_string": lambda driver, has: driver.import_key_pair_from_string("k", KEY),
    "import_key_pair_from_file": lambda driver, has: driver.import_key_pair_from_file(
        "k", has.key_file
    ),
    "delete_key_pair": lambda driver, has: driver.delete_key_pair("key"),
    "ex_set_metadata": lambda driver, has: driver.ex_set_metadata(has.stopped, {"a": "b"}),
}
# And what begins with list_, ex_list_ or ex_get_. deploy_node changes something by create_node.
READS = {"get_image", "get_key_pair", "wait_until_running", "deploy_node", "ex_control0"}
READS |= {"ex_pinning_report", "ex_fits"}
ELSEWHERE = {  # tests/operations/test_release_bridges.py, test_seeds.py, test_migrate.py,
    # test_clear_ha.py
    "ex_clear_ha",
    "ex_migrate_all",
    "ex_release_networks",
    "ex_remove_seed",
}


def test_every_method_of_the_driver_is_here() -> None:
    """Whoever adds a method that changes something adds it to CHANGES."""
    own = {
        name
        for name, method in inspect.getmembers(Driver, inspect.isfunction)
        if not name.startswith("_") and method.__module__.startswith("libcloud_ovm3")
    }
    changing = {name for name in own if not name.startswith(("list_", "ex_list_", "ex_get_"))}
    assert changing - READS - ELSEWHERE == CHANGES.keys() | WITH_MODULE.keys()


@pytest.mark.parametrize("change", [*CHANGES, *WITH_MODULE])
def test_changes_are_refused_before_they_are_sent(pool: Any, change: str) -> None:
    sim, has = pool
    driver = driver_for(sim, ex_read_only="true")
    before = fingerprints_of(sim.repository_path)
    first = len(sim.calls)
    is_possible = change in CHANGES or has.aside[1] != "0" * 32
    expected, why = (
        (ReadOnly, "ex_read_only")
        if is_possible
        else (PreconditionFailed, "host module|is set aside")
    )
    with pytest.raises(expected, match=why):
        quietly({**CHANGES, **WITH_MODULE}[change], driver, has)
    sent = calls_of(sim)[first:]
    assert [name for name in sent if kind_of(name) != "read" and name not in MODULE_READS] == []
    assert fingerprints_of(sim.repository_path) == before


def test_everything_is_shown(pool: Any) -> None:
    sim, _ = pool
    driver, other = driver_for(sim, ex_read_only=True), driver_for(sim)
    assert driver.ex_read_only is True
    assert other.ex_read_only is False
    assert {n.id: n.state for n in quietly(driver.list_nodes)} == {
        n.id: n.state for n in quietly(other.list_nodes)
    }
    assert len(driver.list_locations()) == 2
    assert driver.list_images()
    assert driver.ex_list_orphans() == other.ex_list_orphans()


@pytest.mark.parametrize("value", ["perhaps", None, 2])
def test_neither_true_nor_false(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="ex_read_only"):
        Driver("oracle", "pw", host="h", ex_fingerprint="ab" * 32, ex_read_only=value)
