"""Making a volume larger. Never smaller: that would cut off what is in it."""

from __future__ import annotations

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.disk_files import read_size
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.volumes import Volume, read_volume, read_volumes
from libcloud_ovm3.operations.disk_sizes import bytes_text, is_same_gb, size_in_bytes
from libcloud_ovm3.operations.grow_disk import grow, require_host_that_grows
from libcloud_ovm3.operations.idle_disks import require_file, require_idle, require_released
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.target_repository import require_room

_RUNNING = "whether a running guest would see the new size is not documented"


def resize(
    estate: Estate, volume_id: str, size: float | None, exact_bytes: int | None = None
) -> tuple[Volume, list[str]]:
    """Make a volume larger that no running domain has.

    A node that starts meanwhile does no harm: it sees the old size or the new one, and what it
    writes stays. So one reading is enough.

    :param size: in GB; None: ``exact_bytes``. The size that lists show in GB changes nothing.
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
    file = require_file(volume)
    host = require_host_that_grows(file.repository)
    if volume.named_by:
        raise PreconditionFailed(
            f"{volume.label} was left unchanged: it belongs to {', '.join(volume.named_by)}"
        )
    require_idle(found, volume, _RUNNING)
    before = read_size(host, file.repository, file.path, None)
    if before is None:
        raise PreconditionFailed(
            f"{volume.label} was left unchanged: {host.label} has no such file"
        )
    now = before.size_bytes
    if wanted == now or (exact_bytes is None and is_same_gb(wanted, now)):
        return read_volume(estate, volume_id), []
    if wanted < now:
        raise InvalidArgument(
            f"{volume.label} has {bytes_text(now)}, and was not made smaller, to "
            f"{bytes_text(wanted)}: what is at its end would be lost"
        )
    notices += require_room(file.repository, wanted - now, volume.label)
    require_released(operation, found.estate, volume)
    notices += grow(operation, host, file.repository, file.path, now, wanted)
    return read_volume(estate, volume_id), notices
