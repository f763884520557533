"""Making an empty file for a disk, and reading back whether it is there with its size.

Its name was made for it, so whatever a failed call has left under it is of this operation.
"""

from __future__ import annotations

from dataclasses import dataclass

from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, Ovm3Error
from libcloud_ovm3.estate.disk_files import read_size
from libcloud_ovm3.estate.disks import FileSystem
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.operation import Operation


@dataclass(frozen=True)
class EmptyFile:
    """A file that is to be made.

    :ivar host: the host that makes it.
    :ivar system: what its storage plug-in has mounted; not needed with the host module.
    :ivar path: absolute, on the hosts.
    """

    host: HostView
    system: FileSystem | None
    repository: Repository
    path: str
    size_bytes: int


def make_empty(operation: Operation, file: EmptyFile, label: str, way_out: str) -> list[str]:
    """Make a sparse file.

    :param label: what it is, for messages.
    :param way_out: what removes it if it may be left.
    :return: a notice for the user, if the call failed and it was made all the same.
    :raises AgentFault: the host refused; there is no such file.
    :raises OperationIncomplete: whether it is there, with its size, is unknown; names it.
    """
    failed = _send(operation, file)
    try:
        found = read_size(file.host, file.repository, file.path, file.system)
    except Ovm3Error as error:
        why = f"{failed or 'the host reported success'}; what is there cannot be read: {error}"
        raise _in_doubt(operation, file, label, way_out, why) from error
    size = None if found is None else found.size_bytes
    if size == file.size_bytes:
        return [f"{label} is created, although {failed}"] if failed else []
    if size is None and isinstance(failed, AgentFault):
        raise failed.with_state("there is no such file") from failed
    state = "there is no such file (yet)" if size is None else f"it has {size} bytes"
    why = f"{failed or 'the host reported success'}; {state} instead of {file.size_bytes} bytes"
    raise _in_doubt(operation, file, label, way_out, why) from failed


def _send(operation: Operation, file: EmptyFile) -> AgentFault | OutcomeUnknown | None:
    """Send the call; return how it failed."""
    try:
        if file.host.module is not None:
            doors.create_file_by_module(operation, file.host.module, file.path, file.size_bytes)
        else:
            assert file.system is not None
            doors.create_file(file.system, file.path, file.size_bytes)
    except (AgentFault, OutcomeUnknown) as error:
        return error
    return None


def _in_doubt(
    operation: Operation, file: EmptyFile, label: str, way_out: str, why: str
) -> Ovm3Error:
    return operation.incomplete(
        f"creating {label} was not completed: {why}. What may be left: {file.path} ({way_out})",
        left=(file.path,),
        host=str(file.host.address),
    )
