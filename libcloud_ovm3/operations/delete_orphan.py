"""Deleting an orphan: a virtual disk that certainly nothing uses, one by one."""

from __future__ import annotations

from libcloud_ovm3.agent.seed_files import vm_of
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.disk_files import DiskFile
from libcloud_ovm3.estate.disks import Orphan, orphans
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, with_module
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.operations.destroy_snapshot import delete_disk, require_still
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.target_repository import require_usable


def delete_orphan(estate: Estate, path: str) -> None:
    """Delete a virtual disk that no vm.cfg names, and that nothing else may use.

    That is decided twice, some seconds apart, as a guest that reboots is off the lists for a
    moment, and as somebody may be copying or importing it: without the host module nothing but its
    size tells. And, by :func:`.delete_disk`, once more right before.

    :param path: absolute, on the hosts, as orphans are listed.
    :raises PreconditionFailed: it is no orphan, or not certainly one; it is there as before.
    :raises AgentFault: the host refused; it is there as before.
    :raises OperationIncomplete: whether it is deleted is unknown; names it.
    """
    operation = Operation(estate)
    repository = _certain(estate, read_estate(estate), path)
    host = with_module(repository) or repository.mounted_on[0]
    require_still(operation, host, DiskFile(repository, path), path)
    snapshot = read_estate(estate)
    repository = _certain(estate, snapshot, path)
    delete_disk(operation, snapshot, repository, path, path)


def _certain(estate: Estate, snapshot: EstateSnapshot, path: str) -> Repository:
    """Its repository, if it is certainly an orphan that may be deleted so."""
    found = [one for one in orphans(estate, snapshot) if one.path == path]
    if not found:
        unread = "; ".join(snapshot.errors())
        raise PreconditionFailed(
            f"{path!r} was kept: it is no orphan, as far as could be read{unread and f': {unread}'}"
            f"; ex_list_orphans lists all"
        )
    if why := _why_not(found[0]):
        raise PreconditionFailed(f"{path} was kept: {why}")
    repository = snapshot.repository(found[0].repository_id)
    assert repository is not None, "it is listed there"
    require_usable(repository)
    return repository


def _why_not(orphan: Orphan) -> str:
    """Why an orphan is not deleted so; "": it may be."""
    if vm_id := vm_of(orphan.path):
        return f"it is the seed of a node, which ex_remove_seed({vm_id!r}) deletes"
    if orphan.operation is not None:
        return (
            f"an incomplete deletion has set it aside: "
            f"ex_put_back({orphan.path!r}, {orphan.operation!r}) restores it"
        )
    if not orphan.is_certain:
        return (
            "it is not certain that nothing uses it: something could not be read, its name is "
            "unusual or that of a node which is there, or a host reports it as in use; or it is "
            "not complete, and destroy_volume, destroy_volume_snapshot or delete_image removes it"
        )
    return ""
