"""The inventory: its contents, what could not be read, and its form for programs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from libcloud_ovm3.diagnostics.inventory import as_json, build_inventory, has_ha, take_inventory
from libcloud_ovm3.errors import HostNotVerified, HostUnreachable
from libcloud_ovm3.estate.addresses import RECORDED, VMAddress
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.host_network import HostBridge, HostDevice, HostNetwork
from libcloud_ovm3.estate.hosts import UnreachableHost
from libcloud_ovm3.estate.vm_metadata import VMMetadata
from tests.diagnostics.healthy import REPOSITORY, defined, host, inventory_data, live, repository
from tests.diagnostics.troubled import BROKEN, TWIN, estate_of, troubled_pool
from tests.support import calls_of, driver_for, simulate

ONE = "0004fb00-0006-0000-0000-000000000001"
PAGE = Path(__file__).parents[2] / "docs" / "inventory-json.md"


def test_a_troubled_pool(personality: str) -> None:
    """One dead host, one unmounted repository, one broken vm.cfg, one duplicate uuid."""
    with troubled_pool(personality) as troubled:
        found = take_inventory(estate_of(troubled.sim))
        sim = troubled.sim
    dead = f"{sim.hosts[2].address}:{sim.hosts[2].port}"
    assert [(h.address, h.status, h.vms) for h in found.hosts] == [
        (f"{sim.hosts[0].address}:{sim.hosts[0].port}", "ok", 1),
        (f"{sim.hosts[1].address}:{sim.hosts[1].port}", "ok", 1),
        (dead, "unreachable", None),
    ]
    assert [pool.members for pool in found.pools] == [tuple(h.address for h in sim.hosts)]
    by_id = {one.id: one for one in found.repositories}
    assert by_id[troubled.unmounted].mounted_on == ()
    assert by_id[troubled.unmounted].not_mounted_on == ("ovm-1", "ovm-2")
    assert by_id[troubled.unmounted].vms is None
    assert by_id[sim.repository_id].mounted_on == ("ovm-1", "ovm-2")
    assert (by_id[sim.repository_id].vms, by_id[sim.repository_id].templates) == (5, 2)
    vms = {vm.name: vm for vm in found.vms}
    assert len(found.vms) == 4
    for number, name in ((0, "seed-1"), (1, "seed-2")):
        assert vms[name].state == "running"
        assert [place.host for place in vms[name].live] == [f"ovm-{number + 1}"]
        assert [disk.device for disk in vms[name].disks] == ["xvda"]
        assert len(vms[name].nics) == 1
        assert (vms[name].memory_mb, vms[name].vcpus, vms[name].ha) == (512, 1, False)
    [twin] = [vm for vm in found.vms if vm.id == TWIN]
    assert twin.state == "error"
    assert [d.directory for d in twin.definitions] == ["twin-one", "twin-two"]
    [broken] = [vm for vm in found.vms if vm.definitions[0].directory == BROKEN]
    assert (broken.state, broken.ha, broken.memory_mb) == ("unknown", None, None)
    assert broken.definitions[0].error
    unmounted = f"repository {troubled.unmounted} is not mounted on any host"
    for text in (dead, unmounted, f"{BROKEN} cannot"):
        assert len([problem for problem in found.errors if text in problem]) == 1
    assert len(found.errors) == 3


def test_nothing_is_invented() -> None:
    read = replace(
        inventory_data(),
        hardware=(HostUnreachable("no hardware"),) * 2,
        pools=(HostUnreachable("no pool"),) * 2,
    )
    found = build_inventory(read)
    assert [(h.status, h.cpus, h.memory_mb) for h in found.hosts] == [("ok", None, None)] * 2
    assert found.pools == ()
    assert found.errors == ("no hardware",) * 2 + ("no pool",) * 2
    unreachable = [
        UnreachableHost("192.0.2.8:8899", HostUnreachable("dead")),
        UnreachableHost("192.0.2.9:8899", HostNotVerified("no pin")),
    ]
    found = build_inventory(inventory_data(unreachable=unreachable))
    assert [(h.status, h.error) for h in found.hosts[2:]] == [
        ("unreachable", "dead"),
        ("unverified", "no pin"),
    ]
    assert found.errors == ("dead", "no pin")


def test_nics_as_people_write_them() -> None:
    vifs = ["mac=00:21:F6:AA:BB:CC, bridge=c0a80100", "type=netfront", "", 7, "bridge=xenbr0,ip=x"]
    [vm] = build_inventory(inventory_data(definitions=[defined("a", uuid=ONE, vif=vifs)])).vms
    assert [(nic.mac, nic.bridge) for nic in vm.nics] == [
        ("00:21:f6:aa:bb:cc", "c0a80100"),
        (None, None),
        (None, None),
        (None, "xenbr0"),
    ]
    [vm] = build_inventory(inventory_data(definitions=[defined("a", uuid=ONE, vif="mac=1")])).vms
    assert vm.nics == ()


def test_the_running_domain_precedes_the_definition() -> None:
    running = [host(1, live("a", ONE, memory="256", online_vcpus="3")), host(2)]
    [vm] = build_inventory(
        inventory_data(running, [defined("a", uuid=ONE, memory="512", vcpus=1)])
    ).vms
    assert (vm.memory_mb, vm.vcpus) == (256, 3)
    [vm] = build_inventory(
        inventory_data(definitions=[defined("a", uuid=ONE, memory="512", vcpus=1)])
    ).vms
    assert (vm.memory_mb, vm.vcpus) == (512, 1)


def test_what_a_vm_says_of_itself() -> None:
    said = {"OVM_description": "of the accounts", "OVM_domain_type": "xen_hvm"}
    found = build_inventory(
        inventory_data(definitions=[defined("a", uuid=ONE, **said), defined("b", uuid=TWIN)])
    ).vms
    assert [(vm.description, vm.domain_type) for vm in found] == [
        ("of the accounts", "xen_hvm"),
        (None, None),
    ]


def test_what_was_recorded_of_a_vm() -> None:
    read = inventory_data(definitions=[defined("a", uuid=ONE), defined("b", uuid=TWIN)])
    noted = VMMetadata({"owner": "ops"}, ("web", "a b"))
    read.snapshot.vms[ONE] = replace(read.snapshot.vms[ONE], metadata=noted)
    read.snapshot.vms[TWIN] = replace(read.snapshot.vms[TWIN], metadata=None)
    written = json.loads(json.dumps(as_json(build_inventory(read))))
    shown = {vm["id"]: (vm["metadata"], vm["tags"]) for vm in written["vms"]}
    assert shown == {ONE: ({"owner": "ops"}, ["web", "a b"]), TWIN: (None, None)}


def test_disks_are_shown_as_in_the_vm_cfg() -> None:
    disks = ["file:/OVS/x.img,xvda,w!", ",hdc:cdrom,r", "nonsense"]
    [vm] = build_inventory(inventory_data(definitions=[defined("a", uuid=ONE, disk=disks)])).vms
    assert [(d.path, d.device, d.mode, d.is_cdrom, d.entry) for d in vm.disks] == [
        ("/OVS/x.img", "xvda", "w!", False, disks[0]),
        (None, "hdc", "r", True, disks[1]),
        (None, "", "", False, disks[2]),
    ]


def test_volumes_snapshots_and_who_has_them() -> None:
    """No more calls than without them, and the same ids as those of the driver."""
    with simulate(hosts=2, vms=1, host_module=True) as sim:
        driver = driver_for(sim)
        volume = driver.create_volume(1, "data")
        snapshot = driver.create_volume_snapshot(volume, "before")
        copy = driver.create_volume(None, "copy", snapshot=snapshot)
        [node] = driver.list_nodes()
        driver.attach_volume(node, copy, "xvdc")
        (sim.path_of(sim.repository_id) / volume.extra["path"].split("/", 4)[4]).unlink()
        volumes = {one.id: one for one in driver.list_volumes()}
        sim.calls.clear()
        found = as_json(take_inventory(estate_of(sim)))
        reads = {"libcloud_read_agent", "libcloud_repository", "libcloud_bridges"}
        assert set(calls_of(sim)) == reads
    assert {one["id"] for one in found["volumes"]} == set(volumes)
    by_id = {one["id"]: one for one in found["volumes"]}
    assert by_id[copy.id]["path"] == volumes[copy.id].extra["path"]
    assert by_id[copy.id]["snapshot_of"] is None, "it is gone"
    assert [(one["id"], one["volume"]) for one in found["snapshots"]] == [(snapshot.id, None)]
    assert found["snapshots"][0]["created_at"] == f"{snapshot.created:%Y-%m-%dT%H:%M:%SZ}"
    [vm] = found["vms"]
    [root, data] = vm["attachments"]
    assert data == {"volume": copy.id, "device": "xvdc", "mode": "w", "where": "live and defined"}
    assert root["volume"] in volumes
    assert len(found["repositories"]) == 1


@pytest.mark.parametrize(
    ("value", "truth"),
    [(True, True), ("True", True), (1, True), (False, False), ("0", False), ("maybe", None)],
)
def test_the_ha_flag(value: object, truth: bool | None) -> None:
    assert has_ha(defined("a", OVM_high_availability=value)) is truth
    assert has_ha(defined("a")) is False
    assert has_ha(Definition(REPOSITORY, "a", None, "broken")) is None


def test_the_form_for_programs_is_the_documented_one() -> None:
    views = [host(1, live("a", ONE)), host(2), host(3)]
    bridge = HostBridge("b", parent="eth0", vlan=7, ports=("eth0",), guests=(ONE,))
    networks = [
        HostNetwork(views[0], (HostDevice("eth0", "nic"),), (bridge,)),
        HostNetwork(views[1], error=HostUnreachable("unread")),
        HostNetwork(views[2]),
    ]
    broken = Definition(REPOSITORY, "b", None, "broken")
    a = defined("a", uuid=ONE, disk=["file:/x,xvda,w"], vif=["mac=00:16:3e:00:00:01,bridge=b"])
    here = repository(views, [a, broken])
    assert here.content is not None
    disks = (*here.content.virtual_disks, f"s.{'a' * 32}.snapshot.{'b' * 32}.20261129T024400Z.img")
    here = replace(here, content=replace(here.content, virtual_disks=disks))
    read = inventory_data(views, [a, broken], repositories=[here], networks=networks)
    address = VMAddress("192.0.2.5", "00:16:3e:00:00:01", "xenbr0", RECORDED)
    read.snapshot.vms[ONE] = replace(read.snapshot.vms[ONE], addresses=(address,))
    written = json.loads(json.dumps(as_json(build_inventory(read))))
    assert written["format"] == 1
    [card] = [nic for vm in written["vms"] for nic in vm["nics"]]
    assert card == {"mac": "00:16:3e:00:00:01", "bridge": "b", "vlan": 7}
    assert written["errors"].count("ovm-2 (192.0.2.2:8899): unread") == 1
    documented = set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))
    found = paths(written)  # some lists of objects are empty here and full there
    assert {at for at in found if not any(o.startswith(f"{at}[]") for o in found)} == documented


def paths(value: object, at: str = "") -> set[str]:
    """``vms[].disks[].path`` and so on, for all values but objects and lists of objects."""
    if isinstance(value, dict):
        return {
            path
            for key, member in value.items()
            for path in paths(member, f"{at}.{key}" if at else key)
        }
    if isinstance(value, list) and any(isinstance(member, dict) for member in value):
        return {path for member in value for path in paths(member, f"{at}[]")}
    return {at}
