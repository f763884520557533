"""Creating a VM from a template or an ISO: definition first, disk, configuration, start.

The definition comes first, without its own disks, its description saying ``creating <operation>``;
then its disk is copied, then it is configured, then started. So a client that dies in the middle
leaves a VM that everybody sees as PENDING and that destroy removes. After any failure of a step the
state is read: what is shown not to have happened is undone, what is shown to have happened is gone
on from; in doubt nothing is undone, and the error names what may be left.
"""

from __future__ import annotations

import posixpath
from dataclasses import replace

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import (
    NEVER_SENT,
    AgentFault,
    MalformedResponse,
    NameTaken,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.addresses import recorded_addresses
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disks import size_bytes
from libcloud_ovm3.estate.repositories import list_whole
from libcloud_ovm3.estate.vm_metadata import VMMetadata
from libcloud_ovm3.estate.vms import VM, merge_vms
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.delete_files import delete_file
from libcloud_ovm3.operations.destroy_vm import require_deleted
from libcloud_ovm3.operations.empty_disk import EmptyFile, make_empty
from libcloud_ovm3.operations.grow_disk import grow
from libcloud_ovm3.operations.new_definition import compared, parameters
from libcloud_ovm3.operations.new_media import require_media
from libcloud_ovm3.operations.new_volumes import require_no_rivals, require_unheld_volumes
from libcloud_ovm3.operations.own_definition import is_own, require_no_definition, require_own
from libcloud_ovm3.operations.own_name import require_own_name
from libcloud_ovm3.operations.plan_vm import VMPlan
from libcloud_ovm3.operations.record_address import record_addresses
from libcloud_ovm3.operations.record_metadata import record_metadata
from libcloud_ovm3.operations.same_key import MadeByAnother
from libcloud_ovm3.operations.source_state import read_source, what_changed
from libcloud_ovm3.operations.start_vm import start_on
from libcloud_ovm3.operations.template import DiskCopy
from libcloud_ovm3.operations.vlan_bridges import StartNetworks, bridged
from libcloud_ovm3.operations.vmcfg_values import differences
from libcloud_ovm3.operations.watch_copy import watched
from libcloud_ovm3.operations.write_seed import withdraw_seed, write_seed
from libcloud_ovm3.progress import waiting


def create(plan: VMPlan) -> tuple[VM, list[str]]:
    """Create the VM that was planned and start it, unless it is to be left off.

    :return: the VM as it is right after that, and notices for the user: failures of steps that
        have taken effect all the same.
    :raises NameTaken: another client has created one of this name; this one was removed again.
    :raises PreconditionFailed: the definition does not say what was sent, or whether the name is
        taken is unknown; what had been created was removed again.
    :raises AgentFault: the agent refused a step; what had been created was removed again.
    :raises OperationIncomplete: the outcome of a step is unknown, or undoing failed; names what may
        be left.
    """
    notices: list[str] = []
    estate = plan.operation.estate
    vm = f"VM {plan.spec.name!r}"
    try:
        with waiting(f"defining {vm} on {plan.host.label}", vm=plan.vm_id):
            require_unheld_volumes(estate, plan.snapshot.hosts, plan.volume_entries)
            require_no_definition(plan)
            _define(plan, notices)
            if not plan.spec.allow_same_name:
                require_own_name(plan)
            require_no_rivals(estate, plan.vm_id, plan.volumes)
            require_media(plan)
        for copy in plan.contents.copies:
            with waiting(f"copying the disk of {vm} on {plan.host.label}", vm=plan.vm_id):
                _copy(plan, copy, notices)
        _grow(plan, notices)
        _make_empty(plan, notices)
        _write_seed(plan, notices)
        with waiting(f"configuring {vm} on {plan.host.label}", vm=plan.vm_id):
            definition = _configure(plan, notices)
        _record(plan, notices)
    except (*NEVER_SENT, AgentFault, NameTaken, PreconditionFailed) as error:
        _undo(plan, error)
        raise
    except OutcomeUnknown as error:
        raise _not_completed(plan, error) from error
    if plan.spec.start:
        created = _start(plan, definition, notices)
    else:
        created = merge_vms([], [definition], all_answered=True)[plan.vm_id]
    hosts, others = plan.snapshot.hosts, plan.snapshot.vms.values()
    addresses = recorded_addresses(plan.cards.addresses, others, hosts, estate)
    metadata = None if plan.repository.metadata is None else plan.spec.metadata
    return replace(created, addresses=addresses, metadata=metadata), notices


def _not_completed(plan: VMPlan, error: Ovm3Error, details: str = "") -> OperationIncomplete:
    """The error for what is in doubt."""
    return plan.operation.incomplete(
        f"creating VM {plan.spec.name!r} was not completed: {error}{details and f'; {details}'}. "
        f"What may be left: node {plan.vm_id} (pending; destroy_node removes it{_released(plan)}) "
        f"and its disk {', '.join(plan.files) or '(none)'}",
        left=(plan.vm_id, *plan.files),
        nodes=[plan.summary],
        **plan.where,
    )


def _released(plan: VMPlan) -> str:
    """What destroy_node does with the volumes of a node that may be left, for messages."""
    if not plan.volumes.volumes:
        return ""
    return f" and releases {', '.join(one.label for one in plan.volumes.volumes)}"


def _define(plan: VMPlan, notices: list[str]) -> None:
    """Step 1: the definition, which says that it is being created. It is read back: what the agent
    makes of quotes in a name, for example, is not documented.
    """
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        _send_definition(plan)
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
        if not _is_listed(plan, error, "virtual_machines", plan.directory):
            if isinstance(error, AgentFault):
                raise error.with_state("there is no definition of it") from error
            raise
        notices.append(f"VM {plan.spec.name!r} is defined, although {failed}")
    try:
        _read_back(plan, plan.pending_description)
    except (AgentFault, PreconditionFailed) as error:
        is_refused = isinstance(failed, AgentFault) and isinstance(error, MadeByAnother)
        if failed and not is_refused:  # perhaps it is still being written
            raise _not_completed(plan, failed, str(error)) from failed
        raise


def _send_definition(plan: VMPlan) -> None:
    """Others may create one with the same key: with the host module only where there is none.

    :raises MadeByAnother: there is one by now.
    """
    if not plan.spec.key or plan.host.module3 is None:
        doors.create_vm(plan.host, plan.repository.id, plan.directory, parameters(plan))
        return
    place = Definition(plan.repository.id, plan.directory, VMConfig(parameters(plan)))
    try:
        doors.create_definition(plan.operation, plan.host, place, parameters(plan))
    except PreconditionFailed:
        require_no_definition(plan)
        raise


def _is_listed(plan: VMPlan, failed: Ovm3Error, kind: str, name: str) -> bool:
    """Whether a directory or a file is there after a failure.

    :raises OperationIncomplete: that cannot be read: doubt stays doubt.
    """
    try:
        content = list_whole(plan.host, plan.repository.id)
    except Ovm3Error as second:
        raise _not_completed(plan, failed, f"reading its state failed too: {second}") from failed
    if kind == "virtual_disks":
        return name in content.virtual_disks
    return name in (folder.name for folder in content.virtual_machines)


def _read_config(plan: VMPlan) -> VMConfig:
    struct = plan.host.agent.xen.get_vm_config(plan.repository.id, plan.directory)
    if not isinstance(struct, dict):
        raise PreconditionFailed(
            f"the definition of VM {plan.spec.name!r} cannot be read back: {struct!r}"
        )
    return VMConfig(struct)


def _read_back(plan: VMPlan, description: str) -> VMConfig:
    """The definition as the agent has it now.

    :raises MadeByAnother: it is another client's, with the same key.
    :raises PreconditionFailed: it does not say what was sent; names what it says.
    """
    config = _read_config(plan)
    require_own(plan, config)
    for what, found, expected in compared(plan, config, description):
        if found != expected:
            raise PreconditionFailed(
                f"the definition of VM {plan.spec.name!r} has {what} {found!r} instead of "
                f"{expected!r}: {plan.host.label} does not keep what it was sent"
            )
    return config


def _copy(plan: VMPlan, copy: DiskCopy, notices: list[str]) -> None:
    """Step 2: a disk. After a failure the listing helps only where the disk is not there: half a
    copy looks complete. Nor does it show what the template was while it was read.
    """
    system = None if plan.host.module is not None else copy.system
    before = read_source(plan.host, copy.source, system)
    try:
        with watched(plan, copy, notices):
            doors.copy_file(plan.host, copy.source, copy.target)
    except AgentFault as fault:
        if _is_listed(plan, fault, "virtual_disks", posixpath.basename(copy.target)):
            raise _not_completed(plan, fault, "the disk is there, perhaps incomplete") from fault
        raise fault.with_state("there is no such file") from fault
    changed = what_changed(before, read_source(plan.host, copy.source, system))
    if changed:
        raise PreconditionFailed(
            f"{copy.source} changed while it was copied ({changed}), so VM {plan.spec.name!r} was "
            f"not created; try again"
        )
    copied = size_bytes(plan.system, copy.target)
    if copied != copy.size_bytes:
        raise AgentFault(
            f"{plan.host.label}: copy_file reported success, but {copy.target} has {copied} bytes "
            f"instead of {copy.size_bytes}",
            code=0,
            kind="",
            text="incomplete copy",
            function="copy_file",
            **plan.where,
        )


def _grow(plan: VMPlan, notices: list[str]) -> None:
    """Step 2b: the first disk gets its size, if that is more than the template's."""
    if plan.grower is None or not plan.contents.copies:
        return
    first = plan.contents.copies[0]
    if plan.disk_bytes == first.size_bytes:
        return
    try:
        notices += grow(
            plan.operation,
            plan.grower,
            plan.repository,
            first.target,
            first.size_bytes,
            plan.disk_bytes,
        )
    except OperationIncomplete as error:
        raise _not_completed(plan, error) from error


def _make_empty(plan: VMPlan, notices: list[str]) -> None:
    """Step 2c: the disk of a VM of an ISO."""
    path = plan.contents.empty_disk
    if not path:
        return
    file = EmptyFile(plan.host, plan.system, plan.repository, path, plan.disk_bytes)
    try:
        way_out = f"destroy_node removes it with node {plan.vm_id}"
        notices += make_empty(plan.operation, file, f"the disk of VM {plan.spec.name!r}", way_out)
    except OperationIncomplete as error:
        raise _not_completed(plan, error) from error


def _write_seed(plan: VMPlan, notices: list[str]) -> None:
    """Step 2d: what its guest is told, which goes into a drive of it."""
    if plan.seed is not None:
        notices += write_seed(plan.operation, plan.seed)


def _configure(plan: VMPlan, notices: list[str]) -> Definition:
    """Step 3: the disks, and no "creating" any more. All keys are sent: others may be dropped."""
    pending = _read_back(plan, plan.pending_description)
    complete = pending.changed(
        disk=list(plan.contents.entries), OVM_description=plan.spec.description
    )
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        doors.configure_vm(plan.host, plan.repository.id, plan.directory, complete.to_struct())
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
    try:
        config = _read_back(plan, plan.spec.description)
    except Ovm3Error as difference:
        raise _not_configured(plan, failed, difference) from (failed or difference)
    if failed:
        notices.append(f"VM {plan.spec.name!r} is configured, although {failed}")
    settings = plan.contents.settings
    if lost := [key for key in differences(settings, config.values) if key in settings]:
        notices.append(
            f"VM {plan.spec.name!r}: the agent does not keep all options of the template as they "
            f"are: {', '.join(lost)}"
        )
    return Definition(plan.repository.id, plan.directory, config)


def _record(plan: VMPlan, notices: list[str]) -> None:
    """Step 3b: the static addresses of its cards, and its metadata."""
    try:
        if plan.cards.addresses:
            where = (plan.operation, plan.repository, plan.vm_id)
            notices += record_addresses(*where, plan.cards.addresses)
        if plan.records_metadata:
            wanted = plan.spec.metadata
            notices += record_metadata(plan.operation, plan.repository, plan.vm_id, wanted)
    except OperationIncomplete as error:
        raise _not_completed(plan, error) from error


def _not_configured(
    plan: VMPlan, failed: AgentFault | OutcomeUnknown | None, difference: Ovm3Error
) -> Ovm3Error:
    """The error for a definition that does not say that it is complete."""
    if isinstance(difference, MadeByAnother) and not isinstance(failed, OutcomeUnknown):
        return difference
    if failed is None:
        text = f"configure_vm reported success, but vm.cfg does not show it: {difference}"
        return MalformedResponse(
            f"{plan.host.label}: {text}", function="configure_vm", **plan.where
        )
    if isinstance(failed, AgentFault) and isinstance(difference, PreconditionFailed):
        try:
            _read_back(plan, plan.pending_description)
        except Ovm3Error as second:
            return _not_completed(plan, failed, str(second))
        return failed.with_state("the definition is as it was")
    return _not_completed(plan, failed, str(difference))


def _start(plan: VMPlan, definition: Definition, notices: list[str]) -> VM:
    """Step 4: the start. From here on nothing is undone: the VM is complete."""
    cards = StartNetworks(plan.operation, plan.host, plan.snapshot, definition)
    try:
        with bridged(cards, None, [plan.vm_id]):
            live, more = start_on(
                plan.operation,
                plan.host,
                plan.snapshot.hosts,
                definition,
                [plan.vm_id],
                plan.snapshot.hosts_off,
            )
    except Ovm3Error as error:
        what = "" if isinstance(error, OperationIncomplete) else ", but not started"
        raise plan.operation.incomplete(
            f"VM {plan.spec.name!r} ({plan.vm_id}) is complete{what}: {error}",
            left=(plan.vm_id,),
            nodes=error.nodes or [plan.summary],
            **plan.where,
        ) from error
    notices += [*cards.notices, *more]
    view = replace(live.host, domains=(live.domain,))
    return merge_vms([view], [definition], all_answered=True)[plan.vm_id]


def _undo(plan: VMPlan, error: Ovm3Error) -> None:
    """Remove what this operation has created, where a read has shown how far it came.

    :raises OperationIncomplete: something of it stays; names it.
    """
    try:
        content = list_whole(plan.host, plan.repository.id)
        for path in plan.disks:
            if posixpath.basename(path) in content.virtual_disks:
                delete_file(plan.operation, plan.system, plan.repository, path)
        if plan.seed is not None:
            withdraw_seed(plan.operation, plan.seed)
        if plan.directory in (folder.name for folder in content.virtual_machines):
            _withdraw(plan)
    except Ovm3Error as second:
        raise plan.operation.incomplete(
            f"creating VM {plan.spec.name!r} failed: {error}. Undoing it failed too: {second}. "
            f"What may be left: node {plan.vm_id} (destroy_node removes it{_released(plan)}), disk "
            f"{', '.join(plan.files) or '(none)'}",
            left=(plan.vm_id, *plan.files),
            nodes=[plan.summary],
            **plan.where,
        ) from error


def _withdraw(plan: VMPlan) -> None:
    """Delete the definition, and what is recorded of the VM; not another client's with its key."""
    if plan.spec.key and not is_own(plan, _read_config(plan)):
        return
    try:
        doors.withdraw_vm(plan.host, plan.repository.id, plan.directory)
    except (AgentFault, OutcomeUnknown) as failed:
        require_deleted(plan.host, plan.repository.id, plan.directory, failed)
    if plan.cards.addresses:
        cards = [one._replace(addresses=()) for one in plan.cards.addresses]
        record_addresses(plan.operation, plan.repository, plan.vm_id, cards)
    if plan.records_metadata:
        record_metadata(plan.operation, plan.repository, plan.vm_id, VMMetadata())
