"""Destroying a VM: its domain, its definition, and those disks that were made for it alone."""

from __future__ import annotations

from libcloud_ovm3.errors import AnswerLost, Ovm3Error, Refused, Unfinished
from libcloud_ovm3.estate.disks import (
    delete_file,
    disk_path,
    file_system,
    own_disks,
    unread,
    users,
)
from libcloud_ovm3.estate.hosts import Estate, HostView
from libcloud_ovm3.estate.power import (
    STOP_LIMIT,
    only_place,
    require_all_answered,
    stop_at,
)
from libcloud_ovm3.estate.repositories import Repository, list_repository
from libcloud_ovm3.estate.vms import VM, Survey, survey


def destroy(estate: Estate, vm_id: str) -> list[str]:
    """Stop a VM by force, see it gone, delete its definition, then its own disks.

    Its own disks are those whose file name carries its uuid and that no other vm.cfg in any
    repository names. Everything else that it used stays.

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
    to_delete, kept = _sorted_disks(seen, vm)
    _delete_vm(seen, vm, to_delete)
    _delete_disks(vm, to_delete)
    return kept


def _require_destroyable(vm: VM, seen: Survey) -> None:
    require_all_answered(vm, seen)
    if vm.places:
        only_place(vm)
    definition = vm.definition
    if definition.config is None:
        raise Refused(
            f"VM {vm.label}: its vm.cfg cannot be read ({definition.problem}), so which disks are "
            f"its own is not known"
        )
    # delete_vm removes the whole directory (agent-behaviour 4, 7.4).
    inside = [d.path for d in definition.disks if d.path and f"/{definition.place}/" in d.path]
    if inside:
        raise Refused(
            f"VM {vm.label}: {', '.join(inside)} lies in its own directory and would be deleted "
            f"with it; move it out first"
        )


def _sorted_disks(seen: Survey, vm: VM) -> tuple[list[tuple[Repository, str]], list[str]]:
    """Its own disks that nobody else uses, and remarks on all the others."""
    to_delete, kept = [], []
    for repository, name in own_disks(seen, vm.id):
        path = disk_path(repository, name)
        others = users(seen, path, but=vm.definitions)
        not_read = unread(seen)
        if others:
            kept.append(f"{path} was kept: {', '.join(other.place for other in others)} names it")
        elif not_read:
            kept.append(f"{path} was kept: {', '.join(not_read)} cannot be read and may name it")
        else:
            to_delete.append((repository, path))
    own = {path for _, path in to_delete}
    named = {disk.path for disk in vm.definition.disks if disk.path and not disk.is_cdrom}
    for path in sorted(named - own):
        if not any(remark.startswith(f"{path} ") for remark in kept):
            kept.append(f"{path} was kept: its name does not carry this node's uuid")
    return to_delete, kept


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

    :raises AgentFault: the agent refused; it stays.
    :raises AnswerLost: whether it is deleted is not known.
    """
    try:
        host.agent.xen.delete_vm(repository_id, directory)
    except AnswerLost as lost:
        try:
            content = list_repository(host, repository_id)
        except Ovm3Error:
            raise lost from None
        if directory in (folder.name for folder in content.virtual_machines):
            raise


def _delete_disks(vm: VM, disks: list[tuple[Repository, str]]) -> None:
    """Delete each, whatever becomes of the others.

    :raises Unfinished: some stay; names them.
    """
    failed: dict[str, Ovm3Error] = {}
    for repository, path in disks:
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
