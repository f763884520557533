"""Making a repository on an NFS export, and attaching it to hosts.

The order is the one that is known to work: mounting, then registering one that is there, then
making one if there is none (agent-behaviour 5). What is on the share already is never overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from libcloud_ovm3.errors import AgentFault, PreconditionFailed
from libcloud_ovm3.estate.hosts import HostView, read_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repository_space import RepositorySpace
from libcloud_ovm3.estate.shares import (
    FoundRepository,
    Share,
    new_repository_id,
    parse_share,
)
from libcloud_ovm3.operations import repository_steps as steps
from libcloud_ovm3.operations.attach_repository import attach_to, found_on, reader_of
from libcloud_ovm3.operations.create_image import DEFINITE
from libcloud_ovm3.operations.known_repositories import (
    known_at,
    read_known,
    require_apart,
    require_name,
    require_owned,
    require_owner,
)
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import chosen_views
from libcloud_ovm3.operations.repository_steps import Place, RepositoryChange
from libcloud_ovm3.pages import page
from libcloud_ovm3.progress import waiting


def create_repository(
    estate: Estate, share_text: str, name: str, host_ids: Sequence[str] | None
) -> tuple[RepositorySpace, list[RepositoryChange]]:
    """Make a repository on an export that has none, on one host, and attach it to the others.

    One that is there as asked is only attached where it is missing.

    :param share_text: ``server:/path``.
    :param host_ids: of the hosts; None: all hosts of the estate.
    :return: the repository as it is now, and what was changed.
    :raises InvalidArgument: the export or the name cannot be one.
    :raises NameTaken: another repository has this name.
    :raises PreconditionFailed: the export has a repository already, or overlaps that of another
        one; the hosts have no owner, or several. Nothing is changed.
    :raises AgentFault: a host refused; nothing is changed.
    :raises OperationIncomplete: what is made is unknown, or it is on some hosts only.
    """
    share = parse_share(share_text)
    operation = Operation(estate)
    hosts, unreachable = read_hosts(estate)
    chosen = chosen_views(hosts, unreachable, host_ids)
    known = read_known(hosts)
    there = known_at(known, share)
    require_name(name, [one for one in known if one is not there])
    owner = require_owned(chosen)
    done: list[RepositoryChange] = []
    with waiting(f"creating repository {name!r} at {share}"):
        if there is not None:
            if there.name != name:
                raise PreconditionFailed(
                    f"no repository was made: at {share} is {there.label}, which hosts have "
                    f"already; ex_rename_repository({there.record.id!r}, {name!r}) gives it this "
                    f"name"
                )
            own = {host.address for host in there.hosts()}
            lacking = [host for host in chosen if host.address not in own]
            require_owner(lacking, there.owner, there.label)
            place = there.place
        else:
            require_apart(share, known)
            repository_id = new_repository_id(share, [one.id for one in known])
            point = steps.mount_point_of(repository_id)
            place = Place(repository_id, str(share), point, name)
            first = reader_of(chosen)
            steps.on_each(operation, [first], partial(_make, operation, place, owner), done)
            chosen = [host for host in chosen if host is not first]
        steps.on_each(operation, chosen, partial(attach_to, operation, place), done)
    return steps.read_back(operation, place.id, "created"), done


def _occupied(share: Share, what: str, is_foreign: bool) -> str:
    """What is there already, and what to do.

    :param is_foreign: whether its owner is, or may be, another one than that of the hosts.
    """
    return (
        f"no repository was made: at {share} is {what}. It was left as it is; "
        f"ex_attach_repository({str(share)!r}) takes it over with all that is in it"
        + f", on hosts of its owner only ({page('repositories.md')})"
        * is_foreign
    )


def _make(operation: Operation, place: Place, owner: str, host: HostView, made: list[str]) -> None:
    """Make the repository on one host, or complete one that an earlier call has begun.

    :param made: gets the steps that were made.
    :raises AgentFault: the host refused, and is as it was.
    :raises PreconditionFailed: there is another repository; the host is as it was.
    """
    share = parse_share(place.location)
    if steps.mount(operation, host, place.location, place.mount_point):
        made.append("mounted")
    try:
        found = found_on(operation, host, place.location, place.mount_point)
        if found is None:
            _create(operation, host, place, share, owner)
            made.append("created")
            return
        if (found.id, found.alias, found.owner) != (place.id, place.name, owner):
            if found.id == place.id:  # without the module, looking at it has registered it
                steps.unregister(operation, host, found.id)
            what = _occupied(share, found.described(), found.owner != owner)
            raise PreconditionFailed(f"{host.label}: {what}")
        if steps.record_of(host, place.id) is None:
            steps.add(operation, host, place.location, place.mount_point)
        made.append("registered")
    except DEFINITE as error:
        raise steps.undone(operation, host, place.mount_point, made, error) from error


def _create(operation: Operation, host: HostView, place: Place, share: Share, owner: str) -> None:
    """Make it; what the share has nevertheless is named."""
    try:
        steps.create(operation, host, place)
    except AgentFault as fault:
        if "already exists" not in fault.text:
            raise
        found = steps.read_record(host, place.mount_point) if host.module is not None else None
        what = found.described() if found else "a repository that this host cannot register"
        is_foreign = found is None or found.owner != owner
        raise PreconditionFailed(
            f"{host.label}: {_occupied(share, what, is_foreign)} ({fault.text})"
        ) from fault
    record = steps.record_of(host, place.id)
    if record is not None and record.alias != place.name:  # another client was first
        other = FoundRepository(record.id, record.alias, record.manager_uuid)
        raise PreconditionFailed(f"{host.label}: {_occupied(share, other.described(), False)}")
