"""Which files hosts hold open, where the host module can tell.

A domain that is off its host's list may still hold its disks, and a loop device writes through
Domain-0's page cache (xend.md 10.5); xend may leave a domain out of its list (1.3), but not out of
xenstore. A host without the module does not say. Every host is asked anew each time: that it lacked
the module a while ago says nothing of now.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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

RELEASE_LIMIT = 60.0  # seconds; xend gives a guest's devices up within some
START_LIMIT = 20.0  # the same before a start, where nothing should be held at all
POLL = 2.0

IDENTITIES = 1000  # that the module is asked for in one call

_REPOSITORIES = "/OVS/Repositories/"


@dataclass(frozen=True)
class HostHolders:
    """What one host says of who holds what.

    :ivar module: None: it has no host module, so it cannot be asked.
    :ivar problem: why it is not known though there should be a module.
    """

    host: HostView
    module: HostModule | None
    holders: tuple[Holder, ...] = ()
    error: Ovm3Error | None = None


def ask_holders(estate: Estate, hosts: Sequence[HostView]) -> list[HostHolders]:
    """Ask every host; one call each, two more where the module is missing."""

    def ask(host: HostView) -> HostHolders:
        module = estate.fresh_module(host.address)
        if module is None:
            return HostHolders(host, None)
        try:
            return HostHolders(host, module, module.holders())
        except AgentFault as fault:
            # One that was there in this very look has gone: nobody knows what it would have said.
            absent = host.module is None and agent.hostmodule.is_absent(fault)
            if absent and agent.probe.lacks(host.agent, "libcloud_holders", fault):
                return HostHolders(host, None)
            return HostHolders(host, module, error=fault)
        except Ovm3Error as error:
            return HostHolders(host, module, error=error)

    answers = zip(hosts, map_hosts(ask, hosts), strict=True)
    return [
        HostHolders(host, host.module, error=answer) if isinstance(answer, Ovm3Error) else answer
        for host, answer in answers
    ]


# ------------------------------------------------------------------ before a deletion


def wait_released(
    estate: Estate, hosts: Sequence[HostView], paths: Sequence[str]
) -> dict[str, str]:
    """Wait until no host that can tell holds any of these files.

    :param paths: absolute, on the hosts.
    :return: those that are still held after the limit, or of which it is not known, and by whom.
    """
    deadline = estate.clock.now() + RELEASE_LIMIT
    while paths:
        held = held_of(ask_holders(estate, hosts), paths)
        if not held or estate.clock.now() >= deadline:
            return held
        estate.clock.sleep(POLL)
    return {}


def held_of(answers: Sequence[HostHolders], paths: Sequence[str]) -> dict[str, str]:
    """Which of these files are held, or may be, and by whom."""
    held: dict[str, list[str]] = {}
    for answer in answers:
        for path in paths:
            if answer.error is not None:
                held.setdefault(path, []).append(f"not known: {answer.error}")
            held.setdefault(path, []).extend(
                f"{who} on {answer.host.label}" for who in _holding(answer.holders, path)
            )
    return {path: "; ".join(who) for path, who in held.items() if who}


def _holding(holders: Sequence[Holder], path: str) -> Iterator[str]:
    """Who holds a file: by its name, because one file may be reached by several paths."""
    for one in holders:
        if one.error and one.domid is not None and one.kind == "loop":
            continue  # cut short, but it serves a domain, whose own entry has the whole name
        if one.path is None or one.error or (one.kind == "loop" and not one.path):
            yield f"not known ({one.device or one.kind}: {one.error})"
        elif _name(one.path) == posixpath.basename(path):
            yield one.who


def _name(path: str) -> str:
    """A file's name; the kernel says so behind it if it was deleted while it is held."""
    return posixpath.basename(path.removesuffix(" (deleted)"))


def wait_ended(estate: Estate, hosts: Sequence[HostView], vm_id: str) -> None:
    """Wait until no domain of this VM holds anything, whether a list shows it or not.

    :raises Refused: one still does, so it runs; or a host with the module cannot tell.
    """
    deadline = estate.clock.now() + RELEASE_LIMIT
    while True:
        answers = ask_holders(estate, hosts)
        reasons = [
            f"still has a domain, though no list shows it: {holder.who} on {answer.host.label} "
            f"holds {holder.path}"
            for answer in answers
            for holder in answer.holders
            if holder.uuid == vm_id
        ] + [
            f"may have a domain that no list shows: {answer.host.label} cannot tell: "
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
    """Before a start: no domain of this very VM holds a disk, and nobody else writes to one.

    Read-only holders (ISOs) do not count, nor does one that shares a disk (``w!``) which this
    definition shares too. What has just ended may take some seconds to let go.

    :raises Refused: a disk is held, or a host module cannot tell; says by whom, and where.
    """
    deadline = estate.clock.now() + START_LIMIT
    while True:
        reasons = _in_the_way(ask_holders(estate, hosts), definition)
        if not reasons:
            return
        if estate.clock.now() >= deadline:
            raise PreconditionFailed(
                f"VM {definition.name!r} ({definition.uuid}) cannot be started: "
                f"{'; '.join(reasons)}"
            )
        estate.clock.sleep(POLL)


def _in_the_way(answers: Sequence[HostHolders], definition: Definition) -> list[str]:
    reasons = []
    for answer in answers:
        where = f"on {answer.host.label}"
        if answer.error is not None:
            reasons.append(f"who holds its disks {where} is not known: {answer.error}{_WITHOUT}")
            continue
        try:
            known = _identities(answer, answers, definition)
        except Ovm3Error as error:
            reasons.append(f"what its disks lead to {where} is not known: {error}{_WITHOUT}")
            continue
        for holder in answer.holders:
            if holder.state == _CLOSED or (holder.kind == "loop" and holder.domid is not None):
                continue  # of a loop device that serves a domain, the domain's own entry tells
            if holder.uuid == definition.uuid:
                reasons.append(f"{holder.who} {where} is this very VM, so it runs")
                continue
            for disk in _held_disks(holder, definition, known):
                shared = disk.is_shared and holder.mode == "w!"
                by_hand = holder.kind == "loop" and disk.is_read_only  # an ISO, mounted in Domain-0
                if not (shared or by_hand or (holder.mode or "w").startswith("r")):
                    reasons.append(_said(disk, holder, known) + f" {where}")
    return reasons


_WITHOUT = " (with ex_host_module=False, --no-host-module, host modules are not asked)"
_CLOSED = 6  # of xenbus's states: nothing is written any more


# What paths lead to, as one host has it; the host first whose holders are looked at.
_Known = Sequence[Mapping[str, "Identity"]]


def _identities(
    answer: HostHolders, answers: Sequence[HostHolders], definition: Definition
) -> _Known:
    """What the held paths and this definition's disks lead to on that host.

    What it cannot tell of repositories (its mount may be stale) other hosts are asked for as well.

    :raises Ovm3Error: it does not answer.
    """
    own = [d.path for d in definition.disks if d.path and not is_elsewhere(answer.host, d.path)]
    held = [holder.path for holder in answer.holders if holder.path and not holder.error]
    if answer.module is None or not own or not held:
        return []
    found = [identities(answer.host, answer.module, [*own, *held])]
    if not any(one.error and path.startswith(_REPOSITORIES) for path, one in found[0].items()):
        return found
    in_repositories = [path for path in (*own, *held) if path.startswith(_REPOSITORIES)]
    for other in answers:
        if other.module is not None and other is not answer:
            with contextlib.suppress(Ovm3Error):  # it is only asked what another cannot tell
                found.append(identities(other.host, other.module, in_repositories))
    return found


def _held_disks(holder: Holder, definition: Definition, known: _Known) -> Iterator[DiskEntry]:
    """The disks of this definition that a holder may mean."""
    for disk in definition.disks:
        path = disk.path
        if path is None:
            continue
        if holder.path is None:
            yield disk
        elif holder.error:  # the kernel's old answer cuts a name
            if path.startswith(holder.path):
                yield disk
        elif _may_be_one(holder.path, path, known):
            yield disk


def _said(disk: DiskEntry, holder: Holder, known: _Known) -> str:
    if holder.path is None:
        return f"it is not known ({holder.error}) what is held for writing by {holder.who}"
    if _are_one(holder.path, disk.path or "", known) is None:
        what = f"{disk.path} may be {holder.path}, of which it is not known what it leads to"
        return f"{what}{_WITHOUT}: that one is written to by {holder.who}"
    return f"{disk.path} is held for writing by {holder.who}"


def _may_be_one(held: str, path: str, known: _Known) -> bool:
    return _are_one(held, path, known) is not False


def _are_one(held: str, path: str, known: _Known) -> bool | None:
    """Whether two paths lead to one file, links followed; None: in one repository, and not known.

    Elsewhere the name tells: second mounts of one export number their files anew.
    """
    pairs = [(host[held], host[path]) for host in known if held in host and path in host]
    if any(one.is_same_file(other) for one, other in pairs):
        return True
    is_name = _name(held) == posixpath.basename(path)
    if not all(p.startswith(_REPOSITORIES) for p in (held, path)):
        return is_name
    places = [p[len(_REPOSITORIES) :].partition("/")[0].lower() for p in (held, path)]
    if places[0] != places[1]:
        return False
    if any(None not in (one.inode, other.inode) for one, other in pairs):
        return False
    is_unknown = any(one.error or other.error for one, other in pairs)
    return None if is_unknown and not is_name else is_name


# ------------------------------------------------------------------ one file, several names


def is_elsewhere(host: HostView, path: str) -> bool:
    """Whether a path is in a repository that this host has not mounted: there it leads nowhere."""
    if host.repositories_error is not None or not path.startswith(_REPOSITORIES):
        return False
    key = undashed(path[len(_REPOSITORIES) :].partition("/")[0])
    mounted = [record.key for record in host.repositories if record.is_mounted]
    return key is not None and key not in mounted


def same_files(
    host: HostView, module: HostModule, paths: Sequence[str], others: Sequence[str]
) -> dict[str, set[str]]:
    """Which of the other paths lead to the same file as these, links and second mounts followed.

    What is in a repository that this host has not mounted leads to nothing there.

    :raises Ovm3Error: the host does not say, or cannot say it of one that is there.
    """
    found = identities(host, module, [*paths, *others])
    for path in paths:
        if found[path].error:
            raise PreconditionFailed(f"{path}: what it leads to is not known: {found[path].error}")
    return {
        path: {
            other for other in others if other != path and _is_same(found[path], found.get(other))
        }
        for path in paths
    }


def identities(host: HostView, module: HostModule, paths: Sequence[str]) -> dict[str, Identity]:
    """What each path leads to on that host; nothing, where the host has not mounted it.

    :raises Ovm3Error: the host does not say.
    """
    asked = list(dict.fromkeys(paths))
    found: dict[str, Identity] = {}
    for start in range(0, len(asked), IDENTITIES):
        for one in module.identify(asked[start : start + IDENTITIES]):
            found[text_of(one.path)] = one
    for path, one in found.items():
        if one.error and is_elsewhere(host, path):
            found[path] = agent.hostmodule_types.Identity(path, is_missing=True)
    return found


def _is_same(one: Identity, other: Identity | None) -> bool:
    if other is None or other.error:
        return True  # not known: rather one too many
    return one.is_same_file(other)
