"""Whether a virtual disk is at rest: nobody writes to it now. Reads only."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.holders import POLL as HOLDERS_POLL
from libcloud_ovm3.estate.holders import (
    RELEASE_LIMIT,
    ask_holders,
    held_of,
    is_elsewhere,
    same_files,
)
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot
from libcloud_ovm3.operations.preconditions import why_unknown


def require_idle(
    estate: Estate, snapshot: EstateSnapshot, path: str, what: str, but: VM | None = None
) -> None:
    """Check that no live domain has a virtual disk, and that no VM of it may be live.

    A domain that has just ended may take some seconds to release the file.

    :param path: absolute, on the hosts.
    :param what: how messages name the disk.
    :param but: a VM that does not count; it is paused.
    :raises PreconditionFailed: one has, or may; or that cannot be known.
    """
    live = "; ".join(_live_users(snapshot, path, but))
    if live:
        raise PreconditionFailed(
            f"{what} is or may be in use: {live}; stop the VM, or detach the disk from it, first"
        )
    reasons = [*_uncertain(snapshot, path, but)]
    reasons += _linked(snapshot, path, but) if not reasons else []
    deadline = estate.clock.now() + RELEASE_LIMIT
    while not reasons:
        held = held_of(ask_holders(estate, snapshot.hosts), [path], _uuid_of(but))
        if not held:
            return
        if estate.clock.now() >= deadline:
            reasons.append(f"it is held open: {held[path]}")
        estate.clock.sleep(HOLDERS_POLL)
    raise PreconditionFailed(f"{what} is or may be in use: {'; '.join(reasons)}")


def _uuid_of(vm: VM | None) -> str | None:
    """The uuid of its live domain, which is another one than its id where vm.cfg has none."""
    return vm.live[0].domain.uuid if vm is not None and vm.live else None


def _others(snapshot: EstateSnapshot, but: VM | None) -> Iterator[tuple[HostView, Domain]]:
    """All live domains but those of one VM."""
    own = [one.domain for one in but.live] if but else []
    for host in snapshot.hosts:
        for domain in host.domains:
            if not any(domain is one for one in own):
                yield host, domain


def _live_users(snapshot: EstateSnapshot, path: str, but: VM | None) -> Iterator[str]:
    name = posixpath.basename(path)
    for host, domain in _others(snapshot, but):
        vm = snapshot.vms.get(domain.uuid or "")
        who = f"VM {vm.label}" if vm else domain.label
        if name in domain.files:
            yield f"{who} is live with it on {host.label}"
        elif domain.disks_error:
            yield f"{who} on {host.label} may have it: {domain.disks_error}"


def _uncertain(snapshot: EstateSnapshot, path: str, but: VM | None) -> Iterator[str]:
    """The VMs whose vm.cfg names it, or whose claim has it, and that are not proven to be stopped.

    Also one that is live without it: it may be about to get it. And one whose claim cannot be read:
    the memory of its guest may be saved.
    """
    if snapshot.unseen:
        yield f"not everything could be read: {'; '.join(snapshot.unseen)}"
    name = posixpath.basename(path)
    for vm in snapshot.vms.values():
        if vm is but or not any(name in one.files or _holds(one, name) for one in vm.definitions):
            continue
        unread = [one.guard.error for one in vm.definitions if one.guard and one.guard.error]
        if vm.live:
            yield f"VM {vm.label} is live, and its vm.cfg has it"
        elif unread:
            yield f"VM {vm.label} may be suspended: its claim cannot be read: {unread[0]}"
        elif vm.doubts or (vm.state is not State.STOPPED and not snapshot.unseen):
            yield f"VM {vm.label}: {why_unknown(vm, snapshot)}"


def _holds(definition: Definition, name: str) -> bool:
    """Whether the memory of a suspended guest refers to it: vm.cfg may have been edited since."""
    saved = definition.guard.saved_disks if definition.guard else ()
    return any(posixpath.basename(path) == name for path in saved)


def _linked(snapshot: EstateSnapshot, path: str, but: VM | None) -> Iterator[str]:
    """The live domains that have it under another name, where a host module can tell."""
    others = {
        other: f"{domain.label} on {host.label}"
        for host, domain in _others(snapshot, but)
        for other in domain.disks
    }
    for host in snapshot.hosts:
        if host.module is None or not others or is_elsewhere(host, path):
            continue
        try:
            found = same_files(host, host.module, [path], sorted(others))[path]
        except Ovm3Error as error:
            yield f"what leads to it is unknown: {error}"
            return
        if found:
            yield ", ".join(f"{others[one]} has it as {one}" for one in sorted(found))
            return
