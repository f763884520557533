"""The saved memory of a suspended guest: whether it may be restored, discarding it, its file.

The agent saves it into the directory of the VM, under a name that no source tells. So a VM is only
suspended if nothing else lies there, and whatever does afterwards is that file. xend keeps it when
it was restored (xend.md 4): it is deleted then, as the disks are newer from that moment on.
"""

from __future__ import annotations

from libcloud_ovm3.agent.texts import text_of
from libcloud_ovm3.agent.vm_claims import VMClaim
from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.attachments import key_of_path
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repositories import with_module
from libcloud_ovm3.estate.vms import VM, EstateSnapshot
from libcloud_ovm3.operations import doors, word_door
from libcloud_ovm3.operations.claim_looks import latest
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.operations.vm_directory import files_beside
from libcloud_ovm3.pages import page

WAYS_OUT = (
    f"ex_resume_node lets its guest go on where it was; ex_discard_saved=True discards its memory "
    f"first, as a power cut does ({page('moving-and-changing-vms.md')})"
)
_OLDER = "its host module is older than this: `ovm3 host install`"


def claim_of(vm: VM) -> VMClaim | None:
    """The claim of a VM, as it was read; None: it has none."""
    guard = vm.definition.guard
    return guard.claim if guard is not None else None


def require_restorable(vm: VM) -> None:
    """Check that what is saved is all of it, and that nothing has run since.

    :raises PreconditionFailed: that is not known.
    """
    claim = claim_of(vm)
    if claim is None or not claim.is_restorable:
        raise PreconditionFailed(
            f"VM {vm.label} cannot be restored: whether all of its memory was saved, and nothing "
            f"has run since, is not known, as the operation that saved or restored it "
            f"({claim.saved if claim else 'none'}) has not ended with success. "
            f"ex_discard_saved=True of start_node starts it without, as after a power cut",
            nodes=[vm.summary],
        )


def require_module(vm: VM, host: HostView) -> None:
    """Check that a VM can be saved and restored on a host: only its claim tells which memory
    belongs to which content of its disks.

    :raises PreconditionFailed: it has none, or the host module cannot.
    """
    guard = vm.definition.guard
    why = ""
    if guard is None:
        why = "it has no claim, as not all hosts have the host module, and without one nobody can "
        why += "tell whether it has run since its memory was saved, so that its disks are newer "
        why += f"({page('claims.md')})"
    elif host.module_moves is None:
        why = f"{host.label}: {_OLDER}"
    if why:
        raise PreconditionFailed(f"VM {vm.label} cannot be suspended: {why}", nodes=[vm.summary])


def require_alone(snapshot: EstateSnapshot, vm: VM) -> None:
    """Check that nobody else writes to a disk of a VM that is to be suspended. The claims say the
    same of VMs that have some, and keep them from it until it is restored.

    :raises PreconditionFailed: somebody does, as they share it.
    """
    own = {key_of_path(one.path) for one in vm.definition.disks if one.path and one.is_shared}
    users = [
        f"{path} by {live.domain.label} on {live.host.label}"
        for other in snapshot.vms.values()
        for live in other.live
        for path, mode in zip(live.domain.disks, live.domain.modes, strict=True)
        if other is not vm and key_of_path(path) in own and not mode.startswith("r")
    ]
    if users:
        raise PreconditionFailed(
            f"VM {vm.label} cannot be suspended: in use as shared disks are {'; '.join(users)}, "
            f"and what is written to them meanwhile its guest does not know when it goes on",
            nodes=[vm.summary],
        )


def discard(operation: Operation, snapshot: EstateSnapshot, vm: VM) -> list[str]:
    """Discard the saved memory of a guest, if there is any: it is never restored from then on.

    :return: notices for the user.
    :raises PreconditionFailed: its claim is another one by now; or no host can write it.
    :raises OperationIncomplete: whether it is discarded is unknown.
    """
    guard = latest(operation, vm.definition)
    if guard is None or guard.claim is None or not guard.claim.is_suspended:
        return []
    host = next((one for one in guard.hosts if one.module_moves is not None), None)
    if host is None:
        raise PreconditionFailed(
            f"VM {vm.label}: its saved memory cannot be discarded: {_OLDER}", nodes=[vm.summary]
        )
    saved = guard.claim.saved
    words = word_door.words("ex_discard_saved", "True", f"saved by operation {saved}")
    word_door.discard(operation, host, vm.definition, guard.claim, words)
    text = f"VM {vm.label}: the memory of its guest, saved by operation {saved}, was discarded; its"
    return [f"{text} disks are as after a power cut", *delete_image(operation, snapshot, vm)]


def delete_image(operation: Operation, snapshot: EstateSnapshot, vm: VM) -> list[str]:
    """Delete the file of what is not to be restored any more.

    :return: notices for the user: it is left, and why.
    """
    host = with_module(repository_of(snapshot, vm.definition))
    try:
        paths = files_beside(snapshot, vm)
        if len(paths) == 1 and host is not None and host.module is not None:
            if _is_saved_again(vm):
                return []
            doors.delete_file(operation, host.module, paths[0])
        if len(paths) < 2:
            return []
        why = f"which of these it is, is not known: {', '.join(text_of(one) for one in paths)}"
    except Ovm3Error as error:
        why = str(error)
    return [
        f"VM {vm.label}: the file with its old memory may be left in its directory; never restore "
        f"it by hand, its disks are newer; delete it before you suspend or destroy the VM: {why}"
    ]


def _is_saved_again(vm: VM) -> bool:
    """Whether its claim says by now that memory is saved, or is being saved: another client was
    faster, and the file that was just listed is that.

    :raises Ovm3Error: no host can tell.
    """
    definition = vm.definition
    hosts = definition.guard.hosts if definition.guard else ()
    module = next((one.module_claims for one in hosts if one.module_claims is not None), None)
    if module is None:
        raise PreconditionFailed("no host can read its claim")
    return bool(module.read_claim(definition.repository_id, definition.directory).saved)


def require_no_image(snapshot: EstateSnapshot, vm: VM) -> None:
    """Check that nothing lies in a VM's directory but its vm.cfg, before its memory is saved there.

    :raises PreconditionFailed: something does, or that cannot be read.
    """
    inside = files_beside(snapshot, vm)
    if inside:
        raise PreconditionFailed(
            f"VM {vm.label} cannot be suspended: its memory is saved into its own directory, where "
            f"nothing but vm.cfg may lie; move away: {', '.join(text_of(one) for one in inside)}",
            nodes=[vm.summary],
        )
