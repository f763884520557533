"""Making a volume larger. Never smaller: that would cut off what is in it."""

from __future__ import annotations

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.disk_files import read_size
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.volumes import Volume, read_volumes
from libcloud_ovm3.operations.disk_sizes import bytes_text, size_in_bytes
from libcloud_ovm3.operations.grow_disk import grow, require_host_that_grows
from libcloud_ovm3.operations.idle_disk import require_idle
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.read_back import read_back
from libcloud_ovm3.operations.snapshot_disk import require_file
from libcloud_ovm3.operations.target_repository import require_room, require_usable


def resize(
    estate: Estate, volume_id: str, size: float | None, exact_bytes: int | None = None
) -> tuple[Volume, list[str]]:
    """Make a volume larger that no running domain has: whether a guest would see the new size while
    it runs is not documented.

    A node that starts meanwhile does no harm: it sees the old size or the new one, and what it
    writes stays. So one reading is enough.

    :param size: in GB; None: ``exact_bytes``.
    :return: the volume as it is listed now, and notices for the user.
    :raises VolumeNotFound: there is no such volume.
    :raises InvalidArgument: this is no size, or the volume is larger.
    :raises PreconditionFailed: it is in use, no host can do it, or it does not fit.
    :raises AgentFault: the host refused; the size is as it was.
    :raises OperationIncomplete: whether it was done is unknown.
    """
    wanted, notices = size_in_bytes(size, exact_bytes)
    operation = Operation(estate)
    found = read_volumes(estate, with_sizes=False)
    volume = found.volume(volume_id)
    repository = require_file(volume).repository
    require_usable(repository)
    host = require_host_that_grows(repository)
    if volume.named_by:
        raise PreconditionFailed(
            f"{volume.label} was left unchanged: it belongs to {', '.join(volume.named_by)}"
        )
    before = read_size(host, repository, volume.path, None)
    if before is None:
        raise PreconditionFailed(f"{volume.label} was left unchanged: {host.label} lacks its file")
    now = before.size_bytes
    if wanted < now:
        raise InvalidArgument(
            f"{volume.label} has {bytes_text(now)}, and was not made smaller, to "
            f"{bytes_text(wanted)}: what is at its end would be lost"
        )
    if wanted > now:
        require_idle(estate, found.estate, volume.path, volume.label)
        notices += require_room(repository, wanted - now, volume.label)
        notices += grow(operation, host, repository, volume.path, now, wanted)
    done = f"{volume.label} has {wanted} bytes"
    return read_back(operation, volume_id, volume.path, done), notices
