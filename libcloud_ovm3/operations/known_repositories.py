"""The repositories that hosts have registered, and the one that a user means. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.documents import RepositoryRecord
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import (
    AmbiguousName,
    InvalidArgument,
    NameTaken,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost, why_incomplete
from libcloud_ovm3.estate.shares import FoundRepository, Share, is_share, parse_share, share_of
from libcloud_ovm3.operations.repository_steps import Place, mount_point_of

if TYPE_CHECKING:
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import EstateSnapshot

LONGEST = 200  # characters of a name


@dataclass(frozen=True)
class KnownRepository:
    """A repository that hosts have registered.

    :ivar records: the hosts that know it, each with its record; at least one.
    """

    records: tuple[tuple[HostView, RepositoryRecord], ...]

    @property
    def record(self) -> RepositoryRecord:
        """The record of a host that has it mounted, else of one that knows it."""
        found = [record for _, record in self.records]
        return next((one for one in found if one.is_mounted), found[0])

    @property
    def id(self) -> str:
        """Its id in the notation that is used for comparing."""
        return self.record.key

    @property
    def name(self) -> str:
        """Its alias."""
        return self.record.alias

    def is_called(self, name: str) -> bool:
        """Whether a host has this name for it: renaming that was interrupted leaves two names."""
        return any(record.alias == name for _, record in self.records)

    @property
    def owner(self) -> str | None:
        """The uuid of its Manager."""
        return self.record.manager_uuid

    @property
    def place(self) -> Place:
        """Where it is, and is mounted."""
        one = self.record
        point = one.mount_point.rstrip("/") or mount_point_of(one.id)
        return Place(one.id, one.fs_location, point, one.alias or None)

    @property
    def label(self) -> str:
        """How messages name it."""
        return FoundRepository(self.record.id, self.name, self.owner).described()

    def hosts(self) -> list[HostView]:
        """The hosts that know it."""
        return [host for host, _ in self.records]

    def require_clear(self) -> None:
        """Check that all hosts mean the same by it.

        :raises PreconditionFailed: they do not, or it has no proper id.
        """
        places = {(one.id, one.fs_location, one.mount_point) for _, one in self.records}
        if undashed(self.record.id) is None or len(places) > 1:
            what = "; ".join(
                f"{one.id!r} ({one.fs_location} at {one.mount_point or 'no mount point'}) on "
                f"{host.label}"
                for host, one in self.records
            )
            raise PreconditionFailed(
                f"repository {self.record.id!r} is left unchanged: its hosts do not agree on what "
                f"it is, or its id is none: {what}"
            )


def read_known(hosts: Sequence[HostView]) -> list[KnownRepository]:
    """All repositories of these hosts."""
    found: dict[str, list[tuple[HostView, RepositoryRecord]]] = {}
    for host in hosts:
        for record in host.repositories:
            found.setdefault(record.key, []).append((host, record))
    return [KnownRepository(tuple(records)) for records in found.values()]


def known_at(known: Sequence[KnownRepository], share: Share) -> KnownRepository | None:
    """The repository on an export; None: none is known there.

    :raises PreconditionFailed: several are.
    """
    found = [
        one for one in known if (its := share_of(one.record.fs_location)) and its.is_same(share)
    ]
    if len(found) > 1:
        several = ", ".join(one.label for one in found)
        raise PreconditionFailed(f"several repositories are registered at {share}: {several}")
    if found:
        found[0].require_clear()
    return found[0] if found else None


def known_called(
    known: Sequence[KnownRepository],
    text: str,
    hosts: Sequence[HostView],
    unreachable: Sequence[UnreachableHost],
) -> KnownRepository:
    """The repository with this id or alias.

    :raises AmbiguousName: there are several.
    :raises SearchIncomplete: there is none, but not everything could be read.
    :raises PreconditionFailed: there is none.
    """
    key = undashed(text)
    found = [one for one in known if text and (one.is_called(text) or one.id == key)]
    if len(found) > 1:
        several = ", ".join(one.record.id for one in found)
        raise AmbiguousName(f"repository {text!r} may be any of these: {several}; use the id")
    if found:
        found[0].require_clear()
        return found[0]
    reasons = why_incomplete(hosts, unreachable)
    if reasons:
        raise SearchIncomplete(
            f"repository {text!r} was not found, but not everything could be read: "
            f"{'; '.join(reasons)}"
        )
    names = ", ".join(f"{one.record.id} ({one.name})" for one in known)
    hint = "One that no host knows is named by its export, server:/path"
    if is_share(text):
        hint = f"One that no host knows is attached first: ex_attach_repository({text!r})"
    raise PreconditionFailed(
        f"there is no repository {text!r}; there are: {names or 'none'}. {hint}"
    )


def known_by(
    known: Sequence[KnownRepository],
    text: str,
    hosts: Sequence[HostView],
    unreachable: Sequence[UnreachableHost],
) -> KnownRepository:
    """The repository with this id, alias or export.

    :raises Ovm3Error: as :func:`known_called`.
    """
    found = known_at(known, parse_share(text)) if is_share(text) else None
    return found or known_called(known, text, hosts, unreachable)


def find_known(snapshot: EstateSnapshot, text: str) -> Repository:
    """The same, as it was read with all that is in it."""
    known = known_by(read_known(snapshot.hosts), text, snapshot.hosts, snapshot.unreachable)
    return next(one for one in snapshot.repositories if one.key == known.id)


def require_apart(share: Share, known: Sequence[KnownRepository]) -> None:
    """Check that an export does not lie in that of a repository, and none in it: whoever erases one
    of them would erase the other.

    :raises PreconditionFailed: one does.
    """
    for one in known:
        its = share_of(one.record.fs_location)
        if its is not None and its.overlaps(share):
            what = "lies in" if its.contains(share) else "contains"
            raise PreconditionFailed(
                f"nothing was changed: {share} {what} {its}, the export of {one.label}"
            )


def require_name(name: object, known: Sequence[KnownRepository], own: str = "") -> str:
    """A name that a repository can have.

    :param own: the id of the repository itself.
    :raises InvalidArgument: it is empty, too long, an id, or has characters that it cannot have.
    :raises NameTaken: another one has it.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST or name != name.strip():
        raise InvalidArgument(
            f"name {name!r}: expected a text of at most {LONGEST} characters, without blanks at "
            f"its ends"
        )
    if not name.isprintable() or "/" in name or undashed(name):
        raise InvalidArgument(
            f"name {name!r}: a repository cannot have a name with / or control characters, or one "
            f"that looks like an id"
        )
    others = [one for one in known if one.is_called(name) and one.id != own]
    if others:
        raise NameTaken(f"{others[0].label} has the name {name!r}; choose another one")
    return name


# ------------------------------------------------------------------ owners


def require_owned(hosts: Sequence[HostView]) -> str:
    """The owner that all these hosts have: nothing is registered on a host without one, and what
    one owner has made no other can register (agent-behaviour 5, 10).

    :raises PreconditionFailed: one has none, or they have several.
    """
    without = [host.label for host in hosts if host.server.manager_uuid is None]
    if without:
        raise PreconditionFailed(
            f"nothing was changed: {', '.join(without)} has no owner, and repositories are only "
            f"changed on hosts that have one (`ovm3 api show take_ownership`)"
        )
    owners = {str(host.server.manager_uuid): host.label for host in hosts}
    if len(owners) > 1:
        several = "; ".join(f"{owner} ({label})" for owner, label in owners.items())
        raise PreconditionFailed(
            f"nothing was changed: the hosts have several owners, and a repository has one: "
            f"{several}; name hosts of one owner (location)"
        )
    return next(iter(owners))


def require_owner(hosts: Sequence[HostView], owner: str | None, what: str) -> None:
    """Check that these hosts may register a repository of this owner.

    :param what: the repository, for messages.
    :raises PreconditionFailed: one may not.
    """
    if not hosts:
        return
    theirs = require_owned(hosts)
    if theirs != owner:
        raise PreconditionFailed(
            f"{what} cannot be registered on {', '.join(host.label for host in hosts)}: the owner "
            f"of the hosts is {theirs}, and the agent refuses repositories of another one. Hosts "
            f"are given its owner with release_ownership and take_ownership (`ovm3 api show "
            f"take_ownership`)"
        )
