"""What comes before and after the call that changes a vm.cfg: reading the file, and finding out
what became of the change.

The file is anybody's: another client, a Manager, an editor may change it at any time. So it is read
again right before the call, as a whole, and right after it: success of a call is not arrival, and a
fault is not proof that nothing has happened.
"""

from __future__ import annotations

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.definitions import VIRTUAL_MACHINES, Definition, read_definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.presence import POLL, READS
from libcloud_ovm3.operations.vmcfg_values import differences, why_lost


def label_of(definition: Definition) -> str:
    """How messages name its VM."""
    return f"VM {definition.name!r} ({definition.uuid})"


def refusal(definition: Definition, why: str) -> PreconditionFailed:
    """The error for a change of which nothing was sent."""
    return PreconditionFailed(
        f"{label_of(definition)}: {definition.place} was not changed: {why}; nothing was sent",
        nodes=[definition.summary],
    )


def read_current(host: HostView, definition: Definition) -> VMConfig:
    """The vm.cfg as it is now, which has to be what the change was decided for.

    :raises PreconditionFailed: it is not, in whatever option, or it cannot be read.
    """
    if definition.config is None or definition.error or definition.folder != VIRTUAL_MACHINES:
        raise refusal(definition, definition.error or "it is not the definition of a VM")
    try:
        current = read_definition(host, definition.repository_id, definition.directory)
    except Ovm3Error as error:
        raise refusal(definition, f"it cannot be read on {host.label}: {error}") from error
    if current is None or current.config is None:
        raise refusal(definition, f"it can no longer be read on {host.label}")
    changed = differences(definition.config.values, current.config.values)
    if changed:
        raise refusal(
            definition, f"it has changed in the meantime ({', '.join(changed)}); try again"
        )
    return current.config


def require_possible(definition: Definition, before: VMConfig, wanted: VMConfig) -> None:
    """Whether the agent can make the change and leave everything else as it is.

    :raises PreconditionFailed: it cannot; says which option, and why.
    """
    removed = sorted(before.values.keys() - wanted.values.keys())
    if removed:
        why = f"configure_vm cannot remove options ({', '.join(removed)})"
        raise refusal(definition, why)
    lost = why_lost(wanted.values)
    if lost:
        raise refusal(
            definition, f"the agent writes the file anew, and not everything would stay: {lost}"
        )


def confirm(
    operation: Operation,
    host: HostView,
    definition: Definition,
    before: VMConfig,
    wanted: VMConfig,
    failed: AgentFault | OutcomeUnknown | None,
    notices: list[str],
) -> VMConfig:
    """Read the file after the call, some times at most, and tell what became of the change.

    :param failed: the failure of the call.
    :return: the vm.cfg as it is now; it has what was meant, and all that it had before.
    :raises AgentFault: the agent refused, and the file is as it was.
    :raises OperationIncomplete: the file does not show the change (yet), or shows another one.
    """
    label, place = label_of(definition), f"{definition.place} on {host.label}"
    try:
        found = _read_until(operation, host, definition, wanted)
    except Ovm3Error as error:
        raise _incomplete(operation, host, definition, failed, f"{error}") from (failed or error)
    missing = _missing(wanted, found)
    if not missing:
        added = sorted(found.values.keys() - wanted.values.keys())
        if added:
            notices.append(f"{label}: the agent has added {', '.join(added)} to {place}")
        if failed:
            notices.append(f"{label}: {place} is changed, although {failed}")
        return found
    if not _missing(before, found):
        state = f"{place} is as it was"
        if isinstance(failed, AgentFault):
            raise failed.with_state(state, definition.summary) from failed
    else:
        state = f"{place} differs from what was sent in {', '.join(missing)}"
    raise _incomplete(operation, host, definition, failed, state) from failed


def _missing(wanted: VMConfig, found: VMConfig) -> list[str]:
    """The options that the file lacks or has otherwise. Those that the agent has added are none
    (agent-behaviour 6.1)."""
    return [key for key in differences(wanted.values, found.values) if key in wanted.values]


def _read_until(
    operation: Operation, host: HostView, definition: Definition, wanted: VMConfig
) -> VMConfig:
    """The file, read until it shows the change, some times at most: the effect may be late."""
    for number in range(READS):
        if number:
            operation.estate.clock.sleep(POLL)
        struct = host.agent.xen.get_vm_config(definition.repository_id, definition.directory)
        if not isinstance(struct, dict):
            raise PreconditionFailed(f"{definition.place} cannot be read back: {struct!r}")
        found = VMConfig(struct)
        if not _missing(wanted, found):
            break
    return found


def _incomplete(
    operation: Operation,
    host: HostView,
    definition: Definition,
    failed: AgentFault | OutcomeUnknown | None,
    state: str,
) -> Ovm3Error:
    sent = f"failed ({failed})" if failed else "reported success"
    may = "; it may still be changed" if isinstance(failed, OutcomeUnknown) else ""
    return operation.incomplete(
        f"{label_of(definition)}: the request to change its vm.cfg was sent once and {sent}; "
        f"{state}{may}. The request is not repeated; read the node again before you change it",
        left=(definition.uuid,),
        nodes=[definition.summary],
        host=str(host.address),
        function="configure_vm",
    )
