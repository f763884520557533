"""The paths of a simulated host, translated to real files below the simulator's root."""

from __future__ import annotations

import os
from pathlib import Path

from libcloud_ovm3.simulator.errors import AgentFault, command_fault, os_fault, plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost


def real_path(host: SimulatedHost, path: str) -> Path:
    """The real file behind a host's absolute path: on a mounted export or on the host's own disk.

    :raises AgentFault: The path is not absolute, contains ``..``, lies on a stale mount, or leads
        out of the simulator's root.
    """
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        raise os_fault(2, "No such file or directory", str(path))
    if ".." in path.split("/"):
        raise plain_fault(f"not modelled by the simulator: a path with '..': {path}")
    clean = os.path.normpath("/" + path.lstrip("/"))
    base, rest = host.folder / "disk", clean
    for point in sorted(host.mounts, key=len, reverse=True):
        if clean == point or clean.startswith(point + "/"):
            if point in host.stale:
                raise os_fault(116, "Stale NFS file handle", path)
            base = host.settings.export(host.mounts[point].device)
            rest = clean[len(point) :]
            break
    found = base / rest.lstrip("/")
    root = os.path.realpath(host.settings.root)
    if os.path.commonpath((root, os.path.realpath(found))) != root:
        raise plain_fault(
            f"not modelled by the simulator: {path} leads out of the simulator's root"
        )
    return found


def existing_path(host: SimulatedHost, path: str) -> Path:
    """The same, for a file that must exist.

    :raises AgentFault: There is no such file.
    """
    found = real_path(host, path)
    if not found.exists():
        raise os_fault(2, "No such file or directory", path)
    return found


def check_export(host: SimulatedHost, device: str, point: str) -> None:
    """Check that an NFS export can be mounted.

    :raises AgentFault: There is no such export.
    """
    server, _, path = device.partition(":")
    inside = bool(server) and path.startswith("/") and not {"..", "."} & set(device.split("/"))
    if not inside or "/" in server or not host.settings.export(device).is_dir():
        raise command_fault(
            ["mount", "-t", "nfs", device, point],
            32,
            f"mount.nfs: mounting {device} failed, reason given by server: "
            "No such file or directory",
        )


def exists(host: SimulatedHost, path: str) -> bool:
    """Whether the host has a file at this path."""
    try:
        return real_path(host, path).exists()
    except AgentFault:
        return False
