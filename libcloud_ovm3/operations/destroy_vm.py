"""Destroying a VM: its domain, its definition, and those disks that were made for it alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from libcloud_ovm3.agent.address import list_of
from libcloud_ovm3.agent.texts import text_of
from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disks import FileSystem
from libcloud_ovm3.estate.holders import wait_ended, wait_released
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import list_whole, with_module
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.claims_door import look_once_more
from libcloud_ovm3.operations.delete_files import (
    delete_file,
    delete_unused,
    require_still_unused,
)
from libcloud_ovm3.operations.limits import STOP_LIMIT
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import (
    Disks,
    find_own_disks,
    find_users,
    repository_of,
    require_disks,
)
from libcloud_ovm3.operations.preconditions import only_live_domain, require_certain
from libcloud_ovm3.operations.presence import before_second_look
from libcloud_ovm3.operations.record_address import forget_addresses
from libcloud_ovm3.operations.record_metadata import forget_metadata
from libcloud_ovm3.operations.release_bridges import bridges_of_vm, read_uses, release
from libcloud_ovm3.operations.remove_seed import delete_seeds, kept_unseen, seeds_of
from libcloud_ovm3.operations.saved_memory import WAYS_OUT, discard
from libcloud_ovm3.operations.stop_vm import stop_live
from libcloud_ovm3.operations.vm_directory import files_beside
from libcloud_ovm3.progress import waiting


def destroy(
    estate: Estate,
    vm_id: str,
    only: Collection[str] | None = None,
    may_power_off: bool = True,
    may_discard: bool = False,
) -> list[str]:
    """Power a VM off, wait until it is gone, delete its definition, then its own disks.

    Its own disks: see :func:`.find_own_disks`. None of them is deleted if anybody else may use a
    file of that name, or if that cannot be known. That is decided anew right before the first
    deletion.

    :param only: the paths that may be deleted, of its disks; None: all of its own disks.
    :param may_power_off: whether it is destroyed if it is live.
    :param may_discard: whether it is destroyed if it is suspended.
    :return: notices for the user: disks that were kept, and why.
    :raises NodeNotFound: there is no such VM.
    :raises InvalidArgument: ``only`` names something that is not one of its disks.
    :raises PreconditionFailed: where it runs is not proven, or its directory holds a disk, or it is
        live and must not be powered off; nothing was done.
    :raises WaitTimeout: it could not be stopped; nothing was deleted.
    :raises AgentFault: the agent refused; the definition and all disks stay.
    :raises OperationIncomplete: whether all was deleted is unknown; names what may be left.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate)
    vm = snapshot.vm(vm_id)
    _require_destroyable(vm, snapshot)
    only = None if only is None else list_of(only, "ex_disks")
    require_disks(snapshot, vm, only or ())
    discarded = _discard(operation, snapshot, vm, may_discard)
    if vm.live:
        if not may_power_off:
            raise PreconditionFailed(
                f"VM {vm.label} was left unchanged: it is {vm.where()}, and powering it off was "
                f"not asked for",
                nodes=[vm.summary],
            )
        stop_live(operation, snapshot, vm, force=True, limit=STOP_LIMIT)
    else:
        before_second_look(estate, vm.name, vm.id)
    snapshot = read_estate(estate)
    vm = snapshot.vm(vm_id)
    _require_destroyable(vm, snapshot)
    if vm.live:
        raise PreconditionFailed(
            f"VM {vm.label} was started while it was being destroyed: {vm.where()}",
            nodes=[vm.summary],
        )
    with waiting(f"VM {vm.name!r}: waiting until no domain of it is left", vm=vm.id):
        wait_ended(estate, snapshot.hosts, vm.id)
    _require_empty_directory(snapshot, vm)
    disks, notices = find_own_disks(snapshot, vm)
    notices += discarded
    if only is not None:
        others = [path for _, path in disks if path not in only]
        notices += [f"{path} was kept: deleting it was not asked for" for path in others]
        disks = [(where, path) for where, path in disks if path in only]
    systems = _file_systems(disks)  # mounted now, so that nothing comes between check and deletion
    seeds = seeds_of(snapshot, vm.id)
    notices += _delete_vm(operation, snapshot, vm, disks)
    uses = read_uses(snapshot.hosts, vm.id, bridges_of_vm(vm))
    with waiting(f"VM {vm.name!r}: waiting until its disks are released", vm=vm.id):
        held = wait_released(estate, snapshot.hosts, [path for _, path in disks])
    notices += forget_addresses(operation, snapshot, vm)
    notices += forget_metadata(operation, snapshot, vm)
    snapshot = _require_absent(operation, vm, disks)
    notices += release(operation, uses)
    users = find_users(snapshot, disks)
    notices += [f"{path} was kept: {why}" for path, why in users.items() if path not in held]
    disks = [(where, path) for where, path in disks if path not in users or path in held]
    seeds = list({one.path: one for one in (*seeds, *seeds_of(snapshot, vm.id))}.values())
    notices += kept_unseen(snapshot, vm, seeds)
    kept = delete_seeds(operation, snapshot, seeds)
    _delete_disks(operation, vm, disks, held, systems, kept)
    return notices


def list_deleted(estate: Estate, vm_id: str) -> list[str]:
    """The disks that :func:`destroy` would delete, as far as can be known now. Reads only.

    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: it would not be destroyed.
    """
    snapshot = read_estate(estate)
    vm = snapshot.vm(vm_id)
    _require_destroyable(vm, snapshot)
    return [path for _, path in find_own_disks(snapshot, vm)[0]]


# ------------------------------------------------------------------ may it be destroyed


def _require_destroyable(vm: VM, snapshot: EstateSnapshot) -> None:
    require_certain(vm, snapshot)
    if vm.live:
        only_live_domain(vm)
    definition = vm.definition
    if definition.error is not None or vm.doubts:
        why = "; ".join([definition.error] if definition.error else vm.doubts)
        raise PreconditionFailed(
            f"VM {vm.label} was left unchanged, and so was what may be its disks: {why}",
            nodes=[vm.summary],
        )
    # delete_vm removes the whole directory (agent-behaviour 4, 7.4). That of a suspended one has
    # its memory, which is deleted first.
    inside = [] if _is_suspended(vm) else _files_in(snapshot, definition)
    inside += _named_in(snapshot, definition)
    if inside:
        raise _has_inside(vm, inside)


def _is_suspended(vm: VM) -> bool:
    return vm.state is State.SUSPENDED and not vm.live


def _discard(
    operation: Operation, snapshot: EstateSnapshot, vm: VM, may_discard: bool
) -> list[str]:
    """Discard the saved memory of a suspended one, which nothing else speaks against destroying.

    :return: notices for the user.
    :raises PreconditionFailed: it is suspended, and that was not asked for.
    """
    if _is_suspended(vm) and not may_discard:
        raise PreconditionFailed(
            f"VM {vm.label} was left unchanged: it is suspended: {WAYS_OUT}", nodes=[vm.summary]
        )
    return discard(operation, snapshot, vm)


def _has_inside(vm: VM, inside: Sequence[str]) -> PreconditionFailed:
    return PreconditionFailed(
        f"VM {vm.label}: {', '.join(dict.fromkeys(inside))} lies in its own directory and "
        f"would be deleted with it; move it out first",
        nodes=[vm.summary],
    )


def _files_in(snapshot: EstateSnapshot, definition: Definition) -> list[str]:
    """What the listing shows in its directory besides its vm.cfg."""
    repository = snapshot.repository(definition.repository_id)
    folders = repository.content.virtual_machines if repository and repository.content else ()
    return [
        f"{definition.place}/{file}"
        for folder in folders
        if folder.name == definition.directory
        for file in folder.files
        if file != "vm.cfg"
    ]


def _named_in(snapshot: EstateSnapshot, definition: Definition) -> list[str]:
    """What any vm.cfg or live domain names below its directory."""
    below = f"/{definition.place}/"
    paths = [disk.path for other in snapshot.definitions for disk in other.disks if disk.path]
    paths += [path for host in snapshot.hosts for domain in host.domains for path in domain.disks]
    return [path for path in paths if below in path]


def _require_empty_directory(snapshot: EstateSnapshot, vm: VM) -> None:
    """The same through the host module, which sees what the agent's listing hides.

    :raises PreconditionFailed: something lies there, or that cannot be read.
    """
    inside = files_beside(snapshot, vm)
    if inside:
        raise _has_inside(vm, [text_of(path) for path in inside])


def _require_absent(operation: Operation, vm: VM, disks: Disks) -> EstateSnapshot:
    """Read everything once more right before the first disk goes: another client may have been at
    work.

    :raises OperationIncomplete: it is live or defined again, or that cannot be read; names the
        disks.
    """
    paths = tuple(path for _, path in disks)
    try:
        snapshot = read_estate(operation.estate)
        found = snapshot.vms.get(vm.id)
        why = "; ".join(snapshot.unseen if found is None else (found.where(), *found.doubts))
    except Ovm3Error as error:
        raise _kept_all(operation, vm, paths, str(error)) from error
    if why:
        raise _kept_all(operation, vm, paths, why)
    return snapshot


def _kept_all(operation: Operation, vm: VM, paths: tuple[str, ...], why: str) -> Ovm3Error:
    return operation.incomplete(
        f"VM {vm.label}: while its definition was being deleted it was created again, or started, "
        f"or a host became unreachable ({why}); its disks were kept: "
        f"{', '.join(paths) or '(none)'}",
        left=(vm.id, *paths),
        nodes=[vm.summary],
    )


# ------------------------------------------------------------------ deletions


def _file_systems(disks: Disks) -> dict[str, FileSystem]:
    """Where the storage plug-in deletes, by repository: nothing, where a module does it."""
    repositories = {repository.id: repository for repository, _ in disks}
    return {
        key: mounted_export(one.mounted_on[0], one)
        for key, one in repositories.items()
        if with_module(one) is None
    }


def _delete_vm(operation: Operation, snapshot: EstateSnapshot, vm: VM, disks: Disks) -> list[str]:
    """Delete its definition.

    :return: notices for the user: its claim does not say that it is gone.
    """
    mounted = repository_of(snapshot, vm.definition).mounted_on
    host = next((one for one in mounted if one.module3 is not None), mounted[0])
    paths = tuple(path for _, path in disks)
    try:
        try:
            doors.delete_vm(operation, host, vm.definition, snapshot)
        except (AgentFault, OutcomeUnknown) as failed:
            require_deleted(host, vm.definition.repository_id, vm.definition.directory, failed)
            return look_once_more(operation, vm.definition)
    except OutcomeUnknown as error:
        raise operation.incomplete(
            f"destroying VM {vm.label} was not completed: {error}. What may be left: the node, "
            f"and its disks {', '.join(paths) or '(none)'}",
            left=(vm.id, *paths),
            nodes=[vm.summary],
        ) from error
    return []


def require_deleted(
    host: HostView, repository_id: str, directory: str, failed: AgentFault | OutcomeUnknown
) -> None:
    """Whether a definition is gone after its deletion failed: another client may have been first.

    :raises AgentFault: the agent refused; it is still there.
    :raises OutcomeUnknown: whether it is deleted is unknown.
    """
    try:
        content = list_whole(host, repository_id)
    except Ovm3Error as error:
        raise OutcomeUnknown(
            f"{failed}; whether {directory} is still there cannot be read: {error}"
        ) from failed
    if directory in (folder.name for folder in content.virtual_machines):
        raise failed


def _delete_disks(
    operation: Operation,
    vm: VM,
    disks: Disks,
    held: Mapping[str, str],
    systems: Mapping[str, FileSystem],
    kept: Mapping[str, Ovm3Error],
) -> None:
    """Delete each, whatever becomes of the others.

    :param held: those that are still in use on a host, and by whom; they stay.
    :param kept: seeds that are not deleted, and why.
    :raises OperationIncomplete: some stay, or another VM has got one meanwhile; names them.
    """
    failed: dict[str, Ovm3Error] = {
        path: PreconditionFailed(f"still in use: {held[path]}") for _, path in disks if path in held
    } | dict(kept)
    by_module: dict[str, Disks] = {}
    by_agent: list[str] = []
    for repository, path in disks:
        if path in held:
            continue
        if repository.id not in systems:
            by_module.setdefault(repository.id, []).append((repository, path))
            continue
        try:
            delete_file(operation, systems[repository.id], repository, path)
            by_agent.append(path)
        except Ovm3Error as error:
            failed[path] = error
    for some in by_module.values():
        failed |= delete_unused(operation, some)
    try:
        require_still_unused(operation, by_agent, "what was its disk")
    except OperationIncomplete as error:
        failed |= dict.fromkeys(error.left, error)
    if failed:
        reasons = "; ".join(f"{path}: {error}" for path, error in failed.items())
        way_out = f". ex_remove_seed({vm.id!r}) deletes what is left of its seed" if kept else ""
        raise operation.incomplete(
            f"VM {vm.label} was deleted, but not all its disks, or one that is in use now "
            f"(ex_list_orphans lists those that are left): {reasons}{way_out}",
            left=tuple(failed),
            nodes=[vm.summary],
        ) from next(iter(failed.values()))
