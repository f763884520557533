"""What VMs are by their vm.cfg files: reading them, and telling which live domain is whose."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.config import DiskEntry, VMConfig
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import AgentFault, InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import HostView, map_hosts
from libcloud_ovm3.estate.repositories import Repository, read_repository

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule_types import VMCfg

MADE_UP = uuid.UUID("7f0f4f2e-0c2b-4c7e-9a35-0a2b5ad1c0de")  # for what has no uuid of its own

UNLISTED = "the agent does not list its directory, so nothing can be done to it"

# The folders of a repository.
VIRTUAL_MACHINES, TEMPLATES, ASSEMBLIES = "VirtualMachines", "Templates", "Assemblies"

_CREATING = re.compile(r"creating [0-9a-f]{32}(?: ([^/]+))?")
# The image of a pool file system, where it is put into a repository's export (agent-behaviour 4).
_NO_VM = frozenset({"ovspoolfs.img", ".ovspoolfs", ".generic_fs_stamp"})


def creating(operation: str, disk: str) -> str:
    """The description of a VM that is being created (design.md, rule 2).

    :param disk: the name of the file that will be its disk.
    """
    return f"creating {operation} {disk}"


@dataclass(frozen=True)
class Definition:
    """A vm.cfg in a repository.

    :ivar config: what it says; None if it could not be read, ``problem`` then says why.
    :ivar problem: why it cannot be relied upon, and so nothing may be done to its VM.
    :ivar folder: ``VirtualMachines``, ``Templates`` or ``Assemblies``.
    """

    repository_id: str
    directory: str
    config: VMConfig | None
    error: str | None = None
    folder: str = VIRTUAL_MACHINES

    @property
    def uuid(self) -> str:
        """The VM's dashed uuid: the definition's, else the directory's, else a made-up one."""
        return (
            self.own_uuid
            or dashed(self.directory)
            or str(uuid.uuid5(MADE_UP, f"{self.repository_id}/{self.directory}"))
        )

    @property
    def own_uuid(self) -> str | None:
        """The uuid that the definition itself gives. Without it xend makes one up at each start."""
        return dashed(self.get_text("uuid"))

    @property
    def name(self) -> str:
        """The display name; never empty."""
        return self.get_text("OVM_simple_name") or self.get_text("name") or self.directory

    @property
    def xend_name(self) -> str:
        """The name that xend is given: without one, the file's own (xend.md 7)."""
        return self.get_text("name") or ("" if self.config is None else "vm.cfg")

    @property
    def live_names(self) -> tuple[str, ...]:
        """The names under which its domain may be listed (xend.md 1.4)."""
        return (self.xend_name, f"migrating-{self.xend_name}")

    @property
    def is_creating(self) -> bool:
        """Whether it says of itself that it is unfinished."""
        return bool(_CREATING.fullmatch(self.get_text("OVM_description")))

    @property
    def unfinished_disk(self) -> str | None:
        """The name of the file that an unfinished one says will be its disk."""
        mark = _CREATING.fullmatch(self.get_text("OVM_description"))
        return mark[1] if mark else None

    @property
    def disks(self) -> tuple[DiskEntry, ...]:
        """Its disks, drives included."""
        return self.config.disks if self.config else ()

    @property
    def vifs(self) -> tuple[Vif, ...]:
        """Its network cards."""
        return self.config.vifs if self.config else ()

    @property
    def files(self) -> frozenset[str]:
        """The names of all files that it may mean, in whichever option."""
        return self.config.file_names if self.config else frozenset()

    @property
    def unread(self) -> str | None:
        """Why it may use files that ``files`` lacks; None: that is all."""
        if self.config is None or self.error is not None:
            return f"{self.place}: {self.error}"
        return None if "disk" in self.config.values else f"{self.place}: it has no disk list (cut?)"

    @property
    def notices(self) -> tuple[str, ...]:
        """What is odd about it and yet no error; nothing, if it could not be read."""
        if self.config is None:
            return ()
        if self.own_uuid is not None:
            return self.config.warnings
        known_by = "its directory's" if dashed(self.directory) else "an id made of its place"
        nameless = f"vm.cfg has no uuid: known by {known_by}; xend makes up one at each start"
        return (nameless, *self.config.warnings)

    @property
    def place(self) -> str:
        """Where it lies, for messages."""
        return f"{self.repository_id}/{self.folder}/{self.directory}"

    def get_text(self, key: str) -> str:
        """A text of it, "" if it has none."""
        return self.config.get_text(key) if self.config else ""


def matches(domain: Domain, definition: Definition, defined_ids: Collection[str]) -> bool:
    """Whether a live domain is this definition's for certain. Pure.

    By uuid; if the definition has none, by name, and then the domain must have all disks that are
    its own: others may have the same medium in a drive, and share the same disks.

    :param defined_ids: the uuids of all definitions: a domain that has one of them is that one's.
    """
    if domain.uuid is not None and domain.uuid == definition.uuid:
        return True
    if not _is_named_so(domain, definition, defined_ids):
        return False
    own = {d.path for d in definition.disks if d.path and not d.is_cdrom and not d.is_shared}
    return domain.uuid is not None and bool(own) and own <= set(domain.disks)


def may_match(domain: Domain, definition: Definition, defined_ids: Collection[str]) -> bool:
    """Whether a live domain may be this definition's, for all that is known. Pure.

    One without a proper uuid may be whoever has its name. (One without a name, too, may be anybody:
    a list with such a one is no whole list, see :mod:`.domains`.)
    """
    if domain.uuid is None:
        names = (*definition.live_names, definition.directory)
        return bool(domain.name) and domain.name in names
    return domain.uuid == definition.uuid or _is_named_so(domain, definition, defined_ids)


def _is_named_so(domain: Domain, definition: Definition, defined_ids: Collection[str]) -> bool:
    """Whether the name speaks for it where the uuid cannot: xend makes one up for a definition
    without one at each start, and what is not read may say any."""
    if domain.uuid in defined_ids:
        return False
    if definition.config is None:
        return domain.name in (definition.directory, f"migrating-{definition.directory}")
    return definition.own_uuid is None and domain.name in definition.live_names


def read_definitions(repositories: Sequence[Repository]) -> list[Definition]:
    """Every vm.cfg of a VM: as it came with the listing, else one call, spread over the hosts that
    have them mounted. What the listing has without one counts as not read.
    """
    found, to_read = _came_with_listing(repositories, VIRTUAL_MACHINES)

    def read(numbered: tuple[int, tuple[Repository, str]]) -> Definition:
        number, (repository, directory) = numbered
        views = repository.mounted_on
        first = number % len(views)
        return _asked_of([*views[first:], *views[:first]], repository, directory)

    answers = map_hosts(read, list(enumerate(to_read)), threads=8)
    found += [definition for definition in answers if isinstance(definition, Definition)]
    return [_doubted(one, repositories) for one in _still_there(repositories, found)]


def _asked_of(views: Sequence[HostView], repository: Repository, directory: str) -> Definition:
    """A vm.cfg as the first of these hosts has it that can read it."""
    problem = ""
    for view in views:
        try:
            config = view.agent.xen.get_vm_config(repository.id, directory)
        except Ovm3Error as error:
            problem = problem or str(error)
            continue
        if isinstance(config, dict):
            return _understood(repository.id, directory, VMConfig(config))
        problem = problem or f"{view.label} answered {config!r}"
    return Definition(repository.id, directory, None, problem)


def _understood(
    repository_id: str, directory: str, config: VMConfig, folder: str = VIRTUAL_MACHINES
) -> Definition:
    """A vm.cfg that was read; one that is empty or cut says nothing."""
    if folder == VIRTUAL_MACHINES and not {"memory", "disk"} & config.values.keys():
        reason = "it has neither memory nor disks: empty, or cut"
        return Definition(repository_id, directory, None, reason, folder)
    return Definition(repository_id, directory, config, None, folder)


def _doubted(definition: Definition, repositories: Sequence[Repository]) -> Definition:
    """With the doubt about its repository, if there is one."""
    for one in repositories:
        if one.id == definition.repository_id and not one.is_clear and not definition.error:
            return replace(definition, error=one.error)
    return definition


def read_templates(repositories: Sequence[Repository]) -> list[Definition]:
    """The vm.cfg of every template that has one: as it came with the listing, else one call.

    What get_template_config answers is not documented; anything but a struct counts as not read.
    """
    found, to_read = _came_with_listing(repositories, TEMPLATES)
    return found + [_template(repository, directory) for repository, directory in to_read]


def _template(repository: Repository, directory: str) -> Definition:
    """A template's vm.cfg as the first host has it that can read it."""
    problem = ""
    for view in repository.mounted_on:
        try:
            config = view.agent.xen.get_template_config(repository.id, directory)
        except Ovm3Error as error:
            problem = problem or str(error)
            continue
        if isinstance(config, dict):
            return _understood(repository.id, directory, VMConfig(config), TEMPLATES)
        problem = problem or "not a struct"
    return Definition(repository.id, directory, None, problem, TEMPLATES)


def read_assemblies(repositories: Sequence[Repository]) -> list[Definition]:
    """The vm.cfg files below ``Assemblies``, which only the host module can read. Where it has not,
    each assembly counts as not read: no source shows what may stand in one.
    """
    found = []
    for repository in repositories:
        for file in repository.vm_cfgs or ():
            if file.folder == ASSEMBLIES:
                definition = _parsed(repository.id, file)
                found.append(definition or _unlisted(repository.id, file))
        if repository.vm_cfgs is None and repository.content is not None:
            for part in repository.content.assemblies:
                name = part.attributes.get("Name", part.name)
                problem = "what an assembly uses is for the host module to read"
                found.append(Definition(repository.id, name, None, problem, ASSEMBLIES))
    return found


def _came_with_listing(
    repositories: Sequence[Repository], folder: str
) -> tuple[list[Definition], list[tuple[Repository, str]]]:
    """The definitions whose texts came with the listings, and where the others are to be read.

    The others: no host module there, or a text that is more than values. What the agent, which is
    to start the VM, makes of such a one is for the agent to say.
    """
    found: list[Definition] = []
    others = []
    for repository in repositories:
        came = [file for file in repository.vm_cfgs or () if file.folder == folder]
        listed = _listed(repository, folder)
        texts = {file.directory: file for file in came if file.is_exact}
        inexact = {file.directory for file in came if not file.is_exact}
        for directory, files in listed.items():
            if "vm.cfg" not in files:
                if directory not in texts:
                    found += _without_vm_cfg(repository.id, directory, files, folder)
                continue
            definition = _parsed(repository.id, texts.get(directory))
            if definition is not None:
                found.append(definition)
            elif directory not in inexact:
                others.append((repository, directory))
        found += [
            _unlisted(repository.id, file)
            for file in came
            if not file.is_exact or not _is_listed(file, listed.get(file.directory, ()))
        ]
    return found, others


def _is_listed(file: VMCfg, files: Sequence[str]) -> bool:
    """Whether what the listing shows in a vm.cfg's directory tells all: the file, or a directory
    that is no VM's."""
    return "vm.cfg" in files or (file.content is None and bool(files) and set(files) <= _NO_VM)


def _listed(repository: Repository, folder: str) -> dict[str, tuple[str, ...]]:
    """The directories of a folder and the files in each."""
    content = repository.content
    if content is None:
        return {}
    folders = content.templates if folder == TEMPLATES else content.virtual_machines
    listed: dict[str, tuple[str, ...]] = {}
    for one in folders:
        listed[one.name] = (*listed.get(one.name, ()), *one.files)
    return listed


def _without_vm_cfg(
    repository_id: str, directory: str, files: Sequence[str], folder: str
) -> list[Definition]:
    """A directory of a VM that holds something and no vm.cfg: put aside, or under another name."""
    if folder == TEMPLATES or not set(files) - _NO_VM:
        return []
    some = ", ".join(files[:5])
    return [Definition(repository_id, directory, None, f"no vm.cfg, but {some}", folder)]


def _parsed(repository_id: str, file: VMCfg | None) -> Definition | None:
    """The definition in a text; None: there is none, or it is more than values."""
    try:
        config = VMConfig.from_text(file.content) if file and file.content is not None else None
    except InvalidArgument:
        return None
    if file is None or config is None:
        return None
    return _understood(repository_id, file.directory, config, file.folder)


def _unlisted(repository_id: str, file: VMCfg) -> Definition:
    """A vm.cfg that the host module has seen and the agent's listing lacks, or cannot name."""
    definition = _parsed(repository_id, file)
    if definition is None or definition.error:
        reason = file.error or (definition and definition.error) or "it cannot be understood"
        return Definition(repository_id, file.directory, None, reason, file.folder)
    return replace(definition, error=UNLISTED)


def _still_there(
    repositories: Sequence[Repository], definitions: Sequence[Definition]
) -> list[Definition]:
    """Without those that could not be read because somebody has deleted them since the listing,
    and with those that somebody has finished since then."""
    stands: dict[str, Definition | None] = {}
    for repository in repositories:
        broken = [d for d in definitions if d.error and d.repository_id == repository.id]
        if not broken:
            continue
        with_vm_cfgs = repository.vm_cfgs is not None
        again = read_repository(repository.record, repository.mounted_on, with_vm_cfgs)
        if again.content is None or (with_vm_cfgs and again.vm_cfgs is None):
            continue
        found, others = _came_with_listing([again], VIRTUAL_MACHINES)
        now = {definition.place: definition for definition in found}
        there = {directory for _, directory in others}
        had = _listed(repository, VIRTUAL_MACHINES)
        for one in broken:
            kept = one if one.directory in there else None
            if kept and "vm.cfg" not in had.get(one.directory, ()):  # it was not there to be read
                kept = _asked_of(again.mounted_on, again, one.directory)
            stands[one.place] = now.get(one.place) or kept
    return [d for d in (stands.get(one.place, one) for one in definitions) if d is not None]


def read_definition(view: HostView, repository_id: str, directory: str) -> Definition | None:
    """One definition; None if there is none, or if the agent refuses to read it (question 6)."""
    try:
        config = view.agent.xen.get_vm_config(repository_id, directory)
    except AgentFault:
        return None
    if not isinstance(config, dict):
        return None
    return _understood(repository_id, directory, VMConfig(config))
