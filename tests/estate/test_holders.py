"""Whose file is still held: by its name, as far as a host can tell."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.documents import Server
from libcloud_ovm3.agent.hostmodule_types import Holder, Identity
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.holders import HostHolders, _holding, obstacles, same_files
from libcloud_ovm3.estate.hosts import HostView

PATH = "/OVS/Repositories/0004fb/VirtualDisks/one.img"


@pytest.mark.parametrize(
    ("holder", "who"),
    [
        (Holder("vbd", PATH, "xvda", 7, None), "domain 7 (xvda)"),
        (Holder("loop", PATH, "/dev/loop0", None, None), "/dev/loop0"),
        (Holder("loop", "/nfsmnt/elsewhere/VirtualDisks/one.img", "/dev/loop0", None, None),
         "/dev/loop0"),
        (Holder("loop", PATH[:30], "/dev/loop0", None, "may be cut"),
         "unknown (/dev/loop0: may be cut)"),
        (Holder("loop", f"{PATH} (deleted)", "/dev/loop0", None, None), "/dev/loop0"),
        (Holder("loop", None, "", None, "no losetup"), "unknown (loop: no losetup)"),
        (Holder("loop", PATH[:30], "/dev/loop0", None, None), None),
        (Holder("loop", "/OVS/other", "/dev/loop0", None, "may be cut"),
         "unknown (/dev/loop0: may be cut)"),
        (Holder("vbd", f"{PATH}.bak", "xvda", 7, None), None),
        (Holder("vbd", "", "xvdb", 7, None), None),  # an empty drive
    ],
)  # fmt: skip
def test_who_holds_a_file(holder: Holder, who: str | None) -> None:
    assert list(_holding([holder], PATH, None)) == ([who] if who else [])


# ------------------------------------------------------------------ before a start

REPOSITORY, ELSEWHERE = "0004fb" + "0" * 26, "0004fb" + "1" * 26
OWN_ID, OTHER_ID = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
DISK = f"/OVS/Repositories/{REPOSITORY}/VirtualDisks/one.img"


def in_the_way(holder: Holder, mode: str = "w") -> list[str]:
    """What one holder on one host, which cannot identify files, says against a start."""
    server = Server(uuid="0" * 32, hostname="ovm-1")
    host = HostView(Address("127.0.0.2", 8899), None, server, (), ())  # type: ignore[arg-type]
    config = VMConfig({"uuid": OWN_ID, "disk": [f"file:{DISK},xvda,{mode}"]})
    definition = Definition(REPOSITORY, "0" * 32, config)
    return obstacles([HostHolders(host, None, (holder,))], definition)


def vbd(path: str | None = DISK, owner: str | None = OTHER_ID, **more: Any) -> Holder:
    given: dict[str, Any] = {"mode": "w", "state": 4, "error": None}
    return Holder("vbd", path, "xvda", 7, uuid=owner, **{**given, **more})


OTHERS = [
    vbd(),
    vbd(owner=None),
    vbd(mode=None),
    vbd(mode=""),
    vbd(mode="w!"),
    vbd(state=0),
    vbd(state=5),
    vbd(owner=OWN_ID),
    vbd(owner=OWN_ID, mode="r"),
    vbd(owner=OWN_ID, path="/dev/mapper/x"),
    vbd(path=DISK.upper().replace("/OVS/REPOSITORIES", "/OVS/Repositories").replace(
        "VIRTUALDISKS/ONE.IMG", "VirtualDisks/one.img")),
    vbd(path=f"/nfsmnt/{OTHER_ID}/VirtualDisks/one.img"),
    vbd(path=f"{DISK} (deleted)"),
    Holder("loop", DISK, "/dev/loop0", None, None),
    Holder("loop", DISK[:30], "/dev/loop0", None, "may be cut"),
    Holder("loop", None, "", None, "no losetup"),
]  # fmt: skip
NOBODY = [
    vbd(state=6),
    vbd(state=6, owner=OWN_ID),
    vbd(mode="r"),
    vbd(path=DISK.replace(REPOSITORY, ELSEWHERE)),
    vbd(path=f"{DISK}.bak"),
    vbd(path=""),
    Holder("loop", DISK, "/dev/loop0", 7, None, OTHER_ID),
    Holder("loop", "/var/x", "/dev/loop0", None, "may be cut"),
]


@pytest.mark.parametrize("holder", OTHERS, ids=str)
def test_obstacles_to_a_start(holder: Holder) -> None:
    assert in_the_way(holder)


@pytest.mark.parametrize("holder", NOBODY, ids=str)
def test_what_does_not(holder: Holder) -> None:
    assert in_the_way(holder) == []


def test_shared_is_what_both_say() -> None:
    assert in_the_way(vbd(mode="w!"), "w!") == []
    assert in_the_way(vbd(mode="w"), "w!")
    assert in_the_way(vbd(mode="w!"), "w")


# ------------------------------------------------------------------ one file, several names


def identity(path: str, inode: int = 5, error: str | None = None) -> Identity:
    return Identity(path, real=path, device=1, inode=inode, links=1, error=error)


def test_what_cannot_be_identified_may_be_the_same_file() -> None:
    known = {
        DISK: identity(DISK),
        "/a": identity("/a"),
        "/b": identity("/b", 6),
        "/c": identity("/c", error="stale"),
    }
    module: Any = SimpleNamespace(identify=lambda paths: [known[path] for path in paths])
    host: Any = SimpleNamespace(repositories_error=None, repositories=())
    assert same_files(host, module, [DISK], ["/a", "/b", "/c"]) == {DISK: {"/a", "/c"}}
    with pytest.raises(PreconditionFailed, match="stale"):
        same_files(host, module, ["/c"], [DISK])
