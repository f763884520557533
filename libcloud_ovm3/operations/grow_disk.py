"""Making a file larger on a host with the host module, and reading back what it has become.

The agent's own functions that may do it are known by their names only (agent-behaviour 18, question
15), so without the module nothing is sent.
"""

from __future__ import annotations

from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disk_files import read_size
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.disk_sizes import BLOCK
from libcloud_ovm3.operations.operation import Operation


def host_that_grows(repository: Repository) -> HostView | None:
    """A host that can make files of this repository larger; None: there is none."""
    return next((one for one in repository.mounted_on if one.module2 is not None), None)


def require_host_that_grows(repository: Repository) -> HostView:
    """The same.

    :raises PreconditionFailed: there is none.
    """
    host = host_that_grows(repository)
    if host is None:
        raise PreconditionFailed(
            f"a disk in repository {repository.id} cannot be made larger: no host that has it "
            f"mounted has the host module, API 2 or later (`ovm3 host install`), and the arguments "
            f"of the agent's own function for it are not documented"
        )
    return host


def grow(
    operation: Operation,
    host: HostView,
    repository: Repository,
    path: str,
    before: int,
    size_bytes: int,
) -> list[str]:
    """Make a file larger. What is in it stays, and zeros follow, which take no space.

    :param host: one of :func:`host_that_grows`.
    :param before: its size, as it was read.
    :return: a notice for the user, if the call failed and it was done all the same.
    :raises AgentFault: the host refused; the size is as it was.
    :raises OperationIncomplete: whether it was done, or will be, is unknown; names the file.
    """
    assert host.module2 is not None
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        doors.grow_file(operation, host.module2, path, before, size_bytes)
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
    try:
        size = read_size(host, repository, path, None)
    except Ovm3Error as error:
        what = f"{failed or 'the host reported success'}; its size cannot be read: {error}"
        raise _in_doubt(operation, host, path, what) from error
    now = None if size is None else size.size_bytes
    if now == size_bytes:
        return [f"{path} has the new size, although {failed}"] if failed else []
    what = "it is missing" if now is None else f"it has {now} bytes"
    is_conflict = isinstance(failed, AgentFault) and failed.kind.endswith(".Conflict")
    if isinstance(failed, AgentFault) and (now == before or is_conflict):
        raise failed.with_state(f"{path}: {what}, and was left so") from failed
    raise _in_doubt(operation, host, path, f"{failed or 'the host reported success'}; {what}")


def padded(size_bytes: int) -> int:
    """The size that an imported disk gets: a multiple of 4096, as other tools expect it."""
    return -(-size_bytes // BLOCK) * BLOCK


def pad(
    operation: Operation, host: HostView, repository: Repository, path: str, size_bytes: int
) -> list[str]:
    """Make a disk so large that its size is such a multiple, with zeros; it is never cut.

    :param host: has the host module.
    :param size_bytes: as it is.
    :return: notices for the user.
    :raises Ovm3Error: as :func:`grow`.
    """
    if size_bytes == padded(size_bytes):
        return []
    if host.module2 is None:
        return [f"{path} has {size_bytes} bytes, which is no multiple of {BLOCK}"]
    return grow(operation, host, repository, path, size_bytes, padded(size_bytes))


def _in_doubt(operation: Operation, host: HostView, path: str, what: str) -> Ovm3Error:
    return operation.incomplete(
        f"making {path} larger was not completed: {what}", left=(path,), host=str(host.address)
    )
