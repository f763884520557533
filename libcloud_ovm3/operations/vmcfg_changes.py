"""What comes before and after the call that changes a vm.cfg: reading the file, and finding out
what became of the change.

The file is anybody's: another client, a Manager, an editor may change it at any time. So it is read
again right before the call, as a whole, and right after it: success of a call is not arrival, and a
fault is not proof that nothing has happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.agent.codec import Fault
from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import (
    AgentFault,
    ChangedMeanwhile,
    InvalidArgument,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
    TimedOut,
)
from libcloud_ovm3.estate.definitions import VIRTUAL_MACHINES, Definition, read_definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.presence import POLL, READS
from libcloud_ovm3.operations.vmcfg_values import differences, keeps_change, why_lost

if TYPE_CHECKING:
    from libcloud_ovm3.agent.vm_changes import VMChange


@dataclass(frozen=True)
class CurrentVMCfg:
    """A vm.cfg as it is now.

    :ivar values: its values, where the file itself was read; else as the agent sends them.
    :ivar digest: of the file; "" where the host module has not read it.
    :ivar change: what the host module does to it, or has done last.
    """

    config: VMConfig
    values: Mapping[str, Any]
    digest: str = ""
    change: VMChange | None = None


def label_of(definition: Definition) -> str:
    """How messages name its VM."""
    return f"VM {definition.name!r} ({definition.uuid})"


def refusal(
    definition: Definition, why: str, kind: type[PreconditionFailed] = PreconditionFailed
) -> PreconditionFailed:
    """The error for a change of which nothing was sent, or nothing was done."""
    return kind(
        f"{label_of(definition)}: {definition.place} was not changed: {why}",
        nodes=[definition.summary],
    )


def read_current(host: HostView, definition: Definition) -> CurrentVMCfg:
    """The vm.cfg as it is now, which has to be what the change was decided for.

    :raises ChangedMeanwhile: it is not, in whatever option.
    :raises PreconditionFailed: it cannot be read.
    """
    if definition.config is None or definition.error or definition.folder != VIRTUAL_MACHINES:
        raise refusal(definition, definition.error or "it is not the definition of a VM")
    try:
        current = _read_file(host, definition) or _read_from_agent(host, definition)
    except Ovm3Error as error:
        raise refusal(definition, f"{host.label}: {error}") from error
    changed = differences(definition.config.values, current.config.values)
    if changed:
        why = f"it has changed in the meantime ({', '.join(changed)}); try again"
        raise refusal(definition, why, ChangedMeanwhile)
    return current


def _read_from_agent(host: HostView, definition: Definition) -> CurrentVMCfg:
    current = read_definition(host, definition.repository_id, definition.directory)
    if current is None or current.config is None:
        raise PreconditionFailed("it can no longer be read")
    return CurrentVMCfg(current.config, current.config.values)


def _read_file(host: HostView, definition: Definition) -> CurrentVMCfg | None:
    """The file itself, by the host module; None if the host has none that can do it.

    :raises InvalidArgument: it has more than plain values, each once, in UTF-8: that would not stay
        when the agent writes the file anew. (Comments do not stay either.)
    """
    module = host.module2
    if module is None:
        return None
    reading = module.read_vm(definition.repository_id, definition.directory)
    if reading.content is None:
        raise PreconditionFailed(f"it cannot be read: {reading.error}")
    values, twice = vmcfg.parse(reading.content), vmcfg.repeated(reading.content)
    if twice:
        raise InvalidArgument(f"vm.cfg has {', '.join(twice)} more than once")
    try:
        reading.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"vm.cfg is not in UTF-8 ({error})") from None
    config = VMConfig.from_text(reading.content)
    return CurrentVMCfg(config, values, reading.digest, reading.change)


def require_possible(definition: Definition, current: CurrentVMCfg, wanted: VMConfig) -> None:
    """Whether the agent can make the change and leave everything else as it is.

    :raises PreconditionFailed: it cannot; says which option, and why.
    """
    before = current.config.values
    removed = sorted(before.keys() - wanted.values.keys())
    if removed:
        raise refusal(definition, f"configure_vm cannot remove options ({', '.join(removed)})")
    meant = differences(before, wanted.values)
    values = {**current.values, **{key: wanted.values[key] for key in meant}}
    lost = why_lost(values)
    if lost:
        raise refusal(
            definition, f"the agent writes the file anew, and not everything would stay: {lost}"
        )


MODULE_POLL = 3.0  # seconds between two reads of a change that takes longer than a call

# Faults of the host module with which it has not called the agent's function.
_NOTHING_DONE = ("Conflict", "InvalidArgument", "NotAllowed", "NotMounted", "NotFound")


def was_second(fault: AgentFault) -> bool:
    """Whether a fault of the host module says that nothing was done as another client was first."""
    return was_refused(fault) and fault.kind.endswith(".Conflict")


def was_refused(fault: AgentFault) -> bool:
    """Whether a fault of ``libcloud_change_vm`` says that nothing was done."""
    module, _, name = fault.kind.rpartition(".")
    return module == "libcloud_ovm3_host.errors" and name in _NOTHING_DONE


def require_made(
    operation: Operation,
    host: HostView,
    definition: Definition,
    change_id: str,
    answer: VMChange | OutcomeUnknown,
    deadline: float,
) -> None:
    """Wait until the host module has recorded the outcome of a change.

    :param answer: what came of the call that began it. After a lost response the module is asked;
        if it does not know the change it has not arrived (yet).
    :raises PreconditionFailed: it was not begun.
    :raises AgentFault: the agent's function returned a fault.
    :raises OutcomeUnknown: the outcome is unknown, or it goes on.
    """
    module, clock = host.module2, operation.estate.clock
    assert module is not None
    change = None if isinstance(answer, OutcomeUnknown) else answer
    while change is None or (change.state == "running" and clock.now() < deadline):
        if change:
            clock.sleep(MODULE_POLL)
        try:
            found = module.read_vm(definition.repository_id, definition.directory, change_id).change
        except Ovm3Error as error:
            raise OutcomeUnknown(
                f"{host.label}: change {change_id} cannot be read: {error}"
            ) from error
        if not change and not found and isinstance(answer, OutcomeUnknown):
            raise answer
        change = found or change
    if change.state == "failed":
        raise host.agent.connection.error_of(Fault(1, change.fault), change.function)
    if change.state == "not done":
        raise refusal(definition, f"{host.label}: {change.fault}")
    if change.state == "running":
        raise TimedOut(f"{host.label}: change {change_id} still goes on")
    if change.state != "done":
        raise OutcomeUnknown(f"{host.label}: change {change_id} is {change.state}: {change.fault}")


def confirm(
    operation: Operation,
    host: HostView,
    definition: Definition,
    before: VMConfig,
    wanted: VMConfig,
    failed: AgentFault | OutcomeUnknown | None,
    notices: list[str],
    is_made: bool = False,
) -> VMConfig:
    """Read the file after the call, some times at most, and tell what became of the change.

    :param failed: the failure of the call.
    :param is_made: whether the host module has recorded that the change is made: another client
        may have changed the same list since.
    :return: the vm.cfg as it is now; it has what was meant, and all that it had before.
    :raises AgentFault: the agent refused, and the file is as it was.
    :raises OperationIncomplete: the file does not show the change (yet), or shows another one.
    """
    label, place = label_of(definition), f"{definition.place} on {host.label}"
    try:
        found = _read_until(operation, host, definition, before, wanted, is_made)
    except Ovm3Error as error:
        raise _incomplete(operation, host, definition, failed, f"{error}") from (failed or error)
    missing = _lost(before, wanted, found, is_made)
    if not missing:
        added = sorted(found.values.keys() - wanted.values.keys())
        if added:
            notices.append(f"{label}: the agent has added {', '.join(added)} to {place}")
        if failed:
            notices.append(f"{label}: {place} is changed, although {failed}")
        return found
    if not missing_in(before, found):
        state = f"{place} is as it was"
        if isinstance(failed, AgentFault):
            raise failed.with_state(state, definition.summary) from failed
    else:
        state = f"{place} differs from what was sent in {', '.join(missing)}"
    raise _incomplete(operation, host, definition, failed, state) from failed


def _lost(before: VMConfig, wanted: VMConfig, found: VMConfig, is_made: bool) -> list[str]:
    """The options that lack what was meant. A list that was changed again since has all that was
    added to it, and nothing that was removed."""
    missing = missing_in(wanted, found)
    if not is_made:
        return missing
    return [
        key
        for key in missing
        if not keeps_change(before.values.get(key, []), wanted.values[key], found.values.get(key))
    ]


def missing_in(wanted: VMConfig, found: VMConfig) -> list[str]:
    """The options that the file lacks or has otherwise. Those that the agent has added are none
    (agent-behaviour 6.1)."""
    return [key for key in differences(wanted.values, found.values) if key in wanted.values]


def _read_until(
    operation: Operation,
    host: HostView,
    definition: Definition,
    before: VMConfig,
    wanted: VMConfig,
    is_made: bool,
) -> VMConfig:
    """The file, read until it shows the change, some times at most: the effect may be late."""
    for number in range(READS):
        if number:
            operation.estate.clock.sleep(POLL)
        struct = host.agent.xen.get_vm_config(definition.repository_id, definition.directory)
        if not isinstance(struct, dict):
            raise PreconditionFailed(f"{definition.place} cannot be read back: {struct!r}")
        found = VMConfig(struct)
        if not _lost(before, wanted, found, is_made):
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
