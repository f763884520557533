"""The estate's VMs: every live domain and every definition, put together by uuid.

All of it is read anew at each look; nothing is remembered between calls, here or anywhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.agent.texts import text_of
from libcloud_ovm3.errors import (
    AmbiguousName,
    NodeNotFound,
    Ovm3Error,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.estate.definitions import (
    MADE_UP,
    Definition,
    matches,
    may_match,
    read_definitions,
)
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost, read_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, read_repositories
from libcloud_ovm3.estate.states import DefinitionFacts, State, vm_state


@dataclass(frozen=True)
class LiveDomain:
    """A live domain and the host that it is on."""

    host: HostView
    domain: Domain


@dataclass(frozen=True)
class VM:
    """One VM, known by its uuid: live, defined, or both.

    :ivar doubts: why nothing may be done to it, though it may look well: a live domain that may be
        this VM's or another's, a vm.cfg that cannot be relied upon.
    """

    id: str
    state: State
    live: tuple[LiveDomain, ...]
    definitions: tuple[Definition, ...]
    doubts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The display name: from the definition, else what xend calls it."""
        said = [d.name for d in self.definitions if d.config is not None]
        live = [place.domain.name for place in self.live if place.domain.name]
        return next(iter([*sorted(said), *live, *(d.name for d in self.definitions)]), self.id)

    @property
    def names(self) -> frozenset[str]:
        """Every name that it may go by; none of them is free."""
        names = {self.name, *(definition.name for definition in self.definitions)}
        names |= {place.domain.name for place in self.live if place.domain.name}
        return frozenset(names | {one.get_text("name") for one in self.definitions} - {""})

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
            raise PreconditionFailed(
                f"VM {self.label}: no vm.cfg of it in any repository that is mounted"
            )
        raise PreconditionFailed(f"VM {self.label} has several definitions: {self.where()}")

    def where(self) -> str:
        """Every place that it is live or defined in, for messages."""
        live = [f"live on {p.host.label} as domain {p.domain.domid}" for p in self.live]
        return "; ".join(live + [definition.place for definition in self.definitions])


@dataclass(frozen=True)
class EstateSnapshot:
    """Everything that one look at the estate has seen."""

    hosts: tuple[HostView, ...]
    unreachable: tuple[UnreachableHost, ...]
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

    @property
    def unseen(self) -> tuple[str, ...]:
        """Why a VM that no host lists may be running all the same; none: it is not."""
        return unseen_of(self.hosts, self.unreachable)

    def vm(self, vm_id: str) -> VM:
        """The VM of this id, in any notation.

        :raises NodeNotFound: there is none.
        :raises SearchIncomplete: it may be where something could not be read.
        """
        found = self.vms.get(dashed(vm_id) or vm_id)
        if found is not None:
            return found
        raise self._not_found(f"no VM {vm_id!r} in the estate")

    def vm_named(self, name: str) -> VM:
        """The VM of this display name.

        :raises NodeNotFound: there is none.
        :raises SearchIncomplete: it may be where something could not be read.
        :raises AmbiguousName: there are several.
        """
        found = [vm for vm in self.vms.values() if vm.name == name]
        found = found or [vm for vm in self.vms.values() if name in vm.names]
        if len(found) > 1:
            ids = ", ".join(vm.id for vm in found)
            raise AmbiguousName(f"{len(found)} VMs are named {name!r}: {ids}")
        if not found:
            raise self._not_found(f"no VM named {name!r} in the estate")
        return found[0]

    def _not_found(self, what: str) -> Ovm3Error:
        """Only if everything was read is it certain that something is not there."""
        problems = self.errors()
        if not problems:
            return NodeNotFound(what)
        return SearchIncomplete(
            f"{what}, as far as it could be read; not read: {'; '.join(problems)}"
        )

    def repository(self, repository_id: str) -> Repository | None:
        """The repository of this id, if some host knows it."""
        key = undashed(repository_id) or repository_id
        return next((r for r in self.repositories if r.key == key), None)

    def errors(self) -> list[str]:
        """What could not be read or understood, for warnings."""
        unreadable = [
            f"{definition.place} cannot be {'read' if definition.config is None else 'used'}: "
            f"{definition.error}"
            for definition in self.definitions
            if definition.error and self._is_of_its_own(definition)
        ]
        return (
            [str(one.reason) for one in self.unreachable]
            + [problem for host in self.hosts for problem in host.errors]
            + [problem for repository in self.repositories for problem in repository.errors]
            + unreadable
            + [f"VM {vm.label}: {doubt}" for vm in self.vms.values() for doubt in vm.doubts]
            + [
                f"{domain.label} on {host.label}: not a whole record: {domain.disks_error}"
                for host in self.hosts
                for domain in host.domains
                if domain.disks_error
            ]
        )

    def _is_of_its_own(self, definition: Definition) -> bool:
        """Whether its problem is not its repository's, which is told of once."""
        repository = self.repository(definition.repository_id)
        return definition.error != (repository and repository.error)

    def notices(self) -> list[str]:
        """What a user should know though nothing failed, for warnings."""
        left = [
            f"repository {repository.id}: {text_of(one.path)} was set aside by a deletion that may "
            f"have broken off; ex_put_back({text_of(one.path)!r}, {one.operation!r}) puts it back"
            for repository in self.repositories
            for one in repository.aside
        ]
        return [host.notice for host in self.hosts if host.notice] + left


def read_estate(estate: Estate, *more: str) -> EstateSnapshot:
    """Look at the whole estate: hosts, repositories, definitions.

    :param more: further reads of each agent that are wanted if they cost no call of their own.
    :raises Ovm3Error: no host answered.
    """
    hosts, silent = read_hosts(estate, *more)
    repositories = read_repositories(hosts)
    unseen = unseen_of(hosts, silent)
    return EstateSnapshot(
        hosts=tuple(hosts),
        unreachable=tuple(silent),
        repositories=tuple(repositories),
        vms=merge_vms(hosts, read_definitions(repositories), all_answered=not unseen),
    )


def unseen_of(hosts: Iterable[HostView], silent: Iterable[UnreachableHost]) -> tuple[str, ...]:
    """Why more may be live than these hosts list."""
    lists = [str(host.domains_error) for host in hosts if host.domains_error]
    return (*(str(one.reason) for one in silent), *lists)


def merge_vms(
    hosts: Iterable[HostView], definitions: Sequence[Definition], all_answered: bool
) -> dict[str, VM]:
    """VMs by uuid, from what is live and what is defined. Pure.

    A definition without a uuid gets a new one from xend at each start, so it, and only it, is found
    among the live domains by name and disks. Whatever else a live domain may be is in doubt: none
    of these VMs is taken for stopped.
    """
    by_id: dict[str, list[Definition]] = {}
    for definition in definitions:
        by_id.setdefault(definition.uuid, []).append(definition)
    nameless = [d for d in definitions if d.own_uuid is None]
    hosts = list(hosts)
    _take_over_ids(by_id, hosts, nameless)
    doubts: dict[str, list[str]] = {}
    places: dict[str, list[LiveDomain]] = {}
    for host in hosts:
        for domain in host.domains:
            possible = definitions if domain.uuid is None else nameless
            may = {d.uuid for d in possible if may_match(domain, d, by_id.keys())}
            its = {d.uuid for d in nameless if matches(domain, d, by_id.keys())}
            vm_id = domain.uuid or _made_up(host, domain)
            if domain.uuid in by_id:
                pass
            elif len(may) == 1 and its == may:
                [vm_id] = may
            else:
                for one in may:
                    doubts.setdefault(one, []).append(f"may be {domain.label} on {host.label}")
            places.setdefault(vm_id, []).append(LiveDomain(host, domain))
        for one in host.unlisted:
            doubts.setdefault(one, []).append(
                f"lives on {host.label}, though xend does not list it"
            )
    vms = [
        _vm(vm_id, places.get(vm_id, []), by_id.get(vm_id, []), all_answered, doubts.get(vm_id, []))
        for vm_id in dict.fromkeys([*by_id, *places, *doubts])
    ]
    return {vm.id: vm for vm in sorted(vms, key=lambda vm: (vm.name, vm.id))}


def _take_over_ids(
    by_id: dict[str, list[Definition]],
    hosts: Sequence[HostView],
    nameless: Sequence[Definition],
) -> None:
    """A vm.cfg that is not read and the one live domain that it may be are listed once, by the
    domain's uuid; if there are several, all are in doubt."""
    live = [domain for host in hosts for domain in host.domains]
    for definition in nameless:
        alone = by_id[definition.uuid] == [definition]
        if definition.config is not None or not alone:
            continue
        may = {domain.uuid for domain in live if may_match(domain, definition, by_id.keys())}
        rivals = [d for d in nameless if d.directory == definition.directory]
        if len(may) == 1 and None not in may and len(rivals) == 1:
            by_id[str(may.pop())] = by_id.pop(definition.uuid)


def _made_up(host: HostView, domain: Domain) -> str:
    return str(uuid.uuid5(MADE_UP, f"{host.server.uuid}/{domain.name}/{domain.domid}"))


def _vm(
    vm_id: str,
    places: list[LiveDomain],
    definitions: list[Definition],
    all_answered: bool,
    doubts: Sequence[str],
) -> VM:
    first = definitions[0] if definitions else None
    known = DefinitionFacts(
        definitions=len(definitions),
        readable=all(definition.error is None for definition in definitions),
        creating=bool(first and first.is_creating and not doubts),
        name=first.xend_name if first else "",
        all_answered=all_answered and not doubts,
    )
    state = vm_state([place.domain.facts() for place in places], known)
    return VM(vm_id, state, tuple(places), tuple(definitions), tuple(doubts))
