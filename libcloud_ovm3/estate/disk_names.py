"""The names of the files that this package makes for volumes and snapshots. Pure.

The file name alone says what a volume is called, what it was made of, and when, so that every
client reads the same, with the host module and without, and nothing has to be recorded elsewhere::

    <name>.<uuid>.img                              a volume
    <name>.<uuid>.of.<key>.img                     a volume made of a snapshot or of a volume
    <name>.<uuid>.snapshot.<key>.<time>.img        a snapshot

``<name>`` is quoted, so that only letters, digits, ``-`` and ``_`` of ASCII are in it besides
``%``: an entry of a vm.cfg has no commas or blanks in paths (xend.md 7), and agents list other
characters as ``?``. ``<key>`` stands for the volume that is the origin: see :func:`origin_key`.
"""

from __future__ import annotations

import datetime
import re
import urllib.parse
import uuid
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import InvalidArgument

CREATING = ".creating"  # the end of the name of a mark beside an unfinished copy
REMOVED = ".removed"  # the end of the name of a mark that stays when such a copy was deleted

_LONGEST = 255  # bytes of a file name, on every file system that repositories are on
_TIME = "%Y%m%dT%H%M%SZ"
_PATTERN = re.compile(
    r"(?P<name>[A-Za-z0-9_%-]+)\.(?P<uuid>[0-9a-f]{32})"
    r"(?:\.of\.(?P<of>[0-9a-f]{32})"
    r"|\.snapshot\.(?P<snapshot>[0-9a-f]{32})\.(?P<time>[0-9]{8}T[0-9]{6}Z))?\.img"
)
_PAUSED = re.compile(
    r"(?P<kind>paused|held)\.(?P<uuid>[0-9a-f]{32})\.(?P<domid>[0-9]{1,9})\.(?P<operation>[0-9a-f]{32})"
    rf"\.(?P<time>[0-9]{{8}}T[0-9]{{6}}Z){re.escape(CREATING)}"
)
_REMOVED_MARK = re.compile(r"([0-9a-f]{32})\.([0-9]{8}T[0-9]{6}Z)" + re.escape(REMOVED))
_ORIGINS = uuid.UUID("5a2d8c34-6b9e-4f0b-8d8f-6f8c5a0f3b11")


@dataclass(frozen=True)
class DiskName:
    """What the name of a file says.

    :ivar name: the name that the volume or snapshot was given.
    :ivar uuid: its own, 32 hex digits; no VM's.
    :ivar origin: the key of the volume that it was made of; None: of none.
    :ivar created: of a snapshot, when it was made; None: it is a volume.
    """

    name: str
    uuid: str
    origin: str | None = None
    created: datetime.datetime | None = None

    @property
    def is_snapshot(self) -> bool:
        """Whether it is a snapshot."""
        return self.created is not None


def origin_key(volume_id: str) -> str:
    """What stands for a volume in the names of files that are made of it: 32 hex digits.

    :param volume_id: ``<repository id>/<path>``; the repository's id in any notation.
    """
    repository, slash, path = volume_id.partition("/")
    repository = undashed(repository) or repository.lower()
    text = f"{repository}{slash}{path}".encode(errors="backslashreplace")  # what no id can be
    return uuid.uuid5(_ORIGINS, text.decode()).hex


def require_name(name: object) -> None:
    """Whether a volume or a snapshot can have this name.

    :raises InvalidArgument: it cannot.
    """
    if not isinstance(name, str) or not name or name != name.strip() or not name.isprintable():
        raise InvalidArgument(
            f"name {name!r}: expected a text without control characters, and without blanks at "
            f"its ends"
        )
    if len(name.encode()) > _LONGEST:
        raise InvalidArgument(f"name {name!r} is too long: expected at most {_LONGEST} bytes")


def file_name(what: DiskName) -> str:
    """The name of the file.

    :raises InvalidArgument: the name is empty, or too long for a file name.
    """
    require_name(what.name)
    text = f"{_quoted(what.name)}.{what.uuid}"
    if what.created is not None:
        text += f".snapshot.{what.origin}.{format_time(what.created)}"
    elif what.origin is not None:
        text += f".of.{what.origin}"
    text += ".img"
    room = _LONGEST - len(CREATING)
    if len(text) > room:
        raise InvalidArgument(
            f"name {what.name!r} is too long: it is part of a file name, in which it takes "
            f"{len(_quoted(what.name))} characters (each but ASCII letters, digits, - and _ takes "
            f"3 or more), and there is room for {room - len(text) + len(_quoted(what.name))}"
        )
    return text


def snapshot_name(
    volume_name: str, ident: str, origin: str, created: datetime.datetime
) -> DiskName:
    """A snapshot that was given no name: it gets the volume's, as much as fits, and the time."""
    text = "".join(char for char in volume_name if char.isprintable())  # others may name volumes
    while True:
        name = f"{text.strip()} {format_time(created)}".strip()
        what = DiskName(name, ident, origin, created)
        try:
            file_name(what)
        except InvalidArgument:
            text = text[:-1]  # the time alone fits
        else:
            return what


def parse_file_name(name: str) -> DiskName | None:
    """What the name of a file says; None: it is not one of this package's."""
    found = _PATTERN.fullmatch(name)
    if found is None:
        return None
    try:
        text = urllib.parse.unquote(found["name"], errors="strict")
    except ValueError:
        return None
    created = parse_time(found["time"]) if found["time"] else None
    if found["time"] and created is None:
        return None
    what = DiskName(text, found["uuid"], found["of"] or found["snapshot"], created)
    return what if found["name"] == _quoted(text) and text.isprintable() else None


def marked_file(name: str) -> str | None:
    """The file that a mark of this package stands beside; None: it is no such mark.

    Only files that this package has named get marks: anything else that ends like one is somebody's
    file.
    """
    own = name.removesuffix(CREATING)
    return own if own != name and _parse_own(own) else None


def _parse_own(name: str) -> DiskName | None:
    """What the name of a disk or an ISO says that this package has made."""
    return parse_file_name(f"{name[:-4]}.img" if name.endswith(".iso") else name)


def is_marked(name: str, listed: Container[str]) -> bool:
    """Whether a mark beside a file says that it is not complete."""
    mark = name + CREATING
    return mark in listed and marked_file(mark) is not None


def paused_by(name: str) -> re.Match[str] | None:
    """The parts of the name of a mark that a VM was paused (:mod:`.pauses`)."""
    return _PAUSED.fullmatch(name)


def is_mark(name: str) -> bool:
    """Whether a file is a mark of this package, so no disk."""
    return marked_file(name) is not None or paused_by(name) is not None


def template_disk(ident: str) -> str:
    """How the names of the disks begin that lie in the folder of a template of this package.

    :param ident: the name of the folder, 32 hex digits.
    """
    return f"{ident}-disk"


def is_unfinished_template(folder: str, files: Collection[str]) -> bool:
    """Whether a folder of ``Templates`` has a template that is being made or deleted, or what an
    interrupted operation has left of one: its vm.cfg is not there, or not in force.

    :param files: the names of the files in it.
    """
    begins = ("vm.cfg" + CREATING, template_disk(folder))
    return "vm.cfg" not in files and any(file.startswith(begins) for file in files)


def removed_mark(name: str, when: datetime.datetime) -> str | None:
    """The name of the mark which says that an unfinished copy was deleted: if a file appears under
    that name again, a request has landed late, and the file is not a complete copy.

    :param name: of the copy.
    :return: None: this package has not made it, so it has sent no such request either.
    """
    what = _parse_own(name)
    return f"{what.uuid}.{format_time(when)}{REMOVED}" if what else None


def is_removed_mark(name: str) -> bool:
    """Whether a file is such a mark, so no disk."""
    return _REMOVED_MARK.fullmatch(name) is not None


def removed_in(names: Iterable[str]) -> dict[str, datetime.datetime]:
    """Which copies were deleted before they were complete, by their uuids, and when last: what the
    marks among the files of a folder say.
    """
    marks = (_REMOVED_MARK.fullmatch(name) for name in names if name.endswith(REMOVED))
    times = ((mark[1], parse_time(mark[2])) for mark in marks if mark)
    return {key: when for key, when in sorted(times, key=str) if when is not None}


def is_removed(name: str, removed: Collection[str]) -> bool:
    """Whether a file of this name was deleted before it was complete.

    :param removed: what :func:`removed_in` returned.
    """
    what = _parse_own(name) if removed else None
    return what is not None and what.uuid in removed


def _quoted(name: str) -> str:
    # Of the characters that quote() always leaves, these two are not wanted.
    return urllib.parse.quote(name, safe="").replace(".", "%2E").replace("~", "%7E")


def format_time(when: datetime.datetime) -> str:
    """A time (UTC) as it is in file names, to the second."""
    return when.strftime(_TIME)


def parse_time(text: str) -> datetime.datetime | None:
    """The time in a file name; None: it is not valid."""
    try:
        found = datetime.datetime.strptime(text, _TIME)
    except ValueError:
        return None
    return found.replace(tzinfo=datetime.timezone.utc)
