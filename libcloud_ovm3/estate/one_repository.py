"""The repository that a user means by an id or an alias. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import AmbiguousName, PreconditionFailed, SearchIncomplete

if TYPE_CHECKING:
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import EstateSnapshot


def find_repository(
    snapshot: EstateSnapshot, text: str, argument: str = "ex_repository"
) -> Repository:
    """The repository with this id, in any notation, or this alias.

    :param argument: the argument that names it, for messages.
    :raises AmbiguousName: several have this alias, or it is the id of another one.
    :raises SearchIncomplete: there is none, but not everything could be read.
    :raises PreconditionFailed: there is none.
    """
    known = {one.key: one for one in snapshot.repositories}
    found = [one for one in known.values() if text and one.record.alias == text]
    by_id = snapshot.repository(text) if undashed(text) else None
    if by_id is not None and by_id not in found:
        found.append(by_id)
    if len(found) > 1:
        several = ", ".join(one.id for one in found)
        raise AmbiguousName(f"{argument} {text!r} may be any of these: {several}; use the id")
    if found:
        return found[0]
    errors = snapshot.errors() + [host.unread for host in snapshot.hosts_off]
    if errors:
        raise SearchIncomplete(
            f"repository {text!r} was not found, but not everything could be read: "
            f"{'; '.join(errors)}"
        )
    names = ", ".join(one.label for one in known.values())
    raise PreconditionFailed(f"there is no repository {text!r}; there are: {names or 'none'}")
