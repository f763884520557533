"""The single entry point for every call that changes something on a host.

One function per call. Each makes the checks that have to come right before the call, and then sends
it once. A check that fails, or cannot be made, raises PreconditionFailed, and nothing was sent. So
an AgentFault or an OutcomeUnknown that comes out of here belongs to the call itself: it may have
taken effect, and the operation reads the state back before it decides anything.

No other file calls what changes something (tests/test_layout.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.functions import NFS_PLUGIN
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import AgentFault, HostUnreachable, OutcomeUnknown, PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disks import FileSystem
from libcloud_ovm3.estate.holders import require_free
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.hosts_off import HostOff, off_at, require_silent
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations.operation import Operation, new_id
from libcloud_ovm3.operations.preconditions import require_unchanged, verified_domain
from libcloud_ovm3.operations.presence import read_presence
from libcloud_ovm3.operations.vmcfg_changes import (
    confirm,
    read_current,
    refusal,
    require_made,
    require_possible,
    was_refused,
)
from libcloud_ovm3.operations.vmcfg_values import differences

if TYPE_CHECKING:
    from libcloud_ovm3.agent.config import VMConfig
    from libcloud_ovm3.agent.hostmodule import HostModule, Path
    from libcloud_ovm3.agent.vm_changes import VMChange

REBOOT_WAIT = 3  # what every client sends; its unit is not known (agent-behaviour 7.4)


# ------------------------------------------------------------------ power


def start_vm(
    operation: Operation,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    defined_ids: Collection[str],
    hosts_off: Sequence[HostOff] = (),
) -> None:
    """Start a VM that no host runs.

    :param host: where to start it.
    :param hosts: all hosts that may run it.
    :param defined_ids: the uuids of all definitions (see :func:`.matches`).
    :param hosts_off: those that must not answer at all.
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
    host.agent.xen.start_vm(definition.repository_id, definition.directory)


def stop_vm(
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
    host.agent.xen.stop_vm(definition.repository_id, definition.directory, force, limit=limit)
    return True


def reboot_vm(
    host: HostView, definition: Definition, defined_ids: Collection[str], domid: int | None
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
    host.agent.xen.reboot_vm(definition.repository_id, definition.directory, REBOOT_WAIT)


# ------------------------------------------------------------------ definitions


def create_vm(
    host: HostView, repository_id: str, directory: str, parameters: dict[str, Any]
) -> None:
    """Create a VM's definition, in a directory whose name is made for it."""
    host.agent.xen.create_vm(repository_id, directory, parameters)


def configure_vm(
    host: HostView, repository_id: str, directory: str, parameters: dict[str, Any]
) -> None:
    """Complete a definition that this very operation has created, so that it is nobody else's."""
    limit = host.agent.connection.limits.write  # it has no domain, so no device to wait for
    host.agent.xen.configure_vm(repository_id, directory, parameters, limit=limit)


def change_definition(
    operation: Operation,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    change: Callable[[VMConfig], VMConfig],
    *,
    defined_ids: Collection[str],
    limit: float,
    notices: list[str],
    hosts_off: Sequence[HostOff] = (),
) -> VMConfig:
    """Change the vm.cfg of a VM, and with it the running VM's settings that have a setter: the only
    way in which an existing definition is changed.

    It is read again, has to be what it was read as in every option, and is sent as a whole, once.
    Then it is read back: what was meant has arrived, nothing else has changed. Whether a running
    VM has the change too is the caller's to read.

    With the host module the host itself compares the file right before, and no two hosts change it
    at once. Without it another client's change is lost if it comes between read and call.

    :param host: where the VM runs, or, of one that is stopped, any that has the repository mounted.
    :param hosts: all hosts that answer.
    :param definition: as the change was decided for.
    :param change: makes the new vm.cfg of the current one; pure.
    :param defined_ids: the uuids of all definitions (see :func:`.matches`).
    :param limit: seconds for the response; a device of a running VM takes up to 100 s.
    :param notices: gets notices for the user, such as a fault although the file has the change: of
        a running VM, its devices may lack it then.
    :param hosts_off: those that the user says are off; what they were changing is taken over.
    :return: the vm.cfg as it is now. Nothing is sent if ``change`` changes nothing.
    :raises PreconditionFailed: it is not what it was, its name on this host is not this VM's alone,
        or not everything in it would stay as it is. Nothing was sent.
    :raises AgentFault: the agent refused; the file is as it was.
    :raises OperationIncomplete: the request was sent, and the file does not show the change (yet).
    """
    verified_domain(host, definition, defined_ids)
    current = read_current(host, definition)
    before, wanted = current.config, change(current.config)
    if not differences(before.values, wanted.values):
        return before
    require_possible(definition, current, wanted)
    if current.change is not None:
        _settle(operation, host, hosts, definition, current.change, hosts_off)
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        if current.digest:
            _change_by_module(operation, host, definition, current.digest, wanted, limit)
        else:
            place = (definition.repository_id, definition.directory)
            host.agent.xen.configure_vm(*place, wanted.to_struct(), limit=limit)
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
    return confirm(operation, host, definition, before, wanted, failed, notices)


def _change_by_module(
    operation: Operation,
    host: HostView,
    definition: Definition,
    digest: str,
    wanted: VMConfig,
    limit: float,
) -> None:
    """Have the host module compare the file and call the agent's function, in one step.

    :raises PreconditionFailed: the file is another one, or is being changed; nothing was done.
    :raises AgentFault: the agent's function, or the module, has failed.
    :raises OutcomeUnknown: whether it is done is unknown, or it goes on after the limit.
    """
    assert host.module2 is not None
    place = (definition.repository_id, definition.directory)
    own = new_id()  # not the operation's: that may change a VM several times
    deadline = operation.estate.clock.now() + limit
    answer: VMChange | OutcomeUnknown
    try:
        answer = host.module2.change_vm(
            operation.client, own, *place, digest, "configure_vm", [wanted.to_struct()]
        )
    except AgentFault as fault:
        if not was_refused(fault):
            raise
        raise refusal(definition, f"{host.label}: {fault.text}") from fault
    except OutcomeUnknown as error:
        answer = error
    require_made(operation, host, definition, own, answer, deadline)


def _settle(
    operation: Operation,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    change: VMChange,
    hosts_off: Sequence[HostOff],
) -> None:
    """Where a change that another host made was cut off, have recorded that its outcome is unknown:
    until then nobody can change the definition.

    Its own host tells whether it goes on. Of one that is off, as the user says, it does not.

    :raises PreconditionFailed: that failed, or a host that should be off answers.
    """
    if change.state != "elsewhere":
        return
    place = (definition.repository_id, definition.directory)
    theirs = next((one for one in hosts if one.server.uuid == undashed(change.host_uuid)), None)
    off = None if theirs else off_at(hosts_off, change.address)
    module = theirs.module2 if theirs else host.module2
    if module is None or not (theirs or off):
        return
    try:
        if off:
            require_silent(operation.estate, [off], hosts)
        else:
            now = module.read_vm(*place, change.operation).change
            if now is None or now.state != "dead":
                return
        module.settle_vm(operation.client, operation.id, *place, change.operation, bool(off))
    except (AgentFault, OutcomeUnknown, HostUnreachable) as error:
        raise refusal(definition, f"{change.label} has no outcome: {error}") from error


def delete_vm(
    operation: Operation, host: HostView, definition: Definition, snapshot: EstateSnapshot
) -> None:
    """Delete a VM's definition, and with it its whole directory (agent-behaviour 4, 7.4).

    :raises PreconditionFailed: it is not what it was when it was read, or a host that should be off
        answers, or the VM is live by now.
    """
    if snapshot.hosts_off:  # it takes some seconds
        require_silent(operation.estate, snapshot.hosts_off, snapshot.hosts)
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
    host.agent.xen.delete_vm(definition.repository_id, definition.directory)


def withdraw_vm(host: HostView, repository_id: str, directory: str) -> None:
    """Delete a definition that this very operation has created.

    :param directory: its name was made for the VM, so it is nobody else's.
    """
    host.agent.xen.delete_vm(repository_id, directory)


# ------------------------------------------------------------------ files


def copy_file(host: HostView, source: str, target: str) -> None:
    """Copy a file on a host, sparsely.

    :param target: what is there would be overwritten: its name has to be made for the copy.
    """
    host.agent.linux.copy_file(source, target, True)


def create_file(system: FileSystem, path: str, size_bytes: int) -> None:
    """Create a sparse file through the storage plug-in, which faults if it exists (9.4).

    :param path: absolute, on the host.
    """
    ss, fs = system.structs(state=2)
    system.host.agent.storageplugin.storage_plugin_create(
        NFS_PLUGIN, ss, fs, path, "File", size_bytes
    )


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
