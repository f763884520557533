"""VM definitions: reading vm.cfg files, and matching them with live domains."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.config import DiskEntry, VMConfig
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import AgentFault, InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.creating import disks_in
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import HostView, map_hosts
from libcloud_ovm3.estate.repositories import Repository, read_repository

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule_types import VMCfg
    from libcloud_ovm3.estate.guards import Guard

MADE_UP = uuid.UUID("7f0f4f2e-0c2b-4c7e-9a35-0a2b5ad1c0de")  # for what has no uuid

UNLISTED = "the agent does not list its directory, so no operation on it is possible"

# The folders of a repository.
VIRTUAL_MACHINES, TEMPLATES, ASSEMBLIES = "VirtualMachines", "Templates", "Assemblies"

# Files of a pool file system whose image lies in a repository's export (agent-behaviour 4).
_NO_VM = frozenset({"ovspoolfs.img", ".ovspoolfs", ".generic_fs_stamp"})


@dataclass(frozen=True)
class Definition:
    """A vm.cfg in a repository.

    :ivar config: Its content; None if it could not be read, ``error`` then says why.
    :ivar error: Why it is not reliable, so that no operation on its VM is allowed; None if it is.
    :ivar folder: ``VirtualMachines``, ``Templates`` or ``Assemblies``.
    :ivar digest: The MD5 of the file, where the host module has read it; else "".
    :ivar guard: What guards its VM against being started twice; None: nothing (:mod:`.guards`).
    """

    repository_id: str
    directory: str
    config: VMConfig | None
    error: str | None = None
    folder: str = VIRTUAL_MACHINES
    digest: str = field(default="", compare=False)
    guard: Guard | None = field(default=None, compare=False)

    @property
    def uuid(self) -> str:
        """The VM's dashed uuid: the definition's, else the directory's, else a generated one."""
        return (
            self.own_uuid
            or dashed(self.directory)
            or str(uuid.uuid5(MADE_UP, f"{self.repository_id}/{self.directory}"))
        )

    @property
    def summary(self) -> dict[str, str | None]:
        """The VM's id and name, for errors; the state of the VM is not known here."""
        return {"id": self.uuid, "name": self.name, "state": None}

    @property
    def own_uuid(self) -> str | None:
        """The uuid in the vm.cfg; None if there is none: xend then generates one at each start."""
        return dashed(self.get_text("uuid"))

    @property
    def name(self) -> str:
        """The display name; never empty."""
        return self.get_text("OVM_simple_name") or self.get_text("name") or self.directory

    @property
    def xend_name(self) -> str:
        """The name that xend uses: that in the vm.cfg, else the file's name (xend.md 7)."""
        return self.get_text("name") or ("" if self.config is None else "vm.cfg")

    @property
    def live_names(self) -> tuple[str, ...]:
        """The names that its domain may have in xend's list (xend.md 1.4)."""
        return (self.xend_name, f"migrating-{self.xend_name}")

    @property
    def is_creating(self) -> bool:
        """Whether its description says that it is being created."""
        return disks_in(self.get_text("OVM_description")) is not None

    @property
    def unfinished_disks(self) -> tuple[str, ...]:
        """The names of the future disks that the description of an unfinished VM contains."""
        return tuple(disks_in(self.get_text("OVM_description")) or ())

    @property
    def unfinished_copies(self) -> dict[str, int]:
        """Those of them that are copies, with the sizes of their sources in bytes."""
        found = disks_in(self.get_text("OVM_description")) or {}
        return {name: size for name, size in found.items() if size}

    @property
    def disks(self) -> tuple[DiskEntry, ...]:
        """Its disks and CD drives; empty if the vm.cfg could not be read."""
        return self.config.disks if self.config else ()

    @property
    def vifs(self) -> tuple[Vif, ...]:
        """Its network cards; empty if the vm.cfg could not be read."""
        return self.config.vifs if self.config else ()

    @property
    def files(self) -> frozenset[str]:
        """The names of all files that it may refer to, in any option."""
        return self.config.file_names if self.config else frozenset()

    @property
    def unread(self) -> str | None:
        """Why it may use files that are not in ``files``; None if ``files`` is complete."""
        if self.config is None or self.error is not None:
            return f"{self.place}: {self.error}"
        return (
            None
            if "disk" in self.config.values
            else f"{self.place}: it has no disk list (truncated?)"
        )

    @property
    def notices(self) -> tuple[str, ...]:
        """Warnings about its content; empty if it could not be read."""
        if self.config is None:
            return ()
        if self.own_uuid is not None:
            return self.config.warnings
        used = "its directory's" if dashed(self.directory) else "an id derived from its path"
        no_uuid = f"vm.cfg has no uuid: {used} is used; xend generates one at each start"
        return (no_uuid, *self.config.warnings)

    @property
    def place(self) -> str:
        """Its path in the repository, for messages."""
        return f"{self.repository_id}/{self.folder}/{self.directory}"

    @property
    def label(self) -> str:
        """How messages name a template or an assembly: as listings of images do, and its path."""
        what = "assembly" if self.folder == ASSEMBLIES else "template"
        return f"{what} {self.name!r} ({self.place})"

    def get_text(self, key: str) -> str:
        """An option as text; "" if it is missing or the vm.cfg could not be read."""
        return self.config.get_text(key) if self.config else ""


def matches(domain: Domain, definition: Definition, defined_ids: Collection[str]) -> bool:
    """Whether a live domain certainly belongs to this definition. Pure.

    They match by uuid. If the definition has none, they match by name, and the domain must also
    have all disks that only this definition uses: media in drives and shared disks may be used by
    others.

    :param defined_ids: The uuids of all definitions. A domain with one of them belongs to that one.
    """
    if domain.uuid is not None and domain.uuid == definition.uuid:
        return True
    if not _is_named_so(domain, definition, defined_ids):
        return False
    own = {d.path for d in definition.disks if d.path and not d.is_cdrom and not d.is_shared}
    return domain.uuid is not None and bool(own) and own <= set(domain.disks)


def may_match(domain: Domain, definition: Definition, defined_ids: Collection[str]) -> bool:
    """Whether a live domain may belong to this definition, as far as is known. Pure.

    A domain without a valid uuid may belong to every definition of its name. (One without a name
    as well may belong to any: a list with one is not complete, see :mod:`.domains`.)
    """
    if domain.uuid is None:
        names = (*definition.live_names, definition.directory)
        return bool(domain.name) and domain.name in names
    return domain.uuid == definition.uuid or _is_named_so(domain, definition, defined_ids)


def _is_named_so(domain: Domain, definition: Definition, defined_ids: Collection[str]) -> bool:
    """Whether they match by name where the uuid does not decide: xend generates a uuid at each
    start of a definition without one, and an unread definition may have any."""
    if domain.uuid in defined_ids:
        return False
    if definition.config is None:
        return domain.name in (definition.directory, f"migrating-{definition.directory}")
    return definition.own_uuid is None and domain.name in definition.live_names


def read_definitions(repositories: Sequence[Repository]) -> list[Definition]:
    """Every vm.cfg of a VM: from the repository listing, else by one call per vm.cfg, spread over
    the hosts that have the repository mounted. A listed directory without one counts as not read.
    """
    found, to_read = _came_with_listing(repositories, VIRTUAL_MACHINES)

    def read(numbered: tuple[int, tuple[Repository, str]]) -> Definition:
        number, (repository, directory) = numbered
        views = repository.mounted_on
        first = number % len(views)
        return _read_from([*views[first:], *views[:first]], repository, directory)

    read_now = map_hosts(read, list(enumerate(to_read)), threads=8)
    found += [definition for definition in read_now if isinstance(definition, Definition)]
    return [_with_repository_error(one, repositories) for one in _still_there(repositories, found)]


def _read_from(views: Sequence[HostView], repository: Repository, directory: str) -> Definition:
    """A vm.cfg from the first of these hosts that can read it."""
    first_error = ""
    for view in views:
        try:
            config = view.agent.xen.get_vm_config(repository.id, directory)
        except Ovm3Error as error:
            first_error = first_error or str(error)
            continue
        if isinstance(config, dict):
            return _definition(repository.id, directory, VMConfig(config))
        first_error = first_error or f"{view.label}: get_vm_config returned {config!r}"
    return Definition(repository.id, directory, None, first_error)


def _definition(
    repository_id: str, directory: str, config: VMConfig, folder: str = VIRTUAL_MACHINES
) -> Definition:
    """The definition of a vm.cfg that was read; one that is empty or truncated counts as unread."""
    if folder == VIRTUAL_MACHINES and not {"memory", "disk"} & config.values.keys():
        reason = "it has neither memory nor disks: empty or truncated"
        return Definition(repository_id, directory, None, reason, folder)
    return Definition(repository_id, directory, config, None, folder)


def _with_repository_error(
    definition: Definition, repositories: Sequence[Repository]
) -> Definition:
    """The definition with the error of its repository, if that is ambiguous."""
    for one in repositories:
        if one.id == definition.repository_id and not one.is_clear and not definition.error:
            return replace(definition, error=one.error)
    return definition


def read_templates(repositories: Sequence[Repository]) -> list[Definition]:
    """The vm.cfg of every template that has one: from the listing, else by one call each.

    What get_template_config returns is not documented; anything but a struct counts as not read.
    """
    found, to_read = _came_with_listing(repositories, TEMPLATES)
    return found + [_template(repository, directory) for repository, directory in to_read]


def read_template(repository: Repository, directory: str) -> Definition:
    """The vm.cfg of one template: from the listing, else by one call."""
    came = _came_with_listing([repository], TEMPLATES)[0]
    found = next((one for one in came if one.directory == directory), None)
    return found or _template(repository, directory)


def _template(repository: Repository, directory: str) -> Definition:
    """A template's vm.cfg from the first host that can read it."""
    first_error = ""
    for view in repository.mounted_on:
        try:
            config = view.agent.xen.get_template_config(repository.id, directory)
        except Ovm3Error as error:
            first_error = first_error or str(error)
            continue
        if isinstance(config, dict):
            return _definition(repository.id, directory, VMConfig(config), TEMPLATES)
        first_error = first_error or f"{view.label}: get_template_config did not return a struct"
    return Definition(repository.id, directory, None, first_error, TEMPLATES)


def read_assemblies(repositories: Sequence[Repository]) -> list[Definition]:
    """The vm.cfg files below ``Assemblies``, which only the host module can read. Without it, each
    assembly counts as not read: no source documents what one may contain.
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
                error = "the files that an assembly uses can be read only by the host module"
                found.append(Definition(repository.id, name, None, error, ASSEMBLIES))
    return found


def _came_with_listing(
    repositories: Sequence[Repository], folder: str
) -> tuple[list[Definition], list[tuple[Repository, str]]]:
    """The definitions whose texts came with the listings, and where the others must be read.

    The others are those without a host module, and those whose text is more than plain values: the
    agent, which starts the VM, decides how such a file is read.
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
    """Whether the listing accounts for a vm.cfg: it lists the file, or the directory is not a
    VM's."""
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
    """A VM's directory that has files but no vm.cfg: it was set aside or renamed."""
    if folder == TEMPLATES or not set(files) - _NO_VM:
        return []
    some = ", ".join(files[:5])
    return [Definition(repository_id, directory, None, f"no vm.cfg, but {some}", folder)]


def _parsed(repository_id: str, file: VMCfg | None) -> Definition | None:
    """The definition in a text; None if there is no text, or it is more than plain values."""
    try:
        config = VMConfig.from_text(file.content) if file and file.content is not None else None
    except InvalidArgument:
        return None
    if file is None or config is None:
        return None
    digest = hashlib.md5(file.content or b"", usedforsecurity=False).hexdigest()
    definition = _definition(repository_id, file.directory, config, file.folder)
    return replace(definition, digest=digest)


def _unlisted(repository_id: str, file: VMCfg) -> Definition:
    """A vm.cfg that the host module found and that is missing, or not named, in the listing."""
    definition = _parsed(repository_id, file)
    if definition is None or definition.error:
        reason = file.error or (definition and definition.error) or "it cannot be parsed"
        return Definition(repository_id, file.directory, None, reason, file.folder)
    return replace(definition, error=UNLISTED)


def _still_there(
    repositories: Sequence[Repository], definitions: Sequence[Definition]
) -> list[Definition]:
    """Read the repositories of unreadable definitions again: drop those that were deleted since the
    listing, and take over those that were completed since then."""
    current: dict[str, Definition | None] = {}
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
            if kept and "vm.cfg" not in had.get(one.directory, ()):  # it was missing then
                kept = _read_from(again.mounted_on, again, one.directory)
            current[one.place] = now.get(one.place) or kept
    return [d for d in (current.get(one.place, one) for one in definitions) if d is not None]


def read_definition(view: HostView, repository_id: str, directory: str) -> Definition | None:
    """One definition, read now; None if it is missing or the agent does not read it (question 6).

    :raises Ovm3Error: The host could not be asked.
    """
    try:
        config = view.agent.xen.get_vm_config(repository_id, directory)
    except AgentFault:
        return None
    if not isinstance(config, dict):
        return None
    return _definition(repository_id, directory, VMConfig(config))
