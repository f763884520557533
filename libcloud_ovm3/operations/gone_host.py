"""A host that is to be taken out of a claim by the word of a person: which one is meant, and what
can be checked of it (docs/claims.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from libcloud_ovm3.agent import liveness
from libcloud_ovm3.agent.address import Address, parse_address
from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.errors import (
    HostNotFound,
    HostUnreachable,
    InvalidArgument,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.guards import hosts_of, lacks_claims
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.hosts_off import HostOff, off_at, require_silent
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.operations import word_door
from libcloud_ovm3.operations.claim_looks import latest, look
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import is_host
from libcloud_ovm3.operations.presence import before_second_look, read_presence


@dataclass(frozen=True)
class GoneHost:
    """A host of a claim, as a person has named it.

    :ivar id: Its server uuid, as the claim has it.
    :ivar view: As it was read; None: no host of the estate that answers has this uuid.
    :ivar addresses: Of one that does not answer: where it was last, as far as that is known.
    """

    id: str
    name: str
    view: HostView | None = None
    addresses: tuple[Address, ...] = ()

    @property
    def label(self) -> str:
        """How messages name it."""
        if self.view is not None:
            return self.view.label
        return f"{self.id} ({', '.join(map(str, self.addresses)) or 'address not known'})"


def registered_hosts(host: HostView, definition: Definition) -> Mapping[str, str]:
    """The hosts with claims in a VM's repository, by their server uuids, with the IP address that
    each had last; "" if it is not known.

    :raises PreconditionFailed: that cannot be read.
    """
    assert host.module_claims is not None
    try:
        return host.module_claims.list_claims(definition.repository_id).hosts
    except Ovm3Error as error:
        raise PreconditionFailed(
            f"VM {definition.name!r} ({definition.uuid}): which addresses the hosts in its claim "
            f"had cannot be read: {error}",
            nodes=[definition.summary],
        ) from error


def _view_of(hosts: Sequence[HostView], host_id: str) -> HostView | None:
    """The host with this server uuid, if it answers."""
    key = undashed(host_id)
    found = (one for one in hosts if one.server.uuid and undashed(one.server.uuid) == key)
    return next(found, None)


def find_gone(
    name: str, named: Sequence[str], registered: Mapping[str, str], snapshot: EstateSnapshot
) -> GoneHost:
    """Which host of a claim is meant. Pure, but for names that have to be resolved.

    A host that does not answer cannot say its uuid: the claims of the repository have the address
    that each had last.

    :param name: a server uuid, an address, or, of a host that answers, its name.
    :param named: the uuids of the hosts in the claim.
    :param registered: the uuids of the hosts with claims in this repository, with their addresses.
    :raises HostNotFound: none, or not exactly one, of the hosts in the claim has that name.
    """
    hosts = snapshot.hosts
    ids = {undashed(one): one for one in named}
    found = {undashed(one.server.uuid or "") for one in hosts if is_host(one, name)}
    if not found and dashed(name) is not None:
        found = {undashed(name)}
    if not found:
        names = _numeric(name)
        found = {undashed(one) for one, ip in registered.items() if ip and ip.lower() in names}
    here = sorted(ids[one] for one in found if one in ids)
    if len(here) != 1:
        which = (
            f"may be any of {', '.join(here)}" if here else "is not in the claim, as far as known"
        )
        raise HostNotFound(
            f"host {name!r} {which}; the claim names {_listed(named, registered, hosts)}. Expected "
            f"one of these uuids, or the address of one"
        )
    view = _view_of(hosts, here[0])
    if view is not None:
        return GoneHost(here[0], name, view)
    return GoneHost(here[0], name, None, _addresses(name, here[0], registered, snapshot))


def _numeric(name: str) -> set[str]:
    """The IP addresses of a name, itself among them."""
    try:
        host = parse_address(name).host.lower()
    except InvalidArgument:
        return set()
    try:
        return {host, *liveness.numeric_addresses(host)}
    except HostUnreachable:
        return {host}


def _addresses(
    name: str, host_id: str, registered: Mapping[str, str], snapshot: EstateSnapshot
) -> tuple[Address, ...]:
    """Where nothing may answer: as registered, and as the person has named it."""
    by_id = {undashed(one): ip for one, ip in registered.items()}
    port = snapshot.hosts[0].address.port
    texts = [by_id.get(undashed(host_id)) or ""]
    if dashed(name) is None:
        texts.append(name)
    wanted = [parse_address(text, port) for text in texts if text]
    ips = {ip for one in wanted for ip in _numeric(one.host)}
    silent = [one.address for one in snapshot.unreachable if one.address[:1] != ":"]
    known = [parse_address(one, port) for one in silent]
    wanted += [one for one in known if _numeric(one.host) & ips]
    others = {one.address for one in snapshot.hosts}  # that have its address now
    return tuple(one for one in dict.fromkeys(wanted) if one not in others)


def _listed(named: Sequence[str], registered: Mapping[str, str], hosts: Sequence[HostView]) -> str:
    by_id = {undashed(one): ip for one, ip in registered.items()}
    texts = []
    for one in named:
        view = _view_of(hosts, one)
        where = view.label if view else by_id.get(undashed(one)) or "address not known"
        texts.append(f"{one} ({where})")
    return ", ".join(texts) or "no host"


# ------------------------------------------------------------------ what can be checked


def require_gone(
    estate: Estate, snapshot: EstateSnapshot, gone: GoneHost, definition: Definition
) -> str:
    """Check what can be checked of a host that cannot tell itself: one that answers has no domain
    of the VM, in two looks; one that does not answer answers nothing.

    :return: what was seen, for the claim.
    :raises PreconditionFailed: it has one, there is a sign of life, or that cannot be checked.
    """
    if gone.view is not None:
        return _require_absent(estate, snapshot, gone.view, definition)
    if not gone.addresses:
        if snapshot.unseen:
            unseen = "; ".join(snapshot.unseen)
            raise _not_taken_out(
                gone, definition, f"it may be one of those that do not answer: {unseen}"
            )
        return "no host that answers, its address not known, so nothing was checked"
    listed = {one.address for one in snapshot.unreachable}
    inside = tuple(str(one) for one in gone.addresses if str(one) in listed)
    if inside:  # the whole check of ex_hosts_off, with heartbeat files
        read_estate(replace(estate, hosts_off=inside))
    off = HostOff(gone.addresses[0].host, gone.addresses)
    require_silent(estate, [off], snapshot.hosts)
    return f"no sign of life at {', '.join(map(str, gone.addresses))}"


def _require_absent(
    estate: Estate, snapshot: EstateSnapshot, host: HostView, definition: Definition
) -> str:
    gone = GoneHost(host.server.uuid or "", host.label, host)
    if host.module_claims is None and not lacks_claims(host):
        why = host.notice or "its host module could not be read; try again"
        raise _not_taken_out(gone, definition, why)
    for is_second in (False, True):
        if is_second:
            before_second_look(estate, definition.name, definition.uuid)
        presence = read_presence([host], definition, snapshot.defined_ids)
        if not presence.is_absent:
            raise _not_taken_out(gone, definition, presence.described())
    return "it has no claims, and xend did not list the VM in two looks"


def _not_taken_out(gone: GoneHost, definition: Definition, why: str) -> PreconditionFailed:
    return PreconditionFailed(
        f"VM {definition.name!r} ({definition.uuid}): host {gone.label} was not taken out of its "
        f"claim: {why}",
        nodes=[definition.summary],
    )


def take_out_off(
    operation: Operation,
    hosts: Sequence[HostView],
    definition: Definition,
    hosts_off: Sequence[HostOff],
) -> None:
    """Take the hosts out of a VM's claim that count as powered off because the user says so, each
    after one more check. They are known by the addresses that they had last.

    :param hosts: all that answer.
    :raises PreconditionFailed: one answers, or the claim cannot be read, or is another one by now.
    :raises OperationIncomplete: whether it is written is unknown.
    """
    guard = latest(operation, definition)
    if not hosts_off or guard is None or guard.error:
        return
    if guard.claim is not None and None not in hosts_of(guard.claim, hosts).values():
        return
    claim, _ = look(operation, definition)
    gone = [host_id for host_id, view in hosts_of(claim, hosts).items() if view is None]
    able = next(one for one in guard.hosts if one.module_claims is not None)
    known = registered_hosts(able, definition) if gone else {}
    for host_id in gone:
        off = off_at(hosts_off, known.get(host_id, ""))
        if off is not None:
            require_silent(operation.estate, [off], hosts, is_brief=True)
            said = word_door.words("ex_hosts_off", off.name, "no sign of life")
            claim = word_door.take_out(operation, able, definition, claim, host_id, said)
