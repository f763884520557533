"""ISOs in the CD drives of a new VM: named in its definition from the first moment, as its volumes
are, so that nobody deletes them while its disks are copied (:mod:`.delete_image` refuses that).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.disk import parse_disk
from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.repositories import is_listed, list_whole

if TYPE_CHECKING:
    from libcloud_ovm3.operations.plan_vm import VMPlan


def iso_entries(entries: Iterable[str]) -> tuple[str, ...]:
    """Those entries of a disk list that are drives with an ISO of a repository."""
    return tuple(entry for entry in entries if _iso_of(entry))


def require_media(plan: VMPlan) -> None:
    """See that its ISOs are still there, now that everybody can see that this VM has them.

    :raises PreconditionFailed: one is not, or that cannot be read.
    """
    for entry in plan.iso_entries:
        path = _iso_of(entry)
        repository = plan.snapshot.repository(path.split("/")[3])
        if repository is None:
            continue  # it is the template's, which says where: the start tells
        try:
            is_there = is_listed(list_whole(plan.host, repository.id), path)
        except Ovm3Error as error:
            raise PreconditionFailed(
                f"whether {path} is still there is unknown: {error}"
            ) from error
        if not is_there:
            raise PreconditionFailed(
                f"{path} was deleted meanwhile, so VM {plan.spec.name!r} was not created"
            )


def _iso_of(entry: str) -> str:
    """The path of the ISO in a drive; "": there is none."""
    disk = parse_disk(entry)
    path = disk.path or ""
    is_iso = disk.is_cdrom and path.split("/")[1:3] == ["OVS", "Repositories"]
    return path if is_iso and path.split("/")[4:5] == ["ISOs"] else ""
