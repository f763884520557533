"""Repositories: mounts, registration, their root directory (agent-behaviour.md 4, 5)."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from libcloud_ovm3.simulator.agent import ownership
from libcloud_ovm3.simulator.errors import AgentFault, command_fault, plain_fault
from libcloud_ovm3.simulator.files import check_export, real_path
from libcloud_ovm3.simulator.host import Mount, SimulatedHost
from libcloud_ovm3.simulator.vmcfg import strings

FOLDERS = ("Assemblies", "ISOs", "Templates", "VirtualDisks", "VirtualMachines")
#: A field of the agent's repository database -> its element in discover_repository_db.
DB_FIELDS = {
    "fs_location": "Fs_location",
    "mount_point": "Mount_point",
    "filesystem": "Filesystem_type",
    "version": "Version",
    "alias": "Alias",
    "manager_uuid": "Manager_uuid",
}


def mount_repository_fs(host: SimulatedHost, fs_location: str, mount_point: str) -> None:
    """Mount a repository over NFS; nil if it is mounted there already (5)."""
    with host.lock:
        if not re.fullmatch(r"/OVS/Repositories/[^/]+", mount_point):
            raise plain_fault(f"Invalid mount point: {mount_point}")
        mounted = host.mounts.get(mount_point)
        if mounted and mounted.device == fs_location:
            return
        if mounted:
            command = ["mount", "-t", "nfs", fs_location, mount_point]
            raise command_fault(command, 32, f"mount.nfs: {mount_point} is busy or already mounted")
        check_export(host, fs_location, mount_point)
        host.mounts[mount_point] = Mount(fs_location)
        host.save()


def unmount_repository_fs(host: SimulatedHost, mount_point: str) -> None:
    """Unmount; faults while a domain of this host has a disk there."""
    with host.lock:
        if mount_point not in host.mounts:
            raise command_fault(["umount", mount_point], 1, f"umount: {mount_point}: not mounted")
        used = any(
            mount_point + "/" in disk
            for domain in host.domains
            for disk in strings(domain.config, "disk")
        )
        if used:
            text = f"umount: {mount_point}: device is busy"
            raise command_fault(["umount", mount_point], 1, text)
        del host.mounts[mount_point]
        host.save()


def repository_record(folder: Path) -> dict[str, str] | None:
    """The KEY=VALUE lines of a repository's ``.ovsrepo`` (4), None if it has none."""
    try:
        lines = (folder / ".ovsrepo").read_text().splitlines()
    except OSError:
        return None
    return {key: value for key, _, value in (line.partition("=") for line in lines) if key}


def add_repository(host: SimulatedHost, fs_location: str, mount_point: str) -> None:
    """Register an existing repository; faults if there is none or it has another owner (5)."""
    with host.lock:
        record = repository_record(real_path(host, mount_point))
        if record is None:
            raise plain_fault(f"No repository found at {mount_point}")
        if ownership.owner(host) not in (None, record["OVS_REPO_MGR_UUID"]):
            raise plain_fault(f"Repository is owned by manager {record['OVS_REPO_MGR_UUID']}")
        _register(host, fs_location, mount_point, record)


def _register(
    host: SimulatedHost, fs_location: str, mount_point: str, record: dict[str, str]
) -> None:
    host.repository_db[record["OVS_REPO_UUID"]] = {
        "Fs_location": fs_location,
        "Mount_point": mount_point,
        "Filesystem_type": "nfs",
        "Version": record["OVS_REPO_VERSION"],
        "Alias": record["OVS_REPO_ALIAS"],
        "Manager_uuid": record["OVS_REPO_MGR_UUID"],
    }
    host.save()


def create_repository(
    host: SimulatedHost, fs_location: str, mount_point: str, repo_uuid: str, repo_alias: str
) -> None:
    """Mount, create the folders and ``.ovsrepo``, register. The server must have an owner (5)."""
    for name, value in (("repository uuid", repo_uuid), ("alias", repo_alias)):
        if not isinstance(value, str) or "\n" in value:
            raise plain_fault(f"Invalid {name}: {value!r}")
    with host.lock:
        ownership.need_owner(host, "create_repository")
        mount_repository_fs(host, fs_location, mount_point)
        folder = real_path(host, mount_point)
        if repository_record(folder) is not None:
            raise plain_fault("Repository already exists")
        make(folder, repo_uuid, repo_alias, ownership.owner(host))
        _register(host, fs_location, mount_point, repository_record(folder) or {})


def make(folder: Path, repo_uuid: str, alias: str, owner: str | None) -> None:
    """Create a repository's folders and its ``.ovsrepo`` (4)."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / ".ovsrepo").write_text(
        f"OVS_REPO_UUID={repo_uuid}\nOVS_REPO_VERSION=3.0\n"
        f"OVS_REPO_MGR_UUID={owner or 'none'}\nOVS_REPO_ALIAS={alias}\n"
    )


def edit_repository_db(host: SimulatedHost, repo_uuid: str, db_changes: dict[str, str]) -> None:
    """Change fields of the host's record; their names are those of the agent's database (1)."""
    if not isinstance(db_changes, dict):
        raise AgentFault("exceptions.TypeError", "db_changes must be a struct")
    with host.lock:
        record = _known(host, repo_uuid)
        for key, value in db_changes.items():
            if key not in DB_FIELDS:
                raise plain_fault(f"not modelled by the simulator: repository field {key!r}")
            if not isinstance(value, str):
                raise AgentFault("exceptions.TypeError", f"{key} must be a string")
        record.update({DB_FIELDS[key]: value for key, value in db_changes.items()})
        host.save()


def delete_repository(host: SimulatedHost, repo_uuid: str, erase: bool) -> None:
    """Unregister a repository; ``erase`` deletes all of its contents as well (5)."""
    with host.lock:
        record = _known(host, repo_uuid)
        if erase:
            point = record["Mount_point"]
            if point not in host.mounts:
                raise plain_fault(f"Repository {repo_uuid} is not mounted")
            for path in real_path(host, point).iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        del host.repository_db[repo_uuid]
        host.save()


def _known(host: SimulatedHost, repo_uuid: str) -> dict[str, str]:
    if repo_uuid not in host.repository_db:
        raise plain_fault(f"Repository {repo_uuid} does not exist")
    return host.repository_db[repo_uuid]
