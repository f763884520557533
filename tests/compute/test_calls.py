"""docs/calls.md is true: every method costs the agent calls that its table says."""

from __future__ import annotations

import contextlib
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import KeyPairNotFound, PreconditionFailed, VolumeNotFound
from libcloud_ovm3.simulator import Simulator
from tests.operations.cards import add_second_bridge
from tests.operations.serving import put_pending_iso, serving
from tests.operations.test_ssh_keys import ED25519
from tests.support import driver_for, functions_of, quietly, simulate

TABLE = Path(__file__).parents[2] / "docs" / "calls.md"
ROW = re.compile(r"^\| `(\w+)` \| `([^`]+)` \| `([^`]+)` \|", re.MULTILINE)
FORMULAS = {
    method: {False: alone, True: with_module}
    for method, alone, with_module in ROW.findall(TABLE.read_text(encoding="utf-8"))
}

PUBLIC = {
    name
    for name in dir(OVM3NodeDriver)
    if name.startswith(("list_", "ex_"))
    or "key_pair" in name
    or name.endswith(("_node", "_image", "_volume", "_snapshot", "wait_until_running"))
    if getattr(OVM3NodeDriver, name).__module__.startswith("libcloud_ovm3")
} - {"deploy_node"}  # among the forms: test_calls_of_forms.py


# What is asked only to see that a host does not have the module.
MODULE_SOUGHT = (
    "libcloud_read_agent",
    "libcloud_version",
    "libcloud_file_holders",
    "libcloud_no_such_function",
)


def template_of(node: Any) -> str:
    return f"{node.extra['repository_id']}/Templates/oracle-linux-6.raw"


def disk_of(node: Any) -> str:
    """The id of the volume that a node has."""
    return f"{node.extra['repository_id']}/VirtualDisks/{node.extra['disks'][0].split('/')[-1]}"


def create(driver: Any, node: Any) -> None:
    size, host = driver.list_sizes()[0], node.extra["host_id"]
    driver.create_node("new", size, template_of(node), host)


def resume_what_runs(driver: Any, node: Any) -> None:
    with pytest.raises(PreconditionFailed, match="no operation of this package has recorded"):
        driver.ex_resume_node(node)


def suspend_with_a_claim(driver: Any, node: Any) -> None:
    """Without the module it has none, and is refused, after reading."""
    with contextlib.suppress(PreconditionFailed):
        driver.ex_suspend_node(node)


def settle_what_runs(driver: Any, node: Any) -> None:
    """Without the module it has no claim; with it, this is its first one."""
    with contextlib.suppress(PreconditionFailed):
        driver.ex_settle_node(node)


def empty_to_itself(driver: Any, node: Any) -> None:
    host = node.extra["host_id"]
    with pytest.raises(PreconditionFailed, match="no other host"):
        driver.ex_migrate_all(host, ex_to=[host])


def while_in_use(action: Callable[[str], Any]) -> None:
    """A repository with nodes, which stays."""
    with pytest.raises(PreconditionFailed, match="was left as it is"):
        action("MyRepo")


def import_disk(driver: Any) -> None:
    with serving() as server:
        server.files["/x"] = bytes(4096)
        quietly(driver.ex_import_image, f"{server.url}/x", "new")


METHODS: dict[str, Callable[[Any, Any], Any]] = {
    "list_sizes": lambda driver, node: driver.list_sizes(),
    "list_locations": lambda driver, node: driver.list_locations(),
    "list_images": lambda driver, node: driver.list_images(),
    "get_image": lambda driver, node: driver.get_image(template_of(node)),
    "list_nodes": lambda driver, node: driver.list_nodes(),
    "ex_get_node": lambda driver, node: driver.ex_get_node(node.id),
    "ex_get_node_details": lambda driver, node: driver.ex_get_node_details(node),
    "ex_get_node_by_name": lambda driver, node: driver.ex_get_node_by_name(node.name),
    "ex_list_own_disks": lambda driver, node: driver.ex_list_own_disks(node),
    "ex_fits": lambda driver, node: driver.ex_fits(node, node.extra["host_id"], "start"),
    "ex_list_orphans": lambda driver, node: driver.ex_list_orphans(),
    "list_volumes": lambda driver, node: driver.list_volumes(),
    "ex_list_volumes": lambda driver, node: driver.ex_list_volumes(node),
    "ex_get_volume": lambda driver, node: driver.ex_get_volume(disk_of(node)),
    "ex_list_snapshots": lambda driver, node: driver.ex_list_snapshots(),
    "list_volume_snapshots": lambda driver, node: driver.list_volume_snapshots(disk_of(node)),
    "ex_list_networks": lambda driver, node: driver.ex_list_networks(),
    "ex_list_network_devices": lambda driver, node: driver.ex_list_network_devices(),
    "ex_create_network": lambda driver, node: driver.ex_create_network("b", ex_parent="eth1"),
    "ex_update_network": lambda driver, node: driver.ex_update_network("spare", ex_mtu=9000),
    "ex_delete_network": lambda driver, node: driver.ex_delete_network("spare"),
    "ex_set_bond_mode": lambda driver, node: driver.ex_set_bond_mode("bond0", 1),
    "ex_control0": lambda driver, node: driver.ex_control0(node.extra["host_id"]),
    "ex_release_networks": lambda driver, node: quietly(driver.ex_release_networks),
    "ex_repair_control0": lambda driver, node: driver.ex_repair_control0(node.extra["host_id"]),
    "ex_list_nics": lambda driver, node: driver.ex_list_nics(node),
    "ex_attach_nic": lambda driver, node: driver.ex_attach_nic(node, "second"),
    "ex_detach_nic": lambda driver, node: driver.ex_detach_nic(node, driver.nic),
    "ex_update_nic": lambda driver, node: driver.ex_update_nic(
        node, driver.nic, ex_mac="00:21:f6:00:00:0a"
    ),
    "ex_put_back": lambda driver, node: look_for_what_is_set_aside(driver),
    "create_node": create,
    "start_node": lambda driver, node: driver.start_node(node),
    "stop_node": lambda driver, node: driver.stop_node(node),
    "reboot_node": lambda driver, node: driver.reboot_node(node),
    "destroy_node": lambda driver, node: driver.destroy_node(node),
    "wait_until_running": lambda driver, node: driver.wait_until_running([node]),
    "create_volume": lambda driver, node: driver.create_volume(1, "new"),
    "destroy_volume": lambda driver, node: driver.destroy_volume(spare(driver)),
    "ex_copy_volume": lambda driver, node: driver.ex_copy_volume(spare(driver), "copy"),
    "ex_resize_volume": lambda driver, node: with_the_module(driver.ex_resize_volume, driver, 2),
    "ex_rename_volume": lambda driver, node: with_the_module(driver.ex_rename_volume, driver, "b"),
    "create_volume_snapshot": lambda driver, node: driver.create_volume_snapshot(spare(driver)),
    "destroy_volume_snapshot": lambda driver, node: driver.destroy_volume_snapshot(driver.snapshot),
    "ex_revert_volume": lambda driver, node: with_the_module(
        driver.ex_revert_volume, driver, driver.snapshot
    ),
    "attach_volume": lambda driver, node: driver.attach_volume(node, spare(driver)),
    "detach_volume": lambda driver, node: driver.detach_volume(driver.attached),
    "ex_insert_iso": lambda driver, node: driver.ex_insert_iso(node, iso_of(node)),
    "ex_eject_iso": lambda driver, node: driver.ex_eject_iso(node),
    "ex_remove_seed": lambda driver, node: driver.ex_remove_seed(node),
    "create_image": lambda driver, node: driver.create_image(node, "image"),
    "delete_image": lambda driver, node: driver.delete_image(driver.image),
    "copy_image": lambda driver, node: driver.copy_image(
        node.extra["repository_id"],
        driver.image,
        "copy",
        ex_repository=node.extra["repository_id"],
    ),
    "ex_list_repositories": lambda driver, node: driver.ex_list_repositories(),
    "ex_create_repository": lambda driver, node: driver.ex_create_repository("filer:/new", "New"),
    "ex_attach_repository": lambda driver, node: driver.ex_attach_repository("MyRepo"),
    "ex_detach_repository": lambda driver, node: while_in_use(driver.ex_detach_repository),
    "ex_rename_repository": lambda driver, node: driver.ex_rename_repository("MyRepo", "MyRepo"),
    "ex_delete_repository": lambda driver, node: while_in_use(driver.ex_delete_repository),
    "ex_refresh_repository": lambda driver, node: driver.ex_refresh_repository("MyRepo"),
    "ex_mount_secondary": lambda driver, node: driver.ex_mount_secondary("filer:/backup"),
    "ex_unmount_secondary": lambda driver, node: driver.ex_unmount_secondary("filer:/backup"),
    "ex_copy_to_secondary": lambda driver, node: with_the_module(
        driver.ex_copy_to_secondary, driver, "filer:/backup"
    ),
    "ex_copy_volume_from_secondary": lambda driver, node: back_with_the_module(
        driver.ex_copy_volume_from_secondary
    ),
    "ex_copy_image_from_secondary": lambda driver, node: back_with_the_module(
        driver.ex_copy_image_from_secondary
    ),
    "ex_import_image": lambda driver, node: import_disk(driver),
    "ex_finish_import": lambda driver, node: driver.ex_finish_import(driver.image, ex_size_bytes=9),
    "ex_clone_node": lambda driver, node: quietly(driver.ex_clone_node, node, "clone"),
    "ex_pause_node": lambda driver, node: driver.ex_pause_node(node),
    "ex_unpause_node": lambda driver, node: driver.ex_unpause_node(node),
    "ex_suspend_node": suspend_with_a_claim,
    "ex_create_node_snapshot": lambda driver, node: with_keys(
        driver.ex_create_node_snapshot, node, "snapshot"
    ),
    "ex_list_node_snapshots": lambda driver, node: quietly(driver.ex_list_node_snapshots),
    "ex_revert_node_snapshot": lambda driver, node: with_node_snapshot(
        driver, driver.ex_revert_node_snapshot, node
    ),
    "ex_delete_node_snapshot": lambda driver, node: with_node_snapshot(
        driver, driver.ex_delete_node_snapshot
    ),
    "ex_delete_orphan": lambda driver, node: driver.ex_delete_orphan(driver.orphan),
    "ex_resume_node": resume_what_runs,
    "ex_reset_node": lambda driver, node: driver.ex_reset_node(node),
    "ex_settle_node": settle_what_runs,
    "ex_migrate_node": lambda driver, node: driver.ex_migrate_node(node, node.extra["host_id"]),
    "ex_migrate_all": empty_to_itself,
    "ex_set_metadata": lambda driver, node: with_keys(driver.ex_set_metadata, node, {"a": "b"}),
    "ex_resize_node": lambda driver, node: driver.ex_resize_node(node, ex_cpu_cap=50),
    "ex_clear_ha": lambda driver, node: driver.ex_clear_ha(node),
    "ex_rename_node": lambda driver, node: driver.ex_rename_node(node, "new name"),
    "ex_update_node": lambda driver, node: driver.ex_update_node(node, ex_description="x"),
    "ex_pin_node": lambda driver, node: driver.ex_pin_node(node, "1"),
    "ex_pinning_report": lambda driver, node: driver.ex_pinning_report(),
    "list_key_pairs": lambda driver, node: with_keys(driver.list_key_pairs),
    "get_key_pair": lambda driver, node: with_keys(driver.get_key_pair, "key"),
    "create_key_pair": lambda driver, node: with_keys(driver.create_key_pair, "new"),
    "import_key_pair_from_string": lambda driver, node: with_keys(
        driver.import_key_pair_from_string, "new", ED25519
    ),
    "import_key_pair_from_file": lambda driver, node: with_keys(
        driver.import_key_pair_from_file, "new", driver.key_file
    ),
    "delete_key_pair": lambda driver, node: with_keys(driver.delete_key_pair, "key"),
}
ON_SNAPSHOTS = ("destroy_volume_snapshot", "ex_revert_volume")
ON_VOLUMES = (
    "create_volume_snapshot",
    "destroy_volume_snapshot",
    "destroy_volume",
    "ex_copy_volume",
    "ex_resize_volume",
    "ex_rename_volume",
    "ex_revert_volume",
    "ex_copy_to_secondary",
    "attach_volume",
)
ON_NODE_SNAPSHOTS = ("ex_revert_node_snapshot", "ex_delete_node_snapshot")
ON_STOPPED = (
    "ex_clone_node",
    "ex_create_node_snapshot",
    *ON_NODE_SNAPSHOTS,
    "create_image",
    "delete_image",
    "copy_image",
    "ex_insert_iso",
    "ex_eject_iso",
)
ONLY_READ = tuple(
    name for name in METHODS if name.removeprefix("ex_").startswith(("list_", "get_", "fits"))
)
# One of libcloud_identify for each host that holds any file.
ASK_WHO_HOLDS = ("start_node", "ex_reset_node", "attach_volume")


def iso_of(node: Any) -> str:
    return f"{node.extra['repository_id']}/ISOs/cd.iso"


def spare(driver: Any) -> str:
    """The volume that no node has."""
    found: str = driver.spare
    return found


def with_the_module(action: Callable[[str, Any], Any], driver: Any, what: Any) -> None:
    """An action that is refused, after reading, where no host has the module."""
    with contextlib.suppress(PreconditionFailed):
        action(spare(driver), what)


def back_with_the_module(action: Callable[[str, str, str], Any]) -> None:
    """The same of a file on secondary storage."""
    with contextlib.suppress(PreconditionFailed):
        action("filer:/backup", "a.img", "back")


def with_keys(action: Callable[..., Any], *given: Any) -> None:
    """An action on key pairs, which is refused where no host has the module; a pool for methods
    that only read has none."""
    with contextlib.suppress(PreconditionFailed, KeyPairNotFound):
        action(*given)


def with_node_snapshot(driver: Any, action: Callable[..., Any], *given: Any) -> None:
    """An action on a snapshot of the node, of which there is none where no host has the module."""
    with contextlib.suppress(PreconditionFailed, VolumeNotFound):
        action(*given, driver.node_snapshot)


def look_for_what_is_set_aside(driver: Any) -> None:
    with pytest.raises(PreconditionFailed):
        driver.ex_put_back("/OVS/Repositories/x/VirtualDisks/y.img", "0" * 32)


def test_the_table_is_complete() -> None:
    assert set(FORMULAS) == set(METHODS) == PUBLIC


@pytest.mark.parametrize(("hosts", "vms"), [(1, 1), (3, 2)])
@pytest.mark.parametrize("method", METHODS)
def test_calls(method: str, hosts: int, vms: int, personality: str, pools: Pools) -> None:
    counted = count(method, pools, hosts=hosts, vms=vms, personality=personality)
    for asked in MODULE_SOUGHT:
        del counted[asked]
    surveys = counted["discover_server"] // hosts
    check(method, False, hosts, vms, counted, looks_in(counted, hosts) - surveys)


@pytest.mark.parametrize("method", METHODS)
def test_calls_with_the_module(method: str, pools: Pools) -> None:
    counted = count(method, pools, host_module=True, hosts=3, vms=2)
    if method in ASK_WHO_HOLDS:
        del counted["libcloud_identify"]
    counted["libcloud_job_status"] = min(counted["libcloud_job_status"], 1)  # until it is done
    check(method, True, 3, 2, counted, looks_in(counted, 3))


def looks_in(counted: Counter[str], hosts: int) -> int:
    """How often all hosts were asked while waiting. The door of a stop asks one of them once more,
    that of a deletion all."""
    return (counted["list_vms"] - counted["stop_vm"]) // hosts - counted["delete_vm"]


Pools = Callable[..., tuple[Simulator, Any]]


@pytest.fixture(scope="module")
def pools() -> Iterator[Pools]:
    """Pools with a node, one of each kind for all methods that only read."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def pool(**options: Any) -> tuple[Simulator, Any]:
            sim = stack.enter_context(simulate(**options))
            return sim, make_node(driver_for(sim))

        yield pool


def make_node(driver: Any) -> Any:
    image, first = driver.list_images()[0], driver.list_locations()[0]
    return driver.create_node("subject", driver.list_sizes()[0], image, first)


def count(method: str, pools: Pools, **options: Any) -> Counter[str]:
    """The agent calls of one method on a pool, by a driver that has listed before."""
    if method in ONLY_READ:
        sim, node = pools(**options)
        driver = driver_for(sim)
        driver.list_images()
        sim.calls.clear()
        METHODS[method](driver, node)
        return Counter(functions_of(sim))
    with simulate(**options) as sim:
        driver = driver_for(sim)
        is_first = method == "ex_settle_node"  # makes the first claim, so the creation made none
        node = make_node(driver_for(sim, ex_host_module=False) if is_first else driver)
        if method == "start_node" or method in ON_STOPPED:
            driver.stop_node(node)
        if method == "reboot_node":
            sim.wait(61)
        if method in ON_VOLUMES:
            driver.spare = driver.create_volume(1, "spare").id
        prepare(method, driver, node, sim)
        sim.calls.clear()
        METHODS[method](driver, node)
        return Counter(functions_of(sim))


def prepare(method: str, driver: Any, node: Any, sim: Simulator) -> None:
    """Make what a method is called for."""
    if "key_pair" in method:
        driver.key_file = f"{sim.root}/key.pub"
        Path(driver.key_file).write_text(ED25519)
        keys = driver_for(sim, ex_keys_repository=sim.repository_id)
        with_keys(keys.import_key_pair_from_string, "key", ED25519)
    if method.endswith("_secondary"):
        folder = sim.root / "exports" / "filer" / "backup"
        folder.mkdir(parents=True)
        (folder / "a.img").write_bytes(b"\0" * 4096)
    if method == "ex_unmount_secondary":
        driver.ex_mount_secondary("filer:/backup")
    if method == "ex_create_repository":
        (sim.root / "exports" / "filer" / "new").mkdir(parents=True)
    if method == "ex_refresh_repository":
        driver.ex_refresh_repository("MyRepo")
    if method == "ex_repair_control0":
        quietly(driver.ex_repair_control0, node.extra["host_id"])
    if method.endswith("_nic"):
        add_second_bridge(sim)
    if method in ("ex_detach_nic", "ex_update_nic"):
        driver.nic = driver.ex_attach_nic(node, "second").id
    if method == "detach_volume":
        driver.attached = driver.create_volume(1, "attached").id
        driver.attach_volume(node, driver.attached)
    if method in ON_SNAPSHOTS:
        driver.snapshot = driver.create_volume_snapshot(driver.spare, "snapshot").id
    if method in ON_NODE_SNAPSHOTS:
        driver.node_snapshot = "0" * 32
        with contextlib.suppress(PreconditionFailed):
            driver.node_snapshot = driver.ex_create_node_snapshot(node, "snapshot")["id"]
    if method == "ex_delete_orphan":
        (sim.repository_path / "VirtualDisks" / "orphan.img").write_bytes(b"\0" * 4096)
        driver.orphan = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/orphan.img"
    if method in ("ex_update_network", "ex_delete_network"):
        driver.ex_create_network("spare", ex_parent="eth1")
    if method in ("delete_image", "copy_image"):
        driver.image = driver.create_image(node, "image").id
    if method == "ex_finish_import":
        driver.image = put_pending_iso(sim)
    if method.endswith("_iso"):
        (sim.repository_path / "ISOs").mkdir(exist_ok=True)
        (sim.repository_path / "ISOs" / "cd.iso").write_bytes(b"\0" * 2048)
    if method == "ex_eject_iso":
        driver.ex_insert_iso(node, iso_of(node))


def check(
    method: str, host_module: bool, hosts: int, vms: int, counted: Counter[str], looks: int
) -> None:
    formula = FORMULAS[method][host_module]
    numbers = {"H": hosts, "R": 1, "V": vms + 1, "D": vms + 1, "L": looks}
    expected = eval(formula, {"__builtins__": {}}, numbers)  # arithmetic of our own docs
    assert counted.total() == expected, counted
    if "L" in formula:
        assert looks >= 2
