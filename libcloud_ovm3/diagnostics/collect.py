"""What ``ovm3 doctor`` reads from a host, its pool and its VMs. Sends reads only.

Each read may fail independently: the error is kept in place of the value, and collection goes on.
What the values mean is decided in :mod:`.checks`, which is pure.
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
from libcloud_ovm3.diagnostics.inventory_data import (
    InventoryData,
    read_hosts_data,
    read_inventory_data,
)
from libcloud_ovm3.diagnostics.network_reads import NetworkReads, read_networks_of_module
from libcloud_ovm3.errors import (
    AgentFault,
    BadCredentials,
    HostUnreachable,
    MalformedResponse,
    Ovm3Error,
)
from libcloud_ovm3.estate.definitions import read_definitions
from libcloud_ovm3.estate.hosts import HostView, map_hosts, read_host
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import list_repository, read_repositories
from libcloud_ovm3.estate.vms import EstateSnapshot, merge_vms

CLOCK_TOLERANCE = 30.0  # seconds; a smaller difference may come from the time a call takes

Trust = Literal["verified", "none"]
HOST_MODULE = "libcloud_version"  # the function that shows whether the host module is there
_T = TypeVar("_T")


@dataclass(frozen=True)
class Certificate:
    """The contents of a host's certificate. None or "": not known, as it cannot be parsed.

    :ivar tls_version: the negotiated version (``TLSv1.2``).
    :ivar fingerprint: SHA-256, 64 hex digits.
    :ivar key: the key's type: ``RSA``, ``EC``, …
    :ivar names: common names and subject alternative names.
    :ivar subject: in the notation of RFC 4514, as is ``issuer``.
    :ivar error: why it, or its key, cannot be parsed.
    """

    tls_version: str
    fingerprint: str
    key: str = ""
    key_bits: int | None = None
    names: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    subject: str = ""
    issuer: str = ""
    error: str | None = None


@dataclass(frozen=True)
class TLSSession:
    """TLS of the connection to a host: its certificate, and OpenSSL's name of the cipher."""

    certificate: Certificate
    cipher: str
    has_forward_secrecy: bool = True


@dataclass(frozen=True)
class MemberData:
    """What was read from one reachable host, in addition to the snapshot of the pool.

    :ivar tls: None: the connection is unencrypted.
    :ivar functions: which of the agent's functions it has, or why that is not known.
    :ivar host_module: whether the host module is in its agent.
    :ivar module_api: the module's API number.
    :ivar list_vms_error: why xend's own list of domains fails; None: it does not.
    :ivar guest_errors: which guests the module cannot list one by one either; None: none.
    :ivar clock_offset: its clock minus the local one, in seconds, with an arbitrary constant that
        is the same for all hosts; or why that is not known.
    :ivar uptime: seconds since it booted, by its own clock alone, so that hosts can be compared
        whose clocks differ; None: not known.
    :ivar autostart_guests: as :meth:`.HostModule.autostart_guests` returns them; None: there is no
        host module.
    :ivar repository_errors: why it cannot list repositories that it has mounted, by their keys.
        Another host may be able to, so that no listing shows that this one cannot.
    :ivar network: what the host module reports of its network.
    """

    view: HostView
    tls: TLSSession | None = None
    functions: tuple[Probed, ...] | Ovm3Error = ()
    host_module: Verdict = "absent"
    module_api: int | None = None
    list_vms_error: Ovm3Error | None = None
    guest_errors: Ovm3Error | None = None
    clock_offset: float | Ovm3Error = 0.0
    uptime: float | None = None
    autostart_guests: tuple[dict[str, Any], ...] | Ovm3Error | None = None
    repository_errors: Mapping[str, Ovm3Error] = field(default_factory=dict)
    network: NetworkReads = field(default_factory=NetworkReads)


@dataclass(frozen=True)
class Collected:
    """Everything that was read.

    :ivar address: the named host, ``address:port``.
    :ivar certificate: the named host's certificate, or why it cannot be read.
    :ivar trust: ``none``: its certificate was not verified.
    :ivar inventory: what was read of the whole pool, or why nothing could be read.
    :ivar members: every reachable host.
    :ivar now: the time of collection, with a time zone.
    :ivar error: why the named host itself could not be read, though others could.
    """

    address: str
    certificate: Certificate | Ovm3Error
    trust: Trust
    inventory: InventoryData | Ovm3Error
    members: tuple[MemberData, ...]
    now: datetime
    error: Ovm3Error | None = None

    @property
    def host(self) -> HostView | None:
        """The named host, None if it could not be read."""
        hosts = () if isinstance(self.inventory, Ovm3Error) else self.inventory.snapshot.hosts
        return next((view for view in hosts if str(view.address) == self.address), None)


@dataclass(frozen=True)
class Call:
    """One call that was sent: its answer, or the error that came instead."""

    address: str
    function: str
    arguments: tuple[Any, ...]
    answer: Any = None
    error: Ovm3Error | None = None


def collect(
    estate: Estate,
    read_host_certificate: Callable[[], Certificate],
    trust: Trust,
    read_certificate: Callable[[TlsFacts], Certificate] | None = None,
) -> Collected:
    """Read the first host of an estate and its whole pool.

    :param read_host_certificate: connects to the host and reads its certificate; may raise an
        :class:`.Ovm3Error`.
    :param read_certificate: reads the certificate of a connection; None: TLS of the members is not
        checked.
    """
    certificate = _value_or_error(read_host_certificate)
    inventory, error = _read_pool(estate)
    return Collected(
        address=str(estate.given[0]),
        certificate=certificate,
        trust=trust,
        inventory=inventory,
        members=()
        if isinstance(inventory, Ovm3Error)
        else _read_members(estate, inventory, read_certificate),
        now=datetime.now(timezone.utc),
        error=error,
    )


def _value_or_error(action: Callable[[], _T]) -> _T | Ovm3Error:
    try:
        return action()
    except Ovm3Error as error:
        return error


def _error_of(action: Callable[[], object]) -> Ovm3Error | None:
    result = _value_or_error(action)
    return result if isinstance(result, Ovm3Error) else None


def _read_pool(estate: Estate) -> tuple[InventoryData | Ovm3Error, Ovm3Error | None]:
    """Read the pool; where a read of the named host fails, through the other members.

    :return: what was read, or why nothing was; why the named host is missing from it.
    """
    [address, *_] = estate.given
    inventory = _value_or_error(lambda: read_inventory_data(estate))
    if not isinstance(inventory, Ovm3Error):  # an estate may name other hosts, which answered
        missing = {one.address: one.reason for one in inventory.snapshot.unreachable}
        return inventory, missing.get(str(address))
    if isinstance(inventory, HostUnreachable | BadCredentials):
        return inventory, None
    pool = _value_or_error(
        lambda: documents.server_pool(estate.agent(address).serverpool.discover_server_pool())
    )
    if isinstance(pool, documents.ServerPool):
        members = tuple(Address(ip, address.port) for ip in dict.fromkeys(pool.members) if ip)
        rest = replace(
            estate, given=members, connect=lambda a, _: estate.connect(a, a in estate.given)
        )
        others = _value_or_error(lambda: read_inventory_data(rest)) if members else inventory
        return others, None if isinstance(others, Ovm3Error) else inventory
    alone = _value_or_error(lambda: _read_single_host(estate, address))
    return (inventory, None) if isinstance(alone, Ovm3Error) else (alone, None)


def _read_single_host(estate: Estate, address: Address) -> InventoryData:
    """Read a host whose pool is not known, so that others may run what it does not."""
    views = [read_host(estate, address)]
    repositories = read_repositories(views)
    definitions = read_definitions(repositories)
    vms = merge_vms(views, definitions, all_answered=False)
    return read_hosts_data(estate, EstateSnapshot(tuple(views), (), tuple(repositories), vms))


# ------------------------------------------------------------------ each member


def _read_members(
    estate: Estate,
    inventory: InventoryData,
    read_certificate: Callable[[TlsFacts], Certificate] | None,
) -> tuple[MemberData, ...]:
    views = inventory.snapshot.hosts
    clocks = _read_clocks(views, estate.clock)
    results = map_hosts(lambda view: _read_member(view, read_certificate), views)
    return tuple(
        replace(
            MemberData(view) if isinstance(member, Ovm3Error) else member,
            clock_offset=clock if isinstance(clock, Ovm3Error) else clock.offset,
            uptime=None if isinstance(clock, Ovm3Error) else clock.uptime,
        )
        for view, member, clock in zip(views, results, clocks, strict=True)
    )


def _read_member(
    view: HostView, read_certificate: Callable[[TlsFacts], Certificate] | None
) -> MemberData:
    connection = view.agent.connection
    verdict, api = _find_module(view.agent)
    module = HostModule(connection) if api is not None and fits(api) else None
    list_vms_error = view.domains_error
    if list_vms_error is None and view.module is not None:  # which may have made up for it
        list_vms_error = _error_of(view.agent.xen.list_vms)
    facts = connection.tls_facts() if read_certificate else None
    return MemberData(
        view,
        tls=TLSSession(read_certificate(facts), facts.cipher, facts.has_forward_secrecy)
        if read_certificate and facts
        else None,
        functions=_value_or_error(lambda: probe(view.agent)),
        host_module=verdict,
        module_api=api,
        list_vms_error=list_vms_error,
        guest_errors=_error_of(module.domains) if module and list_vms_error else None,
        autostart_guests=_value_or_error(lambda: tuple(module.autostart_guests()))
        if module
        else None,
        repository_errors=_read_repository_errors(view),
        network=read_networks_of_module(module, api or 0) if module else NetworkReads(),
    )


def _read_repository_errors(view: HostView) -> dict[str, Ovm3Error]:
    """Return why it cannot list repositories that it has mounted, by their keys."""
    results = {
        record.key: _value_or_error(partial(list_repository, view, record.id))
        for record in view.repositories
        if record.is_mounted and undashed(record.id)
    }
    return {key: result for key, result in results.items() if isinstance(result, Ovm3Error)}


@dataclass(frozen=True)
class _HostClock:
    offset: float  # by how much it is ahead of the local one, in seconds
    uptime: float | None


def _read_clocks(views: Sequence[HostView], clock: Clock) -> list[_HostClock | Ovm3Error]:
    """Read each host's clock; again where they differ: a call may have taken long."""
    first = map_hosts(lambda view: _read_clock(view, clock), views)
    if _spread(first) <= CLOCK_TOLERANCE:
        return first
    second = map_hosts(lambda view: _read_clock(view, clock), views)
    return min(first, second, key=_spread)


def _read_clock(view: HostView, clock: Clock) -> _HostClock:
    before = clock.now()
    times = view.agent.linux.get_last_boot_time()
    middle = (before + clock.now()) / 2
    local_time = times.get("local_time") if isinstance(times, dict) else None
    if not isinstance(local_time, int):
        raise MalformedResponse(f"{view.label}: get_last_boot_time has no local_time")
    booted = times.get("last_boot_time")
    if not isinstance(booted, int) or booted > local_time:  # the latter: its clock was set back
        return _HostClock(local_time - middle, None)
    return _HostClock(local_time - middle, float(local_time - booted))


def _spread(clocks: Sequence[_HostClock | Ovm3Error]) -> float:
    known = [one.offset for one in clocks if not isinstance(one, Ovm3Error)]
    return max(known) - min(known) if known else 0.0


def _find_module(agent: Agent) -> tuple[Verdict, int | None]:
    try:
        return "present", HostModule(agent.connection).version()
    except AgentFault as error:
        return "absent" if is_unknown_function(error, HOST_MODULE) else "unclear", None
    except Ovm3Error:
        return "unclear", None


# ------------------------------------------------------------------ recording the calls


def record_calls(estate: Estate, calls: list[Call]) -> Estate:
    """Return the same estate, but each call that it makes is appended to ``calls``.

    The calls are in the order in which they returned. The agents themselves are called, not the
    host modules: a recording is looked up by the agents' functions, and vm.cfg texts must not be in
    it as they are.
    """

    def connect(address: Any, is_given: bool) -> Agent | None:
        agent = estate.connect(address, is_given)
        if agent is None:
            return None
        recording = _RecordingConnection(agent.connection, str(address), calls)
        return Agent(cast(AgentConnection, recording))

    return Estate(
        estate.given,
        connect,
        estate.whole_pool,
        estate.clock,
        estate.second_look,
        use_module=False,
        traffic_labels=estate.traffic_labels,
    )


class _RecordingConnection:
    """A connection that records each call and its result."""

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
