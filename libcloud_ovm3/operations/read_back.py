"""A volume as it is listed after it was changed."""

from __future__ import annotations

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.volumes import Volume, read_volume
from libcloud_ovm3.operations.operation import Operation


def read_back(operation: Operation, volume_id: str, path: str, done: str) -> Volume:
    """Read a volume anew.

    :param path: of its file, absolute, on the hosts.
    :param done: what was done, for messages: ``volume 'data' was created``.
    :raises OperationIncomplete: it cannot be read; says that it was done.
    """
    try:
        return read_volume(operation.estate, volume_id)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{done}, but it cannot be read back: {error} ({path})", left=(path,)
        ) from error
