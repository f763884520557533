"""Whose file is still held: by its name, as far as a host can tell."""

from __future__ import annotations

import pytest

from libcloud_ovm3.agent.hostanswers import Holder
from libcloud_ovm3.estate.holders import _holding

PATH = "/OVS/Repositories/0004fb/VirtualDisks/one.img"


@pytest.mark.parametrize(
    ("holder", "who"),
    [
        (Holder("vbd", PATH, "xvda", 7, None), "domain 7 (xvda)"),
        (Holder("loop", PATH, "/dev/loop0", None, None), "/dev/loop0"),
        (Holder("loop", "/nfsmnt/elsewhere/VirtualDisks/one.img", "/dev/loop0", None, None),
         "/dev/loop0"),
        (Holder("loop", PATH[:30], "/dev/loop0", None, "may be cut"),
         "not known (/dev/loop0: may be cut)"),
        (Holder("loop", f"{PATH} (deleted)", "/dev/loop0", None, None), "/dev/loop0"),
        (Holder("loop", None, "", None, "no losetup"), "not known (loop: no losetup)"),
        (Holder("loop", PATH[:30], "/dev/loop0", None, None), None),
        (Holder("loop", "/OVS/other", "/dev/loop0", None, "may be cut"),
         "not known (/dev/loop0: may be cut)"),
        (Holder("vbd", f"{PATH}.bak", "xvda", 7, None), None),
        (Holder("vbd", "", "xvdb", 7, None), None),  # an empty drive
    ],
)  # fmt: skip
def test_who_holds_a_file(holder: Holder, who: str | None) -> None:
    assert list(_holding([holder], PATH)) == ([who] if who else [])
