"""The files of a repository's virtual disks: their sizes, by the host module or the plug-in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.disk import DiskEntry
from libcloud_ovm3.agent.texts import text_of
from libcloud_ovm3.errors import AgentFault, MalformedResponse, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disk_names import (
    is_mark,
    is_marked,
    is_removed,
    is_removed_mark,
    marked_file,
    removed_in,
)
from libcloud_ovm3.estate.disks import (
    FileSize,
    FileSystem,
    disk_path,
    export_of,
    file_size,
    file_system_among,
    is_inexact,
    mounted_file_system,
    read_mounts,
)
from libcloud_ovm3.estate.holders import identities
from libcloud_ovm3.estate.hosts import HostView, map_hosts
from libcloud_ovm3.estate.repositories import Repository, is_listed, list_whole, with_module

FOLDER = "VirtualDisks"
_MACHINES = "VirtualMachines"
# Views of the whole repository, which vm.cfg files name disks in (ACFS below OVM 3).
_ACFS_SNAPSHOT = re.compile("^[.]ACFS/snaps/[^/]+/")


@dataclass(frozen=True)
class DiskFile:
    """A virtual disk as a file.

    :ivar path: absolute, on the hosts.
    :ivar size_bytes: None, as are the other numbers: not known.
    :ivar used_bytes: what it takes on its file system.
    :ivar modified: seconds since 1970.
    :ivar is_creating: whether a mark beside it says that it is not complete.
    :ivar is_missing: whether a vm.cfg names it, and it is not there.
    :ivar is_folder: whether it is not a file but a directory; False where that is not known.
    """

    repository: Repository
    path: str
    size_bytes: int | None = None
    used_bytes: int | None = None
    modified: float | None = None
    is_creating: bool = False
    is_missing: bool = False
    is_folder: bool = False

    @property
    def relative(self) -> str:
        """Its path relative to its repository."""
        return self.path[len(self.repository.path) + 1 :]

    @property
    def id(self) -> str:
        """``<repository id>/<path>``."""
        return f"{self.repository.id}/{self.relative}"


def list_disk_files(
    repositories: Sequence[Repository], entries: Iterable[DiskEntry]
) -> list[DiskFile]:
    """Every file in the ``VirtualDisks`` folders, and every other one in a repository that one of
    these entries names. Nothing is read for it; sizes are not known.
    """
    named: dict[str, set[str]] = {}
    for entry in entries:
        if entry.path and entry.repository_id and not entry.is_cdrom:
            named.setdefault(entry.repository_id, set()).add(entry.path)
    return [
        file
        for repository in repositories
        for file in _files_of(repository, named.get(repository.key, set()))
    ]


def _files_of(repository: Repository, named: set[str]) -> list[DiskFile]:
    names = dict.fromkeys(repository.content.virtual_disks if repository.content else ())
    removed = removed_in(names)
    files = {
        disk_path(repository, name): DiskFile(
            repository,
            disk_path(repository, name),
            is_creating=is_marked(name, names) or is_removed(name, removed),
        )
        for name in names
        if not (name.startswith(".") or is_mark(name) or is_removed_mark(name))
    }
    # A copy that was never begun, or is deleted already: its mark stands for it, to be destroyed.
    for name in sorted(own for mark in names if (own := marked_file(mark))):
        path = disk_path(repository, name)
        files.setdefault(path, DiskFile(repository, path, is_creating=True))
    shows_all = _shows_all_disks(repository)
    for path in sorted(named):
        # An entry may spell the repository's id in another case than its hosts do.
        relative = path.split("/", 4)[4] if path.count("/") >= 4 else ""
        inside = _ACFS_SNAPSHOT.sub("", relative)
        is_direct = inside == relative
        folder, _, rest = inside.partition("/")
        if folder not in (FOLDER, _MACHINES) or not rest:  # an image, or another program's
            continue
        own = f"{repository.path}/{relative}"
        if is_direct and folder == FOLDER and "/" in rest:  # what is listed there is a directory
            files.pop(disk_path(repository, rest.partition("/")[0]), None)
        if own not in files:
            is_plain = folder == FOLDER and "/" not in rest and not rest.startswith(".")
            is_missing = is_direct and is_plain and shows_all and rest not in names
            files[own] = DiskFile(repository, own, is_missing=is_missing)
    return list(files.values())


def _shows_all_disks(repository: Repository) -> bool:
    """Whether a file in the ``VirtualDisks`` folder that the listing lacks is not there."""
    content = repository.content
    if content is None or repository.errors:
        return False
    return not any(map(is_inexact, content.virtual_disks))


# ------------------------------------------------------------------ sizes


def read_sizes(files: Sequence[DiskFile]) -> tuple[list[DiskFile], list[str]]:
    """These files with their sizes, and why some are not known.

    With the host module one read per repository and 1000 files in its folder, and one per 1000
    files elsewhere. Without it the storage plug-in is asked: one read per host for its mounts, and
    one per file. Nothing is mounted: that is a change.
    """
    of: dict[str, list[DiskFile]] = {}
    for one in files:
        of.setdefault(one.repository.id, []).append(one)
    mounts = _mounts(group[0].repository for group in of.values())

    def read(group: list[DiskFile]) -> tuple[list[DiskFile], list[str]]:
        repository = group[0].repository
        failed: list[str] = []
        for host in repository.mounted_on:
            if host.module is None:
                continue
            try:
                return _by_module(host, repository, group), []
            except Ovm3Error as error:
                failed.append(f"repository {repository.id}: sizes are not known: {error}")
        if failed:
            return group, failed
        return _by_plugin(_mounted(repository, mounts), group)

    found: list[DiskFile] = []
    errors: list[str] = []
    for group, result in zip(of.values(), map_hosts(read, list(of.values())), strict=True):
        if isinstance(result, Ovm3Error):
            found += group
            errors.append(f"repository {group[0].repository.id}: sizes are not known: {result}")
        else:
            found += result[0]
            errors += result[1]
    return found, errors


def sized(file: DiskFile) -> DiskFile:
    """The same file with its sizes, as far as they are known.

    :raises Ovm3Error: no host with the host module, where there is one, could read them; or mounts
        could not be read.
    """
    repository = file.repository
    host = with_module(repository)
    if host is not None:
        return _by_module(host, repository, [file])[0]
    export = export_of(repository)
    systems = (mounted_file_system(host, export) for host in repository.mounted_on)
    system = next((one for one in systems if one is not None), None)
    return file if system is None else _by_plugin(system, [file])[0][0]


def _by_module(host: HostView, repository: Repository, files: list[DiskFile]) -> list[DiskFile]:
    """The sizes in one listing of the folder, and one read for files elsewhere, and for links.

    :raises Ovm3Error: the host did not answer.
    """
    assert host.module is not None
    folder = f"{repository.path}/{FOLDER}"
    here = {one.path for one in files if one.path.rpartition("/")[0] == folder}
    known: dict[str, DiskFile] = {}
    after: str | bytes = ""
    while here:
        page = host.module.list_files(folder, after)
        for entry in page.entries:
            path = f"{folder}/{entry.name}"
            if entry.type == "file" and path in here:
                known[path] = DiskFile(
                    repository, path, entry.size_bytes, entry.used_bytes, entry.modified
                )
        after = page.after
        if not after:
            break
    rest = [one.path for one in files if one.path not in known]
    for path, identity in (identities(host, host.module, rest) if rest else {}).items():
        is_folder = identity.type == "directory"
        size = None if is_folder else identity.size_bytes
        known[path] = DiskFile(
            repository, path, size, is_missing=identity.is_missing, is_folder=is_folder
        )
    return [
        replace(known[one.path], is_creating=one.is_creating) if one.path in known else one
        for one in files
    ]


_Mounts = Mapping[Address, tuple[documents.Mount, ...] | Ovm3Error]


def _mounts(repositories: Iterable[Repository]) -> _Mounts:
    """The mounts of every host that is asked for sizes without the host module: one read each."""
    hosts = {
        host.address: host
        for one in repositories
        if one.is_clear and not any(host.module for host in one.mounted_on)
        for host in one.mounted_on
    }
    return dict(zip(hosts, map_hosts(read_mounts, list(hosts.values())), strict=True))


def _by_plugin(system: FileSystem, files: list[DiskFile]) -> tuple[list[DiskFile], list[str]]:
    """The sizes that the storage plug-in reports."""
    errors = []
    sized = []
    for one in files:
        try:
            size = file_size(system, one.path)
        except Ovm3Error as error:
            errors.append(f"{one.path}: its size is not known: {error}")
            size = None
        sized.append(
            replace(one, size_bytes=size.size_bytes, used_bytes=size.used_bytes) if size else one
        )
    return sized, errors


def _mounted(repository: Repository, mounts: _Mounts) -> FileSystem:
    """What the storage plug-in of a host has mounted of the repository.

    :raises Ovm3Error: no host has it mounted, or its mounts could not be read.
    """
    if not repository.is_clear:
        raise PreconditionFailed(repository.error or "it is ambiguous")
    export = export_of(repository)
    failed: Ovm3Error | None = None
    for host in repository.mounted_on:
        of_host = mounts[host.address]
        if isinstance(of_host, Ovm3Error):
            failed = failed or of_host
            continue
        system = file_system_among(of_host, host, export)
        if system is not None:
            return system
    raise failed or PreconditionFailed(
        "the storage plug-in of no host has its export mounted, and reading mounts nothing; "
        "creating a volume there does, or install the host module (`ovm3 host install`)"
    )


def read_size(
    host: HostView, repository: Repository, path: str, system: FileSystem | None
) -> FileSize | None:
    """The size of a file among the virtual disks, as it is now; None: it is certainly not there.

    :param system: what the storage plug-in of the host has mounted; used without the host module.
    :raises Ovm3Error: it cannot be read, or is no regular file.
    """
    if host.module is not None:
        return stat_size(host, path)
    if not is_listed(list_whole(host, repository.id), path):
        return None
    assert system is not None, "without the module, the plug-in has to have mounted the export"
    size_now = file_size(system, path)
    if size_now is None:
        raise MalformedResponse(f"{host.label}: {path} is listed, but its size is not reported")
    return size_now


def stat_size(host: HostView, path: str) -> FileSize | None:
    """The size of a file, by the host module, which the host has; as :func:`read_size`."""
    assert host.module is not None
    try:
        status = host.module.stat_file(path)
    except AgentFault as fault:
        if fault.kind.endswith(".NotFound"):
            return None
        raise
    keys = ("size_bytes", "used_bytes", "modified")
    numbers = [one for key in keys if isinstance(one := status.get(key), int)]
    if status.get("type") != "file" or len(numbers) != len(keys):
        raise MalformedResponse(f"{host.label}: {path} is no file with a size: {status!r}")
    return FileSize(*numbers)


def name_of(file: DiskFile) -> str:
    """The name of the file, without folders and without the ending of a disk image."""
    stem, extension = posixpath.splitext(posixpath.basename(file.path))
    return stem if extension in (".img", ".raw") and stem else posixpath.basename(file.path)


def set_aside_as(repositories: Sequence[Repository], disk_id: str) -> str:
    """For messages: by which operation a disk that is not listed is set aside; "": by none.

    :param disk_id: its id, with the repository's id as its key.
    """
    for repository in repositories:
        for one in repository.aside:
            if f"{repository.key}/{text_of(one.path)[len(repository.path) + 1 :]}" == disk_id:
                return (
                    f": operation {one.operation} has set its file aside, to delete or to replace "
                    f"it; if it was interrupted, ex_put_back restores the file (ex_list_orphans)"
                )
    return ""
