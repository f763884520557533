"""copy_file and the storage plug-in, on real files below the simulator's root.

Sources: agent-behaviour.md 4, 8.4, 9.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator.errors import AgentFault, Stopped, command_fault, os_fault, plain_fault
from libcloud_ovm3.simulator.files import check_export, existing_path, real_path
from libcloud_ovm3.simulator.host import Mount, SimulatedHost

NFS_PLUGIN = "oracle.generic.NFSPlugin.GenericNFSPlugin"
#: Every key of the two structs (9.1, 9.2).
SS_KEYS = (
    "uuid name access_host storage_type status storage_desc admin_user admin_host admin_passwd "
    "access_grps total_sz free_sz alloc_sz used_sz"
).split()
FS_KEYS = "uuid ss_uuid size free_sz state status access_path access_grp_names name".split()
STAMP = ".generic_fs_stamp"
BLOCK = 1 << 20


# -- files --------------------------------------------------------------------------------------


def copy_file(
    host: SimulatedHost, source: str, target: str, sparse: Any, update_period: Any = None
) -> None:
    """Copy on the host at 200 MB/s (settable); holes stay holes.

    No protection against overwriting is known; directories are not created (8.4).
    """
    with host.lock:
        origin, goal = existing_path(host, source), real_path(host, target)
    if origin.is_dir():
        raise os_fault(21, "Is a directory", source)
    if not goal.parent.is_dir():
        raise os_fault(2, "No such file or directory", target)
    if goal.is_dir():
        raise os_fault(21, "Is a directory", target)
    if goal.exists():
        if goal.samefile(origin):
            raise plain_fault(f"{source} and {target} are the same file")
        if host.answer("copy_file onto an existing file") == "fault":
            raise os_fault(17, "File exists", target)
    begun, size = host.now(), origin.stat().st_size
    boot = host.boot_time
    with origin.open("rb") as reader, goal.open("wb") as writer:
        # In two halves, so that an interrupted copy leaves a partial file.
        half, seconds = size // 2, size / host.settings.copy_bytes_per_second
        copy_blocks(reader.fileno(), writer.fileno(), 0, half, bool(sparse))
        host.wait_until(begun + seconds / 2)
        if host.boot_time != boot:
            raise Stopped  # the host went down meanwhile
        copy_blocks(reader.fileno(), writer.fileno(), half, size, bool(sparse))
    host.wait_until(begun + seconds)


def copy_blocks(source: int, target: int, start: int, end: int, sparse: bool) -> None:
    """Copy the bytes from ``start`` to ``end`` and truncate the target there."""
    offset = start
    while offset < end:
        data, hole = _next_data(source, offset, end) if sparse else (offset, end)
        for at in range(data, hole, BLOCK):
            os.pwrite(target, os.pread(source, min(BLOCK, hole - at), at), at)
        offset = hole
    os.ftruncate(target, end)


def _next_data(source: int, offset: int, end: int) -> tuple[int, int]:
    """Where the next data begin and end; both are ``end`` if there are none."""
    try:
        data = os.lseek(source, offset, os.SEEK_DATA)
    except OSError as error:  # ENXIO: a hole up to the end; else holes are not reported
        return (end if error.errno == errno.ENXIO else offset), end
    return min(end, data), min(end, os.lseek(source, data, os.SEEK_HOLE))


# -- the storage plug-in ------------------------------------------------------------------------


def _check(host: SimulatedHost, impl_name: str, given: dict[str, tuple[Any, str]]) -> None:
    """Check for the documented minimum of keys (9.4), or for all keys of 9.1 and 9.2."""
    if impl_name != NFS_PLUGIN:
        raise plain_fault(f"not modelled by the simulator: storage plug-in {impl_name!r}")
    everything = host.answer("storage structs with missing keys") == "fault"
    full = {"ss": SS_KEYS, "fs": FS_KEYS}
    for name, (struct, minimum) in given.items():
        if not isinstance(struct, dict):
            raise AgentFault("exceptions.TypeError", f"{name} must be a struct")
        wanted = full.get(name, minimum.split()) if everything else minimum.split()
        for key in wanted:
            if key not in struct:
                raise AgentFault("exceptions.KeyError", f"'{key}'")
    server, system = given.get("ss", ({}, ""))[0].get("uuid"), given.get("fs", ({}, ""))[0]
    if server and "-" in server:
        raise plain_fault(f"Invalid storage server uuid: {server}")  # 3: undashed
    if system.get("uuid") and system["uuid"].count("-") != 4:
        raise plain_fault(f"Invalid file system uuid: {system['uuid']}")  # 3: dashed


def _need_stamp(host: SimulatedHost, fs: dict[str, Any]) -> None:
    """Check that the plug-in has mounted the file system on this host (4, 9.4)."""
    point = f"/nfsmnt/{fs['uuid']}"
    mount = host.mounts.get(point)
    if mount is None or not (host.settings.export(mount.device) / STAMP).exists():
        raise plain_fault(f"File system {fs['uuid']} is not mounted or has no {STAMP}")


def _file_system(
    host: SimulatedHost, ss_uuid: str, fs_uuid: str, access_path: str, filled: bool
) -> dict[str, Any]:
    usage = shutil.disk_usage(host.settings.root)
    return {
        "access_grp_names": [],
        "access_path": access_path,
        "free_sz": str(usage.free) if filled else "",
        "mount_options": [],
        "name": "nfs:" + access_path.partition(":")[2],
        "size": str(usage.total) if filled else "",
        "ss_uuid": ss_uuid,
        "state": "1",
        "status": "",
        "uuid": fs_uuid,
    }


def plugin_mount(
    host: SimulatedHost,
    impl_name: str,
    ss: Any,
    fs: Any,
    point: str,
    _string: Any,
    _flag: Any,
    _list: Any,
) -> dict[str, Any] | None:
    """Mount a share under /nfsmnt and stamp it; nil if it is mounted already."""
    _check(
        host,
        impl_name,
        {"ss": (ss, "uuid name access_host"), "fs": (fs, "uuid ss_uuid access_path")},
    )
    if point != f"/nfsmnt/{fs['uuid']}":
        raise plain_fault(f"Invalid mount point: {point}")
    with host.lock:
        if point in host.mounts:
            return None
        check_export(host, fs["access_path"], point)
        stamp = host.settings.export(fs["access_path"]) / STAMP
        if stamp.exists() and stamp.read_text().strip() != fs["uuid"]:
            # A stamp of an earlier file system must be deleted manually (4).
            raise plain_fault(f"{STAMP} on {fs['access_path']} belongs to another file system")
        stamp.write_text(fs["uuid"] + "\n")  # its real content is not known
        host.mounts[point] = Mount(fs["access_path"], fs["uuid"], fs["ss_uuid"])
        host.save()
    ids = [fs["ss_uuid"], fs["uuid"]]
    if host.answer("mount answer ids exchanged") == "yes":
        ids.reverse()
    filled = host.answer("mount answer sizes") == "filled"
    return _file_system(host, ids[0], ids[1], fs["access_path"], filled)


def plugin_unmount(
    host: SimulatedHost, impl_name: str, ss: Any, fs: Any, point: str, _flag: Any
) -> None:
    """Unmount a file system that the plug-in has mounted."""
    _check(
        host,
        impl_name,
        {"ss": (ss, "uuid access_host storage_type"), "fs": (fs, "uuid ss_uuid access_path state")},
    )
    with host.lock:
        if point not in host.mounts or not host.mounts[point].fs_uuid:
            raise command_fault(["umount", point], 1, f"umount: {point}: not mounted")
        del host.mounts[point]
        host.save()


def plugin_list_mount_points(host: SimulatedHost, impl_name: str, ss: Any) -> list[dict[str, str]]:
    """What the plug-in has mounted; only the keys status and fs_uuid are known (9.4)."""
    _check(host, impl_name, {"ss": (ss, "uuid access_host storage_type")})
    with host.lock:
        mounts = [mount for mount in host.mounts.values() if mount.fs_uuid]
    return [{"fs_uuid": mount.fs_uuid, "status": "Mounted"} for mount in mounts]


def plugin_file_system_info(
    host: SimulatedHost, impl_name: str, ss: Any, fs: Any
) -> dict[str, Any]:
    """Size and free bytes; both empty if the plug-in has not mounted it on this host."""
    _check(
        host,
        impl_name,
        {"ss": (ss, "uuid access_host storage_type"), "fs": (fs, "uuid ss_uuid access_path")},
    )
    with host.lock:
        filled = f"/nfsmnt/{fs['uuid']}" in host.mounts
    return _file_system(host, fs["ss_uuid"], fs["uuid"], fs["access_path"], filled)


def _file_info(fs: dict[str, Any], path: str, found: Path) -> dict[str, Any]:
    status = found.stat()
    return {
        "file_path": path,
        "file_sz": str(status.st_size),
        "fr_type": "Directory" if found.is_dir() else "File",
        "fs_uuid": fs["uuid"],
        "ondisk_sz": str(status.st_blocks * 512),
    }


def plugin_create(
    host: SimulatedHost, impl_name: str, ss: Any, fs: Any, path: str, kind: str, size: int
) -> dict[str, Any]:
    """Create a sparse file of that many bytes, or a directory; faults if it exists."""
    _check(
        host,
        impl_name,
        {"ss": (ss, "uuid access_host storage_type"), "fs": (fs, "uuid ss_uuid state")},
    )
    if kind not in ("File", "Directory"):
        raise plain_fault(f"Invalid file type: {kind}")
    with host.lock:
        _need_stamp(host, fs)
        found = real_path(host, path)
        try:
            if kind == "Directory":
                found.mkdir()
            else:
                with found.open("xb") as file:
                    file.truncate(int(size))
        except FileExistsError:
            raise os_fault(17, "File exists", path) from None
        except (FileNotFoundError, NotADirectoryError):
            raise os_fault(2, "No such file or directory", path) from None
        return _file_info(fs, path, found)


def plugin_file_info(
    host: SimulatedHost, impl_name: str, ss: Any, fs: Any, file: Any
) -> dict[str, Any]:
    """Path, size and disk usage of a file; for a missing file what the personality says."""
    _check(
        host,
        impl_name,
        {
            "ss": (ss, "uuid access_host"),
            "fs": (fs, "uuid ss_uuid state"),
            "file": (file, "file_path"),
        },
    )
    path = file["file_path"]
    with host.lock:
        _need_stamp(host, fs)
        found = real_path(host, path)
        if found.exists():
            return _file_info(fs, path, found)
    if host.answer("getFileInfo of a missing file") == "fault":
        raise os_fault(2, "No such file or directory", path)
    return dict.fromkeys(("file_path", "file_sz", "fr_type", "ondisk_sz"), "") | {
        "fs_uuid": fs["uuid"]
    }


def plugin_destroy(host: SimulatedHost, impl_name: str, ss: Any, fs: Any, file: Any) -> None:
    """Delete a file (or an empty directory)."""
    _check(
        host,
        impl_name,
        {
            "ss": (ss, "uuid"),
            "fs": (fs, "uuid ss_uuid"),
            "file": (file, "fr_type fs_uuid file_path"),
        },
    )
    path = file["file_path"]
    with host.lock:
        _need_stamp(host, fs)
        found = real_path(host, path)
        if found.is_dir():
            if any(found.iterdir()):
                raise os_fault(39, "Directory not empty", path)
            found.rmdir()
            return
        try:
            found.unlink()
        except (FileNotFoundError, NotADirectoryError):
            if host.answer("storage_plugin_destroy of a missing file") == "fault":
                raise os_fault(2, "No such file or directory", path) from None
