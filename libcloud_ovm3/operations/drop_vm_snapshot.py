"""Deleting the snapshot of a VM: the snapshots of its disks, then what is recorded of it.

What is recorded goes last: so what an interrupted deletion leaves is listed, and a second call ends
it. Nothing else than what was made for it is deleted.
"""

from __future__ import annotations

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.attachments import comparable_id
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vm_snapshots import VMSnapshot, read_vm_snapshots
from libcloud_ovm3.estate.volumes import Snapshot, VolumeList, read_volumes
from libcloud_ovm3.operations.destroy_snapshot import delete_with_mark
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.snapshot_vm import record, recording_module
from libcloud_ovm3.operations.target_repository import require_usable
from libcloud_ovm3.progress import waiting


def drop_vm_snapshot(estate: Estate, snapshot_id: str) -> None:
    """Delete the snapshot of a VM; also one that is not complete.

    :raises VolumeNotFound: there is no such snapshot.
    :raises PreconditionFailed: a VM is being reverted to it, or that was interrupted; or somebody
        uses the first snapshot of its disks, or may, or a copy into it is under way. All stays.
    :raises AgentFault: a host refused; all stays.
    :raises OperationIncomplete: not all of it is deleted, or that is unknown; names what may be
        left. A second call goes on.
    """
    operation = Operation(estate)
    found = read_volumes(estate, with_sizes=False)
    what = read_vm_snapshots(found.estate).snapshot(snapshot_id)
    if what.reverting and what.vm_id in found.estate.vms:
        raise PreconditionFailed(
            f"{what.label} was kept: the VM is being reverted to it, or that was interrupted: "
            f"ex_revert_node_snapshot with ex_take_over=True ends that"
        )
    module, deleted = recording_module(what.repository), list[str]()
    with waiting(f"deleting {what.label}", vm=what.vm_id):
        try:
            for one in _files(found, what):
                delete_with_mark(operation, one.file, one.label)
                deleted.append(one.id)
            record(operation, module, what, lambda now: {})
        except Ovm3Error as error:
            if not deleted and not isinstance(error, OperationIncomplete):
                raise
            raise _incomplete(operation, what, error) from error


def _incomplete(operation: Operation, what: VMSnapshot, error: Ovm3Error) -> OperationIncomplete:
    theirs = error.left if isinstance(error, OperationIncomplete) else ()
    return operation.incomplete(
        f"{what.label} is not deleted, or not all of it: {error}; "
        f"ex_delete_node_snapshot({what.id!r}) goes on",
        left=tuple(dict.fromkeys((what.id, *theirs))),
        host=error.host,
    )


def _files(found: VolumeList, what: VMSnapshot) -> list[Snapshot]:
    """The snapshots of its disks that are there.

    :raises PreconditionFailed: that cannot be read of one.
    """
    ids = [comparable_id(disk.snapshot_id) for disk in what.disks]
    for one in ids:
        repository = found.estate.repository(one.partition("/")[0])
        if repository is None:
            raise PreconditionFailed(
                f"{what.label} was kept: no host that could be read knows the repository of {one}"
            )
        require_usable(repository)
    return [one for one in found.snapshots if comparable_id(one.id) in ids]
