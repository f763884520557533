"""Attaching an existing repository to hosts: its export mounted, and the repository registered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from libcloud_ovm3.agent.documents import RepositoryRecord
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import AgentFault, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.hosts import HostView, read_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repository_space import RepositorySpace
from libcloud_ovm3.estate.shares import (
    FoundRepository,
    Share,
    is_share,
    new_repository_id,
    parse_share,
    share_of,
)
from libcloud_ovm3.operations import repository_steps as steps
from libcloud_ovm3.operations.create_image import DEFINITE
from libcloud_ovm3.operations.known_repositories import (
    KnownRepository,
    known_at,
    known_called,
    read_known,
    require_owned,
    require_owner,
)
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import chosen_views
from libcloud_ovm3.operations.repository_steps import Place, RepositoryChange
from libcloud_ovm3.progress import waiting


def attach_repository(
    estate: Estate, repository: str, host_ids: Sequence[str] | None
) -> tuple[RepositorySpace, list[RepositoryChange]]:
    """Attach a repository to the hosts that lack it. One that has it is left as it is.

    :param repository: its id, its name, or the export that it is on.
    :param host_ids: of the hosts; None: all hosts of the estate.
    :return: the repository as it is now, and what was changed.
    :raises PreconditionFailed: there is none, a host has another owner, or no owner; nothing was
        changed.
    :raises AgentFault: a host refused; it is as it was.
    :raises OperationIncomplete: whether it is attached is unknown, or it is on some hosts only.
    """
    share = parse_share(repository) if is_share(repository) else None
    operation = Operation(estate)
    hosts, unreachable = read_hosts(estate)
    chosen = chosen_views(hosts, unreachable, host_ids)
    known = read_known(hosts)
    done: list[RepositoryChange] = []
    with waiting(f"attaching repository {repository}"):
        if share is None:
            place = _place_of(known_called(known, repository, hosts, unreachable), chosen)
        elif (there := known_at(known, share)) is not None:
            place = _place_of(there, chosen)
        else:
            require_owned(chosen)
            found: list[Place] = []

            def find(host: HostView, made: list[str]) -> None:
                found.append(_find_on(operation, host, share, known, made))

            steps.on_each(operation, [reader_of(chosen)], find, done)
            [place] = found
        attach = partial(attach_to, operation, place)
        steps.on_each(operation, chosen, attach, done)
    return steps.read_back(operation, place.id, "attached"), done


def _place_of(known: KnownRepository, chosen: Sequence[HostView]) -> Place:
    """Where a repository is, if those of these hosts that lack it may register it."""
    own = {host.address for host in known.hosts()}
    lacking = [host for host in chosen if host.address not in own]
    require_owner(lacking, known.owner, known.label)
    return known.place


def reader_of(hosts: Sequence[HostView]) -> HostView:
    """Of these hosts the one to look at a share with: with the host module, if one has it."""
    return next((one for one in hosts if one.module is not None), hosts[0])


def attach_to(operation: Operation, place: Place, host: HostView, made: list[str]) -> None:
    """Attach a repository to one host.

    :param made: gets the steps that were made.
    :raises AgentFault: the host refused, and is as it was.
    :raises PreconditionFailed: another repository is on the share, or another share is mounted
        there; the host is as it was.
    """
    before = next((one for one in host.repositories if one.key == undashed(place.id)), None)
    before = before or steps.record_of(host, place.id)
    # That the record says so does not tell which share is mounted; of a LUN nothing else tells.
    is_there = before is not None and before.is_mounted and share_of(place.location) is None
    if not is_there and steps.mount(operation, host, place.location, place.mount_point):
        made.append("mounted")
    if before is None:
        try:
            _register(operation, host, place)
        except DEFINITE as error:
            raise steps.undone(operation, host, place.mount_point, made, error) from error
        made.append("registered")
    now = before or steps.record_of(host, place.id)
    if now is not None:
        _name(operation, host, place, now, made)


def _name(
    operation: Operation, host: HostView, place: Place, record: RepositoryRecord, made: list[str]
) -> None:
    """Give a repository the name that the other hosts have for it, where it has another one."""
    if place.name is not None and record.alias != place.name:
        steps.rename(operation, host, place.id, place.name)
        made.append(f"named {place.name!r} (was {record.alias!r})")


def _register(operation: Operation, host: HostView, place: Place) -> None:
    """Register what is mounted, if it is this repository, and is not registered.

    :raises PreconditionFailed: it is another one, or none; it is not registered.
    """
    if steps.record_of(host, place.id) is not None:
        return
    if host.module is not None:
        found = steps.read_record(host, place.mount_point)
        if found is None or found.id != undashed(place.id):
            what = found.described() if found else "no repository"
            raise PreconditionFailed(f"{host.label}: at {place.location} is {what}, not {place.id}")
    record = steps.add(operation, host, place.location, place.mount_point)
    if record.key != undashed(place.id):
        steps.unregister(operation, host, record.id)
        raise PreconditionFailed(
            f"{host.label}: at {place.location} is repository {record.id} ({record.alias}), not "
            f"{place.id}"
        )


# ------------------------------------------------------------------ what is on a share


def found_on(
    operation: Operation, host: HostView, location: str, mount_point: str
) -> FoundRepository | None:
    """Which repository is on a share that is mounted; None: none that the host may register.

    Without the host module only registering it tells: that is undone again, unless it is the one
    that belongs to this mount point.

    :raises Ovm3Error: that cannot be read.
    """
    if host.module is not None:
        return steps.read_record(host, mount_point)
    before = {one.key: one for one in host.repositories}
    try:
        record = steps.add(operation, host, location, mount_point)
    except AgentFault as fault:
        if steps.no_locks(fault, host):
            raise
        return None
    if steps.mount_point_of(record.id) != mount_point:
        _forget(operation, host, record, before.get(record.key))
    return FoundRepository(record.key, record.alias, record.manager_uuid, record.id)


def _forget(
    operation: Operation, host: HostView, record: RepositoryRecord, before: RepositoryRecord | None
) -> None:
    """Undo the registration of what was found on a share; put back the record that it replaced."""
    if before is None:
        steps.unregister(operation, host, record.id)
        return
    try:
        steps.add(operation, host, before.fs_location, before.mount_point.rstrip("/"))
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{host.label}: repository {record.id} is registered as {record.fs_location} at "
            f"{record.mount_point} now, as {before.fs_location} is the same share, and its former "
            f"record could not be put back: {error}",
            left=(f"the record of repository {record.id} on {host.label}",),
            host=str(host.address),
        ) from error


def _find_on(
    operation: Operation,
    host: HostView,
    share: Share,
    known: Sequence[KnownRepository],
    made: list[str],
) -> Place:
    """Which repository is on a share that no host has registered. The host is left as it was,
    unless it is mounted where it belongs: then it is registered, too.

    :raises PreconditionFailed: there is none, or it is known as being elsewhere.
    """
    location = str(share)
    point = steps.mount_point_of(new_repository_id(share, [one.id for one in known]))
    if steps.mount(operation, host, location, point):
        made.append("mounted")
    try:
        found = found_on(operation, host, location, point)
        if found is None:
            raise PreconditionFailed(
                f"{host.label}: at {share} is no repository that this host can register: none, or "
                f"one of another owner; ex_create_repository makes one, if there is none"
            )
        for one in known:
            if one.id == found.id:
                raise PreconditionFailed(
                    f"at {share} is {found.described()}, which hosts have as {one.place.location}: "
                    f"mount one share under one name: ex_attach_repository({found.id!r})"
                )
        require_owner([host], found.owner, f"{found.described()} at {share}")
    except DEFINITE as error:
        raise steps.undone(operation, host, point, made, error) from error
    place = Place(found.id, location, steps.mount_point_of(found.written_id))
    if place.mount_point != point:
        steps.unmount(operation, host, point)
        made.clear()
        return place
    try:
        _register(operation, host, place)
    except DEFINITE as error:
        raise steps.undone(operation, host, point, made, error) from error
    made.append("registered")
    return place
