"""Making and deleting plain containers, which are kept in this package's folder of a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.agent.object_types import NAME_BYTES
from libcloud_ovm3.agent.option_values import quoted
from libcloud_ovm3.errors import (
    AgentFault,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.estate.hosts import read_hosts, why_incomplete
from libcloud_ovm3.estate.objects import Container, find_container, module_of
from libcloud_ovm3.estate.one_repository import find_repository
from libcloud_ovm3.estate.repositories import Repository, known_repositories
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations import object_doors
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.storage_errors import (
    ContainerNotEmpty,
    ContainerNotFound,
    ContainerTaken,
    InvalidContainerName,
)

if TYPE_CHECKING:
    from libcloud_ovm3.estate.members import Estate

_OPTION = "ex_containers_repository"


def create_container(estate: Estate, name: str, repository: str | None) -> Container:
    """Make a plain container.

    :param repository: the id or the alias of the repository to make it in; None: the only one.
    :raises InvalidContainerName: none can have this name.
    :raises ContainerTaken: there is one of this name, or a repository that has it.
    :raises PreconditionFailed: which repository it goes into is not known, or the host module is
        missing. Nothing was sent.
    :raises AgentFault: the host refused; there is none.
    :raises OperationIncomplete: whether it is there is unknown.
    """
    _require_name(name)
    where = _target(estate, repository)
    container = Container(name, where, name)
    module_of(container, f"container {name!r} was not made")
    _require_free(estate, name)
    operation = Operation(estate)
    try:
        object_doors.create_container(operation, container)
    except (AgentFault, OutcomeUnknown) as failed:
        if isinstance(failed, AgentFault) and failed.kind.endswith(".Exists"):
            raise _taken(name) from failed
        _require_changed(operation, container, failed, is_deleted=False)
    return container


def _require_name(name: object) -> None:
    try:
        size = len(name.encode()) if isinstance(name, str) else 0
    except UnicodeEncodeError:
        size = 0
    is_valid = isinstance(name, str) and 1 <= size <= NAME_BYTES and name.isprintable()
    if not is_valid or "/" in str(name) or undashed(str(name)):
        raise InvalidContainerName(
            f"container_name {quoted(name)}: expected a text of 1 to {NAME_BYTES} bytes in UTF-8, "
            f"without / and control characters, and not like the id of a repository",
            container_name=name if isinstance(name, str) else None,
        )


def _require_free(estate: Estate, name: str) -> None:
    """Whether no container has the name, as far as can be read: one name is to mean one thing."""
    try:
        find_container(estate, name)
    except (ContainerNotFound, SearchIncomplete):
        return
    raise _taken(name)


def _taken(name: str) -> ContainerTaken:
    return ContainerTaken(
        f"there is a container {name!r}; nothing was changed", container_name=name
    )


def _target(estate: Estate, wanted: str | None) -> Repository:
    """The repository that a new container goes into.

    :raises PreconditionFailed: it is not named, and there are several, or none.
    """
    hosts, unreachable = read_hosts(estate)
    repositories = known_repositories(hosts)
    if wanted is not None:
        snapshot = EstateSnapshot(tuple(hosts), tuple(unreachable), tuple(repositories))
        return find_repository(snapshot, wanted, _OPTION)
    errors = why_incomplete(hosts, unreachable)
    if len(repositories) != 1 or errors:
        names = ", ".join(f"{one.id} ({one.record.alias})" for one in repositories) or "none"
        unread = "".join(f"; not read: {error}" for error in errors)
        raise PreconditionFailed(
            f"which repository a new container goes into is not known: name one with {_OPTION} (in "
            f"an estate: containers_repository), by its id or alias; there are: {names}{unread}"
        )
    return repositories[0]


def delete_container(estate: Estate, container: Container) -> None:
    """Delete a plain container, which must be empty.

    :raises PreconditionFailed: it is a repository itself.
    :raises ContainerNotEmpty: there are objects in it, or unfinished uploads.
    :raises ContainerNotFound: it is gone.
    :raises AgentFault: the host refused; it is there.
    :raises OperationIncomplete: whether it is deleted is unknown.
    """
    if not container.plain:
        raise PreconditionFailed(
            f"{container.label} was kept: it is a repository, and only containers that "
            f"create_container has made are deleted"
        )
    operation = Operation(estate)
    try:
        object_doors.delete_container(operation, container)
    except (AgentFault, OutcomeUnknown) as failed:
        kind = failed.kind.rpartition(".")[2] if isinstance(failed, AgentFault) else ""
        if kind == "NotEmpty":
            raise ContainerNotEmpty(
                f"{container.label} was kept: there are objects or unfinished uploads in it "
                f"(ex_list_uploads)",
                container_name=container.name,
            ) from failed
        if kind == "NotFound":
            raise ContainerNotFound(
                f"there is no container {container.name!r}", container_name=container.name
            ) from failed
        _require_changed(operation, container, failed, is_deleted=True)


def _require_changed(
    operation: Operation,
    container: Container,
    failed: AgentFault | OutcomeUnknown,
    *,
    is_deleted: bool,
) -> None:
    """Whether a change of a container has come, although its call failed.

    :raises AgentFault: it has not.
    :raises OperationIncomplete: it has not, but may still; or that is unknown.
    """
    what = "deleted" if is_deleted else "made"
    try:
        is_there = _is_there(container)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{container.label}: whether it is {what} is unknown: {failed}; {error}",
            left=(container.name,),
        ) from failed
    if is_there is not is_deleted:
        return
    state = "it is still there" if is_there else "there is none"
    if isinstance(failed, AgentFault):
        raise failed.with_state(f"{container.label}: {state}") from failed
    raise operation.incomplete(
        f"{container.label} was not {what}: the request was sent once and got no response; {state}",
        left=(container.name,),
    ) from failed


def _is_there(container: Container) -> bool:
    module = module_of(container)
    after: str | bytes = ""
    while True:
        page = module.list_containers(container.repository.path, after)
        if any(one.name == container.plain for one in page.entries):
            return True
        after = page.after
        if not after:
            return False
