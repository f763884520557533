"""Who has a disk, by vm.cfg files and live domains; and which disk files there are. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from libcloud_ovm3.agent.disk import parse_disk
from libcloud_ovm3.agent.documents import RepositoryContent, RepositoryRecord
from libcloud_ovm3.estate.attachments import Use, find_uses, key_of_path, possible_users
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disk_files import DiskFile, list_disk_files
from libcloud_ovm3.estate.disks import DiskUsage
from libcloud_ovm3.estate.domains import BlockDevice, read_domains
from libcloud_ovm3.estate.physical import PhysicalDisks
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.states import VolumeState
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, merge_vms
from libcloud_ovm3.estate.volumes import VIRTUAL, Volume, volumes_of
from tests.estate.test_vms import DIRECTORY, ID, defined, host, live

REPOSITORY = "0004fb0000030000935b618511216de7"
PATH = f"/OVS/Repositories/{REPOSITORY}/VirtualDisks/data.img"
KEY = f"{REPOSITORY}/VirtualDisks/data.img"
DISK = f"file:{PATH},xvdb,w"
NO_DISKS = PhysicalDisks((), {})


def vbd(uname: str | None, dev: str = "xvdb:disk", mode: str = "w") -> dict[str, Any]:
    return {"uname": uname, "dev": dev, "mode": mode}


def running(*devices: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**live(), "device": {"vbd": list(devices)}, **more}


def uses_of(*records: dict[str, Any], disk: list[str] | None = None, hosts: int = 1) -> Use:
    """Who has the disk: one VM with these disks in its vm.cfg, live as in the records."""
    definition = defined(uuid=ID, name=DIRECTORY, memory=256, disk=[DISK] if disk is None else disk)
    vms = merge_vms([host(n, *records) for n in range(hosts)], [definition], all_answered=True)
    return find_uses(vms.values(), [], NO_DISKS).get(KEY, Use())


# ------------------------------------------------------------------ block devices of a domain


def test_block_devices() -> None:
    sections = {
        "vif": [{"mac": "00:21:f6:00:00:01"}],
        "vbd": [vbd(f"file:{PATH}", "xvda:disk"), vbd(None, "hdc:cdrom", "r")],
        "tap2": [vbd("tap:aio:/x//y.img", "xvdb", "w!")],
        "vbd2": vbd("phy:mapper/lun", "xvdc:disk"),
    }
    [domain] = read_domains([{**live(), "device": sections}]).domains
    assert domain.block_devices == (
        BlockDevice("xvda", PATH, "w", False, f"file:{PATH}"),
        BlockDevice("hdc", None, "r", True),
        BlockDevice("xvdb", "/x/y.img", "w!", False, "tap:aio:/x//y.img"),
        BlockDevice("xvdc", "/dev/mapper/lun", "w", False, "phy:mapper/lun"),
    )
    assert domain.disks == (PATH, "/x/y.img", "/dev/mapper/lun")
    assert domain.disks_error is None


def test_what_is_not_known_of_a_block_device() -> None:
    [domain] = read_domains([running({"dev": "xvda"}, {"uname": "what", "mode": None})]).domains
    assert domain.block_devices == (
        BlockDevice("xvda", None, "", False),
        BlockDevice("", None, "", False, "what"),
    )
    assert "without uname" in str(domain.disks_error)
    [domain] = read_domains([{**live(), "device": {"vbd": ["odd"]}}]).domains
    assert domain.block_devices == ()
    assert "not a struct" in str(domain.disks_error)


# ------------------------------------------------------------------ who has it


def test_live_and_defined() -> None:
    use = uses_of(running(vbd(f"file:{PATH}")))
    [one] = use.attachments
    assert (one.device, one.mode, one.is_live, one.is_defined) == ("xvdb", "w", True, True)
    assert use.doubts == ()


@pytest.mark.parametrize(
    ("records", "disk", "said"),
    [
        ([running(vbd("file:/other.img"))], None, "vm.cfg has it as xvdb, and its live domain"),
        ([running(vbd(f"file:{PATH}"))], [], "its live domain has it as xvdb, and vm.cfg does not"),
    ],
)
def test_a_doubt(records: list[dict[str, Any]], disk: list[str] | None, said: str) -> None:
    [doubt] = uses_of(*records, disk=disk).doubts
    assert said in doubt
    assert ID in doubt


def test_another_slot_is_two_doubts() -> None:
    use = uses_of(running(vbd(f"file:{PATH}", "xvdc:disk")))
    assert [one.device for one in use.attachments] == ["xvdb", "xvdc"]
    assert len(use.doubts) == 2


@pytest.mark.parametrize(
    "record",
    [
        running(vbd("file:/other.img"), name=f"migrating-{DIRECTORY}"),
        running(vbd("file:/other.img"), state="---s--", status="0"),
        running(vbd("file:/other.img"), state="------", status="1"),
        running(vbd("file:/other.img"), {"dev": "xvdb"}),
        {**live(), "device": {}},
    ],
    ids=["migrating", "has shut down", "being built", "a device unread", "no devices"],
)
def test_no_doubt_while_devices_come_and_go_or_where_they_are_not_known(
    record: dict[str, Any],
) -> None:
    use = uses_of(record)
    assert [one.is_live for one in use.attachments] == [False]
    assert use.doubts == ()


def test_no_doubt_while_two_hosts_have_the_vm() -> None:
    assert uses_of(running(vbd("file:/other.img")), hosts=2).doubts == ()


def test_no_doubt_where_vm_cfg_is_not_read() -> None:
    broken = Definition(REPOSITORY, DIRECTORY, None, "broken")
    vms = merge_vms([host(0, running(vbd(f"file:{PATH}")))], [broken], all_answered=True)
    use = find_uses(vms.values(), [], NO_DISKS)[KEY]
    assert [one.is_live for one in use.attachments] == [True]
    assert use.doubts == ()


def test_a_cd_is_no_attachment() -> None:
    cdrom = [f"file:{PATH},hdc:cdrom,r"]
    assert uses_of(running(vbd(f"file:{PATH}", "hdc:cdrom", "r")), disk=cdrom) == Use()


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (
            f"/OVS/Repositories/{REPOSITORY.upper()}/VirtualDisks/a,b c.img",
            "VirtualDisks/a,b c.img",
        ),
        (f"/OVS/Repositories/{REPOSITORY}", f"/OVS/Repositories/{REPOSITORY}"),
        ("/OVS/Repositories/repo1/x.img", "/OVS/Repositories/repo1/x.img"),
        (f"/dev/mapper/3{REPOSITORY.upper()}", f"phy:{REPOSITORY}"),
        ("/dev/mapper/asm1", "phy:/dev/mapper/asm1"),
        ("/dev/mapper/asm10", "phy:/dev/mapper/asm10"),
        ("/mnt/x.img", "/mnt/x.img"),
    ],
)
def test_keys(path: str, key: str) -> None:
    inside = key.startswith("VirtualDisks")
    assert key_of_path(path) == (f"{REPOSITORY}/{key}" if inside else key)


# ------------------------------------------------------------------ states


def volume(**more: Any) -> Volume:
    file = DiskFile(repository(), PATH, is_creating=more.pop("is_creating", False))
    return Volume(KEY, "data", VIRTUAL, PATH, file, **more)


def test_states() -> None:
    [one] = uses_of().attachments
    assert volume().state is VolumeState.AVAILABLE
    assert volume(attachments=(one,)).state is VolumeState.IN_USE
    assert volume(named_by=("t",)).state is VolumeState.IN_USE
    assert volume(possible_users=("x",)).state is VolumeState.UNKNOWN
    assert volume(is_creating=True).state is VolumeState.CREATING
    assert volume(attachments=(one,), doubts=("x",), is_creating=True).state is VolumeState.ERROR


def test_possible_users() -> None:
    usage = DiskUsage({"data.img": ["vm a", "vm a", "vm b"]}, {}, ())
    assert possible_users(usage, "other.img") == ()
    first, second = possible_users(usage, "data.img")
    assert "vm a names a file 'data.img'" in first
    assert "vm b" in second
    unread = DiskUsage({}, {}, ("host 1 did not answer", "host 2 did not answer"))
    [said] = possible_users(unread, "other.img")
    assert "host 1 did not answer and 1 more" in said


# ------------------------------------------------------------------ files


def repository(*names: str, **more: Any) -> Repository:
    record = RepositoryRecord(REPOSITORY, "nas:/x", "", "nfs", "3.0", "", None, True)
    content = RepositoryContent("", "", None, REPOSITORY, "", (), (), (), names, (), ())
    return Repository(record, (), content, **more)


def listed(where: Repository, *disks: str) -> dict[str, DiskFile]:
    found = list_disk_files([where], [parse_disk(text) for text in disks])
    return {one.relative: one for one in found}


def test_files() -> None:
    ours = f"b.{'1' * 32}.img"
    marks = (f"{ours}.creating", f"c.{'1' * 32}.img.creating", "a.img.creating", "mine.creating")
    where = repository("a.img", ".ovsmeta", ours, *marks)
    folder = f"/OVS/Repositories/{REPOSITORY}"
    found = listed(
        where,
        f"file:{folder}/VirtualDisks/a.img,xvda,w",
        f"file:{folder}/VirtualDisks/.hidden.img,xvdb,w",
        f"file:{folder}/VirtualMachines/x/d.img,xvdc,w",
        f"file:{folder}/VirtualDisks/gone.img,xvdd,w",
        f"file:{folder}/VirtualDisks/cd.img,xvde:cdrom,r",
        f"file:{folder}/Templates/t.img,xvdf,w",
        f"file:{folder},xvdg,w",
        "file:/OVS/Repositories/repo1/VirtualDisks/x.img,xvdh,w",
    )
    assert {
        key.rpartition("/")[2]: (one.is_creating, one.is_missing) for key, one in found.items()
    } == {
        "a.img": (False, False),
        ours: (True, False),
        marks[1].removesuffix(".creating"): (True, False),
        "a.img.creating": (False, False),  # of files that this package has not named: no marks
        "mine.creating": (False, False),
        ".hidden.img": (False, False),
        "d.img": (False, False),
        "gone.img": (False, True),
    }


@pytest.mark.parametrize(
    "where",
    [
        repository("a.img", "?.img"),
        repository("a.img", errors=("not understood",)),
        replace(repository(), content=None),
    ],
    ids=["inexact", "errors", "not listed"],
)
def test_a_listing_that_may_lack_files_proves_nothing(where: Repository) -> None:
    assert not listed(where, DISK)["VirtualDisks/data.img"].is_missing


def test_eight_thousand_disks() -> None:
    """Each is looked at once; three out of four are attached."""
    names = [f"{number:04d}.img" for number in range(8000)]
    folder = f"/OVS/Repositories/{REPOSITORY}/VirtualDisks"
    definitions = [
        defined(
            f"{vm:032x}",
            uuid=f"{vm:032x}",
            memory=256,
            disk=[
                f"file:{folder}/{name},xvd{chr(98 + slot)},w"
                for slot, name in enumerate(names[vm * 6 : vm * 6 + 6])
            ],
        )
        for vm in range(1000)
    ]
    vms: dict[str, VM] = merge_vms([], definitions, all_answered=True)
    snapshot = EstateSnapshot((), (), (repository(*names),), vms)
    found = volumes_of(snapshot, with_sizes=False)
    assert len(found.volumes) == 8000
    states = [one.state for one in found.volumes]
    assert states == [VolumeState.IN_USE] * 6000 + [VolumeState.AVAILABLE] * 2000
