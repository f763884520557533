"""Many hosts seen as one estate: who they are, asked side by side.

A host that does not answer never costs the others' answers; it is remembered as silent, because
what it runs is then unknown. One that answers some of the questions is a view with a problem.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from libcloud_ovm3.agent import catalogue, documents
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.agent.identifiers import dashed
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

_T = TypeVar("_T")
_R = TypeVar("_R")

MAX_THREADS = 32  # at once, for one question to many hosts

_LOOK = ("discover_server", "list_vms", "discover_repository_db")
POOL = "discover_server_pool"
# What may go wrong with one call while the host as a whole answers.
_OF_ONE_CALL = (AgentFault, OutcomeUnknown)
HARDWARE = "discover_hardware"
BOOT_TIME = "get_last_boot_time"


@dataclass(frozen=True)
class UnreachableHost:
    """A host that did not answer, or that was not asked."""

    address: str
    reason: Ovm3Error

    @property
    def kind(self) -> str:
        """What is the matter: ``unverified`` (not contacted for lack of pin and CA), ``password``
        (refused), ``duplicate`` (has another host's server uuid), else ``silent``.
        """
        if isinstance(self.reason, HostNotVerified):
            return "unverified"
        if isinstance(self.reason, BadCredentials):
            return "password"
        return "duplicate" if isinstance(self.reason, DuplicateServerId) else "unreachable"


@dataclass(frozen=True)
class HostView:
    """What one host said of itself in one look.

    :ivar domains: what it runs, as far as that can be read.
    :ivar module: its host module; None: it has none that can be used.
    :ivar answers: what the module brought of the agent's answers, by the function's name.
    :ivar remark: what is wrong with its module, and what to do.
    :ivar domains_error: why it may run more than ``domains``; None: that is all.
    :ivar repositories_error: why it may have more repositories; None: that is all.
    :ivar unlisted: uuids of what lives by xenstore's word though xend's list leaves it out; where
        the host module tells.
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
    repositories_error: Ovm3Error | None = None
    unlisted: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.server.hostname or self.address.host} ({self.address})"

    @property
    def errors(self) -> tuple[str, ...]:
        """What it did not say, for messages."""
        return tuple(str(e) for e in (self.domains_error, self.repositories_error) if e)

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
    question: Callable[[_T], _R], of: Sequence[_T], threads: int = MAX_THREADS
) -> list[_R | Ovm3Error]:
    """Put one question to many, side by side. An error of ours takes the place of its answer."""

    def ask(one: _T) -> _R | Ovm3Error:
        try:
            return question(one)
        except Ovm3Error as error:
            return error

    if len(of) <= 1:
        return [ask(one) for one in of]
    with ThreadPoolExecutor(max_workers=min(len(of), threads)) as pool:
        return list(pool.map(ask, of))


def read_hosts(estate: Estate, *more: str) -> tuple[list[HostView], list[UnreachableHost]]:
    """Ask every host who it is, what it runs and which repositories it knows.

    The given hosts say which others are in their pools; these are asked next, or, if the user wants
    the given ones only, remembered as silent: they too may run any VM of the pool.

    :param more: further reads of the agent that are wanted if they cost no call of their own.
    :raises Ovm3Error: no host answered at all; the first one's error.
    """
    answers = map_hosts(lambda address: _look_at_given(estate, address, more), estate.given)
    first = [_first(answer) for answer in answers]
    asked = list(estate.given)
    left_out = _not_asked(estate, answers, [v for v in first if isinstance(v, HostView)])
    if estate.whole_pool:
        # Several members at one address listen at ports that only the user can name.
        # One whose address is not told cannot be asked at all.
        fresh = [one for one in dict.fromkeys(left_out) if one.host and one not in asked]
        left_out = list((Counter(left_out) - Counter(fresh)).elements())
        asked += fresh
        first += map_hosts(lambda address: read_host(estate, address, *more), fresh)
    views, silent = _sorted_out(asked, first)
    if not views:
        raise silent[0].reason
    return views, silent + [_left_out(address) for address in left_out]


def _look_at_given(
    estate: Estate, address: Address, more: Sequence[str]
) -> tuple[HostView, documents.ServerPool | None]:
    asked = ask_module(estate, address, (POOL, *_LOOK, *more))
    pool = documents.server_pool(_read(estate.agent(address), asked.answers, POOL))
    return _view(estate, address, asked), pool


def _first(answer: tuple[HostView, Any] | Ovm3Error) -> HostView | Ovm3Error:
    return answer if isinstance(answer, Ovm3Error) else answer[0]


def read_host(estate: Estate, address: Address, *more: str) -> HostView:
    """What one host says of itself: one call where the host module is, three reads elsewhere."""
    return _view(estate, address, ask_module(estate, address, (*_LOOK, *more)))


def _view(estate: Estate, address: Address, asked: ModuleAnswers) -> HostView:
    """What the module has not answered is asked of the agent itself.

    A list that cannot be had or understood costs itself only: what the host runs is then not known.
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
    )


def _domains(agent: Agent, asked: ModuleAnswers) -> tuple[tuple[Domain, ...], Ovm3Error | None]:
    if asked.missing is not None:
        return (), MalformedResponse(f"{agent.connection.address}: {asked.missing}")
    try:
        found = read_domains(_read(agent, asked.answers, "list_vms"))
    except _OF_ONE_CALL as error:
        return (), error
    problems = [*found.errors]
    problems += [f"xend's list leaves out {one}" for one in asked.unlisted if not dashed(one)]
    if not problems:
        return found.domains, None
    return found.domains, MalformedResponse(f"{agent.connection.address}: {'; '.join(problems)}")


def _repository_records(
    agent: Agent, answers: Mapping[str, Any]
) -> tuple[tuple[documents.RepositoryRecord, ...], Ovm3Error | None]:
    try:
        return documents.repository_db(_read(agent, answers, "discover_repository_db")), None
    except _OF_ONE_CALL as error:
        return (), error


def live_domains(view: HostView) -> tuple[Domain, ...]:
    """What a host runs, asked now.

    Where xend's list faults because of one domain (xend.md 1.3, 10.9) the host module may still
    get all of them one by one.

    :raises Ovm3Error: it is not known.
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


def _not_asked(estate: Estate, answers: Iterable[Any], views: Sequence[HostView]) -> list[Address]:
    """Where those members of the given hosts' pools listen that were not asked yet.

    Members share one agent port. One may be known by another name than the address that the pool
    has for it. An address stands as often as there are members at it that were not asked.
    """
    members: dict[Address, int] = {}
    for given, answer in zip(estate.given, answers, strict=True):
        if not isinstance(answer, Ovm3Error) and answer[1] is not None:
            for ip, count in Counter(answer[1].members).items():
                members[Address(ip, given.port)] = count
    names = {view.address: view.server.registered_ip for view in views}
    known = Counter(names.get(address) or address.host for address in estate.given)
    return [a for a, count in members.items() for _ in range(count - known[a.host])]


def _sorted_out(
    addresses: Sequence[Address], answers: Sequence[HostView | Ovm3Error]
) -> tuple[list[HostView], list[UnreachableHost]]:
    """Those that answered, each host once (a name and an IP address may lead to the same one).

    Of two different hosts that say they are the same one, the second counts as silent.
    """
    views: dict[str, HostView] = {}
    silent = []
    for address, answer in zip(addresses, answers, strict=True):
        if isinstance(answer, Ovm3Error):
            silent.append(UnreachableHost(str(address), answer))
            continue
        first = views.setdefault(answer.server.uuid or str(address), answer)
        if first is not answer and not _is_same_host(first, answer):
            silent.append(UnreachableHost(str(address), _same_server(first, answer)))
    return list(views.values()), silent


def _is_same_host(one: HostView, other: HostView) -> bool:
    """Whether two addresses lead to one host: boards may share a uuid (agent-behaviour 19), so all
    else that is known of it must agree, its certificate above all."""
    if _known_by(one) != _known_by(other):
        return False
    booted = [view.server.boot_time for view in (one, other)]
    # Some agents count it back from now, so it may differ by a second or two.
    return None in booted or abs((booted[0] or 0) - (booted[1] or 0)) < 10


def _known_by(view: HostView) -> tuple[object, ...]:
    facts = view.agent.connection.tls_facts()
    return (facts and facts.certificate, view.server.registered_ip, view.server.hostname)


def _same_server(first: HostView, second: HostView) -> DuplicateServerId:
    return DuplicateServerId(
        f"{second.label}: has the same server uuid {second.server.uuid} as {first.label}, though "
        f"they are two hosts, so what it runs is not shown and nothing on it is touched; give one "
        f"of them an id of its own (its SMBIOS uuid, from which the agent takes it)",
        host=str(second.address),
    )


def _left_out(member: Address) -> UnreachableHost:
    why = "is not among ex_hosts" if member.host else "has no address in the pool's list"
    reason = f"{member}: a pool member that {why}, so what it runs is unknown"
    return UnreachableHost(str(member), HostUnreachable(reason, host=str(member)))


def describe(silent: Iterable[UnreachableHost]) -> str:
    """The silent hosts in one text, for messages."""
    return "; ".join(str(one.reason) for one in silent)


def read_hardware(views: Sequence[HostView]) -> list[documents.Hardware | Ovm3Error]:
    """What each of these hosts has: one read each, unless the look has brought it."""
    return map_hosts(lambda view: documents.hardware(view.read(HARDWARE)), views)


def read_pools(views: Sequence[HostView]) -> list[documents.ServerPool | Ovm3Error | None]:
    """The pool that each of these hosts says it is in: one read each, likewise."""
    return map_hosts(lambda view: documents.server_pool(view.read(POOL)), views)


def host_clock(view: HostView) -> float:
    """The host's own time, in seconds since 1970 (get_last_boot_time; 8.4), at the look or now."""
    local_time = view.read(BOOT_TIME).get("local_time")
    if not isinstance(local_time, int):
        raise MalformedResponse(f"{view.label}: get_last_boot_time has no local_time")
    return float(local_time)
