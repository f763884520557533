"""What ``ovm3 doctor`` reads of a host, its pool and its VMs. Reads only, and keeps what it read.

Every single read may fail by itself: it is then said, and the rest goes on. What it all means
stands in :mod:`.doctor`, which is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any, Literal, TypeVar, cast

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.agent.hostmodule import HostModule, fits
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.agent.probe import Probed, Verdict, is_unknown_function, probe
from libcloud_ovm3.agent.tls import TlsFacts
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.diagnostics.inventory import InventoryData, read_inventory_data
from libcloud_ovm3.errors import (
    AgentFault,
    BadCredentials,
    HostUnreachable,
    MalformedResponse,
    Ovm3Error,
)
from libcloud_ovm3.estate.definitions import read_definitions
from libcloud_ovm3.estate.hosts import (
    HostView,
    map_hosts,
    read_hardware,
    read_host,
    read_pools,
)
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import list_repository, read_repositories
from libcloud_ovm3.estate.vms import EstateSnapshot, merge_vms

CLOCK_TOLERANCE = 30.0  # seconds; from there on clocks differ, and not the moments of asking

Trust = Literal["verified", "none"]
HOST_MODULE = "libcloud_version"  # the function by which our own module is known
_T = TypeVar("_T")


@dataclass(frozen=True)
class Certificate:
    """What a host's certificate says. None: not known, as the certificate cannot be read.

    :ivar tls_version: what both sides settled on (``TLSv1.2``).
    :ivar fingerprint: SHA-256, 64 hex digits.
    :ivar key: kind of the key, ``RSA``, ``EC``, …
    :ivar names: common names and subject alternative names.
    :ivar problem: why it cannot be read.
    """

    tls_version: str
    fingerprint: str
    key: str = ""
    key_bits: int | None = None
    names: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    error: str | None = None


@dataclass(frozen=True)
class Line:
    """What the line to a host has: its certificate, and OpenSSL's name of the cipher."""

    certificate: Certificate
    cipher: str
    has_forward_secrecy: bool = True


@dataclass(frozen=True)
class Member:
    """What was asked of one host that answered, beside what the look at the pool has seen.

    :ivar line: None: there is no TLS on it.
    :ivar functions: which of the agent's functions it has, or why that is not known.
    :ivar host_module: whether our own module is in its agent; ``module_api``: its number.
    :ivar list_problem: why xend's own list of domains fails; None: it does not.
    :ivar guests_problem: which guests the module cannot get one by one either; None: none.
    :ivar clock: its clock less ours, which may count from anywhere, in seconds; or why not known.
    :ivar autostart_guests: as :meth:`.HostModule.autostart_guests` has them; None: there is no
        module to ask.
    :ivar unlisted: why it cannot list repositories that it has mounted, by their keys: another
        host may be able to, so that no listing shows that this one cannot.
    """

    view: HostView
    line: Line | None = None
    functions: tuple[Probed, ...] | Ovm3Error = ()
    host_module: Verdict = "absent"
    module_api: int | None = None
    list_problem: Ovm3Error | None = None
    guests_problem: Ovm3Error | None = None
    clock: float | Ovm3Error = 0.0
    autostart_guests: tuple[dict[str, Any], ...] | Ovm3Error | None = None
    unlisted: Mapping[str, Ovm3Error] = field(default_factory=dict)


@dataclass(frozen=True)
class Collected:
    """Everything that was read.

    :ivar address: the host, as the user named it.
    :ivar certificate: or why there is none to see.
    :ivar trust: ``none``: its certificate was not verified.
    :ivar read: of the whole pool, or why nothing could be read.
    :ivar members: every host that answered.
    :ivar now: when, with a zone.
    :ivar problem: why the named host itself could not be read, though others could.
    """

    address: str
    certificate: Certificate | Ovm3Error
    trust: Trust
    read: InventoryData | Ovm3Error
    members: tuple[Member, ...]
    now: datetime
    error: Ovm3Error | None = None

    @property
    def host(self) -> HostView | None:
        """The host's own view, None if it could not be asked."""
        views = () if isinstance(self.read, Ovm3Error) else self.read.seen.hosts
        return next((view for view in views if str(view.address) == self.address), None)


@dataclass(frozen=True)
class Call:
    """One call that was made: ``answer``, or what came instead of one."""

    address: str
    function: str
    arguments: tuple[Any, ...]
    answer: Any = None
    error: Ovm3Error | None = None


def collect(
    estate: Estate,
    certificate_of: Callable[[], Certificate],
    trust: Trust,
    read_certificate: Callable[[TlsFacts], Certificate] | None = None,
) -> Collected:
    """Look at the first host of an estate and at its whole pool.

    :param certificate_of: shakes hands with the host; may raise an error of ours.
    :param read_certificate: reads the certificate of a line; None: lines are not looked at.
    """
    certificate = _tried(certificate_of)
    read, problem = _look_around(estate)
    return Collected(
        address=str(estate.given[0]),
        certificate=certificate,
        trust=trust,
        read=read,
        members=() if isinstance(read, Ovm3Error) else _ask(estate, read, read_certificate),
        now=datetime.now(timezone.utc),
        error=problem,
    )


def _tried(action: Callable[[], _T]) -> _T | Ovm3Error:
    try:
        return action()
    except Ovm3Error as error:
        return error


def _look_around(estate: Estate) -> tuple[InventoryData | Ovm3Error, Ovm3Error | None]:
    """Look at the pool; where one read of the named host fails, with the others that it can do.

    :return: what was seen, or why nothing was; why the named host is not among it.
    """
    read = _tried(lambda: read_inventory_data(estate))
    if not isinstance(read, Ovm3Error) or isinstance(read, HostUnreachable | BadCredentials):
        return read, None
    [address, *_] = estate.given
    pool = _tried(
        lambda: documents.server_pool(estate.agent(address).serverpool.discover_server_pool())
    )
    if isinstance(pool, documents.ServerPool):
        members = tuple(Address(ip, address.port) for ip in dict.fromkeys(pool.members) if ip)
        rest = replace(
            estate, given=members, connect=lambda a, _: estate.connect(a, a in estate.given)
        )
        others = _tried(lambda: read_inventory_data(rest)) if members else read
        return others, None if isinstance(others, Ovm3Error) else read
    alone = _tried(lambda: _look_at_one(estate, address))
    return (read, None) if isinstance(alone, Ovm3Error) else (alone, None)


def _look_at_one(estate: Estate, address: Address) -> InventoryData:
    """A host whose pool is not known, so that others may run what it does not."""
    views = [read_host(estate, address)]
    repositories = read_repositories(views)
    definitions = read_definitions(repositories)
    vms = merge_vms(views, definitions, all_answered=False)
    seen = EstateSnapshot(tuple(views), (), tuple(repositories), vms)
    return InventoryData(seen, tuple(read_hardware(views)), tuple(read_pools(views)))


# ------------------------------------------------------------------ every host by itself


def _ask(
    estate: Estate, read: InventoryData, read_certificate: Callable[[TlsFacts], Certificate] | None
) -> tuple[Member, ...]:
    views = read.seen.hosts
    clocks = _clocks(views, estate.clock)
    found = map_hosts(lambda view: _ask_one(view, read_certificate), views)
    return tuple(
        Member(view, clock=clock) if isinstance(member, Ovm3Error) else replace(member, clock=clock)
        for view, member, clock in zip(views, found, clocks, strict=True)
    )


def _ask_one(view: HostView, read_certificate: Callable[[TlsFacts], Certificate] | None) -> Member:
    connection = view.agent.connection
    verdict, api = _look_for_module(view.agent)
    module = HostModule(connection) if api is not None and fits(api) else None
    list_problem = view.domains_error
    if list_problem is None and view.module is not None:  # which may have made up for it
        list_problem = _error_of(view.agent.xen.list_vms)
    facts = connection.tls_facts() if read_certificate else None
    return Member(
        view,
        line=Line(read_certificate(facts), facts.cipher, facts.has_forward_secrecy)
        if read_certificate and facts
        else None,
        functions=_tried(lambda: probe(view.agent)),
        host_module=verdict,
        module_api=api,
        list_problem=list_problem,
        guests_problem=_error_of(module.domains) if module and list_problem else None,
        autostart_guests=_tried(lambda: tuple(module.autostart_guests())) if module else None,
        unlisted=_unlisted(view),
    )


def _unlisted(view: HostView) -> dict[str, Ovm3Error]:
    """Why it cannot list repositories that it has mounted, by their keys."""
    asked = {
        record.key: _tried(partial(list_repository, view, record.id))
        for record in view.repositories
        if record.is_mounted and undashed(record.id)
    }
    return {key: answer for key, answer in asked.items() if isinstance(answer, Ovm3Error)}


def _error_of(action: Callable[[], object]) -> Ovm3Error | None:
    answer = _tried(action)
    return answer if isinstance(answer, Ovm3Error) else None


def _clocks(views: Sequence[HostView], clock: Clock) -> list[float | Ovm3Error]:
    """By how much each host's clock is ahead of ours. Asked again where they differ: a call may
    have taken its time."""
    first = map_hosts(lambda view: _clock(view, clock), views)
    if _spread(first) <= CLOCK_TOLERANCE:
        return first
    second = map_hosts(lambda view: _clock(view, clock), views)
    return min(first, second, key=_spread)


def _clock(view: HostView, clock: Clock) -> float:
    before = clock.now()
    answer = view.agent.linux.get_last_boot_time()
    middle = (before + clock.now()) / 2
    local_time = answer.get("local_time") if isinstance(answer, dict) else None
    if not isinstance(local_time, int):
        raise MalformedResponse(f"{view.label}: get_last_boot_time has no local_time")
    return local_time - middle


def _spread(clocks: Sequence[float | Ovm3Error]) -> float:
    known = [one for one in clocks if not isinstance(one, Ovm3Error)]
    return max(known) - min(known) if known else 0.0


def _look_for_module(agent: Agent) -> tuple[Verdict, int | None]:
    try:
        return "present", HostModule(agent.connection).version()
    except AgentFault as error:
        return "absent" if is_unknown_function(error, HOST_MODULE) else "unclear", None
    except Ovm3Error:
        return "unclear", None


# ------------------------------------------------------------------ keeping the answers


def recorded(estate: Estate, calls: list[Call]) -> Estate:
    """The same estate; every call that it makes is added to ``calls``, in the order of answers.

    The agents themselves are asked, not the host module: what is kept is to be told apart by the
    agents' functions, and vm.cfg texts are not to stand in it as they are.
    """

    def connect(address: Any, is_given: bool) -> Agent | None:
        agent = estate.connect(address, is_given)
        if agent is None:
            return None
        return Agent(cast(AgentConnection, _Recorded(agent.connection, str(address), calls)))

    return Estate(
        estate.given,
        connect,
        estate.whole_pool,
        estate.clock,
        estate.second_look,
        use_module=False,
    )


class _Recorded:
    """A connection that remembers what was asked and what came."""

    def __init__(self, connection: AgentConnection, address: str, calls: list[Call]) -> None:
        self._connection = connection
        self._name = address
        self._calls = calls

    def call(self, function: str, *arguments: Any, **options: Any) -> Any:
        try:
            answer = self._connection.call(function, *arguments, **options)
        except Ovm3Error as error:
            self._calls.append(Call(self._name, function, arguments, error=error))
            raise
        self._calls.append(Call(self._name, function, arguments, answer))
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
