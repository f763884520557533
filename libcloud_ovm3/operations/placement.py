"""Which host a VM is started on."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence

from libcloud_ovm3.agent.disk import DiskEntry
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import HostNotFound, Ovm3Error, PreconditionFailed, SearchIncomplete
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.guards import why_no_claims
from libcloud_ovm3.estate.hosts import (
    HostView,
    UnreachableHost,
    describe,
    map_hosts,
    read_hardware,
)
from libcloud_ovm3.estate.networks import NetworkList
from libcloud_ovm3.estate.vm_bridges import bridges_of
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.estate.xend_memory import free_mb, needed_mb
from libcloud_ovm3.operations.vlan_support import why_lacking
from libcloud_ovm3.pages import page

NAME_OTHERS = "to leave them out, name the others (location)"

# The way out for a VM with a guard.
HOW = f"ex_unguarded=True, with ex_location, starts it there nevertheless ({page('claims.md')})"
_TRIES = 1000  # for an id that prefers a certain host; as many as there are hosts are usual


def is_host(host: HostView, host_id: str) -> bool:
    """Whether an id, an address or a name is this host's.

    :param host_id: a host's uuid, dashed or not, its address, with the port or without, or its own
        host name.
    """
    host_uuid = dashed(host_id)
    if host_uuid is not None and host_uuid == dashed(host.server.uuid):
        return True
    names = (host.server.uuid, str(host.address), host.address.host, host.server.hostname)
    return host_id.strip() in names and bool(host_id.strip())


def require_host(
    hosts: Sequence[HostView], unreachable: Sequence[UnreachableHost], host_id: str
) -> None:
    """Check that exactly one host has this id, address or name, and that it could be read.

    :raises SearchIncomplete: it is unreachable, or may be a host that is, or several have this
        name.
    :raises HostNotFound: no host of the estate has it.
    """
    found = [host for host in hosts if is_host(host, host_id)]
    if len(found) > 1:
        several = ", ".join(f"{host.server.uuid} ({host.label})" for host in found)
        raise SearchIncomplete(f"host {host_id!r} may be any of these: {several}; use its id")
    if found:
        return
    if unreachable:
        raise SearchIncomplete(
            f"host {host_id!r} was not found, or is unreachable: {describe(unreachable)}"
        )
    known = ", ".join(host.label for host in hosts)
    raise HostNotFound(f"no host {host_id!r} in the estate; its hosts are: {known}")


def chosen_views(
    hosts: Sequence[HostView],
    unreachable: Sequence[UnreachableHost],
    host_ids: Sequence[str] | None,
    but: str = NAME_OTHERS,
) -> list[HostView]:
    """The hosts that a change is for.

    :param host_ids: their uuids, addresses or names; None: all hosts of the estate.
    :param but: what the error says of hosts that are unreachable.
    :raises HostNotFound: there is no such host.
    :raises SearchIncomplete: it is unreachable, or may be a host that is.
    :raises PreconditionFailed: of all hosts, one could not be read.
    """
    if host_ids is not None:
        for host_id in host_ids:
            require_host(hosts, unreachable, host_id)
        return [one for one in hosts if any(is_host(one, name) for name in host_ids)]
    unknown = [one.members_error for one in hosts if one.members_error]
    if unreachable or unknown:
        reasons = describe(unreachable) or "; ".join(map(str, unknown))
        raise PreconditionFailed(f"nothing was changed, as not all hosts can be: {reasons}; {but}")
    return list(hosts)


def choose_host(
    snapshot: EstateSnapshot,
    definition: Definition,
    vm_id: str,
    host_id: str | None = None,
    networks: NetworkList | None = None,
    *,
    unguarded: bool = False,
) -> HostView:
    """The host for a start: the one asked for, or of those that can take it the VM's preferred one.

    Each VM has a preferred order of hosts, the same for all clients. So two that start it at the
    same moment mostly choose the same host, where xend refuses the second (xend.md 3).

    :param host_id: a host's uuid, or its address.
    :param networks: what the hosts have; needed where its cards name bridges.
    :param unguarded: whether the one asked for may lack claims although the VM has a guard.
    :raises PreconditionFailed: no host, or not this one, has the VM's repository and those of its
        disks mounted, enough free memory, the networks of its cards, or can get them, and claims if
        the VM has a guard.
    """
    needed = repositories_of(snapshot, definition)
    memory_mb = needed_mb(definition.config) if definition.config else None
    bridges = bridges_of(definition.config)
    guard = definition.guard
    is_guarded = guard is not None and not guard.error  # the doors see to an error
    wants_claims = is_guarded and not (unguarded and host_id is not None)
    where = (snapshot, needed, memory_mb, host_id, bridges, networks)
    able = [host for host, _ in _with_room(*where, wants_claims=wants_claims)]
    return preferred(able, vm_id)


def repositories_of(
    snapshot: EstateSnapshot, definition: Definition, disks: Sequence[DiskEntry] | None = None
) -> list[str]:
    """The repositories that a host needs for a VM: that of its definition, and those of its disks.

    :param disks: what it has live; None: those of its definition.
    """
    of_disks = [one.repository_id for one in disks or definition.disks if one.path]
    known = (one for one in of_disks if one and snapshot.repository(one))
    return [definition.repository_id, *known]


def choose_for_new(
    snapshot: EstateSnapshot,
    repository_ids: Sequence[str],
    memory_mb: int,
    host_id: str | None = None,
    bridges: Sequence[str] = (),
    networks: NetworkList | None = None,
    vm_id: str | None = None,
    *,
    wants_claims: bool = False,
) -> tuple[HostView, str]:
    """The host with the most free memory for a new VM, and an id for it that prefers this host:
    later starts go there too. Of a VM whose id is given, the host that it prefers.

    :param repository_ids: of those that the host has to have mounted.
    :param bridges: those that it has to have, or to be able to get, as its cards name them.
    :param networks: what the hosts have; needed where there are ``bridges``.
    :param wants_claims: whether the host has to have claims, as the VM gets a guard.
    :param vm_id: its dashed uuid, if all clients are to have the same; None: it gets one.
    :return: the host, and the VM's dashed uuid.
    :raises PreconditionFailed: as :func:`choose_host`.
    """
    where = (snapshot, repository_ids, memory_mb, host_id, bridges, networks)
    able = _with_room(*where, wants_claims=wants_claims)
    if vm_id is not None:
        return preferred([host for host, _ in able], vm_id), vm_id
    best, _ = max(able, key=lambda pair: -1 if pair[1] is None else pair[1])
    hosts = [host for host, _ in able]
    ids = (str(uuid.uuid4()) for _ in range(_TRIES))
    return best, next((i for i in ids if preferred(hosts, i) is best), str(uuid.uuid4()))


def preferred(hosts: Sequence[HostView], vm_id: str) -> HostView:
    """The host that every client prefers for this VM (rendezvous hashing): one that comes or goes
    changes it only for those VMs that prefer that one.
    """

    def weight(host: HostView) -> str:
        host_id = dashed(host.server.uuid) or str(host.address)
        return hashlib.sha256(f"{vm_id}/{host_id}".encode()).hexdigest()

    return max(hosts, key=weight)


def _with_room(
    snapshot: EstateSnapshot,
    repository_ids: Sequence[str],
    memory_mb: int | None,
    host_id: str | None,
    bridges: Sequence[str] = (),
    networks: NetworkList | None = None,
    *,
    wants_claims: bool = False,
) -> list[tuple[HostView, int | None]]:
    """The hosts that can take it, with their free memory in MB; at least one.

    A host whose free memory is unknown is never chosen automatically. Nor is a named one, unless
    the VM's own memory is unknown too (vm.cfg does not say): xend then has the last word.

    Memory is checked first because a start that has to wait for it holds xend's lock for minutes
    (xend.md 2, 10.8).
    """
    able = list(snapshot.hosts)
    left_out: list[str] = []  # hosts, each with the reason
    if host_id is not None:
        require_host(snapshot.hosts, snapshot.unreachable, host_id)
        able = [host for host in able if is_host(host, host_id)]
    elif snapshot.unreachable:
        left_out.append(describe(snapshot.unreachable))
    for repository_id in dict.fromkeys(repository_ids):
        repository = snapshot.repository(repository_id)
        if repository is not None and not repository.is_clear:
            raise PreconditionFailed(
                repository.error or f"repository {repository_id} could not be read completely"
            )
        mounted_on = repository.mounted_on if repository is not None else ()
        without = [host.label for host in able if host not in mounted_on]
        left_out += [f"{label}: it has not mounted repository {repository_id}" for label in without]
        able = [host for host in able if host in mounted_on]
        if not able:
            which = "no host has" if host_id is None else f"host {host_id!r} does not have"
            raise PreconditionFailed(
                f"{which} repository {_all(repository_ids)} mounted, as far as could be read"
                f"{_listed(left_out)}. Expected a host that has"
            )
    if wants_claims:
        able = _with_claims(able, repository_ids[0], left_out)
    if bridges and networks is not None:
        able, without = _with_networks(able, bridges, networks)
        if not able:
            raise PreconditionFailed(
                f"no host can have the networks that the VM needs: {'; '.join(without)}"
                f"{_listed(left_out)}. Expected a host that has them, or can get them; "
                f"ex_list_networks lists all networks"
            )
        left_out += without
    free = [free_mb(found) for found in read_hardware(able)]
    pairs = list(zip(able, free, strict=True))
    if memory_mb is None:
        with_room = [(h, mb) for h, mb in pairs if mb is not None or host_id is not None]
    else:
        with_room = [(h, mb) for h, mb in pairs if mb is not None and mb >= memory_mb]
    if not with_room:
        amounts = ", ".join(
            f"{h.label} {'unknown' if mb is None else f'{mb} MB'}" for h, mb in pairs
        )
        if memory_mb is None:
            raise PreconditionFailed(
                f"neither the VM's memory nor any host's free memory is known, so no host is "
                f"chosen automatically; name one to start it there. Free: {amounts}"
                f"{_listed(left_out)}"
            )
        which = "no host is" if host_id is None else f"host {host_id!r} is not"
        raise PreconditionFailed(
            f"{which} known to have {memory_mb} MB of memory free; free: {amounts}"
            f"{_listed(left_out)}. Expected a host with that much: stop VMs on one, or give this "
            f"one less memory"
        )
    return with_room


def _with_claims(
    hosts: Sequence[HostView], repository_id: str, left_out: list[str]
) -> list[HostView]:
    """Those that have claims, as the repository of the VM has; the others are left out."""
    able = [one for one in hosts if one.module_claims is not None]
    without = [one for one in hosts if one.module_claims is None]
    left_out += [f"{one.label}: {why_no_claims(one)}" for one in without]
    if not able:
        raise PreconditionFailed(
            f"repository {repository_id} has claims, and no host that can take the VM has"
            f"{_listed(left_out)}. Expected one that has: `ovm3 host install`; or {HOW}"
        )
    return able


def _with_networks(
    hosts: Sequence[HostView], bridges: Sequence[str], networks: NetworkList
) -> tuple[list[HostView], list[str]]:
    """Those that have all these bridges, or can get them; and the others, each with the reason."""
    found = map_hosts(lambda host: why_lacking(networks.on(host), bridges, networks.labels), hosts)
    able: list[HostView] = []
    without: list[str] = []
    for host, why in zip(hosts, found, strict=True):
        reasons = [str(why)] if isinstance(why, Ovm3Error) else why
        if reasons:
            without.append(f"{host.label}: {', '.join(reasons)}")
        else:
            able.append(host)
    return able, without


def _listed(left_out: Sequence[str]) -> str:
    return f". Left out: {'; '.join(left_out)}" if left_out else ""


def _all(repository_ids: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(repository_ids))
