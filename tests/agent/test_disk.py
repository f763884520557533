"""agent.disk: the disk entries of a vm.cfg (agent-behaviour 6.4, xend.md 7)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.agent.disk import DiskEntry, format_disk, parse_disk
from libcloud_ovm3.errors import InvalidArgument

CASES = Path(__file__).parent / "cases"
ID = "0004fb0000030000aeaca859e4a8f8c0"
IMG = f"/OVS/Repositories/{ID}/VirtualDisks/a.img"


@pytest.mark.parametrize(
    ("text", "scheme", "path", "device", "is_cdrom", "mode"),
    [
        (f"file:{IMG},xvda,w", "file", IMG, "xvda", False, "w"),
        (f"file:{IMG},xvdb:cdrom,r", "file", IMG, "xvdb", True, "r"),
        (f"file:{IMG},hdc:disk,w!", "file", IMG, "hdc", False, "w!"),
        (f"file:{IMG},hdc:cdrom,r!", "file", IMG, "hdc", True, "r!"),
        (f"file:{IMG},ioemu:hda,w", "file", IMG, "hda", False, "w"),
        (f"file:{IMG},ioemu:hdc:cdrom,r", "file", IMG, "hdc", True, "r"),
        ("phy:/dev/mapper/36006,xvdc,w!", "phy", "/dev/mapper/36006", "xvdc", False, "w!"),
        ("phy:vg0/web7,xvda,w", "phy", "/dev/vg0/web7", "xvda", False, "w"),
        ("phy:sda1,sda1,r", "phy", "/dev/sda1", "sda1", False, "r"),
        ("tap:aio:/home/hardy.img,xvda1,w", "tap:aio", "/home/hardy.img", "xvda1", False, "w"),
        ("tap2:vhd:/x.vhd,xvda,w", "tap2:vhd", "/x.vhd", "xvda", False, "w"),
        ("tap:/x:y.img,xvda,w", "tap", "/x:y.img", "xvda", False, "w"),
        ("file:/a:b/c.img,xvda,w", "file", "/a:b/c.img", "xvda", False, "w"),
        ("drbd:web,xvda,w", "drbd", None, "xvda", False, "w"),
        ("file:///EXAVMIMAGES/x.img,xvda,w", "file", "/EXAVMIMAGES/x.img", "xvda", False, "w"),
        ("file:/a//b/../c.img,xvda,w", "file", "/a/c.img", "xvda", False, "w"),
        (" file:/a.img , xvda , w ", "file", "/a.img ", "xvda", False, "w"),
        (",xvdb:cdrom,r", "", None, "xvdb", True, "r"),
        ("file:,xvdb:cdrom,r", "file", None, "xvdb", True, "r"),
        ("phy:,xvdb:cdrom,r", "phy", None, "xvdb", True, "r"),
        ("/a.img,xvda,w", "", "/a.img", "xvda", False, "w"),
        ("file:/a.img", "file", "/a.img", "", False, ""),
        ("nonsense", "", None, "", False, ""),
        ("", "", None, "", False, ""),
    ],
)
def test_disk_entries(
    text: str, scheme: str, path: str | None, device: str, is_cdrom: bool, mode: str
) -> None:
    entry = parse_disk(text)
    assert (entry.text, entry.scheme, entry.path) == (text, scheme, path)
    assert (entry.device, entry.is_cdrom, entry.mode) == (device, is_cdrom, mode)
    assert format_disk(entry) == text


def test_backend_and_protocol() -> None:
    assert parse_disk("file:/a,xvda,w,1,x86_32-abi").rest == ("1", "x86_32-abi")
    assert parse_disk("file:/a,xvda,w,").rest == ("",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "file:/a.img",
        "file:/a.img,xvda",
        "file:/a.img,xvda,rw",
        "file:/a.img,xvda,W",
        "file:/a.img,,w",
        "file:/a,b.img,xvda,w",  # no comma can be in a path
        "file:/a.img,xvda,w,1,2,3",
        "/a.img,xvda,w",
        ",xvda,w",
        "file:,xvda,w",
    ],
)
def test_what_xend_would_not_take(text: str) -> None:
    entry = parse_disk(text)
    assert not entry.is_understood
    assert format_disk(entry) == text, "kept all the same"
    if "/a" in text:
        assert entry.file_names & {"a.img", "a,b.img"}, "in doubt it is used"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("phy:/dev/mapper/asm10,xvdc,w", {"asm10"}),
        ("file:///a//b c.img,xvda,w", {"b c.img"}),
        (",xvdb:cdrom,r", set()),
        ("file:b.img,xvda,w", {"b.img"}),
        ("drbd:web,xvda,w", {"web"}),
        ("file:/a.img ,xvda,w", {"a.img ", "a.img"}),
        ("file:/ a.img,xvda,w", {" a.img", "a.img"}),
        ("x=/OVS/b.img", {"x", "OVS", "b.img"}),
        ("file:/b,c.img,d", {"file", "b", "b,c.img", "b,c.img,d"}),
        ("", set()),
    ],
)
def test_what_files_it_may_mean(text: str, names: set[str]) -> None:
    assert parse_disk(text).file_names == names


@pytest.mark.parametrize(
    ("device", "slot"),
    [
        ("xvda", 0),
        ("xvdc", 2),
        ("xvdf", 5),
        ("xvdg", 6),
        ("xvdz", 25),
        ("xvdaa", 26),
        ("xvdiz", 259),
        ("xvda1", 0),
        ("xvdb2", 1),
        ("hdc", 2),
        ("sdb", 1),
        ("c", None),
        ("vda", None),
        ("XVDA", None),
        ("51712", None),
        ("0xca00", None),
        ("", None),
    ],
)
def test_slots(device: str, slot: int | None) -> None:
    assert parse_disk(f"file:/a,{device},w").slot == slot


def test_where_it_lies() -> None:
    assert parse_disk(f"file:{IMG},xvda,w").repository_id == ID
    assert parse_disk(f"file:/OVS/Repositories/{ID.upper()}/a,xvda,w").repository_id == ID
    for path in (
        "/EXAVMIMAGES/GuestImages/racdb01vm08.example.com/u02_extra.img",
        "/OVS/seed_pool/el_template_db/System.img",
        "/OVS/Repositories/repo1/VirtualDisks/a.img",
        "/OVS/Repositories",
        f"/OVS/Repositories/../{ID}/a",
        f"/mnt/OVS/Repositories/{ID}/a",
        f"/OVS/Repositories2/{ID}/a",
        "",
    ):
        assert parse_disk(f"file:{path},xvda,w").repository_id is None, path
    # what looks like another repository's, and is not
    sly = f"file:/OVS/Repositories/{'0' * 32}/../{ID}/a.img,xvda,w"
    assert parse_disk(sly).repository_id == ID


def test_field_case_v16() -> None:
    lines = (CASES / "V16.rac.txt").read_text().splitlines()
    (text,) = [line for line in lines if line.startswith("disk = ")]
    disks = [parse_disk(entry) for entry in vmcfg.parse(text)["disk"]]
    slots = [int(line.split()[0]) for line in lines if line[:1].isdigit()]
    wwids = [line.split()[3] for line in lines if line[:1].isdigit() and "WWID" in line]
    assert [disk.slot for disk in disks] == slots == [0, 1, 2, 6, 5]
    assert [disk.is_shared for disk in disks] == [False] * 2 + [True] * 3
    assert [disk.is_physical for disk in disks] == [False] * 2 + [True] * 3
    assert [disk.wwid for disk in disks] == [None, None, *wwids]
    assert all(disk.is_understood for disk in disks)


@pytest.mark.parametrize(
    ("path", "wwid"),
    [
        ("/dev/mapper/36006016011223300aa00bb11cc22dd01", "6006016011223300aa00bb11cc22dd01"),
        ("/dev/mapper/36006016011223300AA00BB11CC22DD01", "6006016011223300aa00bb11cc22dd01"),
        ("//dev//mapper/36006016011223300aa00bb11cc22dd01", "6006016011223300aa00bb11cc22dd01"),
        ("mapper/36006016011223300aa00bb11cc22dd01", "6006016011223300aa00bb11cc22dd01"),
        ("/dev/mapper/350014ee2b5e2a3c4", "50014ee2b5e2a3c4"),
        ("/dev/mapper/6006016011223300aa00bb11cc22dd01", None),
        ("/dev/mapper/36006016011223300aa00bb11cc22dd01p1", None),
        ("/dev/mapper/1IET_00010001", None),
        ("/dev/mapper/asm1", None),
        ("/dev/mapper/vg0-web7", None),
        ("/dev/sda", None),
        ("/OVS/36006016011223300aa00bb11cc22dd01", None),
    ],
)
def test_one_lun_whatever_it_is_called(path: str, wwid: str | None) -> None:
    assert parse_disk(f"phy:{path},xvdc,w!").wwid == wwid


# ------------------------------------------------------------------ and back

FIELD = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), max_size=8).filter(
    lambda text: not set(text) & set(",:/") and text == text.strip()
)
ENTRIES = st.builds(
    DiskEntry,
    text=st.just(""),
    scheme=st.sampled_from(["file", "phy", "tap:aio", "tap2:vhd", "drbd"]),
    location=FIELD.map("/x/{}".format) | st.just("/a:b/c"),
    device=st.sampled_from(["xvda", "hdc", "sdb1", "51712", "c"]),
    kind=st.sampled_from(["", "cdrom", "disk"]),
    mode=st.sampled_from(["r", "w", "w!", "r!"]),
    rest=st.lists(FIELD, max_size=2).map(tuple),
    is_ioemu=st.booleans(),
)


@given(ENTRIES)
def test_round_trip_of_entries(entry: DiskEntry) -> None:
    text = format_disk(entry)
    assert parse_disk(text) == dataclasses.replace(entry, text=text)
    assert parse_disk(text).is_understood


@given(st.text() | st.text("file:/.,xvdaw!cdrom tap", max_size=30))
def test_round_trip_of_texts(text: str) -> None:
    entry = parse_disk(text)
    assert format_disk(entry) == text
    assert entry.path is None or (entry.path.startswith("/") and "//" not in entry.path)
    assert (entry.slot or 0) >= 0
    assert isinstance(entry.repository_id or "", str)


def test_a_change_is_written() -> None:
    entry = parse_disk(" file:///a.img , xvdb:cdrom , r ")
    changed = dataclasses.replace(entry, mode="w", kind="", device="xvdc")
    assert format_disk(changed) == "file:///a.img ,xvdc,w"
    ejected = dataclasses.replace(entry, scheme="", location="")
    assert format_disk(ejected) == ",xvdb:cdrom,r"


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "rw"},
        {"mode": ""},
        {"device": ""},
        {"device": "xvda,w"},
        {"device": "xvda:cdrom"},
        {"location": "/a,b.img"},
        {"location": ""},
        {"location": "/a\n", "mode": "W"},
        {"scheme": ""},
        {"scheme": "tap", "location": "aio:/x"},
        {"kind": "x:y", "device": "ioemu"},
        {"rest": ("1", "2", "3")},
    ],
)
def test_what_cannot_be_written(change: dict[str, str]) -> None:
    entry = parse_disk("file:/a.img,xvda,w")
    with pytest.raises(InvalidArgument):
        format_disk(dataclasses.replace(entry, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("end", [" ", "  ", "\t", "\u00a0", "."])
def test_blanks_at_the_end_of_a_path_are_the_files(end: str) -> None:
    """xend trims nothing: the same name without the blank is another file."""
    entry = parse_disk(f" file:/OVS/a.img{end}, xvda , w")
    assert (entry.path, entry.device, entry.mode) == (f"/OVS/a.img{end}", "xvda", "w")
    assert entry.path != parse_disk("file:/OVS/a.img,xvda,w").path
    assert format_disk(entry) == entry.text
