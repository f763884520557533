"""The steps that changes of repositories consist of, each on one host: sent once, then looked at.

What a step does that is there already is not sent. So an operation that was interrupted is repeated
from its beginning, and does only what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.documents import RepositoryRecord
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import (
    AgentFault,
    MalformedResponse,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.disks import FileSystem, read_mounts
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repository_space import RepositorySpace, read_repository_spaces
from libcloud_ovm3.estate.shares import RECORD, FoundRepository, parse_record, share_of
from libcloud_ovm3.operations import repository_doors
from libcloud_ovm3.operations.operation import Operation

RECORD_BYTES = 65536  # of .ovsrepo, at most


@dataclass(frozen=True)
class RepositoryChange:
    """What was changed on one host.

    :ivar news: what the user is told: ``mounted, registered``.
    """

    host: HostView
    news: str


@dataclass(frozen=True)
class Place:
    """A repository, and where it is and is to be mounted.

    :ivar location: the export, as the hosts name it.
    :ivar name: its alias; None: that of its record on the share.
    """

    id: str
    location: str
    mount_point: str
    name: str | None = None

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"repository {self.id} ({self.location})"


def mount_point_of(repository_id: str) -> str:
    """Where a repository is mounted, on every host (agent-behaviour 4)."""
    return f"/OVS/Repositories/{repository_id}"


# ------------------------------------------------------------------ reads


def record_of(host: HostView, repository_id: str) -> RepositoryRecord | None:
    """The record that a host has of a repository now; None: none."""
    return next((one for one in _records(host) if one.key == undashed(repository_id)), None)


def record_at(host: HostView, mount_point: str) -> RepositoryRecord | None:
    """The record of what a host has registered at a mount point; None: none."""
    points = ((one.mount_point.rstrip("/"), one) for one in _records(host))
    return next((one for point, one in points if point == mount_point), None)


def _records(host: HostView) -> tuple[RepositoryRecord, ...]:
    return documents.repository_db(host.agent.repository.discover_repository_db())


def device_at(host: HostView, mount_point: str) -> str | None:
    """The export that a host has mounted there; None: nothing."""
    mounts = {one.directory.rstrip("/"): one.device for one in read_mounts(host)}
    return mounts.get(mount_point)


def read_record(host: HostView, mount_point: str) -> FoundRepository | None:
    """What ``.ovsrepo`` on a mounted share says, as the host module reads it; None: there is none.

    :raises PreconditionFailed: it cannot be understood.
    :raises Ovm3Error: it cannot be read.
    """
    assert host.module is not None
    path = f"{mount_point}/{RECORD}"
    try:
        data = host.module.read_file(path, 0, RECORD_BYTES).data
    except AgentFault as fault:
        if fault.kind.endswith(".NotFound"):
            return None
        raise
    try:
        return parse_record(data, f"{host.label}: {path}")
    except MalformedResponse as error:
        raise PreconditionFailed(f"{error}; what is there was left as it is") from error


def read_back(operation: Operation, repository_id: str, what: str) -> RepositorySpace:
    """The repository as it is listed now.

    :param what: what was done, for messages.
    :raises OperationIncomplete: it cannot be read.
    """
    try:
        return read_repository_spaces(operation.estate).called(repository_id)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"repository {repository_id} was {what}, but cannot be read: {error}",
            left=(f"repository {repository_id}",),
        ) from error


# ------------------------------------------------------------------ steps


def send(
    operation: Operation,
    host: HostView,
    what: str,
    call: Callable[[], None],
    is_done: Callable[[], bool],
) -> None:
    """Send a request that changes something, once, and look whether it is done.

    :param what: what is to be done, for messages: ``mounting A at B``.
    :raises AgentFault: the host refused, and nothing of it can be seen.
    :raises OperationIncomplete: whether it is done, or will be, is unknown.
    """
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        call()
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
    try:
        if is_done():
            return
        found = "nothing of it can be seen"
    except Ovm3Error as error:
        found = f"whether it is done cannot be read: {error}"
    else:
        if isinstance(failed, AgentFault):
            advice = no_locks(failed, host)
            raise failed.with_state(f"{what} was refused; {advice or found}") from failed
    label = f"{what} on {host.label}"
    raise operation.incomplete(
        f"{label} was not completed: {failed or 'the host reported success'}, but {found}. It may "
        f"still come: look again before it is repeated",
        left=(label,),
        host=str(host.address),
    ) from failed


def no_locks(fault: AgentFault, host: HostView) -> str:
    """What a refusal for want of file locks means; "": it is none (agent-behaviour 2)."""
    if not fault.kind.endswith("LockError") and "No locks available" not in fault.text:
        return ""
    return (
        f"the agent could not lock {RECORD} on the share: the NFS server has no lock daemon, or "
        f"{host.label} does not reach it. Start it (rpc.statd, on both), and repeat the call"
    )


def mount(operation: Operation, host: HostView, location: str, mount_point: str) -> bool:
    """Mount an export for a repository.

    :return: False: it is mounted there already, and nothing was sent.
    :raises PreconditionFailed: something else is mounted there.
    """
    there = device_at(host, mount_point)
    if there is not None:
        its, own = share_of(there), share_of(location)
        if there != location and not (its and own and its.is_same(own)):
            raise PreconditionFailed(
                f"{host.label}: {there} is mounted at {mount_point}, where {location} is to be"
            )
        return False
    send(
        operation,
        host,
        f"mounting {location} at {mount_point}",
        lambda: repository_doors.mount_repository(host, location, mount_point),
        lambda: device_at(host, mount_point) is not None,
    )
    return True


def unmount(operation: Operation, host: HostView, mount_point: str, *more: str) -> bool:
    """Unmount a repository.

    :param more: other directories that must not be in use.
    :return: False: it is not mounted, and nothing was sent.
    """
    if device_at(host, mount_point) is None:
        return False
    send(
        operation,
        host,
        f"unmounting {mount_point}",
        lambda: repository_doors.unmount_repository(host, mount_point, (mount_point, *more)),
        lambda: device_at(host, mount_point) is None,
    )
    return True


def add(operation: Operation, host: HostView, location: str, mount_point: str) -> RepositoryRecord:
    """Register the repository that is mounted there; its record."""
    send(
        operation,
        host,
        f"registering the repository at {location}",
        lambda: repository_doors.add_repository(host, location, mount_point),
        lambda: record_at(host, mount_point) is not None,
    )
    found = record_at(host, mount_point)
    if found is None:
        raise PreconditionFailed(f"{host.label}: the repository at {location} is gone again")
    return found


def create(operation: Operation, host: HostView, place: Place) -> None:
    """Make a repository on a share that has none."""
    name = place.name or ""
    send(
        operation,
        host,
        f"creating {place.label}",
        lambda: repository_doors.create_repository(
            host, place.location, place.mount_point, place.id, name
        ),
        lambda: record_of(host, place.id) is not None,
    )


def unregister(operation: Operation, host: HostView, repository_id: str) -> None:
    """Have a host forget a repository, if it knows it; its content stays."""
    if record_of(host, repository_id) is None:
        return
    send(
        operation,
        host,
        f"unregistering repository {repository_id}",
        lambda: repository_doors.unregister_repository(host, repository_id),
        lambda: record_of(host, repository_id) is None,
    )


def rename(operation: Operation, host: HostView, repository_id: str, name: str) -> None:
    """Change the name that a host has for a repository."""

    def is_named() -> bool:
        found = record_of(host, repository_id)
        return found is not None and found.alias == name

    send(
        operation,
        host,
        f"naming repository {repository_id} {name!r}",
        lambda: repository_doors.rename_repository(host, repository_id, name),
        is_named,
    )


def unmount_export(operation: Operation, host: HostView, system: FileSystem) -> bool:
    """Unmount what the storage plug-in has mounted.

    :return: False: it has not, and nothing was sent.
    """
    point = f"/nfsmnt/{system.id}"
    device = device_at(host, point)
    if device is None:
        return False
    mounted = replace(system, device=device)
    send(
        operation,
        host,
        f"unmounting {point}",
        lambda: repository_doors.unmount_export(mounted),
        lambda: device_at(host, point) is None,
    )
    return True


# ------------------------------------------------------------------ several hosts


def on_each(
    operation: Operation,
    hosts: Iterable[HostView],
    change: Callable[[HostView, list[str]], None],
    done: list[RepositoryChange],
) -> None:
    """Change one host after the other, until one fails.

    :param change: adds each step that it has completed to its list, in words.
    :param done: what was changed before; gets what is changed.
    :raises Ovm3Error: that of the host, if nothing is changed.
    :raises OperationIncomplete: something is changed, on this host or on others before; names it.
    """
    for host in hosts:
        made: list[str] = []
        try:
            change(host, made)
        except Ovm3Error as error:
            now = [RepositoryChange(host, ", ".join(made))] if made else []
            raise _with_done(operation, error, [*done, *now]) from error
        if made:
            done.append(RepositoryChange(host, ", ".join(made)))


def _with_done(
    operation: Operation, error: Ovm3Error, done: Iterable[RepositoryChange]
) -> Ovm3Error:
    """The error of a host for the user: it names what is changed."""
    labels = tuple(f"{one.news} on {one.host.label}" for one in done)
    if not labels:
        return error
    left = error.left if isinstance(error, OperationIncomplete) else ()
    return operation.incomplete(
        f"{error}. Done: {'; '.join(labels)}. The same call again completes it",
        left=(*left, *labels),
        host=error.host,
    )


def undone(
    operation: Operation, host: HostView, mount_point: str, made: list[str], error: Ovm3Error
) -> Ovm3Error:
    """Unmount what a host has mounted for an operation and not registered; the error for the user.

    :param made: what the operation has done there; empty, once that is undone.
    :param error: why the operation does not go on: a definite one.
    """
    try:
        if record_at(host, mount_point) is not None or device_at(host, mount_point) is None:
            return error
        unmount(operation, host, mount_point)
    except Ovm3Error as failed:
        return operation.incomplete(
            f"{error}; and {mount_point} may be still mounted on {host.label}: {failed}",
            left=(f"{mount_point} on {host.label}",),
            host=str(host.address),
        )
    made.clear()
    state = f"{mount_point} is not mounted there any more (an empty directory may be left)"
    if isinstance(error, AgentFault):
        return error.with_state(state)
    return PreconditionFailed(f"{error}; {state}", host=str(host.address))
