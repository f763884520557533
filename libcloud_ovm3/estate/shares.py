"""NFS exports as ``server:/path``, and the record of a repository at the root of one. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import InvalidArgument, MalformedResponse

if TYPE_CHECKING:
    from libcloud_ovm3.estate.repositories import Repository

RECORD = ".ovsrepo"  # of a repository, at its root (agent-behaviour 4)
_FORM = re.compile(r"([^\s/:]+|\[[0-9A-Fa-f:.%]+\]):(/[^\s\x00-\x1f\x7f]*)")
_MANAGER_FORM = "0004fb0000030000"  # how ids of repositories begin (agent-behaviour 3)


@dataclass(frozen=True)
class Share:
    """An NFS export.

    :ivar server: as it was given.
    :ivar path: absolute; without a slash at the end, but for ``/``.
    """

    server: str
    path: str

    def __str__(self) -> str:
        return f"{self.server}:{self.path}"

    def contains(self, other: Share) -> bool:
        """Whether the other one is this one, or lies in it; whole names are compared."""
        if self.server.lower() != other.server.lower():
            return False
        own, its = (one.path.rstrip("/") + "/" for one in (self, other))
        return its.startswith(own)

    def is_same(self, other: Share) -> bool:
        """Whether both are one export, as far as the names tell."""
        return self.contains(other) and other.contains(self)

    def overlaps(self, other: Share) -> bool:
        """Whether one of them lies in the other, or both are one."""
        return self.contains(other) or other.contains(self)


def share_of(location: str) -> Share | None:
    """The export that a host's record or mount names; None: it is not an NFS export."""
    found = _FORM.fullmatch(location)
    return None if found is None else _share(found[1], found[2])


def parse_share(text: object, argument: str = "share") -> Share:
    """The export that a user names.

    :raises InvalidArgument: it is not ``server:/path``.
    """
    found = _FORM.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or {".", ".."} & set(found[2].split("/")):
        raise InvalidArgument(
            f"{argument} {text!r}: expected an NFS export as server:/path, without blanks, . and .."
        )
    return _share(found[1], found[2])


def _share(server: str, path: str) -> Share:
    return Share(server, re.sub("/+", "/", path).rstrip("/") or "/")


def is_share(text: str) -> bool:
    """Whether a text is meant as an export, not as an id or a name."""
    return _FORM.fullmatch(text) is not None


def new_repository_id(share: Share, taken: Collection[str]) -> str:
    """The id of a new repository on an export, in the Manager's form.

    It follows from the export: of two clients that make one there at the same time, or one after
    the other has died, both make the same.

    :param taken: the ids that the estate has.
    """
    name = f"{share.server.lower()}:{share.path}"
    for number in count():
        text = f"{name}#{number}" if number else name
        found = _MANAGER_FORM + hashlib.sha256(text.encode()).hexdigest()[:16]
        if found not in taken:
            return found
    raise AssertionError


def overlaps_among(repositories: Iterable[Repository]) -> dict[str, list[str]]:
    """Which exports of repositories contain those of others, in words, by the keys of both."""
    known = [(one, share) for one in repositories if (share := share_of(one.record.fs_location))]
    found: dict[str, list[str]] = {}
    for one, share in known:
        for other, its in known:
            if other.key != one.key and share.contains(its) and not its.contains(share):
                text = f"{share}, of {label_of(one)}, contains {its}, of {label_of(other)}"
                for key in (one.key, other.key):
                    found.setdefault(key, []).append(text)
    return found


def label_of(repository: Repository) -> str:
    """How messages name a repository."""
    return f"repository {repository.id} ({repository.record.alias or 'without a name'})"


# ------------------------------------------------------------------ .ovsrepo


@dataclass(frozen=True)
class FoundRepository:
    """A repository as the share that it is on describes it.

    :ivar id: in the notation that is used for comparing.
    :ivar owner: the uuid of its Manager; None: it has none, or that is not said.
    :ivar written_id: as the share has it, which its mount point is named after on every host.
    """

    id: str
    alias: str
    owner: str | None
    written_id: str = ""

    def described(self) -> str:
        """What is known of it, for messages."""
        name = f"named {self.alias!r}" if self.alias else "without a name"
        return f"repository {self.id}, {name}, of owner {self.owner or 'nobody'}"


def parse_record(data: bytes, where: str) -> FoundRepository:
    """The content of ``.ovsrepo``: lines KEY=VALUE (agent-behaviour 4).

    :raises MalformedResponse: it does not say which repository it is of.
    """
    values = dict(_pairs(data.decode("utf-8", "replace")))
    written = values.get("OVS_REPO_UUID", "")
    found = undashed(written)
    if found is None:
        raise MalformedResponse(f"{where}: it does not say of which repository it is")
    owner = undashed(values.get("OVS_REPO_MGR_UUID", ""))
    return FoundRepository(found, values.get("OVS_REPO_ALIAS", ""), owner, written)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, sign, value = line.partition("=")
        if sign:
            yield key.strip(), value.strip()
