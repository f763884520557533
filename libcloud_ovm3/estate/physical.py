"""Physical disks: which devices the hosts see, one LUN for all its hosts, paths and names.

The host module reports all devices. The agent's own list (discover_physical_luns) has no documented
content: only values that cannot be anything else are taken from it, never sizes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.block_devices import HostDevice
from libcloud_ovm3.agent.disk import tidy_path, wwid_in_path
from libcloud_ovm3.agent.documents.xmlmapping import Part
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.hosts import HostView, map_hosts

_MULTIPATH = "multipath"
_WHOLE = ("disk", _MULTIPATH)
_MAPPER = "/dev/mapper/"
# Only LUNs have identifiers of this length that begin with 6; those of ports have 16 digits.
_LONG_WWID = re.compile("(?:3|naa\\.|0x)?(6[0-9a-f]{31})", re.IGNORECASE)
_DEVICE_PATH = re.compile("/dev/\\S+")


@dataclass(frozen=True)
class Lun:
    """A device of one host or several: a disk or LUN, a logical volume, a partition.

    :ivar id: ``phy:<WWID>``; where no WWID is known ``phy:<host id>:<path>``.
    :ivar kind: As of :class:`.HostDevice`; "" if no host reports it.
    :ivar size_bytes: None: not known. The smallest, if hosts report different sizes.
    :ivar hosts: The hosts that see it.
    :ivar paths: Its paths on each of these hosts, by host id; the best one to attach is first.
    :ivar used_by: What the Domain-0 of a host uses it for.
    :ivar unknown_use: The hosts of which that is not known.
    :ivar doubts: What could not be read of it, or differs between hosts.
    """

    id: str
    wwid: str
    kind: str
    size_bytes: int | None
    hosts: tuple[HostView, ...]
    paths: Mapping[str, tuple[str, ...]]
    used_by: tuple[str, ...] = ()
    unknown_use: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The path by which a vm.cfg should name it; "" if none is known."""
        known = [paths[0] for paths in self.paths.values() if paths]
        return min(known, key=lambda path: (not path.startswith(_MAPPER), path), default="")

    @property
    def is_free_for_vms(self) -> bool:
        """Whether it is a whole disk that no Domain-0 is known to use.

        Where no host reports its kind, only a multipath device: others are rather the host's own.
        """
        is_whole = self.kind in _WHOLE or (not self.kind and self.path.startswith(_MAPPER))
        return is_whole and not self.used_by


@dataclass(frozen=True)
class PhysicalDisks:
    """The devices that hosts see.

    :ivar unread: Hosts whose devices could not be read: they may see further ones.
    :ivar is_complete: Whether all names of all devices are known: the host modules of all hosts
        have reported them.
    """

    luns: tuple[Lun, ...]
    by_path: Mapping[str, tuple[Lun, ...]]
    unread: tuple[str, ...] = ()
    is_complete: bool = False


def read_luns(hosts: Sequence[HostView]) -> PhysicalDisks:
    """The devices that these hosts see: one call per host, two without the host module."""
    groups: dict[str, list[tuple[HostView, HostDevice]]] = {}
    unread = []
    for host, devices in zip(hosts, map_hosts(_read_host, hosts), strict=True):
        if isinstance(devices, Ovm3Error):
            unread.append(f"{host.label}: its disks could not be read: {devices}")
            continue
        for device in _with_their_paths(devices):
            groups.setdefault(_id(host, device), []).append((host, device))
    luns = [_lun(lun_id, groups[lun_id]) for lun_id in sorted(groups)]
    by_path: dict[str, dict[str, Lun]] = {}
    for lun in luns:
        for path in {path for paths in lun.paths.values() for path in paths}:
            by_path.setdefault(path, {})[lun.id] = lun
    index = {path: tuple(found.values()) for path, found in by_path.items()}
    is_complete = not unread and all(host.module2 is not None for host in hosts)
    return PhysicalDisks(tuple(luns), index, tuple(unread), is_complete)


def lun_key(path: str, disks: PhysicalDisks) -> str:
    """The id of the physical disk that a vm.cfg or a domain names by this path.

    Where hosts do not see the path, or see different disks there, it is the WWID in the path or, if
    that has none, ``phy:<path>``.
    """
    path = tidy_path(path)
    found = disks.by_path.get(path, ())
    if len(found) == 1:
        return found[0].id
    return f"phy:{wwid_in_path(path) or path}"


def path_of_lun(lun: Lun, disks: PhysicalDisks) -> str:
    """The path by which a vm.cfg should name it: on all its hosts the same, and nobody else's.

    Names such as ``mpatha`` and ``dm-0`` are given by each host for itself.
    """
    names = {path for paths in lun.paths.values() for path in paths}

    def rank(path: str) -> tuple[bool, bool, bool, str]:
        is_everywhere = all(path in paths for paths in lun.paths.values())
        is_mapper = path.startswith(_MAPPER)
        return lun_key(path, disks) != lun.id, not is_everywhere, not is_mapper, path

    return min(names, key=rank, default="")


def may_be_at(lun_id: str, path: str, disks: PhysicalDisks) -> bool:
    """Whether a path may lead to a physical disk on some host, although :func:`lun_key` names
    another one."""
    found = disks.by_path.get(tidy_path(path), ())
    if found:
        return len(found) > 1 and any(one.id == lun_id for one in found)
    return not disks.is_complete and wwid_in_path(tidy_path(path)) is None


def _read_host(host: HostView) -> tuple[HostDevice, ...]:
    """The devices of one host: from its module (API 2), or what the agent reports in two calls.

    :raises Ovm3Error: They could not be read.
    """
    if host.module2 is not None:
        return host.module2.block_devices()
    linux = host.agent.linux
    disks = documents.physical_luns(linux.discover_physical_luns("")).scsi
    mounts = documents.mounts(linux.discover_mounted_file_systems("all"))
    return tuple(device for disk in disks if (device := _recognised(disk, mounts)) is not None)


def _recognised(disk: Part, mounts: Sequence[documents.Mount]) -> HostDevice | None:
    """What is certain about a ``Disk``, whatever its elements are called; None: nothing is.

    A WWID or a device path identifies itself; which number is the size is not documented.
    """
    texts = list(_texts(disk))
    paths = [tidy_path(text) for text in texts if _DEVICE_PATH.fullmatch(text)]
    wwids = {match[1].lower() for text in texts if (match := _LONG_WWID.fullmatch(text))}
    wwids |= {wwid for path in paths if (wwid := wwid_in_path(path))}
    if not paths and len(wwids) != 1:
        return None
    names = sorted(set(paths), key=lambda path: (not path.startswith(_MAPPER), path))
    wwid = wwids.pop() if len(wwids) == 1 else ""
    used_by = [f"mounted at {mount.directory}" for mount in mounts if mount.device in names]
    return HostDevice("", "", tuple(names), wwid=wwid, used_by=tuple(used_by))


def _texts(part: Part) -> Iterator[str]:
    yield part.text.strip()
    yield from part.attributes.values()
    for inner in part.parts:
        yield from _texts(inner)


def _with_their_paths(devices: Sequence[HostDevice]) -> list[HostDevice]:
    """Without the paths of multipath devices, whose names are further names of these."""
    by_device = {one.device: one for one in devices}
    paths = {slave for one in devices if one.kind == _MULTIPATH for slave in one.slaves}
    found = []
    for one in devices:
        if one.device in paths:
            continue
        names = [*one.names, one.device]
        for slave in one.slaves if one.kind == _MULTIPATH else ():
            names += [slave, *(by_device[slave].names if slave in by_device else ())]
        found.append(HostDevice(**{**vars(one), "names": tuple(filter(None, names))}))
    return found


def _id(host: HostView, device: HostDevice) -> str:
    return f"phy:{device.wwid}" if device.wwid else f"phy:{host.id}:{device.names[0]}"


def _lun(lun_id: str, seen: Sequence[tuple[HostView, HostDevice]]) -> Lun:
    paths: dict[str, tuple[str, ...]] = {}
    for host, device in seen:
        known = (*paths.get(host.id, ()), *device.names)
        paths[host.id] = tuple(dict.fromkeys(tidy_path(name) for name in known))
    sizes = {one.size_bytes for _, one in seen if one.size_bytes is not None}
    doubts = [f"{host.label}: {one.error}" for host, one in seen if one.error]
    if len(sizes) > 1:
        reported = _each((host, f"{one.size_bytes} bytes") for host, one in seen if one.size_bytes)
        doubts.append(f"its hosts report different sizes: {'; '.join(reported)}")
    kinds = sorted({one.kind for _, one in seen if one.kind})
    return Lun(
        id=lun_id,
        wwid=seen[0][1].wwid,
        kind=_MULTIPATH if _MULTIPATH in kinds else (kinds or [""])[0],
        size_bytes=min(sizes, default=None),
        hosts=tuple({host.id: host for host, _ in seen}.values()),
        paths=paths,
        used_by=_each((host, use) for host, one in seen for use in one.used_by),
        unknown_use=tuple(dict.fromkeys(h.label for h, one in seen if not one.kind or one.error)),
        doubts=tuple(doubts),
    )


def _each(texts: Iterable[tuple[HostView, str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{host.label}: {text}" for host, text in texts))
