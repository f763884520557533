"""How full the repositories are, and how much their virtual disks can still grow. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import AmbiguousName, PreconditionFailed, SearchIncomplete
from libcloud_ovm3.estate.disk_files import DiskFile, list_disk_files, read_sizes
from libcloud_ovm3.estate.disk_names import parse_file_name
from libcloud_ovm3.estate.hosts import read_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, read_repositories, with_module
from libcloud_ovm3.estate.shares import overlaps_among
from libcloud_ovm3.estate.space import Space, read_spaces


@dataclass(frozen=True)
class RepositorySpace:
    """A repository, its space and its virtual disks.

    :ivar not_mounted_on: names of the hosts that know it but have not mounted it.
    :ivar disks: the number of virtual disks. None, also for the other numbers: not known.
    :ivar disk_bytes: the sum of their sizes, as VMs see them.
    :ivar growth_bytes: how much more space they take once they are written to completely.
        Snapshots, which nobody writes to, are in neither.
    :ivar overlaps: exports of other repositories that its own lies in, or contains, in words.
    """

    repository: Repository
    space: Space
    not_mounted_on: tuple[str, ...]
    disks: int | None = None
    snapshots: int | None = None
    disk_bytes: int | None = None
    growth_bytes: int | None = None
    overlaps: tuple[str, ...] = ()

    @property
    def mounted_on(self) -> tuple[str, ...]:
        """The names of the hosts that have mounted it."""
        return tuple(view.name for view in self.repository.mounted_on)


@dataclass(frozen=True)
class SpaceList:
    """All repositories by name, and what could not be read, one text each."""

    repositories: tuple[RepositorySpace, ...]
    errors: tuple[str, ...]

    def called(self, text: str) -> RepositorySpace:
        """Return the repository with this id, in any notation, or this name.

        :raises AmbiguousName: it may be one of several.
        :raises SearchIncomplete: there is none, but not everything could be read.
        :raises PreconditionFailed: there is none; names those that there are.
        """
        key = undashed(text) or text
        found = [
            one
            for one in self.repositories
            if text == one.repository.record.alias or key == one.repository.key
        ]
        if len(found) == 1:
            return found[0]
        some = ", ".join(one.repository.label for one in found or self.repositories)
        if found:
            raise AmbiguousName(f"{text!r} may be any of these repositories: {some}; use the id")
        if self.errors:
            raise SearchIncomplete(
                f"repository {text!r} was not found, but not everything could be read: "
                f"{'; '.join(self.errors)}"
            )
        raise PreconditionFailed(f"there is no repository {text!r}; there are: {some or 'none'}")


def read_repository_spaces(estate: Estate) -> SpaceList:
    """Read all repositories, their space, and where a host has the module, the sizes of disks.

    :raises Ovm3Error: no host could be read.
    """
    hosts, unreachable = read_hosts(estate)
    repositories = read_repositories(hosts, with_vm_cfgs=False)
    spaces = read_spaces(repositories)
    listed = list_disk_files(repositories, ())
    # Without the module that would be one call per disk.
    measurable = [one for one in listed if with_module(one.repository) is not None]
    sized, more = read_sizes(measurable)
    overlaps = overlaps_among(repositories)
    errors = [str(one.reason) for one in unreachable]
    errors += [error for view in hosts for error in view.errors]
    errors += [error for one in repositories for error in one.errors]
    errors += [str(space.error) for space in spaces if space.error is not None]
    found = []
    for repository, space in zip(repositories, spaces, strict=True):
        unmounted = tuple(
            view.name
            for view in hosts
            if view not in repository.mounted_on
            and any(record.key == repository.key for record in view.repositories)
        )
        files = [one for one in listed if one.repository is repository]
        sizes = [one for one in sized if one.repository is repository]
        one = _combined(repository, space, unmounted, files, sizes)
        found.append(replace(one, overlaps=tuple(overlaps.get(repository.key, ()))))
    found.sort(key=lambda one: (one.repository.record.alias, one.repository.id))
    return SpaceList(tuple(found), tuple(dict.fromkeys(errors + more)))


def _combined(
    repository: Repository,
    space: Space,
    not_mounted_on: tuple[str, ...],
    files: Sequence[DiskFile],
    sized: Sequence[DiskFile],
) -> RepositorySpace:
    if repository.content is None:
        return RepositorySpace(repository, space, not_mounted_on)
    disks = [one for one in files if not _is_snapshot(one)]
    measured = [one for one in sized if not _is_snapshot(one) and not one.is_folder]
    sizes = [one.size_bytes for one in measured]
    used = [one.used_bytes for one in measured]
    is_known = with_module(repository) is not None
    growth = [
        None if size is None or taken is None else max(0, size - taken)
        for size, taken in zip(sizes, used, strict=True)
    ]
    return RepositorySpace(
        repository,
        space,
        not_mounted_on,
        disks=len(disks),
        snapshots=len(files) - len(disks),
        disk_bytes=_sum(sizes) if is_known else None,
        growth_bytes=_sum(growth) if is_known else None,
    )


def _is_snapshot(file: DiskFile) -> bool:
    mark = parse_file_name(file.path.rpartition("/")[2])
    return mark is not None and mark.is_snapshot


def _sum(numbers: Sequence[int | None]) -> int | None:
    """The sum; None: one of them is not known."""
    known = [one for one in numbers if one is not None]
    return sum(known) if len(known) == len(numbers) else None
