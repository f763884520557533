"""The definition of a VM that is being created: its first form, which says so, and its last one.

After each call it is read back: whose it is, and what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import (
    AgentFault,
    MalformedResponse,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.repositories import list_whole
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.new_definition import compared, parameters
from libcloud_ovm3.operations.own_definition import require_no_definition, require_own
from libcloud_ovm3.operations.plan_vm import VMPlan
from libcloud_ovm3.operations.same_key import MadeByAnother, require_unused
from libcloud_ovm3.operations.vmcfg_values import differences


def not_completed(plan: VMPlan, error: Ovm3Error, details: str = "") -> OperationIncomplete:
    """The error for what is in doubt; it names also what the first error names."""
    theirs = error.left if isinstance(error, OperationIncomplete) else ()
    return plan.operation.incomplete(
        f"creating VM {plan.spec.name!r} was not completed: {error}{details and f'; {details}'}. "
        f"What may be left: node {plan.vm_id} (pending; destroy_node removes it{released(plan)}) "
        f"and its disk {', '.join(plan.files) or '(none)'}",
        left=tuple(dict.fromkeys((plan.vm_id, *plan.files, *theirs))),
        nodes=[plan.summary],
        **plan.where,
    )


def _in_doubt(
    plan: VMPlan, failed: Ovm3Error, seen: Ovm3Error, made: Sequence[str] = ()
) -> OperationIncomplete:
    """The error for a request that may still be carried out.

    :param seen: what was read after it; of another client's node nobody is told to destroy it.
    :param made: the paths of the files that were made before it.
    """
    if not isinstance(seen, MadeByAnother):
        return not_completed(plan, failed, str(seen))
    return plan.operation.incomplete(
        f"creating VM {plan.spec.name!r} was not completed: {failed}; {seen}. That one is not to "
        f"be destroyed. The request may still be carried out and overwrite its vm.cfg: look at the "
        f"node before you call again with this key. What is left of this call: "
        f"{', '.join(made) or '(none)'}",
        left=tuple(made),
        nodes=[plan.summary],
        **plan.where,
    )


def released(plan: VMPlan) -> str:
    """What destroy_node does with the volumes of a node that may be left, for messages."""
    if not plan.volumes.volumes:
        return ""
    return f" and releases {', '.join(one.label for one in plan.volumes.volumes)}"


def define(plan: VMPlan, notices: list[str]) -> None:
    """Step 1: the definition, which says that it is being created. It is read back: what the agent
    makes of quotes in a name, for example, is not documented.
    """
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        _send_definition(plan)
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
        if not is_listed(plan, error, "virtual_machines", plan.directory):
            if isinstance(error, AgentFault):
                raise error.with_state("there is no definition of it") from error
            raise
        notices.append(f"VM {plan.spec.name!r} is defined, although {failed}")
    try:
        _read_back(plan, plan.pending_description)
    except (AgentFault, PreconditionFailed) as error:
        is_refused = isinstance(failed, AgentFault) and isinstance(error, MadeByAnother)
        if failed and not is_refused:  # perhaps it is still being written
            raise _in_doubt(plan, failed, error) from failed
        raise


def _send_definition(plan: VMPlan) -> None:
    """Others may create one with the same key: with the host module only where there is none.

    :raises MadeByAnother: there is one by now.
    """
    place = plan.definition(VMConfig(parameters(plan)))
    if place.guard is None and (not plan.spec.key or plan.host.module3 is None):
        doors.create_vm(plan.host, place, parameters(plan))
        return
    try:
        where = (plan.operation, plan.definer, plan.snapshot.hosts, place)
        doors.create_definition(*where, parameters(plan), plan.snapshot.hosts_off)
    except PreconditionFailed:
        require_no_definition(plan)
        if plan.spec.key:  # or the node runs by now, of another repository's image
            require_unused(read_estate(plan.operation.estate), plan.spec)
        raise


def is_listed(plan: VMPlan, failed: Ovm3Error, kind: str, name: str) -> bool:
    """Whether a directory or a file is there after a failure.

    :raises OperationIncomplete: that cannot be read: doubt stays doubt.
    """
    try:
        content = list_whole(plan.host, plan.repository.id)
    except Ovm3Error as second:
        raise not_completed(plan, failed, f"reading its state failed too: {second}") from failed
    if kind == "virtual_disks":
        return name in content.virtual_disks
    return name in (folder.name for folder in content.virtual_machines)


def read_config(plan: VMPlan) -> VMConfig:
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
    config = read_config(plan)
    require_own(plan, config, is_configured=description != plan.pending_description)
    for what, found, expected in compared(plan, config, description):
        if found != expected:
            raise PreconditionFailed(
                f"the definition of VM {plan.spec.name!r} has {what} {found!r} instead of "
                f"{expected!r}: {plan.host.label} does not keep what it was sent"
            )
    return config


def read_pending(plan: VMPlan) -> VMConfig:
    """Its first form, as it is now: whatever follows is this operation's to say of the VM.

    :raises MadeByAnother: it is another client's by now, with the same key.
    :raises PreconditionFailed: it does not say what was sent.
    """
    return _read_back(plan, plan.pending_description)


def configure(plan: VMPlan, pending: VMConfig, notices: list[str]) -> Definition:
    """Step 3: the disks, and no "creating" any more. All keys are sent: others may be dropped.

    :param pending: as :func:`read_pending` returned it.
    """
    complete = pending.changed(
        disk=list(plan.contents.entries), OVM_description=plan.spec.description
    )
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        _send_complete(plan, pending, complete.to_struct())
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
    return plan.definition(config)


def _send_complete(plan: VMPlan, pending: VMConfig, complete: dict[str, Any]) -> None:
    """With a key the node may be destroyed, and made by another client, at any time: with the host
    module nothing is written over that one's definition.

    :raises MadeByAnother: it is there by now.
    """
    place = plan.definition(pending)
    if place.guard is None and (not plan.spec.key or plan.host.module3 is None):
        doors.configure_vm(plan.host, place, complete)
        return
    try:
        doors.complete_definition(plan.operation, plan.definer, place, complete)
    except PreconditionFailed:
        _read_back(plan, plan.pending_description)
        raise


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
            return not_completed(plan, failed, str(second))
        return failed.with_state("the definition is as it was")
    return _in_doubt(plan, failed, difference, plan.files)
