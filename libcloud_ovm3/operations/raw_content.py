"""Whether a file on a host is a raw disk, by its content: hosts copy files as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.operations.image_formats import (
    HEAD_BYTES,
    RAW,
    TAIL_BYTES,
    compression,
    image_format,
)
from libcloud_ovm3.operations.partition_tables import cut_off

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule


def require_raw(module: HostModule, path: str, size_bytes: int, label: str) -> list[str]:
    """Check that a file that is to become a template is a raw disk.

    :param path: absolute, on the host.
    :param size_bytes: of the file.
    :param label: how notices name it.
    :return: notices for the user.
    :raises InvalidArgument: it is no raw disk; says what it is instead.
    :raises Ovm3Error: it cannot be read.
    """
    head = module.read_file(path, 0, min(HEAD_BYTES, size_bytes)).data
    tail = module.read_file(path, max(0, size_bytes - TAIL_BYTES), TAIL_BYTES).data
    packed = compression(head)
    found = image_format(head, tail, size_bytes, path)
    if packed or found.driver != RAW:
        raise InvalidArgument(
            f"{packed or found.label}. Download the file, and import it from here, which converts "
            f"it"
        )
    notices = [f"{label} is a disk, but begins as an ISO does"] * found.is_iso
    return notices or cut_off(head, size_bytes, label)
