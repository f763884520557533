"""The names of disks in a guest: which are possible, which are taken, which is next. Pure.

``xvda`` to ``xvdiz`` exist for every guest; an HVM guest also knows ``hda`` to ``hdd`` and ``sda``
to ``sdp``, and only its first four disks are emulated (xend.md 8, agent-behaviour 6.4). ``xvda``
and ``hda`` count as one: qemu is said to show an HVM guest the one as the other (xend.md 8).
"""

from __future__ import annotations

from collections.abc import Iterable

from libcloud_ovm3.agent.config import DiskEntry, VMConfig, parse_disk
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.domains import BlockDevice

# How many whole disks each kind of name has.
_COUNTS = {"xvd": 260, "hd": 4, "sd": 16}
_LONGEST = 64  # characters that a user may give
EMULATED = 4  # of an HVM guest; those after them need drivers for Xen


def next_device(config: VMConfig, live: Iterable[BlockDevice] = (), is_cdrom: bool = False) -> str:
    """The first name that is free, of the kind that the VM's other disks have.

    :param live: the disks and drives of its live domain.
    :param is_cdrom: whether it is for a CD drive, which an HVM guest has to emulate.
    :raises PreconditionFailed: there is none.
    """
    taken = _taken(config, live)
    kind = _kind_of(config, is_cdrom)
    last = EMULATED if is_cdrom and config.is_hvm else _COUNTS["xvd"]
    for slot in range(last):
        if slot not in taken:
            return _name(kind if slot < _COUNTS[kind] else "xvd", slot)
    names = ", ".join(sorted({one.device for one in taken.values()}))
    raise PreconditionFailed(
        f"VM {config.simple_name or config.name!r} has no device left for another "
        f"{'CD drive' if is_cdrom else 'disk'}: {names}"
    )


def checked_device(
    config: VMConfig, device: str, live: Iterable[BlockDevice] = (), is_cdrom: bool = False
) -> str:
    """A name that a user has given, as vm.cfg has it.

    :param device: ``xvdb``, or ``/dev/xvdb``.
    :param is_cdrom: as for :func:`next_device`.
    :raises InvalidArgument: it is not the name of a whole disk that such a guest can have.
    :raises PreconditionFailed: it is taken.
    """
    name = bare_name(device)
    slot = _slot(name)
    kinds = ("xvd", "hd", "sd") if config.is_hvm else ("xvd",)
    last = EMULATED if is_cdrom and config.is_hvm else _COUNTS["xvd"]
    counts = {one: min(_COUNTS[one], last) for one in kinds}
    kind = next((one for one in kinds if name.startswith(one)), None)
    if slot is None or kind is None or slot >= counts[kind] or name != _name(kind, slot):
        ranges = [f"{one}a to {_name(one, counts[one] - 1)}" for one in kinds]
        raise InvalidArgument(
            f"device {device!r}: expected {' or '.join(ranges)}, or nothing for the next free one"
        )
    taken = _taken(config, live)
    if slot in taken:
        raise PreconditionFailed(
            f"device {name} of VM {config.simple_name or config.name!r} is taken by "
            f"{_what(taken[slot])}; the next free one is {next_device(config, live, is_cdrom)}"
        )
    return name


def bare_name(device: str) -> str:
    """``xvdb`` for ``/dev/xvdb`` too.

    :raises InvalidArgument: it is no text, or far too long for a name.
    """
    if not isinstance(device, str) or len(device) > _LONGEST:
        raise InvalidArgument(f"device {str(device)[:_LONGEST]!r}: expected a name such as 'xvdb'")
    return device.strip().removeprefix("/dev/")


def _kind_of(config: VMConfig, is_cdrom: bool) -> str:
    """How its disks are named; without any, as xend names what it emulates."""
    if not config.is_hvm:
        return "xvd"
    named = [disk.device for disk in config.disks if is_cdrom or not disk.is_cdrom]
    for name in named:
        for kind in _COUNTS:
            if name.startswith(kind):
                return kind
    return "hd" if is_cdrom else "xvd"


def _taken(config: VMConfig, live: Iterable[BlockDevice]) -> dict[int, DiskEntry | BlockDevice]:
    """The numbers of all disks and drives that it has, and what they are."""
    every: list[DiskEntry | BlockDevice] = [*live, *config.disks]
    return {slot: one for one in every if (slot := _slot(one.device)) is not None}


def _what(one: DiskEntry | BlockDevice) -> str:
    """A disk or drive for messages; also its own name, which may be another spelling."""
    medium = one.path or ("empty" if one.is_cdrom else "unknown")
    return f"{'the CD drive' if one.is_cdrom else 'the disk'} {one.device} ({medium})"


def _slot(name: str) -> int | None:
    """The number of a device: 1 is xvdb, hdb, xvdb2, 51728; None: xend knows no such device."""
    if name.isascii() and name.isdigit():
        number = int(name)
        if 51712 <= number < 51712 + 16 * 16:
            return (number - 51712) // 16
        return (number - (1 << 28)) // 256 if number >= 1 << 28 else None
    return parse_disk(f"file:/x,{name},w").slot


def _name(kind: str, slot: int) -> str:
    letters = chr(ord("a") + slot % 26)
    return f"{kind}{chr(ord('a') + slot // 26 - 1) if slot >= 26 else ''}{letters}"
