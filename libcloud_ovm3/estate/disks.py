"""Virtual disks as files in repositories: their sizes, who uses them, what belongs to nobody.

The agent measures and deletes files by the storage plug-in only, which wants the ids of a
file system that it has mounted itself: an existing mount of the repository's export, or one that
``operations.mount_export`` makes. Only NFS repositories can be served: for other file systems no
source shows the ids.
"""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.functions import NFS_PLUGIN, Struct
from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.agent.texts import text_of
from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition, read_assemblies, read_templates
from libcloud_ovm3.estate.disk_names import (
    is_mark,
    is_marked,
    is_removed,
    is_removed_mark,
    is_unfinished_template,
    parse_file_name,
    removed_in,
)
from libcloud_ovm3.estate.holders import ask_holders, held_of, is_elsewhere, same_files
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.seeds import read_seeds
from libcloud_ovm3.estate.vms import VM, EstateSnapshot

_FOLDER = "VirtualDisks"
_METADATA = ".ovsmeta"  # the Manager's, beside the disks (agent-behaviour 4)
_STAMPED_FOLDER = "VirtualMachines"  # the part of the export that flows.md 4 mounts once more


@dataclass(frozen=True)
class FileSystem:
    """A file system that the storage plug-in has mounted on a host.

    :ivar id: Its dashed uuid.
    :ivar server: The name or address of the NFS server.
    :ivar device: ``server:/path`` of an existing mount; "" for one that is yet to be made.
    """

    host: HostView
    id: str
    server: str
    device: str = ""

    def structs(self, state: int) -> tuple[Struct, Struct]:
        """The storage server and the file system as the plug-in takes them (agent-behaviour 9).

        All keys are there because the plug-in checks that. The server's id is the undashed file
        system id, as in the only client with working code.

        :param state: The state of the file system: 1 is mounted.
        """
        server_id = undashed(self.id) or ""
        server: Struct = {
            "uuid": server_id,
            "name": server_id,
            "access_host": self.server,
            "storage_type": "FileSys",
            **dict.fromkeys(("status", "storage_desc"), ""),
            **dict.fromkeys(("admin_user", "admin_host", "admin_passwd"), ""),
            **dict.fromkeys(("total_sz", "free_sz", "alloc_sz", "used_sz"), 0),
            "access_grps": [],
        }
        system: Struct = {
            "uuid": self.id,
            "ss_uuid": server_id,
            "state": state,
            **dict.fromkeys(("size", "status", "access_path", "name"), ""),
            "free_sz": 0,
            "access_grp_names": [],
            "mount_options": [],
        }
        return server, system


@dataclass(frozen=True)
class Export:
    """The NFS export that a repository lies on.

    :ivar id: the dashed id that a new mount of it gets.
    :ivar server: the NFS server's name or address.
    :ivar devices: ``server:/path`` of what serves the repository once it is mounted; the first is
        what a new mount takes.
    """

    id: str
    server: str
    devices: tuple[str, ...]


def export_of(repository: Repository) -> Export:
    """The export of a repository.

    :raises PreconditionFailed: the repository is not on NFS.
    """
    location = repository.record.fs_location
    server, colon, path = location.partition(":/")  # the server may be an IPv6 address
    if not repository.record.fs_type.startswith("nfs") or not colon:
        raise PreconditionFailed(
            f"repository {repository.id} is on "
            f"{repository.record.fs_type or 'an unknown file system'}: how the agent deletes or "
            f"measures files there is documented for NFS only"
        )
    device = f"{server}:/{path.rstrip('/')}"
    return Export(str(uuid.UUID(repository.id)), server, (f"{device}/{_STAMPED_FOLDER}", device))


def mounted_file_system(host: HostView, export: Export) -> FileSystem | None:
    """The file system that the storage plug-in has mounted from an export; None: it has not.

    :raises Ovm3Error: the mounts cannot be read.
    """
    return file_system_among(read_mounts(host), host, export)


def read_mounts(host: HostView) -> tuple[documents.Mount, ...]:
    """The NFS mounts of a host.

    :raises Ovm3Error: They cannot be read.
    """
    return documents.mounts(host.agent.linux.discover_mounted_file_systems("nfs"))


def file_system_among(
    mounts: Iterable[documents.Mount], host: HostView, export: Export
) -> FileSystem | None:
    """The file system that is mounted from an export according to a host's mounts; None: none."""
    for mount in mounts:
        mount_id = dashed(posixpath.basename(mount.directory.rstrip("/")))
        if mount_id and mount.directory.startswith("/nfsmnt/") and mount.device in export.devices:
            return FileSystem(host, mount_id, export.server, mount.device)
    return None


@dataclass(frozen=True)
class FileSize:
    """The size of a file.

    :ivar size_bytes: as a guest sees it.
    :ivar used_bytes: what it takes on its file system; None: not reported.
    :ivar modified: seconds since 1970; None: only the host module reports it.
    """

    size_bytes: int
    used_bytes: int | None
    modified: int | None = None


def file_size(system: FileSystem, path: str) -> FileSize | None:
    """The size of a file; None if it does not exist (which may also be a fault; 9.4).

    :param path: Its absolute path on the host.
    :raises Ovm3Error: The agent does not return it.
    """
    ss, fs = system.structs(state=1)
    plugin = system.host.agent.storageplugin
    answer = plugin.storage_plugin_getFileInfo(NFS_PLUGIN, ss, fs, {"file_path": path}) or {}
    size, used = (str(answer.get(key, "")) for key in ("file_sz", "ondisk_sz"))
    if not answer.get("file_path") or not size.isdigit():
        return None
    return FileSize(int(size), int(used) if used.isdigit() else None)


def size_bytes(system: FileSystem, path: str) -> int | None:
    """The size of a file in bytes; None if it does not exist, as :func:`file_size`."""
    size = file_size(system, path)
    return None if size is None else size.size_bytes


# ------------------------------------------------------------------ users of files


def disk_path(repository: Repository, file_name: str) -> str:
    """The path of a virtual disk of a repository on the hosts."""
    return f"{repository.path}/{_FOLDER}/{file_name}"


def name_has_uuid(file_name: str, vm_id: str) -> bool:
    """Whether a file's name contains a VM's uuid, dashed or not: then it was made for that VM."""
    name = file_name.lower()
    return vm_id in name or vm_id.replace("-", "") in name


@dataclass(frozen=True)
class DiskUsage:
    """The possible users of files: VMs, templates and live domains, by the names of the files.

    Only names are compared, because one file may have several paths (repositories are mounted in
    more than one place). In doubt a file counts as used: it is better to keep one disk too many
    than to delete one too many.

    :ivar by_name: The users of each file name.
    :ivar paths: The users of each path that is named anywhere.
    :ivar unread: What could not be read, so that further users may exist.
    """

    by_name: Mapping[str, Sequence[str]]
    paths: Mapping[str, Sequence[str]]
    unread: tuple[str, ...]

    def users(self, file_name: str, but: Iterable[str] = ()) -> list[str]:
        """The users of files of this name, without those in ``but``."""
        excepted = set(but)
        return [user for user in self.by_name.get(file_name, ()) if user not in excepted]


def read_disk_usage(snapshot: EstateSnapshot) -> DiskUsage:
    """The users of all files in the estate. Reads the vm.cfg of each template that has one."""
    more = read_templates(snapshot.repositories) + read_assemblies(snapshot.repositories)
    return disk_usage(snapshot, more)


def disk_usage(snapshot: EstateSnapshot, more: Sequence[Definition]) -> DiskUsage:
    """The users of all files in the estate. Pure.

    :param more: The definitions of all templates and assemblies.
    """
    by_name: dict[str, list[str]] = {}
    paths: dict[str, list[str]] = {}
    unread = [*snapshot.unseen, *(host.unread for host in snapshot.hosts_off)]

    def note(user: str, names: Iterable[str], its_paths: Iterable[str | None]) -> None:
        for name in names:
            by_name.setdefault(name, []).append(user)
        for path in its_paths:
            if path:
                paths.setdefault(path, []).append(user)

    for definition in [*snapshot.definitions, *more]:
        note(definition.place, definition.files, (disk.path for disk in definition.disks))
        unread += [definition.unread] if definition.unread else []
        saved = definition.guard.saved_disks if definition.guard else ()
        others = set(saved) - {disk.path for disk in definition.disks}
        note(f"the saved memory of {definition.place}", map(posixpath.basename, others), others)
    for host in snapshot.hosts:
        unread += [str(host.repositories_error)] if host.repositories_error else []
        for domain in host.domains:
            note(domain.label, domain.files, domain.disks)
            if domain.disks_error:
                unread.append(f"{domain.label} on {host.label}: {domain.disks_error}")
    for repository in snapshot.repositories:
        unread += repository.errors
    return DiskUsage(by_name, paths, tuple(dict.fromkeys(unread)))


@dataclass(frozen=True)
class Orphan:
    """A virtual disk, or a seed, without users.

    :ivar path: Its absolute path on the hosts.
    :ivar is_certain: False if something could not be read, so that it may still be in use, or if
        the name of a disk contains the uuid of a VM that is there.
    :ivar operation: The id of the deletion that set it aside and may be incomplete; None if it was
        not set aside.
    """

    repository_id: str
    path: str
    is_certain: bool
    operation: str | None = None


def is_inexact(file_name: str) -> bool:
    """Whether the name may be another one in fact: bytes that are not UTF-8 were replaced."""
    return bool({"?", "\ufffd"} & set(file_name))


def is_odd(file_name: str) -> bool:
    """Whether the name may not be exact, or is hidden."""
    return file_name.startswith(".") or is_inexact(file_name)


def _unfinished_in(listed: Collection[str]) -> set[str]:
    """Those files of a folder that are the mark of an operation, or have one (:mod:`.disk_names`).

    :param listed: to be looked up quickly.
    """
    removed = removed_in(listed)
    return {
        name
        for name in listed
        if is_mark(name) or is_marked(name, listed) or is_removed(name, removed)
    }


def _disks_of(repository: Repository) -> dict[str, None]:
    """The names of its virtual disks, in order; to be looked up quickly."""
    return dict.fromkeys(repository.content.virtual_disks if repository.content else ())


def _unfinished(snapshot: EstateSnapshot) -> list[Orphan]:
    """What operations have left, or are working on: never certain."""
    return [
        Orphan(repository.id, disk_path(repository, name), False)
        for repository in snapshot.repositories
        for names in [_disks_of(repository)]
        for unfinished in [_unfinished_in(names)]
        for name in names
        if name in unfinished
    ] + [
        Orphan(repository.id, path, False)
        for repository in snapshot.repositories
        for path in _unfinished_images(repository)
    ]


def _unfinished_images(repository: Repository) -> Iterator[str]:
    """The files of images that are not complete (:mod:`.images`)."""
    folders = repository.content.templates if repository.content else ()
    isos = repository.content.isos if repository.content else ()
    unfinished = _unfinished_in({file for one in folders for file in one.files})
    unfinished_isos = _unfinished_in(dict.fromkeys(isos))
    for one in folders:
        if is_unfinished_template(one.name, one.files):
            yield from (f"{repository.path}/Templates/{one.name}/{file}" for file in one.files)
        else:
            some = (file for file in one.files if file in unfinished)
            yield from (f"{repository.path}/Templates/{file}" for file in some)
    yield from (f"{repository.path}/ISOs/{file}" for file in isos if file in unfinished_isos)


def orphans(estate: Estate, snapshot: EstateSnapshot) -> list[Orphan]:
    """All virtual disks without users, as far as is known. Nothing is deleted.

    Volumes and snapshots that this package has made are not among them: they belong to whoever made
    them, attached or not. What is marked as unfinished is; so are seeds. What was made for a VM
    that is being created, or whose vm.cfg is missing or cannot be read, is not.

    Where hosts have the host module, a disk that is held open or that a link leads to is not
    certain.
    """
    usage = read_disk_usage(snapshot)
    unclear = [vm_id for vm_id, vm in snapshot.vms.items() if _may_name_more(vm)]
    unused = [
        Orphan(repository.id, disk_path(repository, name), is_certain)
        for repository in snapshot.repositories
        for names in [_disks_of(repository)]
        for unfinished in [_unfinished_in(names)]
        for name in names
        if name != _METADATA
        and not is_removed_mark(name)
        and parse_file_name(name) is None
        and name not in unfinished
        and not usage.users(name)
        and not any(name_has_uuid(name, vm_id) for vm_id in unclear)
        for is_known in [any(name_has_uuid(name, vm_id) for vm_id in snapshot.vms)]
        for is_certain in [not (usage.unread or is_odd(name) or is_known)]
    ]
    aside = [
        Orphan(repository.id, text_of(one.path), False, one.operation)
        for repository in snapshot.repositories
        for one in repository.aside
    ]
    certain = [one.path for one in unused if one.is_certain]
    doubtful = files_in_doubt(estate, snapshot, usage, certain)
    unused = [replace(o, is_certain=False) if o.path in doubtful else o for o in unused]
    seeds = [
        Orphan(seed.repository.id, seed.path, not usage.unread)
        for seed in read_seeds(snapshot)
        if seed.file.vm_id not in unclear and not usage.users(seed.file.name)
    ]
    return unused + _unfinished(snapshot) + seeds + aside


def _may_name_more(vm: VM) -> bool:
    """Whether files that were made for a VM may be its own, although no vm.cfg names them."""
    return not vm.definitions or any(one.is_creating or one.error for one in vm.definitions)


def files_in_doubt(
    estate: Estate, snapshot: EstateSnapshot, usage: DiskUsage, paths: Sequence[str]
) -> dict[str, str]:
    """Those of these files that are, or may be, held open or used under another name, and why.

    Only host modules know, so without one there are none.
    """
    if not paths or not any(host.module for host in snapshot.hosts):
        return {}
    found = {
        path: f"it is held open: {who}"
        for path, who in held_of(ask_holders(estate, snapshot.hosts), paths).items()
    }
    for host in snapshot.hosts:
        here = [path for path in paths if not is_elsewhere(host, path)]
        if host.module is not None and here:
            try:
                same = same_files(host, host.module, here, list(usage.paths))
            except Ovm3Error as error:
                same = {path: {f"unknown: {error}"} for path in here}
            for path, others in same.items():
                if others:
                    others_text = ", ".join(sorted(others))
                    found.setdefault(path, f"it is, or may be, in use as {others_text}")
    return found
