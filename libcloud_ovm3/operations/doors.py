"""The single entry point for every call that changes something on a host.

One function per call. Each makes the checks that have to come right before the call, and then sends
it once. A check that fails, or cannot be made, raises PreconditionFailed, and nothing was sent. So
an AgentFault or an OutcomeUnknown that comes out of here belongs to the call itself: it may have
taken effect, and the operation reads the state back before it decides anything.

No other file calls what changes something (tests/test_layout.py), but for definition_door.py, which
has the longest of these functions, power_door.py, which has those that hold guests still,
claims_door.py and claim_looks.py, which have those through claims, and network_doors.py, which has
those for networks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.functions import NFS_PLUGIN
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disks import FileSystem
from libcloud_ovm3.estate.guards import lacks_claims
from libcloud_ovm3.estate.holders import require_free
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.hosts_off import HostOff, require_silent
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations.claims_door import change
from libcloud_ovm3.operations.definition_door import (
    change_definition as change_definition,  # noqa: PLC0414 (called as doors.change_definition)
)
from libcloud_ovm3.operations.definition_door import (
    complete_definition as complete_definition,  # noqa: PLC0414 (doors.complete_definition)
)
from libcloud_ovm3.operations.definition_door import (
    create_definition as create_definition,  # noqa: PLC0414 (called as doors.create_definition)
)
from libcloud_ovm3.operations.definition_door import delete_definition, deletion_digest
from libcloud_ovm3.operations.gone_host import take_out_off
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.power_door import pause_vm as pause_vm  # noqa: PLC0414
from libcloud_ovm3.operations.power_door import save_vm as save_vm  # noqa: PLC0414
from libcloud_ovm3.operations.power_door import unpause_vm as unpause_vm  # noqa: PLC0414
from libcloud_ovm3.operations.preconditions import require_unchanged, verified_domain
from libcloud_ovm3.operations.presence import read_presence
from libcloud_ovm3.operations.unguarded import claim_for

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule, Path
    from libcloud_ovm3.estate.repositories import Repository

REBOOT_WAIT = 3  # what every client sends; its unit is not known (agent-behaviour 7.4)


# ------------------------------------------------------------------ power


def start_vm(
    operation: Operation,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    defined_ids: Collection[str],
    hosts_off: Sequence[HostOff] = (),
    restoring: bool = False,
) -> None:
    """Start a VM that no host runs.

    :param host: where to start it.
    :param hosts: all hosts that may run it.
    :param defined_ids: the uuids of all definitions (see :func:`.matches`).
    :param hosts_off: those that must not answer at all.
    :param restoring: restore the saved memory of its guest; the domain is paused then.
    :raises PreconditionFailed: it is live already, another VM writes to one of its disks according
        to the lists, a host is unreachable, or one that should be off answers.
    """
    if hosts_off:  # it takes some seconds, so what was proven before is proven again after it
        require_silent(operation.estate, hosts_off, hosts)
        require_free(operation.estate, hosts, definition)
        require_unchanged(host, definition)
    presence = read_presence(hosts, definition, defined_ids)
    label = f"VM {definition.name!r} ({definition.uuid})"
    if not presence.is_absent:
        raise PreconditionFailed(
            f"{label} was not started: right before, {presence.described()}",
            nodes=[presence.summary],
        )
    if presence.writers:
        users = "; ".join(f"{p} by {w.domain.label} on {w.host.label}" for w, p in presence.writers)
        raise PreconditionFailed(
            f"{label} was not started: open for writing is {users}", nodes=[presence.summary]
        )
    if hosts_off:  # a host may have answered slowly
        require_silent(operation.estate, hosts_off, hosts, is_brief=True)
    take_out_off(operation, hosts, definition, hosts_off)
    if not restoring and claim_for(operation, host, definition):
        host.agent.xen.start_vm(definition.repository_id, definition.directory)
        return
    limits = host.agent.connection.limits
    if restoring:
        place = (operation, host, definition)
        change(*place, "restore_vm", [True], limits.long, definition.digest)
        return
    change(operation, host, definition, "start_vm", [], limits.write, definition.digest)


def stop_vm(
    operation: Operation,
    host: HostView,
    definition: Definition,
    defined_ids: Collection[str],
    force: bool,
    limit: float,
) -> bool:
    """Ask a guest to shut down, or power it off.

    :param force: power off instead of asking the guest.
    :param limit: seconds to wait for the response.
    :return: False: it has left this host, and nothing was sent.
    :raises PreconditionFailed: its name on this host is not this VM's alone.
    """
    if verified_domain(host, definition, defined_ids) is None:
        return False
    if definition.guard is None or lacks_claims(host):  # a claim that names it stays as it is
        host.agent.xen.stop_vm(definition.repository_id, definition.directory, force, limit=limit)
    else:
        change(operation, host, definition, "stop_vm", [force], limit)
    return True


def reboot_vm(
    operation: Operation,
    host: HostView,
    definition: Definition,
    defined_ids: Collection[str],
    domid: int | None,
) -> None:
    """Ask a guest to reboot.

    :param domid: of the domain that all checks were made for.
    :raises PreconditionFailed: it has left this host, is another domain by now, or its name on this
        host is not this VM's alone.
    """
    domain = verified_domain(host, definition, defined_ids)
    if domain is None or domain.domid != domid:
        what = "has just left" if domain is None else "has just been restarted on"
        raise PreconditionFailed(
            f"VM {definition.name!r} ({definition.uuid}) {what} {host.label}; nothing was sent"
        )
    if definition.guard is None or lacks_claims(host):
        host.agent.xen.reboot_vm(definition.repository_id, definition.directory, REBOOT_WAIT)
    else:
        limit = host.agent.connection.limits.write
        change(operation, host, definition, "reboot_vm", [REBOOT_WAIT], limit)


# ------------------------------------------------------------------ definitions


def create_vm(host: HostView, definition: Definition, parameters: dict[str, Any]) -> None:
    """Create a VM's definition, in a directory whose name is made for it.

    :param definition: of a VM that has no guard; says where.
    """
    host.agent.xen.create_vm(definition.repository_id, definition.directory, parameters)


def configure_vm(host: HostView, definition: Definition, parameters: dict[str, Any]) -> None:
    """Complete a definition that this very operation has created, so that it is nobody else's.

    :param definition: of a VM that has no guard; says where.
    """
    limit = host.agent.connection.limits.write  # it has no domain, so no device to wait for
    place = (definition.repository_id, definition.directory)
    host.agent.xen.configure_vm(*place, parameters, limit=limit)


def delete_vm(
    operation: Operation, host: HostView, definition: Definition, snapshot: EstateSnapshot
) -> None:
    """Delete a VM's definition, and with it its whole directory (agent-behaviour 4, 7.4).

    :raises PreconditionFailed: it is not what it was when it was read, or a host that should be off
        answers, or the VM is live by now.
    """
    if snapshot.hosts_off:  # it takes some seconds
        require_silent(operation.estate, snapshot.hosts_off, snapshot.hosts)
    where = (operation, host, snapshot.hosts, definition, snapshot.hosts_off)
    digest = deletion_digest(*where)
    # Waiting for its last domain, or a mount, takes some too, in which it may have been started.
    presence = read_presence(snapshot.hosts, definition, snapshot.defined_ids)
    if not presence.is_absent:
        raise PreconditionFailed(
            f"VM {definition.name!r} ({definition.uuid}) was not deleted: right before, "
            f"{presence.described()}"
        )
    require_unchanged(host, definition)
    if snapshot.hosts_off:  # a host may have answered slowly
        require_silent(operation.estate, snapshot.hosts_off, snapshot.hosts, is_brief=True)
    take_out_off(operation, snapshot.hosts, definition, snapshot.hosts_off)
    withdraw_vm(operation, host, definition, digest)


def withdraw_vm(operation: Operation, host: HostView, definition: Definition, digest: str) -> None:
    """Delete a definition that was proven to be the one that is meant, such as one that this very
    operation has created.

    :param digest: of :func:`.deletion_digest`, read before it was proven; "": the name of the
        directory was made for the VM, so it is nobody else's, or the host has no module that sees
        whether it is still that one.
    :raises PreconditionFailed: with a digest, it is another one, or is being changed.
    """
    if definition.guard is not None or digest:
        delete_definition(operation, host, definition, digest)
    else:
        host.agent.xen.delete_vm(definition.repository_id, definition.directory)


# ------------------------------------------------------------------ files


def copy_file(host: HostView, source: str, target: str) -> None:
    """Copy a file on a host, sparsely.

    :param target: what is there would be overwritten: its name has to be made for the copy.
    """
    host.agent.linux.copy_file(source, target, True)


def fetch_disk(host: HostView, url: str, name: str, repository_id: str) -> None:
    """Have a host fetch a URL into ``VirtualDisks``.

    :param name: of the file. What a file that is there becomes is not known: its name has to be
        made for it.
    """
    host.agent.repository.import_virtual_disk(url, name, repository_id)


def fetch_iso(host: HostView, url: str, name: str, repository_id: str) -> None:
    """Have a host fetch a URL into ``ISOs``, which goes on after the response (agent-behaviour 5).

    :param name: as for :func:`fetch_disk`.
    """
    host.agent.repository.import_ISO(url, name, repository_id)


def create_file(system: FileSystem, path: str, size_bytes: int, kind: str = "File") -> None:
    """Create a sparse file through the storage plug-in, which faults if it exists (9.4).

    :param path: absolute, on the host.
    :param kind: ``File`` or ``Directory``.
    """
    ss, fs = system.structs(state=2)
    system.host.agent.storageplugin.storage_plugin_create(
        NFS_PLUGIN, ss, fs, path, kind, size_bytes
    )


def create_file_by_module(
    operation: Operation, module: HostModule, path: Path, size_bytes: int
) -> None:
    """Create a sparse file through the host module, which faults if it exists."""
    module.create_file(operation.client, operation.id, path, size_bytes)


def write_file(operation: Operation, module: HostModule, path: Path, data: bytes) -> None:
    """Write the content of a file that this operation has created, from its beginning.

    :param data: at most ``chunks.CHUNK_BYTES`` long.
    """
    module.write_file(operation.client, operation.id, path, 0, data)


def grow_file(
    operation: Operation, module: HostModule, path: Path, before: int, size_bytes: int
) -> None:
    """Make a file larger, if it has the size that was read; what is in it stays."""
    module.grow_file(operation.client, operation.id, path, before, size_bytes)


def write_document(
    operation: Operation,
    module: HostModule,
    repository: Repository,
    name: str,
    version: int,
    content: bytes,
) -> None:
    """Write a version of a document, the one after what was read.

    :raises AgentFault: of kind ``...Conflict`` if another writer was first.
    """
    module.write_document(operation.client, operation.id, repository.path, name, version, content)


def write_seed(
    operation: Operation, module: HostModule, repository: Repository, vm_id: str, content: bytes
) -> None:
    """Make the seed of a VM, under a name that only this operation makes."""
    module.write_seed(operation.client, operation.id, repository.path, vm_id, content)


def delete_seed(
    operation: Operation, module: HostModule, repository: Repository, name: str
) -> None:
    """Delete a seed: for good, at once. It holds nothing that a user could not give again."""
    module.delete_seed(operation.client, operation.id, repository.path, name)


def start_job(
    operation: Operation, module: HostModule, job: str, kind: str, source: Path, target: Path
) -> None:
    """Start a copy, which never overwrites and is never there in part.

    :param job: its id, made for it: the same id twice is one job.
    """
    module.start_job(operation.client, job, kind, source, target)


def destroy_file(system: FileSystem, path: str) -> None:
    """Delete a file through the storage plug-in.

    :param path: absolute, on the host.
    """
    ss, fs = system.structs(state=1)
    file = {"fr_type": "file", "fs_uuid": system.id, "file_path": path}
    system.host.agent.storageplugin.storage_plugin_destroy(NFS_PLUGIN, ss, fs, file)


def delete_file(operation: Operation, module: HostModule, path: Path) -> None:
    """Delete a file that this package has made for itself, such as a mark: for good, at once.

    :param path: its name was made for the operation, so it is nobody else's.
    """
    module.delete_file(operation.client, operation.id, path)


def rename_file(operation: Operation, module: HostModule, path: Path, new_path: Path) -> None:
    """Rename a file within its repository, which never overwrites."""
    module.rename_file(operation.client, operation.id, path, new_path)


def set_aside(operation: Operation, module: HostModule, path: Path) -> None:
    """Move a file into the module's own folder of its repository, from where it can be put back."""
    module.set_aside(operation.client, operation.id, path)


def put_back(operation: Operation, module: HostModule, path: Path) -> None:
    """Move a file that this operation has set aside back to its place, if nothing lies there."""
    module.put_back(operation.client, operation.id, path)


def delete_aside(operation: Operation, module: HostModule, path: Path) -> None:
    """Delete a file that this operation has set aside, for good."""
    module.delete_aside(operation.client, operation.id, path)


def mount_export(system: FileSystem, access_path: str) -> None:
    """Have the storage plug-in mount an NFS export where it mounts them all.

    :param access_path: ``server:/path`` of the export.
    """
    ss, fs = system.structs(state=1)
    fs["access_path"] = access_path
    # What the last three mean is not known; these are what every client sends.
    system.host.agent.storageplugin.storage_plugin_mount(
        NFS_PLUGIN, ss, fs, f"/nfsmnt/{system.id}", "", True, []
    )
