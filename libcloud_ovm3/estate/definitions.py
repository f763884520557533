"""What VMs are by their vm.cfg files: reading them, and telling which live domain is whose."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.agent.config import DiskEntry, VMConfig
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import AgentFault, InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import HostView, ask_all
from libcloud_ovm3.estate.repositories import Repository, look_at_repository

MADE_UP = uuid.UUID("7f0f4f2e-0c2b-4c7e-9a35-0a2b5ad1c0de")  # for what has no uuid of its own

VIRTUAL_MACHINES, TEMPLATES = "VirtualMachines", "Templates"  # the folders of a repository

_CREATING = re.compile("creating [0-9a-f]{32}")


def creating(operation: str) -> str:
    """The description of a VM that is being created (design.md, rule 2)."""
    return f"creating {operation}"


@dataclass(frozen=True)
class Definition:
    """A vm.cfg in a repository.

    :ivar config: what it says; None if it could not be read, ``problem`` then says why.
    :ivar folder: ``VirtualMachines`` or ``Templates``.
    """

    repository_id: str
    directory: str
    config: dict[str, Any] | None
    problem: str | None = None
    folder: str = VIRTUAL_MACHINES

    @cached_property
    def settings(self) -> VMConfig:
        """What it says, understood; nothing, if it could not be read."""
        return VMConfig(self.config or {})

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
        return dashed(self.say("uuid"))

    @property
    def name(self) -> str:
        """The display name; never empty."""
        return self.say("OVM_simple_name") or self.say("name") or self.directory

    @property
    def xend_name(self) -> str:
        """The name that xend is given: without one, the file's own (xend.md 7)."""
        return self.say("name") or ("" if self.config is None else "vm.cfg")

    @property
    def live_names(self) -> tuple[str, ...]:
        """The names under which its domain may be listed (xend.md 1.4)."""
        return (self.xend_name, f"migrating-{self.xend_name}")

    @property
    def is_creating(self) -> bool:
        """Whether it says of itself that it is unfinished."""
        return bool(_CREATING.fullmatch(self.say("OVM_description")))

    @property
    def disks(self) -> tuple[DiskEntry, ...]:
        """Its disks, drives included."""
        return self.settings.disks

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is odd about it and yet no error; nothing, if it could not be read."""
        if self.config is None or self.own_uuid is not None:
            return self.settings.oddities
        known_by = "its directory's" if dashed(self.directory) else "an id made of its place"
        nameless = f"vm.cfg has no uuid: known by {known_by}; xend makes up one at each start"
        return (nameless, *self.settings.oddities)

    @property
    def place(self) -> str:
        """Where it lies, for messages."""
        return f"{self.repository_id}/{self.folder}/{self.directory}"

    def say(self, key: str) -> str:
        """A text of it, "" if it has none."""
        return self.settings.say(key)


def is_of(domain: Domain, definition: Definition, defined_ids: Collection[str]) -> bool:
    """Whether a live domain may be this definition's: by uuid, or by name if it has none. Pure.

    :param defined_ids: the uuids of all definitions: a domain that has one of them is that one's.
    """
    if domain.uuid == definition.uuid:
        return True
    if definition.own_uuid is not None or definition.config is None or domain.uuid in defined_ids:
        return False
    return domain.name in definition.live_names


def read_definitions(repositories: Sequence[Repository]) -> list[Definition]:
    """Every vm.cfg of a VM: as it came with the listing, else one call, spread over the hosts that
    have them mounted.
    """
    found, to_read = _came_with_listing(repositories, VIRTUAL_MACHINES)

    def read(numbered: tuple[int, tuple[Repository, str]]) -> Definition:
        number, (repository, directory) = numbered
        view = repository.mounted_on[number % len(repository.mounted_on)]
        try:
            config = view.agent.xen.get_vm_config(repository.id, directory)
        except Ovm3Error as error:
            return Definition(repository.id, directory, None, str(error))
        if not isinstance(config, dict):
            return Definition(repository.id, directory, None, f"{view.label} answered {config!r}")
        return Definition(repository.id, directory, config)

    answers = ask_all(read, list(enumerate(to_read)), threads=8)
    found += [definition for definition in answers if isinstance(definition, Definition)]
    return _still_there(repositories, found)


def read_templates(repositories: Sequence[Repository]) -> list[Definition]:
    """The vm.cfg of every template that has one: as it came with the listing, else one call.

    What get_template_config answers is not documented; anything but a struct counts as not read.
    """
    found, to_read = _came_with_listing(repositories, TEMPLATES)
    for repository, directory in to_read:
        config, problem = None, "not a struct"
        try:
            agent = repository.mounted_on[0].agent
            config = agent.xen.get_template_config(repository.id, directory)
        except Ovm3Error as error:
            problem = str(error)
        if isinstance(config, dict):
            found.append(Definition(repository.id, directory, config, None, TEMPLATES))
        else:
            found.append(Definition(repository.id, directory, None, problem, TEMPLATES))
    return found


def _came_with_listing(
    repositories: Sequence[Repository], folder: str
) -> tuple[list[Definition], list[tuple[Repository, str]]]:
    """The definitions whose texts came with the listings, and where the others are to be read.

    The others: no host module there, or a text that is more than values. What the agent, which is
    to start the VM, makes of such a one is for the agent to say.
    """
    found, others = [], []
    for repository in repositories:
        for directory in _with_vm_cfg(repository, folder):
            file = repository.vm_cfgs.get((folder, directory))
            try:
                config = vmcfg.parse(file.content) if file and file.content is not None else None
            except InvalidArgument:
                config = None
            if config is None:
                others.append((repository, directory))
            else:
                sent = {key: _as_sent(value) for key, value in config.items()}
                found.append(Definition(repository.id, directory, sent, None, folder))
    return found, others


def _with_vm_cfg(repository: Repository, folder: str) -> list[str]:
    content = repository.content
    if content is None:
        return []
    folders = content.templates if folder == TEMPLATES else content.virtual_machines
    return [one.name for one in folders if "vm.cfg" in one.files]


def _as_sent(value: Any) -> Any:
    """A value of a vm.cfg as it looks after XML-RPC, which knows no tuples."""
    if isinstance(value, list | tuple):
        return [_as_sent(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_sent(item) for key, item in value.items()}
    return value


def _still_there(
    repositories: Sequence[Repository], definitions: Sequence[Definition]
) -> list[Definition]:
    """Without those that could not be read because somebody has deleted them since the listing."""
    gone: set[str] = set()
    for repository in repositories:
        broken = [d for d in definitions if d.config is None and d.repository_id == repository.id]
        if not broken:
            continue
        content = look_at_repository(repository.record, repository.mounted_on).content
        if content is not None:
            there = {folder.name for folder in content.virtual_machines}
            gone |= {d.place for d in broken if d.directory not in there}
    return [definition for definition in definitions if definition.place not in gone]


def read_definition(view: HostView, repository_id: str, directory: str) -> Definition | None:
    """One definition; None if there is none, or if the agent refuses to read it (question 6)."""
    try:
        config = view.agent.xen.get_vm_config(repository_id, directory)
    except AgentFault:
        return None
    return Definition(repository_id, directory, config) if isinstance(config, dict) else None
