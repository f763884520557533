"""Doctor checks of VMs: their vm.cfg, where they run, what starts them. Pure: no I/O.

Sources: agent-behaviour.md, xend.md, docs/guarantees.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import has_ha, name_of
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.pauses import pause_marks
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot

NO_VM_CFG = "no vm.cfg"  # how the error of such a definition begins


def check_vms(snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Check each VM: its definitions, and where it runs."""
    states = [vm.state.value for vm in snapshot.vms.values()]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    yield Finding("ok", "VMs", f"{len(states)} VMs" + (f": {counts}" if counts else ""))
    for vm in snapshot.vms.values():
        for definition in vm.definitions:
            yield from _check_definition(definition, snapshot)
            yield from _check_config_warnings(definition)
            yield from _check_automatic_starts(vm, definition)
        yield from _check_presence(vm)
        yield from _check_doubts(vm)
        yield from _check_saved(vm)
    yield from _check_pauses(snapshot)


def _check_definition(definition: Definition, snapshot: EstateSnapshot) -> Iterator[Finding]:
    repository = snapshot.repository(definition.repository_id)
    if definition.error and repository is not None and definition.error == repository.error:
        pass  # the repository's own error, reported there
    elif definition.error and definition.config is not None:
        yield Finding(
            "error",
            "vm.cfg",
            f"{definition.place}/vm.cfg cannot be relied upon: {definition.error}",
            "its VM is not changed, and no disk that it could refer to is deleted",
            "check the directory on a host that has the repository mounted",
        )
    elif definition.error and definition.error.startswith(NO_VM_CFG):
        yield Finding(
            "error",
            "vm.cfg",
            f"{definition.place}: {definition.error}",
            "it may be a VM that was moved aside or lost its vm.cfg, and may be running: its name "
            "cannot be used, and no disk is deleted while it is not known which disks it uses",
            "restore the file's name, or move the directory out of VirtualMachines",
        )
    elif definition.error:
        yield Finding(
            "error",
            "vm.cfg",
            f"{definition.place}/vm.cfg cannot be read: {definition.error}",
            "its VM cannot be started, nor shown as stopped; and no disk is deleted while it is "
            "not known whether this file refers to it",
            "back up and fix the file on a host that has the repository mounted",
        )
    elif not definition.own_uuid:
        yield Finding(
            "warning",
            "vm.cfg",
            f"{definition.place}/vm.cfg has no uuid",
            "xend generates a new one at each start; the VM is identified by directory and name "
            "only",
            f"add uuid = '{definition.uuid}' to the file while the VM is stopped",
        )


def _check_config_warnings(definition: Definition) -> Iterator[Finding]:
    for warning in definition.config.warnings if definition.config else ():
        yield Finding(
            "warning",
            "vm.cfg",
            f"{definition.place}/vm.cfg: {warning}",
            "xend rejects the VM, or interprets it differently than intended",
            "compare the file with that of a VM that runs",
        )


def _check_automatic_starts(vm: VM, definition: Definition) -> Iterator[Finding]:
    if has_ha(definition):
        yield Finding(
            "warning",
            "HA",
            f"VM {vm.label} has the agent's HA flag",
            "in a clustered pool the agents may start it on another host when its host fails, and "
            "so at the same time as you do",
            "before starting it manually, confirm that no host runs it; if HA is not wanted, clear "
            "the flag (ex_clear_ha)",
        )
    if definition.get_text("on_xend_start") == "start":
        yield Finding(
            "warning",
            "autostart",
            f"VM {vm.label} has on_xend_start = start",
            "it has no effect on VMs that the agent starts; a VM that xend itself manages is "
            "started with its host, even if it then runs elsewhere",
            "do not rely on it; remove it",
        )
    on_stop = definition.get_text("on_xend_stop")
    if on_stop not in ("", "ignore"):
        yield Finding(
            "warning",
            "autostart",
            f"VM {vm.label} has on_xend_stop = {on_stop}",
            "each regular stop or restart of xend does this to the running VM",
            "avoid restarting xend on its host; remove the setting",
        )


def _check_presence(vm: VM) -> Iterator[Finding]:
    """Check that a VM is in one place, healthy there, and defined."""
    if (len(vm.definitions) > 1 or len(vm.live) > 1) and vm.state is not State.MIGRATING:
        yield Finding(
            "error",
            "uuid",
            f"VM {vm.label} is in {len(vm.definitions) + len(vm.live)} places: {vm.where()}",
            "two VMs on one set of disks destroy the file systems on them; start, stop and destroy "
            "are refused",
            "if it is live twice, shut one of them down now; if it is defined twice, move the "
            "wrong directory out of VirtualMachines, or give it a new uuid and its own disks",
        )
    elif vm.state is State.ERROR:
        yield Finding(
            "warning",
            "VM",
            f"VM {vm.label} has crashed, or its domain was not removed: {vm.where()}",
            "it still holds memory and disks",
            "see xend.log on the host; then `ovm3 vm stop --force NAME`",
        )
    if vm.live and not vm.definitions:
        yield Finding(
            "warning",
            "VM",
            f"VM {vm.label} is running, but no readable repository contains its vm.cfg",
            "once it stops it cannot be started again with ovm3",
            "find its repository, or save what list_vms reports for it",
        )
    if any(definition.is_creating for definition in vm.definitions):
        yield Finding(
            "note",
            "VM",
            f"VM {vm.label} is being created, or its creation was interrupted",
            "a VM that remains pending is incomplete",
            "if nobody is creating it, remove it with the driver's destroy_node",
        )


def _check_doubts(vm: VM) -> Iterator[Finding]:
    """Report why the state or the disks of a VM are not known."""
    for doubt in vm.doubts:
        yield Finding(
            "warning",
            "VM",
            f"VM {vm.label}: {doubt}",
            "whether it is running is not known, so it is not changed",
            "examine that domain on the host; uuid and name in vm.cfg must be unique",
        )
    for live in vm.live:
        if live.domain.disks_error:
            yield Finding(
                "warning",
                "VM",
                f"{live.domain.label} on {name_of(live.host)}: incomplete record: "
                f"{live.domain.disks_error}",
                "which files it holds is not known, so no disk is deleted",
            )


def _check_saved(vm: VM) -> Iterator[Finding]:
    """Report a suspended VM that cannot be restored."""
    for one in vm.definitions:
        claim = one.guard.claim if one.guard else None
        if claim is not None and claim.is_suspended and not claim.is_restorable:
            yield Finding(
                "warning",
                "VM",
                f"VM {vm.label} is suspended, and whether all of its memory was saved is not known "
                f"({claim.saved})",
                "it is not restored: its disks may be newer",
                "ex_discard_saved=True of start_node starts it, as after a power cut",
            )


def _check_pauses(snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Report what operations have recorded as paused for a copy."""
    for mark in pause_marks(snapshot):
        vm = snapshot.vms.get(mark.vm_id)
        if vm is not None and vm.state is State.PAUSED and mark.is_about(vm):
            yield Finding(
                "warning",
                "paused",
                f"VM {vm.label} has been paused for a snapshot of its disk by {mark.described()}",
                "its guest stands still until the snapshot is complete, and stays so if that was "
                "interrupted",
                "if no such snapshot is being made any more, "
                f"ex_resume_node({vm.id!r}) lets it run again",
            )
        else:
            yield Finding(
                "note",
                "paused",
                f"{mark.path}: {mark.described()} has recorded that it pauses VM "
                f"{vm.label if vm else mark.vm_id}, which is not paused by it (any more)",
                "the snapshot is being completed, or was interrupted",
                "if no such snapshot is being made any more, "
                + (
                    "remove the record with ex_resume_node"
                    if vm
                    else "delete this file, on a host that has its repository mounted"
                ),
            )
