"""The seeds of guests in the repositories (docs/guest-configuration.md). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.seed_files import FOLDER, SeedFile

if TYPE_CHECKING:
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import EstateSnapshot


@dataclass(frozen=True)
class Seed:
    """A seed in a repository of the estate."""

    repository: Repository
    file: SeedFile

    @property
    def path(self) -> str:
        """Its path on the hosts."""
        return seed_path(self.repository, self.file.name)


def seed_path(repository: Repository, name: str) -> str:
    """The path of a seed on the hosts."""
    return f"{repository.path}/{FOLDER}/{name}"


def read_seeds(snapshot: EstateSnapshot) -> Iterator[Seed]:
    """All seeds that are known."""
    for repository in snapshot.repositories:
        yield from (Seed(repository, one) for one in repository.seeds or () if one.vm_id)


def unread_seeds(snapshot: EstateSnapshot) -> list[str]:
    """What could not be read of them, for messages."""
    return [
        f"repository {repository.id}: seed {one.name}: {one.error}"
        for repository in snapshot.repositories
        for one in repository.seeds or ()
        if one.error
    ]
