"""Creating a VM from a template or an ISO: definition first, disk, configuration, start.

The definition comes first, without its own disks, its description saying ``creating <operation>``;
then its disk is copied, then it is configured, then started. So a client that dies in the middle
leaves a VM that everybody sees as PENDING and that destroy removes. After any failure of a step the
state is read: what is shown not to have happened is undone, what is shown to have happened is gone
on from; in doubt nothing is undone, and the error names what may be left.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import (
    NEVER_SENT,
    AgentFault,
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
from libcloud_ovm3.estate.vm_metadata import VMMetadata, recorded_metadata
from libcloud_ovm3.estate.vms import VM, merge_vms
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.claim_looks import latest
from libcloud_ovm3.operations.define_vm import (
    configure,
    define,
    is_listed,
    not_completed,
    read_config,
    read_pending,
    released,
)
from libcloud_ovm3.operations.definition_door import deletion_digest
from libcloud_ovm3.operations.delete_files import delete_file
from libcloud_ovm3.operations.destroy_vm import require_deleted
from libcloud_ovm3.operations.empty_disk import EmptyFile, make_empty
from libcloud_ovm3.operations.grow_disk import grow
from libcloud_ovm3.operations.marks import remove_mark
from libcloud_ovm3.operations.new_media import require_media
from libcloud_ovm3.operations.new_volumes import require_no_rivals, require_unheld_volumes
from libcloud_ovm3.operations.own_definition import has_mark, require_no_definition
from libcloud_ovm3.operations.own_name import require_alone
from libcloud_ovm3.operations.plan_vm import VMPlan
from libcloud_ovm3.operations.record_address import (
    entry_of,
    record_addresses,
    withdraw_addresses,
)
from libcloud_ovm3.operations.record_metadata import record_metadata, withdraw_metadata
from libcloud_ovm3.operations.remove_seed import delete_seeds
from libcloud_ovm3.operations.same_key import MadeByAnother
from libcloud_ovm3.operations.source_state import read_source, what_changed
from libcloud_ovm3.operations.start_vm import start_on
from libcloud_ovm3.operations.template import DiskCopy
from libcloud_ovm3.operations.vlan_bridges import StartNetworks, bridged
from libcloud_ovm3.operations.watch_copy import watched
from libcloud_ovm3.operations.write_seed import withdraw_seed, write_seed
from libcloud_ovm3.progress import waiting


def copy_template(plan: VMPlan, notices: list[str]) -> None:
    """Step 2: its disks, of a template."""
    for copy in plan.contents.copies:
        what = f"copying the disk of VM {plan.spec.name!r} on {plan.host.label}"
        with waiting(what, vm=plan.vm_id):
            _copy(plan, copy, notices)


def create(
    plan: VMPlan, copy_disks: Callable[[VMPlan, list[str]], None] = copy_template
) -> tuple[VM, list[str]]:
    """Create the VM that was planned and start it, unless it is to be left off.

    :param copy_disks: makes the copies of the plan, and adds notices; what it has made when it
        fails is removed, unless that is in doubt (OutcomeUnknown).
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
            define(plan, notices)
            require_alone(plan)
            require_no_rivals(estate, plan.vm_id, plan.volumes)
            require_media(plan)
        copy_disks(plan, notices)
        _grow(plan, notices)
        _make_empty(plan, notices)
        _write_seed(plan, notices)
        with waiting(f"configuring {vm} on {plan.host.label}", vm=plan.vm_id):
            pending = read_pending(plan)
            _record(plan, notices)
            definition = configure(plan, pending, notices)
    except (*NEVER_SENT, AgentFault, NameTaken, PreconditionFailed) as error:
        _undo(plan, error)
        raise
    except OutcomeUnknown as error:
        raise not_completed(plan, error) from error
    if plan.spec.start:
        created = _start(plan, definition, notices)
    else:
        definition = replace(definition, guard=latest(plan.operation, definition))
        created = merge_vms([], [definition], all_answered=True)[plan.vm_id]
    hosts, others = plan.snapshot.hosts, plan.snapshot.vms.values()
    addresses = recorded_addresses(plan.cards.addresses, others, hosts, estate)
    is_known = plan.repository.metadata is not None and not recorded_metadata(plan.repository).error
    metadata = plan.spec.metadata if is_known else None
    return replace(created, addresses=addresses, metadata=metadata), notices


def _copy(plan: VMPlan, copy: DiskCopy, notices: list[str]) -> None:
    """A disk of it. After a failure the listing helps only where the disk is not there: half a
    copy looks complete. Nor does it show what the template was while it was read.
    """
    system = None if plan.host.module is not None else copy.system
    before = read_source(plan.host, copy.source, system)
    try:
        with watched(plan, copy, notices):
            doors.copy_file(plan.host, copy.source, copy.target)
    except AgentFault as fault:
        if is_listed(plan, fault, "virtual_disks", posixpath.basename(copy.target)):
            raise not_completed(plan, fault, "the disk is there, perhaps incomplete") from fault
        raise fault.with_state("there is no such file") from fault
    changed = what_changed(before, read_source(plan.host, copy.source, system))
    if changed:
        raise PreconditionFailed(
            f"{copy.source} changed while it was copied ({changed}), so VM {plan.spec.name!r} was "
            f"not created; try again"
        )
    assert plan.system is not None, "it was mounted, for the sizes of the template"
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
        raise not_completed(plan, error) from error


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
        raise not_completed(plan, error) from error


def _write_seed(plan: VMPlan, notices: list[str]) -> None:
    """Step 2d: what its guest is told, which goes into a drive of it."""
    if plan.seed is not None:
        notices += write_seed(plan.operation, plan.seed)


def _record(plan: VMPlan, notices: list[str]) -> None:
    """Step 2e: the static addresses of its cards, and its metadata, instead of what an earlier node
    of its key has left: before its definition says that it is complete, as a client that dies in
    between must not leave one that looks so.

    What was left is removed first. Left as it is because this one's is the same, it would be
    removed by a client that is about to do so, for the earlier node.
    """
    old = delete_seeds(plan.operation, plan.snapshot, plan.old_seeds)
    notices += [f"the seed of an earlier node of the key is left: {why}" for why in old.values()]
    try:
        where, is_own = (plan.operation, plan.repository, plan.vm_id), partial(read_pending, plan)
        for cards in (plan.old_addresses, plan.cards.addresses):
            notices += record_addresses(*where, cards, is_own) if cards else []
        if plan.old_metadata:
            notices += record_metadata(*where, VMMetadata(), is_own)
        if plan.spec.metadata.to_entry():
            notices += record_metadata(*where, plan.spec.metadata, is_own)
    except OperationIncomplete as error:
        raise not_completed(plan, error) from error


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
        raise plan.operation.incomplete(
            f"VM {plan.spec.name!r} ({plan.vm_id}) {_what_became(plan, error)}: {error}",
            left=(plan.vm_id,),
            nodes=error.nodes or [plan.summary],
            **plan.where,
        ) from error
    notices += [*cards.notices, *more]
    view = replace(live.host, domains=(live.domain,))
    definition = replace(definition, guard=latest(plan.operation, definition))
    return merge_vms([view], [definition], all_answered=True)[plan.vm_id]


def _what_became(plan: VMPlan, failed: Ovm3Error) -> str:
    """What there is of a complete VM whose start failed, for messages."""
    not_started = "" if isinstance(failed, OperationIncomplete) else ", but not started"
    try:
        content = list_whole(plan.host, plan.repository.id)
    except Ovm3Error as error:
        return f"was complete{not_started}; whether it is still there cannot be read ({error})"
    if plan.directory in (folder.name for folder in content.virtual_machines):
        return f"is complete{not_started}"
    return "was complete, but its definition is gone: another client may have destroyed it"


def _undo(plan: VMPlan, error: Ovm3Error) -> None:
    """Remove what this operation has created, where a read has shown how far it came.

    :raises OperationIncomplete: something of it stays; names it.
    """
    try:
        content = list_whole(plan.host, plan.repository.id)
        for path in plan.disks:
            if posixpath.basename(path) in content.virtual_disks:
                _delete(plan, path)
        if plan.seed is not None:
            withdraw_seed(plan.operation, plan.seed)
        if plan.directory in (folder.name for folder in content.virtual_machines):
            _withdraw(plan)
    except Ovm3Error as second:
        node, left = f"node {plan.vm_id} (destroy_node removes it{released(plan)}), ", [plan.vm_id]
        if isinstance(error, MadeByAnother):
            node, left = "", []
        raise plan.operation.incomplete(
            f"creating VM {plan.spec.name!r} failed: {error}. Undoing it failed too: {second}. "
            f"What may be left: {node}disk {', '.join(plan.files) or '(none)'}",
            left=(*left, *plan.files),
            nodes=[plan.summary],
            **plan.where,
        ) from error
    try:
        _forget(plan)
    except Ovm3Error as second:
        raise plan.operation.incomplete(
            f"creating VM {plan.spec.name!r} failed: {error}. It was undone, but for what is "
            f"recorded of {plan.vm_id}: {second}. destroy_node or ex_set_metadata of another node "
            f"of repository {plan.repository.id} removes that",
            **plan.where,
        ) from error


def _delete(plan: VMPlan, path: str) -> None:
    """Delete a disk that this operation has made, whose name is nobody else's."""
    if plan.system is not None:
        delete_file(plan.operation, plan.system, plan.repository, path)
    else:
        remove_mark(plan.operation, plan.host, plan.repository, path)


def _forget(plan: VMPlan) -> None:
    """Remove what this operation has recorded of the VM, if it has."""
    where = (plan.operation, plan.repository, plan.vm_id)
    if plan.cards.addresses:
        withdraw_addresses(*where, entry_of(plan.cards.addresses))
    if plan.spec.metadata.to_entry():
        withdraw_metadata(*where, plan.spec.metadata.to_entry())


def _withdraw(plan: VMPlan) -> None:
    """Delete the definition; not another client's with its key."""
    place = plan.definition(VMConfig({"uuid": plan.vm_id}))
    where = (plan.operation, plan.definer, plan.snapshot.hosts, place, plan.snapshot.hosts_off)
    digest = deletion_digest(*where)
    if plan.spec.key and not has_mark(plan, read_config(plan)):
        return
    try:
        doors.withdraw_vm(plan.operation, plan.definer, place, digest)
    except PreconditionFailed:
        if has_mark(plan, read_config(plan)):
            raise
        return
    except (AgentFault, OutcomeUnknown) as failed:
        require_deleted(plan.host, plan.repository.id, plan.directory, failed)
