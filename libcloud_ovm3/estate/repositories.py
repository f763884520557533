"""The repositories of an estate: where each is mounted, and its content."""

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
    from libcloud_ovm3.agent.hostmodule_types import Aside, Document, RepositoryFiles, VMCfg
    from libcloud_ovm3.agent.seed_files import SeedFile
    from libcloud_ovm3.agent.vm_claims import RepositoryClaims


@dataclass(frozen=True)
class Repository:
    """One repository of the estate.

    :ivar record: Its record on a host that has it mounted, else on one that knows it.
    :ivar mounted_on: The hosts that have it mounted.
    :ivar content: Its listing; None if it is not mounted or could not be listed.
    :ivar errors: What could not be read or understood of it: its files may have unknown users.
    :ivar is_clear: False if hosts contradict each other about it; it is not changed then.
    :ivar vm_cfgs: The vm.cfg files that came with the listing; None if it brought none.
    :ivar aside: The files in it that an unfinished deletion has set aside.
    :ivar addresses: Its document ``addresses``, where a host module brought it (:mod:`.addresses`).
    :ivar addresses_error: Why not, if the module could not read it.
    :ivar metadata: Its document ``metadata``, likewise (:mod:`.vm_metadata`).
    :ivar metadata_error: Why not.
    :ivar seeds: The seeds of guests in it; None: no host module said (:mod:`.seeds`).
    :ivar claims: The claims of its VMs; a text: why they cannot be read; None: no module has any.
    """

    record: RepositoryRecord
    mounted_on: tuple[HostView, ...]
    content: RepositoryContent | None
    errors: tuple[str, ...] = ()
    is_clear: bool = True
    vm_cfgs: tuple[VMCfg, ...] | None = field(default=None, compare=False, repr=False)
    aside: tuple[Aside, ...] = ()
    addresses: Document | None = field(default=None, compare=False, repr=False)
    addresses_error: str | None = None
    metadata: Document | None = field(default=None, compare=False, repr=False)
    metadata_error: str | None = None
    seeds: tuple[SeedFile, ...] | None = None
    claims: RepositoryClaims | str | None = field(default=None, compare=False, repr=False)

    @property
    def id(self) -> str:
        """Its id as its hosts write it: 32 hex digits, sometimes in upper case."""
        return self.record.id

    @property
    def key(self) -> str:
        """Its id in the notation that is used for comparing."""
        return self.record.key

    @property
    def label(self) -> str:
        """What messages call it: its alias, if it has one, and its id."""
        return f"{self.record.alias} ({self.id})" if self.record.alias else self.id

    @property
    def error(self) -> str | None:
        """Its errors in one text; None if there are none."""
        return "; ".join(self.errors) or None

    @property
    def path(self) -> str:
        """Its mount point, the same on every host (agent-behaviour 4)."""
        return self.record.mount_point.rstrip("/") or f"/OVS/Repositories/{self.id}"


def read_repositories(views: Sequence[HostView], with_vm_cfgs: bool = True) -> list[Repository]:
    """List every repository that a host knows: one read each, in parallel.

    :param with_vm_cfgs: Whether to read vm.cfg files in the same call, where a host module can.
    """
    wanted = _known(views)
    shared = _one_for_several(wanted)
    found = map_hosts(lambda one: _read_known(one, with_vm_cfgs, shared), wanted)
    return [
        Repository(one.record, one.mounted_on, None, (str(repository),))
        if isinstance(repository, Ovm3Error)
        else repository
        for one, repository in zip(wanted, found, strict=True)
    ]


def known_repositories(views: Sequence[HostView]) -> list[Repository]:
    """The same repositories without what is in them, as their records say. Sends nothing."""
    wanted = _known(views)
    shared = _one_for_several(wanted)
    found = []
    for one in wanted:
        why = _not_an_id(one.record) or one.contradiction() or shared.get(one.record.key)
        found.append(
            Repository(one.record, one.mounted_on, None, (why,) if why else (), is_clear=not why)
        )
    return found


def _known(views: Sequence[HostView]) -> list[_KnownRepository]:
    known: dict[str, list[tuple[HostView, RepositoryRecord]]] = {}
    for view in views:
        for record in view.repositories:
            known.setdefault(record.key, []).append((view, record))
    return [_KnownRepository(tuple(pairs)) for pairs in known.values()]


def _not_an_id(record: RepositoryRecord) -> str | None:
    if undashed(record.id) is not None:
        return None
    return f"repository {record.id!r}: its id is not 32 hex digits, so it was not read"


@dataclass(frozen=True)
class _KnownRepository:
    """The records that hosts have of one repository."""

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
        """How the records of its hosts contradict each other; None if they agree."""
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
            f"repository {self.record.id} is not the same one on all hosts: {said}. Give a copy "
            f"its own id, and mount one share under one name; until then neither is changed"
        )


def _one_for_several(wanted: Sequence[_KnownRepository]) -> dict[str, str]:
    """The error of each repository, by its key, that shares its export with another one: they have
    the same content."""
    ids: dict[tuple[str, str], dict[str, str]] = {}
    for one in wanted:
        for view, record in one.mounted:
            location = _tidy(record.fs_location)
            where = view.label if _is_a_host_s_own(location) else ""
            ids.setdefault((location, where), {})[record.key] = record.id
    return {
        key: f"repositories {', '.join(sorted(several.values()))} are on one export, {location}; "
        f"nothing is changed there until only one of them is registered"
        for (location, _), several in ids.items()
        if location and len(several) > 1
        for key in several
    }


def _is_a_host_s_own(location: str) -> bool:
    """Whether the same path may be another device on another host: that of a LUN has its WWID."""
    return location.startswith("/dev/") and not location.startswith("/dev/mapper/")


def _tidy(location: str) -> str:
    server, colon, path = location.rpartition(":")
    return server + colon + re.sub("/+", "/", path).rstrip("/")


def _read_known(
    wanted: _KnownRepository, with_vm_cfgs: bool, shared: Mapping[str, str]
) -> Repository:
    record = wanted.record
    contradiction = wanted.contradiction() or shared.get(record.key)
    if (reason := _not_an_id(record)) is not None:
        return Repository(record, wanted.mounted_on, None, (reason,), is_clear=False)
    found = read_repository(record, wanted.mounted_on, with_vm_cfgs)
    if contradiction is None:
        return found
    return replace(found, errors=(contradiction, *found.errors), is_clear=False)


def read_repository(
    record: RepositoryRecord, mounted_on: tuple[HostView, ...], with_vm_cfgs: bool = False
) -> Repository:
    """List one repository from the first of these hosts that can; one with the host module also
    brings its vm.cfg files, if they are wanted.
    """
    first_error: Ovm3Error | None = None
    views = sorted(mounted_on, key=lambda view: view.module is None) if with_vm_cfgs else mounted_on
    for view in views:
        try:
            found = _with_vm_cfgs(view, record, mounted_on) if with_vm_cfgs else None
            return found or _listed(record, mounted_on, list_repository(view, record.id))
        except Ovm3Error as error:
            first_error = first_error or error
    reason = (
        str(first_error) if first_error else f"repository {record.id} is not mounted on any host"
    )
    return Repository(record, mounted_on, None, (reason,))


def _listed(
    record: RepositoryRecord,
    mounted_on: tuple[HostView, ...],
    content: RepositoryContent,
    files: RepositoryFiles | None = None,
) -> Repository:
    errors = [f"repository {record.id}: {what}" for what in content.not_understood]
    if files is None:
        return Repository(record, mounted_on, content, tuple(errors))
    errors += [f"repository {record.id}: {one.error}" for one in files.aside if one.error]
    aside = tuple(one for one in files.aside if not one.error)
    return Repository(
        record,
        mounted_on,
        content,
        tuple(errors),
        vm_cfgs=files.vm_cfgs,
        aside=aside,
        addresses=files.addresses,
        addresses_error=files.addresses_error,
        metadata=files.metadata,
        metadata_error=files.metadata_error,
        seeds=files.seeds,
        claims=files.claims,
    )


def _with_vm_cfgs(
    view: HostView, record: RepositoryRecord, mounted_on: tuple[HostView, ...]
) -> Repository | None:
    """The same with every vm.cfg, from one host; None if its module is missing, fails or hangs."""
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
    """A host with the host module that has the repository mounted; None if there is none."""
    return next((host for host in repository.mounted_on if host.module is not None), None)


def list_repository(view: HostView, repository_id: str) -> RepositoryContent:
    """The content of a repository, as one host lists it now.

    :raises Ovm3Error: It could not be listed.
    """
    text = view.agent.repository.discover_repositories(repository_id)
    return _content(view, repository_id, text)


def list_whole(view: HostView, repository_id: str) -> RepositoryContent:
    """The same, to find out whether something is gone: only a complete listing can show that.

    :raises Ovm3Error: It could not be listed, or (MalformedResponse) not everything in it was
        understood.
    """
    content = list_repository(view, repository_id)
    if content.not_understood:
        what = "; ".join(content.not_understood)
        raise MalformedResponse(f"{view.label}: repository {repository_id}: {what}")
    return content


def is_listed(content: RepositoryContent, path: str) -> bool:
    """Whether a listing has a file of a virtual disk, an image or an ISO.

    :param path: absolute, on the hosts. A disk image in ``Templates`` itself and one in a folder of
        its own are listed in the same way (agent-behaviour 4).
    """
    folder, *inner = path.split("/")[4:-1] or [""]
    name = path.rpartition("/")[2]
    if folder == "Templates":
        owners = [one.name for one in content.templates if name in one.files]
        return bool(owners) and (not inner or inner[0] in owners)
    return name in (content.isos if folder == "ISOs" else content.virtual_disks)


def _content(view: HostView, repository_id: str, text: str) -> RepositoryContent:
    content = documents.repository_content(text, repository_id)
    if content is None:
        raise MalformedResponse(
            f"{view.label} reports repository {repository_id} as mounted, but does not list it"
        )
    return content
