"""The disk entries of a vm.cfg as frozen dataclasses. Pure; what is not understood is kept.

``TYPE:PATH,DEVICE[:cdrom],MODE[,BACKEND[,PROTOCOL]]`` (agent-behaviour 6.4, xend.md 7).
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import InvalidArgument

_MODES = ("r", "w", "r!", "w!")
_DEVICE = re.compile("(?:xvd|hd|sd)([a-z]{1,3})[0-9]*")
# udev's wwn links of 16 digits that begin with 6 have only half of the WWID.
_WWID_PATH = re.compile(
    "/dev/(?:mapper/3|disk/by-id/(?:dm-uuid-mpath|scsi)-3)([0-9a-f]{16}|[0-9a-f]{32})"
    "|/dev/disk/by-id/wwn-0x([1235][0-9a-f]{15}|6[0-9a-f]{31})",
    re.IGNORECASE,
)
_SCHEME = re.compile("[a-z0-9]+(:[a-z0-9]+)?")
_REPOSITORIES = "/OVS/Repositories/"


@dataclass(frozen=True)
class DiskEntry:
    """One entry of vm.cfg's ``disk`` list, ``file:/OVS/…/x.img,xvda,w``.

    :ivar text: The entry as it is in the list.
    :ivar scheme: ``file``, ``phy``, ``tap:aio``, …; "" if there is none.
    :ivar location: What follows the scheme, unchanged; "" for an empty drive.
    :ivar device: Its name in the guest, such as ``xvda``.
    :ivar kind: ``cdrom``, ``disk`` or "" (a disk).
    :ivar mode: ``r``, ``w`` or ``w!`` (shared); xend rejects ``r!``.
    :ivar rest: Backend and protocol, rarely used.
    :ivar is_ioemu: Whether it is an emulated drive by name, ``ioemu:hda``.
    """

    text: str
    scheme: str
    location: str
    device: str
    kind: str = ""
    mode: str = ""
    rest: tuple[str, ...] = ()
    is_ioemu: bool = False

    @property
    def path(self) -> str | None:
        """Its path on the host, without ``//`` and ``..``; None for an empty drive.

        A relative path of a ``phy`` starts at /dev (xend.md 7).
        """
        if self.location.startswith("/"):
            return tidy_path(self.location)
        return (
            tidy_path(f"/dev/{self.location}") if self.scheme == "phy" and self.location else None
        )

    @property
    def is_cdrom(self) -> bool:
        """Whether it is a CD drive, whose medium is never deleted, and which is not a boot disk.

        Appliances have empty ones whose kind is a path: ``,xvdb:/OVS/…/cdrom,r``.
        """
        return self.kind.lower().rpartition("/")[2] == "cdrom"

    @property
    def is_shared(self) -> bool:
        """Whether several VMs may write to it. CloudStack sets this for private data disks, too."""
        return self.mode == "w!"

    @property
    def is_read_only(self) -> bool:
        """Whether the guest may only read it."""
        return self.mode.startswith("r")

    @property
    def is_physical(self) -> bool:
        """Whether it is a device of the host (a LUN, a logical volume), not a file."""
        return self.scheme == "phy"

    @property
    def slot(self) -> int | None:
        """Its number in the Manager: slot 2 is xvdc (agent-behaviour 4); None for other names."""
        found = _DEVICE.fullmatch(self.device)
        if found is None:
            return None
        number = 0
        for letter in found[1]:
            number = number * 26 + ord(letter) - ord("a") + 1
        return number - 1

    @property
    def repository_id(self) -> str | None:
        """The id of the repository in its path; None if it is not in a repository."""
        path = self.path or ""
        if not path.startswith(_REPOSITORIES):
            return None
        return undashed(path[len(_REPOSITORIES) :].partition("/")[0])

    @property
    def wwid(self) -> str | None:
        """The WWID in its path, without the leading 3, as the Manager shows it."""
        return wwid_in_path(self.path or "")

    @property
    def is_understood(self) -> bool:
        """Whether xend would accept it as a disk (xend.md 3, 7)."""
        is_empty_drive = self.is_cdrom and not self.location
        has_medium = bool(_SCHEME.fullmatch(self.scheme) and self.location)
        fits = self.device and self.mode in _MODES and len(self.rest) <= 2
        return bool(fits and (is_empty_drive or has_medium))

    @property
    def file_names(self) -> frozenset[str]:
        """The names, without folders, of the files that it may refer to; in doubt too many, because
        no file that may be in use must be deleted.
        """
        if self.is_understood:
            name = posixpath.basename(self.path or self.location)
            return frozenset({name, name.strip()} - {""})
        names = set()
        for part in re.split("[/=:]", self.text):
            ends = [found.start() for found in re.finditer(r"[,\s]", part)] + [len(part)]
            names |= {part[:end].strip() for end in ends}
        return frozenset(names - {""})


def parse_disk(text: str) -> DiskEntry:
    """Parse a disk entry. Every text gives one; see :attr:`DiskEntry.is_understood`.

    xend does not trim it (xend.md 7): blanks at the end of a path belong to the file's name.
    """
    first, *more = text.split(",")
    parts = [part.strip() for part in more]
    device, mode = [*parts, "", ""][:2]
    scheme, location = _scheme(first.lstrip() if first.strip() else "")
    location = location if location.strip() else ""
    words = device.split(":")
    is_ioemu = words[0] == "ioemu" and len(words) > 1
    device, _, kind = ":".join(words[1:] if is_ioemu else words).partition(":")
    return DiskEntry(text, scheme, location, device, kind, mode, tuple(parts[2:]), is_ioemu)


def format_disk(entry: DiskEntry) -> str:
    """The text of an entry: the original one, if nothing was changed.

    :raises InvalidArgument: Some part is not possible in an entry.
    """
    if parse_disk(entry.text) == entry:
        return entry.text
    name = f"{entry.scheme}:{entry.location}" if entry.scheme else entry.location
    device = f"{'ioemu:' * entry.is_ioemu}{entry.device}{':' * bool(entry.kind)}{entry.kind}"
    text = ",".join((name, device, entry.mode, *entry.rest))
    again = parse_disk(text)
    if (again.is_understood, again) != (True, _with_text(entry, text)):
        raise InvalidArgument(f"{text!r} is not a disk entry that xend would accept")
    return text


def _with_text(entry: DiskEntry, text: str) -> DiskEntry:
    return DiskEntry(**{**vars(entry), "text": text})


def _scheme(name: str) -> tuple[str, str]:
    scheme, colon, location = name.partition(":")
    if not colon or "/" in scheme:
        return "", name
    if scheme in ("tap", "tap2"):  # tap:aio:/home/x.img
        driver, colon, rest = location.partition(":")
        if colon and "/" not in driver:
            return f"{scheme}:{driver}", rest
    return scheme, location


def wwid_in_path(path: str) -> str | None:
    """The WWID in a path, lower case, without the leading 3; None if the path names none."""
    found = _WWID_PATH.fullmatch(path)
    return (found[1] or found[2]).lower() if found else None


def tidy_path(path: str) -> str:
    """An absolute path without ``//``, ``.`` and ``..``."""
    # normpath keeps two leading slashes, as POSIX requires; for the host they are one.
    return "/" + posixpath.normpath(path).lstrip("/")
