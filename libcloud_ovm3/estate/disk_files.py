"""The files of a repository's virtual disks: their sizes, by the host module or the plug-in."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from libcloud_ovm3.agent.disk import DiskEntry
from libcloud_ovm3.errors import AgentFault, MalformedResponse, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disk_names import CREATING, parse_file_name
from libcloud_ovm3.estate.disks import (
    FileSize,
    FileSystem,
    disk_path,
    export_of,
    file_size,
    mounted_file_system,
)
from libcloud_ovm3.estate.hosts import HostView, map_hosts
from libcloud_ovm3.estate.repositories import (
    Repository,
    is_listed,
    list_whole,
    with_module,
)

FOLDER = "VirtualDisks"


@dataclass(frozen=True)
class DiskFile:
    """A virtual disk as a file.

    :ivar path: absolute, on the hosts.
    :ivar size_bytes: None, as are the other numbers: not known.
    :ivar used_bytes: what it takes on its file system.
    :ivar modified: seconds since 1970.
    :ivar is_creating: whether a mark beside it says that it is not complete.
    """

    repository: Repository
    path: str
    size_bytes: int | None = None
    used_bytes: int | None = None
    modified: float | None = None
    is_creating: bool = False

    @property
    def relative(self) -> str:
        """Its path relative to its repository."""
        return self.path[len(self.repository.path) + 1 :]

    @property
    def id(self) -> str:
        """``<repository id>/<path>``."""
        return f"{self.repository.id}/{self.relative}"


def read_disk_files(
    repositories: Sequence[Repository], entries: Iterable[DiskEntry], with_sizes: bool = True
) -> tuple[list[DiskFile], list[str]]:
    """Every file in the ``VirtualDisks`` folders, and every other one in a repository that one of
    these entries names; and why sizes are not known.

    With the host module one read per repository and 1000 files, and one for all files elsewhere.
    Without it one read per file, or none at all: ``with_sizes``.
    """
    named: dict[str, set[str]] = {}
    for entry in entries:
        if entry.path and entry.repository_id and not entry.is_cdrom:
            named.setdefault(entry.repository_id, set()).add(entry.path)

    def read(repository: Repository) -> tuple[list[DiskFile], list[str]]:
        files = _listed(repository, named.get(repository.key, set()))
        if not with_sizes or not files:
            return files, []
        host = with_module(repository)
        try:
            if host is not None:
                return _sized_by_module(host, repository, files)
            return _sized_by_plugin(repository, files)
        except Ovm3Error as error:
            return files, [f"repository {repository.id}: sizes are not known: {error}"]

    found: list[DiskFile] = []
    errors: list[str] = []
    for result in map_hosts(read, list(repositories)):
        if isinstance(result, Ovm3Error):  # read() handles them
            raise result
        found += result[0]
        errors += result[1]
    return found, errors


def sized(file: DiskFile) -> DiskFile:
    """The same file with its sizes, as far as they are known.

    :raises Ovm3Error: the host did not answer.
    """
    host = with_module(file.repository)
    if host is not None:
        return _sized_by_module(host, file.repository, [file])[0][0]
    return _sized_by_plugin(file.repository, [file])[0][0]


def _listed(repository: Repository, named: set[str]) -> list[DiskFile]:
    """The files of a repository, without sizes."""
    names = repository.content.virtual_disks if repository.content else ()
    marks = {name.removesuffix(CREATING) for name in names if name.endswith(CREATING)}
    files = {
        disk_path(repository, name): DiskFile(
            repository, disk_path(repository, name), is_creating=name in marks
        )
        for name in names
        if not name.startswith(".") and not name.endswith(CREATING)
    }
    # A copy that was never begun, or is deleted already: its mark stands for it, to be destroyed.
    for name in sorted(mark for mark in marks if parse_file_name(mark)):
        path = disk_path(repository, name)
        files.setdefault(path, DiskFile(repository, path, is_creating=True))
    for path in sorted(named - files.keys()):
        # An entry may spell the repository's id in another case than its hosts do.
        relative = path.split("/", 4)[4] if path.count("/") >= 4 else ""
        own = f"{repository.path}/{relative}"
        if relative and not _is_foreign(relative):
            files.setdefault(own, DiskFile(repository, own))
    return list(files.values())


def _is_foreign(relative: str) -> bool:
    """Whether a file is what no volume is: an image, or in a folder of another program."""
    return relative.partition("/")[0] not in (FOLDER, "VirtualMachines")


def _sized_by_module(
    host: HostView, repository: Repository, files: list[DiskFile]
) -> tuple[list[DiskFile], list[str]]:
    """The sizes in one listing of the folder, and one read for files elsewhere.

    :raises Ovm3Error: the host did not answer.
    """
    assert host.module is not None
    sizes: dict[str, tuple[int, int | None, float | None]] = {}
    folder, after = f"{repository.path}/{FOLDER}", ""  # type: str, str | bytes
    if any(one.path.startswith(f"{folder}/") for one in files):
        while True:
            page = host.module.list_files(folder, after)
            for entry in page.entries:
                if entry.type == "file":
                    found = (entry.size_bytes, entry.used_bytes, entry.modified)
                    sizes[f"{folder}/{entry.name}"] = found
            after = page.after
            if not after:
                break
    rest = [one.path for one in files if one.path not in sizes]
    for identity in host.module.identify(rest) if rest else ():
        if isinstance(identity.path, str) and identity.size_bytes is not None:
            sizes[identity.path] = (identity.size_bytes, None, None)
    sized = []
    for one in files:
        size, used, modified = sizes.get(one.path, (None, None, None))
        sized.append(replace(one, size_bytes=size, used_bytes=used, modified=modified))
    return sized, []


def _sized_by_plugin(
    repository: Repository, files: list[DiskFile]
) -> tuple[list[DiskFile], list[str]]:
    """The sizes that the storage plug-in reports, one read each, where it has mounted the export.

    Nothing is mounted here: that is a change.

    :raises Ovm3Error: the mounts cannot be read.
    """
    system = _mounted(repository)
    if system is None:
        where = "the storage plug-in of no host has its export mounted"
        return files, [f"repository {repository.id}: sizes are not known: {where}"]
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


def read_size(
    host: HostView, repository: Repository, path: str, system: FileSystem | None
) -> FileSize | None:
    """The size of a file among the virtual disks, as it is now; None: it is certainly not there.

    :param system: what the storage plug-in of the host has mounted; used without the host module.
    :raises Ovm3Error: it cannot be read, or is no regular file.
    """
    if host.module is not None:
        try:
            status = host.module.stat_file(path)
        except AgentFault as fault:
            if fault.kind.endswith(".NotFound"):
                return None
            raise
        size, used, kind = (status.get(key) for key in ("size_bytes", "used_bytes", "type"))
        if kind != "file" or not isinstance(size, int) or not isinstance(used, int):
            raise MalformedResponse(f"{host.label}: {path} is no file with a size: {status!r}")
        return FileSize(size, used)
    if not is_listed(list_whole(host, repository.id), path):
        return None
    assert system is not None, "without the module, the plug-in has to have mounted the export"
    size_now = file_size(system, path)
    if size_now is None:
        raise MalformedResponse(f"{host.label}: {path} is listed, but its size is not reported")
    return size_now


def _mounted(repository: Repository) -> FileSystem | None:
    if not repository.is_clear:
        raise PreconditionFailed(repository.error or "it is ambiguous")
    export = export_of(repository)
    for host in repository.mounted_on:
        system = mounted_file_system(host, export)
        if system is not None:
            return system
    return None


def name_of(file: DiskFile) -> str:
    """The name of the file, without folders and without the ending of a disk image."""
    stem, extension = posixpath.splitext(posixpath.basename(file.path))
    return stem if extension in (".img", ".raw") and stem else posixpath.basename(file.path)
