"""Whether the definition of a VM that is being created is this operation's, or of another client
with the same idempotency key: both make it in the same place, and ``create_vm`` may overwrite what
is there (agent-behaviour 18). The names of a VM's disks have the operation's id, so those are
always its own.
"""

from __future__ import annotations

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.repositories import list_whole
from libcloud_ovm3.operations.new_definition import compared
from libcloud_ovm3.operations.plan_vm import VMPlan
from libcloud_ovm3.operations.same_key import MadeByAnother


def require_no_definition(plan: VMPlan) -> None:
    """Right before ``create_vm`` with a key: nothing is where the definition goes.

    :raises MadeByAnother: another client's is there.
    :raises PreconditionFailed: that cannot be read.
    """
    if not plan.spec.key:
        return
    try:
        content = list_whole(plan.host, plan.repository.id)
    except Ovm3Error as error:
        raise PreconditionFailed(
            f"whether node {plan.vm_id} of ex_idempotency_key {plan.spec.key!r} is there by now is "
            f"unknown: {error}"
        ) from error
    if plan.directory in (folder.name for folder in content.virtual_machines):
        raise MadeByAnother(f"node {plan.vm_id} is there by now")


def require_own(plan: VMPlan, config: VMConfig, *, is_configured: bool) -> None:
    """Check that a definition that was read back is this operation's.

    :param is_configured: this operation has sent its last form.
    :raises MadeByAnother: it is not.
    """
    if not (has_mark(plan, config) or (is_configured and _is_unmarked(plan, config))):
        raise MadeByAnother(
            f"the definition of VM {plan.spec.name!r} ({plan.vm_id}) is another client's, with the "
            f"same ex_idempotency_key"
        )


def has_mark(plan: VMPlan, config: VMConfig) -> bool:
    """Whether a definition in the directory of the VM says that it is this operation's. Pure.

    It has the operation's id: in its description while it is created, later in the names of its own
    disks and of its seed. Without a key the directory has a random name, so it is nobody else's.
    """
    return not plan.spec.key or plan.operation.id in str(config.values)


def _is_unmarked(plan: VMPlan, config: VMConfig) -> bool:
    """Whether it is complete, and as this operation sends it, but has no file of its own to say
    whose it is: another client's looks the same, so this never allows to delete it."""
    said = compared(plan, config, plan.spec.description)
    return not plan.files and all(found == expected for _, found, expected in said)
