"""Mounting a repository again where a host knows it and has it not mounted, as after a reboot; and
its export for the storage plug-in, which measures and deletes files only where it has mounted it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.disks import export_of, mounted_file_system
from libcloud_ovm3.estate.hosts import HostView, read_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.repository_space import RepositorySpace
from libcloud_ovm3.operations import repository_steps as steps
from libcloud_ovm3.operations.attach_repository import attach_to
from libcloud_ovm3.operations.known_repositories import known_by, read_known
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import chosen_views
from libcloud_ovm3.operations.repository_steps import Place, RepositoryChange
from libcloud_ovm3.progress import waiting


def refresh_repository(
    estate: Estate, repository: str, host_ids: Sequence[str] | None
) -> tuple[RepositorySpace, list[RepositoryChange]]:
    """Mount a repository on the hosts that know it, where it is not mounted, and read it anew.

    :param repository: its id, its name, or its export.
    :param host_ids: of the hosts; None: all hosts of the estate that respond.
    :return: the repository as it is now, and what was changed.
    :raises PreconditionFailed: there is none; nothing was changed.
    :raises AgentFault: a host refused; it is as it was.
    :raises OperationIncomplete: whether it is mounted is unknown, or it is on some hosts only.
    """
    operation = Operation(estate)
    hosts, unreachable = read_hosts(estate)
    known = known_by(read_known(hosts), repository, hosts, unreachable)
    chosen = hosts if host_ids is None else chosen_views(hosts, unreachable, host_ids)
    addresses = {host.address for host in chosen}
    own = [host for host in known.hosts() if host.address in addresses]
    done: list[RepositoryChange] = []
    with waiting(f"refreshing {known.label}"):
        steps.on_each(operation, own, partial(_refresh, operation, known.place), done)
    return steps.read_back(operation, known.id, "refreshed"), done


def _refresh(operation: Operation, place: Place, host: HostView, made: list[str]) -> None:
    attach_to(operation, place, host, made)
    if host.module is None:
        record = steps.record_of(host, place.id)
        if record is not None and _mount_export(host, Repository(record, (host,), None)):
            made.append("mounted for the storage plug-in")


def _mount_export(host: HostView, repository: Repository) -> bool:
    """Whether the plug-in has mounted it now, and had not before; it takes NFS only."""
    try:
        export = export_of(repository)
    except PreconditionFailed:
        return False
    if mounted_file_system(host, export) is not None:
        return False
    mounted_export(host, repository)
    return True
