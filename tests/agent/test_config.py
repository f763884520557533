"""agent.config: the disk entries of a vm.cfg (agent-behaviour 6.4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.config import DiskEntry, disks_of, parse_disk

IMG = "/OVS/Repositories/0004fb/VirtualDisks/a.img"


@pytest.mark.parametrize(
    ("text", "scheme", "path", "device", "is_cdrom", "mode"),
    [
        (f"file:{IMG},xvda,w", "file", IMG, "xvda", False, "w"),
        (f"file:{IMG},xvdb:cdrom,r", "file", IMG, "xvdb", True, "r"),
        (f"file:{IMG},hdc:disk,w!", "file", IMG, "hdc", False, "w!"),
        ("phy:/dev/mapper/36006,xvdc,w!", "phy", "/dev/mapper/36006", "xvdc", False, "w!"),
        ("tap:aio:/home/hardy.img,xvda1,w", "tap:aio", "/home/hardy.img", "xvda1", False, "w"),
        ("file:///EXAVMIMAGES/x.img,xvda,w", "file", "/EXAVMIMAGES/x.img", "xvda", False, "w"),
        ("file:/a//b/../c.img,xvda,w", "file", "/a/c.img", "xvda", False, "w"),
        (" file:/a.img , xvda , w ", "file", "/a.img", "xvda", False, "w"),
        (",xvdb:cdrom,r", "", None, "xvdb", True, "r"),
        ("file:/a.img", "file", "/a.img", "", False, ""),
        ("nonsense", "nonsense", None, "", False, ""),
        ("", "", None, "", False, ""),
    ],
)
def test_disk_entries(
    text: str, scheme: str, path: str | None, device: str, is_cdrom: bool, mode: str
) -> None:
    assert parse_disk(text) == DiskEntry(text, scheme, path, device, is_cdrom, mode)


@given(st.text() | st.text("file:/.,xvdaw! ", max_size=30))
def test_any_text_is_kept(text: str) -> None:
    entry = parse_disk(text)
    assert entry.text == text
    assert entry.path is None or (entry.path.startswith("/") and "//" not in entry.path)


@pytest.mark.parametrize("disk", [None, "file:/a,xvda,w", {}, 7, [], [None, 7, ["x"]]])
def test_no_disks(disk: Any) -> None:
    assert disks_of({"disk": disk}) == ()
    assert disks_of({}) == ()


def test_disks_in_order() -> None:
    entries = disks_of({"disk": [f"file:{IMG},xvdb,w", 7, ",xvda:cdrom,r"]})
    assert [entry.device for entry in entries] == ["xvdb", "xvda"]
