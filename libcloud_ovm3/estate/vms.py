"""The estate's VMs: every live domain and every definition, put together by uuid.

All of it is read anew at each look; nothing is remembered between calls, here or anywhere.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from libcloud_ovm3.agent.config import DiskEntry, disks_of
from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.errors import AgentFault, AmbiguousName, NodeNotFound, Ovm3Error, Refused
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import Estate, HostView, Silent, ask_all, describe, look_at_hosts
from libcloud_ovm3.estate.repositories import (
    Repository,
    look_at_repositories,
    look_at_repository,
)
from libcloud_ovm3.estate.states import Known, State, vm_state

_CREATING = re.compile("creating [0-9a-f]{32}")
_MADE_UP = uuid.UUID("7f0f4f2e-0c2b-4c7e-9a35-0a2b5ad1c0de")  # for definitions that have no uuid


def creating(operation: str) -> str:
    """The description of a VM that is being created (design.md, rule 2)."""
    return f"creating {operation}"


@dataclass(frozen=True)
class Definition:
    """A vm.cfg in a repository.

    :ivar config: what it says; None if it could not be read, ``problem`` then says why.
    """

    repository_id: str
    directory: str
    config: dict[str, Any] | None
    problem: str | None = None

    @property
    def uuid(self) -> str:
        """The VM's dashed uuid: the definition's, else the directory's, else a made-up one."""
        return (
            self.own_uuid
            or dashed(self.directory)
            or str(uuid.uuid5(_MADE_UP, f"{self.repository_id}/{self.directory}"))
        )

    @property
    def own_uuid(self) -> str | None:
        """The uuid that the definition itself gives. Without it xend makes one up at each start."""
        return dashed(self.say("uuid"))

    @property
    def name(self) -> str:
        """The display name; never empty."""
        return self.say("OVM_simple_name") or self.xend_name or self.directory

    @property
    def xend_name(self) -> str:
        """The name that xend is given."""
        return self.say("name")

    @property
    def is_creating(self) -> bool:
        """Whether it says of itself that it is unfinished."""
        return bool(_CREATING.fullmatch(self.say("OVM_description")))

    @property
    def disks(self) -> tuple[DiskEntry, ...]:
        """Its disks, drives included."""
        return disks_of(self.config or {})

    @property
    def place(self) -> str:
        """Where it lies, for messages."""
        return f"{self.repository_id}/VirtualMachines/{self.directory}"

    def say(self, key: str) -> str:
        """A text of it, "" if it has none."""
        value = (self.config or {}).get(key)
        return "" if value is None else str(value).strip()


@dataclass(frozen=True)
class Place:
    """A live domain and the host that it is on."""

    host: HostView
    domain: Domain


@dataclass(frozen=True)
class VM:
    """One VM, known by its uuid: live, defined, or both."""

    id: str
    state: State
    places: tuple[Place, ...]
    definitions: tuple[Definition, ...]

    @property
    def name(self) -> str:
        """The display name: from the definition, else what xend calls it."""
        for definition in self.definitions:
            if definition.config is not None:
                return definition.name
        live = [place.domain.name for place in self.places if place.domain.name]
        return live[0] if live else (self.definitions[0].name if self.definitions else self.id)

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.name!r} ({self.id})"

    @property
    def definition(self) -> Definition:
        """Its one definition.

        :raises Refused: it has none that is known here, or several.
        """
        if len(self.definitions) == 1:
            return self.definitions[0]
        if not self.definitions:
            raise Refused(f"VM {self.label}: no vm.cfg of it in any repository that is mounted")
        raise Refused(f"VM {self.label} has several definitions: {self.where()}")

    def where(self) -> str:
        """Every place that it is live or defined in, for messages."""
        live = [f"live on {p.host.label} as domain {p.domain.domid}" for p in self.places]
        return "; ".join(live + [definition.place for definition in self.definitions])


@dataclass(frozen=True)
class Survey:
    """Everything that one look at the estate has seen."""

    hosts: tuple[HostView, ...]
    silent: tuple[Silent, ...]
    repositories: tuple[Repository, ...]
    vms: dict[str, VM] = field(default_factory=dict)

    def vm(self, vm_id: str) -> VM:
        """The VM of this id.

        :raises NodeNotFound: there is none; says which hosts could not be asked.
        """
        found = self.vms.get(dashed(vm_id) or vm_id)
        if found is not None:
            return found
        raise NodeNotFound(f"no VM {vm_id!r} in the estate{self._but_silent()}")

    def vm_named(self, name: str) -> VM:
        """The VM of this display name.

        :raises NodeNotFound: there is none.
        :raises AmbiguousName: there are several.
        """
        found = [vm for vm in self.vms.values() if vm.name == name]
        if len(found) > 1:
            ids = ", ".join(vm.id for vm in found)
            raise AmbiguousName(f"{len(found)} VMs are named {name!r}: {ids}")
        if not found:
            raise NodeNotFound(f"no VM named {name!r} in the estate{self._but_silent()}")
        return found[0]

    def repository(self, repository_id: str) -> Repository | None:
        """The repository of this id, if some host knows it."""
        return next((r for r in self.repositories if r.id == undashed(repository_id)), None)

    def problems(self) -> list[str]:
        """What could not be read, for warnings."""
        unreadable = [
            f"{definition.place} cannot be read: {definition.problem}"
            for vm in self.vms.values()
            for definition in vm.definitions
            if definition.problem
        ]
        return (
            [str(one.reason) for one in self.silent]
            + [repository.problem for repository in self.repositories if repository.problem]
            + unreadable
        )

    def _but_silent(self) -> str:
        return f"; not asked: {describe(self.silent)}" if self.silent else ""


def survey(estate: Estate, only: Iterable[str] = ()) -> Survey:
    """Look at the whole estate: hosts, repositories, definitions.

    :param only: ids of VMs: read no other definitions than theirs, where directories tell.
    :raises Ovm3Error: no host answered.
    """
    hosts, silent = look_at_hosts(estate)
    repositories = look_at_repositories(hosts)
    listed = [
        (repository, folder.name)
        for repository in repositories
        if repository.content is not None
        for folder in repository.content.virtual_machines
        if "vm.cfg" in folder.files
    ]
    wanted = {dashed(vm_id) for vm_id in only}
    chosen = [pair for pair in listed if dashed(pair[1]) in wanted]
    all_found = wanted and wanted <= {dashed(directory) for _, directory in chosen}
    definitions = _still_there(repositories, read_definitions(chosen if all_found else listed))
    return Survey(
        hosts=tuple(hosts),
        silent=tuple(silent),
        repositories=tuple(repositories),
        vms=put_together(hosts, definitions, all_answered=not silent),
    )


def read_definitions(listed: Sequence[tuple[Repository, str]]) -> list[Definition]:
    """Read these vm.cfg files, one call each, spread over the hosts that have them mounted."""

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

    answers = ask_all(read, list(enumerate(listed)), threads=8)
    return [answer for answer in answers if isinstance(answer, Definition)]


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


def put_together(
    hosts: Iterable[HostView], definitions: Sequence[Definition], all_answered: bool
) -> dict[str, VM]:
    """VMs by uuid, from what is live and what is defined. Pure.

    A definition without a uuid gets a new one from xend at each start, so it, and only it, is found
    among the live domains by name.
    """
    by_id: dict[str, list[Definition]] = {}
    for definition in definitions:
        by_id.setdefault(definition.uuid, []).append(definition)
    nameless = {d.xend_name: d.uuid for d in definitions if d.config is not None and not d.own_uuid}
    places: dict[str, list[Place]] = {}
    for host in hosts:
        for domain in host.domains:
            vm_id = domain.uuid
            if vm_id not in by_id and domain.name in nameless:
                vm_id = nameless[domain.name]
            vm_id = vm_id or str(uuid.uuid5(_MADE_UP, f"{host.server.uuid}/{domain.name}"))
            places.setdefault(vm_id, []).append(Place(host, domain))
    ids = dict.fromkeys([*by_id, *places])
    vms = [_vm(i, places.get(i, []), by_id.get(i, []), all_answered) for i in ids]
    return {vm.id: vm for vm in sorted(vms, key=lambda vm: (vm.name, vm.id))}


def _vm(vm_id: str, places: list[Place], definitions: list[Definition], all_answered: bool) -> VM:
    first = definitions[0] if definitions else None
    known = Known(
        definitions=len(definitions),
        readable=all(definition.config is not None for definition in definitions),
        creating=bool(first and first.is_creating),
        name=first.xend_name if first else "",
        all_answered=all_answered,
    )
    state = vm_state([place.domain.as_sighting() for place in places], known)
    return VM(vm_id, state, tuple(places), tuple(definitions))
