"""The estate's repositories: where each is mounted, what lies in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.documents import RepositoryContent, RepositoryRecord
from libcloud_ovm3.agent.hostanswers import VMCfg
from libcloud_ovm3.errors import AgentFault, MalformedAnswer, Ovm3Error
from libcloud_ovm3.estate.hosts import HostView, ask_all


@dataclass(frozen=True)
class Repository:
    """One repository as the estate sees it.

    :ivar content: None if it is mounted nowhere or could not be listed; ``problem`` then says why.
    :ivar vm_cfgs: the vm.cfg files that came with the listing, by folder and directory.
    """

    record: RepositoryRecord
    mounted_on: tuple[HostView, ...]
    content: RepositoryContent | None
    problem: str | None = None
    vm_cfgs: Mapping[tuple[str, str], VMCfg] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def id(self) -> str:
        """32 hex digits."""
        return self.record.id

    @property
    def path(self) -> str:
        """Where every host that has it mounts it (agent-behaviour 4)."""
        return self.record.mount_point.rstrip("/") or f"/OVS/Repositories/{self.id}"


def look_at_repositories(views: Sequence[HostView], with_vm_cfgs: bool = True) -> list[Repository]:
    """List every repository that some host knows: one read each, side by side.

    :param with_vm_cfgs: whether vm.cfg files are wanted too, where they cost no call of their own.
    """
    records: dict[str, RepositoryRecord] = {}
    mounted: dict[str, list[HostView]] = {}
    for view in views:
        for record in view.repositories:
            if record.is_mounted or record.id not in records:
                records[record.id] = record
            if record.is_mounted:
                mounted.setdefault(record.id, []).append(view)
    wanted = [(record, tuple(mounted.get(record.id, ()))) for record in records.values()]
    found = ask_all(lambda pair: look_at_repository(*pair, with_vm_cfgs), wanted)
    return [
        Repository(*pair, content=None, problem=str(repository))
        if isinstance(repository, Ovm3Error)
        else repository
        for pair, repository in zip(wanted, found, strict=True)
    ]


def look_at_repository(
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
            return found or Repository(record, mounted_on, list_repository(view, record.id))
        except Ovm3Error as error:
            problem = problem or error
    reason = str(problem) if problem else f"repository {record.id} is mounted on no host"
    return Repository(record, mounted_on, None, reason)


def _with_vm_cfgs(
    view: HostView, record: RepositoryRecord, mounted_on: tuple[HostView, ...]
) -> Repository | None:
    """The same with every vm.cfg, from one host; None: its module cannot, or has gone meanwhile."""
    if view.module is None:
        return None
    try:
        files = view.module.repository(record.id)
    except (AgentFault, MalformedAnswer):
        return None
    content = _content(view, record.id, files.listing)
    if any(not file.directory for file in files.vm_cfgs):  # a folder that it could not list
        return None
    # Two names that differ in bad bytes only look alike: those are for the agent to read.
    vm_cfgs = {(file.folder, file.directory): file for file in files.vm_cfgs if file.is_exact}
    return Repository(record, mounted_on, content, vm_cfgs=vm_cfgs)


def list_repository(view: HostView, repository_id: str) -> RepositoryContent:
    """What lies in a repository, as one host sees it now."""
    text = view.agent.repository.discover_repositories(repository_id)
    return _content(view, repository_id, text)


def _content(view: HostView, repository_id: str, text: str) -> RepositoryContent:
    content = documents.repository_content(text, repository_id)
    if content is None:
        raise MalformedAnswer(
            f"{view.label} says that repository {repository_id} is mounted, yet does not list it"
        )
    return content
