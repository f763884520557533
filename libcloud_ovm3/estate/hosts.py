"""The hosts of an estate, read in parallel.

An unreachable host does not prevent the others from being read; it is reported as unreachable,
because what it runs is then unknown. A host that answers only some reads is a view with errors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from libcloud_ovm3.agent import catalogue, documents
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.agent.liveness import is_silence
from libcloud_ovm3.errors import (
    AgentFault,
    BadCredentials,
    DuplicateServerId,
    HostNotVerified,
    HostUnreachable,
    MalformedResponse,
    OutcomeUnknown,
    Ovm3Error,
)
from libcloud_ovm3.estate.domains import Domain, read_domains, whole_list
from libcloud_ovm3.estate.members import Estate, ModuleAnswers, ask_module

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule

CLAIMS = (1, 2)  # the forms of claims that this package knows; 2: VMs are migrated and saved, too
_T = TypeVar("_T")
_R = TypeVar("_R")

MAX_THREADS = 32  # in parallel, for one read of many hosts

_BASIC_READS = ("discover_server", "list_vms", "discover_repository_db")
POOL = "discover_server_pool"
# Errors of a single call; the host itself is reachable.
_OF_ONE_CALL = (AgentFault, OutcomeUnknown)
HARDWARE = "discover_hardware"
BOOT_TIME = "get_last_boot_time"


@dataclass(frozen=True)
class UnreachableHost:
    """A host that did not answer, or that was not contacted.

    :ivar address: Its address, with the port.
    :ivar reason: The error, or why it was not contacted.
    """

    address: str
    reason: Ovm3Error

    @property
    def kind(self) -> str:
        """``unverified`` (not contacted: neither pin nor CA), ``password`` (credentials rejected),
        ``duplicate`` (it has another host's server uuid), else ``unreachable``."""
        if isinstance(self.reason, HostNotVerified):
            return "unverified"
        if isinstance(self.reason, BadCredentials):
            return "password"
        return "duplicate" if isinstance(self.reason, DuplicateServerId) else "unreachable"


@dataclass(frozen=True)
class HostView:
    """What was read from one host.

    :ivar domains: The domains that it runs, as far as they could be read.
    :ivar repositories: Its records of repositories, mounted or not.
    :ivar module: Its host module; None if there is none that can be used.
    :ivar module_api: The module's number; 0 if it did not say.
    :ivar claims: The form of its claims of VMs; 0: it has none.
    :ivar answers: The agent's responses that the module brought, by function name (see
        :meth:`read`).
    :ivar notice: What is wrong with its module, and what to do.
    :ivar domains_error: Why it may run more than ``domains``; None if the list is complete.
    :ivar members_error: Why its pool may have more members than were read; None if it has not.
    :ivar repositories_error: Why it may have more repositories; None if the list is complete.
    :ivar unlisted: The uuids of domains that xenstore has and xend's list lacks, by its module.
    """

    address: Address
    agent: Agent
    server: documents.Server
    domains: tuple[Domain, ...]
    repositories: tuple[documents.RepositoryRecord, ...]
    module: HostModule | None = field(default=None, compare=False)
    answers: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    notice: str | None = None
    domains_error: Ovm3Error | None = None
    members_error: Ovm3Error | None = None
    repositories_error: Ovm3Error | None = None
    unlisted: tuple[str, ...] = ()
    module_api: int = field(default=0, compare=False)
    claims: int = field(default=0, compare=False)

    @property
    def module2(self) -> HostModule | None:
        """Its host module if that has the functions of API 2; else None."""
        return self.module if self.module_api >= 2 else None

    @property
    def module3(self) -> HostModule | None:
        """The same with the functions of API 3."""
        return self.module if self.module_api >= 3 else None

    @property
    def module_claims(self) -> HostModule | None:
        """The same with claims of VMs, of a form that this package knows (docs/claims.md)."""
        return self.module3 if self.claims in CLAIMS else None

    @property
    def module_moves(self) -> HostModule | None:
        """The same that migrates, saves and restores VMs through their claims."""
        return self.module_claims if self.claims >= 2 else None

    @property
    def id(self) -> str:
        """The server uuid, 32 hex digits; of a server that does not report one, its address."""
        return self.server.uuid or str(self.address)

    @property
    def name(self) -> str:
        """How lists name it."""
        return self.server.hostname or self.address.host

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.name} ({self.address})"

    @property
    def errors(self) -> tuple[str, ...]:
        """What could not be read from it, for messages."""
        errors = (self.domains_error, self.members_error, self.repositories_error)
        return tuple(str(error) for error in errors if error)

    def read(self, function: str) -> Any:
        """The response of one of the agent's reads that take no arguments.

        It is what the host module brought with this view; what it did not bring, the agent is asked
        for now, in one call.

        :param function: The agent's name of it, such as ``discover_hardware``.
        :raises Ovm3Error: The agent did not answer.
        """
        return _read(self.agent, self.answers, function)


def _read(agent: Agent, brought: Mapping[str, Any], function: str) -> Any:
    """One read: what the module brought, be it empty, else the agent's own response."""
    response = brought.get(function)
    if response is not None:
        return response
    group = getattr(agent, catalogue.functions()[function].group)
    return getattr(group, function)()


def map_hosts(
    function: Callable[[_T], _R], items: Sequence[_T], threads: int = MAX_THREADS
) -> list[_R | Ovm3Error]:
    """Call a function for each item in parallel. An Ovm3Error takes the place of its result."""

    def call(item: _T) -> _R | Ovm3Error:
        try:
            return function(item)
        except Ovm3Error as error:
            return error

    if len(items) <= 1:
        return [call(item) for item in items]
    pool = ThreadPoolExecutor(max_workers=min(len(items), threads))
    try:
        return list(pool.map(call, items))
    finally:  # all have returned, or this was interrupted: then it does not wait for slow hosts
        pool.shutdown(wait=False, cancel_futures=True)


_Read = tuple[HostView, documents.ServerPool | None]


def read_hosts(estate: Estate, *more: str) -> tuple[list[HostView], list[UnreachableHost]]:
    """Read every host: its identity, its domains and its records of repositories.

    The hosts report the other members of their pools. These are read next or, if the user wants
    only the given ones, reported as unreachable: they too may run any VM of the pool. Each host has
    a list of its own, which nobody corrects while it is down, so every host is asked for it.

    :param more: Further reads of the agent that the host module brings along, if there is one.
    :return: The hosts that answered, and those that did not.
    :raises Ovm3Error: No host answered; it is the first one's error.
    """
    addresses: list[Address] = []
    results: list[_Read | Ovm3Error] = []
    new, members = list(estate.given), list[Address]()
    while new:
        addresses += new
        results += map_hosts(lambda address: _read_with_pool(estate, address, more), new)
        members = _other_members(addresses, results, len(estate.given))
        # Several members at one address listen at ports that only the user can name.
        # One whose address is not reported cannot be contacted at all.
        new = [one for one in dict.fromkeys(members) if one.host and one not in addresses]
        new = new if estate.whole_pool else []
    for address, result in zip(addresses, results, strict=True):
        if isinstance(result, HostUnreachable) and is_silence(result):
            estate.remember_silence(address, result)
    views, unreachable = _distinct(addresses, [_view_of(result) for result in results])
    if not views:
        raise unreachable[0].reason
    return views, unreachable + [_not_contacted(address) for address in members]


def why_incomplete(hosts: Iterable[HostView], unreachable: Iterable[UnreachableHost]) -> list[str]:
    """Why there may be more repositories than these hosts have listed; empty: there are not."""
    lists = [e for host in hosts for e in (host.members_error, host.repositories_error) if e]
    return [*(str(one.reason) for one in unreachable), *map(str, lists)]


def _read_with_pool(estate: Estate, address: Address, more: Sequence[str]) -> _Read:
    estate.require_not_silent(address)
    asked = ask_module(estate, address, (POOL, *_BASIC_READS, *more))
    try:
        pool = documents.server_pool(_read(estate.agent(address), asked.answers, POOL))
    except _OF_ONE_CALL as error:
        return replace(_view(estate, address, asked), members_error=error), None
    return _view(estate, address, asked), pool


def _view_of(result: _Read | Ovm3Error) -> HostView | Ovm3Error:
    return result if isinstance(result, Ovm3Error) else result[0]


def read_host(estate: Estate, address: Address, *more: str) -> HostView:
    """Read one host: one call with the host module, three without it.

    :raises Ovm3Error: It did not answer.
    """
    estate.require_not_silent(address)
    return _view(estate, address, ask_module(estate, address, (*_BASIC_READS, *more)))


def _view(estate: Estate, address: Address, asked: ModuleAnswers) -> HostView:
    """The view of one host. What the module did not bring is read from the agent itself.

    If a list cannot be read or parsed, only that list is missing: what the host runs is unknown.
    """
    agent, answers = estate.agent(address), asked.answers
    server = documents.server(_read(agent, answers, "discover_server"))
    listed, domains_error = _domains(agent, asked)
    records, repositories_error = _repository_records(agent, answers)
    return HostView(
        address=address,
        agent=agent,
        server=server,
        domains=listed,
        repositories=records,
        module=asked.module,
        answers=answers,
        notice=asked.notice,
        domains_error=domains_error,
        repositories_error=repositories_error,
        unlisted=tuple(one for one in asked.unlisted if dashed(one)),
        module_api=asked.api,
        claims=asked.claims,
    )


def _domains(agent: Agent, asked: ModuleAnswers) -> tuple[tuple[Domain, ...], Ovm3Error | None]:
    if asked.missing is not None:
        return (), MalformedResponse(f"{agent.connection.address}: {asked.missing}")
    try:
        found = read_domains(_read(agent, asked.answers, "list_vms"))
    except _OF_ONE_CALL as error:
        return (), error
    errors = [*found.errors]
    errors += [f"xend's list lacks {one}" for one in asked.unlisted if not dashed(one)]
    if not errors:
        return found.domains, None
    return found.domains, MalformedResponse(f"{agent.connection.address}: {'; '.join(errors)}")


def _repository_records(
    agent: Agent, answers: Mapping[str, Any]
) -> tuple[tuple[documents.RepositoryRecord, ...], Ovm3Error | None]:
    try:
        return documents.repository_db(_read(agent, answers, "discover_repository_db")), None
    except _OF_ONE_CALL as error:
        return (), error


def live_domains(view: HostView) -> tuple[Domain, ...]:
    """All domains that a host runs, read now.

    If xend's list faults because of one domain (xend.md 1.3, 10.9), the host module may still read
    all of them one by one.

    :raises Ovm3Error: The list could not be read, or is incomplete.
    """
    try:
        return whole_list(view.agent.xen.list_vms(), view.label)
    except (AgentFault, MalformedResponse) as failed:
        if view.module is None:
            raise
        try:
            return whole_list(view.module.domains(), view.label)
        except Ovm3Error:
            raise failed from None


def _other_members(
    addresses: Sequence[Address], results: Sequence[_Read | Ovm3Error], given: int
) -> list[Address]:
    """The addresses of those members of these hosts' pools that were not read yet.

    Members share one agent port. The user may know one by another name than the address that the
    pool has for it. An address is repeated for each member at it that was not read.

    :param given: How many of these hosts, the first ones, the user named.
    """
    members: Counter[Address] = Counter()
    for address, result in zip(addresses, results, strict=True):
        pool = None if isinstance(result, Ovm3Error) else result[1]
        listed = pool.members if pool is not None else ()
        members |= Counter(Address(ip, address.port) for ip in listed)
    ips = {member.host for member in members}
    known: Counter[str] = Counter()
    for number, (address, result) in enumerate(zip(addresses, results, strict=True)):
        named = address.host
        # What a host has registered may be out of date, and belong to another member by now.
        if number < given and named not in ips and not isinstance(result, Ovm3Error):
            named = result[0].server.registered_ip or named
        known[named] += 1
    return [a for a, count in members.items() for _ in range(count - known[a.host])]


def _distinct(
    addresses: Sequence[Address], results: Sequence[HostView | Ovm3Error]
) -> tuple[list[HostView], list[UnreachableHost]]:
    """The hosts that answered, each once (a name and an IP address may belong to the same one).

    Of two different hosts with the same server uuid, the second one counts as unreachable.
    """
    views: dict[str, HostView] = {}
    unreachable = []
    for address, result in zip(addresses, results, strict=True):
        if isinstance(result, Ovm3Error):
            unreachable.append(UnreachableHost(str(address), result))
            continue
        first = views.setdefault(result.server.uuid or str(address), result)
        if first is not result and not _is_same_host(first, result):
            unreachable.append(UnreachableHost(str(address), _duplicate(first, result)))
    return list(views.values()), unreachable


def _is_same_host(one: HostView, other: HostView) -> bool:
    """Whether two addresses belong to one host. Boards may share a uuid (agent-behaviour 19), so
    everything else must agree too, above all its certificate."""
    if _identity(one) != _identity(other):
        return False
    booted = [view.server.boot_time for view in (one, other)]
    # Some agents calculate it from the uptime, so it may differ by a second or two.
    return None in booted or abs((booted[0] or 0) - (booted[1] or 0)) < 10


def _identity(view: HostView) -> tuple[object, ...]:
    facts = view.agent.connection.tls_facts()
    return (facts and facts.certificate, view.server.registered_ip, view.server.hostname)


def _duplicate(first: HostView, second: HostView) -> DuplicateServerId:
    return DuplicateServerId(
        f"{second.label}: has the same server uuid {second.server.uuid} as {first.label}, but they "
        f"are different hosts, so its VMs are not shown and it is not changed; give one of them "
        f"another uuid (its SMBIOS uuid, which the agent uses)",
        host=str(second.address),
    )


def _not_contacted(member: Address) -> UnreachableHost:
    why = (
        "is not among the given hosts (ex_hosts, or `only` of the estate)"
        if member.host
        else "has no address in the pool's list"
    )
    reason = f"{member}: a pool member that {why}, so what it runs is unknown"
    return UnreachableHost(str(member), HostUnreachable(reason, host=str(member)))


def describe(unreachable: Iterable[UnreachableHost]) -> str:
    """The reasons of unreachable hosts in one text, for messages."""
    return "; ".join(str(one.reason) for one in unreachable)


def read_hardware(views: Sequence[HostView]) -> list[documents.Hardware | Ovm3Error]:
    """The hardware of each of these hosts: at most one call per host (:meth:`HostView.read`)."""
    return map_hosts(lambda view: documents.hardware(view.read(HARDWARE)), views)


def read_pools(views: Sequence[HostView]) -> list[documents.ServerPool | Ovm3Error | None]:
    """The pool of each of these hosts (None: none): at most one call per host."""
    return map_hosts(lambda view: documents.server_pool(view.read(POOL)), views)


def host_clock(view: HostView) -> float:
    """The host's own time, in seconds since 1970 (8.4): when the view was read, or now.

    :raises Ovm3Error: The agent did not return it.
    """
    local_time = view.read(BOOT_TIME).get("local_time")
    if not isinstance(local_time, int):
        raise MalformedResponse(f"{view.label}: get_last_boot_time did not return local_time")
    return float(local_time)
