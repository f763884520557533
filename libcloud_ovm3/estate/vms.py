"""The estate's VMs: every live domain and every definition, put together by uuid.

All of it is read anew at each look; nothing is remembered between calls, here or anywhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.errors import AmbiguousName, NodeNotFound, NotKnown, Ovm3Error, Refused
from libcloud_ovm3.estate.definitions import MADE_UP, Definition, is_of, read_definitions
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import Estate, HostView, Silent, look_at_hosts
from libcloud_ovm3.estate.repositories import Repository, look_at_repositories
from libcloud_ovm3.estate.states import Known, State, vm_state


@dataclass(frozen=True)
class Place:
    """A live domain and the host that it is on."""

    host: HostView
    domain: Domain


@dataclass(frozen=True)
class VM:
    """One VM, known by its uuid: live, defined, or both.

    :ivar is_unclear: a domain is live that may be this VM's or another's: neither has a uuid.
    """

    id: str
    state: State
    places: tuple[Place, ...]
    definitions: tuple[Definition, ...]
    is_unclear: bool = False

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

    @property
    def definitions(self) -> list[Definition]:
        """All definitions of VMs."""
        return [definition for vm in self.vms.values() for definition in vm.definitions]

    @property
    def defined_ids(self) -> frozenset[str]:
        """The uuids of all definitions."""
        return frozenset(definition.uuid for definition in self.definitions)

    def vm(self, vm_id: str) -> VM:
        """The VM of this id.

        :raises NodeNotFound: there is none.
        :raises NotKnown: it may be where something could not be read.
        """
        found = self.vms.get(dashed(vm_id) or vm_id)
        if found is not None:
            return found
        raise self._not_found(f"no VM {vm_id!r} in the estate")

    def vm_named(self, name: str) -> VM:
        """The VM of this display name.

        :raises NodeNotFound: there is none.
        :raises NotKnown: it may be where something could not be read.
        :raises AmbiguousName: there are several.
        """
        found = [vm for vm in self.vms.values() if vm.name == name]
        if len(found) > 1:
            ids = ", ".join(vm.id for vm in found)
            raise AmbiguousName(f"{len(found)} VMs are named {name!r}: {ids}")
        if not found:
            raise self._not_found(f"no VM named {name!r} in the estate")
        return found[0]

    def repository(self, repository_id: str) -> Repository | None:
        """The repository of this id, if some host knows it."""
        return next((r for r in self.repositories if r.id == undashed(repository_id)), None)

    def problems(self) -> list[str]:
        """What could not be read, for warnings."""
        unreadable = [
            f"{definition.place} cannot be read: {definition.problem}"
            for definition in self.definitions
            if definition.problem
        ]
        return (
            [str(one.reason) for one in self.silent]
            + [repository.problem for repository in self.repositories if repository.problem]
            + unreadable
        )

    def remarks(self) -> list[str]:
        """What a user should know though nothing failed, for warnings."""
        return [host.remark for host in self.hosts if host.remark]

    def _not_found(self, what: str) -> Ovm3Error:
        """Only what has been read is known not to be there."""
        problems = self.problems()
        if problems:
            return NotKnown(f"{what}, as far as it could be read; it may be where {problems[0]}")
        return NodeNotFound(what)


def survey(estate: Estate, *more: str) -> Survey:
    """Look at the whole estate: hosts, repositories, definitions.

    :param more: further reads of each agent that are wanted if they cost no call of their own.
    :raises Ovm3Error: no host answered.
    """
    hosts, silent = look_at_hosts(estate, *more)
    repositories = look_at_repositories(hosts)
    return Survey(
        hosts=tuple(hosts),
        silent=tuple(silent),
        repositories=tuple(repositories),
        vms=put_together(hosts, read_definitions(repositories), all_answered=not silent),
    )


def put_together(
    hosts: Iterable[HostView], definitions: Sequence[Definition], all_answered: bool
) -> dict[str, VM]:
    """VMs by uuid, from what is live and what is defined. Pure.

    A definition without a uuid gets a new one from xend at each start, so it, and only it, is found
    among the live domains by name. Where several such definitions have the name of one domain, it
    is unclear which of them runs: none of them is taken for stopped.
    """
    by_id: dict[str, list[Definition]] = {}
    for definition in definitions:
        by_id.setdefault(definition.uuid, []).append(definition)
    nameless = [d for d in definitions if d.config is not None and d.own_uuid is None]
    places: dict[str, list[Place]] = {}
    unclear: set[str] = set()
    for host in hosts:
        for domain in host.domains:
            by_name = {d.uuid for d in nameless if is_of(domain, d, by_id.keys())}
            unclear |= by_name if len(by_name) > 1 else set()
            [vm_id] = by_name if len(by_name) == 1 else [domain.uuid or _made_up(host, domain)]
            places.setdefault(vm_id, []).append(Place(host, domain))
    vms = [
        _vm(vm_id, places.get(vm_id, []), by_id.get(vm_id, []), all_answered, vm_id in unclear)
        for vm_id in dict.fromkeys([*by_id, *places])
    ]
    return {vm.id: vm for vm in sorted(vms, key=lambda vm: (vm.name, vm.id))}


def _made_up(host: HostView, domain: Domain) -> str:
    return str(uuid.uuid5(MADE_UP, f"{host.server.uuid}/{domain.name}"))


def _vm(
    vm_id: str,
    places: list[Place],
    definitions: list[Definition],
    all_answered: bool,
    is_unclear: bool,
) -> VM:
    first = definitions[0] if definitions else None
    known = Known(
        definitions=len(definitions),
        readable=all(definition.config is not None for definition in definitions),
        creating=bool(first and first.is_creating),
        name=first.xend_name if first else "",
        all_answered=all_answered and not is_unclear,
    )
    state = vm_state([place.domain.as_sighting() for place in places], known)
    return VM(vm_id, state, tuple(places), tuple(definitions), is_unclear)
