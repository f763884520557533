"""Which disks are a VM's own and used by nobody else, so that they go with it. Reads only."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disk_names import parse_file_name
from libcloud_ovm3.estate.disks import DiskUsage, disk_path, name_has_uuid, read_disk_usage
from libcloud_ovm3.estate.holders import is_elsewhere, same_files
from libcloud_ovm3.estate.repositories import Repository, with_module
from libcloud_ovm3.estate.vms import VM, EstateSnapshot

Disks = list[tuple[Repository, str]]  # each with its repository and its path on the hosts


def repository_of(snapshot: EstateSnapshot, definition: Definition) -> Repository:
    """The repository that a definition was read from."""
    repository = snapshot.repository(definition.repository_id)
    assert repository is not None, "a definition was read from it"
    return repository


def find_own_disks(snapshot: EstateSnapshot, vm: VM) -> tuple[Disks, list[str]]:
    """Its own disks that nobody else uses, and notices on all the others.

    Its own are those that its vm.cfg names, by repository and path, and whose file name has its
    uuid, but no volumes, which were created for themselves; of a VM whose creation was not
    completed, those that its description names. That it uses them itself while it is live does
    not count: it is powered off first.
    """
    usage = read_disk_usage(snapshot)
    own: Disks = []
    kept: dict[str, str] = {}
    listed = {
        disk_path(repository, name): (repository, name)
        for repository in snapshot.repositories
        if repository.content is not None
        for name in repository.content.virtual_disks
    }
    named = _named_disks(snapshot, vm)
    itself = [vm.definition.place, *(one.domain.label for one in vm.live)]
    media = {disk.path for disk in vm.definition.disks if disk.is_cdrom}
    physical = {disk.path for disk in vm.definition.disks if disk.is_physical}
    unclear = {disk.path for disk in vm.definition.disks if not disk.is_understood}
    for path in named:
        repository, name = listed.get(path, (None, posixpath.basename(path)))
        if path in physical:
            kept[path] = "it is a physical disk"
        elif path in unclear:
            kept[path] = "the meaning of its entry in vm.cfg is unclear"
        elif why := _not_made_for(name, vm):
            kept[path] = why
        elif repository is None:
            kept[path] = "no repository lists it among its virtual disks"
        elif not repository.is_clear:
            kept[path] = repository.error or "its repository could not be read completely"
        elif why := why_used(usage, name, but=itself):
            kept[path] = why
        else:
            own.append((repository, path))
    for path, (_, name) in listed.items():
        if _not_made_for(name, vm):
            continue
        if path in media:
            kept[path] = "it is a medium in a CD drive"
        elif path not in named:
            kept[path] = "its file name contains this node's uuid, but its vm.cfg does not name it"
    return own, [f"{path} was kept: {why}" for path, why in sorted(kept.items())]


def _not_made_for(file_name: str, vm: VM) -> str | None:
    """Why a disk that a VM has was not made for it, by its name; None: it was."""
    if parse_file_name(file_name) is not None:  # even if the volume's own name has the uuid in it
        return "it is a volume (destroy_volume deletes it)"
    if not name_has_uuid(file_name, vm.id):
        return "its file name does not contain this node's uuid"
    return None


def require_disks(snapshot: EstateSnapshot, vm: VM, paths: Iterable[str]) -> None:
    """Check that these are disks of a VM. A wrong path would delete nothing, and say nothing.

    :raises InvalidArgument: one is not; names its disks.
    """
    disks = _named_disks(snapshot, vm)
    for path in paths:
        if path not in disks:
            raise InvalidArgument(
                f"ex_disks {path!r}: not a disk of VM {vm.label}; expected some of "
                f"{', '.join(disks) or '(it has none)'}"
            )


def _named_disks(snapshot: EstateSnapshot, vm: VM) -> list[str]:
    """The paths of the disks that its vm.cfg says are its own, by an entry or by its description
    while it is created.
    """
    definition = vm.definition
    named = [disk.path for disk in definition.disks if disk.path and not disk.is_cdrom]
    repository = repository_of(snapshot, definition)
    there = repository.content.virtual_disks if repository.content else ()
    named += [disk_path(repository, one) for one in definition.unfinished_disks if one in there]
    return list(dict.fromkeys(named))


def why_used(usage: DiskUsage, file_name: str, but: Sequence[str] = ()) -> str | None:
    """Who uses a file of this name, or may; None: nobody.

    :param but: places that do not count.
    """
    others = usage.users(file_name, but)
    if others:
        return f"{', '.join(others)} names it"
    if usage.unread:
        return f"{'; '.join(usage.unread)}: may name it"
    return None


def find_users(snapshot: EstateSnapshot, disks: Disks) -> dict[str, str]:
    """The disks that somebody uses, or may, by name or by what a name leads to; and who."""
    if not disks:
        return {}
    usage = read_disk_usage(snapshot)
    users = {}
    for repository, path in disks:
        why = why_used(usage, posixpath.basename(path))
        try:
            why = why or why_linked(repository, path, usage)
        except Ovm3Error as error:
            why = f"whether other names lead to it is unknown: {error}"
        if why:
            users[path] = why
    return users


def why_linked(
    repository: Repository, path: str, usage: DiskUsage, with_hard_links: bool = True
) -> str | None:
    """Who reaches it by a link, another mount, or another name; where a module can tell.

    What one host has not mounted another one may have, and a link there may lead to it.

    :param with_hard_links: whether a second name counts although nothing is known to use it.
    """
    others = set(usage.paths)
    for host in repository.mounted_on:
        if host.module is None or (host is not with_module(repository) and not others):
            continue
        [identity] = host.module.identify([path])
        if identity.error or identity.is_missing:
            return f"what it leads to is unknown: {identity.error or 'it is missing'}"
        if with_hard_links and identity.links is not None and identity.links > 1:
            return f"it has {identity.links} names (hard links)"
        found = same_files(host, host.module, [path], sorted(others))[path]
        if found:
            users = sorted({user for other in found for user in usage.paths[other]})
            return f"{', '.join(users)} leads to it ({', '.join(sorted(found))})"
        others = {other for other in others if is_elsewhere(host, other)}
    return None
