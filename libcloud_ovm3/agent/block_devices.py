"""A host's block devices as the host module reports them: docs/host-module.md. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libcloud_ovm3.agent.hostmodule_types import Reader


@dataclass(frozen=True)
class HostDevice:
    """A block device of a host.

    :ivar device: Its path by the kernel's name, such as ``/dev/sdb`` or ``/dev/dm-3``.
    :ivar kind: ``disk``, ``multipath``, ``lvm``, ``partition`` or ``other``.
    :ivar names: Its other paths, such as ``/dev/mapper/...``.
    :ivar size_bytes: None: not known.
    :ivar wwid: Its NAA identifier, lower-case hexadecimal digits without the leading 3; "" if not
        known.
    :ivar slaves: The devices that it consists of: the paths of a multipath device.
    :ivar holders: The devices that consist of it, and its partitions.
    :ivar used_by: What Domain-0 itself uses it for, texts for messages.
    :ivar error: What could not be read of it; None: nothing.
    """

    device: str
    kind: str
    names: tuple[str, ...] = ()
    size_bytes: int | None = None
    wwid: str = ""
    slaves: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    error: str | None = None


def read_devices(reader: Reader, value: object) -> tuple[HostDevice, ...]:
    """The response of ``libcloud_block_devices``."""
    return tuple(_device(reader, struct) for struct in reader.structs(value))


def _device(reader: Reader, struct: dict[str, Any]) -> HostDevice:
    error = reader.optional(struct, "error", str)
    size = reader.optional(struct, "size_bytes", int)
    if error is None and size is None:
        raise reader.malformed("size_bytes: expected int")
    return HostDevice(
        device=reader.key(struct, "device", str),
        kind=reader.key(struct, "kind", str),
        names=reader.texts(struct, "names"),
        size_bytes=size,
        wwid=reader.key(struct, "wwid", str),
        slaves=reader.texts(struct, "slaves"),
        holders=reader.texts(struct, "holders"),
        used_by=reader.texts(struct, "used_by"),
        error=error,
    )
