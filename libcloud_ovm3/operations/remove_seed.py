"""Taking a seed out of its VM's drive, and deleting it: for good, as the guest has read it."""

from __future__ import annotations

from collections.abc import Sequence

from libcloud_ovm3.agent.disk import DiskEntry
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.agent.seed_files import vm_of
from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disks import read_disk_usage
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import with_module
from libcloud_ovm3.estate.seeds import Seed, read_seeds
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations.cd_drives import eject
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import why_used
from libcloud_ovm3.operations.write_seed import delete_seed

_NO_MODULE = "no host module can delete it (`ovm3 host install`)"


def remove(estate: Estate, vm_id: str) -> list[str]:
    """Take the seed of a VM out of its drive, which stays, and delete it. A VM without one is left
    as it is; of a VM that is gone, the seeds that it has left are deleted.

    :return: notices for the user.
    :raises NodeNotFound: there is no such VM, and no seed of it.
    :raises PreconditionFailed: the VM's state does not allow it, somebody else uses the seed, or
        no host module can delete it. Nothing was sent.
    :raises AgentFault: a host refused; everything is as it was.
    :raises OperationIncomplete: it was taken out, and is or may be still there; or whether it was
        taken out is unknown.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate)
    vm_id = dashed(vm_id) or vm_id
    vm = snapshot.vms.get(vm_id)
    if vm is None and not seeds_of(snapshot, vm_id):
        vm = snapshot.vm(vm_id)  # which says why not
    if vm is not None and vm.state is State.PENDING:
        raise PreconditionFailed(
            f"VM {vm.label} is being created, and its seed is for its first start; destroy_node "
            f"removes both",
            nodes=[vm.summary],
        )
    drives = _drives(vm_id, vm.definition) if vm is not None else []
    for drive in drives:
        if drive.path and not _is_listable(snapshot, drive.path):
            raise PreconditionFailed(
                f"{drive.path} was left in its drive: no host that has its repository mounted has "
                f"a host module that can delete it (`ovm3 host install`)"
            )
    seeds = seeds_of(snapshot, vm_id)
    _require_no_other_user(snapshot, vm, seeds)
    notices: list[str] = []
    for drive in drives:
        notices += eject(estate, vm_id, drive.device)
    try:
        kept = delete_seeds(operation, read_estate(estate) if drives else snapshot, seeds)
    except Ovm3Error as error:
        kept = dict.fromkeys((seed.path for seed in seeds), error)
    if kept and not drives and len(kept) == 1:
        raise next(iter(kept.values()))
    if kept:
        reasons = "; ".join(f"{path}: {error}" for path, error in kept.items())
        raise operation.incomplete(
            f"the seed of VM {vm_id} is in no drive of it any more, but is not deleted: {reasons}. "
            f"ex_remove_seed deletes it when that is no more so",
            left=tuple(kept),
            nodes=[vm.summary] if vm is not None else [],
        ) from next(iter(kept.values()))
    return notices


def seeds_of(snapshot: EstateSnapshot, vm_id: str) -> list[Seed]:
    """The seeds that were made for a VM."""
    return [seed for seed in read_seeds(snapshot) if seed.file.vm_id == vm_id]


def delete_seeds(
    operation: Operation, snapshot: EstateSnapshot, seeds: Sequence[Seed]
) -> dict[str, Ovm3Error]:
    """Delete seeds, but those that somebody uses, or may.

    :param snapshot: the estate as it is now; that it lists them does not matter.
    :return: those that are not deleted, or may not be, and why.
    """
    usage = read_disk_usage(snapshot) if seeds else None
    kept: dict[str, Ovm3Error] = {}
    for seed in seeds:
        host = with_module(seed.repository)
        why = why_used(usage, seed.file.name) if usage is not None else None
        try:
            if why or host is None or host.module is None:
                raise PreconditionFailed(f"the seed was kept: {why or _NO_MODULE}")
            delete_seed(operation, host.module, seed.repository, seed.file.name)
        except Ovm3Error as error:
            kept[seed.path] = error
    return kept


def kept_unseen(snapshot: EstateSnapshot, vm: VM, seeds: Sequence[Seed]) -> list[str]:
    """Notices of seeds that a destroyed VM leaves, as no host module could list them.

    :param seeds: those that are known.
    """
    drives = [one for definition in vm.definitions for one in _drives(vm.id, definition)]
    paths = {one.path for one in drives if one.path} - {seed.path for seed in seeds}
    return [
        f"{path} was kept: no host module could list it; ex_remove_seed({vm.id!r}) deletes it when "
        f"one can (`ovm3 host install`)"
        for path in sorted(paths)
        if not _is_listable(snapshot, path)
    ]


def _require_no_other_user(snapshot: EstateSnapshot, vm: VM | None, seeds: Sequence[Seed]) -> None:
    """Check that nobody but the VM itself uses its seeds, while they are still in its drive.

    :raises PreconditionFailed: somebody does, or that cannot be read; says who, or what.
    """
    usage = read_disk_usage(snapshot) if seeds else None
    places = [one.place for one in vm.definitions] if vm is not None else []
    itself = [*places, *(one.domain.label for one in vm.live)] if vm is not None else []
    for seed in seeds:
        why = why_used(usage, seed.file.name, but=itself) if usage is not None else None
        if why:
            raise PreconditionFailed(
                f"{seed.path} was left as it is: {why}; expected that nobody but its own VM uses "
                f"it: take it out there, or mend what cannot be read, and call again"
            )


def _drives(vm_id: str, definition: Definition) -> list[DiskEntry]:
    """The CD drives of a VM that have its seed."""
    drives = [one for one in definition.disks if one.is_cdrom and one.path]
    return [one for one in drives if one.path and vm_of(one.path) == vm_id]


def _is_listable(snapshot: EstateSnapshot, path: str) -> bool:
    """Whether a host module has said which seeds the repository of this path has."""
    found = [one for one in snapshot.repositories if path.startswith(f"{one.path}/")]
    return bool(found) and found[0].seeds is not None
