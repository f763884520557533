"""Which files hosts hold open, where they have the host module.

A domain that is no longer in its host's list may still hold its disks open, and a loop device
writes through Domain-0's page cache (xend.md 10.5); xend may leave a domain out of its list (1.3),
but not out of xenstore. A host without the module cannot tell. Every host is asked each time, even
if it lacked the module a while ago.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from libcloud_ovm3 import agent
from libcloud_ovm3.agent.disk import DiskEntry
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.agent.texts import text_of
from libcloud_ovm3.errors import AgentFault, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView, map_hosts
from libcloud_ovm3.estate.members import Estate

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.agent.hostmodule_types import Holder, Identity

RELEASE_LIMIT = 60.0  # seconds; xend releases a guest's devices within some of them
START_LIMIT = 20.0  # seconds; before a start, where nothing should be held at all
POLL = 2.0  # seconds

IDENTITIES = 1000  # paths per call of libcloud_identify

_REPOSITORIES = "/OVS/Repositories/"


@dataclass(frozen=True)
class HostHolders:
    """What holds files open on one host.

    :ivar module: Its host module; None if it has none, so that nothing is known.
    :ivar holders: What holds a file or device open.
    :ivar error: Why that is unknown although there should be a module.
    """

    host: HostView
    module: HostModule | None
    holders: tuple[Holder, ...] = ()
    error: Ovm3Error | None = None


def ask_holders(estate: Estate, hosts: Sequence[HostView]) -> list[HostHolders]:
    """Read the holders of every host: one call each, two more where the module is missing."""

    def ask(host: HostView) -> HostHolders:
        module = estate.fresh_module(host.address)
        if module is None:
            return HostHolders(host, None)
        try:
            return HostHolders(host, module, module.file_holders())
        except AgentFault as fault:
            # If it was there when the host was read and is missing now, nothing is known.
            absent = host.module is None and agent.hostmodule.is_absent(fault)
            if absent and agent.probe.lacks(host.agent, "libcloud_file_holders", fault):
                return HostHolders(host, None)
            return HostHolders(host, module, error=fault)
        except Ovm3Error as error:
            return HostHolders(host, module, error=error)

    results = zip(hosts, map_hosts(ask, hosts), strict=True)
    return [
        HostHolders(host, host.module, error=result) if isinstance(result, Ovm3Error) else result
        for host, result in results
    ]


# ------------------------------------------------------------------ before a deletion


def wait_released(
    estate: Estate, hosts: Sequence[HostView], paths: Sequence[str]
) -> dict[str, str]:
    """Wait until no host with the host module holds any of these files open.

    :param paths: Their absolute paths on the hosts.
    :return: Those that are still held after the limit, or may be, each with its holders.
    """
    deadline = estate.clock.now() + RELEASE_LIMIT
    while paths:
        held = held_of(ask_holders(estate, hosts), paths)
        if not held or estate.clock.now() >= deadline:
            return held
        estate.clock.sleep(POLL)
    return {}


def held_of(
    answers: Sequence[HostHolders], paths: Sequence[str], but: str | None = None
) -> dict[str, str]:
    """Those of these files that are held open, or may be, each with its holders.

    :param but: the id of a VM whose own holding does not count.
    """
    held: dict[str, list[str]] = {}
    for answer in answers:
        for path in paths:
            if answer.error is not None:
                held.setdefault(path, []).append(f"unknown: {answer.error}")
            held.setdefault(path, []).extend(
                f"{who} on {answer.host.label}" for who in _holding(answer.holders, path, but)
            )
    return {path: "; ".join(who) for path, who in held.items() if who}


def _holding(holders: Sequence[Holder], path: str, but: str | None) -> Iterator[str]:
    """The holders of a file, by its name, because one file may have several paths."""
    for one in holders:
        if one.error and one.domid is not None and one.kind == "loop":
            continue  # truncated, but it serves a domain, whose own entry has the full name
        if but is not None and one.uuid == but:
            continue
        if one.path is None or one.error or (one.kind == "loop" and not one.path):
            yield f"unknown ({one.device or one.kind}: {one.error})"
        elif _name(one.path) == posixpath.basename(path):
            yield one.who


def _name(path: str) -> str:
    """A file's name; the kernel appends a mark if the file was deleted while it is held."""
    return posixpath.basename(path.removesuffix(" (deleted)"))


def wait_ended(estate: Estate, hosts: Sequence[HostView], vm_id: str) -> None:
    """Wait until no domain of this VM, listed or not, holds a file open.

    :raises PreconditionFailed: One still does, so it runs; or a host with the module cannot tell.
    """
    deadline = estate.clock.now() + RELEASE_LIMIT
    while True:
        answers = ask_holders(estate, hosts)
        reasons = [
            f"still has a domain, though no host lists it: {holder.who} on {answer.host.label} "
            f"holds {holder.path}"
            for answer in answers
            for holder in answer.holders
            if holder.uuid == vm_id
        ] + [
            f"may have a domain that no host lists: {answer.host.label} cannot tell: "
            f"{answer.error}{_WITHOUT}"
            for answer in answers
            if answer.error is not None
        ]
        if not reasons:
            return
        if estate.clock.now() >= deadline:
            raise PreconditionFailed(f"VM {vm_id} {reasons[0]}")
        estate.clock.sleep(POLL)


# ------------------------------------------------------------------ before a start


def require_free(estate: Estate, hosts: Sequence[HostView], definition: Definition) -> None:
    """Before a start, wait until no domain of this VM holds a disk open and nothing else writes to
    one.

    Read-only holders (ISOs) do not count, nor do those that share a disk (``w!``) which this
    definition shares too. A domain that has just ended may take some seconds to release its disks.

    :raises PreconditionFailed: A disk is held open, or a host module cannot tell; the message has
        the holder and the host.
    """
    deadline = estate.clock.now() + START_LIMIT
    while True:
        reasons = obstacles(ask_holders(estate, hosts), definition)
        if not reasons:
            return
        if estate.clock.now() >= deadline:
            raise PreconditionFailed(
                f"VM {definition.name!r} ({definition.uuid}) cannot be started: "
                f"{'; '.join(reasons)}",
                nodes=[definition.summary],
            )
        estate.clock.sleep(POLL)


def obstacles(answers: Sequence[HostHolders], definition: Definition) -> list[str]:
    """Why a VM must not be started, by what holds files open: empty where nothing does."""
    reasons = []
    for answer in answers:
        where = f"on {answer.host.label}"
        if answer.error is not None:
            reasons.append(f"what holds its disks {where} is unknown: {answer.error}{_WITHOUT}")
            continue
        try:
            known = _identities(answer, answers, definition.disks)
        except Ovm3Error as error:
            reasons.append(f"what its disks lead to {where} is unknown: {error}{_WITHOUT}")
            continue
        for holder in answer.holders:
            if holder.state == _CLOSED or (holder.kind == "loop" and holder.domid is not None):
                continue  # the domain that a loop device serves has an entry of its own
            if holder.uuid == definition.uuid:
                reasons.append(f"{holder.who} {where} belongs to this VM, so it is running")
                continue
            for disk in _held_disks(holder, definition.disks, known):
                shared = disk.is_shared and holder.mode == "w!"
                by_hand = holder.kind == "loop" and disk.is_read_only  # an ISO, mounted in Domain-0
                if not (shared or by_hand or (holder.mode or "w").startswith("r")):
                    reasons.append(_description(disk, holder, known) + f" {where}")
    return reasons


_WITHOUT = " (ex_host_module=False ignores host modules)"
_CLOSED = 6  # state of xenbus: nothing is written any more


# The files that paths lead to, per host; the host whose holders are checked comes first.
_Known = Sequence[Mapping[str, "Identity"]]


def _identities(
    answer: HostHolders, answers: Sequence[HostHolders], disks: Sequence[DiskEntry]
) -> _Known:
    """The files that the held paths and these disks lead to on that host.

    If it cannot tell for paths in repositories (a stale mount, for example), other hosts are asked
    as well.

    :raises Ovm3Error: It did not answer.
    """
    own = [d.path for d in disks if d.path and not is_elsewhere(answer.host, d.path)]
    held = [holder.path for holder in answer.holders if holder.path and not holder.error]
    if answer.module is None or not own or not held:
        return []
    found = [identities(answer.host, answer.module, [*own, *held])]
    if not any(one.error and path.startswith(_REPOSITORIES) for path, one in found[0].items()):
        return found
    in_repositories = [path for path in (*own, *held) if path.startswith(_REPOSITORIES)]
    for other in answers:
        if other.module is not None and other is not answer:
            with contextlib.suppress(Ovm3Error):  # it is only a second source
                found.append(identities(other.host, other.module, in_repositories))
    return found


def _held_disks(holder: Holder, disks: Sequence[DiskEntry], known: _Known) -> Iterator[DiskEntry]:
    """Those of these disks that a holder may hold open."""
    for disk in disks:
        path = disk.path
        if path is None:
            continue
        if holder.path is None:
            yield disk
        elif holder.error:  # an old kernel truncates the name
            if path.startswith(holder.path):
                yield disk
        elif _may_be_one(holder.path, path, known):
            yield disk


def _description(disk: DiskEntry, holder: Holder, known: _Known) -> str:
    if holder.path is None:
        return f"what {holder.who} holds open for writing is unknown ({holder.error})"
    if _are_one(holder.path, disk.path or "", known) is None:
        what = f"{disk.path} may be the same file as {holder.path}, whose target is unknown"
        return f"{what}{_WITHOUT}: {holder.who} writes to the latter"
    return f"{disk.path} is held open for writing by {holder.who}"


def _may_be_one(held: str, path: str, known: _Known) -> bool:
    return _are_one(held, path, known) is not False


def _are_one(held: str, path: str, known: _Known) -> bool | None:
    """Whether two paths lead to one file, with links resolved; None if they are in one repository
    and it is unknown.

    Elsewhere the name decides: a second mount of one export numbers its files anew.
    """
    pairs = [(host[held], host[path]) for host in known if held in host and path in host]
    if any(one.is_same_file(other) for one, other in pairs):
        return True
    is_name = _name(held) == posixpath.basename(path)
    if not all(p.startswith(_REPOSITORIES) for p in (held, path)):
        return is_name
    repositories = {p[len(_REPOSITORIES) :].partition("/")[0].lower() for p in (held, path)}
    if len(repositories) > 1:
        return False
    if any(None not in (one.inode, other.inode) for one, other in pairs):
        return False
    is_unknown = any(one.error or other.error for one, other in pairs)
    return None if is_unknown and not is_name else is_name


# ------------------------------------------------------------------ before and after an attachment


def require_unheld(estate: Estate, hosts: Sequence[HostView], disk: DiskEntry) -> None:
    """Before a disk is attached, wait until nothing holds it open, by whatever path, but what may
    have it at the same time: as shared (``w!``), or for reading only, like this entry.

    :raises PreconditionFailed: Something does, or a host module cannot tell.
    """
    deadline = estate.clock.now() + START_LIMIT
    while reasons := _in_the_way(ask_holders(estate, hosts), disk):
        if estate.clock.now() >= deadline:
            raise PreconditionFailed(f"{disk.path} was not attached: {'; '.join(reasons)}")
        estate.clock.sleep(POLL)


def _in_the_way(answers: Sequence[HostHolders], disk: DiskEntry) -> list[str]:
    reasons = []
    for answer in answers:
        where = f"on {answer.host.label}"
        try:
            known = _identities(answer, answers, [disk]) if answer.error is None else ()
        except Ovm3Error as error:
            reasons.append(f"what it leads to {where} is unknown: {error}{_WITHOUT}")
            continue
        if answer.error is not None:
            reasons.append(f"what holds it open {where} is unknown: {answer.error}{_WITHOUT}")
        reasons += [
            f"{holder.who} {where} holds it open"
            + (f" ({holder.error})" if holder.error else f" as {holder.path}")
            for holder in answer.holders
            if not (holder.state == _CLOSED or (holder.kind == "loop" and holder.domid is not None))
            and not _goes_with(holder, disk)
            and any(_held_disks(holder, [disk], known))
        ]
    return reasons


def _goes_with(holder: Holder, disk: DiskEntry) -> bool:
    """Whether a holder may have a file open beside this entry."""
    if disk.is_read_only:  # a loop device without a domain: an ISO that is mounted by hand
        return holder.kind == "loop" or (holder.mode or "w").startswith("r")
    return disk.is_shared and holder.mode == "w!"


def wait_let_go(estate: Estate, host: HostView, vm_id: str, paths: Sequence[str]) -> str:
    """Wait until no domain of a VM holds one of these open on its host, if that has the module.

    :return: What still holds it after the limit, or may; "": nothing.
    """
    deadline = estate.clock.now() + RELEASE_LIMIT
    while True:
        [answer] = ask_holders(estate, [host])
        own = tuple(one for one in answer.holders if one.uuid == vm_id or one.path is None)
        held = held_of([replace(answer, holders=own)], paths)
        if not held or estate.clock.now() >= deadline:
            return "; ".join(dict.fromkeys(held.values()))
        estate.clock.sleep(POLL)


# ------------------------------------------------------------------ one file, several names


def is_elsewhere(host: HostView, path: str) -> bool:
    """Whether a path is in a repository that this host has not mounted, so that it cannot exist."""
    if host.repositories_error is not None or not path.startswith(_REPOSITORIES):
        return False
    key = undashed(path[len(_REPOSITORIES) :].partition("/")[0])
    mounted = [record.key for record in host.repositories if record.is_mounted]
    return key is not None and key not in mounted


def same_files(
    host: HostView, module: HostModule, paths: Sequence[str], others: Sequence[str]
) -> dict[str, set[str]]:
    """The others of these paths that lead to the same file, with links and second mounts resolved.

    A path in a repository that this host has not mounted does not exist there.

    :return: For each of ``paths``, those of ``others`` that lead to the same file, or may.
    :raises Ovm3Error: The host did not answer, or cannot tell for one of ``paths``.
    """
    found = identities(host, module, [*paths, *others])
    for path in paths:
        if found[path].error:
            raise PreconditionFailed(f"{path}: what it leads to is unknown: {found[path].error}")
    unknown = set()  # better one too many
    names: dict[object, set[str]] = {}
    for other in others:
        one = found.get(other)
        if one is None or one.error:
            unknown.add(other)
        elif one.inode is not None:
            names.setdefault((one.device, one.inode), set()).add(other)
    return {
        path: (unknown | names.get((found[path].device, found[path].inode), set())) - {path}
        for path in paths
    }


def identities(host: HostView, module: HostModule, paths: Sequence[str]) -> dict[str, Identity]:
    """The file that each path leads to on that host; missing, if its repository is not mounted.

    :raises Ovm3Error: The host did not answer.
    """
    distinct = list(dict.fromkeys(paths))
    found: dict[str, Identity] = {}
    for start in range(0, len(distinct), IDENTITIES):
        for one in module.identify(distinct[start : start + IDENTITIES]):
            found[text_of(one.path)] = one
    for path, one in found.items():
        if one.error and is_elsewhere(host, path):
            found[path] = agent.hostmodule_types.Identity(path, is_missing=True)
    return found
