"""Hosts that count as powered off because the user says so.

What the user says is checked as far as it can be: such a host must not answer anything, neither
this machine nor a host with the host module. What cannot be checked remains the user's
responsibility: a host that runs behind a broken network looks like one that is off.
"""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from libcloud_ovm3.agent import documents, liveness
from libcloud_ovm3.agent.address import Address, parse_address
from libcloud_ovm3.errors import (
    AgentFault,
    HostNotFound,
    HostUnreachable,
    InvalidArgument,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost, map_hosts, read_pools
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, with_module
from libcloud_ovm3.pages import page
from libcloud_ovm3.progress import waiting

# Seconds to wait for a connection at least: a lost packet is sent again after 1 and after 3.
LEAST_LIMIT = 5.0
# The same for one more check after a whole one: a host that has come back answers in milliseconds.
BRIEF_LIMIT = 1.0
_HEARTBEAT = b".hb-"  # of CloudStack's storagehealth.py (agent-behaviour 15.4)
_HEARTBEAT_SECONDS = 5.0  # between two readings of what changes each second
_HEARTBEAT_BYTES = 64  # it is a number of seconds
_WITHOUT = " (ex_host_module=False ignores host modules)"


@dataclass(frozen=True)
class HostOff:
    """A host that does not answer and that the user says is powered off.

    :ivar name: How the user named it.
    :ivar addresses: Its addresses that are known to the estate: as given, as the pool has it.
    """

    name: str
    addresses: tuple[Address, ...]

    @property
    def label(self) -> str:
        """How messages name it."""
        named = {str(one) for one in self.addresses} | {one.host for one in self.addresses}
        listed = ", ".join(map(str, self.addresses))
        return listed if self.name in named else f"{self.name} ({listed})"

    @property
    def unread(self) -> str:
        """What is still unknown because of it, for messages."""
        return (
            f"{self.label} counts as powered off (ex_hosts_off), and repositories that no other "
            f"host has mounted could not be read"
        )


def parse_names(names: Any) -> tuple[str, ...]:
    """The names of hosts that are powered off, as the user writes them, each once.

    :param names: A name, an object with an ``id``, or several of these; a text, as programs such as
        Salt pass it, has commas between them.
    :raises InvalidArgument: One of them cannot be the address or the name of a host.
    """
    if isinstance(names, str):
        names = names.split(",")
    several = names if isinstance(names, list | tuple | set | frozenset) else [names]
    listed: list[Any] = [getattr(one, "id", one) for one in several]
    try:
        for one in listed:
            parse_address(one)
    except InvalidArgument as error:
        raise InvalidArgument(f"ex_hosts_off: {error}") from None
    return tuple(dict.fromkeys(one.strip() for one in listed))


def warning_of(names: Sequence[str]) -> str:
    """The warning that each call gives that believes it."""
    which, runs = ("is", "it still runs") if len(names) == 1 else ("are", "they still run")
    return (
        f"{', '.join(names)} {which} assumed to be powered off because you said so (ex_hosts_off): "
        f"VMs that {runs} will be started twice, and their disks will be destroyed"
    )


# ------------------------------------------------------------------ which hosts


def split(
    estate: Estate, hosts: Sequence[HostView], unreachable: Sequence[UnreachableHost]
) -> tuple[tuple[HostOff, ...], list[UnreachableHost]]:
    """The hosts that the user says are off, and the other unreachable ones.

    :param hosts: Those that answered.
    :raises HostNotFound: None of the unreachable hosts has this name; lists all hosts.
    :raises PreconditionFailed: Several different ones may have it.
    """
    off: dict[HostOff, list[UnreachableHost]] = {}
    for name in estate.hosts_off:
        found = [one for one in unreachable if _is_named(name, _address_of(one))]
        if not found:
            raise _not_found(name, hosts, unreachable)
        addresses = tuple(address for one in found if (address := _address_of(one)))
        if len(set(addresses)) < len(addresses) or not _are_one(addresses):
            raise PreconditionFailed(
                f"host {name!r} may be any of these: {', '.join(map(str, addresses))}; name its "
                f"address with the port (ex_hosts_off)"
            )
        off[HostOff(name, addresses)] = found
    believed = [one for found in off.values() for one in found]
    return tuple(off), [one for one in unreachable if one not in believed]


def _address_of(host: UnreachableHost) -> Address | None:
    """The address of an unreachable host; None if the pool does not list one."""
    try:
        return parse_address(host.address)
    except InvalidArgument:
        return None


def _is_named(name: str, address: Address | None) -> bool:
    if address is None:
        return False
    wanted = parse_address(name, address.port)
    if wanted.port != address.port:
        return False
    return wanted.host.lower() == address.host.lower() or bool(
        _resolved(wanted.host) & _resolved(address.host)
    )


def _resolved(host: str) -> set[str]:
    try:
        return set(liveness.numeric_addresses(host))
    except HostUnreachable:
        return set()


def _are_one(addresses: Sequence[Address]) -> bool:
    """Whether these can be the addresses of one host."""
    if len(addresses) == 1:
        return True
    common = set.intersection(*(_resolved(address.host) for address in addresses))
    return bool(common) and len({address.port for address in addresses}) == 1


def off_at(off: Sequence[HostOff], ip: str) -> HostOff | None:
    """The one of these hosts that has this IP address; None if none is known to have it."""
    for one in off:
        if ip and any(ip.lower() in _names_of(address.host) for address in one.addresses):
            return one
    return None


def _not_found(
    name: str, hosts: Sequence[HostView], unreachable: Sequence[UnreachableHost]
) -> HostNotFound:
    listed = [f"{host.label}, which is reachable" for host in hosts]
    listed += [f"{one.address}, which is not" for one in unreachable]
    return HostNotFound(
        f"no unreachable host {name!r} in the estate (ex_hosts_off): expected a host's address, or "
        f"a name that resolves to it, as neither the uuid nor the host name of a host that does "
        f"not answer is known; its hosts are: {'; '.join(listed)}. Nothing more was sent"
    )


# ------------------------------------------------------------------ are they off


def require_off(
    estate: Estate,
    off: Sequence[HostOff],
    hosts: Sequence[HostView],
    repositories: Sequence[Repository],
) -> None:
    """Check that there is no sign of life of any of these hosts.

    :param hosts: The hosts that answer; those with the host module are asked too.
    :raises PreconditionFailed: There is one, or that cannot be checked; says which. Or it may have
        had neighbours that are not known.
    """
    if off:
        _require_known_pools(estate, off, hosts)
        require_silent(estate, off, hosts)
        _require_no_heartbeat(estate, off, hosts, repositories)


def _require_known_pools(estate: Estate, off: Sequence[HostOff], hosts: Sequence[HostView]) -> None:
    """Check that the pools of these hosts are known, where the hosts of the estate are whole pools.

    The members of a pool are known from its members only. Where none of those answers, others that
    are running, and their VMs, would be overlooked.

    :param hosts: The hosts that answer.
    :raises PreconditionFailed: No host that answers has this one in its pool.
    """
    if not estate.whole_pool:
        return
    pools = [pool for pool in read_pools(hosts) if isinstance(pool, documents.ServerPool)]
    members = {ip.lower() for pool in pools for ip in pool.members if ip}
    for one in off:
        known = {name for address in one.addresses for name in _names_of(address.host)}
        if not known & members:
            raise _refused(
                one,
                "no host that answers has it in its pool, so the other members of its pool, if it "
                "had any, and what they run, are unknown; name one of them too, or name all hosts "
                "that there are as the only ones (ex_hosts=[...]; in an estate: only: true)",
            )


def _names_of(host: str) -> set[str]:
    return {host.lower()} | _resolved(host)


def require_silent(
    estate: Estate, off: Sequence[HostOff], hosts: Sequence[HostView], is_brief: bool = False
) -> None:
    """Check that none of these hosts answers: its agent's port, SSH; from here, and from each host
    that has the host module.

    It takes as long as the time limit for connecting, for all of them together: all ask at once.

    :param is_brief: Whether it may take a second only, as a whole check has just been made.
    :raises PreconditionFailed: One answers, or that cannot be checked; says how.
    """
    limit = BRIEF_LIMIT if is_brief else max(estate.liveness.limit, LEAST_LIMIT)
    checks = [(one, check) for one in off for check in _checks(estate, one, hosts, limit)]
    answers = map_hosts(lambda pair: pair[1](), checks, threads=len(checks))
    for (one, _), found in zip(checks, answers, strict=True):
        if isinstance(found, Ovm3Error):
            raise _refused(one, f"whether it is running is unknown: {found}")
        if found is not None:
            raise _refused(one, f"it {found}")
    for address in (address for one in off for address in one.addresses):
        estate.confirm_silence(address)


def _checks(
    estate: Estate, off: HostOff, hosts: Sequence[HostView], limit: float
) -> list[Callable[[], str | None]]:
    options = estate.liveness
    if any(liveness.is_behind_proxy(address, options) for address in off.addresses):
        raise _refused(off, "agents are called through a proxy, so it cannot be checked from here")
    # The name may lead to further addresses of the host, or to a host that answers.
    meant = parse_address(off.name, off.addresses[0].port)
    places: dict[tuple[str, int], None] = {}
    for address in (*off.addresses, meant):
        try:
            ips = liveness.numeric_addresses(address.host)
        except HostUnreachable as error:
            raise _refused(off, f"{error}, so it cannot be checked") from error
        ports = (address.port, options.ssh_port)
        places |= dict.fromkeys((ip, port) for ip in ips for port in ports)
    checks: list[Callable[[], str | None]] = []
    for ip, port in places:
        checks.append(partial(liveness.sign_of_life, ip, port, limit))
        checks += [partial(_seen_by, one, ip, port, limit) for one in hosts]
    return checks


def _seen_by(host: HostView, ip: str, port: int, limit: float) -> str | None:
    """How another host sees it; None if it does not, or has no host module."""
    if host.module is None:
        if host.notice:  # it has one, which does not respond or does not fit
            raise PreconditionFailed(f"{host.label} cannot tell: {host.notice}{_WITHOUT}")
        return None
    try:
        answer = host.module.check_port(ip, port, min(30, math.ceil(limit)))
    except Ovm3Error as error:
        raise PreconditionFailed(f"{host.label} cannot tell: {error}{_WITHOUT}") from error
    if answer == "silent":
        return None
    if answer == "open":
        return f"accepts connections of {host.label} to TCP port {port} of {ip}"
    return f"refuses connections of {host.label} to TCP port {port} of {ip}, so it is running"


def _refused(off: HostOff, why: str) -> PreconditionFailed:
    return PreconditionFailed(
        f"host {off.label} does not count as powered off (ex_hosts_off): {why}. Nothing more was "
        f"sent; see {page('a-host-is-dead.md')}"
    )


# ------------------------------------------------------------------ heartbeat files


def _require_no_heartbeat(
    estate: Estate,
    off: Sequence[HostOff],
    hosts: Sequence[HostView],
    repositories: Sequence[Repository],
) -> None:
    """Check that no heartbeat file changes but those of the hosts that answer: where CloudStack's
    script runs, it writes one each second (agent-behaviour 15.4).

    The file is opened, because an NFS client may show an old listing for a minute.
    """
    try:
        before = _read_heartbeats(off, hosts, repositories)
        if not before:
            return
        seconds = max(estate.second_look, _HEARTBEAT_SECONDS)
        with waiting(f"reading heartbeat files again in {seconds:g} s"):
            estate.clock.sleep(seconds)
        after = _read_heartbeats(off, hosts, repositories)
    except Ovm3Error as error:
        raise _refused(
            off[0], f"heartbeat files of hosts cannot be read: {error}{_WITHOUT}"
        ) from error
    for path in before.keys() | after.keys():
        if before.get(path) != after.get(path):
            raise _refused(
                off[0],
                f"the heartbeat file {path} changes and is not that of a host that answers: the "
                f"host that writes it is running",
            )


def _read_heartbeats(
    off: Sequence[HostOff], hosts: Sequence[HostView], repositories: Sequence[Repository]
) -> Mapping[str, bytes]:
    """The contents of the heartbeat files that do not belong to hosts that answer."""
    ips = {ip for host in hosts for ip in (host.address.host, host.server.registered_ip)}
    ips -= {address.host for one in off for address in one.addresses}  # registered long ago
    names = {_heartbeat_of(ip) for ip in ips}
    found = {}
    for repository in repositories:
        host = with_module(repository)
        if host is None or host.module is None:
            continue
        for entry in host.module.list_files(repository.path).entries:  # sorted: "." comes first
            is_own = entry.raw.removesuffix(b".new") in names
            if entry.raw.startswith(_HEARTBEAT) and not is_own and not entry.raw.endswith(b".new"):
                path = f"{repository.path}/{entry.name}"
                found[path] = _content(host, path)
    return found


def _content(host: HostView, path: str) -> bytes:
    assert host.module is not None
    try:
        return host.module.read_file(path, 0, _HEARTBEAT_BYTES).data
    except AgentFault as fault:
        if fault.kind.endswith(".NotFound"):
            return b""
        raise


def _heartbeat_of(ip: str) -> bytes:
    """The name of a host's heartbeat file: the uuid in it is made of the text of its IP address
    (agent-behaviour 3; Java's ``UUID.nameUUIDFromBytes``)."""
    digest = hashlib.md5(ip.encode(), usedforsecurity=False).digest()
    return _HEARTBEAT + str(uuid.UUID(bytes=digest, version=3)).encode()
