"""Secondary storage: an NFS export beside the repositories, for copies that are to be kept apart.

The storage plug-in mounts it under ``/nfsmnt/<id>`` (agent-behaviour 4, flows 8). The id follows
from the export, as CloudStack makes it, so that one mount is found by both. What an operation has
mounted for itself it unmounts at its end, unless something of it may still go on.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from libcloud_ovm3.agent.documents import RepositoryRecord
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import OperationIncomplete, OutcomeUnknown, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disks import Export, FileSystem, file_system_among, read_mounts
from libcloud_ovm3.estate.holders import ask_holders
from libcloud_ovm3.estate.hosts import HostView, live_domains, read_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.repository_users import domains_in, may_hold, pool_uses
from libcloud_ovm3.estate.shares import Share, parse_share
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations import repository_steps as steps
from libcloud_ovm3.operations.known_repositories import read_known, require_apart
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import chosen_views
from libcloud_ovm3.operations.repository_steps import RepositoryChange
from libcloud_ovm3.progress import waiting


def mount_secondary(
    estate: Estate, share_text: str, host_ids: Sequence[str] | None
) -> list[RepositoryChange]:
    """Mount secondary storage, and leave it mounted.

    :param share_text: ``server:/path``.
    :param host_ids: of the hosts; None: all hosts of the estate.
    :raises InvalidArgument: it is no export.
    :raises PreconditionFailed: it overlaps a repository; nothing was changed.
    :raises AgentFault: a host refused; it is as it was.
    :raises OperationIncomplete: whether it is mounted is unknown, or it is on some hosts only.
    """
    share = parse_share(share_text)
    operation = Operation(estate)
    hosts, unreachable = read_hosts(estate)
    chosen = chosen_views(hosts, unreachable, host_ids)
    require_apart(share, read_known(hosts))
    done: list[RepositoryChange] = []

    def mount(host: HostView, made: list[str]) -> None:
        if mount_on(operation, host, share)[1]:
            made.append("mounted")

    with waiting(f"mounting {share}"):
        steps.on_each(operation, chosen, mount, done)
    return done


def unmount_secondary(
    estate: Estate, share_text: str, host_ids: Sequence[str] | None
) -> list[RepositoryChange]:
    """Unmount secondary storage, where it is mounted.

    :raises InvalidArgument: it is no export.
    :raises PreconditionFailed: something uses it on one of these hosts, or may; it stays.
    :raises AgentFault: a host refused; it is as it was.
    :raises OperationIncomplete: whether it is unmounted is unknown, or it is on some hosts only.
    """
    share = parse_share(share_text)
    operation = Operation(estate)
    hosts, unreachable = read_hosts(estate)
    chosen = chosen_views(hosts, unreachable, host_ids)
    require_apart(share, read_known(hosts))
    found = [(host, system) for host in chosen if (system := mounted_on(host, share)) is not None]
    held = ask_holders(estate, [host for host, _ in found])
    reasons = [
        f"{who} on {host.label}"
        for (host, system), holding in zip(found, held, strict=True)
        for who in [
            *([str(host.domains_error)] if host.domains_error else []),
            *domains_in(host.domains, [f"/nfsmnt/{system.id}"]),
            *([str(holding.error)] if holding.error else []),
            *(one.who for one in holding.holders if may_hold(one, [f"/nfsmnt/{system.id}"])),
            *pool_uses(as_repository(system, share), host),
        ]
    ]
    if reasons:
        raise PreconditionFailed(f"{share} stays mounted: {'; '.join(reasons)}")
    done: list[RepositoryChange] = []
    systems = {host.address: system for host, system in found}

    def unmount(host: HostView, made: list[str]) -> None:
        if steps.unmount_export(operation, host, systems[host.address]):
            made.append("unmounted")

    with waiting(f"unmounting {share}"):
        steps.on_each(operation, [host for host, _ in found], unmount, done)
    return done


def secondary_id(share: Share) -> str:
    """The dashed id of secondary storage: the version 3 uuid of its export (agent-behaviour 3)."""
    digest = hashlib.md5(str(share).encode(), usedforsecurity=False).digest()
    return str(uuid.UUID(bytes=digest, version=3))


def mounted_on(host: HostView, share: Share) -> FileSystem | None:
    """Where a host has mounted it for the storage plug-in; None: it has not."""
    export = Export(secondary_id(share), share.server, (str(share),))
    return file_system_among(read_mounts(host), host, export)


def mount_on(operation: Operation, host: HostView, share: Share) -> tuple[FileSystem, bool]:
    """Mount it on a host, if it is not; and whether it was not.

    :raises AgentFault: the host refused; it is not mounted.
    :raises OperationIncomplete: whether it is mounted is unknown.
    """
    there = mounted_on(host, share)
    if there is not None:
        return there, False
    system = FileSystem(host, secondary_id(share), share.server, str(share))
    steps.send(
        operation,
        host,
        f"mounting {share} at /nfsmnt/{system.id}",
        partial(doors.mount_export, system, str(share)),
        lambda: mounted_on(host, share) is not None,
    )
    return system, True


def as_repository(system: FileSystem, share: Share) -> Repository:
    """Secondary storage in the place of a repository, for copies: a directory on one host."""
    record = RepositoryRecord(
        id=undashed(system.id) or "",
        fs_location=str(share),
        mount_point=f"/nfsmnt/{system.id}",
        fs_type="nfs",
        version="",
        alias="",
        manager_uuid=None,
        is_mounted=True,
    )
    return Repository(record, (system.host,), None)


@contextmanager
def secondary(
    operation: Operation, host: HostView, share: Share, notices: list[str]
) -> Iterator[Repository]:
    """Secondary storage for one operation: mounted, and unmounted at the end if it was not before.

    After an error with an unknown outcome it stays mounted: what was begun may still go on there.

    :param notices: gets a notice if it could not be unmounted.
    """
    system, is_own = mount_on(operation, host, share)
    try:
        yield as_repository(system, share)
    except (OperationIncomplete, OutcomeUnknown):
        if is_own:
            notices.append(f"{share} stays mounted on {host.label}: see the error")
        raise
    except Ovm3Error:
        _unmount(operation, system, share, is_own, notices)
        raise
    _unmount(operation, system, share, is_own, notices)


def _unmount(
    operation: Operation, system: FileSystem, share: Share, is_own: bool, notices: list[str]
) -> None:
    if not is_own:
        return
    try:
        users = domains_in(live_domains(system.host), [f"/nfsmnt/{system.id}"])
        if users:
            raise PreconditionFailed("; ".join(users))
        steps.unmount_export(operation, system.host, system)
    except Ovm3Error as error:
        notices.append(f"{share} could not be unmounted on {system.host.label}: {error}")
