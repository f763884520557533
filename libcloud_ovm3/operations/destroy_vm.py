"""Destroying a VM: its domain, its definition, and those disks that were made for it alone."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disks import (
    DiskUsage,
    FileSystem,
    disk_path,
    file_system,
    name_has_uuid,
    read_disk_usage,
)
from libcloud_ovm3.estate.holders import (
    ask_holders,
    held_of,
    is_elsewhere,
    same_files,
    wait_ended,
    wait_released,
)
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, list_whole, with_module
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations.delete_files import delete_file, delete_files_by_module
from libcloud_ovm3.operations.presence import require_unchanged
from libcloud_ovm3.operations.stop_vm import STOP_LIMIT, only_place, require_certain, stop_at


def destroy(estate: Estate, vm_id: str) -> list[str]:
    """Stop a VM by force, see it gone, delete its definition, then its own disks.

    Its own disks are those that its vm.cfg names, by repository and path, and whose file name
    carries its uuid; of an unfinished VM, the one that it says of itself. None of them is deleted
    if anybody else may use a file of that name, or if that cannot be known. The decision is made
    from a fresh look right before the first deletion.

    :return: remarks for the user: disks that were kept, and why.
    :raises NodeNotFound: there is no such VM.
    :raises Refused: it is not proven where it runs, or its folder holds a disk; nothing was done.
    :raises WaitTimeout: it could not be stopped; nothing was deleted.
    :raises AgentFault: the agent refused; the definition and all disks stay.
    :raises OperationIncomplete: it is not known whether all was deleted; names what may be left.
    """
    seen = read_estate(estate)
    vm = seen.vm(vm_id)
    _require_destroyable(vm, seen)
    if vm.live:
        stop_at(estate, seen, vm, force=True, limit=STOP_LIMIT)
    else:
        estate.clock.sleep(estate.second_look)
    seen = read_estate(estate)
    vm = seen.vm(vm_id)
    _require_destroyable(vm, seen)
    if vm.live:
        raise PreconditionFailed(
            f"VM {vm.label} has come back while it was being destroyed: {vm.where()}"
        )
    wait_ended(estate, seen.hosts, vm.id)
    _require_nothing_inside(seen, vm)
    doomed, kept = _sorted_disks(seen, vm, read_disk_usage(seen))
    systems = _file_systems(doomed)  # mounted now, so that nothing lies between look and deletion
    require_unchanged(_repository_of(seen, vm.definition).mounted_on[0], vm.definition)
    _delete_vm(seen, vm, doomed)
    held = wait_released(estate, seen.hosts, [path for _, path in doomed])
    seen = _look_again(estate, vm, doomed)
    against = _against(seen, doomed)
    kept += [f"{path} was kept: {why}" for path, why in against.items() if path not in held]
    doomed = [(where, path) for where, path in doomed if path not in against or path in held]
    _delete_disks(estate, vm, doomed, held, systems)
    return kept


# ------------------------------------------------------------------ may it be destroyed


def _require_destroyable(vm: VM, seen: EstateSnapshot) -> None:
    require_certain(vm, seen)
    if vm.live:
        only_place(vm)
    definition = vm.definition
    if definition.error is not None or vm.doubts:
        why = "; ".join([definition.error] if definition.error else vm.doubts)
        raise PreconditionFailed(
            f"VM {vm.label}: nothing is done to it, nor to what may be its disks: {why}"
        )
    # delete_vm removes the whole directory (agent-behaviour 4, 7.4).
    inside = _files_in(seen, definition) + _named_in(seen, definition)
    if inside:
        raise _has_inside(vm, inside)


def _has_inside(vm: VM, inside: Sequence[str]) -> PreconditionFailed:
    return PreconditionFailed(
        f"VM {vm.label}: {', '.join(dict.fromkeys(inside))} lies in its own directory and "
        f"would be deleted with it; move it out first"
    )


def _files_in(seen: EstateSnapshot, definition: Definition) -> list[str]:
    """What the listing shows in its directory besides its vm.cfg."""
    repository = seen.repository(definition.repository_id)
    folders = repository.content.virtual_machines if repository and repository.content else ()
    return [
        f"{definition.place}/{file}"
        for folder in folders
        if folder.name == definition.directory
        for file in folder.files
        if file != "vm.cfg"
    ]


def _named_in(seen: EstateSnapshot, definition: Definition) -> list[str]:
    """What anybody names below its directory."""
    below = f"/{definition.place}/"
    paths = [disk.path for other in seen.definitions for disk in other.disks if disk.path]
    paths += [path for host in seen.hosts for domain in host.domains for path in domain.disks]
    return [path for path in paths if below in path]


def _require_nothing_inside(seen: EstateSnapshot, vm: VM) -> None:
    """The same by the host module, which sees what the agent's listing hides.

    :raises Refused: something lies there, or it cannot be looked at.
    """
    definition = vm.definition
    repository = _repository_of(seen, definition)
    directory = f"{repository.path}/{definition.folder}/{definition.directory}"
    for host in repository.mounted_on:
        if host.module is None:
            continue
        try:
            entries = host.module.list_files(directory).entries
        except Ovm3Error as error:
            raise PreconditionFailed(
                f"VM {vm.label}: what lies in its directory cannot be seen: {error}"
            ) from error
        inside = [f"{directory}/{one.name}" for one in entries if one.raw != b"vm.cfg"]
        if inside:
            raise _has_inside(vm, inside)
        return


def _repository_of(seen: EstateSnapshot, definition: Definition) -> Repository:
    repository = seen.repository(definition.repository_id)
    assert repository is not None, "a definition was read from it"
    return repository


# ------------------------------------------------------------------ which disks


Doomed = list[tuple[Repository, str]]


def _sorted_disks(seen: EstateSnapshot, vm: VM, uses: DiskUsage) -> tuple[Doomed, list[str]]:
    """Its own disks that nobody else uses, and remarks on all the others."""
    doomed: Doomed = []
    kept: dict[str, str] = {}
    lying = {
        disk_path(repository, name): (repository, name)
        for repository in seen.repositories
        if repository.content is not None
        for name in repository.content.virtual_disks
    }
    named = _named(seen, vm)
    media = {disk.path for disk in vm.definition.disks if disk.is_cdrom}
    physical = {disk.path for disk in vm.definition.disks if disk.is_physical}
    unclear = {disk.path for disk in vm.definition.disks if not disk.is_understood}
    for path in named:
        repository, name = lying.get(path, (None, posixpath.basename(path)))
        if path in physical:
            kept[path] = "it is a physical disk"
        elif path in unclear:
            kept[path] = "what its entry in vm.cfg means is not certain"
        elif not name_has_uuid(name, vm.id):
            kept[path] = "its name does not carry this node's uuid"
        elif repository is None:
            kept[path] = "no repository lists it among its virtual disks"
        elif not repository.is_clear:
            kept[path] = repository.error or "its repository is not certain"
        elif why := _why_kept(uses, name, but=[vm.definition.place]):
            kept[path] = why
        else:
            doomed.append((repository, path))
    for path, (_, name) in lying.items():
        if path in media and name_has_uuid(name, vm.id):
            kept[path] = "it is a medium in a CD drive"
        elif name_has_uuid(name, vm.id) and path not in named:
            kept[path] = "its name carries this node's uuid, but the node does not name it"
    return doomed, [f"{path} was kept: {why}" for path, why in sorted(kept.items())]


def _named(seen: EstateSnapshot, vm: VM) -> list[str]:
    """The paths of the disks that it says are its own: by its vm.cfg, or by its mark."""
    definition = vm.definition
    named = [disk.path for disk in definition.disks if disk.path and not disk.is_cdrom]
    repository = _repository_of(seen, definition)
    content, unfinished = repository.content, definition.unfinished_disk
    if unfinished and content is not None and unfinished in content.virtual_disks:
        named.append(disk_path(repository, unfinished))
    return list(dict.fromkeys(named))


def _why_kept(uses: DiskUsage, file_name: str, but: Sequence[str] = ()) -> str | None:
    others = uses.users(file_name, but)
    if others:
        return f"{', '.join(others)} names it"
    if uses.unread:
        return f"{'; '.join(uses.unread)}: may name it"
    return None


def _look_again(estate: Estate, vm: VM, doomed: Doomed) -> EstateSnapshot:
    """A fresh look right before the first disk goes: another client may have been at work.

    :raises OperationIncomplete: it lives or is defined again, or that cannot be seen; names
        the disks.
    """
    paths = tuple(path for _, path in doomed)
    try:
        seen = read_estate(estate)
        there = seen.vms.get(vm.id)
        why = "; ".join(seen.unseen if there is None else (there.where(), *there.doubts))
    except Ovm3Error as error:
        raise _kept_all(vm, paths, str(error)) from error
    if why:
        raise _kept_all(vm, paths, why)
    return seen


def _kept_all(vm: VM, paths: tuple[str, ...], why: str) -> OperationIncomplete:
    return OperationIncomplete(
        f"VM {vm.label}: while its definition was deleted it came to life, or a host fell "
        f"silent ({why}); its disks were kept: {', '.join(paths) or '(none)'}",
        left=(vm.id, *paths),
    )


def _against(seen: EstateSnapshot, doomed: Doomed) -> dict[str, str]:
    """What a look says against the deletion of each disk: by names, and by what these lead to."""
    if not doomed:
        return {}
    uses = read_disk_usage(seen)
    against = {}
    for repository, path in doomed:
        why = _why_kept(uses, posixpath.basename(path))
        try:
            why = why or _why_linked(repository, path, uses)
        except Ovm3Error as error:
            why = f"who reaches it by another name is not known: {error}"
        if why:
            against[path] = why
    return against


def _why_linked(repository: Repository, path: str, uses: DiskUsage) -> str | None:
    """Who reaches it by a link, another mount, or another name; where a module can tell.

    What one host has not mounted another one may have, and a link there may lead to it.
    """
    others = set(uses.paths)
    for host in repository.mounted_on:
        if host.module is None or (host is not with_module(repository) and not others):
            continue
        [own] = host.module.identify([path])
        if own.error or own.is_missing:
            return f"what it leads to is not known: {own.error or 'it is missing'}"
        if own.links is not None and own.links > 1:
            return f"it has {own.links} names (hard links)"
        found = same_files(host, host.module, [path], sorted(others))[path]
        if found:
            users = sorted({user for other in found for user in uses.paths[other]})
            return f"{', '.join(users)} leads to it ({', '.join(sorted(found))})"
        others = {other for other in others if is_elsewhere(host, other)}
    return None


# ------------------------------------------------------------------ deletions


def _file_systems(doomed: Doomed) -> dict[str, FileSystem]:
    """Where the storage plug-in deletes, by repository: nothing, where a module does it."""
    repositories = {repository.id: repository for repository, _ in doomed}
    return {
        key: file_system(one.mounted_on[0], one)
        for key, one in repositories.items()
        if with_module(one) is None
    }


def _delete_vm(seen: EstateSnapshot, vm: VM, doomed: Doomed) -> None:
    definition = vm.definition
    repository = _repository_of(seen, definition)
    paths = tuple(path for _, path in doomed)
    try:
        delete_definition(repository.mounted_on[0], repository.id, definition.directory)
    except OutcomeUnknown as error:
        raise OperationIncomplete(
            f"destroying VM {vm.label} broke off: {error}. What may be left: the node, and its "
            f"disks {', '.join(paths) or '(none)'}",
            left=(vm.id, *paths),
        ) from error


def delete_definition(host: HostView, repository_id: str, directory: str) -> None:
    """Delete a VM's directory: send it once, and look after any failure.

    A refusal counts only if it is still there: another client may have been first.

    :raises AgentFault: the agent refused; it stays.
    :raises OutcomeUnknown: whether it is deleted is not known.
    """
    try:
        host.agent.xen.delete_vm(repository_id, directory)
    except (AgentFault, OutcomeUnknown) as failed:
        try:
            content = list_whole(host, repository_id)
        except Ovm3Error as blind:
            raise OutcomeUnknown(
                f"{failed}; whether {directory} is still there cannot be seen: {blind}"
            ) from failed
        if directory in (folder.name for folder in content.virtual_machines):
            raise


def _delete_disks(
    estate: Estate,
    vm: VM,
    doomed: Doomed,
    held: Mapping[str, str],
    systems: Mapping[str, FileSystem],
) -> None:
    """Delete each, whatever becomes of the others.

    :param held: those that are still in use on a host, and by whom; they stay.
    :raises OperationIncomplete: some stay; names them.
    """
    failed: dict[str, Ovm3Error] = {
        path: PreconditionFailed(f"still held: {held[path]}") for _, path in doomed if path in held
    }
    by_module: dict[str, Doomed] = {}
    for repository, path in doomed:
        if path in held:
            continue
        if repository.id not in systems:
            by_module.setdefault(repository.id, []).append((repository, path))
            continue
        try:
            delete_file(systems[repository.id], repository, path)
        except Ovm3Error as error:
            failed[path] = error
    for some in by_module.values():
        failed |= _delete_by_module(estate, some)
    if failed:
        reasons = "; ".join(f"{path}: {error}" for path, error in failed.items())
        raise OperationIncomplete(
            f"VM {vm.label} is gone, but not all its disks (ex_list_orphans shows them): {reasons}",
            left=tuple(failed),
        ) from next(iter(failed.values()))


def _delete_by_module(estate: Estate, doomed: Doomed) -> dict[str, Ovm3Error]:
    repository = doomed[0][0]
    paths = [path for _, path in doomed]
    host = with_module(repository)
    if host is None or host.module is None:
        return {path: PreconditionFailed("the host module has gone meanwhile") for path in paths}

    def look() -> dict[str, str]:
        seen = read_estate(estate)
        uses = read_disk_usage(seen)
        against = {path: _why_kept(uses, posixpath.basename(path)) for path in paths}
        held = held_of(ask_holders(estate, seen.hosts), paths)
        return {path: why for path in paths if (why := against[path] or held.get(path))}

    return delete_files_by_module(host.module, repository, paths, look)
