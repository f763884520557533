"""The physical disks of a host: the disk that it runs from, and LUNs that several hosts may see.

A LUN is a file ``luns/3<wwid>`` of the root; the device nodes of a host are hard links to it in
the host's tree. Under multipath a LUN has two paths: ``/dev/sdb`` and ``/dev/sdc`` are
``/dev/mapper/3<wwid>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from libcloud_ovm3.simulator.host import SimulatedHost

OWN_DISK_BYTES = 64 << 30
_OWN_PARTITIONS = {"sda1": 2 << 30, "sda2": 62 << 30}  # swap space and /
_SECTOR = 512
_PATHS = 2


@dataclass(frozen=True)
class Lun:
    """A LUN as one host has it.

    :ivar wwid: The hexadecimal digits of its NAA identifier.
    :ivar dm: The number of its device-mapper device; None without multipath.
    :ivar alias: Its name below /dev/mapper; "" without multipath.
    :ivar paths: The kernel's names of its paths, such as ``sdb``.
    """

    wwid: str
    dm: int | None
    alias: str
    paths: tuple[str, ...]

    @property
    def device(self) -> str:
        """The path that a vm.cfg names."""
        return f"/dev/mapper/{self.alias}" if self.alias else f"/dev/{self.paths[0]}"


def own_wwid(host: SimulatedHost) -> str:
    """The WWID of the disk that the host runs from."""
    return f"5000c500{host.uuid.replace(':', '')[:8].lower()}"


def add(host: SimulatedHost, file: Path, alias: str | None = None) -> str:
    """Let a host see a LUN.

    :param file: The file that holds its content; its name is ``3<wwid>``.
    :param alias: Its name below /dev/mapper: None for ``3<wwid>``, "" for one without multipath.
    :returns: The path of its device.
    """
    wwid = file.name[1:]
    with host.lock:
        known = _known(host)
        first = 1 + sum(len(lun.paths) for lun in known)
        numbers = range(first, first + (1 if alias == "" else _PATHS))
        dm = None if alias == "" else sum(lun.dm is not None for lun in known)
        lun = Lun(wwid, dm, file.name if alias is None else alias, tuple(map(_letters, numbers)))
        host.records.setdefault("luns", []).append(asdict(lun))
        host.save()
    dev = host.folder / "disk" / "dev"
    nodes = [*lun.paths, *([] if dm is None else [f"dm-{dm}", f"mapper/{lun.alias}"])]
    for node in nodes:
        (dev / node).parent.mkdir(parents=True, exist_ok=True)
        (dev / node).hardlink_to(file)  # a symbolic link would lead out of the tree
    link_by_id(host, wwid, lun.paths[0] if dm is None else f"dm-{dm}")
    return lun.device


def link_by_id(host: SimulatedHost, wwid: str, kernel_name: str) -> None:
    """Create udev's link from a WWID to a device of the host."""
    link = host.folder / "disk/dev/disk/by-id" / f"scsi-3{wwid}"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(f"../../{kernel_name}")


def _letters(number: int) -> str:
    """The kernel's name of the n-th SCSI disk, from 0."""
    name = ""
    while number >= 0:
        name = chr(ord("a") + number % 26) + name
        number = number // 26 - 1
    return f"sd{name}"


def _known(host: SimulatedHost) -> list[Lun]:
    return [Lun(**{**one, "paths": tuple(one["paths"])}) for one in host.records.get("luns", ())]


def seen_by(host: SimulatedHost) -> Iterator[tuple[Lun, int]]:
    """The LUNs that a host sees, with their sizes in bytes. Called with the lock held."""
    for lun in _known(host):
        node = host.folder / "disk" / lun.device.lstrip("/")
        if node.exists():
            yield lun, node.stat().st_size


def kernel_files(host: SimulatedHost) -> dict[str, str]:
    """The files below /sys/block of a host's disks. Called with the lock held."""
    files = _device("sda", "8:0", OWN_DISK_BYTES)
    for number, (name, size) in enumerate(_OWN_PARTITIONS.items(), start=1):
        files |= _device(f"sda/{name}", f"8:{number}", size)
        files[f"sys/block/sda/{name}/partition"] = f"{number}\n"
    for lun, size in seen_by(host):
        for path in lun.paths:
            files |= _device(path, f"8:{16 * _place(path)}", size)
        if lun.dm is not None:
            files |= _multipath(lun, f"dm-{lun.dm}", size)
    files["proc/swaps"] = "Filename Type Size Used Priority\n/dev/sda1 partition 2097144 0 -1\n"
    files["proc/self/mountinfo"] = "".join(_mounts(host.mounts))
    return files


def _place(path: str) -> int:
    """The number of a SCSI disk: the inverse of :func:`_letters`."""
    number = 0
    for letter in path.removeprefix("sd"):
        number = number * 26 + ord(letter) - ord("a") + 1
    return number - 1


def _device(name: str, number: str, size: int) -> dict[str, str]:
    top = f"sys/block/{name}"
    return {f"{top}/size": f"{size // _SECTOR}\n", f"{top}/dev": f"{number}\n"}


def _multipath(lun: Lun, name: str, size: int) -> dict[str, str]:
    top = f"sys/block/{name}"
    files = _device(name, f"252:{lun.dm}", size)
    files |= {f"{top}/dm/uuid": f"mpath-3{lun.wwid}\n", f"{top}/dm/name": f"{lun.alias}\n"}
    for path in lun.paths:
        files |= {f"{top}/slaves/{path}": "", f"sys/block/{path}/holders/{name}": ""}
    return files


def _mounts(points: Iterable[str]) -> Iterator[str]:
    yield "17 1 8:2 / / rw,relatime - ext3 /dev/root rw\n"
    for number, point in enumerate(sorted(points), start=20):
        yield f"{number} 17 0:{number} / {point} rw,relatime - nfs share rw\n"
