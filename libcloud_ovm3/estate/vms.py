"""The VMs of an estate: all live domains and all definitions, merged by uuid.

Everything is read anew for each snapshot; nothing is remembered between calls.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.identifiers import dashed, if_no_id, undashed
from libcloud_ovm3.agent.texts import text_of
from libcloud_ovm3.errors import (
    AmbiguousName,
    NodeNotFound,
    Ovm3Error,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.estate.addresses import VMAddress, reads_for, with_addresses
from libcloud_ovm3.estate.cards_out import CardOut, with_cards_out
from libcloud_ovm3.estate.definitions import (
    MADE_UP,
    Definition,
    matches,
    may_match,
    read_definitions,
)
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.guards import with_guards
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost, read_hosts
from libcloud_ovm3.estate.hosts_off import HostOff, require_off, split
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, read_repositories
from libcloud_ovm3.estate.states import DefinitionFacts, State, vm_state
from libcloud_ovm3.estate.vm_metadata import VMMetadata, with_metadata


@dataclass(frozen=True)
class LiveDomain:
    """A live domain and its host."""

    host: HostView
    domain: Domain


@dataclass(frozen=True)
class VM:
    """One VM, identified by its uuid: live, defined, or both.

    :ivar id: Its dashed uuid.
    :ivar live: Its live domains; more than one only while it migrates, or in error.
    :ivar definitions: Its vm.cfg files; more than one only in error.
    :ivar doubts: Why no operation on it is allowed although it may look normal, such as a live
        domain that may belong to this VM or to another one.
    :ivar addresses: Its IP addresses, as far as they are known (:mod:`.addresses`).
    :ivar cards_out: The network cards that an operation was about to detach (:mod:`.cards_out`).
    :ivar metadata: What users have noted down of it (:mod:`.vm_metadata`); None: unknown.
    :ivar copied_percent: While it is being created, how far its disks are copied (:mod:`.copied`).
    """

    id: str
    state: State
    live: tuple[LiveDomain, ...]
    definitions: tuple[Definition, ...]
    doubts: tuple[str, ...] = ()
    addresses: tuple[VMAddress, ...] = ()
    cards_out: tuple[CardOut, ...] = ()
    metadata: VMMetadata | None = None
    copied_percent: int | None = None

    @property
    def name(self) -> str:
        """The display name: that of the definition, else its name in xend."""
        defined = [one.name for one in self.definitions if one.config is not None]
        if defined:
            return min(defined)
        live = [one.domain.name for one in self.live if one.domain.name]
        return next(iter([*live, *(one.name for one in self.definitions)]), self.id)

    @property
    def names(self) -> frozenset[str]:
        """Every name that it may have; none of them is free for another VM."""
        names = {self.name, *(definition.name for definition in self.definitions)}
        names |= {one.domain.name for one in self.live if one.domain.name}
        return frozenset(names | {one.get_text("name") for one in self.definitions} - {""})

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.name!r} ({self.id})"

    @property
    def summary(self) -> dict[str, str | None]:
        """Its id, name and state, for errors."""
        return {"id": self.id, "name": self.name, "state": self.state.value}

    @property
    def definition(self) -> Definition:
        """Its only definition.

        :raises PreconditionFailed: No mounted repository has one, or there are several.
        """
        if len(self.definitions) == 1:
            return self.definitions[0]
        if not self.definitions:
            why = "no mounted repository contains its vm.cfg"
            raise PreconditionFailed(f"VM {self.label}: {why}", nodes=[self.summary])
        why = f"has several definitions: {self.where()}"
        raise PreconditionFailed(f"VM {self.label} {why}", nodes=[self.summary])

    def where(self) -> str:
        """Where it is live and defined, for messages."""
        live = [f"live on {one.host.label} as domain {one.domain.domid}" for one in self.live]
        return "; ".join(live + [definition.place for definition in self.definitions])


@dataclass(frozen=True)
class EstateSnapshot:
    """Everything that was read from an estate at one time.

    :ivar hosts: The hosts that answered.
    :ivar unreachable: The hosts that did not, or that were not contacted.
    :ivar repositories: Every repository that a host knows.
    :ivar vms: All VMs, by id.
    :ivar hosts_off: The hosts that count as running nothing, because the user says so.
    :ivar unmatched: Notices of options for hosts that the estate does not have.
    :ivar record_notices: What of recorded addresses and metadata could not be read.
    :ivar card_notices: Which VMs have lost a network card by a change that was interrupted.
    """

    hosts: tuple[HostView, ...]
    unreachable: tuple[UnreachableHost, ...]
    repositories: tuple[Repository, ...]
    vms: dict[str, VM] = field(default_factory=dict)
    hosts_off: tuple[HostOff, ...] = ()
    unmatched: tuple[str, ...] = ()
    record_notices: tuple[str, ...] = ()
    card_notices: tuple[str, ...] = ()

    @property
    def definitions(self) -> list[Definition]:
        """All definitions of VMs."""
        return [definition for vm in self.vms.values() for definition in vm.definitions]

    @property
    def defined_ids(self) -> frozenset[str]:
        """The uuids of all definitions."""
        return frozenset(definition.uuid for definition in self.definitions)

    @property
    def all_answer(self) -> bool:
        """Whether all hosts of the estate have answered, so that none is missing anywhere."""
        return not self.unseen and not self.hosts_off

    @property
    def unseen(self) -> tuple[str, ...]:
        """Why a VM that no host lists may still be running; empty if it is certainly not."""
        return unseen_of(self.hosts, self.unreachable)

    def vm(self, vm_id: str) -> VM:
        """The VM with this id, in any notation.

        :raises NodeNotFound: There is none.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        """
        found = self.vms.get(dashed(vm_id) or vm_id)
        if found is not None:
            return found
        raise self._not_found(f"no VM {vm_id!r} was found{if_no_id(vm_id)}")

    def vm_named(self, name: str) -> VM:
        """The VM with this display name or, if there is none, with this name in xend.

        :raises NodeNotFound: There is none.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises AmbiguousName: There are several.
        """
        found = [vm for vm in self.vms.values() if vm.name == name]
        found = found or [vm for vm in self.vms.values() if name in vm.names]
        if len(found) > 1:
            ids = ", ".join(vm.id for vm in found)
            nodes = [vm.summary for vm in found]
            raise AmbiguousName(f"{len(found)} VMs are named {name!r}: {ids}", nodes=nodes)
        if not found:
            raise self._not_found(f"no VM named {name!r} was found")
        return found[0]

    def vm_called(self, text: str) -> VM:
        """The VM that a person means: by its id if the text is one, else by its name.

        :raises NodeNotFound: There is none.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises AmbiguousName: There are several; or it is the id of one and the name of another.
        """
        key = dashed(text)
        named = [vm for vm in self.vms.values() if vm.name == text]
        if key is None or (named and key not in self.vms and not self.errors()):
            return self.vm_named(text)
        found = self.vm(text)
        others = [vm for vm in named if vm is not found]
        if others:
            ids = ", ".join(vm.id for vm in others)
            raise AmbiguousName(
                f"{text!r} is the id of the VM {found.name!r}, and the name of the VM {ids}",
                nodes=[vm.summary for vm in (found, *others)],
            )
        return found

    def _not_found(self, what: str) -> Ovm3Error:
        """What was not found certainly does not exist only if everything could be read."""
        errors = self.errors() + [host.unread for host in self.hosts_off]
        if not errors:
            return NodeNotFound(what)
        return SearchIncomplete(f"{what}, but not everything could be read: {'; '.join(errors)}")

    def repository(self, repository_id: str) -> Repository | None:
        """The repository with this id, in any notation; None if no host knows it."""
        key = undashed(repository_id) or repository_id
        return next((r for r in self.repositories if r.key == key), None)

    def errors(self) -> list[str]:
        """Everything that could not be read or understood, for warnings."""
        unreadable = [
            f"{definition.place} cannot be {'read' if definition.config is None else 'used'}: "
            f"{definition.error}"
            for definition in self.definitions
            if definition.error and self._is_of_its_own(definition)
        ]
        return (
            [str(one.reason) for one in self.unreachable]
            + [error for host in self.hosts for error in host.errors]
            + [error for repository in self.repositories for error in repository.errors]
            + unreadable
            + [f"VM {vm.label}: {doubt}" for vm in self.vms.values() for doubt in vm.doubts]
            + [
                f"{domain.label} on {host.label}: incomplete record: {domain.disks_error}"
                for host in self.hosts
                for domain in host.domains
                if domain.disks_error
            ]
        )

    def _is_of_its_own(self, definition: Definition) -> bool:
        """Whether its error is not that of its repository, which is reported once."""
        repository = self.repository(definition.repository_id)
        return definition.error != (repository and repository.error)

    def notices(self) -> list[str]:
        """What a user should know although nothing failed, for warnings."""
        left = [
            f"repository {repository.id}: {text_of(one.path)} was set aside by a deletion that may "
            f"be incomplete; ex_put_back({text_of(one.path)!r}, {one.operation!r}) restores it"
            for repository in self.repositories
            for one in repository.aside
        ]
        modules = [host.notice for host in self.hosts if host.notice]
        return [*modules, *left, *self.unmatched, *self.record_notices, *self.card_notices]


def read_estate(estate: Estate, *more: str) -> EstateSnapshot:
    """Read the whole estate: hosts, repositories and definitions.

    :param more: Further reads of each agent that the host module brings along, if there is one
        (:meth:`.HostView.read`).
    :raises PreconditionFailed: A host that the user says is off shows a sign of life.
    :raises Ovm3Error: No host answered.
    """
    hosts, unreachable = read_hosts(estate, *reads_for(estate), *more)
    unmatched = _unmatched(estate, hosts, unreachable)
    off, unreachable = split(estate, hosts, unreachable)
    repositories = read_repositories(hosts)
    require_off(estate, off, hosts, repositories)
    unseen = unseen_of(hosts, unreachable)
    all_answer = not unseen and not off
    definitions = with_guards(read_definitions(repositories), repositories, all_answer, unseen)
    vms = merge_vms(hosts, definitions, all_answered=not unseen)
    vms, notices = with_addresses(vms, hosts, repositories, estate)
    vms, card_notices = with_cards_out(vms, repositories)
    vms, more_notices = with_metadata(vms, repositories)
    return EstateSnapshot(
        hosts=tuple(hosts),
        unreachable=tuple(unreachable),
        repositories=tuple(repositories),
        vms=vms,
        hosts_off=off,
        unmatched=unmatched,
        record_notices=notices + more_notices,
        card_notices=card_notices,
    )


def _unmatched(
    estate: Estate, hosts: Sequence[HostView], unreachable: Sequence[UnreachableHost]
) -> tuple[str, ...]:
    """Notices of options for hosts that are not in the estate, where all its members are known.

    A wrong key is nowhere else an error: the host that was meant gets the usual password.
    """
    missing = {one.address for one in unreachable}
    if missing & set(map(str, estate.given)) or any(one.startswith(":") for one in missing):
        return ()
    if any(host.members_error for host in hosts):
        return ()
    split_up = (one.rpartition(":") for one in sorted(missing))
    members = [Address(host.strip("[]"), int(port)) for host, _, port in split_up]
    members += [one.address for one in hosts]
    names = [Address(one.server.registered_ip, one.address.port) for one in hosts]
    return tuple(estate.unmatched([*estate.given, *members, *names]))


def unseen_of(hosts: Iterable[HostView], unreachable: Iterable[UnreachableHost]) -> tuple[str, ...]:
    """Why more domains may be live than these hosts list; empty if their lists are complete."""
    lists = [error for host in hosts for error in (host.domains_error, host.members_error) if error]
    return (*(str(one.reason) for one in unreachable), *map(str, lists))


def merge_vms(
    hosts: Iterable[HostView], definitions: Sequence[Definition], all_answered: bool
) -> dict[str, VM]:
    """All VMs by id, merged from live domains and definitions. Pure.

    xend generates a uuid at each start of a definition without one, so only such a definition is
    matched with live domains by name and disks. If a live domain may belong to several VMs, all of
    them are in doubt and none counts as stopped.

    :param all_answered: Whether the hosts' lists of domains are complete.
    """
    by_id: dict[str, list[Definition]] = {}
    for definition in definitions:
        by_id.setdefault(definition.uuid, []).append(definition)
    without_uuid = [d for d in definitions if d.own_uuid is None]
    hosts = list(hosts)
    _take_over_ids(by_id, hosts, without_uuid)
    doubts: dict[str, list[str]] = {}
    live: dict[str, list[LiveDomain]] = {}
    for host in hosts:
        for domain in host.domains:
            possible = definitions if domain.uuid is None else without_uuid
            may = {d.uuid for d in possible if may_match(domain, d, by_id.keys())}
            certain = {d.uuid for d in without_uuid if matches(domain, d, by_id.keys())}
            vm_id = domain.uuid or _generated_id(host, domain)
            if domain.uuid in by_id:
                pass
            elif len(may) == 1 and certain == may:
                [vm_id] = may
            else:
                for one in may:
                    doubts.setdefault(one, []).append(f"may be {domain.label} on {host.label}")
            live.setdefault(vm_id, []).append(LiveDomain(host, domain))
        for one in host.unlisted:
            doubts.setdefault(one, []).append(f"is live on {host.label}, but xend does not list it")
    vms = [
        _vm(vm_id, live.get(vm_id, []), by_id.get(vm_id, []), all_answered, doubts.get(vm_id, []))
        for vm_id in dict.fromkeys([*by_id, *live, *doubts])
    ]
    return {vm.id: vm for vm in sorted(vms, key=lambda vm: (vm.name, vm.id))}


def _take_over_ids(
    by_id: dict[str, list[Definition]],
    hosts: Sequence[HostView],
    without_uuid: Sequence[Definition],
) -> None:
    """Give an unread vm.cfg the uuid of the only live domain that it may belong to, so that the VM
    is listed once; if there are several such domains, all stay in doubt."""
    live = [domain for host in hosts for domain in host.domains]
    for definition in without_uuid:
        alone = by_id[definition.uuid] == [definition]
        if definition.config is not None or not alone:
            continue
        may = {domain.uuid for domain in live if may_match(domain, definition, by_id.keys())}
        rivals = [d for d in without_uuid if d.directory == definition.directory]
        if len(may) == 1 and None not in may and len(rivals) == 1:
            by_id[str(may.pop())] = by_id.pop(definition.uuid)


def _generated_id(host: HostView, domain: Domain) -> str:
    return str(uuid.uuid5(MADE_UP, f"{host.server.uuid}/{domain.name}/{domain.domid}"))


def _vm(
    vm_id: str,
    live: list[LiveDomain],
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
        saved=any(one.guard.is_suspended for one in definitions if one.guard),
    )
    state = vm_state([one.domain.facts() for one in live], known)
    return VM(vm_id, state, tuple(live), tuple(definitions), tuple(doubts))
