"""The estate's repositories -> the driver's. Pure: nothing is sent from here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.compute.repository_types import OVM3Repository

if TYPE_CHECKING:
    from libcloud.compute.base import NodeDriver

    from libcloud_ovm3.estate.repository_space import RepositorySpace
    from libcloud_ovm3.operations.repository_steps import RepositoryChange


def to_repository(
    one: RepositorySpace, driver: NodeDriver, changes: Iterable[RepositoryChange] | None = None
) -> OVM3Repository:
    """A repository.

    :param changes: what was just changed of it, for ``extra["changed"]``; None: it was only listed.
    """
    record, space, repository = one.repository.record, one.space, one.repository
    size, free = space.size_bytes, space.free_bytes
    used = size - free if size is not None and free is not None else None
    extra: dict[str, Any] = {
        "file_system": record.fs_type or None,
        "location": record.fs_location or None,
        "owner": record.manager_uuid,
        "mounted_on": list(one.mounted_on),
        "not_mounted_on": list(one.not_mounted_on),
        "size_bytes": size,
        "free_bytes": free,
        "used_bytes": used,
        "used_percent": round(100 * used / size, 1) if used is not None and size else None,
        "space_unknown": None if used is not None else space.reason or _text(space.error),
        "disks": one.disks,
        "snapshots": one.snapshots,
        "disk_bytes": one.disk_bytes,
        "growth_bytes": one.growth_bytes,
        "overlaps": list(one.overlaps),
        "error": repository.error,
    }
    if changes is not None:
        extra["changed"] = [
            {"host": change.host.name, "host_id": change.host.id, "change": change.news}
            for change in changes
        ]
    return OVM3Repository(repository.id, record.alias or None, driver, extra)


def _text(error: Exception | None) -> str | None:
    return None if error is None else str(error)
