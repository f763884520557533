"""Physical disks as volumes, through the driver: whatever path or spelling names a LUN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute.types import StorageVolumeState

from libcloud_ovm3.errors import SearchIncomplete, VolumeNotFound
from libcloud_ovm3.estate.volumes import read_volumes
from libcloud_ovm3.simulator import Simulator
from tests.support import driver_for, simulate

SHARED = [f"6006016011223300aa00bb11cc22dd0{number}" for number in (1, 2, 3)]
ALIASED = "6006016011223300aa00bb11cc22ddaa"
FREE = "6006016011223300aa00bb11cc22ddbb"
SPELLINGS = ["/dev/mapper/asm1", f"/dev/disk/by-id/scsi-3{ALIASED}", "/dev//dm-3"]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """Two hosts with the host module; three VMs that spell one LUN in three ways."""
    with simulate(2, layout="manager", templates=0, vms=0, host_module=True) as simulator:
        simulator.add_lun(None, ALIASED, 5 << 30, "asm1")
        simulator.add_lun(None, FREE, (1 << 30) + 512)
        for number, path in enumerate(SPELLINGS):
            simulator.add_vm(f"asm {number}", config={"disk": [f"phy:{path},xvdb,w!"]})
        yield simulator


def physical(sim: Simulator) -> dict[str, Any]:
    found = driver_for(sim).list_volumes()
    return {one.id: one for one in found if one.extra["kind"] == "physical"}


def test_each_lun_is_one_volume(sim: Simulator) -> None:
    volumes = physical(sim)
    assert volumes.keys() == {f"phy:{wwid}" for wwid in (*SHARED, ALIASED, FREE)}
    for wwid in SHARED:
        volume = volumes[f"phy:{wwid}"]
        assert sorted(one["node_name"] for one in volume.extra["attachments"]) == ["rac1", "rac2"]
        assert (volume.state, volume.extra["is_shared"]) == (StorageVolumeState.INUSE, True)
        assert (volume.size, volume.extra["size_bytes"]) == (1, 8 << 20)
    aliased = volumes[f"phy:{ALIASED}"]
    assert {one["node_name"] for one in aliased.extra["attachments"]} == {"asm 0", "asm 1", "asm 2"}
    assert aliased.size == 5


def test_a_lun_that_nobody_names_is_available(sim: Simulator) -> None:
    volume = physical(sim)[f"phy:{FREE}"]
    assert (volume.state, volume.extra["attachments"]) == (StorageVolumeState.AVAILABLE, [])
    assert (volume.name, volume.extra["path"]) == (f"3{FREE}", f"/dev/mapper/3{FREE}")
    assert volume.size == 2  # rounded up


def test_what_a_host_runs_from_is_in_use_by_it() -> None:
    with simulate(1, templates=0, vms=0, host_module=True) as alone:
        assert physical(alone) == {}
        alone.add_vm("reckless", config={"disk": ["phy:/dev/sda,xvda,w"]})
        [volume] = physical(alone).values()
    assert volume.state == StorageVolumeState.INUSE
    assert [text.rpartition(": ")[2] for text in volume.extra["used_by"]] == [
        "swap space",
        "mounted at /",
    ]


def test_a_lun_that_was_not_found_may_exist(sim: Simulator) -> None:
    estate, missing = driver_for(sim)._estate, f"phy:{'6' * 32}"
    with pytest.raises(VolumeNotFound):
        read_volumes(estate).volume(missing)
    sim.misbehave("fault", "libcloud_block_devices", host=1, text="libcloud_ovm3_host.errors.X:no")
    with pytest.raises(SearchIncomplete, match="its disks could not be read"):
        read_volumes(estate).volume(missing)
    sim.misbehave("fault", "libcloud_block_devices", host=1, text="libcloud_ovm3_host.errors.X:no")
    found = read_volumes(estate)
    assert found.volume(f"phy:{ALIASED}").size_bytes == 5 << 30
    assert any("its disks could not be read" in one for one in found.errors)
