"""Renaming a repository, on every host that has it."""

from __future__ import annotations

from collections.abc import Mapping

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.errors import AgentFault, Ovm3Error
from libcloud_ovm3.estate.hosts import HostView, read_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repository_space import RepositorySpace
from libcloud_ovm3.operations import repository_steps as steps
from libcloud_ovm3.operations.known_repositories import known_by, read_known, require_name
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import chosen_views
from libcloud_ovm3.operations.repository_steps import RepositoryChange
from libcloud_ovm3.progress import waiting

_ALL = "each host has the name for itself, so it is changed only while all hosts respond"


def rename_repository(
    estate: Estate, repository: str, name: str
) -> tuple[RepositorySpace, list[RepositoryChange]]:
    """Give a repository another name. A host that has it is left as it is.

    :param repository: its id, its name, or its export.
    :return: the repository as it is now, and what was changed.
    :raises InvalidArgument: the name cannot be one.
    :raises NameTaken: another repository has it.
    :raises PreconditionFailed: there is no such repository, or not all hosts respond.
    :raises AgentFault: a host refused; all have the name that they had.
    :raises OperationIncomplete: some hosts have the one name, and some the other.
    """
    operation = Operation(estate)
    hosts, unreachable = read_hosts(estate)
    chosen_views(hosts, unreachable, None, but=_ALL)
    known = read_known(hosts)
    found = known_by(known, repository, hosts, unreachable)
    require_name(name, known, own=found.id)
    old = {host.address: record.alias for host, record in found.records}
    done: list[RepositoryChange] = []

    def change(host: HostView, made: list[str]) -> None:
        if old[host.address] == name:
            return
        try:
            steps.rename(operation, host, found.record.id, name)
        except AgentFault as fault:
            raise _taken_back(operation, fault, found.record.id, old, done) from fault
        made.append(f"named {name!r} (was {old[host.address]!r})")

    with waiting(f"renaming {found.label}"):
        steps.on_each(operation, found.hosts(), change, done)
    return steps.read_back(operation, found.id, "renamed"), done


def _taken_back(
    operation: Operation,
    fault: AgentFault,
    repository_id: str,
    old: Mapping[Address, str],
    done: list[RepositoryChange],
) -> Ovm3Error:
    """Give the hosts that were changed before their names back; the error for the user."""
    if not done:
        return fault
    while done:
        host = done[-1].host
        try:
            steps.rename(operation, host, repository_id, old[host.address])
        except Ovm3Error as error:
            return operation.incomplete(f"{fault}; taking it back failed: {error}")
        done.pop()
    return fault.with_state("all hosts have the name that they had")
