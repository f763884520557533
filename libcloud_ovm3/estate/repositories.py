"""The estate's repositories: where each is mounted, what lies in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.documents import RepositoryContent, RepositoryRecord
from libcloud_ovm3.errors import MalformedAnswer, Ovm3Error
from libcloud_ovm3.estate.hosts import HostView, ask_all


@dataclass(frozen=True)
class Repository:
    """One repository as the estate sees it.

    :ivar content: None if it is mounted nowhere or could not be listed; ``problem`` then says why.
    """

    record: RepositoryRecord
    mounted_on: tuple[HostView, ...]
    content: RepositoryContent | None
    problem: str | None = None

    @property
    def id(self) -> str:
        """32 hex digits."""
        return self.record.id

    @property
    def path(self) -> str:
        """Where every host that has it mounts it (agent-behaviour 4)."""
        return self.record.mount_point.rstrip("/") or f"/OVS/Repositories/{self.id}"


def look_at_repositories(views: Sequence[HostView]) -> list[Repository]:
    """List every repository that some host knows: one read each, side by side."""
    records: dict[str, RepositoryRecord] = {}
    mounted: dict[str, list[HostView]] = {}
    for view in views:
        for record in view.repositories:
            if record.is_mounted or record.id not in records:
                records[record.id] = record
            if record.is_mounted:
                mounted.setdefault(record.id, []).append(view)
    wanted = [(record, tuple(mounted.get(record.id, ()))) for record in records.values()]
    found = ask_all(lambda pair: look_at_repository(*pair), wanted)
    return [
        Repository(*pair, content=None, problem=str(repository))
        if isinstance(repository, Ovm3Error)
        else repository
        for pair, repository in zip(wanted, found, strict=True)
    ]


def look_at_repository(record: RepositoryRecord, mounted_on: tuple[HostView, ...]) -> Repository:
    """List one repository, from the first of these hosts that can."""
    problem: Ovm3Error | None = None
    for view in mounted_on:
        try:
            content = list_repository(view, record.id)
        except Ovm3Error as error:
            problem = problem or error
            continue
        return Repository(record, mounted_on, content)
    reason = str(problem) if problem else f"repository {record.id} is mounted on no host"
    return Repository(record, mounted_on, None, reason)


def list_repository(view: HostView, repository_id: str) -> RepositoryContent:
    """What lies in a repository, as one host sees it now."""
    text = view.agent.repository.discover_repositories(repository_id)
    content = documents.repository_content(text, repository_id)
    if content is None:
        raise MalformedAnswer(
            f"{view.label} says that repository {repository_id} is mounted, yet does not list it"
        )
    return content
