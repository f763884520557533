"""The estate's repositories: where each is mounted, what lies in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import AgentFault, MalformedResponse, OutcomeUnknown, Ovm3Error
from libcloud_ovm3.estate.hosts import HostView, map_hosts

if TYPE_CHECKING:
    from libcloud_ovm3.agent.documents import RepositoryContent, RepositoryRecord
    from libcloud_ovm3.agent.hostmodule_types import Aside, RepositoryFiles, VMCfg


@dataclass(frozen=True)
class Repository:
    """One repository as the estate sees it.

    :ivar content: None if it is mounted nowhere or could not be listed.
    :ivar problems: what could not be read or understood of it; then somebody may use its files
        whom nobody knows.
    :ivar is_clear: False: it is not certain which files are meant by it, so nothing is changed.
    :ivar vm_cfgs: the vm.cfg files that came with the listing; None: none did.
    :ivar aside: files that a deletion has set aside (:mod:`.deletion`).
    """

    record: RepositoryRecord
    mounted_on: tuple[HostView, ...]
    content: RepositoryContent | None
    errors: tuple[str, ...] = ()
    is_clear: bool = True
    vm_cfgs: tuple[VMCfg, ...] | None = field(default=None, compare=False, repr=False)
    aside: tuple[Aside, ...] = ()

    @property
    def id(self) -> str:
        """As its hosts write it: 32 hex digits, sometimes in upper case."""
        return self.record.id

    @property
    def key(self) -> str:
        """What it is compared by."""
        return self.record.key

    @property
    def error(self) -> str | None:
        """What could not be read of it, in one text."""
        return "; ".join(self.errors) or None

    @property
    def path(self) -> str:
        """Where every host that has it mounts it (agent-behaviour 4)."""
        return self.record.mount_point.rstrip("/") or f"/OVS/Repositories/{self.id}"


def read_repositories(views: Sequence[HostView], with_vm_cfgs: bool = True) -> list[Repository]:
    """List every repository that some host knows: one read each, side by side.

    :param with_vm_cfgs: whether vm.cfg files are wanted too, where they cost no call of their own.
    """
    known: dict[str, list[tuple[HostView, RepositoryRecord]]] = {}
    for view in views:
        for record in view.repositories:
            known.setdefault(record.key, []).append((view, record))
    wanted = [_KnownRepository(tuple(pairs)) for pairs in known.values()]
    shared = _one_for_several(wanted)
    found = map_hosts(lambda one: _look(one, with_vm_cfgs, shared), wanted)
    return [
        Repository(one.record, one.mounted_on, None, (str(repository),))
        if isinstance(repository, Ovm3Error)
        else repository
        for one, repository in zip(wanted, found, strict=True)
    ]


@dataclass(frozen=True)
class _KnownRepository:
    """A repository as the hosts that know it know it."""

    known: tuple[tuple[HostView, RepositoryRecord], ...]

    @property
    def mounted(self) -> list[tuple[HostView, RepositoryRecord]]:
        return [(view, record) for view, record in self.known if record.is_mounted]

    @property
    def record(self) -> RepositoryRecord:
        return (self.mounted or self.known)[0][1]

    @property
    def mounted_on(self) -> tuple[HostView, ...]:
        return tuple(view for view, _ in self.mounted)

    def contradiction(self) -> str | None:
        """How its hosts disagree about what it is; None: they do not."""
        by_meaning: dict[tuple[str, str, str], list[str]] = {}
        for view, record in self.mounted:
            meaning = (record.id, _tidy(record.fs_location), _tidy(record.mount_point))
            by_meaning.setdefault(meaning, []).append(view.label)
        if len(by_meaning) < 2:
            return None
        said = "; ".join(
            f"{location} at {point or '(no mount point)'} as {name} on {', '.join(hosts)}"
            for (name, location, point), hosts in by_meaning.items()
        )
        return (
            f"repository {self.record.id} is not the same one everywhere: {said}. A copy must get "
            f"an id of its own, one share must be mounted under one name; until then nothing is "
            f"changed in either"
        )


def _one_for_several(wanted: Sequence[_KnownRepository]) -> dict[str, str]:
    """What is wrong with repositories that lie on one export, by their keys: what lies in one lies
    in the other."""
    ids: dict[tuple[str, str], dict[str, str]] = {}
    for one in wanted:
        for view, record in one.mounted:
            location = _tidy(record.fs_location)
            where = view.label if _is_a_host_s_own(location) else ""
            ids.setdefault((location, where), {})[record.key] = record.id
    return {
        key: f"repositories {', '.join(sorted(several.values()))} are one export, {location}; "
        f"until only one of them is registered nothing is changed there"
        for (location, _), several in ids.items()
        if location and len(several) > 1
        for key in several
    }


def _is_a_host_s_own(location: str) -> bool:
    """Whether another host may have another device of this name: a LUN's is made of its WWID."""
    return location.startswith("/dev/") and not location.startswith("/dev/mapper/")


def _tidy(location: str) -> str:
    server, colon, path = location.rpartition(":")
    return server + colon + re.sub("/+", "/", path).rstrip("/")


def _look(wanted: _KnownRepository, with_vm_cfgs: bool, shared: Mapping[str, str]) -> Repository:
    record = wanted.record
    contradiction = wanted.contradiction() or shared.get(record.key)
    if undashed(record.id) is None:
        reason = f"repository {record.id!r}: its id is not 32 hex digits, so it is not read"
        return Repository(record, wanted.mounted_on, None, (reason,), is_clear=False)
    found = read_repository(record, wanted.mounted_on, with_vm_cfgs)
    if contradiction is None:
        return found
    return replace(found, errors=(contradiction, *found.errors), is_clear=False)


def read_repository(
    record: RepositoryRecord, mounted_on: tuple[HostView, ...], with_vm_cfgs: bool = False
) -> Repository:
    """List one repository, from the first of these hosts that can; vm.cfg files come along from
    one with the host module.
    """
    problem: Ovm3Error | None = None
    asked = sorted(mounted_on, key=lambda view: view.module is None) if with_vm_cfgs else mounted_on
    for view in asked:
        try:
            found = _with_vm_cfgs(view, record, mounted_on) if with_vm_cfgs else None
            return found or _listed(record, mounted_on, list_repository(view, record.id))
        except Ovm3Error as error:
            problem = problem or error
    reason = str(problem) if problem else f"repository {record.id} is mounted on no host"
    return Repository(record, mounted_on, None, (reason,))


def _listed(
    record: RepositoryRecord,
    mounted_on: tuple[HostView, ...],
    content: RepositoryContent,
    files: RepositoryFiles | None = None,
) -> Repository:
    problems = [f"repository {record.id}: {what}" for what in content.not_understood]
    if files is None:
        return Repository(record, mounted_on, content, tuple(problems))
    problems += [f"repository {record.id}: {one.error}" for one in files.aside if one.error]
    aside = tuple(one for one in files.aside if not one.error)
    return Repository(record, mounted_on, content, tuple(problems), True, files.vm_cfgs, aside)


def _with_vm_cfgs(
    view: HostView, record: RepositoryRecord, mounted_on: tuple[HostView, ...]
) -> Repository | None:
    """The same with every vm.cfg, from one host; None: its module cannot, hangs, or has gone."""
    if view.module is None:
        return None
    try:
        files = view.module.repository(record.id)
    except (AgentFault, OutcomeUnknown):
        return None
    content = _content(view, record.id, files.listing)
    if any(not file.directory for file in files.vm_cfgs):  # a folder that it could not list
        return None
    return _listed(record, mounted_on, content, files)


def with_module(repository: Repository) -> HostView | None:
    """A host that has it mounted and has the host module."""
    return next((host for host in repository.mounted_on if host.module is not None), None)


def list_repository(view: HostView, repository_id: str) -> RepositoryContent:
    """What lies in a repository, as one host sees it now."""
    text = view.agent.repository.discover_repositories(repository_id)
    return _content(view, repository_id, text)


def list_whole(view: HostView, repository_id: str) -> RepositoryContent:
    """The same, where it is asked whether something is gone: only a listing that is understood as a
    whole says so.

    :raises MalformedResponse: something in it is not understood.
    """
    content = list_repository(view, repository_id)
    if content.not_understood:
        what = "; ".join(content.not_understood)
        raise MalformedResponse(f"{view.label}: repository {repository_id}: {what}")
    return content


def _content(view: HostView, repository_id: str, text: str) -> RepositoryContent:
    content = documents.repository_content(text, repository_id)
    if content is None:
        raise MalformedResponse(
            f"{view.label} says that repository {repository_id} is mounted, yet does not list it"
        )
    return content
