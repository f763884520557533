"""Detaching a repository from hosts: unmounted, and no longer registered. Its content stays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.disks import FileSystem
from libcloud_ovm3.estate.holders import ask_holders
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.repository_users import places_of, users_on
from libcloud_ovm3.estate.shares import label_of, share_of
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.operations import repository_steps as steps
from libcloud_ovm3.operations.known_repositories import find_known
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import chosen_views
from libcloud_ovm3.operations.repository_steps import RepositoryChange
from libcloud_ovm3.progress import waiting


def detach_repository(
    estate: Estate, repository: str, host_ids: Sequence[str] | None
) -> list[RepositoryChange]:
    """Detach a repository from the hosts that have it.

    :param repository: its id, its name, or its export.
    :param host_ids: of the hosts; None: all hosts of the estate.
    :return: what was changed.
    :raises PreconditionFailed: there is none, or something uses it on one of these hosts, or may;
        nothing was changed.
    :raises AgentFault: a host refused; it has it as before.
    :raises OperationIncomplete: whether it is detached is unknown, or it is from some hosts only.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate)
    chosen = chosen_views(snapshot.hosts, snapshot.unreachable, host_ids)
    found = find_known(snapshot, repository)
    own = [host for host in chosen if any(one.key == found.key for one in host.repositories)]
    require_unused_on(estate, snapshot, found, own)
    done: list[RepositoryChange] = []
    with waiting(f"detaching {label_of(found)}"):
        steps.on_each(operation, own, partial(detach_from, operation, found), done)
    return done


def require_unused_on(
    estate: Estate, snapshot: EstateSnapshot, repository: Repository, hosts: Sequence[HostView]
) -> None:
    """Check that nothing uses a repository on these hosts.

    :raises PreconditionFailed: something does, or may.
    """
    reasons = [
        reason
        for host, held in zip(hosts, ask_holders(estate, hosts), strict=True)
        for reason in users_on(snapshot, repository, host, held)
    ]
    if reasons:
        raise PreconditionFailed(
            f"{label_of(repository)} was left as it is: {'; '.join(dict.fromkeys(reasons))}"
        )


def detach_from(
    operation: Operation, repository: Repository, host: HostView, made: list[str]
) -> None:
    """Detach a repository from one host.

    First the mount, which the kernel keeps while anything is in use; then that of the storage
    plug-in; the record last, so that the host says what it has until all of it is gone.

    :param made: gets the steps that were made.
    """
    record = steps.record_of(host, repository.id)
    if record is None:
        return
    unmount_from(operation, repository, host, made)
    steps.unregister(operation, host, record.id)
    made.append("unregistered")


def unmount_from(
    operation: Operation, repository: Repository, host: HostView, made: list[str]
) -> None:
    """Unmount a repository, and what the storage plug-in has mounted of its export."""
    if steps.unmount(operation, host, repository.path, *places_of(repository)):
        made.append("unmounted")
    share, system_id = share_of(repository.record.fs_location), dashed(repository.id)
    if share is not None and system_id is not None:
        system = FileSystem(host, system_id, share.server)
        if steps.unmount_export(operation, host, system):
            made.append("unmounted for the storage plug-in")
