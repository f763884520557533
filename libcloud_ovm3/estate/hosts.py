"""Many hosts seen as one estate: who they are, asked side by side.

A host that does not answer never costs the others' answers; it is remembered as silent, because
what it runs is then unknown.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.errors import HostNotVerified, MalformedAnswer, NotSent, Ovm3Error
from libcloud_ovm3.estate.clock import Clock
from libcloud_ovm3.estate.domains import Domain, read_domains

_T = TypeVar("_T")
_R = TypeVar("_R")

MAX_THREADS = 32  # at once, for one question to many hosts


@dataclass(frozen=True)
class Estate:
    """The hosts to work with, and how.

    :ivar given: the hosts that the user named; the first is asked first.
    :ivar connect: makes the agent of an address (named by the user or found in a pool); None: there
        is neither pin nor CA for it.
    :ivar whole_pool: whether the members of the given host's pool belong to the estate too.
    :ivar clock: what every wait goes by.
    :ivar second_look: seconds between the two looks that prove that a VM is absent (rule 3).
    """

    given: tuple[Address, ...]
    connect: Callable[[Address, bool], Agent | None]
    whole_pool: bool = True
    clock: Clock = field(default_factory=Clock)
    second_look: float = 5.0
    _agents: dict[Address, Agent | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def agent(self, address: Address) -> Agent:
        """The agent of a host; its lines are kept open for the life of the estate.

        :raises HostNotVerified: there is neither pin nor CA for it; it is not contacted.
        """
        with self._lock:
            if address not in self._agents:
                self._agents[address] = self.connect(address, address in self.given)
            agent = self._agents[address]
        if agent is None:
            raise HostNotVerified(
                f"{address}: a pool member without pin or CA, so it was not contacted; see what it "
                f"presents with `ovm3 pin {address}`, then add it to ex_fingerprint",
                host=str(address),
            )
        return agent


@dataclass(frozen=True)
class Silent:
    """A host that did not answer, or that was not asked."""

    address: str
    reason: Ovm3Error

    @property
    def is_unverified(self) -> bool:
        """Whether it was not contacted for lack of pin and CA."""
        return isinstance(self.reason, HostNotVerified)


@dataclass(frozen=True)
class HostView:
    """What one host said of itself in one look."""

    address: Address
    agent: Agent
    server: documents.Server
    domains: tuple[Domain, ...]
    repositories: tuple[documents.RepositoryRecord, ...]

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.server.hostname or self.address.host} ({self.address})"


def ask_all(
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


def look_at_hosts(estate: Estate) -> tuple[list[HostView], list[Silent]]:
    """Ask every host who it is, what it runs and which repositories it knows.

    The given hosts say which others are in their pools; these are asked next, or, if the user wants
    the given ones only, remembered as silent: they too may run any VM of the pool.

    :raises Ovm3Error: no host answered at all; the first one's error.
    """
    answers = ask_all(lambda address: _look_at_given(estate, address), estate.given)
    first = [_first(answer) for answer in answers]
    asked = list(estate.given)
    left_out = _not_asked(estate, answers, [v for v in first if isinstance(v, HostView)])
    if estate.whole_pool:
        # Several members at one address listen at ports that only the user can name.
        fresh = [address for address in dict.fromkeys(left_out) if address not in asked]
        left_out = list((Counter(left_out) - Counter(fresh)).elements())
        asked += fresh
        first += ask_all(lambda address: look_at_host(estate, address), fresh)
    views, silent = _sorted_out(asked, first)
    if not views:
        raise silent[0].reason
    return views, silent + [_left_out(address) for address in left_out]


def _look_at_given(
    estate: Estate, address: Address
) -> tuple[HostView, documents.ServerPool | None]:
    pool = estate.agent(address).serverpool.discover_server_pool()
    return look_at_host(estate, address), documents.server_pool(pool)


def _first(answer: tuple[HostView, Any] | Ovm3Error) -> HostView | Ovm3Error:
    return answer if isinstance(answer, Ovm3Error) else answer[0]


def look_at_host(estate: Estate, address: Address) -> HostView:
    """What one host says of itself: three reads."""
    agent = estate.agent(address)
    return HostView(
        address=address,
        agent=agent,
        server=documents.server(agent.linux.discover_server()),
        domains=read_domains(agent.xen.list_vms()),
        repositories=documents.repository_db(agent.repository.discover_repository_db()),
    )


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
) -> tuple[list[HostView], list[Silent]]:
    """Those that answered, each host once (a name and an IP address may lead to the same one).

    Of two different hosts that say they are the same one, the second counts as silent.
    """
    views: dict[str, HostView] = {}
    silent = []
    for address, answer in zip(addresses, answers, strict=True):
        if isinstance(answer, Ovm3Error):
            silent.append(Silent(str(address), answer))
            continue
        first = views.setdefault(answer.server.uuid or str(address), answer)
        if first.server.registered_ip != answer.server.registered_ip:
            reason = f"{address}: says it is server {answer.server.uuid}, and so does {first.label}"
            silent.append(Silent(str(address), MalformedAnswer(reason, host=str(address))))
    return list(views.values()), silent


def _left_out(member: Address) -> Silent:
    reason = f"{member}: a pool member that is not among ex_hosts, so what it runs is unknown"
    return Silent(str(member), NotSent(reason, host=str(member)))


def describe(silent: Iterable[Silent]) -> str:
    """The silent hosts in one text, for messages."""
    return "; ".join(str(one.reason) for one in silent)


def look_at_hardware(views: Sequence[HostView]) -> list[documents.Hardware | Ovm3Error]:
    """What each of these hosts has: one read each."""
    return ask_all(
        lambda view: documents.hardware(view.agent.linux.discover_hardware()),
        views,
    )


def host_clock(view: HostView) -> float:
    """The host's own time, in seconds since 1970 (get_last_boot_time; 8.4)."""
    answer: dict[str, Any] = view.agent.linux.get_last_boot_time()
    local_time = answer.get("local_time")
    if not isinstance(local_time, int):
        raise MalformedAnswer(f"{view.label}: get_last_boot_time has no local_time")
    return float(local_time)
