"""Physical disks: one LUN for all hosts, paths and spellings, with the host module and without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.physical import Lun, PhysicalDisks, lun_key, read_luns
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, simulate

WWID = "6006016011223300aa00bb11cc22dd01"
ALIASED = "6006016011223300aa00bb11cc22ddaa"
LOCAL = "50014ee2b5e2a3c4"
DEVICES = "libcloud_block_devices"
PHYSICAL = "discover_physical_luns"
MOUNTS = "discover_mounted_file_systems"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """Three LUNs of all hosts, one with an alias, a disk of the second host; the third host has no
    host module."""
    with simulate(3, layout="manager", templates=0, vms=0, host_module=[0, 1]) as simulator:
        simulator.add_lun([1], LOCAL, 1 << 30, "")
        simulator.add_lun(None, ALIASED, 5 << 30, "asm1")
        yield simulator


def views(sim: Simulator) -> tuple[HostView, ...]:
    return tuple(sorted(read_estate(driver_for(sim)._estate).hosts, key=lambda h: h.address.host))


def read(sim: Simulator, hosts: slice = slice(None)) -> tuple[PhysicalDisks, dict[str, Lun]]:
    seen = views(sim)[hosts]
    sim.calls.clear()
    disks = read_luns(seen)
    return disks, {lun.id: lun for lun in disks.luns}


def test_a_lun_of_all_hosts_is_one(sim: Simulator) -> None:
    disks, luns = read(sim)
    lun = luns[f"phy:{WWID}"]
    assert [host.address.host for host in lun.hosts] == [host.address for host in sim.hosts]
    assert (lun.kind, lun.size_bytes, lun.wwid) == ("multipath", 8 << 20, WWID)
    assert lun.path == f"/dev/mapper/3{WWID}"
    assert lun.paths[lun.hosts[0].id] == (
        f"/dev/mapper/3{WWID}", f"/dev/disk/by-id/scsi-3{WWID}", "/dev/dm-0", "/dev/sdb",
        "/dev/sdc",
    )  # fmt: skip
    assert lun.is_free_for_vms
    assert (lun.used_by, lun.doubts, disks.unread) == ((), (), ())
    assert lun.unknown_use == (lun.hosts[2].label,)
    assert luns[f"phy:{ALIASED}"].path == "/dev/mapper/asm1"
    assert luns[f"phy:{ALIASED}"].size_bytes == 5 << 30
    assert [one.id for one in disks.luns if one.wwid == WWID] == [lun.id]


def test_one_call_per_host_and_two_without_the_module(sim: Simulator) -> None:
    read(sim)
    assert sorted(calls_of(sim)) == [MOUNTS, PHYSICAL, DEVICES, DEVICES]


def test_a_disk_of_one_host(sim: Simulator) -> None:
    _, luns = read(sim)
    lun = luns[f"phy:{LOCAL}"]
    assert [host.address.host for host in lun.hosts] == [sim.hosts[1].address]
    assert (lun.kind, lun.size_bytes) == ("disk", 1 << 30)
    assert lun.path == f"/dev/disk/by-id/scsi-3{LOCAL}"
    assert lun.is_free_for_vms


def test_the_disks_that_hosts_run_from_are_not_for_vms(sim: Simulator) -> None:
    disks, luns = read(sim)
    own = [lun for lun in disks.luns if any("/dev/sda" in p for p in lun.paths.values())]
    assert len(own) == 3
    assert not any(lun.is_free_for_vms for lun in own)
    for lun in own[:2]:
        [host] = lun.hosts
        if host.module:
            uses = ("/dev/sda1: swap space", "/dev/sda2: mounted at /")
            assert lun.used_by == tuple(f"{host.label}: {use}" for use in uses)
    root = luns[f"phy:{views(sim)[0].id}:/dev/sda2"]
    assert (root.kind, root.wwid, root.is_free_for_vms) == ("partition", "", False)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (f"/dev/mapper/3{WWID}", f"phy:{WWID}"),
        (f"/dev//mapper/./3{WWID}", f"phy:{WWID}"),
        (f"/dev/disk/by-id/scsi-3{WWID.upper()}", f"phy:{WWID}"),
        (f"/dev/disk/by-id/dm-uuid-mpath-3{WWID}", f"phy:{WWID}"),
        (f"/dev/disk/by-id/wwn-0x{WWID}", f"phy:{WWID}"),
        (f"/dev/disk/by-id/wwn-0x{WWID[:16]}", f"phy:/dev/disk/by-id/wwn-0x{WWID[:16]}"),
        ("/dev/sdb", "phy:/dev/sdb"),  # the second host has another disk there, see below
        ("/dev/mapper/asm1", f"phy:{ALIASED}"),
        ("/dev/dm-3", f"phy:{ALIASED}"),
        ("/dev/mapper/asm10", "phy:/dev/mapper/asm10"),
        (f"/dev/mapper/3{WWID}p1", f"phy:/dev/mapper/3{WWID}p1"),
        ("/dev/mapper/36006016011223300aa00bb11cc22ddff", "phy:6006016011223300aa00bb11cc22ddff"),
    ],
)
def test_spellings(path: str, key: str) -> None:
    with_lun = PhysicalDisks((), {})
    lun = Lun(f"phy:{WWID}", WWID, "multipath", 1, (), {})
    other = Lun("phy:x:/dev/sdb", "", "disk", 1, (), {})
    aliased = Lun(f"phy:{ALIASED}", ALIASED, "multipath", 1, (), {})
    by_path = {"/dev/sdb": (lun, other), "/dev/mapper/asm1": (aliased,), "/dev/dm-3": (aliased,)}
    assert lun_key(path, PhysicalDisks((lun, other, aliased), by_path)) == key
    is_by_name = path.startswith("/dev/mapper/asm1") or path == "/dev/dm-3"
    if not is_by_name:  # no host has to see it
        assert lun_key(path, with_lun) == key


def test_one_path_that_leads_to_two_disks_stands_for_neither(sim: Simulator) -> None:
    """The letters of the kernel differ from host to host."""
    disks, _ = read(sim, slice(0, 2))
    first, second = (lun_key(path, disks) for path in ("/dev/sdb", "/dev/sdh"))
    assert (first, second) == (f"phy:{WWID}", "phy:/dev/sdh")
    disks, _ = read(sim, slice(1, 2))
    assert lun_key("/dev/sdh", disks) == f"phy:{LOCAL}"


def test_without_the_module_only_what_identifies_itself(sim: Simulator) -> None:
    disks, luns = read(sim, slice(2, 3))
    lun = luns[f"phy:{WWID}"]
    assert (lun.kind, lun.size_bytes, lun.path) == ("", None, f"/dev/mapper/3{WWID}")
    assert lun.unknown_use == (views(sim)[2].label,)
    own = luns[f"phy:{views(sim)[2].id}:/dev/sda"]
    assert not own.is_free_for_vms
    assert len(disks.luns) == 5


@pytest.mark.parametrize(
    ("disk", "found"),
    [
        (f"<Disk Name='/dev/mapper/x'><a>naa.{WWID.upper()}</a></Disk>", f"phy:{WWID}"),
        (f"<Disk><a><b>3{WWID}</b></a></Disk>", f"phy:{WWID}"),
        (f"<Disk><Port>0x{LOCAL}</Port><b>/dev/mapper/3{WWID}</b></Disk>", f"phy:{WWID}"),
        (f"<Disk><Port>{LOCAL}</Port></Disk>", None),
        (f"<Disk><a>{WWID}</a><b>{ALIASED}</b></Disk>", None),
        ("<Disk><Size>123</Size></Disk>", None),
    ],
)
def test_the_agents_list_has_no_documented_content(
    sim: Simulator, disk: str, found: str | None
) -> None:
    text = f"<Discover_Physical_Luns_Result><SCSI>{disk}</SCSI></Discover_Physical_Luns_Result>"
    seen = views(sim)[2:]
    sim.misbehave("answer", PHYSICAL, value=text)
    disks = read_luns(seen)
    assert [lun.id for lun in disks.luns] == ([found] if found else [])
    assert all(lun.size_bytes is None for lun in disks.luns)


def test_a_repository_on_a_lun_is_seen_without_the_module(sim: Simulator) -> None:
    seen = views(sim)[2:]
    mount = f"<Mount Dir='/OVS/Repositories/r'><Device>/dev/mapper/3{WWID}</Device></Mount>"
    text = f"<Filesystem Type='ocfs2'>{mount}</Filesystem>"
    root = MOUNTS.title()
    sim.misbehave("answer", MOUNTS, value=f"<{root}_Result>{text}</{root}_Result>")
    [lun] = [lun for lun in read_luns(seen).luns if lun.wwid == WWID]
    assert lun.used_by == (f"{seen[0].label}: mounted at /OVS/Repositories/r",)
    assert not lun.is_free_for_vms


def entry(**more: Any) -> dict[str, Any]:
    lists: dict[str, Any] = {key: [] for key in ("names", "slaves", "holders", "used_by")}
    device = {"device": "/dev/dm-0", "kind": "multipath", "wwid": WWID, "size_bytes": 1 << 30}
    return {**device, **lists, **more}


def test_hosts_that_disagree(sim: Simulator) -> None:
    seen = views(sim)[:2]
    sim.misbehave("answer", DEVICES, host=0, value=[entry(size_bytes=1 << 31)])
    sim.misbehave("answer", DEVICES, host=1, value=[entry(used_by=["it: mounted at /x"])])
    [lun] = read_luns(seen).luns
    assert lun.size_bytes == 1 << 30
    sizes = f"{seen[0].label}: {1 << 31} bytes; {seen[1].label}: {1 << 30} bytes"
    assert lun.doubts == (f"its hosts report different sizes: {sizes}",)
    assert lun.used_by == (f"{seen[1].label}: it: mounted at /x",)


def test_paths_without_multipath_are_one_where_the_kernel_knows_the_wwid(sim: Simulator) -> None:
    paths = [entry(device=f"/dev/sd{letter}", kind="disk") for letter in "xy"]
    unknown = entry(device="/dev/sdz", kind="disk", wwid="")
    sim.misbehave("answer", DEVICES, host=0, value=[*paths, unknown])
    disks, luns = read(sim, slice(0, 1))
    [host] = luns[f"phy:{WWID}"].hosts
    assert luns[f"phy:{WWID}"].paths == {host.id: ("/dev/sdx", "/dev/sdy")}
    assert {lun.id for lun in disks.luns} == {f"phy:{WWID}", f"phy:{host.id}:/dev/sdz"}


def test_a_module_that_lacks_the_function(sim: Simulator) -> None:
    sim.misbehave("fault", DEVICES, host=0, text=f'method "{DEVICES}" is not supported')
    disks, luns = read(sim, slice(0, 1))
    assert calls_of(sim) == [DEVICES, PHYSICAL, MOUNTS]
    assert (luns[f"phy:{WWID}"].size_bytes, disks.unread) == (None, ())


def test_what_could_not_be_read_is_said(sim: Simulator) -> None:
    broken = entry(error="Input/output error")
    del broken["size_bytes"]
    sim.misbehave("answer", DEVICES, host=0, value=[broken])
    sim.misbehave("fault", DEVICES, host=1, text="libcloud_ovm3_host.errors.Timeout:30 s")
    sim.misbehave("fault", PHYSICAL, host=2)
    disks, luns = read(sim)
    lun = luns[f"phy:{WWID}"]
    assert lun.size_bytes is None
    assert lun.doubts == (f"{lun.hosts[0].label}: Input/output error",)
    assert lun.unknown_use == (lun.hosts[0].label,)
    assert len(disks.unread) == 2
    assert all("its disks could not be read: " in text for text in disks.unread)
