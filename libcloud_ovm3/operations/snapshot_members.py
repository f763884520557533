"""Whether a snapshot of a volume is part of the snapshot of a VM. Reads only."""

from __future__ import annotations

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.vm_snapshots import is_member, read_vm_snapshots
from libcloud_ovm3.estate.volumes import Snapshot, VolumeList


def require_no_member(found: VolumeList, snapshot: Snapshot) -> None:
    """Whether a snapshot of a volume is not part of the snapshot of a VM, which would be spoilt.

    One read for each repository, but none where the name of the file says that it is not.

    :raises PreconditionFailed: it is, or that cannot be read.
    """
    if not is_member(snapshot.file.path.rpartition("/")[2]):
        return
    known = read_vm_snapshots(found.estate)
    what = known.of_file(snapshot.id)
    if what is not None:
        raise PreconditionFailed(
            f"{snapshot.label} was kept: it is part of {what.label}; ex_delete_node_snapshot"
            f"({what.id!r}) deletes all of that"
        )
    if known.errors:
        raise PreconditionFailed(
            f"{snapshot.label} was kept: it was made for the snapshot of a VM, and whether that is "
            f"still there cannot be read: {'; '.join(known.errors)}"
        )
