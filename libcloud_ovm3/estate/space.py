"""How much space the file systems of repositories have: from the host module, or the plug-in.

The host module reports every mounted repository. The storage plug-in reports sizes only of NFS
exports that it has mounted itself: none after a reboot of the host until something mounts the
export again (agent-behaviour 9.4, flows 7). Nothing is mounted here. Two repositories may be on one
file system of their server, so sizes must not be added up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.functions import NFS_PLUGIN
from libcloud_ovm3.errors import MalformedResponse, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disks import (
    Export,
    FileSystem,
    export_of,
    file_system_among,
    read_mounts,
)
from libcloud_ovm3.estate.hosts import HostView, map_hosts
from libcloud_ovm3.estate.repositories import Repository

_Mounts = Mapping[Address, tuple[documents.Mount, ...] | Ovm3Error]


@dataclass(frozen=True)
class Space:
    """The space of the file system that a repository is on.

    :ivar size_bytes: None, as is ``free_bytes``: not known.
    :ivar reason: why it is not known although nothing failed; "" if it is, or something failed.
    :ivar error: why it could not be read.
    """

    size_bytes: int | None = None
    free_bytes: int | None = None
    reason: str = ""
    error: Ovm3Error | None = None


def read_spaces(repositories: Sequence[Repository]) -> list[Space]:
    """Read the space of repositories, in their order.

    Where a host with the host module has mounted them, one read of one such host. The plug-in is
    asked for those that remain.
    """
    found = _from_modules(repositories)
    rest = [one for one, space in zip(repositories, found, strict=True) if space.size_bytes is None]
    asked = iter(_from_plugins(rest))
    return [one if one.size_bytes is not None else _better(next(asked), one) for one in found]


def _better(plugin: Space, module: Space) -> Space:
    """What the plug-in reports; why the module reports nothing, if neither has sizes."""
    return plugin if plugin.size_bytes is not None or not module.error else module


def _from_modules(repositories: Sequence[Repository]) -> list[Space]:
    """The space that a host module reports of each; without sizes, if there is none that does."""
    chosen = [
        next((view for view in one.mounted_on if view.module), None) if one.is_clear else None
        for one in repositories
    ]
    views = {view.address: view for view in chosen if view is not None}
    answers = dict(zip(views, map_hosts(_mounts_of_module, list(views.values())), strict=True))

    def space(repository: Repository, view: HostView | None) -> Space:
        answer = {} if view is None else answers[view.address]
        if isinstance(answer, Ovm3Error):
            return Space(error=answer)
        return answer.get(repository.path, Space())

    return [space(one, view) for one, view in zip(repositories, chosen, strict=True)]


def _mounts_of_module(view: HostView) -> dict[str, Space]:
    """The space of what a host has mounted, by its mount point.

    :raises Ovm3Error: The host did not answer.
    """
    entries = view.module.free_space() if view.module else []
    return {str(entry.get("mount")): _space_of_mount(view, entry) for entry in entries}


def _space_of_mount(view: HostView, entry: Mapping[str, Any]) -> Space:
    size, free, error = (entry.get(key) for key in ("size_bytes", "free_bytes", "error"))
    if isinstance(size, int) and isinstance(free, int) and 0 <= free <= size and size:
        return Space(size, free)
    why = error or f"{free!r} free bytes of {size!r}"
    text = f"{view.label}: libcloud_free_space of {entry.get('mount')}: {why}"
    return Space(error=Ovm3Error(text, host=str(view.address), function="libcloud_free_space"))


def _from_plugins(repositories: Sequence[Repository]) -> list[Space]:
    """The space that the storage plug-in reports of each.

    One read per host that has mounted one on NFS, for its mounts; one per repository that the
    plug-in of such a host has mounted, and further hosts are asked only if that brings no sizes.
    """
    wanted = [_export(one) for one in repositories]
    views = {
        view.address: view
        for one, export in zip(repositories, wanted, strict=True)
        if isinstance(export, Export)
        for view in one.mounted_on
    }
    mounts = dict(zip(views, map_hosts(read_mounts, list(views.values())), strict=True))

    def read(pair: tuple[Repository, Export | str]) -> Space:
        repository, export = pair
        if isinstance(export, str):
            return Space(reason=export)
        return _read_space(repository.mounted_on, export, mounts)

    found = map_hosts(read, list(zip(repositories, wanted, strict=True)))
    return [Space(error=one) if isinstance(one, Ovm3Error) else one for one in found]


def _export(repository: Repository) -> Export | str:
    """The export of a repository; a text that says why its space cannot be asked for."""
    if not repository.mounted_on:
        return "it is not mounted on any host that could be read"
    if not repository.is_clear:
        return "it is not certain which file system belongs to it"
    try:
        return export_of(repository)
    except PreconditionFailed:
        return "without the host module, the space of NFS exports only can be read"


def _read_space(views: Sequence[HostView], export: Export, mounts: _Mounts) -> Space:
    """The first sizes that one of the hosts reports.

    :raises Ovm3Error: None reports any, and at least one failed.
    """
    failed: Ovm3Error | None = None
    for view in views:
        try:
            space = _ask(view, export, mounts[view.address])
        except Ovm3Error as error:
            failed = failed or error
        else:
            if space is not None:
                return space
    if failed is not None:
        raise failed
    return Space(reason="the hosts' storage plug-in has not mounted it, and reports no size")


def _ask(
    view: HostView, export: Export, mounts: tuple[documents.Mount, ...] | Ovm3Error
) -> Space | None:
    """The sizes that one host reports; None: it reports none."""
    if isinstance(mounts, Ovm3Error):
        raise mounts
    system = file_system_among(mounts, view, export)
    return None if system is None else _sizes(system)


def _sizes(system: FileSystem) -> Space | None:
    ss, fs = system.structs(state=1)
    fs["access_path"] = system.device
    plugin = system.host.agent.storageplugin
    answer = plugin.storage_plugin_getFileSystemInfo(NFS_PLUGIN, ss, fs)
    size, free = (str(answer.get(key, "")) for key in ("size", "free_sz"))
    if size in ("", "0"):
        return None
    are_numbers = all(re.fullmatch("[0-9]+", text) for text in (size, free))
    if not are_numbers or int(free) > int(size):
        raise MalformedResponse(
            f"{system.host.label}: storage_plugin_getFileSystemInfo reports {free!r} free bytes of "
            f"{size!r} for {system.device}",
            function="storage_plugin_getFileSystemInfo",
        )
    return Space(int(size), int(free))
