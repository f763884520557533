"""What a vm.cfg says, as ``get_vm_config`` answers it. Pure; what is not understood is kept."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DiskEntry:
    """One entry of vm.cfg's ``disk`` list, ``file:/OVS/…/x.img,xvda,w`` (agent-behaviour 6.4)."""

    text: str
    scheme: str  # "file", "phy", "tap:aio"; "" if there is none
    path: str | None  # None: an empty drive, or not understood
    device: str  # "xvda"
    is_cdrom: bool
    mode: str  # "r", "w", "w!"


def parse_disk(text: str) -> DiskEntry:
    """Take a disk entry apart. What does not fit the form has no path."""
    uname, _, rest = text.partition(",")
    device, _, mode = rest.partition(",")
    scheme, slash, path = uname.strip().partition("/")
    device, _, what = device.strip().partition(":")
    return DiskEntry(
        text=text,
        scheme=scheme.rstrip(":"),
        path=_tidy(path) if slash else None,
        device=device,
        is_cdrom=what == "cdrom",
        mode=mode.partition(",")[0].strip(),
    )


def _tidy(path: str) -> str:
    # normpath keeps two leading slashes, as POSIX has it; to the host they are one.
    return "/" + posixpath.normpath(path).lstrip("/")


def disks_of(config: dict[str, Any]) -> tuple[DiskEntry, ...]:
    """All disk entries of a definition, in its order."""
    disks = config.get("disk")
    if not isinstance(disks, list):
        return ()
    return tuple(parse_disk(disk) for disk in disks if isinstance(disk, str))
