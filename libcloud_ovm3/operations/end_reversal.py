"""Ending what an interrupted reversal of a VM has left (:mod:`.revert_vm`): the disks that the VM
does not have, and then what is recorded of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.attachments import comparable_id, key_of_path
from libcloud_ovm3.estate.repositories import is_listed
from libcloud_ovm3.estate.vm_snapshots import (
    VMSnapshot,
    VMSnapshotList,
)
from libcloud_ovm3.estate.vms import VM, EstateSnapshot
from libcloud_ovm3.operations.at_rest import require_restable
from libcloud_ovm3.operations.create_image import config_of
from libcloud_ovm3.operations.destroy_snapshot import delete_disk
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.snapshot_vm import record, recording_module

Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def end_reversals(
    operation: Operation,
    snapshot: EstateSnapshot,
    vm: VM,
    known: VMSnapshotList,
    take_over: bool,
    notices: list[str],
) -> bool:
    """End those of a VM that were interrupted, whichever of its snapshots they were for.

    :param take_over: whether the user says that no client is at them.
    :param notices: gets notices for the user: what was kept, and why.
    :return: whether there were any.
    :raises PreconditionFailed: there is one, and it may go on.
    :raises OperationIncomplete: whether all is removed is unknown.
    """
    begun = [one for one in known.snapshots if one.vm_id == vm.id and one.reverting]
    for what in begun:
        if not take_over:
            raise PreconditionFailed(
                f"VM {vm.label} is being reverted to {what.label} by operation "
                f"{what.reverting.get('operation')}, or that was interrupted. Only if no client is "
                f"at it: ex_take_over=True removes what was left, and begins anew",
                nodes=[vm.summary],
            )
        notices += _clean_up(operation, snapshot, vm, what, known)
    return bool(begun)


def _clean_up(
    operation: Operation, snapshot: EstateSnapshot, vm: VM, what: VMSnapshot, known: VMSnapshotList
) -> list[str]:
    """Remove the disks, new or old, that the VM does not have. Which these are is certain only if
    it has one of the new ones, or all of the old ones: else somebody has changed its disks since,
    and nothing is removed.
    """
    notices = list[str]()
    require_restable(snapshot, vm, pause=False)
    config = config_of(vm, "nothing was removed")
    named = {disk.path for disk in config.disks}
    new, old = (list(map(str, what.reverting.get(key, ()))) for key in ("new", "old"))
    is_done = bool(named & set(new))
    is_undone = bool(old) and named >= set(old)
    for path in old if is_done else new:
        repository = snapshot.repository(path.split("/")[3])
        if repository is None or repository.content is None:
            raise PreconditionFailed(f"whether {path} is there cannot be read")
        if path in named or not is_listed(repository.content, path):
            continue
        if not is_done and not is_undone:
            notices.append(
                f"{path} was kept: an interrupted reversal to {what.label} has made it, and VM "
                f"{vm.label} has had other disks since; destroy_volume deletes it"
            )
            continue
        try:
            delete_disk(operation, snapshot, repository, path, path)
        except PreconditionFailed as error:
            notices.append(f"what an interrupted reversal has left: {error}")
    change = ended(
        str(what.reverting.get("operation")), made_of(what, new, known) if is_done else None, known
    )
    return notices + record(operation, recording_module(what.repository), what, change)


def made_of(what: VMSnapshot, new: Sequence[str], known: VMSnapshotList) -> dict[str, str]:
    """The volumes that reverting has given to the VM, and for which one each of them stands. Pure.

    :param new: their paths, in the order of the disks of the snapshot.
    """
    origins = known.made_for(what.vm_id)
    theirs = [comparable_id(disk.volume_id) for disk in what.disks]
    stands_for = [origins.get(one, one) for one in theirs]
    return dict(zip(map(key_of_path, new), stands_for, strict=False))


def ended(own: str, made: Mapping[str, str] | None, known: VMSnapshotList) -> Change:
    """For :func:`.record`: nobody reverts any more.

    :param own: the id of the operation that has recorded that it does.
    :param made: as of :func:`made_of`; None: the VM has been given nothing.
    """
    volumes = {comparable_id(disk.volume_id) for one in known.snapshots for disk in one.disks}

    def end(now: Mapping[str, Any]) -> Mapping[str, Any]:
        require_own(now, own)
        entry = {key: value for key, value in now.items() if key != "reverting"}
        if made is None or not entry:
            return entry
        earlier = {key: value for key, value in now.get("made", {}).items() if key in volumes}
        return {**entry, "made": {**earlier, **made}}

    return end


def require_own(now: Mapping[str, Any], own: str) -> None:
    """Whether what is recorded of a snapshot is not another operation's by now.

    :raises PreconditionFailed: it is.
    """
    theirs = now.get("reverting", {}).get("operation", own)
    if theirs != own:
        raise PreconditionFailed(f"operation {theirs} has taken over")
