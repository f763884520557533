"""The inventory: what there is, what could not be read, and its form for programs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from libcloud_ovm3.diagnostics.inventory import as_json, has_ha, inventory_of, take_inventory
from libcloud_ovm3.errors import HostNotVerified, HostUnreachable
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import UnreachableHost
from tests.diagnostics.sick import BROKEN, TWIN, estate_of, sick_pool
from tests.diagnostics.sound import REPOSITORY, defined, host, live, looked, repository

ONE = "0004fb00-0006-0000-0000-000000000001"
PAGE = Path(__file__).parents[2] / "docs" / "inventory-json.md"


def test_a_sick_pool(personality: str) -> None:
    """One dead host, one unmounted repository, one broken vm.cfg, one duplicate uuid."""
    with sick_pool(personality) as sick:
        found = take_inventory(estate_of(sick.sim))
        sim = sick.sim
    dead = f"{sim.hosts[2].address}:{sim.hosts[2].port}"
    assert [(h.address, h.status, h.vms) for h in found.hosts] == [
        (f"{sim.hosts[0].address}:{sim.hosts[0].port}", "ok", 1),
        (f"{sim.hosts[1].address}:{sim.hosts[1].port}", "ok", 1),
        (dead, "unreachable", None),
    ]
    assert [pool.members for pool in found.pools] == [tuple(h.address for h in sim.hosts)]
    by_id = {one.id: one for one in found.repositories}
    assert by_id[sick.unmounted].mounted_on == ()
    assert by_id[sick.unmounted].not_mounted_on == ("ovm-1", "ovm-2")
    assert by_id[sick.unmounted].vms is None
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
    for text in (
        dead,
        f"repository {sick.unmounted} is not mounted on any host",
        f"{BROKEN} cannot",
    ):
        assert len([problem for problem in found.errors if text in problem]) == 1
    assert len(found.errors) == 3


def test_nothing_is_made_up() -> None:
    read = replace(
        looked(),
        hardware=(HostUnreachable("no hardware"),) * 2,
        pools=(HostUnreachable("no pool"),) * 2,
    )
    found = inventory_of(read)
    assert [(h.status, h.cpus, h.memory_mb) for h in found.hosts] == [("ok", None, None)] * 2
    assert found.pools == ()
    assert found.errors == ("no hardware",) * 2 + ("no pool",) * 2
    silent = [
        UnreachableHost("192.0.2.8:8899", HostUnreachable("dead")),
        UnreachableHost("192.0.2.9:8899", HostNotVerified("no pin")),
    ]
    found = inventory_of(looked(unreachable=silent))
    assert [(h.status, h.error) for h in found.hosts[2:]] == [
        ("unreachable", "dead"),
        ("unverified", "no pin"),
    ]
    assert found.errors == ("dead", "no pin")


def test_nics_as_people_write_them() -> None:
    vifs = ["mac=00:21:F6:AA:BB:CC, bridge=c0a80100", "type=netfront", "", 7, "bridge=xenbr0,ip=x"]
    [vm] = inventory_of(looked(definitions=[defined("a", uuid=ONE, vif=vifs)])).vms
    assert [(nic.mac, nic.bridge) for nic in vm.nics] == [
        ("00:21:f6:aa:bb:cc", "c0a80100"),
        (None, None),
        (None, None),
        (None, "xenbr0"),
    ]
    [vm] = inventory_of(looked(definitions=[defined("a", uuid=ONE, vif="mac=1")])).vms
    assert vm.nics == ()


def test_what_runs_counts_more_than_what_is_defined() -> None:
    running = [host(1, live("a", ONE, memory="256", online_vcpus="3")), host(2)]
    [vm] = inventory_of(looked(running, [defined("a", uuid=ONE, memory="512", vcpus=1)])).vms
    assert (vm.memory_mb, vm.vcpus) == (256, 3)
    [vm] = inventory_of(looked(definitions=[defined("a", uuid=ONE, memory="512", vcpus=1)])).vms
    assert (vm.memory_mb, vm.vcpus) == (512, 1)


def test_disks_are_shown_as_they_stand_there() -> None:
    disks = ["file:/OVS/x.img,xvda,w!", ",hdc:cdrom,r", "nonsense"]
    [vm] = inventory_of(looked(definitions=[defined("a", uuid=ONE, disk=disks)])).vms
    assert [(d.path, d.device, d.mode, d.is_cdrom, d.entry) for d in vm.disks] == [
        ("/OVS/x.img", "xvda", "w!", False, disks[0]),
        (None, "hdc", "r", True, disks[1]),
        (None, "", "", False, disks[2]),
    ]


@pytest.mark.parametrize(
    ("value", "truth"),
    [(True, True), ("True", True), (1, True), (False, False), ("0", False), ("maybe", None)],
)
def test_the_ha_flag(value: object, truth: bool | None) -> None:
    assert has_ha(defined("a", OVM_high_availability=value)) is truth
    assert has_ha(defined("a")) is False
    assert has_ha(Definition(REPOSITORY, "a", None, "broken")) is None


def test_the_form_for_programs_is_the_documented_one() -> None:
    views = [host(1, live("a", ONE)), host(2)]
    broken = Definition(REPOSITORY, "b", None, "broken")
    a = defined("a", uuid=ONE, disk=["file:/x,xvda,w"], vif=["mac=00:16:3e:00:00:01"])
    read = looked(views, [a, broken], repositories=[repository(views, [a, broken])])
    written = json.loads(json.dumps(as_json(inventory_of(read))))
    assert written["format"] == 1
    documented = set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))
    found = paths(written)  # some lists of objects are empty here and full there
    assert {at for at in found if not any(o.startswith(f"{at}[]") for o in found)} == documented


def paths(value: object, at: str = "") -> set[str]:
    """``vms[].disks[].path`` and the like, for all that is no object and no list of objects."""
    if isinstance(value, dict):
        return {
            path
            for key, member in value.items()
            for path in paths(member, f"{at}.{key}" if at else key)
        }
    if isinstance(value, list) and any(isinstance(member, dict) for member in value):
        return {path for member in value for path in paths(member, f"{at}[]")}
    return {at}
