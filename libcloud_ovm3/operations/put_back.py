"""Putting back a file that a deletion has set aside and, breaking off, has left there."""

from __future__ import annotations

from libcloud_ovm3.agent.texts import text_of
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.hosts import read_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import read_repositories, with_module
from libcloud_ovm3.operations.delete_files import put_back_file
from libcloud_ovm3.operations.operation import Operation


def put_back(estate: Estate, path: str, operation_id: str) -> None:
    """Put back a file that a deletion has set aside and left.

    :param path: where it lay, absolute, on the hosts.
    :param operation_id: which deletion has set it aside; this one goes on under its id.
    :raises PreconditionFailed: no such file is set aside, as far as can be read. Nothing was sent.
    :raises AgentFault: the module refused: by now another file is in its place.
    :raises OperationIncomplete: whether it was done is unknown.
    """
    operation = Operation(estate, id=operation_id)
    hosts, _ = read_hosts(estate)
    for repository in read_repositories(hosts):
        host = with_module(repository)
        for one in repository.aside:
            if (text_of(one.path), one.operation) == (path, operation.id) and host and host.module:
                put_back_file(operation, host.module, repository, one.path)
                return
    raise PreconditionFailed(
        f"{path}: operation {operation.id} has not set it aside in any repository that could be "
        f"read; ex_list_orphans lists what is set aside"
    )
