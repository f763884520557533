"""Which repository something new goes into, and whether it fits there.

Reads only, but for mounting exports for the storage plug-in, which reports no space before that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.one_repository import find_repository
from libcloud_ovm3.estate.repositories import Repository, with_module
from libcloud_ovm3.estate.space import read_spaces
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations.disk_sizes import bytes_text
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.placement import is_host, require_host


def require_usable(repository: Repository) -> None:
    """Whether files may be made or changed in a repository.

    :raises PreconditionFailed: hosts contradict each other about it, or it could not be read.
    """
    if not repository.is_clear or repository.content is None or not repository.mounted_on:
        why = repository.error or "it is not mounted on any host that could be read"
        raise PreconditionFailed(f"repository {repository.id} is left unchanged: {why}")


def choose_repository(
    snapshot: EstateSnapshot, wanted: str | None = None, host_id: str | None = None
) -> Repository:
    """The repository that is asked for, else the one with the most free space.

    One whose free space is not known is chosen only if it is the only one.

    :param wanted: its id or alias.
    :param host_id: a host that has to have it mounted; None: any.
    :raises PreconditionFailed: there is none, or this one cannot be used, or is not mounted there.
    """
    if host_id is not None:
        require_host(snapshot.hosts, snapshot.unreachable, host_id)
    if wanted is not None:
        found = find_repository(snapshot, wanted)
        require_usable(found)
        if not _is_mounted(found, host_id):
            raise PreconditionFailed(f"host {host_id!r} does not have {found.id} mounted")
        return found
    usable = [
        one
        for one in snapshot.repositories
        if one.is_clear and one.content is not None and _is_mounted(one, host_id)
    ]
    if not usable:
        where = "any host" if host_id is None else f"host {host_id!r}"
        raise PreconditionFailed(
            f"no repository that could be read is mounted on {where}: "
            f"{'; '.join(snapshot.errors()) or 'there is none'}"
        )
    if len(usable) == 1:
        return usable[0]
    free = _free(usable)
    if len(free) < len(usable):
        _mount([one for one in usable if one not in (repository for _, repository in free)])
        free = _free(usable)
    if not free:
        names = ", ".join(f"{one.id} ({one.record.alias})" for one in usable)
        raise PreconditionFailed(
            f"which repository has the most space is unknown, so none is chosen: name one with "
            f"ex_repository, of {names}"
        )
    return max(free, key=lambda pair: pair[0])[1]


def _free(repositories: Sequence[Repository]) -> list[tuple[int, Repository]]:
    """The free bytes of those of which they are known."""
    return [
        (space.free_bytes, one)
        for one, space in zip(repositories, read_spaces(repositories), strict=True)
        if space.free_bytes is not None
    ]


def _mount(repositories: Sequence[Repository]) -> None:
    """Let the storage plug-in mount those that it serves: where it does not, nothing is lost."""
    for one in repositories:
        if with_module(one) is None:
            with contextlib.suppress(Ovm3Error):
                mounted_export(one.mounted_on[0], one)


def _is_mounted(repository: Repository, host_id: str | None) -> bool:
    return any(host_id is None or is_host(host, host_id) for host in repository.mounted_on)


def require_room(repository: Repository, size_bytes: int, what: str) -> list[str]:
    """Check that so much fits: guests with sparse disks get errors from a full file system.

    :param what: what needs the space, for messages.
    :return: a notice for the user, if the free space is not known: then it is not refused.
    :raises PreconditionFailed: it does not fit; has the numbers.
    """
    [space] = read_spaces([repository])
    if space.free_bytes is None:
        why = space.error or space.reason
        return [f"whether {what} fits into repository {repository.id} is unknown: {why}"]
    if space.free_bytes < size_bytes:
        raise PreconditionFailed(
            f"{what} does not fit into repository {repository.id} ({repository.record.alias}): it "
            f"may take {bytes_text(size_bytes)}, and {bytes_text(space.free_bytes)} are free"
        )
    return []
