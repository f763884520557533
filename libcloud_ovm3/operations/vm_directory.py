"""What lies in the directory of a VM beside its vm.cfg. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.vms import VM, EstateSnapshot
from libcloud_ovm3.operations.own_disks import repository_of

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import Path


def files_beside(snapshot: EstateSnapshot, vm: VM) -> list[Path]:
    """Their paths, by the host module, which sees what the agent's listing hides. Without the
    module on any host that has the repository: none.

    :raises PreconditionFailed: that cannot be read.
    """
    definition = vm.definition
    repository = repository_of(snapshot, definition)
    directory = f"{repository.path}/{definition.folder}/{definition.directory}"
    host = next((one for one in repository.mounted_on if one.module is not None), None)
    if host is None or host.module is None:
        return []
    try:
        entries = host.module.list_files(directory).entries
    except Ovm3Error as error:
        raise PreconditionFailed(
            f"VM {vm.label}: its directory cannot be listed: {error}", nodes=[vm.summary]
        ) from error
    return [directory.encode() + b"/" + one.raw for one in entries if one.raw != b"vm.cfg"]
