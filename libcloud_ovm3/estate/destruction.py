"""Destroying a VM: its domain, its definition, and those disks that were made for it alone."""

from __future__ import annotations

from collections.abc import Mapping

from libcloud_ovm3.errors import AgentFault, AnswerLost, Ovm3Error, Refused, Unfinished
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disks import (
    Uses,
    delete_file,
    disk_path,
    file_system,
    is_made_for,
    own_disks,
    uses_of,
)
from libcloud_ovm3.estate.holders import wait_released
from libcloud_ovm3.estate.hosts import Estate, HostView
from libcloud_ovm3.estate.power import (
    STOP_LIMIT,
    is_absent,
    only_place,
    require_certain,
    stop_at,
)
from libcloud_ovm3.estate.repositories import Repository, list_repository
from libcloud_ovm3.estate.vms import VM, Survey, survey


def destroy(estate: Estate, vm_id: str) -> list[str]:
    """Stop a VM by force, see it gone, delete its definition, then its own disks.

    Its own disks are those that were made for it (their file name is its uuid) or that it uses
    and whose name carries its uuid, as long as nobody else uses them: no other vm.cfg of a VM or a
    template in any repository, no other live domain. Everything else stays.

    :return: remarks for the user: disks that were kept, and why.
    :raises NodeNotFound: there is no such VM.
    :raises Refused: it is not proven where it runs, or its folder holds a disk; nothing was done.
    :raises StillThere: it could not be stopped; nothing was deleted.
    :raises AgentFault: the agent refused; the definition and all disks stay.
    :raises Unfinished: it is not known whether all was deleted; names what may be left.
    """
    seen = survey(estate)
    vm = seen.vm(vm_id)
    _require_destroyable(vm, seen)
    if vm.places:
        stop_at(estate, seen, vm, force=True, limit=STOP_LIMIT)
    else:
        estate.clock.sleep(estate.second_look)
    seen = survey(estate)
    vm = seen.vm(vm_id)
    _require_destroyable(vm, seen)
    if vm.places:
        raise Refused(f"VM {vm.label} has come back while it was being destroyed: {vm.where()}")
    to_delete, kept = _sorted_disks(seen, vm, uses_of(seen))
    _delete_vm(seen, vm, to_delete)
    _require_still_absent(seen, vm, to_delete)
    held = wait_released(estate, seen.hosts, [path for _, path in to_delete])
    _delete_disks(vm, to_delete, held)
    return kept


def _require_destroyable(vm: VM, seen: Survey) -> None:
    require_certain(vm, seen)
    if vm.places:
        only_place(vm)
    definition = vm.definition
    if definition.config is None:
        raise Refused(
            f"VM {vm.label}: its vm.cfg cannot be read ({definition.problem}), so which disks are "
            f"its own is not known"
        )
    # delete_vm removes the whole directory (agent-behaviour 4, 7.4).
    inside = _files_in(seen, definition) + _named_in(seen, definition)
    if inside:
        raise Refused(
            f"VM {vm.label}: {', '.join(dict.fromkeys(inside))} lies in its own directory and "
            f"would be deleted with it; move it out first"
        )


def _files_in(seen: Survey, definition: Definition) -> list[str]:
    """What lies in its directory besides its vm.cfg."""
    repository = seen.repository(definition.repository_id)
    folders = repository.content.virtual_machines if repository and repository.content else ()
    return [
        f"{definition.place}/{file}"
        for folder in folders
        if folder.name == definition.directory
        for file in folder.files
        if file != "vm.cfg"
    ]


def _named_in(seen: Survey, definition: Definition) -> list[str]:
    """What any vm.cfg names below its directory."""
    below = f"/{definition.place}/"
    paths = [disk.path for other in seen.definitions for disk in other.disks if disk.path]
    return [path for path in paths if below in path]


def _sorted_disks(
    seen: Survey, vm: VM, uses: Uses
) -> tuple[list[tuple[Repository, str]], list[str]]:
    """Its own disks that nobody else uses, and remarks on all the others."""
    to_delete: list[tuple[Repository, str]] = []
    kept: dict[str, str] = {}
    named = {disk.path for disk in vm.definition.disks if disk.path and not disk.is_cdrom}
    for repository, name in own_disks(seen, vm.id):
        path = disk_path(repository, name)
        others = uses.of(name, but=[vm.definition.place])
        if others:
            kept[path] = f"{', '.join(others)} names it"
        elif uses.not_read:
            kept[path] = f"{', '.join(uses.not_read)} cannot be read and may name it"
        elif path not in named and not is_made_for(name, vm.id):
            kept[path] = "it was not made for this node, nor does the node use it"
        else:
            to_delete.append((repository, path))
    for path in named - {path for _, path in to_delete}:
        kept.setdefault(path, "its name does not carry this node's uuid")
    return to_delete, [f"{path} was kept: {why}" for path, why in sorted(kept.items())]


def _require_still_absent(seen: Survey, vm: VM, disks: list[tuple[Repository, str]]) -> None:
    """One more look before the first disk goes: another client may have started it meanwhile.

    :raises Unfinished: it runs, or a host fell silent; names the disks, which were kept.
    """
    if not is_absent(seen, vm.definition):
        paths = tuple(path for _, path in disks)
        raise Unfinished(
            f"VM {vm.label}: while its definition was deleted it came to life, or a host fell "
            f"silent; its disks were kept: {', '.join(paths) or '(none)'}",
            left=(vm.id, *paths),
        )


def _delete_vm(seen: Survey, vm: VM, disks: list[tuple[Repository, str]]) -> None:
    definition = vm.definition
    repository = seen.repository(definition.repository_id)
    assert repository is not None, "a definition was read from it"
    paths = tuple(path for _, path in disks)
    try:
        delete_definition(repository.mounted_on[0], repository.id, definition.directory)
    except AnswerLost as error:
        raise Unfinished(
            f"destroying VM {vm.label} broke off: {error}. What may be left: the node, and its "
            f"disks {', '.join(paths) or '(none)'}",
            left=(vm.id, *paths),
        ) from error


def delete_definition(host: HostView, repository_id: str, directory: str) -> None:
    """Delete a VM's directory: send it once, and look if the answer is lost.

    A refusal counts only if it is still there: another client may have been first.

    :raises AgentFault: the agent refused; it stays.
    :raises AnswerLost: whether it is deleted is not known.
    """
    try:
        host.agent.xen.delete_vm(repository_id, directory)
    except (AgentFault, AnswerLost) as failed:
        try:
            content = list_repository(host, repository_id)
        except Ovm3Error:
            raise failed from None
        if directory in (folder.name for folder in content.virtual_machines):
            raise


def _delete_disks(vm: VM, disks: list[tuple[Repository, str]], held: Mapping[str, str]) -> None:
    """Delete each, whatever becomes of the others.

    :param held: those that are still in use on a host, and by whom; they stay.
    :raises Unfinished: some stay; names them.
    """
    failed: dict[str, Ovm3Error] = {}
    for repository, path in disks:
        if path in held:
            failed[path] = Refused(f"still held: {held[path]}")
            continue
        try:
            delete_file(file_system(repository.mounted_on[0], repository), repository, path)
        except Ovm3Error as error:
            failed[path] = error
    if failed:
        reasons = "; ".join(f"{path}: {error}" for path, error in failed.items())
        raise Unfinished(
            f"VM {vm.label} is gone, but not all its disks (ex_list_orphans shows them): {reasons}",
            left=tuple(failed),
        ) from next(iter(failed.values()))
